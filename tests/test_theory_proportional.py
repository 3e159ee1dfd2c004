"""The proportional limit: the published table, brute force, and its two other limits."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pitfalls.theory import NotSeparableError, Objective, Setting, orthogonal, proportional
from scipy.integrate import quad
from scipy.optimize import brentq, minimize, minimize_scalar
from scipy.special import ndtr
from strategies import (
    METHODS,
    cell_arrays,
    gammas,
    majorities,
    minority_margin,
    noises,
    of_kappa,
    powers,
)

FIGURE_1 = Setting(1000, 1798, 0.9, 5.0, 0.5, 0.12, 0.12)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        (FIGURE_1, ("0.56787", "0.086438", "0.50233", "0.69543", "0.5499")),
        (
            Setting(800, 3200, 0.85, 3.0, 0.4, 0.12, 0.12),
            ("0.51619", "0.114216", "0.49803", "0.79280", "0.7846"),
        ),
    ],
)
def test_published_table(setting, expected):
    found = proportional.max_margin(setting)
    numbers = (*found.coordinates, found.accuracy(setting).minority, found.support)
    digits = [len(text) - 2 for text in expected]
    assert tuple(f"{x:.{k}f}" for x, k in zip(numbers, digits, strict=True)) == expected


def test_figure_1_threshold_at_its_own_ratio_of_features():
    def margin(kappa):
        setting = of_kappa(kappa, d=1798, core_noise=0.12, spurious_noise=0.12)
        return minority_margin(setting, proportional.max_margin(setting))

    assert round(brentq(margin, 0.4, 0.8, xtol=1e-10), 4) == 0.6096


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        (Setting(1000, 1798, 0.9, 5.0, 0.5, 0.12, 0.12, 0.1), 0.258),
        (Setting(1000, 1000, 0.8, 2.0, 1.0, 0.5, 0.5, 0.2), 0.397),
    ],
)
def test_published_separability_thresholds(setting, expected):
    assert round(proportional.separability_threshold(setting), 3) == expected


def squared_hinge(mean, deviation):
    """E[(mean + deviation·Z)₊²]."""
    ratio = mean / deviation
    density = np.exp(-(ratio**2) / 2) / math.sqrt(2 * math.pi)
    return deviation**2 * ((1 + ratio**2) * ndtr(ratio) + ratio * density)


def integrated_hinge(mean, deviation):
    """The same by quadrature, for the one-dimensional definitions."""
    low = max(-mean / deviation, -12)
    return quad(
        lambda z: (mean + deviation * z) ** 2 * math.exp(-(z**2) / 2) / math.sqrt(2 * math.pi),
        min(low, 12),
        12,
        epsabs=1e-13,
    )[0]


def noise_variance(setting):
    return np.array([setting.core_noise**2, (setting.gamma * setting.spurious_noise) ** 2])


def brute_force(setting, objective):
    """Simplex search over (w_y, w_a) on the least r that meets the constraint as it is stated.

    Needs δ > ½, where some r is enough for any plane weights.
    """
    means, shares, _, _, scale = cell_arrays(setting, objective)
    variance, own = noise_variance(setting), setting.sigma**2

    def least(v):
        def slack(log_r):
            square = math.exp(2 * log_r)
            deviation = math.sqrt(own * square + variance @ v**2)
            energy = shares @ squared_hinge(1 / scale - means @ v, deviation)
            return own * setting.delta * square - energy

        # What is feasible is convex, so along r it is everything above one root.
        return math.exp(brentq(slack, -14, 14, xtol=1e-15)) if slack(-14) < 0 else 0.0

    found = minimize(
        lambda v: v @ v + least(v) ** 2,
        np.array([0.1, 0.0]),
        method="Nelder-Mead",
        options={"xatol": 1e-7, "fatol": 1e-13, "maxiter": 4000},
    )
    return found.fun, np.append(found.x, least(found.x))


@given(
    st.integers(600, 6000),
    st.integers(500, 990).map(lambda k: k / 1000),
    st.floats(0.1, 5),
    st.floats(0.2, 1),
    noises,
    noises,
    st.sampled_from([0.0, 0.1]),
    powers(-0.3, 0.3),
    powers(-0.3, 0.3),
)
def test_max_margin_is_the_brute_force_minimum(
    d, rho, gamma, sigma, core_noise, spurious_noise, label_noise, of_maj, of_min
):
    setting = Setting(1000, d, rho, gamma, sigma, core_noise, spurious_noise, label_noise)
    objective = Objective.vector_scaling(setting, {1: of_maj, 0: of_min})
    found = proportional.max_margin(setting, objective)
    cost, position = brute_force(setting, objective)
    assert found.norm**2 == pytest.approx(cost, rel=1e-11)
    # The cost is flat at the minimum: positions are known to the root of its digits.
    np.testing.assert_allclose(found.coordinates, position, atol=1e-6 * (1 + found.norm))


@given(
    powers(-0.5, 4),
    majorities,
    gammas,
    powers(-1.5, 1.5),
    noises,
    noises,
    st.sampled_from([0.0, 0.1, 0.3]),
)
def test_solution_satisfies_its_own_optimality_conditions(
    delta, rho, gamma, sigma, core_noise, spurious_noise, label_noise
):
    d = round(1000 * delta)
    setting = Setting(1000, d, rho, gamma, sigma, core_noise, spurious_noise, label_noise)
    assume(setting.delta > 1.01 * proportional.separability_threshold(setting))
    assume(setting.delta > 1.01 * proportional.memorization_threshold(setting))
    found = proportional.max_margin(setting)
    assert found.kkt_residual <= 1e-9
    # The constraint is tight, and its gradient is parallel to (v, r): both by hand.
    means, shares, *_ = cell_arrays(setting)
    z, variance = found.coordinates, np.append(noise_variance(setting), sigma**2)
    deviation = math.sqrt(variance @ z**2)
    gaps = 1 - means @ z[:2]
    energy = shares @ squared_hinge(gaps, deviation)
    budget = sigma**2 * setting.delta * z[2] ** 2
    assert energy == pytest.approx(budget, rel=1e-8)
    ratio = gaps / deviation
    density = np.exp(-(ratio**2) / 2) / math.sqrt(2 * math.pi)
    first = shares * deviation * (ratio * ndtr(ratio) + density)
    active = shares @ ndtr(ratio)
    gradient = active * variance * z - np.append(first @ means, sigma**2 * setting.delta * z[2])
    pull = np.append(np.abs(first @ means), sigma**2 * setting.delta * z[2])
    multiplier = -(gradient @ z) / (z @ z)
    assert multiplier > 0
    np.testing.assert_allclose(gradient + multiplier * z, 0, atol=1e-7 * pull.max())
    assert found.support == pytest.approx(active, abs=1e-8)


CASES = [
    {},
    {"core_noise": 0.12, "spurious_noise": 0.12},
    {"core_noise": 0.5},
    {"spurious_noise": 0.5},
    {"label_noise": 0.2},
    {"core_noise": 0.3, "label_noise": 0.2},
]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("noise", CASES, ids=str)
@pytest.mark.parametrize("kappa", [0.05, 0.45, 10.0])
def test_many_features_per_example_tend_to_the_orthogonal_limit(kappa, noise, method):
    def distance(d):
        setting = of_kappa(kappa, 0.8, 2.0, d=d, **noise)
        objective = METHODS[method](setting)
        limit = orthogonal.max_margin(setting, objective)
        return np.abs(proportional.max_margin(setting, objective).coordinates - limit.coordinates)

    coarse, fine, limit = distance(10**6), distance(10**7), distance(10**13)
    # The first correction is of order 1/δ.
    assert coarse.max() / fine.max() == pytest.approx(10, rel=0.05)
    assert limit.max() < 1e-7


@given(
    majorities,
    gammas,
    powers(1, 3),
    st.floats(5, 1000),
    st.sampled_from([(0, 0), (0.1, 0), (0, 0.05)]),
    st.sampled_from([0.0, 0.2]),
)
def test_where_all_are_support_vectors_memory_is_discounted_by_one_over_delta(
    rho, gamma, kappa, delta, noise, label_noise
):
    kwargs = {"core_noise": noise[0], "spurious_noise": noise[1], "label_noise": label_noise}
    setting = of_kappa(kappa, rho, gamma, d=round(1000 * delta), **kwargs)
    found = proportional.max_margin(setting)
    assume(found.support > 1 - 1e-14)
    corrected = of_kappa(kappa * (1 - 1 / setting.delta), rho, gamma, **kwargs)
    expected = orthogonal.max_margin(corrected)
    assume(expected.support > 1 - 1e-14)
    np.testing.assert_allclose(found.coordinates, expected.coordinates, rtol=1e-8, atol=1e-10)


def test_the_discount_is_exercised():
    # The property above would pass if its assumption never held.
    setting = of_kappa(100, 0.9, 5.0, d=100_000, core_noise=0.1)
    assert proportional.max_margin(setting).support > 1 - 1e-14


INSEPARABLE = [
    Setting(10**6, 1, 0.9, 5.0, 0.5, 0.12, 0.12, 0.1),
    Setting(10**6, 1, 0.8, 2.0, 1.0, 0.5, 0.5, 0.2),
    Setting(10**6, 1, 0.7, 1.0, 0.3, 0.8, 0.0),
    Setting(10**6, 1, 0.6, 2.0, 2.0, label_noise=0.3),
]


def with_ratio(setting, delta):
    return Setting(**vars_of(setting) | {"d": round(delta * setting.n)})


def vars_of(setting):
    return {name: getattr(setting, name) for name in setting.__dataclass_fields__}


@pytest.mark.parametrize("setting", INSEPARABLE)
def test_separability_threshold_is_the_minimum_of_its_definition(setting):
    means, shares, *_ = cell_arrays(setting)
    variance = noise_variance(setting)

    def energy(w):
        deviation = math.sqrt(1 + variance @ w**2)
        return sum(
            share * integrated_hinge(mean, deviation)
            for share, mean in zip(shares, -means @ w, strict=True)
        )

    found = minimize(
        energy, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-13}
    )
    assert proportional.separability_threshold(setting) == pytest.approx(found.fun, abs=1e-10)


@pytest.mark.parametrize("setting", INSEPARABLE)
def test_max_margin_exists_exactly_above_the_separability_threshold(setting):
    threshold = proportional.separability_threshold(setting)
    assert 0 < threshold < 0.5
    for factor in (0.2, 0.9, 0.999):
        with pytest.raises(NotSeparableError, match="separability threshold") as caught:
            proportional.max_margin(with_ratio(setting, factor * threshold))
        assert caught.value.evidence == pytest.approx(threshold, rel=1e-9)
    norms = [
        proportional.max_margin(with_ratio(setting, factor * threshold)).norm
        for factor in (1.001, 1.01, 1.1, 2)
    ]
    # Longer and longer weights are needed as the threshold comes near.
    assert norms == sorted(norms, reverse=True)
    assert norms[0] > 5 * norms[2]


@given(majorities, gammas, noises, st.sampled_from([0.1, 0.3]), powers(-1, 1))
def test_separability_does_not_depend_on_memory_size_or_scale(
    rho, gamma, core_noise, label_noise, sigma
):
    setting = Setting(1000, 700, rho, gamma, sigma, core_noise, 0.2, label_noise)
    other = Setting(1000, 1, rho, gamma, 1.0, core_noise, 0.2, label_noise)
    threshold = proportional.separability_threshold(other)
    assert proportional.separability_threshold(setting) == threshold
    scaled = Objective(scale={1: 3.0, 0: 0.2})
    assert proportional.separability_threshold(setting, scaled) == threshold
    assert 0 <= threshold <= 0.5


@pytest.mark.parametrize(("n", "d", "sigma"), [(300, 0, 1.0), (300, 900, 0.0)])
def test_inseparable_plane_without_memory_is_refused(n, d, sigma):
    with pytest.raises(NotSeparableError, match="label noise"):
        proportional.max_margin(Setting(n, d, 0.8, 2.0, sigma, label_noise=0.1))


def one_sided(lines, shares, variance):
    """min over s of Σ π_g E[(τZ − s·c_g)₊²], τ² = 1 + s²·variance."""

    def energy(s):
        deviation = math.sqrt(1 + variance * s**2)
        return sum(
            share * integrated_hinge(-s * line, deviation)
            for share, line in zip(shares, lines, strict=True)
        )

    return minimize_scalar(energy, bracket=(-1, 1), tol=1e-10).fun


CLEAN = [
    (Setting(10**6, 1, 0.9, 2.0, 1.0), {1: 1.0, 0: 1.0}),
    (Setting(10**6, 1, 0.6, 0.5, 0.3), {1: 1.0, 0: 1.0}),
    (Setting(10**6, 1, 0.9, 5.0, 1.0, spurious_noise=0.3), {1: 1.0, 0: 1.0}),
    (Setting(10**6, 1, 0.8, 3.0, 1.0), {1: 2.0, 0: 1.0}),
    (Setting(10**6, 1, 0.7, 0.4, 1.0), {1: 5.0, 0: 0.3}),
    (Setting(10**6, 1, 1.0, 2.0, 1.0), {1: 1.0, 0: 1.0}),
]


@pytest.mark.parametrize(("setting", "scale"), CLEAN)
def test_memorization_threshold_is_the_minimum_of_its_definition(setting, scale):
    objective = Objective.vector_scaling(setting, scale)
    means, shares, _, _, delta = cell_arrays(setting, objective)
    free = [axis for axis in (0, 1) if noise_variance(setting)[axis] == 0]
    base = np.zeros(2)
    found = minimize(
        lambda v: v @ v,
        np.full(len(free), 5.0),
        constraints={"type": "ineq", "fun": lambda v: means[:, free] @ v - 1 / delta},
        method="SLSQP",
        options={"ftol": 1e-15},
    )
    base[free] = found.x
    tight = np.abs(means @ base - 1 / delta) < 1e-5
    across = np.array([-base[1], base[0]]) / np.linalg.norm(base)
    lines = means[tight] @ across
    lines[np.abs(lines) < 1e-6] = 0
    variance = float(noise_variance(setting) @ across**2)
    expected = one_sided(lines, shares[tight], variance)
    threshold = proportional.memorization_threshold(setting, objective)
    assert threshold == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("setting", "scale"), CLEAN)
@pytest.mark.parametrize("sigma", [0.1, 1.0, 5.0])
def test_nothing_is_memorised_exactly_up_to_the_memorization_threshold(setting, scale, sigma):
    objective = Objective.vector_scaling(setting, scale)
    threshold = proportional.memorization_threshold(setting, objective)
    assert 0 < threshold <= 0.5
    setting = Setting(**vars_of(setting) | {"sigma": sigma})
    below = proportional.max_margin(with_ratio(setting, 0.999 * threshold), objective)
    plane = proportional.max_margin(with_ratio(setting, 0), objective)
    assert below.memory == 0
    np.testing.assert_array_equal(below.coordinates, plane.coordinates)
    memories = [
        proportional.max_margin(with_ratio(setting, factor * threshold), objective).memory
        for factor in (1.001, 1.01, 1.05, 1.2)
    ]
    assert memories[0] > 0
    norm = proportional.max_margin(with_ratio(setting, 1.2 * threshold), objective).norm
    assert norm < plane.norm


@pytest.mark.parametrize(("setting", "scale"), CLEAN)
def test_memory_sets_in_continuously(setting, scale):
    objective = Objective.vector_scaling(setting, scale)
    threshold = proportional.memorization_threshold(setting, objective)
    below, above = (
        proportional.max_margin(with_ratio(setting, factor * threshold), objective).coordinates
        for factor in (0.99, 1.0001)
    )
    np.testing.assert_allclose(above, below, atol=0.02 * np.linalg.norm(below))


@pytest.mark.parametrize("noise", [{"core_noise": 0.1}, {"label_noise": 0.1}])
def test_inseparable_planes_always_memorise(noise):
    setting = of_kappa(0.5, d=600, **noise)
    assert proportional.memorization_threshold(setting) == 0
    assert proportional.max_margin(setting).memory > 0


@pytest.mark.parametrize("noise", CASES, ids=str)
def test_swapping_the_groups_turns_the_spurious_weight(noise):
    one, other = (of_kappa(0.7, rho, 2.0, d=3000, **noise) for rho in (0.8, 0.2))
    np.testing.assert_allclose(
        proportional.max_margin(one).coordinates,
        proportional.max_margin(other).coordinates * (1, -1, 1),
        rtol=1e-9,
    )


def test_without_flips_the_core_weight_is_the_squared_norm():
    for delta, spurious_noise in itertools.product((0.6, 1.8, 40), (0, 0.3)):
        setting = of_kappa(0.8, 0.85, 3.0, d=round(1000 * delta), spurious_noise=spurious_noise)
        found = proportional.max_margin(setting)
        assert found.core == pytest.approx(found.norm**2, rel=1e-8)


@pytest.mark.parametrize("method", ["reweighting", "logit shifting"])
def test_only_the_scale_matters_to_the_limit(method):
    found = proportional.max_margin(FIGURE_1, METHODS[method](FIGURE_1)).coordinates
    np.testing.assert_array_equal(found, proportional.max_margin(FIGURE_1).coordinates)


@pytest.mark.parametrize("factor", [0.1, 10.0])
def test_common_scale_only_scales_the_weights(factor):
    found = proportional.max_margin(FIGURE_1, Objective(scale=factor)).coordinates
    plain = proportional.max_margin(FIGURE_1).coordinates
    np.testing.assert_allclose(factor * found, plain, rtol=1e-9)


# Legal all the same: very short or very long features, and fewer of them than examples.
HARD = [
    Setting(1, 10**7, 0.5, 1e6, 0.5),
    Setting(7, 1, 0.0, 0.0, 1e3, core_noise=0.12),
    Setting(2, 1, 0.0, 5.0, 1e-6, core_noise=0.12),
    Setting(1000, 2000, 0.9, 5.0, 1e-5, 0.12, 0.12),
    Setting(1000, 2000, 0.9, 5.0, 1e4, 0.12, 0.12),
    Setting(1000, 2000, 0.9, 1e-6, 1.0, 0.12, 0.12),
]


@pytest.mark.parametrize("setting", HARD, ids=str)
def test_badly_scaled_settings_still_have_their_one_solution(setting):
    found = proportional.max_margin(setting)
    assert found.kkt_residual <= 1e-9
    assert np.isfinite(found.coordinates).all()


@pytest.mark.parametrize("gamma", [1e-3, 1.0, 1e6])
@pytest.mark.parametrize("sigma", [1e-9, 1e-3, 1.0])
@pytest.mark.parametrize("delta", [0.6, 2.0, 1e6])
def test_one_group_of_any_size_has_a_closed_form(gamma, sigma, delta):
    # One margin: F = τ²[(1 + A²)Φ + Aφ] = τ²δ fixes A, and m = 1 − Aτ is left to be minimised over
    # τ = σr: with U = 1 + γ², m²/U + r² is least at r = Aσ/(U + A²σ²), m = U/(U + A²σ²).
    setting = Setting(1000, round(1000 * delta), 1.0, gamma, sigma)
    depth = brentq(
        lambda a: (1 + a * a) * ndtr(a) + a * math.exp(-a * a / 2) / math.sqrt(2 * math.pi) - delta,
        0,
        2 + 2 * math.sqrt(delta),
        xtol=1e-15,
        rtol=1e-14,
    )
    size = 1 + gamma**2
    remaining = size + (depth * sigma) ** 2
    expected = np.array([1.0, gamma, depth * sigma]) / remaining
    found = proportional.max_margin(setting)
    np.testing.assert_allclose(found.coordinates, expected, rtol=1e-9)
