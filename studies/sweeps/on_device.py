"""Blocks of a sweep on a GPU: their replicates side by side, whatever cells they belong to."""

from __future__ import annotations

import math
import time
import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...sims import gpu, stream
from ...sims.cells import groups_of
from ...sims.certificate import CERTIFIED
from ...sims.gpu.sources import MOST_METHODS
from ...sims.gpu.training import methods_of
from ...theory import GroupAccuracy, Objective, ResourceError, Setting, Trajectory
from .block import Block, Failure, Job, Result, Run, compute
from .document import Sweep
from .predict import coordinate, predict
from .quantities import Column

__all__ = ["attempt_all", "suits"]

Array: TypeAlias = NDArray[np.float64]

_OF_WEIGHTS = {
    *("majority", "minority", "worst", "average", "train_majority", "train_minority"),
    *("core", "spurious", "memory", "angle"),
}
_OF_LIMIT = {"max_core", "max_spurious", "max_memory", "support", "separable"}


class _Replicate(NamedTuple):
    """One replicate of a block: its place, and what it is drawn and trained with."""

    job: Job
    row: int
    setting: Setting
    seed: np.random.SeedSequence
    objectives: dict[str, Objective]
    numbers: dict[str, tuple[Array, Array, Array]]


def suits(sweep: Sweep, setting: Setting) -> bool:
    """Whether a cell's replicates gain from a GPU: they have a Gram matrix, and no XRM.

    Examples
    --------
    >>> from .reader import parse
    >>> sweep = parse('''
    ... replicates = 3
    ... objectives = ["erm"]
    ... quantities = ["support"]
    ... setting = { n = 20, d = 400, rho = 0.9, gamma = 2, sigma = 0 }
    ... ''')
    >>> suits(sweep, sweep.setting(0))
    False
    """
    temperatures = [sweep.temperature(name) for name in sweep.objectives]
    return sweep.kind != "orthogonal" and setting.sigma > 0 and not any(temperatures)


def attempt_all(sweep: Sweep, device: gpu.Device, jobs: Sequence[Job]) -> list[Result]:
    """The blocks of some jobs, in their order, or why there is none.

    A replicate's numbers depend on the sweep, its cell and its index alone, and not on the jobs it
    is computed with. They are of other draws than on the CPU. What a GPU does not suit, the CPU
    computes; so it does for a replicate that the device has given up.

    Parameters
    ----------
    sweep : Sweep
    device : Device
    jobs : sequence of (cell, block)

    Examples
    --------
    >>> attempt_all(None, None, [])
    []
    """
    begun = time.perf_counter()
    done: dict[Job, Result] = {}
    values: dict[Job, Array] = {}
    groups: dict[tuple[int, int], list[_Replicate]] = defaultdict(list)
    for job in jobs:
        cell, index = job
        try:
            setting = sweep.setting(cell)
            if not suits(sweep, setting):
                done[job] = compute(sweep, cell, index)
                continue
            objectives = {name: sweep.objective(name, setting) for name in sweep.objectives}
            own = groups_of(setting)
            numbers = {name: each.resolve(own, setting.n) for name, each in objectives.items()}
            predictions = predict(sweep, setting, objectives) if index == 0 else None
        except Exception as error:
            # Whatever it is, it is this cell's: the other cells go on.
            done[job] = Failure.of(job, error)
            continue
        first, last = sweep.bounds(index)
        values[job] = np.empty((last - first, len(sweep.columns)))
        done[job] = Block(cell, index, values[job], predictions, 0.0)
        # Explicit features of a batch have one d.
        width = setting.d if sweep.kind == "explicit" else 0
        groups[setting.n, width] += [
            _Replicate(
                job, row, setting, stream(sweep.seed, cell, first + row), objectives, numbers
            )
            for row in range(last - first)
        ]
    for (n, explicit), replicates in groups.items():
        methods = min(MOST_METHODS, len(sweep.objectives))
        size = gpu.bytes_of_replicate(n, methods, len(sweep.times), _keeps(sweep), explicit)

        def run(batch: Sequence[_Replicate]) -> Sequence[Array | Exception]:
            return _Together(sweep, device, batch).rows()

        try:
            for each, row in zip(
                replicates, gpu.in_batches(device, replicates, size, run, _warn), strict=True
            ):
                if isinstance(row, Exception):
                    done[each.job] = Failure.of(each.job, row)
                else:
                    values[each.job][each.row] = row
        except ResourceError as error:
            for job in {each.job for each in replicates}:
                done[job] = Failure.of(job, error)
    seconds = (time.perf_counter() - begun) / max(len(jobs), 1)
    found = [done[job] for job in jobs]
    return [replace(each, seconds=seconds) if isinstance(each, Block) else each for each in found]


def _warn(words: str) -> None:
    warnings.warn(words, RuntimeWarning, stacklevel=2)


def _keeps(sweep: Sweep) -> bool:
    """Whether the examples' margins are needed."""
    return "angle" in sweep.quantities


@dataclass(frozen=True)
class _Limit:
    """Max margins of all replicates: coordinates (B, 4), dual weights (B, n); nan where none."""

    values: Array
    dual: Array


class _Together:
    """Replicates of one n in one batch; what several numbers share is computed once."""

    def __init__(self, sweep: Sweep, device: gpu.Device, replicates: Sequence[_Replicate]) -> None:
        self.sweep, self.device, self.replicates = sweep, device, replicates
        self.finite = sweep.finite_times
        kind: Literal["gram", "explicit"] = "explicit" if sweep.kind == "explicit" else "gram"
        self.batch = gpu.Batch.draw(
            device, [each.setting for each in replicates], [each.seed for each in replicates], kind
        )
        self.limits: dict[bytes, _Limit] = {}
        self.errors: dict[int, Exception] = {}
        self.cells: dict[int, list[int]] = defaultdict(list)
        for index, each in enumerate(replicates):
            self.cells[each.job[0]].append(index)

    def rows(self) -> list[Array | Exception]:
        """Each replicate's numbers, or why there are none."""
        easy = [self.easy(column) for column in self.sweep.columns]
        hard = [k for k, column in enumerate(easy) if column is None]
        found: list[Array | Exception] = []
        for index in range(len(self.replicates)):
            row = np.array([math.nan if column is None else column[index] for column in easy])
            if hard:
                with self.blamed(index):
                    run = self.on_cpu(index)
                    row[hard] = [run.number(self.sweep.columns[k]) for k in hard]
            found.append(self.errors.get(index, row))
        return found

    def on_cpu(self, index: int) -> Run:
        """A replicate on the CPU, for what the device cannot or would not do."""
        each = self.replicates[index]
        return Run(self.sweep, each.setting, each.seed, each.objectives, self.batch.sample(index))

    @contextmanager
    def blamed(self, index: int) -> Iterator[None]:
        """Whatever goes wrong is this replicate's: the others go on."""
        try:
            yield
        except Exception as error:
            self.errors[index] = error

    def easy(self, column: Column) -> Array | None:
        """A column of all replicates from the device; None if it takes more than that."""
        name, quantity, t = column.objective, column.quantity, column.time
        if quantity in _OF_LIMIT or (quantity in _OF_WEIGHTS and t == math.inf):
            return self.of_limit(name, quantity)
        if quantity in _OF_WEIGHTS and t is not None:
            return self.over_time[name, quantity][:, self.finite.index(t)]
        return None

    def numbers(self, name: str, part: int) -> Array:
        """Weight, shift or scale of an objective in every replicate, (B, n)."""
        return np.stack([each.numbers[name][part] for each in self.replicates])

    def limit(self, name: str) -> _Limit:
        """Methods that differ in weight and shift only have one."""
        weight, scale = self.numbers(name, 0), self.numbers(name, 2)
        key = scale.tobytes() + (weight == 0).tobytes()
        if key not in self.limits:
            values, dual, _, residual = gpu.max_margins(self.batch, weight, scale)
            for index in np.flatnonzero(~(residual <= CERTIFIED)).tolist():
                values[index], dual[index] = math.nan, math.nan
                with self.blamed(index):
                    run = self.on_cpu(index)
                    found = run.limit(run.key(name))
                    if found is not None and found.dual is not None:
                        values[index] = found.core, found.spurious, found.memory, found.support
                        dual[index] = found.dual
            self.limits[key] = _Limit(values, dual)
        return self.limits[key]

    def of_limit(self, name: str, quantity: str) -> Array:
        values = self.limit(name).values
        exists = ~np.isnan(values[:, 0])
        if quantity == "separable":
            return exists.astype(float)
        if quantity == "support":
            return values[:, 3]
        # Of weights that are no numbers an accuracy would still be one.
        return np.where(exists, self.by_setting(values[:, :3], quantity), math.nan)

    def by_setting(self, weights: Array, quantity: str) -> Array:
        """A quantity of weights (B, …, 3), each replicate's in its setting."""
        found = np.empty(weights.shape[:-1])
        for own in self.cells.values():
            setting = self.replicates[own[0]].setting
            found[own] = coordinate(_weights(weights[own]), setting, quantity)
        return found

    @cached_property
    def over_time(self) -> dict[tuple[str, str], Array]:
        """Every quantity of the weights at the finite times, (B, T), by objective."""
        names = list(self.sweep.objectives)
        wanted = [name for name in self.sweep.quantities if name in _OF_WEIGHTS]
        found = {}
        for first in range(0, len(names), MOST_METHODS):
            part = names[first : first + MOST_METHODS]
            values, margins = self.trained(part)
            for k, name in enumerate(part):
                for quantity in wanted:
                    if quantity == "angle":
                        assert margins is not None
                        found[name, quantity] = self.angle(name, values[:, :, k], margins[:, :, k])
                    elif quantity.startswith("train_"):
                        own = values[:, :, k, 4 if quantity == "train_majority" else 5]
                        found[name, quantity] = own
                    else:
                        found[name, quantity] = self.by_setting(values[:, :, k, :3], quantity)
        return found

    def trained(self, names: Sequence[str]) -> tuple[Array, Array | None]:
        """What kernels record at the finite times, (B, T, K, 6), and margins (B, T, K, n)."""
        rate, keep = self.sweep.learning_rate, _keeps(self.sweep)
        known: dict[Job, Array] = {}
        for each in self.replicates:
            if each.job not in known:
                own = [each.numbers[name] for name in names]
                known[each.job] = methods_of(own, 1.0 if rate is None else rate)
        methods = np.stack([known[each.job] for each in self.replicates])
        if rate is not None:
            steps = np.array([round(t / rate) for t in self.finite])
            found = gpu.descend(self.batch, methods, steps, examples=keep)
            return found.values, found.margins
        # A flow needs examples that can be separated, which their max margin proves.
        separable = np.all([~np.isnan(self.limit(name).values[:, 0]) for name in names], axis=0)
        found = gpu.flow(self.batch, methods, np.array(self.finite), examples=keep)
        for index in np.flatnonzero(~(found.done & separable)).tolist():
            with self.blamed(index):
                runs = self.on_cpu(index).trajectories
                for k, name in enumerate(names):
                    run = runs[name]
                    right = run.train.majority, run.train.minority
                    found.values[index, :, k] = np.column_stack((run.coordinates, run.loss, *right))
                    if found.margins is not None and run.margins is not None:
                        found.margins[index, :, k] = run.margins
        return found.values, found.margins

    def angle(self, name: str, values: Array, margins: Array) -> Array:
        """Degrees between the weights and the draw's max margin; nan where there is none."""
        limit = self.limit(name)
        overlap = np.einsum("bti,bi->bt", margins, limit.dual)
        norms = np.linalg.norm(values[..., :3], axis=-1)
        norms = norms * np.linalg.norm(limit.values[:, None, :3], axis=-1)
        with np.errstate(invalid="ignore", divide="ignore"):
            degrees = np.degrees(np.arccos(np.clip(overlap / norms, -1, 1)))
        return np.where(norms == 0, 90.0, degrees)


def _weights(coordinates: Array) -> Trajectory:
    """Weights (…, 3) as a trajectory, for what it can say of them elementwise."""
    core, spurious, memory = np.moveaxis(coordinates, -1, 0)
    one = np.ones_like(core)
    return Trajectory(one, core, spurious, memory, one, GroupAccuracy.of(one, one, 1.0))
