"""When a sample is fitted, and when its minority follows: the roots that P15 predicts."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..sims import Sample, gradient_flow, ridge_path
from ..theory import Objective, PitfallsError, Trajectory

__all__ = ["Delay", "crossing", "delay", "peak"]

Array: TypeAlias = NDArray[np.float64]

_TIMES, _STRENGTHS = (-3.0, 23.0), (-27.0, 0.0)
_POINTS, _ROUNDS = 209, 2
_FLAT = 1e-2


class Delay(NamedTuple):
    """Natural logarithms of two times t = rate × steps and of a weight decay.

    Attributes
    ----------
    fitted : float
        From which on all of the training set is right.
    recovered : float
        Of the last change of sign of the mean margin of a test example of the minority.
    decay : float
        λ, at which the ridge path's is zero.

    Examples
    --------
    >>> Delay._fields
    ('fitted', 'recovered', 'decay')
    """

    fitted: float
    recovered: float
    decay: float


def delay(sample: Sample, objective: Objective, gamma: float) -> Delay:
    """Find the three in a sample, from its own flow and ridge path.

    Parameters
    ----------
    sample : Sample
    objective : Objective
    gamma : float
        γ of its test examples.

    Raises
    ------
    PitfallsError
        One of them is not there, or beyond t = 10¹⁰.

    Examples
    --------
    >>> from pitfalls.sims import draw
    >>> from pitfalls.theory import Setting
    >>> setting = Setting(n=100, d=5000, rho=0.9, gamma=5.0, sigma=0.07)
    >>> sample = draw(setting, 0, "orthogonal")
    >>> [round(x, 3) for x in delay(sample, Objective.erm(), 5.0)]
    [1.763, 3.927, -5.102]
    """

    def smallest(log_times: Array) -> Array:
        run = gradient_flow(sample, objective, np.exp(log_times))
        return np.asarray(np.min(run.margins, axis=1))  # type: ignore[arg-type]

    def lost(logs: Array) -> Array:
        return -_minority(ridge_path(sample, objective, np.exp(-logs)), gamma)

    return Delay(
        fitted=_last_root(smallest, _TIMES),
        recovered=crossing(sample, objective, gamma),
        decay=_last_root(lost, (-_STRENGTHS[1], -_STRENGTHS[0]), -1),
    )


def crossing(sample: Sample, objective: Objective, gamma: float) -> float:
    """log t of the last change of sign of the minority's mean test margin (P8).

    Parameters
    ----------
    sample : Sample
    objective : Objective
    gamma : float
        γ of its test examples.

    Raises
    ------
    PitfallsError
        There is none between t = 0.05 and 10¹⁰.

    Examples
    --------
    >>> from pitfalls.sims import draw
    >>> from pitfalls.theory import Setting
    >>> sample = draw(Setting(n=100, d=5000, rho=0.9, gamma=5.0, sigma=0.07), 0, "orthogonal")
    >>> round(crossing(sample, Objective.erm(), 5.0), 3)
    3.927
    """

    def margin(log_times: Array) -> Array:
        return _minority(gradient_flow(sample, objective, np.exp(log_times)), gamma)

    return _last_root(margin, _TIMES)


def _minority(run: Trajectory, gamma: float) -> Array:
    return np.asarray(run.core - gamma * run.spurious)


def peak(sample: Sample, objective: Objective, gamma: float) -> float:
    """log t at which the minority's test accuracy is greatest, from the sample's own flow (P16).

    Of the recorded times of a grid, twice refined around the highest, a parabola through three.

    Parameters
    ----------
    sample : Sample
        Its test examples have no feature noise.
    objective : Objective
    gamma : float
        γ of its test examples.

    Raises
    ------
    PitfallsError
        It is highest at an end: t = 0.05 or 10¹⁰.

    Examples
    --------
    >>> from pitfalls.sims import draw
    >>> from pitfalls.theory import Setting
    >>> setting = Setting(n=100, d=5000, rho=0.9, gamma=5.0, sigma=0.07, label_noise=0.1)
    >>> sample = draw(setting, 0, "orthogonal")
    >>> round(peak(sample, Objective.logit_shifting(setting), 5.0), 4)
    0.4573
    """
    low, high = _TIMES
    for _ in range(_ROUNDS + 1):
        grid = np.linspace(low, high, _POINTS)
        run = gradient_flow(sample, objective, np.exp(grid))
        score = (run.core - gamma * run.spurious) / run.memory
        k = int(score.argmax())
        if k in (0, len(grid) - 1):
            raise PitfallsError("the minority's accuracy has no peak between t = 0.05 and 1e10.")
        low, high = float(grid[k - 1]), float(grid[k + 1])
        # Closer, the height is flat up to rounding.
        if high - low < _FLAT:
            break
    before, at, after = score[k - 1 : k + 2]
    shift = float((before - after) / (2 * (before - 2 * at + after)))
    return float(grid[k]) + shift * float(grid[1] - grid[0])


def _last_root(
    function: Callable[[Array], Array], ends: tuple[float, float], sign: int = 1
) -> float:
    """The last change of sign, on a grid and once more inside its cell; times ``sign``."""
    low, high = ends
    values = np.zeros(2)
    for _ in range(_ROUNDS):
        grid = np.linspace(low, high, _POINTS)
        values = function(grid)
        changes = np.flatnonzero(values[:-1] * values[1:] <= 0)
        if not changes.size:
            raise PitfallsError(
                "the margin does not change its sign between t = 0.05 and 1e10 (or λ = 1 and "
                "2e-12): there is nothing to wait for, or it comes later."
            )
        k = int(changes[-1])
        low, high = float(grid[k]), float(grid[k + 1])
        values = values[k : k + 2]
    return sign * (low + (high - low) * float(values[0] / (values[0] - values[1])))
