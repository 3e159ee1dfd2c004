"""The law of the training margins at finite d/n, against draws."""

import itertools

import numpy as np
import pytest
from pitfalls.sims import draw, max_margin
from pitfalls.theory import NotSeparableError, Objective, Setting, orthogonal, proportional
from strategies import METHODS, of_kappa

SETTINGS = {
    "Figure 1": Setting.figure_1(),
    "flips": Setting(1000, 2000, 0.8, 2.0, 0.7, 0.3, 0.3, 0.1),
}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("method", ["ERM", "vector scaling"])
def test_training_margins_have_that_law(name, method):
    setting = SETTINGS[name]
    objective = METHODS[method](setting)
    law = proportional.margin_law(setting, objective)
    edges = np.cumsum([0] + [cell.count for cell in setting.cells])
    found = [[] for _ in setting.cells]
    for seed in range(6):
        margins = max_margin(draw(setting, seed), objective).margins
        for k, (first, last) in enumerate(itertools.pairwise(edges)):
            found[k].append(margins[first:last])
    for k, rows in enumerate(found):
        x = law.targets[k] * np.array([1.05, 1.2, 1.5, 2.0])
        shares = np.array([(row[:, None] <= x).mean(axis=0) for row in rows])
        error = shares.std(axis=0, ddof=1) / np.sqrt(6) + 2 / edges[-1]
        assert (np.abs(shares.mean(axis=0) - law.cdf(x)[k]) < 4.5 * error).all()
        active = np.array([(row < law.targets[k] * (1 + 1e-9)).mean() for row in rows])
        error = active.std(ddof=1) / np.sqrt(6) + 2 / edges[-1]
        assert abs(active.mean() - law.support[k]) < 4.5 * error


def test_own_memory_is_that_of_the_support_vectors():
    """1/(n·[G_SS⁻¹]_ii) tends to θ = κ(1 − p/δ), and (1/Δ − h)/θ is the dual weight."""
    setting = SETTINGS["Figure 1"]
    law = proportional.margin_law(setting)
    found, duals = [], []
    for seed in range(6):
        sample = draw(setting, seed)
        dual = max_margin(sample).dual
        active = dual > 0
        inverse = np.linalg.inv(sample.gram.matrix()[np.ix_(active, active)])
        found.append(np.mean(1 / (setting.n * np.diag(inverse))))
        minority = np.arange(setting.n) >= 900
        duals.append([np.mean(setting.n * dual[group]) for group in (~minority, minority)])
    error = np.std(found, ddof=1) / np.sqrt(6)
    assert abs(np.mean(found) - law.own_memory) < 4.5 * error + 2 * law.own_memory / setting.n
    expected = law.self_influence / law.own_memory
    error = np.std(duals, axis=0, ddof=1) / np.sqrt(6)
    assert (np.abs(np.mean(duals, axis=0) - expected) < 4.5 * error + 2 / setting.n).all()


def test_many_features_per_example_give_the_orthogonal_limit():
    setting = of_kappa(1.0, 0.8, 3.0, n=1000, d=10**9)
    law = proportional.margin_law(setting)
    limit = orthogonal.leave_one_out(setting)
    np.testing.assert_allclose(law.self_influence, limit.self_influence, rtol=1e-2)
    np.testing.assert_allclose(law.memorization, limit.memorization, atol=1e-6)
    assert abs(law.own_memory / setting.kappa - (1 - 1e-6)) < 1e-12


def test_memorization_is_the_test_error():
    setting = SETTINGS["Figure 1"]
    accuracy = proportional.max_margin(setting).accuracy(setting)
    expected = [1 - accuracy.majority, 1 - accuracy.minority]
    np.testing.assert_allclose(proportional.margin_law(setting).memorization, expected, rtol=1e-6)


def test_where_nothing_is_memorised_margins_are_the_means():
    law = proportional.margin_law(Setting(1000, 100, 0.9, 2.0, 1.0))
    np.testing.assert_allclose(law.means, [1.0, 1.0])
    assert law.deviation == 0
    assert law.memorization.tolist() == [0.0, 0.0]


def test_what_cannot_be_separated_has_no_law():
    with pytest.raises(NotSeparableError):
        proportional.margin_law(Setting(1000, 100, 0.8, 2.0, 1.0, label_noise=0.2), Objective.erm())
