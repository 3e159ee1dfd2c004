"""Training runs in the proportional limit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..accuracy import GroupAccuracy
from ..arguments import (
    Record,
    checked_count,
    checked_rate,
    checked_record,
    checked_strength,
    checked_times,
)
from ..cells import CellSystem, cell_system
from ..errors import SettingError
from ..objective import Objective
from ..resources import require
from ..results import Trajectory
from ..setting import MAJORITY, Setting
from .response import Response
from .result import MeanField
from .sites import Sites, State
from .stepping import descending, flowing

__all__ = ["descent", "flow"]

Array: TypeAlias = NDArray[np.float64]

_FRESH = 48
"""Functions ψ of each push, at most."""


def flow(
    setting: Setting,
    objective: Objective,
    times: ArrayLike,
    *,
    initial: tuple[float, float, float] | None = None,
    strength: float = 0.0,
    seed: int = 0,
    sets: int = 8,
    sites: int = 1024,
    examples: bool = True,
    response: bool = False,
) -> MeanField:
    """Gradient flow for n, d → ∞ at this d/n, from the first step to t = 10¹⁶ (P12).

    Fourth-order Adams steps in log time (backward differences in the plane, whose margins move
    fast where γ is large), slower where the residuals turn faster than that. Limits: δ → ∞ is
    `orthogonal.flow`; t → ∞ has the direction of `max_margin`, with decay it is `ridge_path`;
    t → 0 is the first step of P7. Check (Figure 1, reweighting): minority accuracy 0.8475, 0.6140,
    0.5937, 0.5984, 0.6208 at t = 0.2, 2, 10, 40, 999.

    Parameters
    ----------
    setting : Setting
        Feature noise and label noise are exact.
    objective : Objective
        By group, or the same for all.
    times : array_like (T,)
        Increasing times t = binary learning rate × steps, from 0 to 1e16.
    initial : (core, spurious, ‖w_ε‖), optional
        w(0), its memory part in a random direction; zero by default.
    strength : float
        Ridge strength λ (weight decay), in [0, 1e100].
    seed : int
        Of the sites.
    sets, sites : int
        Independent sets of sites, and sites of each cell in each (a power of two). The error falls
        nearly as 1/sites. Beside it stands a bias, which falls as 1/(δ·sites): small at δ > 1, a
        hundredth of the weights at δ = 0.1, where the data cannot be separated.
    examples : bool
        Keep the sites' dual weights and margins, and the correlation (16·sets·sites bytes for each
        cell and time).
    response : bool
        Find the response function too, which takes about as long again for every ten recorded
        times.

    Returns
    -------
    MeanField

    Raises
    ------
    SettingError
        An argument is out of range, or the objective is per example.
    ResourceError
        What was asked to be kept does not fit in memory. Or data that cannot be separated are not
        at rest in any reasonable number of steps (with a response there is no rest).

    Examples
    --------
    >>> setting = Setting.figure_1()
    >>> run = flow(setting, Objective.erm(), [20.0, 1e6], sets=2, sites=512)
    >>> run.accuracy(setting).minority.round(2)
    array([0.12, 0.54])
    """
    grid = checked_times(times)
    problem = _Problem.of(setting, objective, initial, strength, seed, sets, sites)
    run = partial(flowing, times=grid)
    return _together(problem, grid, run, examples, response)


def descent(
    setting: Setting,
    objective: Objective,
    learning_rate: float,
    steps: int,
    record: Record | None = None,
    *,
    initial: tuple[float, float, float] | None = None,
    strength: float = 0.0,
    seed: int = 0,
    sets: int = 8,
    sites: int = 1024,
    examples: bool = True,
    response: bool = False,
) -> MeanField:
    """Gradient descent for n, d → ∞ at this d/n, step by step (P12).

    Exact for the steps as they are, however large; as the learning rate → 0 it is `flow`. Check
    (Figure 1, rate 0.02, reweighting): minority accuracy 0.8540, 0.6136, 0.5935, 0.5946 at t = 0.2,
    2, 10, 20.

    Parameters
    ----------
    setting, objective, initial, strength, seed, sets, sites, examples, response
        As for `flow`.
    learning_rate : float
        Of the binary model, > 0.
    steps : int
        ≥ 0.
    record : array of int or "log", optional
        Step numbers to record, increasing, each meaning "after that many updates"; "log" is the
        first, the last, and up to 32 a decade between. All by default.

    Returns
    -------
    MeanField

    Raises
    ------
    SettingError
        An argument is out of range, or the objective is per example.
    ResourceError
        What was asked to be kept does not fit in memory.

    Examples
    --------
    The paper's Figure 1:

    >>> setting = Setting.figure_1()
    >>> run = descent(setting, Objective.erm(), 0.02, 1000, [1000], sets=2, sites=512)
    >>> run.accuracy(setting).minority.round(2)
    array([0.12])
    """
    rate, recorded = checked_rate(learning_rate), checked_record(steps, record)
    problem = _Problem.of(setting, objective, initial, strength, seed, sets, sites)
    run = partial(descending, rate=rate, recorded=recorded)
    return _together(problem, rate * recorded.astype(float), run, examples, response)


Run: TypeAlias = Callable[[Sites, State, Response | None], Iterator[State]]


class _Problem(NamedTuple):
    """What was asked for, checked."""

    system: CellSystem
    sigma: float
    initial: tuple[float, float, float]
    strength: float
    seed: int
    sets: int
    sites: int
    name: str

    @classmethod
    def of(
        cls,
        setting: Setting,
        objective: Objective,
        initial: tuple[float, float, float] | None,
        strength: float,
        seed: int,
        sets: int,
        sites: int,
    ) -> _Problem:
        sites = checked_count("sites", sites, least=2)
        if sites & (sites - 1):
            raise SettingError("sites", sites, "a power of two", "Sobol points are even then only.")
        start = np.zeros(3) if initial is None else np.asarray(initial, dtype=float)
        if start.shape != (3,) or not np.isfinite(start).all() or start[2] < 0:
            raise SettingError("initial", initial, "(core, spurious, ‖w_ε‖), finite, the last ≥ 0")
        core, spurious, norm = start.tolist()
        return cls(
            cell_system(setting, objective),
            setting.sigma if setting.d > 0 else 0.0,
            (core, spurious, norm),
            checked_strength(strength),
            checked_count("seed", seed),
            checked_count("sets", sets, least=1),
            sites,
            objective.name,
        )


def _together(
    problem: _Problem, times: Array, run: Run, examples: bool, response: bool
) -> MeanField:
    """All sets of sites, and their mean."""
    system, sets = problem.system, problem.sets
    size, kept = problem.sites * len(system.shares), len(times) if examples else 0
    pushes = len(times) if response else 0
    require(
        8.0 * kept * ((2 * sets + 1) * size + 2 * len(times))
        + 8.0 * pushes * ((_FRESH + 2) * size + pushes)
        + 2e3 * size
        + 64.0 * len(times),
        f"{sets} sets of {size} sites at {len(times)} times",
        "record fewer, take fewer sites, or give examples=False and no response",
    )
    numbers = np.empty((sets, len(times), 6))
    dual, margins = np.empty((2, kept, sets * size))
    memory = np.empty((kept, size + 1))
    correlation = np.zeros((kept, kept))
    remaining = np.zeros((pushes, pushes))
    runs, shares, groups = [], np.empty(0), np.empty(0, dtype=np.int64)
    for index in range(sets):
        sites = Sites(
            system,
            problem.sigma,
            problem.strength,
            problem.sites,
            (problem.seed, index),
            fresh=_FRESH if response else 0,
        )
        left = Response(sites) if response else None
        shares, groups = sites.cells.shares, sites.cells.groups
        own = slice(index * size, (index + 1) * size)
        for k, state in enumerate(run(sites, sites.start(problem.initial), left)):
            reached = sites.margins(state)
            numbers[index, k] = _numbers(sites, state, reached)
            if examples:
                memory[k], dual[k, own], margins[k, own] = state.memory, state.dual, reached
            if left is not None:
                remaining[k, : k + 1] += left.remaining / sets
        kept_of_set = (dual[:, own], margins[:, own], shares) if examples else (None, None, None)
        runs.append(Trajectory(**_fields(problem, times, numbers[index], *kept_of_set)))
        if examples:
            correlation += (memory * sites.measure) @ memory.T / sets
    everything = (dual, margins, np.tile(shares / sets, sets)) if examples else (None, None, None)
    return MeanField(
        **_fields(problem, times, numbers.mean(axis=0), *everything),
        sets=tuple(runs),
        correlation=correlation if examples else None,
        response=remaining if response else None,
        groups=np.tile(groups, sets),
    )


def _numbers(sites: Sites, state: State, margins: Array) -> Array:
    """w_y, w_a, ‖w_ε‖, the loss, and both groups' training accuracies."""
    train = sites.cells.by_group(margins > 0)
    norm = np.sqrt(sites.measure @ state.memory**2)
    loss = sites.cells.loss(margins)
    return np.array([*state.plane, norm, loss, train.majority, train.minority])


def _fields(
    problem: _Problem,
    times: Array,
    numbers: Array,
    dual: Array | None,
    margins: Array | None,
    shares: Array | None,
) -> dict[str, Any]:
    """What a trajectory is made of."""
    system = problem.system
    core, spurious, memory, loss, majority, minority = numbers.T
    majority_share = float(system.shares[system.groups == MAJORITY].sum())
    train = GroupAccuracy.of(majority, minority, majority_share)
    return {
        "times": times,
        "core": core,
        "spurious": spurious,
        "memory": memory,
        "loss": loss,
        "train": train,
        "dual": dual,
        "margins": margins,
        "shares": shares,
        "name": problem.name,
    }
