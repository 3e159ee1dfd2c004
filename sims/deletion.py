"""Training again without one example, for each of many (P10).

Flow and descent: as rows of one matrix, multiplied with the Gram matrix together.

The max margin: from one factorisation. With slacks s = Gα − 1 of examples scaled to the margin 1,
it is the complementary pair α, s ≥ 0. What is free is a linear function of what is zero, with the
support S

    (α_S, s_N) = c + M·(s_S, α_N),   M = [[B, −B·G_SN], [G_NS·B, G_NN − G_NS·B·G_SN]],  B = G_SS⁻¹,

and c the solution. Taking example i away sets α_i to zero and frees s_i; where that makes others
wrong, they are exchanged too: a system as small as the number of exchanges.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import lapack

from ..theory import Objective, Solution, Trajectory
from ..theory.resources import require
from .blas import mirrored
from .certificate import CERTIFIED, kkt_residual
from .descent import gradient_descent
from .exchange import PATIENCE, regular_factor
from .flow import gradient_flow
from .gram import DenseGram, Gram
from .max_margin import max_margin
from .sample import Sample
from .stepping import MOST_PRODUCTS, TooStiffError, first_time, integrate
from .threads import alone, modest_blas, one_blas_thread

__all__ = ["Deletions", "descents_without", "flows_without", "margins_without"]

Array: TypeAlias = NDArray[np.float64]
Index: TypeAlias = NDArray[np.int64]
# Updates of dual weights (b, n), times a factor; and what they make of the margins.
Push: TypeAlias = Callable[[float, Array], Array]
Train: TypeAlias = Callable[[tuple[int, int], Push], list[Array]]

_ROUNDING = 1e-13
# Dual weights in a block: few enough to stay in the cache, enough for fast products.
_BLOCK = 2**16
_NARROWEST = 32
# Vectors of a block's length that DOP853 and a product hold at once.
_HELD = 32


class Deletions(NamedTuple):
    """Max margins without each of k examples.

    Attributes
    ----------
    whole : Solution
        With all of them.
    margins : array (n, k)
        Of every example without each.
    closed_form : boolean array (k,)
        Whether every other example kept its side: support vector, or not.
    kkt_residual : float
        The largest of all.

    Examples
    --------
    >>> from pitfalls.theory import Setting
    >>> from pitfalls.sims import draw
    >>> sample = draw(Setting(n=4, d=100, rho=0.5, gamma=2.0, sigma=1.0), seed=0)
    >>> found = margins_without(sample, Objective.erm(), np.array([0]))
    >>> found.margins.shape, found.closed_form.tolist(), found.kkt_residual < 1e-10
    ((4, 1), [True], True)
    """

    whole: Solution
    margins: Array
    closed_form: NDArray[np.bool_]
    kkt_residual: float


def margins_without(sample: Sample, objective: Objective, sources: Index) -> Deletions:
    """Margins of all examples under the max margin without each of some.

    Raises
    ------
    NotSeparableError, PitfallsError
        As `max_margin`, of the whole or without an example.
    ResourceError
        The matrices do not fit in memory.

    Examples
    --------
    Two examples at right angles: neither helps the other.

    >>> sample = Sample.from_arrays([[1.0, 0.0], [0.0, 1.0]], [1, 1])
    >>> margins_without(sample, Objective.erm(), np.arange(2)).margins
    array([[0., 1.],
           [1., 0.]])
    """
    n, k = sample.n, len(sources)
    require(8.0 * n * (5 * n + 6 * k), f"the max margin of {n} examples without each", "lower n")
    weight, _, scale = objective.resolve(sample.groups, n)
    with modest_blas(float(n) ** 3):
        whole = max_margin(sample, objective)
        assert whole.dual is not None and whole.margins is not None  # noqa: PT018
        assert whole.kkt_residual is not None
        duals = np.repeat((whole.dual / scale)[:, None], k, axis=1)
        closed_form = np.ones(k, dtype=bool)
        needed = np.flatnonzero(whole.dual[sources] > 0)
        tableau = _Tableau.of(sample.gram, weight, scale, whole)
        with one_blas_thread():
            for c in needed:
                # Without an answer it stays the whole's, which the certificate refuses.
                closed_form[c] = tableau is not None and tableau.leave_out(
                    int(sources[c]), duals[:, c]
                )
        margins = sample.gram.product(scale[:, None] * duals)
        residuals = _residuals(margins, duals, weight, scale, sources)
        unused = whole.dual[sources] == 0
        margins[:, unused], residuals[unused] = whole.margins[:, None], whole.kkt_residual
        for c in np.flatnonzero(residuals > CERTIFIED):
            closed_form[c] = False
            margins[:, c], residuals[c] = _solved_again(sample, objective, weight, int(sources[c]))
    worst = max(whole.kkt_residual, float(residuals.max(initial=0.0)))
    return Deletions(whole, margins, closed_form, worst)


def _residuals(margins: Array, duals: Array, weight: Array, scale: Array, sources: Index) -> Array:
    """Each column's certificate."""
    everyone = np.arange(len(sources))
    kept = np.tile(weight > 0, (len(sources), 1))
    kept[everyone, sources] = False
    residuals = kkt_residual((scale[:, None] * margins).T, duals.T, kept)
    # Where nobody is left there is no margin to keep.
    residuals[~kept.any(axis=1)] = 0.0
    residuals[duals[sources, everyone] != 0] = np.inf
    return residuals


def _solved_again(
    sample: Sample, objective: Objective, weight: Array, source: int
) -> tuple[Array, float]:
    left = weight.copy()
    left[source] = 0.0
    if not left.any():
        return np.zeros(sample.n), 0.0
    found = max_margin(sample, replace(objective, weight=left))
    assert found.margins is not None and found.kkt_residual is not None  # noqa: PT018
    return found.margins, found.kkt_residual


class _Tableau:
    """c and the rows of Mᵀ, the support's first; by position in ``order``."""

    def __init__(self, rows: Array, start: Array, order: Index, support: int, n: int) -> None:
        self.rows, self.start, self.order, self.support = rows, start, order, support
        self.position = np.full(n, -1)
        self.position[order] = np.arange(len(order))
        # What counts as negative: less than the rounding of the largest of its kind.
        largest = np.ones(len(order))
        largest[:support] = start[:support].max()
        self.least = -_ROUNDING * largest

    @classmethod
    def of(cls, source: Gram, weight: Array, scale: Array, whole: Solution) -> _Tableau | None:
        """None where the support's examples depend on one another."""
        assert whole.dual is not None and whole.margins is not None  # noqa: PT018
        on = whole.dual > 0
        order, s = np.append(np.flatnonzero(on), np.flatnonzero(~on & (weight > 0))), int(on.sum())
        gram = source.matrix()[np.ix_(order, order)]
        gram *= scale[order]
        gram *= scale[order, None]
        factor = regular_factor(gram[:s, :s].copy())
        if factor is None:
            return None
        inverse = mirrored(np.ascontiguousarray(lapack.dpotri(factor, lower=1)[0].T))
        across = inverse @ gram[:s, s:]
        gram[s:, s:] -= gram[s:, :s] @ across
        gram[:s, :s], gram[:s, s:], gram[s:, :s] = inverse, across, -across.T
        start = np.maximum(scale * whole.margins - 1, 0.0)[order]
        start[:s] = (whole.dual / scale)[order[:s]]
        return cls(gram, start, order, s, len(weight))

    def leave_out(self, example: int, dual: Array) -> bool:
        """Put in place the dual weights (n,) without a support vector; whether no other changed.

        They stay as they are where four exchanges in a row leave no fewer wrong.
        """
        gone = int(self.position[example])
        chosen = np.zeros(len(self.order), dtype=bool)
        chosen[gone] = True
        fewest, patience = len(chosen) + 1, PATIENCE
        while patience >= 0:
            pivots = np.flatnonzero(chosen)
            rows = self.rows[pivots]
            *_, found, failed = lapack.dgesv(rows[:, pivots].T, -self.start[pivots])
            if failed:
                return False
            free = self.start + found @ rows
            # From here on the exchanged ones stand for their partners.
            free[pivots] = found
            wrong = free < self.least
            wrong[gone] = False
            count = int(wrong.sum())
            if count == 0:
                supports = chosen != (np.arange(len(free)) < self.support)
                supports[gone] = False
                dual[:] = 0.0
                dual[self.order] = np.where(supports, np.maximum(free, 0.0), 0.0)
                return len(pivots) == 1
            fewest, patience = (count, PATIENCE) if count < fewest else (fewest, patience - 1)
            chosen ^= wrong
        return False


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
        pool = ThreadPoolExecutor(threads, initializer=alone)
        try:
            for beyond, without in pool.map(work, _blocks(sources, n)):
                rows = slice(done, done := done + len(without[0]))
                added[:, rows], held_out[:, rows] = beyond, without
        finally:
            stopped.set()
            pool.shutdown(wait=True, cancel_futures=True)
    return added, held_out
