"""Gradient descent: against a plain loop over explicit weights, and what it must leave alone."""

import signal
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pitfalls.sims import Features, Sample, descent, draw, gradient_descent
from pitfalls.theory import Objective, ResourceError, Setting, SettingError
from samples import (
    array_samples,
    as_dense,
    coordinates,
    difference,
    folded,
    four_methods,
    model_samples,
    objectives,
    random_objective,
    safe_rate,
)

STEPS = 40
WIDE = Setting(30, 50, 0.8, 2.0, 0.6, core_noise=0.2, spurious_noise=0.3, label_noise=0.1)
NARROW = Setting(60, 7, 0.8, 2.0, 0.6, core_noise=0.2, spurious_noise=0.3, label_noise=0.1)
FIELDS = ("core", "spurious", "memory", "loss", "dual", "margins")


def plain_descent(sample, objective, rate, steps, initial):
    """Weights (steps + 1, p) by the textbook loop, one gradient of the loss at a time."""
    weight, shift, scale = objective.resolve(sample.groups, sample.n)
    z = folded(sample)
    path = [np.asarray(initial, dtype=float)]
    for _ in range(steps):
        pull = weight * scale / (1 + np.exp(scale * (z @ path[-1]) + shift))
        path.append(path[-1] + rate * (z.T @ pull) / sample.n)
    return np.array(path)


def fields(run):
    return [getattr(run, name) for name in FIELDS] + [run.train.majority, run.train.minority]


def assert_same_bytes(first, second):
    for one, other in zip(fields(first), fields(second), strict=True):
        assert one.tobytes() == other.tobytes()


def rebuilt(sample, features, labels=None, rows=slice(None)):
    """The sample with other features, in the order of ``rows``."""
    labels = sample.labels if labels is None else labels
    return Sample.from_arrays(features[rows], labels[rows], sample.groups[rows])


def renumbered(objective, sample, rows, factor=1.0):
    """The objective per example, in the order of ``rows``."""
    weight, shift, scale = objective.resolve(sample.groups, sample.n)
    return Objective(weight=(weight * factor)[rows], shift=shift[rows], scale=scale[rows])


@given(st.data())
def test_loss_never_rises_below_the_stability_limit(data):
    sample = data.draw(model_samples())
    objective = data.draw(objectives(sample))
    rate = safe_rate(sample, objective, share=data.draw(st.floats(0.01, 0.999)))
    loss = gradient_descent(sample, objective, rate, STEPS).loss
    # The loss is a sum of positive terms, so only rounding may lift it.
    assert (np.diff(loss) <= 1e-13 * loss[:-1]).all()


@pytest.mark.parametrize(("share", "settles"), [(0.99, True), (1.01, False)])
def test_stability_limit_is_sharp(share, settles):
    # Opposite examples: the loss is log cosh up to constants, its curvature at w = 0 is all of L.
    sample = Sample.from_arrays([[1.0, 0.0], [1.0, 0.0]], [1, -1], [1, 1])
    rate = safe_rate(sample, Objective.erm(), share)
    loss = gradient_descent(sample, Objective.erm(), rate, 30, initial=(1e-3, 0.0)).loss
    assert (loss[-1] < loss[0]) == settles


@given(st.data())
def test_order_of_the_examples_does_not_matter(data):
    sample = data.draw(array_samples())
    objective = data.draw(objectives(sample))
    rows = np.array(data.draw(st.permutations(range(sample.n))))
    rate = safe_rate(sample, objective)
    run = gradient_descent(sample, objective, rate, STEPS)
    moved = gradient_descent(
        rebuilt(sample, sample.features, rows=rows),
        renumbered(objective, sample, rows),
        rate,
        STEPS,
    )
    assert difference(moved.margins, run.margins[:, rows]) < 1e-12
    assert difference(moved.coordinates, run.coordinates) < 1e-12


@given(st.data())
def test_rotating_the_memory_features_changes_nothing_reported(data):
    sample = data.draw(array_samples(least_features=3))
    objective = data.draw(objectives(sample))
    rate = safe_rate(sample, objective)
    x = sample.features.copy()
    noise = np.random.default_rng(data.draw(st.integers(0, 99))).normal(size=(x.shape[1] - 2,) * 2)
    x[:, 2:] = x[:, 2:] @ np.linalg.qr(noise)[0]
    run = gradient_descent(sample, objective, rate, STEPS)
    turned = gradient_descent(rebuilt(sample, x), objective, rate, STEPS)
    assert difference(turned.margins, run.margins) < 1e-12
    assert difference(turned.coordinates, run.coordinates) < 1e-12


@given(st.data())
def test_negating_an_input_and_its_label_gives_the_same_bytes(data):
    sample = data.draw(array_samples())
    objective = data.draw(objectives(sample))
    sign = np.random.default_rng(data.draw(st.integers(0, 99))).choice((-1, 1), sample.n)
    rate = safe_rate(sample, objective)
    flipped = rebuilt(sample, sample.features * sign[:, None], sample.labels * sign)
    assert_same_bytes(
        gradient_descent(flipped, objective, rate, STEPS),
        gradient_descent(sample, objective, rate, STEPS),
    )


@given(st.data(), st.floats(0.1, 10))
def test_scaling_the_inputs_scales_time_by_its_square(data, factor):
    sample = data.draw(array_samples())
    objective = data.draw(objectives(sample))
    rate = safe_rate(sample, objective)
    run = gradient_descent(sample, objective, rate, STEPS)
    scaled = gradient_descent(
        rebuilt(sample, factor * sample.features), objective, rate / factor**2, STEPS
    )
    assert difference(scaled.margins, run.margins) < 1e-12
    assert difference(factor * scaled.coordinates, run.coordinates) < 1e-12


@given(st.data(), st.floats(0.1, 10))
def test_scaling_the_weights_of_the_loss_scales_time(data, factor):
    sample = data.draw(array_samples())
    objective = data.draw(objectives(sample))
    rate = safe_rate(sample, objective)
    run = gradient_descent(sample, objective, rate, STEPS)
    heavier = renumbered(objective, sample, slice(None), factor)
    scaled = gradient_descent(sample, heavier, rate / factor, STEPS)
    assert difference(scaled.margins, run.margins) < 1e-12
    assert difference(scaled.loss, factor * run.loss) < 1e-12


@given(st.data())
def test_duplicated_rows_count_as_doubled_weights(data):
    sample = data.draw(array_samples())
    objective = data.draw(objectives(sample))
    twice = sorted(data.draw(st.sets(st.integers(0, sample.n - 1), min_size=1)))
    rows = np.concatenate((np.arange(sample.n), twice))
    weight, shift, scale = objective.resolve(sample.groups, sample.n)
    doubled = Objective(weight=weight * np.bincount(rows), shift=shift, scale=scale)
    rate = safe_rate(sample, doubled)
    run = gradient_descent(sample, doubled, rate, STEPS)
    copied = gradient_descent(
        rebuilt(sample, sample.features, rows=rows),
        renumbered(objective, sample, rows),
        rate * len(rows) / sample.n,
        STEPS,
    )
    assert difference(copied.margins, run.margins[:, rows]) < 1e-12
    assert difference(copied.coordinates, run.coordinates) < 1e-12
    assert difference(copied.loss * len(rows), run.loss * sample.n) < 1e-12


@given(st.data())
def test_weights_minus_their_start_stay_in_the_span_of_the_data(data):
    sample = data.draw(array_samples())
    objective = data.draw(objectives(sample))
    z = folded(sample)
    start = np.random.default_rng(data.draw(st.integers(0, 99))).normal(size=z.shape[1])
    run = gradient_descent(sample, objective, safe_rate(sample, objective), STEPS, initial=start)
    for step in (0, 1, STEPS):
        weights = start + z.T @ run.dual[step]
        assert difference(run.at(step).coordinates, coordinates(sample, weights)) < 1e-12
        assert difference(run.margins[step], z @ weights) < 1e-12


@pytest.mark.parametrize("setting", [WIDE, NARROW], ids=["p > n", "p < n"])
@pytest.mark.parametrize("random_start", [False, True])
def test_dual_steps_are_the_primal_steps(setting, random_start):
    sample = draw(setting, 3, kind="explicit")
    initial = np.random.default_rng(4).normal(size=setting.d + 2) * random_start
    methods = four_methods(sample)
    rate = min(safe_rate(sample, each) for each in methods)
    runs = gradient_descent(sample, methods, rate, 1000, initial=initial)
    for objective, run in zip(methods, runs, strict=True):
        path = plain_descent(sample, objective, rate, 1000, initial)
        expected = np.array([coordinates(sample, weights) for weights in path])
        for column in range(3):
            assert difference(run.coordinates[:, column], expected[:, column]) < 1e-11
        assert difference(run.margins, path @ folded(sample).T) < 1e-11
        assert difference(run.times, rate * np.arange(1001)) < 1e-15


@pytest.mark.parametrize("kind", ["explicit", "gram", "orthogonal"])
@pytest.mark.parametrize("setting", [WIDE, NARROW], ids=["p > n", "p < n"])
def test_objectives_together_give_the_bytes_of_each_alone(setting, kind):
    sample = draw(setting, 3, kind=kind)
    methods = four_methods(sample)
    together = gradient_descent(sample, methods, 0.1, STEPS)
    for objective, run in zip(methods, together, strict=True):
        assert run.name == objective.name
        assert_same_bytes(run, gradient_descent(sample, objective, 0.1, STEPS))


@pytest.mark.parametrize("initial", [None, (0.3, -0.2, 0.7)])
def test_fused_kernel_agrees_with_the_plain_operator_loop(initial):
    narrow = draw(NARROW, 3, kind="explicit")
    assert isinstance(narrow.gram, Features)
    if initial is not None:
        initial = np.concatenate((initial[:2], initial[2] * np.eye(NARROW.d)[0]))
    # The dense Gram matrix knows no columns, so it gets the same start as margins and norms.
    dense = as_dense(narrow)
    start = narrow.start(initial)
    object.__setattr__(dense, "start", lambda _: start)
    methods = four_methods(narrow)
    plain = gradient_descent(narrow, methods, 0.1, 300, initial=initial)
    fused = gradient_descent(dense, methods, 0.1, 300, initial=initial)
    for one, other in zip(plain, fused, strict=True):
        for found, expected in zip(fields(other), fields(one), strict=True):
            assert difference(found, expected) < 1e-12


def test_all_cores_give_the_bytes_of_one():
    setting = Setting(730, 2000, 0.8, 2.0, 0.3, core_noise=0.2)
    sample = draw(setting, 3)
    methods = four_methods(sample)
    for single in (False, True):
        alone, threads = (
            gradient_descent(
                sample, methods, 0.1, 30, (0.1, 0.2, 1.0), single=single, threads=threads
            )
            for threads in (1, 3)
        )
        for one, other in zip(alone, threads, strict=True):
            assert_same_bytes(one, other)


def test_single_precision_keeps_six_digits():
    setting = Setting(400, 700, 0.9, 5.0, 0.5, core_noise=0.12, spurious_noise=0.12)
    sample = draw(setting, 3)
    for method in four_methods(sample):
        whole = gradient_descent(sample, method, 0.02, 1000, record="log")
        half = gradient_descent(sample, method, 0.02, 1000, record="log", single=True)
        off = difference(half.coordinates, whole.coordinates)
        assert 1e-10 < off < 1e-6
        assert difference(half.dual, whole.dual) < 1e-5


def test_a_long_descent_in_several_calls_is_the_same_descent(monkeypatch):
    sample = draw(WIDE, 3)
    whole = gradient_descent(sample, four_methods(sample), 0.1, STEPS)
    for operations in (1.0, 7 * 4 * 30**2):
        monkeypatch.setattr(descent, "_OPERATIONS_A_CALL", operations)
        for record in (None, [0], [STEPS], [3, 4, 17]):
            rows = slice(None) if record is None else record
            pieces = gradient_descent(sample, four_methods(sample), 0.1, STEPS, record=record)
            for piece, run in zip(pieces, whole, strict=True):
                for part, full in zip(fields(piece), fields(run), strict=True):
                    assert part.tobytes() == full[rows].tobytes()


def test_a_long_descent_can_be_interrupted():
    sample = draw(Setting(300, 400, 0.8, 2.0, 0.3), 0)

    class StopError(Exception):
        pass

    def stop(*_):
        raise StopError

    threads = threading.active_count()
    previous = signal.signal(signal.SIGALRM, stop)
    try:
        gradient_descent(sample, Objective.erm(), 0.1, 1, record=[1])
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(StopError):
            gradient_descent(sample, Objective.erm(), 0.1, 10**9, record=[10**9])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert threading.active_count() == threads


@pytest.mark.parametrize("steps", [0, 1, 2, 31, 1000, 123456])
def test_log_spaced_records_begin_at_the_start_and_end_at_the_last_step(steps):
    sample = draw(Setting(2, 0, 0.5, 2.0, 0.0), 3, kind="orthogonal")
    run = gradient_descent(sample, Objective.erm(), 1.0, steps, record="log")
    taken = run.times
    assert taken[0] == 0
    assert taken[-1] == steps
    assert (np.diff(taken) > 0).all()
    later = taken[taken >= 100]
    assert (later[1:] / later[:-1] < 1.09).all()


@pytest.mark.parametrize("setting", [WIDE, NARROW], ids=["p > n", "p < n"])
def test_recording_some_steps_gives_those_rows_of_the_full_run(setting):
    sample = draw(setting, 3, kind="explicit")
    everything = gradient_descent(sample, Objective.erm(), 0.1, STEPS)
    assert len(everything) == STEPS + 1
    for record in ([0], [STEPS], [0, 1, 7, 8, STEPS], [5]):
        some = gradient_descent(sample, Objective.erm(), 0.1, STEPS, record=record)
        assert len(some) == len(record)
        assert (some.times == 0.1 * np.array(record)).all()
        for part, whole in zip(fields(some), fields(everything), strict=True):
            assert part.tobytes() == whole[record].tobytes()


def test_a_record_means_after_that_many_updates():
    sample = draw(WIDE, 3)
    run = gradient_descent(sample, Objective.erm(), 0.1, 1)
    assert not run.dual[0].any()
    assert difference(run.dual[1], np.full(sample.n, 0.1 / sample.n / 2)) < 1e-15


def test_two_logit_softmax_is_the_binary_model_at_twice_the_rate():
    sample = draw(WIDE, 3, kind="explicit")
    x, rate, steps = sample.features, 0.03, 500
    logits_of = np.random.default_rng(8).normal(size=(2, x.shape[1])) / 7
    first = logits_of[1] - logits_of[0]
    target = np.stack((sample.labels < 0, sample.labels > 0), axis=1)
    for _ in range(steps):
        logits = x @ logits_of.T
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        probability = odds / odds.sum(axis=1, keepdims=True)
        logits_of = logits_of - rate * (probability - target).T @ x / sample.n
    run = gradient_descent(sample, Objective.erm(), 2 * rate, steps, initial=first)
    expected = coordinates(sample, logits_of[1] - logits_of[0])
    assert difference(run.at(-1).coordinates, expected) < 1e-12


@given(st.data())
def test_loss_and_training_accuracy_are_those_of_the_margins(data):
    sample = data.draw(model_samples())
    objective = data.draw(objectives(sample))
    run = gradient_descent(sample, objective, safe_rate(sample, objective), 5)
    weight, shift, scale = objective.resolve(sample.groups, sample.n)
    loss = np.mean(weight * np.log1p(np.exp(-scale * run.margins - shift)), axis=1)
    assert difference(run.loss, loss) < 1e-13
    right = run.margins > 0
    for group, accuracy in ((1, run.train.majority), (0, run.train.minority)):
        inside = sample.groups == group
        expected = right[:, inside].mean(axis=1) if inside.any() else np.ones(6)
        assert difference(accuracy, expected) < 1e-15
    assert difference(run.train.average, right.mean(axis=1)) < 1e-15
    assert (run.train.worst == np.minimum(run.train.majority, run.train.minority)).all()


@pytest.mark.parametrize("kind", ["explicit", "gram", "orthogonal"])
def test_three_initial_coordinates_are_where_training_starts(kind):
    sample = draw(WIDE, 3, kind=kind)
    run = gradient_descent(sample, Objective.erm(), 0.1, 1, initial=(0.3, -0.2, 0.7))
    assert run.at(0).coordinates.tolist() == [0.3, -0.2, 0.7]
    off_plane = run.margins[0] - sample.plane @ (0.3, -0.2)
    assert (off_plane != 0).all()


def test_a_sample_without_groups_counts_as_all_majority():
    sample = draw(WIDE, 3, kind="explicit")
    ungrouped = Sample.from_arrays(sample.features, sample.labels)
    run = gradient_descent(ungrouped, Objective.erm(), 0.1, 5)
    assert difference(run.train.majority, (run.margins > 0).mean(axis=1)) < 1e-15
    assert (run.train.minority == 1).all()


@pytest.mark.parametrize("kind", ["explicit", "orthogonal"])
def test_examples_false_keeps_everything_but_the_examples(kind):
    sample = draw(WIDE, 3, kind=kind)
    whole = gradient_descent(sample, Objective.erm(), 0.1, 9)
    lean = gradient_descent(sample, Objective.erm(), 0.1, 9, examples=False)
    assert lean.dual is None
    assert lean.margins is None
    assert lean.coordinates.tobytes() == whole.coordinates.tobytes()
    assert lean.loss.tobytes() == whole.loss.tobytes()
    assert lean.train.worst.tobytes() == whole.train.worst.tobytes()


def test_one_objective_gives_one_run_and_a_list_gives_a_list():
    sample = draw(WIDE, 3)
    assert gradient_descent(sample, Objective.erm(), 0.1, 1).name == "ERM"
    assert [run.name for run in gradient_descent(sample, [Objective.erm()], 0.1, 1)] == ["ERM"]


LEGAL = {"objective": Objective.erm(), "learning_rate": 0.1, "steps": 4}


@pytest.mark.parametrize(
    ("argument", "value", "words"),
    [
        *[("steps", bad, "an integer ≥ 0") for bad in (-1, 2.0, "3", True, None)],
        *[
            ("learning_rate", bad, "a finite number > 0")
            for bad in (0, -0.1, np.inf, np.nan, "fast", "0.1", True, np.bool_(True), None)
        ],
        *[
            ("record", bad, "strictly increasing step numbers in 0 … 4")
            for bad in ([], [2, 1], [1, 1], [-1, 2], [5], [0.5], [[1]], ["a"], 3, [1, [2]])
        ],
        *[
            ("initial", bad, "numbers of shape")
            for bad in (1.0, [[1.0, 2.0, 3.0]], "zero", [1, [2, 3]])
        ],
        ("initial", [1.0, 2.0], "of shape (p,) for explicit samples"),
        ("initial", [1.0, 2.0, -1.0], "a norm ‖w_ε‖ ≥ 0"),
        ("initial", [1.0, np.nan, 1.0], "finite"),
        ("initial", [1.0, np.inf, 1.0], "finite"),
        ("objective", [], "at least one"),
        *[("threads", bad, "an integer ≥ 1") for bad in (0, -1, 1.5, "two", True)],
    ],
)
def test_illegal_arguments_are_named_with_their_range(argument, value, words):
    sample = draw(WIDE, 3)
    with pytest.raises(SettingError) as raised:
        gradient_descent(sample, **{**LEGAL, argument: value})
    assert raised.value.field == argument
    assert words in str(raised.value)


def test_an_objective_of_another_sample_is_refused():
    with pytest.raises(SettingError, match="of length 30, one entry per example"):
        gradient_descent(draw(WIDE, 3), random_objective(29, 0), 0.1, 4)


def test_an_objective_by_group_needs_groups():
    sample = Sample.from_arrays(np.eye(4), [1, -1, 1, -1])
    with pytest.raises(SettingError, match="groups = None"):
        gradient_descent(sample, Objective(weight={1: 1.0, 0: 2.0}), 0.1, 4)


def test_examples_that_cannot_be_kept_are_refused_before_they_are_allocated():
    sample = draw(Setting(10**5, 10, 0.8, 2.0, 0.6), 3, kind="orthogonal")
    with pytest.raises(ResourceError, match="examples=False"):
        gradient_descent(sample, Objective.erm(), 0.1, 10**6)


def test_a_record_that_cannot_be_kept_is_refused_before_it_is_allocated():
    with pytest.raises(ResourceError, match="record='log'"):
        gradient_descent(draw(WIDE, 3), Objective.erm(), 0.1, 10**12, examples=False)
