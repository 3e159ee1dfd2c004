"""What the facts predict in a setting.

The closed forms are looked up when called, so that a change of theirs reaches the list.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincc, ndtri

from .. import decoding, orthogonal, proportional
from ..accuracy import GroupAccuracy
from ..objective import Objective
from ..results import Solution, Trajectory
from ..setting import Setting

__all__ = [
    "always",
    "by_subspaces",
    "cured",
    "far_accuracy",
    "late",
    "memorises",
    "orthogonal_limit",
    "pairs_beyond",
    "peak",
    "perfect",
    "price",
    "proportional_limit",
    "published",
    "recovered",
    "refitted",
    "right_at_once",
    "shrunk",
    "squared_norm",
    "trajectory",
]


def published(setting: Setting) -> dict[str, float]:
    """The numbers of the paper's one run of Figure 1, by its code.

    Examples
    --------
    >>> published(Setting.figure_1(rho=0.901))["erm.minority"]
    0.144
    """
    return {
        "erm.minority": 0.144,
        "mat.minority": 0.898,
        "mat.majority": 0.986,
        "mat.highest": 0.93,
        "mat.step": 376.0,
        "clean.step": 354.0,
    }


def always(value: float) -> Callable[..., float]:
    """The same in every setting, such as an exponent.

    Examples
    --------
    >>> always(-1.0)(Setting(10, 9, 0.8, 2.0, 0.5))
    -1.0
    """

    def predict(setting: Setting) -> float:
        return value

    return predict


def pairs_beyond(setting: Setting, level: float) -> float:
    """Expected number of pairs of examples with |cos(ε_i, ε_j)| > level.

    The squared cosine of two independent Gaussian vectors is Beta(½, (d−1)/2).

    Examples
    --------
    In the plane two thirds of all directions are within 60° of a given line:

    >>> round(pairs_beyond(Setting(4, 2, 0.5, 2.0, 0.5), 0.5), 12)
    4.0
    """
    n, d = setting.n, setting.d
    return n * (n - 1) / 2 * float(betaincc(0.5, (d - 1) / 2, level**2))


def perfect(setting: Setting) -> GroupAccuracy[float]:
    """Accuracy of the weights (1, 0, 0)."""
    return Solution(1.0, 0.0, 0.0).accuracy(setting)


def far_accuracy(setting: Setting) -> GroupAccuracy[float]:
    """Limit of the max margin's accuracy for d/n → ∞: the minority's is 1, ½ or 0.

    Examples
    --------
    >>> far_accuracy(Setting(10, 90, 0.9, 5.0, 0.1)).minority    # κ = 0.09 < κ* = 9/19
    1.0
    """
    threshold = orthogonal.critical_memory(setting.rho, setting.gamma)
    if math.isclose(setting.kappa, threshold, rel_tol=1e-12):
        return GroupAccuracy.of(1.0, 0.5, setting.rho)
    return GroupAccuracy.of(1.0, 1.0 if setting.kappa < threshold else 0.0, setting.rho)


def orthogonal_limit(setting: Setting, objective: Objective | None = None) -> Solution:
    """The max margin for d/n → ∞ (P3)."""
    return orthogonal.max_margin(setting, objective)


def proportional_limit(setting: Setting, objective: Objective | None = None) -> Solution:
    """The max margin at this d/n for n → ∞ (P9)."""
    return proportional.max_margin(setting, objective)


def right_at_once(setting: Setting) -> float:
    """1 where ERM's first step has the training minority right, κ ≥ γ²(2ρ−1) − 1; else 0."""
    at_once = orthogonal.log_fitting_time(setting, Objective.erm()) == -math.inf
    return float(at_once)


def recovered(setting: Setting, objective: Objective) -> dict[str, float]:
    """log t of when the training set is fitted and when the minority is recovered, and log λ*.

    Examples
    --------
    >>> setting = Setting(n=1000, d=1000, rho=0.9, gamma=5.0, sigma=0.5)
    >>> {key: round(value, 3) for key, value in recovered(setting, Objective.erm()).items()}
    {'fitted': 1.754, 'recovered': 4.015, 'decay': -5.222}
    """
    return {
        "fitted": float(orthogonal.log_fitting_time(setting, objective)),
        "recovered": orthogonal.log_crossing_time(setting, objective),
        "decay": math.log(orthogonal.critical_decay(setting, objective)),
    }


def shrunk(setting: Setting) -> Solution:
    """The plane weights of the max margin without label noise, times 1 − 2η.

    Examples
    --------
    >>> noisy = Setting(1000, 25_000, 0.9, 5.0, 1.0, label_noise=0.1)
    >>> round(shrunk(noisy).core * (25 * 26 + 625 + 9), 6)    # P3's denominator
    27.2
    """
    clean = orthogonal.max_margin(replace(setting, label_noise=0.0))
    left = 1 - 2 * setting.label_noise
    return Solution(left * clean.core, left * clean.spurious, math.nan)


def price(setting: Setting) -> float:
    """What memorising the label noise leaves of a group's score (P16).

    Examples
    --------
    >>> round(price(Setting(1000, 10**6, 0.9, 5.0, (9 / 19 / 1000)**0.5, label_noise=0.1)), 6)
    0.409064
    """
    return orthogonal.noise_factor(setting)


def peak(setting: Setting, objective: Objective) -> float:
    """log t at which the minority's accuracy is greatest (P16).

    Examples
    --------
    >>> setting = Setting(1000, 10**4, 0.9, 5.0, (0.7 * 9 / 19 / 10)**0.5, label_noise=0.1)
    >>> round(peak(setting, Objective.logit_shifting(setting)), 3)
    0.342
    """
    return orthogonal.log_peak_time(setting, objective)


def by_subspaces(setting: Setting, dimension: int, offset: float) -> GroupAccuracy[float]:
    """Test accuracy of the classifier by the smaller angle to class subspaces (P17).

    Examples
    --------
    >>> setting = Setting(1000, 10_000, 0.9, 5.0, (0.05 / 10)**0.5)
    >>> round(by_subspaces(setting, 2, 1.0).minority, 6)
    1.0
    """
    return decoding.subspace_accuracy(setting, dimension, offset)


def refitted(setting: Setting, examples: int) -> float:
    """Probit of the accuracy of a refit on balanced examples (P17).

    Examples
    --------
    >>> setting = Setting(1000, 10**6, 0.9, 5.0, 0.1, label_noise=0.3)
    >>> round(refitted(setting, 100)**2, 3)     # near n/(σ⁴d) = 1
    1.0
    """
    few = decoding.refit(setting, examples)
    return float(ndtri(proportional.max_margin(few).accuracy(few).average))


def late(setting: Setting, objective: Objective, times: ArrayLike) -> Trajectory:
    """ŵ·log t + w̃ (P6)."""
    return orthogonal.asymptote(setting, objective).at(times)


def trajectory(
    setting: Setting, objective: Objective, times: ArrayLike, learning_rate: float | None = None
) -> proportional.MeanField:
    """Training at this d/n for n → ∞ (P12): flow, or descent at a learning rate.

    Examples
    --------
    >>> run = trajectory(Setting.figure_1(), Objective.erm(), [20.0])
    >>> round(float(run.accuracy(Setting.figure_1()).minority[0]), 2)
    0.12
    """
    # A few hundred replicates know a mean to a few hundredths of their spread; this, to less.
    sites: Any = {"sets": 4, "sites": 512, "examples": False}
    if learning_rate is None:
        return proportional.flow(setting, objective, times, **sites)
    steps = np.rint(np.asarray(times) / learning_rate).astype(int)
    return proportional.descent(setting, objective, learning_rate, steps[-1], steps, **sites)


def squared_norm(setting: Setting, limit: Solution) -> float:
    """‖ŵ‖² of the max margin of the data at hand."""
    return limit.norm**2


def memorises(setting: Setting) -> float:
    """1 where d/n > δ_m, the threshold from which on the max margin memorises; else 0."""
    return float(setting.delta > proportional.memorization_threshold(setting))


def cured(setting: Setting) -> Solution:
    """The max margin of the curing scale at this d/n (P13)."""
    scale = proportional.curing_scale(setting)
    found = proportional.max_margin(setting, Objective.vector_scaling(setting, scale))
    # The scale is the root of w_a, up to its last digit.
    return replace(found, spurious=0.0)
