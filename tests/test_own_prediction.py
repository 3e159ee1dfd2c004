"""What the fitted model predicts of features of one's own, and how far counts are from it."""

import numpy as np
import pytest
from own_draws import SETTING, few_sites, of_a_draw, on_four_parts
from pitfalls.studies.own import METHODS, prediction, train_own
from pitfalls.studies.own.agreement import difference, differences, largest
from pitfalls.studies.train import in_the_model
from pitfalls.theory import Objective, Setting, proportional


@pytest.fixture(scope="module", autouse=True)
def quickly():
    with few_sites():
        yield


@pytest.fixture(scope="module")
def four_parts():
    return on_four_parts()


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
