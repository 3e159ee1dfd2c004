"""The command: every subcommand is a thin caller of one function of the library."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .compare_cli import add_compare
from .exit_status import BAD_USAGE, BROKEN_PIPE, DONE, FAILED, INTERRUPTED
from .own_cli import add_features, read_own, write_weights
from .sweep_cli import SUBCOMMANDS, add_sweep

if TYPE_CHECKING:
    from .studies import ThreeSizes
    from .studies.own import OwnFeatures

__all__ = ["main"]

_SETTING = (
    ("n", "1000", "training examples"),
    ("d", "1798", "example-specific features"),
    ("rho", "0.9", "majority share ρ"),
    ("gamma", "5", "size γ of the spurious feature"),
    ("sigma", "0.5", "σ of each example-specific feature"),
    ("core-noise", "0.12", "σ_y, noise of the core feature"),
    ("spurious-noise", "0.12", "σ_a, noise of the spurious feature"),
    ("label-noise", "0", "share η of training labels flipped"),
)
_FEATURES = (
    "gaussian",
    "rademacher",
    "student",
    "spiked",
    "dominant",
    "graded",
    "student-rows",
)
_FIGURES = (
    "accuracy-vs-aspect",
    "comparison",
    "convergence",
    "crossing-time",
    "decoding",
    "delay",
    "dynamics",
    "early-stopping",
    "influence-matrix",
    "interpretable",
    "label-noise",
    "phase-diagram",
    "self-influence",
    "three-memorizations",
    "train-and-test",
    "trajectories",
)
_OBJECTIVES = ("erm", "reweighting", "logit-shifting", "curing-scale", "lasting-cure", "mat")
_METHODS = (*_OBJECTIVES, "subsampling")


def _count(text: str) -> int:
    """An integer, also written 1e6."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
        if number.is_integer():
            return int(number)
    except (ValueError, OverflowError):
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not an integer (1000 or 1e3)")


def _real(text: str) -> float:
    """A number."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None


def _add_setting(parser: argparse.ArgumentParser, defaults: bool) -> None:
    group = parser.add_argument_group("setting")
    for name, default, words in _SETTING:
        group.add_argument(
            f"--{name}",
            type=_count if name in ("n", "d") else _real,
            default=None,
            metavar="N" if name in ("n", "d") else "X",
            help=f"{words} (default {default})" if defaults else words,
        )


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """The setting flags that were given."""
    fields = [name.replace("-", "_") for name, *_ in _SETTING]
    return {field: value for field in fields if (value := getattr(options, field)) is not None}


def _parser() -> argparse.ArgumentParser:
    from . import __version__

    parser = argparse.ArgumentParser(
        prog="pitfalls",
        description="Why memorisation keeps a spurious feature, and which training method cures "
        "it, for how long: the linear model of Bayat et al. (ICLR 2025), solved and simulated.",
        epilog="Exit status: 0 done and holding, 1 a statement failed, 2 bad usage or input.",
    )
    parser.add_argument("--version", action="version", version=f"pitfalls {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    verify = commands.add_parser(
        "verify",
        help="check Theorem 2.2 and the closed forms against simulation",
        description="Check Theorem 2.2 and the closed forms against simulation, statement by "
        "statement; docs/theorem.md says in words what is checked.",
        epilog="Exit status: 0 every statement holds, 1 one does not (with --self-test: one "
        "cannot fail), 2 bad usage.",
    )
    verify.add_argument("--quick", action="store_true", help="fewer replicates")
    verify.add_argument(
        "--self-test",
        action="store_true",
        help="bend each prediction by twice what it would catch; every bend must be refused",
    )
    verify.add_argument("--seed", type=_count, default=0, metavar="N", help="default 0")
    verify.add_argument(
        "--replicates", type=_count, metavar="N", help="draws per setting (default 100; quick 24)"
    )
    verify.add_argument("--workers", type=_count, metavar="N", help="threads (default: all cores)")
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
    limits.add_argument("--quick", action="store_true", help="fewer replicates")
    limits.add_argument(
        "--features",
        choices=(*_FEATURES, "all"),
        default="gaussian",
        help="law of the example-specific features (default gaussian); others than the default in "
        "the settings with d/n ≤ 10",
    )
    limits.add_argument("--seed", type=_count, default=0, metavar="N", help="default 0")
    limits.add_argument(
        "--replicates",
        type=_count,
        metavar="N",
        help="draws per setting and size (default 100, quick 16; explicit features 30, quick 8)",
    )
    limits.add_argument("--workers", type=_count, metavar="N", help="threads (default: all cores)")
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

    train = commands.add_parser(
        "train",
        help="one run: group accuracies over time",
        description="Train on one draw of a setting and show group accuracies over time, with the "
        "limits t → ∞. Gradient flow, or gradient descent where --learning-rate and --steps are "
        "given. Test accuracies are closed-form. With --features: on features of your own, test "
        "accuracies counted, beside what the model fitted to them predicts.",
    )
    _add_setting(train, defaults=True)
    add_features(train, _real)
    train.add_argument(
        "--objective",
        action="append",
        choices=_METHODS,
        help="may be given more than once (default: as far as they exist, of a setting all but "
        "mat and subsampling, of own features all)",
    )
    train.add_argument(
        "--time",
        type=_real,
        metavar="T",
        help="flow until t = rate × steps (default 1e6; of own features as long as that is in the "
        "fitted model)",
    )
    train.add_argument(
        "--learning-rate",
        type=_real,
        metavar="X",
        help="of the binary model; a two-logit softmax at rate η is this at 2η",
    )
    train.add_argument("--steps", type=_count, metavar="N", help="steps of gradient descent")
    train.add_argument(
        "--ridge", action="store_true", help="own features: weight decay λ instead of time"
    )
    train.add_argument("--seed", type=_count, default=0, metavar="N", help="default 0")
    train.add_argument("--json", type=Path, metavar="FILE", help="write the run as JSON")
    train.add_argument(
        "--weights",
        type=Path,
        metavar="FILE.npz",
        help="own features: write each method's last weights, and the mean to take off first",
    )
    train.set_defaults(run=_train)

    add_compare(commands)

    figure = commands.add_parser(
        "figure",
        help="draw a figure as PNG, PDF and CSV",
        description="Draw a figure as PNG, PDF and CSV. Setting flags replace the figure's own.",
    )
    figure.add_argument(
        "name", choices=(*_FIGURES, "all"), metavar="NAME", help=", ".join(_FIGURES) + " or all"
    )
    figure.add_argument(
        "--out", type=Path, default=Path("out"), metavar="DIR", help="folder (default out)"
    )
    _add_setting(figure, defaults=False)
    figure.add_argument("--seed", type=_count, default=0, metavar="N", help="default 0")
    figure.add_argument(
        "--time", type=_real, default=1e12, metavar="T", help="last time (default 1e12)"
    )
    figure.add_argument(
        "--replicates",
        type=_count,
        metavar="N",
        help="draws of a figure that shows many (default 12; accuracy-vs-aspect 24, "
        "interpretable 100, three-memorizations 400)",
    )
    figure.set_defaults(run=_figure)

    add_sweep(commands, _count)

    bench = commands.add_parser(
        "bench",
        help="time the solvers against NumPy, PyTorch, JAX, scikit-learn and CVXPY",
        description="Time the solvers and their peers alternately in one run, and compare their "
        "answers. Peers that are not installed are left out: pip install 'pitfalls[bench]'.",
        epilog="descent: Figure 1's run. flow: a trajectory to t = 1e12. dimension: a replicate as "
        "d grows to 1e9. margin: max margin. influence: training again without each example. "
        "sweep: replicates a second. pipeline: all of Figure 1. three_memorizations: Figure 3's "
        "networks. mean_field: training without data. scaling: exponents in n. All of them take "
        "about 25 minutes, and need an idle machine.",
    )
    bench.add_argument("names", nargs="*", metavar="NAME", help="which (default: all ten)")
    bench.add_argument(
        "--rounds", type=_count, default=5, metavar="N", help="times each is run (default 5)"
    )
    bench.add_argument("--json", type=Path, metavar="FILE", help="write times and machine as JSON")
    bench.set_defaults(run=_bench)
    return parser


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
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument(
        "--setting",
        action="append",
        metavar="NAME",
        help="only this one; may be given more than once (default: all)",
    )
    parser.add_argument("--seed", type=_count, default=0, metavar="N", help="default 0")
    parser.add_argument(
        "--replicates",
        type=_count,
        metavar="N",
        help="draws at the largest n; twice as many at half of it, and again (default 4, quick 3)",
    )
    parser.add_argument("--workers", type=_count, metavar="N", help="threads (default: all cores)")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write the table as JSON, after each setting"
    )
    return parser


def _check_writable(path: Path | None) -> None:
    """Fail before the work, not after it."""
    if path is None:
        return
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; give a file name")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"the folder {path.parent} does not exist; make it first")
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"the folder {path.parent} is not writable; choose another")


def _check_writable_folder(folder: Path) -> None:
    """The same for a folder, which need not exist yet."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise NotADirectoryError(f"{existing} is not a folder; choose another")
    if not os.access(existing, os.W_OK):
        raise PermissionError(f"the folder {existing} is not writable; choose another")


def _write_json(path: Path | None, content: dict[str, Any]) -> None:
    if path is not None:
        from . import studies

        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        studies.write_atomically(path, text.encode())


def _verify(options: argparse.Namespace) -> int:
    from . import studies
    from .show import progress, show_verification

    _check_writable(options.json)
    with progress() as update:
        table = studies.verify(
            seed=options.seed,
            replicates=options.replicates,
            quick=options.quick,
            workers=options.workers,
            progress=update,
        )
    show_verification(table)
    _write_json(options.json, table.as_json())
    failed = [row.id for row in table.statements if not row.holds]
    if failed:
        print(f"pitfalls: does not hold: {', '.join(failed)}", file=sys.stderr)
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

    _check_writable(options.json)
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
    _write_json(options.json, table.as_json())
    if failed:
        print(f"pitfalls: does not hold: {', '.join(failed)}", file=sys.stderr)
    return FAILED if failed else DONE


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

    _check_writable(options.json)
    with progress() as update:
        table = study(
            seed=options.seed,
            replicates=options.replicates,
            quick=options.quick,
            settings=options.setting,
            workers=options.workers,
            progress=update,
            keep=lambda table: _write_json(options.json, table.as_json()),
        )
    show(table)
    failed = table.failed()
    if failed:
        print(f"pitfalls: does not hold: {', '.join(failed)}", file=sys.stderr)
    return FAILED if failed else DONE


def _train(options: argparse.Namespace) -> int:
    from . import studies
    from .show import show_training
    from .theory import Setting, SettingError

    _check_writable(options.json)
    own = read_own(options, _given(options))
    if own is not None:
        return _train_own(options, own)
    for name in ("ridge", "weights"):
        if getattr(options, name):
            raise SettingError(f"--{name}", getattr(options, name), "given with --features FILE")
    defaults = {
        name.replace("-", "_"): (_count if name in ("n", "d") else float)(default)
        for name, default, _ in _SETTING
    }
    training = studies.train(
        Setting(**{**defaults, **_given(options)}),
        options.objective,
        latest=options.time,
        learning_rate=options.learning_rate,
        steps=options.steps,
        seed=options.seed,
    )
    show_training(training)
    _write_json(options.json, training.as_json())
    return DONE


def _train_own(options: argparse.Namespace, own: OwnFeatures) -> int:
    from .show import progress
    from .show_own import show_own
    from .studies.own import train_own

    _check_writable(options.weights)
    with progress() as update:
        training = train_own(
            own,
            options.objective,
            latest=options.time,
            learning_rate=options.learning_rate,
            steps=options.steps,
            ridge=options.ridge,
            center=not options.no_center,
            seed=options.seed,
            progress=update,
        )
    show_own(training)
    _write_json(options.json, training.as_json())
    if options.weights is not None:
        write_weights(options.weights, training)
    return DONE


def _figure(options: argparse.Namespace) -> int:
    from . import figures
    from .show import progress
    from .theory import SettingError

    if not 1e-2 < options.time <= 1e16:
        raise SettingError("--time", options.time, "a number in (0.01, 1e16]")
    _check_writable_folder(options.out)
    every = options.name == "all"
    for name in figures.NAMES if every else (options.name,):
        with progress() as update:
            paths = figures.make(
                name,
                options.out,
                _given(options),
                seed=options.seed,
                latest=options.time,
                replicates=None
                if every and name not in figures.OF_MANY_DRAWS
                else options.replicates,
                progress=update,
            )
        for path in paths:
            print(path)
    return DONE


def _bench(options: argparse.Namespace) -> int:
    from . import benchmarks
    from .show import progress, show_benchmarks

    _check_writable(options.json)
    with progress() as update:
        reports = benchmarks.run(options.names or benchmarks.NAMES, options.rounds, update)
        facts = benchmarks.machine()
    show_benchmarks(reports, facts)
    content = {"schema": 1, "machine": facts, "benchmarks": [each.as_json() for each in reports]}
    _write_json(options.json, content)
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
        0 done and holding, 1 a statement failed, 2 bad usage or input, 130 interrupted,
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
