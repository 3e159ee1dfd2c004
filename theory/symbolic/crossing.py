"""When the minority is lost or recovered late, and how that diverges at the threshold (P8)."""

from __future__ import annotations

from functools import cache
from typing import Any

import sympy as sp

from .flow import asymptote
from .margin import root
from .symbols import Cells, kappa

__all__ = ["divergence", "log_crossing_time"]


def log_crossing_time(cells: Cells) -> Any:
    """log t× = −b/a, where the asymptote of the minority margin a·log t + b is zero (P8).

    Examples
    --------
    >>> from pitfalls.theory.symbolic import erm, gamma, kappa, rho
    >>> figure_1 = {rho: 0.9, gamma: 5, kappa: 0.9 * 9 / 19}
    >>> round(log_crossing_time(erm()).subs(figure_1) / float(sp.log(10)), 5)
    9.79227
    """
    law = asymptote(cells)
    return -law.intercept.minority_margin / law.slope.minority_margin


@cache
def divergence(cells: Cells) -> Any:
    """Limit of (κ* − κ)·log t× as κ → κ*, the cells' own threshold (P8).

    Where κ* > 0. A positive limit belongs to crossings below κ*, a negative one to those above. At
    Δ = 1 it is 4γ²ρ²(1−ρ)(γ²−1)/(γ²(2ρ−1)−1)² times the sum
    log[ρ(γ²−1)/((1−ρ)(γ²+1))] + log(q_maj/q_min) − s_maj + s_min.

    Examples
    --------
    >>> from pitfalls.theory.symbolic import gamma, reweighting, rho
    >>> divergence(reweighting()).subs({rho: sp.Rational(9, 10), gamma: 5})
    -972*log(13/12)/1805
    """
    law = asymptote(cells)
    slope, intercept = law.slope.minority_margin, law.intercept.minority_margin
    critical = root(slope, kappa)
    # a = (κ* − κ)·g: the zero is cancelled, and −b/g has a value at κ*.
    steepness = sp.cancel(slope / (critical - kappa))
    return _one_log((-intercept / steepness).subs(kappa, critical))


def _one_log(expression: Any) -> Any:
    """A factor times a sum of logarithms of positive numbers, as that times one logarithm."""
    plain = sp.factor(expression.replace(sp.log, lambda x: sp.log(sp.factor(x))))

    def sums(part: Any) -> bool:
        return bool(part.is_Add and part.has(sp.log))

    merged = plain.replace(sums, lambda part: sp.logcombine(part, force=True))
    return merged.replace(sp.log, lambda x: sp.log(sp.factor(x)))
