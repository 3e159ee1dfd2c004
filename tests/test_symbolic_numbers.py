"""The numeric functions of the theory against what SymPy derives, in 40 digits."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pitfalls.theory import Objective, orthogonal, proportional, symbolic
from scipy.special import wrightomega
from strategies import gammas, kappas, majorities, of_kappa, powers, strong_majorities
from symbolic_values import METHODS, NUMBERS, coordinates, of_numbers, point, value


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


FINITE_NOISE = {
    "none": {},
    "features": {"core_noise": 0.12, "spurious_noise": 0.12},
    "labels": {"label_noise": 0.1},
}


def finite_point(setting):
    """A setting's symbols, and the cells that it takes."""
    cells = symbolic.four_cells() if setting.label_noise else symbolic.erm()
    names = ("delta", "core_noise", "spurious_noise", "label_noise")
    return cells, point(setting) | {getattr(symbolic, x): getattr(setting, x) for x in names}


@pytest.mark.parametrize("noise", FINITE_NOISE)
@given(st.integers(1, 9), gammas, powers(2.5, 3.5), st.integers(70, 200))
def test_interpolator_agrees_where_all_are_support_vectors(noise, tenths, gamma, kappa, delta):
    setting = of_kappa(kappa, tenths / 10, gamma, d=1000 * delta, **FINITE_NOISE[noise])
    found = proportional.max_margin(setting)
    # At large κ the share is Φ(√(δ − 1)): no κ makes it 1 at a small δ.
    assert 1 - found.support < 1e-12
    cells, at = finite_point(setting)
    expected = coordinates(symbolic.interpolator(cells), at)
    np.testing.assert_allclose(found.coordinates, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.slow
@pytest.mark.parametrize("noise", FINITE_NOISE)
def test_interpolator_is_that_of_explicit_vectors(noise):
    """At δ = 3, where some dual weights of the interpolator are negative."""
    setting = of_kappa(2.0, 0.8, 2.0, d=3000, **FINITE_NOISE[noise])
    cells, at = finite_point(setting)
    rng, draws = np.random.default_rng(0), []
    spread = np.array([setting.core_noise, setting.gamma * setting.spurious_noise])
    plane = np.repeat(
        [(cell.core, cell.spurious) for cell in setting.cells],
        [cell.count for cell in setting.cells],
        axis=0,
    )
    for _ in range(8):
        u = plane + spread * rng.standard_normal(plane.shape)
        memory = setting.sigma * rng.standard_normal((setting.n, setting.d))
        dual = np.linalg.solve(u @ u.T + memory @ memory.T, np.ones(setting.n))
        assert (dual < 0).any()
        draws.append([*(dual @ u), np.linalg.norm(dual @ memory)])
    expected = coordinates(symbolic.interpolator(cells), at)
    error = np.std(draws, axis=0, ddof=1) / np.sqrt(len(draws))
    # Without the factor 1 − 1/δ, w_y would be off by 0.06 to 0.08.
    assert (np.abs(np.mean(draws, axis=0) - expected) < 4.5 * error + 2 / setting.n).all()


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
    check_asymptote(setting, objective, symbolic.general(), {**point(setting), **at})


@given(st.integers(1, 9), gammas, kappas, st.integers(1, 4))
def test_asymptote_agrees_under_label_noise(tenths, gamma, kappa, flips):
    setting = of_kappa(kappa, tenths / 10, gamma, label_noise=flips / 10)
    at = {**point(setting), symbolic.label_noise: mpmath.mpf(flips) / 10}
    check_asymptote(setting, Objective.erm(), symbolic.four_cells(), at)


def check_asymptote(setting, objective, cells, at):
    gamma, derived = setting.gamma, symbolic.asymptote(cells)
    dual = [value(x, at) for x in derived.slope.dual]
    assume(min(dual) > 1e-3 * max(dual))
    law = orthogonal.asymptote(setting, objective)
    # The numeric side solves a linear system, whose condition multiplies rounding.
    matrix = np.array(symbolic.gram(cells).applyfunc(lambda x: value(x, at)), dtype=float)
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


@pytest.mark.parametrize("numbers", [(1, 1, 0, 0, 1, 1), (2, 0.5, -1, 1.5, 2, 0.7)])
@given(majorities, kappas)
def test_decoupled_margin_is_the_flow(numbers, rho, kappa):
    setting = of_kappa(kappa, rho, 1.0)
    objective, at = of_numbers(numbers)
    times = [0.1, 10.0, 1e4]
    found = orthogonal.flow(setting, objective, times).margins
    for cell in (0, 1):
        derived = symbolic.decoupled_argument(symbolic.general(), cell, symbolic.time)
        for row, time in zip(found, times, strict=True):
            c = value(derived, {**point(setting), **at, symbolic.time: time})
            z = row[cell] * numbers[4 + cell] + numbers[2 + cell]
            assert z == pytest.approx(c - wrightomega(c), rel=1e-8, abs=1e-8 * max(1, c))
