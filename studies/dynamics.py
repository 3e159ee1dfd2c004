"""Training in the proportional limit (P12) against simulation at three sizes, over time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..sims import draw, gradient_flow, replicate, stream
from ..theory import Setting, SettingError, Trajectory, proportional
from .arguments import Progress, check_run, silent
from .extrapolation import Extrapolation, extrapolate
from .limit_design import Case
from .statements import Measured, Statement, judge, statistical
from .train import ONE_LIMIT, three_methods

__all__ = ["CASES", "QUANTITIES", "SIZES", "TIMES", "Dynamics", "dynamics", "quantities"]

Array: TypeAlias = NDArray[np.float64]
Seed: TypeAlias = np.random.SeedSequence

SIZES, QUICK_SIZES = (1000, 2000, 4000), (150, 300, 600)
"""Examples: doubled twice."""

TIMES = (0.1, 1.0, 5.0, 20.0, 100.0, 1e3, 1e5, 1e8)

CASES = (
    Case("figure-1", 1.798, 0.4495, 0.9, 5.0, 0.12, 0.12),
    Case("fewer-features", 0.8, 0.4495, 0.9, 5.0, 0.12, 0.12),
    Case("more-features", 10.0, 0.4495, 0.9, 5.0, 0.12, 0.12),
    Case("many-features", 100.0, 0.4495, 0.9, 5.0, 0.12, 0.12),
    Case("no-noise", 3.0, 0.3, 0.9, 5.0),
    Case("much-memory", 3.0, 4.0, 0.9, 5.0),
    Case("little-memory", 3.0, 0.05, 0.9, 5.0, 0.12, 0.12),
    Case("rare", 2.0, 0.5, 0.97, 4.0, 0.12, 0.12),
    Case("common", 2.0, 0.5, 0.6, 4.0, 0.12, 0.12),
    Case("weak", 2.0, 0.5, 0.9, 0.7, 0.12, 0.12),
    Case("equal", 2.0, 0.5, 0.8, 1.0, 0.3, 0.3),
    Case("strong", 2.0, 0.5, 0.9, 10.0, 0.12, 0.12),
    Case("noisy", 4.0, 1.0, 0.85, 3.0, 0.5, 0.5),
    Case("core-noise", 2.0, 1.0, 0.8, 2.0, 0.4, 0.0),
    Case("flipped", 2.0, 0.6, 0.8, 2.0, 0.12, 0.12, 0.1),
    Case("much-flipped", 4.0, 1.0, 0.9, 5.0, 0.12, 0.12, 0.2),
    Case("few-flipped", 1.5, 0.5, 0.9, 3.0, 0.12, 0.12, 0.02),
    Case("flipped-memory", 2.0, 3.0, 0.8, 3.0, 0.12, 0.12, 0.1),
    Case("flipped-strong", 10.0, 0.5, 0.9, 8.0, 0.12, 0.12, 0.05),
    Case("flipped-common", 3.0, 1.0, 0.6, 1.5, 0.12, 0.12, 0.3),
    Case("at-once", 4.0, 25.0, 0.9, 5.0),
)
"""d/n, κ, ρ, γ, feature noise and label noise."""

QUANTITIES = {
    "score": "the probit of the minority accuracy",
    "core": "w_y",
    "spurious": "w_a",
    "memory": "‖w_ε‖",
    "train": "the minority's training accuracy",
}
# The probit of an accuracy of 1 is as large as one likes, and what all or none of the training set
# have has no scatter: compared where there is something to tell.
_LARGEST_SCORE = 5.0
_CERTAIN = 0.01
_DRAWS, _QUICK_DRAWS = 4, 3
_SITES, _QUICK_SITES = (8, 1024), (4, 256)
"""Sets of sites, and sites of each cell."""
_SHARE = (4, 2, 1)
"""Draws at each size, in units of those at the largest."""


def quantities(run: Trajectory, setting: Setting) -> Array:
    """What is compared, (5, T): the probit of the minority's test accuracy and so on.

    Examples
    --------
    >>> from pitfalls.theory import Objective
    >>> setting = Setting.figure_1()
    >>> run = proportional.flow(setting, Objective.erm(), [20.0], sets=1, sites=256)
    >>> quantities(run, setting).shape
    (5, 1)
    """
    pull = setting.gamma * run.spurious
    noise = np.hypot(setting.core_noise * run.core, setting.spurious_noise * pull)
    score = (run.core - pull) / np.hypot(noise, setting.sigma * run.memory)
    return np.stack((score, run.core, run.spurious, run.memory, run.train.minority))


class Point(NamedTuple):
    """One quantity of one method in one setting at one time.

    Attributes
    ----------
    case : Case
    objective, quantity : str
    time : float
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


@dataclass(frozen=True)
class Dynamics:
    """The table: prediction against simulation at three sizes.

    Attributes
    ----------
    seed : int
    sizes, draws : tuple of int
        Examples, and replicates, at each size.
    points : list of Point

    Examples
    --------
    >>> Dynamics(0, SIZES, (16, 8, 4), []).holds
    True
    """

    seed: int
    sizes: tuple[int, ...]
    draws: tuple[int, ...]
    points: list[Point]

    @property
    def holds(self) -> bool:
        """Whether every statement holds.

        Examples
        --------
        >>> Dynamics(0, SIZES, (16, 8, 4), []).holds
        True
        """
        return not self.failed()

    def failed(self) -> list[str]:
        """Names of the statements that do not hold.

        Examples
        --------
        >>> Dynamics(0, SIZES, (16, 8, 4), []).failed()
        []
        """
        return [point.statement.id for point in self.points if not point.statement.holds]

    def scores(self, quantity: str | None = None) -> Array:
        """z of all points, or of one quantity's.

        Examples
        --------
        >>> Dynamics(0, SIZES, (16, 8, 4), []).scores().size
        0
        """
        chosen = [p for p in self.points if quantity in (None, p.quantity)]
        return np.array([point.statement.z for point in chosen], dtype=float)

    def curvature(self, quantity: str) -> Array:
        """What a bias of order 1/n leaves zero, in standard errors, of one quantity's points.

        Examples
        --------
        >>> Dynamics(0, SIZES, (16, 8, 4), []).curvature("core").size
        0
        """
        fits = [point.fit.curvature for point in self.points if point.quantity == quantity]
        return np.array([each.mean / each.standard_error for each in fits])

    def as_json(self) -> dict[str, Any]:
        """The table as a JSON object, schema 1.

        Examples
        --------
        >>> Dynamics(0, SIZES, (16, 8, 4), []).as_json()["schema"]
        1
        """
        rows = []
        for point in self.points:
            numbers = {
                "setting": point.case.name,
                "objective": point.objective,
                "quantity": point.quantity,
                "time": point.time,
                "means": [each.mean for each in point.fit.means],
                "bias_times_n": point.fit.bias.mean,
            }
            row = point.statement.as_json()
            rows.append(
                {**numbers, **{k: row[k] for k in ("prediction", "observed", "standard_error")}}
                | {"z": row["z"], "holds": row["holds"]}
            )
        return {
            "schema": 1,
            "seed": self.seed,
            "holds": self.holds,
            "sizes": list(self.sizes),
            "draws": list(self.draws),
            "points": rows,
        }


def dynamics(
    *,
    seed: int = 0,
    replicates: int | None = None,
    quick: bool = False,
    settings: Sequence[str] | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    keep: Callable[[Dynamics], None] | None = None,
) -> Dynamics:
    """ERM, reweighting and logit shifting over time: P12 against simulation extrapolated to n → ∞.

    Parameters
    ----------
    seed : int
    replicates : int, optional
        Draws at the largest size, ≥ 2; twice as many at half of it, and again. 4 by default, 3 if
        quick.
    quick : bool
        Smaller sizes.
    settings : sequence of str, optional
        Names of those of `CASES` that are wanted; all by default. Each has streams of its own.
    workers : int, optional
        Threads; all cores by default.
    progress : callable, optional
        Called with (units done, units in all, what is running).
    keep : callable, optional
        Called after each setting with the table so far.

    Returns
    -------
    Dynamics

    Raises
    ------
    SettingError
        An argument is out of range.

    Examples
    --------
    >>> table = dynamics(quick=True)  # doctest: +SKIP
    >>> table.holds  # doctest: +SKIP
    True
    """
    count = (_QUICK_DRAWS if quick else _DRAWS) if replicates is None else replicates
    check_run(seed, count, workers, least=2)
    progress, names = progress or silent, [case.name for case in CASES]
    for name in settings or ():
        if name not in names:
            raise SettingError("settings", name, f"one of {', '.join(names)}")
    chosen = [k for k, name in enumerate(names) if settings is None or name in settings]
    sizes, sites = (QUICK_SIZES, _QUICK_SITES) if quick else (SIZES, _SITES)
    draws = tuple(part * count for part in _SHARE)
    total, done = len(chosen) * (sum(draws) + 1), 0
    table = Dynamics(seed, sizes, draws, [])
    for number in chosen:
        case, found = CASES[number], []
        for k, n in enumerate(sizes):
            streams = [stream(seed, 3 * number + k, index) for index in range(draws[k])]
            runs = []
            for run in replicate(partial(_simulate, case, n), streams, workers):
                runs.append(run)
                done += 1
                progress(done, total, f"{case.name}, n = {n}")
            found.append(np.stack(runs))
        points = [*table.points, *_compare(case, found, sizes, seed, sites)]
        judged = judge([replace(point.statement, critical=math.nan) for point in points])
        points = [p._replace(statement=row) for p, row in zip(points, judged, strict=True)]
        table = Dynamics(seed, sizes, draws, points)
        done += 1
        progress(done, total, f"{case.name}, predicted")
        if keep is not None:
            keep(table)
    return table


def _simulate(case: Case, n: int, seed: Seed) -> Array:
    """Quantities (objectives, 5, T) of one draw."""
    setting = case.at(n)
    objectives = three_methods(setting)
    runs = gradient_flow(draw(setting, seed), objectives, TIMES)
    return np.stack([quantities(run, setting) for run in runs])


def _compare(
    case: Case, found: Sequence[Array], sizes: Sequence[int], seed: int, sites: tuple[int, int]
) -> Iterator[Point]:
    setting = case.at(sizes[-1])
    sets, each_set = sites
    for o, (name, make) in enumerate(ONE_LIMIT.items()):
        run = proportional.flow(setting, make(setting), TIMES, seed=seed, sets=sets, sites=each_set)
        predicted = np.mean([quantities(each, setting) for each in run.sets], axis=0)
        own = run.standard_error(lambda each: quantities(each, setting))
        for q, (quantity, words) in enumerate(QUANTITIES.items()):
            for t, time in enumerate(TIMES):
                if quantity == "score" and abs(predicted[q, t]) > _LARGEST_SCORE:
                    continue
                if quantity == "train" and not _CERTAIN < predicted[q, t] < 1 - _CERTAIN:
                    continue
                rows = [values[:, o, q, t].tolist() for values in found]
                fit = extrapolate(rows, sizes, pooled=True)
                error = float(np.hypot(fit.limit.standard_error, own[q, t]))
                statement = statistical(
                    f"{case.name}.{name}.{quantity}.{time:g}",
                    f"{case.name}, {name}, t = {time:g}: {words}",
                    prediction=float(predicted[q, t]),
                    measured=Measured(fit.limit.mean, error, fit.limit.freedom),
                )
                yield Point(case, name, quantity, time, fit, statement)
