"""What the proportional limit costs, and simulation that knows the minority as well."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..sims import draw, gradient_flow, replicate, stream
from ..studies.arguments import Progress
from ..studies.train import three_methods
from ..theory import Setting, Trajectory, proportional
from .harness import Program, Report, alternate

__all__ = ["measure"]

Array: TypeAlias = NDArray[np.float64]

FIGURE_1 = Setting.figure_1()
LATEST = (1e3, 1e12)
GOAL = 0.002
"""Standard error of the minority's accuracy at the last time."""

SETS, SITES = 4, 256
DRAWS = 12


def _minority(run: Trajectory) -> Array:
    return run.accuracy(FIGURE_1).minority


def _predict(latest: float) -> Callable[[], float]:
    """All three methods; the largest standard error on the way."""
    times = np.geomspace(0.01, latest, 41)

    def run() -> float:
        return max(
            float(
                proportional.flow(FIGURE_1, objective, times, sets=SETS, sites=SITES)
                .standard_error(_minority)
                .max()
            )
            for objective in three_methods(FIGURE_1)
        )

    return run


def _simulate(latest: float) -> Callable[[], None]:
    """The same of one draw."""
    times = np.geomspace(0.01, latest, 41)
    objectives = three_methods(FIGURE_1)

    def run() -> None:
        gradient_flow(draw(FIGURE_1, seed=1), objectives, times)

    return run


def _spread(latest: float) -> float:
    """The largest standard deviation of a draw's minority accuracy at the last time."""
    objectives = three_methods(FIGURE_1)

    def one(seed: np.random.SeedSequence) -> list[float]:
        runs = gradient_flow(draw(FIGURE_1, seed), objectives, [latest])
        return [float(_minority(run)[-1]) for run in runs]

    found = np.array(list(replicate(one, [stream(0, 0, index) for index in range(DRAWS)])))
    return float(found.std(axis=0, ddof=1).max())


def measure(rounds: int, progress: Progress) -> Report:
    """Time P12 and one draw, to two times, and say how many draws are as good.

    Examples
    --------
    >>> measure.__name__
    'measure'
    """
    programs, notes = [], {}
    for latest in LATEST:
        name = f"P12 to t = {latest:.0e}"
        predict = _predict(latest)
        programs += [
            Program(name, predict),
            Program(f"one draw to t = {latest:.0e}", _simulate(latest)),
        ]
        notes[name] = f"standard error {predict():.1g}"
    rows = alternate(programs, rounds, progress, notes=notes)
    report = Report(
        "mean_field",
        f"Figure 1, ERM, reweighting and logit shifting over time: P12 with {SETS} sets of {SITES} "
        f"sites a cell, and simulation with n = {FIGURE_1.n}",
        rows,
    )
    for latest in LATEST:
        spread = _spread(latest)
        draws = (spread / GOAL) ** 2
        ours = report.seconds(f"P12 to t = {latest:.0e}")
        theirs = draws * report.seconds(f"one draw to t = {latest:.0e}")
        report.facts[f"draws to t = {latest:.0e}"] = draws
        report.facts[f"simulation over P12 to t = {latest:.0e}"] = theirs / ours
        report.lines.append(
            f"t = {latest:.0e}: draws scatter by {spread:.3f}, a mean's standard error is {GOAL} "
            f"after {draws:.0f} of them: {theirs:.0f} s, {theirs / ours:.0f} times as long"
        )
    return report
