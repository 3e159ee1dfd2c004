"""The flow of the weights: for data that cannot be separated, where dual weights grow like t."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from ..theory import Objective, Trajectory
from .blas import column_gram, times
from .gram import Features
from .record import trajectory
from .sample import Sample
from .start import Start
from .stepping import Watch, first_time, integrate

__all__ = ["weight_flows"]

Array: TypeAlias = NDArray[np.float64]


def weight_flows(
    sample: Sample,
    objectives: Sequence[Objective],
    numbers: Sequence[tuple[Array, Array, Array]],
    grid: Array,
    start: Start,
    tolerance: float,
    watch: Watch,
) -> list[Trajectory]:
    """One flow after the other.

    Parameters
    ----------
    sample, objectives, tolerance : as for `gradient_flow`
    numbers : weight, shift and scale of each objective, (n,)
    grid : array (T,)
        Times.
    start : Start
    watch : Watch

    Examples
    --------
    >>> sample, erm = Sample.from_arrays([[1.0, 0.0], [1.0, 0.0]], [1, -1]), Objective.erm()
    >>> numbers, nobody = [erm.resolve(None, 2)], Watch(None, 0.0, 1.0)
    >>> start = sample.start((0.5, 0.0, 0.0))
    >>> (run,) = weight_flows(sample, [erm], numbers, np.array([0.0, 1e9]), start, 1e-8, nobody)
    >>> run.core.round(6) + 0.0
    array([0.5, 0. ])
    """
    part = 1 / len(objectives)
    return [
        _weight_flow(sample, each, x, grid, start, tolerance, Watch(watch.progress, k * part, part))
        for k, (each, x) in enumerate(zip(objectives, numbers, strict=True))
    ]


def _weight_flow(
    sample: Sample,
    objective: Objective,
    numbers: tuple[Array, Array, Array],
    grid: Array,
    start: Start,
    tolerance: float,
    watch: Watch,
) -> Trajectory:
    """The flow of the weights in the coordinates of [U, L], L Lᵀ = E Eᵀ, by an implicit method."""
    weight, shift, scale = numbers
    n = sample.n
    factor = sample.gram.memory_factor()
    examples = np.hstack((sample.plane, factor))
    # The part of w(0) that no example sees stays as it is.
    seen: Array = np.zeros(factor.shape[1])
    if start.overlap.any():
        seen = np.asarray(np.linalg.lstsq(factor, start.overlap, rcond=None)[0], dtype=float)
    unseen = max(start.square - float(seen @ seen), 0.0)
    state = np.concatenate(((start.core, start.spurious), seen))
    rate = weight * scale / n

    def push(weights: Array) -> tuple[Array, Array]:
        argument = -scale * times(examples, weights) - shift
        value = rate * expit(argument)
        return value, value * scale * expit(-argument)

    def speed(log_time: float, weights: Array) -> Array:
        watch(log_time, first, grid[-1])
        return np.asarray(np.exp(log_time) * times(examples.T, push(weights)[0]))

    def jacobian(log_time: float, weights: Array) -> Array:
        return -column_gram(np.sqrt(np.exp(log_time) * push(weights)[1])[:, None] * examples)

    first = first_time(scale * (examples @ (examples.T @ rate)))
    states = integrate(
        speed,
        state,
        grid,
        first,
        first * float((rate @ np.abs(examples)).max()),
        tolerance,
        jacobian,
        settles=True,
    )
    run = trajectory(
        sample,
        objective,
        numbers,
        grid,
        states[:, :2],
        np.sqrt((states[:, 2:] ** 2).sum(axis=1) + unseen),
        states @ examples.T,
        None,
    )
    # A difference of squares: zero up to rounding.
    explicit = isinstance(sample.gram, Features) and unseen <= 1e-14 * start.square
    return replace(run, weights=states) if explicit else run
