"""Programs timed in turn, so that a slow minute of the machine slows them all; and the machine."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..sims import Sample
from ..sims.threads import cores
from ..studies.arguments import Progress
from ..studies.info import processor

__all__ = ["Program", "Report", "Row", "alternate", "exponent", "fresh", "machine", "peak"]

Array: TypeAlias = NDArray[np.float64]

# Numbers in each vector whose reading is timed, and rows of the matrices that are multiplied.
_CEILING = (25_000_000, 2000)
_PAUSE = 0.2
# A program that takes less is run once more before it is timed, to be as warm as the long ones.
_SHORT = 0.5
_PEERS = (
    *("numpy", "scipy", "numba", "torch", "jax", "scikit-learn", "cvxpy", "osqp", "clarabel"),
    *("cupy", "cupy-cuda12x", "cupy-cuda13x"),
)


@dataclass(frozen=True)
class Program:
    """Something to time.

    Attributes
    ----------
    name : str
    run : callable
        Does all the work that is timed, and returns the answer.
    work : float
        What its time is multiplied by: a program too slow to run whole does a part of it.
    most : int, optional
        Rounds at most, for slow peers.

    Examples
    --------
    >>> Program("nothing", lambda: np.zeros(3)).most is None
    True
    """

    name: str
    run: Callable[[], Any]
    work: float = 1.0
    most: int | None = None


@dataclass(frozen=True)
class Row:
    """One program's times in seconds: median, lowest and highest of its rounds.

    Attributes
    ----------
    ratio : float or None
        Median over that of the first program timed with it.
    difference : float or None
        Of its answer from the reference; what it measures stands in the report.
    note : str

    Examples
    --------
    >>> Row("ours", 1.0, 0.9, 1.2, 5, 1.0).rounds
    5
    """

    program: str
    seconds: float
    lowest: float
    highest: float
    rounds: int
    ratio: float | None = None
    difference: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Report:
    """What a benchmark measured.

    Attributes
    ----------
    name, title : str
    rows : list of Row
    difference : str
        What the rows' differences are of.
    lines : list of str
        What the rows mean, with further numbers.
    facts : dict
        The same numbers by name.

    Examples
    --------
    >>> Report("none", "Nothing", []).as_json()["rows"]
    []
    """

    name: str
    title: str
    rows: list[Row]
    difference: str = ""
    lines: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The report as plain types.

        Examples
        --------
        >>> Report("none", "Nothing", []).as_json()["title"]
        'Nothing'
        """
        return asdict(self)

    def seconds(self, program: str) -> float:
        """A program's median.

        Examples
        --------
        >>> Report("none", "", [Row("ours", 1.0, 0.9, 1.2, 5)]).seconds("ours")
        1.0
        """
        return next(row.seconds for row in self.rows if row.program == program)


def alternate(
    programs: Sequence[Program],
    rounds: int,
    progress: Progress,
    differences: dict[str, float] | None = None,
    notes: dict[str, str] | None = None,
) -> list[Row]:
    """Time programs in turn, each warm and on an idle machine, after a round that is not counted.

    Examples
    --------
    >>> rows = alternate([Program("ours", lambda: 0), Program("peer", lambda: 0)], 3, print)
    0 8 ours
    ...
    7 8 peer
    >>> [row.program for row in rows], rows[0].ratio
    (['ours', 'peer'], 1.0)
    """
    seconds: dict[str, list[float]] = {each.name: [] for each in programs}
    total = sum(1 + min(rounds, each.most or rounds) for each in programs)
    done = 0
    taken: dict[str, float] = {}
    for turn in range(rounds + 1):
        for each in programs:
            if turn > min(rounds, each.most or rounds):
                continue
            progress(done, total, each.name)
            # Threads of the last program's libraries wait busily for some 0.1 s.
            time.sleep(_PAUSE)
            if turn > 0 and taken[each.name] < _SHORT:
                each.run()
            begin = time.perf_counter()
            each.run()
            taken[each.name] = time.perf_counter() - begin
            done += 1
            if turn > 0:
                seconds[each.name].append(each.work * taken[each.name])
    base = statistics.median(seconds[programs[0].name])
    rows = []
    for each in programs:
        taken_all = seconds[each.name]
        median = statistics.median(taken_all)
        rows.append(
            Row(
                each.name,
                median,
                min(taken_all),
                max(taken_all),
                len(taken_all),
                median / base,
                (differences or {}).get(each.name),
                (notes or {}).get(each.name, ""),
            )
        )
    return rows


def fresh(sample: Sample) -> Sample:
    """The same examples, whose Gram matrix is yet to be made.

    Examples
    --------
    >>> sample = Sample.from_arrays([[3.0, 4.0], [0.0, 1.0]], [1, -1])
    >>> _ = sample.gram
    >>> "gram" in vars(sample), "gram" in vars(fresh(sample))
    (True, False)
    """
    return Sample(sample.plane, sample.labels, sample.groups, sample.source)


def exponent(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """Slope of log seconds in log size, by least squares.

    Examples
    --------
    >>> round(exponent([1, 2, 4], [3, 12, 48]), 6)
    2.0
    """
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def peak(function: Callable[[], Any]) -> float:
    """Most bytes that NumPy and Python held at once in a call.

    Examples
    --------
    >>> 8e6 <= peak(lambda: np.zeros(10**6)) < 9e6
    True
    """
    tracemalloc.start()
    try:
        function()
        return float(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()


def _best(function: Callable[[], Any], rounds: int = 5) -> float:
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        function()
        times.append(time.perf_counter() - begin)
    return min(times)


def machine() -> dict[str, Any]:
    """Facts about this machine, with its measured ceilings.

    Returns
    -------
    dict
        processor, cores, versions; ``memory_gb_s``: reading 400 MB (BLAS dot product of two
        vectors), ``multiply_gflop_s``: a double-precision matrix product.

    Examples
    --------
    >>> sorted(machine())
    ['cores', 'memory_gb_s', 'multiply_gflop_s', 'processor', 'python', 'versions']
    """
    versions = {}
    for name in _PEERS:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    versions["pitfalls"] = importlib.metadata.version("pitfalls")
    length, side = _CEILING
    vector, other = np.ones(length), np.ones(length)
    square = np.ones((side, side))
    return {
        "processor": processor(),
        "cores": min(cores(), os.cpu_count() or 1),
        "python": platform.python_version(),
        "versions": versions,
        "memory_gb_s": 16 * length / _best(lambda: vector @ other) / 1e9,
        "multiply_gflop_s": 2 * side**3 / _best(lambda: square @ square) / 1e9,
    }
