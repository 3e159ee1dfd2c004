"""Damped Newton for the small smooth convex problems of the theory (two or three unknowns)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .errors import PitfallsError

__all__ = ["minimise", "solve_scaled"]

Array: TypeAlias = NDArray[np.float64]
Evaluation: TypeAlias = tuple[float, Array, Array]


def solve_scaled(matrix: Array, right: Array) -> Array:
    """Least-squares solution of a symmetric system, scaled so that units do not matter.

    Examples
    --------
    >>> solve_scaled(np.diag([1e-40, 1e40]), np.array([1e-40, 1e40]))
    array([1., 1.])
    """
    size = np.sqrt(np.abs(matrix).max(axis=1))
    size[size == 0] = 1.0
    scaled = matrix / np.outer(size, size)
    return np.asarray(np.linalg.lstsq(scaled, right / size, rcond=1e-15)[0] / size)


def minimise(
    function: Callable[[Array], Evaluation],
    start: Array,
    tolerance: float = 1e-13,
    stop_below: float = -np.inf,
    iterations: int = 200,
) -> Array:
    """Minimiser of a convex function given with its gradient and Hessian.

    Parameters
    ----------
    function : callable
        ``x -> (value, gradient, hessian)``; the value is inf outside the domain.
    start : array (k,)
        A point of the domain.
    tolerance : float
        Stop when the Newton decrement, squared and halved, is below ``tolerance·(1 + |value|)``
        and the last full step has been taken.
    stop_below : float
        Stop as soon as the value is at most this.

    Returns
    -------
    array (k,)

    Raises
    ------
    PitfallsError
        No convergence in ``iterations`` steps.

    Examples
    --------
    >>> minimise(lambda x: (float(x @ x), 2 * x, 2 * np.eye(2)), np.array([3.0, -1.0]))
    array([0., 0.])
    """
    x = np.asarray(start, dtype=float)
    value, gradient, hessian = function(x)
    for _ in range(iterations):
        if value <= stop_below:
            return x
        step = -solve_scaled(hessian, gradient)
        squared = -float(gradient @ step)
        small = squared <= 2 * tolerance * (1 + abs(value))
        length = 1.0
        while True:
            candidate = x + length * step
            trial = function(candidate)
            if trial[0] <= value - 0.1 * length * squared:
                break
            length /= 2
            if length < 1e-12:
                # Rounding hides any further descent: this is the minimiser to machine precision.
                return x
        x = np.asarray(candidate)
        value, gradient, hessian = trial
        if small:
            return x
    raise PitfallsError(
        f"Newton's method did not converge in {iterations} steps (squared decrement {squared:.1e})."
    )
