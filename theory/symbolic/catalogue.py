"""Every derived closed form by name, as an expression and as LaTeX, and their limits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import sympy as sp

from ..errors import SettingError
from .crossing import divergence, log_crossing_time
from .flow import (
    acceleration,
    asymptote,
    decoupled_argument,
    decoupled_margin,
    first_step,
    ridge_dual,
)
from .influence import held_out_margin, self_influence
from .margin import (
    critical_memory,
    curing_ratio,
    interpolator,
    noisy_critical_memory,
    noisy_max_margin,
    root,
    subsampled,
)
from .primal import max_margin
from .symbols import (
    METHODS,
    delta,
    erm,
    four_cells,
    gamma,
    general,
    kappa,
    label_noise,
    n,
    rho,
    time,
)

__all__ = ["Derivation", "derivations", "latex", "limits"]


@dataclass(frozen=True)
class Derivation:
    """A derived closed form.

    Attributes
    ----------
    name : str
    proposition : str
        Which states it in the documentation: P3, P4, ….
    symbol : str
        LaTeX of what it is the value of.
    expression : Expr

    Examples
    --------
    >>> derivations()["critical memory"].proposition
    'P4'
    """

    name: str
    proposition: str
    symbol: str
    expression: Any

    @property
    def latex(self) -> str:
        r"""The equation in LaTeX.

        Examples
        --------
        >>> derivations()["first step, spurious, ERM"].latex.split("=")[0]
        '\\dot w_a(0) '
        """
        return f"{self.symbol} = {sp.latex(_legible(self.expression))}"


@cache
def _legible(expression: Any) -> Any:
    """The same with signs inside the brackets, 1 − ρ for −(ρ − 1), and powers of κ collected."""
    if expression.is_number or expression.is_Symbol:
        return expression
    transcendental = (sp.log, sp.exp, sp.LambertW)
    if expression.has(*transcendental):
        plain, rest = expression.as_independent(*transcendental, as_Add=False)
        if plain != 1:
            return _legible(plain) * _legible(rest)
        return expression.func(*(_legible(part) for part in expression.args))
    if expression.has(delta):
        # Where δ only shrinks κ, by 1 − 1/δ, it is shown to do so.
        shrunk = sp.cancel(expression.subs(kappa, kappa / (1 - 1 / delta)))
        if not shrunk.has(delta):
            return _legible(shrunk).subs(kappa, kappa * (1 - 1 / delta))
    # Which sign a bracket gets is decided where the formulas are used: the paper's Figure 1.
    typical = {rho: 0.9, gamma: 5, kappa: 0.45, label_noise: 0.1, delta: 3, n: 1000}
    constant, shown = sp.S.One, []
    for part, inverse in zip(sp.fraction(sp.factor(expression)), (1, -1), strict=True):
        number, factors = sp.factor_list(part)
        brackets = []
        for factor, power in factors:
            at = factor.subs(typical).subs(dict.fromkeys(factor.free_symbols, 1))
            sign = -1 if at < 0 else 1
            number *= sign**power
            brackets.append(_collected(sp.expand(sign * factor)) ** power)
        constant *= number**inverse
        shown.append(sp.Mul(*brackets))
    return constant * (shown[0] / shown[1])


def _collected(bracket: Any) -> Any:
    if not (bracket.is_Add and bracket.has(kappa)):
        return bracket
    return sp.collect(bracket, kappa, lambda part: part if part.has(kappa) else _legible(part))


_CELLS = ("clean majority", "clean minority", "flipped majority", "flipped minority")
_NEAR = r"\lim_{\kappa \to \kappa^*} (\kappa^* - \kappa) \log t_\times"


@cache
def derivations() -> dict[str, Derivation]:
    """Every derived closed form by name.

    Examples
    --------
    >>> derivations()["max margin, spurious"].expression.subs({gamma: 1, kappa: 1})
    (2*rho - 1)/(-4*rho**2 + 4*rho + 3)
    """
    rows: list[tuple[str, str, str, Any]] = [
        ("max margin, denominator", "P3", "D", sp.fraction(max_margin(erm()).core)[1])
    ]
    margin = sp.factor(max_margin(erm()).minority_margin)
    for label, cells in (("max margin", erm()), ("max margin, any scale", general())):
        limit = max_margin(cells)
        rows += [
            (f"{label}, majority dual", "P3", r"\alpha_{maj}", limit.dual[0]),
            (f"{label}, minority dual", "P3", r"\alpha_{min}", limit.dual[1]),
            (f"{label}, core", "P3", "w_y", limit.core),
            (f"{label}, spurious", "P3", "w_a", limit.spurious),
            (f"{label}, memory squared", "P3", r"\|w_\varepsilon\|^2", limit.memory_squared),
        ]
    flipped, noisy, removed = max_margin(four_cells()), noisy_max_margin(), subsampled()
    rows += [
        ("label noise, core", "P3", "w_y", flipped.core),
        ("label noise, spurious", "P3", "w_a", flipped.spurious),
        ("label noise, memory squared", "P3", r"\|w_\varepsilon\|^2", flipped.memory_squared),
        ("interpolator, core", "P3", "w_y", noisy.core),
        ("interpolator, spurious", "P3", "w_a", noisy.spurious),
        ("interpolator, memory squared", "P3", r"\|w_\varepsilon\|^2", noisy.memory_squared),
        ("minority margin", "P4", r"w_y - \gamma w_a", margin),
        ("critical memory", "P4", r"\kappa^*", critical_memory()),
        ("interpolator, critical memory", "P4", r"\kappa^*", noisy_critical_memory()),
        ("decoupled argument, majority", "P5", "c", decoupled_argument(general(), 0, time)),
        ("decoupled argument, minority", "P5", "c", decoupled_argument(general(), 1, time)),
        ("decoupled margin, majority", "P5", "m(t)", decoupled_margin(general(), 0, time)),
        ("decoupled margin, minority", "P5", "m(t)", decoupled_margin(general(), 1, time)),
    ]
    law = asymptote(general())
    rows += [
        ("asymptote, majority intercept", "P6", r"\beta_{maj}", law.intercept.dual[0]),
        ("asymptote, minority intercept", "P6", r"\beta_{min}", law.intercept.dual[1]),
        ("asymptote, core intercept", "P6", r"\tilde w_y", law.intercept.core),
        ("asymptote, spurious intercept", "P6", r"\tilde w_a", law.intercept.spurious),
    ]
    label = "asymptote with label noise"
    mixed = asymptote(four_cells()).intercept
    rows += [
        (f"{label}, {cell} intercept", "P6", rf"\beta_{{\text{{{cell}}}}}", beta)
        for cell, beta in zip(_CELLS, mixed.dual, strict=True)
    ]
    rows += [
        (f"{label}, core intercept", "P6", r"\tilde w_y", mixed.core),
        (f"{label}, spurious intercept", "P6", r"\tilde w_a", mixed.spurious),
    ]
    for name, method in METHODS.items():
        start, bend, late = first_step(method()), acceleration(method()), asymptote(method())
        rows += [
            (f"first step, core, {name}", "P7", r"\dot w_y(0)", start.core),
            (f"first step, spurious, {name}", "P7", r"\dot w_a(0)", start.spurious),
            (f"second derivative, spurious, {name}", "P7", r"\ddot w_a(0)", bend.spurious),
            (f"margin's slope, {name}", "P8", "a", sp.factor(late.slope.minority_margin)),
            (f"margin's intercept, {name}", "P8", "b", late.intercept.minority_margin),
            (f"crossing time, {name}", "P8", r"\log t_\times", log_crossing_time(method())),
            (f"crossing time near κ*, {name}", "P8", _NEAR, divergence(method())),
        ]
    ratio = sp.factor(max_margin(erm()).dual[1] / max_margin(erm()).dual[0])
    rows += [
        ("held-out margin, majority", "P10", r"m_{-i}", held_out_margin(0)),
        ("held-out margin, minority", "P10", r"m_{-i}", held_out_margin(1)),
        ("self-influence, majority", "P10", r"\hat\alpha_i/[G^{-1}]_{ii}", self_influence(0)),
        ("self-influence, minority", "P10", r"\hat\alpha_i/[G^{-1}]_{ii}", self_influence(1)),
        ("memorisation ratio", "P10", r"\alpha_{min}/\alpha_{maj}", ratio),
        ("ridge, majority dual", "P11", r"\alpha_{maj}", ridge_dual(general())[0]),
        ("ridge, minority dual", "P11", r"\alpha_{min}", ridge_dual(general())[1]),
        ("curing ratio", "P13", r"\Delta_{maj}/\Delta_{min}", curing_ratio()),
        ("balanced subsampling, core", "P14", "w_y", removed.core),
        ("balanced subsampling, spurious", "P14", "w_a", removed.spurious),
    ]
    label, finite = "interpolator at finite d/n", interpolator(erm())
    rows += [
        (f"{label}, core", "P14", "w_y", finite.core),
        (f"{label}, spurious", "P14", "w_a", finite.spurious),
        (f"{label}, memory squared", "P14", r"\|w_\varepsilon\|^2", finite.memory_squared),
        (f"{label}, critical memory", "P14", r"\kappa^*", root(finite.minority_margin, kappa)),
    ]
    return {row[0]: Derivation(*row) for row in rows}


def latex(name: str) -> str:
    r"""A derived closed form as a LaTeX equation, for documentation and figures.

    Parameters
    ----------
    name : str
        A name in `derivations`.

    Raises
    ------
    SettingError
        There is no derivation of that name.

    Examples
    --------
    >>> latex("first step, core, ERM")
    '\\dot w_y(0) = \\frac{1}{2}'
    """
    listing = derivations()
    if name not in listing:
        raise SettingError("name", name, f"one of {', '.join(listing)}")
    return listing[name].latex


@cache
def limits() -> dict[str, Any]:
    """Limits of the closed forms: κ → 0, κ*, ∞, γ → ∞, ρ → 1, n → ∞.

    Examples
    --------
    >>> limits()["κ → 0, core"]
    1
    """
    limit, critical = max_margin(erm()), critical_memory()
    beyond = sp.cancel(limit.memory_squared / limit.core**2 / kappa)
    found = {
        "κ → 0, core": sp.limit(limit.core, kappa, 0),
        "κ → 0, spurious": sp.limit(limit.spurious, kappa, 0),
        "κ → 0, memory squared": sp.limit(limit.memory_squared, kappa, 0),
        "κ → 0, spurious/κ": sp.limit(sp.cancel(limit.spurious / kappa), kappa, 0),
        "κ → ∞, κ·core": sp.limit(sp.cancel(kappa * limit.core), kappa, sp.oo),
        "κ → ∞, spurious/core": sp.limit(sp.cancel(limit.spurious / limit.core), kappa, sp.oo),
        "κ → ∞, memory²/(κ·core²)": sp.limit(beyond, kappa, sp.oo),
        "γ → ∞, core": sp.limit(limit.core, gamma, sp.oo),
        "γ → ∞, γ·spurious": sp.limit(sp.cancel(gamma * limit.spurious), gamma, sp.oo),
        "γ → ∞, κ*": sp.limit(critical, gamma, sp.oo),
        "ρ → 1, core": sp.cancel(limit.core.subs(rho, 1)),
        "ρ → 1, spurious": sp.cancel(limit.spurious.subs(rho, 1)),
        "ρ → 1, κ*": critical.subs(rho, 1),
        "n → ∞, self-influence of the majority": sp.limit(self_influence(0), n, sp.oo),
        "n → ∞, self-influence of the minority": sp.limit(self_influence(1), n, sp.oo),
        "κ → 0, curing ratio": sp.limit(curing_ratio(), kappa, 0),
        "κ → ∞, curing ratio": sp.limit(curing_ratio(), kappa, sp.oo),
    }
    late = {
        f"κ → κ*, (κ* − κ)·log t×, {name}": divergence(method()) for name, method in METHODS.items()
    }
    return {name: sp.factor(value) for name, value in found.items()} | late
