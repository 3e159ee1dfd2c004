"""Moments of a Gaussian hinge, E[(e − √T·Z)₊^k], the one expectation P3 and P9 are made of."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx, ndtr

__all__ = ["Hinge", "hinge"]

Array: TypeAlias = NDArray[np.float64]


class Hinge(NamedTuple):
    """Moments and derivatives of F(e, T) = E[(e − √T·Z)₊²], Z ~ N(0, 1), elementwise.

    With A = e/√T; ∂²F/∂e² is 2Φ(A).

    Attributes
    ----------
    probability : array
        Φ(A) = ∂F/∂T.
    first : array
        √T·(AΦ + φ) = ½·∂F/∂e.
    second : array
        F = T·[(1 + A²)Φ + Aφ].
    cross : array
        ∂²F/∂e∂T = φ/√T.
    curvature : array
        ∂²F/∂T² = −Aφ/(2T).
    """

    probability: Array
    first: Array
    second: Array
    cross: Array
    curvature: Array


def hinge(gap: Array, variance: Array) -> Hinge:
    """Evaluate the Gaussian hinge; zero variance gives the plain hinge (e)₊.

    Parameters
    ----------
    gap : array
        e, any sign.
    variance : array
        T ≥ 0, of the same shape.

    Returns
    -------
    Hinge
        Of arrays of that shape.

    Notes
    -----
    Far on the easy side (A < −1) the bracket cancels; there it is φ(A) times a combination of the
    Mills ratio R(x) = √(π/2)·erfcx(x/√2), x = −A.

    Examples
    --------
    >>> one = np.array([1.0])
    >>> hinge(one, 0 * one).second, hinge(0 * one, one).second
    (array([1.]), array([0.5]))
    """
    gap, variance = np.broadcast_arrays(np.asarray(gap, float), np.asarray(variance, float))
    noisy = variance > 0
    deviation = np.sqrt(np.where(noisy, variance, 1.0))
    # Below −1e6 every moment is zero to the last digit; the bound keeps A² finite.
    ratio = np.maximum(gap / deviation, -1e6)
    density = np.exp(-0.5 * np.minimum(ratio, 1e6) ** 2) / np.sqrt(2 * np.pi)
    probability = ndtr(ratio)
    first = gap * probability + deviation * density
    second = (deviation**2 + gap**2) * probability + deviation * gap * density
    far = ratio < -1
    x = -ratio[far]
    mills = np.sqrt(np.pi / 2) * erfcx(x / np.sqrt(2))
    first[far] = (deviation * density)[far] * np.maximum(1 - x * mills, 0)
    second[far] = (deviation**2 * density)[far] * np.maximum((1 + x**2) * mills - x, 0)
    curvature = -np.clip(ratio, -1e6, 1e6) * density / (2 * deviation**2)
    plain = np.maximum(gap, 0)
    return Hinge(
        probability=np.where(noisy, probability, gap > 0),
        first=np.where(noisy, first, plain),
        second=np.where(noisy, second, plain**2),
        cross=np.where(noisy, density / deviation, 0.0),
        curvature=np.where(noisy, curvature, 0.0),
    )
