"""Closed forms derived by SymPy: identities, limits, check values, and the numeric functions."""

import math

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import assume, given
from hypothesis import strategies as st
from pitfalls.theory import Objective, orthogonal, symbolic
from pitfalls.theory.symbolic import catalogue, flow, influence, margin, primal
from strategies import gammas, kappas, majorities, of_kappa, powers, strong_majorities

FIGURE_1 = {symbolic.rho: sp.Rational(9, 10), symbolic.gamma: 5}
CRITICAL = sp.Rational(9, 19)
METHODS = {
    "ERM": (symbolic.erm, lambda setting: Objective.erm()),
    "reweighting": (symbolic.reweighting, Objective.reweighting),
    "logit shifting": (symbolic.logit_shifting, Objective.logit_shifting),
}
GENERAL = (
    symbolic.weight_maj,
    symbolic.weight_min,
    symbolic.shift_maj,
    symbolic.shift_min,
    symbolic.scale_maj,
    symbolic.scale_min,
)
NUMBERS = st.tuples(*[powers(-1, 1)] * 2, *[st.floats(-3, 3)] * 2, *[powers(-0.3, 0.3)] * 2)
MODULES = (primal, margin, flow, influence, catalogue)


def forget():
    for module in MODULES:
        for value in vars(module).values():
            if hasattr(value, "cache_clear"):
                value.cache_clear()


_compiled = {}


def value(expression, at):
    """An expression at floats, in 40 digits: what the numeric functions are compared with."""
    key = (expression, tuple(at))
    if key not in _compiled:
        _compiled[key] = sp.lambdify(list(at), expression, "mpmath", cse=True)
    with mpmath.workdps(40):
        return float(_compiled[key](*(mpmath.mpf(x) for x in at.values())))


def point(setting):
    """The symbols' values in a setting; shares as the exact fractions that the counts are."""
    with mpmath.workdps(40):
        share = mpmath.mpf(round(setting.rho * setting.n)) / setting.n
    return {symbolic.rho: share, symbolic.gamma: setting.gamma, symbolic.kappa: setting.kappa}


def coordinates(weights, at):
    squared = value(weights.memory_squared, at)
    return [value(weights.core, at), value(weights.spurious, at), math.sqrt(squared)]


def of_numbers(numbers):
    """An objective with six numbers, and the symbols' values."""
    q_maj, q_min, s_maj, s_min, d_maj, d_min = numbers
    objective = Objective(
        weight={1: q_maj, 0: q_min}, shift={1: s_maj, 0: s_min}, scale={1: d_maj, 0: d_min}
    )
    return objective, dict(zip(GENERAL, numbers, strict=True))


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
    # Where, which entry of what it returns, and the symbol whose coefficient there is 1 % off.
    "stationarity in w_y": (primal, "stationarity", 0, "w_y"),
    "stationarity in x1": (primal, "stationarity", 3, "x1"),
    "margins": (primal, "margins", 1, "x2"),
    "velocity": (flow, "velocity", 1, None),
    "matched": (flow, "matched", 0, None),
    "inverse diagonal": (influence, "inverse_diagonal", None, None),
}
SEEN = {
    "stationarity in w_y": {"P3: w_y", "P14: Σ α/Δ = ‖w‖², any scale", "P4: κ*"},
    "stationarity in x1": {"P3: w_a", "P14: w_y = ‖w‖²", "P13: curing ratio"},
    "margins": {"P3: D", "P3: α_min at any scale", "P4: minority margin"},
    "velocity": {"P5: ṁ = K α̇, cell 1"},
    "matched": {"P6: slope, w_y", "P6: t·ℓ → ‖ŵ‖²"},
    "inverse diagonal": {"P10: held-out margin, cell 1", "P10: self-influence → κα, cell 2"},
}
STEP = sp.Rational(101, 100)


@pytest.mark.parametrize("name", BENDS)
def test_a_bent_constant_is_refused(monkeypatch, name):
    module, function, entry, letter = BENDS[name]
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
    part = {primal: "_margin", flow: "_flow", influence: "_influence"}[module]
    try:
        found = getattr(catalogue, f"{part}_identities")()
        assert [each for each in SEEN[name] if symbolic.holds(found[each])] == []
    finally:
        monkeypatch.undo()
        forget()


# --- numeric functions -------------------------------------------------------------------------


@given(majorities, gammas, kappas)
def test_max_margin_agrees(rho, gamma, kappa):
    setting = of_kappa(kappa, rho, gamma)
    derived, found = symbolic.max_margin(symbolic.erm()), orthogonal.max_margin(setting)
    at = point(setting)
    np.testing.assert_allclose(found.coordinates, coordinates(derived, at), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.dual, [value(x, at) for x in derived.dual], rtol=1e-12)


@given(majorities, gammas, kappas, powers(-0.3, 0.3), powers(-0.3, 0.3))
def test_max_margin_agrees_at_any_scale(rho, gamma, kappa, of_maj, of_min):
    setting = of_kappa(kappa, rho, gamma)
    derived = symbolic.max_margin(symbolic.general())
    at = {**point(setting), symbolic.scale_maj: of_maj, symbolic.scale_min: of_min}
    dual = [value(x, at) for x in derived.dual]
    # Elsewhere some examples are no support vectors.
    assume(min(dual) > 0)
    objective = Objective.vector_scaling(setting, {1: of_maj, 0: of_min})
    found = orthogonal.max_margin(setting, objective)
    scale = max(coordinates(derived, at))
    np.testing.assert_allclose(
        found.coordinates, coordinates(derived, at), rtol=1e-12, atol=1e-12 * scale
    )
    np.testing.assert_allclose(found.dual, dual, rtol=1e-11)


@given(st.integers(1, 9), gammas, kappas, st.integers(0, 5))
def test_max_margin_agrees_under_label_noise(tenths, gamma, kappa, flips):
    setting = of_kappa(kappa, tenths / 10, gamma, label_noise=flips / 10)
    at = {**point(setting), symbolic.label_noise: mpmath.mpf(flips) / 10}
    expected = coordinates(symbolic.max_margin(symbolic.four_cells()), at)
    found = orthogonal.max_margin(setting).coordinates
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("noise", [(0.02, 0.0), (0.0, 0.02), (0.02, 0.01)])
@given(st.floats(0.3, 0.7))
def test_interpolator_under_feature_noise_agrees(noise, kappa):
    setting = of_kappa(kappa, core_noise=noise[0], spurious_noise=noise[1])
    names = (symbolic.core_noise, symbolic.spurious_noise)
    at = {**point(setting), **dict(zip(names, noise, strict=True))}
    found = orthogonal.max_margin(setting).coordinates
    expected = coordinates(symbolic.noisy_max_margin(), at)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@given(strong_majorities, powers(-0.5, 1.5))
def test_critical_memory_agrees(rho, gamma):
    excess = gamma**2 * (2 * rho - 1) - 1
    assume(excess > 1e-3)
    setting = of_kappa(1, rho, gamma)
    expected = value(symbolic.critical_memory(), point(setting))
    found = orthogonal.critical_memory(rho, gamma)
    # The subtraction in γ²(2ρ−1) − 1 loses digits where the spurious feature barely wins.
    assert found == pytest.approx(expected, rel=1e-12 * max(1, 1e-2 / excess))


@pytest.mark.parametrize("method", METHODS)
@given(majorities, gammas, kappas)
def test_first_step_agrees(method, rho, gamma, kappa):
    setting = of_kappa(kappa, rho, gamma)
    cells, objective = METHODS[method]
    found = orthogonal.first_step(setting, objective(setting))
    expected = coordinates(symbolic.first_step(cells()), point(setting))
    np.testing.assert_allclose(found.coordinates, expected, rtol=1e-12, atol=1e-14 * (1 + gamma))


@given(majorities, gammas, kappas, NUMBERS)
def test_first_step_agrees_for_any_numbers(rho, gamma, kappa, numbers):
    setting = of_kappa(kappa, rho, gamma)
    objective, at = of_numbers(numbers)
    found = orthogonal.first_step(setting, objective)
    expected = coordinates(symbolic.first_step(symbolic.general()), {**point(setting), **at})
    np.testing.assert_allclose(found.coordinates, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_second_derivative_is_that_of_the_flow(method):
    setting = of_kappa(2.0, 0.8, 3.0)
    cells, objective = METHODS[method]
    times = np.array([0.0, 1e-3, 2e-3, 3e-3])
    run = orthogonal.flow(setting, objective(setting), times).spurious
    # Four points of a curve: its second derivative at the first, to third order.
    found = (2 * run[0] - 5 * run[1] + 4 * run[2] - run[3]) / 1e-6
    expected = value(symbolic.acceleration(cells()).spurious, point(setting))
    assert found == pytest.approx(expected, abs=1e-3)


@given(majorities, gammas, kappas, NUMBERS)
def test_asymptote_agrees(rho, gamma, kappa, numbers):
    setting = of_kappa(kappa, rho, gamma)
    objective, at = of_numbers(numbers)
    at = {**point(setting), **at}
    derived = symbolic.asymptote(symbolic.general())
    dual = [value(x, at) for x in derived.slope.dual]
    assume(min(dual) > 1e-3 * max(dual))
    law = orthogonal.asymptote(setting, objective)
    # The numeric side solves a linear system, whose condition multiplies rounding.
    matrix = np.array(
        symbolic.gram(symbolic.general()).applyfunc(lambda x: value(x, point(setting))), dtype=float
    )
    digits = 1e-12 * max(1, np.linalg.cond(matrix) / 1e2)
    for found, expected in ((law.slope, derived.slope), (law.intercept, derived.intercept)):
        exact = np.array([value(x, at) for x in expected.dual])
        np.testing.assert_allclose(found.dual, exact, rtol=0, atol=digits * np.abs(exact).max())
        exact_plane = np.array([value(expected.core, at), value(expected.spurious, at)])
        size = (1 + gamma) * np.abs(exact).max()
        np.testing.assert_allclose(found.coordinates[:2], exact_plane, rtol=0, atol=digits * size)
        memory = math.sqrt(value(expected.memory_squared, at))
        assert found.memory == pytest.approx(memory, rel=10 * digits)


@given(majorities, gammas, kappas)
def test_curing_scale_agrees(rho, gamma, kappa):
    setting = of_kappa(kappa, rho, gamma)
    expected = value(symbolic.curing_ratio(), point(setting))
    assert orthogonal.curing_scale(setting)[1] == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize(("numbers", "tolerance"), [((1, 1, 0, 0, 1, 1), 1e-9)])
@given(majorities, kappas)
def test_decoupled_margin_is_the_flow(numbers, tolerance, rho, kappa):
    setting = of_kappa(kappa, rho, 1.0)
    objective, at = of_numbers(numbers)
    times = [0.1, 10.0, 1e4]
    found = orthogonal.flow(setting, objective, times).margins
    for cell in (0, 1):
        derived = symbolic.decoupled_argument(symbolic.general(), cell, symbolic.time)
        for row, time in zip(found, times, strict=True):
            c = value(derived, {**point(setting), **at, symbolic.time: time})
            z = row[cell] * numbers[4 + cell] + numbers[2 + cell]
            assert z + math.exp(z) == pytest.approx(c, rel=tolerance * 30)
