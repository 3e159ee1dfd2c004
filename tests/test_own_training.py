"""Training on features of one's own: against the solvers, plain counts, plain formulas, SciPy."""

import json
import re

import numpy as np
import pytest
from own_draws import COUNTS, SPLIT, THREE, few_sites, noisy_table, of_a_draw, on_four_parts, table
from pitfalls.sims import gradient_descent, gradient_flow, max_margin, ridge_path
from pitfalls.studies.own import own_features, prediction, prepare, train_own
from pitfalls.studies.own import training as training_of_own
from pitfalls.studies.own.agreement import largest
from pitfalls.studies.own.counting import counted
from pitfalls.studies.own.methods import objective
from pitfalls.studies.own.table import Table
from pitfalls.theory import MAJORITY, MINORITY, NotSeparableError, Objective, PitfallsError, Setting
from scipy.optimize import minimize
from scipy.special import expit


@pytest.fixture(scope="module", autouse=True)
def quickly():
    with few_sites():
        yield


@pytest.fixture(scope="module")
def four_parts():
    return on_four_parts()


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
