"""Test accuracies without a test set, angles without the weights, trajectories."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pitfalls.theory import (
    GroupAccuracy,
    PitfallsError,
    Setting,
    Solution,
    Trajectory,
    angle,
    group_accuracy,
)
from strategies import settings

DRAWS = 200_000


def counted(weights, memory, setting, seed):
    """Accuracy by group on explicit test examples, and the number of them."""
    rng = np.random.default_rng(seed)
    majority = rng.random(DRAWS) < setting.rho
    label = rng.choice([-1, 1], DRAWS)
    attribute = np.where(majority, label, -label)
    core = label + setting.core_noise * rng.standard_normal(DRAWS)
    spurious = attribute + setting.spurious_noise * rng.standard_normal(DRAWS)
    own = setting.sigma * rng.standard_normal((DRAWS, setting.d))
    score = weights[0] * core + weights[1] * setting.gamma * spurious + own @ memory
    return score * label > 0, majority


@pytest.mark.parametrize(
    ("weights", "memory", "setting"),
    [
        ((0.6, 0.1), (0.3, -0.4, 0.2), Setting(9, 3, 0.7, 3.0, 1.5, 0.5, 0.4)),
        ((0.2, 0.4), (0.5, 0.1, 0.0), Setting(9, 3, 0.4, 1.0, 0.8, 0.0, 1.0)),
        ((1.0, -0.3), (0.0, 0.0, 0.0), Setting(9, 3, 0.8, 2.0, 1.0, 0.7, 0.7, 0.3)),
        ((0.5, 0.05), (1.0, 1.0, 1.0), Setting(9, 3, 0.5, 5.0, 0.5)),
    ],
)
def test_accuracies_count_explicit_test_examples(weights, memory, setting):
    right, majority = counted(weights, np.array(memory), setting, seed=11)
    accuracy = group_accuracy(*weights, np.linalg.norm(memory), setting)
    counts = {
        "majority": right[majority],
        "minority": right[~majority],
        "average": right,
        "worst": min(right[majority], right[~majority], key=np.mean),
    }
    for name, values in counts.items():
        expected = getattr(accuracy, name)
        error = math.sqrt(expected * (1 - expected) / len(values))
        assert abs(values.mean() - expected) < 4 * error, name


@pytest.mark.parametrize(
    ("core", "spurious", "majority", "minority"),
    [
        (1.0, 0.1, 1, 1),
        (1.0, 0.5, 1, 0.5),
        (0.0, 1.0, 1, 0),
        (0.0, 0.0, 0.5, 0.5),
        (-1.0, 0.5, 0.5, 0),
    ],
)
def test_zero_variance_gives_one_half_or_zero(core, spurious, majority, minority):
    accuracy = group_accuracy(core, spurious, 0.0, Setting(9, 9, 0.75, 2.0, 1.0))
    assert (accuracy.majority, accuracy.minority) == (majority, minority)
    assert accuracy.worst == min(majority, minority)
    assert accuracy.average == 0.75 * majority + 0.25 * minority


def test_memory_of_zero_deviation_features_is_no_noise():
    accuracy = group_accuracy(1.0, 0.5, 3.0, Setting(9, 9, 0.9, 2.0, 0.0))
    assert (accuracy.majority, accuracy.minority) == (1.0, 0.5)


def test_memory_counts_only_where_there_are_features_to_remember():
    accuracy = group_accuracy(1.0, 0.5, 3.0, Setting(9, 0, 0.9, 2.0, 1.0))
    assert (accuracy.majority, accuracy.minority) == (1.0, 0.5)


@given(settings(), *(st.floats(-5, 5),) * 2, st.floats(0, 5), st.floats(0.1, 10))
def test_accuracies_do_not_depend_on_the_length_of_w(setting, core, spurious, memory, length):
    once = group_accuracy(core, spurious, memory, setting)
    scaled = group_accuracy(length * core, length * spurious, length * memory, setting)
    # Where the margin cancels, rounding may move it off zero: only the clear cases are compared.
    if abs(abs(core) - abs(setting.gamma * spurious)) > 1e-9:
        assert vars(scaled) == pytest.approx(vars(once), abs=1e-9)


def test_scalars_give_floats_and_arrays_give_arrays():
    setting = Setting(9, 9, 0.9, 2.0, 1.0, 0.1)
    scalar = group_accuracy(1.0, 0.4, 2.0, setting)
    array = group_accuracy(
        np.array([1.0, 0.5]), np.array([0.4, 0.0]), np.array([2.0, 0.0]), setting
    )
    for name in ("majority", "minority", "worst", "average"):
        assert type(getattr(scalar, name)) is float
        assert getattr(array, name).shape == (2,)
        assert getattr(array, name)[0] == getattr(scalar, name)


def test_accuracy_of_huge_and_tiny_weights_is_finite():
    setting = Setting(9, 9, 0.9, 2.0, 1e-150, 1e-150)
    for size in (1e-150, 1.0, 1e150):
        accuracy = group_accuracy(size, size, size, setting)
        assert (accuracy.majority, accuracy.minority) == (1.0, 0.0)


def explicit_pair(seed, n=7, p=5, started=True):
    """Random Z, w1 = w0 + Zᵀα1 and w2 = Zᵀα2, with the coordinates, margins and dual weights."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((n, p))
    first = started * rng.standard_normal(p) + z.T @ rng.standard_normal(n)
    dual = rng.standard_normal(n)
    second = z.T @ dual
    cosine = first @ second / np.linalg.norm(first) / np.linalg.norm(second)
    return z, first, second, dual, math.degrees(math.acos(cosine))


def as_solution(w, **kept):
    return Solution(w[0], w[1], float(np.linalg.norm(w[2:])), **kept)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("started", [False, True])
def test_angle_is_that_of_the_explicit_vectors(seed, started):
    z, first, second, dual, expected = explicit_pair(seed, started=started)
    found = angle(as_solution(first, margins=z @ first), as_solution(second, dual=dual))
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_angle_of_cells_counts_each_cell_by_its_share(seed):
    rng = np.random.default_rng(seed)
    counts = np.array([3, 1, 2])
    cells = np.repeat(np.arange(3), counts)
    z = rng.standard_normal((3, 2))[cells]
    # A direction of its own per example, as in the orthogonal limit.
    z = np.hstack((z, 1.7 * np.eye(6)))
    scaled = rng.random(3)
    second, first = z.T @ scaled[cells] / 6, z.T @ rng.random(6)
    margins = np.array([(z @ first)[cells == cell].mean() for cell in range(3)])
    expected = first @ second / np.linalg.norm(first) / np.linalg.norm(second)
    found = angle(
        as_solution(first, margins=margins), as_solution(second, dual=scaled, shares=counts / 6)
    )
    assert found == pytest.approx(math.degrees(math.acos(expected)), rel=1e-12)


def test_angle_with_a_zero_vector_is_a_right_angle():
    zero = Solution(0.0, 0.0, 0.0, dual=np.zeros(2), margins=np.zeros(2))
    one = Solution(1.0, 0.0, 0.0, dual=np.ones(2), margins=np.ones(2))
    assert angle(zero, one) == angle(one, zero) == 90


def test_opposite_vectors_are_half_a_turn_apart():
    one = Solution(3.0, 0.0, 0.0, margins=np.array([3.0]))
    other = Solution(-2.0, 0.0, 0.0, dual=np.array([-2.0]))
    assert angle(one, other) == 180


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"margins": None}, {"dual": np.ones(2)}),
        ({"margins": np.ones(2)}, {"dual": None}),
        ({"margins": np.ones(3)}, {"dual": np.ones(2)}),
    ],
)
def test_angle_without_margins_or_dual_says_what_is_missing(first, second):
    with pytest.raises(PitfallsError, match="margins of the first and the dual weights"):
        angle(Solution(1.0, 0.0, 0.0, **first), Solution(1.0, 0.0, 0.0, **second))


def example_trajectory(**kept):
    core, spurious, memory = np.array([0.0, 1.0, 2.0]), np.array([0.0, 0.5, 0.1]), np.arange(3.0)
    ones = np.ones(3)
    train = GroupAccuracy.of(ones, 0.5 * ones, 0.9)
    return Trajectory(np.array([0.0, 1.0, 5.0]), core, spurious, memory, ones, train, **kept)


def test_trajectory_at_an_index_is_that_solution():
    dual, margins, shares = np.arange(6.0).reshape(3, 2), np.ones((3, 2)), np.array([0.9, 0.1])
    run = example_trajectory(dual=dual, margins=margins, shares=shares)
    last = run.at(-1)
    assert len(run) == 3
    np.testing.assert_array_equal(last.coordinates, run.coordinates[2])
    np.testing.assert_array_equal(last.dual, [4, 5])
    np.testing.assert_array_equal(last.margins, [1, 1])
    assert last.shares is shares
    assert type(last.core) is float
    assert example_trajectory().at(0).dual is None


def test_trajectory_accuracy_is_that_of_each_of_its_solutions():
    run, setting = example_trajectory(), Setting(9, 9, 0.8, 3.0, 0.7, 0.2, 0.2)
    accuracy = run.accuracy(setting)
    for i in range(len(run)):
        one = run.at(i).accuracy(setting)
        for name in ("majority", "minority", "worst", "average"):
            assert getattr(accuracy, name)[i] == getattr(one, name)


def test_trajectory_angle_is_that_of_each_of_its_solutions():
    z, first, second, dual, expected = explicit_pair(3)
    steps = np.array([0.0, 1.0, 4.0])
    along = [as_solution(step * first, margins=step * (z @ first)) for step in steps]
    one = np.ones(3)
    run = Trajectory(
        steps,
        *(np.array([getattr(w, name) for w in along]) for name in ("core", "spurious", "memory")),
        one,
        GroupAccuracy.of(one, one, 0.5),
        margins=np.array([w.margins for w in along]),
    )
    angles = run.angle(as_solution(second, dual=dual))
    assert angles == pytest.approx([90, expected, expected], rel=1e-12)
    with pytest.raises(PitfallsError):
        run.angle(as_solution(second))


@given(st.lists(st.floats(0, 1), min_size=3, max_size=3))
def test_worst_and_average_of_groups(numbers):
    accuracy = GroupAccuracy.of(*numbers)
    majority, minority, share = numbers
    assert accuracy.worst == min(majority, minority)
    assert accuracy.average == pytest.approx(share * majority + (1 - share) * minority, rel=1e-15)


def test_norm_is_that_of_the_coordinates():
    assert Solution(2.0, 3.0, 6.0).norm == 7.0
