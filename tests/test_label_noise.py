"""The price of label noise and the end of early learning (P16), against samples and plain sums."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pitfalls.sims import draw, gradient_flow, max_margin
from pitfalls.theory import (
    Objective,
    PitfallsError,
    Setting,
    SettingError,
    orthogonal,
    proportional,
)
from scipy.special import ndtri
from strategies import CRITICAL, METHODS, of_kappa

SIGNS = {"majority": 1, "minority": -1}


def score(setting, weights, group):
    pull = SIGNS[group] * setting.gamma * weights.spurious
    variance = (setting.core_noise * weights.core) ** 2 + (setting.spurious_noise * pull) ** 2
    return (weights.core + pull) / np.sqrt(variance + (setting.sigma * weights.memory) ** 2)


@given(
    st.floats(0.02, 50.0),
    st.integers(0, 49),
    st.integers(55, 98),
    st.floats(0.5, 8.0),
    st.sampled_from(["majority", "minority"]),
)
def test_the_factor_is_that_of_either_groups_score(kappa, noise, rho, gamma, group):
    """Against the two max margins themselves; d/n cancels."""
    noisy = of_kappa(kappa, rho / 100, gamma, n=10_000, d=10**6, label_noise=noise / 100)
    clean = replace(noisy, label_noise=0.0)
    scores = [score(each, orthogonal.max_margin(each), group) for each in (noisy, clean)]
    factor = orthogonal.noise_factor(noisy)
    assert scores[0] == pytest.approx(factor * scores[1], rel=1e-9, abs=1e-9)
    assert factor <= 1 - 2 * noisy.label_noise + 1e-12


def test_the_factors_limits():
    assert orthogonal.noise_factor(of_kappa(0.3)) == 1
    assert orthogonal.noise_factor(of_kappa(1e7, label_noise=0.1)) == pytest.approx(0.8, rel=1e-5)
    assert orthogonal.noise_factor(of_kappa(1e-7, label_noise=0.1)) < 1e-6
    assert orthogonal.noise_factor(of_kappa(0.3, label_noise=0.5)) == 0
    check = of_kappa(CRITICAL, n=1000, d=10**6, label_noise=0.1)
    assert orthogonal.noise_factor(check) == pytest.approx(0.409064, abs=1e-6)


@pytest.mark.parametrize("group", ["majority", "minority"])
@pytest.mark.parametrize(("ratio", "noise"), [(0.1, 0.05), (0.3, 0.1), (0.7, 0.1), (0.5, 0.3)])
def test_from_the_harmless_aspect_on_a_sample_is_right(ratio, noise, group):
    """On orthogonal data exactly, at finite d/n (P9) nearly."""
    setting = of_kappa(ratio * CRITICAL, n=1000, d=10**6, label_noise=noise)
    aspect = orthogonal.harmless_aspect(setting, 0.99, group)
    d = round(1000 * aspect)
    there = replace(setting, d=d, sigma=math.sqrt(setting.kappa * 1000 / d))
    found = max_margin(draw(there, 0, "orthogonal"))
    assert score(there, found, group) == pytest.approx(ndtri(0.99), rel=2 / d)
    limit = proportional.max_margin(there).accuracy(there)
    assert getattr(limit, group) == pytest.approx(0.99, abs=0.004)


def test_beyond_the_critical_memory_no_aspect_is_enough():
    above = of_kappa(1.01 * CRITICAL, label_noise=0.1)
    assert orthogonal.harmless_aspect(above) == math.inf
    assert orthogonal.harmless_aspect(above, group="majority") < 10
    half = of_kappa(0.1, label_noise=0.5)
    assert orthogonal.harmless_aspect(half) == math.inf


@pytest.mark.parametrize("group", ["majority", "minority"])
@pytest.mark.parametrize(
    ("method", "ratio", "noise"),
    [
        ("ERM", 0.3, 0.3),
        ("ERM", 0.7, 0.1),
        ("reweighting", 0.3, 0.3),
        ("reweighting", 1.3, 0.1),
        ("logit shifting", 0.7, 0.0),
        ("logit shifting", 1.3, 0.3),
    ],
)
def test_the_peak_is_where_a_sample_has_it(method, ratio, noise, group):
    setting = of_kappa(ratio * CRITICAL, n=200, d=2000, label_noise=noise)
    objective = METHODS[method](setting)
    sample = draw(setting, 0, "orthogonal")
    check_peak(
        setting,
        objective,
        group,
        lambda times: gradient_flow(sample, objective, times),
        max_margin(sample, objective),
    )


@pytest.mark.parametrize(("method", "group"), [("ERM", "majority"), ("logit shifting", "minority")])
def test_the_peak_with_feature_noise_is_where_the_flow_has_it(method, group):
    """A sample's feature noise is its own: the theory's flow, searched in another way."""
    setting = of_kappa(0.7 * CRITICAL, n=200, d=2000, label_noise=0.1, core_noise=0.12)
    objective = METHODS[method](setting)
    check_peak(
        setting,
        objective,
        group,
        lambda times: orthogonal.flow(setting, objective, times),
        orthogonal.max_margin(setting, objective),
    )


def check_peak(setting, objective, group, run, limit):
    """Against the highest of a dense grid, a finer one around it, and the parabola of its top."""
    found = orthogonal.log_peak_time(setting, objective, group)
    grid = np.linspace(-11, 36, 2000)
    heights = score(setting, run(np.exp(grid)), group)
    best = int(heights.argmax())
    if score(setting, limit, group) >= heights[best]:
        assert found == math.inf
    elif best == 0:
        assert found == -math.inf
    else:
        fine = np.linspace(grid[best - 1], grid[best + 1], 201)
        top = score(setting, run(np.exp(fine)), group)
        middle = fine[top.argmax()]
        curve, slope, _ = np.polyfit(fine - middle, top, 2)
        expected = middle - slope / (2 * curve)
        assert found == pytest.approx(expected, abs=2e-4)


def test_the_peak_does_not_depend_on_the_aspect():
    times = [
        orthogonal.log_peak_time(setting, Objective.logit_shifting(setting))
        for setting in (
            of_kappa(0.3, n=1000, d=1000, label_noise=0.1),
            of_kappa(0.3, n=1000, d=10**7, label_noise=0.1),
        )
    ]
    assert times[0] == pytest.approx(times[1], abs=1e-6)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda: orthogonal.noise_factor(of_kappa(1.0, core_noise=0.1)),
            PitfallsError,
            "core_noise",
        ),
        (lambda: orthogonal.harmless_aspect(Setting(9, 0, 0.7, 2.0, 0.0)), PitfallsError, "κ = 0"),
        (lambda: orthogonal.harmless_aspect(of_kappa(1.0), 0.5), SettingError, "accuracy"),
        (lambda: orthogonal.harmless_aspect(of_kappa(1.0), 1), SettingError, "accuracy"),
        (lambda: orthogonal.harmless_aspect(of_kappa(1.0), 0.9, "worst"), SettingError, "group"),
        (
            lambda: orthogonal.log_peak_time(of_kappa(1.0), Objective.erm(), "average"),
            SettingError,
            "group",
        ),
        (
            lambda: orthogonal.log_peak_time(Setting(10, 0, 0.9, 5.0, 0.0), Objective.erm()),
            PitfallsError,
            "infinite",
        ),
    ],
)
def test_what_has_no_answer_says_why(call, error, words):
    with pytest.raises(error, match=words):
        call()
