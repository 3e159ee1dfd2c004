"""Numba kernels. Kernels and their jitted helpers stay in this one file: the disk cache of a caller
does not notice an edit to a helper in another.

Partitions depend on n alone, never on the number of threads, so neither do the results.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

__all__ = ["descend", "descend_threads", "partition", "symmetric_product"]

_FAST = {"reassoc", "contract", "arcp", "nsz"}
_COLUMNS = 512


@njit(fastmath=_FAST, cache=True, nogil=True)
def _four_rows(
    h0: Any, h1: Any, h2: Any, h3: Any, x: Any, y: Any, x0: float, x1: float, x2: float, x3: float
) -> tuple[float, float, float, float]:
    """Four rows of a block at once: returns hᵣ·x of each, and y += Σ hᵣ·xᵣ."""
    s0 = s1 = s2 = s3 = 0.0
    for j in range(len(h0)):
        a0, a1, a2, a3, xj = h0[j], h1[j], h2[j], h3[j], x[j]
        s0 += a0 * xj
        s1 += a1 * xj
        s2 += a2 * xj
        s3 += a3 * xj
        y[j] += a0 * x0 + a1 * x1 + a2 * x2 + a3 * x3
    return s0, s1, s2, s3


@njit(fastmath=_FAST, cache=True, nogil=True)
def _triangle_rows(h: Any, x: Any, y: Any, start: int, stop: int) -> None:
    """y += the lower triangle's rows [start, stop) and their mirror image, times x.

    x, y : (k, n), one row for each objective; every block of h is read once for all of them.
    """
    k = x.shape[0]
    row = start
    while row + 4 <= stop:
        for first in range(0, row, _COLUMNS):
            last = min(first + _COLUMNS, row)
            # Slices, not offsets: a loop from 0 to len() is what the compiler vectorises.
            h0, h1 = h[row, first:last], h[row + 1, first:last]
            h2, h3 = h[row + 2, first:last], h[row + 3, first:last]
            for o in range(k):
                s0, s1, s2, s3 = _four_rows(
                    h0,
                    h1,
                    h2,
                    h3,
                    x[o, first:last],
                    y[o, first:last],
                    x[o, row],
                    x[o, row + 1],
                    x[o, row + 2],
                    x[o, row + 3],
                )
                y[o, row] += s0
                y[o, row + 1] += s1
                y[o, row + 2] += s2
                y[o, row + 3] += s3
        _corner(h, x, y, row, row, row + 4)
        row += 4
    _corner(h, x, y, 0, row, stop)


@njit(fastmath=_FAST, cache=True, nogil=True)
def _corner(h: Any, x: Any, y: Any, first: int, start: int, stop: int) -> None:
    """The same, plainly, for rows [start, stop) and their columns from ``first`` on."""
    for o in range(x.shape[0]):
        for i in range(start, stop):
            y[o, i] += h[i, i] * x[o, i]
            for j in range(first, i):
                y[o, i] += h[i, j] * x[o, j]
                y[o, j] += h[i, j] * x[o, i]


@njit(fastmath=_FAST, cache=True, nogil=True)
def _half_product(h: Any, x: Any, bounds: Any, partial: Any) -> None:
    """partial[p] = what part p of the lower triangle adds to h·x, one part after the other."""
    for part in range(len(bounds) - 1):
        partial[part] = 0.0
        _triangle_rows(h, x, partial[part], bounds[part], bounds[part + 1])


@njit(parallel=True, fastmath=_FAST, cache=True, nogil=True)
def _half_product_threads(h: Any, x: Any, bounds: Any, partial: Any) -> None:
    """The same on all threads, to the same bytes."""
    for part in prange(len(bounds) - 1):
        partial[part] = 0.0
        _triangle_rows(h, x, partial[part], bounds[part], bounds[part + 1])


def partition(n: int) -> NDArray[np.int64]:
    """Row bounds that cut a triangle of n rows into parts of about equal area, at most 16.

    Examples
    --------
    >>> partition(256).tolist()
    [0, 128, 180, 220, 256]
    """
    parts = max(1, min(16, n // 64))
    bounds = np.round(n * np.sqrt(np.arange(parts + 1) / parts) / 4).astype(np.int64) * 4
    bounds[-1] = n
    return bounds


@njit(fastmath=_FAST, cache=True, nogil=True)
def symmetric_product(h: Any, x: Any) -> Any:
    """x·h for a symmetric h (n, n), reading its lower triangle once for all rows of x (k, n).

    Examples
    --------
    >>> symmetric_product(np.array([[2.0, 0.0], [1.0, 3.0]]), np.ones((1, 2)))
    array([[3., 4.]])
    """
    y = np.zeros_like(x)
    _triangle_rows(h, x, y, 0, x.shape[1])
    return y


# Without fastmath: the same bytes wherever it is inlined.
@njit(cache=True, nogil=True)
def _advance(
    plane: Any,
    groups: Any,
    weight: Any,
    shift: Any,
    scale: Any,
    start_margins: Any,
    start_plane: Any,
    start_overlap: Any,
    start_square: float,
    rate: float,
    partial: Any,
    dual: Any,
    out: Any,
    dual_out: Any,
    margins_out: Any,
    record: int,
) -> None:
    """One step from the parts of Hα: record it as row ``record`` unless −1, then update α."""
    k, n = weight.shape
    product = np.zeros(n)
    margins = np.zeros(n)
    for o in range(k):
        core, spurious = 0.0, 0.0
        for i in range(n):
            core += dual[o, i] * plane[i, 0]
            spurious += dual[o, i] * plane[i, 1]
        for i in range(n):
            total = 0.0
            for part in range(len(partial)):
                total += partial[part, o, i]
            product[i] = total
            along = plane[i, 0] * core + plane[i, 1] * spurious
            margins[i] = start_margins[i] + along + total
        if record >= 0:
            square = start_square
            loss = 0.0
            right = np.zeros(2)
            members = np.zeros(2)
            for i in range(n):
                square += dual[o, i] * (product[i] + 2 * start_overlap[i])
                logit = -scale[o, i] * margins[i] - shift[o, i]
                loss += weight[o, i] * (max(logit, 0.0) + np.log1p(np.exp(-abs(logit))))
                members[groups[i]] += 1
                if margins[i] > 0:
                    right[groups[i]] += 1
            out[record, o, 0] = start_plane[0] + core
            out[record, o, 1] = start_plane[1] + spurious
            out[record, o, 2] = np.sqrt(max(square, 0.0))
            out[record, o, 3] = loss / n
            for g in range(2):
                out[record, o, 5 - g] = right[g] / members[g] if members[g] > 0 else 1.0
            if len(dual_out) > 0:
                dual_out[record, o] = dual[o]
                margins_out[record, o] = margins
        for i in range(n):
            logit = scale[o, i] * margins[i] + shift[o, i]
            push = np.exp(-abs(logit))
            sigmoid = (push if logit > 0 else 1.0) / (1.0 + push)
            dual[o, i] += rate * weight[o, i] * scale[o, i] / n * sigmoid


@njit(cache=True, nogil=True)
def descend(
    h: Any,
    plane: Any,
    groups: Any,
    weight: Any,
    shift: Any,
    scale: Any,
    start_margins: Any,
    start_plane: Any,
    start_overlap: Any,
    start_square: float,
    rate: float,
    steps: Any,
    out: Any,
    dual_out: Any,
    margins_out: Any,
    bounds: Any,
) -> None:
    """Full-batch descent in dual form for k objectives at once.

    α ← α + rate·(qΔ/n)·sigmoid(−Δm − s), m = Z·w(0) + U Uᵀα + Hα, one pass over half of H a step.

    Parameters
    ----------
    h : (n, n) H = E Eᵀ, lower triangle read; plane : (n, 2) U; groups : (n,)
    weight, shift, scale : (k, n)
    start_* : w(0) as `Start` gives it
    steps : (R,) increasing step numbers to record
    out : (R, k, 6) core, spurious, memory, loss, train accuracy of majority, of minority
    dual_out, margins_out : (R, k, n), or (0, k, n) to keep none
    bounds : (P + 1,) row partition

    Examples
    --------
    `pitfalls.sims.gradient_descent` is its only caller, and shows what it does.

    >>> descend.py_func.__name__
    'descend'
    """
    k, n = weight.shape
    dual = np.zeros((k, n))
    partial = np.zeros((len(bounds) - 1, k, n))
    record = 0
    for step in range(steps[-1] + 1):
        _half_product(h, dual, bounds, partial)
        here = record if step == steps[record] else -1
        _advance(
            plane,
            groups,
            weight,
            shift,
            scale,
            start_margins,
            start_plane,
            start_overlap,
            start_square,
            rate,
            partial,
            dual,
            out,
            dual_out,
            margins_out,
            here,
        )
        if here >= 0:
            record += 1


def descend_threads(
    h: Any, *problem: Any, steps: Any, outputs: tuple[Any, Any, Any], bounds: Any
) -> None:
    """`descend` on all threads, to the same bytes; ``problem`` is its arguments plane … rate.

    The loop is Python's: a cached kernel that calls a parallel one crashes the next process.

    Examples
    --------
    `pitfalls.sims.gradient_descent` is its only caller, and shows what it does.

    >>> descend_threads.__name__
    'descend_threads'
    """
    advance: Any = _advance
    dual = np.zeros_like(problem[2])
    partial = np.zeros((len(bounds) - 1, *dual.shape))
    record = 0
    for step in range(int(steps[-1]) + 1):
        _half_product_threads(h, dual, bounds, partial)
        here = record if step == steps[record] else -1
        advance(*problem, partial, dual, *outputs, here)
        if here >= 0:
            record += 1
