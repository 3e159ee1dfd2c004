"""The max margin from its primal problem: stationarity and tight margins, solved (P3).

Minimise ½‖w‖² subject to Δ_i·m_i ≥ 1, where w = (w_y, w_a, w_ε) and the n·π_g examples of a cell
have memory features ε_i with ε_iᵀε_j = κn·1{i = j}. In the frame of those features and one
direction beyond them, w_ε = Σ x_i ε_i + r. Problem and solution are the same after exchanging two
examples of a cell, and the solution is unique: one x per cell. Nothing else is put in.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import sympy as sp

from .symbols import Cells, gamma, kappa, n

__all__ = ["Weights", "gram", "half_norm", "margins", "max_margin", "primal", "stationarity"]


@dataclass(frozen=True)
class Weights:
    """A point of weight space in the three coordinates, as expressions.

    Attributes
    ----------
    core, spurious : Expr
        w_y, w_a.
    memory_squared : Expr
        ‖w_ε‖².
    dual : tuple of Expr
        κ-scaled dual weights α_g = n·x_g, w = (1/n) Σ α_i z_i.

    Examples
    --------
    >>> from pitfalls.theory.symbolic import erm, rho
    >>> max_margin(erm()).norm_squared.subs({gamma: 1, kappa: 1, rho: sp.Rational(1, 2)})
    1/2
    """

    core: Any
    spurious: Any
    memory_squared: Any
    dual: tuple[Any, ...]

    @property
    def norm_squared(self) -> Any:
        """‖w‖².

        Examples
        --------
        >>> Weights(sp.S(1), sp.S(2), sp.S(3), ()).norm_squared
        8
        """
        return self.core**2 + self.spurious**2 + self.memory_squared

    @property
    def minority_margin(self) -> Any:
        """w_y − γ·w_a, the mean margin of a test example of the minority.

        Examples
        --------
        >>> Weights(sp.S(1), sp.S(2), sp.S(3), ()).minority_margin
        1 - 2*gamma
        """
        return self.core - gamma * self.spurious


def primal(cells: Cells) -> tuple[Any, ...]:
    """The primal unknowns (w_y, w_a, r, x_1, …, x_K).

    Examples
    --------
    >>> from pitfalls.theory.symbolic import erm
    >>> primal(erm())
    (w_y, w_a, r, x1, x2)
    """
    return sp.symbols(f"w_y w_a r x1:{len(cells.shares) + 1}", real=True)  # type: ignore[no-any-return]


def half_norm(cells: Cells) -> Any:
    """½‖w‖² in the primal unknowns.

    Examples
    --------
    >>> from pitfalls.theory.symbolic import erm
    >>> half_norm(erm()).subs({x: 1 for x in primal(erm())}).expand()
    kappa*n**2/2 + 3/2
    """
    core, spurious, beyond, *own = primal(cells)
    squares = sum(n * share * x**2 for share, x in zip(cells.shares, own, strict=True))
    return (core**2 + spurious**2 + beyond**2 + kappa * n * squares) / 2


def margins(cells: Cells) -> tuple[Any, ...]:
    """m_g = u_gᵀ(w_y, w_a) + κn·x_g: of an example's own memory, only its own x is felt.

    Examples
    --------
    >>> from pitfalls.theory.symbolic import erm
    >>> margins(erm())[1]
    -gamma*w_a + kappa*n*x2 + w_y
    """
    core, spurious, _, *own = primal(cells)
    return tuple(
        mean[0] * core + mean[1] * spurious + kappa * n * x
        for mean, x in zip(cells.means, own, strict=True)
    )


def _multipliers(cells: Cells) -> tuple[Any, ...]:
    return sp.symbols(f"mu1:{len(cells.shares) + 1}", real=True)  # type: ignore[no-any-return]


def stationarity(cells: Cells) -> list[Any]:
    """Derivatives of the Lagrangian ½‖w‖² − Σ_i μ_i(Δ_i m_i − 1) by the primal unknowns.

    Examples
    --------
    >>> from pitfalls.theory.symbolic import erm
    >>> stationarity(erm())[2]
    r
    """
    tight = zip(cells.shares, _multipliers(cells), cells.scale, margins(cells), strict=True)
    constraints = sum(n * share * mu * (scale * m - 1) for share, mu, scale, m in tight)
    lagrangian = half_norm(cells) - constraints
    return [sp.diff(lagrangian, unknown) for unknown in primal(cells)]


@cache
def max_margin(cells: Cells) -> Weights:
    """Max margin with every example a support vector: stationarity and Δm = 1, solved.

    It is the solution of the primal problem where its dual weights are not negative.

    Examples
    --------
    >>> from pitfalls.theory.symbolic import erm, rho
    >>> sp.factor(max_margin(erm()).core.subs(rho, sp.Rational(1, 2)))
    1/(kappa + 1)
    """
    tight = [scale * margin - 1 for scale, margin in zip(cells.scale, margins(cells), strict=True)]
    unknowns = [*primal(cells), *_multipliers(cells)]
    (solution,) = sp.linsolve([*stationarity(cells), *tight], unknowns)
    core, spurious, beyond, *rest = (sp.factor(value) for value in solution)
    own = rest[: len(cells.shares)]
    squares = sum(share * x**2 for share, x in zip(cells.shares, own, strict=True))
    memory = sp.factor(beyond**2 + kappa * n**2 * squares)
    return Weights(core, spurious, memory, tuple(sp.cancel(n * x) for x in own))


@cache
def gram(cells: Cells) -> Any:
    """K, from κ-scaled dual weights to margins: stationarity put into the margins.

    Examples
    --------
    >>> from pitfalls.theory.symbolic import erm
    >>> gram(erm())[0, 0].expand()
    gamma**2*rho + kappa + rho
    """
    alphas = sp.symbols(f"alpha1:{len(cells.shares) + 1}")
    weighted = {
        mu: alpha / (n * scale)
        for mu, alpha, scale in zip(_multipliers(cells), alphas, cells.scale, strict=True)
    }
    (weights,) = sp.linsolve([e.subs(weighted) for e in stationarity(cells)], primal(cells))
    at = dict(zip(primal(cells), weights, strict=True))
    of_alpha = sp.Matrix([sp.expand(margin.subs(at)) for margin in margins(cells)])
    return of_alpha.jacobian(sp.Matrix(alphas)).applyfunc(sp.factor).as_immutable()
