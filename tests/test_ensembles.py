"""Other features than Gaussian ones: their variance, their law, and the accuracy under them."""

import numpy as np
import pytest
from pitfalls import sims
from pitfalls.studies.ensembles import ENSEMBLES, score
from pitfalls.studies.limit_table import numbers
from pitfalls.theory import Setting
from scipy import stats
from scipy.special import ndtr

# Other features


@pytest.mark.parametrize("name", ENSEMBLES)
def test_an_ensemble_has_the_total_variance_and_its_own_law(name):
    ensemble, setting = ENSEMBLES[name], Setting(400, 60, 0.9, 3.0, 0.5, 0.1, 0.1)
    seeds = [np.random.SeedSequence(0, spawn_key=(0, i)) for i in range(10)]
    draws = [ensemble.draw(setting, seed) for seed in seeds]
    assert draws[0].variances.sum() == pytest.approx(15, rel=1e-12)
    pooled = np.concatenate([each.memory for each in draws])
    # Over examples: a sum over features has a heavy tail where an example has a scale of its own.
    squares = (pooled**2).sum(axis=1)
    assert abs(squares.mean() - 15) <= 4.5 * squares.std() / np.sqrt(len(squares)) + 1e-9
    own = pooled**2 / draws[0].variances
    error = own.std(axis=0, ddof=1) / np.sqrt(len(own))
    assert (np.abs(own.mean(axis=0) - 1) < 4.5 * error + 1e-9).all()
    sample = draws[0].sample
    plane = sims.draw(setting, seeds[0], kind="orthogonal")
    assert np.abs(sample.plane - plane.plane).max() < 1e-12
    assert (sample.groups == plane.groups).all()
    assert np.abs(sample.source.memory - draws[0].memory).max() < 1e-12
    kurtosis = stats.kurtosis((pooled / np.sqrt(draws[0].variances)).ravel())
    expected = {"rademacher": -2.0, "student": 6.0, "student-rows": 6.0}.get(name, 0.0)
    assert kurtosis == pytest.approx(expected, abs=0.1 if expected <= 0 else 4.5)


@pytest.mark.parametrize("name", ["gaussian", "graded", "student-rows"])
def test_the_score_is_the_accuracy_on_test_draws(name):
    setting = Setting(100, 200, 0.8, 2.0, 0.5, 0.1, 0.1)
    ensemble = ENSEMBLES[name]
    drawn = ensemble.draw(setting, np.random.SeedSequence(0, spawn_key=(0, 0)))
    w = sims.max_margin(drawn.sample)
    direction = w.dual @ drawn.memory
    correct = []
    for i in range(100):
        test = ensemble.draw(setting, np.random.SeedSequence(1, spawn_key=(0, i)))
        margins = test.sample.plane @ (w.core, w.spurious) + test.memory @ direction
        correct.extend(margins[test.sample.groups == 0] > 0)
    expected = float(ndtr(score(ensemble, drawn, w, setting)))
    deviation = np.sqrt(expected * (1 - expected) / len(correct))
    assert abs(np.mean(correct) - expected) < 4.5 * deviation
    if name == "graded":
        plain = float(ndtr(numbers(w, setting)["minority"]))
        assert abs(plain - expected) > 0.01
