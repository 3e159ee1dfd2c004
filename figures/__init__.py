"""One file per figure: data, then drawing."""

from __future__ import annotations

from pathlib import Path

from ..theory import Setting
from . import trajectories
from .style import save, write_atomically

__all__ = ["NAMES", "make", "write_atomically"]

NAMES = ("trajectories",)


def make(
    name: str, folder: Path, *, setting: Setting | None = None, seed: int = 0, latest: float = 1e12
) -> list[Path]:
    """Compute a figure's data, draw it, and write NAME.png, NAME.pdf and NAME.csv.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    folder : Path
    setting : Setting, optional
        The figure's own by default.
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
    data = trajectories.compute(setting or trajectories.default_setting(), seed, latest)
    return save(trajectories.draw(data), data.table(), folder, name)
