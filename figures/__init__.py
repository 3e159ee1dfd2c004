"""One file per figure: data, then drawing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..studies.arguments import Progress, silent
from ..theory import SettingError
from . import (
    accuracy_vs_aspect,
    comparison,
    convergence,
    crossing_time,
    decoding,
    delay,
    dynamics,
    early_stopping,
    influence_matrix,
    interpretable,
    label_noise,
    phase_diagram,
    self_influence,
    three_memorizations,
    train_and_test,
    trajectories,
)
from .style import save

__all__ = ["NAMES", "OF_MANY_DRAWS", "make"]

_FIGURES = {
    "accuracy-vs-aspect": accuracy_vs_aspect,
    "comparison": comparison,
    "convergence": convergence,
    "crossing-time": crossing_time,
    "decoding": decoding,
    "delay": delay,
    "dynamics": dynamics,
    "early-stopping": early_stopping,
    "influence-matrix": influence_matrix,
    "interpretable": interpretable,
    "label-noise": label_noise,
    "phase-diagram": phase_diagram,
    "self-influence": self_influence,
    "three-memorizations": three_memorizations,
    "train-and-test": train_and_test,
    "trajectories": trajectories,
}
NAMES = tuple(_FIGURES)
_OF_ONE_DRAW = {"crossing-time", "delay", "influence-matrix", "self-influence", "trajectories"}
_OF_NO_DRAW = {"comparison"}
OF_MANY_DRAWS = frozenset(_FIGURES) - _OF_ONE_DRAW - _OF_NO_DRAW
"""Those whose number of draws can be chosen."""


def make(
    name: str,
    folder: Path,
    changes: Mapping[str, Any] | None = None,
    *,
    seed: int = 0,
    latest: float = 1e12,
    replicates: int | None = None,
    progress: Progress = silent,
) -> list[Path]:
    """Compute a figure's data, draw it, and write NAME.png, NAME.pdf and NAME.csv.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    folder : Path
    changes : mapping, optional
        Fields of the figure's own setting to replace.
    seed : int
    latest : float
        Last time t = learning rate × steps.
    replicates : int, optional
        Draws, for figures of many.
    progress : callable
        Called with (done, total, label).

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    SettingError
        There is no such figure, or it is of one draw or none where replicates are given.

    Examples
    --------
    >>> NAMES[:4]
    ('accuracy-vs-aspect', 'comparison', 'convergence', 'crossing-time')
    """
    if name not in _FIGURES:
        raise SettingError("name", name, f"one of {', '.join(NAMES)}")
    options: dict[str, Any] = {}
    if name not in _OF_ONE_DRAW:
        options["progress"] = progress
    if replicates is not None:
        if name not in OF_MANY_DRAWS:
            shown = "one draw" if name in _OF_ONE_DRAW else "predictions"
            raise SettingError("replicates", replicates, f"left out: {name} shows {shown}")
        options["replicates"] = replicates
    figure = _FIGURES[name]
    setting = replace(figure.default_setting(), **(changes or {}))
    data = figure.compute(setting, seed, latest, **options)
    return save(figure.draw(data), data.table(), folder, name)
