"""Leave-one-out and self-influence from reduced systems, at any n (P10)."""

from __future__ import annotations

from functools import cache
from typing import Any

import sympy as sp

from .primal import max_margin
from .symbols import Cells, erm, kappa, n

__all__ = ["held_out_margin", "inverse_diagonal", "leave_one_out", "self_influence"]


@cache
def held_out_margin(cell: int) -> Any:
    """Margin of an example of a cell under the max margin of all others: solved again without it.

    Its own memory features meet nothing in the others' w_ε, so only the plane is left.

    Parameters
    ----------
    cell : int
        0 the majority, 1 the minority.

    Examples
    --------
    >>> from pitfalls.theory.symbolic import gamma, rho
    >>> sp.limit(held_out_margin(0).subs({rho: 1, gamma: 1, kappa: 1}), n, sp.oo)
    2/3
    """
    full = erm()
    shares = tuple(share - sp.Integer(g == cell) / n for g, share in enumerate(full.shares))
    others = max_margin(Cells(full.means, shares, full.weight, full.shift, full.scale))
    u, v = full.means[cell]
    return sp.factor(u * others.core + v * others.spurious)


@cache
def inverse_diagonal(cell: int) -> Any:
    """[G⁻¹]_ii of an example of a cell, G the Gram matrix of all n examples.

    G x = e_i in three unknowns: x_i, the entries of the others of its cell, those of the rest.

    Examples
    --------
    >>> sp.limit(inverse_diagonal(1) * n, n, sp.oo)
    1/kappa
    """
    cells = erm()
    own = sp.Symbol("x_i")
    shared = sp.symbols(f"x1:{len(cells.shares) + 1}")
    counts = [n * share - sp.Integer(g == cell) for g, share in enumerate(cells.shares)]
    points = [cells.means[cell], *cells.means]
    multiples, unknowns = [sp.S.One, *counts], [own, *shared]

    def row(at: int) -> Any:
        u = points[at]
        overlap = sum(
            count * x * (u[0] * w[0] + u[1] * w[1])
            for count, x, w in zip(multiples, unknowns, points, strict=True)
        )
        return overlap + kappa * n * unknowns[at]

    equations = [row(at) - sp.Integer(at == 0) for at in range(len(points))]
    (solution,) = sp.linsolve(equations, unknowns)
    return sp.factor(solution[0])


@cache
def self_influence(cell: int) -> Any:
    """α̂_i/[G⁻¹]_ii: what an example adds to its own margin. Tends to κα_g (P10).

    Examples
    --------
    >>> from pitfalls.theory.symbolic import gamma, rho
    >>> sp.limit(self_influence(0).subs({rho: 1, gamma: 1, kappa: 1}), n, sp.oo)
    1/3
    """
    return sp.factor(max_margin(erm()).dual[cell] / n / inverse_diagonal(cell))


@cache
def leave_one_out(size: int = 3) -> Any:
    """Held-out margin of the first of a few points in general position, less 1 − α̂_1/[G⁻¹]_11.

    The reduced system G_22 α = 1 against the whole inverse, with every entry of G a symbol.

    Examples
    --------
    >>> leave_one_out(2)
    0
    """
    matrix = sp.Matrix(size, size, lambda i, j: sp.Symbol(f"G{min(i, j)}{max(i, j)}"))
    others = matrix[1:, 1:].LUsolve(sp.ones(size - 1, 1))
    held_out = (matrix[0, 1:] * others)[0]
    dual = matrix.LUsolve(sp.ones(size, 1))[0]
    diagonal = matrix.LUsolve(sp.eye(size)[:, 0])[0]
    return sp.cancel(sp.together(held_out - (1 - dual / diagonal)))
