"""Means and groups of a setting's examples, cell after cell: the order in which they are drawn."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..theory import Setting

__all__ = ["groups_of", "means_of"]

Array: TypeAlias = NDArray[np.float64]


def means_of(setting: Setting) -> Array:
    """Means of the folded plane features U, (n, 2).

    Examples
    --------
    >>> means_of(Setting(n=3, d=9, rho=0.67, gamma=2.0, sigma=1.0)).tolist()
    [[1.0, 2.0], [1.0, 2.0], [1.0, -2.0]]
    """
    return np.concatenate([np.tile((c.core, c.spurious), (c.count, 1)) for c in setting.cells])


def groups_of(setting: Setting) -> NDArray[np.int64]:
    """Observed groups, (n,): 1 majority and 0 minority.

    Examples
    --------
    >>> groups_of(Setting(n=4, d=9, rho=0.75, gamma=2.0, sigma=1.0)).tolist()
    [1, 1, 1, 0]
    """
    groups = [np.full(cell.count, cell.group, dtype=np.int64) for cell in setting.cells]
    return np.concatenate(groups)
