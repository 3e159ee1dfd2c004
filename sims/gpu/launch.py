"""How a replicate is laid out in memory, and launched over the threads of a block."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Launch", "pitch", "planned"]

_THREADS, _WARP = 512, 32
_MOST_SEGMENTS = 8
_TILE_ROWS = 1024
_PARTIAL = 48 * 1024


class Launch(NamedTuple):
    """What a launch of a training kernel is told.

    Attributes
    ----------
    n, pitch : int
        Rows of a replicate's array, and numbers in a row.
    segments : int
        Parts in which the rows of a product are added up, side by side.
    tile_rows : int
        Dual weights held in shared memory at a time.
    partial_inside : bool
        Whether the segments' sums fit there, too.
    resident : bool
        Whether the whole array does, for all steps.
    threads, shared : int
        Of a block; bytes.

    Examples
    --------
    >>> planned(128, 3, single=False, most_shared=232_448).resident
    True
    """

    n: int
    pitch: int
    segments: int
    tile_rows: int
    partial_inside: bool
    resident: bool
    threads: int
    shared: int


def pitch(n: int, single: bool) -> int:
    """Numbers in a row: n of E Eᵀ, two of U, and zeros up to a multiple of 32 bytes.

    Examples
    --------
    >>> pitch(100, single=False), pitch(100, single=True)
    (104, 104)
    """
    whole = 8 if single else 4
    return -(-(n + 2) // whole) * whole


def planned(n: int, methods: int, single: bool, most_shared: int) -> Launch:
    """The launch for K methods together, on a device with so many bytes of shared memory a block.

    The order of all sums depends on n, K and the precision alone: whether the array stays in
    shared memory changes no byte of a result.

    Examples
    --------
    >>> planned(1000, 3, single=False, most_shared=232_448)._replace(shared=0)
    Launch(n=1000, pitch=1004, segments=1, tile_rows=1000, partial_inside=True, resident=False, \
threads=512, shared=0)
    """
    size = 4 if single else 8
    width = pitch(n, single)
    groups = width * size // 16
    segments = max(1, min(_MOST_SEGMENTS, _THREADS // groups, n))
    tile_rows = n if segments > 1 else min(n, _TILE_ROWS)
    threads = min(_THREADS, -(-segments * groups // _WARP) * _WARP)
    partial = 8 * segments * methods * width
    partial_inside = partial <= _PARTIAL
    shared = 8 * (threads + threads % 2) + -(-methods * tile_rows * size // 16) * 16
    shared += partial if partial_inside else 0
    resident = shared + n * width * size <= most_shared
    shared += n * width * size if resident else 0
    return Launch(n, width, segments, tile_rows, partial_inside, resident, threads, shared)
