"""Which method, until when, counted on features of one's own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..theory import SettingError
from .arguments import Progress, silent
from .compare import checked_time
from .comparison import Comparison, Curve
from .own.counting import Counted
from .own.table import OwnFeatures, Table
from .own.training import OwnRun, OwnTraining, train_own
from .standings import standings

__all__ = ["compare_own", "counted_comparison"]

Array: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]


def compare_own(
    own: OwnFeatures,
    methods: Sequence[str] | None = None,
    *,
    time: float | None = None,
    seed: int = 0,
    center: bool = True,
    points: int = 49,
    progress: Progress = silent,
) -> Comparison:
    """Train on features of one's own, and rank methods by the worst part's counted accuracy.

    Parameters
    ----------
    own : OwnFeatures
        With test examples.
    methods : sequence of str, optional
        Of `METHODS`; by default all that the groups and the fit admit.
    time : float, optional
        t = learning rate × steps on these features at which training would end, in (0, 1e16]: what
        to rank by. By default methods are ranked by their limits.
    seed : int
        Of MAT's twins and of subsampling.
    center : bool
        Take the training examples' mean off all features.
    points : int
        Times looked at, evenly spaced in the logarithm.
    progress : callable
        Called with (done, total, label).

    Returns
    -------
    Comparison
        With standard errors. The best time of many is chosen on the test examples themselves, so
        that what is counted there is a little too good.

    Raises
    ------
    SettingError
        There are no test examples, an argument is out of range, or a method asked for by name
        needs what is not there.

    Examples
    --------
    >>> from pitfalls.sims import draw
    >>> from pitfalls.studies.own import own_features
    >>> from pitfalls.theory import Setting
    >>> sample = draw(Setting(400, 800, 0.9, 5.0, 0.4, 0.2, 0.2), seed=1, kind="explicit")
    >>> own = own_features(sample.features, sample.labels, groups=sample.groups, holdout=0.5)
    >>> found = compare_own(own, ["erm", "logit-shifting"], time=10.0, points=9)
    >>> for each in found.standings:
    ...     print(f"{each.name}: {each.worst_at_time:.2f} ± {each.error_at_time:.2f}", each.even)
    logit shifting: 0.90 ± 0.07 True
    ERM: 0.15 ± 0.08 False
    """
    time = checked_time(time)
    if own.test is None:
        raise SettingError(
            "test examples",
            None,
            "given, to compare methods by them",
            "Hold some out (--holdout 0.2), or mark them in a column of your own (--split NAME).",
        )
    training = train_own(
        own,
        methods,
        center=center,
        seed=seed,
        points=points,
        record=() if time is None else (time,),
        progress=progress,
    )
    return counted_comparison(training, time)


def counted_comparison(training: OwnTraining, time: float | None = None) -> Comparison:
    """The same of a training over time with test examples, one of whose times this is.

    Examples
    --------
    See `compare_own`.
    """
    prepared = training.prepared
    times = training.runs[0].run.times
    curves = [_curve(training, run) for run in training.runs]
    found, curves = standings(curves, times, time)
    by_method = {run.method: run for run in training.runs}
    right = [_worst_part(training, by_method[each.method], time) for each in found]
    found = [
        replace(each, behind=_behind(right[0], own)) for each, own in zip(found, right, strict=True)
    ]
    fit = prepared.fit
    setting = None if fit is None else fit.setting
    left_out = training.left_out
    return Comparison(found, curves, times, time, "counted", setting, training.seed, left_out)


def _curve(training: OwnTraining, run: OwnRun) -> Curve:
    test, limit, table = run.test, run.limit, training.prepared.test
    if test is None or limit is None or table is None:
        raise SettingError("test examples", None, "given, to compare methods by them")
    predicted = run.predicted
    return Curve(
        method=run.method,
        name=run.run.name,
        worst=np.asarray(test.worst),
        end=run.solution,
        limit=float(limit.worst),
        error=_error(test, table),
        limit_error=float(_error(limit, table)),
        predicted=None if predicted.accuracy is None else np.asarray(predicted.accuracy.worst),
        predicted_limit=None if predicted.limit is None else predicted.limit.worst,
    )


def _error(found: Counted, test: Table) -> Array:
    """Standard error of the worst part's accuracy, nowhere zero: of half an example more."""
    sizes = np.array([float(len(test.labels))])
    if test.parts is not None and found.parts.shape[-1]:
        counts = np.bincount(test.parts, minlength=found.parts.shape[-1]).astype(float)
        sizes = counts[np.nanargmin(found.parts, axis=-1)]
    worst = np.asarray(found.worst)
    return np.asarray(np.sqrt(worst * (1 - worst) / sizes + 1 / (4 * sizes**2))).reshape(
        worst.shape
    )


class _Part(NamedTuple):
    """A method's worst part, and who of it is right."""

    members: Mask
    right: Mask


def _worst_part(training: OwnTraining, run: OwnRun, time: float | None) -> _Part:
    """At a time, or in the limit."""
    test, sample = training.prepared.test, training.prepared.sample
    found = run.limit if time is None else run.test
    if test is None or found is None:
        raise SettingError("test examples", None, "given, to compare methods by them")
    index = int(np.searchsorted(run.run.times, 0.0 if time is None else time))
    weights = sample.weights(run.solution if time is None else run.run)
    weights = weights if time is None else weights[index]
    members = np.ones(len(test.labels), dtype=bool)
    if test.parts is not None and found.parts.shape[-1]:
        parts = found.parts if time is None else found.parts[index]
        members = test.parts == np.nanargmin(parts)
    return _Part(members, np.asarray(test.labels * (test.features @ weights) > 0))


def _behind(first: _Part, other: _Part) -> float:
    """What the other lacks of the first, in standard errors of the difference.

    Counts of one part are paired; those of two different parts are of different examples.
    """
    if (first.members == other.members).all():
        gap = first.right[first.members].astype(float) - other.right[first.members]
        error = math.sqrt(gap.var() / gap.size + 1 / (4 * gap.size**2))
        return float(gap.mean()) / error
    shares = [float(part.right[part.members].mean()) for part in (first, other)]
    sizes = [int(part.members.sum()) for part in (first, other)]
    variance = sum(
        share * (1 - share) / size + 1 / (4 * size**2)
        for share, size in zip(shares, sizes, strict=True)
    )
    return (shares[0] - shares[1]) / math.sqrt(variance)
