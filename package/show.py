"""What the command shows: tables and progress on a terminal, plain text when piped."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich import box
from rich import progress as bars
from rich.console import Console
from rich.table import Table
from rich.text import Text

from . import studies
from .studies.train import OF_THIS_DRAW

if TYPE_CHECKING:
    from .benchmarks import Report
    from .studies.arguments import Progress
    from .studies.limit_design import Case
    from .studies.statements import Statement
    from .studies.train import Limit
    from .theory import Setting

__all__ = [
    "described",
    "noise",
    "number",
    "progress",
    "say",
    "scored",
    "show_benchmarks",
    "show_training",
    "show_verification",
    "size",
    "stdout",
]

_PIPED_WIDTH = 160
_WIDE = 130
_UNITS = ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


class _Console(Console):
    """Lets a broken pipe reach the command, which knows its exit status."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def stdout() -> Console:
    """Standard output: as wide as the terminal, or as a file may be."""
    return _Console(highlight=False, width=None if sys.stdout.isatty() else _PIPED_WIDTH)


@contextmanager
def progress() -> Iterator[Progress]:
    """A progress bar on the terminal of standard error; silent when that is no terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done, total, label: None
        return
    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.TaskProgressColumn(),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=None)
        yield lambda done, total, label: bar.update(
            task, completed=done, total=total, description=label
        )


def say(console: Console, text: str, style: str = "") -> None:
    """A sentence of any length: wrapped on a terminal, one line in a file."""
    console.print(Text(text, style), soft_wrap=not sys.stdout.isatty())


def number(value: float | None, digits: int = 5) -> str:
    """So many significant digits; empty where there is none."""
    return "" if value is None else f"{value:.{digits}g}"


def size(count: float | None) -> str:
    """Bytes in words."""
    if count is None:
        return "unknown"
    for unit, name in _UNITS:
        if count >= unit:
            return f"{count / unit:.3g} {name}"
    return f"{count:.0f} bytes"


def described(setting: Setting, memory: str) -> str:
    """A setting in words, with what is to be said of its example-specific features."""
    return (
        f"n = {setting.n}, d = {setting.d}, ρ = {setting.rho:g}, γ = {setting.gamma:g}, "
        f"{memory}; noise: core {setting.core_noise:g}, "
        f"spurious {setting.spurious_noise:g}, labels {setting.label_noise:g}"
    )


def scored(statement: Statement | None) -> Text:
    """A z-score; green or red says whether the statement holds."""
    if statement is None:
        return Text("")
    shown = "exact" if statement.z is None else f"{statement.z:+.2f}"
    return Text(shown, "green") if statement.holds else Text(f"{shown}!", "bold red")


def noise(case: Case) -> str:
    """A case's noise and scale, as far as it has any, in few letters."""
    parts = (("σ", case.core_noise, 0.0), ("η", case.label_noise, 0.0), ("Δ", case.scale, 1.0))
    return " ".join(
        f"{letter}{value:.2g}".replace("0.", ".") for letter, value, none in parts if value != none
    )


_NUMBERS = ("predicted", "observed", "std. error", "z", "would catch")


def _cells(row: Statement) -> list[str]:
    """What the columns of numbers show of a statement."""
    return [
        number(row.prediction),
        number(row.observed),
        number(row.standard_error, 2),
        "" if row.z is None else f"{row.z:+.2f}",
        number(row.detectable, 2),
    ]


def _widths(rows: Sequence[Statement], width: int) -> list[int]:
    """Widths of name, claim and numbers that the tables of all facts share; no claim if narrow.

    Names are folded where there is no room for them.
    """
    headers = [max(name.split(), key=len) for name in _NUMBERS]
    numbers = [max(map(len, column)) for column in zip(headers, *map(_cells, rows), strict=True)]
    name = max(map(len, ("statement", *(row.id for row in rows))))
    # A blank between columns, and the verdict at the end.
    left = width - sum(numbers) - len(numbers) - 1 - len("holds")
    if width < _WIDE:
        return [max(min(name, left), 9), *numbers]
    return [name, left - name - 1, *numbers]


def _table(widths: Sequence[int], header: bool) -> Table:
    grid = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), show_header=header)
    for name, width in zip(("statement", "claim"), widths[: -len(_NUMBERS)], strict=False):
        grid.add_column(name, width=width, overflow="fold")
    for name, width in zip(_NUMBERS, widths[-len(_NUMBERS) :], strict=True):
        grid.add_column(name, width=width, justify="right", overflow="fold")
    grid.add_column("holds", width=len("holds"), justify="right")
    return grid


def show_verification(table: studies.Verification) -> None:
    """Print the statements under the facts they confirm, a line each.

    The claims too, where the terminal is wide enough.
    """
    from .theory.theorem import FACTS

    console = stdout()
    widths = _widths(table.statements, console.width)
    console.print(_table(widths, header=True))
    facts = {each.name: each for each in FACTS}
    for name, rows in groupby(table.statements, key=lambda row: row.fact):
        if name in facts:
            each = facts[name]
            origin = f"{each.source}{f'; {each.proposition}' if each.proposition else ''}"
            heading = Text.assemble(
                "\n", (name, "bold"), f" ({each.kind}; {origin})\n{each.statement}"
            )
            console.print(heading)
        grid = _table(widths, header=False)
        for row in rows:
            verdict = Text("yes", "green") if row.holds else Text("NO", "bold red")
            claim = [row.claim] if len(widths) > len(_NUMBERS) + 1 else []
            grid.add_row(row.id, *claim, *_cells(row), verdict)
        console.print(grid)
    console.print()
    for row in table.statements:
        if row.note or not row.holds:
            text = f"{row.id}: {row.claim}" + (f" ({row.note})" if row.note else "")
            say(console, text, "" if row.holds else "red")
    held = sum(row.holds for row in table.statements)
    console.print(
        f"\n{held} of {len(table.statements)} statements hold "
        f"(seed {table.seed}, {table.replicates} replicates)."
    )
    console.print(
        "A prediction off by more than 'would catch' is refused; on true statements the whole "
        "table raises a false alarm once in 1,000 seeds."
    )


def show_training(training: studies.Training) -> None:
    """Print group accuracies over time, a table for each objective; below, limits by scale."""
    console = stdout()
    setting = training.setting
    for line in (
        described(setting, f"σ = {setting.sigma:g}"),
        f"κ = {setting.kappa:g}, d/n = {setting.delta:g}, seed {training.seed}; "
        "time is learning rate × steps",
    ):
        console.print(line)
    for run in training.runs:
        test = run.accuracy(setting)
        grid = Table(title=run.name, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
        for name in ("time t", "test majority", "test minority", "train majority", "minority"):
            grid.add_column(name, justify="right")
        columns = (test.majority, test.minority, run.train.majority, run.train.minority)
        for time, *accuracies in zip(run.times, *columns, strict=True):
            grid.add_row(f"{time:.4g}", *(f"{x:.3f}" for x in accuracies))
        console.print(grid)
    for sharing, limits in groupby(training.limits, key=lambda limit: limit.objectives):
        _show_limits(console, sharing, list(limits), setting)
    if OF_THIS_DRAW not in [limit.name for limit in training.limits]:
        console.print("This draw cannot be separated: training ends at a finite minimiser.")
    for name, reason in training.left_out.items():
        say(console, f"{name} is left out: {reason}")


def _show_limits(
    console: Console, sharing: Sequence[str], limits: Sequence[Limit], setting: Setting
) -> None:
    """A table of one scale's limits, the draw's and the predicted one, at most 80 wide."""
    majority, minority = limits[0].majority_scale, limits[0].minority_scale
    scale = f" (Δ_maj/Δ_min = {majority / minority:.4g})"
    console.print(f"limit t → ∞ of {', '.join(sharing)}{scale if majority != minority else ''}")
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    grid.add_column("")
    for name in ("test majority", "test minority", "w_y", "w_a", "‖w_ε‖"):
        grid.add_column(name, justify="right")
    for limit in limits:
        accuracy = limit.solution.accuracy(setting)
        numbers = (accuracy.majority, accuracy.minority, *limit.solution.coordinates)
        # Adding zero to what is rounded: −1e-17 is shown as 0, not as −0.
        grid.add_row(
            limit.name.removeprefix("limit "), *(f"{round(x, 4) + 0:.4f}" for x in numbers)
        )
    console.print(grid)


def _seconds(value: float) -> str:
    for unit, part in (("s", 1.0), ("ms", 1e-3)):
        if value >= part:
            return f"{value / part:.3g} {unit}"
    return f"{value / 1e-6:.3g} µs"


def show_benchmarks(reports: Sequence[Report], machine: dict[str, Any]) -> None:
    """Print each benchmark's times, median first, and what follows from them."""
    console = stdout()
    for report in reports:
        console.print(Text(report.title, "bold"))
        grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        grid.add_column("program", overflow="fold")
        for name in ("median", "lowest", "highest", "ratio", "difference"):
            grid.add_column(name, justify="right")
        grid.add_column("note", overflow="fold")
        for row in report.rows:
            times = (_seconds(value) for value in (row.seconds, row.lowest, row.highest))
            ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
            grid.add_row(row.program, *times, ratio, number(row.difference, 2), row.note)
        console.print(grid)
        if report.difference:
            console.print(report.difference)
        for line in report.lines:
            console.print(line)
        console.print()
    console.print(
        f"{machine['processor']}, {machine['cores']} cores; reads {machine['memory_gb_s']:.0f} "
        f"GB/s from memory, multiplies at {machine['multiply_gflop_s']:.0f} GFLOP/s; "
        + ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    )
