"""The command's sweeps: `sweep FILE`, `sweep status`, `sweep export`, `sweep ready`."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

from .exit_status import DONE, FAILED, INTERRUPTED, TERMINATED
from .flags import count
from .writing import check_writable

__all__ = ["SUBCOMMANDS", "add_sweep"]

SUBCOMMANDS = ("status", "export", "agreement", "ready")
"""What may follow `sweep` instead of a file."""


class _Terminated(KeyboardInterrupt):
    """SIGTERM, which stops a sweep as cleanly as Ctrl-C does."""


def add_sweep(commands: Any) -> None:
    """Add the parsers."""
    sweep = commands.add_parser(
        "sweep",
        help="Monte Carlo over a grid of settings, into a store that survives interruptions",
        usage="pitfalls sweep FILE --store STORE [--workers N] [--dask ADDRESS]\n"
        "                          [--backend cpu|gpu|auto]\n"
        "       pitfalls sweep FILE --dry-run\n"
        "       pitfalls sweep status STORE\n"
        "       pitfalls sweep export STORE --csv FILE [--raw]\n"
        "       pitfalls sweep agreement STORE\n"
        "       pitfalls sweep ready [NAME]",
        description="Run a sweep file into a store. Stopped in whatever way, the same command goes "
        "on where it was; the numbers do not depend on it, nor on the workers. "
        "docs/sweeps.md says what a file can ask for.",
        epilog="Exit status: 0 all cells are finished, 1 one failed, 2 bad usage or input, 130 or "
        "143 stopped by Ctrl-C or SIGTERM.",
    )
    sweep.add_argument(
        "file", metavar="FILE", help="a TOML file, or the name of one from `pitfalls sweep ready`"
    )
    sweep.add_argument("--store", type=Path, metavar="STORE", help="an SQLite file")
    sweep.add_argument(
        "--workers",
        type=count,
        metavar="N",
        help="processes (default: all cores; 1: none but this)",
    )
    sweep.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="compute on Dask: a scheduler's address, or local (extra: pitfalls[dask])",
    )
    sweep.add_argument(
        "--backend",
        choices=("cpu", "gpu", "auto"),
        default="cpu",
        help="gpu: many replicates side by side on one GPU, of draws of its own (extra: "
        "pitfalls[gpu]); auto: what the store was begun with, or a GPU where there is one",
    )
    sweep.add_argument(
        "--dry-run",
        action="store_true",
        help="check the file and say how many cells, how long and how much memory",
    )
    sweep.set_defaults(run=_sweep)

    status = commands.add_parser(
        "sweep-status",
        prog="pitfalls sweep status",
        description="Say how far a store is, and which cells failed; its driver may be at work.",
    )
    status.add_argument("store", type=Path, metavar="STORE")
    status.set_defaults(run=_status)

    export = commands.add_parser(
        "sweep-export",
        prog="pitfalls sweep export",
        description="Write the table of a store: for each cell, objective, quantity and time the "
        "mean, standard error and quantiles over the replicates, and the predictions beside them.",
    )
    export.add_argument("store", type=Path, metavar="STORE")
    export.add_argument("--csv", type=Path, metavar="FILE")
    export.add_argument("--parquet", type=Path, metavar="FILE", help="extra: pitfalls[parquet]")
    export.add_argument(
        "--netcdf", type=Path, metavar="FILE", help="arrays over the grid; extra: pitfalls[netcdf]"
    )
    export.add_argument("--raw", action="store_true", help="the replicates, one row each")
    export.set_defaults(run=_export)

    agreement = commands.add_parser(
        "sweep-agreement",
        prog="pitfalls sweep agreement",
        description="Compare the means over the replicates with the theorem, the orthogonal and "
        "the proportional limit, over all cells of a store.",
    )
    agreement.add_argument("store", type=Path, metavar="STORE")
    agreement.set_defaults(run=_agreement)

    ready = commands.add_parser(
        "sweep-ready",
        prog="pitfalls sweep ready",
        description="List the sweeps that come with the package, or print one to begin with.",
    )
    ready.add_argument("name", nargs="?", metavar="NAME")
    ready.set_defaults(run=_ready)


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM raises `_Terminated`, as Ctrl-C raises KeyboardInterrupt."""

    def terminate(number: int, frame: FrameType | None) -> None:
        raise _Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _silence_dask() -> None:
    """What Dask's own log says of a lost scheduler or worker, the command says or mends."""
    # As it is imported, it sets these levels itself; without it, `sweep` says what is missing.
    with suppress(ImportError):
        import_module("distributed")
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _sweep(options: argparse.Namespace) -> int:
    from .show_sweep import show_estimate, show_outcome, sweep_progress
    from .sims.threads import cores
    from .studies import sweeps
    from .studies.arguments import check_workers

    document = sweeps.read(options.file)
    if options.dry_run:
        workers = cores() if options.workers is None else options.workers
        check_workers(workers)
        show_estimate(document, sweeps.estimate(document), workers, options.backend)
        return DONE
    if options.store is None:
        raise sweeps.SweepError("--store is missing: give an SQLite file.")
    if options.dask is not None:
        _silence_dask()
    last: list[sweeps.Stage] = []
    begun = time.perf_counter()
    try:
        with _terminable(), sweep_progress() as update:

            def progress(now: sweeps.Stage) -> None:
                last[:] = [now]
                update(now)

            outcome = sweeps.sweep(
                document,
                options.store,
                workers=options.workers,
                dask=options.dask,
                backend=options.backend,
                progress=progress,
            )
    except KeyboardInterrupt as stop:
        far = f" at {last[0].cells} of {last[0].all_cells} cells" if last else ""
        print(
            f"pitfalls sweep: stopped{far}. What was finished is in {options.store}: run the same "
            "command to go on.",
            file=sys.stderr,
        )
        return TERMINATED if isinstance(stop, _Terminated) else INTERRUPTED
    show_outcome(document, outcome, options.store, time.perf_counter() - begun)
    return FAILED if outcome.failures else DONE


def _status(options: argparse.Namespace) -> int:
    from .show_sweep import show_status
    from .studies import sweeps

    found = sweeps.status(options.store)
    show_status(found, options.store)
    return FAILED if found.failures else DONE


def _export(options: argparse.Namespace) -> int:
    from .studies import sweeps

    targets = {name: getattr(options, name) for name in ("csv", "parquet", "netcdf")}
    if not any(targets.values()):
        raise sweeps.SweepError("give --csv, --parquet or --netcdf with a file name.")
    for path in targets.values():
        check_writable(path)
    cells = sweeps.export(options.store, **targets, raw=options.raw)
    found = sweeps.status(options.store)
    for path in filter(None, targets.values()):
        print(path)
    if not found.finished:
        print(
            f"pitfalls sweep export: {found.sweep.cells - found.cells} of {found.sweep.cells} cells"
            f" are not finished; the table has what is there of {cells}.",
            file=sys.stderr,
        )
    return DONE


def _agreement(options: argparse.Namespace) -> int:
    from .show_sweep import show_agreement
    from .studies import sweeps

    show_agreement(sweeps.agreement(options.store))
    return DONE


def _ready(options: argparse.Namespace) -> int:
    from .show_sweep import show_ready
    from .studies import sweeps

    if options.name is None:
        show_ready([sweeps.read(name) for name in sweeps.ready()])
    else:
        if options.name not in sweeps.ready():
            raise sweeps.SweepError(f"{options.name}: is not one of {', '.join(sweeps.ready())}.")
        print(sweeps.read(options.name).text, end="")
    return DONE
