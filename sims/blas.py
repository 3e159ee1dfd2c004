"""Products on SciPy's BLAS, which its Cholesky factorisations run on too.

NumPy brings a BLAS of its own, with threads of its own: alternating between the two, each waits for
the other's threads (see `pitfalls.sims.threads`).
"""

from __future__ import annotations

import functools
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas, lapack

from .threads import SOUND, modest_blas, sound_blas

__all__ = ["column_gram", "factor_solve", "mirrored", "row_gram", "symmetric_times", "times"]

Array: TypeAlias = NDArray[np.float64]

_TILE = 64
_PANEL = 4096


def row_gram(rows: Array, onto: Array | None = None) -> Array:
    """A·Aᵀ, or ``onto`` + A·Aᵀ, exactly symmetric: half the products, then their mirror image.

    Parameters
    ----------
    rows : array (n, p)
    onto : array (n, n), optional
        Symmetric.

    Examples
    --------
    >>> row_gram(np.array([[1.0, 2.0], [0.0, 1.0]]), onto=np.eye(2))
    array([[6., 2.],
           [2., 2.]])
    """
    n, p = rows.shape
    if p == 0:
        return np.zeros((n, n)) if onto is None else onto.copy()
    with modest_blas(float(n) ** 2 * p):
        if n > SOUND:
            return mirrored(_upper(rows, onto))
        # BLAS's lower triangle (dsyrk), which is the faster one, is the upper one of rows.
        start = {} if onto is None else {"beta": 1.0, "c": onto.T}
        return mirrored(blas.dsyrk(1.0, rows.T, trans=1, lower=1, **start).T)


def _upper(rows: Array, onto: Array | None) -> Array:
    """The upper triangle of ``onto`` + A·Aᵀ, panel by panel: general products, on all threads."""
    n = len(rows)
    found = np.zeros((n, n)) if onto is None else onto.copy()
    for i in range(0, n, _PANEL):
        for j in range(i, n, _PANEL):
            panel = rows[i : i + _PANEL], rows[j : j + _PANEL]
            found[i : i + _PANEL, j : j + _PANEL] += blas.dgemm(
                1.0, panel[1].T, panel[0].T, trans_a=1
            ).T
    return found


def column_gram(rows: Array, triangular: bool = False) -> Array:
    """Aᵀ·A, exactly symmetric, of an A stored by rows.

    Parameters
    ----------
    rows : array (n, p)
    triangular : bool
        A is a lower triangle: a third of the work.

    Examples
    --------
    >>> column_gram(np.array([[1.0, 2.0], [0.0, 1.0]]))
    array([[1., 2.],
           [2., 5.]])
    """
    n, p = rows.shape
    if 0 in rows.shape:
        return np.zeros((p, p))
    with modest_blas(float(p) ** 2 * n), sound_blas(p):
        if triangular:
            return mirrored(lapack.dlauum(rows.T, lower=0)[0])
        return mirrored(blas.dsyrk(1.0, rows.T, lower=1).T)


def mirrored(upper: Array) -> Array:
    """A symmetric matrix in place of its upper triangle, whatever was below.

    Examples
    --------
    >>> mirrored(np.array([[1.0, 2.0], [0.0, 3.0]]))
    array([[1., 2.],
           [2., 3.]])
    """
    n = len(upper)
    for i in range(0, n, _TILE):
        stop = min(i + _TILE, n)
        upper[i:stop, :i] = upper[:i, i:stop].T
        corner = upper[i:stop, i:stop]
        np.copyto(corner, corner.T.copy(), where=_below(stop - i))
    return upper


@functools.cache
def _below(size: int) -> NDArray[np.bool_]:
    """Where a tile is below its diagonal."""
    return np.tri(size, k=-1, dtype=bool)


def symmetric_times(matrix: Array, vector: Array) -> Array:
    """S·x for a symmetric S (n, n), reading half of it.

    Examples
    --------
    >>> symmetric_times(np.array([[2.0, 1.0], [1.0, 3.0]]), np.ones(2))
    array([3., 4.])
    """
    return np.asarray(blas.dsymv(1.0, matrix.T, vector, lower=1))


def factor_solve(factor: Array, vector: Array) -> Array:
    """(L·Lᵀ)⁻¹·x of a lower triangle L stored by columns.

    Two products' time; LAPACK's solution of many right-hand sides takes three times as long.

    Examples
    --------
    >>> factor_solve(np.array([[1.0, 0.0], [1.0, 2.0]], order="F"), np.array([1.0, 5.0]))
    array([0., 1.])
    """
    if len(factor) == 0:
        return vector.copy()
    half = blas.dtrsv(factor, vector, lower=1)
    return np.asarray(blas.dtrsv(factor, half, lower=1, trans=1, overwrite_x=1))


def times(matrix: Array, vector: Array) -> Array:
    """A·x of an A stored by rows or by columns.

    Examples
    --------
    >>> times(np.array([[2.0, 1.0]]), np.ones(2))
    array([3.])
    """
    if 0 in matrix.shape:
        return np.zeros(len(matrix))
    if matrix.flags.f_contiguous:
        return np.asarray(blas.dgemv(1.0, matrix, vector))
    return np.asarray(blas.dgemv(1.0, matrix.T, vector, trans=1))
