"""Extreme but legal settings: a finite answer or a typed refusal, never NaN nor a warning."""

import itertools

import numpy as np
import pytest
from pitfalls.theory import NotSeparableError, Objective, PitfallsError, Setting
from pitfalls.theory import orthogonal as orthogonal_limit
from pitfalls.theory import proportional as proportional_limit

SETTINGS = [
    Setting(n, d, rho, gamma, sigma, noise, noise, label_noise)
    for n, d, rho, gamma, sigma, noise, label_noise in itertools.product(
        (1, 7), (0, 10**7), (0.0, 0.9, 1.0), (0.0, 5.0), (0.0, 0.5), (0.0, 0.12), (0.0, 0.5)
    )
] + [
    Setting(2, 1, 0.5, 1.0, 1.0),
    Setting(10**12, 2**53, 0.9, 5.0, 1.0),
    Setting(10**12, 0, 1, 0, 0),
]
OBJECTIVES = [
    Objective.erm(),
    Objective(weight={1: 1e-3, 0: 1e3}, shift={1: 20.0, 0: -20.0}, scale={1: 4.0, 0: 0.25}),
]
TIMES = [0.0, 1e-12, 1.0, 1e6]


def asymptote(setting, objective):
    law = orthogonal_limit.asymptote(setting, objective)
    return np.append(law.at([1.0, 1e16]).coordinates, [law.decay, law.angle_rate])


def flow(setting, objective):
    run = orthogonal_limit.flow(setting, objective, TIMES, nodes=3)
    accuracy = run.accuracy(setting)
    return np.column_stack(
        (run.coordinates, run.loss, run.margins, accuracy.majority, accuracy.minority)
    )


def solution(solver):
    def solve(setting, objective):
        found = solver(setting, objective)
        accuracy = found.accuracy(setting)
        return np.append(found.coordinates, [accuracy.majority, accuracy.minority])

    return solve


def ridge_path(setting, objective):
    path = orthogonal_limit.ridge_path(setting, objective, [1e100, 1.0, 1e-100], nodes=3)
    return np.column_stack((path.coordinates, path.loss, path.margins, path.times))


def with_decay(setting, objective):
    run = orthogonal_limit.flow(setting, objective, TIMES, strength=0.1, nodes=3)
    return np.column_stack((run.coordinates, run.loss, run.margins))


def leave_one_out(setting, objective):
    found = orthogonal_limit.leave_one_out(setting, objective)
    return np.concatenate((found.held_out, found.memorization))


FUNCTIONS = {
    "orthogonal.max_margin": solution(orthogonal_limit.max_margin),
    "orthogonal.first_step": solution(orthogonal_limit.first_step),
    "orthogonal.flow": flow,
    "orthogonal.asymptote": asymptote,
    "orthogonal.ridge_path": ridge_path,
    "orthogonal.flow with decay": with_decay,
    "orthogonal.leave_one_out": leave_one_out,
    "orthogonal.critical_memory": lambda setting, _: np.exp(
        -orthogonal_limit.critical_memory(setting.rho, setting.gamma)
    ),
    "proportional.max_margin": solution(proportional_limit.max_margin),
    "proportional.separability_threshold": proportional_limit.separability_threshold,
    "proportional.memorization_threshold": proportional_limit.memorization_threshold,
}
# The others have no formula to refuse: every legal setting has a first step, a flow, thresholds.
MAY_REFUSE = ("max_margin", "asymptote", "leave_one_out")
ALWAYS = {name for name in FUNCTIONS if not name.endswith(MAY_REFUSE)}
LONG = ("orthogonal.flow", "orthogonal.flow with decay", "orthogonal.ridge_path")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] if name in LONG else []) for name in FUNCTIONS],
)
@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda objective: objective.name)
def test_every_function_answers_or_refuses_by_type(name, objective):
    answered = 0
    for setting in SETTINGS:
        try:
            numbers = FUNCTIONS[name](setting, objective)
        except PitfallsError:
            assert name not in ALWAYS, setting
        else:
            assert np.isfinite(numbers).all(), setting
            answered += 1
    assert answered > len(SETTINGS) / 4


@pytest.mark.parametrize("limit", [orthogonal_limit, proportional_limit])
@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_max_margin_refuses_only_what_is_inseparable(limit, setting):
    # With d > n memory alone separates; without noise the plane alone does.
    separable = setting.kappa > 0 or not (setting.label_noise or setting.has_feature_noise)
    one_pattern = len(setting.cells) == 1 and not setting.has_feature_noise
    try:
        found = limit.max_margin(setting)
    except NotSeparableError:
        assert not separable
        assert not one_pattern
    else:
        assert np.isfinite(found.coordinates).all()
        assert found.norm > 0


@pytest.mark.parametrize("limit", [orthogonal_limit, proportional_limit])
@pytest.mark.parametrize("kappa", [0.0, 0.25, 1e6])
def test_no_spurious_feature_leaves_a_one_dimensional_problem(limit, kappa):
    # γ = 0: K = 1 + κ for every example alike, so w_y = 1/(1 + κ), up to 1/δ.
    setting = Setting(1, 10**9, 0.5, 0.0, np.sqrt(kappa / 1e9))
    found = limit.max_margin(setting)
    expected = [1 / (1 + kappa), 0, np.sqrt(kappa) / (1 + kappa)]
    np.testing.assert_allclose(found.coordinates, expected, rtol=1e-8, atol=1e-15)


@pytest.mark.parametrize(("rho", "sign"), [(0.0, -1), (1.0, 1)])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 5.0])
@pytest.mark.parametrize("kappa", [1e-3, 1.0, 1e3])
def test_one_group_alone_is_one_vector(rho, sign, gamma, kappa):
    setting = Setting(7, 7, rho, gamma, np.sqrt(kappa))
    found = orthogonal_limit.max_margin(setting)
    dual = 1 / (1 + gamma**2 + kappa)
    expected = dual * np.array([1, sign * gamma, np.sqrt(kappa)])
    np.testing.assert_allclose(found.coordinates, expected, rtol=1e-11)
