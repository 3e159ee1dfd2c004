"""Test accuracy of weights in closed form, per group, and the types that accuracies come in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from .setting import MAJORITY, Setting

__all__ = ["GroupAccuracy", "GroupScore", "group_accuracy", "group_score", "margin_moments"]

Array: TypeAlias = NDArray[np.float64]
Value = TypeVar("Value", float, Array)


@dataclass(frozen=True)
class GroupAccuracy(Generic[Value]):
    """Accuracy of the majority, the minority, the worse of the two, and their average.

    Attributes
    ----------
    majority, minority, worst, average : float or array
        Shares in [0, 1]. On test data the average is rho·majority + (1 − rho)·minority; on a
        training set it is the share of all examples that are right.

    Examples
    --------
    >>> GroupAccuracy.of(1.0, 0.5, 0.9)
    GroupAccuracy(majority=1.0, minority=0.5, worst=0.5, average=0.95)
    """

    majority: Value
    minority: Value
    worst: Value
    average: Value

    @classmethod
    def of(cls, majority: Value, minority: Value, majority_share: float) -> GroupAccuracy[Value]:
        """The four from the two groups and the majority's share.

        Examples
        --------
        >>> GroupAccuracy.of(0.5, 1.0, 0.5).worst
        0.5
        """
        worst: Any = np.minimum(majority, minority)
        if not np.ndim(worst):
            worst = float(worst)
        average: Any = majority_share * majority + (1 - majority_share) * minority
        return cls(majority, minority, worst, average)

    @classmethod
    def counted(cls, right: ArrayLike, groups: ArrayLike | None) -> GroupAccuracy[Any]:
        """The four from who is right; the average is the share of all examples.

        Parameters
        ----------
        right : bool array (n,) or (T, n)
        groups : integer array (n,) or None
            1 majority and 0 minority; all are in the majority where there are none. An empty group
            scores 1: nothing in it is wrong.

        Examples
        --------
        >>> GroupAccuracy.counted([True, False, True, True], [1, 1, 0, 0])
        GroupAccuracy(majority=0.5, minority=1.0, worst=0.5, average=0.75)
        """
        table = np.asarray(right, dtype=float)
        inside = np.ones(table.shape[-1]) if groups is None else np.asarray(groups) == MAJORITY

        def share(members: Array) -> Any:
            count = float(members.sum())
            found = table @ members / count if count else np.ones(table.shape[:-1])
            return found if np.ndim(found) else float(found)

        majority = np.asarray(inside, dtype=float)
        return cls.of(share(majority), share(1 - majority), float(majority.mean()))


class GroupScore(NamedTuple):
    """Scores of the majority and of the minority: probits of their accuracies.

    Attributes
    ----------
    majority, minority : float or array

    Examples
    --------
    >>> GroupScore(2.0, -1.0).minority
    -1.0
    """

    majority: Any
    minority: Any


def margin_moments(
    core: ArrayLike, spurious: ArrayLike, memory: ArrayLike, setting: Setting
) -> tuple[Array, Array, Array]:
    """Means of the majority's and the minority's test margins, and their common deviation.

    w_y ± γ·w_a, and √(σ_y²w_y² + γ²σ_a²w_a² + σ²‖w_ε‖²).

    Parameters
    ----------
    core, spurious, memory : array_like
        Coordinates of the weights, of one shape. Memory counts only if the setting has d > 0.
    setting : Setting
        Gives γ and the noise of the test examples.

    Examples
    --------
    >>> setting = Setting(n=10, d=50, rho=0.9, gamma=5.0, sigma=0.5)
    >>> [float(each) for each in margin_moments(1.0, 0.1, 2.0, setting)]
    [1.5, 0.5, 1.0]
    """
    core, spurious, memory = (np.asarray(x, dtype=float) for x in (core, spurious, memory))
    pull = setting.gamma * spurious
    noise = np.hypot(setting.core_noise * core, setting.spurious_noise * pull)
    deviation = np.hypot(noise, setting.sigma * memory * (setting.d > 0))
    return np.asarray(core + pull), np.asarray(core - pull), np.asarray(deviation)


def group_score(
    core: ArrayLike, spurious: ArrayLike, memory: ArrayLike, setting: Setting
) -> GroupScore:
    """Mean over standard deviation of a test margin, per group: the probit of `group_accuracy`.

    (w_y ± γ·w_a) / √(σ_y²w_y² + γ²σ_a²w_a² + σ²‖w_ε‖²), with ±inf or 0 by the numerator's sign
    where the variance is zero.

    Parameters
    ----------
    core, spurious, memory : array_like
        Coordinates of the weights, of one shape. Memory counts only if the setting has d > 0.
    setting : Setting
        Gives γ and the noise of the test examples.

    Returns
    -------
    GroupScore
        Floats for scalar input, else arrays.

    Examples
    --------
    >>> setting = Setting(n=10, d=50, rho=0.9, gamma=5.0, sigma=0.5)
    >>> group_score(1.0, 0.0, 2.0, setting)
    GroupScore(majority=1.0, minority=1.0)
    """
    majority, minority, deviation = margin_moments(core, spurious, memory, setting)

    def score(mean: Array) -> Any:
        with np.errstate(over="ignore"):
            certain = np.array(np.where(mean == 0, 0.0, np.copysign(np.inf, mean)))
            ratio = np.divide(mean, deviation, out=certain, where=deviation > 0)
        return ratio if np.ndim(ratio) else float(ratio)

    return GroupScore(score(majority), score(minority))


def group_accuracy(
    core: ArrayLike, spurious: ArrayLike, memory: ArrayLike, setting: Setting
) -> GroupAccuracy[Any]:
    """Closed-form test accuracy of weights (w_y, w_a, ‖w_ε‖) to true labels, per group.

    A test margin is Gaussian: acc = Φ((w_y ± γ·w_a) / √(σ_y²w_y² + γ²σ_a²w_a² + σ²‖w_ε‖²)), with
    1, ½ or 0 by the numerator's sign where the variance is zero. w = 0 scores ½.

    Parameters
    ----------
    core, spurious, memory : array_like
        Coordinates of the weights, of one shape. Memory counts only if the setting has d > 0.
    setting : Setting
        Gives γ, ρ and the noise of the test examples.

    Returns
    -------
    GroupAccuracy
        Floats for scalar input, else arrays.

    Examples
    --------
    >>> setting = Setting(n=10, d=50, rho=0.9, gamma=5.0, sigma=0.5)
    >>> round(group_accuracy(1.0, 0.0, 2.0, setting).minority, 6)
    0.841345
    """
    majority, minority = (
        ndtr(score) if np.ndim(score) else float(ndtr(score))
        for score in group_score(core, spurious, memory, setting)
    )
    return GroupAccuracy.of(majority, minority, setting.rho)
