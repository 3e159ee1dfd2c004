"""The proportional limit: n, d → ∞ at fixed δ = d/n, exactly (convex Gaussian min-max; P9)."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .barrier import orthant_energy, solve
from .cells import CellSystem, cell_system
from .convex import minimise
from .curing import balanced_pushes, root_of_the_spurious_weight
from .errors import NotSeparableError, PitfallsError
from .finite_ridge import ridge_path
from .frame import Frame, hinge_energy
from .margin_law import MarginLaw, law_of
from .mean_field import MeanField, descent, flow
from .objective import Objective
from .results import Solution
from .setting import Setting

__all__ = [
    "MarginLaw",
    "MeanField",
    "curing_scale",
    "descent",
    "flow",
    "lasting_cure",
    "margin_law",
    "max_margin",
    "memorization_threshold",
    "ridge_path",
    "separability_threshold",
]

Array: TypeAlias = NDArray[np.float64]


def separability_threshold(setting: Setting, objective: Objective | None = None) -> float:
    """δ_s: in the proportional limit data are separable iff d/n > δ_s (σ > 0).

    δ_s = min over (w_y, w_a) of Σ π_g E[(τZ − u_gᵀw)₊²], τ² = 1 + σ_y²w_y² + γ²σ_a²w_a². It
    does not depend on σ, d or the scale; 0 where the plane alone separates the cells.

    Parameters
    ----------
    setting : Setting
    objective : Objective, optional
        Examples of weight zero do not count; ERM by default.

    Returns
    -------
    float
        In [0, ½].

    Examples
    --------
    >>> setting = Setting(1000, 1000, 0.8, 2.0, 1.0, 0.5, 0.5, label_noise=0.2)
    >>> round(separability_threshold(setting), 6)
    0.396876
    """
    system = cell_system(setting, objective or Objective.erm()).weighted()
    if system.plane_max_margin() is not None:
        return 0.0
    energy = orthant_energy(system)
    return energy(minimise(energy, np.zeros(2)))[0]


def memorization_threshold(setting: Setting, objective: Objective | None = None) -> float:
    """δ_m: where the plane alone separates, the max margin memorises nothing iff d/n ≤ δ_m.

    With v₀ the max margin in the plane and v⊥ orthogonal to it, the point (v₀, 0) is optimal iff
    no direction of the feasible cone at it has v₀ᵀx < 0. Margins grow along v₀, so the best such
    direction has v₀ᵀx = 0:  δ_m = min over s of Σ π_g E[(τZ − s·u_gᵀv⊥)₊²] over the cells tight at
    v₀, τ² = 1 + s²·(noise variance along v⊥): the d/n from which on the examples could be separated
    without the direction v₀. It depends on neither σ nor d, and without feature noise not on γ > 0.

    Parameters
    ----------
    setting : Setting
    objective : Objective, optional
        ERM by default.

    Returns
    -------
    float
        In [0, ½]; 0 where the plane alone does not separate (every max margin then memorises).

    Examples
    --------
    One cell: memory features help only once they could separate random labels, d > n/2.

    >>> memorization_threshold(Setting(100, 40, 1.0, 2.0, 1.0))
    0.5
    >>> setting = Setting(1000, 100, 0.9, 2.0, 1.0)
    >>> round(memorization_threshold(setting), 6), max_margin(setting).coordinates
    (0.255565, array([1., 0., 0.]))
    """
    system = cell_system(setting, objective or Objective.erm()).weighted()
    base = system.plane_max_margin()
    return 0.0 if base is None else _memorization_threshold(system, base)


def _memorization_threshold(system: CellSystem, base: Array) -> float:
    tight = np.abs(system.means @ base - system.target) <= 1e-11 * system.target
    across = base[::-1] * (-1, 1) / np.linalg.norm(base)
    along = (system.means[tight] @ across)[:, None]
    along[np.abs(along) < 1e-12] = 0.0
    variance = np.array([float(system.variance @ across**2)])
    shares, no_target = system.shares[tight], np.zeros(int(tight.sum()))

    def energy(s: Array) -> tuple[float, Array, Array]:
        return hinge_energy(along, shares, no_target, variance, 1.0, s)

    return energy(minimise(energy, np.zeros(1)))[0]


def max_margin(setting: Setting, objective: Objective | None = None) -> Solution:
    """Max margin at finite d/n in the proportional limit, any legal setting (P9).

    Minimises w_y² + w_a² + r² subject to √(Σ π_g F(m_g, τ)) ≤ σ·r·√δ, with
    F = τ²[(1 + A²)Φ(A) + Aφ(A)], A = (1/Δ_g − m_g)/τ, m_g = u_gᵀv and
    τ² = σ²r² + σ_y²w_y² + γ²σ_a²w_a²: a convex problem in (v, r) with one solution, found by a
    barrier method and polished on its optimality conditions. δ → ∞ gives the orthogonal limit, the
    first correction being κ → κ(1 − p/δ), p the share of support vectors. Finite samples spread
    around it by about 1/√n with a bias below about 1/n.

    Parameters
    ----------
    setting : Setting
        Shares are count/n.
    objective : Objective, optional
        Only its scale matters, and which weights are zero; ERM by default.

    Returns
    -------
    Solution
        With ``support`` = Σ π_g Φ(A_g), the share of support vectors, and ``kkt_residual``.

    Raises
    ------
    NotSeparableError
        δ ≤ δ_s, or no example-specific features and an inseparable plane; evidence is δ_s, or 0
        without example-specific features.
    PitfallsError
        No convergence: seen only with all but one in 10⁴ examples in one group and κ < 1e-4, where
        next to nothing is memorised.

    Examples
    --------
    >>> figure_1 = Setting(1000, 1798, 0.9, 5.0, 0.5, 0.12, 0.12)
    >>> max_margin(figure_1).coordinates.round(5)
    array([0.56787, 0.08644, 0.50233])
    >>> round(max_margin(figure_1).support, 4)
    0.5499
    """
    objective = objective or Objective.erm()
    system = cell_system(setting, objective).weighted()
    frames = Frame.choices(system)
    base, delta = frames[0].base, setting.delta
    if base is not None and (setting.kappa == 0 or delta <= _memorization_threshold(system, base)):
        return Solution(float(base[0]), float(base[1]), 0.0)
    for frame in frames[:-1]:
        try:
            return solve(system, frame, delta)
        except NotSeparableError:
            raise
        except PitfallsError:
            continue
    return solve(system, frames[-1], delta)


def margin_law(setting: Setting, objective: Objective | None = None) -> MarginLaw:
    """How the training examples' margins are distributed at the max margin (P9).

    Held out, an example of cell g has a Gaussian margin h of mean u_gᵀv and variance τ²; trained
    on, max(1/Δ_g, h). Without memorisation (d/n ≤ δ_m, or no example-specific features) both are
    its mean and its own feature noise.

    Parameters
    ----------
    setting : Setting
    objective : Objective, optional
        Only its scale matters, and which weights are zero; ERM by default.

    Raises
    ------
    NotSeparableError
        There is no max margin.

    Examples
    --------
    A minority example's memorisation score is its group's test error:

    >>> figure_1 = Setting(1000, 1798, 0.9, 5.0, 0.5, 0.12, 0.12)
    >>> margin_law(figure_1).memorization.round(4)
    array([1.000e-04, 3.046e-01])
    """
    objective = objective or Objective.erm()
    solution = max_margin(setting, objective)
    system = cell_system(setting, objective).weighted()
    return law_of(system, solution, setting.sigma, setting.delta)


def curing_scale(setting: Setting) -> dict[int, float]:
    """The vector scaling whose max margin at this d/n has no spurious weight (P13, in P9).

    The root of w_a = 0 in Δ_maj/Δ_min; d/n → ∞ gives `orthogonal.curing_scale`, d/n ≤ δ_m gives 1.

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
        There is no max margin, or, near the separability threshold, none without spurious weight.

    Examples
    --------
    >>> figure_1 = Setting(1000, 1798, 0.9, 5.0, 0.5, 0.12, 0.12)
    >>> scale = curing_scale(figure_1)
    >>> cured = max_margin(figure_1, Objective.vector_scaling(figure_1, scale))
    >>> round(scale[1], 4), round(cured.accuracy(figure_1).minority, 4)
    (2.669, 0.9825)
    """
    return root_of_the_spurious_weight(setting, max_margin)


def lasting_cure(setting: Setting) -> Objective:
    """The objective that leans least on the spurious feature at this d/n, at all times (P13).

    `curing_scale` at this d/n with weights q_g ∝ 1/(π_g Δ_g) of mean 1: no spurious weight in the
    first step and in the limit, and in between next to none (observed, not proved; exact for
    d/n → ∞, see `orthogonal.lasting_cure`).

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
        There is no max margin, or, near the separability threshold, none without spurious weight.

    Examples
    --------
    >>> figure_1 = Setting(1000, 1798, 0.9, 5.0, 0.5, 0.12, 0.12)
    >>> cure = lasting_cure(figure_1)
    >>> round(cure.weight[0], 3), round(cure.scale[1], 3)
    (7.274, 2.669)
    """
    return balanced_pushes(setting, curing_scale(setting))
