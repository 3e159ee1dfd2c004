"""Leaving each example out: from one factorisation, and beside n calls of the max margin."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..sims import draw, gradient_flow, influence, max_margin
from ..studies.arguments import Progress
from ..theory import Objective, Setting
from . import descent
from .harness import Program, Report, alternate

__all__ = ["measure"]

Array: TypeAlias = NDArray[np.float64]

# So wide that nearly every example is a support vector.
WIDE = 100_000
# Calls that stand for n of them, each a stride of examples apart.
SAMPLED = 50
LATEST = 1e6
# And the flows that do: of ours, which come in blocks, and of the others.
BLOCK, FLOWS = 128, 8


def _without(n: int, example: int) -> Objective:
    weight = np.ones(n)
    weight[example] = 0.0
    return Objective(weight=weight)


def _spread(n: int, most: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(np.int64))


def _limit(setting: Setting, label: str, rounds: int, progress: Progress, report: Report) -> None:
    sample = draw(setting, seed=1)
    n, some = sample.n, _spread(sample.n, SAMPLED)

    def one_by_one() -> list[Any]:
        return [max_margin(sample, _without(n, int(i))) for i in some]

    found = influence(sample)
    assert found.closed_form is not None
    expected = np.stack([run.margins for run in one_by_one()], axis=1)
    off = float(np.abs(found.margins[:, None] - found.matrix[:, some] - expected).max())
    ours, peer = f"{label}: pitfalls.sims.influence", f"{label}: {n} calls of max_margin"
    rows = alternate(
        [
            Program(ours, lambda: influence(sample)),
            Program(peer, one_by_one, work=n / len(some), most=3),
            Program(f"{label}: one max margin", lambda: max_margin(sample)),
        ],
        rounds,
        progress,
        {ours: off},
        {peer: f"{len(some)} calls, scaled to {n}"},
    )
    report.rows.extend(rows)
    support = found.self_influence > 0
    report.facts[f"{label}: ratio"] = rows[1].seconds / rows[0].seconds
    report.facts[f"{label}: closed form"] = float(found.closed_form[support].mean())
    report.lines.append(
        f"{label}: {rows[1].seconds / rows[0].seconds:.0f} times faster than one by one; "
        f"{support.mean():.0%} are support vectors, for {found.closed_form[support].mean():.0%} of "
        f"them no other changes; KKT residual {found.kkt_residual:.0e}"
    )


def _flow(setting: Setting, rounds: int, progress: Progress, report: Report) -> None:
    sample = draw(setting, seed=1)
    n, some, many = sample.n, _spread(sample.n, FLOWS), _spread(sample.n, BLOCK)

    def one_by_one() -> list[Any]:
        return [gradient_flow(sample, _without(n, int(i)), [LATEST], tolerance=1e-8) for i in some]

    def together() -> Any:
        objectives = [_without(n, int(i)) for i in some]
        return gradient_flow(sample, objectives, [LATEST], tolerance=1e-8)

    label = f"flow to t = {LATEST:.0e}"
    ours, peer = f"{label}: pitfalls.sims.influence", f"{label}: {n} calls of gradient_flow"
    lists = f"{label}: gradient_flow of {len(some)} objectives at a time"
    found = influence(sample, times=LATEST, examples=some)
    whole, *others = gradient_flow(
        sample, [Objective.erm(), *(_without(n, int(i)) for i in some)], [LATEST], tolerance=1e-12
    )
    assert whole.margins is not None
    runs = [np.asarray(run.margins)[0] for run in others]
    expected = np.stack([whole.margins[0] - each for each in runs], axis=1)
    off = float(np.abs(found.matrix - expected).max() / np.abs(expected).max())
    share = n / len(some)
    rows = alternate(
        [
            Program(
                ours,
                lambda: influence(sample, times=LATEST, examples=many),
                work=n / len(many),
                most=2,
            ),
            Program(peer, one_by_one, work=share, most=1),
            Program(lists, together, work=share, most=1),
        ],
        rounds,
        progress,
        {ours: off},
        {
            ours: f"{len(many)} of {n}, scaled",
            peer: f"{len(some)} of {n}, scaled",
            lists: f"{len(some)} of {n}, scaled",
        },
    )
    report.rows.extend(rows)
    fastest = min(row.seconds for row in rows[1:])
    report.facts["flow: ratio"] = fastest / rows[0].seconds
    report.lines.append(
        f"{label}: {fastest / rows[0].seconds:.1f} times faster than the faster of the others"
    )


def measure(rounds: int, progress: Progress) -> Report:
    """Time the influence of every example, in the limit and along the flow.

    Parameters
    ----------
    rounds : int
    progress : callable

    Examples
    --------
    >>> measure.__name__
    'measure'
    """
    figure = descent.FIGURE_1
    n = figure.n // 2
    wide = figure.with_memory(figure.kappa, n=n, d=WIDE)
    report = Report(
        "influence",
        f"Training again without each example (n = {figure.n}, d = {figure.d}; wide: n = {n}, "
        f"d = {WIDE}), Gram matrix given",
        [],
        "difference: in the limit, largest of any margin from max_margin without the example; "
        "along the flow, largest of any influence from gradient_flow at tolerance 1e-12, relative "
        "to the largest",
    )
    _limit(figure, "Figure 1", rounds, progress, report)
    _limit(wide, "wide", rounds, progress, report)
    _flow(figure, rounds, progress, report)
    return report
