"""Training on features of one's own: against the solvers, plain counts, plain formulas, SciPy."""

import functools
import io
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import test_own_features as bad
from pitfalls.cli import main
from pitfalls.sims import draw, gradient_descent, gradient_flow, max_margin, ridge_path
from pitfalls.studies import own as own_package
from pitfalls.studies.own import METHODS, own_features, prediction, prepare, train_own
from pitfalls.studies.own import training as training_of_own
from pitfalls.studies.own.agreement import difference, differences, largest
from pitfalls.studies.own.counting import counted
from pitfalls.studies.own.methods import objective
from pitfalls.studies.own.table import Table
from pitfalls.studies.train import in_the_model
from pitfalls.theory import (
    MAJORITY,
    MINORITY,
    NotSeparableError,
    Objective,
    PitfallsError,
    Setting,
    SettingError,
    proportional,
)
from scipy.optimize import minimize
from scipy.special import expit

SETTING = Setting(80, 60, 0.8, 2.0, 0.3, 0.2, 0.2)
THREE = ["erm", "reweighting", "logit-shifting"]
COUNTS = {("a", "in"): 40, ("a", "out"): 9, ("b", "in"): 6, ("b", "out"): 25}
SPLIT = [word for count in COUNTS.values() for word in ["train"] * (count - 3) + ["test"] * 3]


@pytest.fixture(scope="module", autouse=True)
def few_sites():
    """P12 on fewer sites: what a prediction is worth is tested where P12 is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prediction, "_SETS", 1)
        patch.setattr(prediction, "_SITES", 128)
        patch.setattr(prediction, "_NARROW_SITES", 128)
        yield


def of_a_draw(setting=SETTING, seed=1, test=200, **options):
    """A draw of the model and test examples, handed in as features of one's own."""
    sample = draw(setting, seed, kind="explicit")
    own = own_features(sample.features, sample.labels, groups=sample.groups)
    if not test:
        return sample, own
    new = draw(replace(setting, n=test, rho=0.5), seed + 1000, kind="explicit")
    roles = {"test_features": new.features, "test_labels": new.labels, "test_groups": new.groups}
    return sample, own_features(
        sample.features, sample.labels, groups=sample.groups, **roles, **options
    )


def table(seed=0, width=90, shift=3.0, noise=0.3):
    """Features, labels and attributes in four parts of different sizes, away from the origin."""
    rng = np.random.default_rng(seed)
    y, a = (np.repeat([pair[k] for pair in COUNTS], list(COUNTS.values())) for k in (0, 1))
    x = noise * rng.standard_normal((len(y), width)) + shift
    x[:, 1] += np.where(y == "b", 1.0, -1.0)
    x[:, 2] += np.where(a == "out", 2.0, -2.0)
    return x, y, a


@pytest.fixture(scope="module")
def four_parts():
    """Two methods on four parts, with a test set."""
    x, y, a = table()
    own = own_features(x, y, attributes=a, split=SPLIT)
    return train_own(own, ["erm", "logit-shifting"], latest=100.0, points=4)


# Against the solvers.


def test_a_draw_handed_in_trains_as_the_draw_does():
    sample, own = of_a_draw()
    training = train_own(own, THREE, center=False, latest=100.0, points=4)
    makers = [Objective.reweighting, Objective.logit_shifting]
    objectives = [Objective.erm(), *(make(sample.groups) for make in makers)]
    flows = gradient_flow(sample, objectives, training.runs[0].run.times)
    assert not training.prepared.mean.any()
    for mine, flow in zip(training.runs, flows, strict=True):
        length = np.abs(flow.margins).max()
        assert np.abs(mine.run.margins - flow.margins).max() < 2e-6 * length
        assert np.abs(mine.run.loss - flow.loss).max() < 1e-6
        assert np.array_equal(mine.run.train.minority, flow.train.minority)
        assert np.array_equal(mine.run.train.majority, flow.train.majority)
        weights = sample.weights(flow)
        for index in (0, -1):
            size = np.linalg.norm(weights[index])
            assert np.abs(training.weights(mine, index) - weights[index]).max() < 1e-5 * size
        limit = max_margin(sample)
        test = own.test
        found = sample.test_accuracy(limit, test.features, test.labels, test.groups)
        assert mine.limit.groups.minority == found.minority
        assert mine.solution.norm == pytest.approx(limit.norm, rel=1e-9)


def test_descent_and_weight_decay_are_those_of_the_solvers():
    sample, own = of_a_draw(test=0)
    unit = prepare(own, center=False).unit
    descent = train_own(own, ["erm"], center=False, learning_rate=0.1, steps=50, points=4).runs[0]
    expected = gradient_descent(sample, Objective.erm(), 0.1, 50, record=[1, 4, 14, 50])
    assert descent.run.times == pytest.approx([0.1, 0.4, 1.4, 5.0])
    assert np.abs(descent.run.margins - expected.margins).max() < 1e-10
    ridge = train_own(own, ["erm"], center=False, ridge=True, points=3).runs[0]
    assert ridge.run.strengths == pytest.approx(unit * np.array([1, 1e-4, 1e-8]))
    expected = ridge_path(sample, Objective.erm(), ridge.run.strengths)
    assert ridge.run.margins == pytest.approx(expected.margins, rel=1e-6)
    for run in (descent, ridge):
        assert run.test is None
        assert run.limit is None
        assert np.isfinite(run.predicted.accuracy.minority).all()


def test_scaled_features_give_the_same_at_other_times():
    x, y, a = table()
    runs = []
    for scale in (1.0, 8.0):
        own = own_features(scale * x, y, attributes=a, split=SPLIT)
        training = train_own(own, ["erm"], latest=10 / scale**2, points=3)
        runs.append(training.runs[0])
    assert runs[0].run.times == pytest.approx(64 * runs[1].run.times)
    assert runs[0].run.loss == pytest.approx(runs[1].run.loss, rel=1e-5)
    assert np.array_equal(runs[0].test.parts, runs[1].test.parts)
    for group in ("majority", "minority"):
        one, other = (getattr(run.predicted.accuracy, group) for run in runs)
        assert one == pytest.approx(other, abs=1e-4)


def test_the_default_times_are_those_of_the_fitted_model():
    _, own = of_a_draw(test=0)
    times = train_own(own, ["erm"], points=3).runs[0].run.times
    assert times * prepare(own).unit == pytest.approx([1e-2, 1e2, 1e6])


# Counting.


def test_counts_are_plain_counts_on_the_features_as_given(four_parts):
    x, y, a = table()
    test = np.array(SPLIT) == "test"
    mean = x[~test].mean(axis=0)
    assert four_parts.prepared.mean == pytest.approx(mean)
    signs = np.where(y == "b", 1, -1)
    for run in four_parts.runs:
        for index in range(4):
            margin = signs * ((x - mean) @ four_parts.weights(run, index))
            for part, name in enumerate(four_parts.prepared.own.part_names):
                label, attribute = re.fullmatch(r"label=(\w+), attribute=(\w+)", name).groups()
                members = test & (y == label) & (a == attribute)
                assert members.sum() == 3
                assert run.test.parts[index, part] == (margin[members] > 0).mean()
            agree = (y == "a") == (a == "in")
            for group, members in (("majority", agree), ("minority", ~agree)):
                expected = (margin[members & test] > 0).mean()
                assert getattr(run.test.groups, group)[index] == expected
                expected = (margin[members & ~test] > 0).mean()
                assert getattr(run.run.train, group)[index] == expected
            assert run.test.average[index] == pytest.approx((margin[test] > 0).mean())
            assert run.test.worst[index] == run.test.parts[index].min()


def test_weights_of_the_limit_are_counted_as_plainly():
    x, y, a = table(noise=2.0)
    training = train_own(own_features(x, y, attributes=a, split=SPLIT), THREE, latest=1.0, points=2)
    sample, test = training.prepared.sample, training.prepared.test
    for run in training.runs:
        right = test.labels * (test.features @ sample.weights(run.solution)) > 0
        for name, group in (("majority", MAJORITY), ("minority", MINORITY)):
            assert getattr(run.limit.groups, name) == right[test.groups == group].mean()
        shares = [right[test.parts == part].mean() for part in range(4)]
        assert run.limit.parts.tolist() == shares
        assert run.limit.worst == min(shares) < max(shares)


def test_a_part_without_test_examples_is_unknown_and_not_the_worst():
    test = Table(np.eye(2), np.array([1.0, -1.0]), np.array([1, 1]), np.array([0, 2]))
    found = counted(np.array([[1.0, -2.0], [0.0, -2.0]]), test, 3)
    assert np.array_equal(found.parts, [[1, np.nan, 1], [0, np.nan, 1]], equal_nan=True)
    assert found.worst.tolist() == [1, 0]
    assert found.average.tolist() == [1, 0.5]


def test_without_groups_the_average_is_what_there_is():
    test = Table(np.eye(2), np.array([1.0, -1.0]), None, None)
    found = counted(np.array([1.0, 2.0]), test, 0)
    assert (found.average, found.worst, found.groups) == (0.5, 0.5, None)


# The methods.


def prepared_parts(counts=COUNTS, **options):
    y, a = (np.repeat([pair[k] for pair in counts], list(counts.values())) for k in (0, 1))
    x = np.random.default_rng(0).standard_normal((len(y), 5))
    return prepare(own_features(x, y, attributes=a, **options)), y, a


def test_logit_shifting_is_the_log_odds_of_the_label_given_the_attribute():
    prepared, y, a = prepared_parts()
    other = {"a": "b", "b": "a"}
    expected = [
        np.log(COUNTS[label, attribute] / COUNTS[other[label], attribute])
        for label, attribute in zip(y, a, strict=True)
    ]
    assert objective("logit-shifting", prepared, 0).shift == pytest.approx(np.array(expected))


def test_reweighting_gives_each_part_the_same_weight():
    prepared, y, a = prepared_parts()
    weight = objective("reweighting", prepared, 0).weight
    for label, attribute in COUNTS:
        inside = (y == label) & (a == attribute)
        assert weight[inside].sum() == pytest.approx(len(y) / 4)
        assert np.ptp(weight[inside]) == 0


def test_subsampling_keeps_as_many_of_each_part():
    prepared, y, a = prepared_parts()
    draws = [objective("subsampling", prepared, seed).weight for seed in (0, 0, 1)]
    for label, attribute in COUNTS:
        inside = (y == label) & (a == attribute)
        assert [(weight[inside] > 0).sum() for weight in draws] == [6] * 3
    assert np.unique(draws[0]) == pytest.approx([0, len(y) / 24])
    assert np.array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


def test_groups_alone_shift_and_weigh_as_the_objectives_of_groups():
    groups = np.array([1] * 30 + [0] * 8)
    x = np.random.default_rng(0).standard_normal((38, 5))
    prepared = prepare(own_features(x, np.arange(38) % 2, groups=groups))
    shifted = objective("logit-shifting", prepared, 0)
    assert shifted.shift == Objective.logit_shifting(groups).shift
    weights = objective("reweighting", prepared, 0).weight
    expected = Objective.reweighting(groups).resolve(groups, 38)[0]
    assert weights == pytest.approx(expected / expected.mean())
    assert (objective("subsampling", prepared, 0).weight[groups == 0] > 0).all()


def test_a_pair_without_a_partner_has_no_shift():
    # A majority pair whose attribute no other label has.
    three = {pair: count for pair, count in COUNTS.items() if pair != ("b", "in")}
    prepared, _, _ = prepared_parts(three)
    with pytest.raises(SettingError, match="infinite shift"):
        objective("logit-shifting", prepared, 0)
    with pytest.raises(SettingError, match="infinite shift"):
        train_own(prepared.own, ["erm", "logit-shifting"])
    training = train_own(prepared.own, points=2, latest=1.0)
    assert "infinite shift" in training.left_out["logit shifting"]
    assert {run.method for run in training.runs} >= {"erm", "reweighting", "subsampling"}
    weights = objective("reweighting", prepared, 0).weight
    assert np.unique(weights).size == 3


@pytest.mark.parametrize("name", sorted(set(METHODS) - {"erm", "mat"}))
def test_methods_that_need_groups_say_so(name):
    own = own_features(table()[0], table()[1])
    with pytest.raises(PitfallsError, match="group"):
        train_own(own, [name])


def test_without_groups_two_methods_are_left():
    x, y, a = table()
    training = train_own(own_features(x, y, split=SPLIT), points=2, latest=10.0)
    assert [run.method for run in training.runs] == ["erm", "mat"]
    assert set(training.left_out) == {name.replace("-", " ") for name in METHODS} - {"erm", "mat"}
    for run in training.runs:
        assert run.test.groups is None
        assert run.test.worst.tolist() == run.test.average.tolist()
        assert run.predicted.accuracy is None
        assert "group" in run.predicted.reason
        assert largest(training, run) is None
    alone = [mark if word == "test" else None for mark, word in zip(a, SPLIT, strict=True)]
    training = train_own(own_features(x, y, attributes=alone, split=SPLIT), points=2, latest=10.0)
    assert [run.method for run in training.runs] == ["erm", "mat"]
    assert training.runs[0].test.parts.shape == (2, 4)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"methods": ["ermm"]}, "objectives = ['ermm']: must be some of erm,"),
        ({"methods": []}, "objectives = []"),
        ({"latest": 0.0}, "time = 0.0: must be a number in (0, 1e16]"),
        ({"latest": np.nan}, "time = nan"),
        ({"latest": 1e17}, "time = 1e+17"),
        ({"steps": 3}, "given together"),
        ({"learning_rate": 0.1}, "given together"),
        ({"learning_rate": 0.1, "steps": 3, "latest": 1.0}, "steps = 3: must be left out where"),
        ({"learning_rate": 0.1, "steps": 3, "ridge": True}, "ridge = True: must be left out"),
        ({"latest": 1.0, "ridge": True}, "ridge = True: must be left out where time is given"),
        ({"learning_rate": 0.1, "steps": -1}, "steps = -1"),
        ({"learning_rate": -0.1, "steps": 3}, "learning_rate = -0.1"),
        ({"points": 1}, "points = 1"),
        ({"methods": ["mat"], "seed": -1}, "seed = -1"),
    ],
)
def test_bad_arguments_are_typed_errors(options, words):
    _, own = of_a_draw(test=0)
    options = {"methods": ["erm"], **options}
    with pytest.raises(SettingError) as caught:
        train_own(own, **options)
    assert words in str(caught.value)


# Where there is no max margin.


def noisy_table():
    rng = np.random.default_rng(3)
    x, y, a = table(width=9, noise=1.0)
    flipped = rng.random(len(y)) < 0.15
    return x, np.where(flipped, np.where(y == "a", "b", "a"), y), a


@pytest.mark.parametrize("name", [*THREE, "subsampling"])
def test_what_cannot_be_separated_ends_at_the_finite_minimiser(name, monkeypatch):
    # So late P12 takes its time, and nothing here is compared with it.
    unasked = prediction.Prediction(None, None, "not asked for")
    monkeypatch.setattr(training_of_own, "predicted", lambda *_: unasked)
    x, y, a = noisy_table()
    training = train_own(own_features(x, y, attributes=a, holdout=0.2), [name], points=3)
    run, prepared = training.runs[0], training.prepared
    with pytest.raises(NotSeparableError):
        max_margin(prepared.sample, objective(name, prepared, 0))
    assert not run.separable
    weight, shift, scale = objective(name, prepared, 0).resolve(
        prepared.sample.groups, prepared.sample.n
    )
    own = prepared.own
    z = own.train.labels[:, None] * (own.train.features - prepared.mean)

    def loss(w):
        margin = scale * (z @ w) + shift
        gradient = -z.T @ (weight * scale * expit(-margin)) / len(z)
        return float(np.mean(weight * np.logaddexp(0, -margin))), gradient

    best = minimize(loss, np.zeros(x.shape[1]), jac=True, method="BFGS", options={"gtol": 1e-11})
    right = own.test.labels * ((own.test.features - prepared.mean) @ best.x) > 0
    assert run.limit.average == right.mean()
    assert run.solution.coordinates[2] == pytest.approx(
        np.linalg.norm(best.x - prepared.axes.T @ (prepared.axes @ best.x)), rel=1e-5
    )
    planar = prepared.axes @ best.x
    assert [run.solution.core, run.solution.spurious] == pytest.approx(planar, rel=1e-4, abs=1e-5)
    # The flow gets there.
    assert training.weights(run) == pytest.approx(best.x, rel=1e-3, abs=1e-4)


def test_where_no_minimiser_is_found_a_weak_decay_takes_its_place(monkeypatch):
    # As for pixels that few pictures have: some margins grow for ever, and the others do not mind.
    def refused(*_):
        raise PitfallsError("the loss has no finite minimiser")

    x, y, a = noisy_table()
    own = own_features(x, y, attributes=a, holdout=0.2)
    found = []
    for solver in (training_of_own.finite_minimiser, refused):
        monkeypatch.setattr(training_of_own, "finite_minimiser", solver)
        found.append(train_own(own, ["erm"], latest=1.0, points=2).runs[0])
    assert not found[1].separable
    assert found[1].solution.coordinates == pytest.approx(found[0].solution.coordinates, rel=1e-4)
    assert np.array_equal(found[1].limit.parts, found[0].limit.parts)


# Predicted, and how far from it.


def test_the_prediction_is_that_of_the_fitted_setting():
    _, own = of_a_draw()
    training = train_own(own, ["reweighting"], latest=50.0, points=3)
    fit, run = training.prepared.fit, training.runs[0]
    setting, method = fit.setting, Objective.reweighting(fit.setting)
    flow = proportional.flow(
        setting, method, run.run.times * fit.length**2, sets=1, sites=128, examples=False
    )
    assert run.predicted.accuracy.minority == pytest.approx(flow.accuracy(setting).minority)
    limit = proportional.max_margin(setting, method).accuracy(setting)
    assert run.predicted.limit.minority == pytest.approx(limit.minority)
    assert run.predicted.reason == ""
    ridge = train_own(own, ["erm"], ridge=True, points=2).runs[0]
    path = proportional.ridge_path(setting, Objective.erm(), [1.0, 1e-8]).accuracy(setting)
    assert ridge.predicted.accuracy.minority == pytest.approx(path.minority, abs=1e-6)


@pytest.mark.slow
def test_the_prediction_of_narrow_data_comes_to_its_end(monkeypatch):
    monkeypatch.setattr(prediction, "_SETS", 2)
    monkeypatch.setattr(prediction, "_NARROW_SITES", 2048)
    setting = Setting(900, 14, 0.9, 1.34, 1.03, core_noise=1.0)
    _, own = of_a_draw(setting, test=0)
    training = train_own(own, ["erm"], points=4)
    run = training.runs[0]
    assert not run.separable
    assert run.run.times[-1] * training.prepared.unit == pytest.approx(1e3)
    late, end = run.predicted.accuracy.minority[-1], run.predicted.limit.minority
    assert late == pytest.approx(end, abs=0.015)


def test_each_method_has_its_name_in_the_model():
    names = {name: in_the_model(name, SETTING)[1].name.lower() for name in METHODS}
    assert names.pop("mat") == "logit shifting"
    assert names.pop("subsampling") == "erm"
    assert names == {name: name.replace("-", " ") for name in names}
    few, _ = in_the_model("subsampling", SETTING)
    assert (few.n, few.d, few.rho, few.sigma) == (32, 60, 0.5, 0.3)


def test_a_difference_is_in_standard_deviations_of_a_count():
    rng = np.random.default_rng(0)
    counts = rng.binomial(400, 0.3, 4000) / 400
    scores = [difference("minority", 1.0, each, 0.3, 400).z for each in counts]
    assert abs(np.mean(scores)) < 0.07
    assert np.std(scores) == pytest.approx(1, abs=0.05)
    assert difference("minority", 1.0, 0.0, 1.0, 10).z == pytest.approx(-20)


def test_differences_are_of_both_groups_at_all_times_and_in_the_limit(four_parts):
    run = four_parts.runs[0]
    found = differences(four_parts, run)
    assert [(each.group, each.place) for each in found] == [
        (group, time) for group in ("majority", "minority") for time in [*run.run.times, np.inf]
    ]
    for each in found[:4]:
        k = list(run.run.times).index(each.place)
        assert each.counted == run.test.groups.majority[k]
        assert each.predicted == run.predicted.accuracy.majority[k]
    assert largest(four_parts, run) == max(found, key=lambda each: abs(each.z))


def test_the_start_is_compared_with_nothing(four_parts):
    options = {"learning_rate": 0.01, "points": 3}
    start = train_own(four_parts.prepared.own, ["erm"], steps=0, **options)
    assert start.runs[0].run.times.tolist() == [0]
    assert {each.place for each in differences(start, start.runs[0])} == {np.inf}
    run = train_own(four_parts.prepared.own, ["erm"], steps=9, **options).runs[0].run
    assert run.times == pytest.approx([0.01, 0.03, 0.09])


def differences_over_draws(setting, draws, test=4000):
    """Counted less predicted in the limit of ERM, over draws, by group."""
    found = []
    for seed in range(draws):
        _, own = of_a_draw(setting, seed, test=test)
        run = train_own(own, ["erm"], latest=1.0, points=2, center=False).runs[0]
        counted, predicted = run.limit.groups, run.predicted.limit
        found.append(
            [getattr(counted, g) - getattr(predicted, g) for g in ("majority", "minority")]
        )
    return np.array(found)


@pytest.mark.slow
@pytest.mark.parametrize("d", [300, 1200])
def test_over_draws_of_the_model_counts_are_as_predicted(d):
    setting = Setting(600, d, 0.85, 3.0, (0.4 * 600 / d) ** 0.5, 0.15, 0.15)
    found = differences_over_draws(setting, 12)
    error = found.std(axis=0, ddof=1) / 12**0.5
    assert (error < 0.02).all()
    # Predictions are for n → ∞, and the setting is estimated: 1/n is left of both.
    assert (np.abs(found.mean(axis=0)) < 3.5 * error + 2 / 600).all()


# JSON.


def numbers(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for each in value for number in numbers(each)]
    return [value] if isinstance(value, float) else []


def test_json_holds_what_the_library_has(four_parts):
    content = json.loads(json.dumps(four_parts.as_json(), allow_nan=False))
    assert content["schema"] == 1
    assert Setting(**content["fit"]["setting"]) == four_parts.prepared.fit.setting
    assert [part["train"] for part in content["parts"]] == [n - 3 for n in COUNTS.values()]
    assert [part["test"] for part in content["parts"]] == [3] * 4
    for found, run in zip(content["runs"], four_parts.runs, strict=True):
        assert found["objective"] == run.run.name
        assert found["times"] == run.run.times.tolist()
        assert found["strengths"] is None
        assert np.array_equal(np.transpose(found["test"]["parts"]), run.test.parts)
        assert found["test"]["worst"] == run.test.worst.tolist()
        assert found["limit"]["test"]["parts"] == run.limit.parts.tolist()
        assert found["predicted"]["minority"] == run.predicted.accuracy.minority.tolist()
        assert found["limit"]["kind"] == "max margin"
        assert found["largest_difference"]["z"] == largest(four_parts, run).z


@pytest.mark.parametrize("case", ["no test", "no groups", "no fit", "empty part", "ridge"])
def test_json_has_null_and_never_nan(case):
    x, y, a = table()
    options = {
        "no test": {"attributes": a},
        "no groups": {"split": SPLIT},
        "no fit": {"groups": [1] * 78 + [0] * 2},
        "empty part": {"attributes": a, "test_features": x[:5], "test_labels": y[:5]}
        | {"test_attributes": a[:5]},
        "ridge": {"attributes": a, "split": SPLIT},
    }[case]
    training = train_own(own_features(x, y, **options), ["erm"], points=2, ridge=case == "ridge")
    content = json.loads(json.dumps(training.as_json(), allow_nan=False))
    assert np.isfinite(numbers(content)).all()
    run = content["runs"][0]
    assert (run["test"] is None) == (case in ("no test", "no fit"))
    assert (content["fit"] is None) == (case in ("no groups", "no fit"))
    assert (run["not_predicted"] is None) == (case not in ("no groups", "no fit"))
    if case == "empty part":
        assert [part[0] is None for part in run["test"]["parts"]] == [False, True, True, True]
    if case == "ridge":
        assert run["strengths"] == training.runs[0].run.strengths.tolist()


# The command.


@pytest.fixture
def archive(tmp_path):
    x, y, a = table()
    path = tmp_path / "own.npz"
    np.savez(path, features=x, labels=y, attributes=a, split=SPLIT)
    return path


def ran(*words):
    return main(["train", "--features", *map(str, words)])


def test_the_command_writes_what_the_library_computes(archive, tmp_path, capsys):
    out, weights = tmp_path / "run.json", tmp_path / "w.npz"
    flags = ["--objective", "erm", "--objective", "subsampling", "--time", 20, "--seed", 3]
    assert ran(archive, *flags, "--json", out, "--weights", weights) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert "\x1b" not in shown.out
    own = own_package.read_features(archive)
    training = train_own(own, ["erm", "subsampling"], latest=20.0, seed=3)
    assert json.loads(out.read_text(encoding="utf-8")) == training.as_json()
    x, y, a = table()
    test = np.array(SPLIT) == "test"
    with np.load(weights) as written:
        assert sorted(written.files) == ["erm", "mean", "subsampling"]
        for run in training.runs:
            margin = np.where(y == "b", 1, -1) * ((x - written["mean"]) @ written[run.method])
            right = (margin > 0)[test]
            assert right.mean() == run.test.average[-1]
            agree = ((y == "a") == (a == "in"))[test]
            assert right[~agree].mean() == run.test.groups.minority[-1]


def test_the_command_hands_every_flag_on(tmp_path, monkeypatch, capsys):
    x, y, a = table(width=3)
    place = np.where(a == "in", "x", "z")
    species = np.where(y == "b", "b", np.where(np.arange(len(y)) % 2, "c", "a"))
    path = bad.save(
        tmp_path / "a.csv",
        x,
        {"id": range(len(y))},
        species=species,
        place=place,
    )
    asked = {}

    def note(own, methods, **options):
        asked.update(options, own=own, methods=methods)
        raise SettingError("what", "is", "asked for")

    monkeypatch.setattr(own_package, "train_own", note)
    flags = "--label species --attribute place --positive b --ignore id --holdout 0.25 --seed 4"
    assert ran(path, *flags.split(), "--no-center", "--ridge", "--objective", "mat") == 2
    own = asked.pop("own")
    assert own.class_names == ("not b", "b")
    assert own.train.features.shape[1] == 3
    expected = own_features(x, species, attributes=place, holdout=0.25, seed=4, positive="b")
    assert np.array_equal(own.test.features, expected.test.features)
    assert np.array_equal(own.train.parts, expected.train.parts)
    del asked["progress"]
    assert asked == {
        "methods": ["mat"],
        "latest": None,
        "learning_rate": None,
        "steps": None,
        "ridge": True,
        "center": False,
        "seed": 4,
    }
    path = bad.save(tmp_path / "b.csv", bad.X, mark=bad.G, **{"part of": bad.SPLIT}, label=bad.Y)
    flags = ["--group", "mark", "--split", "part of", "--learning-rate", "0.5", "--steps", "7"]
    assert ran(path, *flags, "--ignore", "x0", "--ignore", "x1") == 2
    assert "two columns at least" in capsys.readouterr().err
    bad.save(path, bad.X, mark=bad.G, **{"part of": ["train"] * 5 + ["test"]}, label=bad.Y)
    assert ran(path, *flags) == 2
    assert asked["own"].part_names == ("majority", "minority")
    assert (asked["learning_rate"], asked["steps"], asked["center"]) == (0.5, 7, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        *(
            (f"--features own.npz --{flag} {value}", f"--{flag} = {value}: must be left out with")
            for flag, value in [("n", 30), ("d", 90), ("rho", 0.8), ("gamma", 2.0)]
            + [("sigma", 0.5), ("core-noise", 0.1), ("spurious-noise", 0.1), ("label-noise", 0.1)]
        ),
        ("--features own.npz --time 5 --steps 3 --learning-rate 0.1", "must be left out where"),
        ("--features own.npz --time 5 --ridge", "must be left out where time is given"),
        ("--features own.npz --steps 3", "given together"),
        ("--features own.npz --time 0", "time = 0.0"),
        ("--features own.npz --seed -1 --objective mat", "seed = -1"),
        ("--features own.npz --weights none/w.npz", "does not exist"),
        ("--features own.npz --weights .", "is a folder"),
        ("--features own.npz --json none/run.json", "does not exist"),
        ("--features own.npz --holdout 0.5", "given together with holdout"),
        ("--features own.npz --label lable", "Did you mean 'labels'?"),
        ("--features nowhere.npz", "No such file"),
        *(
            (f"--{name} {value}", f"--{name} = '{value}': must be given with --features FILE")
            for name, value in [("label", "y"), ("attribute", "a"), ("group", "g")]
            + [("split", "s"), ("positive", "1")]
        ),
        ("--holdout 0.5", "--holdout = 0.5: must be given with --features FILE"),
        ("--ignore id", "--ignore = ['id']: must be given with --features FILE"),
        ("--no-center", "--no-center = True: must be given with --features FILE"),
        ("--ridge", "--ridge = True: must be given with --features FILE"),
        ("--weights w.npz", "must be given with --features FILE"),
        ("--objective subsampling", "--objective = 'subsampling': must be given with --features"),
    ],
)
def test_bad_flags_are_one_line_and_status_2(
    words, message, archive, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert main(["train", *words.split()]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("pitfalls train: ")
    assert len(shown.err.splitlines()) == 1
    assert message in shown.err
    assert [path.name for path in tmp_path.iterdir()] == ["own.npz"]


def is_of_a_file(name):
    return name.split("-")[0] in ("file", "npz", "csv", "parquet") and name != "file-no-path"


BAD_FILES = [each for each in bad.BAD_INPUTS if is_of_a_file(each[0])]


@pytest.mark.parametrize(
    ("make", "expected"), [each[1:] for each in BAD_FILES], ids=[each[0] for each in BAD_FILES]
)
def test_a_bad_file_is_one_line_and_status_2(make, expected, tmp_path, monkeypatch, capsys):
    def on_the_command_line(path, ignore=(), **options):
        flags = [word for name, value in options.items() for word in (f"--{name}", value)]
        words = [word for each in ignore for word in ("--ignore", each)]
        status.append(ran(path, *flags, *words))

    status = []
    monkeypatch.setattr(bad, "read_features", on_the_command_line)
    make(tmp_path)()
    shown = capsys.readouterr()
    assert status == [2]
    assert shown.out == ""
    assert len(shown.err.splitlines()) == 1
    line = shown.err.removeprefix("pitfalls train: ")
    assert line != shown.err
    assert bad.says(line, expected), line


def test_forty_bad_files_are_tried():
    assert len(BAD_FILES) >= 40


CASES = {
    "four parts": ("--objective erm --objective logit-shifting", {}),
    "ridge": ("--objective erm --ridge", {}),
    "steps": ("--objective erm --learning-rate 0.01 --steps 30", {}),
    "not separable": ("--objective erm", {"narrow": True}),
    "no groups": ("", {"drop": ["attributes"]}),
    "no test": ("--objective erm", {"drop": ["split"]}),
    "no test, no groups": ("--objective erm", {"drop": ["split", "attributes"]}),
    "groups in test only": ("--objective erm", {"hide": "train"}),
    "groups in training only": ("--objective erm", {"hide": "test"}),
}


@pytest.fixture(scope="module")
def shown_of(tmp_path_factory):
    """What a case shows, in a terminal of 80 columns; each is trained once."""

    @functools.cache
    def shown(case):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("COLUMNS", "80")
            patch.setenv("TERM", "xterm")
            out, err = io.StringIO(), io.StringIO()
            out.isatty = lambda: True
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            train(case, tmp_path_factory.mktemp("shown"))
        assert err.getvalue() == ""
        return re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())

    return shown


def train(case, folder):
    words, changes = CASES[case]
    x, y, a = noisy_table() if changes.get("narrow") else table()
    roles = {"labels": y, "attributes": a, "split": SPLIT}
    for name in changes.get("drop", []):
        del roles[name]
    if "hide" in changes:
        hidden = np.array(SPLIT) == changes["hide"]
        roles["attributes"] = np.where(hidden, "", a)
    path = folder / "own.npz"
    np.savez(path, features=x, **roles)
    time = [] if "ridge" in words or "steps" in words else ["--time", 10]
    assert ran(path, *words.split(), *time) == 0


@pytest.mark.parametrize("case", CASES)
def test_what_is_shown_fits_a_terminal_of_80_columns(case, shown_of):
    shown = shown_of(case)
    assert max(map(len, shown.splitlines())) <= 80
    assert "…" not in shown


@pytest.mark.parametrize(
    ("case", "heads", "words", "not_words"),
    [
        ("four parts", ["test minor."], ["part", "Furthest from the prediction"], ["left out"]),
        ("ridge", ["decay λ"], ["λ → 0"], ["time t"]),
        ("steps", ["time t"], ["t → ∞", "0.3"], ["decay"]),
        ("not separable", [], ["cannot be separated"], []),
        ("no groups", [], ["No groups:", "reweighting is left out: groups = None"], ["Furthest"]),
        ("no test", [], ["0 test examples", "The model that looks like it"], ["Furthest"]),
        ("no test, no groups", [], ["No groups:", "0 test"], ["The model that looks", "Furthest"]),
        ("groups in test only", [], ["The model could not be fitted: groups"], ["Furthest"]),
        ("groups in training only", [], ["The model that looks like it"], ["Furthest"]),
    ],
)
def test_what_is_shown_says_what_there_is(case, heads, words, not_words, shown_of):
    shown = " ".join(shown_of(case).split())
    # The head of a column may be folded: its words stand in two lines.
    for head in heads:
        assert all(each in shown for each in head.split()), head
    for word in words:
        assert word in shown, word
    for word in not_words:
        assert word not in shown, word
    assert "nan" not in shown


def test_an_interrupt_leaves_no_file_and_no_traceback(archive, tmp_path, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(own_package, "train_own", interrupted)
    out = tmp_path / "run.json"
    assert ran(archive, "--json", out, "--weights", tmp_path / "w.npz") == 130
    assert capsys.readouterr().err == "pitfalls train: interrupted\n"
    assert [path.name for path in tmp_path.iterdir()] == ["own.npz"]


@pytest.mark.slow
def test_ctrl_c_in_a_shell_is_one_line(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((3000, 3000)), np.arange(3000) % 2
    np.savez(tmp_path / "a.npz", features=x, labels=y, groups=(rng.random(3000) < 0.8) * 1)
    command = [sys.executable, "-m", "pitfalls", "train", "--features", "a.npz", "--json", "a.json"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, encoding="utf-8", env=dict(os.environ)
    )
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(8)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said == "pitfalls train: interrupted\n"
    assert not (tmp_path / "a.json").exists()
