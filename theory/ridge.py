"""The ridge path in the orthogonal limit: the minimisers of ℓ(w) + (λ/2)‖w‖² (P11)."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import lambertw

from .arguments import checked_count, checked_strengths
from .cells import NODES, CellSystem, cell_system
from .convex import minimise, solve_scaled
from .errors import PitfallsError
from .objective import Objective
from .proximal import Proximal, proximal
from .results import Trajectory
from .setting import Setting

__all__ = ["log_time", "ridge_path"]

Array: TypeAlias = NDArray[np.float64]

_POLISHING = 2
_CERTIFIED = 1e-10


def ridge_path(
    setting: Setting, objective: Objective, strengths: ArrayLike, *, nodes: int = NODES
) -> Trajectory:
    """Minimisers of ℓ(w) + (λ/2)‖w‖² in the orthogonal limit (P11).

    α_g = q_gΔ_g·sigmoid(−Δ_g m_g − s_g)/λ with m = K α: a convex problem in the plane weights v.
    Each cell's own part solves a scalar equation, z − Δuᵀv − s = (κqΔ²/λ)·sigmoid(−z).
    Limits: λ → ∞ is `first_step`/λ; as λ → 0, where every cell is a support vector,
    α = α̂·W(1/λ) + β + o(1) with the intercept β of `asymptote`: λ plays the time t = e^{W(1/λ)},
    λ = 1/(t·log t).

    Parameters
    ----------
    setting : Setting
        Feature noise is spread over quadrature nodes.
    objective : Objective
    strengths : array_like (T,)
        λ, each in [1e-100, 1e100], in any order.
    nodes : int
        Gauss–Hermite nodes per noisy feature.

    Returns
    -------
    Trajectory
        In the order of its ``strengths``; ``times`` are e^{W(1/λ)}, ``loss`` is ℓ without the
        penalty, dual weights (κ-scaled) and margins per cell.

    Raises
    ------
    SettingError
        A strength or the nodes are out of range, or the objective is per example.
    PitfallsError
        Pulls and weights do not balance to 1e-10: a plane barely separable in double precision.

    Examples
    --------
    >>> setting = Setting(n=300, d=300, rho=0.8, gamma=2.0, sigma=1.0, label_noise=0.1)
    >>> ridge_path(setting, Objective.erm(), [1.0, 1e-4, 1e-90]).coordinates.round(6)
    array([[  0.23533 ,   0.191081,   0.342986],
           [  2.59474 ,   0.990777,   5.287121],
           [ 67.390093,  22.834919, 143.377458]])
    """
    grid = checked_strengths(strengths)
    system = cell_system(setting, objective, checked_count("nodes", nodes, least=1))
    size = (system.means**2).sum(axis=1) + system.kappa
    unit = float(system.shares @ (system.weight * system.scale**2 * size)) or 1.0
    plane = np.empty((len(grid), 2))
    dual, margins = np.empty((2, len(grid), len(system.shares)))
    # From the strongest on: the path is nearly straight in W(1/λ), so that it can be extended.
    v, last = np.zeros(2), 1.0
    for k in np.argsort(-grid):
        late = log_time(unit / grid[k])
        while 2 * last < late:
            v = _minimiser(system, v, 2.0, unit / (2 * last * np.exp(2 * last)))
            last *= 2
        v = _minimiser(system, v, max(late / last, 1.0), float(grid[k]))
        last = max(last, late)
        logits, alpha, _ = _cells(system, v, float(grid[k]))
        plane[k], dual[k], margins[k] = v, alpha, (logits - system.shift) / system.scale
    times = np.exp([log_time(1 / strength) for strength in grid])
    return system.trajectory(times, plane, dual, margins, objective.name, strengths=grid)


def log_time(ratio: float) -> float:
    """W(1/λ), the logarithm of the time that λ plays; ``ratio`` is 1/λ in any unit.

    Examples
    --------
    >>> round(log_time(np.e), 12)
    1.0
    """
    return float(np.real(lambertw(ratio)))


def _minimiser(system: CellSystem, before: Array, growth: float, strength: float) -> Array:
    """The plane weights, from those at a stronger λ; everything divided by λ."""
    pull = system.shares[:, None] * system.means

    def energy(v: Array) -> tuple[float, Array, Array]:
        logits, dual, bend = _cells(system, v, strength)
        losses = system.weight / strength * np.logaddexp(0, -logits)
        value = v @ v / 2 + system.shares @ (losses + system.kappa * dual**2 / 2)
        return float(value), v - dual @ pull, np.eye(2) + (bend[:, None] * system.means).T @ pull

    # Where the classes can be separated the weights grow like W(1/λ), elsewhere they stay.
    starts = (before, growth * before)
    v = minimise(energy, min(starts, key=lambda start: energy(start)[0]))
    for _ in range(_POLISHING):
        # A value is blind to the last half of the digits; its derivatives are not.
        _, gradient, hessian = energy(v)
        v = v - solve_scaled(hessian, gradient)
    pulled = _cells(system, v, strength).dual @ np.abs(pull)
    if not (np.abs(energy(v)[1]) <= _CERTIFIED * (pulled + np.abs(v))).all():
        raise PitfallsError(
            f"the ridge path did not converge at λ = {strength:g}: in double precision the plane "
            "is barely separable. Stop at a larger λ, or change the shifts and scales."
        )
    return v


def _cells(system: CellSystem, v: Array, strength: float) -> Proximal:
    """The cells at plane weights v."""
    numbers = (system.weight, system.shift, system.scale)
    return proximal(system.means @ v, numbers, system.kappa, strength)
