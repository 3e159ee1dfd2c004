"""The finite minimiser of a loss on data that cannot be separated, which decides that too."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit

from ..theory import NotSeparableError, Objective, PitfallsError, Solution
from .blas import crossed, times
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
    start = sample.start(initial)
    explicit = isinstance(sample.gram, Features)
    with modest_blas(float(sample.n) ** 3):
        rows = sample.gram.coordinates()
        first = np.zeros(rows.shape[1])
        if initial is not None and explicit:
            given = np.asarray(initial, dtype=float)
            columns = list(sample.plane_columns)
            first = np.concatenate(((start.core, start.spurious), np.delete(given, columns)))
        found = _minimise(rows, weight, shift, scale, first)
    if found is None or found.left > _VANISHING:
        raise PitfallsError(
            "the loss has no finite minimiser: these examples can be separated, or nearly so. "
            "Training tends to the direction of max_margin."
        )
    plane = sample.plane
    core, spurious = _on_the_plane(rows, plane, found.weights)
    square = float(found.weights @ found.weights) - core**2 - spurious**2
    memory = np.linalg.norm(found.weights[2:]) if explicit else np.sqrt(max(square, 0.0))
    return Solution(
        core,
        spurious,
        float(memory),
        margins=found.margins,
        weights=found.weights if explicit else None,
    )


def _on_the_plane(rows: Array, plane: Array, weights: Array) -> tuple[float, float]:
    """The plane's two weights, whatever coordinates the rows are in."""
    if rows.shape[1] >= 2 and np.array_equal(rows[:, :2], plane):
        return float(weights[0]), float(weights[1])
    axes = np.linalg.lstsq(rows, plane, rcond=None)[0]
    core, spurious = weights @ axes
    return float(core), float(spurious)


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
    """Newton's method with steps that no margin outruns; None once the examples are separated."""
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    counting = weight > 0
    margins, left = times(rows, weights), np.inf
    for _ in range(_MOST_STEPS):
        argument = -scale * margins - shift
        push = weight * scale * expit(argument)
        pull = times(rows.T, push)
        left = float(np.linalg.norm(pull) / max(float(push @ lengths), 1e-300))
        if left <= _VANISHING:
            break
        matrix = crossed(np.sqrt(push * scale * expit(-argument))[:, None] * rows)
        matrix.flat[:: len(matrix) + 1] += _DAMPING * matrix.trace()
        with sound_blas(len(matrix)):
            step = cho_solve(cho_factor(matrix, lower=True, overwrite_a=True), pull)
        moved = times(rows, step)
        # No example's margin by more than its curvature tells of.
        size = min(1.0, _STRIDE / max(float(np.abs(scale * moved).max()), 1e-300))
        weights, margins = weights + size * step, margins + size * moved
        if margins[counting].min() > 0:
            return None
    return _Minimiser(weights, margins, left)
