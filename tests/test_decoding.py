"""Class subspaces and refits (P17): closed forms against samples, counted and plain."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pitfalls.sims import class_subspaces, draw, max_margin, stream
from pitfalls.theory import (
    NotSeparableError,
    PitfallsError,
    Setting,
    SettingError,
    decoding,
    orthogonal,
    proportional,
)
from samples import extrapolated
from scipy.special import ndtr, ndtri
from strategies import of_kappa

NOISE = {"core_noise": 0.12, "spurious_noise": 0.12}


def counted(setting, dimension, offset, draws, tests=2000):
    """Accuracies of both groups in each draw: (draws, 2)."""
    rows = []
    for index in range(draws):
        sample = draw(setting, stream(0, 0, index), "explicit")
        spaces = class_subspaces(sample, dimension, offset)
        found = []
        for k, rho in enumerate((1.0, 0.0)):
            new = draw(
                replace(setting, n=tests, rho=rho, label_noise=0.0),
                stream(0, 1 + k, index),
                "explicit",
            )
            found.append((spaces.predict(new.features) == new.labels).mean())
        rows.append(found)
    return np.array(rows)


CASES = [
    (Setting(1000, 4000, 0.9, 5.0, 0.1, **NOISE), 2, 1.0),
    (Setting(1000, 4000, 0.9, 5.0, 0.2, **NOISE), 2, 3.0),
    (Setting(1000, 2000, 0.8, 2.0, 0.4, label_noise=0.1, **NOISE), 2, 2.0),
    (Setting(1000, 2000, 0.7, 1.5, 0.3, label_noise=0.3, **NOISE), 3, 2.0),
    (Setting(1000, 1000, 0.6, 2.0, 0.3, 0.4, 0.2), 1, 2.0),
    (Setting(1000, 500, 0.8, 3.0, 0.3, label_noise=0.1, **NOISE), 3, 4.0),
]


@pytest.mark.slow
@pytest.mark.parametrize(("setting", "dimension", "offset"), CASES)
def test_counted_on_explicit_examples(setting, dimension, offset):
    """Two sizes extrapolated to n → ∞ for a bias of order 1/n, as a z-score."""
    expected = decoding.subspace_accuracy(setting, dimension, offset)
    wide = replace(setting, n=2 * setting.n, d=2 * setting.d)
    small, large = (
        counted(each, dimension, offset, draws) for each, draws in ((setting, 24), (wide, 12))
    )
    limit, error = extrapolated(small, large)
    for k, predicted in enumerate((expected.majority, expected.minority)):
        if min(predicted, 1 - predicted) > 1e-4:
            assert abs(limit[k] - predicted) < 4 * error[k]
        else:
            assert limit[k] == pytest.approx(predicted, abs=1e-3)


def test_directions_lie_in_the_plane_so_far():
    """c² of a class's three principal directions, averaged over draws."""
    setting = Setting(800, 4000, 0.8, 2.0, 0.2, label_noise=0.1, **NOISE)
    sizes = np.linalg.eigvalsh(decoding._class_moment(setting, 2.0))[::-1]
    expected = [decoding._share_in_the_plane(size, setting) for size in sizes]
    rows = []
    for index in range(24):
        spaces = class_subspaces(draw(setting, stream(0, 5, index), "explicit"), 3, 2.0)
        rows += [(basis[:3] ** 2).sum(axis=0) for basis in (spaces.positive, spaces.negative)]
    error = np.std(rows, axis=0, ddof=1) / math.sqrt(len(rows))
    assert (np.abs(np.mean(rows, axis=0) - expected) < 4 * error).all()


def test_a_few_draws_are_near():
    """The quick one: four draws, within what they scatter by and a bias of order 1/n."""
    setting, dimension, offset = CASES[3]
    expected = decoding.subspace_accuracy(setting, dimension, offset)
    found = counted(setting, dimension, offset, 4)
    error = found.std(axis=0, ddof=1) / 2
    off = np.abs(found.mean(axis=0) - (expected.majority, expected.minority))
    assert (off < 4 * error + 1 / setting.n).all()


@given(
    st.floats(0.0, 6.0),
    st.floats(-6.0, 6.0),
    st.floats(0.01, 3.0),
    st.floats(0.01, 3.0),
)
def test_the_chance_of_one_product_is_two_normal_ones(first, second, first_sd, second_sd):
    found = decoding._chance(
        np.array([first]), np.array([first_sd**2]), np.array([second]), np.array([[second_sd**2]])
    )
    a, b = ndtr(first / first_sd), ndtr(second / second_sd)
    assert found == pytest.approx(a * b + (1 - a) * (1 - b), abs=1e-8)


def test_the_chance_of_three_products_is_what_numbers_say():
    rng = np.random.default_rng(5)
    first, second = rng.normal(size=3), rng.normal(size=3)
    variance, root = rng.uniform(0.1, 2, 3), rng.normal(size=(3, 3))
    count = 400_000
    t = first + np.sqrt(variance) * rng.standard_normal((count, 3))
    d = second + rng.standard_normal((count, 3)) @ root.T
    right = ((t * d).sum(axis=1) > 0).mean()
    found = decoding._chance(first, variance, second, root @ root.T)
    assert abs(found - right) < 4 * math.sqrt(found * (1 - found) / count)


@given(st.floats(0.01, 5.0), st.integers(0, 40), st.integers(1, 5))
def test_without_an_offset_subspaces_know_nothing(kappa, noise, dimension):
    setting = of_kappa(kappa, n=1000, d=3000, label_noise=noise / 100, **NOISE)
    found = decoding.subspace_accuracy(setting, dimension, 0.0)
    assert found.majority == found.minority == 0.5


@pytest.mark.parametrize("noise", [0.0, 0.1])
@pytest.mark.parametrize("kappa", [0.05, 0.23, 0.244, 1.0])
def test_a_large_offset_is_the_interpolator_with_twice_the_memory(kappa, noise):
    """As d/n → ∞: the minority is right up to κ*/2 = 0.2368."""
    setting = of_kappa(kappa, n=1000, d=10**9, label_noise=noise)
    limit = orthogonal.max_margin(of_kappa(2 * kappa, n=1000, d=10**9, label_noise=noise))
    found = decoding.subspace_accuracy(setting, 3, 1e4)
    for sign, accuracy in ((1, found.majority), (-1, found.minority)):
        right = limit.core + sign * setting.gamma * limit.spurious > 0
        assert accuracy == pytest.approx(float(right), abs=1e-6)


def test_two_directions_without_noise_leave_the_spurious_feature_out():
    """κ → 0: the third eigenvector of the class moment is across (b, 1, ±γ)."""
    for rho in (0.6, 0.9, 0.99):
        setting = of_kappa(1e-4, rho, 5.0, n=1000, d=10**6)
        assert decoding.subspace_accuracy(setting, 2).worst == pytest.approx(1.0)
        assert decoding.subspace_accuracy(setting, 1).minority == pytest.approx(0.0)


def test_without_memory_every_direction_is_exact():
    bare = Setting(100, 0, 0.9, 5.0, 0.0)
    assert decoding.subspace_accuracy(bare).worst == 1.0
    assert decoding.subspace_accuracy(bare, 3).worst == 0.5


@pytest.mark.parametrize("accuracy", [0.6, 0.8, 0.95])
def test_a_refit_takes_z2_sigma4_d(accuracy):
    """Without feature noise, but for a share n/d of it (P14 d)."""
    setting = Setting(1000, 40_000, 0.9, 5.0, 0.3, label_noise=0.2)
    found = decoding.refit_examples(setting, accuracy)
    expected = ndtri(accuracy) ** 2 * setting.sigma**4 * setting.d
    assert found == pytest.approx(expected * (1 - found / setting.d), rel=2e-3, abs=2)


def test_a_refit_is_counted_on_draws():
    setting = Setting(1000, 4000, 0.9, 5.0, 0.3, label_noise=0.2, **NOISE)
    few = decoding.refit(setting, decoding.refit_examples(setting, 0.8))
    limits = [max_margin(draw(few, seed)).accuracy(few) for seed in range(60)]
    values = np.array([(each.majority + each.minority) / 2 for each in limits])
    error = values.std(ddof=1) / math.sqrt(len(values))
    predicted = proportional.max_margin(few).accuracy(few).worst
    # Few examples: what is left is of order 1/n.
    assert abs(values.mean() - predicted) < 4 * error + 1 / few.n
    assert 0.8 <= predicted < 0.82


def test_beyond_what_balanced_examples_can_do_it_says_so():
    noisy = Setting(1000, 1000, 0.9, 5.0, 0.3, core_noise=1.0)
    with pytest.raises(
        PitfallsError, match=r"no balanced refit has 0\.99 .* 74 examples, has 0\.7993"
    ):
        decoding.refit_examples(noisy, 0.99)
    wide = Setting(1000, 10**12, 0.9, 5.0, 2.0)
    with pytest.raises(
        PitfallsError, match=r"no .* has 0\.99 .* 1000000000000 examples, has 0\.7024"
    ):
        decoding.refit_examples(wide, 0.99)
    bare = Setting(1000, 0, 0.9, 5.0, 0.3, core_noise=1.0)
    with pytest.raises(NotSeparableError):
        decoding.refit_examples(bare, 0.99)


def worst_of_refits(setting, numbers):
    refits = [decoding.refit(setting, int(number)) for number in numbers]
    return np.array([proportional.max_margin(few).accuracy(few).worst for few in refits])


def test_the_best_refit_between_two_powers_of_two_is_found():
    """Where more examples mean more noise to memorise: 64 and 128 have less than 74."""
    noisy = Setting(1000, 1000, 0.9, 5.0, 0.3, core_noise=1.0)
    numbers = np.arange(60, 130, 2)
    reached = worst_of_refits(noisy, numbers)
    accuracy = float(reached.max()) - 1e-6
    assert max(reached[numbers == 64][0], reached[numbers == 128][0]) < accuracy
    found = decoding.refit_examples(noisy, accuracy)
    assert found == numbers[np.argmax(reached >= accuracy)]


def test_all_examples_that_can_be_separated_are_tried():
    """Where more are better up to the last pair, and the next power of two is too many."""
    noisy = Setting(1000, 300, 0.9, 1.0, 1.0, core_noise=1.0, spurious_noise=1.0)
    threshold = proportional.separability_threshold(decoding.refit(noisy, 2))
    most = 2 * int(noisy.d / threshold / 2)
    numbers = np.arange(most - 8, most + 1, 2)
    reached = worst_of_refits(noisy, numbers)
    assert most & (most - 1)
    assert (np.diff(reached) > 0).all()
    for number, accuracy in zip(numbers, reached - 1e-9, strict=True):
        assert decoding.refit_examples(noisy, float(accuracy)) == number


@pytest.mark.parametrize(("offset", "rho"), [(1.0, 0.9), (3.0, 0.9), (0.5, 0.6), (20.0, 0.8)])
@pytest.mark.parametrize(("off", "right"), [(0.98, 1.0), (1.02, 0.0)])
def test_one_direction_misleads_from_a_size_of_the_spurious_feature_on(offset, rho, off, right):
    """P17: γ² against (b² + 2ρ)/(1 + (1+b²)(2ρ−1)), as κ → 0."""
    square = (offset**2 + 2 * rho) / (1 + (1 + offset**2) * (2 * rho - 1))
    setting = Setting(10**6, 10**6, rho, off * math.sqrt(square), 1e-4)
    found = decoding.subspace_accuracy(setting, 1, offset)
    assert found.minority == pytest.approx(right, abs=1e-6)
    assert found.majority == pytest.approx(1.0, abs=1e-6)


def subspaces(n, d, *arguments):
    return class_subspaces(draw(Setting(n, d, 0.5, 1.0, 1.0), 0, "explicit"), *arguments)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: decoding.subspace_accuracy(CASES[0][0], 0), "dimension"),
        (lambda: decoding.subspace_accuracy(CASES[0][0], 2, -1.0), "offset"),
        (lambda: decoding.subspace_accuracy(CASES[0][0], 2, math.nan), "offset"),
        (lambda: decoding.refit(CASES[0][0], 3), "even"),
        (lambda: decoding.refit(CASES[0][0], 0), "examples"),
        (lambda: decoding.refit_examples(CASES[0][0], 0.5), "accuracy"),
        (lambda: class_subspaces(draw(CASES[0][0], 0)), "explicit"),
        (lambda: subspaces(9, 9, 9), "1 …"),
        (lambda: subspaces(40, 1, 5), "at most 4"),
        (lambda: subspaces(9, 9, 1, -1), "offset"),
        (lambda: subspaces(9, 9, 1).predict([[1.0]]), "of shape"),
        (lambda: subspaces(9, 9, 1).predict(np.full((1, 11), np.nan)), "finite"),
    ],
)
def test_bad_arguments_are_refused(call, words):
    with pytest.raises(SettingError, match=words):
        call()


def test_subspaces_are_the_singular_vectors():
    """Both ways round: more features than examples, and fewer."""
    for d in (5, 200):
        sample = draw(Setting(60, d, 0.8, 2.0, 0.5, label_noise=0.1), 1, "explicit")
        spaces = class_subspaces(sample, 3, 0.7)
        for basis, sign in ((spaces.positive, 1), (spaces.negative, -1)):
            rows = sample.features[sample.labels == sign]
            rows = np.column_stack((np.full(len(rows), 0.7), rows))
            _, _, right = np.linalg.svd(rows)
            assert basis @ basis.T == pytest.approx(right[:3].T @ right[:3], abs=1e-9)
