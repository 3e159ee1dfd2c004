"""What the max margin says: κ*, feature noise, finite d/n, cure, subsampling (P4, P13, P14)."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import sympy as sp

from .primal import Weights, max_margin
from .symbols import (
    Cells,
    core_noise,
    delta,
    erm,
    gamma,
    general,
    kappa,
    n,
    rho,
    scale_maj,
    scale_min,
    spurious_noise,
)

__all__ = [
    "critical_memory",
    "curing_ratio",
    "interpolator",
    "lasting_cure",
    "noisy_critical_memory",
    "noisy_max_margin",
    "proportional_problem",
    "root",
    "subsampled",
]


def root(expression: Any, unknown: Any) -> Any:
    """The only non-zero root of a rational expression."""
    numerator, _ = sp.fraction(sp.factor(expression))
    factors = [f for f, _ in sp.factor_list(numerator, unknown)[1] if f.has(unknown)]
    roots = [sp.factor(r) for f in factors for r in sp.roots(f, unknown)]
    (found,) = [r for r in roots if r != 0]
    return found


@cache
def critical_memory() -> Any:
    """κ*: the root in κ of the minority margin (P4).

    Examples
    --------
    >>> critical_memory().subs({rho: sp.Rational(9, 10), gamma: 5})
    9/19
    """
    return root(max_margin(erm()).minority_margin, kappa)


def _mean(expression: Any, *normals: Any) -> Any:
    """Of a polynomial of degree 2 over independent standard normals: moments 0 and 1."""
    moment = {0: 1, 1: 0, 2: 1}
    terms = sp.Poly(sp.expand(expression), *normals).terms()
    return sum(c * sp.prod(moment[power] for power in powers) for powers, c in terms)


@cache
def noisy_max_margin() -> Weights:
    """Max margin with feature noise where every example is a support vector: ridge regression (P3).

    A tight margin fixes an example's own x = (1 − uᵀv)/(κn); put into ½‖w‖² it leaves
    ½‖v‖² + E[(1 − uᵀv)²]/(2κ) in v = (w_y, w_a), which is stationary. No dual weights per cell.

    Examples
    --------
    >>> noisy_max_margin().spurious.subs(gamma, 1).subs(core_noise, 0).subs(spurious_noise, 0)
    kappa*(2*rho - 1)/(kappa**2 + 2*kappa - 4*rho**2 + 4*rho)
    """
    core, spurious, y, a, x = sp.symbols("w_y w_a zeta_y zeta_a x", real=True)
    squares: Any = sp.S.Zero
    for (u, v), share in zip(erm().means, erm().shares, strict=True):
        plane = (u + core_noise * y) * core + (v + gamma * spurious_noise * a) * spurious
        (own,) = sp.solve(plane + kappa * n * x - 1, x)
        squares += n * share * _mean(kappa * n * own**2, y, a)
    energy = (core**2 + spurious**2 + squares) / 2
    system = [sp.diff(energy, w) for w in (core, spurious)]
    ((w_y, w_a),) = sp.linsolve(system, [core, spurious])
    memory = squares.subs({core: w_y, spurious: w_a})
    return Weights(sp.factor(w_y), sp.factor(w_a), sp.factor(memory), ())


@cache
def noisy_critical_memory() -> Any:
    """The interpolator's threshold with feature noise: the root in κ of its minority margin (P4).

    Examples
    --------
    >>> noisy_critical_memory().subs({core_noise: 0, spurious_noise: 0}).equals(critical_memory())
    True
    """
    return root(noisy_max_margin().minority_margin, kappa)


def proportional_problem(cells: Cells) -> tuple[Any, Any]:
    """P9 with every example active: the cost, and what its constraint says is at most 0.

    F = E(1/Δ − m − τZ)², no positive part taken, and σ² = κ/δ; in the unknowns (w_y, w_a, r).

    Examples
    --------
    >>> str(proportional_problem(erm())[0])
    'r**2 + w_a**2 + w_y**2'
    """
    core, spurious, memory, z = sp.symbols("w_y w_a r Z", real=True)
    variance = kappa / delta
    noise = core_noise**2 * core**2 + gamma**2 * spurious_noise**2 * spurious**2
    tau = sp.Symbol("tau", positive=True)
    missing = sum(
        share * _mean((c - u * core - v * spurious - tau * z) ** 2, z)
        for share, c, (u, v) in zip(cells.shares, cells.target, cells.means, strict=True)
    )
    missing = sp.expand(missing).subs(tau**2, variance * memory**2 + noise)
    return core**2 + spurious**2 + memory**2, missing - variance * memory**2 * delta


@cache
def interpolator(cells: Cells) -> Weights:
    """Max margin at finite d/n = δ > 1 where every example is a support vector (P14).

    P9's problem: the tight constraint gives r², what is left is stationary in the plane weights.
    It is the ridge of P3 with κ(1 − 1/δ) for κ. No dual weights per cell.

    Examples
    --------
    >>> from pitfalls.theory.symbolic import erm
    >>> found = interpolator(erm()).core.subs({core_noise: 0, spurious_noise: 0, gamma: 1, rho: 1})
    >>> sp.factor(found - 1 / (2 + kappa * (1 - 1 / delta)))
    0
    """
    cost, constraint = proportional_problem(cells)
    core, spurious, memory = sp.symbols("w_y w_a r", real=True)
    square = sp.Symbol("r2", positive=True)
    (tight,) = sp.solve(sp.expand(constraint).subs(memory**2, square), square)
    energy = cost.subs(memory**2, tight)
    system = [sp.diff(energy, w) for w in (core, spurious)]
    ((w_y, w_a),) = sp.linsolve(system, [core, spurious])
    squares = tight.subs({core: w_y, spurious: w_a})
    return Weights(sp.factor(w_y), sp.factor(w_a), sp.factor(squares), ())


@cache
def curing_ratio() -> Any:
    """Δ_maj/Δ_min whose max margin has w_a = 0 (P13).

    Examples
    --------
    >>> curing_ratio().subs({rho: sp.Rational(1, 2)})
    1
    """
    ratio = sp.Symbol("ratio", positive=True)
    spurious = max_margin(general()).spurious.subs(scale_maj, ratio * scale_min)
    return root(spurious, ratio)


@cache
def lasting_cure() -> Cells:
    """The cells under the curing scale and weights q_g = 1/(π_g Δ_g) (P13).

    Examples
    --------
    >>> lasting_cure().weight[1]
    1/(1 - rho)
    """
    scale = (curing_ratio(), sp.S.One)
    weight = tuple(1 / (share * each) for share, each in zip(erm().shares, scale, strict=True))
    return replace(erm(), weight=weight, scale=scale)


@cache
def subsampled() -> Weights:
    """Max margin after majority examples are removed until the groups are equal (P14).

    Cells of (1−ρ)n examples each, their memory features as they were.

    Examples
    --------
    >>> subsampled().spurious
    0
    """
    full = erm()
    return max_margin(Cells(full.means, (1 - rho, 1 - rho), full.weight, full.shift, full.scale))
