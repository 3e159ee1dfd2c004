"""Identities among the derived closed forms and their stated values, reduced to zero."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import sympy as sp

from .crossing import divergence
from .flow import acceleration, asymptote, decoupled_margin, first_step, ridge_dual, velocity
from .influence import held_out_margin, leave_one_out, self_influence
from .margin import (
    critical_memory,
    curing_ratio,
    interpolator,
    lasting_cure,
    noisy_critical_memory,
    noisy_max_margin,
    root,
    subsampled,
)
from .primal import gram, margins, max_margin, primal
from .symbols import (
    METHODS,
    core_noise,
    delta,
    erm,
    four_cells,
    gamma,
    general,
    kappa,
    label_noise,
    logit_shifting,
    n,
    reweighting,
    rho,
    scale_maj,
    scale_min,
    shift_maj,
    shift_min,
    spurious_noise,
    strength,
    time,
    weight_maj,
    weight_min,
)

__all__ = ["holds", "identities"]

_D = 4 * gamma**2 * rho * (1 - rho) + kappa * (1 + gamma**2) + kappa**2
"""The denominator D of P3, as it is stated."""

_ODD = 2 * rho - 1
_EXCESS = gamma**2 * _ODD - 1
_CRITICAL = 4 * gamma**2 * rho * (1 - rho) / _EXCESS
"""κ*, as it is stated (P4)."""


def _margin_identities() -> dict[str, Any]:
    limit, scaled, flipped = max_margin(erm()), max_margin(general()), max_margin(four_cells())
    c_maj, c_min = general().target
    left = 1 - 2 * label_noise
    spread = 4 * rho * (1 - rho) + spurious_noise**2 - _ODD * core_noise**2
    own = (1 - rho) * (1 + gamma**2) + kappa, rho * (1 + gamma**2) + kappa
    halved = max_margin(erm().subs([(rho, sp.Rational(1, 2))]))
    shrunk = [(1 - left * (1 - kappa * alpha)) / kappa for alpha in limit.dual]

    def energy(cells: Any) -> Any:
        found = max_margin(cells)
        rows = zip(cells.shares, found.dual, cells.target, strict=True)
        return sum(share * alpha * c for share, alpha, c in rows) - found.norm_squared

    return {
        "P3: D": sp.fraction(limit.core)[1] - _D,
        "P3: α_maj": limit.dual[0] - (2 * gamma**2 * (1 - rho) + kappa) / _D,
        "P3: α_min": limit.dual[1] - (2 * gamma**2 * rho + kappa) / _D,
        "P3: w_y": limit.core - (4 * gamma**2 * rho * (1 - rho) + kappa) / _D,
        "P3: w_a": limit.spurious - gamma * kappa * _ODD / _D,
        "P3: ‖w_ε‖²": limit.memory_squared
        - kappa * (rho * limit.dual[0] ** 2 + (1 - rho) * limit.dual[1] ** 2),
        "P3: α_maj at any scale": scaled.dual[0]
        - (own[0] * c_maj - (1 - rho) * (1 - gamma**2) * c_min) / _D,
        "P3: α_min at any scale": scaled.dual[1]
        - (own[1] * c_min - rho * (1 - gamma**2) * c_maj) / _D,
        "P3: flips shrink w_y": flipped.core - left * limit.core,
        "P3: flips shrink w_a": flipped.spurious - left * limit.spurious,
        "P3: α_maj under flips": flipped.dual[0] - shrunk[0],
        "P3: α_min under flips": flipped.dual[1] - shrunk[1],
        "P3: an example and its flip": flipped.dual[0] + flipped.dual[2] - 2 / kappa,
        "P4: minority margin": limit.minority_margin - _EXCESS * (_CRITICAL - kappa) / _D,
        "P4: κ*": critical_memory() - _CRITICAL,
        "P4: κ* of the interpolator": noisy_critical_memory() - gamma**2 * spread / _EXCESS,
        "P4: interpolator without noise, w_y": noisy_max_margin().core.subs(
            {core_noise: 0, spurious_noise: 0}
        )
        - limit.core,
        "P10: memorisation ratio": limit.dual[1] / limit.dual[0]
        - (2 * gamma**2 * rho + kappa) / (2 * gamma**2 * (1 - rho) + kappa),
        "P13: curing ratio": curing_ratio() - (2 + kappa / (1 - rho)) / (2 + kappa / rho),
        "P13: cured w_a": scaled.spurious.subs(scale_maj, curing_ratio() * scale_min),
        "P14: Σ α/Δ = ‖w‖², any scale": energy(general()),
        "P14: Σ α/Δ = ‖w‖², label noise": energy(four_cells()),
        "P14: Σ α/Δ = ‖w‖², any scale and label noise": energy(four_cells(scaled=True)),
        "P14: w_y = ‖w‖²": limit.core - limit.norm_squared,
        "P14: w_y = Σ α": scaled.core - rho * scaled.dual[0] - (1 - rho) * scaled.dual[1],
        "P14: subsampled w_a": subsampled().spurious,
        "P14: subsampled κ′ = κ/(2(1−ρ))": subsampled().core
        - halved.core.subs(kappa, kappa / (2 * (1 - rho))),
    }


def _finite_identities() -> dict[str, Any]:
    """The interpolator at κ/(1 − 1/δ) is the orthogonal limit's at κ."""
    more, quiet = kappa / (1 - 1 / delta), {core_noise: 0, spurious_noise: 0}
    noisy = interpolator(erm())
    pairs = {
        "feature noise": (noisy, noisy_max_margin(), {}),
        "ERM": (noisy, max_margin(erm()), quiet),
        "any scale": (interpolator(general()), max_margin(general()), quiet),
        "label noise": (interpolator(four_cells()), max_margin(four_cells()), quiet),
    }
    parts = {"w_y": "core", "w_a": "spurious", "‖w_ε‖²": "memory_squared"}
    return {
        **{
            f"P14: interpolator at finite d/n, {part}, {name}": sp.cancel(
                getattr(found, field).subs(at).subs(kappa, more)
            )
            - getattr(limit, field)
            for name, (found, limit, at) in pairs.items()
            for part, field in parts.items()
        },
        "P14: interpolator at finite d/n, κ*": root(noisy.minority_margin, kappa)
        - noisy_critical_memory() / (1 - 1 / delta),
    }


def _flow_identities() -> dict[str, Any]:
    cells = general()
    system, speed, unknowns = gram(cells), velocity(cells), primal(cells)
    rates = [n * x for x in speed[3:]]
    pushes = [
        q * delta / (1 + sp.exp(delta * m + s))
        for q, delta, m, s in zip(
            cells.weight, cells.scale, margins(cells), cells.shift, strict=True
        )
    ]
    moving = [
        sum(sp.diff(m, w) * v for w, v in zip(unknowns, speed, strict=True)) for m in margins(cells)
    ]
    law, limit = asymptote(cells), max_margin(cells)
    weight = tuple(q * sp.exp(-s) for q, s in zip(cells.weight, cells.shift, strict=True))
    as_weight = replace(cells, weight=weight, shift=(sp.S.Zero, sp.S.Zero))
    alone = asymptote(as_weight)
    late_loss = sum(
        p * q * sp.exp(-delta * h - s)
        for p, q, delta, h, s in zip(
            cells.shares, cells.weight, cells.scale, law.height, cells.shift, strict=True
        )
    )
    return {
        **{f"P1: α̇, cell {g + 1}": rates[g] - pushes[g] for g in (0, 1)},
        **{
            f"P5: ṁ = K α̇, cell {g + 1}": moving[g] - sum(system[g, h] * pushes[h] for h in (0, 1))
            for g in (0, 1)
        },
        **{f"P5: margin at γ = 1, cell {g + 1}": _decoupled_residual(g) for g in (0, 1)},
        **{f"P6: slope, cell {g + 1}": law.slope.dual[g] - limit.dual[g] for g in (0, 1)},
        "P6: slope, w_y": law.slope.core - limit.core,
        "P6: slope, w_a": law.slope.spurious - limit.spurious,
        **{
            f"P6: a shift is the weight e^(−s), cell {g + 1}": law.intercept.dual[g]
            - alone.intercept.dual[g]
            for g in (0, 1)
        },
        "P6: t·ℓ → ‖ŵ‖²": late_loss - limit.norm_squared,
        **_noisy_label_identities(),
        **_lasting_identities(),
        **_ridge_identities(),
    }


def _lasting_identities() -> dict[str, Any]:
    """The velocity at w_a = 0 and ρα_maj = (1−ρ)α_min = A: along w_a, and out of that line."""
    cells, push = lasting_cure(), sp.Symbol("A", positive=True)
    core, spurious, beyond, maj, minority = primal(cells)
    own = {maj: push / (n * rho), minority: push / (n * (1 - rho))}
    line = {core: 2 * push, spurious: 0, beyond: 0, **own}
    speed = [
        x.subs(line).replace(sp.exp, lambda power: sp.exp(sp.factor(power)))
        for x in velocity(cells)
    ]
    return {
        "P13: the lasting cure keeps w_a": speed[1],
        "P13: the lasting cure pushes both groups alike": rho * speed[3] - (1 - rho) * speed[4],
    }


def _noisy_label_identities() -> dict[str, Any]:
    """Flips at Δ = 1: the plane feels a group's two cells as one, of their mean folded height."""
    cells = four_cells()
    plane = asymptote(cells).intercept
    heights = [-sp.log(alpha) for alpha in max_margin(cells).dual]
    of_maj, of_min = (
        rho_g * ((1 - label_noise) * heights[g] - label_noise * heights[g + 2])
        for g, rho_g in enumerate((rho, 1 - rho))
    )
    return {
        "P6: w̃_y under flips": plane.core
        - (of_maj * (2 * gamma**2 * (1 - rho) + kappa) + of_min * (2 * gamma**2 * rho + kappa))
        / _D,
        "P6: w̃_a under flips": plane.spurious
        - gamma * (of_maj * (2 * (1 - rho) + kappa) - of_min * (2 * rho + kappa)) / _D,
        **{
            f"P6: β under flips, cell {g + 1}": kappa * plane.dual[g]
            - (heights[g] - u * plane.core - v * plane.spurious)
            for g, (u, v) in enumerate(cells.means)
        },
    }


def _decoupled_residual(cell: int) -> Any:
    """ż − k·q·Δ²·sigmoid(−z) of the implicit solution, W and e^c eliminated by W·e^W = e^c."""
    one = general().subs(gamma, 1)
    q, shift, scale = one.weight[cell], one.shift[cell], one.scale[cell]
    z = scale * decoupled_margin(general(), cell, time) + shift
    (lambert,) = z.atoms(sp.LambertW)
    w = sp.Symbol("W", positive=True)
    rise = sp.diff(z, time).subs(lambert, w)
    speed = gram(one)[cell, cell] * q * scale**2
    # z = log W, as W·e^W = e^c; so e^z is W.
    return rise - speed / (1 + w)


def _ridge_identities() -> dict[str, Any]:
    cells = general()
    zero = dict.fromkeys(primal(cells), 0)
    start = first_step(cells)
    late, alpha, beta = sp.symbols("tau alpha beta", positive=True)
    # λα = α̇ at λ = e^(−τ)/τ and α = α̂τ + β, against α̇ = α̂e^(−τ) of the flow at t = e^τ.
    ratio = (sp.exp(-late) / late) * (alpha * late + beta) / (alpha * sp.exp(-late))
    return {
        **{
            f"P11: fixed point, cell {g + 1}": strength * dual - n * velocity(cells)[3 + g]
            for g, dual in enumerate(ridge_dual(cells))
        },
        **{
            f"P11: λα at λ → ∞, cell {g + 1}": strength * dual.subs(zero) - start.dual[g]
            for g, dual in enumerate(ridge_dual(cells))
        },
        "P11: λ → 0 is the flow at t = e^W(1/λ)": sp.limit(sp.cancel(ratio), late, sp.oo) - 1,
    }


def _time_identities() -> dict[str, Any]:
    found: dict[str, Any] = {
        "P7: ERM's minority starts at 1 − γ²(2ρ−1)": 2 * first_step(erm()).minority_margin
        + _EXCESS,
        "P7: reweighting starts without w_a": first_step(reweighting()).spurious,
        "P7: the shift starts without w_a": first_step(logit_shifting()).spurious,
        "P7: ẅ_a of reweighting": acceleration(reweighting()).spurious
        - gamma * kappa * _ODD / (32 * rho * (1 - rho)),
        "P7: ẅ_a of the shift": acceleration(logit_shifting()).spurious
        + 2 * gamma * rho**2 * (1 - rho) ** 2 * _ODD,
    }
    lines = {}
    for name, method in METHODS.items():
        cells = method()
        law = asymptote(cells)
        l_maj, l_min = (
            sp.log(q / alpha) - s
            for q, alpha, s in zip(cells.weight, max_margin(cells).dual, cells.shift, strict=True)
        )
        bracket = (rho * (1 + gamma**2) + kappa) * l_min + rho * (gamma**2 - 1) * l_maj
        lines[name] = law.intercept.minority_margin
        found[f"P8: a, {name}"] = (
            law.slope.minority_margin - _EXCESS * (critical_memory() - kappa) / _D
        )
        stated = l_min - kappa * bracket / _D
        found[f"P8: b, {name}"] = lines[name] - stated
        found[f"P8: divergence at κ*, {name}"] = divergence(cells) + (stated * _D / _EXCESS).subs(
            kappa, _CRITICAL
        )
    found["P8: divergence at κ*, any numbers"] = divergence(general()) - _divergence()
    middle = lines["ERM"] + lines["logit shifting"] - 2 * lines["reweighting"]
    slope = max_margin(erm()).minority_margin
    found["P8: b of reweighting is midway, up to a·log 4ρ(1−ρ)"] = middle - slope * sp.log(
        4 * rho * (1 - rho)
    )
    return found


def _divergence() -> Any:
    """Of (κ* − κ)·log t×, for any weights, shifts and scales."""
    ratio = rho * (gamma**2 - 1) / ((1 - rho) * (gamma**2 + 1))
    odds = sp.log(ratio * scale_maj * weight_maj / (scale_min * weight_min))
    excess = rho * (gamma**2 - 1) * scale_min - (1 - rho) * (gamma**2 + 1) * scale_maj
    front = 4 * scale_maj * scale_min * gamma**2 * rho**2 * (1 - rho) * (gamma**2 - 1)
    return front * (odds - shift_maj + shift_min) / excess**2


def _influence_identities() -> dict[str, Any]:
    dual = max_margin(erm()).dual
    return {
        "P10: leave one out, three points": leave_one_out(3),
        **{
            f"P10: held-out margin, cell {g + 1}": held_out_margin(g) - (1 - self_influence(g))
            for g in (0, 1)
        },
        **{
            f"P10: self-influence → κα, cell {g + 1}": sp.limit(self_influence(g), n, sp.oo)
            - kappa * dual[g]
            for g in (0, 1)
        },
    }


@cache
def identities() -> dict[str, Any]:
    """Expressions that must be zero, by name: `holds` says whether SymPy reduces each to 0.

    Examples
    --------
    >>> holds(identities()["P4: minority margin"])  # doctest: +SKIP
    True
    """
    return {
        **_margin_identities(),
        **_finite_identities(),
        **_flow_identities(),
        **_time_identities(),
        **_influence_identities(),
    }


def holds(expression: Any) -> bool:
    """Whether an expression is exactly 0 for all legal values of its symbols.

    Logarithms are split into those of their factors (all are of positive numbers) and collected;
    what they multiply is cancelled as a rational function.

    Examples
    --------
    >>> holds((rho + kappa) ** 2 - rho**2 - 2 * rho * kappa - kappa**2)
    True
    >>> holds(rho - sp.Rational(101, 100) * rho)
    False
    """
    plain = sp.sympify(expression).replace(sp.log, _log)
    return bool(sp.cancel(sp.together(plain)) == 0)


def _log(positive: Any) -> Any:
    """The logarithm of a positive number as a sum over its factors, each with a sign of its own."""
    total = sp.S.Zero
    for sign, part in zip((1, -1), sp.fraction(sp.cancel(sp.together(positive))), strict=True):
        number, factors = sp.factor_list(part)
        total += sign * sp.expand_log(sp.log(abs(number)))
        for factor, power in factors:
            # log|f|: a product is positive whatever the signs of the pairs in it.
            negative = factor.could_extract_minus_sign()
            total += sign * power * sp.log(-factor if negative else factor)
    return total
