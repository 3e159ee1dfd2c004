"""The ridge path at finite d/n against simulation, and its limits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pitfalls.sims import draw, replicate, stream
from pitfalls.sims import ridge_path as simulated_path
from pitfalls.theory import (
    Objective,
    PitfallsError,
    Setting,
    SettingError,
    finite_ridge,
    orthogonal,
    proportional,
)
from scipy.optimize import brentq
from scipy.special import expit, lambertw
from strategies import METHODS, cell_arrays, of_kappa

STRENGTHS = [10.0, 0.1, 1e-3, 1e-6]


def at_n(setting, n):
    """The same κ, d/n and shares at another n."""
    return Setting(
        n,
        round(setting.delta * n),
        setting.rho,
        setting.gamma,
        setting.sigma,
        setting.core_noise,
        setting.spurious_noise,
        setting.label_noise,
    )


@pytest.mark.parametrize(
    "method",
    [
        "reweighting",
        pytest.param("ERM", marks=pytest.mark.slow),
        pytest.param("vector scaling", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize(
    ("setting", "cell"),
    [
        (Setting(300, 600, 0.9, 5.0, 0.5, 0.12, 0.12), 0),
        (Setting(300, 90, 0.8, 2.0, 1.0, 0.5, 0.5, 0.2), 1),
        (Setting(300, 300, 0.8, 1.0, 0.5, 1.0, 0.1), 2),
    ],
    ids=["Figure 1's noise", "inseparable", "Sagawa's noise"],
)
def test_path_is_that_of_draws(setting, cell, method):
    """Extrapolated from n = 150 and 300; z-scores of weights, loss and training accuracy."""
    means, errors = [], []
    for n in (150, 300):
        small = at_n(setting, n)
        objective = METHODS[method](small)

        def one(seed, small=small, objective=objective):
            run = simulated_path(draw(small, seed), objective, STRENGTHS)
            return np.column_stack((run.coordinates, run.loss, run.train.average))

        runs = np.array(list(replicate(one, [stream(6, cell, n + i) for i in range(30)])))
        means.append(runs.mean(axis=0))
        errors.append(runs.std(axis=0, ddof=1) / np.sqrt(len(runs)))
    found = proportional.ridge_path(setting, METHODS[method](setting), STRENGTHS)
    expected = np.column_stack((found.coordinates, found.loss, found.train.average))
    error = np.hypot(2 * errors[1], errors[0])
    scores = (2 * means[1] - means[0] - expected) / np.maximum(error, 1e-5)
    # 20 scores in each of 9 cases, and a bias of order 1/n² that is left.
    assert np.abs(scores).max() < 4.5


@pytest.mark.parametrize("method", METHODS)
def test_many_features_per_example_tend_to_the_orthogonal_limit(method):
    differences = []
    for d in (10**6, 10**7):
        setting = of_kappa(2.0, 0.8, 3.0, n=1000, d=d, label_noise=0.1)
        objective = METHODS[method](setting)
        found = proportional.ridge_path(setting, objective, STRENGTHS).coordinates
        expected = orthogonal.ridge_path(setting, objective, STRENGTHS).coordinates
        differences.append(np.abs(found / expected - 1).max(axis=1))
    assert differences[0].max() < 1e-2
    np.testing.assert_allclose(differences[0] / differences[1], 10, rtol=0.05)


@pytest.mark.parametrize("delta", [0.6, 1.8, 50.0])
def test_weak_penalties_tend_to_the_max_margin(delta):
    setting = of_kappa(0.45, n=1000, d=round(1000 * delta), core_noise=0.12, spurious_noise=0.12)
    limit = proportional.max_margin(setting).coordinates
    strengths = [1e-20, 1e-40, 1e-80]
    path = proportional.ridge_path(setting, Objective.erm(), strengths).coordinates
    late = np.real(lambertw(1 / np.array(strengths)))
    errors = np.abs(path / late[:, None] - limit).max(axis=1)
    # Like 1/log t, here with the flow's clock W(1/λ).
    assert errors[-1] < 0.02
    assert 1.5 < errors[0] / errors[1] < 2.5
    assert 1.5 < errors[1] / errors[2] < 2.5


def test_below_the_separability_threshold_the_minimiser_is_finite():
    setting = Setting(1000, 300, 0.8, 2.0, 1.0, 0.5, 0.5, 0.2)
    assert setting.delta < proportional.separability_threshold(setting)
    path = proportional.ridge_path(setting, Objective.erm(), [1e-8, 1e-60])
    np.testing.assert_allclose(path.coordinates[0], path.coordinates[1], rtol=1e-6)
    assert path.train.worst[-1] < 0.9


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_without_any_scatter_it_is_the_orthogonal_path(method, noise):
    # Reweighting has no weight on the only noisy feature.
    setting = Setting(1000, 0, 0.8, 2.0, 1.0, 0.0, noise)
    objective = METHODS[method](setting)
    found = proportional.ridge_path(setting, objective, STRENGTHS)
    expected = orthogonal.ridge_path(setting, objective, STRENGTHS, nodes=41)
    np.testing.assert_allclose(found.coordinates, expected.coordinates, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found.loss, expected.loss, rtol=1e-6)


def test_without_memory_it_is_the_plane_alone():
    setting = Setting(1000, 0, 0.8, 2.0, 0.0, 0.5, 0.3, 0.1)
    found = proportional.ridge_path(setting, Objective.erm(), STRENGTHS)
    expected = orthogonal.ridge_path(setting, Objective.erm(), STRENGTHS, nodes=41)
    np.testing.assert_allclose(found.coordinates, expected.coordinates, rtol=1e-6)
    np.testing.assert_allclose(found.loss, expected.loss, rtol=1e-6)


@pytest.mark.slow
@given(st.data())
def test_every_legal_setting_of_the_range_has_a_path(data):
    delta = 10 ** data.draw(st.floats(-1.3, 4))
    n, d = 1000, max(1, round(1000 * delta))
    setting = of_kappa(
        10 ** data.draw(st.floats(-4, 3)),
        data.draw(st.floats(0.5, 0.99)),
        10 ** data.draw(st.floats(-1, 1.3)),
        n=n,
        d=d,
        core_noise=data.draw(st.sampled_from([0.0, 0.1, 0.5])),
        label_noise=data.draw(st.sampled_from([0.0, 0.2])),
    )
    path = proportional.ridge_path(setting, Objective.erm(), [1e2, 1e-3, 1e-9])
    lengths = np.linalg.norm(path.coordinates, axis=1)
    assert (np.diff(lengths) > 0).all()
    assert (np.diff(path.loss) < 0).all()


def test_a_point_that_is_not_stationary_is_refused(monkeypatch):
    def lost(function, start, **_):
        return type("Lost", (), {"x": start, "fun": np.ones(len(start))})

    monkeypatch.setattr(finite_ridge, "root", lost)
    with pytest.raises(PitfallsError, match="did not converge at λ"):
        proportional.ridge_path(of_kappa(1.0), Objective.erm(), [1e-3])


def test_illegal_strengths_are_refused():
    with pytest.raises(SettingError, match="strengths"):
        proportional.ridge_path(of_kappa(1.0), Objective.erm(), [0.0])


@pytest.mark.slow
@pytest.mark.parametrize("features", [600, 6000])
def test_sagawas_toy_is_predicted(features):
    """Worst-group error of ERM, oversampling and undersampling, λ = 1e-9, against draws."""
    whole = Setting.sagawa(features)
    cases = (
        (whole, Objective.erm()),
        (whole, Objective.reweighting(whole)),
        (Setting.sagawa(features, n=600, rho=0.5), Objective.erm()),
    )
    for setting, objective in cases:
        predicted = proportional.ridge_path(setting, objective, [1e-9]).accuracy(setting).worst[0]
        found = [
            simulated_path(draw(setting, seed), objective, [1e-9]).accuracy(setting).worst[0]
            for seed in range(4)
        ]
        error = np.std(found, ddof=1) / 2
        # A worst group is the lower of two draws': biased by about a spread where they are equal.
        assert abs(np.mean(found) - predicted) < 4 * error + 0.02


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("strength", [1.0, 0.03])
def test_minimiser_is_the_saddle_of_gordons_problem(method, strength):
    """F = λ/2(‖v‖² + r²) + βp/2 − βσ√δ·r + E[e(uᵀv + τZ; p/β)], e the Moreau envelope of the loss.

    Stationary in v, r, p and β, with p = √κ·r and β = √κ·r·λ/θ, of which the code knows θ only by
    its own equation: here it is the root of ∂F/∂p.
    """
    setting = Setting(1000, 1500, 0.8, 2.0, 0.7, 0.4, 0.3, 0.1)
    objective = METHODS[method](setting)
    found = proportional.ridge_path(setting, objective, [strength])
    means, shares, weight, shift, scale = cell_arrays(setting, objective)
    nodes, masses = np.polynomial.hermite_e.hermegauss(120)
    masses = masses / masses.sum()
    variance = np.array(setting.feature_variance)
    spread, kappa = setting.sigma * np.sqrt(setting.delta), setting.kappa

    def loss(m):
        return weight[:, None] * np.logaddexp(0, -scale[:, None] * m - shift[:, None])

    def envelope(x, t):
        low, high = x, x + t * (weight * scale)[:, None]
        for _ in range(70):
            m = (low + high) / 2
            push = expit(-scale[:, None] * m - shift[:, None])
            short = (m - x) / t < weight[:, None] * scale[:, None] * push
            low, high = np.where(short, m, low), np.where(short, high, m)
        return loss(m) + (m - x) ** 2 / (2 * t)

    def saddle(w_y, w_a, r, p, beta):
        v = np.array([w_y, w_a])
        deviation = np.sqrt(setting.sigma**2 * r**2 + variance @ v**2)
        x = (means @ v)[:, None] + deviation * nodes
        mean = shares @ (envelope(x, p / beta) @ masses)
        return strength / 2 * (v @ v + r**2) + beta * p / 2 - beta * spread * r + mean

    w_y, w_a, r = found.coordinates[0]
    p = np.sqrt(kappa) * r

    def slope(point, axis):
        step = np.zeros(5)
        step[axis] = 1e-4 * abs(point[axis])
        return (saddle(*(point + step)) - saddle(*(point - step))) / (2 * step[axis])

    beta = brentq(lambda b: slope(np.array([w_y, w_a, r, p, b]), 3), 1e-2, 5, xtol=1e-13)
    point = np.array([w_y, w_a, r, p, beta])
    sizes = [strength * w_y, strength * w_y, strength * r, beta, spread * r]
    for axis in (0, 1, 2, 4):
        assert abs(slope(point, axis)) < 2e-6 * sizes[axis] + 1e-9
