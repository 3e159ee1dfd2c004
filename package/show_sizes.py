"""The tables of `pitfalls dynamics` and `pitfalls phenomena`."""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from rich import box
from rich.table import Table

from . import studies
from .show import noise, scored, stdout

if TYPE_CHECKING:
    from .studies.three_sizes import Point

__all__ = ["show_dynamics", "show_phenomena"]


def show_dynamics(table: studies.ThreeSizes) -> None:
    """Print a line for each setting, and below what the z-scores say of each number."""
    console = stdout()
    console.print("Training over time at finite d/n: prediction and simulation", style="bold")
    console.print(_settings(table))
    summary = _grid("number")
    for name in ("points", *_MEASURES):
        summary.add_column(name, justify="right")
    for quantity in dict.fromkeys(point.quantity for point in table.points):
        points = table.of(quantity)
        summary.add_row(quantity, f"{len(points)}", *_measures(table, quantity))
    console.print(summary)
    for line in (
        "score, train: the minority's test accuracy, as its probit, and training accuracy;",
        "core, spurious, memory: w_y, w_a, ‖w_ε‖. z: distance of the two in standard errors",
        "of both, as a normal score; points of one setting share their draws and go",
        "together. bias·n: median |coefficient of 1/n|; beyond 1/n: what it leaves zero of",
        "three n, in standard errors.",
        "",
        _verdict(table),
    ):
        console.print(line)


def show_phenomena(table: studies.ThreeSizes) -> None:
    """Print a line for each setting, and the z-scores of each phenomenon's numbers."""
    from .studies.phenomena import NUMBERS

    console = stdout()
    title = "What high training accuracy hides: prediction and simulation"
    console.print(title, style="bold")
    console.print(_settings(table))
    summary = _grid("phenomenon", "number")
    for name in ("settings", "points", *_MEASURES[:3]):
        summary.add_column(name, justify="right")
    last = ""
    for quantity, number in NUMBERS.items():
        points = table.of(quantity)
        if not points:
            continue
        settings = len({point.case.name for point in points})
        first = "" if number.phenomenon == last else number.phenomenon
        last = number.phenomenon
        measures = _measures(table, quantity)[:3]
        summary.add_row(first, quantity, f"{settings}", f"{len(points)}", *measures)
    console.print(summary)
    for quantity, number in NUMBERS.items():
        console.print(f"{quantity}: {number.words}.", style="dim")
    for line in (
        "z: distance of the two in standard errors of both, as a normal score; points of",
        "one setting share their draws and go together. A number is compared where it is",
        "predicted, a little accuracy or loss would not move it far, and every draw has it.",
        "",
        _verdict(table),
    ):
        console.print(line)


_MEASURES = ("mean z", "rms z", "max |z|", "bias·n", "beyond 1/n, rms")


def _grid(*columns: str) -> Table:
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in columns:
        grid.add_column(name)
    return grid


def _settings(table: studies.ThreeSizes) -> Table:
    """A line for each setting, with its worst point."""
    grid = _grid()
    grid.add_column("", no_wrap=True)
    for name in ("d/n", "κ", "γ", "ρ"):
        grid.add_column(name, justify="right", no_wrap=True)
    grid.add_column("noise", no_wrap=True)
    for name in ("rms z", "max |z|"):
        grid.add_column(name, justify="right", no_wrap=True)
    grid.add_column("where", overflow="fold")
    for case, rows in groupby(table.points, key=lambda point: point.case):
        points = list(rows)
        scores = np.array([point.statement.z for point in points], dtype=float)
        worst = max(points, key=lambda each: abs(each.statement.z or 0.0))
        numbers = (f"{case.delta:g}", f"{case.memory:.3g}", f"{case.gamma:g}", f"{case.rho:g}")
        rms = f"{np.sqrt(np.mean(scores**2)):.2f}"
        grid.add_row(case.name, *numbers, noise(case), rms, scored(worst.statement), _where(worst))
    return grid


def _where(point: Point) -> str:
    when = "" if math.isnan(point.time) else f"t = {point.time:g}, "
    return f"{point.objective}, {when}{point.quantity}"


def _measures(table: studies.ThreeSizes, quantity: str) -> tuple[str, ...]:
    """What `_MEASURES` says of one quantity's points."""
    scores, rest = table.scores(quantity), table.curvature(quantity)
    bias = [point.fit.bias.mean for point in table.of(quantity)]
    return (
        f"{scores.mean():+.2f}",
        f"{np.sqrt(np.mean(scores**2)):.2f}",
        f"{np.abs(scores).max():.2f}",
        f"{np.median(np.abs(bias)):.2g}",
        f"{np.sqrt(np.mean(rest**2)):.2f}",
    )


def _verdict(table: studies.ThreeSizes) -> str:
    sizes = ", ".join(map(str, table.sizes))
    draws = ", ".join(map(str, table.draws))
    held = sum(point.statement.holds for point in table.points)
    return (
        f"{held} of {len(table.points)} statements hold (n = {sizes}; {draws} draws; seed "
        f"{table.seed})."
    )
