"""The vector scaling that cures for good (P13): its closed form, its limits, and simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pitfalls.sims import draw, gradient_flow, max_margin, replicate, stream
from pitfalls.theory import (
    Objective,
    PitfallsError,
    Setting,
    SettingError,
    Solution,
    orthogonal,
    proportional,
)
from pitfalls.theory.curing import root_of_the_spurious_weight
from scipy.optimize import brentq
from strategies import majorities, minority_margin, of_kappa, powers


def by_hand(setting):
    """Δ_maj/Δ_min from the two stationarity conditions at w_a = 0, all dual weights positive."""
    counts = {(c.group, c.flipped): c.count / setting.n for c in setting.cells}
    a, b = counts[1, False], counts[0, False]
    e, c = counts.get((1, True), 0.0), counts.get((0, True), 0.0)
    tilt = (a - b + c - e) / (1 + setting.kappa)
    return ((a + e) - tilt * (a - e)) / ((b + c) + tilt * (b - c))


@given(majorities, powers(-1, 1), powers(-2, 3), st.sampled_from([0.0, 0.05, 0.2]))
def test_the_curing_scale_has_a_closed_form(rho, gamma, kappa, label_noise):
    setting = of_kappa(kappa, rho, gamma, label_noise=label_noise)
    scale = orthogonal.curing_scale(setting)
    objective = Objective.vector_scaling(setting, scale)
    solution = orthogonal.max_margin(setting, objective)
    assert abs(solution.spurious) <= 1e-9 * solution.core
    if (solution.dual > 0).all():
        assert abs(scale[1] / by_hand(setting) - 1) < 1e-7
    if label_noise == 0:
        share = setting.cells[0].count / setting.n
        expected = (2 + kappa / (1 - share)) / (2 + kappa / share)
        assert abs(scale[1] / expected - 1) < 1e-7


def test_limits_of_the_curing_scale():
    assert abs(orthogonal.curing_scale(of_kappa(1e-6))[1] - 1) < 1e-5
    assert abs(orthogonal.curing_scale(of_kappa(1e6))[1] / 9 - 1) < 1e-5
    one_in_two = orthogonal.curing_scale(of_kappa(1.0, rho=0.5))
    assert abs(one_in_two[1] - 1) < 1e-12


def cured(setting, limit=proportional):
    return Objective.vector_scaling(setting, limit.curing_scale(setting))


def test_nothing_to_cure_is_left_alone():
    """No spurious feature, no memory, or too few features to memorise with (d/n ≤ δ_m)."""
    for setting in (of_kappa(1.0, gamma=0.0), Setting(9, 0, 0.7, 2.0, 1.0)):
        for limit in (orthogonal, proportional):
            assert limit.curing_scale(setting) == {1: 1.0, 0: 1.0}
    few = Setting(1000, 200, 0.9, 5.0, 1.0)
    assert few.delta < proportional.memorization_threshold(few)
    assert proportional.curing_scale(few) == {1: 1.0, 0: 1.0}


def test_one_group_alone_cannot_be_cured():
    for limit in (orthogonal, proportional):
        with pytest.raises(SettingError, match="both non-empty, for a curing scale"):
            limit.curing_scale(of_kappa(1.0, rho=1.0))


def test_the_rarest_minority_is_cured():
    setting = Setting(10**12, 2**53, 1 - 1e-11, 5.0, 1e8)
    assert abs(orthogonal.curing_scale(setting)[1] * 1e-11 - 1) < 1e-6


def test_a_limit_without_a_root_is_refused():
    with pytest.raises(PitfallsError, match=r"no scale of the majority's .* κ = 1\. Raise d"):
        root_of_the_spurious_weight(of_kappa(1.0), lambda *_: Solution(1.0, 0.1, 0.0))


@pytest.mark.parametrize("rho", [0.9, 0.3])
@pytest.mark.parametrize(("label_noise", "noise"), [(0.0, 0.0), (0.1, 0.2)])
@pytest.mark.parametrize("delta", [0.7, 50.0])
def test_the_cure_at_finite_aspect_has_no_spurious_weight(rho, label_noise, noise, delta):
    setting = Setting(1000, int(1000 * delta), rho, 3.0, 0.8, noise, noise, label_noise=label_noise)
    solution = proportional.max_margin(setting, cured(setting))
    assert abs(solution.spurious) < 1e-9 * solution.core
    accuracy = solution.accuracy(setting)
    assert abs(accuracy.majority - accuracy.minority) < 1e-9
    assert (proportional.curing_scale(setting)[1] > 1) == (rho > 0.5)


def test_the_cure_at_finite_aspect_tends_to_the_orthogonal_one():
    """The difference is O(n/d)."""
    differences = []
    for d in (10**5, 10**6, 10**7):
        setting = of_kappa(1.0, n=1000, d=d, core_noise=0.1)
        ratios = [limit.curing_scale(setting)[1] for limit in (orthogonal, proportional)]
        differences.append(ratios[1] / ratios[0] - 1)
    assert abs(differences[0] / differences[1] - 10) < 0.2
    assert abs(differences[1] / differences[2] - 10) < 0.2


NOISE = {"core_noise": 0.12, "spurious_noise": 0.12}


@pytest.mark.parametrize(("delta", "kappa"), [(2, 0.5), (5, 1.0), (20, 1.0), (100, 1.0)])
def test_the_limit_of_the_cure_in_simulation(delta, kappa):
    """ERM's minority accuracy and the cured one, both as P9 has them, from d/n = 2 to 100."""
    n = 200
    setting = of_kappa(kappa, n=n, d=delta * n, **NOISE)
    erm, cure = Objective.erm(), cured(setting)
    predicted = [proportional.max_margin(setting, each) for each in (erm, cure)]

    def one(seed):
        sample = draw(setting, seed)
        found = [max_margin(sample, each) for each in (erm, cure)]
        return [found[1].spurious, *(w.accuracy(setting).minority for w in found)]

    runs = np.array(list(replicate(one, [stream(3, delta, i) for i in range(40)])))
    expected = [0.0, *(w.accuracy(setting).minority for w in predicted)]
    error = runs.std(axis=0, ddof=1) / np.sqrt(len(runs))
    # A draw's bias is below 1/n (P9).
    assert (np.abs(runs.mean(axis=0) - expected) < 4 * error + 1 / n).all()
    assert expected[1] < 0.65
    assert expected[2] > 0.92


@pytest.mark.slow
def test_the_cure_over_time_in_simulation():
    """The flow's minority margin differs from the orthogonal limit's by O(n/d), at every time."""
    n, times = 200, [0.3, 3.0, 100.0, 1e5, 1e12]
    means, errors = [], []
    for delta in (5, 20, 80):
        setting = of_kappa(1.0, n=n, d=delta * n, **NOISE)
        objective = cured(setting, orthogonal)
        closed = orthogonal.flow(setting, objective, times, nodes=7)

        def one(seed, setting=setting, objective=objective, closed=closed):
            run = gradient_flow(draw(setting, seed), objective, times)
            difference = minority_margin(setting, run) - minority_margin(setting, closed)
            return difference / closed.core

        runs = np.array(list(replicate(one, [stream(4, delta, i) for i in range(24)])))
        means.append(np.abs(runs.mean(axis=0)))
        errors.append(runs.std(axis=0, ddof=1) / np.sqrt(len(runs)))
    bound = 0.6 / np.array([[5], [20], [80]]) + 4 * np.array(errors)
    assert (np.array(means) < bound).all()


@pytest.mark.parametrize(
    ("setting", "plain", "lasting"),
    [
        (Setting(500, 1000, 0.9, 5.0, 0.5, core_noise=0.12, spurious_noise=0.12), 0.61, 0.97),
        (Setting(300, 30_000, 0.9, 5.0, 0.1, core_noise=0.12, spurious_noise=0.12), 0.001, 1.0),
    ],
    ids=["d/n = 2", "d/n = 100"],
)
def test_the_cure_lasts_in_simulation(setting, plain, lasting):
    scale = orthogonal.curing_scale(Setting(setting.n, setting.d, 0.9, 5.0, setting.sigma))
    for objective, published in (
        (Objective.erm(), plain),
        (Objective.vector_scaling(setting, scale), lasting),
    ):
        found = np.array(
            [
                max_margin(draw(setting, seed), objective).accuracy(setting).minority
                for seed in range(24)
            ]
        )
        error = found.std(ddof=1) / np.sqrt(len(found))
        predicted = proportional.max_margin(setting, objective).accuracy(setting).minority
        assert abs(found.mean() - published) < 4 * error + 0.005
        # A bias below 1/n is the finite sample's (P9).
        assert abs(found.mean() - predicted) < 4 * error + 1 / setting.n


def test_the_curing_scale_with_feature_noise_is_the_root_of_its_equations():
    setting = of_kappa(2.0, 0.8, 3.0, core_noise=0.3, spurious_noise=0.4)
    scale = orthogonal.curing_scale(setting)

    def spurious(ratio):
        objective = Objective.vector_scaling(setting, {1: ratio, 0: 1.0})
        return orthogonal.max_margin(setting, objective).spurious

    assert abs(brentq(spurious, 0.1, 10) - scale[1]) < 1e-9


@given(majorities, powers(-1, 1), powers(-2, 3))
def test_the_lasting_cure_never_leans_on_the_spurious_feature(rho, gamma, kappa):
    setting = of_kappa(kappa, rho, gamma)
    cure = orthogonal.lasting_cure(setting)
    run = orthogonal.flow(setting, cure, [1e-3, 0.1, 1.0, 10.0, 1e4, 1e12])
    assert (np.abs(run.spurious) <= 1e-8 * run.core / gamma).all()
    step = orthogonal.first_step(setting, cure)
    assert abs(step.spurious) <= 1e-12 * step.core
    assert abs(orthogonal.max_margin(setting, cure).spurious) <= 1e-8 / gamma
    mean = sum(cure.weight[cell.group] * cell.count for cell in setting.cells) / setting.n
    assert abs(mean - 1) < 1e-12


@pytest.mark.parametrize(
    "bend",
    [{"weight": {1: 1.01, 0: 1.0}}, {"shift": {1: 0.01, 0: 0.0}}, {"scale": {1: 1.01, 0: 1.0}}],
    ids=["weight", "shift", "scale"],
)
def test_no_other_numbers_never_lean_on_it(bend):
    setting = of_kappa(1.0)
    cure = orthogonal.lasting_cure(setting)
    bent = Objective(
        weight={g: cure.weight[g] * bend.get("weight", {}).get(g, 1.0) for g in (0, 1)},
        shift=bend.get("shift", 0.0),
        scale={g: cure.scale[g] * bend.get("scale", {}).get(g, 1.0) for g in (0, 1)},
    )
    run = orthogonal.flow(setting, bent, [0.1, 1.0, 1e2, 1e8])
    assert np.abs(run.spurious / run.core).max() > 1e-4


@pytest.mark.slow
def test_the_lasting_cure_in_simulation():
    """Figure 1's setting: both groups above 0.93 from t = 0.01 on, above 0.965 from t = 20 on."""
    setting = Setting(1000, 1798, 0.9, 5.0, 0.5, **NOISE)
    cure = proportional.lasting_cure(setting)
    times = [0.01, 0.2, 1.0, 20.0, 1e3, 1e6, 1e12]

    def one(seed):
        sample = draw(setting, seed)
        run, limit = gradient_flow(sample, cure, times), max_margin(sample, cure)
        last = limit.accuracy(setting)
        return [*run.accuracy(setting).worst, last.worst, last.majority, last.minority]

    found = np.array(list(replicate(one, [stream(5, 0, i) for i in range(8)])))
    mean, error = found.mean(axis=0), found.std(axis=0, ddof=1) / np.sqrt(len(found))
    assert (mean[:-2] > 0.93).all()
    assert (mean[3:-2] > 0.965).all()
    predicted = proportional.max_margin(setting, cure).accuracy(setting)
    expected = [predicted.majority, predicted.minority]
    # A draw's bias is below 1/n (P9).
    assert (np.abs(mean[-2:] - expected) < 4.5 * error[-2:] + 1 / setting.n).all()
