"""When the training set is fitted and when the minority follows (P15), against plain programs."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pitfalls.sims import draw, gradient_flow, ridge_path
from pitfalls.theory import (
    MAJORITY,
    MINORITY,
    Objective,
    PitfallsError,
    Setting,
    SettingError,
    orthogonal,
)
from scipy.integrate import solve_ivp
from scipy.optimize import brentq, minimize
from scipy.special import expit
from strategies import CRITICAL, METHODS, THREE, cell_arrays, minority_margin, of_kappa


def plain_flow(setting, objective, strength=0.0, latest=1e10):
    """Cell margins of the flow over log time, by another integrator of the equations as written."""
    means, shares, weight, shift, scale = cell_arrays(setting, objective)
    kernel = (means @ means.T) * shares + setting.kappa * np.eye(len(shares))

    def speed(log_time, dual):
        margins = kernel @ dual
        push = weight * scale * expit(-scale * margins - shift)
        return math.exp(log_time) * (push - strength * dual)

    solved = solve_ivp(
        speed,
        (math.log(1e-9), math.log(latest)),
        np.zeros(len(shares)),
        method="Radau",
        rtol=1e-10,
        atol=1e-13,
        dense_output=True,
    )
    return lambda log_time: kernel @ solved.sol(log_time)


def last_root(function, low=-12.0, high=20.0):
    grid = np.linspace(low, high, 1500)
    values = np.array([function(x) for x in grid])
    changes = np.flatnonzero((values[:-1] <= 0) & (values[1:] > 0))
    return brentq(function, grid[changes[-1]], grid[changes[-1] + 1], xtol=1e-12)


@pytest.mark.parametrize("method", THREE)
@pytest.mark.parametrize(
    ("ratio", "noise", "strength"), [(0.5, 0.0, 0.0), (1.4, 0.1, 0.0), (0.8, 0.2, 0.02)]
)
def test_the_training_set_is_fitted_when_a_plain_integrator_says(method, ratio, noise, strength):
    setting = of_kappa(ratio * CRITICAL, label_noise=noise)
    objective = METHODS[method](setting)
    found = orthogonal.log_fitting_time(setting, objective, strength=strength)
    margins = plain_flow(setting, objective, strength)
    if not math.isfinite(found):
        assert (method, noise) == ("ERM", 0.0) or found == -math.inf
        assert (margins(-15.0) > 0).all() == (found == -math.inf)
        return
    assert found == pytest.approx(last_root(lambda x: margins(x).min()), abs=1e-6)


@given(st.integers(501, 995), st.floats(0.3, 9.0), st.floats(0.02, 100.0))
def test_erm_fits_at_once_exactly_beyond_a_memory(thousandths, gamma, kappa):
    rho = thousandths / 1000
    setting = of_kappa(kappa, rho, gamma)
    edge = gamma**2 * (2 * rho - 1) - 1
    if abs(kappa - edge) < 1e-3 * (1 + abs(edge)):
        return
    at_once = orthogonal.log_fitting_time(setting, Objective.erm()) == -math.inf
    assert at_once == (kappa > edge)


def test_a_sample_is_fitted_then():
    setting = of_kappa(0.7 * CRITICAL, n=200, d=20_000, label_noise=0.1)
    for method in THREE:
        objective = METHODS[method](setting)
        time = math.exp(orthogonal.log_fitting_time(setting, objective))
        sample = draw(setting, 0, "orthogonal")
        run = gradient_flow(sample, objective, [time * 0.999, time * 1.001])
        assert run.train.average[0] < 1
        assert run.train.average[1] == 1


def test_what_is_never_fitted_has_no_time():
    bare = Setting(1000, 0, 0.9, 5.0, 0.0, label_noise=0.1)
    assert math.isnan(orthogonal.log_fitting_time(bare, Objective.erm()))
    strong = of_kappa(0.5 * CRITICAL, label_noise=0.1)
    assert math.isnan(orthogonal.log_fitting_time(strong, Objective.erm(), strength=3.0))


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.2, 0.45])
@pytest.mark.parametrize("method", THREE)
@pytest.mark.parametrize(("rho", "gamma"), [(0.9, 5.0), (0.7, 3.0)])
def test_near_the_critical_memory_the_exponent_is_closed(method, noise, rho, gamma):
    critical = orthogonal.critical_memory(rho, gamma)
    setting = of_kappa(critical, rho, gamma, n=10**6, d=10**6, label_noise=noise)
    objective = METHODS[method](setting)
    expected = orthogonal.crossing_exponent(setting, objective)
    # The minority is recovered below κ* or lost above it, as the sign says.
    products = []
    for distance in (2e-3, 1e-3):
        kappa = critical * (1 - math.copysign(distance, expected))
        near = replace(setting, sigma=math.sqrt(kappa))
        log_time = orthogonal.log_crossing_time(near, METHODS[method](near))
        products.append((critical - kappa) * log_time)
    # What is left is of order κ* − κ.
    assert 2 * products[1] - products[0] == pytest.approx(expected, abs=2e-5)


def test_the_exponent_without_noise_is_that_of_p8():
    rho, gamma = 0.9, 5.0
    ratio = (gamma**2 - 1) / (gamma**2 + 1)
    size = 4 * gamma**2 * rho**2 * (1 - rho) * (gamma**2 - 1) / (gamma**2 * (2 * rho - 1) - 1) ** 2
    setting = of_kappa(1.0)
    for method, j in zip(THREE, (1, 0, -1), strict=True):
        expected = size * (math.log(ratio) + j * math.log(rho / (1 - rho)))
        found = orthogonal.crossing_exponent(setting, METHODS[method](setting))
        assert found == pytest.approx(expected, rel=1e-12)


def test_label_noise_shortens_erms_delay_to_a_limit():
    values = [
        orthogonal.crossing_exponent(of_kappa(1.0, n=10**6, label_noise=x), Objective.erm())
        for x in (0.0, 0.1, 0.2, 0.3, 0.4, 0.499)
    ]
    assert (np.diff(values) < 0).all()
    lead = 1 - 0.1 * 26 / (0.9 * 24)
    size = 4 * 25 * 0.81 * 0.1 * 24 / 19**2
    assert values[-1] == pytest.approx(size * lead, rel=1e-4)


@pytest.mark.parametrize(
    ("setting", "objective", "error", "words"),
    [
        (of_kappa(1.0, core_noise=0.1), Objective.erm(), PitfallsError, "core_noise = 0.1, "),
        (of_kappa(1.0, gamma=1.0), Objective.erm(), PitfallsError, "gamma = 1, "),
        (of_kappa(1.0, rho=1.0), Objective.erm(), PitfallsError, "rho = 1, "),
        (
            of_kappa(1.0),
            Objective(scale={MAJORITY: 2.0, MINORITY: 1.0}),
            PitfallsError,
            "the scale is {1: 2.0, 0: 1.0}: use scale 1",
        ),
        (of_kappa(1.0, label_noise=0.5), Objective.erm(), SettingError, "label_noise = 0.5"),
        (of_kappa(1.0), Objective(weight={1: 1.0, 0: 0.0}), SettingError, "weight = {1: 1.0, 0: 0"),
        (of_kappa(1.0), Objective(weight={1: 0.0, 0: 1.0}), SettingError, "> 0 for both groups"),
    ],
)
def test_where_there_is_no_exponent_it_says_so(setting, objective, error, words):
    with pytest.raises(error, match=re.escape(words)):
        orthogonal.crossing_exponent(setting, objective)


def test_with_feature_noise_no_training_set_is_fitted_for_certain():
    with pytest.raises(PitfallsError, match=r"proportional\.flow"):
        orthogonal.log_fitting_time(of_kappa(1.0, core_noise=0.1), Objective.erm())


def plain_minimiser(setting, objective, strength):
    """w of ℓ + (λ/2)‖w‖², over the dual weights of the cells, by BFGS."""
    means, shares, weight, shift, scale = cell_arrays(setting, objective)
    kernel = (means @ means.T) * shares + setting.kappa * np.eye(len(shares))

    def energy(dual):
        margins = kernel @ dual
        losses = weight * np.logaddexp(0, -scale * margins - shift)
        push = -weight * scale * expit(-scale * margins - shift)
        square = (shares * dual) @ margins
        slope = kernel.T @ (shares * push) + strength * shares * margins
        return shares @ losses + strength / 2 * square, slope

    solved = minimize(
        energy, np.zeros(len(shares)), jac=True, method="BFGS", options={"gtol": 1e-13}
    )
    return (shares * solved.x) @ means


@pytest.mark.parametrize("method", ["ERM", "logit shifting"])
@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_the_critical_decay_divides_the_ridge_solutions(method, noise):
    setting = of_kappa((0.5 if method == "ERM" else 1.8) * CRITICAL, label_noise=noise)
    objective = METHODS[method](setting)
    critical = orthogonal.critical_decay(setting, objective)
    signs = []
    for factor in (1.02, 0.98):
        core, spurious = plain_minimiser(setting, objective, factor * critical)
        signs.append(np.sign(core - 5 * spurious))
    recovers = 1 if method == "ERM" else -1
    assert signs == [-recovers, recovers]
    # Of a sample too: orthogonal data are the limit itself.
    small = of_kappa(setting.kappa, n=200, d=20_000, label_noise=noise)
    path = ridge_path(
        draw(small, 0, "orthogonal"),
        METHODS[method](small),
        [critical * 1.001, critical * 0.999],
    )
    assert np.sign(minority_margin(small, path)).tolist() == signs


@pytest.mark.parametrize("ratio", [0.5, 0.9])
def test_decay_beyond_it_keeps_the_minority_lost_and_less_delays(ratio):
    setting = of_kappa(ratio * CRITICAL)
    erm = Objective.erm()
    critical = orthogonal.critical_decay(setting, erm)
    free = orthogonal.log_crossing_time(setting, erm)
    assert orthogonal.crossing_times(setting, erm, strength=1.1 * critical).size == 0
    delays = [
        orthogonal.log_crossing_time(setting, erm, strength=part * critical) - free
        for part in (0.9, 0.5, 0.2)
    ]
    assert delays[0] > delays[1] > delays[2] > 0
    weak = orthogonal.log_crossing_time(setting, erm, strength=1e-6 * critical)
    assert weak == pytest.approx(free, abs=1e-4)


@pytest.mark.parametrize(
    ("ratio", "method"), [(0.8, "ERM"), (0.93, "ERM"), (1.12, "logit shifting")]
)
@pytest.mark.parametrize("noise", [0.1, pytest.param(0.0, marks=pytest.mark.slow)])
def test_decay_delays_about_as_one_clock_would(ratio, method, noise):
    """t×(xλ*)/t×(0) is −log(1 − x)/x within a tenth, and above 1."""
    shares = np.array([0.1, 0.5, 0.9])
    setting = of_kappa(ratio * CRITICAL, label_noise=noise)
    objective = METHODS[method](setting)
    critical = orthogonal.critical_decay(setting, objective)
    free = orthogonal.log_crossing_time(setting, objective)
    later = [
        orthogonal.log_crossing_time(setting, objective, strength=x * critical) - free
        for x in shares
    ]
    assert min(later) > 0
    assert np.exp(later) == pytest.approx(-np.log(1 - shares) / shares, rel=0.1)


def test_a_crossing_with_decay_is_the_plain_integrators():
    setting = of_kappa(0.6 * CRITICAL, label_noise=0.1)
    erm = Objective.erm()
    strength = 0.3 * orthogonal.critical_decay(setting, erm)
    means, shares, *_ = cell_arrays(setting, erm)
    margins = plain_flow(setting, erm, strength)
    kernel = (means @ means.T) * shares + setting.kappa * np.eye(len(shares))

    def minority(log_time):
        core, spurious = (shares * np.linalg.solve(kernel, margins(log_time))) @ means
        return core - 5 * spurious

    expected = last_root(minority, low=-5.0, high=15.0)
    found = orthogonal.log_crossing_time(setting, erm, strength=strength)
    assert found == pytest.approx(expected, abs=1e-6)


def factor_near_the_critical_memory(setting, objective):
    """e^{−c/b}: c/τ is what the ridge path adds to a·τ + b, as Kγ = −β/α̂."""
    tail = orthogonal.asymptote(setting, objective)
    means, shares, *_ = cell_arrays(setting, objective)
    u = np.array([1.0, -setting.gamma])
    inverse = np.linalg.inv(setting.kappa * np.eye(2) + (means.T * shares) @ means)
    b = u @ [tail.intercept.core, tail.intercept.spurious]
    c = u @ inverse @ ((-shares * tail.intercept.dual / tail.slope.dual) @ means)
    return math.exp(-c / b)


@pytest.mark.parametrize("noise", [0.1, pytest.param(0.0, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("side", "method"), [(-1, "ERM"), (1, "logit shifting")])
def test_the_critical_decay_plays_the_crossing_time(noise, side, method):
    """λ*·t×·log t× tends to e^{−c/b}."""
    gaps = []
    for distance in (0.08, 0.02):
        setting = of_kappa((1 + side * distance) * CRITICAL, label_noise=noise)
        objective = METHODS[method](setting)
        log_time = orthogonal.log_crossing_time(setting, objective)
        log_decay = math.log(orthogonal.critical_decay(setting, objective))
        product = math.exp(log_decay + log_time) * log_time
        gaps.append(product - factor_near_the_critical_memory(setting, objective))
    assert abs(gaps[1]) < 0.002
    assert abs(gaps[1]) < abs(gaps[0]) / 2


def test_where_the_sign_never_changes_there_is_no_critical_decay():
    setting = of_kappa(1.5 * CRITICAL)
    assert math.isnan(orthogonal.critical_decay(setting, Objective.erm()))
