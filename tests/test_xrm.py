"""XRM and MAT: against a plain twin on explicit features, and against what they should find."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pitfalls.sims import (
    Sample,
    calibrated_shift,
    cross_risk,
    draw,
    gradient_descent,
    max_margin,
    memorization_aware,
    minority_found,
    xrm,
)
from pitfalls.sims.seeds import TWINS, generator, seed_sequence
from pitfalls.theory import Objective, Setting, SettingError
from samples import as_dense

SMALL = Setting(60, 90, 0.8, 3.0, 0.3, core_noise=0.2, spurious_noise=0.1)


def softmax(logits):
    grown = np.exp(logits - logits.max(axis=1, keepdims=True))
    return grown / grown.sum(axis=1, keepdims=True)


def plain_cross_risk(sample, seed, learning_rate, steps, starts=(0.0, 0.0)):
    """Two-logit softmax models on explicit features, one example and one class at a time."""
    rng = generator(seed_sequence(seed), TWINS)
    n = sample.n
    own = rng.integers(0, 2, n)
    x, labels = sample.features, (sample.labels > 0).astype(int)
    models = [np.zeros((x.shape[1], 2)) for _ in range(2)]
    for model, start in zip(models, starts, strict=True):
        model[:, 1] += start
    for _ in range(steps):
        logits = [x @ model for model in models]
        for k, model in enumerate(models):
            residual = np.eye(2)[labels] - softmax(logits[k])
            residual[own != k] = 0
            # Half the binary rate: the difference of two logits moves twice.
            models[k] = model + learning_rate / 2 * x.T @ residual / n
        chance = rng.random(n)
        for i in range(n):
            p = softmax(logits[1 - own[i]][i : i + 1])[0]
            if chance[i] < (p.max() - 0.5) * 2:
                labels[i] = p.argmax()
    logits = [x @ model for model in models]
    held_out = np.array([logits[1 - own[i]][i] for i in range(n)])
    return held_out - held_out.mean(axis=1, keepdims=True)


@pytest.mark.parametrize("steps", [0, 1, 5, 60])
@pytest.mark.parametrize("seed", [0, 3])
def test_cross_risk_is_the_plain_twin(seed, steps):
    sample = draw(SMALL, seed, "explicit")
    expected = plain_cross_risk(sample, seed, 0.1, steps)
    found = cross_risk(sample, seed, learning_rate=0.1, steps=steps)
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("steps", [0, 1, 60])
def test_cross_risk_from_starts_of_ones_own_is_the_plain_twin(steps):
    sample = draw(SMALL, 0, "explicit")
    starts = np.random.default_rng(1).normal(scale=0.3, size=(2, SMALL.d + 2))
    expected = plain_cross_risk(sample, 0, 0.1, steps, starts)
    found = cross_risk(sample, 0, learning_rate=0.1, steps=steps, initial=starts)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_twins_start_in_directions_of_their_own():
    sample = draw(SMALL, 0)
    far = (0.0, 0.0, 10.0)
    starts = [
        cross_risk(sample, seed, steps=0, initial=pair)[:, 1] * sample.labels
        for seed, pair in ((0, (far, far)), (1, (far, far)), (0, (far, (0.0, 0.0, 0.0))))
    ]
    own = generator(seed_sequence(0), TWINS).integers(0, 2, sample.n)
    # Whom the second twin holds out, the first has trained on.
    assert (starts[2][own == 0] == 0).all()
    np.testing.assert_array_equal(starts[0][own == 1], starts[2][own == 1])
    third = sample.start(far).margins / 2
    for one, other in ((starts[0], starts[1]), (starts[0], third), (starts[1], third)):
        cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
        assert abs(cosine) < 4 / math.sqrt(SMALL.n)
    # Each is E·v with ‖v‖ = 10: σ²·100 on average (P2), in units of two logits' half difference.
    assert starts[0].std() == pytest.approx(SMALL.sigma * 10 / 2, rel=4 / math.sqrt(2 * SMALL.n))


@pytest.mark.parametrize("kind", ["explicit", "orthogonal"])
def test_every_kind_of_sample_has_the_same_twins(kind):
    # The same examples as explicit features and as their Gram matrix.
    sample = draw(SMALL if kind == "explicit" else Setting(20, 5, 0.8, 3.0, 1.0), 0, kind)
    found = [cross_risk(each, 1, steps=50) for each in (sample, as_dense(sample))]
    np.testing.assert_allclose(*found, atol=1e-12)


def test_flips_are_as_likely_as_they_should_be():
    """A certain twin is imitated at once; an ignorant one never."""
    far = Setting(200, 0, 0.75, 100.0, 0.0)
    sample = draw(far, 0)
    logits = cross_risk(sample, 0, learning_rate=10.0, steps=3)
    predicted = 2 * logits.argmax(axis=1) - 1
    np.testing.assert_array_equal(predicted == sample.labels, sample.groups == 1)
    np.testing.assert_array_equal(cross_risk(sample, 0, steps=0), np.zeros((200, 2)))


@pytest.mark.parametrize("seed", range(3))
def test_in_figure_1_the_exceptions_are_found_exactly(seed):
    sample = draw(Setting.figure_1(), seed)
    predicted = 2 * cross_risk(sample, seed).argmax(axis=1) - 1
    np.testing.assert_array_equal(predicted == sample.labels, sample.groups == 1)


def test_mat_is_logit_shifting_where_the_exceptions_are_found():
    """Shift by shift the log-odds of the attribute's table, counted here in fractions."""
    sample = draw(Setting.figure_1(), 4)
    found = memorization_aware(sample, 4, temperature=1e-3)
    attribute = np.where(sample.groups == 1, sample.labels, -sample.labels)
    for value in (-1, 1):
        of = attribute == value
        odds = Fraction(
            int((of & (sample.groups == 1)).sum()), int((of & (sample.groups == 0)).sum())
        )
        expected = math.log(odds) * np.where(sample.groups == 1, 1, -1)
        np.testing.assert_allclose(found.shift[of], expected[of], atol=1e-9)
    oracle = Objective.logit_shifting(sample.groups)
    runs = gradient_descent(sample, [found, oracle], 0.02, 1000, record=[1000])
    minority = [run.accuracy(Setting.figure_1()).minority[0] for run in runs]
    assert minority[0] == pytest.approx(minority[1], abs=0.01)


def test_mat_and_erm_have_one_limit():
    sample = draw(SMALL, 1)
    shifted = max_margin(sample, memorization_aware(sample, 1))
    np.testing.assert_allclose(
        shifted.coordinates, max_margin(sample, Objective.erm()).coordinates, rtol=1e-12
    )


def test_the_seed_of_a_draw_is_none_of_the_twins():
    stream = seed_sequence(0)
    twins = generator(stream, TWINS).random(4)
    others = [generator(stream, 2**31 + k).random(4) for k in range(40)]
    others += [np.random.default_rng(child).random(4) for child in stream.spawn(4)]
    assert all((other != twins).all() for other in others)


def slow_calibration(logits, labels, temperature):
    """The calibration as a double loop."""
    p = softmax(np.asarray(logits) / temperature)
    joint = [
        [sum(p[i][k] for i in range(len(p)) if labels[i] == y) for k in (0, 1)] for y in (0, 1)
    ]
    among = [joint[0][k] + joint[1][k] for k in (0, 1)]
    found = np.empty_like(p)
    for i in range(len(p)):
        for y in (0, 1):
            value = sum(joint[y][k] / among[k] * p[i][k] for k in (0, 1))
            found[i][y] = math.log(max(value, 1e-6))
    return found


examples = st.lists(
    st.tuples(st.floats(-5, 5), st.floats(-5, 5), st.integers(0, 1)), min_size=1, max_size=20
)


@given(examples, st.floats(0.2, 10))
def test_calibration_is_the_double_loop(examples, temperature):
    logits = np.array([example[:2] for example in examples])
    labels = [example[2] for example in examples]
    found = calibrated_shift(logits, labels, temperature)
    np.testing.assert_allclose(found, slow_calibration(logits, labels, temperature), atol=1e-9)


@given(examples, st.floats(0.05, 10))
def test_calibrated_probabilities_are_probabilities_of_the_right_mean(examples, temperature):
    logits = np.array([example[:2] for example in examples])
    labels = np.array([example[2] for example in examples])
    p = np.exp(calibrated_shift(logits, labels, temperature))
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=3e-6)
    # Σ_i p(y | x_i) = Σ_ŷ p(y | ŷ)·Σ_i p(ŷ | x_i) = the number of examples with the label y.
    counts = [(labels == 0).sum(), (labels == 1).sum()]
    np.testing.assert_allclose(p.sum(axis=0), counts, atol=3e-5)


def test_calibration_at_the_ends_of_the_temperature():
    logits = np.array([[0.0, 1.0]] * 6 + [[1.0, 0.0]] * 4)
    labels = [1] * 5 + [0] * 4 + [1]
    cold = np.exp(calibrated_shift(logits, labels, 1e-3))
    np.testing.assert_allclose(cold[0], [1 / 6, 5 / 6])
    np.testing.assert_allclose(cold[9], [3 / 4, 1 / 4])
    np.testing.assert_allclose(np.exp(calibrated_shift(logits, labels, 1e9)), [[0.4, 0.6]] * 10)


def test_the_logarithm_has_a_floor():
    certain = calibrated_shift([[0.0, 100.0], [100.0, 0.0]], [1, 0])
    np.testing.assert_allclose(certain, [[math.log(1e-6), 0], [0, math.log(1e-6)]], atol=1e-12)


def test_a_prediction_that_nobody_makes_is_no_warning():
    assert np.isfinite(calibrated_shift([[0.0, 1e4]] * 3, [1, 1, 0], 0.1)).all()


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("logits", ([[0.0]], [0])),
        ("logits", ([[0.0, np.nan]], [0])),
        ("logits", (np.zeros((0, 2)), [])),
        ("labels", ([[0.0, 1.0]], [-1])),
        ("labels", ([[0.0, 1.0]], [0, 1])),
        ("temperature", ([[0.0, 1.0]], [0], 0.0)),
        ("temperature", ([[0.0, 1.0]], [0], np.nan)),
    ],
)
def test_what_cannot_be_calibrated_is_refused(field, arguments):
    with pytest.raises(SettingError) as caught:
        calibrated_shift(*arguments)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("learning_rate", {"learning_rate": 0}),
        ("steps", {"steps": -1}),
        ("steps", {"steps": 1.5}),
        ("seed", {"seed": -1}),
        ("temperature", {"temperature": -1}),
        ("initial", {"initial": (np.zeros(92),)}),
        ("initial", {"initial": (np.zeros(92), np.zeros(4))}),
    ],
)
def test_what_cannot_be_trained_is_refused(field, options):
    with pytest.raises(SettingError) as caught:
        memorization_aware(draw(SMALL, 0), **{"seed": 0, **options})
    assert caught.value.field == field


def test_bytes_do_not_depend_on_the_threads(monkeypatch):
    sample, found = draw(Setting.figure_1(n=400, d=800), 0), []
    for threads in (1, 2, 3):
        monkeypatch.setattr("pitfalls.sims.threads.cores", lambda threads=threads: threads)
        found.append(cross_risk(sample, 0, steps=30).tobytes())
    assert len(set(found)) == 1


def test_the_minority_found_is_counted():
    groups = [1, 1, 1, 0, 0, 0, 0]
    sample = Sample.from_arrays(np.ones((7, 2)), [1, -1, 1, 1, -1, 1, -1], groups)
    right, wrong = [[0.0, 1.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]
    logits = np.array([right[0], wrong[1], right[0], wrong[0], wrong[1], wrong[0], right[1]])
    assert minority_found(sample, logits) == (3 / 4, 3 / 4)
    # A tie is a prediction of the first label.
    assert minority_found(sample, np.zeros((7, 2))).recall == 2 / 4
    lone = Sample.from_arrays(np.ones((2, 2)), [1, 1], [1, 1])
    found = minority_found(lone, [[0.0, 1.0], [0.0, 1.0]])
    assert np.isnan(found.recall)
    assert np.isnan(found.precision)


@pytest.mark.parametrize(
    ("field", "groups", "logits"),
    [("groups", None, np.zeros((2, 2))), ("logits", [1, 0], np.zeros((3, 2)))],
)
def test_who_cannot_be_found_is_said(field, groups, logits):
    sample = Sample.from_arrays(np.ones((2, 2)), [1, -1], groups)
    with pytest.raises(SettingError) as caught:
        minority_found(sample, logits)
    assert caught.value.field == field


def test_every_option_of_xrm_arrives(monkeypatch):
    sample, given = draw(SMALL, 0), {}

    def found(sample, seed, **options):
        given.update(options, seed=seed)
        return np.zeros((sample.n, 2))

    monkeypatch.setattr(xrm, "cross_risk", found)
    options = {"learning_rate": 0.5, "steps": 3, "initial": [None, None], "single": True}
    memorization_aware(sample, 7, **options)
    assert given == {**options, "seed": 7}


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("logits", ("high", [0])),
        ("logits", ([[0.0, 1.0], [1.0]], [0, 1])),
        ("logits", ([[0.0, np.nan]], [0])),
        ("labels", ([[0.0, 1.0]], [[0], [1, 0]])),
        ("temperature", ([[0.0, 1.0]], [0], "hot")),
    ],
)
def test_what_is_no_array_of_numbers_is_refused_by_name(field, arguments):
    with pytest.raises(SettingError) as caught:
        calibrated_shift(*arguments)
    assert caught.value.field == field


@pytest.mark.parametrize("logits", ["high", [[0.0], [1.0, 2.0]], [[0.0, np.nan], [0.0, 1.0]]])
def test_logits_that_are_no_numbers_find_nobody(logits):
    sample = Sample.from_arrays(np.ones((2, 2)), [1, -1], [1, 0])
    with pytest.raises(SettingError) as caught:
        minority_found(sample, logits)
    assert caught.value.field == "logits"
