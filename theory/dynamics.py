"""Gradient flow in the orthogonal limit and its late-time asymptote (P5, P6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import solve_ivp

from .arguments import checked_count, checked_strength, checked_times
from .cells import NODES, CellSystem, cell_system
from .errors import PitfallsError
from .objective import Objective
from .results import Solution, Trajectory
from .setting import Setting

__all__ = ["Asymptote", "asymptote", "flow", "integrate"]

Array: TypeAlias = NDArray[np.float64]

_STATIONARY = 1e-9
"""A flow that would move less than this in a unit of log time has arrived."""


def flow(
    setting: Setting,
    objective: Objective,
    times: ArrayLike,
    *,
    strength: float = 0.0,
    nodes: int = NODES,
) -> Trajectory:
    """Gradient flow from w = 0 in the orthogonal limit, with weight decay if asked for (P5, P11).

    α̇_g = q_gΔ_g·sigmoid(−Δ_g m_g − s_g), m = K α, integrated in log time in the variables
    v = Σ π_g α_g u_g and h_g = κ·α_g (m_g = u_gᵀv + h_g), where nothing grows faster than log t.
    Weight decay λ takes λα_g from α̇_g. Limits: t → 0 is `first_step`·t; t → ∞ is `asymptote`, with
    decay the minimiser of ℓ + (λ/2)‖w‖² that `ridge_path` gives, reached at t ≫ 1/λ.

    Parameters
    ----------
    setting : Setting
        Feature noise is spread over quadrature nodes, each a cell of its own.
    objective : Objective
    times : array_like (T,)
        Increasing times t = binary learning rate × steps, from 0 to 1e16.
    strength : float
        Ridge strength λ (weight decay), in [0, 1e100].
    nodes : int
        Gauss–Hermite nodes per noisy feature.

    Returns
    -------
    Trajectory
        Dual weights (κ-scaled; None at κ = 0) and margins per cell.

    Raises
    ------
    SettingError
        Times, strength or nodes are out of range, or the objective is per example.

    Examples
    --------
    >>> setting = Setting(n=1000, d=25_000, rho=0.9, gamma=5.0, sigma=1.0)
    >>> flow(setting, Objective.erm(), [0.0, 1.0, 1e8]).core.round(6)
    array([0.      , 0.092836, 0.582628])
    """
    grid = checked_times(times)
    decay = checked_strength(strength)
    system = cell_system(setting, objective, checked_count("nodes", nodes, least=1))
    plane, own = integrate(system, grid, decay)
    margins = plane @ system.means.T + own
    dual = own / system.kappa if system.kappa > 0 else None
    return system.trajectory(grid, plane, dual, margins, objective.name)


def integrate(system: CellSystem, times: Array, strength: float = 0.0) -> tuple[Array, Array]:
    """Plane weights (T, 2) and own parts h = κα (T, K) at the times."""
    cells = len(system.shares)
    basis = _free_basis(system)
    means = system.means @ basis.T
    means[np.abs(means) <= 1e-13 * np.abs(means).max(initial=0)] = 0.0
    pull = system.shares[:, None] * means
    # Below t₀ the flow is linear, above it logarithmic.
    first = 1 / system.first_speed(strength)
    largest = float((system.weight * system.scale).max())
    with_memory = system.kappa > 0
    smallest = 1 / max(1.0, strength)

    def residual(state: Array) -> tuple[Array, Array]:
        return system.residual(means @ state[:2] + (state[2:] if with_memory else 0.0))

    def speed(log_time: float, state: Array) -> Array:
        push, _ = residual(state)
        velocity = push @ pull
        if with_memory:
            velocity = np.concatenate((velocity, system.kappa * push))
        return np.asarray(np.exp(log_time) * (velocity - strength * state))

    def jacobian(log_time: float, state: Array) -> Array:
        _, slope = residual(state)
        by_state = slope[:, None] * means
        if with_memory:
            by_state = np.hstack((by_state, np.diag(slope)))
        rows = pull.T @ by_state
        if with_memory:
            rows = np.vstack((rows, system.kappa * by_state))
        return np.asarray(np.exp(log_time) * (rows - strength * np.eye(len(rows))))

    def still_moving(log_time: float, state: Array) -> float:
        return float(np.abs(speed(log_time, state)).max()) - _STATIONARY * smallest

    still_moving.terminal = True  # type: ignore[attr-defined]
    still_moving.direction = -1  # type: ignore[attr-defined]

    state = np.zeros(2 + (cells if with_memory else 0))
    log_times, index = np.unique(np.log(first + times), return_inverse=True)
    states = np.tile(state, (len(log_times), 1))
    if log_times[-1] > np.log(first):
        solved = solve_ivp(
            speed,
            (np.log(first), log_times[-1]),
            state,
            method="LSODA",
            t_eval=log_times,
            rtol=1e-11,
            atol=1e-13 * smallest * max(1.0, 1 / max(largest, 1e-300)),
            jac=jacobian,
            events=still_moving,
        )
        if not solved.success:
            raise PitfallsError(f"the flow could not be integrated: {solved.message}")
        reached = len(solved.t)
        if reached:
            states[:reached] = solved.y.T
        if reached < len(log_times):
            states[reached:] = solved.y_events[0][0]
    states = states[index]
    # The dense output there is zero up to rounding.
    states[times == 0] = 0.0
    return states[:, :2] @ basis, states[:, 2:] if with_memory else np.zeros((len(times), cells))


def _free_basis(system: CellSystem) -> Array:
    """Orthonormal rows; the second is a direction no contradicted cell has a part in, if there is.

    Where u and −u both occur the forces along u cancel to rounding, which late times would multiply
    into the directions across u. Keeping u on an axis of its own keeps it out of them.
    """
    for mean in system.means:
        size = float(np.linalg.norm(mean))
        along = mean / size if size > 0 else mean
        across = np.abs(system.means @ (-along[1], along[0]))
        opposed = (system.means @ along < 0) & (across <= 1e-12 * size)
        if size > 0 and opposed.any():
            return np.array([along, (-along[1], along[0])])
    return np.eye(2)


@dataclass(frozen=True, eq=False)
class Asymptote:
    """α(t) = α̂·log t + β, so w(t) = ŵ·log t + w̃ + o(1) (P6).

    Attributes
    ----------
    slope : Solution
        ŵ with its dual weights α̂: the max margin.
    intercept : Solution
        w̃ with its dual weights β (κ-scaled, per cell; ``memory`` is the norm of its memory part).
    decay : float
        The o(1) decays as t^{−min(1, μ)}: this is min(1, μ), μ the smallest eigenvalue of
        diag(Δα̂)·G, G the Gram matrix of all examples: those of diag(Δα̂)·K, and Δα̂κ for
        differences within a cell.
    """

    slope: Solution
    intercept: Solution
    decay: float
    _system: CellSystem
    _name: str

    @property
    def angle_rate(self) -> float:
        """lim angle(w(t), ŵ)·log t in degrees: ‖P⊥w̃‖/‖ŵ‖, P⊥ projecting off ŵ.

        Examples
        --------
        >>> setting = Setting(n=1000, d=25_000, rho=0.9, gamma=5.0, sigma=1.0)
        >>> round(asymptote(setting, Objective.erm()).angle_rate, 3)
        15.349
        """
        system, slope, intercept = self._system, self.slope, self.intercept
        dual = np.asarray(slope.dual)
        along = float((system.shares * dual) @ np.asarray(intercept.margins)) / slope.norm**2
        across = np.asarray(intercept.dual) - along * dual
        orthogonal = system.solution(across, np.zeros_like(across))
        return float(np.degrees(orthogonal.norm / slope.norm))

    def at(self, times: ArrayLike) -> Trajectory:
        """The asymptote as a trajectory.

        Parameters
        ----------
        times : array_like (T,)
            Increasing times t = rate × steps, > 0; accurate where t is large.

        Examples
        --------
        >>> setting = Setting(n=1000, d=25_000, rho=0.9, gamma=5.0, sigma=1.0)
        >>> asymptote(setting, Objective.erm()).at([1e8]).core.round(6)
        array([0.582628])
        """
        grid = checked_times(times, smallest=1e-300)
        system = self._system
        dual = np.outer(np.log(grid), np.asarray(self.slope.dual)) + np.asarray(self.intercept.dual)
        margins = dual @ system.matrix().T
        return system.trajectory(grid, system.plane(dual), dual, margins, self._name)


def asymptote(setting: Setting, objective: Objective) -> Asymptote:
    """Late-time law of the flow in the orthogonal limit, in closed form (P6).

    K α̂ = 1/Δ and K β = [log(qΔ/α̂) − s]/Δ: every objective with the same scale shares ŵ, and a
    shift s acts exactly as the weight e^{−s}.

    Parameters
    ----------
    setting : Setting
        Without feature noise (then some examples are never support vectors).
    objective : Objective

    Returns
    -------
    Asymptote

    Raises
    ------
    PitfallsError
        The formula does not hold: feature noise, a cell that is no support vector, or a singular K.

    Examples
    --------
    >>> setting = Setting(n=1000, d=25_000, rho=0.9, gamma=5.0, sigma=1.0)
    >>> asymptote(setting, Objective.erm()).slope.dual.round(6)
    array([0.023364, 0.054517])
    """
    if setting.has_feature_noise:
        raise PitfallsError(
            "the asymptote in closed form needs core_noise = spurious_noise = 0: with feature "
            "noise some examples are never support vectors. Use flow, at any time up to 1e16."
        )
    system = cell_system(setting, objective).weighted()
    matrix = system.matrix()
    condition = float(np.linalg.cond(matrix))
    if condition > 1e13:
        raise PitfallsError(
            f"the asymptote needs a regular K, and its condition number here is {condition:.1e} "
            f"(κ = {system.kappa:g}, γ = {setting.gamma:g}): give sigma > 0 and d > 0, or a "
            "smaller gamma. Or use flow."
        )
    slope = np.asarray(np.linalg.solve(matrix, system.target), dtype=float)
    if not (slope > 0).all():
        raise PitfallsError(
            "the asymptote in closed form needs every cell to be a support vector, and the dual "
            f"weights here would be {slope.round(6).tolist()}. Use flow, at any time up to 1e16."
        )
    height = (np.log(system.weight * system.scale / slope) - system.shift) / system.scale
    intercept = np.asarray(np.linalg.solve(matrix, height), dtype=float)
    # With α̇ = α̂/t, a margin that is too large by δ lowers it by Δα̂δ/t.
    rates: Any = np.linalg.eigvals((system.scale * slope)[:, None] * matrix).real
    if system.kappa > 0:
        rates = np.append(rates, system.scale * slope * system.kappa)
    return Asymptote(
        slope=system.solution(slope, system.target),
        intercept=system.solution(intercept, height),
        decay=float(min(1.0, rates.min())),
        _system=system,
        _name=objective.name,
    )
