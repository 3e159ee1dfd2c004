"""The proportional limit: n, d → ∞ at fixed δ = d/n, exactly (convex Gaussian min-max; P9)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .cells import CellSystem, cell_system
from .convex import minimise, solve_scaled
from .curing import balanced_pushes, root_of_the_spurious_weight
from .errors import NotSeparableError, PitfallsError
from .finite_ridge import ridge_path
from .frame import Frame, hinge_energy
from .hinge import hinge
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
Function: TypeAlias = Callable[[Array], tuple[float, Array, Array]]


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
    energy = _orthant_energy(system)
    return energy(minimise(energy, np.zeros(2)))[0]


def memorization_threshold(setting: Setting, objective: Objective | None = None) -> float:
    """δ_m: where the plane alone separates, the max margin memorises nothing iff d/n ≤ δ_m.

    With v₀ the hard margin in the plane and v⊥ orthogonal to it, the point (v₀, 0) is optimal iff
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


def _orthant_energy(system: CellSystem) -> Function:
    """Σ π_g E[(τZ − u_gᵀw)₊²] of w in units of the features' sizes, as in `Frame`."""
    size, no_target = system.feature_size, np.zeros(len(system.shares))
    means, variance = system.means / size, system.variance / size**2

    def energy(w: Array) -> tuple[float, Array, Array]:
        return hinge_energy(means, system.shares, no_target, variance, 1.0, w)

    return energy


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
            return _solve(system, frame, delta)
        except NotSeparableError:
            raise
        except PitfallsError:
            continue
    return _solve(system, frames[-1], delta)


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


def _solve(system: CellSystem, frame: Frame, delta: float) -> Solution:
    """P9 in one frame; see `pitfalls.theory.frame`."""
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


def _interior_point(system: CellSystem, frame: Frame, delta: float, constraint: Function) -> Array:
    """A point with H < a²: far out along the direction that separates best."""
    energy, direction = _orthant_energy(system), np.zeros(2)
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
