"""The command `pitfalls train`: of a setting's draw, or on own features."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .exit_status import DONE
from .flags import METHODS, SEED, add_features, add_setting, count, read_own, real, setting_of
from .writing import check_writable, write_json

if TYPE_CHECKING:
    from .studies.own import OwnFeatures, OwnTraining

__all__ = ["add_train"]


def add_train(commands: Any) -> None:
    """Add the parser."""
    train = commands.add_parser(
        "train",
        help="one run: group accuracies over time",
        description="Train on one draw of a setting and show group accuracies over time, with the "
        "limits t → ∞. Gradient flow, or gradient descent where --learning-rate and --steps are "
        "given. Test accuracies are closed-form. With --features: on features of your own, test "
        "accuracies counted, beside what the model fitted to them predicts.",
    )
    add_setting(train, defaults=True)
    add_features(train)
    train.add_argument(
        "--objective",
        action="append",
        choices=METHODS,
        help="may be given more than once (default: as far as they exist, of a setting all but "
        "mat and subsampling, of own features all)",
    )
    train.add_argument(
        "--time",
        type=real,
        metavar="T",
        help="flow until t = rate × steps (default 1e6; of own features as long as that is in the "
        "fitted model)",
    )
    train.add_argument(
        "--learning-rate",
        type=real,
        metavar="X",
        help="of the binary model; a two-logit softmax at rate η is this at 2η",
    )
    train.add_argument("--steps", type=count, metavar="N", help="steps of gradient descent")
    train.add_argument(
        "--ridge", action="store_true", help="own features: weight decay λ instead of time"
    )
    train.add_argument("--seed", type=count, default=0, metavar="N", help=SEED)
    train.add_argument("--json", type=Path, metavar="FILE", help="write the run as JSON")
    train.add_argument(
        "--weights",
        type=Path,
        metavar="FILE.npz",
        help="own features: write each method's last weights, and the mean to take off first",
    )
    train.set_defaults(run=_train)


def _train(options: argparse.Namespace) -> int:
    from . import studies
    from .show import show_training
    from .theory import SettingError

    check_writable(options.json)
    own = read_own(options)
    if own is not None:
        return _train_own(options, own)
    only = {"ridge": options.ridge, "weights": options.weights}
    if "subsampling" in (options.objective or ()):
        only["objective"] = "subsampling"
    for name, value in only.items():
        if value:
            raise SettingError(f"--{name}", value, "given with --features FILE")
    training = studies.train(
        setting_of(options),
        options.objective,
        latest=options.time,
        learning_rate=options.learning_rate,
        steps=options.steps,
        seed=options.seed,
    )
    show_training(training)
    write_json(options.json, training.as_json())
    return DONE


def _train_own(options: argparse.Namespace, own: OwnFeatures) -> int:
    from .show import progress
    from .show_own import show_own
    from .studies.own import train_own

    check_writable(options.weights)
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
    write_json(options.json, training.as_json())
    if options.weights is not None:
        _write_weights(options.weights, training)
    return DONE


def _write_weights(path: Path, training: OwnTraining) -> None:
    """Each method's last weights (p,) by its name, and the mean that comes off the features."""
    import io

    import numpy as np

    from .studies import write_atomically

    arrays: dict[str, Any] = {run.method: training.weights(run) for run in training.runs}
    content = io.BytesIO()
    np.savez(content, mean=training.prepared.mean, **arrays)
    write_atomically(path, content.getvalue())
