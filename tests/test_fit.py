"""The setting that a sample looks like, estimated without bias from its Gram matrix."""

from dataclasses import replace

import numpy as np
import pytest
from pitfalls.sims import Sample, draw
from pitfalls.sims import fit as module
from pitfalls.sims.fit import fit_setting
from pitfalls.theory import PitfallsError, Setting, SettingError
from samples import z_of_mean

SETTINGS = {
    "figure-1": Setting.figure_1(n=300, d=540),
    "weak": Setting(200, 1000, 0.8, 1.5, 0.3, 0.4, 0.3),
    "narrow": Setting(400, 30, 0.7, 2.0, 0.3, 0.2, 0.3),
}


def numbers(blocks, g):
    """What is estimated of a group: ‖u‖², tr Σ, uᵀΣu, uᵀΣv, vᵀΣv."""
    found = module._group(blocks, g)
    (first, both), (_, last) = found.covariance
    return [found.square, found.trace, first, both, last]


def truth(setting):
    """The same of the model; the majority's mean first."""
    core, spurious = setting.core_noise**2, (setting.gamma**2 * setting.spurious_noise) ** 2
    memory = setting.d * setting.sigma**2
    trace = memory + core + setting.gamma**2 * setting.spurious_noise**2
    same, across = core + spurious, core - spurious
    return [1 + setting.gamma**2, trace, same, across, same]


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("g", [0, 1])
def test_moments_have_no_bias(name, g):
    setting = SETTINGS[name]
    found = [numbers(module._blocks(draw(setting, seed)), g) for seed in range(120)]
    assert np.abs(z_of_mean(found, truth(setting))).max() < 3.9


def test_plain_means_would_have_one():
    # What the minority's own mean has in common with its examples: κ/(1−ρ), and more.
    setting = SETTINGS["figure-1"]
    plain = []
    for seed in range(120):
        own = module._blocks(draw(setting, seed)).own[1]
        plain.append([own.mean()])
    assert z_of_mean(plain, [1 + setting.gamma**2])[0] > 10
    assert abs(np.mean(plain) - 26 - setting.kappa / 0.1) < 1


@pytest.mark.parametrize("name", SETTINGS)
def test_the_setting_is_found(name):
    setting = SETTINGS[name]
    fits = [fit_setting(draw(setting, seed)) for seed in range(60)]
    found = np.array(
        [[f.length**2, (f.setting.gamma * f.length) ** 2, f.tilt, *f.spread] for f in fits]
    )
    assert np.abs(z_of_mean(found, [1.0, setting.gamma**2, 0.0, 1.0, 1.0])).max() < 3.9
    # A ratio of unbiased numbers has a bias of order one over the minority.
    few = setting.n * (1 - setting.rho)
    kappa = np.mean([f.setting.kappa * f.length**2 for f in fits])
    assert abs(kappa / setting.kappa - 1) < 1 / few
    assert abs(np.mean([f.setting.d for f in fits]) / setting.d - 1) < 4 / few
    assert all(f.setting.rho == setting.rho and f.setting.n == setting.n for f in fits)


def test_units_and_turns_change_nothing_but_the_length():
    sample = draw(SETTINGS["weak"], 3, "explicit")
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.standard_normal((1002, 1002)))[0]
    own = Sample.from_arrays(7 * sample.features @ turn, sample.labels, sample.groups)
    one, other = fit_setting(sample), fit_setting(own)
    assert other.length == pytest.approx(7 * one.length)
    assert other.tilt == pytest.approx(one.tilt)
    assert other.setting.d == one.setting.d
    for field in ("gamma", "sigma", "core_noise", "spurious_noise"):
        assert getattr(other.setting, field) == pytest.approx(getattr(one.setting, field))


def test_directions_that_are_not_orthogonal_are_told():
    groups = np.repeat([1, 0], [600, 200])
    means = np.array([[1.0 + 0.6 * 2, 2 * 0.8], [1.0 - 0.6 * 2, -2 * 0.8]])
    found = []
    for seed in range(24):
        noise = 0.1 * np.random.default_rng(seed).standard_normal((800, 5))
        x = np.hstack((means[1 - groups], np.zeros((800, 3)))) + noise
        fit = fit_setting(Sample.from_arrays(x, np.ones(800), groups))
        found.append([fit.tilt, fit.setting.gamma])
    assert np.abs(z_of_mean(found, [0.6, 2.0])).max() < 4.5
    assert np.std(found, axis=0).max() < 0.02


def test_noise_that_differs_between_groups_is_told():
    groups = np.repeat([1, 0], [500, 500])
    found = []
    for seed in range(24):
        rng = np.random.default_rng(seed)
        x = np.where(groups[:, None] == 1, 1.0, 2.0) * rng.standard_normal((1000, 50))
        x[:, 0] += 5
        x[:, 1] += 5 * (2 * groups - 1)
        found.append(fit_setting(Sample.from_arrays(x, np.ones(1000), groups)).spread)
    assert np.abs(z_of_mean(found, [2 / 5, 8 / 5])).max() < 4.5
    assert np.std(found, axis=0).max() < 0.02


def test_of_very_many_examples_some_are_enough(monkeypatch):
    sample = draw(SETTINGS["narrow"], 0)
    every = fit_setting(sample).setting
    monkeypatch.setattr(module, "_MOST", 70)
    some = fit_setting(sample).setting
    assert some != every
    assert (some.n, some.rho) == (every.n, every.rho)
    assert some.gamma == pytest.approx(every.gamma, rel=0.1)
    # κ is the noise of the examples looked at, over all of them.
    assert some.kappa == pytest.approx(every.kappa, rel=0.1)


def test_noise_of_one_dimension_is_one():
    groups = np.repeat([1, 0], 300)
    squares = []
    for seed in range(24):
        noise = np.random.default_rng(seed).standard_normal(600)
        x = np.column_stack((np.ones(600), 2.0 * (2 * groups - 1), noise))
        found = fit_setting(Sample.from_arrays(x, np.ones(600), groups)).setting
        assert found.d == 1
        squares.append([found.sigma**2])
    assert np.abs(z_of_mean(squares, 1.0)).max() < 4.5


def test_without_noise_there_are_no_memory_features():
    groups = np.repeat([1, 0], 5)
    x = np.column_stack((np.ones(10), 2.0 * (2 * groups - 1)))
    found = fit_setting(Sample.from_arrays(x, np.ones(10), groups)).setting
    assert found == replace(found, d=0, sigma=0.0, core_noise=0.0, spurious_noise=0.0)
    assert found.gamma == 2


@pytest.mark.parametrize("groups", [None, [1] * 8, [1] * 5 + [0] * 3])
def test_too_few_of_a_group_are_refused(groups):
    sample = Sample.from_arrays(np.random.default_rng(0).normal(size=(8, 3)), [1] * 8, groups)
    with pytest.raises(SettingError, match="at least 4 examples each"):
        fit_setting(sample)


def test_means_that_are_noise_are_refused():
    rng = np.random.default_rng(2)
    sample = Sample.from_arrays(rng.normal(size=(40, 30)), [1, -1] * 20, [1] * 20 + [0] * 20)
    with pytest.raises(PitfallsError, match="direction"):
        fit_setting(sample)


@pytest.mark.parametrize(
    ("maj", "mi", "words"),
    [
        ((1.0, 0.0), (1.0, 0.0), "no spurious direction"),
        ((0.0, 1.0), (0.0, -1.0), "no core direction"),
        ((1.0, 1.0), (2.0, 2.0), "cannot be told apart"),
    ],
)
def test_which_direction_is_missing_is_said(maj, mi, words):
    groups = np.repeat([1, 0], 6)
    # Noise that cancels in each group's mean, and leaves estimates of zero below it.
    noise = 0.1 * np.tile([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]], (3, 1))
    x = np.where(groups[:, None] == 1, maj, mi) + noise
    with pytest.raises(PitfallsError, match=words):
        fit_setting(Sample.from_arrays(x, np.ones(12), groups))
