"""Which method, until when: of a setting, predicted; of features of one's own, counted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..theory import PitfallsError, Setting, SettingError, proportional
from ..theory.arguments import LATEST, checked_count
from .arguments import Progress, silent
from .comparison import Comparison, Curve
from .standings import standings
from .train import end_of_training, in_the_model

__all__ = ["PREDICTED", "checked_time", "compare"]

Array: TypeAlias = NDArray[np.float64]

PREDICTED = ("erm", "reweighting", "logit-shifting", "subsampling", "curing-scale", "lasting-cure")
"""Methods that are compared without data; MAT is logit shifting there."""

_FIRST = 1e-2
_SETS = 2


def checked_time(time: float | None) -> float | None:
    """The time asked for, in (0, 1e16], or none; SettingError otherwise.

    Examples
    --------
    >>> checked_time(20)
    20.0
    """
    if time is None:
        return None
    if isinstance(time, bool) or not isinstance(time, (int, float)) or not 0 < time <= LATEST:
        raise SettingError("time", time, "a number in (0, 1e16]")
    return float(time)


def compare(
    setting: Setting,
    methods: Sequence[str] | None = None,
    *,
    time: float | None = None,
    latest: float = 1e12,
    seed: int = 0,
    a_decade: int = 16,
    sites: int = 512,
    progress: Progress = silent,
) -> Comparison:
    """Rank methods by the worst group's test accuracy, without data (P12 and P9).

    Parameters
    ----------
    setting : Setting
    methods : sequence of str, optional
        Of `PREDICTED`; by default all that the setting admits.
    time : float, optional
        t = learning rate × steps at which training would end, in (0, 1e16]: what to rank by. By
        default methods are ranked by their limits.
    latest : float
        The last time looked at, in (0.01, 1e16].
    seed : int
        Of the sites.
    a_decade : int
        Times looked at in every tenfold time.
    sites : int
        Of `proportional.flow`.
    progress : callable
        Called with (done, total, label).

    Returns
    -------
    Comparison

    Raises
    ------
    SettingError
        An argument is out of range.
    PitfallsError
        A method that was asked for by name, or ERM, does not exist in this setting. ERM's flow has
        to come to rest by the latest time where the setting cannot be separated.

    Examples
    --------
    In the paper's Figure 1, at the end of its 1,000 steps and for good:

    >>> found = compare(
    ...     Setting.figure_1(), ["erm", "reweighting", "logit-shifting"], time=20.0, sites=256
    ... )
    >>> for each in found.standings:
    ...     print(each.rank, each.name, round(each.worst_at_time, 2), round(each.worst_in_limit, 2))
    1 logit shifting 0.94 0.7
    2 reweighting 0.59 0.7
    3 ERM 0.12 0.7
    >>> found.sharing(), found.best_in_limit.rank_in_limit
    ([['logit shifting', 'reweighting', 'ERM']], 1)
    >>> found.worst.shape, found.limits.round(2), found.timeline()[-1][0]
    ((3, 226), array([0.7, 0.7, 0.7]), 'logit shifting')
    >>> list(found.as_json())[:6]
    ['schema', 'seed', 'source', 'setting', 'time', 'times']
    """
    names = list(PREDICTED) if methods is None else list(dict.fromkeys(methods))
    _check_names(names)
    if isinstance(latest, bool) or not _FIRST < latest <= LATEST:
        raise SettingError("latest", latest, f"a number in ({_FIRST:g}, 1e16]")
    time = checked_time(time)
    checked_count("seed", seed)
    a_decade = checked_count("a_decade", a_decade, least=1)
    decades = math.ceil(round(math.log10(latest / _FIRST), 9))
    times = np.geomspace(_FIRST, latest, 1 + a_decade * decades)
    times = times if time is None else np.union1d(times, time)
    curves, left_out = [], {}
    for k, name in enumerate(names):
        progress(k, len(names), f"predicting {_words(name)}")
        try:
            curves.append(_curve(name, setting, times, seed, sites))
        except PitfallsError as reason:
            # Without ERM there is nothing to compare with, and its reason is the others' too.
            if methods is not None or name == "erm":
                raise
            left_out[_words(name)] = str(reason)
    progress(len(names), len(names), "done")
    ranked, curves = standings(curves, times, time)
    return Comparison(ranked, curves, times, time, "predicted", setting, seed, left_out)


def _check_names(names: Sequence[str]) -> None:
    if "mat" in names:
        fix = "Compare it on features, or on a draw (pitfalls train)."
        raise SettingError("objectives", "mat", "left out: in the model it is logit shifting", fix)
    unknown = [name for name in names if name not in PREDICTED]
    if unknown or not names:
        raise SettingError("objectives", unknown or names, f"some of {', '.join(PREDICTED)}")


def _words(name: str) -> str:
    return name.replace("-", " ")


def _curve(name: str, setting: Setting, times: Array, seed: int, sites: int) -> Curve:
    """One method, tested in the setting whatever it is trained in."""
    where, objective = in_the_model(name, setting)
    run = proportional.flow(
        where, objective, times, seed=seed, sets=_SETS, sites=sites, examples=False
    )
    end = end_of_training(where, objective)
    shown = "subsampling" if name == "subsampling" else objective.name
    return Curve(name, shown, run.accuracy(setting).worst, end, end.accuracy(setting).worst)
