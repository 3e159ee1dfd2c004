"""Max margin in the orthogonal limit: a squared hinge in two unknowns (P3); its cure (P13)."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .arguments import checked_count
from .cells import NODES, CellSystem, cell_system
from .convex import minimise
from .curing import balanced_pushes, root_of_the_spurious_weight
from .frame import Frame, hinge_energy
from .hinge import hinge
from .objective import Objective
from .results import Solution
from .setting import Setting

__all__ = ["curing_scale", "lasting_cure", "max_margin", "minimum"]

Array: TypeAlias = NDArray[np.float64]


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
    SettingError
        No nodes, or an objective that is per example.
    NotSeparableError
        κ = 0 and the plane alone does not separate the cells.

    Examples
    --------
    >>> setting = Setting(n=300, d=300, rho=0.8, gamma=2.0, sigma=1.0, label_noise=0.1)
    >>> max_margin(setting).coordinates.round(6)
    array([0.33271 , 0.11215 , 0.709151])
    """
    objective, nodes = objective or Objective.erm(), checked_count("nodes", nodes, least=1)
    system = cell_system(setting, objective).weighted()
    found = minimum(system)
    if not setting.has_feature_noise or system.kappa == 0:
        return found
    spread_out = cell_system(setting, objective, nodes).weighted()
    plane = spread_out.means @ (found.core, found.spurious)
    dual = np.maximum(spread_out.target - plane, 0) / system.kappa
    return replace(found, dual=dual, margins=plane + system.kappa * dual, shares=spread_out.shares)


def minimum(system: CellSystem) -> Solution:
    """Max margin of a cell system; noise in its ``variance`` is averaged, without dual weights.

    Examples
    --------
    >>> minimum(cell_system(Setting(10, 10, 0.5, 1.0, 1.0), Objective.erm())).coordinates
    array([0.5, 0. , 0.5])
    """
    frame = Frame.choices(system)[0]
    noisy = bool(system.variance.any())
    if frame.base is not None and system.kappa == 0 and noisy:
        return Solution(float(frame.base[0]), float(frame.base[1]), 0.0)

    def energy(x: Array) -> tuple[float, Array, Array]:
        ridge = frame.ridge(x)
        spread = hinge_energy(frame.means, system.shares, frame.gap, frame.variance, 0.0, x)
        return ridge[0] + spread[0], ridge[1] + spread[1], ridge[2] + spread[2]

    x = minimise(energy, frame.start)
    plane = frame.plane(x)
    gap = frame.gap - frame.means @ x
    moments = hinge(gap, np.full(len(gap), float(frame.variance @ x**2)))
    unit = frame.dual_unit
    dual = unit * moments.first
    return Solution(
        core=float(plane[0]),
        spurious=float(plane[1]),
        memory=float(unit * np.sqrt(system.kappa * (system.shares @ moments.second))),
        dual=None if noisy else dual,
        margins=None if noisy else system.means @ plane + system.kappa * dual,
        shares=None if noisy else system.shares,
        support=float(system.shares @ moments.probability),
    )


def curing_scale(setting: Setting) -> dict[int, float]:
    """The vector scaling whose max margin has exactly no spurious weight (P13).

    Two cells without feature noise, whatever γ > 0 is:
    Δ_maj/Δ_min = (2 + κ/(1−ρ)) / (2 + κ/ρ), ρ the sample's majority share. In general the root of
    w_a = 0 in the ratio. Its benefit does not end with t → ∞, as that of weights and shifts does.
    Limits: κ → 0 gives 1, κ → ∞ gives ρ/(1−ρ). At finite d/n: `proportional.curing_scale`.

    Parameters
    ----------
    setting : Setting
        With both observed groups.

    Returns
    -------
    dict
        {1: Δ_maj, 0: Δ_min = 1}, for `Objective.vector_scaling`.

    Raises
    ------
    SettingError
        An observed group is empty.
    PitfallsError
        There is no max margin.

    Examples
    --------
    >>> setting = Setting(n=500, d=1000, rho=0.9, gamma=5.0, sigma=0.5)
    >>> scale = curing_scale(setting)
    >>> round(scale[1], 6)
    2.73913
    >>> abs(max_margin(setting, Objective.vector_scaling(setting, scale)).spurious) < 1e-12
    True
    """
    return root_of_the_spurious_weight(setting, max_margin)


def lasting_cure(setting: Setting) -> Objective:
    """The objective that never leans on the spurious feature, from the first step on (P13).

    `curing_scale` with weights q_g ∝ 1/(π_g Δ_g) of mean 1. In the flow from w = 0 both groups push
    alike at every time, so w_a(t) = 0 exactly, with two cells and no feature noise; with noise it
    is zero at the start and in the limit. No other weights, shifts and scales by group do that, up
    to a common factor and a common shift.

    Parameters
    ----------
    setting : Setting
        With both observed groups.

    Returns
    -------
    Objective
        Named "lasting cure".

    Raises
    ------
    SettingError
        An observed group is empty.
    PitfallsError
        There is no max margin.

    Examples
    --------
    >>> setting = Setting(n=500, d=1000, rho=0.9, gamma=5.0, sigma=0.5)
    >>> from pitfalls.theory.dynamics import flow
    >>> run = flow(setting, lasting_cure(setting), [0.1, 10.0, 1e8])
    >>> bool(abs(run.spurious).max() < 1e-12), run.core.round(3)
    (True, array([0.069, 1.108, 5.73 ]))
    """
    return balanced_pushes(setting, curing_scale(setting))
