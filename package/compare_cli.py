"""The command `pitfalls compare`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .exit_status import DONE
from .flags import METHODS, SEED, add_features, add_setting, count, read_own, real, setting_of
from .writing import check_writable, check_writable_folder, write_json

if TYPE_CHECKING:
    from .studies import Comparison

__all__ = ["add_compare"]


def add_compare(commands: Any) -> None:
    """Add the parser."""
    compare = commands.add_parser(
        "compare",
        help="which method, until when: ranked at a time and in the limit",
        description="Rank methods by the worst group's test accuracy, at a time and in the limit, "
        "and say when to stop each and who leads when. Of a setting it is predicted, without data; "
        "with --features methods are trained on features of your own, and test examples counted.",
    )
    add_setting(compare, defaults=True)
    add_features(compare)
    compare.add_argument(
        "--time",
        type=real,
        metavar="T",
        help="t = rate × steps at which training would end: rank by it (default: by the limit)",
    )
    compare.add_argument(
        "--latest",
        type=real,
        metavar="T",
        help="last time looked at, of a setting (default 1e12)",
    )
    compare.add_argument(
        "--objective",
        action="append",
        choices=METHODS,
        help="may be given more than once (default: as far as they exist, of a setting all but "
        "mat, of own features all)",
    )
    compare.add_argument("--seed", type=count, default=0, metavar="N", help=SEED)
    compare.add_argument("--json", type=Path, metavar="FILE", help="write the table as JSON")
    compare.add_argument(
        "--figure", type=Path, metavar="DIR", help="draw it: DIR/comparison.png, .pdf and .csv"
    )
    compare.set_defaults(run=_compare)


def _compare(options: argparse.Namespace) -> int:
    from .show_compare import show_comparison

    check_writable(options.json)
    if options.figure is not None:
        check_writable_folder(options.figure)
    found = _compared(options)
    show_comparison(found)
    write_json(options.json, found.as_json())
    if options.figure is not None:
        from .figures import comparison, style

        data = comparison.Compared(found)
        figure = comparison.draw(data)
        for path in style.save(figure, data.table(), options.figure, "comparison"):
            print(path)
    return DONE


def _compared(options: argparse.Namespace) -> Comparison:
    from . import studies
    from .show import progress
    from .theory import SettingError

    own = read_own(options)
    if own is not None:
        if options.latest is not None:
            raise SettingError("--latest", options.latest, "left out with --features")
        with progress() as update:
            return studies.compare_own(
                own,
                options.objective,
                time=options.time,
                seed=options.seed,
                center=not options.no_center,
                progress=update,
            )
    latest = {} if options.latest is None else {"latest": options.latest}
    with progress() as update:
        return studies.compare(
            setting_of(options),
            options.objective,
            time=options.time,
            seed=options.seed,
            progress=update,
            **latest,
        )
