"""The command `pitfalls report`."""

from __future__ import annotations

import argparse
import shlex
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .checks_cli import name_failures, verified
from .exit_status import DONE, FAILED
from .flags import FIGURES, add_effort
from .writing import check_writable

if TYPE_CHECKING:
    from .studies import Picture

__all__ = ["add_report"]

# What the theorem says, where that is true, and what follows for a choice: four minutes on two
# cores, most of it the statements and the phase diagram. Quick, a minute.
_DEFAULT = ("trajectories", "accuracy-vs-aspect", "phase-diagram", "crossing-time", "comparison")
_QUICK = ("trajectories", "accuracy-vs-aspect")


def add_report(commands: Any) -> None:
    """Add the parser."""
    report = commands.add_parser(
        "report",
        help="the statements of verify, figures, versions and commands in one page of HTML",
        description="Verify, draw figures, and write both into one HTML file that needs no "
        "network: statements with verdicts, those that fail first; figures; seeds, versions and "
        "machine; and the command that reproduces each. The same seed gives the same bytes.",
        epilog="Exit status: 0 every statement holds, 1 one does not (the page is written, too), "
        "2 bad usage.",
    )
    report.add_argument(
        "--out",
        type=Path,
        default=Path("report.html"),
        metavar="FILE",
        help="default report.html",
    )
    add_effort(
        report,
        quick="fewer replicates of the statements, and by default two figures",
        replicates="draws per setting of the statements (default 100; quick 24)",
    )
    report.add_argument(
        "--figures",
        nargs="+",
        choices=(*FIGURES, "all", "none"),
        metavar="NAME",
        help=f"as of pitfalls figure, or all, or none (default {', '.join(_DEFAULT)})",
    )
    report.add_argument(
        "--date", action="store_true", help="say in the page when it was made; its bytes differ"
    )
    report.set_defaults(run=_report)


def _report(options: argparse.Namespace) -> int:
    from . import studies

    check_writable(options.out)
    names = _names(options)
    table = verified(options)
    page = studies.report(
        table,
        [_picture(name, options) for name in names],
        studies.info(),
        command=_command("report", options, figures=names),
        verify_command=_command("verify", options),
        when=datetime.now().astimezone().isoformat(" ", "minutes") if options.date else "",
    )
    studies.write_atomically(options.out, page.encode())
    print(options.out)
    return FAILED if name_failures(table) else DONE


def _names(options: argparse.Namespace) -> tuple[str, ...]:
    """The figures asked for, each once.

    Raises
    ------
    SettingError
        All or none are asked for beside others.
    """
    from .theory import SettingError

    if options.figures is None:
        return _QUICK if options.quick else _DEFAULT
    for word, names in (("all", FIGURES), ("none", ())):
        if word in options.figures:
            if set(options.figures) != {word}:
                raise SettingError("--figures", options.figures, f"names, or {word} alone")
            return names
    return tuple(dict.fromkeys(options.figures))


def _picture(name: str, options: argparse.Namespace) -> Picture:
    from . import figures, studies
    from .show import progress

    with progress() as update:
        png = figures.png(
            name,
            seed=options.seed,
            workers=options.workers,
            dpi=studies.PICTURE_DPI,
            progress=update,
        )
    command = f"pitfalls figure {name} --seed {options.seed}"
    return studies.Picture(name, *figures.words(name), command=command, png=png)


def _command(name: str, options: argparse.Namespace, figures: tuple[str, ...] = ()) -> str:
    """The command line that gives the same again; how many workers there are changes nothing."""
    words = ["pitfalls", name]
    if options.quick:
        words.append("--quick")
    words += ["--seed", str(options.seed)]
    if options.replicates is not None:
        words += ["--replicates", str(options.replicates)]
    if name == "report":
        words += ["--figures", *(("all",) if figures == FIGURES else figures or ("none",))]
        if options.out != Path("report.html"):
            words += ["--out", str(options.out)]
    return shlex.join(words)
