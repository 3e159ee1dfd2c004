"""What the theory says of each column of a cell."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...theory import (
    MAJORITY,
    MINORITY,
    GroupAccuracy,
    NotSeparableError,
    Objective,
    PitfallsError,
    Setting,
    Solution,
    Trajectory,
    orthogonal,
    proportional,
)
from .document import Sweep
from .quantities import Column

__all__ = ["coordinate", "predict"]

Array: TypeAlias = NDArray[np.float64]

_ACCURACIES = ("majority", "minority", "worst", "average")


def coordinate(weights: Solution | Trajectory, setting: Setting, quantity: str) -> Any:
    """A quantity that weights, or weights over time, have of themselves.

    Examples
    --------
    >>> coordinate(Solution(core=0.5, spurious=0.1, memory=0.2), Setting.figure_1(), "max_core")
    0.5
    """
    if quantity in _ACCURACIES:
        return getattr(weights.accuracy(setting), quantity)
    if quantity.startswith("train_") and isinstance(weights, Trajectory):
        return getattr(weights.train, quantity.removeprefix("train_"))
    value = getattr(weights, quantity.removeprefix("max_"))
    # A max margin that memorises nothing has no share of support vectors in the limit n → ∞.
    return math.nan if value is None else value


def predict(sweep: Sweep, setting: Setting, objectives: dict[str, Objective]) -> Array:
    """The sweep's kinds of prediction for every column.

    Theorem: Theorem 2.2, sharpened (P4), which knows ρ, γ and κ only: accuracies in the limit of
    objectives without scales. Orthogonal: n fixed, d/n → ∞, gradient flow. Proportional: n → ∞ at
    this d/n, the limit t → ∞ only.

    Returns
    -------
    array (kinds, columns)
        nan where a kind says nothing of a column, or its solver refuses.

    Examples
    --------
    >>> from .reader import parse
    >>> sweep = parse('''
    ... replicates = 3
    ... objectives = ["erm"]
    ... quantities = ["minority"]
    ... times = [1, inf]
    ... setting = { n = 100, d = 1000, rho = 0.9, gamma = 5, sigma = 0.1 }
    ... ''')
    >>> predict(sweep, sweep.setting(0), {"erm": Objective.erm()}).round(3)
    array([[nan,  1.],
           [ 0.,  1.],
           [nan,  1.]])
    """
    found = np.full((len(sweep.predictions), len(sweep.columns)), np.nan)
    times = sweep.finite_times
    for row, kind in enumerate(sweep.predictions):
        predictors = {
            name: _KINDS[kind](setting, objective, times) for name, objective in objectives.items()
        }
        for k, column in enumerate(sweep.columns):
            if column.quantity.startswith("xrm"):
                continue  # no theory of it
            with suppress(PitfallsError):
                found[row, k] = predictors[column.objective].number(column)
    return found


class _Theorem:
    """Accuracies of the limit by κ against κ*; the groups change places at ρ → 1 − ρ."""

    def __init__(self, setting: Setting, objective: Objective, times: list[float]) -> None:
        self.setting, self.objective = setting, objective

    def number(self, column: Column) -> float:
        if column.quantity not in _ACCURACIES or column.time != math.inf:
            return math.nan
        if isinstance(self.objective.scale, dict) or 0 in _values(self.objective.weight):
            return math.nan
        rho = self.setting.rho
        both = GroupAccuracy.of(self.group(1 - rho), self.group(rho), rho)
        return float(getattr(both, column.quantity))

    def group(self, others: float) -> float:
        """The accuracy of a group that makes up 1 − ``others``."""
        critical = orthogonal.critical_memory(others, self.setting.gamma)
        if math.isclose(self.setting.kappa, critical, rel_tol=1e-9):
            return 0.5
        return float(self.setting.kappa < critical)


class _Orthogonal:
    """d/n → ∞ at this n."""

    def __init__(self, setting: Setting, objective: Objective, times: list[float]) -> None:
        self.setting, self.objective, self.times = setting, objective, times

    def number(self, column: Column) -> float:
        quantity, time = column.quantity, column.time
        if time is not None and time < math.inf:
            k = self.times.index(time)
            if quantity == "angle":
                return float(self.angles[k])
            return float(coordinate(self.flow, self.setting, quantity)[k])
        if quantity == "crossing":
            return orthogonal.log_crossing_time(self.setting, self.objective) / math.log(10)
        if quantity.startswith("memorization"):
            found = self.left_out
            return _of_group(quantity, found.memorization, found.shares, found.groups)
        return _of_limit(self.limit, self.setting, quantity)

    @cached_property
    def flow(self) -> Trajectory:
        return orthogonal.flow(self.setting, self.objective, self.times)

    @cached_property
    def limit(self) -> Solution | None:
        return _if_separable(orthogonal.max_margin, self.setting, self.objective)

    @cached_property
    def left_out(self) -> orthogonal.LeaveOneOut:
        return orthogonal.leave_one_out(self.setting, self.objective)

    @cached_property
    def angles(self) -> Array:
        if self.limit is None:
            return np.full(len(self.times), np.nan)
        return self.flow.angle(self.limit)


class _Proportional:
    """n → ∞ at this d/n; nothing is known before the limit."""

    def __init__(self, setting: Setting, objective: Objective, times: list[float]) -> None:
        self.setting, self.objective = setting, objective

    def number(self, column: Column) -> float:
        quantity = column.quantity
        if column.time not in (None, math.inf) or quantity == "crossing":
            return math.nan
        if quantity.startswith("memorization"):
            return _of_group(quantity, self.law.memorization, self.law.shares, self.law.groups)
        return _of_limit(self.limit, self.setting, quantity)

    @cached_property
    def limit(self) -> Solution | None:
        return _if_separable(proportional.max_margin, self.setting, self.objective)

    @cached_property
    def law(self) -> proportional.MarginLaw:
        return proportional.margin_law(self.setting, self.objective)


_KINDS: dict[str, type[_Theorem | _Orthogonal | _Proportional]] = {
    "theorem": _Theorem,
    "orthogonal": _Orthogonal,
    "proportional": _Proportional,
}


def _values(number: Any) -> list[float]:
    """Of an objective's number, by group or for all."""
    return list(number.values()) if isinstance(number, dict) else [number]


def _if_separable(
    solver: Callable[[Setting, Objective], Solution], setting: Setting, objective: Objective
) -> Solution | None:
    try:
        return solver(setting, objective)
    except NotSeparableError:
        return None


def _of_limit(limit: Solution | None, setting: Setting, quantity: str) -> float:
    if quantity == "separable":
        return float(limit is not None)
    return math.nan if limit is None else float(coordinate(limit, setting, quantity))


def _of_group(quantity: str, values: Array, shares: Array, groups: NDArray[np.int64]) -> float:
    """Mean over the cells of an observed group."""
    inside = shares * (groups == (MAJORITY if quantity.endswith("majority") else MINORITY))
    return float(values @ inside / inside.sum()) if inside.any() else math.nan
