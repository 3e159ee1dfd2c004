"""Max margin with an optimality certificate."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..theory import NotSeparableError, Objective, PitfallsError, Solution
from ..theory.resources import require
from .blas import symmetric_times
from .certificate import BARELY_SEPARABLE, CERTIFIED, kkt_residual
from .exchange import (
    exchange_blocks,
    exchange_orthogonal,
    exchange_singly,
    principal_submatrix,
    soft_support,
)
from .gpu.device import Backend, chosen
from .gpu.one_sample import limit_alone
from .gram import DiagonalPlusPlane, Features, Gram
from .minimiser import refuse_balanced
from .sample import Sample
from .threads import modest_blas

__all__ = ["max_margin"]

Array: TypeAlias = NDArray[np.float64]

_LOOSEST = 1e-3
# Up to so many examples, factorising all costs less than guessing who is a support vector.
_FEW = 200
# With so many times more examples than independent ones, one by one is the faster way.
_NARROW = 4


def max_margin(
    sample: Sample, objective: Objective | None = None, *, backend: Backend = "cpu"
) -> Solution:
    """Hard max margin without intercept: min ½‖w‖² subject to Δ_i·z_iᵀw ≥ 1.

    The limit in direction of gradient descent and of the flow (Soudry et al. 2018), whatever the
    weights q > 0 and shifts. Solves G α = 1/Δ on a support that is exchanged in blocks until every
    dual weight is non-negative and every margin is kept; where too many examples depend on one
    another for that, one by one.

    Parameters
    ----------
    sample : Sample
    objective : Objective, optional
        Only its scale matters, and which weights are zero; ERM by default.
    backend : {"cpu", "gpu", "auto"} or Device
        Where to compute. On a GPU a sample has one multiprocessor: that pays for many samples in a
        batch (`pitfalls.sims.gpu`), not for one. What it gives up the CPU solves.

    Returns
    -------
    Solution
        With dual weights and margins of every example, ``support`` the share with α > 0, and
        ``kkt_residual`` ≤ 1e-10 (or the rounding of its margins, where the margin is so
        narrow that this is more): the larger of the relative violation of a margin and the relative
        duality gap |Σ α_i/Δ_i − ‖w‖²|/‖w‖².

    Raises
    ------
    NotSeparableError
        No weights give every example a positive margin; the evidence is a non-negative combination
        of the examples that vanishes.
    PitfallsError
        The certificate was not reached (data that are barely separable in double precision).
    ResourceError
        It does not fit in memory, or there is no GPU.

    Examples
    --------
    >>> from pitfalls.theory import Setting
    >>> from pitfalls.sims import draw
    >>> sample = draw(Setting(n=50, d=400, rho=0.8, gamma=3.0, sigma=0.1), seed=0)
    >>> solution = max_margin(sample)
    >>> round(float(solution.margins.min()), 9), solution.kkt_residual < 1e-10
    (1.0, True)
    """
    weight, _, scale = (objective or Objective.erm()).resolve(sample.groups, sample.n)
    gram = sample.gram
    device = chosen(backend)
    # Without a matrix the CPU needs O(n).
    if device is not None and not isinstance(gram, DiagonalPlusPlane):
        found = limit_alone(device, sample, weight, scale)
        if found.kkt_residual is not None and found.kkt_residual <= CERTIFIED:
            return found
    orthogonal = isinstance(gram, DiagonalPlusPlane) and gram.square > 0
    with modest_blas(0.0 if orthogonal else float(sample.n) ** 3):
        return _max_margin(gram, weight, scale)


def _max_margin(gram: Gram, weight: Array, scale: Array) -> Solution:
    kept = np.flatnonzero(weight > 0)
    empty = kept[gram.squares[kept] <= 0]
    if empty.size:
        raise NotSeparableError(
            f"example {empty[0]} is the zero vector: no weights give it a positive margin. "
            "Remove it.",
            evidence=0.0,
        )
    dual = np.zeros(len(weight))
    dual[kept] = scale[kept] * _solve(gram, kept, scale[kept])
    margins = gram.product(dual)
    residual = float(kkt_residual(scale[kept] * margins[kept], dual[kept] / scale[kept]))
    if residual > CERTIFIED:
        # Margins of large dual weights carry their rounding: no certificate is tighter than that.
        rounding = float((scale * _absolute_product(gram, dual)).max()) * np.finfo(float).eps
        if not residual <= min(8 * rounding, _LOOSEST):
            raise PitfallsError(
                f"the max margin reached a KKT residual of {residual:.1e} only: {BARELY_SEPARABLE}"
            )
    core, spurious = dual @ gram.plane
    return Solution(
        core=float(core),
        spurious=float(spurious),
        memory=gram.memory_norm(dual),
        dual=dual,
        margins=margins,
        support=float((dual > 0).mean()),
        kkt_residual=residual,
    )


def _solve(source: Gram, kept: NDArray[np.int64], scale: Array) -> Array:
    """α ≥ 0 of the examples that count, scaled to the margin 1: in blocks, or else one by one."""
    if isinstance(source, DiagonalPlusPlane) and source.square > 0:
        plane, own = scale[:, None] * source.plane[kept], source.square * scale**2
        found = exchange_orthogonal(plane, own)
        if found is not None:
            margins = plane @ (found @ plane) + own * found
            if kkt_residual(margins, found) <= CERTIFIED:
                return found
        # Memory features so faint that their small system loses all digits.
        require(24.0 * len(plane) ** 2, f"the max margin of {len(plane)} examples", "lower n")
    n, rank = len(kept), min(len(kept), source.rank_bound)
    if rank * _NARROW > n:
        require(24.0 * source.plane.shape[0] ** 2, f"the max margin of {n} examples", "lower n")
        gram = source.matrix()
        if len(kept) < len(gram) or (scale != 1).any():
            gram = principal_submatrix(gram, kept)
            gram *= scale
            gram *= scale[:, None]
        support = np.ones(n, dtype=bool) if rank == n <= _FEW else soft_support(gram)
        # But for ties, no more examples than are independent support the margin.
        found = exchange_blocks(gram, support) if support.sum() <= rank else None
        if found is not None and kkt_residual(symmetric_times(gram, found), found) <= CERTIFIED:
            return found
    require(24.0 * n * rank, f"the max margin of {n} dependent examples", "lower n")
    rows = source.coordinates()[kept]
    rows *= scale[:, None]
    if rank > _FEW:
        refuse_balanced(rows)
    return exchange_singly(rows)


def _absolute_product(gram: Gram, dual: Array) -> Array:
    """|G|·α, entry by entry, or of explicit features |Z|·|Z|ᵀα: what the product really adds up."""
    if isinstance(gram, DiagonalPlusPlane):
        return DiagonalPlusPlane(np.abs(gram.plane), gram.square).product(dual)
    if isinstance(gram, Features):
        return Features(np.abs(gram.plane), np.abs(gram.memory)).product(dual)
    return np.asarray(np.abs(gram.matrix()) @ dual)
