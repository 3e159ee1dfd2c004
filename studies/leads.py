"""Curves over time: which one is highest when."""

from __future__ import annotations

from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Stretch", "leads"]

Array: TypeAlias = NDArray[np.float64]
Stretch: TypeAlias = tuple[float, float]


def leads(times: Array, values: Array) -> list[list[Stretch]]:
    """When each of several curves is the highest; together these are all of the time.

    At a recorded time the highest leads, of equal ones the first. Between two of them the lead
    changes where the two curves cross, as lines in log t.

    Parameters
    ----------
    times : array (T,)
        Increasing, > 0.
    values : array (M, T)

    Returns
    -------
    list of list of (float, float)
        First and last times, of each curve.

    Examples
    --------
    >>> found = leads(np.array([1.0, 100.0]), np.array([[0.75, 0.25], [0.5, 0.5]]))
    >>> [[(round(first, 6), round(last, 6)) for first, last in each] for each in found]
    [[(1.0, 10.0)], [(10.0, 100.0)]]
    """
    first = values.argmax(axis=0)
    changes = np.flatnonzero(np.diff(first)) + 1
    edges = [float(times[0])]
    for k in changes:
        gap = values[first[k - 1], k - 1 : k + 1] - values[first[k], k - 1 : k + 1]
        # Not 0 / 0: of two that are equal at both times the same one leads at both.
        share = float(gap[0] / (gap[0] - gap[1]))
        edges.append(float(times[k - 1] * (times[k] / times[k - 1]) ** share))
    edges.append(float(times[-1]))
    found: list[list[Stretch]] = [[] for _ in values]
    for start, stretch in zip((0, *changes), pairwise(edges), strict=True):
        found[first[start]].append(stretch)
    return found
