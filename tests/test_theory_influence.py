"""Leave-one-out on orthogonal data against training again on explicit vectors."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pitfalls.sims import Sample, gradient_flow, max_margin
from pitfalls.theory import NotSeparableError, Objective, PitfallsError, Setting, orthogonal
from strategies import METHODS, kappas, majorities, of_kappa, powers


def explicit(setting):
    """Orthogonal example-specific features as vectors, and the first example of each cell."""
    n = setting.n
    counts = [cell.count for cell in setting.cells]
    plane = np.repeat([(c.core, c.spurious) for c in setting.cells], counts, axis=0)
    groups = np.repeat([c.group for c in setting.cells], counts)
    features = np.hstack((plane, np.sqrt(setting.kappa * n) * np.eye(n)))
    firsts = np.concatenate(([0], np.cumsum(counts)[:-1]))
    return features, groups, firsts


def sample_of(features, groups, kept):
    return Sample.from_arrays(features[kept], np.ones(kept.sum()), groups[kept])


def retrained(setting, objective):
    """Held-out margins of one example per cell, by the solver, from data without it."""
    features, groups, firsts = explicit(setting)
    held_out = []
    for first in firsts:
        kept = np.arange(setting.n) != first
        found = max_margin(sample_of(features, groups, kept), objective)
        weights = found.dual @ features[kept]
        held_out.append(features[first] @ weights)
    return np.array(held_out)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "setting",
    [
        Setting(20, 40, 0.8, 2.0, 0.5),
        Setting(20, 40, 0.8, 2.0, 0.1),
        Setting(20, 40, 0.8, 0.3, 0.5),
        Setting(20, 40, 0.7, 2.0, 0.5, label_noise=0.1),
        Setting(20, 400, 0.95, 5.0, 1.0),
        Setting(2, 400, 0.5, 5.0, 1.0),
    ],
    ids=["plain", "little memory", "weak feature", "flips", "one of the minority", "two"],
)
def test_held_out_margins_are_those_of_training_again(setting, method):
    objective = METHODS[method](setting)
    found = orthogonal.leave_one_out(setting, objective)
    np.testing.assert_allclose(found.held_out, retrained(setting, objective), atol=1e-9)
    whole = orthogonal.max_margin(setting, objective)
    np.testing.assert_array_equal(found.margins, whole.margins)


def test_where_the_closed_form_fails_the_problem_is_solved_again():
    setting = Setting(4, 20, 0.5, 0.3, 0.3)
    failed = 0
    for ratio in np.linspace(0.3, 3.0, 28):
        objective = Objective.vector_scaling(setting, {1: ratio, 0: 1.0})
        found = orthogonal.leave_one_out(setting, objective)
        failed += not found.closed_form.all()
        np.testing.assert_allclose(found.held_out, retrained(setting, objective), atol=1e-8)
    assert 0 < failed < 28


def test_without_memory_the_problem_is_solved_again():
    found = orthogonal.leave_one_out(Setting(10, 0, 0.8, 2.0, 1.0))
    assert not found.closed_form.any()
    np.testing.assert_allclose(found.self_influence, [0.0, 0.0], atol=1e-12)
    # The only example of the minority: without it the plane is (1, γ)/(1 + γ²).
    lonely = orthogonal.leave_one_out(Setting(10, 0, 0.9, 2.0, 1.0))
    np.testing.assert_allclose(lonely.held_out, [1.0, (1 - 4) / 5], atol=1e-12)
    assert lonely.ratio > 1e12
    np.testing.assert_array_equal(
        orthogonal.leave_one_out(Setting(1, 5, 1.0, 2.0, 1.0)).held_out, 0
    )


@given(majorities, powers(-1, 1), kappas)
def test_ratio_in_the_limit_has_a_closed_form(rho, gamma, kappa):
    setting = of_kappa(kappa, rho, gamma, n=10**12, d=10**12)
    found = orthogonal.leave_one_out(setting)
    limit = orthogonal.max_margin(setting)
    np.testing.assert_allclose(found.self_influence, kappa * limit.dual, rtol=1e-5, atol=1e-9)
    expected = (2 * gamma**2 * rho + kappa) / (2 * gamma**2 * (1 - rho) + kappa)
    assert abs(found.ratio / expected - 1) < 1e-5


@pytest.mark.parametrize(("factor", "score"), [(0.8, 0.0), (1.2, 1.0)])
def test_the_minority_is_memorised_above_the_threshold_only(factor, score):
    setting = of_kappa(factor * 9 / 19, n=10**6, d=10**6)
    assert orthogonal.leave_one_out(setting).memorization.tolist() == [0.0, score]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("label_noise", [0.0, 0.1])
def test_influence_over_time_is_that_of_training_again(method, label_noise):
    setting = Setting(20, 40, 0.7, 2.0, 0.5, label_noise=label_noise)
    objective = METHODS[method](setting)
    times = np.array([0.0, 0.1, 3.0, 100.0, 1e5])
    found = orthogonal.leave_one_out_flow(setting, objective, times)
    features, groups, firsts = explicit(setting)
    whole = gradient_flow(Sample.from_arrays(features, np.ones(20), groups), objective, times)
    np.testing.assert_allclose(found.margins, whole.margins[:, firsts], atol=1e-7)
    for cell, first in enumerate(firsts):
        weight = objective.resolve(groups, 20)[0]
        weight[first] = 0.0
        others = replace(objective, weight=weight)
        flow = gradient_flow(Sample.from_arrays(features, np.ones(20), groups), others, times)
        np.testing.assert_allclose(found.held_out[:, cell], flow.margins[:, first], atol=1e-7)


@pytest.mark.parametrize(
    ("method", "start"),
    [("ERM", 1.0), ("reweighting", 9.0), ("logit shifting", 9.0), ("vector scaling", 0.25)],
)
def test_ratio_starts_at_the_pushes_and_ends_at_that_of_the_limit(method, start):
    setting = of_kappa(2 * 9 / 19, n=10**9, d=10**9)
    objective = METHODS[method](setting)
    over_time = orthogonal.leave_one_out_flow(setting, objective, [1e-6, 1e8, 1e16]).ratio
    limit = orthogonal.leave_one_out(setting, objective).ratio
    assert abs(over_time[0] / start - 1) < 1e-4
    distance = np.abs(over_time[1:] / limit - 1)
    assert distance[1] < 0.1
    # Towards it like 1/log t.
    assert 1.5 < distance[0] / distance[1] < 2.5


@pytest.mark.parametrize("setting", [Setting(9, 9, 0.7, 2.0, 1.0, core_noise=0.1)])
def test_feature_noise_is_refused(setting):
    with pytest.raises(PitfallsError, match="influence per cell needs"):
        orthogonal.leave_one_out(setting)
    with pytest.raises(PitfallsError, match="influence per cell needs"):
        orthogonal.leave_one_out_flow(setting, Objective.erm(), [1.0])


@given(st.data())
def test_every_legal_clean_setting_is_answered(data):
    setting = Setting(
        data.draw(st.integers(1, 50)),
        data.draw(st.integers(0, 1000)),
        data.draw(st.floats(0, 1)),
        data.draw(st.floats(0, 10)),
        data.draw(st.floats(0, 2)),
        label_noise=data.draw(st.sampled_from([0.0, 0.2])),
    )
    if setting.kappa == 0 and any(cell.flipped for cell in setting.cells):
        with pytest.raises(NotSeparableError):
            orthogonal.leave_one_out(setting)
        return
    found = orthogonal.leave_one_out(setting)
    assert np.isfinite(found.held_out).all()
    assert (found.self_influence >= -1e-9).all()
