"""An example's own part in a penalised loss: the proximal point of the logistic loss."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

__all__ = ["Proximal", "proximal"]

Array: TypeAlias = NDArray[np.float64]

_NEWTON_STEPS = 60


class Proximal(NamedTuple):
    """Where loss and penalty balance, elementwise.

    Attributes
    ----------
    logits : array
        z = Δm + s.
    dual : array
        α, κ-scaled.
    bend : array
        −dα/dx.
    """

    logits: Array
    dual: Array
    bend: Array


def proximal(
    given: Array, numbers: tuple[Array, Array, Array], memory: float, strength: float
) -> Proximal:
    """The margin m = x + κα with α = qΔ·sigmoid(−Δm − s)/λ, for a part x that is given.

    It minimises q·log(1 + exp(−Δm − s))/λ + (m − x)²/(2κ). In the logit,
    z − Δx − s = (κqΔ²/λ)·sigmoid(−z), solved for the logarithm of either side, so that λ may be
    1e-100.

    Parameters
    ----------
    given : array
        x.
    numbers : arrays
        q ≥ 0, s and Δ, of shapes that broadcast.
    memory : float
        κ ≥ 0.
    strength : float
        λ > 0.

    Examples
    --------
    >>> one = np.ones(1)
    >>> found = proximal(0 * one, (one, 0 * one, one), 1.0, 1.0)
    >>> bool(abs(found.logits - 1 / (1 + np.exp(found.logits))) < 1e-15)
    True
    """
    weight, shift, scale = numbers
    bare = scale * given + shift
    with np.errstate(divide="ignore"):
        push = np.log(weight * scale) - np.log(strength)
        log_reach = push + np.log(memory * scale)
    logits = bare + np.exp(_log_root(bare, np.broadcast_to(log_reach, bare.shape)))
    dual = np.exp(push - np.logaddexp(0, logits))
    bend = scale * dual * expit(logits)
    return Proximal(logits, dual, bend / (1 + memory * bend))


def _log_root(bare: Array, log_reach: Array) -> Array:
    """log y with y = e^log_reach·sigmoid(−bare − y).

    log y + log(1 + e^(bare + y)) − log_reach is convex and rises in log y, so that Newton's steps
    from above the root go down to it.
    """
    x = np.minimum(log_reach, np.log(np.maximum(log_reach - bare, 1.0)))
    for _ in range(_NEWTON_STEPS):
        y = np.exp(x)
        with np.errstate(invalid="ignore"):
            step = (x + np.logaddexp(0, bare + y) - log_reach) / (1 + y * expit(bare + y))
        step = np.where(np.isfinite(step), step, 0.0)
        x = x - step
        if (np.abs(step) <= 1e-15 * (1 + np.abs(x))).all():
            break
    return np.asarray(x)
