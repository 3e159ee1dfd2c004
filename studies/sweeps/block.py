"""The numbers of a block of replicates."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...sims import (
    Sample,
    cross_risk,
    draw,
    gradient_descent,
    gradient_flow,
    influence,
    max_margin,
    memorization_aware,
    minority_found,
    stream,
)
from ...sims.threads import on_one_core
from ...theory import (
    MAJORITY,
    MINORITY,
    NotSeparableError,
    Objective,
    Setting,
    Solution,
    Trajectory,
)
from .crossing import GRID, last_crossing
from .document import Sweep
from .predict import coordinate, predict
from .quantities import Column

__all__ = ["Block", "Failure", "Job", "Result", "Run", "compute"]

Array: TypeAlias = NDArray[np.float64]
Key: TypeAlias = tuple[bytes, bytes]
Job: TypeAlias = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Block:
    """A block's numbers.

    Attributes
    ----------
    cell, index : int
    values : array (replicates, columns)
        nan where a number does not exist: no max margin, or no crossing.
    predictions : array (kinds, columns) or None
        By the sweep's kinds of prediction; nan where one says nothing. With a cell's first block.
    seconds : float
        That it took.

    Examples
    --------
    >>> Block(0, 1, np.zeros((10, 2)), None, 0.5).values.shape
    (10, 2)
    """

    cell: int
    index: int
    values: Array
    predictions: Array | None
    seconds: float


@dataclass(frozen=True)
class Failure:
    """A cell that could not be computed, and why.

    Examples
    --------
    >>> Failure(3, 0, "SettingError: no").cell
    3
    """

    cell: int
    block: int
    error: str

    @classmethod
    def of(cls, job: Job, error: Exception) -> Failure:
        """Of a job, (cell, block), that raised an error.

        Examples
        --------
        >>> Failure.of((3, 0), ValueError("no")).error
        'ValueError: no'
        """
        return cls(*job, f"{type(error).__name__}: {error}")


Result: TypeAlias = Block | Failure


def compute(sweep: Sweep, cell: int, index: int) -> Block:
    """Draw, train and measure the replicates of a block, on one core.

    The bytes depend on the sweep, the cell and the index alone.

    Raises
    ------
    PitfallsError
        The cell's objectives do not exist in its setting, or a solver gives up.

    Examples
    --------
    >>> from .reader import parse
    >>> sweep = parse('''
    ... replicates = 3
    ... objectives = ["erm"]
    ... quantities = ["support"]
    ... setting = { n = 20, d = 400, rho = 0.9, gamma = 2, sigma = 1 }
    ... ''')
    >>> compute(sweep, 0, 0).values.tolist()
    [[1.0], [1.0], [1.0]]
    """
    begun = time.perf_counter()
    setting = sweep.setting(cell)
    objectives = {name: sweep.objective(name, setting) for name in sweep.objectives}
    first, last = sweep.bounds(index)
    with on_one_core():
        values = np.empty((last - first, len(sweep.columns)))
        for row, replicate in enumerate(range(first, last)):
            run = Run(sweep, setting, stream(sweep.seed, cell, replicate), objectives)
            values[row] = [run.number(column) for column in sweep.columns]
        predictions = predict(sweep, setting, objectives) if index == 0 else None
    return Block(cell, index, values, predictions, time.perf_counter() - begun)


class Run:
    """One draw; what several numbers share is computed once, and only if one needs it.

    Parameters
    ----------
    sweep : Sweep
    setting : Setting
    seed : SeedSequence
        The replicate's.
    objectives : dict of str to Objective
    sample : Sample, optional
        Where it has been drawn already.

    Examples
    --------
    >>> from .reader import parse
    >>> sweep = parse('''
    ... replicates = 3
    ... objectives = ["erm"]
    ... quantities = ["support"]
    ... setting = { n = 20, d = 400, rho = 0.9, gamma = 2, sigma = 1 }
    ... ''')
    >>> run = Run(sweep, sweep.setting(0), stream(0, 0, 0), {"erm": Objective.erm()})
    >>> run.number(sweep.columns[0])
    1.0
    """

    def __init__(
        self,
        sweep: Sweep,
        setting: Setting,
        seed: np.random.SeedSequence,
        objectives: dict[str, Objective],
        sample: Sample | None = None,
    ) -> None:
        self.sweep, self.setting, self.seed = sweep, setting, seed
        self.sample = draw(setting, seed, sweep.kind) if sample is None else sample
        self.objectives = {name: self.own(name, each) for name, each in objectives.items()}
        self.finite = sweep.finite_times
        # Methods that differ in weight and shift only have one limit.
        self.key, self.limit, self.scores = (
            cache(self._key),
            cache(self._limit),
            cache(self._scores),
        )
        self.over_time, self.of_limit = cache(self._over_time), cache(self._of_limit)

    def number(self, column: Column) -> float:
        """What a column says of this draw."""
        name, quantity, time = column.objective, column.quantity, column.time
        if time is not None and time < math.inf:
            return float(self.over_time(name, quantity)[self.finite.index(time)])
        if quantity.startswith("xrm"):
            return math.nan if self.sweep.temperature(name) is None else self.found[quantity]
        if quantity == "crossing":
            return last_crossing(self.long_flows[name], self.setting)
        return self.of_limit(self.key(name), quantity)

    def _over_time(self, name: str, quantity: str) -> Array:
        run = self.trajectories[name]
        if quantity != "angle":
            return np.asarray(coordinate(run, self.setting, quantity))
        limit = self.limit(self.key(name))
        return np.full(len(run), np.nan) if limit is None else run.angle(limit)

    def _of_limit(self, key: Key, quantity: str) -> float:
        limit = self.limit(key)
        if quantity == "separable":
            return float(limit is not None)
        if limit is None:
            return math.nan
        if quantity.startswith("memorization"):
            return self.scores(key)[quantity]
        return float(coordinate(limit, self.setting, quantity))

    def own(self, name: str, objective: Objective) -> Objective:
        """The objective on this draw: MAT's is estimated from it."""
        temperature = self.sweep.temperature(name)
        if temperature is None:
            return objective
        return memorization_aware(
            self.sample, self.seed, temperature=temperature, logits=self.held_out
        )

    @cached_property
    def held_out(self) -> Array:
        """XRM's logits, the same for every temperature."""
        rate = self.sweep.learning_rate
        if rate is None:
            return cross_risk(self.sample, self.seed)
        return cross_risk(self.sample, self.seed, learning_rate=rate)

    @cached_property
    def found(self) -> dict[str, float]:
        """How well XRM finds the minority: who is predicted to have the other label."""
        recall, precision = minority_found(self.sample, self.held_out)
        return {"xrm_recall": recall, "xrm_precision": precision}

    @cached_property
    def trajectories(self) -> dict[str, Trajectory]:
        """Of all objectives, at the sweep's finite times."""
        objectives, rate = list(self.objectives.values()), self.sweep.learning_rate
        if rate is None:
            runs = gradient_flow(self.sample, objectives, self.finite)
        else:
            steps = [round(t / rate) for t in self.finite]
            runs = gradient_descent(
                self.sample, objectives, rate, steps[-1], record=np.array(steps)
            )
        return dict(zip(self.objectives, runs, strict=True))

    @cached_property
    def long_flows(self) -> dict[str, Trajectory]:
        """Of all objectives, at the times between which a crossing is looked for."""
        runs = gradient_flow(self.sample, list(self.objectives.values()), GRID)
        return dict(zip(self.objectives, runs, strict=True))

    def _key(self, name: str) -> Key:
        """What of an objective decides its max margin."""
        weight, _, scale = self.objectives[name].resolve(self.sample.groups, self.sample.n)
        return scale.tobytes(), (weight == 0).tobytes()

    def _objective(self, key: Key) -> Objective:
        return next(each for name, each in self.objectives.items() if self.key(name) == key)

    def _limit(self, key: Key) -> Solution | None:
        try:
            return max_margin(self.sample, self._objective(key))
        except NotSeparableError:
            return None

    def _scores(self, key: Key) -> dict[str, float]:
        found = influence(self.sample, self._objective(key))
        names = (("majority", MAJORITY), ("minority", MINORITY))
        return {
            f"memorization_{name}": float(found.mean(group, found.memorization))
            for name, group in names
        }
