"""Flows to late times on single draws: where they go, and how fast."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ...sims import draw, gradient_descent, gradient_flow, max_margin
from ...theory import Objective, Setting, Solution, angle, orthogonal
from ...theory.crossing import minority_margin
from ...theory.theorem import fact
from ..measure import SIZE
from ..plan import Plan
from ..statements import Statement, convergence, exact, under
from ..train import three_methods
from .common import GAMMA, RHO, slug, with_memory

__all__ = ["orthogonal_data", "same_data", "shift_against_weight", "without_memory"]

_WITHOUT = Setting(n=SIZE, d=2 * SIZE, rho=RHO, gamma=GAMMA, sigma=0.0)


def without_memory(plan: Plan) -> Iterator[Statement]:
    """(a) σ = 0: the theorem's first case, and how slowly it comes.

    Examples
    --------
    >>> rows = without_memory(Plan(0, 8, None, lambda done, total, label: None))
    >>> [row.id for row in rows]
    ['a.rate', 'a.majority', 'a.minority']
    """
    perfect, slow = fact("first-case"), fact("first-case-rate")
    times = np.array([1e8, 1e10, 1e12, 1e14, 1e16])
    flow = gradient_flow(draw(_WITHOUT, plan.stream(0)), Objective.erm(), times)
    rate = convergence(
        "a.rate",
        f"σ = 0, ERM: {slow.quantity}",
        rate=slow.at(_WITHOUT),
        grid=np.log(times).tolist(),
        errors=(flow.spurious / flow.core).tolist(),
        tolerance=0.05,
    )
    yield from under(slow, [rate])
    noisy = replace(_WITHOUT, n=1000, d=2000, core_noise=0.12, spurious_noise=0.12)
    reached = gradient_flow(draw(noisy, plan.stream(1)), Objective.erm(), times[-1:]).at(0)
    expected, found = perfect.at(noisy), reached.accuracy(noisy)
    for group in ("majority", "minority"):
        row = exact(
            f"a.{group}",
            f"σ = 0, ERM, feature noise 0.12: {group} test accuracy at t = 10¹⁶",
            prediction=getattr(expected, group),
            observed=getattr(found, group),
            tolerance=1e-6,
        )
        yield from under(perfect, [row])


def orthogonal_data(plan: Plan) -> Iterator[Statement]:
    """P3 and P6 where they are exact: two independent programs, one answer.

    Examples
    --------
    >>> rows = orthogonal_data(Plan(0, 8, None, lambda done, total, label: None))
    >>> next(rows).id
    'b.orthogonal.core'
    """
    limit, law = fact("orthogonal-limit"), fact("asymptote")
    setting = with_memory(SIZE, 50, 2 * orthogonal.critical_memory(RHO, GAMMA))
    sample = draw(setting, plan.stream(2), kind="orthogonal")
    found, closed = max_margin(sample), limit.at(setting)
    for name, words in (("core", "w_y"), ("spurious", "w_a"), ("memory", "‖w_ε‖")):
        row = exact(
            f"b.orthogonal.{name}",
            f"orthogonal data: {words} of the solver's max margin",
            prediction=getattr(closed, name),
            observed=getattr(found, name),
            tolerance=1e-10,
        )
        yield from under(limit, [row])
    objectives = three_methods(setting)
    for objective, flow in zip(objectives, gradient_flow(sample, objectives, [1e10]), strict=True):
        row = exact(
            f"b.orthogonal.{slug(flow.name)}",
            f"orthogonal data, {flow.name}: minority margin of the simulated flow at t = 10¹⁰",
            prediction=_margin(law.at(setting, objective, [1e10]).at(0), setting),
            observed=_margin(flow.at(0), setting),
            tolerance=1e-4,
        )
        yield from under(law, [row])
    yield from under(law, [_descent(plan), _ratio(plan)])


def _margin(weights: Solution, setting: Setting) -> float:
    return float(minority_margin(weights, setting))


def _descent(plan: Plan) -> Statement:
    """Of a draw that is orthogonal to four digits, and so small that a step costs little."""
    setting = with_memory(20, 5e7, 2 * orthogonal.critical_memory(RHO, GAMMA))
    rate, steps = 0.2, 100_000
    run = gradient_descent(
        draw(setting, plan.stream(5)),
        Objective.erm(),
        rate,
        steps,
        record=[steps],
        examples=False,
    )
    expected = fact("asymptote").at(setting, Objective.erm(), [rate * steps])
    return exact(
        "b.orthogonal.descent",
        "d = 10⁹, ERM: minority margin of gradient descent at rate 0.2, t = 2·10⁴",
        prediction=_margin(expected.at(0), setting),
        observed=_margin(run.at(0), setting),
        tolerance=1e-3,
    )


def _ratio(plan: Plan) -> Statement:
    flow = gradient_flow(draw(_WITHOUT, plan.stream(0)), Objective.erm(), [1e8]).at(0)
    expected = fact("asymptote").at(_WITHOUT, Objective.erm(), [1e8]).at(0)
    return exact(
        "a.ratio",
        "σ = 0, ERM: w_a/w_y of the simulated flow at t = 10⁸",
        prediction=expected.spurious / expected.core,
        observed=flow.spurious / flow.core,
        tolerance=1e-6,
    )


def same_data(plan: Plan) -> Iterator[Statement]:
    """(c) ERM, reweighting and logit shifting on the same data go to the same place; scaling not.

    Examples
    --------
    >>> rows = same_data(Plan(0, 8, None, lambda done, total, label: None))
    >>> next(rows).id, next(rows).id
    ('c.rate.erm', 'c.loss.erm')
    """
    direction, shared, other = (
        fact(name) for name in ("max-margin-direction", "one-limit", "scale-rate")
    )
    loss = fact("loss-law")
    setting = with_memory(SIZE, 2000, 1.2 * orthogonal.critical_memory(RHO, GAMMA))
    sample = draw(setting, plan.stream(3))
    erm, *balanced = three_methods(setting)
    scaled = Objective.vector_scaling(setting, {1: 2.0, 0: 1.0})
    limit, own = max_margin(sample), max_margin(sample, scaled)
    times = np.logspace(8, 16, 9)
    laws = [direction, *(shared for _ in balanced), other]
    limits = [*(limit for _ in (erm, *balanced)), own]
    flows = gradient_flow(sample, [erm, *balanced, scaled], times)
    for law, target, flow in zip(laws, limits, flows, strict=True):
        angles = flow.angle(target)
        apart = f", {angle(own, limit):.2f}° between the limits" if target is own else ""
        rate = convergence(
            f"c.rate.{slug(flow.name)}",
            f"same data, {flow.name}: {law.quantity}",
            rate=law.at(setting),
            grid=np.log(times).tolist(),
            errors=angles.tolist(),
            tolerance=0.15,
            note=f"{angles[0]:.2f}° at t = 10⁸, {angles[-1]:.2f}° at 10¹⁶{apart}",
        )
        yield from under(law, [rate])
        square = loss.at(setting, target)
        row = exact(
            f"c.loss.{slug(flow.name)}",
            f"same data, {flow.name}: t·ℓ(t) at t = 10¹⁶ against ‖ŵ‖²",
            prediction=square,
            observed=float(times[-1] * flow.loss[-1]),
            tolerance=1e-3 * square,
        )
        yield from under(loss, [row])


def shift_against_weight(plan: Plan) -> Iterator[Statement]:
    """(c) The log-odds shift s against the weight e^{−s}, where all are support vectors.

    Examples
    --------
    >>> rows = shift_against_weight(Plan(0, 8, None, lambda done, total, label: None))
    >>> next(rows).id
    'c.shift.orthogonal'
    """
    law = fact("shift-is-weight")
    setting = with_memory(SIZE, 1000, 25.0)
    shifted = Objective.logit_shifting(setting)
    weight = {group: math.exp(-shift) for group, shift in shifted.shift.items()}
    for index, (kind, words) in enumerate((("orthogonal", "orthogonal data"), ("gram", "a draw"))):
        sample = draw(setting, plan.stream(6 + index), kind=kind)  # type: ignore[arg-type]
        pair = gradient_flow(sample, [shifted, Objective(weight=weight)], [1.0, 1e4, 1e12])
        dual = [np.asarray(flow.dual) for flow in pair]
        difference = dual[0] - dual[1]
        # In all 2 + d dimensions: ‖Zᵀx‖² = xᵀGx.
        squares = [(x * sample.gram.product(x.T).T).sum(axis=1) for x in (difference, dual[0])]
        apart = np.sqrt(squares[0] / squares[1])
        support = float((np.asarray(max_margin(sample).dual) > 0).mean())
        row = exact(
            f"c.shift.{'draw' if kind == 'gram' else kind}",
            f"{words}, κ = 25: ‖w_shift − w_weight‖/‖w_shift‖ at t = 10¹²",
            prediction=law.at(setting),
            observed=float(apart[-1]),
            tolerance=1e-6,
            note=f"{apart[0]:.2g} at t = 1, {apart[1]:.1g} at 10⁴; share of support vectors "
            f"{support:g}",
        )
        yield from under(law, [row])
