"""What a run looks like from outside: gaps, test loss, when to stop, how many held-out examples."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pitfalls.sims import draw, gradient_flow
from pitfalls.theory import (
    GroupAccuracy,
    Objective,
    ResourceError,
    Setting,
    SettingError,
    Trajectory,
    decoding,
    generalization,
    orthogonal,
    proportional,
)
from scipy import stats
from scipy.integrate import quad

NOISY = Setting(400, 1000, 0.8, 2.0, 0.6, 0.3, 0.2, label_noise=0.1)
TIMES = np.logspace(-2, 4, 25)


def weights(core, spurious, memory, times=None):
    """A run through these weights; nothing else of it matters."""
    core, spurious, memory = (
        np.atleast_1d(np.asarray(x, dtype=float)) for x in (core, spurious, memory)
    )
    one = np.ones(len(core))
    grid = np.arange(1.0, len(core) + 1) if times is None else times
    return Trajectory(grid, core, spurious, memory, one, GroupAccuracy.of(one, one, 0.8))


def test_the_gap_is_what_training_reads_less_what_new_examples_find():
    """Against explicit test examples, counted."""
    setting = Setting(60, 90, 0.8, 2.0, 0.6, 0.3, 0.2, label_noise=0.1)
    sample = draw(setting, 3, "explicit")
    run = gradient_flow(sample, Objective.reweighting(setting), [0.5, 30.0])
    found = generalization.gap(run, setting)
    rng = np.random.default_rng(0)
    count = 20_000
    for k in range(2):
        for sign, test_gap, train in (
            (1, found.majority[k], run.train.majority[k]),
            (-1, found.minority[k], run.train.minority[k]),
        ):
            # A folded test example of the group, and a direction for the memory weights.
            plane = np.array([1.0, sign * setting.gamma]) + rng.standard_normal((count, 2)) * [
                setting.core_noise,
                setting.spurious_noise * setting.gamma,
            ]
            noise = setting.sigma * run.memory[k] * rng.standard_normal(count)
            right = (plane @ [run.core[k], run.spurious[k]] + noise > 0).mean()
            error = math.sqrt(right * (1 - right) / count) + 1 / count
            assert abs(train - test_gap - right) < 4 * error
    inside = sample.groups == 0
    margins = run.margins[-1]
    assert run.train.minority[-1] == (margins[inside] > 0).mean()
    share = inside.mean()
    train = (1 - share) * run.train.majority + share * run.train.minority
    test = 0.8 * (run.train.majority - found.majority) + 0.2 * (run.train.minority - found.minority)
    np.testing.assert_allclose(found.average, train - test, atol=1e-12)


@given(
    st.floats(-50, 50),
    st.floats(0.01, 50),
)
def test_the_test_loss_is_the_integral(mean, deviation):
    setting = Setting(100, 100, 0.5, 0.0, 1.0)
    found = generalization.test_loss(weights(mean, 0.0, deviation), setting)

    def integrand(z):
        return np.logaddexp(0, -(mean + deviation * z)) * stats.norm.pdf(z)

    kink = np.clip(-mean / deviation, -11, 11)
    expected = quad(integrand, -12, kink, epsabs=1e-13)[0] + quad(integrand, kink, 12)[0]
    assert found.majority[0] == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert found.minority[0] == found.majority[0]


def test_decoded_is_what_the_plane_alone_says():
    run = weights([1.0, 1.0, 0.5], [0.1, 0.4, 0.2], [3.0, 7.0, 0.0])
    setting = Setting(100, 400, 0.8, 2.0, 0.5, 0.3, 0.2)
    found = decoding.decoded(run, setting)
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((2, 200_000))
    for k in range(3):
        for sign, accuracy in ((1, found.majority[k]), (-1, found.minority[k])):
            core, spurious = 1 + 0.3 * noise[0], 2.0 * (sign + 0.2 * noise[1])
            right = (run.core[k] * core + run.spurious[k] * spurious > 0).mean()
            count = noise.shape[1]
            error = math.sqrt(accuracy * (1 - accuracy) / count)
            assert abs(accuracy - right) < 4 * error + 1 / count
    single = decoding.decoded(run.at(1), setting)
    assert single.minority == found.minority[1]


@given(st.integers(0, 450), st.floats(0.05, 5))
def test_without_feature_noise_no_label_noise_can_hide_the_rule(thousandths, kappa):
    noise = thousandths / 1000
    setting = Setting(10**6, 10**8, 0.9, 3.0, math.sqrt(kappa / 100), label_noise=noise)
    limit = orthogonal.max_margin(setting)
    clean = orthogonal.max_margin(Setting(10**6, 10**8, 0.9, 3.0, math.sqrt(kappa / 100)))
    assert limit.spurious / limit.core == pytest.approx(clean.spurious / clean.core, rel=1e-9)
    for own, before in zip(
        (limit.accuracy(setting).majority, limit.accuracy(setting).minority),
        (clean.accuracy(setting).majority, clean.accuracy(setting).minority),
        strict=True,
    ):
        assert abs(own - 0.5) <= abs(before - 0.5) + 1e-9
    assert decoding.decoded(limit, setting) == decoding.decoded(clean, setting)


def test_the_test_loss_has_its_groups_its_noise_and_its_limits():
    run = weights([0.0, 2.0, 2.0], [0.0, 0.5, 0.5], [0.0, 0.0, 1.5])
    clean = Setting(100, 100, 0.9, 3.0, 0.0)
    found = generalization.test_loss(run, clean)
    expected = [math.log(2), math.log1p(math.exp(-3.5)), math.log1p(math.exp(-3.5))]
    np.testing.assert_allclose(found.majority, expected, rtol=1e-12)
    np.testing.assert_allclose(found.minority[1:], math.log1p(math.exp(-0.5)), rtol=1e-12)
    np.testing.assert_allclose(found.average, 0.9 * found.majority + 0.1 * found.minority)
    # Noise of every kind is one deviation: √(σ_y²w_y² + γ²σ_a²w_a² + σ²‖w_ε‖²).
    noisy = Setting(100, 100, 0.9, 3.0, 0.4, 0.2, 0.3)
    deviation = math.sqrt(0.4**2 + (0.3 * 1.5) ** 2 + 0.6**2)
    same = weights(2.0 - 1.5, 0.0, deviation)
    alone = generalization.test_loss(same, Setting(100, 100, 0.9, 0.0, 1.0)).majority[0]
    assert generalization.test_loss(run, noisy).minority[2] == pytest.approx(alone, rel=1e-12)
    # Without memory features their weights do not count.
    none = generalization.test_loss(run, Setting(100, 0, 0.9, 3.0, 0.4))
    np.testing.assert_allclose(none.majority, found.majority)


@pytest.mark.parametrize("method", [Objective.reweighting, Objective.logit_shifting])
def test_stopping_is_where_the_list_says(method):
    run = proportional.flow(NOISY, method(NOISY), TIMES, sets=1, sites=128)
    stop = generalization.early_stopping(run, NOISY, tolerance=0.02)
    test = run.accuracy(NOISY)
    rows = list(zip(run.times, test.worst, test.average, strict=True))
    best = max(worst for _, worst, _ in rows)
    assert (stop.time, best) == next((t, w) for t, w, _ in rows if w == best)
    assert stop.accuracy.worst == best
    k = [t for t, _, _ in rows].index(stop.time)
    for step, end in ((-1, stop.window[0]), (1, stop.window[1])):
        reached = k
        while 0 <= reached + step < len(rows) and rows[reached + step][1] >= best - 0.02:
            reached += step
        assert rows[reached][0] == end
    assert stop.average_time == max(rows, key=lambda row: row[2])[0]
    loss = generalization.test_loss(run, NOISY).average
    assert stop.loss_time == run.times[loss.argmin()]
    assert stop.at_loss.minority == test.minority[loss.argmin()]
    assert stop.last.worst == test.worst[-1]
    assert stop.at_average.average == pytest.approx(test.average.max(), rel=1e-12)


def test_a_window_with_a_dip_ends_before_it():
    run = weights([1.0, 2.0, 1.0, 2.0, 2.05, 2.0, 0.5], np.zeros(7), np.ones(7))
    setting = Setting(10, 10, 0.8, 1.0, 1.0)
    stop = generalization.early_stopping(run, setting)
    assert (stop.time, stop.window) == (5.0, (4.0, 6.0))
    whole = generalization.early_stopping(run, setting, tolerance=1.0)
    assert whole.window == (1.0, 7.0)


@given(st.integers(1, 60), st.data())
def test_the_interval_is_clopper_and_pearsons(count, data):
    right = data.draw(st.integers(0, count))
    level = data.draw(st.floats(0.5, 0.999))
    low, high = generalization.accuracy_interval(right, count, level)
    tail = (1 - level) / 2
    expected = (
        stats.beta.ppf(tail, right, count - right + 1) if right else 0.0,
        stats.beta.ppf(1 - tail, right + 1, count - right) if right < count else 1.0,
    )
    assert (low, high) == pytest.approx(expected, abs=1e-9)


def power(count, accuracy, training, level):
    """Chance that the interval lies below the training accuracy, summed over all outcomes."""
    return sum(
        stats.binom.pmf(right, count, accuracy)
        for right in range(count + 1)
        if generalization.accuracy_interval(right, count, level)[1] < training
    )


@pytest.mark.parametrize(
    ("accuracy", "training", "level", "goal"),
    [(0.5, 0.95, 0.95, 0.9), (0.2, 0.7, 0.99, 0.95), (0.6, 1.0, 0.9, 0.99), (0.0, 0.4, 0.95, 0.95)],
)
def test_so_many_examples_are_needed_and_no_fewer(accuracy, training, level, goal):
    needed = generalization.examples_needed(accuracy, training, level, goal)
    assert all(
        power(count, accuracy, training, level) >= goal for count in range(needed, needed + 25)
    )
    assert needed == 1 or power(needed - 1, accuracy, training, level) < goal


@given(st.floats(0.001, 0.999))
def test_where_training_reads_one_a_single_error_shows_it(accuracy):
    needed = generalization.examples_needed(accuracy)
    assert accuracy**needed <= 0.05 * (1 + 1e-9)
    assert needed == 1 or accuracy ** (needed - 1) > 0.05 * (1 - 1e-9)


@pytest.mark.parametrize(
    ("field", "call"),
    [
        ("right", lambda: generalization.accuracy_interval(5, 4)),
        ("right", lambda: generalization.accuracy_interval(-1, 4)),
        ("count", lambda: generalization.accuracy_interval(0, 0)),
        ("level", lambda: generalization.accuracy_interval(1, 4, 1.0)),
        ("accuracy", lambda: generalization.examples_needed(0.9, 0.9)),
        ("accuracy", lambda: generalization.examples_needed(math.nan)),
        ("training", lambda: generalization.examples_needed(0.9, 1.1)),
        ("power", lambda: generalization.examples_needed(0.9, power=0.0)),
        ("level", lambda: generalization.examples_needed(0.9, level="0.95")),
        *[
            (
                "tolerance",
                lambda tolerance=tolerance: generalization.early_stopping(
                    orthogonal.flow(NOISY, Objective.erm(), [1.0]), NOISY, tolerance
                ),
            )
            for tolerance in (-0.1, True, "0.1", math.nan)
        ],
    ],
)
def test_what_makes_no_sense_is_refused(field, call):
    with pytest.raises(SettingError) as caught:
        call()
    assert caught.value.field == field


def test_numbers_of_numpy_are_numbers():
    assert generalization.examples_needed(np.float32(0.5)) == 5
    run = orthogonal.flow(NOISY, Objective.erm(), [1.0, 10.0])
    stops = [
        generalization.early_stopping(run, NOISY, tolerance)
        for tolerance in (np.float32(0.25), 0.25)
    ]
    assert stops[0] == stops[1]


def test_a_gap_that_takes_too_many_examples_is_refused_before_they_are_looked_at():
    with pytest.raises(ResourceError, match=r"gap of 1e-09 needs .* ask about a larger gap"):
        generalization.examples_needed(0.5, 0.5 + 1e-9)
