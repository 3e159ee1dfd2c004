"""What the max margin says: κ*, feature noise, lasting cure, subsampling (P4, P13, P14)."""

from __future__ import annotations

from functools import cache
from typing import Any

import sympy as sp

from .primal import Weights, max_margin
from .symbols import (
    Cells,
    core_noise,
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
    "noisy_critical_memory",
    "noisy_max_margin",
    "subsampled",
]


def _root(expression: Any, unknown: Any) -> Any:
    """The only root of a rational expression whose numerator is linear in the unknown."""
    numerator, _ = sp.fraction(sp.factor(expression))
    factors = [f for f, _ in sp.factor_list(numerator, unknown)[1] if f.has(unknown)]
    roots = [sp.factor(r) for f in factors for r in sp.roots(f, unknown)]
    (root,) = [r for r in roots if r != 0]
    return root


@cache
def critical_memory() -> Any:
    """κ*: the root in κ of the minority margin (P4).

    Examples
    --------
    >>> critical_memory().subs({rho: sp.Rational(9, 10), gamma: 5})
    9/19
    """
    return _root(max_margin(erm()).minority_margin, kappa)


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

    def mean(expression: Any) -> Any:
        """Over independent standard normals: moments 0 and 1."""
        polynomial = sp.Poly(sp.expand(expression), y, a)
        moment = {0: 1, 1: 0, 2: 1}
        return sum(c * moment[i] * moment[j] for (i, j), c in polynomial.terms())

    squares: Any = sp.S.Zero
    for (u, v), share in zip(erm().means, erm().shares, strict=True):
        plane = (u + core_noise * y) * core + (v + gamma * spurious_noise * a) * spurious
        (own,) = sp.solve(plane + kappa * n * x - 1, x)
        squares += n * share * mean(kappa * n * own**2)
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
    return _root(noisy_max_margin().minority_margin, kappa)


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
    return _root(spurious, ratio)


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
