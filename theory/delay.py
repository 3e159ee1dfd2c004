"""From when the training set is fitted, when the minority follows, and what delays it (P15)."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .arguments import WEAKEST
from .cells import cell_system
from .crossing import flow_changes, minority_margin, sign_changes
from .errors import PitfallsError, SettingError
from .objective import Objective
from .results import Trajectory
from .ridge import ridge_path
from .setting import MAJORITY, MINORITY, Setting

__all__ = ["critical_decay", "crossing_exponent", "log_fitting_time"]

Array: TypeAlias = NDArray[np.float64]

_FIRST = 1e3
"""The λ from which on the ridge path is looked at."""

_POINTS = 150


def log_fitting_time(setting: Setting, objective: Objective, *, strength: float = 0.0) -> float:
    """log t from which on every training example is right for good (P15).

    Of the flow from w = 0 in the orthogonal limit: the last time at which the smallest cell margin
    u·v + κα changes its sign to positive. ERM without label noise has the training set right from
    its first step on exactly where κ ≥ γ²(2ρ−1) − 1 (seen here up to 1e-4 in κ: closer, it is right
    within t = 1e-6).

    Parameters
    ----------
    setting : Setting
        Without feature noise: with it the unluckiest of n → ∞ examples is never right.
    objective : Objective
    strength : float
        Ridge strength λ (weight decay).

    Returns
    -------
    float
        −inf if it is so from the first step on, nan if it never is (until t = 1e16).

    Raises
    ------
    PitfallsError
        There is feature noise.

    Examples
    --------
    >>> setting = Setting(n=1000, d=1000, rho=0.9, gamma=5.0, sigma=(0.9 * 9 / 19) ** 0.5)
    >>> round(float(np.exp(log_fitting_time(setting, Objective.erm()))), 3)
    4.446
    >>> log_fitting_time(Setting(1000, 20_000, 0.9, 5.0, 1.0), Objective.erm())    # κ = 20 > 19
    -inf
    """
    if setting.has_feature_noise:
        raise PitfallsError(
            "the fitting time needs core_noise = spurious_noise = 0: with feature noise the "
            "unluckiest of many examples is never right. proportional.flow has the share that is."
        )

    def smallest(run: Trajectory) -> Array:
        return np.asarray(np.min(run.margins, axis=1))  # type: ignore[arg-type]

    changes, last = flow_changes(setting, objective, strength, smallest)
    if last <= 0:
        return math.nan
    return changes[-1] if changes else -math.inf


def critical_decay(setting: Setting, objective: Objective) -> float:
    """The weight decay λ* beyond which training ends before the minority's margin changes (P15).

    The weakest λ at which the ridge path's mean minority margin is zero. Below κ*, where the
    minority recovers at t×: with λ > λ* it never does. Above κ*, where a balanced method loses it
    at t×: with λ > λ* it never does. λ*·t×·log t× tends to a constant near 1 as κ → κ*,
    which P15 gives.

    Parameters
    ----------
    setting : Setting
        Feature noise is spread over quadrature nodes.
    objective : Objective

    Returns
    -------
    float
        nan if the margin has one sign along the whole path, for λ from 1e3 to 1e-100.

    Examples
    --------
    >>> setting = Setting(n=1000, d=1000, rho=0.9, gamma=5.0, sigma=(0.9 * 9 / 19) ** 0.5)
    >>> f"{critical_decay(setting, Objective.erm()):.3g}"
    '7.7e-12'
    """

    def margins(logs: Array) -> Array:
        strengths = np.maximum(np.exp(-logs), WEAKEST)
        return minority_margin(ridge_path(setting, objective, strengths), setting)

    grid = np.linspace(-math.log(_FIRST), -math.log(WEAKEST), _POINTS)
    found, _ = sign_changes(margins, grid, parts=8)
    return math.exp(-found[-1]) if found else math.nan


def crossing_exponent(setting: Setting, objective: Objective) -> float:
    """lim (κ* − κ)·log t× as κ → κ*, in closed form, with label noise (P15).

    C·[Λ + l_maj − l_min]/(1 − 2η), l = log q − s of the observed groups, where with A = 2w_y at κ*,

        Λ = −(1−η)·log(1 − (1−2η)A) + η·log(1 + (1−2η)A),
        A = 1 − (1−ρ)(γ²+1)/(ρ(γ²−1)),   C = 4γ²ρ²(1−ρ)(γ²−1)/(γ²(2ρ−1) − 1)².

    Limits: η = 0 is P8; for ERM Λ/(1−2η) falls from log 1/(1−A) to A as η → ½. Check (ρ = 0.9,
    γ = 5): without noise t× = 10^9.8 at 0.9κ*; with η = 0.1 it is 10^6.6.

    Parameters
    ----------
    setting : Setting
        Its κ does not matter; without feature noise.
    objective : Objective
        With Δ = 1.

    Returns
    -------
    float
        Where it is positive the minority is recovered below κ*, at t× ≈ exp(this/(κ* − κ)); where
        it is negative the minority is lost above κ*.

    Raises
    ------
    PitfallsError
        There is feature noise, γ²(2ρ−1) ≤ 1 (no κ*), or a scale other than 1.
    SettingError
        The objective is per example, a group has weight 0, or half of the labels are flipped.

    Examples
    --------
    >>> for noise in (0.0, 0.1, 0.4):
    ...     setting = Setting(1000, 1000, 0.9, 5.0, 0.5, label_noise=noise)
    ...     print(round(crossing_exponent(setting, Objective.erm()), 4))
    1.1401
    0.7728
    0.4871
    """
    rho, gamma, noise = setting.rho, setting.gamma, setting.label_noise
    excess = gamma**2 * (2 * rho - 1) - 1
    if setting.has_feature_noise or not (excess > 0 and 0 < rho < 1):
        raise PitfallsError(
            "the exponent needs a critical memory κ*, and here "
            f"gamma = {gamma:g}, rho = {rho:g}, core_noise = {setting.core_noise:g}, "
            f"spurious_noise = {setting.spurious_noise:g}: choose γ²(2ρ − 1) > 1 and ρ < 1 "
            "without feature noise."
        )
    system = cell_system(setting, objective)
    if (system.scale != 1).any():
        raise PitfallsError(
            "the exponent is that of methods with scale 1, which share a limit, and here the scale "
            f"is {objective.scale}: use scale 1."
        )
    if noise == 0.5:
        raise SettingError("label_noise", noise, "below 0.5", "At one half there is no rule.")
    weight, shift, _ = objective.resolve(np.array([MAJORITY, MINORITY]), 2)
    if not weight.all():
        raise SettingError(
            "weight", objective.weight, "> 0 for both groups", "Without one there is no crossing."
        )
    majority, minority = np.log(weight) - shift
    lead = 1 - (1 - rho) * (gamma**2 + 1) / (rho * (gamma**2 - 1))
    seen = (1 - 2 * noise) * lead
    pull = -(1 - noise) * math.log1p(-seen) + noise * math.log1p(seen)
    size = 4 * gamma**2 * rho**2 * (1 - rho) * (gamma**2 - 1) / excess**2
    return float(size * (pull + majority - minority) / (1 - 2 * noise))
