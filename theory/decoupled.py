"""The flow at γ = 1 without label noise, where the two cells do not feel each other (P5)."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from .arguments import checked_times
from .cells import cell_system
from .errors import PitfallsError
from .objective import Objective
from .results import Trajectory
from .setting import Setting

__all__ = ["decoupled_flow"]

Array: TypeAlias = NDArray[np.float64]

_NEWTON_STEPS = 60


def decoupled_flow(setting: Setting, objective: Objective, times: ArrayLike) -> Trajectory:
    """Gradient flow from w = 0 in closed form at γ = 1 (orthogonal limit; P5).

    u_majᵀu_min = 1 − γ² = 0: each margin obeys an equation of its own, solved by
    z + e^z = s + e^s + k·q·Δ²·t with z = Δm + s and k = 2π + κ, so z = c − W(e^c) with c the right
    side and W Lambert's function; α = m/k. Written here as e^s(e^y − 1) + y = k·q·Δ²·t, y = Δm,
    which neither overflows nor cancels. Check: ρ = ½, κ = 1, ERM, t = 1: z + e^z = 3, m = 0.792060.

    Parameters
    ----------
    setting : Setting
        γ = 1, no label noise, no feature noise.
    objective : Objective
    times : array_like (T,)
        Increasing times t = learning rate × steps, from 0 to 1e16.

    Returns
    -------
    Trajectory
        As `flow` returns it, at machine precision and with dual weights at κ = 0 too.

    Raises
    ------
    PitfallsError
        The cells feel each other (γ ≠ 1 or label noise), or features are noisy.

    Examples
    --------
    >>> setting = Setting(n=10, d=10, rho=0.5, gamma=1.0, sigma=1.0)
    >>> decoupled_flow(setting, Objective.erm(), [1.0, 1e16]).margins[:, 0].round(6)
    array([ 0.79206 , 37.534509])
    """
    grid = checked_times(times)
    if setting.gamma != 1 or setting.label_noise > 0 or setting.has_feature_noise:
        raise PitfallsError(
            "the cells decouple at gamma = 1 without label noise and feature noise only, and here "
            f"gamma = {setting.gamma:g}, label_noise = {setting.label_noise:g}, core_noise = "
            f"{setting.core_noise:g}, spurious_noise = {setting.spurious_noise:g}. Use flow."
        )
    system = cell_system(setting, objective)
    overlap = 2 * system.shares + system.kappa
    rise = _rise(np.outer(grid, overlap * system.weight * system.scale**2), system.shift)
    margins = rise / system.scale
    dual = margins / overlap
    return system.trajectory(grid, system.plane(dual), dual, margins, objective.name)


def _rise(speed: Array, shift: Array) -> Array:
    """y with e^s(e^y − 1) + y = speed, which is convex and rises in y.

    Each of the two bounds it starts from leaves out a positive term: Newton's steps go down.
    """
    y = np.minimum(speed, np.logaddexp(0, np.log(np.maximum(speed, 1e-300)) - shift))
    for _ in range(_NEWTON_STEPS):
        step = -expit(shift + y) * np.expm1(-y) + expit(-shift - y) * (y - speed)
        y = y - step
        if (np.abs(step) <= 1e-16 * y).all():
            break
    return y
