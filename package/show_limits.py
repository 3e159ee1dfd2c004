"""The tables of `pitfalls limits`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from . import studies
from .show import noise, number, scored, stdout

if TYPE_CHECKING:
    pass

__all__ = ["show_limits", "show_survey"]

_ROOMY, _WIDEST = 100, 150


def _fixed(value: float | None) -> str:
    """Four digits after the point, without a negative zero."""
    return "" if value is None else f"{round(value, 4) + 0:.4f}"


def show_limits(table: studies.Limits) -> None:
    """Print the minority's accuracy by every answer; all numbers too where the output is wide."""
    console = stdout()
    roomy = console.width >= _ROOMY
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1 if roomy else 0, 0, 0))
    for name in ("", "d/n", *(["κ"] if roomy else []), "κ/κ*", "γ", "ρ"):
        grid.add_column(name, justify="right", no_wrap=True)
    grid.add_column("noise", no_wrap=True)
    for name in ("thm", "P3", "P9", "simul.", "± s.e.", "z"):
        grid.add_column(name, justify="right", no_wrap=True)
    for row in table.rows:
        case, setting = row.case, row.case.at(table.sizes[-1])
        cells = [case.name, f"{case.delta:g}", *([f"{case.memory:.3g}"] if roomy else [])]
        cells += [f"{case.ratio:.2f}" if case.ratio else "–", f"{case.gamma:g}", f"{case.rho:g}"]
        cells += [noise(case), f"{row.theorem:g}"]
        cells += [_fixed(row.orthogonal.accuracy(setting).minority)]
        if row.proportional is None:
            shares = "/".join(f"{100 * share:.0f}%" for share in row.separated)
            grid.add_row(*cells, "none", shares, "", scored(row.statement("separable")))
            continue
        cells += [_fixed(row.proportional.accuracy(setting).minority)]
        found = row.measured("minority")
        cells += [_fixed(found.mean), _fixed(found.standard_error)] if found else ["", ""]
        about = row.statement("minority") or row.statement("core")
        grid.add_row(*cells, scored(about))
    console.print("Test accuracy of the minority in the limit t → ∞", style="bold")
    console.print(grid)
    sizes = ", ".join(map(str, table.sizes))
    for line in (
        "thm: Theorem 2.2 as d/n → ∞, from ρ, γ and κ alone; P3: orthogonal limit,",
        "d/n → ∞; P9: proportional limit, n → ∞ at this d/n; simul.: max margins at",
        f"n = {sizes}, extrapolated to n → ∞; noise: σ of both features,",
        "η of labels, Δ the ratio Δ_maj/Δ_min of vector scaling; none: no max margin",
        "exists, and so many draws can be separated at each n; exact: not random.",
    ):
        console.print(line)
    if console.width >= _WIDEST:
        _show_weights(console, table)
    else:
        console.print(f"Other numbers: --json, or an output at least {_WIDEST} columns wide.")
    _show_near(console, table)
    _show_summary(console, table)


def _show_weights(console: Console, table: studies.Limits) -> None:
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0)
    grid.add_column("", no_wrap=True)
    names = {"core": "w_y", "spurious": "w_a", "memory": "‖w_ε‖", "support": "share"}
    for words in names.values():
        for column in (f"{words} P3", "P9", "simul.", "± s.e.", "z"):
            grid.add_column(column, justify="right", no_wrap=True)
    for row in table.rows:
        if not row.fits:
            continue
        cells: list[str | Text] = [row.case.name]
        for name in names:
            found, predicted = row.measured(name), row.predicted[name]
            cells += [_fixed(getattr(row.orthogonal, name))]
            cells += [_fixed(None if math.isnan(predicted) else predicted)]
            cells += [_fixed(found.mean), _fixed(found.standard_error)] if found else ["", ""]
            cells += [scored(row.statement(name))]
        grid.add_row(*cells)
    console.print("\nThe max margin's weights, and its share of support vectors", style="bold")
    console.print(grid)


def _show_near(console: Console, table: studies.Limits) -> None:
    if not table.near:
        return
    case, threshold = table.near[0].case, table.near[0].threshold
    console.print(
        f"\nNear the separability threshold (ρ = {case.rho:g}, γ = {case.gamma:g}, "
        f"{noise(case)}: d/n = {threshold:.4f})",
        style="bold",
    )
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("d/n", *(f"separated at n = {n}" for n in table.sizes)):
        grid.add_column(name, justify="right")
    for row in table.near:
        grid.add_row(f"{row.case.delta:g}", *(f"{share:.3f}" for share in row.separated))
    console.print(grid)


def _show_summary(console: Console, table: studies.Limits) -> None:
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    columns = ("z-scores", "mean", "rms", "largest", "normal, p", "bias·n", "bias ∝ n^", "± s.e.")
    grid.add_column("number")
    for column in columns:
        grid.add_column(column, justify="right")
    bias = {each.id.removeprefix("bias."): each for each in table.bias}
    for name, p in table.normality().items():
        scores = np.array(table.scores(name))
        cells = [f"{len(scores)}", f"{scores.mean():+.2f}", f"{np.sqrt(np.mean(scores**2)):.2f}"]
        cells += [f"{np.abs(scores).max():.2f}", f"{p:.2g}"]
        cells += [f"{np.median(np.abs(table.biases(name))):.2g}", f"{bias[name].observed:.2f}"]
        grid.add_row(name, *cells, number(bias[name].standard_error, 2))
    console.print("\nz-scores against P9, and the bias at finite n", style="bold")
    console.print(grid)
    statements = table.statements
    held = sum(each.holds for each in statements)
    for line in (
        "minority: its probit; normal: Kolmogorov-Smirnov against N(0, 1); bias·n: median",
        "over the settings of the fitted |coefficient of 1/n|.\n",
    ):
        console.print(line)
    if table.largest is not None:
        console.print(f"Largest |z|: {table.largest.z:+.2f}, {table.largest.id}.")
    console.print(
        f"{held} of {len(statements)} statements hold ({table.features} features, seed "
        f"{table.seed}, {table.replicates} replicates)."
    )


def show_survey(table: studies.Survey) -> None:
    """Print how well the proportional limit holds for each law of the features."""
    from .studies.ensembles import ENSEMBLES

    console = stdout()
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0)
    grid.add_column("features", no_wrap=True)
    for column in ("rms z", "max |z|", "KS p", "accuracy", "w_y", "‖w_ε‖", "support", "held"):
        grid.add_column(column, justify="right", no_wrap=True)
    grid.add_column("P9")
    for name, own in table.own.items():
        others = [table.equivalent[name]] if name in table.equivalent else []
        for label, each in zip((name, "  equivalent"), (own, *others), strict=False):
            scores = np.concatenate([each.scores(n) for n in each.normality()])
            cells = [f"{np.sqrt(np.mean(scores**2)):.2f}", f"{np.abs(scores).max():.1f}"]
            cells += [f"{min(each.normality().values()):.1g}"]
            medians = [
                float(np.median(np.abs(each.distances(n))))
                for n in ("minority", "core", "memory", "support")
            ]
            cells += [f"{medians[0]:.4f}", *(f"{100 * m:.1f}%" for m in medians[1:])]
            held = sum(s.holds for s in each.statements)
            cells += [f"{held}/{len(each.statements)}"]
            grid.add_row(label, *cells, "holds" if each.holds else "breaks")
    console.print(grid)
    for line in (
        "z-scores against P9, of all five numbers; KS p: the smallest of the five; then the",
        "median distance from P9 of the minority's accuracy, and relative ones.",
    ):
        console.print(line)
    for name in table.own:
        console.print(f"{name}: {ENSEMBLES[name].words}.")
        if name in table.equivalent:
            console.print(f"  equivalent: {ENSEMBLES[name].equivalent_words}.")
    first = next(iter(table.own.values()))
    console.print(f"Seed {first.seed}, {first.replicates} replicates, {len(first.rows)} settings.")
