"""The command: every subcommand is a thin caller of one function of the library."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .checks_cli import add_checks
from .compare_cli import add_compare
from .exit_status import BAD_USAGE, BROKEN_PIPE, DONE, INTERRUPTED
from .flags import FIGURES, SEED, add_setting, count, given, real
from .info_cli import add_info
from .report_cli import add_report
from .sweep_cli import SUBCOMMANDS, add_sweep
from .train_cli import add_train
from .writing import check_writable, check_writable_folder, write_json

__all__ = ["main"]


def _parser() -> argparse.ArgumentParser:
    from . import __version__

    parser = argparse.ArgumentParser(
        prog="pitfalls",
        description="Why memorisation keeps a spurious feature, and which training method cures "
        "it, for how long: the linear model of Bayat et al. (ICLR 2025), solved and simulated.",
        epilog="Exit status: 0 done and holding, 1 a statement or a cell failed, 2 bad usage or "
        "input.",
    )
    parser.add_argument("--version", action="version", version=f"pitfalls {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    add_checks(commands)
    add_train(commands)
    add_compare(commands)
    figure = commands.add_parser(
        "figure",
        help="draw a figure as PNG, PDF and CSV",
        description="Draw a figure as PNG, PDF and CSV. Setting flags replace the figure's own.",
    )
    figure.add_argument(
        "name", choices=(*FIGURES, "all"), metavar="NAME", help=", ".join(FIGURES) + " or all"
    )
    figure.add_argument(
        "--out", type=Path, default=Path("out"), metavar="DIR", help="folder (default out)"
    )
    add_setting(figure, defaults=False)
    figure.add_argument("--seed", type=count, default=0, metavar="N", help=SEED)
    figure.add_argument(
        "--latest",
        "--time",
        type=real,
        default=1e12,
        metavar="T",
        help="last time shown (default 1e12); not of accuracy-vs-aspect, decoding, phase-diagram",
    )
    figure.add_argument(
        "--replicates",
        type=count,
        metavar="N",
        help="draws of a figure that shows many (default 12; accuracy-vs-aspect 24, "
        "interpretable 100, three-memorizations 400)",
    )
    figure.set_defaults(run=_figure)

    add_sweep(commands)

    bench = commands.add_parser(
        "bench",
        help="time the solvers against NumPy, PyTorch, JAX, scikit-learn and CVXPY",
        description="Time the solvers and their peers alternately in one run, and compare their "
        "answers. Peers that are not installed are left out: pip install 'pitfalls[bench]'.",
        epilog="descent: Figure 1's run. flow: a trajectory to t = 1e12. dimension: a replicate as "
        "d grows to 1e9. margin: max margin. influence: training again without each example. "
        "sweep: replicates a second. pipeline: all of Figure 1. three_memorizations: Figure 3's "
        "networks. mean_field: training without data. sagawa: the toy of Sagawa et al. scaling: "
        "exponents in n. All of these take about half an hour, and need an idle machine. gpu: "
        "kernels and sweeps on a GPU, only if it is named.",
    )
    bench.add_argument("names", nargs="*", metavar="NAME", help="which (default: all but gpu)")
    bench.add_argument(
        "--rounds", type=count, default=5, metavar="N", help="times each is run (default 5)"
    )
    bench.add_argument(
        "--json", type=Path, metavar="FILE", help="write times and machine as JSON, after each"
    )
    bench.set_defaults(run=_bench)

    add_report(commands)
    add_info(commands)
    return parser


def _figure(options: argparse.Namespace) -> int:
    from . import figures
    from .show import progress
    from .theory import PitfallsError, SettingError

    if not 1e-2 < options.latest <= 1e16:
        raise SettingError("--latest", options.latest, "a number in (0.01, 1e16]")
    check_writable_folder(options.out)
    every = options.name == "all"
    for name in figures.NAMES if every else (options.name,):
        try:
            with progress() as update:
                paths = figures.make(
                    name,
                    options.out,
                    given(options),
                    seed=options.seed,
                    latest=options.latest,
                    replicates=None
                    if every and name not in figures.OF_MANY_DRAWS
                    else options.replicates,
                    progress=update,
                )
        except PitfallsError as error:
            if every:
                raise PitfallsError(f"{name}: {error}") from error
            raise
        for path in paths:
            print(path)
    return DONE


def _bench(options: argparse.Namespace) -> int:
    from . import benchmarks
    from .show import progress, show_benchmarks

    check_writable(options.json)
    facts: dict[str, Any] = {}

    def keep(reports: list[benchmarks.Report]) -> None:
        if not facts:
            facts.update(benchmarks.machine())
        rows = [each.as_json() for each in reports]
        write_json(options.json, {"schema": 1, "machine": facts, "benchmarks": rows})

    with progress() as update:
        names = options.names or benchmarks.NAMES
        reports = benchmarks.run(names, options.rounds, update, keep)
    show_benchmarks(reports, facts)
    return DONE


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        The command line without the program's name; ``sys.argv`` by default.

    Returns
    -------
    int
        0 done and holding, 1 a statement or a cell failed, 2 bad usage or input, 130 interrupted,
        141 the reader of the output has gone.

    Examples
    --------
    >>> main(["train", "--n", "0"])
    2
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["sweep"] and words[1:2] and words[1] in SUBCOMMANDS:
        words[:2] = [f"sweep-{words[1]}"]
    options = _parser().parse_args(words)
    from .theory import PitfallsError

    command = options.command.replace("-", " ")
    try:
        return int(options.run(options))
    except PitfallsError as error:
        print(f"pitfalls {command}: {error}", file=sys.stderr)
        return BAD_USAGE
    except BrokenPipeError:
        # Whoever read our output has gone, as in `pitfalls train | head`: nothing more to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except OSError as error:
        print(f"pitfalls {command}: {error}", file=sys.stderr)
        return BAD_USAGE
    except KeyboardInterrupt:
        print(f"pitfalls {command}: interrupted", file=sys.stderr)
        return INTERRUPTED
