"""Which examples support the max margin: supports exchanged until none of them is wrong.

For examples z_i scaled to the margin 1, with Gram matrix G, α ≥ 0 solves min ½αᵀGα − Σα if
Gα = 1 on its support and Gα ≥ 1 elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack, qr_delete

from ..theory import NotSeparableError, PitfallsError
from .blas import symmetric_times, times
from .certificate import BARELY_SEPARABLE
from .threads import sound_blas

__all__ = [
    "PATIENCE",
    "exchange_blocks",
    "exchange_orthogonal",
    "exchange_singly",
    "principal_submatrix",
    "regular_factor",
    "soft_support",
]

Array: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]

PATIENCE = 3
"""Exchanges in a row that may leave no fewer wrong; after one more it is given up."""

# Of an example's squared length, what is beyond the others' span if it depends on them.
_DEPENDENT = 1e-11
# ε as a share of the mean squared length: smaller ones take more products, larger ones guess worse.
_SOFTNESS = 1e-2
_DIGITS = 1e-2
_MOST_PRODUCTS = 250


def soft_support(gram: Array) -> Mask:
    """Roughly who supports the margin: the support of a soft one, min ½αᵀ(G + εI)α − Σα.

    That is the squared hinge, whose finite Newton method exchanges supports in blocks; two digits
    of each system by conjugate gradients are enough (Keerthi & DeCoste 2005). G needs no rank.

    Examples
    --------
    >>> soft_support(np.array([[1.0, 3.0], [3.0, 10.0]]))
    array([ True, False])
    """
    n = len(gram)
    softness = _SOFTNESS * float(gram.trace()) / n
    support, dual = np.ones(n, dtype=bool), np.zeros(n)
    left = _MOST_PRODUCTS
    while True:
        dual = np.where(support, dual, 0.0)
        margins = symmetric_times(gram, dual) + softness * dual
        residual = np.where(support, 1 - margins, 0.0)
        along, square = residual, float(residual @ residual)
        while square > _DIGITS**2 * n and left > 0:
            product = symmetric_times(gram, along) + softness * along
            step = square / float(along @ product)
            dual = dual + step * along
            margins = margins + step * product
            residual = np.where(support, 1 - margins, 0.0)
            previous, square = square, float(residual @ residual)
            along = residual + square / previous * along
            left -= 1
        wrong = np.where(support, dual < 0, margins < 1)
        if left <= 0 or not wrong.any():
            return support
        support = support ^ wrong
        left -= 1


def exchange_blocks(gram: Array, support: Mask) -> Array | None:
    """Block principal pivoting (Júdice & Pires 1994) from a first guess of the support.

    Exchanges every wrong example at once, and leaves out those that depend on others of the
    support. None where four exchanges in a row leave no fewer wrong.

    Examples
    --------
    >>> exchange_blocks(np.array([[1.0, 3.0], [3.0, 10.0]]), np.array([True, True]))
    array([1., 0.])
    """
    return _exchange(partial(_solve_support, gram), partial(symmetric_times, gram), support)


def exchange_orthogonal(plane: Array, own: Array) -> Array | None:
    """The same for G = U Uᵀ + diag(own), own > 0, in O(n) an exchange (Woodbury).

    Examples
    --------
    >>> exchange_orthogonal(np.array([[1.0, 0.0], [3.0, 0.0]]), np.array([1.0, 1.0])).round(9)
    array([0.5, 0. ])
    """

    def solve(support: Mask) -> tuple[Mask, Array]:
        rows = plane[support]
        pull = rows / own[support, None]
        weights = np.linalg.solve(np.eye(plane.shape[1]) + pull.T @ rows, pull.sum(axis=0))
        dual = np.zeros(len(plane))
        dual[support] = (1 - rows @ weights) / own[support]
        return support, dual

    def product(dual: Array) -> Array:
        return np.asarray(plane @ (dual @ plane) + own * dual)

    return _exchange(solve, product, np.ones(len(plane), dtype=bool))


def _exchange(
    solve: Callable[[Mask], tuple[Mask, Array]], product: Callable[[Array], Array], support: Mask
) -> Array | None:
    fewest, patience = len(support) + 1, PATIENCE
    while patience >= 0 and support.any():
        support, dual = solve(support)
        wrong = np.where(support, dual < 0, product(dual) < 1 - 1e-13)
        count = int(wrong.sum())
        if count == 0:
            return dual
        fewest, patience = (count, PATIENCE) if count < fewest else (fewest, patience - 1)
        support = support ^ wrong
    return None


def _solve_support(gram: Array, support: Mask) -> tuple[Mask, Array]:
    """Dual weights with Gα = 1 on the support, or on as many of its examples as are independent."""
    index = np.flatnonzero(support)
    factor = regular_factor(principal_submatrix(gram, index))
    if factor is None:
        block = principal_submatrix(gram, index)
        least = _DEPENDENT * block.diagonal().max()
        with sound_blas(len(block)):
            factor, order, rank, _ = lapack.dpstrf(block.T, least, 1)
        index, factor = index[order[:rank] - 1], factor[:rank, :rank]
        support = np.zeros_like(support)
        support[index] = True
    dual, missing = np.zeros(len(gram)), np.ones(len(index))
    # Once more than a regular system needs, for the rounding of an ill-conditioned one.
    for _ in range(4):
        dual[index] += lapack.dpotrs(factor, missing, lower=1)[0]
        missing = 1 - symmetric_times(gram, dual)[index]
        if np.abs(missing).max() <= 1e-13:
            break
    return support, dual


def principal_submatrix(gram: Array, index: NDArray[np.int64]) -> Array:
    """A copy of some rows and the same columns.

    Examples
    --------
    >>> principal_submatrix(np.array([[1.0, 2.0], [2.0, 5.0]]), np.array([1]))
    array([[5.]])
    """
    return gram.copy() if len(index) == len(gram) else gram[np.ix_(index, index)]


def regular_factor(gram: Array) -> Array | None:
    """The Cholesky factor that LAPACK puts in place of G; None where its examples are dependent.

    Examples
    --------
    >>> regular_factor(np.ones((2, 2))) is None
    True
    """
    size = gram.diagonal().copy()
    factor: Array
    with sound_blas(len(gram)):
        factor, failed = lapack.dpotrf(gram.T, lower=1, clean=0, overwrite_a=1)
    if failed or not (factor.diagonal() ** 2 > _DEPENDENT * size).all():
        return None
    return factor


def exchange_singly(rows: Array) -> Array:
    """Dual active set (Goldfarb & Idnani 1983): one example in or out at a time.

    The support's examples stay independent. An example that is violated, depends on them, and can
    push none of them out proves that the data cannot be separated.

    Parameters
    ----------
    rows : array (n, p)
        The examples z_i, in any coordinates.

    Raises
    ------
    NotSeparableError
        With the non-negative combination of examples that vanishes as its evidence.

    Examples
    --------
    >>> exchange_singly(np.array([[1.0, 0.0], [1.0, 0.0], [2.0, 2.0]]))
    array([1., 0., 0.])
    """
    n, p = rows.shape
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    dual, margins = np.zeros(n), np.zeros(n)
    support: list[int] = []
    span = _Span(p, min(n, p))
    for _ in range(100 * n + 100):
        entering = int(np.argmax((1 - margins) / lengths))
        if margins[entering] >= 1 - 1e-12:
            dual[support] = span.solve(span.solve(np.ones(len(support)), transposed=True))
            return np.maximum(dual, 0)
        while True:
            along, beyond = span.split(rows[entering])
            ratio = span.solve(along)
            remaining = float(beyond @ beyond)
            independent = remaining > _DEPENDENT * lengths[entering] ** 2
            full = (1 - margins[entering]) / remaining if independent else np.inf
            blocking = np.divide(
                dual[support], ratio, out=np.full(len(support), np.inf), where=ratio > 0
            )
            step = min(full, float(blocking.min(initial=np.inf)))
            if not np.isfinite(step):
                combined = rows[entering] - ratio @ rows[support]
                total = lengths[entering] - ratio @ lengths[support]
                raise NotSeparableError(
                    f"the examples cannot be separated: a non-negative combination of "
                    f"{len(support) + 1} of them (example {entering} among them) vanishes. "
                    "Add features, or remove label noise.",
                    evidence=float(np.linalg.norm(combined) / total),
                )
            dual[support] -= step * ratio
            dual[entering] += step
            if independent:
                margins += step * times(rows, beyond)
            if step == full:
                span.append(along, beyond)
                support.append(entering)
                break
            leaving = int(np.argmin(blocking))
            dual[support.pop(leaving)] = 0.0
            span.remove(leaving)
    raise PitfallsError(f"the max margin did not finish: {BARELY_SEPARABLE}")


class _Span:
    """Independent examples as the columns of QR, which come and go without a new factorisation."""

    def __init__(self, length: int, most: int) -> None:
        self._room: Array = np.empty((length, most), order="F")
        self._r: Array = np.zeros((0, 0))

    @property
    def _q(self) -> Array:
        return self._room[:, : len(self._r)]

    def split(self, example: Array) -> tuple[Array, Array]:
        """Its coordinates along Q, and what is left of it, orthogonal to Q to the last digit."""
        along = times(self._q.T, example)
        beyond = example - times(self._q, along)
        again = times(self._q.T, beyond)
        return along + again, beyond - times(self._q, again)

    def solve(self, right: Array, transposed: bool = False) -> Array:
        """R⁻¹x or R⁻ᵀx."""
        if not right.size:
            return right
        return np.asarray(lapack.dtrtrs(self._r, right, trans=int(transposed))[0])

    def append(self, along: Array, beyond: Array) -> None:
        k, pivot = len(along), np.linalg.norm(beyond)
        r: Array = np.zeros((k + 1, k + 1), order="F")
        r[:k, :k], r[:k, k], r[k, k] = self._r, along, pivot
        self._room[:, k], self._r = beyond / pivot, r

    def remove(self, position: int) -> None:
        k = len(self._r) - 1
        if k == 0:
            self._r = np.zeros((0, 0))
            return
        q, r = qr_delete(self._q, self._r, position, which="col", check_finite=False)
        self._room[:, :k], self._r = q[:, :k], np.asfortranarray(r[:k])
