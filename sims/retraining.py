"""Training again without one example, for each of many: flow and descent (P10).

As rows of one matrix, multiplied with the Gram matrix together.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..theory import Objective, Trajectory
from ..theory.resources import require
from .descent import gradient_descent
from .flow import gradient_flow
from .gram import DenseGram
from .sample import Sample
from .stepping import MOST_PRODUCTS, TooStiffError, first_time, integrate
from .threads import keep_to_one_core, one_blas_thread

__all__ = ["descents_without", "flows_without"]

Array: TypeAlias = NDArray[np.float64]
Index: TypeAlias = NDArray[np.int64]
# Updates of dual weights (b, n), times a factor; and what they make of the margins.
Push: TypeAlias = Callable[[float, Array], Array]
Train: TypeAlias = Callable[[tuple[int, int], Push], list[Array]]

# Dual weights in a block: few enough to stay in the cache, enough for fast products.
_BLOCK = 2**16
_NARROWEST = 32
# Vectors of a block's length that DOP853 and a product hold at once.
_HELD = 32


def flows_without(
    sample: Sample,
    objective: Objective,
    sources: Index,
    times: ArrayLike,
    tolerance: float,
    threads: int,
) -> tuple[Trajectory, Array, Array]:
    """The flow, what its margins have beyond those without each, and the held-out ones.

    Returns
    -------
    Trajectory, array (T, k, n), array (T, k)

    Examples
    --------
    >>> sample = Sample.from_arrays([[1.0, 0.0], [0.0, 1.0]], [1, 1])
    >>> _, added, held_out = flows_without(sample, Objective.erm(), np.array([0]), 9.0, 1e-8, 1)
    >>> added.round(3), held_out
    (array([[[1.409, 0.   ]]]), array([[0.]]))
    """
    _plan(sample, len(sources), np.size(np.asarray(times, dtype=object)), threads)
    whole = gradient_flow(sample, objective, times, tolerance=tolerance, threads=threads)
    weight, _, scale = objective.resolve(sample.groups, sample.n)
    rate, grid = weight * scale / sample.n, whole.times
    first = first_time(scale * sample.gram.product(rate))

    def train(shape: tuple[int, int], push: Push) -> list[Array]:
        left = 0

        def speed(log_time: float, state: Array) -> Array:
            nonlocal left
            left -= 1
            if left < 0:
                raise TooStiffError
            return push(float(np.exp(log_time)), state.reshape(shape)).ravel()

        size, states, now = first * float(rate.max()), [np.zeros(shape)], 0.0
        # To each time anew: between the ends of its steps the method has fewer digits.
        for time in grid:
            left, begin, last = MOST_PRODUCTS, first + now, states[-1].ravel()
            ends = integrate(speed, last, np.array([time - now]), begin, size, tolerance)
            states.append(ends.reshape(shape))
            now = time
        return states[1:]

    # Data that cannot be separated have no dual weights.
    if whole.dual is not None:
        try:
            return whole, *_train(sample, objective, sources, len(grid), train, threads)
        except TooStiffError:
            pass
    assert whole.margins is not None
    added = np.repeat(whole.margins[:, None], len(sources), axis=1)
    held_out = np.zeros(added.shape[:2])
    for row, source in enumerate(sources):
        left = weight.copy()
        left[source] = 0.0
        if left.any():
            run = gradient_flow(sample, replace(objective, weight=left), grid, tolerance=tolerance)
            assert run.margins is not None
            added[:, row] -= run.margins
            held_out[:, row] = run.margins[:, source]
    return whole, added, held_out


def descents_without(
    sample: Sample,
    objective: Objective,
    sources: Index,
    learning_rate: float,
    record: Index,
    threads: int,
) -> tuple[Trajectory, Array, Array]:
    """Gradient descent, what its margins have beyond those without each, and the held-out ones.

    Returns
    -------
    Trajectory, array (T, k, n), array (T, k)

    Examples
    --------
    >>> sample = Sample.from_arrays([[1.0, 0.0], [0.0, 1.0]], [1, 1])
    >>> one = np.array([1])
    >>> descents_without(sample, Objective.erm(), one - 1, 0.5, one, 1)[1:]
    (array([[[0.125, 0.   ]]]), array([[0.]]))
    """
    _plan(sample, len(sources), len(record), threads)
    whole = gradient_descent(
        sample, objective, learning_rate, int(record[-1]), record=record, threads=threads
    )

    def train(shape: tuple[int, int], push: Push) -> list[Array]:
        dual, states = np.zeros(shape), []
        for steps in np.diff(record, prepend=0):
            for _ in range(steps):
                dual += push(learning_rate, dual)
            states.append(dual.copy())
        return states

    return whole, *_train(sample, objective, sources, len(record), train, threads)


def _plan(sample: Sample, k: int, count: int, threads: int) -> None:
    """Refuse what does not fit: the result, the Gram matrix, and what each thread holds."""
    widest = 1 + max(len(each) for each in _blocks(np.arange(k), sample.n))
    held = threads * widest * (_HELD + 2 * count) + sample.n + count * (k + 2)
    require(
        8.0 * sample.n * held,
        f"the influence of {k} examples on {sample.n} at {count} times",
        "give fewer examples or times",
    )


def _blocks(sources: Index, n: int) -> list[Index]:
    """Of nearly equal size, whatever the number of threads."""
    k = len(sources)
    parts = max(-(-k * n // _BLOCK), min(8, k // _NARROWEST), 1)
    return np.array_split(sources, min(parts, -(-k // _NARROWEST)))


class _StoppedError(Exception):
    """Another thread failed, or was interrupted."""


def _train(
    sample: Sample,
    objective: Objective,
    sources: Index,
    count: int,
    train: Train,
    threads: int,
) -> tuple[Array, Array]:
    """What margins have beyond those without each source, and held-out ones: blocks over the cores.

    BLAS is on one thread, and the whole is the last row of each block.
    """
    gram, n = sample.gram, sample.n
    weight, shift, scale = objective.resolve(sample.groups, n)
    dense = gram.matrix() if isinstance(gram, DenseGram) else None
    stopped = threading.Event()

    def product(dual: Array) -> Array:
        return np.ascontiguousarray(gram.product(dual.T).T) if dense is None else dual @ dense

    def work(block: Index) -> tuple[list[Array], list[Array]]:
        rate = np.tile(weight * scale / n, (len(block) + 1, 1))
        left_out = np.arange(len(block)), block
        rate[left_out] = 0.0

        def push(factor: float, dual: Array) -> Array:
            if stopped.is_set():
                raise _StoppedError
            logit = product(dual)
            logit *= scale
            logit += shift
            with np.errstate(over="ignore"):
                np.exp(logit, out=logit)
            logit += 1
            np.divide(rate, logit, out=logit)
            logit *= factor
            return logit

        margins = [product(dual) for dual in train(rate.shape, push)]
        return [each[-1] - each[:-1] for each in margins], [each[left_out] for each in margins]

    added, held_out, done = np.empty((count, len(sources), n)), np.empty((count, len(sources))), 0
    with one_blas_thread():
        pool = ThreadPoolExecutor(threads, initializer=keep_to_one_core)
        try:
            for beyond, without in pool.map(work, _blocks(sources, n)):
                rows = slice(done, done := done + len(without[0]))
                added[:, rows], held_out[:, rows] = beyond, without
        finally:
            stopped.set()
            pool.shutdown(wait=True, cancel_futures=True)
    return added, held_out
