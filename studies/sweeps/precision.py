"""When a cell has been measured precisely enough."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .document import Sweep

__all__ = ["LEAST", "enough"]

Array: TypeAlias = NDArray[np.float64]

LEAST = 16
"""Replicates below which a standard error is not trusted to stop anything."""


def enough(sweep: Sweep, values: Array) -> int | None:
    """The shortest prefix of a cell's replicates that meets the sweep's precision.

    A function of the replicates alone: how many more were computed meanwhile does not matter.

    Parameters
    ----------
    sweep : Sweep
    values : array (replicates, columns)
        From the first replicate on, without a gap.

    Returns
    -------
    int or None
        None where the sweep names no precision, or it is not met yet.

    Examples
    --------
    >>> from .reader import parse
    >>> sweep = parse('''
    ... replicates = 1000
    ... objectives = ["erm"]
    ... quantities = ["support"]
    ... precision = { support = 0.1 }
    ... setting = { n = 20, d = 400, rho = 0.9, gamma = 2, sigma = 1 }
    ... ''')
    >>> alternating = np.arange(1000.0)[:, None] % 2     # (k/4)/(k − 1) of the square is 0.01
    >>> enough(sweep, alternating), enough(sweep, alternating[:20])
    (26, None)
    """
    targets = np.array([sweep.precision.get(column.quantity, np.inf) for column in sweep.columns])
    judged = values[:, np.isfinite(targets)]
    if not judged.size or len(judged) < LEAST:
        return None
    finite = np.isfinite(judged)
    count = np.cumsum(finite, axis=0)
    # Around the first value, so that the squares of large numbers do not cancel.
    first = np.argmax(finite, axis=0)
    around = np.where(finite, judged - judged[first, np.arange(judged.shape[1])], 0.0)
    total, squares = np.cumsum(around, axis=0), np.cumsum(around**2, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.maximum(squares - total**2 / count, 0.0) / (count - 1)
        met = (count >= LEAST) & (np.sqrt(variance / count) <= targets[np.isfinite(targets)])
    prefixes = np.flatnonzero(met.all(axis=1))
    return int(prefixes[0]) + 1 if len(prefixes) else None
