"""Gradient flow in log time, several objectives on one data set together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from ..theory import (
    NotSeparableError,
    Objective,
    PitfallsError,
    ResourceError,
    SettingError,
    Trajectory,
)
from ..theory.arguments import checked_times
from ..theory.resources import require
from . import kernels
from .exchange import regular_factor
from .gpu.device import Backend, chosen
from .gpu.one_sample import flow_alone
from .gram import DenseGram, DiagonalPlusPlane, Features
from .max_margin import max_margin
from .packed import PackedSymmetric, Problem
from .record import as_list, trajectory
from .sample import Sample
from .start import Start
from .stepping import MOST_PRODUCTS, TooStiffError, Watch, first_time, integrate
from .threads import checked_threads, modest_blas
from .weight_flow import weight_flows

__all__ = ["gradient_flow"]

Array: TypeAlias = NDArray[np.float64]

# Examples from which on an implicit method has the weights as its state, where they are fewer.
_MANY = 4000


@overload
def gradient_flow(
    sample: Sample,
    objective: Objective,
    times: ArrayLike,
    initial: ArrayLike | None = None,
    *,
    tolerance: float = 1e-10,
    threads: int | None = None,
    separable: bool | None = None,
    progress: Callable[[float], None] | None = None,
    backend: Backend = "cpu",
) -> Trajectory: ...
@overload
def gradient_flow(
    sample: Sample,
    objective: Sequence[Objective],
    times: ArrayLike,
    initial: ArrayLike | None = None,
    *,
    tolerance: float = 1e-10,
    threads: int | None = None,
    separable: bool | None = None,
    progress: Callable[[float], None] | None = None,
    backend: Backend = "cpu",
) -> list[Trajectory]: ...
def gradient_flow(
    sample: Sample,
    objective: Objective | Sequence[Objective],
    times: ArrayLike,
    initial: ArrayLike | None = None,
    *,
    tolerance: float = 1e-10,
    threads: int | None = None,
    separable: bool | None = None,
    progress: Callable[[float], None] | None = None,
    backend: Backend = "cpu",
) -> Trajectory | list[Trajectory]:
    """Gradient flow ẇ = −∇ℓ(w), in dual form and log time (P1).

    With τ = log(t₀ + t) the flow is smooth and its margins grow like τ: an explicit eighth-order
    method takes it to t = 1e16 in about two thousand products. On data that cannot be separated
    the dual weights would grow like t, so there the weights are integrated, implicitly.

    Parameters
    ----------
    sample : Sample
    objective : Objective or sequence of them
    times : array_like (T,)
        Increasing times t = learning rate × steps, from 0 to 1e16.
    initial : array (p,) or (core, spurious, ‖w_ε‖), optional
        w(0); see `Sample.start`. Zero by default.
    tolerance : float
        Relative error per step of the integrator, in [1e-12, 1e-2].
    threads : int, optional
        All cores by default, and one inside `replicate`. The bytes are the same.
    separable : bool, optional
        Whether the examples that count can be separated, where that is known: finding out may take
        as long as the flow.
    progress : callable, optional
        Called with the share of the way that is done, in log time.
    backend : {"cpu", "gpu", "auto"} or Device
        Where to compute. On a GPU a sample has one multiprocessor: that pays for many samples in a
        batch (`pitfalls.sims.gpu`), not for one.

    Returns
    -------
    Trajectory or list of Trajectory
        As ``objective`` is one or a sequence. Dual weights are None on data that cannot be
        separated, and on stiff ones of more than 4000 examples with fewer features.

    Raises
    ------
    SettingError
        An argument is out of range, or an objective does not fit the sample.
    ResourceError
        What is recorded, or a matrix of the sample, does not fit in memory, or there is no GPU.

    Examples
    --------
    >>> from pitfalls.theory import Setting
    >>> from pitfalls.sims import draw
    >>> sample = draw(Setting(n=50, d=400, rho=0.8, gamma=3.0, sigma=0.1), seed=0)
    >>> run = gradient_flow(sample, Objective.erm(), [10.0, 1e12])
    >>> run.loss.round(3).tolist(), run.train.worst.tolist()
    ([0.099, 0.0], [1.0, 1.0])
    """
    grid, threads = checked_times(times), checked_threads(threads)
    if not isinstance(tolerance, (int, float)) or not 1e-12 <= tolerance <= 1e-2:
        raise SettingError("tolerance", tolerance, "a number in [1e-12, 1e-2]")
    objectives = as_list(objective)
    require(
        32.0 * len(grid) * len(objectives) * sample.n,
        f"dual weights and margins of {sample.n} examples at {len(grid)} times",
        "ask for fewer times",
    )
    start = sample.start(initial)
    numbers = [o.resolve(sample.groups, sample.n) for o in objectives]
    device = chosen(backend)
    with modest_blas(float(sample.n) ** 3):
        watch = Watch(progress, 0.0, 1.0)
        if _separable(sample, objectives) if separable is None else separable:
            found = None
            # Without a matrix the CPU needs O(n) a product.
            if device is not None and not isinstance(sample.gram, DiagonalPlusPlane):
                found = flow_alone(device, sample, objectives, numbers, grid, start, tolerance)
            runs = found or _dual_flow(
                sample, objectives, numbers, grid, start, tolerance, threads, watch
            )
        else:
            runs = weight_flows(sample, objectives, numbers, grid, start, tolerance, watch)
    return runs[0] if isinstance(objective, Objective) else runs


def _separable(sample: Sample, objectives: Sequence[Objective]) -> bool:
    """Whether every objective's examples can be separated."""
    gram = sample.gram
    if isinstance(gram, DiagonalPlusPlane) and gram.square > 0:
        return True
    if isinstance(gram, DenseGram):
        require(24.0 * sample.n**2, f"the flow of {sample.n} examples", "lower n")
        # Independent examples can be separated.
        if regular_factor(gram.matrix()) is not None:
            return True
    # It depends on the examples that count, and on nothing else of an objective.
    weights = [each.resolve(sample.groups, sample.n)[0] for each in objectives]
    different = {(q > 0).tobytes(): each for q, each in zip(weights, objectives, strict=True)}
    try:
        for each in different.values():
            max_margin(sample, replace(each, scale=1.0))
    except NotSeparableError:
        return False
    except ResourceError:
        raise
    except PitfallsError:
        # Barely separable: there is a max margin, if too far out to be certified.
        return True
    return True


def _dual_flow(
    sample: Sample,
    objectives: Sequence[Objective],
    numbers: Sequence[tuple[Array, Array, Array]],
    grid: Array,
    start: Start,
    tolerance: float,
    threads: int,
    watch: Watch,
) -> list[Trajectory]:
    weight, shift, scale = (np.stack(x) for x in zip(*numbers, strict=True))
    shape = weight.shape
    rate = weight * scale / sample.n
    products = 0
    many = sample.n > _MANY and isinstance(sample.gram, Features)
    most = MOST_PRODUCTS // 4 if many else MOST_PRODUCTS
    with _speeds(sample, start, (shift, scale, rate), threads) as speeds:

        def speed(log_time: float, state: Array) -> Array:
            nonlocal products
            products += 1
            if products > most:
                raise TooStiffError
            watch(log_time, first, grid[-1])
            return speeds(np.exp(log_time), state.reshape(shape)).ravel()

        first = first_time(scale * sample.gram.product(rate.T).T)
        size = first * float(rate.max())
        try:
            states = integrate(speed, np.zeros(rate.size), grid, first, size, tolerance)
            dual = states.reshape(len(grid), *shape)
        except TooStiffError:
            if many:
                return weight_flows(sample, objectives, numbers, grid, start, tolerance, watch)
            stiff = [_stiff_dual(sample, x, grid, start, first, size, tolerance) for x in numbers]
            dual = np.stack(stiff, axis=1)
    return [
        _record(sample, objective, x, grid, start, np.ascontiguousarray(dual[:, o]))
        for o, (objective, x) in enumerate(zip(objectives, numbers, strict=True))
    ]


@contextmanager
def _speeds(
    sample: Sample, start: Start, methods: tuple[Array, Array, Array], threads: int
) -> Iterator[Callable[[float, Array], Array]]:
    """A function of a factor and dual weights (k, n): factor·rate·sigmoid(−Δm − s)."""
    gram, plane = sample.gram, sample.plane
    shift, scale, rate = methods

    def plainly(factor: float, dual: Array) -> Array:
        margins = start.margins + gram.product(dual.T).T
        return np.asarray(factor * rate * expit(-scale * margins - shift))

    if not isinstance(gram, DenseGram):
        yield plainly
        return
    nothing = np.zeros(sample.n)
    problem = Problem(
        plane=plane,
        start=start.margins,
        overlap=nothing,
        majority=nothing,
        shift=shift,
        scale=scale,
        weight=scale,
        rate=rate,
    )
    with PackedSymmetric(gram.memory_gram, len(shift), problem, threads=threads) as packed:

        def fused(factor: float, dual: Array) -> Array:
            out = np.empty_like(dual)
            kernels.push(packed.job, packed.threads, factor, dual, out)
            return out

        yield fused


def _stiff_dual(
    sample: Sample,
    numbers: tuple[Array, Array, Array],
    grid: Array,
    start: Start,
    first: float,
    size: float,
    tolerance: float,
) -> Array:
    """Dual weights (T, n) of one objective by an implicit method, with the dense Jacobian."""
    weight, shift, scale = numbers
    gram = sample.gram.matrix()
    rate = weight * scale / sample.n

    def argument(dual: Array) -> Array:
        return -scale * (start.margins + gram @ dual) - shift

    def speed(log_time: float, dual: Array) -> Array:
        return np.asarray(np.exp(log_time) * rate * expit(argument(dual)))

    def jacobian(log_time: float, dual: Array) -> Array:
        logit = argument(dual)
        slope = np.exp(log_time) * rate * scale * expit(logit) * expit(-logit)
        return np.asarray(-slope[:, None] * gram)

    return integrate(speed, np.zeros(sample.n), grid, first, size, tolerance, jacobian)


def _record(
    sample: Sample,
    objective: Objective,
    numbers: tuple[Array, Array, Array],
    grid: Array,
    start: Start,
    dual: Array,
) -> Trajectory:
    product = sample.gram.memory_product(dual.T).T
    moved = dual @ sample.plane
    square = start.square + (dual * (product + 2 * start.overlap)).sum(axis=1)
    return trajectory(
        sample,
        objective,
        numbers,
        grid,
        moved + (start.core, start.spurious),
        np.sqrt(np.maximum(square, 0)),
        start.margins + moved @ sample.plane.T + product,
        dual,
    )
