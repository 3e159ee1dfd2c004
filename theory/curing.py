"""What keeps the spurious weight at zero (P13).

In the limit: a vector scaling, the root of w_a = 0 in Δ_maj/Δ_min. All the way there: weights with
which both groups push equally. Two cells without noise at w_a = 0 and π_maj α_maj = π_min α_min = A
have margins m_g = A·(2 + κ/π_g), so that the curing scale Δ makes Δ_g m_g the same for both; if
π_g q_g Δ_g is the same too, both push alike, w_a stays zero and so does the difference.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from scipy.optimize import brentq

from .errors import PitfallsError
from .objective import Objective, both_groups
from .results import Solution
from .setting import MAJORITY, MINORITY, Setting

__all__ = ["balanced_pushes", "root_of_the_spurious_weight"]

Limit: TypeAlias = Callable[[Setting, Objective], Solution]

_FURTHEST = np.log(1e18)


def root_of_the_spurious_weight(setting: Setting, limit: Limit) -> dict[int, float]:
    """{1: Δ_maj, 0: 1} at which a max margin has no spurious weight.

    Parameters
    ----------
    setting : Setting
        With both observed groups.
    limit : callable
        The max margin of a setting and an objective; w_a falls as the ratio rises.

    Raises
    ------
    SettingError
        An observed group is empty.
    PitfallsError
        No ratio between 1e-18 and 1e18 does (the orthogonal limit always has one; at finite d/n,
        near the separability threshold, there may be none), or there is no max margin.

    Examples
    --------
    >>> from pitfalls.theory import orthogonal
    >>> setting = Setting(n=500, d=1000, rho=0.9, gamma=5.0, sigma=0.5)
    >>> round(root_of_the_spurious_weight(setting, orthogonal.max_margin)[1], 6)
    2.73913
    """

    def spurious(log_ratio: float) -> float:
        scale = {MAJORITY: float(np.exp(log_ratio)), MINORITY: 1.0}
        return limit(setting, Objective.vector_scaling(setting, scale)).spurious

    both_groups("a curing scale", setting)
    near = 0.0
    start = spurious(near)
    if start == 0 or setting.gamma == 0:
        return {MAJORITY: 1.0, MINORITY: 1.0}
    step = 0.5 * np.sign(start)
    while spurious(near + step) * start > 0:
        near, step = near + step, 2 * step
        if abs(near) > _FURTHEST:
            raise PitfallsError(
                "no scale of the majority's margin between 1e-18 and 1e18 times the minority's "
                f"makes the spurious weight vanish at d/n = {setting.delta:g} and "
                f"κ = {setting.kappa:g}. Raise d."
            )
    ends = sorted((near, near + step))
    root = float(brentq(spurious, *ends, xtol=1e-15, rtol=4 * np.finfo(float).eps))
    return {MAJORITY: float(np.exp(root)), MINORITY: 1.0}


def balanced_pushes(setting: Setting, scale: dict[int, float]) -> Objective:
    """The objective of a curing scale and weights q_g ∝ 1/(π_g Δ_g), of mean 1.

    Raises
    ------
    SettingError
        An observed group is empty.

    Examples
    --------
    >>> setting = Setting(n=10, d=10, rho=0.8, gamma=5.0, sigma=0.5)
    >>> balanced_pushes(setting, {1: 2.0, 0: 1.0}).weight
    {1: 0.4166666666666667, 0: 3.3333333333333335}
    """
    shares = both_groups("a lasting cure", setting)
    pushes = {group: 1 / (shares[group] * scale[group]) for group in shares}
    mean = sum(shares[group] * pushes[group] for group in shares)
    weight = {group: push / mean for group, push in pushes.items()}
    return Objective(weight=weight, scale=scale, name="lasting cure")
