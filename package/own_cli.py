"""The flags of own features, and `pitfalls train --features`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .studies.own import OwnFeatures, OwnTraining

__all__ = ["add_features", "read_own", "write_weights"]


def add_features(parser: argparse.ArgumentParser, real: Callable[[str], float]) -> None:
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


def read_own(options: argparse.Namespace, given: dict[str, Any]) -> OwnFeatures | None:
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
        if "subsampling" in (options.objective or ()):
            others["objective"] = "subsampling"
        for name, value in others.items():
            raise SettingError(f"--{name}", value, "given with --features FILE")
        return None
    for name, value in given.items():
        raise SettingError(
            f"--{name.replace('_', '-')}",
            value,
            "left out with --features",
            "The setting is estimated from the features.",
        )
    return read_features(options.features, **asked, seed=options.seed, ignore=options.ignore)


def write_weights(path: Path, training: OwnTraining) -> None:
    """Each method's last weights (p,) by its name, and the mean that comes off the features."""
    import io

    import numpy as np

    from .studies import write_atomically

    arrays: dict[str, Any] = {run.method: training.weights(run) for run in training.runs}
    content = io.BytesIO()
    np.savez(content, mean=training.prepared.mean, **arrays)
    write_atomically(path, content.getvalue())
