"""What a comparison of methods is: standings, and the curves that they were read off."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..theory import Setting, Solution
from .leads import Stretch

__all__ = ["EVEN", "SAME", "TOLERANCE", "Comparison", "Curve", "Standing"]

Array: TypeAlias = NDArray[np.float64]

TOLERANCE = 0.01
"""Accuracy that a time in a window may lack of the best."""

EVEN = 2.0
"""Standard errors below which a difference of counts says nothing."""

SAME = 1e-9
"""What rounding makes of equal numbers."""


class Curve(NamedTuple):
    """The worst group's test accuracy by one method.

    Attributes
    ----------
    method : str
        As the command calls it.
    name : str
    worst : array (T,)
    end : Solution
        What training tends to.
    limit : float
        The worst group's accuracy there.
    error : array (T,) or None
        Standard errors of what was counted; None of what was predicted.
    limit_error : float or None
    predicted : array (T,) or None
        Beside what was counted, if there is a prediction.
    predicted_limit : float or None

    Examples
    --------
    >>> Curve("erm", "ERM", np.array([0.5, 0.6]), Solution(1.0, 0.0, 0.0), 0.7).limit
    0.7
    """

    method: str
    name: str
    worst: Array
    end: Solution
    limit: float
    error: Array | None = None
    limit_error: float | None = None
    predicted: Array | None = None
    predicted_limit: float | None = None


@dataclass(frozen=True)
class Standing:
    """One method among others, by the worst group's test accuracy.

    Attributes
    ----------
    method, name : str
        As the command and as tables call it.
    worst_at_time, error_at_time : float or None
        At the time asked for, and the standard error of what was counted.
    worst_in_limit : float
    error_in_limit : float or None
    best, best_time : float
        Of the recorded times.
    window : (float, float)
        Around it, the times with all but 0.01 of the best, as `early_stopping` has them.
    lasts : bool
        There is no need to stop: the window goes on to the last time, and the limit has all but
        0.01 of the best, or more.
    leads : list of (float, float)
        When it is the best of all methods; see `pitfalls.studies.leads.leads`.
    rank : int or None
        At the time asked for: one more than there are better ones.
    rank_in_limit : int
    behind : float or None
        What it lacks of the first, in standard errors of the difference of two counts.

    Examples
    --------
    See `compare`.
    """

    method: str
    name: str
    worst_at_time: float | None
    error_at_time: float | None
    worst_in_limit: float
    error_in_limit: float | None
    best: float
    best_time: float
    window: Stretch
    lasts: bool
    leads: list[Stretch]
    rank: int | None
    rank_in_limit: int
    behind: float | None = None

    @property
    def even(self) -> bool:
        """It cannot be told from the first by so few test examples; False without counts.

        Examples
        --------
        >>> one = Standing("erm", "ERM", 1, 0, 1, 0, 1, 1, (1, 1), True, [], 2, 2, behind=1.5)
        >>> one.even
        True
        """
        return self.behind is not None and abs(self.behind) < EVEN


@dataclass(frozen=True, eq=False)
class Comparison:
    """Methods ranked by the worst group's test accuracy.

    Attributes
    ----------
    standings : list of Standing
        The best first: at the time asked for, else in the limit.
    curves : list of Curve
        In the same order.
    times : array (T,)
        t = learning rate × steps.
    time : float or None
        What was asked for; one of the times.
    source : str
        "predicted", of a setting, or "counted", on test examples.
    setting : Setting or None
        Given, or fitted to the features; None where there is no fit.
    seed : int
    left_out : dict of str to str
        Methods that do not exist here, and why.

    Examples
    --------
    See `compare`.
    """

    standings: list[Standing]
    curves: list[Curve]
    times: Array
    time: float | None
    source: str
    setting: Setting | None
    seed: int
    left_out: dict[str, str]

    @property
    def worst(self) -> Array:
        """Array (M, T): the worst group's accuracy by every method at every time.

        Examples
        --------
        See `compare`.
        """
        return np.stack([curve.worst for curve in self.curves])

    @property
    def limits(self) -> Array:
        """Array (M,): the same in the limit.

        Examples
        --------
        See `compare`.
        """
        return np.array([curve.limit for curve in self.curves])

    @property
    def best_in_limit(self) -> Standing:
        """The first in the limit, of equal ones the better at the time asked for.

        Examples
        --------
        See `compare`.
        """
        return min(self.standings, key=lambda each: each.rank_in_limit)

    def sharing(self) -> list[list[str]]:
        """Names of the methods that tend to one and the same solution, where several do.

        Examples
        --------
        See `compare`.
        """
        together: list[list[Curve]] = []
        for curve in self.curves:
            for group in together:
                ends = (curve.end.coordinates, group[0].end.coordinates)
                if np.allclose(*ends, rtol=SAME, atol=SAME):
                    group.append(curve)
                    break
            else:
                together.append([curve])
        return [[curve.name for curve in group] for group in together if len(group) > 1]

    def timeline(self) -> list[tuple[str, float, float]]:
        """Who leads from when until when, by name, in order of time.

        Examples
        --------
        See `compare`.
        """
        found = [(each.name, *stretch) for each in self.standings for stretch in each.leads]
        return sorted(found, key=lambda lead: lead[1:])

    def as_json(self) -> dict[str, Any]:
        """The comparison as a JSON object, schema 1; what is unknown is null.

        Examples
        --------
        See `compare`.
        """
        methods = [
            {
                **asdict(each),
                "window": list(each.window),
                "leads": [list(lead) for lead in each.leads],
                "worst": curve.worst.tolist(),
                "errors": _plain(curve.error),
                "predicted": _plain(curve.predicted),
                "predicted_limit": curve.predicted_limit,
            }
            for each, curve in zip(self.standings, self.curves, strict=True)
        ]
        return {
            "schema": 1,
            "seed": self.seed,
            "source": self.source,
            "setting": None if self.setting is None else asdict(self.setting),
            "time": self.time,
            "times": self.times.tolist(),
            "methods": methods,
            "one_limit": self.sharing(),
            "left_out": [
                {"objective": name, "reason": reason} for name, reason in self.left_out.items()
            ],
        }


def _plain(values: Array | None) -> list[float] | None:
    return None if values is None else values.tolist()
