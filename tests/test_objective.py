"""The loss family: constructors, refusals and resolution to examples."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pitfalls.theory import Objective, Setting, SettingError
from strategies import settings

SETTING = Setting(n=10, d=50, rho=0.9, gamma=2.0, sigma=1.0)
BUILDERS = {"reweighting": Objective.reweighting, "logit shifting": Objective.logit_shifting}


def test_erm_is_one_zero_one():
    weight, shift, scale = Objective.erm().resolve(None, 3)
    np.testing.assert_array_equal([weight, shift, scale], [[1] * 3, [0] * 3, [1] * 3])


@given(settings())
def test_inverse_frequencies_have_mean_one_and_balance_the_groups(setting):
    assume(0 < setting.observed_majority < 1)
    groups = [cell.group for cell in setting.cells]
    shares = np.array([cell.count for cell in setting.cells]) / setting.n
    weight = Objective.reweighting(setting).resolve(groups, len(groups))[0]
    assert weight @ shares == pytest.approx(1, rel=1e-9)
    of_majority = (weight * shares)[np.array(groups) == 1].sum()
    assert of_majority == pytest.approx(0.5, rel=1e-9)


@given(st.lists(st.integers(-2, 3), min_size=1, max_size=40))
def test_inverse_frequencies_of_any_groups_have_mean_one(groups):
    weight = Objective.reweighting(groups).resolve(groups, len(groups))[0]
    assert weight.mean() == pytest.approx(1, rel=1e-14)
    totals = [weight[np.array(groups) == group].sum() for group in set(groups)]
    assert totals == pytest.approx([len(groups) / len(totals)] * len(totals), rel=1e-14)


@pytest.mark.parametrize("rho", [0.05, 0.5, 0.9])
@pytest.mark.parametrize("label_noise", [0.0, 0.2])
def test_shift_is_the_log_odds_of_the_observed_groups(rho, label_noise):
    setting = Setting(1000, 50, rho, 2.0, 1.0, label_noise=label_noise)
    observed = rho * (1 - label_noise) + (1 - rho) * label_noise
    shift = Objective.logit_shifting(setting).shift
    assert shift[1] == pytest.approx(math.log(observed / (1 - observed)), abs=1e-14)
    assert shift[0] == -shift[1]


@pytest.mark.parametrize("method", BUILDERS)
def test_setting_and_its_sample_of_groups_give_the_same_numbers(method):
    from_setting = BUILDERS[method](SETTING).resolve([1, 0], 2)
    from_groups = BUILDERS[method]([1] * 9 + [0]).resolve([1, 0], 2)
    np.testing.assert_allclose(from_setting, from_groups, rtol=1e-14)


@pytest.mark.parametrize("n", [100, 10**12])
def test_the_share_of_a_small_group_has_all_its_digits(n):
    """Counted: what is left of one has five digits where 9 of 10¹² examples are the minority."""
    setting = Setting(n=n, d=50, rho=1 - 9 / n, gamma=2.0, sigma=1.0)
    assert Objective.reweighting(setting).weight[0] == pytest.approx(n / 18, rel=1e-15)


def test_reweighting_takes_the_users_weights():
    objective = Objective.reweighting(SETTING, {1: 1.0, 0: 81.0})
    np.testing.assert_array_equal(objective.resolve([0, 1], 2)[0], [81, 1])
    per_example = Objective.reweighting([1, 0], [3.0, 4.0])
    np.testing.assert_array_equal(per_example.resolve(None, 2)[0], [3, 4])


def test_vector_scaling_by_group_and_per_example():
    by_group = Objective.vector_scaling(SETTING, {1: 2.0, 0: 0.5})
    np.testing.assert_array_equal(by_group.resolve([1, 0, 0], 3)[2], [2, 0.5, 0.5])
    per_example = Objective.vector_scaling([1, 0], [2.0, 3.0])
    np.testing.assert_array_equal(per_example.resolve([1, 0], 2)[2], [2, 3])


@pytest.mark.parametrize("method", BUILDERS)
@pytest.mark.parametrize("rho", [0.0, 1.0])
def test_an_empty_observed_group_is_refused(method, rho):
    with pytest.raises(SettingError, match="both non-empty") as caught:
        BUILDERS[method](Setting(10, 5, rho, 1.0, 1.0))
    assert method in str(caught.value)


@pytest.mark.parametrize("groups", [[1, 1], [0, 0, 0], [1, 2], [0, 1, 2]])
def test_logit_shifting_needs_exactly_majority_and_minority(groups):
    with pytest.raises(SettingError, match="groups"):
        Objective.logit_shifting(groups)


@pytest.mark.parametrize("groups", [[], [[1, 0]], [1.0, 0.0], ["a"], 1, [True, False]])
@pytest.mark.parametrize("build", BUILDERS.values())
def test_groups_must_be_a_vector_of_integers(build, groups):
    with pytest.raises(SettingError, match="groups"):
        build(groups)


@pytest.mark.parametrize("field", ["weight", "shift", "scale"])
@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        -math.inf,
        [1.0, math.nan],
        {1: 1.0, 0: math.nan},
        {1: 1.0, 0: math.inf},
        {},
        [],
        [[1.0, 2.0]],
        "x",
        None,
        1j,
        object(),
        {1: "x", 0: 1.0},
        {1: None, 0: 1.0},
        {"majority": 1.0},
        {1: [1.0, 2.0]},
    ],
)
def test_illegal_numbers_are_refused_by_name(field, value):
    with pytest.raises(SettingError) as caught:
        Objective(**{field: value})
    assert caught.value.field == field
    assert str(caught.value).startswith(f"{field} = ")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("weight", -1.0),
        ("weight", 0.0),
        ("weight", {1: 0.0, 0: 0.0}),
        ("weight", [1.0, -1e-9]),
        ("scale", 0.0),
        ("scale", -1.0),
        ("scale", {1: 1.0, 0: 0.0}),
        ("scale", [1.0, 0.0]),
    ],
)
def test_sign_rules_of_weight_and_scale(field, value):
    with pytest.raises(SettingError, match=field):
        Objective(**{field: value})


def test_zero_weight_of_one_group_and_any_shift_are_legal():
    objective = Objective(weight={1: 0.0, 0: 1.0}, shift={1: -50.0, 0: 50.0})
    np.testing.assert_array_equal(objective.resolve([1, 0], 2)[0], [0, 1])


@pytest.mark.parametrize("where", [SETTING, [1, 0]])
def test_vector_scaling_refuses_a_group_without_scale(where):
    with pytest.raises(SettingError, match=r"\[0\] missing"):
        Objective.vector_scaling(where, {1: 2.0})


@pytest.mark.parametrize("field", ["weight", "shift", "scale"])
def test_resolve_refuses_what_does_not_fit_the_sample(field):
    by_group = Objective(**{field: {1: 1.0, 0: 2.0}})
    with pytest.raises(SettingError, match="groups = None"):
        by_group.resolve(None, 3)
    with pytest.raises(SettingError, match=r"\[2\] missing"):
        by_group.resolve([0, 1, 2], 3)
    with pytest.raises(SettingError, match="length 2"):
        Objective(**{field: [1.0, 2.0, 3.0]}).resolve(None, 2)


@pytest.mark.parametrize("n", [2, 4])
def test_resolve_refuses_groups_of_another_length(n):
    with pytest.raises(SettingError):
        Objective(weight={1: 1.0, 0: 2.0}).resolve([1, 0, 1], n)


def test_resolve_refuses_a_sample_left_without_weight():
    with pytest.raises(SettingError, match="at least one example"):
        Objective(weight={1: 0.0, 0: 1.0}).resolve([1, 1], 2)


def test_resolved_arrays_are_the_callers_own():
    objective = Objective(weight=[1.0, 2.0])
    objective.resolve(None, 2)[0][:] = 7
    np.testing.assert_array_equal(objective.resolve(None, 2)[0], [1, 2])


def test_objective_cannot_be_changed_afterwards():
    given_array = np.array([1.0, 2.0])
    objective = Objective(weight=given_array)
    given_array[:] = 9
    np.testing.assert_array_equal(objective.weight, [1, 2])
    with pytest.raises(dataclasses.FrozenInstanceError):
        objective.weight = 2.0
    with pytest.raises(ValueError, match="read-only"):
        objective.weight[0] = 5
