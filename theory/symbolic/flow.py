"""Gradient flow from its loss: first step, second derivative, decoupling, asymptote, ridge.

The loss ℓ = Σ π_g q_g log(1 + exp(−Δ_g m_g − s_g)) and the primal coordinates give the flow; the
rest is differentiation and the matching of orders (P5–P8, P11).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import sympy as sp

from ..errors import PitfallsError
from .primal import Weights, gram, half_norm, margins, primal
from .symbols import Cells, gamma, kappa, n, strength

__all__ = [
    "Asymptote",
    "acceleration",
    "asymptote",
    "decoupled_argument",
    "decoupled_margin",
    "first_step",
    "loss",
    "matched",
    "ridge_dual",
    "velocity",
]


def loss(cells: Cells) -> Any:
    """ℓ in the primal unknowns.

    Examples
    --------
    >>> from pitfalls.theory.symbolic import erm
    >>> sp.expand(loss(erm()).subs({w: 0 for w in primal(erm())}))
    log(2)
    """
    rows = zip(cells.shares, cells.weight, cells.scale, margins(cells), cells.shift, strict=True)
    return sum(
        share * q * sp.log(1 + sp.exp(-scale * margin - shift))
        for share, q, scale, margin, shift in rows
    )


@cache
def velocity(cells: Cells) -> tuple[Any, ...]:
    """ẇ = −∇ℓ(w) in the primal unknowns, whose metric is the Hessian of ½‖w‖².

    Examples
    --------
    >>> from pitfalls.theory.symbolic import erm
    >>> velocity(erm())[2]
    0
    """
    unknowns = primal(cells)
    metric = sp.hessian(half_norm(cells), unknowns)
    gradient = sp.Matrix([sp.diff(loss(cells), unknown) for unknown in unknowns])
    return tuple(-metric.LUsolve(gradient))


def _at_zero(cells: Cells, expressions: tuple[Any, ...]) -> list[Any]:
    at = dict.fromkeys(primal(cells), 0)
    return [sp.factor(expression.subs(at)) for expression in expressions]


def _weights(cells: Cells, core: Any, spurious: Any, dual: tuple[Any, ...]) -> Weights:
    squares = sum(share * alpha**2 for share, alpha in zip(cells.shares, dual, strict=True))
    return Weights(core, spurious, kappa * squares, dual)


@cache
def first_step(cells: Cells) -> Weights:
    """ẇ(0⁺) of the flow from w = 0 (P7).

    Examples
    --------
    >>> from pitfalls.theory.symbolic import erm
    >>> first_step(erm()).spurious
    gamma*(2*rho - 1)/2
    """
    core, spurious, _, *own = _at_zero(cells, velocity(cells))
    return _weights(cells, core, spurious, tuple(n * x for x in own))


@cache
def acceleration(cells: Cells) -> Weights:
    """ẅ(0⁺) of the flow from w = 0: the flow differentiated along itself (P7).

    Examples
    --------
    >>> from pitfalls.theory.symbolic import reweighting, rho
    >>> acceleration(reweighting()).spurious.subs(rho, sp.Rational(3, 4)).factor()
    gamma*kappa/12
    """
    unknowns, speed = primal(cells), velocity(cells)
    start = sp.Matrix(_at_zero(cells, speed))
    slopes = sp.Matrix(speed).jacobian(sp.Matrix(unknowns)).subs(dict.fromkeys(unknowns, 0))
    core, spurious, _, *own = (sp.factor(sp.expand(x)) for x in slopes * start)
    return _weights(cells, core, spurious, tuple(sp.factor(n * x) for x in own))


def decoupled_argument(cells: Cells, cell: int, at: Any) -> Any:
    """c with z + e^z = c, z = Δm + s: the flow of one cell at γ = 1 integrated from w = 0 (P5).

    At γ = 1 the two cells do not feel each other, and ż = k·q·Δ²·sigmoid(−z) separates.

    Parameters
    ----------
    cells : Cells
        Two cells; γ is set to 1.
    cell : int
    at : Expr
        Time.

    Raises
    ------
    PitfallsError
        The cell feels another cell (label noise).

    Examples
    --------
    >>> from pitfalls.theory.symbolic import erm, time
    >>> decoupled_argument(erm(), 0, time).expand()
    kappa*t + 2*rho*t + 1
    """
    z = sp.Symbol("z", real=True)
    one = cells.subs(gamma, 1)
    system = gram(one)
    others = [g for g in range(len(cells.shares)) if g != cell]
    if any(sp.expand(system[cell, other]) != 0 for other in others):
        raise PitfallsError(f"cell {cell} feels another cell, and its margin has no closed form")
    scale, shift, q = one.scale[cell], one.shift[cell], one.weight[cell]
    speed = scale * system[cell, cell] * q * scale / (1 + sp.exp(z))
    # dz/dt depends on z alone: ∫ k·q·Δ²/ż dz = k·q·Δ²·t.
    rate = sp.cancel(speed * (1 + sp.exp(z)))
    left = sp.integrate(sp.expand(sp.cancel(rate / speed)), z)
    return rate * at + left.subs(z, shift)


def decoupled_margin(cells: Cells, cell: int, at: Any) -> Any:
    """m(t) at γ = 1 by Lambert's W: z = c − W(e^c), m = (z − s)/Δ (P5).

    Examples
    --------
    >>> from pitfalls.theory.symbolic import erm
    >>> decoupled_margin(erm(), 0, 0)
    0
    """
    c = decoupled_argument(cells, cell, at)
    one = cells.subs(gamma, 1)
    return sp.simplify(c - sp.LambertW(sp.exp(c)) - one.shift[cell]) / one.scale[cell]


@dataclass(frozen=True)
class Asymptote:
    """w(t) = ŵ·log t + w̃ + o(1).

    Attributes
    ----------
    slope, intercept : Weights
        ŵ with α̂ and w̃ with β.
    height : tuple of Expr
        Kβ, the intercepts of the margins.

    Examples
    --------
    >>> from pitfalls.theory.symbolic import erm, kappa, rho
    >>> law = asymptote(erm())
    >>> law.slope.dual[0].subs({rho: sp.Rational(1, 2), kappa: 1}).factor()
    1/2
    """

    slope: Weights
    intercept: Weights
    height: tuple[Any, ...]


def _late_log_sigmoid(z: Any) -> Any:
    """log sigmoid(−z) up to o(1) as z → ∞, by its limits."""
    x = sp.Symbol("x", positive=True)
    # −log(1 + e^x) with the growing part taken out, so that both limits are of elementary kind.
    whole = -x - sp.log(1 + sp.exp(-x))
    slope = sp.limit(whole / x, x, sp.oo)
    return slope * z + sp.limit(sp.expand(whole - slope * x), x, sp.oo)


@cache
def matched(weight: Any, shift: Any, scale: Any, dual: Any) -> tuple[Any, Any]:
    """Slope and intercept of a margin in log t, by matching orders in the flow (P6).

    With α = α̂·L + β and m = M·L + h, L = log t, the flow says α̂/t = qΔ·sigmoid(−Δm − s): the
    logarithms of the two sides are polynomials in L up to o(1), equal in both coefficients.

    Parameters
    ----------
    weight, shift, scale, dual : Expr
        q, s, Δ and α̂ of a cell.

    Examples
    --------
    >>> q, s, delta, alpha = sp.symbols("q s Delta alpha", positive=True)
    >>> matched(q, s, delta, alpha)
    (1/Delta, -(s - log(Delta) + log(alpha) - log(q))/Delta)
    """
    late, rise, height = sp.symbols("L M h", real=True)
    q, s, delta, alpha = sp.symbols("q s Delta alpha", positive=True)
    right = sp.log(q * delta) + _late_log_sigmoid(delta * (rise * late + height) + s)
    left = sp.log(alpha) - late
    orders = sp.Poly(sp.expand(sp.expand_log(left - right)), late).all_coeffs()
    (solution,) = sp.linsolve(orders, [rise, height])
    at = {q: weight, s: shift, delta: scale, alpha: dual}
    slope, intercept = (sp.factor(value).xreplace(at) for value in solution)
    return slope, intercept


def _linear(expression: Any, unknowns: Sequence[Any]) -> Any:
    """The same with one coefficient per unknown over a common denominator."""
    above, below = sp.fraction(sp.factor(expression))
    return sp.collect(sp.expand(above), unknowns, sp.factor) / below


@cache
def asymptote(cells: Cells) -> Asymptote:
    """Slope and intercept of w(t) in log t where every example is a support vector (P6).

    Examples
    --------
    >>> from pitfalls.theory.symbolic import erm
    >>> asymptote(erm()).height[1].func
    <class 'sympy.core.mul.Mul'>
    """
    system = gram(cells)
    rows = zip(cells.weight, cells.shift, cells.scale, strict=True)
    alphas = sp.symbols(f"alpha1:{len(cells.shares) + 1}", positive=True)
    pairs = [matched(*row, alpha) for row, alpha in zip(rows, alphas, strict=True)]

    def solved(right: Sequence[Any]) -> tuple[Any, ...]:
        (solution,) = sp.linsolve((system, sp.Matrix(right)), *alphas)
        return tuple(sp.factor(x) for x in solution)

    slope = solved([rise for rise, _ in pairs])
    exact = dict(zip(alphas, slope, strict=True))
    height = tuple(h.xreplace(exact) for _, h in pairs)
    heights = sp.symbols(f"h1:{len(cells.shares) + 1}", real=True)
    named = dict(zip(heights, height, strict=True))

    def weights(dual: tuple[Any, ...]) -> Weights:
        pushes = list(zip(cells.shares, dual, cells.means, strict=True))
        core, spurious = (
            sum(share * alpha * mean[axis] for share, alpha, mean in pushes) for axis in (0, 1)
        )
        core, spurious, *own = (
            _linear(x, heights).xreplace(named) for x in (core, spurious, *dual)
        )
        return _weights(cells, core, spurious, tuple(own))

    return Asymptote(weights(slope), weights(solved(heights)), height)


def ridge_dual(cells: Cells) -> tuple[Any, ...]:
    """α_g = qΔ·sigmoid(−Δm − s)/λ, where ℓ + (λ/2)‖w‖² is stationary (P11).

    A fixed point: the margins on the right are those of the primal unknowns, m = K α.

    Examples
    --------
    >>> from pitfalls.theory.symbolic import erm
    >>> ridge_dual(erm())[0].subs({w: 0 for w in primal(erm())})
    1/(2*lambda)
    """
    own, e = primal(cells)[3:], sp.Symbol("e", positive=True)
    rows = zip(own, velocity(cells)[3:], cells.scale, margins(cells), cells.shift, strict=True)
    duals = []
    for x, speed, scale, margin, shift in rows:
        # Stationary: −∇ℓ = λw, in the coordinate x of an example's own features.
        (value,) = sp.solve(speed.subs(sp.exp(-scale * margin - shift), 1 / e) - strength * x, x)
        duals.append(sp.factor(n * value).subs(e, sp.exp(scale * margin + shift)))
    return tuple(duals)
