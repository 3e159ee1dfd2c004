"""Gradient descent: against a plain loop over explicit weights, and what it must leave alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pitfalls.sims import DenseGram, Features, Sample, draw, gradient_descent, kernels
from pitfalls.sims.descent import partition
from pitfalls.theory import Objective, Setting, SettingError
from samples import (
    array_samples,
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
    twice = np.array(data.draw(st.sets(st.integers(0, sample.n - 1), min_size=1)).__iter__)
