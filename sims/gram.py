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

    def matrix(self) -> Array:
        """G as an array (n, n).

        Examples
        --------
        >>> DiagonalPlusPlane(np.ones((1, 2)), 4.0).matrix()
        array([[6.]])
        """
        return self.plane @ self.plane.T + self.memory_matrix()


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
        return np.asarray(self.memory @ (self.memory.T @ dual))

    def memory_matrix(self) -> Array:
        """E Eᵀ."""
        return self.memory @ self.memory.T

    def memory_factor(self) -> Array:
        """E itself."""
        return self.memory


@dataclass(frozen=True, eq=False)
class DenseGram(Gram):
    """A dense memory Gram matrix, from data or from a Bartlett draw.

    Parameters
    ----------
    plane : array (n, 2)
    memory : array (n, n)
        E Eᵀ.
    factor : array (n, k), optional
        L with L Lᵀ = E Eᵀ, where it is known.

    Examples
    --------
    >>> DenseGram(np.zeros((2, 2)), np.eye(2)).memory_product(np.ones(2))
    array([1., 1.])
    """

    plane: Array
    memory: Array
    factor: Array | None = None

    def memory_product(self, dual: Array) -> Array:
        """E Eᵀ·A; `pitfalls.sims.half.Half` is faster where there are many."""
        return np.asarray(self.memory @ dual)

    def memory_matrix(self) -> Array:
        """E Eᵀ."""
        return self.memory

    def memory_factor(self) -> Array:
        """L, by eigendecomposition where it was not given."""
        if self.factor is not None:
            return self.factor
        values, vectors = np.linalg.eigh(self.memory)
        kept = values > 1e-14 * max(values[-1], 0.0)
        return np.asarray(vectors[:, kept] * np.sqrt(values[kept]))


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

    def memory_factor(self) -> Array:
        """s·I."""
        return float(np.sqrt(self.square)) * np.eye(len(self.plane))
