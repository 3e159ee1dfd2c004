"""Accuracy on held-out examples of one's own, counted by group and by part."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...theory import GroupAccuracy
from .table import Table

__all__ = ["Counted", "counted"]

Array: TypeAlias = NDArray[np.float64]


class Counted(NamedTuple):
    """Accuracy on test examples, counted.

    Attributes
    ----------
    average : float or array (T,)
        Of all test examples.
    groups : GroupAccuracy or None
        Of majority and minority, where the test examples have groups.
    parts : array (K,) or (T, K)
        Of each part; nan for one without test examples. K = 0 without groups.

    Examples
    --------
    >>> Counted(np.ones(1), None, np.zeros((1, 0))).worst
    array([1.])
    """

    average: Any
    groups: GroupAccuracy[Any] | None
    parts: Array

    @property
    def worst(self) -> Any:
        """Of the part that is least right; the average where there are none.

        Examples
        --------
        >>> Counted(np.ones(1), None, np.array([[0.5, 0.9, np.nan]])).worst
        array([0.5])
        """
        return np.nanmin(self.parts, axis=-1) if self.parts.shape[-1] else self.average


def counted(weights: Array, test: Table, parts: int) -> Counted:
    """Count who is right.

    Parameters
    ----------
    weights : array (p,) or (T, p)
    test : Table
        In the weights' columns.
    parts : int
        How many there are.

    Examples
    --------
    >>> test = Table(np.eye(2), np.array([1.0, -1.0]), np.array([1, 0]), np.array([0, 1]))
    >>> counted(np.array([1.0, 2.0]), test, 2).parts
    array([1., 0.])
    """
    right = test.labels * (weights @ test.features.T) > 0
    inside = np.zeros((len(test.labels), 0))
    if test.parts is not None:
        inside = (test.parts[:, None] == np.arange(parts)).astype(float)
    sizes = inside.sum(axis=0)
    return Counted(
        right.mean(axis=-1),
        None if test.groups is None else GroupAccuracy.counted(right, test.groups),
        np.divide(
            right @ inside,
            sizes,
            out=np.full((*right.shape[:-1], len(sizes)), np.nan),
            where=sizes > 0,
        ),
    )
