"""One file per figure: data, then drawing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import trajectories
from .style import save

__all__ = ["NAMES", "make"]

NAMES = ("trajectories",)


def make(
    name: str,
    folder: Path,
    changes: Mapping[str, Any] | None = None,
    *,
    seed: int = 0,
    latest: float = 1e12,
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

    Returns
    -------
    list of Path
        The files written.

    Examples
    --------
    >>> NAMES
    ('trajectories',)
    """
    setting = replace(trajectories.default_setting(), **(changes or {}))
    data = trajectories.compute(setting, seed, latest)
    return save(trajectories.draw(data), data.table(), folder, name)
