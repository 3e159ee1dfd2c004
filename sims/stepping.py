"""Log-time integration of a flow: a loop of one's own over SciPy's steppers."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import BDF, DOP853, LSODA, OdeSolver, Radau

from ..theory import PitfallsError

__all__ = ["MOST_PRODUCTS", "TooStiffError", "Watch", "first_time", "integrate"]

Array: TypeAlias = NDArray[np.float64]

MOST_PRODUCTS = 8000
"""With the Gram matrix, after which an explicit method is too slow."""

_STATIONARY = 1e-10
_WIDE = 256


class TooStiffError(Exception):
    """The explicit method has used up its products.

    Examples
    --------
    >>> issubclass(TooStiffError, PitfallsError)
    False
    """


class Watch(NamedTuple):
    """Tells how much of a part of the way is done, in log time.

    Attributes
    ----------
    progress : callable or None
        Is told the share of the whole way.
    done, part : float
        The share before, and that of this part.

    Examples
    --------
    >>> Watch(print, 0.5, 0.5)(np.log(10.0), first=1.0, last=99.0)
    0.75
    """

    progress: Callable[[float], None] | None
    done: float
    part: float

    def __call__(self, log_time: float, first: float, last: float) -> None:
        """Tell it, at a log time τ = log(first + t) on the way to the time ``last``."""
        if self.progress is not None:
            way = np.log1p(last / first)
            share = (log_time - np.log(first)) / way if way > 0 else 1.0
            self.progress(self.done + self.part * min(max(share, 0.0), 1.0))


def first_time(speeds: Array) -> float:
    """Where log time begins: the time in which the fastest margin moves by one.

    Examples
    --------
    >>> first_time(np.array([0.1, -0.5]))
    2.0
    """
    return 1 / max(float(np.abs(speeds).max()), 1e-12)


def integrate(
    speed: Callable[[float, Array], Array],
    state: Array,
    grid: Array,
    first: float,
    size: float,
    tolerance: float,
    jacobian: Callable[[float, Array], Array] | None = None,
    settles: bool = False,
) -> Array:
    """States at given times of a flow in log time.

    Parameters
    ----------
    speed : callable
        dy/dτ of (τ, y), τ = log(first + t).
    state : array (k,)
        At t = 0.
    grid : array (T,)
        Times t, increasing.
    first : float
        Where log time begins.
    size : float
        What the state moves by until the time ``first`` if no forces cancel.
    tolerance : float
        Relative error per step.
    jacobian : callable, optional
        dspeed/dy; with it the method is implicit.
    settles : bool
        Whether to hold the state once it would move by a tiny part of ``size`` in a unit of log
        time.

    Returns
    -------
    array (T, k)

    Raises
    ------
    PitfallsError
        No method got through.

    Examples
    --------
    >>> grid = np.array([0.0, 1.0, 1e6])
    >>> states = integrate(lambda log_time, y: np.exp(log_time - y), np.zeros(1), grid, 1.0, 1.0,
    ...                    1e-10)
    >>> bool(np.abs(states[:, 0] - np.log1p(grid)).max() < 1e-9)
    True
    """

    def moving(log_time: float, state: Array) -> bool:
        # Late times multiply the rounding of forces that cancel: below that there is no motion.
        rounding = 4 * np.finfo(float).eps * np.exp(log_time) / first
        return bool(np.abs(speed(log_time, state)).max() > size * max(_STATIONARY, rounding))

    log_grid, index = np.unique(np.log(first + grid), return_inverse=True)
    states = np.tile(state, (len(log_grid), 1))
    options: dict[str, Any] = {"rtol": tolerance, "atol": 1e-3 * tolerance * size}
    if jacobian is not None:
        options["jac"] = jacobian
    # To a finite minimiser BDF needs a third of LSODA's Jacobians, which cost most in wide states.
    implicit = BDF if settles and len(state) >= _WIDE else LSODA
    for method in (DOP853,) if jacobian is None else (implicit, Radau):
        solver = method(speed, np.log(first), state, log_grid[-1], **options)
        done = int(np.searchsorted(log_grid, solver.t, side="right"))
        if done < len(log_grid) and not moving(solver.t, solver.y):
            break
        while done < len(log_grid):
            message = _step(solver)
            if solver.status == "failed":
                break
            reached = int(np.searchsorted(log_grid, solver.t, side="right"))
            if reached > done:
                states[done:reached] = solver.dense_output()(log_grid[done:reached]).T
                done = reached
            # After every step: at late times rounding soon drives a state at rest off its place.
            if settles and not moving(solver.t, solver.y):
                states[done:] = solver.y
                done = len(log_grid)
        if done == len(log_grid):
            break
    else:
        raise PitfallsError(
            f"the flow could not be integrated: {message} Raise tolerance, or ask for earlier "
            "times."
        )
    states = states[index]
    # The dense output there is the start up to rounding.
    states[grid == 0] = state
    return states


def _step(solver: OdeSolver) -> str | None:
    """One step; what went wrong, if the solver failed."""
    if not isinstance(solver, LSODA):
        return cast("str | None", solver.step())
    with warnings.catch_warnings():
        # LSODA warns where it fails, which its status says too.
        warnings.filterwarnings("ignore", message="lsoda", category=UserWarning)
        return cast("str | None", solver.step())
