"""Max margin with an optimality certificate."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..theory import NotSeparableError, Objective, PitfallsError, Solution
from .blas import symmetric_times
from .exchange import exchange_blocks, exchange_singly, part, regular_factor, soft_support
from .gram import Gram
from .memory import require
from .sample import Sample
from .threads import modest_blas

__all__ = ["max_margin"]

Array: TypeAlias = NDArray[np.float64]

CERTIFIED = 1e-10
_LOOSEST = 1e-3
# Up to so many examples, factorising all costs less than guessing who is a support vector.
_FEW = 200
# With so many times more examples than independent ones, one by one is the faster way.
_NARROW = 4


def max_margin(sample: Sample, objective: Objective | None = None) -> Solution:
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
    require(24.0 * sample.n**2, f"the max margin of {sample.n} examples", "lower n")
    operator = sample.gram
    with modest_blas(float(sample.n) ** 3):
        return _max_margin(sample, operator, weight, scale)


def _max_margin(sample: Sample, operator: Gram, weight: Array, scale: Array) -> Solution:
    gram = operator.matrix()
    kept = np.flatnonzero(weight > 0)
    empty = kept[gram.diagonal()[kept] <= 0]
    if empty.size:
        raise NotSeparableError(
            f"example {empty[0]} is the zero vector: no weights give it a positive margin. "
            "Remove it.",
            evidence=0.0,
        )
    dual = np.zeros(sample.n)
    dual[kept] = scale[kept] * _solve(operator, gram, kept, scale[kept])
    margins = symmetric_times(gram, dual)
    residual = _residual(scale[kept] * margins[kept], dual[kept] / scale[kept])
    if residual > CERTIFIED:
        # Margins of large dual weights carry their rounding: no certificate is tighter than that.
        rounding = float(np.max(scale * (np.abs(gram) @ dual))) * np.finfo(float).eps
        if not residual <= min(8 * rounding, _LOOSEST):
            raise PitfallsError(
                f"the max margin reached a KKT residual of {residual:.1e} only: these data are "
                "barely separable in double precision. Remove near-duplicates, or rescale the "
                "features."
            )
    core, spurious = dual @ sample.plane
    memory = float(dual @ operator.memory_product(dual))
    return Solution(
        core=float(core),
        spurious=float(spurious),
        memory=float(np.sqrt(max(memory, 0.0))),
        dual=dual,
        margins=margins,
        support=float((dual > 0).mean()),
        kkt_residual=residual,
    )


def _solve(source: Gram, gram: Array, kept: NDArray[np.int64], scale: Array) -> Array:
    """α ≥ 0 of the examples that count, scaled to the margin 1: in blocks, or else one by one."""
    if len(kept) < len(gram) or (scale != 1).any():
        gram = part(gram, kept)
        gram *= scale
        gram *= scale[:, None]
    n, rank = len(gram), min(len(gram), source.rank)
    if rank * _NARROW > n:
        support = np.ones(n, dtype=bool) if rank == n <= _FEW else soft_support(gram)
        # But for ties, no more examples than are independent support the margin.
        found = exchange_blocks(gram, support) if support.sum() <= rank else None
        if found is not None and _residual(symmetric_times(gram, found), found) <= CERTIFIED:
            return found
    require(24.0 * n * rank, f"the max margin of {n} dependent examples", "lower n")
    rows = source.coordinates()[kept]
    rows *= scale[:, None]
    return exchange_singly(rows)


def _residual(margins: Array, dual: Array) -> float:
    """Violation of the optimality conditions at the margin 1; α ≥ 0 holds exactly."""
    square = float(dual @ margins)
    if not square > 0:
        return float("inf")
    return max(float(1 - margins.min()), abs(float(dual.sum()) - square) / square)


def is_regular(gram: Array) -> bool:
    """Whether the examples of a Gram matrix are linearly independent, hence separable.

    Examples
    --------
    >>> is_regular(np.eye(2)), is_regular(np.ones((2, 2)))
    (True, False)
    """
    return regular_factor(gram.copy()) is not None
