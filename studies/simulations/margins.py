"""Max margins over many draws: both sides of κ*, noise, scaling, and where memory begins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ...sims import draw, max_margin
from ...theory import Objective, Setting, Solution, orthogonal, proportional
from ...theory.theorem import Fact, fact
from ..measure import SIZE, Cell, against, measure
from ..plan import Plan
from ..statements import Statement, convergence, exact, under
from .common import GAMMA, RHO, with_memory

__all__ = ["LADDER", "noisy_cells", "scaled_cells", "thresholds", "two_sides"]

LADDER = (0.5, 2, 8, 32, 128, 1000)


def two_sides(plan: Plan) -> Iterator[Statement]:
    """(b) σ > 0, κ on both sides of κ*, d/n from 0.5 to 1000; and a spurious feature too weak.

    Examples
    --------
    >>> nothing = Plan(0, 8, None, lambda done, total, label: None)
    >>> next(two_sides(nothing)).id
    'b.below.0.5.spurious'
    """
    limit, case = fact("proportional-limit"), fact("second-case")
    threshold = orthogonal.critical_memory(RHO, GAMMA)
    for ratio, side in ((0.5, "below"), (2.0, "above")):
        cells = []
        for delta in LADDER:
            where = f"κ = {ratio:g}κ*, d/n = {delta:g}"

            def setting_at(n: int, delta: float = delta, ratio: float = ratio) -> Setting:
                return with_memory(n, delta, ratio * threshold)

            cell = measure(plan.batch, where, setting_at)
            cells.append(cell)
            names = ("spurious", "memory", "score")
            predicted = limit.at(cell.setting)
            yield from against(limit, predicted, cell, f"b.{side}.{delta:g}", where, names)
        yield from _rates(cells, f"b.{side}", f"κ = {ratio:g}κ*")
        last = cells[-1]
        yield from _far(case, last.setting, last.at_2n, f"b.{side}", f"κ = {ratio:g}κ*")
    weak = with_memory(2 * SIZE, LADDER[-1], 1.0, gamma=1.0)
    found = plan.batch(lambda seed: replace(max_margin(draw(weak, seed)), dual=None), "weak")
    yield from _far(case, weak, found, "b.weak", "γ²(2ρ−1) = 0.8, κ = 1")


def _rates(cells: list[Cell], prefix: str, where: str) -> Iterator[Statement]:
    """How the max margin gets to the orthogonal limit as d/n grows."""
    near, grow = fact("orthogonal-distance"), fact("second-case-rate")
    far = [cell for cell in cells if cell.setting.delta >= 8]
    grid = [cell.setting.delta for cell in far]
    errors = []
    for cell in far:
        memory = cell.measured(lambda w: w.memory)
        closed = fact("orthogonal-limit").at(cell.setting).memory
        errors.append(replace(memory, mean=memory.mean - closed))
    row = convergence(
        f"{prefix}.orthogonal",
        f"{where}: {near.quantity}",
        rate=near.at(far[-1].setting),
        grid=grid,
        errors=errors,
        tolerance=0.1,
    )
    yield from under(near, [row])
    row = convergence(
        f"{prefix}.theorem",
        f"{where}: {grow.quantity}",
        rate=grow.at(far[-1].setting),
        grid=grid,
        errors=[cell.measured(cell.score) for cell in far],
        tolerance=0.05,
    )
    yield from under(grow, [row])


def _far(
    case: Fact, setting: Setting, found: list[Solution], prefix: str, where: str
) -> Iterator[Statement]:
    """Mean accuracies against the theorem's, where d/n is large."""
    expected = case.at(setting)
    for group, name in (("minority", "limit"), ("majority", "majority")):
        row = exact(
            f"{prefix}.{name}",
            f"{where}, d/n = {setting.delta:g}: mean {group} test accuracy of the max margin",
            prediction=getattr(expected, group),
            observed=float(np.mean([getattr(w.accuracy(setting), group) for w in found])),
            tolerance=1e-6,
        )
        yield from under(case, [row])


def noisy_cells(plan: Plan) -> Iterator[Statement]:
    """P9 beyond the theorem: label noise and feature noise.

    Examples
    --------
    >>> next(noisy_cells(Plan(0, 8, None, lambda done, total, label: None))).id
    'b.noise.core'
    """
    limit = fact("noisy-limit")

    def noisy(n: int) -> Setting:
        return with_memory(
            n, 4, 2.0, gamma=2.0, core_noise=0.3, spurious_noise=0.3, label_noise=0.1
        )

    cell = measure(plan.batch, "label and feature noise", noisy)
    where = "label noise 0.1, feature noise 0.3, d/n = 4"
    names = ("core", "spurious", "memory", "minority", "support")
    yield from against(limit, limit.at(cell.setting), cell, "b.noise", where, names)


def scaled_cells(plan: Plan) -> Iterator[Statement]:
    """P9 for a vector scaling.

    Examples
    --------
    >>> next(scaled_cells(Plan(0, 8, None, lambda done, total, label: None))).id
    'b.scaling.core'
    """
    limit = fact("scale-limit")

    def scaling(setting: Setting) -> Objective:
        return Objective.vector_scaling(setting, {1: 2.0, 0: 1.0})

    cell = measure(plan.batch, "vector scaling", lambda n: with_memory(n, 4, 1.0), scaling)
    predicted = limit.at(cell.setting, cell.objective)
    names = ("core", "spurious", "memory", "minority", "support")
    yield from against(limit, predicted, cell, "b.scaling", "vector scaling 2 : 1, d/n = 4", names)


def thresholds(plan: Plan) -> Iterator[Statement]:
    """On which side of δ_m the max margin memorises.

    Draws change over within about 0.1·δ_m of it at n = 400; half of it is five times as far.

    Examples
    --------
    >>> next(thresholds(Plan(0, 8, None, lambda done, total, label: None))).observed
    0.0
    """
    law = fact("memorization-threshold")
    n = 2 * SIZE
    threshold = proportional.memorization_threshold(with_memory(n, 1, 2.0))
    for ratio, side in ((0.5, "below"), (1.5, "above")):
        setting = with_memory(n, ratio * threshold, 2.0)
        where = f"d/n = {setting.delta:.3f} = {ratio:g}δ_m"

        def memory(seed: np.random.SeedSequence, setting: Setting = setting) -> float:
            return max_margin(draw(setting, seed)).memory

        found = np.array(plan.batch(memory, where))
        row = exact(
            f"b.threshold.{side}",
            f"{where}: {law.quantity}",
            prediction=law.at(setting),
            observed=float((found > 1e-9).mean()),
            tolerance=1e-6,
            note=f"‖w_ε‖ from {found.min():.2g} to {found.max():.2g}",
        )
        yield from under(law, [row])
