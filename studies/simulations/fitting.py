"""Single draws on orthogonal data: fitted, recovered, memorised (P15, P16)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ...sims import draw, gradient_flow, max_margin
from ...theory import Objective, Solution, orthogonal
from ...theory.crossing import minority_margin
from ...theory.theorem import fact
from ..delay import delay, peak
from ..measure import SIZE
from ..plan import Plan
from ..statements import Statement, exact, under
from .common import GAMMA, RHO, with_memory

__all__ = ["train_and_test"]

_NOISES = (0.0, 0.1)
_FLIPPED = (0.1, 0.4)
_WORDS = {
    "fitted": "log t from which on all of the training set is right",
    "recovered": "log t from which on the minority is right",
    "decay": "log of the weight decay beyond which it never is",
}


def train_and_test(plan: Plan) -> Iterator[Statement]:
    """(g) Train and test apart.

    Examples
    --------
    >>> rows = train_and_test(Plan(0, 8, None, lambda done, total, label: None))
    >>> [next(rows).id for _ in range(3)]
    ['g.at-once.below', 'g.at-once.above', 'g.delay.0.fitted']
    """
    at_once, late = fact("fitted-at-once"), fact("delay")
    critical = orthogonal.critical_memory(RHO, GAMMA)
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
            note=f"test margin {float(minority_margin(run.at(0), setting)):.1g}",
        )
        yield from under(at_once, [row])
    for noise in _NOISES:
        setting = with_memory(SIZE, 50, 0.7 * critical, label_noise=noise)
        found = delay(draw(setting, plan.stream(9), kind="orthogonal"), erm, GAMMA)
        for name, prediction in late.at(setting, erm).items():
            row = exact(
                f"g.delay.{noise:g}.{name}",
                f"orthogonal data, κ = 0.7κ*, label noise {noise:g}, ERM: {_WORDS[name]}",
                prediction=prediction,
                observed=getattr(found, name),
                tolerance=1e-6,
            )
            yield from under(late, [row])
    shrinks = fact("noise-shrinks")
    for noise in _FLIPPED:
        setting = with_memory(SIZE, 50, critical, label_noise=noise)
        limit = max_margin(draw(setting, plan.stream(10), kind="orthogonal"))
        expected = shrinks.at(setting)
        for name, words in (("core", "w_y"), ("spurious", "w_a")):
            row = exact(
                f"g.shrunk.{noise:g}.{name}",
                f"orthogonal data, κ = κ*, label noise {noise:g}: {words} of the max margin",
                prediction=getattr(expected, name),
                observed=getattr(limit, name),
                tolerance=1e-10,
            )
            yield from under(shrinks, [row])
    price = fact("noise-price")
    for noise in _FLIPPED:
        setting = with_memory(SIZE, 50, 0.5 * critical, label_noise=noise)
        scores = [
            _scores(max_margin(draw(each, plan.stream(11), kind="orthogonal")))
            for each in (setting, replace(setting, label_noise=0.0))
        ]
        for name, noisy, clean in zip(("majority", "minority"), *scores, strict=True):
            row = exact(
                f"g.price.{noise:g}.{name}",
                f"orthogonal data, κ = κ*/2, label noise {noise:g}: {price.quantity}, {name}",
                prediction=price.at(setting),
                observed=noisy / clean,
                tolerance=1e-10,
            )
            yield from under(price, [row])
    early = fact("early-learning")
    for noise in (0.0, *_FLIPPED):
        setting = with_memory(SIZE, 50, 0.5 * critical, label_noise=noise)
        shift = Objective.logit_shifting(setting)
        row = exact(
            f"g.peak.{noise:g}",
            f"orthogonal data, κ = κ*/2, label noise {noise:g}, shift: {early.quantity}",
            prediction=early.at(setting, shift),
            observed=peak(draw(setting, plan.stream(12), kind="orthogonal"), shift, GAMMA),
            tolerance=1e-4,
        )
        yield from under(early, [row])


def _scores(limit: Solution) -> tuple[float, float]:
    """Probits of both groups' accuracies, but for σ."""
    pull = GAMMA * limit.spurious
    return (limit.core + pull) / limit.memory, (limit.core - pull) / limit.memory
