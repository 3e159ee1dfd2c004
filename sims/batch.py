"""Many replicates over the cores, to the same bytes whatever the number of workers."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

__all__ = ["cores", "replicate", "stream"]

Result = TypeVar("Result")

_thread = threading.local()


def cores() -> int:
    """Cores that one computation may use: all of this process, but one inside `replicate`.

    Examples
    --------
    >>> list(replicate(lambda s: cores(), [stream(0, 0, 0)]))
    [1]
    """
    if getattr(_thread, "replicates", False):
        return 1
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def _alone() -> None:
    """Leave the other cores to other replicates, in what this thread computes."""
    _thread.replicates = True


def stream(seed: int, cell: int, index: int) -> np.random.SeedSequence:
    """The random stream of one replicate of one cell.

    Parameters
    ----------
    seed, cell, index : int
        ≥ 0.

    Examples
    --------
    >>> stream(0, 1, 2).spawn_key
    (1, 2)
    """
    return np.random.SeedSequence(seed, spawn_key=(cell, index))


def replicate(
    function: Callable[[np.random.SeedSequence], Result],
    streams: Sequence[np.random.SeedSequence],
    workers: int | None = None,
) -> Iterator[Result]:
    """Results of ``function`` on each stream, in the streams' order.

    Runs on threads: the work is in NumPy, SciPy and kernels that release the interpreter. BLAS is
    held to one thread meanwhile, so that neither the bytes nor the cores depend on ``workers``.

    Parameters
    ----------
    function : callable
        Takes a stream; must not share state between calls.
    streams : sequence of SeedSequence
    workers : int, optional
        Threads; all cores by default.

    Yields
    ------
    Result
        As soon as it and all before it are done. Closing the iterator stops what has not begun.

    Examples
    --------
    >>> streams = [stream(0, 0, i) for i in range(3)]
    >>> list(replicate(lambda s: s.spawn_key[1], streams, workers=2))
    [0, 1, 2]
    """
    with threadpool_limits(limits=1):
        pool = ThreadPoolExecutor(workers or cores(), initializer=_alone)
        futures: list[Future[Result]] = [pool.submit(function, each) for each in streams]
        try:
            for future in futures:
                yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
