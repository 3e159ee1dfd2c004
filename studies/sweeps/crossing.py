"""When a run's minority margin changes sign for the last time."""

from __future__ import annotations

import math

import numpy as np
from scipy.interpolate import CubicSpline

from ...theory import Setting, Trajectory

__all__ = ["GRID", "last_crossing"]

GRID = np.geomspace(1e-3, 1e16, 19 * 16 + 1)
"""Times at which the margin is looked at: sixteen a decade."""


def last_crossing(run: Trajectory, setting: Setting) -> float:
    """log10 of the last time at which w_y − γ·w_a changes sign; nan where it never does.

    Parameters
    ----------
    run : Trajectory
        At the times of `GRID`. Between two of them a cubic spline in log t is solved.
    setting : Setting

    Examples
    --------
    >>> from ...theory import Objective, orthogonal
    >>> setting = Setting(n=1000, d=1000, rho=0.9, gamma=5.0, sigma=(1.2 * 9 / 19) ** 0.5)
    >>> run = orthogonal.flow(setting, Objective.logit_shifting(setting), GRID)
    >>> round(last_crossing(run, setting), 4)    # DESIGN's value is 6.11309
    6.1131
    """
    margin = run.core - setting.gamma * run.spurious
    changes = np.flatnonzero(np.sign(margin[:-1]) * np.sign(margin[1:]) < 0)
    if not len(changes):
        return math.nan
    k = int(changes[-1])
    near = slice(max(k - 3, 0), k + 5)
    logs = np.log10(run.times[near])
    roots = CubicSpline(logs, margin[near]).roots(extrapolate=False)
    inside = roots[(roots >= np.log10(run.times[k])) & (roots <= np.log10(run.times[k + 1]))]
    return float(inside[-1])
