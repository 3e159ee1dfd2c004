"""The orthogonal limit: max margin, threshold and first step, against formulas and brute force."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pitfalls.theory import NotSeparableError, Objective, Setting, SettingError, orthogonal
from scipy.integrate import quad
from scipy.optimize import brentq, minimize
from scipy.special import ndtr
from strategies import (
    METHODS,
    THREE,
    cell_arrays,
    gammas,
    kappas,
    majorities,
    minority_margin,
    of_kappa,
    powers,
    strong_majorities,
)

NOISE = {"core_noise": 0.12, "spurious_noise": 0.12}


def denominator(rho, gamma, kappa):
    return 4 * gamma**2 * rho * (1 - rho) + kappa * (1 + gamma**2) + kappa**2


@given(majorities, gammas, kappas)
def test_two_clean_cells_have_the_closed_form(rho, gamma, kappa):
    d = denominator(rho, gamma, kappa)
    dual = np.array([2 * gamma**2 * (1 - rho) + kappa, 2 * gamma**2 * rho + kappa]) / d
    expected = [
        (4 * gamma**2 * rho * (1 - rho) + kappa) / d,
        gamma * kappa * (2 * rho - 1) / d,
        math.sqrt(kappa * (rho * dual[0] ** 2 + (1 - rho) * dual[1] ** 2)),
    ]
    found = orthogonal.max_margin(of_kappa(kappa, rho, gamma))
    np.testing.assert_allclose(found.coordinates, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.dual, dual, rtol=1e-12)
    np.testing.assert_allclose(found.margins, 1, rtol=1e-12)
    assert found.support == pytest.approx(1, rel=1e-15)


@given(majorities, st.floats(1, 10), kappas, powers(-1, 1), powers(-1, 1))
def test_scaled_targets_have_the_closed_form_for_gamma_above_one(rho, gamma, kappa, of_maj, of_min):
    d, share = denominator(rho, gamma, kappa), 1 - rho
    c_maj, c_min = 1 / of_maj, 1 / of_min
    dual = [
        ((share * (1 + gamma**2) + kappa) * c_maj - share * (1 - gamma**2) * c_min) / d,
        ((rho * (1 + gamma**2) + kappa) * c_min - rho * (1 - gamma**2) * c_maj) / d,
    ]
    setting = of_kappa(kappa, rho, gamma)
    objective = Objective.vector_scaling(setting, {1: of_maj, 0: of_min})
    found = orthogonal.max_margin(setting, objective)
    np.testing.assert_allclose(found.dual, dual, rtol=1e-10)
    np.testing.assert_allclose(found.margins, [c_maj, c_min], rtol=1e-10)


def test_worked_example_with_flipped_labels():
    setting = Setting(300, 300, 0.8, 2.0, 1.0, label_noise=0.1)
    found = orthogonal.max_margin(setting).coordinates
    assert found.round(6).tolist() == [0.332710, 0.112150, 0.709151]


@given(st.integers(1, 9), gammas, kappas, st.integers(0, 5))
def test_flipped_labels_shrink_the_plane_by_one_minus_two_eta(tenths, gamma, kappa, flips):
    rho, eta = tenths / 10, flips / 10
    clean = orthogonal.max_margin(of_kappa(kappa, rho, gamma))
    noisy = orthogonal.max_margin(of_kappa(kappa, rho, gamma, label_noise=eta))
    shrunk = (1 - 2 * eta) * clean.coordinates[:2]
    np.testing.assert_allclose(noisy.coordinates[:2], shrunk, rtol=1e-11, atol=1e-12)
    assert (noisy.dual > 0).all()


def expected_hinge(mean, deviation, power):
    """E[(mean − deviation·Z)₊^power] by quadrature."""
    if deviation <= 1e-12 * abs(mean):
        return max(mean, 0.0) ** power
    low, high = max(mean - 12 * deviation, 0.0), mean + 12 * deviation
    if high <= 0:
        return 0.0
    points = [p for p in (mean,) if low < p < high]
    weight = math.sqrt(2 * math.pi) * deviation
    return quad(
        lambda x: x**power * math.exp(-(((mean - x) / deviation) ** 2) / 2) / weight,
        low,
        high,
        points=points,
        epsabs=1e-13,
        epsrel=1e-12,
    )[0]


def brute_force(setting, objective):
    """Minimise κ‖v‖² + Σ π E[(1/Δ − uᵀv)₊²] by a simplex search on integrals; coordinates."""
    means, shares, _, _, scale = cell_arrays(setting, objective)
    kappa = setting.kappa

    def moment(v):
        deviation = math.hypot(
            setting.core_noise * v[0], setting.gamma * setting.spurious_noise * v[1]
        )
        gaps = 1 / scale - means @ v
        return sum(
            share * expected_hinge(gap, deviation, 2)
            for share, gap in zip(shares, gaps, strict=True)
        )

    # A simplex search cannot see below the square root of rounding; its answer is good to 1e-7.
    found = minimize(
        lambda v: kappa * v @ v + moment(v),
        np.array([0.1, 0.0]),
        method="Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-16, "maxiter": 2000},
    )
    return np.append(found.x, math.sqrt(moment(found.x) / kappa))


@pytest.mark.parametrize(
    ("setting", "scale"),
    [
        (of_kappa(0.4495, **NOISE), (1, 1)),
        (of_kappa(0.05, 0.8, 2.0, core_noise=0.5), (1, 1)),
        (of_kappa(1.5, 0.7, 1.5, spurious_noise=0.8, label_noise=0.2), (1, 1)),
        (of_kappa(0.3, 0.9, 0.5, core_noise=0.3, spurious_noise=0.3), (2, 0.5)),
        (of_kappa(0.2, 0.5, 0.5), (2, 0.25)),
        (of_kappa(0.7, 0.6, 0.3, label_noise=0.3), (0.3, 3)),
    ],
)
def test_max_margin_is_the_brute_force_minimum(setting, scale):
    objective = Objective.vector_scaling(setting, dict(zip((1, 0), scale, strict=True)))
    found = orthogonal.max_margin(setting, objective).coordinates
    np.testing.assert_allclose(found, brute_force(setting, objective), atol=2e-7)


@given(
    majorities,
    gammas,
    kappas,
    st.sampled_from([(0.12, 0.0), (0.0, 0.5), (0.12, 0.12), (0.5, 0.5)]),
    st.sampled_from([0.0, 0.2]),
)
def test_max_margin_is_stationary_under_feature_noise(rho, gamma, kappa, noise, label_noise):
    setting = of_kappa(
        kappa, rho, gamma, core_noise=noise[0], spurious_noise=noise[1], label_noise=label_noise
    )
    v = orthogonal.max_margin(setting).coordinates[:2]
    means, shares, *_ = cell_arrays(setting)
    variance = np.array(noise) ** 2 * (1, gamma**2)
    deviation = math.sqrt(variance @ v**2)
    first, zeroth = (
        shares * [expected_hinge(gap, deviation, power) for gap in 1 - means @ v]
        for power in (1, 0)
    )
    gradient = kappa * v - first @ means + zeroth.sum() * variance * v
    # The minimum is found to a decrement of 1e-13, which is 3e-7 squared.
    assert np.abs(gradient).max() < 1e-7 * np.abs(first @ means).max()


def test_cells_beyond_their_margin_are_no_support_vectors():
    setting = of_kappa(0.2, 0.5, 0.5)
    objective = Objective.vector_scaling(setting, {1: 2.0, 0: 0.25})
    found = orthogonal.max_margin(setting, objective)
    assert found.dual[0] == 0
    assert found.margins[0] > 0.5
    assert found.margins[1] == pytest.approx(4, rel=1e-12)
    assert found.support == 0.5


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("noise", [(0.3, 0.0), (0.0, 0.2), (0.2, 0.2)])
@pytest.mark.parametrize("label_noise", [0.0, 0.2])
def test_where_all_are_support_vectors_it_is_ridge_regression(method, noise, label_noise):
    setting = of_kappa(
        60, 0.8, 2.0, core_noise=noise[0], spurious_noise=noise[1], label_noise=label_noise
    )
    objective = METHODS[method](setting)
    means, shares, _, _, scale = cell_arrays(setting, objective)
    spread = np.diag([noise[0] ** 2, (2 * noise[1]) ** 2])
    second = (means.T * shares) @ means + spread
    v = np.linalg.solve(setting.kappa * np.eye(2) + second, (shares / scale) @ means)
    gaps = 1 / scale - means @ v
    # Otherwise the hinge is not idle and the formula does not hold.
    assert ndtr(-gaps / math.sqrt(v @ spread @ v)).max() < 1e-15
    memory = math.sqrt((shares @ gaps**2 + v @ spread @ v) / setting.kappa)
    found = orthogonal.max_margin(setting, objective)
    np.testing.assert_allclose(found.coordinates, [*v, memory], rtol=1e-11)
    # Here quadrature over the noise is exact, so the nodes' dual weights add up to w.
    np.testing.assert_allclose(
        math.sqrt(setting.kappa * found.shares @ found.dual**2), memory, rtol=1e-10
    )
    assert found.support == pytest.approx(1, rel=1e-12)


def test_number_of_nodes_does_not_move_the_solution():
    setting = of_kappa(0.4495, **NOISE)
    few, many = (orthogonal.max_margin(setting, nodes=nodes) for nodes in (3, 21))
    np.testing.assert_array_equal(few.coordinates, many.coordinates)
    assert len(few.dual) == 2 * 3 * 3
    assert few.support == many.support


@pytest.mark.parametrize("method", METHODS)
@given(majorities, gammas, kappas)
def test_only_the_scale_matters_to_the_limit(method, rho, gamma, kappa):
    setting = of_kappa(kappa, rho, gamma)
    found = orthogonal.max_margin(setting, METHODS[method](setting)).coordinates
    scale_only = Objective(scale=METHODS[method](setting).scale)
    np.testing.assert_array_equal(found, orthogonal.max_margin(setting, scale_only).coordinates)


@given(majorities, gammas, kappas)
def test_examples_of_weight_zero_leave_the_limit(rho, gamma, kappa):
    found = orthogonal.max_margin(of_kappa(kappa, rho, gamma), Objective(weight={1: 1.0, 0: 0.0}))
    dual = 1 / ((1 + gamma**2) * rho + kappa)
    np.testing.assert_allclose(
        found.coordinates,
        [rho * dual, gamma * rho * dual, math.sqrt(kappa * rho) * dual],
        rtol=1e-12,
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("label_noise", [0.0, 0.3])
@given(majorities, gammas, kappas)
def test_dual_weights_over_scales_add_up_to_the_squared_norm(
    method, label_noise, rho, gamma, kappa
):
    setting = of_kappa(kappa, rho, gamma, label_noise=label_noise)
    assume(0 < setting.observed_majority < 1)
    objective = METHODS[method](setting)
    found = orthogonal.max_margin(setting, objective)
    _, shares, _, _, scale = cell_arrays(setting, objective)
    assert (shares * found.dual) @ (1 / scale) == pytest.approx(found.norm**2, rel=1e-10)


@given(majorities, gammas, kappas, st.sampled_from([0.0, 0.5]))
def test_without_flips_the_core_weight_is_the_squared_norm(rho, gamma, kappa, spurious_noise):
    setting = of_kappa(kappa, rho, gamma, spurious_noise=spurious_noise)
    found = orthogonal.max_margin(setting)
    assert found.core == pytest.approx(found.norm**2, rel=1e-9)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 5.0])
@given(majorities, kappas)
def test_lasting_cure_has_no_spurious_weight(gamma, rho, kappa):
    setting = of_kappa(kappa, rho, gamma)
    scale = {1: (2 + kappa / (1 - rho)) / (2 + kappa / rho), 0: 1.0}
    found = orthogonal.max_margin(setting, Objective.vector_scaling(setting, scale))
    assert abs(gamma * found.spurious) < 1e-11 * found.core


@pytest.mark.parametrize("rho", [0.6, 0.75, 0.9])
@pytest.mark.parametrize("kappa", [0.3, 4.0])
def test_balanced_subsampling_has_no_spurious_weight(rho, kappa):
    # Removing majority examples at random leaves a setting with ρ = ½ and more memory each.
    full = of_kappa(kappa, rho, 5.0)
    kept = round(2 * (1 - rho) * full.n)
    half = Setting(kept, full.d, 0.5, 5.0, full.sigma)
    assert half.kappa == pytest.approx(kappa / (2 * (1 - rho)), rel=1e-12)
    assert abs(orthogonal.max_margin(half).spurious) < 1e-15


def test_threshold_of_the_paper():
    assert orthogonal.critical_memory(0.9, 5.0) == 9 / 19
    assert orthogonal.critical_memory(1.0, 5.0) == 0


@given(majorities, gammas)
def test_threshold_is_the_closed_form_or_infinite(rho, gamma):
    excess = gamma**2 * (2 * rho - 1) - 1
    assume(abs(excess) > 1e-9)
    expected = 4 * gamma**2 * rho * (1 - rho) / excess if excess > 0 else math.inf
    assert orthogonal.critical_memory(rho, gamma) == pytest.approx(
        expected, rel=1e-12 / abs(excess)
    )


@pytest.mark.parametrize(
    ("rho", "gamma"), [(0.5, 100.0), (0.2, 10.0), (0.9, 1.0), (0.625, 2.0), (1, 0)]
)
def test_spurious_feature_too_weak_never_wins(rho, gamma):
    assert orthogonal.critical_memory(rho, gamma) == math.inf
    for kappa in (1e-3, 1.0, 1e6):
        setting = of_kappa(kappa, rho, gamma)
        assert minority_margin(setting, orthogonal.max_margin(setting)) > 0


@pytest.mark.parametrize(
    ("rho", "gamma", "field"),
    [(-0.1, 1.0, "rho"), (1.1, 1.0, "rho"), (math.nan, 1.0, "rho"), (0.9, -1.0, "gamma")],
)
def test_threshold_refuses_what_is_no_setting(rho, gamma, field):
    with pytest.raises(SettingError) as refused:
        orthogonal.critical_memory(rho, gamma)
    assert refused.value.field == field


@given(strong_majorities, powers(-0.5, 1.5), st.floats(1e-6, 0.9))
def test_minority_margin_changes_sign_exactly_at_the_threshold(rho, gamma, step):
    assume(gamma**2 * (2 * rho - 1) > 1.01)
    critical = orthogonal.critical_memory(rho, gamma)
    below, above = (of_kappa(critical * factor, rho, gamma) for factor in (1 - step, 1 + step))
    assert minority_margin(below, orthogonal.max_margin(below)) > 0
    assert minority_margin(above, orthogonal.max_margin(above)) < 0


@given(strong_majorities, gammas, kappas)
def test_minority_margin_is_linear_in_the_distance_to_the_threshold(rho, gamma, kappa):
    excess = gamma**2 * (2 * rho - 1) - 1
    assume(excess > 1e-3)
    setting = of_kappa(kappa, rho, gamma)
    critical = orthogonal.critical_memory(rho, gamma)
    expected = excess * (critical - kappa) / denominator(rho, gamma, kappa)
    found = minority_margin(setting, orthogonal.max_margin(setting))
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("factor", "accuracy"), [(0.99, 1), (1.01, 0)])
def test_minority_is_learnt_or_lost_on_the_two_sides_of_the_threshold(factor, accuracy):
    # At fixed κ and growing d the noise of a test margin, σ‖w_ε‖, goes to zero.
    setting = of_kappa(factor * 9 / 19, d=10**12)
    found = orthogonal.max_margin(setting).accuracy(setting)
    assert found.majority == 1
    assert found.minority == pytest.approx(accuracy, abs=1e-12)


def test_at_the_threshold_the_minority_is_guessed():
    setting = of_kappa(9 / 19, d=10**6)
    assert orthogonal.max_margin(setting).accuracy(setting).minority == pytest.approx(0.5, abs=1e-9)


@pytest.mark.parametrize("method", THREE)
@pytest.mark.parametrize(("n", "d", "sigma"), [(10, 0, 1.0), (10, 100, 0.0), (1000, 0, 0.0)])
def test_without_example_specific_features_every_group_is_right(method, n, d, sigma):
    setting = Setting(n, d, 0.9, 5.0, sigma)
    found = orthogonal.max_margin(setting, METHODS[method](setting))
    np.testing.assert_allclose(found.coordinates, [1, 0, 0], atol=1e-15)
    assert found.accuracy(setting).worst == 1


@given(majorities, gammas)
def test_little_memory_tends_to_the_core_feature(rho, gamma):
    # w_a ≈ κ(2ρ−1)/(4γρ(1−ρ)): the distance to the limit is of order κ.
    coarse, fine = (
        orthogonal.max_margin(of_kappa(kappa, rho, gamma)).coordinates for kappa in (1e-9, 1e-11)
    )
    slope = abs(2 * rho - 1) / (4 * gamma * rho * (1 - rho))
    for kappa, found in ((1e-9, coarse), (1e-11, fine)):
        assert abs(found[1]) <= kappa * slope * (1 + 1e-3) + 1e-13
        assert abs(found[0] - 1) <= kappa * (gamma + 1) * (slope + 100) + 1e-13


@pytest.mark.parametrize("label_noise", [0.0, 0.2])
def test_much_memory_tends_to_the_first_step(label_noise):
    setting = of_kappa(1e9, 0.8, 2.0, label_noise=label_noise)
    limit = orthogonal.max_margin(setting).coordinates
    step = orthogonal.first_step(setting).coordinates
    np.testing.assert_allclose(limit / limit[0], step / step[0], rtol=1e-7)


@pytest.mark.parametrize(
    "setting",
    [
        Setting(300, 0, 0.8, 2.0, 1.0, label_noise=0.1),
        Setting(300, 0, 0.8, 2.0, 1.0, core_noise=0.1),
        Setting(300, 10, 0.8, 2.0, 0.0, label_noise=0.5),
    ],
)
def test_inseparable_plane_without_memory_is_refused_with_its_cause(setting):
    cause = "label noise" if setting.label_noise else "feature noise"
    with pytest.raises(NotSeparableError, match=cause):
        orthogonal.max_margin(setting)


@pytest.mark.parametrize("method", THREE)
def test_noise_on_the_spurious_feature_alone_is_avoided_without_memory(method):
    setting = Setting(100, 0, 0.9, 5.0, 1.0, spurious_noise=0.3)
    found = orthogonal.max_margin(setting, METHODS[method](setting))
    np.testing.assert_allclose(found.coordinates, [1, 0, 0], atol=1e-15)
    tiny = orthogonal.max_margin(of_kappa(1e-9, 0.9, 5.0, spurious_noise=0.3))
    np.testing.assert_allclose(tiny.coordinates[:2], [1, 0], atol=1e-7)


def test_figure_1_in_the_limit_of_many_features():
    # At fixed κ the features' own noise σ‖w_ε‖ vanishes as d grows; the plane's noise stays.
    setting = of_kappa(0.4495, d=10**15, **NOISE)
    found = orthogonal.max_margin(setting).accuracy(setting)
    assert round(found.minority, 4) == 0.6242


def test_figure_1_threshold_in_the_limit_of_many_features():
    def margin(kappa):
        setting = of_kappa(kappa, **NOISE)
        return minority_margin(setting, orthogonal.max_margin(setting))

    assert round(brentq(margin, 0.3, 0.7, xtol=1e-12), 5) == 0.47657


@pytest.mark.parametrize(("core_noise", "spurious_noise"), [(0.02, 0.0), (0.0, 0.02), (0.02, 0.01)])
def test_threshold_of_the_interpolator_under_feature_noise(core_noise, spurious_noise):
    rho, gamma = 0.9, 5.0
    spread = 4 * rho * (1 - rho) + spurious_noise**2 - (2 * rho - 1) * core_noise**2
    expected = gamma**2 * spread / (gamma**2 * (2 * rho - 1) - 1)

    def margin(kappa):
        setting = of_kappa(kappa, rho, gamma, core_noise=core_noise, spurious_noise=spurious_noise)
        return minority_margin(setting, orthogonal.max_margin(setting))

    # With this little noise no example is beyond its margin, so the max margin interpolates.
    assert brentq(margin, 0.3, 0.7, xtol=1e-13) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("noise", [{}, {"core_noise": 0.3}, {"label_noise": 0.2}])
def test_first_step_is_half_the_gradient_at_zero(method, noise):
    setting = of_kappa(2.0, 0.8, 3.0, **noise)
    objective = METHODS[method](setting)
    means, shares, weight, shift, scale = cell_arrays(setting, objective)
    rates = weight * scale / (1 + np.exp(shift))
    found = orthogonal.first_step(setting, objective)
    np.testing.assert_allclose(found.coordinates[:2], (shares * rates) @ means, rtol=1e-13)
    assert found.memory == pytest.approx(math.sqrt(2.0 * shares @ rates**2), rel=1e-13)


@given(majorities, powers(-1, 1.5), kappas)
def test_first_step_of_erm_goes_against_a_strong_spurious_minority(rho, gamma, kappa):
    setting = of_kappa(kappa, rho, gamma)
    excess = gamma**2 * (2 * rho - 1) - 1
    assume(abs(excess) > 1e-9)
    assert (minority_margin(setting, orthogonal.first_step(setting)) < 0) == (excess > 0)


@pytest.mark.parametrize("method", ["reweighting", "logit shifting"])
@given(majorities, gammas, kappas)
def test_first_step_of_balanced_methods_leaves_the_spurious_feature(method, rho, gamma, kappa):
    setting = of_kappa(kappa, rho, gamma)
    step = orthogonal.first_step(setting, METHODS[method](setting))
    assert abs(step.spurious) < 1e-14 * gamma
    assert step.core > 0


def test_swapping_the_groups_turns_the_spurious_weight():
    for rho, kappa in itertools.product((0.6, 0.9), (0.1, 3.0)):
        one = orthogonal.max_margin(of_kappa(kappa, rho, 2.0, **NOISE)).coordinates
        other = orthogonal.max_margin(of_kappa(kappa, 1 - rho, 2.0, **NOISE)).coordinates
        np.testing.assert_allclose(one, other * (1, -1, 1), rtol=1e-11)
