"""How far the fitted model's prediction is from what was counted on test examples."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...theory import MAJORITY, MINORITY

if TYPE_CHECKING:
    from .training import OwnRun, OwnTraining

__all__ = ["Difference", "differences", "largest"]


class Difference(NamedTuple):
    """A counted accuracy of one group, and what was predicted.

    Attributes
    ----------
    group : str
    place : float
        Time, or strength λ on a ridge path; infinite for the limit.
    counted, predicted : float
    z : float
        Their difference over the standard deviation of a count that has the predicted mean (and
        half an example more, so that it is nowhere zero). Times of one run share their examples,
        and the prediction has an error of its own: few examples fitted it.

    Examples
    --------
    >>> round(difference("minority", 1.0, 0.6, 0.5, 100).z, 2)
    1.99
    """

    group: str
    place: float
    counted: float
    predicted: float
    z: float


def difference(
    group: str, place: float, counted: float, predicted: float, examples: int
) -> Difference:
    """The two, and how many standard deviations of a count of so many examples they are apart.

    Examples
    --------
    >>> difference("minority", 1.0, 1.0, 1.0, 10).z
    0.0
    """
    deviation = math.sqrt(predicted * (1 - predicted) / examples + 1 / (4 * examples**2))
    return Difference(group, place, counted, predicted, (counted - predicted) / deviation)


def differences(training: OwnTraining, run: OwnRun) -> list[Difference]:
    """Of every group at every time or strength, and in the limit, as far as both are known.

    Not at t = 0, where no weight says anything: no margin is right, and half of them are predicted.

    Examples
    --------
    See `largest`.
    """
    return list(_differences(training, run))


def _differences(training: OwnTraining, run: OwnRun) -> Iterator[Difference]:
    test = training.prepared.test
    if test is None or test.groups is None or run.test is None or run.limit is None:
        return
    places = run.run.times if run.run.strengths is None else run.run.strengths
    sizes = {
        "majority": (test.groups == MAJORITY).sum(),
        "minority": (test.groups == MINORITY).sum(),
    }
    for group, size in sizes.items():
        if not size:
            continue
        if run.predicted.accuracy is not None and run.test.groups is not None:
            found = getattr(run.test.groups, group)
            expected = getattr(run.predicted.accuracy, group)
            for place, value, guess in zip(places, found, expected, strict=True):
                if place > 0:
                    yield difference(group, float(place), float(value), float(guess), int(size))
        if run.predicted.limit is not None and run.limit.groups is not None:
            found, expected = getattr(run.limit.groups, group), getattr(run.predicted.limit, group)
            yield difference(group, np.inf, float(found), float(expected), int(size))


def largest(training: OwnTraining, run: OwnRun) -> Difference | None:
    """The one that is furthest from zero, in standard deviations; None if nothing is compared.

    Examples
    --------
    >>> from pitfalls.sims import draw
    >>> from pitfalls.studies.own import own_features, train_own
    >>> from pitfalls.theory import Setting
    >>> sample = draw(Setting(300, 300, 0.8, 3.0, 0.2, 0.2, 0.2), seed=1, kind="explicit")
    >>> own = own_features(sample.features, sample.labels, groups=sample.groups, holdout=0.5)
    >>> training = train_own(own, ["erm"], latest=10.0, points=3)
    >>> abs(largest(training, training.runs[0]).z) < 4
    True
    """
    return max(_differences(training, run), key=lambda each: abs(each.z), default=None)
