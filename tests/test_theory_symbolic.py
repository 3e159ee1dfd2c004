"""Closed forms derived by SymPy: identities, limits, bends, and check values."""

import math
import subprocess
import sys

import numpy as np
import pytest
import sympy as sp
from pitfalls.theory import PitfallsError, SettingError, orthogonal, symbolic
from pitfalls.theory.symbolic import catalogue, crossing, flow, influence, margin, primal, proofs
from scipy.optimize import root
from scipy.special import expit
from strategies import of_kappa
from symbolic_values import METHODS, coordinates, point, value

FIGURE_1 = {symbolic.rho: sp.Rational(9, 10), symbolic.gamma: 5}
CRITICAL = sp.Rational(9, 19)
MODULES = (primal, margin, flow, crossing, influence, catalogue, proofs)


def forget():
    for module in MODULES:
        for each in vars(module).values():
            if hasattr(each, "cache_clear"):
                each.cache_clear()


@pytest.mark.slow
def test_every_identity_is_exactly_zero():
    found = symbolic.identities()
    assert len(found) > 50
    assert [name for name in found if not symbolic.holds(found[name])] == []


LIMITS = {
    "κ → 0, core": 1,
    "κ → 0, spurious": 0,
    "κ → 0, memory squared": 0,
    "κ → 0, spurious/κ": "(2*rho - 1)/(4*gamma*rho*(1 - rho))",
    "κ → ∞, κ·core": 1,
    "κ → ∞, spurious/core": "gamma*(2*rho - 1)",
    "κ → ∞, memory²/(κ·core²)": 1,
    "γ → ∞, core": "4*rho*(1 - rho)/(4*rho*(1 - rho) + kappa)",
    "γ → ∞, γ·spurious": "kappa*(2*rho - 1)/(4*rho*(1 - rho) + kappa)",
    "γ → ∞, κ*": "4*rho*(1 - rho)/(2*rho - 1)",
    "ρ → 1, core": "1/(1 + gamma**2 + kappa)",
    "ρ → 1, spurious": "gamma/(1 + gamma**2 + kappa)",
    "ρ → 1, κ*": 0,
    "κ → 0, curing ratio": 1,
    "κ → ∞, curing ratio": "rho/(1 - rho)",
    **{
        f"κ → κ*, (κ* − κ)·log t×, {name}": "4*gamma**2*rho**2*(1 - rho)*(gamma**2 - 1)"
        f"/(gamma**2*(2*rho - 1) - 1)**2*log((gamma**2 - 1)/(gamma**2 + 1)*{odds})"
        for name, odds in {
            "ERM": "rho/(1 - rho)",
            "reweighting": "1",
            "logit shifting": "(1 - rho)/rho",
        }.items()
    },
}


@pytest.mark.parametrize("name", LIMITS)
def test_limit_is_the_stated_one(name):
    names = {str(x): x for x in (symbolic.rho, symbolic.gamma, symbolic.kappa)}
    stated = sp.sympify(LIMITS[name], locals=names)
    assert symbolic.holds(symbolic.limits()[name] - stated)


def test_self_influence_tends_to_the_memory_of_a_cell():
    for g, name in enumerate(("majority", "minority")):
        found = symbolic.limits()[f"n → ∞, self-influence of the {name}"]
        dual = symbolic.max_margin(symbolic.erm()).dual[g]
        assert symbolic.holds(found - symbolic.kappa * dual)
    assert set(symbolic.limits()) - set(LIMITS) == {
        f"n → ∞, self-influence of the {name}" for name in ("majority", "minority")
    }


BENDS = {
    # Where, which entry of what it returns, the symbol whose coefficient there is 1 % off, and
    # the identities that should see it.
    "stationarity in w_y": (primal, "stationarity", 0, "w_y", "_margin"),
    "stationarity in x1": (primal, "stationarity", 3, "x1", "_margin"),
    "margins": (primal, "margins", 1, "x2", "_margin"),
    "velocity": (flow, "velocity", 1, None, "_flow"),
    "velocity of x1": (flow, "velocity", 3, None, "_flow"),
    "curing ratio": (margin, "curing_ratio", None, None, "_flow"),
    "matched": (flow, "matched", 0, None, "_flow"),
    "matched, intercept": (flow, "matched", 1, None, "_flow"),
    "matched, intercept at κ*": (flow, "matched", 1, None, "_time"),
    "divergence": (crossing, "divergence", None, None, "_time"),
    "cost at finite d/n": (margin, "proportional_problem", 0, "w_y", "_finite"),
    "constraint at finite d/n": (margin, "proportional_problem", 1, "r", "_finite"),
    "inverse diagonal": (influence, "inverse_diagonal", None, None, "_influence"),
}
AT_FINITE = "P14: interpolator at finite d/n"
FINITE = {
    f"{AT_FINITE}, {part}"
    for part in ("w_y, feature noise", "w_a, any scale", "w_y, label noise", "‖w_ε‖², ERM")
}
SEEN = {
    "stationarity in w_y": {"P3: w_y", "P14: Σ α/Δ = ‖w‖², any scale", "P4: κ*"},
    "stationarity in x1": {"P3: w_a", "P14: w_y = ‖w‖²", "P13: curing ratio"},
    "margins": {"P3: D", "P3: α_min at any scale", "P4: minority margin"},
    "velocity": {"P5: ṁ = K α̇, cell 1"},
    "velocity of x1": {"P1: α̇, cell 1", "P13: the lasting cure pushes both groups alike"},
    "curing ratio": {
        "P13: the lasting cure keeps w_a",
        "P13: the lasting cure pushes both groups alike",
    },
    "matched": {"P6: slope, w_y", "P6: t·ℓ → ‖ŵ‖²", "P6: w̃_a under flips"},
    "matched, intercept": {
        "P6: w̃_y under flips",
        "P6: w̃_a under flips",
        *(f"P6: β under flips, cell {g}" for g in (1, 2, 3, 4)),
    },
    "matched, intercept at κ*": {
        f"P8: divergence at κ*, {name}" for name in (*METHODS, "any numbers")
    },
    "divergence": {f"P8: divergence at κ*, {name}" for name in (*METHODS, "any numbers")},
    "cost at finite d/n": FINITE,
    "constraint at finite d/n": {*FINITE, f"{AT_FINITE}, κ*"},
    "inverse diagonal": {"P10: held-out margin, cell 1", "P10: self-influence → κα, cell 2"},
}
STEP = sp.Rational(101, 100)


@pytest.mark.slow
@pytest.mark.parametrize("name", BENDS)
def test_a_bent_constant_is_refused(monkeypatch, name):
    module, function, entry, letter, part = BENDS[name]
    exact = getattr(module, function)

    def bent(*arguments):
        found = exact(*arguments)
        if entry is None:
            return found * STEP
        entries = list(found)
        if letter:
            (scaled,) = (x for x in entries[entry].free_symbols if str(x) == letter)
            entries[entry] = entries[entry].subs(scaled, STEP * scaled)
        else:
            entries[entry] *= STEP
        return type(found)(entries)

    for each in MODULES:
        if getattr(each, function, None) is exact:
            monkeypatch.setattr(each, function, bent)
    forget()
    try:
        found = getattr(proofs, f"{part}_identities")()
        assert [each for each in SEEN[name] if symbolic.holds(found[each])] == []
    finally:
        monkeypatch.undo()
        forget()


# --- check values, LaTeX, and the shape of the module ---------------------------------------


def test_worked_example_with_flipped_labels():
    at = {
        symbolic.rho: sp.Rational(4, 5),
        symbolic.gamma: 2,
        symbolic.kappa: 1,
        symbolic.label_noise: sp.Rational(1, 10),
    }
    found = coordinates(symbolic.max_margin(symbolic.four_cells()), at)
    assert [round(x, 6) for x in found] == [0.332710, 0.112150, 0.709151]


def test_threshold_of_the_paper():
    assert symbolic.critical_memory().subs(FIGURE_1) == CRITICAL


@pytest.mark.parametrize(
    ("method", "intercept"), [("ERM", -1.006), ("reweighting", 0.038), ("logit shifting", 1.082)]
)
def test_intercept_at_the_threshold(method, intercept):
    law = symbolic.asymptote(METHODS[method][0]())
    at = {**FIGURE_1, symbolic.kappa: CRITICAL}
    assert round(value(law.intercept.minority_margin, at), 3) == intercept
    assert abs(value(law.slope.minority_margin, at)) < 1e-30
    # −b·D/(γ²(2ρ−1) − 1), with D = 4γ²ρ(1−ρ) + κ*(1+γ²) + κ*².
    expected = -value(law.intercept.minority_margin, at) * float(9 + 26 * CRITICAL + CRITICAL**2)
    found = value(symbolic.divergence(METHODS[method][0]()), at)
    assert found == pytest.approx(expected / 19, rel=1e-14)


@pytest.mark.parametrize("method", METHODS)
def test_divergence_is_the_limit(method):
    cells = METHODS[method][0]()
    late = symbolic.log_crossing_time(cells).subs(FIGURE_1)
    limit = sp.limit((CRITICAL - symbolic.kappa) * late, symbolic.kappa, CRITICAL)
    assert float(limit) == pytest.approx(value(symbolic.divergence(cells), FIGURE_1), rel=1e-14)


@pytest.mark.parametrize(
    ("method", "side"), [("ERM", -1), ("reweighting", 1), ("logit shifting", 1)]
)
def test_divergence_is_that_of_the_numeric_crossing_time(method, side):
    cells, objective = METHODS[method]
    exact, critical, errors = value(symbolic.divergence(cells()), FIGURE_1), float(CRITICAL), []
    for off in (1e-3, 1e-4):
        setting = of_kappa((1 + side * off) * critical)
        late = orthogonal.log_crossing_time(setting, objective(setting))
        errors.append(-side * off * critical * late / exact - 1)
    # What is left out is of first order in κ − κ*.
    assert abs(errors[0]) < 0.01
    assert errors[0] / errors[1] == pytest.approx(10, rel=0.01)


@pytest.mark.parametrize(
    ("method", "factor", "expected"),
    [
        ("ERM", "0.9", 9.79227),
        ("ERM", "0.95", 20.23390),
        ("logit shifting", "1.1", 11.75458),
        ("logit shifting", "1.2", 6.11309),
    ],
)
def test_late_crossing_time_is_the_published_one(method, factor, expected):
    at = {**FIGURE_1, symbolic.kappa: sp.Rational(factor) * CRITICAL}
    found = value(symbolic.log_crossing_time(METHODS[method][0]()), at)
    assert round(found / math.log(10), 5) == expected


@pytest.mark.parametrize(("method", "factor"), [("ERM", 0.9), ("logit shifting", 1.1)])
def test_crossing_time_agrees(method, factor):
    setting = of_kappa(factor * 9 / 19)
    cells, objective = METHODS[method]
    found = orthogonal.log_crossing_time(setting, objective(setting))
    assert found == pytest.approx(
        value(symbolic.log_crossing_time(cells()), point(setting)), rel=1e-8
    )


def test_number_of_examples_is_in_no_limit():
    for cells in (symbolic.erm(), symbolic.general(), symbolic.four_cells(scaled=True)):
        limit = symbolic.max_margin(cells)
        parts = (limit.core, limit.spurious, limit.memory_squared, *limit.dual)
        assert not any(part.has(symbolic.n) for part in parts)


def test_examples_of_a_cell_share_one_dual_weight():
    """Cells of one example each, nothing said of which are alike."""
    whole = symbolic.erm().subs(symbolic.rho, sp.Rational(2, 3))
    ones = (sp.S.One,) * 3
    apart = symbolic.Cells(
        (whole.means[0], whole.means[0], whole.means[1]),
        (sp.Rational(1, 3),) * 3,
        ones,
        (sp.S.Zero,) * 3,
        ones,
    )
    split, merged = symbolic.max_margin(apart), symbolic.max_margin(whole)
    assert symbolic.holds(split.core - merged.core)
    for alpha, g in zip(split.dual, (0, 0, 1), strict=True):
        assert symbolic.holds(alpha - merged.dual[g])


def positive(expression):
    """Whether a rational expression is > 0 for all legal values: no negative coefficient.

    In the odds r = ρ/(1−ρ) and, for label noise, h = η/(1/2 − η), which range over all (0, ∞).
    """
    r, h = sp.symbols("r h", positive=True)
    odds = {symbolic.rho: r / (1 + r), symbolic.label_noise: h / (2 * (1 + h))}
    parts = sp.fraction(sp.cancel(sp.together(expression.subs(odds))))
    signs = {sp.sign(c) for part in parts for c in sp.Poly(part, *part.free_symbols).coeffs()}
    return len(signs) == 1


@pytest.mark.parametrize("cells", [symbolic.erm(), symbolic.four_cells()])
def test_every_example_is_a_support_vector(cells):
    assert all(positive(alpha) for alpha in symbolic.max_margin(cells).dual)


def test_core_weight_is_positive_and_the_minority_margin_is_not_always():
    limit = symbolic.max_margin(symbolic.erm())
    assert positive(limit.core)
    assert not positive(limit.minority_margin)
    # γ ≤ 1 as γ² = g/(1 + g): a spurious feature that is too weak never wins.
    weak = sp.sqrt(sp.Symbol("g", positive=True) / (1 + sp.Symbol("g", positive=True)))
    assert positive(limit.minority_margin.subs(symbolic.gamma, weak))


def test_spurious_weight_has_the_sign_of_the_imbalance():
    limit = symbolic.max_margin(symbolic.erm())
    assert positive(sp.cancel(limit.spurious / (2 * symbolic.rho - 1)))


@pytest.mark.parametrize("cell", [0, 1])
def test_held_out_margin_is_that_of_explicit_vectors(cell):
    counts, gamma, kappa = (6, 2), 2.0, 5.0
    n = sum(counts)
    plane = np.repeat([(1, gamma), (1, -gamma)], counts, axis=0)
    gram = plane @ plane.T + kappa * n * np.eye(n)
    held = 0 if cell == 0 else n - 1
    kept = np.arange(n) != held
    dual = np.linalg.solve(gram[np.ix_(kept, kept)], np.ones(n - 1))
    # The formula needs every other example to stay a support vector.
    assert (dual > 0).all()
    at = {symbolic.rho: 0.75, symbolic.gamma: gamma, symbolic.kappa: kappa, symbolic.n: n}
    expected = value(symbolic.held_out_margin(cell), at)
    assert gram[held, kept] @ dual == pytest.approx(expected, rel=1e-12)
    diagonal = value(symbolic.inverse_diagonal(cell), at)
    assert np.linalg.inv(gram)[held, held] == pytest.approx(diagonal, rel=1e-12)


@pytest.mark.parametrize("strength", [1e-3, 1.0, 1e3])
def test_ridge_fixed_point_is_the_minimum(strength):
    """From the numeric minimum of ℓ + (λ/2)‖w‖² in κ-scaled duals back to the same duals."""
    rho, gamma, kappa = 0.8, 2.0, 0.7
    means, shares = np.array([(1, gamma), (1, -gamma)]), np.array([rho, 1 - rho])
    matrix = (means @ means.T) * shares + kappa * np.eye(2)
    found = root(lambda a: strength * a - expit(-matrix @ a), np.zeros(2), tol=1e-14).x
    w_y, w_a = (shares * found) @ means
    n = 10
    unknowns = primal.primal(symbolic.erm())
    at = dict(zip(unknowns, (w_y, w_a, 0, *(found / n)), strict=True))
    at |= {symbolic.gamma: gamma, symbolic.kappa: kappa, symbolic.n: n}
    at |= {symbolic.strength: strength}
    derived = [value(dual, at) for dual in symbolic.ridge_dual(symbolic.erm())]
    np.testing.assert_allclose(derived, found, rtol=1e-9)


def test_label_noise_couples_the_cells_even_where_the_spurious_feature_is_as_strong():
    with pytest.raises(PitfallsError, match="feels another cell"):
        symbolic.decoupled_margin(symbolic.four_cells(), 0, symbolic.time)


def test_latex_is_legible():
    expected = (
        r"w_y = \frac{4 \gamma^{2} \rho \left(1 - \rho\right) + \kappa}"
        r"{4 \gamma^{2} \rho \left(1 - \rho\right) + \kappa^{2}"
        r" + \kappa \left(\gamma^{2} + 1\right)}"
    )
    assert symbolic.latex("max margin, core") == expected
    assert r"+ \kappa \left(1 - \frac{1}{\delta}\right)}{" in symbolic.latex(
        "interpolator at finite d/n, core"
    )
    with pytest.raises(SettingError, match=r"name = 'no such name': .* max margin, core"):
        symbolic.latex("no such name")


@pytest.mark.slow
def test_every_derivation_has_latex_of_an_equal_expression():
    listing = symbolic.derivations()
    assert {f"P{i}" for i in (3, 4, 5, 6, 7, 8, 10, 11, 13, 14)} == {
        entry.proposition for entry in listing.values()
    }
    for name, entry in listing.items():
        assert entry.name == name
        assert entry.latex.startswith(f"{entry.symbol} = ")
        shown = catalogue._legible(entry.expression)
        if entry.expression.has(sp.log):
            # Exactly would take seconds; one point tells a wrong sign or bracket.
            names = sorted(entry.expression.free_symbols - {symbolic.rho}, key=str)
            at = {symbolic.rho: 0.8, **{x: 1 + i / 7 for i, x in enumerate(names)}}
            at[symbolic.label_noise] = 0.1
            exact = float(entry.expression.evalf(30, subs=at))
            assert float(shown.evalf(30, subs=at)) == pytest.approx(exact, rel=1e-14)
        else:
            assert symbolic.holds(shown - entry.expression)


def test_importing_the_theory_does_not_import_sympy():
    code = "import sys, pitfalls.theory; assert 'sympy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
