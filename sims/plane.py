"""The plane of core and spurious direction in features of one's own."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..theory import MAJORITY, MINORITY

__all__ = ["plane_of_means", "turned"]

Array: TypeAlias = NDArray[np.float64]

_TINY = 1e-12
_A_BLOCK = 1024


def plane_of_means(features: Array, labels: Array, groups: NDArray[np.int64] | None) -> Array:
    """Orthonormal core and spurious axes from the groups' means of the folded features y·x.

    In the model those means are c + s in the majority and c − s in the minority. The core axis is
    along c, the spurious one along what is left of s.

    Parameters
    ----------
    features : array (n, p)
        p ≥ 2.
    labels : array (n,)
        −1 or +1.
    groups : integer array (n,) or None
        1 majority and 0 minority. Without both of them the core axis is along the mean of all, and
        the other one any that is orthogonal to it.

    Returns
    -------
    array (2, p)

    Examples
    --------
    >>> plane_of_means(np.array([[1.0, 5.0], [1.0, -5.0]]), np.ones(2), np.array([1, 0]))
    array([[1., 0.],
           [0., 1.]])
    """
    signs = {g: labels * (1 if groups is None else groups == g) for g in (MAJORITY, MINORITY)}
    majority, minority = (
        weights @ features / max(float(np.abs(weights).sum()), 1.0) for weights in signs.values()
    )
    core = _unit(majority + minority, np.eye(1, len(majority))[0])
    difference = (majority - minority) / 2
    rest = difference - core * (core @ difference)
    if not np.linalg.norm(rest) > _TINY * np.linalg.norm(difference):
        any_other = np.eye(1, len(core), int(np.abs(core).argmin()))[0]
        rest = any_other - core * (core @ any_other)
    rest = _unit(rest, rest)
    return np.stack((core, _unit(rest - core * (core @ rest), rest)))


def _unit(vector: Array, otherwise: Array) -> Array:
    length = float(np.linalg.norm(vector))
    return vector / length if length > 0 else otherwise


def turned(features: Array, axes: Array, *, overwrite: bool = False) -> Array:
    """The features in an orthonormal basis whose first two vectors are given.

    Lengths and inner products stay, so that training is the same: x·Q with Q of two Householder
    reflections, in O(np).

    Parameters
    ----------
    features : array (n, p)
    axes : array (2, p)
        Orthonormal.
    overwrite : bool
        Turn ``features`` in place: there may be little room for a copy.

    Returns
    -------
    array (n, p)
        Columns 0 and 1 are the coordinates along ``axes``.

    Examples
    --------
    >>> x = np.array([[3.0, 4.0, 1.0]])
    >>> turned(x, np.array([[0.0, 0.0, 1.0], [0.6, 0.8, 0.0]])).round(9) + 0.0
    array([[1., 5., 0.]])
    """
    found = features if overwrite else features.copy()
    axes = axes.copy()
    for k in (0, 1):
        # Onto the side of its axis that is further away: no digits cancel.
        mirror = axes[k].copy()
        sign = 1.0 if mirror[k] >= 0 else -1.0
        mirror[k] += sign
        mirror /= np.linalg.norm(mirror)
        for start in range(0, len(found), _A_BLOCK):
            _reflect(found[start : start + _A_BLOCK], mirror)
        _reflect(axes, mirror)
        found[:, k] *= -sign
        axes[:, k] *= -sign
    return found


def _reflect(rows: Array, mirror: Array) -> None:
    rows -= 2 * np.outer(rows @ mirror, mirror)
