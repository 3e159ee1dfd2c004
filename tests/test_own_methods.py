"""The methods on features of one's own: their numbers by hand, and when they are left out."""

import numpy as np
import pytest
from own_draws import COUNTS, SPLIT, few_sites, of_a_draw, table
from pitfalls.studies.own import METHODS, own_features, prepare, train_own
from pitfalls.studies.own.agreement import largest
from pitfalls.studies.own.methods import objective
from pitfalls.theory import Objective, PitfallsError, SettingError


@pytest.fixture(scope="module", autouse=True)
def quickly():
    with few_sites():
        yield


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
