"""Single draws on orthogonal data: when they are fitted, when the minority follows (P15)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...sims import Sample, draw, gradient_flow, ridge_path
from ...theory import Objective, Trajectory, orthogonal
from ...theory.theorem import fact
from ..measure import SIZE
from ..plan import Plan
from ..statements import Statement, exact, under
from .common import GAMMA, RHO, minority_margin, with_memory

__all__ = ["delay"]

Array: TypeAlias = NDArray[np.float64]

_NOISES = (0.0, 0.1)
_WORDS = {
    "fitted": "log t from which on all of the training set is right",
    "recovered": "log t from which on the minority is right",
    "decay": "log of the weight decay beyond which it never is",
}


def delay(plan: Plan) -> Iterator[Statement]:
    """(g) Train and test apart.

    Examples
    --------
    >>> rows = delay(Plan(0, 8, None, lambda done, total, label: None))
    >>> [next(rows).id for _ in range(3)]
    ['g.at-once.below', 'g.at-once.above', 'g.delay.0.fitted']
    """
    at_once, late = fact("fitted-at-once"), fact("delay")
    edge = GAMMA**2 * (2 * RHO - 1) - 1
    erm = Objective.erm()
    for name, ratio in (("below", 0.99), ("above", 1.01)):
        setting = with_memory(SIZE, 50, ratio * edge)
        run = gradient_flow(draw(setting, plan.stream(8), kind="orthogonal"), erm, [1e-6])
        row = exact(
            f"g.at-once.{name}",
            f"orthogonal data, ERM, κ = {ratio:g}(γ²(2ρ−1) − 1): {at_once.quantity}",
            prediction=at_once.at(setting),
            observed=float(run.train.minority[0]),
            tolerance=0.01,
            note=f"test margin {minority_margin(run.at(0)):.1g}",
        )
        yield from under(at_once, [row])
    for noise in _NOISES:
        memory = 0.7 * orthogonal.critical_memory(RHO, GAMMA)
        setting = with_memory(SIZE, 50, memory, label_noise=noise)
        sample = draw(setting, plan.stream(9), kind="orthogonal")
        found = {
            "fitted": _root(lambda x, s=sample: _smallest(_flow(s, x)), -3.0, 15.0),
            "recovered": _root(lambda x, s=sample: minority_margin(_flow(s, x)), -3.0, 15.0),
            "decay": _root(lambda x, s=sample: minority_margin(_path(s, x)), -15.0, 0.0),
        }
        for name, prediction in late.at(setting, erm).items():
            row = exact(
                f"g.delay.{noise:g}.{name}",
                f"orthogonal data, κ = 0.7κ*, label noise {noise:g}, ERM: {_WORDS[name]}",
                prediction=prediction,
                observed=found[name],
                tolerance=1e-6,
            )
            yield from under(late, [row])


def _flow(sample: Sample, log_times: Array) -> Trajectory:
    return gradient_flow(sample, Objective.erm(), np.exp(log_times))


def _path(sample: Sample, log_strengths: Array) -> Trajectory:
    return ridge_path(sample, Objective.erm(), np.exp(log_strengths))


def _smallest(run: Trajectory) -> Array:
    return np.asarray(run.margins).min(axis=1)


def _root(function: Callable[[Array], Array], low: float, high: float) -> float:
    """The last change of sign, on a grid and once more inside its cell."""
    for _ in range(2):
        grid = np.linspace(low, high, 121)
        values = function(grid)
        k = int(np.flatnonzero(values[:-1] * values[1:] <= 0)[-1])
        low, high = float(grid[k]), float(grid[k + 1])
    return low + (high - low) * float(values[k] / (values[k] - values[k + 1]))
