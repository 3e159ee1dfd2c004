"""The random isometry T, which takes functions on the sites to fields of independent normals."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Isometry"]

Array: TypeAlias = NDArray[np.float64]

_NEGLIGIBLE = 1e-7
"""Share of E[x²] below which a part of x needs no ψ of its own: with many, the errors of E[r ξ_j],
one for each ψ, add up."""


class Isometry:
    """T on the span of the functions it has met: T ψ_j = ξ_j, by Gram–Schmidt.

    Functions have one entry more than there are sites: the size of a part along a direction of its
    own, orthogonal to all sites.

    Parameters
    ----------
    xi : array (dimensions, sites)
        Independent standard normals ξ_j of the sites.
    share : array (sites,)
        The sites' measure.

    Examples
    --------
    >>> share = np.full(4, 0.25)
    >>> turn = Isometry(np.array([[1.0, -1.0, 1.0, -1.0], [1.0, 1.0, -1.0, -1.0]]), share)
    >>> turn.of(np.array([2.0, 2.0, 2.0, 2.0, 0.0]), keep=True)
    array([ 2., -2.,  2., -2.])
    >>> turn.adjoint(np.array([3.0, 0.0, 3.0, 0.0]))
    array([1.5, 1.5, 1.5, 1.5, 0. ])
    """

    def __init__(self, xi: Array, share: Array) -> None:
        self._xi, self._share = xi, share
        self.measure = np.append(share, 1.0)
        self._psi = np.zeros((len(xi), len(self.measure)))
        self._known = 0
        self._negligible = _NEGLIGIBLE

    def learn(self, function: Array) -> None:
        """Take what is orthogonal to all ψ as one more."""
        self.of(function, keep=True)

    def tolerate(self, factor: float) -> None:
        """Take a new ψ only for parts ``factor`` times larger than by default."""
        self._negligible = _NEGLIGIBLE * factor

    def of(self, function: Array, keep: bool = False) -> Array:
        """T x on the sites.

        What x has outside the span of the ψ is sent to the next ξ; with ``keep`` it becomes a ψ.
        """
        psi = self._psi[: self._known]
        parts = psi @ (self.measure * function)
        rest = function - parts @ psi
        # Once more: Gram–Schmidt loses orthogonality where little is left.
        again = psi @ (self.measure * rest)
        rest -= again @ psi
        field = (parts + again) @ self._xi[: self._known]
        square = float(self.measure @ rest**2)
        enough = self._negligible * float(self.measure @ function**2)
        if square > enough and self._known < len(self._xi):
            field += np.sqrt(square) * self._xi[self._known]
            if keep:
                self._psi[self._known] = rest / np.sqrt(square)
                self._known += 1
        return np.asarray(field)

    def adjoint(self, push: Array) -> Array:
        """T*r = Σ_j ψ_j E[r ξ_j] of a function of the sites."""
        back = self._xi[: self._known] @ (self._share * push)
        return np.asarray(back @ self._psi[: self._known])
