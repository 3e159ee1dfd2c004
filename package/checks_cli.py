"""The commands that compare theory and simulation: verify, limits, dynamics, phenomena."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .exit_status import DONE, FAILED
from .flags import add_effort
from .writing import check_writable, write_json

if TYPE_CHECKING:
    from .studies import ThreeSizes, Verification

__all__ = ["add_checks", "name_failures", "verified"]

_FEATURES = (
    "gaussian",
    "rademacher",
    "student",
    "spiked",
    "dominant",
    "graded",
    "student-rows",
)


def add_checks(commands: Any) -> None:
    """Add the parsers."""
    verify = commands.add_parser(
        "verify",
        help="check Theorem 2.2 and the closed forms against simulation",
        description="Check Theorem 2.2 and the closed forms against simulation, statement by "
        "statement; docs/theorem.md says in words what is checked.",
        epilog="Exit status: 0 every statement holds, 1 one does not (with --self-test: one "
        "cannot fail), 2 bad usage.",
    )
    add_effort(
        verify,
        quick="fewer replicates",
        replicates="draws per setting (default 100; quick 24)",
    )
    verify.add_argument(
        "--self-test",
        action="store_true",
        help="bend each prediction by twice what it would catch; every bend must be refused",
    )
    verify.add_argument("--json", type=Path, metavar="FILE", help="write the table as JSON")
    verify.set_defaults(run=_verify)

    limits = commands.add_parser(
        "limits",
        help="the max margin in 52 settings: theorem, closed forms and simulation side by side",
        description="The max margin in 52 settings, four answers side by side: the theorem's "
        "limit, the limit d/n → ∞, the limit n → ∞ at this d/n, and simulation extrapolated to "
        "n → ∞; docs/limits.md says what follows from them.",
        epilog="Exit status: 0 the limit at this d/n holds in every setting (--features all: where "
        "it should, and nowhere else), 1 it does not, 2 bad usage.",
    )
    add_effort(
        limits,
        quick="fewer replicates",
        replicates="draws per setting and size (default 100, quick 16; explicit features 30, "
        "quick 8)",
    )
    limits.add_argument(
        "--features",
        choices=(*_FEATURES, "all"),
        default="gaussian",
        help="law of the example-specific features (default gaussian); others than the default in "
        "the settings with d/n ≤ 10",
    )
    limits.add_argument("--json", type=Path, metavar="FILE", help="write the table as JSON")
    limits.set_defaults(run=_limits)

    dynamics = _three_sizes(
        commands,
        "dynamics",
        words="training over time at finite d/n, in 21 settings: prediction and simulation",
        description="ERM, reweighting and logit shifting at eight times in 21 settings: the "
        "prediction for n → ∞ at this d/n (P12 of docs/theory.md), and simulation with n = 1000, "
        "2000 and 4000 extrapolated to n → ∞. About half an hour on two cores, a few minutes with "
        "--quick.",
        quick="n = 150, 300 and 600",
    )
    dynamics.set_defaults(run=_dynamics)

    phenomena = _three_sizes(
        commands,
        "phenomena",
        words="fitted, delayed, memorised, decoded, in 41 settings: prediction and simulation",
        description="What docs/generalization.md tells of: when the training set is fitted and "
        "when the minority follows, where early learning ends, when to stop and what other rules "
        "cost, what can be decoded. Predicted for n → ∞, and simulated with n = 400, 800 and 1600, "
        "extrapolated to n → ∞, in 41 settings of which 35 have label noise. About half an hour on "
        "two cores, ten minutes with --quick.",
        quick="n = 200, 400 and 800",
    )
    phenomena.set_defaults(run=_phenomena)


def _three_sizes(
    commands: Any, name: str, *, words: str, description: str, quick: str
) -> argparse.ArgumentParser:
    """A command that compares predictions with simulation at three sizes."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=words,
        description=f"{description} Each setting has draws of its own, and can be run alone.",
        epilog="Exit status: 0 the prediction holds in every setting, 1 it does not, 2 bad usage.",
    )
    add_effort(
        parser,
        quick=quick,
        replicates="draws at the largest n; twice as many at half of it, and again (default 4, "
        "quick 3)",
    )
    parser.add_argument(
        "--setting",
        action="append",
        metavar="NAME",
        help="only this one; may be given more than once (default: all)",
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write the table as JSON, after each setting"
    )
    return parser


def verified(options: argparse.Namespace) -> Verification:
    """What the flags of effort ask to be verified, with progress."""
    from . import studies
    from .show import progress

    with progress() as update:
        return studies.verify(
            seed=options.seed,
            replicates=options.replicates,
            quick=options.quick,
            workers=options.workers,
            progress=update,
        )


def told(failed: list[str]) -> list[str]:
    """The statements that do not hold, said on standard error if there are any."""
    if failed:
        print(f"pitfalls: does not hold: {', '.join(failed)}", file=sys.stderr)
    return failed


def name_failures(table: Verification) -> list[str]:
    """Those of a table, said."""
    return told([row.id for row in table.statements if not row.holds])


def _verify(options: argparse.Namespace) -> int:
    from .show import show_verification

    check_writable(options.json)
    table = verified(options)
    show_verification(table)
    write_json(options.json, table.as_json())
    failed = name_failures(table)
    if options.self_test:
        loose = table.not_refused()
        bends = 2 * len(table.statements)
        print(
            f"Self-test: {len(table.statements)} predictions bent both ways by twice what each "
            f"would catch, {bends} bends; "
            + ("every bend refused." if not loose else f"NOT refused: {', '.join(loose)}.")
        )
        failed += loose
    return FAILED if failed else DONE


def _limits(options: argparse.Namespace) -> int:
    from . import studies
    from .show import progress
    from .show_limits import show_limits, show_survey

    check_writable(options.json)
    common = {
        "seed": options.seed,
        "replicates": options.replicates,
        "quick": options.quick,
        "workers": options.workers,
    }
    table: studies.Limits | studies.Survey
    with progress() as update:
        if options.features == "all":
            table = studies.survey(**common, progress=update)
        else:
            table = studies.limits(**common, features=options.features, progress=update)
    if isinstance(table, studies.Survey):
        show_survey(table)
        failed = table.unexpected()
    else:
        show_limits(table)
        failed = table.failed()
    write_json(options.json, table.as_json())
    return FAILED if told(failed) else DONE


def _dynamics(options: argparse.Namespace) -> int:
    from . import studies
    from .show_sizes import show_dynamics

    return _compare_sizes(options, studies.dynamics, show_dynamics)


def _phenomena(options: argparse.Namespace) -> int:
    from . import studies
    from .show_sizes import show_phenomena

    return _compare_sizes(options, studies.phenomena, show_phenomena)


def _compare_sizes(
    options: argparse.Namespace,
    study: Callable[..., ThreeSizes],
    show: Callable[[ThreeSizes], None],
) -> int:
    from .show import progress

    check_writable(options.json)
    with progress() as update:
        table = study(
            seed=options.seed,
            replicates=options.replicates,
            quick=options.quick,
            settings=options.setting,
            workers=options.workers,
            progress=update,
            keep=lambda table: write_json(options.json, table.as_json()),
        )
    show(table)
    return FAILED if told(table.failed()) else DONE
