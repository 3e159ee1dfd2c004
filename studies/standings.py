"""Methods side by side: what each is worth at a time and in the limit, and when to stop it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..theory import SettingError
from ..theory.generalization import window
from .comparison import SAME, TOLERANCE, Curve, Standing
from .leads import leads

__all__ = ["standings"]

Array: TypeAlias = NDArray[np.float64]


def standings(
    curves: Sequence[Curve], times: Array, time: float | None
) -> tuple[list[Standing], list[Curve]]:
    """Rank methods, and sort their curves alike; equal ones keep their order.

    Parameters
    ----------
    curves : sequence of Curve
    times : array (T,)
    time : float, optional
        One of the times: what to rank by, the limit if there is none.

    Raises
    ------
    SettingError
        There is nothing to rank.

    Examples
    --------
    >>> from pitfalls.theory import Solution
    >>> end, times = Solution(1.0, 0.0, 0.0), np.array([1.0, 10.0])
    >>> early = Curve("a", "a", np.array([0.9, 0.5]), end, 0.5)
    >>> late = Curve("b", "b", np.array([0.7, 0.7]), end, 0.8)
    >>> [each.name for each in standings([early, late], times, 1.0)[0]]
    ['a', 'b']
    >>> [each.name for each in standings([early, late], times, None)[0]]
    ['b', 'a']
    """
    if not curves:
        raise SettingError("objectives", [], "some that exist here")
    limits = np.array([curve.limit for curve in curves])
    index = None if time is None else int(np.searchsorted(times, time))
    values = limits if index is None else np.array([curve.worst[index] for curve in curves])
    # Equal up to rounding: what the limit says then, and else the order given.
    order = sorted(range(len(curves)), key=lambda k: (_rank(values, k), _rank(limits, k)))
    ranked = [curves[k] for k in order]
    leading = leads(times, np.stack([curve.worst for curve in ranked]))
    found = []
    for k, stretches in zip(order, leading, strict=True):
        curve = curves[k]
        around = window(times, curve.worst, TOLERANCE)
        best = float(curve.worst.max())
        at_error = None if index is None or curve.error is None else float(curve.error[index])
        found.append(
            Standing(
                method=curve.method,
                name=curve.name,
                worst_at_time=None if index is None else float(curve.worst[index]),
                error_at_time=at_error,
                worst_in_limit=curve.limit,
                error_in_limit=curve.limit_error,
                best=best,
                best_time=float(times[curve.worst.argmax()]),
                window=around,
                lasts=bool(around[1] == times[-1]) and curve.limit >= best - TOLERANCE,
                leads=stretches,
                rank=None if index is None else _rank(values, k),
                rank_in_limit=_rank(limits, k),
            )
        )
    return found, ranked


def _rank(values: Array, k: int) -> int:
    """One more than there are better ones, by more than rounding."""
    return 1 + int((values > values[k] + SAME).sum())
