"""(e) No spurious weight in the limit (curing scale), or at any time (lasting cure); P13."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...sims import Sample, draw, gradient_flow
from ...theory import MAJORITY, Objective, Setting, orthogonal, proportional
from ...theory.crossing import minority_margin
from ...theory.theorem import fact
from ..measure import SIZE, against, measure
from ..plan import Plan
from ..statements import Statement, controlled, convergence, exact, under
from ..train import curing_objective
from .common import GAMMA, RHO, with_memory

__all__ = ["CURED", "FAR", "cure_over_time", "cured_limits", "lasting_cure"]

Array: TypeAlias = NDArray[np.float64]

CURED = (2, 10, 100)
FAR = (64, 256, 1024)


def _lost() -> float:
    """A κ at which ERM loses the minority."""
    return 2 * orthogonal.critical_memory(RHO, GAMMA)


def cured_limits(plan: Plan) -> Iterator[Statement]:
    """Max margins of the curing scale.

    Examples
    --------
    >>> next(cured_limits(Plan(0, 8, None, lambda done, total, label: None))).id
    'e.2.spurious'
    """
    cure, kappa = fact("curing-scale"), _lost()
    for delta in CURED:
        where = f"κ = 2κ*, curing scale, d/n = {delta:g}"

        def setting_at(n: int, delta: float = delta) -> Setting:
            return with_memory(n, delta, kappa, core_noise=0.12, spurious_noise=0.12)

        cell = measure(plan.batch, where, setting_at, curing_objective)
        predicted = cure.at(cell.setting)
        erm = proportional.max_margin(cell.setting).accuracy(cell.setting)
        cured = predicted.accuracy(cell.setting)
        note = (
            f"predicted minority accuracy {cured.minority:.3f}, of ERM {erm.minority:.3f}; "
            f"majority {cured.majority:.3f}, of ERM {erm.majority:.3f}"
        )
        # An accuracy within 1e-6 of 1 in every draw says less than its margin.
        names = ("spurious", "score", "minority") if delta < 100 else ("spurious", "score")
        for row in against(cure, predicted, cell, f"e.{delta:g}", where, names):
            yield replace(row, note=note) if row.id.endswith("spurious") else row


def cure_over_time(plan: Plan) -> Iterator[Statement]:
    """The curing scale's flow on the way to its limit.

    Examples
    --------
    >>> next(cure_over_time(Plan(0, 8, None, lambda done, total, label: None))).id
    'e.flow.1'
    """
    law, kappa = fact("curing-flow"), _lost()
    times = {"1": 1.0, "20": 20.0, "1e3": 1e3, "1e6": 1e6}
    errors = []
    for delta in FAR:
        setting = with_memory(SIZE // 2, delta, kappa)
        cure = curing_objective(setting, orthogonal.curing_scale)
        closed = minority_margin(orthogonal.flow(setting, cure, list(times.values())), setting)

        def one(
            seed: np.random.SeedSequence,
            setting: Setting = setting,
            cure: Objective = cure,
            closed: Array = closed,
        ) -> tuple[Array, Array]:
            sample = draw(setting, seed)
            flow = gradient_flow(sample, cure, list(times.values()))
            return minority_margin(flow, setting) - closed, overlaps(sample, setting)

        pairs = plan.batch(one, f"curing scale over time, d/n = {delta:g}")
        differences, sums = (np.array(each) for each in zip(*pairs, strict=True))
        errors.append([controlled(column, sums) for column in differences.T])
    for i, (name, time) in enumerate(times.items()):
        row = convergence(
            f"e.flow.{name}",
            f"κ = 2κ*, curing scale, t = {time:g}: {law.quantity}",
            rate=law.at(setting),
            grid=list(FAR),
            errors=[each[i] for each in errors],
            tolerance=0.1,
            note=f"closed form {closed[i]:.3f}",
        )
        yield from under(law, [row])


def overlaps(sample: Sample, setting: Setting) -> Array:
    """Sums of E Eᵀ − s²·I over pairs of groups, with mean zero.

    To first order in E Eᵀ − s²·I the plane part of the flow depends on nothing else: what is left
    of a difference from the orthogonal limit is the second order, n/d.

    Examples
    --------
    >>> setting = with_memory(20, 3, 1.0)
    >>> bool(np.abs(overlaps(draw(setting, 0, kind="orthogonal"), setting)).max() < 1e-12)
    True
    """
    memory = sample.gram.memory_matrix()
    majority = sample.groups == MAJORITY
    member = np.array([majority, ~majority], dtype=float)
    expected = setting.kappa * setting.n * np.diag(member.sum(axis=1))
    return np.asarray((member @ memory @ member.T - expected)[np.triu_indices(2)])


def lasting_cure(plan: Plan) -> Iterator[Statement]:
    """The spurious weight over all times, on orthogonal data.

    Examples
    --------
    >>> [row] = lasting_cure(Plan(0, 8, None, lambda done, total, label: None))
    >>> row.id, row.holds
    ('e.always', True)
    """
    law = fact("lasting-cure")
    setting = with_memory(SIZE, 50, _lost())
    always = gradient_flow(
        draw(setting, plan.stream(4), kind="orthogonal"),
        orthogonal.lasting_cure(setting),
        np.logspace(-2, 12, 29),
    )
    row = exact(
        "e.always",
        f"orthogonal data, lasting cure: {law.quantity}",
        prediction=law.at(setting),
        observed=float((GAMMA * np.abs(always.spurious) / always.core).max()),
        tolerance=1e-5,
    )
    yield from under(law, [row])
