"""A prediction for n → ∞ against simulation at three sizes, in many settings."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple, TypeAlias, TypedDict

import numpy as np
from numpy.typing import NDArray

from ..sims import replicate, stream
from ..theory import SettingError
from .arguments import Progress, check_run, silent
from .extrapolation import Extrapolation, extrapolate
from .limit_design import Case
from .statements import Measured, Statement, judge, statistical

__all__ = ["Effort", "Options", "Point", "ThreeSizes", "point", "three_sizes"]

Array: TypeAlias = NDArray[np.float64]
Seed: TypeAlias = np.random.SeedSequence
Simulate: TypeAlias = Callable[[Case, int, Seed], Array]
Compare: TypeAlias = Callable[[Case, Sequence[Array], "Effort", int], Iterable["Point"]]

_SHARE = (4, 2, 1)
"""Draws at each size, in units of those at the largest."""


class Effort(NamedTuple):
    """How much is computed.

    Attributes
    ----------
    sizes : (n, 2n, 4n)
        Examples.
    draws : int
        At the largest size.
    sets, sites : int
        Of `proportional.flow`: sets of sites, and sites of each.

    Examples
    --------
    >>> Effort((10, 20, 40), draws=2, sets=4, sites=256).sizes[-1]
    40
    """

    sizes: tuple[int, int, int]
    draws: int
    sets: int
    sites: int


class Point(NamedTuple):
    """One quantity of one method in one setting, at one time where it is of one.

    Attributes
    ----------
    case : Case
    objective, quantity : str
    time : float
        nan for a quantity of the whole run.
    fit : Extrapolation
        Of the simulations.
    statement : Statement

    Examples
    --------
    >>> Point._fields[:2]
    ('case', 'objective')
    """

    case: Case
    objective: str
    quantity: str
    time: float
    fit: Extrapolation
    statement: Statement


def point(
    case: Case,
    objective: str,
    quantity: str,
    words: str,
    found: Sequence[Sequence[float]],
    sizes: Sequence[int],
    prediction: float,
    own_error: float,
    time: float = math.nan,
) -> Point:
    """Extrapolate the draws' values at three sizes, and state the prediction.

    Parameters
    ----------
    case, objective, quantity, time
        See `Point`.
    words : str
        The quantity in words.
    found : three sequences of float
        The draws' values at each size.
    sizes : (n, 2n, 4n)
    prediction, own_error : float
        For n → ∞, and its own standard error.

    Examples
    --------
    >>> case = Case("one", 2.0, 0.5, 0.9, 5.0)
    >>> rows = [[1.2, 1.0], [1.1, 0.9], [1.0, 1.0]]
    >>> made = point(case, "erm", "core", "w_y", rows, (10, 20, 40), 1.0, 0.01, time=5.0)
    >>> made.statement.id
    'one.erm.core.5'
    """
    fit = extrapolate(found, sizes, pooled=True)
    error = float(np.hypot(fit.limit.standard_error, own_error))
    when = "" if math.isnan(time) else f"{time:g}"
    statement = statistical(
        ".".join(part for part in (case.name, objective, quantity, when) if part),
        f"{case.name}, {objective}{when and f', t = {when}'}: {words}",
        prediction=prediction,
        measured=Measured(fit.limit.mean, error, fit.limit.freedom),
    )
    return Point(case, objective, quantity, time, fit, statement)


@dataclass(frozen=True)
class ThreeSizes:
    """The table: prediction against simulation at three sizes.

    Attributes
    ----------
    seed : int
    sizes, draws : tuple of int
        Examples, and replicates, at each size.
    points : list of Point
    left : tuple of str
        Settings that are not done yet.

    Examples
    --------
    >>> ThreeSizes(0, (10, 20, 40), (16, 8, 4), []).holds
    True
    """

    seed: int
    sizes: tuple[int, ...]
    draws: tuple[int, ...]
    points: list[Point]
    left: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether every setting is done, and every statement holds.

        Examples
        --------
        >>> ThreeSizes(0, (10, 20, 40), (16, 8, 4), []).holds
        True
        """
        return not self.failed() and not self.left

    def failed(self) -> list[str]:
        """Names of the statements that do not hold.

        Examples
        --------
        >>> ThreeSizes(0, (10, 20, 40), (16, 8, 4), []).failed()
        []
        """
        return [each.statement.id for each in self.points if not each.statement.holds]

    def of(self, quantity: str) -> list[Point]:
        """One quantity's points.

        Examples
        --------
        >>> ThreeSizes(0, (10, 20, 40), (16, 8, 4), []).of("core")
        []
        """
        return [each for each in self.points if each.quantity == quantity]

    def scores(self, quantity: str | None = None) -> Array:
        """z of all points, or of one quantity's.

        Examples
        --------
        >>> ThreeSizes(0, (10, 20, 40), (16, 8, 4), []).scores().size
        0
        """
        chosen = self.points if quantity is None else self.of(quantity)
        return np.array([each.statement.z for each in chosen], dtype=float)

    def curvature(self, quantity: str) -> Array:
        """What a bias of order 1/n leaves zero, in standard errors, of one quantity's points.

        Examples
        --------
        >>> ThreeSizes(0, (10, 20, 40), (16, 8, 4), []).curvature("core").size
        0
        """
        fits = [each.fit.curvature for each in self.of(quantity)]
        return np.array([each.mean / each.standard_error for each in fits])

    def as_json(self) -> dict[str, Any]:
        """The table as a JSON object, schema 1.

        Examples
        --------
        >>> ThreeSizes(0, (10, 20, 40), (16, 8, 4), []).as_json()["schema"]
        1
        """
        rows = []
        for each in self.points:
            row = each.statement.as_json()
            rows.append(
                {
                    "setting": each.case.name,
                    "objective": each.objective,
                    "quantity": each.quantity,
                    "time": None if math.isnan(each.time) else each.time,
                    "means": [mean.mean for mean in each.fit.means],
                    "bias_times_n": each.fit.bias.mean,
                }
                | {key: row[key] for key in ("prediction", "observed", "standard_error")}
                | {key: row[key] for key in ("z", "holds")}
            )
        return {
            "schema": 1,
            "seed": self.seed,
            "holds": self.holds,
            "sizes": list(self.sizes),
            "draws": list(self.draws),
            "left": list(self.left),
            "points": rows,
        }


class Options(TypedDict, total=False):
    """What a study takes and passes on: the options of `three_sizes`.

    Examples
    --------
    >>> Options(seed=1)
    {'seed': 1}
    """

    seed: int
    replicates: int | None
    settings: Sequence[str] | None
    workers: int | None
    progress: Progress | None
    keep: Callable[[ThreeSizes], None] | None


def three_sizes(
    cases: Sequence[Case],
    effort: Effort,
    simulate: Simulate,
    compare: Compare,
    *,
    seed: int = 0,
    replicates: int | None = None,
    settings: Sequence[str] | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    keep: Callable[[ThreeSizes], None] | None = None,
) -> ThreeSizes:
    """Simulate each setting at three sizes and compare it with its prediction.

    Parameters
    ----------
    cases : sequence of Case
        Each has the streams of its place in the list.
    effort : Effort
    simulate : callable
        The numbers of one draw of a case with n examples.
    compare : callable
        The points of a case, from the numbers (draws, …) at each size, the effort and the seed.
    seed : int
    replicates : int, optional
        Draws at the largest size, ≥ 2; twice as many at half of it, and again. The effort's by
        default.
    settings : sequence of str, optional
        Names of the cases that are wanted; all by default.
    workers : int, optional
        Threads; all cores by default.
    progress : callable, optional
        Called with (units done, units in all, what is running).
    keep : callable, optional
        Called after each setting with the table so far.

    Returns
    -------
    ThreeSizes

    Raises
    ------
    SettingError
        An argument is out of range.

    Examples
    --------
    >>> case = Case("one", 2.0, 0.5, 0.9, 5.0)
    >>> table = three_sizes(
    ...     [case], Effort((10, 20, 40), draws=2, sets=0, sites=0),
    ...     lambda case, n, seed: np.random.default_rng(seed).normal(1.0, n**-0.5, 1),
    ...     lambda case, found, effort, seed: [
    ...         point(case, "erm", "one", "1", [x[:, 0] for x in found], effort.sizes, 1.0, 0.0)
    ...     ],
    ... )
    >>> table.holds
    True
    """
    replicates = effort.draws if replicates is None else replicates
    check_run(seed, replicates, workers, least=2)
    progress, names = progress or silent, [case.name for case in cases]
    for name in settings or ():
        if name not in names:
            raise SettingError("setting", name, f"one of {', '.join(names)}")
    chosen = [k for k, name in enumerate(names) if settings is None or name in settings]
    draws = tuple(part * replicates for part in _SHARE)
    total, done = len(chosen) * (sum(draws) + 1), 0
    table = ThreeSizes(seed, effort.sizes, draws, [])
    for position, number in enumerate(chosen):
        case, found = cases[number], []
        for k, n in enumerate(effort.sizes):
            streams = [stream(seed, 3 * number + k, index) for index in range(draws[k])]
            rows = []
            for row in replicate(partial(simulate, case, n), streams, workers):
                rows.append(row)
                done += 1
                progress(done, total, f"{case.name}, n = {n}")
            found.append(np.stack(rows))
        points = [*table.points, *compare(case, found, effort, seed)]
        judged = judge([replace(each.statement, critical=math.nan) for each in points])
        points = [each._replace(statement=row) for each, row in zip(points, judged, strict=True)]
        left = tuple(names[k] for k in chosen[position + 1 :])
        table = ThreeSizes(seed, effort.sizes, draws, points, left)
        done += 1
        progress(done, total, f"{case.name}, predicted")
        if keep is not None:
            keep(table)
    return table
