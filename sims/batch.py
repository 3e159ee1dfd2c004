"""Many replicates over the cores, to the same bytes whatever the number of workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from .threads import checked_threads, keep_to_one_core, one_blas_thread

__all__ = ["replicate", "stream"]

Result = TypeVar("Result")


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

    Raises
    ------
    SettingError
        An illegal number of workers.

    Examples
    --------
    >>> streams = [stream(0, 0, i) for i in range(3)]
    >>> list(replicate(lambda s: s.spawn_key[1], streams, workers=2))
    [0, 1, 2]
    """
    return _results(function, streams, checked_threads(workers, "workers"))


def _results(
    function: Callable[[np.random.SeedSequence], Result],
    streams: Sequence[np.random.SeedSequence],
    workers: int,
) -> Iterator[Result]:
    with one_blas_thread():
        pool = ThreadPoolExecutor(workers, initializer=keep_to_one_core)
        futures: list[Future[Result]] = [pool.submit(function, each) for each in streams]
        try:
            for future in futures:
                yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
