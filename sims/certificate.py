"""What a max margin is certified by, whoever found it."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["BARELY_SEPARABLE", "CERTIFIED", "kkt_residual"]

Array: TypeAlias = NDArray[np.float64]

CERTIFIED = 1e-10
"""KKT residual up to which a max margin holds without further questions."""

BARELY_SEPARABLE = (
    "these data are barely separable in double precision. Remove near-duplicates, or rescale the "
    "features."
)
"""Why a solver may not get there, and what to do."""


def kkt_residual(margins: Array, dual: Array, kept: ArrayLike = True) -> Array:
    """Violation of the optimality conditions at the margin 1; that no α is negative holds exactly.

    The larger of the relative violation of a margin, 1 − min m, and of the relative duality gap
    |Σα − αᵀm|/αᵀm, with αᵀm = ‖w‖².

    Parameters
    ----------
    margins, dual : arrays (…, n)
        Of examples scaled to the margin 1.
    kept : boolean array (…, n)
        The examples that count; all by default.

    Returns
    -------
    array (…)
        inf where the weights are zero or no numbers.

    Examples
    --------
    >>> float(kkt_residual(np.array([1.0, 1.5]), np.array([2.0, 0.0])))
    0.0
    >>> kkt_residual(np.array([[0.75, 1.5], [0.0, 0.0]]), np.array([[2.0, 0.0], [0.0, 0.0]]))
    array([0.33333333,        inf])
    """
    square = (dual * margins).sum(axis=-1)
    short = 1 - np.where(kept, margins, np.inf).min(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        residual = np.maximum(np.abs(dual.sum(axis=-1) - square) / square, short)
    return np.asarray(np.where((square > 0) & ~np.isnan(residual), residual, np.inf))
