"""One file per figure: data, then drawing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure

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
from .style import Table, rendered, save

__all__ = ["NAMES", "OF_MANY_DRAWS", "Words", "make", "png", "words"]

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
    figure, table = _drawn(name, changes, seed, latest, replicates, None, progress)
    return save(figure, table, folder, name)


def png(
    name: str,
    *,
    seed: int = 0,
    latest: float = 1e12,
    replicates: int | None = None,
    workers: int | None = None,
    dpi: int = 300,
    progress: Progress = silent,
) -> bytes:
    """The picture that `make` writes, without files.

    Parameters
    ----------
    name, seed, latest, replicates, progress
        As for `make`.
    workers : int, optional
        Threads, for figures of many draws; all cores by default.
    dpi : int
        Dots per inch.

    Returns
    -------
    bytes
        The same for the same arguments, whatever ``workers`` is.

    Examples
    --------
    >>> png("trajectories", latest=1e6, dpi=40)[1:4]  # doctest: +SKIP
    b'PNG'
    """
    figure, _ = _drawn(name, None, seed, latest, replicates, workers, progress)
    return rendered(figure, "png", dpi)


class Words(NamedTuple):
    """What a figure says of itself.

    Attributes
    ----------
    title, setting : str
        A sentence each: what it shows, and in which setting.
    alt : str
        The picture in words.

    Examples
    --------
    >>> words("trajectories").setting
    'ρ = 0.9, γ = 5, d/n = 200 and κ = 1.5κ*: the minority is lost in the limit, slowly.'
    """

    title: str
    setting: str
    alt: str


def words(name: str) -> Words:
    """Title, setting and description of a figure, as its module has them.

    Raises
    ------
    SettingError
        There is no such figure.

    Examples
    --------
    >>> words("phase-diagram").title[:36]
    'Where memorisation loses the minorit'
    """
    _check(name)
    figure = _FIGURES[name]
    return Words(_first(figure.__doc__), _first(figure.default_setting.__doc__), figure.ALT_TEXT)


def _first(documentation: str | None) -> str:
    """The first paragraph as one line; nothing where Python was told to drop documentation."""
    return " ".join((documentation or "").strip().split("\n\n")[0].split())


def _check(name: str) -> None:
    if name not in _FIGURES:
        raise SettingError("name", name, f"one of {', '.join(NAMES)}")


def _drawn(
    name: str,
    changes: Mapping[str, Any] | None,
    seed: int,
    latest: float,
    replicates: int | None,
    workers: int | None,
    progress: Progress,
) -> tuple[Figure, Table]:
    """A figure, and what it shows."""
    _check(name)
    options: dict[str, Any] = {}
    if name not in _OF_ONE_DRAW:
        options["progress"] = progress
    if replicates is not None:
        if name not in OF_MANY_DRAWS:
            shown = "one draw" if name in _OF_ONE_DRAW else "predictions"
            raise SettingError("replicates", replicates, f"left out: {name} shows {shown}")
        options["replicates"] = replicates
    if name in OF_MANY_DRAWS:
        options["workers"] = workers
    figure = _FIGURES[name]
    setting = replace(figure.default_setting(), **(changes or {}))
    data = figure.compute(setting, seed, latest, **options)
    return figure.draw(data), data.table()
