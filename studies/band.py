"""A mean over draws, with a band around it."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Band"]

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
