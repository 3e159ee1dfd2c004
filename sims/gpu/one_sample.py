"""One sample on a device: the same answers as on the CPU, for whoever calls the solvers there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...theory import Objective, Setting, Solution, Trajectory
from ..record import measured
from ..sample import Sample
from ..start import Start
from .batch import Batch, bytes_of_replicate, in_batches
from .device import Device
from .limit import max_margins
from .sources import MOST_METHODS
from .training import Numbers, Recorded, descend, flow, methods_of

__all__ = ["descend_alone", "draw_alone", "flow_alone", "limit_alone"]

Array: TypeAlias = NDArray[np.float64]
Item = TypeVar("Item")
Found = TypeVar("Found")


def draw_alone(
    device: Device,
    setting: Setting,
    stream: np.random.SeedSequence,
    kind: Literal["gram", "explicit"],
) -> Sample:
    """What `pitfalls.sims.draw` gives, from a device.

    Examples
    --------
    `pitfalls.sims.draw` is its only caller, and shows what it does.

    >>> draw_alone.__name__
    'draw_alone'
    """

    def run(settings: Sequence[Setting]) -> list[Sample]:
        return [Batch.draw(device, settings, [stream], kind).sample(0)]

    explicit = setting.d if kind == "explicit" else 0
    size = bytes_of_replicate(setting.n, 1, 0, False, explicit)
    return _alone(device, setting, size, run)


def descend_alone(
    device: Device,
    sample: Sample,
    objectives: Sequence[Objective],
    numbers: Numbers,
    rate: float,
    recorded: NDArray[np.int64],
    start: Start,
    *,
    examples: bool,
    single: bool,
) -> list[Trajectory]:
    """What `pitfalls.sims.gradient_descent` gives, from a device."""

    def run(batch: Batch, methods: Array) -> Recorded:
        return descend(
            batch,
            methods,
            recorded,
            data=batch.data([start]),
            squares=np.array([start.square]),
            examples=examples,
            single=single,
        )

    times = rate * recorded.astype(float)
    found = _in_parts(device, sample, numbers, rate, len(recorded), examples, run)
    return _trajectories(sample, objectives, times, start, found)


def flow_alone(
    device: Device,
    sample: Sample,
    objectives: Sequence[Objective],
    numbers: Numbers,
    grid: Array,
    start: Start,
    tolerance: float,
) -> list[Trajectory] | None:
    """What `pitfalls.sims.gradient_flow` gives, from a device; None where it is too stiff there."""
    # Times may repeat, which the kernels do not take.
    times, rows = np.unique(grid, return_inverse=True)

    def run(batch: Batch, methods: Array) -> Recorded:
        return flow(
            batch,
            methods,
            times,
            tolerance=tolerance,
            data=batch.data([start]),
            squares=np.array([start.square]),
            examples=True,
        )

    found = _in_parts(device, sample, numbers, 1.0, len(times), True, run)
    if not all(each.done[0] for each in found):
        return None
    return _trajectories(sample, objectives, grid, start, found, rows)


def limit_alone(device: Device, sample: Sample, weight: Array, scale: Array) -> Solution:
    """The max margin of a sample whose examples are independent.

    Its ``kkt_residual`` is inf where the device has given up.
    """

    def run(samples: Sequence[Sample]) -> list[Solution]:
        batch = Batch.of(device, samples)
        values, dual, margins, residual = max_margins(batch, weight[None], scale[None])
        core, spurious, memory, support = values[0].tolist()
        return [
            Solution(
                core=core,
                spurious=spurious,
                memory=memory,
                dual=dual[0],
                margins=margins[0],
                support=support,
                kkt_residual=float(residual[0]),
            )
        ]

    return _alone(device, sample, bytes_of_replicate(sample.n, 1, 0, False), run)


def _in_parts(
    device: Device,
    sample: Sample,
    numbers: Numbers,
    rate: float,
    records: int,
    examples: bool,
    train: Callable[[Batch, Array], Recorded],
) -> list[Recorded]:
    """So many methods at a time as share a product."""
    parts = [numbers[k : k + MOST_METHODS] for k in range(0, len(numbers), MOST_METHODS)]

    def run(samples: Sequence[Sample]) -> list[list[Recorded]]:
        batch = Batch.of(device, samples)
        return [[train(batch, methods_of(part, rate)[None]) for part in parts]]

    size = bytes_of_replicate(sample.n, min(len(numbers), MOST_METHODS), records, examples)
    return _alone(device, sample, size, run)


def _alone(
    device: Device, item: Item, size: float, run: Callable[[Sequence[Item]], Sequence[Found]]
) -> Found:
    """One item on a device, or why it does not fit there."""
    (found,) = in_batches(device, [item], size, run, lambda words: None)
    return found


def _trajectories(
    sample: Sample,
    objectives: Sequence[Objective],
    times: Array,
    start: Start,
    found: Sequence[Recorded],
    rows: NDArray[np.int64] | slice = slice(None),
) -> list[Trajectory]:
    def kept(array: Array | None, k: int) -> Array | None:
        return None if array is None else np.ascontiguousarray(array[0, :, k][rows])

    runs = [
        (part.values[0, :, k][rows], kept(part.dual, k), kept(part.margins, k))
        for part in found
        for k in range(part.values.shape[2])
    ]
    return [
        measured(sample, each, times, start, *run)
        for each, run in zip(objectives, runs, strict=True)
    ]
