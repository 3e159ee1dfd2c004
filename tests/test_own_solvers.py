"""What own features ask of solvers: the plane of means, weights, accuracies, separability."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pitfalls.sims import (
    Sample,
    draw,
    finite_minimiser,
    flow,
    gradient_descent,
    gradient_flow,
    max_margin,
    ridge_path,
    stepping,
)
from pitfalls.sims.exchange import exchange_singly
from pitfalls.sims.minimiser import refuse_balanced
from pitfalls.sims.plane import plane_of_means, turned
from pitfalls.theory import (
    GroupAccuracy,
    NotSeparableError,
    Objective,
    PitfallsError,
    Setting,
    SettingError,
    Solution,
)

SEEDS = st.integers(0, 10**6)


@given(SEEDS, st.integers(1, 12), st.integers(2, 9))
def test_turned_features_keep_their_products_and_have_the_axes_first(seed, n, p):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, p))
    axes = np.linalg.qr(rng.standard_normal((p, 2)))[0].T
    found = turned(x, axes)
    assert np.abs(found[:, :2] - x @ axes.T).max() < 1e-12
    assert np.abs(found @ found.T - x @ x.T).max() < 1e-11


@pytest.mark.parametrize("axes", [np.eye(2, 4), -np.eye(2, 4), np.eye(2, 4)[::-1], np.eye(4)[2:]])
def test_axes_that_are_columns_cost_no_digits(axes):
    x = np.arange(12.0).reshape(3, 4)
    expected = x @ axes.T
    assert np.abs(turned(x, axes)[:, :2] - expected).max() < 1e-14
    assert x.tolist() == np.arange(12.0).reshape(3, 4).tolist()
    assert turned(x, axes, overwrite=True) is x
    assert np.abs(x[:, :2] - expected).max() < 1e-14


@given(SEEDS, st.integers(2, 9), st.sampled_from(["both", "one", "none"]))
def test_the_plane_holds_both_means(seed, p, kind):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((10, p)), rng.choice((-1.0, 1.0), 10)
    groups = {"both": np.arange(10) % 2, "one": np.ones(10, dtype=int), "none": None}[kind]
    axes = plane_of_means(x, y, groups)
    assert np.abs(axes @ axes.T - np.eye(2)).max() < 1e-12
    folded = y[:, None] * x
    means = [folded.mean(axis=0)]
    if kind == "both":
        means = [folded[groups == g].mean(axis=0) for g in (0, 1)]
        assert axes[0] @ (means[0] + means[1]) == pytest.approx(np.linalg.norm(sum(means)))
    for mean in means:
        assert np.linalg.norm(mean - axes.T @ (axes @ mean)) < 1e-12


def test_a_plane_without_a_direction_is_still_a_plane():
    for x in (np.zeros((4, 3)), np.ones((4, 3))):
        axes = plane_of_means(x, np.array([1.0, -1.0, 1.0, -1.0]), np.array([1, 1, 0, 0]))
        assert np.abs(axes @ axes.T - np.eye(2)).max() < 1e-12


def own_sample(seed, n, p, flips=0.0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, p))
    y = np.where(rng.random(n) < flips, -1.0, 1.0) * np.where(x[:, 1] > 0, 1, -1)
    return x, y, Sample.from_arrays(x, y, rng.integers(0, 2, n), plane=(3, 1))


@pytest.mark.parametrize(("n", "p", "flips"), [(30, 60, 0.1), (120, 8, 0.0), (120, 8, 0.2)])
def test_weights_give_the_margins_whoever_trained(n, p, flips):
    x, y, sample = own_sample(0, n, p, flips)
    start = np.linspace(-1, 1, p)
    erm = Objective.erm()
    runs = [
        (gradient_flow(sample, erm, [0.0, 1.0, 100.0]), None),
        (gradient_flow(sample, erm, [1.0, 10.0], initial=start), start),
        (gradient_descent(sample, erm, 0.1, 5, initial=start), start),
        (ridge_path(sample, erm, [1.0, 1e-3, 1e-9]), None),
    ]
    for run, initial in runs:
        weights = sample.weights(run, initial)
        assert weights.shape == (len(run), p)
        # With a start that examples do not span, only a solver that keeps weights has them all.
        assert np.abs(y * (weights @ x.T) - run.margins).max() < 1e-7
        assert np.abs(weights[:, [3, 1]] - run.coordinates[:, :2]).max() < 1e-7
        assert (
            np.abs(np.linalg.norm(weights, axis=1) - np.linalg.norm(run.coordinates, axis=1)).max()
            < 1e-7
        )
    if not flips or p > n:
        limit = max_margin(sample)
        assert np.abs(y * (x @ sample.weights(limit)) - limit.margins).max() < 1e-8


def test_weights_on_conflicting_examples_are_those_of_their_margins():
    x, y, _ = own_sample(1, 20, 40)
    x[1], y[1] = x[0], -y[0]
    sample = Sample.from_arrays(x, y)
    run = gradient_flow(sample, Objective.erm(), [1.0, 50.0])
    assert run.dual is None
    weights = sample.weights(run)
    assert np.abs(y * (weights @ x.T) - run.margins).max() < 1e-9
    assert (
        np.abs(np.linalg.norm(weights, axis=1) - np.linalg.norm(run.coordinates, axis=1)).max()
        < 1e-9
    )


@given(SEEDS)
@settings(max_examples=30)
def test_test_accuracy_is_a_count(seed):
    rng = np.random.default_rng(seed)
    sample = own_sample(seed, 20, 30)[2]
    test, labels, groups = (
        own_sample(seed + 1, 15, 30)[0],
        rng.choice((-1, 1), 15),
        np.arange(15) % 2,
    )
    run = gradient_flow(sample, Objective.erm(), [1.0, 10.0])
    found = sample.test_accuracy(run, test, labels, groups)
    for t, weights in enumerate(sample.weights(run)):
        right = (test @ weights) * labels > 0
        assert found.majority[t] == pytest.approx(right[groups == 1].mean())
        assert found.minority[t] == pytest.approx(right[groups == 0].mean())
        assert found.average[t] == pytest.approx(right.mean())
    last = sample.test_accuracy(run.at(1), test, labels, groups)
    assert isinstance(last.worst, float)
    assert last.worst == found.worst[1]
    alone = sample.test_accuracy(run, test, labels)
    assert alone.minority.tolist() == [1.0, 1.0]
    assert np.allclose(alone.majority, found.average)


def test_its_own_examples_are_test_examples_too():
    x, y, sample = own_sample(3, 40, 10, 0.2)
    run = gradient_flow(sample, Objective.erm(), [1.0, 10.0])
    found = sample.test_accuracy(run, x, y, sample.groups)
    assert np.array_equal(found.majority, run.train.majority)
    assert np.array_equal(found.minority, run.train.minority)


def test_a_count_without_a_group_has_nothing_wrong_in_it():
    found = GroupAccuracy.counted([[True, False], [True, True]], [0, 0])
    assert found.majority.tolist() == [1.0, 1.0]
    assert found.minority.tolist() == [0.5, 1.0]
    assert found.average.tolist() == [0.5, 1.0]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda s, m: s.weights(m, [1.0, 2.0]), "initial"),
        (lambda s, m: s.weights(Solution(1.0, 1.0, 1.0)), "solution"),
        (lambda s, m: s.weights(max_margin(s.subset([0, 1]))), "solution"),
        (lambda s, m: s.test_accuracy(m, np.ones((2, 3)), [1, 1]), "features"),
        (lambda s, m: s.test_accuracy(m, np.ones((2, 60)), [1, 0]), "labels"),
        (lambda s, m: s.test_accuracy(m, np.full((2, 60), np.nan), [1, 1]), "features"),
    ],
)
def test_what_does_not_fit_is_refused(change, field):
    sample = own_sample(0, 20, 60)[2]
    with pytest.raises(SettingError) as refused:
        change(sample, max_margin(sample))
    assert refused.value.field == field


def test_a_gram_matrix_has_no_weights():
    sample = draw(Setting(10, 50, 0.8, 2.0, 0.3), 0, "gram")
    with pytest.raises(SettingError, match="explicit"):
        sample.weights(max_margin(sample))


@given(SEEDS, st.integers(2, 6), st.sampled_from([0.0, 0.3, 1.0, 3.0]))
@settings(max_examples=60)
def test_newton_and_exchanges_agree_on_what_can_be_separated(seed, p, pull):
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((4 * p, p)) + pull * np.eye(1, p)
    try:
        margins = rows @ (rows.T @ exchange_singly(rows))
        separable = bool(margins.min() > 0)
    except NotSeparableError:
        separable = False
    if separable:
        refuse_balanced(rows)
    else:
        with pytest.raises(NotSeparableError) as refused:
            refuse_balanced(rows)
        assert refused.value.evidence < 1e-10


@pytest.mark.parametrize("noise", [0.12, 0.6, 2.0])
def test_wide_enough_data_go_the_same_two_ways(noise):
    """More than two hundred dimensions, where Newton is asked first."""
    sample = draw(Setting(900, 210, 0.9, 2.0, 0.15, noise, 0.3), 1, "explicit")
    if noise == 2.0:
        with pytest.raises(NotSeparableError, match="finite minimiser"):
            max_margin(sample)
    else:
        assert max_margin(sample).kkt_residual < 1e-10


def test_a_flow_tells_how_far_it_is():
    for flips in (0.0, 0.3):
        told = []
        sample = own_sample(5, 60, 6, flips)[2]
        methods = [Objective.erm(), Objective(shift=0.5)]
        gradient_flow(sample, methods, [1.0, 1e3], progress=told.append)
        assert 0 <= told[0] < 0.1
        assert 0.9 < max(told) <= 1
        if flips:
            assert np.diff(told).min() > -0.1


def test_a_looser_tolerance_is_cheaper_and_says_the_same():
    sample = own_sample(6, 200, 20, 0.3)[2]
    told = [[], []]
    tight, loose = (
        gradient_flow(sample, Objective.erm(), [1.0, 1e3], tolerance=x, progress=told[k].append)
        for k, x in enumerate((1e-10, 1e-5))
    )
    assert len(told[1]) < 0.6 * len(told[0])
    assert np.abs(tight.coordinates - loose.coordinates).max() < 1e-3


@pytest.mark.parametrize(("n", "p"), [(200, 12), (20, 40)])
def test_the_finite_minimiser_is_where_the_flow_and_the_ridge_path_end(n, p):
    x, y, _ = own_sample(7, n, p, 0.3 if n > p else 0.0)
    if n < p:
        # Every example twice, once with the other label: nothing grows without end.
        x, y = np.vstack((x, x)), np.concatenate((y, -y))
    sample = Sample.from_arrays(x, y, np.arange(len(y)) % 2, plane=(2, 5))
    methods = [
        Objective.erm(),
        Objective.reweighting([1, 1, 1, 0]),
        Objective(shift={1: 1.0, 0: 0.0}),
    ]
    for each in methods:
        found = finite_minimiser(sample, each)
        weight, shift, scale = each.resolve(sample.groups, sample.n)
        push = weight * scale / (1 + np.exp(scale * found.margins + shift))
        assert np.abs((push * y) @ x).max() < 1e-9 * np.abs(push) @ np.linalg.norm(x, axis=1)
        weights = sample.weights(found)
        assert np.abs(y * (x @ weights) - found.margins).max() < 1e-9
        assert weights[[2, 5]] == pytest.approx(found.coordinates[:2], abs=1e-9)
        assert np.linalg.norm(weights) == pytest.approx(found.norm, abs=1e-9)
        path = ridge_path(sample, each, [1e-12])
        assert path.coordinates[0] == pytest.approx(found.coordinates, abs=1e-6)
        run = gradient_flow(sample, each, [1e7])
        assert run.coordinates[0] == pytest.approx(found.coordinates, abs=1e-6)


@pytest.mark.parametrize(("n", "p"), [(30, 60), (120, 8)])
def test_data_that_can_be_separated_have_no_finite_minimiser(n, p):
    with pytest.raises(PitfallsError, match="max_margin"):
        finite_minimiser(own_sample(0, n, p)[2])


def test_stiff_data_of_many_examples_are_integrated_in_their_weights(monkeypatch):
    sample = own_sample(0, 80, 8)[2]
    dual = gradient_flow(sample, Objective.erm(), [1.0, 1e3, 1e5])
    monkeypatch.setattr(flow, "_MANY", 50)
    monkeypatch.setattr(flow, "MOST_PRODUCTS", 400)
    weights = gradient_flow(sample, Objective.erm(), [1.0, 1e3, 1e5])
    assert dual.dual is not None
    assert weights.dual is None
    assert np.abs(sample.weights(weights) - sample.weights(dual)).max() < 1e-5


def test_wide_weights_settle_by_either_method(monkeypatch):
    sample = own_sample(8, 300, 20, 0.3)[2]
    narrow = gradient_flow(sample, Objective.erm(), [1.0, 1e2, 1e6])
    monkeypatch.setattr(stepping, "_WIDE", 10)
    wide = gradient_flow(sample, Objective.erm(), [1.0, 1e2, 1e6])
    assert np.abs(narrow.coordinates - wide.coordinates).max() < 1e-6


def test_the_search_may_start_where_a_flow_ended():
    sample = own_sample(7, 300, 12, 0.3)[2]
    run = gradient_flow(sample, Objective.erm(), [10.0])
    found = finite_minimiser(sample)
    again = finite_minimiser(sample, None, sample.weights(run)[0])
    assert np.abs(sample.weights(again) - sample.weights(found)).max() < 1e-9
    with pytest.raises(SettingError, match="initial"):
        finite_minimiser(sample, None, np.ones(5))


@pytest.mark.parametrize(
    ("sample", "initial"),
    [
        (own_sample(7, 30, 4, 0.3)[2], (0.1, 0.2, 0.3)),
        (Sample.from_arrays(np.eye(9), np.ones(9), plane=(5, 7)), (0.1, 0.2, 0.3)),
        (draw(Setting(20, 40, 0.8, 2.0, 0.0, label_noise=0.2), 0), (0.1, 0.2, 0.0)),
    ],
)
def test_a_search_starts_from_all_the_weights(sample, initial):
    with pytest.raises(SettingError):
        finite_minimiser(sample, None, initial)


def test_the_search_starts_from_wide_weights_too():
    x, y, _ = own_sample(7, 20, 40)
    sample = Sample.from_arrays(np.vstack((x, x)), np.concatenate((y, -y)), plane=(2, 5))
    found = finite_minimiser(sample, None, np.linspace(-1, 1, 40))
    assert np.abs(sample.weights(found)).max() < 1e-9
    with pytest.raises(SettingError, match="initial"):
        finite_minimiser(sample, None, np.ones(3))


def test_a_start_that_separates_is_no_minimiser():
    _, _, sample = own_sample(0, 120, 8)
    separating = 1e4 * sample.weights(max_margin(sample))
    with pytest.raises(PitfallsError, match="max_margin"):
        finite_minimiser(sample, None, separating)


@pytest.mark.parametrize("seed", range(4))
def test_without_memory_features_the_minimiser_has_no_memory(seed):
    setting = Setting(200, 400, 0.8, 2.0, 0.0, label_noise=0.2, core_noise=0.5, spurious_noise=0.5)
    sample = draw(setting, seed)
    assert type(sample.gram).__name__ == "DiagonalPlusPlane"
    found = finite_minimiser(sample)
    assert found.memory == 0
    twin = finite_minimiser(draw(setting, seed, "explicit"))
    assert found.coordinates == pytest.approx(twin.coordinates, abs=1e-9)


def test_a_message_about_groups_shows_a_few_of_them():
    with pytest.raises(SettingError, match=r"groups = \[0.0, 1.0, 2.0, 3.0, 4.0\]: "):
        Sample.from_arrays(np.ones((999, 2)), np.ones(999), np.arange(999))


@pytest.mark.parametrize("seed", range(6))
def test_a_start_that_the_examples_see_whole_leaves_weights(seed):
    # ‖seen‖² and ‖w_ε(0)‖² are one number, rounded in two ways.
    sample = own_sample(seed, 60, 9, 0.3)[2]
    initial = np.random.default_rng(seed).normal(size=9)
    run = gradient_flow(sample, Objective.erm(), [0.0, 1.0], initial)
    assert run.weights is not None
    assert sample.weights(run)[0] == pytest.approx(initial, abs=1e-9)
