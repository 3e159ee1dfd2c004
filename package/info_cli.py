"""The command `pitfalls info`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .exit_status import DONE
from .writing import as_text, check_writable, write_json

__all__ = ["add_info"]

_STDOUT = Path("-")


def add_info(commands: Any) -> None:
    """Add the parser."""
    info = commands.add_parser(
        "info",
        help="versions, optional packages, machine, devices and caches",
        description="What a run depends on: versions, which optional packages are there and which "
        "extra gives those that are not, cores and memory, BLAS, GPUs, and caches with the command "
        "that clears each.",
    )
    info.add_argument(
        "--json",
        type=Path,
        nargs="?",
        const=_STDOUT,
        metavar="FILE",
        help="as JSON, into a file or, without a name, to standard output",
    )
    info.set_defaults(run=_info)


def _info(options: argparse.Namespace) -> int:
    from . import studies

    to_file = options.json if options.json != _STDOUT else None
    check_writable(to_file)
    found = studies.info()
    if options.json is None or to_file:
        from .show_info import show_info

        show_info(found)
        write_json(to_file, found.as_json())
    else:
        print(as_text(found.as_json()), end="")
    return DONE
