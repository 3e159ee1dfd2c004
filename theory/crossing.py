"""When the minority is lost or recovered (P8)."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .dynamics import asymptote, flow
from .errors import PitfallsError
from .objective import Objective
from .results import Solution, Trajectory
from .setting import Setting
from .squared_hinge import max_margin

__all__ = ["crossing_times", "log_crossing_time"]

Array: TypeAlias = NDArray[np.float64]

_EARLIEST, _LATEST = 1e-6, 1e16
_POINTS = 400
_NOTHING = 1e-10
_RESOLVED = 1e-9
_ACCURATE = 1e-6


def _minority(weights: Solution | Trajectory, setting: Setting) -> Array:
    """Mean margin w_y − γ·w_a of a test example of the minority."""
    return np.asarray(weights.core - setting.gamma * np.asarray(weights.spurious))


def _by_flow(setting: Setting, objective: Objective) -> tuple[list[float], float]:
    """log t of the changes of sign until t = 1e16, and the margin then."""
    grid = np.linspace(np.log(_EARLIEST), np.log(_LATEST), _POINTS)

    def margins(log_times: Array) -> Array:
        return _minority(flow(setting, objective, np.minimum(np.exp(log_times), _LATEST)), setting)

    values = margins(grid)
    # A margin that starts as zero is rounding until its second order has grown.
    seen = np.flatnonzero(np.abs(values) > _NOTHING)
    changes = seen[:-1][np.sign(values[seen[:-1]]) != np.sign(values[seen[1:]])]
    found = []
    for i in changes:
        low, high = grid[i], grid[seen[np.searchsorted(seen, i) + 1]]
        while high - low > _RESOLVED:
            inner = np.linspace(low, high, 40)
            signs = np.sign(margins(inner))
            k = int(np.flatnonzero(signs != np.sign(values[i]))[0])
            low, high = inner[k - 1], inner[k]
        found.append(float(low + high) / 2)
    return found, float(values[-1])


def crossing_times(setting: Setting, objective: Objective) -> Array:
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
    found, margin = _by_flow(setting, objective)
    limit = float(_minority(max_margin(setting, objective), setting))
    if margin * limit < 0:
        found.append(_by_asymptote(setting, objective, margin))
    return np.array(found)


def _by_asymptote(setting: Setting, objective: Objective, margin: float) -> float:
    """−b/a, where the flow's minority margin at t = 1e16 is what the asymptote says."""
    try:
        tail = asymptote(setting, objective)
    except PitfallsError as error:
        raise PitfallsError(
            f"the minority's margin changes sign after t = {_LATEST:g}, and when is not known: "
            f"{error}"
        ) from None
    slope = float(_minority(tail.slope, setting))
    intercept = float(_minority(tail.intercept, setting))
    if abs(slope * np.log(_LATEST) + intercept - margin) > _ACCURATE:
        raise PitfallsError(
            f"the minority's margin changes sign after t = {_LATEST:g}, where the asymptote is not "
            f"yet accurate to {_ACCURATE:g}: when is not known."
        )
    return -intercept / slope


def log_crossing_time(setting: Setting, objective: Objective) -> float:
    """The last of `crossing_times`, nan if there is none.

    Above κ* it is when the minority is lost for good, below κ* when it is safe for good.

    Examples
    --------
    >>> setting = Setting(n=1000, d=1000, rho=0.9, gamma=5.0, sigma=(1.2 * 9 / 19) ** 0.5)
    >>> shift = Objective.logit_shifting(setting)
    >>> round(float(log_crossing_time(setting, shift) / np.log(10)), 5)
    6.11309
    """
    times = crossing_times(setting, objective)
    return float(times[-1]) if times.size else float("nan")
