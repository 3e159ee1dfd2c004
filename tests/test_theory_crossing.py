"""Crossing times of the minority's margin (P8)."""

import numpy as np
import pytest
from hypothesis import given
from pitfalls.theory import Objective, PitfallsError, orthogonal
from strategies import (
    CRITICAL,
    METHODS,
    THREE,
    kappas,
    majorities,
    minority_margin,
    of_kappa,
    powers,
)


def at(ratio, **noise):
    """ρ = 0.9, γ = 5 and a multiple of κ*."""
    return of_kappa(ratio * CRITICAL, **noise)


# log10 of t×, roots of the flow's equations by independent code.
@pytest.mark.parametrize(
    ("ratio", "method", "expected", "digits"),
    [
        (0.9, "ERM", [9.79227], 5e-6),
        (0.95, "ERM", [20.23390], 5e-6),
        (1.1, "logit shifting", [11.75458], 5e-6),
        (1.2, "logit shifting", [6.11309], 5e-6),
        (1.5, "logit shifting", [2.68801], 5e-6),
        (1.1, "reweighting", [0.248], 5e-4),
        (1.2, "reweighting", [-0.039], 5e-4),
        (1.5, "reweighting", [-0.365], 5e-4),
        (1.01, "reweighting", [3.653], 5e-4),
        (1.1, "ERM", [], 0),
        (0.9, "reweighting", [], 0),
        (0.9, "logit shifting", [], 0),
    ],
)
def test_crossing_times_are_those_of_the_flow(ratio, method, expected, digits):
    setting = at(ratio)
    found = orthogonal.crossing_times(setting, METHODS[method](setting)) / np.log(10)
    assert found.shape == (len(expected),)
    assert (np.abs(found - expected) <= digits).all()


def test_a_weaker_shift_loses_the_minority_for_a_while_and_then_for_good():
    setting = at(1.2)
    full = Objective.logit_shifting(setting)
    weaker = Objective(shift={group: 0.9 * s for group, s in full.shift.items()})
    found = orthogonal.crossing_times(setting, weaker) / np.log(10)
    assert np.abs(found - [-0.14, 4.9]).max() < 0.05
    assert orthogonal.log_crossing_time(setting, weaker) == found[-1] * np.log(10)
    for log_time, before in zip(found, (-1, 1), strict=True):
        times = 10 ** np.array([log_time - 1e-4, log_time + 1e-4])
        margins = minority_margin(setting, orthogonal.flow(setting, weaker, times))
        assert np.sign(margins).tolist() == [before, -before]


@pytest.mark.parametrize("method", THREE)
@pytest.mark.parametrize("ratio", [0.3, 0.8, 1.3, 4.0])
def test_the_flow_changes_sign_there_and_nowhere_else(method, ratio):
    setting = at(ratio)
    objective = METHODS[method](setting)
    crossings = orthogonal.crossing_times(setting, objective)
    margins = minority_margin(
        setting, orthogonal.flow(setting, objective, np.logspace(-5, 16, 300))
    )
    assert (np.diff(np.sign(margins)) != 0).sum() == (crossings < np.log(1e16)).sum()
    for log_time in crossings[crossings < np.log(1e16)]:
        around = np.exp(log_time + np.array([-1e-6, 1e-6]))
        pair = minority_margin(setting, orthogonal.flow(setting, objective, around))
        assert pair[0] * pair[1] < 0


def test_crossing_times_diverge_at_the_critical_memory():
    distances = np.array([0.1, 0.05, 0.025])
    late = [orthogonal.log_crossing_time(at(1 - x), Objective.erm()) * x for x in distances]
    # log t× ~ c/|κ* − κ|: the product tends to a constant, linearly.
    assert abs((late[1] - late[0]) / (late[2] - late[1]) - 2) < 0.2


@given(majorities, powers(-1, 0), kappas)
def test_a_weak_spurious_feature_never_takes_the_minority(rho, gamma, kappa):
    setting = of_kappa(kappa, rho, gamma)
    for method in map(METHODS.get, THREE):
        assert np.isnan(orthogonal.log_crossing_time(setting, method(setting)))


def test_a_crossing_that_nobody_can_time_is_refused():
    setting = at(0.98, core_noise=0.01, spurious_noise=0.01)
    with pytest.raises(PitfallsError, match="changes sign after t = 1e"):
        orthogonal.crossing_times(setting, Objective.erm())
