"""The finite minimiser of a loss on data that cannot be separated, which decides that too."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit

from ..theory import NotSeparableError, Objective, PitfallsError, Solution
from .blas import column_gram, times
from .gram import Features
from .sample import Sample
from .threads import modest_blas, sound_blas

__all__ = ["finite_minimiser", "refuse_balanced"]

Array: TypeAlias = NDArray[np.float64]

# Steps, how far a margin goes in one, and what share of all pulls is left where they cancel.
_MOST_STEPS = 60
_STRIDE = 8.0
_VANISHING = 1e-11
# Added to Newton's matrix, as a share of its trace: features may depend on one another.
_DAMPING = 1e-13


class _Minimiser(NamedTuple):
    weights: Array
    margins: Array
    left: float


def finite_minimiser(
    sample: Sample, objective: Objective | None = None, initial: ArrayLike | None = None
) -> Solution:
    """Where training ends on data that cannot be separated: the minimiser of ℓ(w).

    Newton's method on the weights, in O(np²) a step, or O(n³) for a Gram matrix. Beyond the
    examples' span, and where features depend on one another, the shortest one.

    Parameters
    ----------
    sample : Sample
    objective : Objective, optional
        ERM by default.
    initial : array (p,), optional
        Weights of an explicit sample that the search starts from, such as the end of a flow; zero
        by default.

    Returns
    -------
    Solution
        With margins, without dual weights: `Sample.weights` has the weights of explicit samples.

    Raises
    ------
    SettingError
        The initial weights do not fit the sample.
    PitfallsError
        There is none: the data can be separated (`max_margin` is where training tends to), or
        nearly so.

    Examples
    --------
    >>> sample = Sample.from_arrays([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]], [1, 1, -1])
    >>> solution = finite_minimiser(sample)
    >>> round(solution.core, 6), round(float(np.log(2)), 6)
    (0.693147, 0.693147)
    """
    weight, shift, scale = (objective or Objective.erm()).resolve(sample.groups, sample.n)
    given = None if initial is None else sample.plane_first(initial)
    explicit = isinstance(sample.gram, Features)
    with modest_blas(float(sample.n) ** 3):
        rows = sample.gram.coordinates()
        first: Array = np.zeros(rows.shape[1])
        if given is not None and explicit:
            first = given
        elif given is not None:
            # What no example sees stays at zero.
            margins = sample.source.coordinates() @ given
            first = np.asarray(np.linalg.lstsq(rows, margins, rcond=None)[0], dtype=float)
        found = _minimise(rows, weight, shift, scale, first)
    if found is None or found.left > _VANISHING:
        raise PitfallsError(
            "the loss has no finite minimiser: these examples can be separated, or nearly so. "
            "Training tends to the direction of max_margin."
        )
    return Solution(
        *_coordinates(sample, rows, found.weights),
        margins=found.margins,
        weights=found.weights if explicit else None,
    )


def _coordinates(sample: Sample, rows: Array, weights: Array) -> tuple[float, float, float]:
    """(w_y, w_a, ‖w_ε‖), whatever coordinates the rows are in."""
    if rows.shape[1] >= 2 and np.array_equal(rows[:, :2], sample.plane):
        return float(weights[0]), float(weights[1]), float(np.linalg.norm(weights[2:]))
    # Not ‖w‖² less the plane's part: a small memory norm would drown in the rounding.
    dual = np.asarray(np.linalg.lstsq(rows.T, weights, rcond=None)[0], dtype=float)
    core, spurious = dual @ sample.plane
    return float(core), float(spurious), sample.gram.memory_norm(dual)


def refuse_balanced(rows: Array) -> None:
    """NotSeparableError if logistic loss has a finite minimiser.

    There Σ σ(−m_i)·z_i = 0, and the σ(−m_i) > 0 are a non-negative combination that vanishes
    (Gordan's alternative). A dozen of Newton's steps decide: far sooner than as many exchanges as
    there are dimensions.

    Parameters
    ----------
    rows : array (n, p)
        The examples z_i, more than their dimensions.

    Raises
    ------
    NotSeparableError
        With that combination as its evidence.

    Examples
    --------
    >>> refuse_balanced(np.array([[1.0, 0.0], [-1.0, 1.0], [-1.0, -1.0]]))
    Traceback (most recent call last):
    pitfalls.theory.errors.NotSeparableError: the examples cannot be separated: ...
    """
    one = np.ones(len(rows))
    found = _minimise(rows, one, 0 * one, one, np.zeros(rows.shape[1]))
    if found is not None and found.left <= _VANISHING:
        raise NotSeparableError(
            "the examples cannot be separated: logistic loss has a finite minimiser, where "
            "their pulls cancel. Add features, or remove label noise.",
            evidence=found.left,
        )


def _minimise(
    rows: Array, weight: Array, shift: Array, scale: Array, weights: Array
) -> _Minimiser | None:
    """Newton's method; no margin moves by more than `_STRIDE` in a step.

    None once every example that counts has a positive margin.
    """
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    counting = weight > 0

    def loss(margins: Array) -> float:
        return float(weight @ np.logaddexp(0, -scale * margins - shift))

    margins, left = times(rows, weights), np.inf
    for _ in range(_MOST_STEPS):
        if margins[counting].min() > 0:
            return None
        argument = -scale * margins - shift
        push = weight * scale * expit(argument)
        pull = times(rows.T, push)
        left = float(np.linalg.norm(pull) / max(float(push @ lengths), 1e-300))
        if left <= _VANISHING:
            break
        matrix = column_gram(np.sqrt(push * scale * expit(-argument))[:, None] * rows)
        matrix.flat[:: len(matrix) + 1] += _DAMPING * matrix.trace()
        with sound_blas(len(matrix)):
            step = cho_solve(cho_factor(matrix, lower=True, overwrite_a=True), pull)
        moved = times(rows, step)
        # No example's margin by more than its curvature tells of.
        longest = max(float(np.abs(scale * moved).max()), 1e-300)
        size = min(1.0, _STRIDE / longest)
        # From far away Newton's steps may go to and fro.
        while size * longest > 1 and loss(margins + size * moved) > loss(margins):
            size /= 2
        weights, margins = weights + size * step, margins + size * moved
    return None if margins[counting].min() > 0 else _Minimiser(weights, margins, left)
