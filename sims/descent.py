"""Full-batch gradient descent, several objectives on one data set together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from ..theory import MAJORITY, MINORITY, GroupAccuracy, Objective, SettingError, Trajectory
from . import kernels
from .gram import DenseGram, Gram
from .memory import require
from .sample import Sample, Start

__all__ = ["gradient_descent"]

Array: TypeAlias = NDArray[np.float64]


@overload
def gradient_descent(
    sample: Sample,
    objective: Objective,
    learning_rate: float,
    steps: int,
    initial: ArrayLike | None = None,
    record: ArrayLike | None = None,
    *,
    examples: bool = True,
    parallel: bool = False,
) -> Trajectory: ...
@overload
def gradient_descent(
    sample: Sample,
    objective: Sequence[Objective],
    learning_rate: float,
    steps: int,
    initial: ArrayLike | None = None,
    record: ArrayLike | None = None,
    *,
    examples: bool = True,
    parallel: bool = False,
) -> list[Trajectory]: ...
def gradient_descent(
    sample: Sample,
    objective: Objective | Sequence[Objective],
    learning_rate: float,
    steps: int,
    initial: ArrayLike | None = None,
    record: ArrayLike | None = None,
    *,
    examples: bool = True,
    parallel: bool = False,
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
    record : array of int, optional
        Step numbers to record, increasing, each meaning "after that many updates"; all by default.
    examples : bool
        Keep every example's dual weight and margin at the recorded steps (16·n bytes each).
    parallel : bool
        Use all cores for this one run, to the same bytes. Pays from n ≈ 1000 on a machine with
        idle cores; where something else wants them, every step waits for it.

    Returns
    -------
    Trajectory or list of Trajectory
        As ``objective`` is one or a sequence.

    Raises
    ------
    SettingError
        An argument is out of range, or an objective does not fit the sample.
    ResourceError
        What was asked to be kept does not fit in memory.

    Examples
    --------
    >>> from pitfalls.sims import draw
    >>> from pitfalls.theory import Setting
    >>> sample = draw(Setting(n=50, d=400, rho=0.8, gamma=3.0, sigma=0.1), seed=0)
    >>> run = gradient_descent(sample, Objective.erm(), 0.1, steps=100, record=[0, 100])
    >>> run.times.tolist(), run.loss.round(3).tolist(), run.train.worst.tolist()
    ([0.0, 10.0], [0.693, 0.1], [0.0, 1.0])
    """
    objectives = as_list(objective)
    rate, recorded = _checked(learning_rate, steps, record)
    groups = observed_groups(sample)
    resolved = [each.resolve(sample.groups, sample.n) for each in objectives]
    weight, shift, scale = (np.stack(x) for x in zip(*resolved, strict=True))
    kept = len(recorded) if examples else 0
    require(
        16.0 * kept * len(objectives) * sample.n,
        f"dual weights and margins at {kept} steps",
        "record fewer steps, or give examples=False",
    )
    out = np.zeros((len(recorded), len(objectives), 6))
    dual = np.zeros((kept, len(objectives), sample.n))
    margins = np.zeros_like(dual)
    problem = _Problem(
        sample.plane, groups, weight, shift, scale, sample.start(initial), rate, recorded
    )
    if isinstance(sample.gram, DenseGram):
        _fused(sample.gram, problem, out, dual, margins, parallel)
    else:
        _plain(sample.gram, problem, out, dual, margins)
    majority_share = float((groups == MAJORITY).mean())
    runs = [
        Trajectory(
            times=rate * recorded.astype(float),
            core=out[:, o, 0],
            spurious=out[:, o, 1],
            memory=out[:, o, 2],
            loss=out[:, o, 3],
            train=GroupAccuracy.of(out[:, o, 4], out[:, o, 5], majority_share),
            dual=dual[:, o] if examples else None,
            margins=margins[:, o] if examples else None,
            name=each.name,
        )
        for o, each in enumerate(objectives)
    ]
    return runs[0] if isinstance(objective, Objective) else runs


def _checked(
    learning_rate: float, steps: int, record: ArrayLike | None
) -> tuple[float, NDArray[np.int64]]:
    if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)) or steps < 0:
        raise SettingError("steps", steps, "an integer ≥ 0")
    try:
        rate = float(learning_rate)
    except (TypeError, ValueError):
        rate = np.nan
    if not 0 < rate < np.inf:
        raise SettingError("learning_rate", learning_rate, "a finite number > 0")
    if record is None:
        require(64.0 * steps, f"a record of all {steps} steps", "record fewer steps")
        return rate, np.arange(int(steps) + 1)
    try:
        array = np.asarray(record)
    except ValueError:
        array = np.zeros((0, 0))
    legal = array.ndim == 1 and array.size > 0 and np.issubdtype(array.dtype, np.integer)
    if not legal or array[0] < 0 or array[-1] > steps or (np.diff(array) <= 0).any():
        raise SettingError(
            "record",
            record,
            f"strictly increasing step numbers in 0 … {steps}",
            "Each means 'after that many updates'.",
        )
    return rate, array.astype(np.int64)


def as_list(objective: Objective | Sequence[Objective]) -> list[Objective]:
    """One objective or several as a list; SettingError if there is none."""
    objectives = [objective] if isinstance(objective, Objective) else list(objective)
    if not objectives or not all(isinstance(each, Objective) for each in objectives):
        raise SettingError("objective", objective, "an Objective, or a sequence of at least one")
    return objectives


def observed_groups(sample: Sample) -> NDArray[np.int64]:
    """Groups of the sample's examples; all in the majority where none were given."""
    if sample.groups is None:
        return np.full(sample.n, MAJORITY, dtype=np.int64)
    return sample.groups


class _Problem(NamedTuple):
    """What to descend, in arrays: weight, shift and scale are (k, n)."""

    plane: Array
    groups: NDArray[np.int64]
    weight: Array
    shift: Array
    scale: Array
    start: Start
    rate: float
    recorded: NDArray[np.int64]


def _fused(
    gram: DenseGram, problem: _Problem, out: Array, dual: Array, margins: Array, parallel: bool
) -> None:
    start = problem.start
    arguments = (
        problem.plane,
        problem.groups,
        problem.weight,
        problem.shift,
        problem.scale,
        start.margins,
        np.array([start.core, start.spurious]),
        start.overlap,
        start.square,
        problem.rate,
    )
    bounds = kernels.partition(len(problem.plane))
    outputs = (out, dual, margins)
    if parallel:
        kernels.descend_threads(
            gram.memory, *arguments, steps=problem.recorded, outputs=outputs, bounds=bounds
        )
    else:
        kernels.descend(gram.memory, *arguments, problem.recorded, *outputs, bounds)


def _plain(gram: Gram, problem: _Problem, out: Array, dual_out: Array, margins_out: Array) -> None:
    """The kernel's loop through an operator's products; writes the same outputs.

    One objective after the other: BLAS multiplies a matrix by three columns no faster than by one
    three times, and so the bytes do not depend on what else is trained.
    """
    plane, groups, weights, shifts, scales, start, rate, recorded = problem
    n = len(plane)
    for o, (weight, shift, scale) in enumerate(zip(weights, shifts, scales, strict=True)):
        dual = np.zeros(n)
        speed = rate * weight * scale / n
        record = 0
        for step in range(int(recorded[-1]) + 1):
            moved = dual @ plane
            product = gram.memory_product(dual)
            margins = start.margins + plane @ moved + product
            logit = -scale * margins - shift
            if step == recorded[record]:
                square = start.square + float(dual @ (product + 2 * start.overlap))
                out[record, o, :2] = moved + (start.core, start.spurious)
                out[record, o, 2] = np.sqrt(max(square, 0.0))
                out[record, o, 3] = (weight * np.logaddexp(0, logit)).mean()
                for column, group in ((4, MAJORITY), (5, MINORITY)):
                    inside = groups == group
                    right = (margins[inside] > 0).mean() if inside.any() else 1.0
                    out[record, o, column] = right
                if len(dual_out):
                    dual_out[record, o], margins_out[record, o] = dual, margins
                record += 1
            dual += speed * expit(logit)
