"""The orthogonal limit (d ≫ n log n): where training goes, how, and for how long.

E Eᵀ → s²·I, s² = σ²d: examples of one cell share one dual weight (P3–P8, P10, P11, P13, P15, P16).
"""

from __future__ import annotations

import math

from scipy.special import expit

from .cells import cell_system
from .crossing import crossing_times, log_crossing_time
from .decoupled import decoupled_flow
from .delay import critical_decay, crossing_exponent, log_fitting_time
from .dynamics import Asymptote, asymptote, flow
from .influence import LeaveOneOut, leave_one_out, leave_one_out_flow
from .label_noise import harmless_aspect, log_peak_time, noise_factor
from .objective import Objective
from .results import Solution
from .ridge import ridge_path
from .setting import Setting
from .squared_hinge import curing_scale, lasting_cure, max_margin

__all__ = [
    "Asymptote",
    "LeaveOneOut",
    "asymptote",
    "critical_decay",
    "critical_memory",
    "crossing_exponent",
    "crossing_times",
    "curing_scale",
    "decoupled_flow",
    "first_step",
    "flow",
    "harmless_aspect",
    "lasting_cure",
    "leave_one_out",
    "leave_one_out_flow",
    "log_crossing_time",
    "log_fitting_time",
    "log_peak_time",
    "max_margin",
    "noise_factor",
    "ridge_path",
]


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
