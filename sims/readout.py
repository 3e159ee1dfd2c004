"""Read-outs of the features by the angle to class subspaces (after Ketha & Ramaswamy 2025)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh

from ..theory import SettingError
from ..theory.arguments import checked_array, checked_count, checked_number
from .sample import Sample
from .threads import modest_blas

__all__ = ["ClassSubspaces", "class_subspaces"]

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ClassSubspaces:
    """The leading principal directions of each class, by training labels, not centred.

    Attributes
    ----------
    positive, negative : arrays (p + 1, k)
        Orthonormal columns; the first row is the offset's.
    offset : float
        A constant feature in front of the others.

    Examples
    --------
    See `class_subspaces`.
    """

    positive: Array
    negative: Array
    offset: float

    def predict(self, features: ArrayLike) -> Array:
        """Labels −1 or +1 of raw features (m, p): of the subspace at the smaller angle.

        Raises
        ------
        SettingError
            They have another number of columns, or are not finite.

        Examples
        --------
        >>> spaces = ClassSubspaces(np.array([[0.6], [0.8]]), np.array([[0.6], [-0.8]]), 1.0)
        >>> spaces.predict([[2.0], [-0.1]])
        array([ 1., -1.])
        """
        columns = len(self.positive) - 1
        legal = f"of shape (m, {columns}), as in training"
        x = checked_array("features", features, ("m", columns), legal)
        with modest_blas(float(x.size)):
            positive, negative = (
                ((self.offset * basis[0] + x @ basis[1:]) ** 2).sum(axis=1)
                for basis in (self.positive, self.negative)
            )
        return np.where(positive > negative, 1.0, -1.0)


def class_subspaces(sample: Sample, dimension: int = 2, offset: float = 1.0) -> ClassSubspaces:
    """The subspace of each class, from a sample's features and its training labels.

    Parameters
    ----------
    sample : Sample
        Explicit.
    dimension : int
        Of each subspace, from 1 to the number of examples of the smaller class.
    offset : float
        A constant feature put in front, ≥ 0. Without one no subspace knows x from −x.

    Returns
    -------
    ClassSubspaces

    Raises
    ------
    SettingError
        The sample has no explicit features, or an argument is out of range.

    Examples
    --------
    >>> from pitfalls.theory import Setting
    >>> from pitfalls.sims import draw
    >>> setting = Setting(n=200, d=400, rho=0.9, gamma=3.0, sigma=0.1)
    >>> sample = draw(setting, seed=0, kind="explicit")
    >>> spaces = class_subspaces(sample)
    >>> test = draw(setting, seed=1, kind="explicit")
    >>> float((spaces.predict(test.features) == test.labels).mean())
    1.0
    """
    offset = checked_number("offset", offset)
    dimension = checked_count("dimension", dimension, least=1)
    features, positive = sample.features, sample.labels > 0
    fewest = int(min(positive.sum(), (~positive).sum()))
    if dimension > fewest:
        raise SettingError(
            "dimension", dimension, f"an integer in 1 … {fewest}, the examples of the smaller class"
        )
    extended = np.column_stack((np.full(sample.n, offset), features))
    with modest_blas(float(extended.size) * min(extended.shape)):
        bases = [_leading(extended[chosen], dimension) for chosen in (positive, ~positive)]
    return ClassSubspaces(bases[0], bases[1], offset)


def _leading(rows: Array, dimension: int) -> Array:
    """The right singular vectors of the largest singular values, by the smaller Gram matrix."""
    count, columns = rows.shape
    small = rows @ rows.T if count <= columns else rows.T @ rows
    last = len(small) - 1
    if dimension > columns:
        raise SettingError("dimension", dimension, f"at most {columns}, features and offset")
    _, vectors = eigh(small, subset_by_index=(last - dimension + 1, last))
    if count > columns:
        return np.asarray(vectors)
    basis, _ = np.linalg.qr(rows.T @ vectors[:, ::-1])
    return np.asarray(basis)
