"""When the minority is lost or recovered (P8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .arguments import LATEST, checked_strength
from .dynamics import asymptote, flow
from .errors import PitfallsError
from .objective import Objective
from .results import Solution, Trajectory
from .ridge import ridge_path
from .setting import Setting
from .squared_hinge import max_margin

__all__ = [
    "EARLIEST",
    "crossing_times",
    "flow_changes",
    "log_crossing_time",
    "minority_margin",
    "sign_changes",
]

Array: TypeAlias = NDArray[np.float64]

EARLIEST = 1e-6
"""The first time at which a change of sign is looked for."""

_POINTS = 400
_NOTHING = 1e-10
_RESOLVED = 1e-9
_ACCURATE = 1e-6


def minority_margin(weights: Solution | Trajectory, setting: Setting) -> Array:
    """Mean margin w_y − γ·w_a of a test example of the minority.

    Examples
    --------
    >>> float(minority_margin(Solution(1.0, 0.1, 0.0), Setting(9, 9, 0.8, 4.0, 0.5)))
    0.6
    """
    return np.asarray(weights.core - setting.gamma * np.asarray(weights.spurious))


def sign_changes(
    function: Callable[[Array], Array], grid: Array, parts: int = 40
) -> tuple[list[float], float]:
    """Where a function changes its sign between two points of a grid, and its value at the last.

    Each interval with a change is sampled at ``parts`` points, again and again until it is 1e-9
    wide: few points where one costs more than a call.

    Examples
    --------
    >>> roots, last = sign_changes(lambda x: x * (x - 2) * (x - 4), np.linspace(-1, 5, 10))
    >>> [round(root, 6) for root in roots], last
    ([-0.0, 2.0, 4.0], 15.0)
    """
    values = function(grid)
    # A margin that starts as zero is rounding until its second order has grown.
    seen = np.flatnonzero(np.abs(values) > _NOTHING)
    changes = seen[:-1][np.sign(values[seen[:-1]]) != np.sign(values[seen[1:]])]
    found = []
    for i in changes:
        low, high = grid[i], grid[seen[np.searchsorted(seen, i) + 1]]
        while high - low > _RESOLVED:
            inner = np.linspace(low, high, parts)
            changed = np.flatnonzero(np.sign(function(inner[1:])) != np.sign(values[i]))
            if not changed.size:
                # Closer than the function's own rounding.
                break
            low, high = inner[changed[0]], inner[changed[0] + 1]
        found.append(float(low + high) / 2)
    return found, float(values[-1])


def flow_changes(
    setting: Setting,
    objective: Objective,
    strength: float,
    margin: Callable[[Trajectory], Array],
) -> tuple[list[float], float]:
    """log t of the changes of sign of a margin of the flow until t = 1e16, and the margin then.

    Examples
    --------
    >>> setting = Setting(n=1000, d=1000, rho=0.9, gamma=5.0, sigma=(0.9 * 9 / 19) ** 0.5)
    >>> erm = Objective.erm()
    >>> [log_time], _ = flow_changes(setting, erm, 0.0, lambda run: minority_margin(run, setting))
    >>> round(float(log_time / np.log(10)), 3)
    9.792
    """

    def margins(log_times: Array) -> Array:
        times = np.minimum(np.exp(log_times), LATEST)
        return margin(flow(setting, objective, times, strength=strength))

    return sign_changes(margins, np.linspace(np.log(EARLIEST), np.log(LATEST), _POINTS))


def crossing_times(setting: Setting, objective: Objective, *, strength: float = 0.0) -> Array:
    """log t× of every time at which the minority's mean test margin changes sign (P8).

    Of the flow from w = 0 in the orthogonal limit. With a and b the minority margin's slope and
    intercept in log t (`asymptote`), a late change of sign is at t× = exp(−b/a): taken from there
    beyond t = 1e16, if flow and asymptote agree to 1e-6 at that time; before it, from the flow.
    Near κ*, log t× diverges like 1/|κ* − κ|.

    Parameters
    ----------
    setting : Setting
        Feature noise is spread over quadrature nodes.
    objective : Objective
    strength : float
        Ridge strength λ (weight decay) of the flow.

    Returns
    -------
    array
        Natural logarithms of times t = rate × steps, increasing; empty if the sign never changes.

    Raises
    ------
    PitfallsError
        The sign at t = 1e16 is not that of the limit, and there is no asymptote to say when it
        changes (feature noise, a cell that is no support vector).

    Examples
    --------
    >>> setting = Setting(n=1000, d=1000, rho=0.9, gamma=5.0, sigma=(0.9 * 9 / 19) ** 0.5)
    >>> (crossing_times(setting, Objective.erm()) / np.log(10)).round(5)
    array([9.79227])
    """
    strength = checked_strength(strength)
    found, margin = flow_changes(
        setting, objective, strength, lambda run: minority_margin(run, setting)
    )
    if strength > 0:
        _check_at_rest(setting, objective, strength, margin)
        return np.array(found)
    limit = float(minority_margin(max_margin(setting, objective), setting))
    if margin * limit < 0:
        found.append(_by_asymptote(setting, objective, margin))
    return np.array(found)


def _check_at_rest(setting: Setting, objective: Objective, strength: float, margin: float) -> None:
    """The flow with decay has the sign of the ridge solution that it ends on."""
    end = float(minority_margin(ridge_path(setting, objective, [strength]), setting)[0])
    if margin * end < 0 and abs(end) > _NOTHING:
        raise PitfallsError(
            f"with weight decay {strength:g} the minority's margin changes sign after "
            f"t = {LATEST:g}, and when is not known. Give a larger strength, or none."
        )


def _by_asymptote(setting: Setting, objective: Objective, margin: float) -> float:
    """−b/a, where the flow's minority margin at t = 1e16 is what the asymptote says."""
    try:
        tail = asymptote(setting, objective)
    except PitfallsError as error:
        raise PitfallsError(
            f"the minority's margin changes sign after t = {LATEST:g}, and when is not known: "
            f"{error}"
        ) from None
    slope = float(minority_margin(tail.slope, setting))
    intercept = float(minority_margin(tail.intercept, setting))
    if abs(slope * np.log(LATEST) + intercept - margin) > _ACCURATE:
        raise PitfallsError(
            f"the minority's margin changes sign after t = {LATEST:g}, where the asymptote is not "
            f"yet accurate to {_ACCURATE:g}: when is not known."
        )
    return -intercept / slope


def log_crossing_time(setting: Setting, objective: Objective, *, strength: float = 0.0) -> float:
    """The last of `crossing_times`, nan if there is none.

    Above κ* it is when the minority is lost for good, below κ* when it is safe for good.

    Examples
    --------
    >>> setting = Setting(n=1000, d=1000, rho=0.9, gamma=5.0, sigma=(1.2 * 9 / 19) ** 0.5)
    >>> shift = Objective.logit_shifting(setting)
    >>> round(float(log_crossing_time(setting, shift) / np.log(10)), 5)
    6.11309
    """
    times = crossing_times(setting, objective, strength=strength)
    return float(times[-1]) if times.size else float("nan")
