"""Max margins of a batch."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..certificate import kkt_residual
from .batch import Batch
from .sources import TILE, TILE_THREADS

__all__ = ["Limits", "max_margins"]

Array: TypeAlias = NDArray[np.float64]

_MOST_EXCHANGES = 100
# Of two tiles.
_SHARED = 2 * 8 * TILE * (TILE + 1)


class Limits(NamedTuple):
    """Max margins of a batch's replicates.

    Attributes
    ----------
    values : array (B, 4)
        Core and spurious weight, ‖w_ε‖, share of support vectors.
    dual, margins : arrays (B, n)
    kkt_residual : array (B,)
        The larger of the relative violation of a margin and the relative duality gap; inf where the
        device has given up.

    Examples
    --------
    >>> Limits(np.zeros((1, 4)), np.zeros((1, 3)), np.zeros((1, 3)), np.zeros(1)).values.shape
    (1, 4)
    """

    values: Array
    dual: Array
    margins: Array
    kkt_residual: Array


def max_margins(batch: Batch, weight: Array, scale: Array) -> Limits:
    """Hard max margin of every replicate, min ½‖w‖² subject to Δ_i·z_iᵀw ≥ 1, with certificates.

    By exchanges of the support in blocks, for examples that are independent; where a certificate
    is too large, `pitfalls.sims.max_margin` has other ways.

    Parameters
    ----------
    batch : Batch
    weight, scale : arrays (B, n)
        q, of which only zeros matter, and Δ.
    """
    device, xp, count, n = batch.device, batch.device.arrays, len(batch), batch.n
    kept = weight > 0
    dual, margins = xp.zeros((count, n)), xp.zeros((count, n))
    found, status = xp.zeros((count, 4)), xp.zeros(count, dtype=np.int32)
    device.launch(
        "exchange.cu",
        "exchange",
        (count, 1, 1),
        TILE_THREADS,
        _SHARED,
        np.int32(n),
        np.int32(batch.matrices.shape[2]),
        np.int32(_MOST_EXCHANGES),
        batch.matrices,
        batch.planes,
        xp.asarray(np.ascontiguousarray(scale, dtype=float)),
        xp.asarray(np.ascontiguousarray(kept, dtype=np.uint8)),
        xp.empty((count, n, n)),
        xp.empty((count, 3, n)),
        xp.empty((count, 2, n), dtype=np.int32),
        dual,
        margins,
        found,
        status,
    )
    values, alpha, m = device.fetch(found), device.fetch(dual), device.fetch(margins)
    values[:, 2] = np.sqrt(np.maximum(values[:, 2], 0.0))
    residual = kkt_residual(scale * m, alpha / scale, kept)
    return Limits(values, alpha, m, np.where(device.fetch(status) == 0, residual, np.inf))
