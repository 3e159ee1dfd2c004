"""Label noise: when it is memorised harmlessly, and early learning before it is memorised (P16)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from .arguments import LATEST, checked_between
from .cells import NODES, CellSystem, cell_system
from .crossing import EARLIEST, flow_changes
from .dynamics import flow
from .errors import PitfallsError, SettingError
from .objective import Objective
from .results import Trajectory
from .setting import Setting
from .squared_hinge import max_margin

__all__ = ["Group", "harmless_aspect", "log_peak_time", "noise_factor"]

Array: TypeAlias = NDArray[np.float64]
Group: TypeAlias = Literal["majority", "minority"]

_SIGN = {"majority": 1, "minority": -1}


def noise_factor(setting: Setting) -> float:
    """What memorising the label noise leaves of every group's score in the max margin (P16).

    The score is the probit of a group's test accuracy. In the orthogonal limit without feature
    noise it is (1−2η)·√((1−Q)/(1−(1−2η)²Q)) of the score without label noise, for either group
    and whatever d/n is, with Q = 2E[m] − E[m²] over the margins m = uᵀv without noise. Limits:
    1 at η = 0, 1 − 2η as κ → ∞, 0 as κ → 0. Check (ρ = 0.9, γ = 5, κ = κ*, η = 0.1): 0.409064.

    Parameters
    ----------
    setting : Setting
        Its d does not matter, given κ.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    PitfallsError
        There is feature noise, or κ = 0.

    Examples
    --------
    Noise costs most where there is little memory to hold it:

    >>> for kappa in (0.01, 1.0, 100.0):
    ...     setting = Setting(1000, 10**6, 0.9, 5.0, (kappa / 1000)**0.5, label_noise=0.1)
    ...     print(round(noise_factor(setting), 2))
    0.02
    0.5
    0.76
    """
    *_, missing = _without_noise(setting)
    kept = 1 - 2 * setting.label_noise
    # 1 − Q = E[(1 − m)²] keeps its digits where Q is almost 1.
    return kept * math.sqrt(missing / (missing + (1 - kept**2) * (1 - missing)))


def harmless_aspect(setting: Setting, accuracy: float = 0.99, group: Group = "minority") -> float:
    """d/n from which on the max margin has a group right although it memorises the noise (P16).

    z²·(1 − (1−2η)²Q)/((1−2η)·m_g)², z = Φ⁻¹(accuracy), at the setting's κ; Q as in
    `noise_factor`. Limit: (z/((1−2η)m_g))²·4η(1−η) as κ → 0. Of the orthogonal limit; at finite d/n
    (P9) the accuracy there is 0.986 to 0.993 where 0.99 was asked for, down to d/n = 2.

    Parameters
    ----------
    setting : Setting
        Its d does not matter, given κ.
    accuracy : float
        In (½, 1).
    group : {"minority", "majority"}

    Returns
    -------
    float
        inf where the group is lost however large d is.

    Raises
    ------
    SettingError
        The accuracy is outside (½, 1), or the group is unknown.
    PitfallsError
        There is feature noise, or κ = 0.

    Examples
    --------
    >>> half = Setting(1000, 10**6, 0.9, 5.0, (0.5 * 9 / 19 / 1000)**0.5, label_noise=0.1)
    >>> round(harmless_aspect(half), 1)
    38.2
    >>> round(harmless_aspect(half, group="majority"), 1)
    4.0
    """
    accuracy = checked_between("accuracy", accuracy, 0.5, 1)
    sign = _checked_sign(group)
    core, pull, missing = _without_noise(setting)
    kept = 1 - 2 * setting.label_noise
    margin = kept * (core + sign * pull)
    if not margin > 0:
        return math.inf
    return (float(ndtri(accuracy)) / margin) ** 2 * (1 - kept**2 * (1 - missing))


def log_peak_time(setting: Setting, objective: Objective, group: Group = "minority") -> float:
    """log t at which the flow's accuracy on a group is greatest: early learning ends there (P16).

    The score h = m̄/√(σ_y²w_y² + γ²σ_a²w_a² + σ²‖w_ε‖²), m̄ the group's mean test margin, is the
    probit of its accuracy. Of the flow from w = 0 in the orthogonal limit: the highest of the first
    step, the roots of dh/d log t where it falls (α̇ is given by the flow's own equation), and the
    max margin. Without feature noise it does not depend on d/n.

    Parameters
    ----------
    setting : Setting
        Feature noise is spread over quadrature nodes.
    objective : Objective
    group : {"minority", "majority"}

    Returns
    -------
    float
        −inf where the first step is the best there is, inf where the max margin is.

    Raises
    ------
    SettingError
        The group is unknown.
    PitfallsError
        Neither memory nor feature noise: every score is infinite.

    Examples
    --------
    With 10 % of the labels flipped, logit shifting has most of the minority right at t = 1.4:

    >>> setting = Setting(1000, 10**4, 0.9, 5.0, (0.7 * 9 / 19 / 10)**0.5, label_noise=0.1)
    >>> round(float(np.exp(log_peak_time(setting, Objective.logit_shifting(setting)))), 2)
    1.41
    >>> log_peak_time(setting, Objective.erm())
    inf
    """
    sign = _checked_sign(group)
    if not (setting.has_feature_noise or setting.kappa > 0):
        raise PitfallsError(
            "a peak of the accuracy needs noise: sigma > 0 and d > 0, or core_noise or "
            "spurious_noise. Without any, every score is infinite and accuracies are 0 or 1."
        )
    system = cell_system(setting, objective, NODES)
    roots, _ = flow_changes(
        setting, objective, 0.0, lambda run: _score_slope(run, system, setting, sign)
    )
    ends = flow(setting, objective, np.minimum([EARLIEST, *np.exp(roots)], LATEST))
    limit = max_margin(setting, objective)
    scores = ends.score(setting), limit.score(setting)
    heights = np.append(*(getattr(score, group) for score in scores))
    times = [-math.inf, *roots, math.inf]
    return times[int(np.argmax(heights))]


def _score_slope(run: Trajectory, system: CellSystem, setting: Setting, sign: int) -> Array:
    """dh/d log t along a flow, from α̇ = qΔ·sigmoid(−Δm − s)."""
    push, _ = system.residual(np.asarray(run.margins))
    core, spurious = np.array([run.core, run.spurious])
    velocity = system.plane(push)
    direction = np.array([1.0, sign * setting.gamma])
    plane = np.stack((core, spurious), axis=1)
    variance = np.array(setting.feature_variance)
    spread = plane**2 @ variance
    widening = (plane * velocity) @ variance
    if system.kappa > 0:
        dual = np.asarray(run.dual)
        # σ²‖w_ε‖² = σ²κ·Σ π α², and half of its time derivative.
        part = setting.sigma**2 * system.kappa
        spread = spread + part * (dual**2 @ system.shares)
        widening = widening + part * ((dual * push) @ system.shares)
    mean, climb = plane @ direction, velocity @ direction
    return np.asarray(run.times * (climb * spread - mean * widening) / spread**1.5)


def _without_noise(setting: Setting) -> tuple[float, float, float]:
    """w_y, γw_a and E[(1 − m)²] = κ‖w_ε‖² of the max margin without label noise."""
    if setting.has_feature_noise or not setting.kappa > 0:
        raise PitfallsError(
            "the price of label noise in closed form needs core_noise = spurious_noise = 0 and "
            f"κ > 0 (sigma > 0 and d > 0), and here core_noise = {setting.core_noise:g}, "
            f"spurious_noise = {setting.spurious_noise:g}, κ = {setting.kappa:g}. "
            "proportional.max_margin has it for any setting."
        )
    clean = max_margin(replace(setting, label_noise=0.0))
    return clean.core, setting.gamma * clean.spurious, setting.kappa * clean.memory**2


def _checked_sign(group: Group) -> int:
    if group not in _SIGN:
        raise SettingError("group", group, "'majority' or 'minority'")
    return _SIGN[group]
