"""What the figures show of many draws."""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Band", "mean_and_error"]

Array: TypeAlias = NDArray[np.float64]

_EDGES = (0.05, 0.95)


class Band(NamedTuple):
    """Mean over the draws, and where 90 % of them are.

    Examples
    --------
    >>> Band.of(np.arange(21.0)[:, None]).low.tolist()
    [1.0]
    """

    mean: Array
    low: Array
    high: Array

    @classmethod
    def of(cls, draws: Array) -> Band:
        """From draws (S, …).

        Examples
        --------
        >>> Band.of(np.arange(21.0)[:, None]).mean.tolist()
        [10.0]
        """
        low, high = np.quantile(draws, _EDGES, axis=0)
        return cls(draws.mean(axis=0), low, high)


def mean_and_error(draws: Array) -> tuple[Array, Array]:
    """Mean over draws (S, …) and its standard error; nan for a single draw.

    Examples
    --------
    >>> mean_and_error(np.array([[1.0], [3.0]]))
    (array([2.]), array([1.]))
    """
    count = len(draws)
    spread = draws.std(axis=0, ddof=1) if count > 1 else np.full(draws.shape[1:], np.nan)
    return draws.mean(axis=0), spread / math.sqrt(count)
