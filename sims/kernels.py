"""Numba kernels. Kernels and their jitted helpers stay in this one file: the disk cache of a caller
does not notice an edit to a helper in another.

A symmetric matrix is kept as its lower triangle in blocks of 128 × 128, packed one after the other
(`pack`). The triangle is cut into parts whose bounds depend on n alone; threads share the parts of
each product, and whoever is free takes what nobody has begun. Each part adds into an array of its
own, and these are summed in order: so the bytes do not depend on the number of threads, and a
thread that loses its core delays the others by no more than the part it holds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np import arrayobj
from numpy.typing import NDArray

__all__ = ["BLOCK", "FLAGS", "advance", "descend", "layout", "pack", "product", "push", "serve"]

BLOCK = 128
# Where the flags of a job's parts begin: a cache line each, after the job's number and its count.
FLAGS = 16
_LINE = 8
_SPINS = 2000
_FAST = {"reassoc", "contract", "arcp", "nsz"}
_yield: Any = types.ExternalFunction("sched_yield", types.int32())
# Untyped in numba.
_intrinsic: Callable[[Callable[..., Any]], Any] = intrinsic
_make_array: Any = arrayobj.make_array
_gep: Any = cgutils.gep


def _element(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """The address of an int64 array's element; the first two arguments are array and index."""
    array = _make_array(sig.args[0])(context, builder, args[0])
    return _gep(builder, array.data, args[1])


@_intrinsic
def _load(typingctx: Any, array: Any, index: Any) -> Any:
    """array[index], and whatever was written before it was stored."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load_atomic(_element(context, builder, sig, args), "acquire", 8)

    return types.int64(array, types.int64), codegen


@_intrinsic
def _store(typingctx: Any, array: Any, index: Any, value: Any) -> Any:
    """array[index] = value, once all that was written before is there."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.store_atomic(args[2], _element(context, builder, sig, args), "release", 8)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64), codegen


@_intrinsic
def _replace(typingctx: Any, array: Any, index: Any, old: Any, new: Any) -> Any:
    """Whether array[index] was ``old`` and is now ``new``, in one."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        address = _element(context, builder, sig, args)
        result = builder.cmpxchg(address, args[2], args[3], "acq_rel", "acquire")
        return builder.extract_value(result, 1)

    return types.boolean(array, types.int64, types.int64, types.int64), codegen


@_intrinsic
def _count_one(typingctx: Any, array: Any, index: Any) -> Any:
    """array[index] += 1, by any number of threads."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        address = _element(context, builder, sig, args)
        return builder.atomic_rmw("add", address, ir.Constant(ir.IntType(64), 1), "acq_rel")

    return types.int64(array, types.int64), codegen


@_intrinsic
def _bits(typingctx: Any, value: Any) -> Any:
    """The 64 bits of a float as an integer."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), codegen


@_intrinsic
def _float(typingctx: Any, bits: Any) -> Any:
    """The float of 64 bits."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), codegen


def layout(n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the blocks of a triangle of n rows lie, and the bounds of its parts.

    Returns
    -------
    where : (blocks, 2) row and column of each block, in blocks
    bounds : (parts + 1,) parts of equal numbers of blocks, about 1 MB each and at most 16

    Examples
    --------
    >>> where, bounds = layout(300)
    >>> where.tolist(), bounds.tolist()
    ([[0, 0], [1, 0], [1, 1], [2, 0], [2, 1], [2, 2]], [0, 6])
    """
    side = -(-n // BLOCK)
    where = np.stack(np.tril_indices(side), axis=1)
    parts = max(1, min(16, len(where) // 8))
    bounds = np.round(np.linspace(0, len(where), parts + 1)).astype(np.int64)
    return where.astype(np.int64), bounds


@njit(cache=True, nogil=True)
def pack(matrix: Any, where: Any, blocks: Any) -> None:
    """Fill the blocks (of `layout`) of a symmetric matrix, the diagonal halved.

    A diagonal block has zeros above its diagonal: block and mirror image together make the matrix.

    Examples
    --------
    >>> blocks = np.ones((1, BLOCK, BLOCK))
    >>> pack(np.array([[2.0, 9.0], [3.0, 4.0]]), layout(2)[0], blocks)
    >>> blocks[0, :2, :2].tolist(), float(blocks.sum())
    ([[1.0, 0.0], [3.0, 2.0]], 6.0)
    """
    n = len(matrix)
    for k in range(len(blocks)):
        first, left = BLOCK * where[k, 0], BLOCK * where[k, 1]
        block = blocks[k]
        for r in range(BLOCK):
            row = first + r
            stop = 0 if row >= n else min(BLOCK, row - left + 1)
            for j in range(stop):
                block[r, j] = matrix[row, left + j]
            for j in range(stop, BLOCK):
                block[r, j] = 0
            if stop > 0 and row - left < BLOCK:
                block[r, row - left] /= 2


@njit(fastmath=_FAST, error_model="numpy", cache=True, nogil=True)
def _multiply(block: Any, x: Any, y: Any, top: int, left: int) -> None:
    """What a block adds to y = x·H, and its mirror image, for each row of x (k, padded n).

    Eight rows of the block at a time, read once for all k; all in one precision. Loops of constant
    length are what the compiler vectorises.
    """
    zero = block.dtype.type(0)
    for r in range(0, len(block), 8):
        h0, h1, h2, h3 = block[r], block[r + 1], block[r + 2], block[r + 3]
        h4, h5, h6, h7 = block[r + 4], block[r + 5], block[r + 6], block[r + 7]
        row = top + r
        for o in range(len(x)):
            x0, x1, x2, x3 = x[o, row], x[o, row + 1], x[o, row + 2], x[o, row + 3]
            x4, x5, x6, x7 = x[o, row + 4], x[o, row + 5], x[o, row + 6], x[o, row + 7]
            s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = zero
            x_left, y_left = x[o, left : left + BLOCK], y[o, left : left + BLOCK]
            for j in range(BLOCK):
                a0, a1, a2, a3 = h0[j], h1[j], h2[j], h3[j]
                a4, a5, a6, a7 = h4[j], h5[j], h6[j], h7[j]
                xj = x_left[j]
                s0 += a0 * xj
                s1 += a1 * xj
                s2 += a2 * xj
                s3 += a3 * xj
                s4 += a4 * xj
                s5 += a5 * xj
                s6 += a6 * xj
                s7 += a7 * xj
                upper = (a0 * x0 + a1 * x1) + (a2 * x2 + a3 * x3)
                lower = (a4 * x4 + a5 * x5) + (a6 * x6 + a7 * x7)
                y_left[j] += upper + lower
            y[o, row] += s0
            y[o, row + 1] += s1
            y[o, row + 2] += s2
            y[o, row + 3] += s3
            y[o, row + 4] += s4
            y[o, row + 5] += s5
            y[o, row + 6] += s6
            y[o, row + 7] += s7


@njit(cache=True, nogil=True)
def _part(n: int, blocks: Any, where: Any, x: Any, y: Any, first: int, last: int) -> None:
    """y = what the blocks [first, last) add to the product, for each row of x (k, padded n)."""
    y[:, : (where[last - 1, 0] + 1) * BLOCK] = 0
    for b in range(first, last):
        top, left = where[b, 0] * BLOCK, where[b, 1] * BLOCK
        # The last rows of blocks are mostly padding.
        rows = min(BLOCK, (n - top + 7) // 8 * 8)
        _multiply(blocks[b, :rows], x, y, top, left)


@njit(cache=True, nogil=True)
def _share(job: Any, number: int, thread: int, threads: int) -> None:
    """Do parts of product ``number`` until none is left: one's own, then those nobody has begun."""
    sync, n, blocks, where, bounds, x, partial = job
    parts = len(bounds) - 1
    first = thread * parts // threads
    own = (thread + 1) * parts // threads - first
    for turn in range(parts):
        part = (first + turn) % parts
        # To and fro: what was read last is what is still in the cache.
        if turn < own and number % 2:
            part = first + own - 1 - turn
        if _replace(sync, FLAGS + _LINE * part, number - 1, number):
            _part(n, blocks, where, x, partial[part], bounds[part], bounds[part + 1])
            _count_one(sync, _LINE)


@njit(cache=True, nogil=True)
def serve(job: Any, thread: int, threads: int) -> None:
    """Help with every product of a job until its number is negative: the body of a thread.

    Examples
    --------
    `pitfalls.sims.half.Half` starts it.

    >>> serve.py_func.__name__
    'serve'
    """
    sync = job[0]
    number = _load(sync, 0)
    while number >= 0:
        spins, now = 0, number
        while now == number:
            now = _load(sync, 0)
            spins += 1
            if spins > _SPINS:
                _yield()
        number = now
        if number > 0:
            _share(job, number, thread, threads)


@njit(fastmath=_FAST, error_model="numpy", cache=True, nogil=True)
def product(job: Any, threads: int, y: Any) -> None:
    """y (k, padded n) = the job's symmetric matrix times each row of its x.

    Parameters
    ----------
    job : tuple
        sync, n, blocks, where, bounds, x (k, padded n) and
        partial (parts, k, padded n); the last two in the blocks' precision.
    threads : int
        How many share it: this one, and threads − 1 that `serve`.

    Examples
    --------
    `pitfalls.sims.half.Half` is its caller.

    >>> product.py_func.__name__
    'product'
    """
    sync, _, _, where, bounds, _, partial = job
    number = sync[0] + 1
    _store(sync, 0, number)
    _share(job, number, 0, threads)
    parts = len(bounds) - 1
    spins = 0
    while _load(sync, _LINE) < number * parts:
        spins += 1
        if spins > _SPINS:
            _yield()
    y[:] = 0
    for part in range(parts):
        reach = (where[bounds[part + 1] - 1, 0] + 1) * BLOCK
        for o in range(len(y)):
            total, addend = y[o, :reach], partial[part, o, :reach]
            for i in range(reach):
                total[i] += addend[i]


@njit(cache=True, nogil=True)
def _set(job: Any, dual: Any) -> None:
    """The job's x, in its precision."""
    x = job[5]
    for o in range(len(dual)):
        for i in range(dual.shape[1]):
            x[o, i] = dual[o, i]


@njit(fastmath={"contract"}, error_model="numpy", cache=True, nogil=True)
def _decay(x: float) -> Any:
    """exp(−x) for x ≥ 0 to 2 units in the last place; e^−708 from there on.

    2^−k·exp(r), |r| ≤ ½·log 2, by Taylor's series: without a call, so that loops vectorise.
    """
    x = min(x, 708.0)
    # Added to 1.5·2^52, a number is rounded to an integer, which stands in the last bits.
    shifted = x * 1.4426950408889634 + 6755399441055744.0
    k = shifted - 6755399441055744.0
    r = (k * 0.693147180369123816490 - x) + k * 1.90821492927058770002e-10
    p = 1 / 6227020800.0
    p = p * r + 1 / 479001600.0
    p = p * r + 1 / 39916800.0
    p = p * r + 1 / 3628800.0
    p = p * r + 1 / 362880.0
    p = p * r + 1 / 40320.0
    p = p * r + 1 / 5040.0
    p = p * r + 1 / 720.0
    p = p * r + 1 / 120.0
    p = p * r + 1 / 24.0
    p = p * r + 1 / 6.0
    p = p * r + 0.5
    p = p * r + 1.0
    p = p * r + 1.0
    power = (np.int64(1023) - (_bits(shifted) - _bits(6755399441055744.0))) << np.int64(52)
    return p * _float(power)


@njit(fastmath={"contract"}, error_model="numpy", cache=True, nogil=True)
def _log_one_plus(u: float) -> float:
    """log(1 + u) for 0 ≤ u ≤ 1: 2·artanh(s), s = u/(2 + u) ≤ 1/3, by its series."""
    s = u / (2 + u)
    q = s * s
    p = 1 / 33.0
    p = p * q + 1 / 31.0
    p = p * q + 1 / 29.0
    p = p * q + 1 / 27.0
    p = p * q + 1 / 25.0
    p = p * q + 1 / 23.0
    p = p * q + 1 / 21.0
    p = p * q + 1 / 19.0
    p = p * q + 1 / 17.0
    p = p * q + 1 / 15.0
    p = p * q + 1 / 13.0
    p = p * q + 1 / 11.0
    p = p * q + 1 / 9.0
    p = p * q + 1 / 7.0
    p = p * q + 1 / 5.0
    p = p * q + 1 / 3.0
    return 2 * s + 2 * s * q * p


@njit(fastmath=_FAST, error_model="numpy", cache=True, nogil=True)
def _plane_weights(core: Any, spurious: Any, dual: Any) -> tuple[float, float]:
    """Uᵀα, from the columns of U."""
    w_y, w_a = 0.0, 0.0
    for i in range(len(dual)):
        w_y += dual[i] * core[i]
        w_a += dual[i] * spurious[i]
    return w_y, w_a


@njit(fastmath=_FAST, error_model="numpy", cache=True, nogil=True)
def _push(
    core: Any, spurious: Any, start: Any, shift: Any, scale: Any, dual: Any, push: Any, margins: Any
) -> None:
    """Margins from ``push`` = Hα, then push = sigmoid(−Δm − s) in its place."""
    w_y, w_a = _plane_weights(core, spurious, dual)
    # Two loops of few arrays: the compiler vectorises none with more than eight to tell apart.
    for i in range(len(dual)):
        margins[i] = start[i] + (core[i] * w_y + spurious[i] * w_a) + push[i]
    for i in range(len(dual)):
        logit = scale[i] * margins[i] + shift[i]
        small = _decay(abs(logit))
        push[i] = (small if logit > 0 else 1.0) / (1.0 + small)


@njit(fastmath=_FAST, error_model="numpy", cache=True, nogil=True)
def push(
    job: Any, threads: int, data: Any, methods: Any, factor: float, dual: Any, y: Any, out: Any
) -> None:
    """out = factor·rate·sigmoid(−Δm − s) of k objectives, m = Z·w(0) + U Uᵀα + Hα.

    Parameters
    ----------
    job, threads : as for `product`, of H; the job's x is set to the dual weights here
    data : tuple
        core (n,), spurious (n,): the columns of U; start (n,): margins of w(0).
    methods : tuple
        shift, scale and rate, (k, n).
    dual, out : (k, n)
    y : (k, padded n), overwritten

    Examples
    --------
    `pitfalls.sims.gradient_flow` is its only caller, and shows what it does.

    >>> push.py_func.__name__
    'push'
    """
    core, spurious, start = data
    shift, scale, rate = methods
    k, n = dual.shape
    margins = np.empty(n)
    _set(job, dual)
    product(job, threads, y)
    for o in range(k):
        sigmoid = y[o, :n]
        _push(core, spurious, start, shift[o], scale[o], dual[o], sigmoid, margins)
        for i in range(n):
            out[o, i] = factor * rate[o, i] * sigmoid[i]


@njit(fastmath=_FAST, error_model="numpy", cache=True, nogil=True)
def _measure(
    overlap: Any,
    majority: Any,
    weight: Any,
    shift: Any,
    scale: Any,
    dual: Any,
    h: Any,
    margins: Any,
) -> tuple[float, float, float, float]:
    """‖w_ε‖² beyond the start's, loss, and how many of majority and of minority are right."""
    square, loss, right, right_majority = 0.0, 0.0, 0.0, 0.0
    for i in range(len(dual)):
        square += dual[i] * (h[i] + 2 * overlap[i])
        logit = scale[i] * margins[i] + shift[i]
        small = _log_one_plus(_decay(abs(logit)))
        loss += weight[i] * (max(-logit, 0.0) + small)
        good = 1.0 if margins[i] > 0 else 0.0
        right += good
        right_majority += good * majority[i]
    return square, loss / len(dual), right_majority, right - right_majority


@njit(fastmath=_FAST, error_model="numpy", cache=True, nogil=True)
def advance(
    data: Any,
    methods: Any,
    rate: float,
    dual: Any,
    product: Any,
    row: int,
    out: Any,
    dual_out: Any,
    margins_out: Any,
) -> None:
    """One step of descent from Hα: record it as row ``row`` unless −1, then update α.

    Parameters
    ----------
    product : (k, n) Hα; overwritten
    others as for `descend`

    Examples
    --------
    `pitfalls.sims.gradient_descent` is its only caller, and shows what it does.

    >>> advance.py_func.__name__
    'advance'
    """
    core, spurious, start, overlap, square, majority = data
    shift, scale, weight = methods
    k, n = dual.shape
    h = np.zeros(n)
    margins = np.zeros(n)
    for o in range(k):
        sigmoid = product[o]
        h[:] = sigmoid
        _push(core, spurious, start, shift[o], scale[o], dual[o], sigmoid, margins)
        if row >= 0:
            more, loss, right, right_minority = _measure(
                overlap, majority, weight[o], shift[o], scale[o], dual[o], h, margins
            )
            members = majority.sum()
            values = out[row, o]
            values[0], values[1] = _plane_weights(core, spurious, dual[o])
            values[2] = np.sqrt(max(square + more, 0.0))
            values[3] = loss
            values[4] = right / members if members > 0 else 1.0
            values[5] = right_minority / (n - members) if members < n else 1.0
            if len(dual_out) > 0:
                dual_out[row, o] = dual[o]
                margins_out[row, o] = margins
        for i in range(n):
            dual[o, i] += rate * weight[o, i] * scale[o, i] / n * sigmoid[i]


@njit(cache=True, nogil=True)
def descend(
    job: Any,
    threads: int,
    data: Any,
    methods: Any,
    rate: float,
    steps: Any,
    recorded: Any,
    dual: Any,
    out: Any,
    dual_out: Any,
    margins_out: Any,
) -> None:
    """Full-batch descent in dual form for k objectives at once.

    α ← α + rate·(qΔ/n)·sigmoid(−Δm − s), m = Z·w(0) + U Uᵀα + Hα, one pass over half of H a step.

    Parameters
    ----------
    job, threads : as for `product`, of H = E Eᵀ
    data : tuple
        core, spurious, start as for `push`; overlap (n,) and square, as `Start` gives them;
        majority (n,): 1 for its members, else 0.
    methods : tuple
        shift, scale, weight, (k, n).
    steps : (first, stop)
        ``dual`` is brought from step ``first`` to step ``stop``.
    recorded : (R,) increasing step numbers in [first, stop)
    dual : (k, n)
    out : (R, k, 6) core, spurious (the start's not added), memory, loss, train accuracy of
        majority, of minority
    dual_out, margins_out : (R, k, n), or (0, k, n) to keep none

    Examples
    --------
    `pitfalls.sims.gradient_descent` is its only caller, and shows what it does.

    >>> descend.py_func.__name__
    'descend'
    """
    n = dual.shape[1]
    y = np.zeros(job[5].shape)
    record = 0
    for step in range(steps[0], steps[1]):
        _set(job, dual)
        product(job, threads, y)
        here = record < len(recorded) and step == recorded[record]
        row = record if here else -1
        advance(data, methods, rate, dual, y[:, :n], row, out, dual_out, margins_out)
        record += here
