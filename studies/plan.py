"""What `verify` checks, part by part: each part yields statements."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ..sims import Sample, draw, gradient_flow, max_margin, replicate, stream
from ..theory import MAJORITY, Objective, Setting, Solution, Trajectory, orthogonal, proportional
from .figure_1 import PUBLISHED_MINORITY, figure_1_accuracies, figure_1_setting
from .measure import SIZE, against_proportional, measure
from .statements import Measured, Statement, controlled, convergence, exact, statistical
from .train import ONE_LIMIT, curing_objective

__all__ = ["PARTS", "Plan", "Progress"]

Array: TypeAlias = NDArray[np.float64]
Seed: TypeAlias = np.random.SeedSequence
Progress: TypeAlias = Callable[[int, int, str], None]

RHO, GAMMA = 0.9, 5.0
LADDER = (0.5, 2, 8, 32, 128, 1000)

CURED = (2, 10, 100)
FAR = (64, 256, 1024)

_BATCHES = 2 * (2 * len(LADDER) + 3) + 2 + 2 * len(CURED) + len(FAR)


class Plan:
    """Streams, workers and progress of one verification.

    Parameters
    ----------
    seed, replicates : int
    workers : int or None
    progress : callable

    Examples
    --------
    >>> plan = Plan(0, 3, None, lambda done, total, label: None)
    >>> plan.batch(lambda seed: seed.spawn_key, "three streams")
    [(1, 0), (1, 1), (1, 2)]
    """

    def __init__(self, seed: int, replicates: int, workers: int | None, progress: Progress) -> None:
        self.seed, self.replicates, self.workers = seed, replicates, workers
        self._progress = progress
        self._batches = 0

    def stream(self, index: int) -> Seed:
        """A stream for a single draw, outside the batches.

        Examples
        --------
        >>> Plan(0, 3, None, lambda done, total, label: None).stream(2).spawn_key
        (0, 2)
        """
        return stream(self.seed, 0, index)

    def batch(self, function: Callable[[Seed], Any], label: str) -> list[Any]:
        """``function`` on fresh streams, one per replicate.

        Examples
        --------
        >>> Plan(0, 2, 1, lambda done, total, label: None).batch(lambda seed: seed.entropy, "")
        [0, 0]
        """
        results = []
        before, self._batches = self._batches * self.replicates, self._batches + 1
        streams = [stream(self.seed, self._batches, i) for i in range(self.replicates)]
        for result in replicate(function, streams, self.workers):
            results.append(result)
            self._progress(before + len(results), _BATCHES * self.replicates, label)
        return results


def _with_memory(n: int, delta: float, kappa: float, **others: float) -> Setting:
    """ρ = 0.9 and γ = 5 at a given d/n and κ."""
    d = round(n * delta)
    return Setting(
        n=n, d=d, sigma=math.sqrt(kappa * n / d), **{"rho": RHO, "gamma": GAMMA, **others}
    )


def _three(setting: Setting) -> list[Objective]:
    return [make(setting) for make in ONE_LIMIT.values()]


def _slug(name: str) -> str:
    return name.lower().replace(" ", "-")


def _minority_margin(weights: Solution | Trajectory) -> Any:
    return weights.core - GAMMA * weights.spurious


def without_memory(plan: Plan) -> Iterator[Statement]:
    """(a) σ = 0: the theorem's first case."""
    clean = Setting(n=1000, d=1798, rho=RHO, gamma=GAMMA, sigma=0.0)
    times = np.array([1e8, 1e10, 1e12, 1e14, 1e16])
    flow = gradient_flow(draw(clean, plan.stream(0)), Objective.erm(), times)
    law = orthogonal.asymptote(clean, Objective.erm()).at(times)
    ratio = flow.spurious / flow.core
    yield exact(
        "a.ratio",
        "σ = 0, ERM: w_a/w_y of the simulated flow at t = 10⁸ is the asymptote's",
        prediction=float(law.spurious[0] / law.core[0]),
        observed=float(ratio[0]),
        tolerance=1e-6,
    )
    yield convergence(
        "a.rate",
        "σ = 0, ERM: w_a/w_y falls like 1/log t",
        rate=-1.0,
        grid=np.log(times).tolist(),
        errors=ratio.tolist(),
        tolerance=0.05,
    )
    noisy = replace(clean, core_noise=0.12, spurious_noise=0.12)
    reached = gradient_flow(draw(noisy, plan.stream(1)), Objective.erm(), times[-1:]).at(0)
    accuracy = reached.accuracy(noisy)
    for group, value in (("majority", accuracy.majority), ("minority", accuracy.minority)):
        yield exact(
            f"a.{group}",
            f"σ = 0, ERM, feature noise 0.12: {group} test accuracy at t = 10¹⁶",
            prediction=1.0,
            observed=value,
            tolerance=1e-6,
        )


def orthogonal_data(plan: Plan) -> Iterator[Statement]:
    """P3 and P6 on exactly orthogonal data: two independent programs, one answer."""
    setting = _with_memory(SIZE, 50, 2 * orthogonal.critical_memory(RHO, GAMMA))
    sample = draw(setting, plan.stream(2), kind="orthogonal")
    found, closed = max_margin(sample), orthogonal.max_margin(setting)
    yield exact(
        "b.orthogonal.max-margin",
        "orthogonal data: largest difference of the solver's max margin from the closed form",
        prediction=0.0,
        observed=float(np.abs(found.coordinates - closed.coordinates).max()),
        tolerance=1e-10,
    )
    objectives = _three(setting)
    flows = gradient_flow(sample, objectives, [1e10])
    for objective, flow in zip(objectives, flows, strict=True):
        law = orthogonal.asymptote(setting, objective).at([1e10])
        yield exact(
            f"b.orthogonal.{_slug(flow.name)}",
            f"orthogonal data, {flow.name}: minority margin of the simulated flow at t = 10¹⁰",
            prediction=_minority_margin(law.at(0)),
            observed=_minority_margin(flow.at(0)),
            tolerance=1e-4,
        )


def same_data(plan: Plan) -> Iterator[Statement]:
    """(c) ERM, reweighting and logit shifting on the same data go to the same place."""
    setting = _with_memory(SIZE, 2000, 1.2 * orthogonal.critical_memory(RHO, GAMMA))
    sample = draw(setting, plan.stream(3))
    limit = max_margin(sample)
    times = np.logspace(8, 16, 9)
    for flow in gradient_flow(sample, _three(setting), times):
        angles = flow.angle(limit)
        yield convergence(
            f"c.rate.{_slug(flow.name)}",
            f"same data, {flow.name}: the angle to the max margin falls like 1/log t",
            rate=-1.0,
            grid=np.log(times).tolist(),
            errors=angles.tolist(),
            tolerance=0.15,
            note=f"{angles[0]:.2f}° at t = 10⁸, {angles[-1]:.2f}° at 10¹⁶",
        )
        yield exact(
            f"c.loss.{_slug(flow.name)}",
            f"same data, {flow.name}: t·ℓ(t)/‖ŵ‖² at t = 10¹⁶",
            prediction=1.0,
            observed=float(times[-1] * flow.loss[-1] / limit.norm**2),
            tolerance=1e-3,
        )


def both_sides(plan: Plan) -> Iterator[Statement]:
    """(b) σ > 0, κ on both sides of κ*, d/n from 0.5 to 1000."""
    threshold = orthogonal.critical_memory(RHO, GAMMA)
    for ratio, side, limit in ((0.5, "below", 1.0), (2.0, "above", 0.0)):
        cells = []
        for delta in LADDER:
            where = f"κ = {ratio:g}κ*, d/n = {delta:g}"

            def setting_at(n: int, delta: float = delta, ratio: float = ratio) -> Setting:
                return _with_memory(n, delta, ratio * threshold)

            cell = measure(plan.batch, where, setting_at)
            cells.append(cell)
            names = ("spurious", "memory", "score")
            yield from against_proportional(cell, f"b.{side}.{delta:g}", where, names)
        far = [(d, c) for d, c in zip(LADDER, cells, strict=True) if d >= 8]
        yield convergence(
            f"b.{side}.orthogonal",
            f"κ = {ratio:g}κ*: ‖w_ε‖ differs from the orthogonal limit (P3) by O(n/d)",
            rate=-1.0,
            grid=[d for d, _ in far],
            errors=[_shifted(c.measured(lambda w: w.memory), -c.orthogonal.memory) for _, c in far],
            tolerance=0.1,
        )
        yield convergence(
            f"b.{side}.theorem",
            f"κ = {ratio:g}κ*: the minority's margin in standard deviations grows like √(d/n)",
            rate=0.5,
            grid=[d for d, _ in far],
            errors=[c.measured(c.score) for _, c in far],
            tolerance=0.05,
        )
        last = cells[-1]
        accuracies = [w.accuracy(last.setting).minority for w in last.at_2n]
        yield exact(
            f"b.{side}.limit",
            f"κ = {ratio:g}κ*, d/n = 1000: mean minority test accuracy against the theorem's limit",
            prediction=limit,
            observed=float(np.mean(accuracies)),
            tolerance=1e-6,
        )


def _shifted(measured: Measured, by: float) -> Measured:
    return replace(measured, mean=measured.mean + by)


def other_cells(plan: Plan) -> Iterator[Statement]:
    """P9 beyond the theorem: label noise, feature noise and vector scaling."""

    def noisy(n: int) -> Setting:
        return _with_memory(
            n, 4, 2.0, gamma=2.0, core_noise=0.3, spurious_noise=0.3, label_noise=0.1
        )

    cell = measure(plan.batch, "label and feature noise", noisy)
    names = ("core", "spurious", "memory", "minority", "support")
    yield from against_proportional(
        cell, "b.noise", "label noise 0.1, feature noise 0.3, d/n = 4", names
    )

    def scaling(setting: Setting) -> Objective:
        return Objective.vector_scaling(setting, {1: 2.0, 0: 1.0})

    cell = measure(plan.batch, "vector scaling", lambda n: _with_memory(n, 4, 1.0), scaling)
    yield from against_proportional(cell, "b.scaling", "vector scaling 2 : 1, d/n = 4", names)


def near_orthogonality(plan: Plan) -> Iterator[Statement]:
    """The condition d ≫ log n: how orthogonal the example-specific features are."""
    setting = _with_memory(SIZE, 1000, 1.0)
    n, d = setting.n, setting.d
    level = math.sqrt(2 * math.log(n) / d)

    def cosines(seed: Seed) -> tuple[int, float]:
        memory = draw(setting, seed).gram.memory_matrix()
        lengths = np.sqrt(memory.diagonal())
        cosine = np.abs(np.tril(memory / np.outer(lengths, lengths), -1))
        return int((cosine > level).sum()), float(cosine.max())

    found = plan.batch(cosines, "near-orthogonality")
    # The squared cosine of two independent Gaussian vectors is Beta(½, (d−1)/2).
    beyond = float(stats.beta.sf(level**2, 0.5, (d - 1) / 2))
    largest = float(np.mean([each[1] for each in found]))
    yield statistical(
        "b.near-orthogonality",
        f"d/n = 1000: pairs of examples with |cos(ε_i, ε_j)| > √(2 log n/d) = {level:.4f}",
        prediction=n * (n - 1) / 2 * beyond,
        measured=Measured.of([each[0] for each in found]),
        note=f"mean of the largest |cos| {largest:.4f}; √(4 log n/d) = "
        f"{math.sqrt(2) * level:.4f}; d/log n = {d / math.log(n):.0f}",
    )


def figure_1(plan: Plan) -> Iterator[Statement]:
    """(d) The paper's Figure 1: its published run, and where that setting ends."""
    runs = np.array(plan.batch(figure_1_accuracies, "Figure 1, 1,000 steps"))
    count, middle = len(runs), float(runs[:, 1].mean())
    # Where one more run lies: its own scatter, and what the replicates' mean is uncertain by.
    scatter = float(runs[:, 1].std(ddof=1)) * math.sqrt(1 + 1 / count)
    width = float(stats.t.ppf(0.975, count - 1)) * scatter
    yield exact(
        "d.published",
        "Figure 1: the published minority accuracy after 1,000 steps lies where 95 % of further "
        "replicates do",
        prediction=PUBLISHED_MINORITY,
        observed=middle,
        tolerance=width,
        note=f"{middle - width:.3f} … {middle + width:.3f}; exact accuracy "
        f"{runs[:, 0].mean():.3f} ± {runs[:, 0].std(ddof=1):.3f}",
    )

    def setting_at(n: int) -> Setting:
        return replace(figure_1_setting(), n=n, d=round(1.798 * n), rho=RHO)

    cell = measure(plan.batch, "Figure 1, limit", setting_at, size=500)
    names = ("core", "spurious", "memory", "minority", "support")
    yield from against_proportional(
        cell, "d.limit", "Figure 1 (900 + 100 examples) in the limit t → ∞", names
    )


def cures(plan: Plan) -> Iterator[Statement]:
    """(e) No spurious weight in the limit (curing scale), or at any time (lasting cure); P13."""
    kappa = 2 * orthogonal.critical_memory(RHO, GAMMA)
    for delta in CURED:
        where = f"κ = 2κ*, curing scale, d/n = {delta:g}"

        def setting_at(n: int, delta: float = delta) -> Setting:
            return _with_memory(n, delta, kappa, core_noise=0.12, spurious_noise=0.12)

        cell = measure(plan.batch, where, setting_at, curing_objective)
        erm = proportional.max_margin(cell.setting).accuracy(cell.setting)
        cured = cell.proportional.accuracy(cell.setting)
        yield statistical(
            f"e.{delta:g}.spurious",
            f"{where}: w_a of the max margin vanishes",
            prediction=0.0,
            measured=cell.measured(lambda w: w.spurious),
            note=f"predicted minority accuracy {cured.minority:.3f}, of ERM {erm.minority:.3f}; "
            f"majority {cured.majority:.3f}, of ERM {erm.majority:.3f}",
        )
        # An accuracy within 1e-6 of 1 in every draw says less than its margin.
        names = ("score", "minority") if delta < 100 else ("score",)
        yield from against_proportional(cell, f"e.{delta:g}", where, names)
    yield from _cure_over_time(plan, kappa)
    setting = _with_memory(SIZE, 50, kappa)
    always = gradient_flow(
        draw(setting, plan.stream(4), kind="orthogonal"),
        orthogonal.lasting_cure(setting),
        np.logspace(-2, 12, 29),
    )
    yield exact(
        "e.always",
        "orthogonal data, lasting cure: largest γ|w_a|/w_y of the simulated flow, t = 0.01 … 10¹²",
        prediction=0.0,
        observed=float((GAMMA * np.abs(always.spurious) / always.core).max()),
        tolerance=1e-5,
    )


def _cure_over_time(plan: Plan, kappa: float) -> Iterator[Statement]:
    times = {"1": 1.0, "20": 20.0, "1e3": 1e3, "1e6": 1e6}
    errors = []
    for delta in FAR:
        setting = _with_memory(SIZE // 2, delta, kappa)
        cure = curing_objective(setting, orthogonal.curing_scale)
        closed = _minority_margin(orthogonal.flow(setting, cure, list(times.values())))

        def one(
            seed: Seed, setting: Setting = setting, cure: Objective = cure, closed: Array = closed
        ) -> tuple[Array, Array]:
            sample = draw(setting, seed)
            flow = gradient_flow(sample, cure, list(times.values()))
            return _minority_margin(flow) - closed, _overlaps(sample, setting)

        pairs = plan.batch(one, f"curing scale over time, d/n = {delta:g}")
        differences, overlaps = (np.array(each) for each in zip(*pairs, strict=True))
        errors.append([controlled(column, overlaps) for column in differences.T])
    for i, (name, time) in enumerate(times.items()):
        yield convergence(
            f"e.flow.{name}",
            f"κ = 2κ*, curing scale: the minority margin at t = {time:g} differs from the closed "
            "form (P5) by O(n/d)",
            rate=-1.0,
            grid=list(FAR),
            errors=[each[i] for each in errors],
            tolerance=0.1,
            note=f"closed form {closed[i]:.3f}",
        )


def _overlaps(sample: Sample, setting: Setting) -> Array:
    """Sums of E Eᵀ − s²·I over pairs of groups, with mean zero.

    To first order in E Eᵀ − s²·I the plane part of the flow depends on nothing else: what is left
    of a difference from the orthogonal limit is the second order, n/d.
    """
    memory = sample.gram.memory_matrix()
    majority = sample.groups == MAJORITY
    member = np.array([majority, ~majority], dtype=float)
    expected = setting.kappa * setting.n * np.diag(member.sum(axis=1))
    return np.asarray((member @ memory @ member.T - expected)[np.triu_indices(2)])


PARTS: tuple[Callable[[Plan], Iterator[Statement]], ...] = (
    without_memory,
    orthogonal_data,
    near_orthogonality,
    both_sides,
    other_cells,
    same_data,
    figure_1,
    cures,
)
