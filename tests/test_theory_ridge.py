"""The ridge path and the ridge flow against the primal problem, each other and their limits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pitfalls.sims import draw
from pitfalls.sims import ridge_path as simulated_path
from pitfalls.theory import Objective, PitfallsError, Setting, SettingError, orthogonal, ridge
from samples import difference
from scipy.integrate import solve_ivp
from scipy.optimize import minimize
from scipy.special import lambertw
from strategies import METHODS, cell_arrays, methods, of_kappa, settings

STRENGTHS = [1e100, 1e4, 1.0, 1e-2, 1e-5, 1e-12, 1e-50, 1e-100]


def late(strengths):
    return np.real(lambertw(1 / np.asarray(strengths)))


def scaled_difference(found, expected):
    """Largest difference at each strength, relative to the weights there."""
    size = np.abs(expected.coordinates).max(axis=1)
    return np.abs(found.coordinates - expected.coordinates).max(axis=1) / size


@pytest.mark.parametrize("method", [*METHODS, "extreme"])
@pytest.mark.parametrize(
    "setting",
    [
        Setting(300, 300, 0.8, 2.0, 1.0, label_noise=0.1),
        Setting(300, 500, 0.9, 5.0, 0.5),
        Setting(300, 300_000, 0.8, 20.0, 1.0),
        Setting(300, 0, 0.8, 2.0, 1.0, label_noise=0.1),
        Setting(300, 0, 0.8, 2.0, 1.0),
    ],
    ids=["flips", "Figure 1's κ", "much memory", "inseparable", "no memory"],
)
def test_path_is_that_of_orthogonal_data(setting, method):
    """Another algorithm, on all n dual weights, that shares no code."""
    extreme = Objective({1: 1e-3, 0: 30.0}, {1: 3.0, 0: -40.0}, {1: 2.0, 0: 0.5})
    objective = METHODS[method](setting) if method in METHODS else extreme
    found = orthogonal.ridge_path(setting, objective, STRENGTHS)
    expected = simulated_path(draw(setting, 0, "orthogonal"), objective, STRENGTHS)
    assert scaled_difference(found, expected).max() < 1e-11
    np.testing.assert_allclose(found.loss, expected.loss, rtol=1e-10)
    np.testing.assert_allclose(found.times, expected.times, rtol=1e-14)
    assert found.strengths.tolist() == STRENGTHS


@pytest.mark.parametrize("noise", [(0.0, 0.0), (0.5, 0.2)])
def test_path_is_the_primal_minimum(noise):
    """ℓ + (λ/2)‖w‖² with w_ε = Σ x_k ε_k, minimised as it stands."""
    setting = Setting(500, 700, 0.8, 2.0, 1.0, *noise, label_noise=0.1)
    objective = Objective.logit_shifting(setting)
    strength = 0.03
    found = orthogonal.ridge_path(setting, objective, [strength], nodes=5)
    points, masses = np.polynomial.hermite_e.hermegauss(5)
    masses = masses / masses.sum()
    means, shares, *numbers = cell_arrays(setting, objective)
    spread = np.sqrt(setting.feature_variance)
    grid = np.array([(x, y) for x in points for y in points]) * spread
    weights = np.outer(masses, masses).ravel()
    u = (means[:, None] + grid).reshape(-1, 2)
    pi = np.outer(shares, weights).ravel()
    q, s, delta = (np.repeat(x, len(grid)) for x in numbers)

    def value(w):
        margins = u @ w[:2] + setting.kappa * w[2:]
        penalty = w[:2] @ w[:2] + setting.kappa * (pi @ w[2:] ** 2)
        push = -pi * q * delta / (1 + np.exp(delta * margins + s))
        gradient = np.concatenate((push @ u, setting.kappa * push))
        gradient += strength * np.concatenate((w[:2], setting.kappa * pi * w[2:]))
        losses = pi @ (q * np.logaddexp(0, -delta * margins - s))
        return losses + strength / 2 * penalty, gradient

    best = minimize(value, np.zeros(2 + len(u)), jac=True, tol=1e-16, options={"gtol": 1e-13}).x
    memory = np.sqrt(setting.kappa * (pi @ best[2:] ** 2))
    np.testing.assert_allclose(found.coordinates[0], [*best[:2], memory], atol=1e-8)


@pytest.mark.parametrize("method", METHODS)
def test_strong_penalties_give_the_first_step(method):
    setting = of_kappa(2.0, 0.8, 3.0, label_noise=0.1)
    objective = METHODS[method](setting)
    path = orthogonal.ridge_path(setting, objective, [1e6, 1e8])
    step = orthogonal.first_step(setting, objective)
    found = path.coordinates * path.strengths[:, None]
    errors = [difference(weights, step.coordinates) for weights in found]
    assert errors[0] < 1e-5
    assert 90 < errors[0] / errors[1] < 110


@pytest.mark.parametrize("method", METHODS)
def test_weak_penalties_follow_the_asymptote_of_the_flow(method):
    """α = α̂·W(1/λ) + β + o(1): λ plays the time e^{W(1/λ)}, with the flow's own intercept."""
    setting = of_kappa(3.0, 0.8, 3.0)
    objective = METHODS[method](setting)
    law = orthogonal.asymptote(setting, objective)
    strengths = np.array([1e-20, 1e-40, 1e-80])
    path = orthogonal.ridge_path(setting, objective, strengths)
    expected = np.outer(late(strengths), law.slope.dual) + law.intercept.dual
    errors = np.abs(path.dual - expected).max(axis=1)
    # λα = qΔ·sigmoid(…) with α = α̂(W + β/α̂) instead of α̂W: an error of order 1/W.
    product = errors * late(strengths)
    assert errors[-1] < 0.02
    assert product.max() / product.min() < 1.1


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_path_tends_to_the_max_margin(noise):
    setting = of_kappa(1.0, 0.8, 3.0, core_noise=noise, spurious_noise=noise)
    objective = METHODS["vector scaling"](setting)
    path = orthogonal.ridge_path(setting, objective, [1e-100]).coordinates[0]
    limit = orthogonal.max_margin(setting, objective).coordinates
    cosine = path @ limit / np.linalg.norm(path) / np.linalg.norm(limit)
    assert cosine > 1 - 1e-4


def test_strengths_keep_their_order():
    setting = of_kappa(1.0)
    path = orthogonal.ridge_path(setting, Objective.erm(), [1e-3, 10.0, 1e-3, 1e-9])
    sorted_path = orthogonal.ridge_path(setting, Objective.erm(), [10.0, 1e-3, 1e-9])
    assert path.strengths.tolist() == [1e-3, 10.0, 1e-3, 1e-9]
    expected = sorted_path.coordinates[[1, 0, 1, 2]]
    np.testing.assert_allclose(path.coordinates, expected, rtol=1e-12)


@given(st.data())
def test_every_legal_setting_has_a_balanced_path(data):
    setting = data.draw(settings())
    objective = data.draw(methods(setting))
    strengths = [1e3, 1.0, 1e-4, 1e-30]
    path = orthogonal.ridge_path(setting, objective, strengths, nodes=3)
    assert np.isfinite(path.coordinates).all()
    # The memory part is one push per cell, a share of what the loss can give.
    pushes = path.dual * np.array(strengths)[:, None]
    assert (pushes >= 0).all()
    assert (pushes <= 10 * 10 * (1 + 1e-12)).all()
    assert (np.diff(np.linalg.norm(path.coordinates, axis=1)) >= -1e-12).all()


@pytest.mark.parametrize("strengths", [[0.0], [-1.0], [np.nan], [[1.0]], "weak", [], [1e-101]])
def test_illegal_strengths_are_refused(strengths):
    with pytest.raises(SettingError, match=r"strengths = .*numbers in"):
        orthogonal.ridge_path(of_kappa(1.0), Objective.erm(), strengths)


def test_a_point_that_does_not_balance_is_refused(monkeypatch):
    monkeypatch.setattr(ridge, "minimise", lambda function, start: start + 40)
    with pytest.raises(PitfallsError, match="did not converge at λ"):
        orthogonal.ridge_path(of_kappa(1.0), Objective.erm(), [1e-3])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("strength", [10.0, 0.1, 1e-4])
@pytest.mark.parametrize("label_noise", [0.0, 0.1])
def test_flow_with_decay_is_the_plain_time_integral(method, strength, label_noise):
    setting = of_kappa(2.0, 0.8, 2.0, label_noise=label_noise)
    objective = METHODS[method](setting)
    means, shares, weight, shift, scale = cell_arrays(setting, objective)
    matrix = (means @ means.T) * shares + setting.kappa * np.eye(len(shares))

    def speed(time, dual):
        push = weight * scale / (1 + np.exp(scale * (matrix @ dual) + shift))
        return push - strength * dual

    times = [0.0, 0.3, 2.0, 40.0]
    plain = solve_ivp(
        speed, (0, 40), np.zeros(len(shares)), "DOP853", times, rtol=1e-12, atol=1e-13
    )
    found = orthogonal.flow(setting, objective, times, strength=strength)
    np.testing.assert_allclose(found.dual, plain.y.T, atol=1e-8 * np.abs(plain.y).max())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("strength", [1e6, 1.0, 1e-3, 1e-8, 1e-13])
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_flow_with_decay_ends_on_the_ridge_path(method, strength, noise):
    setting = of_kappa(2.0, 0.8, 2.0, core_noise=noise)
    objective = METHODS[method](setting)
    end = orthogonal.flow(setting, objective, [1e16], strength=strength)
    path = orthogonal.ridge_path(setting, objective, [strength])
    assert scaled_difference(end, path).max() < 1e-8


def test_little_decay_is_not_felt_before_its_time():
    setting = of_kappa(2.0)
    times = np.array([1e2, 1e4, 1e12])
    plain = orthogonal.flow(setting, Objective.erm(), times)
    decayed = orthogonal.flow(setting, Objective.erm(), times, strength=1e-8)
    errors = np.abs(plain.coordinates - decayed.coordinates).max(axis=1)
    # Decay takes λt of the weights, less what the loss gives back.
    assert errors[0] < 1e-5
    assert errors[1] < 1e-3
    assert errors[2] > 1


@pytest.mark.parametrize("strength", [-1.0, np.nan, np.inf, "weak", None])
def test_illegal_decay_is_refused(strength):
    with pytest.raises(SettingError, match=r"strength = .*a number in"):
        orthogonal.flow(of_kappa(1.0), Objective.erm(), [1.0], strength=strength)
