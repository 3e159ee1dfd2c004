"""P9's convex problem by a barrier method, polished on its optimality conditions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .cells import CellSystem
from .convex import minimise, solve_scaled
from .errors import NotSeparableError, PitfallsError
from .frame import Frame, hinge_energy
from .hinge import hinge
from .results import Solution

__all__ = ["orthant_energy", "solve"]

Array: TypeAlias = NDArray[np.float64]
Function: TypeAlias = Callable[[Array], tuple[float, Array, Array]]


def solve(system: CellSystem, frame: Frame, delta: float) -> Solution:
    """The max margin of a cell system at d/n = δ, solved in one frame (P9).

    Raises
    ------
    NotSeparableError
        δ is not above the separability threshold.
    PitfallsError
        No convergence in this frame.

    Examples
    --------
    >>> from pitfalls.theory import Objective, Setting
    >>> from pitfalls.theory.cells import cell_system
    >>> system = cell_system(Setting.figure_1(), Objective.erm())
    >>> solve(system, Frame.choices(system)[-1], 1.798).coordinates.round(5)
    array([0.56787, 0.08644, 0.50233])
    """
    means = np.column_stack((frame.means, np.zeros(len(system.shares))))
    variance = np.append(frame.variance, 1 / delta)

    def constraint(z: Array) -> tuple[float, Array, Array]:
        """H − a² with its derivatives."""
        value, gradient, hessian = hinge_energy(means, system.shares, frame.gap, variance, 0.0, z)
        return (
            value - z[2] ** 2,
            gradient - np.array([0, 0, 2 * z[2]]),
            hessian - np.diag([0.0, 0.0, 2.0]),
        )

    def cost(z: Array) -> tuple[float, Array, Array]:
        value, gradient, hessian = frame.ridge(z[:2])
        full = np.diag([0.0, 0.0, 2.0])
        full[:2, :2] = hessian
        return value + z[2] ** 2, np.append(gradient, 2 * z[2]), full

    start = _interior_point(system, frame, delta, constraint)
    z, residual = _polish(cost, constraint, *_follow_barrier(cost, constraint, start))
    plane = frame.plane(z[:2])
    moments = hinge(frame.gap - means @ z, np.full(len(means), float(variance @ z**2)))
    return Solution(
        core=float(plane[0]),
        spurious=float(plane[1]),
        memory=float(frame.dual_unit * np.sqrt(system.kappa) * z[2]),
        support=float(system.shares @ moments.probability),
        kkt_residual=residual,
    )


def orthant_energy(system: CellSystem) -> Function:
    """Σ π_g E[(τZ − u_gᵀw)₊²] of w in units of the features' sizes, as in `Frame`.

    Its minimum is δ_s, the separability threshold.

    Examples
    --------
    Without weights in the plane half of all examples are separated by chance:

    >>> from pitfalls.theory import Objective, Setting
    >>> from pitfalls.theory.cells import cell_system
    >>> energy = orthant_energy(cell_system(Setting.figure_1(), Objective.erm()))
    >>> energy(np.zeros(2))[0]
    0.5
    """
    size, no_target = system.feature_size, np.zeros(len(system.shares))
    means, variance = system.means / size, system.variance / size**2

    def energy(w: Array) -> tuple[float, Array, Array]:
        return hinge_energy(means, system.shares, no_target, variance, 1.0, w)

    return energy


def _interior_point(system: CellSystem, frame: Frame, delta: float, constraint: Function) -> Array:
    """A point with H < a²: far out along the direction that separates best."""
    energy, direction = orthant_energy(system), np.zeros(2)
    if energy(direction)[0] >= 0.9 * delta:
        # Without a finite minimiser the energy falls to zero, so the target is always met.
        direction = minimise(
            energy,
            direction,
            stop_below=0.9 * delta if frame.base is not None else 0.0,
        )
        threshold = energy(direction)[0]
        if threshold >= delta * (1 - 1e-9):
            raise NotSeparableError(
                f"d/n = {delta:g} is not above the separability threshold {threshold:g}: no max "
                "margin exists. Raise d, or lower n, the feature noise or label_noise.",
                evidence=threshold,
            )
    size = 1.0
    for _ in range(200):
        z = np.append(direction * size / np.sqrt(delta), size)
        if constraint(z)[0] < 0:
            return z
        size *= 2
    raise PitfallsError("no interior point found within rounding of the separability threshold")


def _follow_barrier(cost: Function, constraint: Function, start: Array) -> tuple[Array, float]:
    """Minimise s·cost − log(a² − H) for growing s; returns the point and the multiplier.

    The barrier is convex: −log(a² − H) = −log(a − H/a) − log a, and H/a is convex because √H is.
    """
    z, strength = start, 1 / (1e-3 + abs(cost(start)[0]))
    reference = 0.0

    def barrier(point: Array) -> tuple[float, Array, Array]:
        value, gradient, hessian = constraint(point)
        if value >= 0 or point[2] <= 0:
            return np.inf, gradient, hessian
        cost_value, cost_gradient, cost_hessian = cost(point)
        with np.errstate(over="ignore", invalid="ignore"):
            slope = gradient / -value
            bend = hessian / -value + np.outer(slope, slope)
        if not np.isfinite(bend).all():
            return np.inf, gradient, hessian
        return (
            strength * (cost_value - reference) - float(np.log(-value)),
            strength * cost_gradient + slope,
            strength * cost_hessian + bend,
        )

    while True:
        # Against its value at the start: rounding and tolerance then do not grow with s.
        reference = cost(z)[0]
        z = minimise(barrier, z, tolerance=1e-5)
        gap = 1 / strength
        if gap < 1e-7 * max(abs(cost(z)[0]), z[2] ** 2):
            return z, -gap / constraint(z)[0]
        strength *= 30


def _polish(
    cost: Function, constraint: Function, z: Array, multiplier: float
) -> tuple[Array, float]:
    """Newton on ∇cost + μ∇(H − a²) = 0, H = a²; returns the point and its relative residual."""

    def conditions(z: Array, multiplier: float) -> tuple[Array, Array, float]:
        _, cost_gradient, cost_hessian = cost(z)
        value, gradient, hessian = constraint(z)
        residual = np.append(cost_gradient + multiplier * gradient, value)
        jacobian = np.zeros((4, 4))
        jacobian[:3, :3] = cost_hessian + multiplier * hessian
        jacobian[:3, 3] = jacobian[3, :3] = gradient
        size = np.abs(cost_gradient) + np.abs(multiplier * gradient)
        error = np.abs(residual[:3]).max() / size.max() + abs(value) / z[2] ** 2
        return residual, jacobian, float(error)

    residual, jacobian, error = conditions(z, multiplier)
    for _ in range(60):
        step = -solve_scaled(jacobian, residual)
        for length in 0.5 ** np.arange(12):
            nearer = z + length * step[:3]
            following = conditions(nearer, multiplier + length * step[3])
            if nearer[2] > 0 and following[2] < error:
                break
        else:
            break
        z, multiplier = nearer, multiplier + length * step[3]
        residual, jacobian, error = following
    if error > 1e-9:
        raise PitfallsError(f"the max margin did not converge (KKT residual {error:.1e})")
    return z, error
