"""Products with a symmetric matrix, half of it read once for several vectors, on all cores."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..theory.resources import require
from . import kernels
from .threads import checked_threads

__all__ = ["PackedSymmetric", "Problem", "state_of"]

Array: TypeAlias = NDArray[np.float64]
State: TypeAlias = tuple[Any, ...]


class Problem(NamedTuple):
    """What training needs of n examples and k objectives beside the memory Gram matrix.

    Attributes
    ----------
    plane : array (n, 2)
    start, overlap : arrays (n,)
        Margins of w(0), and its memory part's share of them.
    majority : array (n,)
        1 for its members, else 0.
    shift, scale, weight : arrays (k, n)
    rate : array (k, n)
        What multiplies the sigmoid: qΔ/n, times the learning rate.

    Examples
    --------
    >>> Problem.of_zeros(3, 2).rate.shape
    (2, 3)
    """

    plane: Array
    start: Array
    overlap: Array
    majority: Array
    shift: Array
    scale: Array
    weight: Array
    rate: Array

    @classmethod
    def of_zeros(cls, n: int, k: int) -> Problem:
        """For products alone.

        Examples
        --------
        >>> Problem.of_zeros(3, 2).plane.shape
        (3, 2)
        """
        vectors, matrices = np.zeros((3, n)), np.zeros((4, k, n))
        return cls(np.zeros((n, 2)), *vectors, *matrices)


def state_of(problem: Problem) -> State:
    """The state that the kernels work on: see `kernels.product`.

    Examples
    --------
    >>> dual, *_ = state_of(Problem.of_zeros(3, 2))
    >>> dual.shape
    (2, 3)
    """
    k, n = problem.rate.shape
    dual, product, margins = np.zeros((3, k, n))
    sums = np.zeros((-(-n // kernels.CHUNK), k, 6))
    core, spurious = np.ascontiguousarray(problem.plane.T)
    data = (core, spurious, problem.start, problem.overlap, problem.majority)
    methods = (problem.shift, problem.scale, problem.weight, problem.rate)
    orders = np.zeros(2, dtype=np.int64)
    return dual, product, margins, np.zeros((k, 2)), sums, orders, data, methods


class PackedSymmetric:
    """A symmetric matrix packed for products, and the threads that share them.

    A context: the threads live as long as it does.

    Parameters
    ----------
    matrix : array (n, n)
        Its lower triangle is read.
    vectors : int
        Vectors k in each product.
    problem : Problem, optional
        What the kernels make of each product; needed by `kernels.push` and `kernels.descend`.
    single : bool
        Keep and multiply it in single precision.
    threads : int, optional
        All cores by default, and one inside `replicate`; never more than the parts of the matrix.
        The bytes of a product do not depend on it.

    Raises
    ------
    SettingError
        An illegal number of threads.
    ResourceError
        The packed half does not fit in memory.

    Examples
    --------
    >>> with PackedSymmetric(np.array([[2.0, 1.0], [1.0, 3.0]]), vectors=1) as packed:
    ...     packed(np.ones((1, 2)))
    array([[3., 4.]])
    """

    def __init__(
        self,
        matrix: Array,
        vectors: int,
        problem: Problem | None = None,
        *,
        single: bool = False,
        threads: int | None = None,
    ) -> None:
        threads = checked_threads(threads)
        n = len(matrix)
        where, bounds = kernels.layout(n)
        parts = len(bounds) - 1
        padded = -(-n // kernels.BLOCK) * kernels.BLOCK
        kind: Any = np.float32 if single else np.float64
        bytes_of_blocks = len(where) * kernels.BLOCK**2 * np.dtype(kind).itemsize
        require(bytes_of_blocks, f"half of the Gram matrix of {n} examples, packed,", "lower n")
        blocks = np.empty((len(where), kernels.BLOCK, kernels.BLOCK), dtype=kind)
        kernels.pack(matrix, where, blocks)
        pieces = parts + -(-n // kernels.CHUNK)
        sync = np.zeros(kernels.FLAGS + kernels.LINE * pieces, dtype=np.int64)
        # Phases of the products are odd, of the examples even: each flag holds its last one.
        sync[kernels.FLAGS : kernels.FLAGS + kernels.LINE * parts] = -1
        x = np.zeros((vectors, padded), dtype=kind)
        partial = np.zeros((parts, vectors, padded), dtype=kind)
        state = state_of(problem or Problem.of_zeros(n, vectors))
        self.job = (sync, n, blocks, where, bounds, x, partial, state)
        self.threads = max(1, min(parts, threads))
        self._helpers = [
            threading.Thread(
                target=kernels.serve, args=(self.job, thread, self.threads), daemon=True
            )
            for thread in range(1, self.threads)
        ]

    @property
    def dual(self) -> Array:
        """The problem's dual weights (k, n), which the kernels move.

        Examples
        --------
        >>> PackedSymmetric(np.eye(2), vectors=1).dual
        array([[0., 0.]])
        """
        dual: Array = self.job[7][0]
        return dual

    def __enter__(self) -> Self:
        for helper in self._helpers:
            try:
                helper.start()
            except RuntimeError:
                # Fewer will do: nobody is waited for.
                break
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.job[0][0] = -1
        for helper in self._helpers:
            if helper.ident is not None:
                helper.join()

    def __call__(self, rows: Array) -> Array:
        """The matrix times each row (k, n).

        Examples
        --------
        >>> with PackedSymmetric(np.eye(2), vectors=2) as packed:
        ...     packed(np.array([[1.0, 2.0], [3.0, 4.0]]))
        array([[1., 2.],
               [3., 4.]])
        """
        _, n, _, _, _, x, _, state = self.job
        x[:, :n] = rows
        orders = state[5]
        orders[:] = 0
        kernels.product(self.job, self.threads)
        return np.array(state[1])
