"""Products with a symmetric matrix, half of it read once for several vectors, on all cores."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import kernels
from .memory import require
from .threads import cores

__all__ = ["Half"]

Array: TypeAlias = NDArray[np.float64]


class Half:
    """A symmetric matrix packed for products, and the threads that share them.

    A context: the threads live as long as it does.

    Parameters
    ----------
    matrix : array (n, n)
        Its lower triangle is read.
    columns : int
        Vectors k in each product.
    single : bool
        Keep and multiply it in single precision.
    threads : int, optional
        All cores by default, and one inside `replicate`; never more than the parts of the matrix.
        The bytes of a product do not depend on it.

    Raises
    ------
    ResourceError
        The packed half does not fit in memory.

    Examples
    --------
    >>> with Half(np.array([[2.0, 1.0], [1.0, 3.0]]), columns=1) as half:
    ...     half(np.ones((1, 2)))
    array([[3., 4.]])
    """

    def __init__(
        self, matrix: Array, columns: int, single: bool = False, threads: int | None = None
    ) -> None:
        n = len(matrix)
        where, bounds = kernels.layout(n)
        parts = len(bounds) - 1
        padded = -(-n // kernels.BLOCK) * kernels.BLOCK
        kind: Any = np.float32 if single else np.float64
        bytes_of_blocks = len(where) * kernels.BLOCK**2 * np.dtype(kind).itemsize
        require(bytes_of_blocks, f"half of the Gram matrix of {n} examples, packed,", "lower n")
        blocks = np.empty((len(where), kernels.BLOCK, kernels.BLOCK), dtype=kind)
        kernels.pack(matrix, where, blocks)
        sync = np.zeros(kernels.FLAGS + 8 * parts, dtype=np.int64)
        x = np.zeros((columns, padded), dtype=kind)
        partial = np.zeros((parts, columns, padded), dtype=kind)
        self.job = (sync, n, blocks, where, bounds, x, partial)
        self.threads = max(1, min(parts, cores() if threads is None else threads))
        self._helpers = [
            threading.Thread(
                target=kernels.serve, args=(self.job, thread, self.threads), daemon=True
            )
            for thread in range(1, self.threads)
        ]
        self._n = n

    def __enter__(self) -> Self:
        for helper in self._helpers:
            helper.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.job[0][0] = -1
        for helper in self._helpers:
            helper.join()

    def __call__(self, rows: Array) -> Array:
        """The matrix times each row (k, n).

        Examples
        --------
        >>> with Half(np.eye(2), columns=2) as half:
        ...     half(np.array([[1.0, 2.0], [3.0, 4.0]]))
        array([[1., 2.],
               [3., 4.]])
        """
        x = self.job[5]
        x[:, : self._n] = rows
        y = np.zeros(x.shape)
        kernels.product(self.job, self.threads, y)
        return y[:, : self._n]
