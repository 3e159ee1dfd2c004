"""The orthogonal limit (d ≫ n log n): max margin, threshold, first step; flow and asymptote.

E Eᵀ → s²·I, s² = σ²d: examples of one cell share one dual weight (P3–P7).
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from .cells import NODES, cell_system
from .convex import minimise
from .dynamics import Asymptote, asymptote, flow
from .frame import Frame, hinge_energy
from .hinge import hinge
from .objective import Objective
from .results import Solution
from .setting import Setting

__all__ = ["Asymptote", "asymptote", "critical_memory", "first_step", "flow", "max_margin"]

Array: TypeAlias = NDArray[np.float64]


def critical_memory(rho: float, gamma: float) -> float:
    """κ* = 4γ²ρ(1−ρ)/(γ²(2ρ−1) − 1): the memory per example above which the minority is lost.

    The zero in κ of the minority margin of the max margin without feature noise,
    (γ²(2ρ−1) − 1)(κ* − κ)/D; inf when γ²(2ρ−1) ≤ 1, where the spurious feature is too weak to win
    at any κ. The sharpened Theorem 2.2 of Bayat et al. (2025); P4.

    Parameters
    ----------
    rho : float
        ρ in [0, 1].
    gamma : float
        γ ≥ 0.

    Returns
    -------
    float
        κ* in [0, inf].

    Raises
    ------
    SettingError
        An argument is out of range.

    Examples
    --------
    >>> critical_memory(0.9, 5.0) * 19
    9.0
    >>> critical_memory(0.9, 1.0)
    inf
    """
    checked = Setting(n=1, d=0, rho=rho, gamma=gamma, sigma=0.0)
    rho, gamma = checked.rho, checked.gamma
    # round() undoes 2·0.9 − 1 = 0.8000000000000000444: κ*'s own digits depend on it.
    excess = gamma**2 * round(2 * rho - 1, 15) - 1
    return 4 * gamma**2 * rho * round(1 - rho, 15) / excess if excess > 0 else math.inf


def max_margin(
    setting: Setting, objective: Objective | None = None, *, nodes: int = NODES
) -> Solution:
    """Max margin in the orthogonal limit, any cells, any scale (P3).

    Minimises κ‖v‖² + Σ π_g E[(1/Δ_g − uᵀv)₊²] over the plane weights v = (w_y, w_a); the κ-scaled
    dual weight of an example is (1/Δ − uᵀv)₊/κ. Without noise and with every α > 0 that is
    K α = 1/Δ, for two cells and Δ = 1
    w_y = (4γ²ρ(1−ρ) + κ)/D, w_a = γκ(2ρ−1)/D, D = 4γ²ρ(1−ρ) + κ(1+γ²) + κ².
    Limits: κ → 0 gives (1, 0, 0); κ → ∞ gives the first-step direction. At κ = 0 the limit κ → 0⁺.

    Parameters
    ----------
    setting : Setting
        Its σ and d enter through κ alone; feature noise is averaged exactly.
    objective : Objective, optional
        Only its scale matters, and which weights are zero; ERM by default.
    nodes : int
        With feature noise the dual weights are reported at this many quadrature nodes per noisy
        feature (the coordinates do not depend on it).

    Returns
    -------
    Solution
        Dual weights and margins per cell (or node), κ-scaled; ``support`` the share with α > 0.

    Raises
    ------
    NotSeparableError
        κ = 0 and the plane alone does not separate the cells.

    Examples
    --------
    >>> setting = Setting(n=300, d=300, rho=0.8, gamma=2.0, sigma=1.0, label_noise=0.1)
    >>> max_margin(setting).coordinates.round(6)
    array([0.33271 , 0.11215 , 0.709151])
    """
    objective = objective or Objective.erm()
    system = cell_system(setting, objective).weighted()
    frame = Frame.choices(system)[0]
    if frame.base is not None and system.kappa == 0 and setting.has_feature_noise:
        return Solution(float(frame.base[0]), float(frame.base[1]), 0.0)

    def energy(x: Array) -> tuple[float, Array, Array]:
        ridge = frame.ridge(x)
        spread = hinge_energy(system.means, system.shares, frame.gap, system.variance, 0.0, x)
        return ridge[0] + spread[0], ridge[1] + spread[1], ridge[2] + spread[2]

    x = minimise(energy, -frame.origin)
    plane = frame.plane(x)
    gap = frame.gap - system.means @ x
    moments = hinge(gap, np.full(len(gap), float(system.variance @ x**2)))
    unit = frame.dual_unit
    if setting.has_feature_noise:
        spread_out = cell_system(setting, objective, nodes).weighted()
        own_plane = spread_out.means @ plane
        dual = np.maximum(spread_out.target - own_plane, 0) / system.kappa
        margins = own_plane + system.kappa * dual
        shares = spread_out.shares
    else:
        dual, shares = unit * moments.first, system.shares
        margins = system.means @ plane + system.kappa * dual
    return Solution(
        core=float(plane[0]),
        spurious=float(plane[1]),
        memory=float(unit * np.sqrt(system.kappa * (system.shares @ moments.second))),
        dual=dual,
        margins=margins,
        shares=shares,
        support=float(system.shares @ moments.probability),
    )


def first_step(setting: Setting, objective: Objective | None = None) -> Solution:
    """The velocity ẇ(0⁺) of the flow from w = 0, per unit of time t = rate × steps (P7).

    v̇ = Σ π_g q_g Δ_g sigmoid(−s_g) u_g and ‖ẇ_ε‖ = √(κ Σ π_g (q_g Δ_g sigmoid(−s_g))²), with or
    without feature noise. ERM's minority margin starts negative iff γ²(2ρ−1) > 1; inverse-frequency
    reweighting and the log-odds shift start with exactly zero spurious weight.

    Parameters
    ----------
    setting : Setting
    objective : Objective, optional
        ERM by default.

    Returns
    -------
    Solution
        The velocity as coordinates, with the dual weights' velocities per cell.

    Examples
    --------
    >>> setting = Setting(n=10, d=50, rho=0.9, gamma=2.0, sigma=1.0)
    >>> first_step(setting).coordinates
    array([0.5       , 0.8       , 1.11803399])
    >>> abs(first_step(setting, Objective.logit_shifting(setting)).spurious) < 1e-16
    True
    """
    system = cell_system(setting, objective or Objective.erm())
    rates = system.weight * system.scale * expit(-system.shift)
    return system.solution(rates, system.means @ system.plane(rates) + system.kappa * rates)
