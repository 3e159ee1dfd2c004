"""Gram operators: a data set is how it computes G·A, G = U Uᵀ + E Eᵀ (P1).

U (n, 2) are the folded plane features, E (n, d) the folded memory features. Keeping the two parts
apart keeps the memory norm exact: αᵀE Eᵀα is a sum of squares, not a difference.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from .blas import row_gram, symmetric_times, times
from .threads import sound_blas

__all__ = ["DenseGram", "DiagonalPlusPlane", "Features", "Gram"]

Array: TypeAlias = NDArray[np.float64]


class Gram(ABC):
    """What the solvers need of a data set.

    Attributes
    ----------
    plane : array (n, 2)
        U, the folded core and spurious features.

    Examples
    --------
    >>> gram: Gram = DiagonalPlusPlane(np.array([[1.0, 2.0]]), square=3.0)
    >>> gram.matrix()
    array([[8.]])
    """

    plane: Array

    @abstractmethod
    def memory_product(self, dual: Array) -> Array:
        """E Eᵀ·A of dual weights A (n, k) or (n,).

        Examples
        --------
        >>> DiagonalPlusPlane(np.ones((1, 2)), 3.0).memory_product(np.ones(1))
        array([3.])
        """

    @abstractmethod
    def memory_matrix(self) -> Array:
        """E Eᵀ as an array (n, n).

        Examples
        --------
        >>> DiagonalPlusPlane(np.ones((1, 2)), 3.0).memory_matrix()
        array([[3.]])
        """

    @abstractmethod
    def memory_factor(self) -> Array:
        """Some L (n, k) with L Lᵀ = E Eᵀ.

        Examples
        --------
        >>> DiagonalPlusPlane(np.ones((1, 2)), 4.0).memory_factor()
        array([[2.]])
        """

    @property
    @abstractmethod
    def memory_squares(self) -> Array:
        """‖ε_i‖² of every example, the diagonal of E Eᵀ.

        Examples
        --------
        >>> DiagonalPlusPlane(np.ones((1, 2)), 4.0).memory_squares
        array([4.])
        """

    @property
    def squares(self) -> Array:
        """‖z_i‖² of every example, the diagonal of G.

        Examples
        --------
        >>> DiagonalPlusPlane(np.ones((1, 2)), 4.0).squares
        array([6.])
        """
        return np.asarray(self.memory_squares + np.einsum("ij,ij->i", self.plane, self.plane))

    def product(self, dual: Array) -> Array:
        """G·A of dual weights A (n, k) or (n,).

        Examples
        --------
        >>> DiagonalPlusPlane(np.ones((1, 2)), 3.0).product(np.ones(1))
        array([5.])
        """
        return np.asarray(self.plane @ (self.plane.T @ dual) + self.memory_product(dual))

    def memory_norm(self, dual: Array) -> float:
        """‖w_ε‖ of dual weights (n,).

        Examples
        --------
        >>> DiagonalPlusPlane(np.ones((1, 2)), 4.0).memory_norm(np.ones(1))
        2.0
        """
        return float(np.sqrt(max(float(dual @ self.memory_product(dual)), 0.0)))

    def matrix(self) -> Array:
        """G as an array (n, n).

        Examples
        --------
        >>> DiagonalPlusPlane(np.ones((1, 2)), 4.0).matrix()
        array([[6.]])
        """
        return row_gram(self.plane, onto=self.memory_matrix())

    @property
    def rank_bound(self) -> int:
        """The most examples that can be independent.

        Examples
        --------
        >>> Features(np.ones((9, 2)), np.ones((9, 1))).rank_bound
        3
        """
        return len(self.plane)

    def coordinates(self) -> Array:
        """Some Z (n, k) with Z Zᵀ = G: the examples up to a rotation.

        Examples
        --------
        >>> DiagonalPlusPlane(np.array([[2.0, 0.0], [1.0, 0.0]]), 0.0).coordinates()
        array([[2.],
               [1.]])
        """
        with sound_blas(len(self.plane)):
            factor, order, rank, _ = lapack.dpstrf(self.matrix().T, lower=1)
        rows = np.empty((len(factor), rank))
        rows[order - 1] = np.tril(factor)[:, :rank]
        return rows


@dataclass(frozen=True, eq=False)
class Features(Gram):
    """Explicit features; pays when there are fewer features than examples.

    Parameters
    ----------
    plane : array (n, 2)
    memory : array (n, p)

    Examples
    --------
    >>> Features(np.ones((2, 2)), np.eye(2)).matrix()
    array([[3., 2.],
           [2., 3.]])
    """

    plane: Array
    memory: Array

    def memory_product(self, dual: Array) -> Array:
        """E Eᵀ·A."""
        if dual.ndim == 1:
            return times(self.memory, times(self.memory.T, dual))
        return np.asarray(self.memory @ (self.memory.T @ dual))

    def memory_matrix(self) -> Array:
        """E Eᵀ."""
        return row_gram(self.memory)

    def memory_factor(self) -> Array:
        """E itself."""
        return self.memory

    @property
    def memory_squares(self) -> Array:
        """‖ε_i‖²."""
        return np.asarray(np.einsum("ij,ij->i", self.memory, self.memory))

    @property
    def rank_bound(self) -> int:
        """The number of examples or of features, if that is less."""
        return min(len(self.plane), int(self.memory.shape[1]) + 2)

    def coordinates(self) -> Array:
        """The features."""
        return np.hstack((self.plane, self.memory))


@dataclass(frozen=True, eq=False)
class DenseGram(Gram):
    """A dense memory Gram matrix, from data or from a Bartlett draw.

    Parameters
    ----------
    plane : array (n, 2)
    memory_gram : array (n, n)
        E Eᵀ.
    factor : array (n, k), optional
        L with L Lᵀ = E Eᵀ, where it is known.

    Examples
    --------
    >>> DenseGram(np.zeros((2, 2)), np.eye(2)).memory_product(np.ones(2))
    array([1., 1.])
    """

    plane: Array
    memory_gram: Array
    factor: Array | None = None

    def memory_product(self, dual: Array) -> Array:
        """E Eᵀ·A; `pitfalls.sims.packed.PackedSymmetric` is faster where there are many."""
        if dual.ndim == 1:
            return symmetric_times(self.memory_gram, dual)
        return np.asarray(self.memory_gram @ dual)

    def memory_matrix(self) -> Array:
        """E Eᵀ."""
        return self.memory_gram

    @property
    def memory_squares(self) -> Array:
        """‖ε_i‖²."""
        return np.asarray(self.memory_gram.diagonal())

    def memory_factor(self) -> Array:
        """L, by eigendecomposition where it was not given."""
        if self.factor is not None:
            return self.factor
        values, vectors = np.linalg.eigh(self.memory_gram)
        kept = values > 1e-14 * max(values[-1], 0.0)
        return np.asarray(vectors[:, kept] * np.sqrt(values[kept]))

    @property
    def _known_factor(self) -> Array | None:
        """L if it was given or has no columns, as when σ = 0."""
        return self.factor if self.memory_gram.diagonal().any() else np.zeros((len(self.plane), 0))

    @property
    def rank_bound(self) -> int:
        """The number of examples, or of the plane's and L's columns, if that is less."""
        known = self._known_factor
        return len(self.plane) if known is None else min(known.shape[0], known.shape[1] + 2)

    def coordinates(self) -> Array:
        """The plane and L, where it is known."""
        known = self._known_factor
        return super().coordinates() if known is None else np.hstack((self.plane, known))


@dataclass(frozen=True, eq=False)
class DiagonalPlusPlane(Gram):
    """The orthogonal limit: E Eᵀ = s²·I.

    Parameters
    ----------
    plane : array (n, 2)
    square : float
        s² = σ²d.

    Examples
    --------
    >>> DiagonalPlusPlane(np.zeros((2, 2)), 4.0).memory_product(np.ones(2))
    array([4., 4.])
    """

    plane: Array
    square: float

    def memory_product(self, dual: Array) -> Array:
        """s²·A."""
        return self.square * dual

    def memory_matrix(self) -> Array:
        """s²·I."""
        return self.square * np.eye(len(self.plane))

    @property
    def memory_squares(self) -> Array:
        """s² for every example."""
        return np.full(len(self.plane), self.square)

    def memory_factor(self) -> Array:
        """s·I."""
        return float(np.sqrt(self.square)) * np.eye(len(self.plane))

    @property
    def rank_bound(self) -> int:
        """The number of examples, or of the plane's columns where s = 0."""
        return len(self.plane) if self.square > 0 else min(len(self.plane), 2)
