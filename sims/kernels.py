"""Numba kernels. Kernels and their jitted helpers stay in this one file: the disk cache of a caller
does not notice an edit to a helper in another.

A symmetric matrix is kept as its lower triangle in blocks of 128 × 128, packed one after the other
(`pack`). A step has two phases: the product, cut into parts of the triangle, and the examples, cut
into chunks that sum those parts, and update what belongs to an example. Their bounds depend on n
alone. Threads share them, and whoever is free takes what nobody has begun; each part and each chunk
writes to a place of its own. So the bytes do not depend on the number of threads, and a thread that
loses its core delays the others by no more than the piece it holds.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np import arrayobj
from numpy.typing import NDArray

__all__ = [
    "BLOCK",
    "CHUNK",
    "FLAGS",
    "LINE",
    "adam",
    "advance",
    "descend",
    "layout",
    "pack",
    "product",
    "push",
    "serve",
    "twins_step",
]

BLOCK = 128
CHUNK = 256
# Where the flags of pieces begin: a cache line each, after the phase's number and the pieces done.
FLAGS = 16
LINE = 8
_SPINS = 2000
_FAST = {"reassoc", "contract", "arcp", "nsz"}
_yield: Any = types.ExternalFunction(
    "SwitchToThread" if os.name == "nt" else "sched_yield", types.int32()
)
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
def _compare_and_swap(typingctx: Any, array: Any, index: Any, old: Any, new: Any) -> Any:
    """Whether array[index] was ``old`` and is now ``new``, in one."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        address = _element(context, builder, sig, args)
        result = builder.cmpxchg(address, args[2], args[3], "acq_rel", "acquire")
        return builder.extract_value(result, 1)

    return types.boolean(array, types.int64, types.int64, types.int64), codegen


@_intrinsic
def _fetch_add_one(typingctx: Any, array: Any, index: Any) -> Any:
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
    """Do pieces of phase ``number`` until none is left: one's own, then those nobody has begun.

    Odd numbers are products, even ones examples.
    """
    sync, bounds, examples, dual = job[0], job[4], number % 2 == 0, job[7][0]
    pieces = -(-dual.shape[1] // CHUNK) if examples else len(bounds) - 1
    flags = FLAGS + (LINE * (len(bounds) - 1) if examples else 0)
    first = thread * pieces // threads
    own = (thread + 1) * pieces // threads - first
    for turn in range(pieces):
        piece = (first + turn) % pieces
        # To and fro: what was read last is what is still in the cache.
        if turn < own and number % 4 == 1:
            piece = first + own - 1 - turn
        if _compare_and_swap(sync, flags + LINE * piece, number - 2, number):
            if examples:
                _chunk(job, piece)
            else:
                _, n, blocks, where, _, x, partial, _ = job
                _part(n, blocks, where, x, partial[piece], bounds[piece], bounds[piece + 1])
            _fetch_add_one(sync, LINE)


@njit(cache=True, nogil=True)
def serve(job: Any, thread: int, threads: int) -> None:
    """Help with every phase of a job until its number is negative: the body of a thread.

    Examples
    --------
    `pitfalls.sims.packed.PackedSymmetric` starts it.

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


@njit(cache=True, nogil=True)
def _phase(job: Any, threads: int, pieces: int) -> None:
    """The next phase, all of it, with the threads that `serve`."""
    sync = job[0]
    number, done = sync[0] + 1, sync[LINE] + pieces
    _store(sync, 0, number)
    _share(job, number, 0, threads)
    spins = 0
    while _load(sync, LINE) < done:
        spins += 1
        if spins > _SPINS:
            _yield()


@njit(cache=True, nogil=True)
def product(job: Any, threads: int) -> None:
    """The product phase, then the examples': H·x, and what the job's orders ask for.

    Parameters
    ----------
    job : tuple
        sync, n, blocks, where, bounds, x (k, padded n), partial (parts, k, padded n) and state;
        x and partial in the blocks' precision.
    threads : int
        How many share it: this one, and threads − 1 that `serve`.

    Notes
    -----
    The state is a tuple of dual, product and margins (k, n), weights (k, 2) with Uᵀα, sums
    (chunks, k, 6), orders (2,): whether to measure, and what to put in the product's place
    (`_PRODUCT` itself, the `_SIGMOID`, or that and a `_STEP` with it), data and methods.

    data : core, spurious, start, overlap, majority, each (n,): the columns of U, margins of w(0),
    its memory part's share of them, and 1 for the majority's members, else 0.
    methods : shift, scale, weight and rate, (k, n).

    Examples
    --------
    `pitfalls.sims.packed.PackedSymmetric` is its caller.

    >>> product.py_func.__name__
    'product'
    """
    _phase(job, threads, len(job[4]) - 1)
    _phase(job, threads, -(-job[7][0].shape[1] // CHUNK))


_PRODUCT, _SIGMOID, _STEP = 0, 1, 2


@njit(cache=True, nogil=True)
def _chunk(job: Any, piece: int) -> None:
    """What belongs to the examples of a chunk, from the product's parts."""
    _, _, _, where, bounds, x, partial, state = job
    dual = state[0]
    n = dual.shape[1]
    first = piece * CHUNK
    last = min(first + CHUNK, n)
    for o in range(len(dual)):
        total = state[1][o, first:last]
        total[:] = 0
        for part in range(len(partial)):
            reach = (where[bounds[part + 1] - 1, 0] + 1) * BLOCK
            if reach > first:
                _add(total, partial[part, o, first : min(last, reach)])
        _example(state, piece, o, first, last)
        if state[5][1] == _STEP:
            _copy(x[o, first:last], dual[o, first:last])


@njit(fastmath=_FAST, error_model="numpy", cache=True, nogil=True)
def _add(total: Any, addend: Any) -> None:
    for i in range(len(addend)):
        total[i] += addend[i]


@njit(cache=True, nogil=True)
def _copy(target: Any, source: Any) -> None:
    """In the target's precision."""
    for i in range(len(source)):
        target[i] = source[i]


@njit(fastmath=_FAST, error_model="numpy", cache=True, nogil=True)
def _example(state: Any, piece: int, o: int, first: int, last: int) -> None:
    """Margins, sums and the update of one objective's examples [first, last), from Hα."""
    duals, products, all_margins, weights, sums, orders, data, methods = state
    measure, aim = orders[0], orders[1]
    if aim == _PRODUCT:
        return
    # The sigmoid takes the product's place.
    dual, push = duals[o, first:last], products[o, first:last]
    margins = all_margins[o, first:last]
    core, spurious, start = data[0][first:last], data[1][first:last], data[2][first:last]
    shift, scale = methods[0][o, first:last], methods[1][o, first:last]
    rate = methods[3][o, first:last]
    w_y, w_a = weights[o, 0], weights[o, 1]
    # Loops of few arrays: the compiler vectorises none with more than eight to tell apart.
    for i in range(len(dual)):
        margins[i] = start[i] + (core[i] * w_y + spurious[i] * w_a) + push[i]
    if measure:
        _measure(
            (data[3][first:last], data[4][first:last]),
            (shift, scale, methods[2][o, first:last]),
            (dual, push, margins),
            sums[piece, o],
        )
    for i in range(len(dual)):
        logit = scale[i] * margins[i] + shift[i]
        small = _decay(abs(logit))
        push[i] = rate[i] * ((small if logit > 0 else 1.0) / (1.0 + small))
    if aim == _STEP:
        for i in range(len(dual)):
            dual[i] += push[i]
        w_y, w_a = 0.0, 0.0
        for i in range(len(dual)):
            w_y += dual[i] * core[i]
            w_a += dual[i] * spurious[i]
        sums[piece, o, 0] = w_y
        sums[piece, o, 1] = w_a


@njit(fastmath=_FAST, error_model="numpy", cache=True, nogil=True)
def _measure(data: Any, methods: Any, state: Any, sums: Any) -> None:
    """‖w_ε‖² beyond the start's, n·loss, and how many are right, of all and of the majority."""
    overlap, majority = data
    shift, scale, weight = methods
    dual, h, margins = state
    square, loss, right, right_majority = 0.0, 0.0, 0.0, 0.0
    for i in range(len(dual)):
        square += dual[i] * (h[i] + 2 * overlap[i])
        logit = scale[i] * margins[i] + shift[i]
        small = _log_one_plus(_decay(abs(logit)))
        loss += weight[i] * (max(-logit, 0.0) + small)
        good = 1.0 if margins[i] > 0 else 0.0
        right += good
        right_majority += good * majority[i]
    sums[2], sums[3], sums[4], sums[5] = square, loss, right, right_majority


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
def push(job: Any, threads: int, factor: float, dual: Any, out: Any) -> None:
    """out = factor·rate·sigmoid(−Δm − s) of k objectives, m = Z·w(0) + U Uᵀα + Hα.

    Parameters
    ----------
    job, threads : as for `product`, of H
    dual, out : (k, n)

    Examples
    --------
    `pitfalls.sims.gradient_flow` is its only caller, and shows what it does.

    >>> push.py_func.__name__
    'push'
    """
    x, state = job[5], job[7]
    pushes, weights, orders, data = state[1], state[3], state[5], state[6]
    core, spurious = data[0], data[1]
    orders[0], orders[1] = 0, _SIGMOID
    for o in range(len(dual)):
        _copy(x[o], dual[o])
        w_y, w_a = 0.0, 0.0
        for i in range(dual.shape[1]):
            w_y += dual[o, i] * core[i]
            w_a += dual[o, i] * spurious[i]
        weights[o, 0], weights[o, 1] = w_y, w_a
    product(job, threads)
    for o in range(len(dual)):
        for i in range(dual.shape[1]):
            out[o, i] = factor * pushes[o, i]


@njit(cache=True, nogil=True)
def _write(state: Any, square: float, row: int, out: Any, margins_out: Any) -> None:
    """Record one row from the chunks' sums; `weights` still has Uᵀα from before this step."""
    dual, _, margins, weights, sums, _, data, _ = state
    k, n = dual.shape
    members = data[4].sum()
    for o in range(k):
        memory, loss, right, right_majority = square, 0.0, 0.0, 0.0
        for piece in range(len(sums)):
            memory += sums[piece, o, 2]
            loss += sums[piece, o, 3]
            right += sums[piece, o, 4]
            right_majority += sums[piece, o, 5]
        values = out[row, o]
        values[0], values[1] = weights[o, 0], weights[o, 1]
        values[2] = np.sqrt(max(memory, 0.0))
        values[3] = loss / n
        values[4] = right_majority / members if members > 0 else 1.0
        values[5] = (right - right_majority) / (n - members) if members < n else 1.0
    if len(margins_out) > 0:
        margins_out[row] = margins


@njit(cache=True, nogil=True)
def _weigh(state: Any) -> None:
    """Uᵀα from the sums of the chunks, in their order."""
    weights, sums = state[3], state[4]
    for o in range(len(weights)):
        for column in range(2):
            total = 0.0
            for piece in range(len(sums)):
                total += sums[piece, o, column]
            weights[o, column] = total


@njit(cache=True, nogil=True)
def advance(state: Any, square: float, row: int, out: Any, dual_out: Any, margins_out: Any) -> None:
    """One step of descent, after a product in the state: record unless ``row`` is −1, update.

    Parameters
    ----------
    state : as for `product`
    others : as for `descend`

    Examples
    --------
    `pitfalls.sims.gradient_descent` is its only caller, and shows what it does.

    >>> advance.py_func.__name__
    'advance'
    """
    dual, orders = state[0], state[5]
    n = dual.shape[1]
    orders[0], orders[1] = row >= 0, _STEP
    if row >= 0 and len(dual_out) > 0:
        dual_out[row] = dual
    for piece in range(-(-n // CHUNK)):
        for o in range(len(dual)):
            _example(state, piece, o, piece * CHUNK, min((piece + 1) * CHUNK, n))
    if row >= 0:
        _write(state, square, row, out, margins_out)
    _weigh(state)


@njit(cache=True, nogil=True)
def descend(
    job: Any,
    threads: int,
    square: float,
    steps: Any,
    recorded: Any,
    out: Any,
    dual_out: Any,
    margins_out: Any,
) -> None:
    """Full-batch descent in dual form for k objectives at once.

    α ← α + rate·sigmoid(−Δm − s), m = Z·w(0) + U Uᵀα + Hα, one pass over half of H a step.

    Parameters
    ----------
    job, threads : as for `product`, of H = E Eᵀ; its rate is the learning rate times qΔ/n
    square : float
        ‖w_ε(0)‖².
    steps : (first, stop)
        The dual weights are brought from step ``first`` to step ``stop``.
    recorded : (R,) increasing step numbers in [first, stop)
    out : (R, k, 6) core, spurious (the start's not added), memory, loss, train accuracy of
        majority, of minority
    dual_out, margins_out : (R, k, n), or (0, k, n) to keep none

    Examples
    --------
    `pitfalls.sims.gradient_descent` is its only caller, and shows what it does.

    >>> descend.py_func.__name__
    'descend'
    """
    state = job[7]
    dual, orders = state[0], state[5]
    record = 0
    for step in range(steps[0], steps[1]):
        here = record < len(recorded) and step == recorded[record]
        orders[0], orders[1] = here, _STEP
        if here and len(dual_out) > 0:
            dual_out[record] = dual
        product(job, threads)
        if here:
            _write(state, square, record, out, margins_out)
            record += 1
        _weigh(state)


@njit(fastmath=_FAST, error_model="numpy", cache=True, nogil=True)
def twins_step(
    product: Any, data: Any, own: Any, uniform: Any, rate: float, dual: Any, turned: Any, held: Any
) -> None:
    """One step of XRM's twins, from the product Hα, (2, n).

    Margins are to the training labels: m = Z·w(0) + U Uᵀα + Hα. A twin moves on its own examples,
    whose labels are ``turned`` (±1); then each label becomes the other twin's prediction where
    ``uniform`` < |tanh(m/2)|.

    Parameters
    ----------
    data : core and spurious (n,), and margins of both starts (2, n)
    own : (n,) whose example it is, 0 or 1
    uniform : (n,) in [0, 1); all 1 turns no label
    rate : float
        The learning rate over n; at 0 the twins stand still.
    dual, turned : (2, n) and (n,), brought one step on
    held : (n,) margins held out, before the step

    Examples
    --------
    `pitfalls.sims.cross_risk` is its only caller, and shows what it does.

    >>> twins_step.py_func.__name__
    'twins_step'
    """
    core, spurious, start = data
    n = len(own)
    weights = np.zeros((2, 2))
    for o in range(2):
        for i in range(n):
            weights[o, 0] += dual[o, i] * core[i]
            weights[o, 1] += dual[o, i] * spurious[i]
    for i in range(n):
        mine, other = own[i], 1 - own[i]
        inside = core[i] * weights[mine, 0] + spurious[i] * weights[mine, 1]
        outside = core[i] * weights[other, 0] + spurious[i] * weights[other, 1]
        inside += start[mine, i] + product[mine, i]
        held[i] = outside + start[other, i] + product[other, i]
        logit = turned[i] * inside
        small = _decay(abs(logit))
        dual[mine, i] += rate * turned[i] * (small if logit > 0 else 1.0) / (1.0 + small)
        small = _decay(abs(held[i]))
        if uniform[i] * (1.0 + small) < 1.0 - small:
            turned[i] = 1.0 if held[i] > 0 else -1.0


@njit(error_model="numpy", cache=True, nogil=True)
def adam(
    parameters: Any,
    gradient: Any,
    mean: Any,
    square: Any,
    decays: tuple[float, float],
    size: float,
    floor: float,
) -> None:
    """One update of Adam, in one pass: ten NumPy calls read and write the same memory ten times.

    The moments are sums without the factors 1 − decay, which are in ``size`` and ``floor``.

    Examples
    --------
    >>> one, mean, square = np.ones(1), np.zeros(1), np.zeros(1)
    >>> adam(one, np.array([2.0]), mean, square, (0.9, 0.999), 0.1, 0.0)
    >>> one.tolist(), mean.tolist(), square.tolist()
    ([0.9], [2.0], [4.0])
    """
    decay, square_decay = decays
    for i in range(len(parameters)):
        slope = gradient[i]
        mean[i] = decay * mean[i] + slope
        square[i] = square_decay * square[i] + slope * slope
        parameters[i] -= size * mean[i] / (np.sqrt(square[i]) + floor)
