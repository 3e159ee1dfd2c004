"""Max margin with an optimality certificate."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_solve, cholesky, solve_triangular

from ..theory import NotSeparableError, Objective, PitfallsError, Solution
from .memory import require
from .sample import Sample

__all__ = ["max_margin"]

Array: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]

CERTIFIED = 1e-10
_DEPENDENT = 1e-11


def max_margin(sample: Sample, objective: Objective | None = None) -> Solution:
    """Hard max margin without intercept: min ½‖w‖² subject to Δ_i·z_iᵀw ≥ 1.

    The limit in direction of gradient descent and of the flow (Soudry et al. 2018), whatever the
    weights q > 0 and shifts. Solves G α = 1/Δ on a support that is exchanged in blocks until every
    dual weight is non-negative and every margin is kept; on dependent examples, one by one.

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
    gram = sample.gram.matrix()
    kept = weight > 0
    target = 1 / scale
    subset = np.flatnonzero(kept)
    small = gram if kept.all() else gram[np.ix_(subset, subset)]
    found = _exchange_blocks(small, target[kept])
    if found is None or _residual(small, found, target[kept]) > CERTIFIED:
        found = _exchange_singly(small, target[kept])
    residual = _residual(small, found, target[kept])
    # Margins of large dual weights carry their rounding: no certificate can be tighter than that.
    rounding = float(np.max(np.abs(small) @ found / target[kept])) * np.finfo(float).eps
    if residual > max(CERTIFIED, 8 * rounding):
        raise PitfallsError(
            f"the max margin reached a KKT residual of {residual:.1e} only: these data are barely "
            "separable in double precision. Remove near-duplicates, or rescale the features."
        )
    dual = np.zeros(sample.n)
    dual[kept] = found
    core, spurious = dual @ sample.plane
    memory = float(dual @ sample.gram.memory_product(dual))
    return Solution(
        core=float(core),
        spurious=float(spurious),
        memory=float(np.sqrt(max(memory, 0.0))),
        dual=dual,
        margins=gram @ dual,
        support=float((dual > 0).mean()),
        kkt_residual=residual,
    )


def _residual(gram: Array, dual: Array, target: Array) -> float:
    """Relative violation of the optimality conditions; α ≥ 0 holds exactly."""
    margins = gram @ dual
    square = float(dual @ margins)
    if not square > 0:
        return float("inf")
    missing = float(np.max((target - margins) / target))
    return max(missing, abs(float(dual @ target) - square) / square)


def _exchange_blocks(gram: Array, target: Array) -> Array | None:
    """Block principal pivoting on a regular G; None where G is numerically singular.

    Exchanges every violated index at once, and only the last of them when that stops paying
    (Júdice & Pires 1994), which makes the number of steps finite.
    """
    n = len(target)
    support: Mask = np.ones(n, dtype=bool)
    fewest, patience = n + 1, 3
    for _ in range(50 + 5 * n):
        index = np.flatnonzero(support)
        block = gram if support.all() else gram[np.ix_(index, index)]
        factor = _regular_factor(block)
        if factor is None:
            return None
        dual = np.zeros(n)
        dual[index] = _refined_solve(factor, block, target[index])
        slack = gram @ dual - target
        wrong = np.where(support, dual < 0, slack < -1e-13 * target)
        count = int(wrong.sum())
        if count == 0:
            return dual
        if count < fewest:
            fewest, patience = count, 3
        elif patience > 0:
            patience -= 1
        else:
            last = int(np.flatnonzero(wrong)[-1])
            wrong = np.zeros(n, dtype=bool)
            wrong[last] = True
        support = support ^ wrong
        if not support.any():
            return None
    return None


def _exchange_singly(gram: Array, target: Array) -> Array:
    """Dual active set for any G (Goldfarb & Idnani 1983): one example in or out at a time.

    The support's examples stay linearly independent. An example that is violated, depends on the
    support, and can push none of it out proves that the data cannot be separated.
    """
    n = len(target)
    size = gram.diagonal()
    if (size <= 0).any():
        raise NotSeparableError(
            f"example {int(np.argmin(size))} is the zero vector: no weights give it a positive "
            "margin. Remove it.",
            evidence=0.0,
        )
    dual, margins = np.zeros(n), np.zeros(n)
    support: list[int] = []
    factor: Array = np.zeros((0, 0))
    for _ in range(100 * n + 100):
        violation = (target - margins) / np.sqrt(size)
        entering = int(np.argmax(violation))
        if margins[entering] >= target[entering] * (1 - 1e-12):
            return _refined(gram, target, support, dual)
        while True:
            column = gram[support, entering]
            half = solve_triangular(factor, column, lower=True) if support else column
            remaining = float(size[entering] - half @ half)
            ratio = solve_triangular(factor, half, lower=True, trans="T") if support else column
            blocked = [
                (dual[j] / r, k)
                for k, (j, r) in enumerate(zip(support, ratio, strict=True))
                if r > 0
            ]
            first, leaving = min(blocked, default=(np.inf, -1))
            independent = remaining > _DEPENDENT * size[entering]
            full = (target[entering] - margins[entering]) / remaining if independent else np.inf
            step = min(first, full)
            if not np.isfinite(step):
                total = np.sqrt(size[entering]) - float(ratio @ np.sqrt(size[support]))
                raise NotSeparableError(
                    f"the examples cannot be separated: a non-negative combination of "
                    f"{len(support) + 1} of them (example {entering} among them) vanishes. "
                    "Add features, or remove label noise.",
                    evidence=float(np.sqrt(max(remaining, 0.0)) / total),
                )
            dual[support] -= step * ratio
            dual[entering] += step
            if independent:
                margins += step * (gram[:, entering] - gram[:, support] @ ratio)
            if step == full:
                factor = _bordered(factor, half, np.sqrt(remaining))
                support.append(entering)
                break
            dual[support[leaving]] = 0.0
            del support[leaving]
            kept = gram[np.ix_(support, support)]
            factor = cholesky(kept, lower=True) if support else np.zeros((0, 0))
    raise PitfallsError(
        "the max margin did not finish: these data are barely separable in double precision."
    )


def _bordered(factor: Array, row: Array, pivot: float) -> Array:
    """The Cholesky factor with one more row."""
    k = len(factor)
    larger = np.zeros((k + 1, k + 1))
    larger[:k, :k] = factor
    larger[k, :k] = row
    larger[k, k] = pivot
    return larger


def _refined(gram: Array, target: Array, support: list[int], dual: Array) -> Array:
    """The dual weights of a known support, solved afresh where that keeps their signs."""
    block = gram[np.ix_(support, support)]
    active = _refined_solve(cholesky(block, lower=True), block, target[support])
    refined = np.zeros_like(dual)
    refined[support] = np.maximum(active, 0)
    return refined


def _refined_solve(factor: Array, gram: Array, target: Array) -> Array:
    """G⁻¹·target with refinement: rounding-level residuals for an ill-conditioned G."""
    solved = cho_solve((factor, True), target, check_finite=False)
    for _ in range(3):
        missing = target - gram @ solved
        if np.abs(missing).max() <= 1e-13 * target.max():
            break
        solved = solved + cho_solve((factor, True), missing, check_finite=False)
    return np.asarray(solved)


def _regular_factor(gram: Array) -> Array | None:
    """The Cholesky factor of G; None where its examples are numerically dependent."""
    try:
        factor = cholesky(gram, lower=True, check_finite=False)
    except LinAlgError:
        return None
    independent = np.diag(factor) ** 2 > _DEPENDENT * gram.diagonal()
    return factor if independent.all() else None


def is_regular(gram: Array) -> bool:
    """Whether the examples of a Gram matrix are linearly independent, hence separable.

    Examples
    --------
    >>> is_regular(np.eye(2)), is_regular(np.ones((2, 2)))
    (True, False)
    """
    return _regular_factor(gram) is not None
