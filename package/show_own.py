"""The tables of `pitfalls train --features`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from .show import say, stdout

if TYPE_CHECKING:
    from .studies.own import OwnRun, OwnTraining, Prepared
    from .theory import GroupAccuracy

__all__ = ["show_examples", "show_fit", "show_own"]


def show_own(training: OwnTraining) -> None:
    """Print what was read and fitted, and a table for each method: counted beside predicted."""
    console = stdout()
    prepared = training.prepared
    show_examples(console, prepared)
    show_fit(console, prepared)
    for run in training.runs:
        _show_run(console, training, run)
    for name, reason in training.left_out.items():
        say(console, f"{name} is left out: {reason}")


def show_examples(console: Console, prepared: Prepared) -> None:
    """Print how many examples there are, of which classes and parts."""
    own = prepared.own
    held = 0 if own.test is None else len(own.test.labels)
    say(
        console,
        f"{own.source}: {len(own.train.labels)} training and {held} test examples, "
        f"{own.train.features.shape[1]} features; −1 is {own.class_names[0]}, "
        f"+1 is {own.class_names[1]}",
    )
    if not own.part_names:
        say(console, "No groups: methods that need them are left out, and nothing is predicted.")
        return
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    grid.add_column("part", overflow="fold")
    for name in ("group", "training", "test"):
        grid.add_column(name, justify="right")
    train, test = own.train, own.test
    for k, name in enumerate(own.part_names):
        inside = None if train.parts is None else train.parts == k
        group = "" if inside is None or train.groups is None else train.groups[inside]
        which = "majority" if len(group) and group[0] == 1 else "minority" if len(group) else ""
        held_out = "" if test is None or test.parts is None else f"{(test.parts == k).sum()}"
        grid.add_row(name, which, "" if inside is None else f"{inside.sum()}", held_out)
    console.print(grid)


def show_fit(console: Console, prepared: Prepared) -> None:
    """Print the setting that the features look like, and where they do not look like the model."""
    fit = prepared.fit
    if fit is None:
        if prepared.own.part_names:
            say(console, f"The model could not be fitted: {prepared.unfit}")
        return
    setting = fit.setting
    say(
        console,
        f"The model that looks like it: ρ = {setting.rho:.3g}, γ = {setting.gamma:.3g}, "
        f"κ = {setting.kappa:.3g}, d/n = {setting.delta:.3g}; noise: core "
        f"{setting.core_noise:.3g}, spurious {setting.spurious_noise:.3g}. "
        f"Time t is {fit.length**2:.3g}·t there.",
    )
    angle = np.degrees(np.arccos(np.clip(fit.tilt, -1, 1)))
    say(
        console,
        f"Where it differs from the model: core and spurious direction are {angle:.0f}° apart "
        f"(90° there), the noise of majority and minority has {fit.spread[0]:.2f} and "
        f"{fit.spread[1]:.2f} of its mean (1 there).",
    )


_COLUMNS = (
    "test worst",
    "test major.",
    "test minor.",
    "predict. major.",
    "predict. minor.",
    "train major.",
    "train minor.",
)


def _show_run(console: Console, training: OwnTraining, run: OwnRun) -> None:
    from .studies.own.agreement import largest

    grid = Table(
        title=run.run.name,
        box=box.SIMPLE_HEAD,
        title_justify="left",
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    grid.add_column("time t" if run.run.strengths is None else "decay λ", justify="right")
    for name in _COLUMNS:
        grid.add_column(name, justify="right", max_width=8)
    places = run.run.times if run.run.strengths is None else run.run.strengths
    train = run.run.train
    for k, place in enumerate(places):
        grid.add_row(
            # Three digits: with more the table is wider than a terminal.
            f"{place:.3g}",
            "" if run.test is None else f"{run.test.worst[k]:.3f}",
            *_groups(None if run.test is None else run.test.groups, k),
            *_groups(run.predicted.accuracy, k),
            *_groups(train, k),
        )
    grid.add_section()
    grid.add_row(
        "t → ∞" if run.run.strengths is None else "λ → 0",
        "" if run.limit is None else f"{run.limit.worst:.3f}",
        *_groups(None if run.limit is None else run.limit.groups),
        *_groups(run.predicted.limit),
    )
    console.print(grid)
    if not run.separable:
        say(console, "These examples cannot be separated: training ends at a finite minimiser.")
    off = largest(training, run)
    if off is not None:
        where = "in the limit" if np.isinf(off.place) else f"at {off.place:.3g}"
        say(
            console,
            f"Furthest from the prediction: {off.group} {where}, {off.counted:.3f} counted, "
            f"{off.predicted:.3f} predicted ({off.z:+.1f} standard deviations of the count).",
        )
    if run.predicted.reason and training.prepared.fit is not None:
        say(console, f"Not predicted: {run.predicted.reason}")


def _groups(accuracy: GroupAccuracy[Any] | None, index: int | None = None) -> list[str]:
    """Majority and minority; empty where unknown."""
    if accuracy is None:
        return ["", ""]
    values = (accuracy.majority, accuracy.minority)
    return [f"{value if index is None else value[index]:.3f}" for value in values]
