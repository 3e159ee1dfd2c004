"""The rule in what has memorised: read from the weights, from the features, by few examples (P17).

After Ketha & Ramaswamy (2025, arXiv 2501.14687), who classify by the angle to class subspaces of a
deep network's layers.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad

from .accuracy import GroupAccuracy, group_accuracy
from .arguments import checked_between, checked_count, checked_number
from .errors import NotSeparableError, PitfallsError, SettingError
from .proportional import max_margin
from .results import Solution, Trajectory
from .setting import LARGEST_N, Setting

__all__ = ["decoded", "refit", "refit_examples", "subspace_accuracy"]

Array: TypeAlias = NDArray[np.float64]

_CERTAIN = 38.0
_DECADES = 40.0


def decoded(weights: Solution | Trajectory, setting: Setting) -> GroupAccuracy[Any]:
    """Test accuracy of the weights' projection to the plane: the rule without the memory.

    Φ((w_y ± γw_a)/√(σ_y²w_y² + γ²σ_a²w_a²)), whatever w_ε is. In the orthogonal limit without
    feature noise label noise leaves the max margin's direction in the plane as it is (P3): decoded,
    the model is right as if no label had been flipped, while its own accuracy tends to ½.

    Parameters
    ----------
    weights : Solution or Trajectory
    setting : Setting

    Returns
    -------
    GroupAccuracy
        Floats for a solution, arrays (T,) for a trajectory.

    Examples
    --------
    Two in five labels are flipped, and memorised:

    >>> from pitfalls.theory import proportional
    >>> setting = Setting.figure_1(label_noise=0.4)
    >>> limit = proportional.max_margin(setting)
    >>> round(limit.accuracy(setting).minority, 2), round(decoded(limit, setting).minority, 2)
    (0.52, 0.99)
    """
    nothing = np.zeros_like(np.asarray(weights.memory, dtype=float))
    return group_accuracy(weights.core, weights.spurious, nothing, setting)


def subspace_accuracy(
    setting: Setting, dimension: int = 2, offset: float = 1.0
) -> GroupAccuracy[float]:
    """Test accuracy of the minimum-angle class-subspace classifier on the features (P17).

    Each class by training labels has the span of its leading principal directions, not centred; a
    test example goes to the class whose subspace it makes the smaller angle with. A constant
    feature, the offset, stands for the mean that the activations of a layer have. In the
    proportional limit the k-th direction has c_k² of its square in the span of offset and plane,
    along the k-th eigenvector of the class's second moment there (eigenvalue λ_k),

        c_k² = (λ_k² − κ₂²/δ₂/(1 − κ₂/(δ₂λ_k))²)/(λ_k·μ_k),  μ_k = λ_k + κ₂/(1 − κ₂/(δ₂λ_k)),

    κ₂ = 2κ and δ₂ = 2δ of half of the examples; 0 where λ_k ≤ κ₂/√δ₂ + κ₂/δ₂ (Baik, Ben Arous &
    Péché 2005). The rest of it is noise, and the accuracy the chance that a difference of Gaussian
    squares is positive, by one integral over its characteristic function. Limits: ½ at offset 0,
    where the law is the same after x → −x and so are the subspaces; as d/n → ∞ with dimension ≥ 3
    and a large offset, 1 or 0 on the minority by the sign of κ*/2 − κ (without noise).

    Parameters
    ----------
    setting : Setting
    dimension : int
        Of each subspace, ≥ 1; much smaller than n.
    offset : float
        ≥ 0.

    Returns
    -------
    GroupAccuracy

    Raises
    ------
    SettingError
        An argument is out of range.

    Examples
    --------
    Little memory. One direction is the spurious feature; two leave it to neither class:

    >>> setting = Setting(1000, 10_000, 0.9, 5.0, (0.05 / 10)**0.5)
    >>> [round(subspace_accuracy(setting, k).minority, 2) for k in (1, 2)]
    [0.0, 1.0]
    """
    dimension = checked_count("dimension", dimension, least=1)
    offset = checked_number("offset", offset)
    moment = _class_moment(setting, offset)
    eigenvalues, vectors = np.linalg.eigh(moment)
    size, axes = eigenvalues[::-1][:dimension], vectors[:, ::-1][:, :dimension]
    share = np.zeros(dimension)
    share[: len(size)] = [_share_in_the_plane(each, setting) for each in size]
    along = np.zeros((dimension, 3))
    along[: len(size)] = axes.T * np.sqrt(share[: len(size), None])
    # The other class has the same axes with (y, a) turned around. |A|² − |B|² = Σ (A−B)_k(A+B)_k:
    # A − B has the example's plane features, A + B the offset.
    total, total_variance = 2 * along[:, 0] * offset, 2 * setting.sigma**2 * (1 - share)
    difference = 2 * along[:, 1:]
    spread = difference @ np.diag(setting.feature_variance) @ difference.T + np.diag(total_variance)
    majority, minority = (
        _chance(total, total_variance, difference @ (1.0, sign * setting.gamma), spread)
        for sign in (1, -1)
    )
    return GroupAccuracy.of(majority, minority, setting.rho)


def _class_moment(setting: Setting, offset: float) -> Array:
    """E[φφᵀ] of φ = (offset, x_y, γx_a) in the class labelled +1."""
    kept, lean = 1 - 2 * setting.label_noise, 2 * setting.rho - 1
    gamma = setting.gamma
    core_variance, spurious_variance = setting.feature_variance
    mean = kept * np.array([1.0, gamma * lean])
    plane = np.array([[1.0, gamma * lean], [gamma * lean, gamma**2]])
    plane += np.diag([core_variance, spurious_variance])
    return np.block([[offset**2, offset * mean], [offset * mean[:, None], plane]])


def _share_in_the_plane(size: float, setting: Setting) -> float:
    """c² of the direction whose second moment in the plane is ``size``."""
    if setting.kappa == 0:
        return float(size > 0)
    memory, variance = 2 * setting.kappa, setting.sigma**2
    if size <= memory / math.sqrt(2 * setting.delta) + variance:
        return 0.0
    # κ₂/δ₂ is σ².
    lift = 1 / (1 - variance / size)
    return float((size**2 - memory * variance * lift**2) / (size * (size + memory * lift)))


def _chance(first: Array, first_variance: Array, second: Array, spread: Array) -> float:
    """P(Σ T_k D_k > 0), T ~ N(first, diag first_variance) and D ~ N(second, spread) independent.

    Gil-Pelaez: ½ + (1/π) ∫ Im φ(u)/u du.
    """
    mean = float(first @ second)
    variance = float(
        first @ spread @ first + second**2 @ first_variance + first_variance @ np.diag(spread)
    )
    if variance == 0:
        # All directions together leave zero, up to rounding.
        mean *= abs(mean) > 1e-12 * float(np.linalg.norm(first) * np.linalg.norm(second))
    if variance == 0 or abs(mean) > _CERTAIN * math.sqrt(variance):
        return 0.5 + 0.5 * float(np.sign(mean))
    product = first_variance[:, None] * spread
    columns = np.column_stack((first, first_variance * second))

    def imaginary(log_u: float) -> float:
        u = math.exp(log_u) / math.sqrt(variance)
        matrix = np.eye(len(first)) + u**2 * product
        by_first, by_second = np.linalg.solve(matrix, columns).T
        decay = first @ spread @ by_first + second @ by_second
        size = math.exp(-(u**2) * decay / 2) / math.sqrt(np.linalg.det(matrix))
        return float(size * math.sin(u * float(second @ by_first)))

    value, _ = quad(imaginary, -_DECADES, _DECADES, limit=2000, epsabs=1e-11, points=[0.0])
    return min(1.0, max(0.0, 0.5 + float(value) / math.pi))


def refit(setting: Setting, examples: int) -> Setting:
    """The setting of a refit on a few new examples, half of them minority, with true labels.

    The linear model on the same features, trained anew (after Kirichenko, Izmailov & Wilson 2023,
    arXiv 2204.02937): ρ = ½, no label noise, κ′ = κ·n/examples. Train it like any other setting.

    Parameters
    ----------
    setting : Setting
    examples : int
        Even, ≥ 2.

    Raises
    ------
    SettingError
        Not even, or too few.

    Examples
    --------
    >>> from pitfalls.theory import proportional
    >>> few = refit(Setting.figure_1(label_noise=0.4), 100)
    >>> round(proportional.max_margin(few).accuracy(few).worst, 2)
    0.83
    """
    examples = checked_count("examples", examples, least=2)
    if examples % 2:
        raise SettingError("examples", examples, "even", "One half of them is the minority.")
    return replace(setting, n=examples, rho=0.5, label_noise=0.0)


def refit_examples(setting: Setting, accuracy: float) -> int:
    """Balanced examples with true labels with which a refit reaches a worst-group accuracy (P17).

    The least even number whose max margin, in the proportional limit, has it. Without feature noise
    and for d ≫ n that is z²σ⁴d, z = Φ⁻¹(accuracy): γ does not matter. With feature noise more
    examples help up to a point, from which on there is more noise to memorise.

    Parameters
    ----------
    setting : Setting
        Of the test data; its n, ρ and label noise do not matter.
    accuracy : float
        In (½, 1).

    Raises
    ------
    SettingError
        The accuracy is outside (½, 1).
    PitfallsError
        No number of examples reaches it.

    Examples
    --------
    What the paper's Figure 1 has of the minority in the limit, without and with label noise, is
    what so few balanced examples would give:

    >>> from pitfalls.theory import proportional
    >>> for noise in (0.0, 0.1, 0.3):
    ...     setting = Setting.figure_1(label_noise=noise)
    ...     own = proportional.max_margin(setting).accuracy(setting).worst
    ...     print(noise, round(own, 2), refit_examples(setting, own))
    0.0 0.7 30
    0.1 0.57 4
    0.3 0.54 2
    """
    accuracy = checked_between("accuracy", accuracy, 0.5, 1)

    @functools.cache
    def worst(pairs: int) -> float:
        if 2 * pairs > LARGEST_N:
            return -math.inf
        few = refit(setting, 2 * pairs)
        try:
            return max_margin(few).accuracy(few).worst
        except NotSeparableError:
            if pairs == 1:
                raise
            return -math.inf

    high = 1
    while worst(high) < accuracy and (high == 1 or worst(high) > worst(high // 2)):
        high *= 2
    low = high // 2
    if worst(high) < accuracy:
        # With more examples it rises up to a peak, and falls from there on: with noisy features
        # long before they cannot be separated (seen, not proved).
        low = high // 4
        high = _first(lambda pairs: worst(pairs + 1) <= worst(pairs), low, high)
        if worst(high) < accuracy:
            raise PitfallsError(
                f"no balanced refit has {accuracy:g} of the worst group: the best, on {2 * high} "
                f"examples, has {worst(high):.4g}. Ask for less."
            )
    return 2 * _first(lambda pairs: worst(pairs) >= accuracy, low, high)


def _first(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The first integer that ``holds``, which low does not and high does."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
