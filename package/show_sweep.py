"""What the command shows of sweeps."""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from .show import progress, size, stdout
from .studies.sweeps.quantities import QUANTITIES

if TYPE_CHECKING:
    from .studies import sweeps

__all__ = [
    "show_agreement",
    "show_estimate",
    "show_outcome",
    "show_ready",
    "show_status",
    "sweep_progress",
]


@contextmanager
def sweep_progress() -> Iterator[Callable[[sweeps.Stage], None]]:
    """Cells, replicates per second and time left on a terminal; silent when that is none."""
    begun = time.perf_counter()
    with progress() as update:

        def show(now: sweeps.Stage) -> None:
            rate = now.replicates / max(time.perf_counter() - begun, 1e-9)
            cells = f"{now.cells}/{now.all_cells} cells"
            words = f"{cells}, {rate:.3g}/s" if now.replicates else cells
            update(now.blocks, now.all_blocks, words)

        yield show


def _duration(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds < 60 else str(timedelta(seconds=round(seconds)))


def _facts(rows: Sequence[tuple[str, str]], title: str) -> None:
    stdout().print(Text(title, "bold"))
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(Text(name), Text(value))
    stdout().print(table)


def _grid(document: sweeps.Sweep) -> str:
    axes = [f"{axis.name} ({len(axis.values)})" for axis in document.axes]
    return " × ".join(axes) or "one cell"


def show_estimate(
    document: sweeps.Sweep, found: sweeps.Estimate, workers: int, backend: str
) -> None:
    """What a dry run found."""
    where = "" if backend == "cpu" else " (estimated on the CPU)"
    _facts(
        [
            ("cells", f"{found.cells:,}: {_grid(document)}"),
            ("replicates", f"{found.replicates:,}" + (" at most" if document.precision else "")),
            ("objectives", ", ".join(document.objectives)),
            ("numbers a replicate", str(len(document.columns))),
            ("time", f"about {_duration(found.seconds / workers)} on {workers} workers{where}"),
            ("memory", f"about {size(found.worker_bytes)} a worker"),
            ("store", f"about {size(found.store_bytes)}"),
        ],
        f"{document.name} (from {found.tried} replicates run here; nothing is written)",
    )


def show_outcome(
    document: sweeps.Sweep, outcome: sweeps.Outcome, store: Path, seconds: float
) -> None:
    """What a driver did."""
    failed = len(outcome.failures)
    rate = f", {outcome.replicates / seconds:.3g} a second" if outcome.replicates else ""
    _facts(
        [
            ("cells", f"{outcome.cells - failed:,} of {outcome.cells:,} finished"),
            ("replicates", f"{outcome.replicates:,} computed now, in {_duration(seconds)}{rate}"),
            ("table", f"pitfalls sweep export {shlex.quote(str(store))} --csv FILE"),
        ],
        document.name,
    )
    _show_failures(document, outcome.failures)
    if outcome.versions > 1:
        _warn_of_versions(store)


def show_status(found: sweeps.Status, store: Path) -> None:
    """How far a store is."""
    document = found.sweep
    left = document.cells - found.cells - len(found.failures)
    _facts(
        [
            ("grid", _grid(document)),
            ("cells", f"{found.cells:,} of {document.cells:,} finished, {left:,} left"),
            ("failed", str(len(found.failures))),
            ("replicates", f"{found.replicates:,} of {document.cells * document.replicates:,}"),
            ("time", f"{_duration(found.seconds)} of one core so far"),
            ("store", f"{store}, {size(store.stat().st_size)}, sweep {document.digest[:12]}"),
            *(
                ("computed with", ", ".join(f"{name} {what}" for name, what in each.items()))
                for each in found.environments
            ),
        ],
        document.name,
    )
    _show_failures(document, found.failures)
    if len(found.environments) > 1:
        _warn_of_versions(store)


def _show_failures(document: sweeps.Sweep, failures: Sequence[sweeps.Failure]) -> None:
    """Each error once, with the cells that it stopped."""
    screen = Console(stderr=True, highlight=False)
    by_error = sorted(failures, key=lambda failure: failure.error)
    for error, group in groupby(by_error, key=lambda failure: failure.error):
        cells = [failure.cell for failure in group]
        values = ", ".join(f"{k} = {v:g}" for k, v in document.values(cells[0]).items())
        more = f" and {len(cells) - 1} more" if len(cells) > 1 else ""
        where = f"cell {cells[0]}" + (f" ({values})" if values else "") + more
        screen.print(Text(f"failed: {where}: {error}"))


def _warn_of_versions(store: Path) -> None:
    screen = Console(stderr=True, highlight=False)
    screen.print(
        Text(
            f"warning: {store} was computed with more than one set of versions (sweep status): its "
            "numbers may differ in the last digits from those of one."
        )
    )


def show_agreement(found: Sequence[sweeps.Agreement]) -> None:
    """Means against predictions, a row for each column and kind of prediction."""
    table = Table(box=box.SIMPLE, pad_edge=False)
    table.add_column("number")
    table.add_column("prediction", no_wrap=True)
    # Two words stand in two lines where the terminal is narrow.
    for name in ("cells", "median off", "most off", "z mean", "z s.d.", "z most"):
        table.add_column(name, justify="right")
    for each in found:
        scores = (each.z_mean, each.z_deviation, each.z_largest)
        table.add_row(
            str(each.column),
            each.kind,
            str(each.cells),
            f"{each.median:.2g}",
            f"{each.largest:.2g}",
            *("" if math.isnan(z) else f"{z:.3g}" for z in scores),
        )
    stdout().print(table)
    stdout().print("off: |mean − prediction|; z: that over the standard error, where there is one.")


def show_ready(documents: Sequence[sweeps.Sweep]) -> None:
    """The sweeps that come with the package, and what can be measured."""
    screen = stdout()
    for each in documents:
        screen.print(Text(Path(each.name).stem, "bold"))
        screen.print(Text(f"{_grid(each)}, {each.replicates} replicates"))
        comment = [line.lstrip("# ") for line in each.text.splitlines() if line.startswith("#")]
        screen.print(Padding(Text(" ".join(comment)), (0, 0, 1, 2)))
    screen.print("`pitfalls sweep ready NAME > my.toml` is a file to begin with. Quantities:\n")
    words = Table(box=None, pad_edge=False, show_header=False)
    for name, quantity in QUANTITIES.items():
        words.add_row(name, Text(quantity.words), "at each time" if quantity.timed else "")
    screen.print(words)
