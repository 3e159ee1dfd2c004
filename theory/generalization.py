"""What a training run looks like from outside: held-out data, and when to stop.

All of it is about a `Trajectory` and the setting its test data come from, whoever computed it:
`orthogonal.flow`, `proportional.flow`, or a simulation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import NDArray
from scipy import stats
from scipy.special import ndtri

from .accuracy import GroupAccuracy, margin_moments
from .arguments import checked_between, checked_count, checked_share
from .errors import SettingError
from .hinge import hinge
from .resources import require
from .results import Trajectory
from .setting import Setting

__all__ = [
    "EarlyStopping",
    "PerGroup",
    "accuracy_interval",
    "early_stopping",
    "examples_needed",
    "gap",
    "test_loss",
    "window",
]

Array: TypeAlias = NDArray[np.float64]

_NODES = 64
_FAR, _POINTS = 40.0, 120


class PerGroup(NamedTuple):
    """A number over time, of each group and on average.

    Attributes
    ----------
    majority, minority, average : arrays (T,)

    Examples
    --------
    >>> PerGroup._fields
    ('majority', 'minority', 'average')
    """

    majority: Array
    minority: Array
    average: Array


def gap(run: Trajectory, setting: Setting) -> PerGroup:
    """Training accuracy less test accuracy, per group.

    Training accuracy is to training labels, by observed group; test accuracy to true ones. With
    label noise both differ from 0 where the noise is memorised.

    Parameters
    ----------
    run : Trajectory
    setting : Setting

    Returns
    -------
    PerGroup

    Examples
    --------
    ERM fits the training set at t = 4.4, and has the minority wrong until t = 6e9:

    >>> from pitfalls.theory import Objective, orthogonal
    >>> setting = Setting(n=1000, d=10**6, rho=0.9, gamma=5.0, sigma=(0.9 * 9 / 19 / 1000) ** 0.5)
    >>> run = orthogonal.flow(setting, Objective.erm(), [4.0, 10.0, 1e12])
    >>> gap(run, setting).minority.round(2)
    array([0.  , 1.  , 0.21])
    """
    test = run.accuracy(setting)
    return PerGroup(
        run.train.majority - test.majority,
        run.train.minority - test.minority,
        run.train.average - test.average,
    )


def test_loss(run: Trajectory, setting: Setting) -> PerGroup:
    """Mean logistic loss E log(1 + e^{−m}) on test data with true labels, per group.

    A test margin m is Gaussian (see `group_accuracy`). Where its deviation is below 1 by
    Gauss–Hermite quadrature, else as E(−m)₊ in closed form and the bounded rest E log(1 + e^{−|m|})
    by Gauss–Legendre quadrature. Limits: log 2 at w = 0; log(1 + e^{−m}) without noise. Check:
    0.806059 at mean 0 and deviation 1.

    Parameters
    ----------
    run : Trajectory
    setting : Setting

    Returns
    -------
    PerGroup

    Examples
    --------
    >>> from pitfalls.theory import Objective, orthogonal
    >>> setting = Setting(n=1000, d=2000, rho=0.9, gamma=5.0, sigma=0.5)
    >>> test_loss(orthogonal.flow(setting, Objective.erm(), [0.0, 20.0]), setting).average.round(3)
    array([0.693, 0.171])
    """
    *means, deviation = margin_moments(run.core, run.spurious, run.memory, setting)
    majority, minority = (_expected_loss(mean, deviation) for mean in means)
    return PerGroup(majority, minority, setting.rho * majority + (1 - setting.rho) * minority)


test_loss.__test__ = False  # type: ignore[attr-defined]  # for pytest


def _expected_loss(mean: Array, deviation: Array) -> Array:
    """E log(1 + e^{−m}) of Gaussian m."""
    points, masses = hermegauss(_NODES)
    narrow = np.logaddexp(0, -(mean[:, None] + np.minimum(deviation, 1)[:, None] * points))
    wide = np.maximum(deviation, 1)[:, None]
    nodes, widths = np.polynomial.legendre.leggauss(_POINTS)
    size = _FAR * (1 + nodes) / 2
    bounded = _FAR / 2 * widths * np.log1p(np.exp(-size))
    density = sum(
        np.exp(-(((sign * size - mean[:, None]) / wide) ** 2) / 2) for sign in (-1, 1)
    ) / (math.sqrt(2 * math.pi) * wide)
    rest = density @ bounded
    ramp = hinge(-mean, wide[:, 0] ** 2).first
    return np.asarray(np.where(deviation < 1, narrow @ masses / masses.sum(), ramp + rest))


@dataclass(frozen=True)
class EarlyStopping:
    """When to stop, by several rules; of the recorded times.

    Attributes
    ----------
    time : float
        At which the worst group's test accuracy is highest.
    accuracy : GroupAccuracy
        Test accuracy then.
    window : (float, float)
        Around it, the times at which the worst group has all but ``tolerance`` of that. Up to the
        last recorded time if it goes on.
    average_time : float
        At which the average test accuracy is highest.
    at_average : GroupAccuracy
        Test accuracy then.
    loss_time : float
        At which the average test loss is lowest: what a validation set without groups says.
    at_loss : GroupAccuracy
    last : GroupAccuracy
        At the last recorded time.

    Examples
    --------
    See `early_stopping`.
    """

    time: float
    accuracy: GroupAccuracy[float]
    window: tuple[float, float]
    average_time: float
    at_average: GroupAccuracy[float]
    loss_time: float
    at_loss: GroupAccuracy[float]
    last: GroupAccuracy[float]


def window(times: Array, values: Array, tolerance: float) -> tuple[float, float]:
    """The first and the last recorded time around the best at which all but a little of it is had.

    Parameters
    ----------
    times, values : arrays (T,)
    tolerance : float
        What a value may lack of the best.

    Examples
    --------
    >>> window(np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.5, 0.9, 0.895, 0.6]), 0.01)
    (2.0, 3.0)
    """
    best = int(values.argmax())
    outside = np.flatnonzero(values < values[best] - tolerance)
    first = int(outside[outside < best].max(initial=-1)) + 1
    last = int(outside[outside > best].min(initial=len(values))) - 1
    return float(times[first]), float(times[last])


def early_stopping(run: Trajectory, setting: Setting, tolerance: float = 0.01) -> EarlyStopping:
    """When to stop for the worst group, how exactly, and what other rules cost.

    Parameters
    ----------
    run : Trajectory
        Its recorded times are those there are: record many, evenly in log t.
    setting : Setting
    tolerance : float
        Accuracy that a time in the window may lack, in [0, 1].

    Raises
    ------
    SettingError
        The tolerance is out of range.

    Examples
    --------
    Logit shifting in Figure 1's setting, without data:

    >>> from pitfalls.theory import Objective, proportional
    >>> setting = Setting.figure_1()
    >>> shift = Objective.logit_shifting(setting)
    >>> run = proportional.flow(setting, shift, np.logspace(-2, 6, 129), sets=1, sites=256)
    >>> stop = early_stopping(run, setting)
    >>> for accuracy in (stop.accuracy, stop.at_average, stop.at_loss, stop.last):
    ...     print(round(accuracy.majority, 2), round(accuracy.minority, 2))
    0.97 0.97
    1.0 0.9
    1.0 0.79
    1.0 0.75
    """
    tolerance = checked_share("tolerance", tolerance)
    test = run.accuracy(setting)
    best = int(test.worst.argmax())
    by_average = int(test.average.argmax())
    by_loss = int(test_loss(run, setting).average.argmin())

    def at(index: int) -> GroupAccuracy[float]:
        return GroupAccuracy.of(
            float(test.majority[index]), float(test.minority[index]), setting.rho
        )

    return EarlyStopping(
        time=float(run.times[best]),
        accuracy=at(best),
        window=window(run.times, test.worst, tolerance),
        average_time=float(run.times[by_average]),
        at_average=at(by_average),
        loss_time=float(run.times[by_loss]),
        at_loss=at(by_loss),
        last=at(-1),
    )


def accuracy_interval(right: int, count: int, level: float = 0.95) -> tuple[float, float]:
    """Exact confidence interval of an accuracy from held-out examples (Clopper & Pearson 1934).

    Parameters
    ----------
    right, count : int
        So many of so many held-out examples are right.
    level : float
        In (0, 1).

    Raises
    ------
    SettingError
        An argument is out of range.

    Examples
    --------
    Ten held-out examples of the minority, all right:

    >>> low, high = accuracy_interval(10, 10)
    >>> round(low, 3), high
    (0.692, 1.0)
    """
    count = checked_count("count", count, least=1)
    right = checked_count("right", right)
    if right > count:
        raise SettingError("right", right, f"an integer in 0 … count = {count}")
    level = checked_between("level", level, 0, 1)
    found = stats.binomtest(right, count).proportion_ci(level, "exact")
    return float(found.low), float(found.high)


def examples_needed(
    accuracy: float, training: float = 1.0, level: float = 0.95, power: float = 0.95
) -> int:
    """Held-out examples of a group from which on its gap to the training accuracy is seen.

    The least count from which on, with probability ``power``, the exact interval of the test
    accuracy lies below the training accuracy. Where that is 1 a single error shows it: the count is
    ⌈log(1 − power)/log(accuracy)⌉.

    Parameters
    ----------
    accuracy, training : float
        Of the group: the test accuracy in [0, 1), and what training reads, above it.
    level, power : float
        In (0, 1).

    Raises
    ------
    SettingError
        An argument is out of range.
    ResourceError
        The gap is so small that the counts looked at do not fit in memory.

    Examples
    --------
    >>> examples_needed(0.0), examples_needed(0.5), examples_needed(0.9), examples_needed(0.9, 0.95)
    (1, 5, 29, 379)
    """
    level, power = checked_between("level", level, 0, 1), checked_between("power", power, 0, 1)
    accuracy = checked_share("accuracy", accuracy)
    training = checked_share("training", training)
    if not accuracy < training:
        raise SettingError(
            "accuracy", accuracy, f"below the training accuracy, {training:g}", "There is no gap."
        )
    if accuracy == 0 and training == 1:
        return 1
    if training == 1:
        # Of a product that rounding may have lifted above an integer.
        return max(1, math.ceil(math.log(1 - power) / math.log(accuracy) - 1e-12))
    tail = (1 - level) / 2
    # Of two normal laws so far apart; large where the gap is small, and then refused at once.
    spread = ndtri(1 - tail) * math.sqrt(training * (1 - training))
    spread += ndtri(power) * math.sqrt(accuracy * (1 - accuracy))
    about = (float(spread) / (training - accuracy)) ** 2
    most = 64
    while True:
        require(
            128.0 * max(most, about),
            f"the count for a gap of {training - accuracy:g}",
            "ask about a larger gap",
        )
        counts = np.arange(1, 2 * most + 1)
        # The most right answers whose interval ends below ``training``: the largest k with
        # P(X ≤ k) < tail.
        largest = stats.binom.ppf(tail, counts, training) - 1
        seen = stats.binom.cdf(largest, counts, accuracy) >= power
        first = int(np.flatnonzero(~seen).max(initial=-1)) + 1
        # A power that stays above its goal for half of the counts looked at has done so for good.
        if first <= most:
            return int(counts[first])
        most *= 2
