"""The late-time law against the flow, explicit vectors and published crossing times."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pitfalls.theory import Objective, PitfallsError, Setting, SettingError, orthogonal
from scipy.integrate import solve_ivp
from scipy.optimize import brentq
from scipy.special import expit
from strategies import (
    CRITICAL,
    METHODS,
    THREE,
    cell_arrays,
    gammas,
    kappas,
    majorities,
    minority_margin,
    of_kappa,
    powers,
)

SETTING = Setting(1000, 25_000, 0.9, 5.0, 1.0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("time", "tolerance"), [(1e8, 1e-8), (1e12, 1e-12), (1e16, 1e-13)])
def test_late_flow_is_the_asymptote(method, time, tolerance):
    objective = METHODS[method](SETTING)
    late = orthogonal.flow(SETTING, objective, [time])
    law = orthogonal.asymptote(SETTING, objective).at([time])
    np.testing.assert_allclose(late.coordinates, law.coordinates, rtol=tolerance)
    np.testing.assert_allclose(late.dual, law.dual, rtol=tolerance)
    np.testing.assert_allclose(late.margins, law.margins, rtol=tolerance)
    np.testing.assert_allclose(late.loss, law.loss, rtol=20 * tolerance)


@pytest.mark.parametrize("method", THREE)
@pytest.mark.parametrize(
    ("rho", "gamma", "kappa"), [(0.9, 5.0, 0.45), (0.7, 1.0, 3.0), (0.6, 0.5, 50)]
)
@pytest.mark.parametrize("label_noise", [0.0, 0.1])
def test_flow_approaches_the_asymptote_at_the_promised_rate(method, rho, gamma, kappa, label_noise):
    setting = of_kappa(kappa, rho, gamma, label_noise=label_noise)
    objective = METHODS[method](setting)
    law = orthogonal.asymptote(setting, objective)
    times = np.array([1e4, 1e6, 1e8])
    gap = orthogonal.flow(setting, objective, times).dual - law.at(times).dual
    error = np.abs(gap).max(axis=1)
    assert 0 < law.decay <= 1
    allowed = 2 * error[0] * (times / times[0]) ** -law.decay + 1e-10
    assert (error <= allowed).all()


@pytest.mark.parametrize("scale", [(1.0, 1.0), (2.0, 1.0), (1.0, 3.0)])
@pytest.mark.parametrize("label_noise", [0.0, 0.25])
def test_decay_is_the_smallest_eigenvalue_of_the_whole_sample(scale, label_noise):
    setting = Setting(16, 48, 0.75, 2.0, 0.3, label_noise=label_noise)
    objective = Objective.vector_scaling(setting, {1: scale[0], 0: scale[1]})
    cells = setting.cells
    rows = np.repeat(np.arange(len(cells)), [cell.count for cell in cells])
    means, _, _, _, delta = (
        array[rows] if array.ndim else array for array in cell_arrays(setting, objective)
    )
    gram = means @ means.T + setting.sigma**2 * setting.d * np.eye(16)
    dual = np.linalg.solve(gram, 1 / delta)
    law = orthogonal.asymptote(setting, objective)
    np.testing.assert_allclose(16 * dual, law.slope.dual[rows], rtol=1e-11)
    speeds = np.linalg.eigvals((delta * dual)[:, None] * gram).real
    assert law.decay == pytest.approx(min(1, speeds.min()), rel=1e-9)


def test_differences_within_a_cell_decay_as_it_says():
    """The plain equations of five examples from a random start, with a scale of each group."""
    setting = Setting(5, 30, 0.6, 2.0, 0.05**0.5)
    objective = Objective.vector_scaling(setting, {1: 3.0, 0: 1.5})
    law = orthogonal.asymptote(setting, objective)
    delta = np.array([3.0, 3.0, 3.0, 1.5, 1.5])
    means = np.array([[1.0, 2.0]] * 3 + [[1.0, -2.0]] * 2)
    gram = means @ means.T + setting.sigma**2 * setting.d * np.eye(5)

    def speed(log_time, dual):
        return np.exp(log_time) * delta / 5 * expit(-delta * (gram @ dual))

    times = np.log([1e6, 1e9])
    start = np.random.default_rng(0).normal(size=5) / 3
    found = solve_ivp(
        speed, (-5, times[1]), start, method="LSODA", t_eval=times, rtol=1e-12, atol=1e-14
    )
    apart = found.y[3] - found.y[4]
    assert law.decay < 0.5
    assert np.log(apart[0] / apart[1]) / (times[1] - times[0]) == pytest.approx(law.decay, rel=1e-3)


@given(majorities, gammas, kappas, st.sampled_from(list(METHODS)), st.sampled_from([0, 0.2]))
def test_slope_is_the_max_margin(rho, gamma, kappa, method, label_noise):
    setting = of_kappa(kappa, rho, gamma, label_noise=label_noise)
    assume(0 < setting.observed_majority < 1)
    objective = METHODS[method](setting)
    limit = orthogonal.max_margin(setting, objective)
    assume((limit.dual > 0).all())
    slope = orthogonal.asymptote(setting, objective).slope
    np.testing.assert_allclose(slope.coordinates, limit.coordinates, rtol=1e-8, atol=1e-11)
    np.testing.assert_allclose(slope.dual, limit.dual, rtol=1e-8)


@given(majorities, gammas, kappas, st.floats(-3, 3), st.floats(-3, 3))
def test_shift_acts_as_the_weight_exp_minus_shift(rho, gamma, kappa, of_maj, of_min):
    setting = of_kappa(kappa, rho, gamma)
    shifted = Objective(shift={1: of_maj, 0: of_min})
    weighted = Objective(weight={1: math.exp(-of_maj), 0: math.exp(-of_min)})
    one, other = (orthogonal.asymptote(setting, objective) for objective in (shifted, weighted))
    np.testing.assert_allclose(one.intercept.dual, other.intercept.dual, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(one.slope.dual, other.slope.dual)


@pytest.mark.parametrize("method", METHODS)
def test_time_times_loss_tends_to_the_squared_norm(method):
    objective = METHODS[method](SETTING)
    run = orthogonal.flow(SETTING, objective, [1e4, 1e8, 1e12, 1e16])
    limit = orthogonal.max_margin(SETTING, objective).norm ** 2
    error = np.abs(run.times * run.loss / limit - 1)
    # The correction is of order 1/t, until the integrator's own tolerance.
    assert (error < [1e-3, 1e-6, 1e-10, 1e-12]).all()


@pytest.mark.parametrize("method", METHODS)
def test_angle_rate_is_that_of_explicit_vectors(method):
    setting = of_kappa(2.0, 0.8, 3.0)
    law = orthogonal.asymptote(setting, METHODS[method](setting))
    means, shares, *_ = cell_arrays(setting)

    def vector(dual):
        # A cell's memory part is a direction of its own, of length √(κπ)·α.
        return np.concatenate(((dual * shares) @ means, np.sqrt(setting.kappa * shares) * dual))

    slope, intercept = vector(law.slope.dual), vector(law.intercept.dual)
    along = intercept @ slope / (slope @ slope)
    across = np.linalg.norm(intercept - along * slope)
    rate = across / np.linalg.norm(slope)
    assert law.angle_rate == pytest.approx(math.degrees(rate), rel=1e-11)
    # The two terms make the angle at any late time, not only its limit.
    run = orthogonal.flow(setting, METHODS[method](setting), [1e10, 1e16])
    expected = np.degrees(np.arctan2(rate, np.log(run.times) + along))
    np.testing.assert_allclose(run.angle(law.slope), expected, rtol=1e-8)


def test_asymptote_at_a_time_is_slope_times_log_plus_intercept():
    law = orthogonal.asymptote(SETTING, Objective.erm())
    run = law.at([1.0, math.e, 1e6])
    np.testing.assert_allclose(run.core[0], law.intercept.core, rtol=1e-13)
    np.testing.assert_allclose(run.core[1], law.slope.core + law.intercept.core, rtol=1e-13)
    np.testing.assert_allclose(
        run.margins[2], math.log(1e6) * law.slope.margins + law.intercept.margins, rtol=1e-12
    )
    assert run.name == "ERM"


def line(kappa, objective_of):
    """Slope and intercept of the minority margin in log t."""
    setting = of_kappa(kappa)
    law = orthogonal.asymptote(setting, objective_of(setting))
    return minority_margin(setting, law.slope), minority_margin(setting, law.intercept)


def flow_margin(kappa, objective_of, log10_times):
    setting = of_kappa(kappa)
    times = 10.0 ** np.atleast_1d(log10_times)
    return minority_margin(setting, orthogonal.flow(setting, objective_of(setting), times))


@pytest.mark.parametrize(
    ("method", "factor", "expected"),
    [
        ("ERM", 0.9, 9.79227),
        ("ERM", 0.95, 20.23390),
        ("logit shifting", 1.1, 11.75458),
        ("logit shifting", 1.2, 6.11309),
    ],
)
def test_late_crossing_is_where_the_line_is_zero(method, factor, expected):
    slope, intercept = line(factor * CRITICAL, METHODS[method])
    assert round(-intercept / slope / math.log(10), 5) == expected


@pytest.mark.parametrize(
    ("method", "factor", "expected", "digits"),
    [
        ("ERM", 0.9, 9.79227, 5),
        ("logit shifting", 1.1, 11.75458, 5),
        ("logit shifting", 1.2, 6.11309, 5),
        ("logit shifting", 1.5, 2.68801, 5),
        ("reweighting", 1.1, 0.248, 3),
        ("reweighting", 1.2, -0.039, 3),
        ("reweighting", 1.5, -0.365, 3),
        ("reweighting", 1.01, 3.653, 3),
    ],
)
def test_minority_margin_of_the_flow_changes_sign_at_the_crossing(method, factor, expected, digits):
    kappa, objective_of = factor * CRITICAL, METHODS[method]
    before, after = flow_margin(kappa, objective_of, [expected - 0.1, expected + 0.1])
    assert (before < 0 < after) if factor < 1 else (before > 0 > after)
    root = brentq(
        lambda x: flow_margin(kappa, objective_of, x)[0],
        expected - 0.1,
        expected + 0.1,
        xtol=1e-10,
    )
    assert round(root, digits) == expected


def test_nine_tenths_of_the_shift_crosses_twice():
    def nearly(setting):
        odds = 0.9 * math.log(9)
        return Objective(shift={1: odds, 0: -odds})

    kappa = 1.2 * CRITICAL
    grid = np.linspace(-2, 7, 91)
    signs = np.sign(flow_margin(kappa, nearly, grid))
    crossings = np.flatnonzero(np.diff(signs))
    roots = [
        brentq(lambda x: flow_margin(kappa, nearly, x)[0], grid[i], grid[i + 1]) for i in crossings
    ]
    assert len(roots) == 2
    assert round(roots[0], 2) == -0.14
    assert round(roots[1], 1) == 4.9


@pytest.mark.parametrize(
    ("method", "expected"), [("ERM", -1.006), ("reweighting", 0.038), ("logit shifting", 1.082)]
)
def test_intercept_at_the_threshold(method, expected):
    slope, intercept = line(CRITICAL, METHODS[method])
    assert abs(slope) < 1e-14
    assert round(intercept, 3) == expected


@given(majorities, st.floats(1.05, 10), kappas, powers(-1, 1), st.floats(-3, 3))
def test_minority_line_has_the_closed_form(rho, gamma, kappa, weight, shift):
    d = 4 * gamma**2 * rho * (1 - rho) + kappa * (1 + gamma**2) + kappa**2
    dual = {1: (2 * gamma**2 * (1 - rho) + kappa) / d, 0: (2 * gamma**2 * rho + kappa) / d}
    level_maj = -math.log(dual[1])
    level_min = math.log(weight / dual[0]) - shift
    mix = (rho * (1 + gamma**2) + kappa) * level_min + rho * (gamma**2 - 1) * level_maj
    setting = of_kappa(kappa, rho, gamma)
    objective = Objective(weight={1: 1.0, 0: weight}, shift={1: 0.0, 0: shift})
    law = orthogonal.asymptote(setting, objective)
    excess = 4 * gamma**2 * rho * (1 - rho) - kappa * (gamma**2 * (2 * rho - 1) - 1)
    assert minority_margin(setting, law.slope) == pytest.approx(excess / d, abs=1e-10)
    found = minority_margin(setting, law.intercept)
    assert found == pytest.approx(level_min - kappa * mix / d, rel=1e-9, abs=1e-9)


@given(majorities, gammas, kappas, st.sampled_from(list(METHODS)))
def test_dual_weights_of_the_slope_add_up_to_the_squared_norm(rho, gamma, kappa, method):
    setting = of_kappa(kappa, rho, gamma)
    objective = METHODS[method](setting)
    limit = orthogonal.max_margin(setting, objective)
    assume((limit.dual > 0).all())
    slope = orthogonal.asymptote(setting, objective).slope
    scale = cell_arrays(setting, objective)[-1]
    assert (slope.shares * slope.dual) @ (1 / scale) == pytest.approx(slope.norm**2, rel=1e-10)


@pytest.mark.parametrize(
    ("setting", "objective", "reason"),
    [
        (of_kappa(1.0, core_noise=0.1), Objective.erm(), "core_noise = spurious_noise = 0"),
        (of_kappa(1.0, spurious_noise=0.1), Objective.erm(), "core_noise = spurious_noise = 0"),
        (
            of_kappa(0.2, 0.5, 0.5),
            Objective(scale={1: 2.0, 0: 0.25}),
            "every cell to be a support vector",
        ),
        (Setting(100, 0, 0.9, 5.0, 1.0, label_noise=0.1), Objective.erm(), r"κ = 0, γ = 5\)"),
        (Setting(100, 100, 0.9, 1e9, 1.0), Objective.erm(), "regular K.*κ = 1, γ = 1e.09"),
    ],
)
def test_where_the_law_does_not_hold_it_says_why(setting, objective, reason):
    with pytest.raises(PitfallsError, match=reason):
        orthogonal.asymptote(setting, objective)


@pytest.mark.parametrize("times", [[0.0], [-1.0], [], [math.nan], [1e17], [2.0, 1.0]])
def test_asymptote_refuses_times_that_are_not_late(times):
    with pytest.raises(SettingError) as refused:
        orthogonal.asymptote(SETTING, Objective.erm()).at(times)
    assert refused.value.field == "times"


@pytest.mark.parametrize("noise", [{}, {"label_noise": 0.1}])
def test_direction_of_the_flow_turns_towards_the_max_margin(noise):
    setting = of_kappa(0.45, **noise)
    run = orthogonal.flow(setting, Objective.erm(), [1e2, 1e4, 1e8, 1e16])
    assert (np.diff(run.angle(orthogonal.max_margin(setting))) < 0).all()


def test_where_some_are_no_support_vectors_the_direction_still_tends_to_the_max_margin():
    # No closed form here; log t = 37 leaves an angle of order 1/37.
    setting = of_kappa(0.45, core_noise=0.12, spurious_noise=0.12)
    run = orthogonal.flow(setting, Objective.erm(), [1e4, 1e8, 1e16], nodes=7)
    angles = run.angle(orthogonal.max_margin(setting, nodes=7))
    assert (np.diff(angles) < 0).all()
    assert angles[-1] < math.degrees(3 / 37)
