"""What every trainer of this part returns, and how it reads what it is given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..theory import MAJORITY, GroupAccuracy, Objective, SettingError, Trajectory
from .sample import Sample
from .start import Start

__all__ = ["as_list", "measured", "observed_groups", "trajectory"]

Array: TypeAlias = NDArray[np.float64]


def as_list(objective: Objective | Sequence[Objective]) -> list[Objective]:
    """One objective or several as a list; SettingError if there is none.

    Examples
    --------
    >>> [each.name for each in as_list(Objective.erm())]
    ['ERM']
    """
    objectives = [objective] if isinstance(objective, Objective) else list(objective)
    if not objectives or not all(isinstance(each, Objective) for each in objectives):
        raise SettingError("objective", objective, "an Objective, or a sequence of at least one")
    return objectives


def observed_groups(sample: Sample) -> NDArray[np.int64]:
    """Groups of the sample's examples; all in the majority where none were given.

    Examples
    --------
    >>> observed_groups(Sample.from_arrays([[1.0, 2.0], [-1.0, 2.0]], [1, -1])).tolist()
    [1, 1]
    """
    if sample.groups is None:
        return np.full(sample.n, MAJORITY, dtype=np.int64)
    return sample.groups


def measured(
    sample: Sample,
    objective: Objective,
    times: Array,
    start: Start,
    values: Array,
    dual: Array | None,
    margins: Array | None,
) -> Trajectory:
    """The trajectory of what a kernel has measured.

    Parameters
    ----------
    times : (T,)
    values : (T, 6)
        Core and spurious weight (the start's not added), ‖w_ε‖, loss, train accuracies of majority
        and minority.
    dual, margins : (T, n), where they were kept

    Examples
    --------
    >>> sample = Sample.from_arrays([[1.0, 2.0], [-1.0, 2.0]], [1, -1], [1, 0])
    >>> start, values = sample.start([0.5, 0.0]), np.array([[0.25, 0.0, 0.0, 0.4, 1.0, 0.0]])
    >>> run = measured(sample, Objective.erm(), np.ones(1), start, values, None, None)
    >>> run.core.tolist(), run.train.average.tolist()
    ([0.75], [0.5])
    """
    share = float((observed_groups(sample) == MAJORITY).mean())
    return Trajectory(
        times=times,
        core=start.core + values[:, 0],
        spurious=start.spurious + values[:, 1],
        memory=values[:, 2],
        loss=values[:, 3],
        train=GroupAccuracy.of(values[:, 4], values[:, 5], share),
        dual=dual,
        margins=margins,
        name=objective.name,
    )


def trajectory(
    sample: Sample,
    objective: Objective,
    numbers: tuple[Array, Array, Array],
    grid: Array,
    plane: Array,
    memory: Array,
    margins: Array,
    dual: Array | None,
) -> Trajectory:
    """The trajectory of weights known at each of T times, with loss and training accuracies.

    Parameters
    ----------
    numbers : weight, shift and scale, (n,)
    grid, memory : (T,) times and ‖w_ε‖
    plane : (T, 2) core and spurious
    margins, dual : (T, n)

    Examples
    --------
    >>> sample = Sample.from_arrays([[1.0, 2.0], [-1.0, 2.0]], [1, -1], [1, 0])
    >>> numbers = Objective.erm().resolve(sample.groups, 2)
    >>> margins = np.array([[1.0, -1.0]])
    >>> time, plane, memory = np.ones(1), np.array([[0.0, 0.5]]), np.zeros(1)
    >>> run = trajectory(sample, Objective.erm(), numbers, time, plane, memory, margins, None)
    >>> run.train.majority.tolist(), run.train.minority.tolist()
    ([1.0], [0.0])
    """
    weight, shift, scale = numbers
    return Trajectory(
        times=grid,
        core=plane[:, 0],
        spurious=plane[:, 1],
        memory=memory,
        loss=(weight * np.logaddexp(0, -scale * margins - shift)).mean(axis=1),
        train=GroupAccuracy.counted(margins > 0, sample.groups),
        dual=dual,
        margins=margins,
        name=objective.name,
    )
