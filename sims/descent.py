"""Full-batch gradient descent, several objectives on one data set together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..theory import MAJORITY, Objective, Trajectory
from ..theory.arguments import Record, checked_rate, checked_record
from ..theory.resources import require
from . import kernels
from .gpu.device import Backend, chosen
from .gpu.one_sample import descend_alone
from .gram import DenseGram, DiagonalPlusPlane, Gram
from .packed import PackedSymmetric, Problem, state_of
from .record import as_list, measured, observed_groups
from .sample import Sample
from .threads import checked_threads

__all__ = ["gradient_descent"]

Array: TypeAlias = NDArray[np.float64]
Steps: TypeAlias = NDArray[np.int64]

_OPERATIONS_A_CALL = 2e9


@overload
def gradient_descent(
    sample: Sample,
    objective: Objective,
    learning_rate: float,
    steps: int,
    initial: ArrayLike | None = None,
    record: Record | None = None,
    *,
    examples: bool = True,
    single: bool = False,
    threads: int | None = None,
    backend: Backend = "cpu",
) -> Trajectory: ...
@overload
def gradient_descent(
    sample: Sample,
    objective: Sequence[Objective],
    learning_rate: float,
    steps: int,
    initial: ArrayLike | None = None,
    record: Record | None = None,
    *,
    examples: bool = True,
    single: bool = False,
    threads: int | None = None,
    backend: Backend = "cpu",
) -> list[Trajectory]: ...
def gradient_descent(
    sample: Sample,
    objective: Objective | Sequence[Objective],
    learning_rate: float,
    steps: int,
    initial: ArrayLike | None = None,
    record: Record | None = None,
    *,
    examples: bool = True,
    single: bool = False,
    threads: int | None = None,
    backend: Backend = "cpu",
) -> Trajectory | list[Trajectory]:
    """Full-batch gradient descent in dual form (P1).

    A step costs O(n²) whatever d is, and several objectives share each pass over the Gram matrix;
    it costs O(np) for explicit features with p < n.

    Parameters
    ----------
    sample : Sample
    objective : Objective or sequence of them
    learning_rate : float
        Of the binary model, > 0; a two-logit softmax with rate η is this with 2η. Time is
        learning_rate × steps.
    steps : int
        ≥ 0.
    initial : array (p,) or (core, spurious, ‖w_ε‖), optional
        w(0); see `Sample.start`. Zero by default.
    record : array of int or "log", optional
        Step numbers to record, increasing, each meaning "after that many updates"; "log" is the
        first, the last, and up to 32 a decade between. All by default.
    examples : bool
        Keep every example's dual weight and margin at the recorded steps (16·n bytes each).
    single : bool
        Keep and multiply a dense Gram matrix in single precision: half the memory traffic, and
        weights off by less than 1e-6 of their size (its rounding, 6e-8 an entry, averages out).
    threads : int, optional
        Of this one run: all cores by default, and one inside `replicate`. The bytes are the same.
    backend : {"cpu", "gpu", "auto"} or Device
        Where to compute. On a GPU a sample has one multiprocessor: that pays for many samples in a
        batch (`pitfalls.sims.gpu`), not for one.

    Returns
    -------
    Trajectory or list of Trajectory
        As ``objective`` is one or a sequence.

    Raises
    ------
    SettingError
        An argument is out of range, or an objective does not fit the sample.
    ResourceError
        What was asked to be kept does not fit in memory, or there is no GPU.

    Examples
    --------
    >>> from pitfalls.sims import draw
    >>> from pitfalls.theory import Setting
    >>> sample = draw(Setting(n=50, d=400, rho=0.8, gamma=3.0, sigma=0.1), seed=0)
    >>> run = gradient_descent(sample, Objective.erm(), 0.1, steps=100, record=[0, 100])
    >>> run.times.tolist(), run.loss.round(3).tolist(), run.train.worst.tolist()
    ([0.0, 10.0], [0.693, 0.098], [0.0, 1.0])
    """
    objectives = as_list(objective)
    rate = checked_rate(learning_rate)
    recorded, threads = checked_record(steps, record), checked_threads(threads)
    resolved = [each.resolve(sample.groups, sample.n) for each in objectives]
    kept = len(recorded) if examples else 0
    require(
        16.0 * kept * len(objectives) * sample.n,
        f"dual weights and margins at {kept} steps",
        "record fewer steps, or give examples=False",
    )
    start = sample.start(initial)
    device = chosen(backend)
    # Without a matrix the CPU needs O(n) a step.
    if device is not None and not isinstance(sample.gram, DiagonalPlusPlane):
        runs = descend_alone(
            device,
            sample,
            objectives,
            resolved,
            rate,
            recorded,
            start,
            examples=examples,
            single=single,
        )
        return runs[0] if isinstance(objective, Objective) else runs
    weight, shift, scale = (np.stack(x) for x in zip(*resolved, strict=True))
    out = np.zeros((len(recorded), len(objectives), 6))
    dual = np.zeros((kept, len(objectives), sample.n))
    margins = np.zeros_like(dual)
    groups = observed_groups(sample)
    problem = Problem(
        plane=sample.plane,
        start=start.margins,
        overlap=start.overlap,
        majority=(groups == MAJORITY).astype(float),
        shift=shift,
        scale=scale,
        weight=weight,
        rate=rate * weight * scale / sample.n,
    )
    outputs = (out, dual, margins)
    if isinstance(sample.gram, DenseGram):
        with PackedSymmetric(
            sample.gram.memory_gram, len(objectives), problem, single=single, threads=threads
        ) as packed:
            _descend(packed, start.square, recorded, outputs)
    else:
        _descend_plainly(sample.gram, problem, start.square, recorded, outputs)
    runs = [
        measured(
            sample,
            each,
            rate * recorded.astype(float),
            start,
            out[:, o],
            dual[:, o] if examples else None,
            margins[:, o] if examples else None,
        )
        for o, each in enumerate(objectives)
    ]
    return runs[0] if isinstance(objective, Objective) else runs


def _descend(
    packed: PackedSymmetric, square: float, recorded: Steps, outputs: tuple[Array, ...]
) -> None:
    """The fused kernel, for a fraction of a second at a time: between calls it can be stopped."""
    dual = packed.dual
    end = int(recorded[-1]) + 1
    stride = 1 + int(_OPERATIONS_A_CALL / (dual.size * dual.shape[1]))
    for first in range(0, end, stride):
        steps = (first, min(first + stride, end))
        rows = slice(*np.searchsorted(recorded, steps))
        kernels.descend(
            packed.job,
            packed.threads,
            square,
            steps,
            recorded[rows],
            *(output[rows] for output in outputs),
        )


def _descend_plainly(
    gram: Gram, problem: Problem, square: float, recorded: Steps, outputs: tuple[Array, ...]
) -> None:
    """The same loop through an operator's products.

    One objective after the other: BLAS multiplies a matrix by three columns no faster than by one
    three times, and so the bytes do not depend on what else is trained.
    """
    rows = dict(zip(recorded.tolist(), range(len(recorded)), strict=True))
    for o in range(len(problem.rate)):
        one = slice(o, o + 1)
        state = state_of(Problem(*problem[:4], *(numbers[one] for numbers in problem[4:])))
        dual, product = state[0], state[1]
        kept = tuple(output[:, one] for output in outputs)
        for step in range(int(recorded[-1]) + 1):
            product[0] = gram.memory_product(dual[0])
            kernels.advance(state, square, rows.get(step, -1), *kept)
