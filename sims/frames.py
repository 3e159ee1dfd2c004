"""Coordinates in which Newton's method sees a sample: each well conditioned where it is used."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cholesky, qr

from ..theory import PitfallsError
from ..theory.resources import require
from .blas import column_gram, factor_solve, symmetric_times, times
from .certificate import BARELY_SEPARABLE
from .gram import DiagonalPlusPlane, Features
from .sample import Sample
from .threads import sound_blas

__all__ = ["Frame", "Solve", "frame_of"]

Array: TypeAlias = NDArray[np.float64]
Solve: TypeAlias = Callable[[Array], Array]

_INDEPENDENT = 1e-2
_WELL_POSED = 1e-4


class Frame(ABC):
    """Coordinates x of weights in the span of the examples, and Newton's matrix in them.

    Everything is divided by λ: the matrix is 1 + Σ d_i z_i z_iᵀ, d_i the loss's curvature over λ.

    Attributes
    ----------
    lengths : array (n,)
        ‖z_i‖.

    Examples
    --------
    >>> frame = frame_of(Sample.from_arrays([[3.0, 4.0], [0.0, 1.0]], [1, 1]))
    >>> x = frame.pull(np.array([1.0, 0.0]))
    >>> frame.margins(x), frame.inner(x, x), frame.coordinates(x)
    (array([25.,  4.]), 25.0, (3.0, 4.0, 0.0))
    >>> np.round(frame.coordinates(frame.newton(np.array([1.0, 0.0]))(26 * x)), 9)
    array([3., 4., 0.])
    """

    lengths: Array

    @abstractmethod
    def margins(self, x: Array) -> Array:
        """z_iᵀw of every example."""

    @abstractmethod
    def pull(self, dual: Array) -> Array:
        """Σ α_i z_i."""

    def missing(self, x: Array, dual: Array) -> Array:
        """Σ α_i z_i − x: what a minimiser with these dual weights has none of."""
        return np.asarray(self.pull(dual) - x)

    @abstractmethod
    def inner(self, x: Array, y: Array) -> float:
        """The weights' inner product."""

    @abstractmethod
    def newton(self, curvature: Array) -> Solve:
        """Solves with 1 + Σ d_i z_i z_iᵀ; LinAlgError where these coordinates suit it badly."""

    @property
    @abstractmethod
    def worth(self) -> int:
        """How many solutions, with a product each, cost as much time as `newton`; measured."""

    @abstractmethod
    def coordinates(self, x: Array) -> tuple[float, float, float]:
        """(w_y, w_a, ‖w_ε‖)."""

    def weights(self, x: Array) -> Array | None:
        """All weights, the plane's first; None where they are not what x stands for."""
        return None

    def adapted(self, curvature: Array, x: Array) -> tuple[Frame, Array]:
        """Better coordinates for this curvature, and x in them."""
        raise PitfallsError(f"Newton's matrix could not be factorised: {BARELY_SEPARABLE}")


@dataclass(frozen=True, eq=False)
class _Dual(Frame):
    """Dual weights of independent examples, and their margins, which are products to save."""

    gram: Array
    sample: Sample
    lengths: Array

    def margins(self, x: Array) -> Array:
        return np.asarray(x[1])

    def pull(self, dual: Array) -> Array:
        return np.stack((dual, symmetric_times(self.gram, dual)))

    def missing(self, x: Array, dual: Array) -> Array:
        # Not a difference of products, whose rounding is no example's pull.
        return self.pull(dual - x[0])

    def inner(self, x: Array, y: Array) -> float:
        return float(x[0] @ y[1])

    @property
    def worth(self) -> int:
        return len(self.gram) // 70

    def newton(self, curvature: Array) -> Solve:
        # The others' dual weights hardly change, whatever the margins do.
        moving = np.flatnonzero(curvature * self.lengths**2 > 1e-12)
        root = np.sqrt(curvature[moving])
        block = self.gram if len(moving) == len(self.gram) else self.gram[np.ix_(moving, moving)]
        matrix = root[:, None] * block
        matrix *= root
        matrix.flat[:: len(root) + 1] += 1
        with sound_blas(len(matrix)):
            factor = cholesky(matrix, lower=True, overwrite_a=True, check_finite=False)

        def solve(x: Array) -> Array:
            dual = x[0].copy()
            dual[moving] -= root * factor_solve(factor, root * x[1, moving])
            return self.pull(dual)

        return solve

    def coordinates(self, x: Array) -> tuple[float, float, float]:
        core, spurious = x[0] @ self.sample.plane
        square = float(x[0] @ self.sample.gram.memory_product(x[0]))
        return float(core), float(spurious), float(np.sqrt(max(square, 0.0)))


@dataclass(frozen=True, eq=False)
class _Weights(Frame):
    """Weights, in an orthonormal basis of features of which the first two are the plane's.

    ``present`` tells which features are anything but zero; ``poor`` is the pivot of Newton's matrix
    below which another basis is called for.
    """

    rows: Array
    lengths: Array
    present: NDArray[np.bool_]
    basis: Array | None = None
    triangular: bool = False
    poor: float = _WELL_POSED

    def margins(self, x: Array) -> Array:
        return times(self.rows, x)

    def pull(self, dual: Array) -> Array:
        return times(self.rows.T, dual)

    def inner(self, x: Array, y: Array) -> float:
        return float(x @ y)

    @property
    def worth(self) -> int:
        return sum(self.rows.shape) // 100

    def newton(self, curvature: Array) -> Solve:
        return self._newton(curvature, self.poor)[0]

    def _newton(self, curvature: Array, poor: float) -> tuple[Solve, float]:
        """And the smallest pivot: the least share of a column that the others do not explain."""
        matrix = column_gram(np.sqrt(curvature)[:, None] * self.rows, self.triangular)
        matrix.flat[:: len(matrix) + 1] += 1
        size = np.sqrt(matrix.diagonal())
        matrix /= size
        matrix /= size[:, None]
        with sound_blas(len(matrix)):
            factor = cholesky(matrix, lower=True, overwrite_a=True, check_finite=False)
        pivot = float((factor.diagonal() ** 2).min(initial=1.0))
        if pivot < poor:
            raise LinAlgError

        def solve(x: Array) -> Array:
            return factor_solve(factor, x / size) / size

        return solve, pivot

    def adapted(self, curvature: Array, x: Array) -> tuple[Frame, Array]:
        """A basis that the stiffest examples span first, with exact zeros where they have no part.

        Those are examples that cannot be separated: their pulls balance. The rounding of their
        sum, over λ, would move the weights in directions which only the others, or none, have.
        """
        floor = 1e-200 * max(float(curvature.max()), 1e-100)
        stiffness = np.sqrt(np.maximum(curvature, floor))
        turn = qr(self.rows.T * stiffness, mode="economic", pivoting=True)[0]
        rows = _without_noise(self.rows @ turn, self.lengths[:, None])
        kept = rows.any(axis=0)
        turn = turn[:, kept]
        basis = turn if self.basis is None else self.basis @ turn
        frame = replace(
            self, rows=np.ascontiguousarray(rows[:, kept]), basis=basis, triangular=False
        )
        try:
            pivot = frame._newton(curvature, 0.0)[1]
        except LinAlgError:
            pivot = 0.0
        return replace(frame, poor=min(_WELL_POSED, 1e-2 * pivot)), x @ turn

    def weights(self, x: Array) -> Array:
        found = np.zeros(len(self.present))
        found[self.present] = x if self.basis is None else self.basis @ x
        return found

    def coordinates(self, x: Array) -> tuple[float, float, float]:
        weights = x if self.basis is None else self.basis @ x
        return float(weights[0]), float(weights[1]), float(np.linalg.norm(weights[2:]))


@dataclass(frozen=True, eq=False)
class _Arrow(Frame):
    """Plane weights, then one weight for each example's own direction of length s."""

    plane: Array
    own: float
    lengths: Array

    def margins(self, x: Array) -> Array:
        return np.asarray(self.plane @ x[:2] + self.own * x[2:])

    def pull(self, dual: Array) -> Array:
        return np.concatenate((dual @ self.plane, self.own * dual))

    def inner(self, x: Array, y: Array) -> float:
        return float(x @ y)

    @property
    def worth(self) -> int:
        return 0

    def newton(self, curvature: Array) -> Solve:
        diagonal = 1 + self.own**2 * curvature
        pull = (curvature / diagonal)[:, None] * self.plane
        matrix = np.eye(2) + pull.T @ self.plane

        def solve(x: Array) -> Array:
            plane = np.linalg.solve(matrix, x[:2] - self.own * (x[2:] @ pull))
            own = (x[2:] - self.own * curvature * (self.plane @ plane)) / diagonal
            return np.concatenate((plane, own))

        return solve

    def coordinates(self, x: Array) -> tuple[float, float, float]:
        return float(x[0]), float(x[1]), float(np.linalg.norm(x[2:]))


def frame_of(sample: Sample) -> Frame:
    """The smallest coordinates of a sample that are well conditioned at large λ.

    Dual weights of independent examples; the weights themselves where they are fewer, or where
    examples depend on one another and large dual weights may cancel.

    Raises
    ------
    ResourceError
        A matrix of the sample does not fit in memory.

    Examples
    --------
    >>> type(frame_of(Sample.from_arrays([[3.0, 4.0], [0.0, 1.0]], [1, 1]))).__name__
    '_Dual'
    >>> type(frame_of(Sample.from_arrays([[3.0, 4.0], [3.0, 4.0]], [1, -1]))).__name__
    '_Weights'
    """
    source, plane, n = sample.source, sample.plane, sample.n
    if isinstance(source, DiagonalPlusPlane):
        if source.square > 0:
            return _Arrow(plane, float(np.sqrt(source.square)), np.sqrt(source.squares))
        return _weights(plane, np.zeros((n, 0)))
    known = source.memory if isinstance(source, Features) else source.factor
    if known is None or known.shape[1] + 2 >= n:
        require(32.0 * n**2, f"the ridge path of {n} examples", "lower n")
        matrix = sample.gram.matrix()
        if _smallest_pivot(matrix) > _INDEPENDENT:
            return _Dual(matrix, sample, np.sqrt(matrix.diagonal()))
    if known is None:
        known = sample.gram.memory_factor()
        known = _without_noise(known, np.linalg.norm(known, axis=1).max())
    return _weights(plane, known)


def _weights(plane: Array, memory: Array) -> _Weights:
    n, k = memory.shape
    require(24.0 * n * k + 32.0 * min(n, k) ** 2, f"the ridge path of {n} examples", "lower n or d")
    present = np.concatenate((np.ones(2, dtype=bool), memory.any(axis=0)))
    rows = np.hstack((plane, memory[:, present[2:]]))
    lengths = np.linalg.norm(rows, axis=1)
    if rows.shape[0] >= rows.shape[1]:
        return _Weights(rows, lengths, present)
    basis, triangle = qr(rows.T, mode="economic")
    lower = _without_noise(triangle.T, lengths[:, None])
    return _Weights(lower, lengths, present, basis, triangular=True)


def _without_noise(rows: Array, lengths: Array | float) -> Array:
    """Computed coordinates of examples, exact zeros for what is rounding of these lengths."""
    rounding = 10 * np.finfo(float).eps * np.sqrt(rows.shape[1]) * lengths
    return np.where(np.abs(rows) <= rounding, 0.0, rows)


def _smallest_pivot(gram: Array) -> float:
    """The least share of an example's squared length that those before it do not explain."""
    try:
        with sound_blas(len(gram)):
            factor = cholesky(gram, lower=True, check_finite=False)
    except LinAlgError:
        return 0.0
    return float((factor.diagonal() ** 2 / gram.diagonal()).min())
