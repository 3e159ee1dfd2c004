"""What a sweep will take, from a few of its replicates."""

from __future__ import annotations

import time
import tracemalloc
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...theory import PitfallsError
from .block import compute
from .document import Sweep

__all__ = ["Estimate", "estimate"]

_SIZES, _PLACES = 4, 3
_PROCESS = 250 * 2**20
_ROW = 60


@dataclass(frozen=True)
class Estimate:
    """About what a sweep takes.

    Attributes
    ----------
    cells, replicates : int
        Replicates at most: a precision may stop cells early.
    seconds : float
        Of one core.
    worker_bytes, store_bytes : float
        Memory of a worker, and the size of the store.
    tried : int
        Replicates that were run to tell.

    Examples
    --------
    >>> Estimate(2, 20, 60.0, 3e8, 1e4, 2).seconds
    60.0
    """

    cells: int
    replicates: int
    seconds: float
    worker_bytes: float
    store_bytes: float
    tried: int


def estimate(sweep: Sweep) -> Estimate:
    """Run a replicate in up to a dozen cells: time as a power of n between them, memory measured.

    Nothing is written.

    Examples
    --------
    >>> from .reader import parse
    >>> found = estimate(parse('''
    ... replicates = 40
    ... objectives = ["erm"]
    ... quantities = ["support"]
    ... setting = { n = 20, d = 400, rho = 0.9, gamma = 2 }
    ... grid = { sigma = [0.5, 1] }
    ... '''))
    >>> found.cells, found.replicates, found.seconds > 0
    (2, 80, True)
    """
    one = replace(sweep, replicates=1, block=1)
    plain = replace(one, predictions=())
    sizes = np.array([sweep.setting(cell).n for cell in range(sweep.cells)])
    kinds = np.unique(sizes)
    logs: list[float] = []
    costs: list[float] = []
    extras: list[float] = []
    tried = 0
    for n in _spread(kinds, _SIZES):
        cells = _spread(np.flatnonzero(sizes == n), _PLACES)
        _seconds(plain, cells[0])  # compiles, or loads, what there is to compile
        seconds = float(np.mean([_seconds(plain, cell) for cell in cells]))
        both = float(np.mean([_seconds(one, cell) for cell in cells]))
        logs.append(np.log(n))
        costs.append(np.log(seconds))
        extras.append(max(both - seconds, 0.0))
        tried += 1 + 2 * len(cells)
    per_replicate = np.exp(np.interp(np.log(sizes), logs, costs))
    per_cell = np.interp(np.log(sizes), logs, extras)
    tracemalloc.start()
    try:
        _seconds(plain, int(np.argmax(sizes)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    numbers = 8 * len(sweep.columns) * (sweep.replicates + len(sweep.predictions))
    return Estimate(
        cells=sweep.cells,
        replicates=sweep.cells * sweep.replicates,
        seconds=float((sweep.replicates * per_replicate + per_cell).sum()),
        worker_bytes=_PROCESS + peak,
        store_bytes=sweep.cells * (numbers + _ROW * (sweep.blocks + 1)),
        tried=tried + 1,
    )


def _spread(values: NDArray[np.int64], most: int) -> list[int]:
    """Up to so many of the values, the first and the last among them."""
    places = np.linspace(0, len(values) - 1, most).round().astype(int)
    return [int(value) for value in values[np.unique(places)]]


def _seconds(sweep: Sweep, cell: int) -> float:
    """What a block of a cell takes, as long as it is computed at all."""
    begun = time.perf_counter()
    with suppress(PitfallsError):
        compute(sweep, cell, 0)
    return time.perf_counter() - begun
