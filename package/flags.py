"""Flags that several subcommands share: of a setting, and of own features."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .studies.own import OwnFeatures
    from .theory import Setting

__all__ = [
    "FIGURES",
    "METHODS",
    "SEED",
    "add_effort",
    "add_features",
    "add_setting",
    "count",
    "given",
    "read_own",
    "real",
    "setting_of",
]

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
SEED = "of all random numbers (default 0)"
FIGURES = (
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
METHODS = (
    "erm",
    "reweighting",
    "logit-shifting",
    "curing-scale",
    "lasting-cure",
    "mat",
    "subsampling",
)


def count(text: str) -> int:
    """An integer, also written 1e6."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
        if number.is_integer():
            return int(number)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not an integer (1000 or 1e3)")


def real(text: str) -> float:
    """A number."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None


def add_effort(parser: argparse.ArgumentParser, *, quick: str, replicates: str) -> None:
    """The flags of commands that compare with simulation; the words are those of their help."""
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--seed", type=count, default=0, metavar="N", help=SEED)
    parser.add_argument("--replicates", type=count, metavar="N", help=replicates)
    parser.add_argument("--workers", type=count, metavar="N", help="threads (default: all cores)")


def add_setting(parser: argparse.ArgumentParser, defaults: bool) -> None:
    """The flags of a setting; the help tells their defaults where they have some."""
    group = parser.add_argument_group("setting")
    for name, default, words in _SETTING:
        group.add_argument(
            f"--{name}",
            type=count if name in ("n", "d") else real,
            default=None,
            metavar="N" if name in ("n", "d") else "X",
            help=f"{words} (default {default})" if defaults else words,
        )


def given(options: argparse.Namespace) -> dict[str, Any]:
    """The setting flags that were given."""
    fields = [name.replace("-", "_") for name, *_ in _SETTING]
    return {field: value for field in fields if (value := getattr(options, field)) is not None}


def setting_of(options: argparse.Namespace) -> Setting:
    """The setting of the flags, by default Figure 1's."""
    from .theory import Setting

    defaults = {
        name.replace("-", "_"): (count if name in ("n", "d") else float)(default)
        for name, default, _ in _SETTING
    }
    return Setting(**{**defaults, **given(options)})


def add_features(parser: argparse.ArgumentParser) -> None:
    """The flags that say what is in a file of features."""
    group = parser.add_argument_group(
        "own features", "Instead of a setting: embeddings with labels, and groups if known."
    )
    group.add_argument(
        "--features",
        type=Path,
        metavar="FILE",
        help=".npz (features, labels, attributes or groups, split), .csv or .parquet: every column "
        "without another role is a feature",
    )
    for role, words in (
        ("label", "column of the label, two classes (default label)"),
        ("attribute", "of the spurious attribute, two values (default attribute, if there)"),
        ("group", "or of the groups: 1 majority, 0 minority (default group, if there)"),
        ("split", "of train and test (default split, if there)"),
    ):
        group.add_argument(f"--{role}", metavar="NAME", help=words)
    group.add_argument("--positive", metavar="CLASS", help="the class to tell from the rest")
    group.add_argument(
        "--holdout", type=real, metavar="X", help="share of the examples to test on, at random"
    )
    group.add_argument(
        "--ignore", action="append", default=[], metavar="NAME", help="a column that is no feature"
    )
    group.add_argument(
        "--no-center", action="store_true", help="do not take the mean off the features"
    )


def read_own(options: argparse.Namespace) -> OwnFeatures | None:
    """What the flags ask for; None without a file.

    Raises
    ------
    SettingError
        Flags of a file without one, or of a setting beside one.
    """
    from .studies.own import read_features
    from .theory import SettingError

    roles = ("label", "attribute", "group", "split", "positive", "holdout")
    asked = {name: value for name in roles if (value := getattr(options, name)) is not None}
    if options.features is None:
        others = {**asked, **({"ignore": options.ignore} if options.ignore else {})}
        if options.no_center:
            others["no-center"] = True
        for name, value in others.items():
            raise SettingError(f"--{name}", value, "given with --features FILE")
        return None
    for name, value in given(options).items():
        raise SettingError(
            f"--{name.replace('_', '-')}",
            value,
            "left out with --features",
            "The setting is estimated from the features.",
        )
    return read_features(options.features, **asked, seed=options.seed, ignore=options.ignore)
