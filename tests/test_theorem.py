"""The list of facts: words, conditions, and predictions against numbers found elsewhere."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pitfalls.theory import (
    Objective,
    PitfallsError,
    Setting,
    SettingError,
    Solution,
    orthogonal,
    proportional,
    theorem,
)
from pitfalls.theory.theorem import FACTS, fact

FIGURE_1 = Setting(1000, 1798, 0.9, 5.0, 0.5, core_noise=0.12, spurious_noise=0.12)


def clean(kappa, delta=1000, rho=0.9, gamma=5.0, n=1000):
    d = round(delta * n)
    return Setting(n=n, d=d, rho=rho, gamma=gamma, sigma=math.sqrt(kappa * n / d))


def nothing(**others):
    """No example-specific features."""
    return Setting(**{"n": 1000, "d": 0, "rho": 0.9, "gamma": 5.0, "sigma": 0.0, **others})


def lost(delta):
    """The cure's setting: κ = 2κ* = 18/19, feature noise."""
    return replace(clean(18 / 19, delta), core_noise=0.12, spurious_noise=0.12)


NOISY = Setting(300, 300, 0.8, 2.0, 1.0, label_noise=0.1)
ONE = Objective.erm()
LIMIT = Solution(3.0, 0.0, 4.0)

# Numbers from the design, from docs/theorem.md (simulated there), or plain arithmetic.
PREDICTIONS = [
    # In three dimensions |cos| is uniform.
    ("near-orthogonality", Setting(11, 3, 0.5, 2.0, 1.0), [0.2], lambda x: x, 55 * 0.8, 1e-9),
    # In many it is |normal|/√d.
    (
        "near-orthogonality",
        Setting(2, 10**9, 0.5, 2.0, 1.0),
        [2e9**-0.5],
        lambda x: x,
        0.47950,
        1e-4,
    ),
    ("max-margin-direction", FIGURE_1, [], lambda x: x, -1, 0),
    ("first-case", nothing(), [], lambda x: (x.majority, x.minority), (1, 1), 0),
    ("first-case", nothing(core_noise=0.12), [], lambda x: x.worst, 1, 1e-9),
    ("first-case-rate", nothing(), [], lambda x: x, -1, 0),
    ("second-case", clean(9 / 19 - 1e-6), [], lambda x: (x.majority, x.minority), (1, 1), 0),
    ("second-case", clean(9 / 19), [], lambda x: (x.majority, x.minority), (1, 0.5), 0),
    ("second-case", clean(9 / 19 + 1e-6), [], lambda x: (x.majority, x.minority), (1, 0), 0),
    ("second-case", clean(1e4, gamma=1.0), [], lambda x: (x.majority, x.minority), (1, 1), 0),
    ("second-case-rate", clean(1.0), [], lambda x: x, 0.5, 0),
    ("orthogonal-limit", NOISY, [], lambda x: x.coordinates, (0.332710, 0.112150, 0.709151), 1e-6),
    ("orthogonal-distance", clean(1.0), [], lambda x: x, -1, 0),
    ("asymptote", clean(25.0), [ONE, [1e8]], lambda x: x.core[0], 0.582628, 1e-6),
    ("one-limit", FIGURE_1, [], lambda x: x, -1, 0),
    ("shift-is-weight", clean(25.0), [], lambda x: x, 0, 0),
    ("loss-law", FIGURE_1, [LIMIT], lambda x: x, 25, 1e-12),
    ("scale-rate", FIGURE_1, [], lambda x: x, -1, 0),
    # A common factor of both scales only makes the max margin shorter.
    (
        "scale-limit",
        FIGURE_1,
        [Objective(scale=2.0)],
        lambda x: 2 * x.coordinates,
        (0.56787, 0.086438, 0.50233),
        1e-5,
    ),
    ("proportional-limit", clean(2.0, 0.2), [], lambda x: x.coordinates, (1, 0, 0), 0),
    ("proportional-limit", clean(18 / 19, 2), [], lambda x: x.spurious, 0.11573, 1e-5),
    (
        "noisy-limit",
        Setting(800, 3200, 0.85, 3.0, 0.4, 0.12, 0.12),
        [],
        lambda x: (*x.coordinates, x.support),
        (0.51619, 0.114216, 0.49803, 0.7846),
        1e-4,
    ),
    (
        "trajectory",
        FIGURE_1,
        [ONE, [20.0, 1e3]],
        lambda x: x.accuracy(FIGURE_1).minority,
        (0.1236, 0.3964),
        4e-3,
    ),
    (
        "trajectory",
        FIGURE_1,
        [Objective.reweighting(FIGURE_1), [0.2, 10.0], 0.02],
        lambda x: x.accuracy(FIGURE_1).minority,
        (0.8540, 0.5935),
        4e-3,
    ),
    ("memorization-threshold", clean(2.0, 0.255), [], lambda x: x, 0, 0),
    ("memorization-threshold", clean(2.0, 0.256), [], lambda x: x, 1, 0),
    ("fitted-at-once", clean(19 - 1e-3), [], lambda x: x, 0, 0),
    ("fitted-at-once", clean(19 + 1e-3), [], lambda x: x, 1, 0),
    ("delay", clean(0.9 * 9 / 19), [ONE], lambda x: x["recovered"] / math.log(10), 9.79227, 5e-6),
    # By the plain integrator and minimiser of test_theory_delay.py.
    (
        "delay",
        clean(0.5 * 9 / 19),
        [ONE],
        lambda x: [x["fitted"], x["decay"]],
        (1.776982448, -4.918517001),
        5e-9,
    ),
    # (1 − 2η)(4γ²ρ(1−ρ) + κ)/D, D = 9 + 26κ + κ².
    (
        "noise-shrinks",
        replace(clean(1.0), label_noise=0.1),
        [],
        lambda x: (x.core, x.spurious),
        (0.8 * 10 / 36, 0.8 * 4 / 36),
        1e-12,
    ),
    # Two equal groups, κ = 1, η = 0.1: all margins are ½ without noise.
    (
        "noise-price",
        replace(clean(1.0, rho=0.5), label_noise=0.1),
        [],
        lambda x: x,
        0.4 / math.sqrt(0.52),
        1e-12,
    ),
    # Found in a sample.
    (
        "early-learning",
        clean(4.5 / 19),
        [Objective.logit_shifting(clean(4.5 / 19))],
        lambda x: x,
        0.794139,
        2e-6,
    ),
    ("class-subspaces", FIGURE_1, [2, 0.0], lambda x: x.worst, 0.5, 0),
    ("class-subspaces", clean(1e-3), [2, 1.0], lambda x: x.worst, 1, 1e-9),
    ("class-subspaces", clean(1e-3), [1, 1.0], lambda x: x.minority, 0, 1e-9),
    # √m/(σ²√d) with σ⁴d = 100, up to m/d.
    ("refit", Setting(1000, 10**6, 0.9, 5.0, 0.1), [100], lambda x: x, 1, 1e-4),
    (
        "figure-1-run",
        replace(FIGURE_1, rho=0.901),
        [],
        lambda x: list(x.values())[:2],
        (0.144, 0.898),
        0,
    ),
    ("figure-1-limit", FIGURE_1, [], lambda x: x.accuracy(FIGURE_1).minority, 0.69543, 1e-5),
    ("curing-scale", lost(2), [], lambda x: x.accuracy(lost(2)).minority, 0.861, 1e-3),
    ("curing-scale", lost(10), [], lambda x: x.accuracy(lost(10)).majority, 0.978, 1e-3),
    ("curing-scale", lost(10), [], lambda x: x.spurious, 0, 0),
    ("curing-flow", clean(1.0), [], lambda x: x, -1, 0),
    ("lasting-cure", clean(1.0), [], lambda x: x, 0, 0),
]


@pytest.mark.parametrize(
    ("name", "setting", "others", "part", "expected", "tolerance"),
    PREDICTIONS,
    ids=[f"{i}-{row[0]}" for i, row in enumerate(PREDICTIONS)],
)
def test_predictions_are_what_is_known(name, setting, others, part, expected, tolerance):
    found = np.array(part(fact(name).at(setting, *others)))
    assert np.abs(found - expected).max() <= tolerance


def test_every_prediction_is_compared():
    assert {row[0] for row in PREDICTIONS} == {each.name for each in FACTS}


MISSED = {
    "near-orthogonality": [nothing(), Setting(9, 1, 0.5, 2.0, 1.0)],
    "max-margin-direction": [Setting(400, 40, 0.9, 5.0, 1.0, 0.5, 0.5, label_noise=0.2)],
    "first-case": [clean(1.0), nothing(core_noise=0.5), nothing(rho=1.0)],
    "first-case-rate": [clean(1.0), nothing(spurious_noise=0.1), nothing(label_noise=0.1)],
    "second-case": [nothing(), FIGURE_1, clean(1.0, rho=0.4), replace(clean(1.0), label_noise=0.1)],
    "second-case-rate": [clean(9 / 19), nothing(), FIGURE_1],
    "orthogonal-limit": [clean(1.0, rho=1.0)],
    "orthogonal-distance": [FIGURE_1, nothing()],
    "asymptote": [FIGURE_1, nothing(label_noise=0.1)],
    "one-limit": [clean(1.0, rho=1.0), nothing(label_noise=0.1)],
    "shift-is-weight": [FIGURE_1],
    "loss-law": [nothing(label_noise=0.1), nothing(core_noise=0.5)],
    "scale-rate": [clean(1.0, rho=0.0), nothing(label_noise=0.1)],
    "scale-limit": [clean(1.0, rho=0.0), nothing(label_noise=0.1)],
    "proportional-limit": [FIGURE_1, nothing()],
    "noisy-limit": [clean(1.0), Setting(400, 40, 0.9, 5.0, 1.0, 0.5, 0.5, label_noise=0.2)],
    "trajectory": [clean(1.0, rho=1.0)],
    "memorization-threshold": [FIGURE_1, nothing(), clean(1.0, gamma=0.0)],
    "fitted-at-once": [nothing(), FIGURE_1],
    "delay": [nothing(), FIGURE_1, clean(1.0), clean(1.0, gamma=1.0)],
    "noise-shrinks": [nothing(), FIGURE_1, replace(clean(1.0), label_noise=0.5)],
    "noise-price": [nothing(), FIGURE_1, replace(clean(1.0), label_noise=0.5)],
    "early-learning": [nothing(), FIGURE_1, replace(clean(1.0), label_noise=0.5)],
    "class-subspaces": [nothing(), clean(1.0, rho=1.0)],
    "refit": [nothing(), clean(1.0, rho=1.0)],
    "figure-1-run": [clean(0.4495, 1.798), replace(FIGURE_1, gamma=4.0), lost(1.798)],
    "figure-1-limit": [replace(FIGURE_1, rho=0.8), replace(FIGURE_1, n=500)],
    "curing-scale": [clean(1.0, rho=1.0), nothing(label_noise=0.1)],
    "curing-flow": [FIGURE_1, nothing()],
    "lasting-cure": [FIGURE_1, clean(1.0, rho=1.0)],
}


@pytest.mark.parametrize("name", MISSED)
def test_where_the_conditions_fail_nothing_is_predicted(name):
    for setting in MISSED[name]:
        assert not fact(name).applies(setting)
        with pytest.raises(PitfallsError, match=f"{name!r} says nothing about") as raised:
            fact(name).at(setting)
        assert fact(name).conditions in str(raised.value)


def test_every_condition_is_missed_somewhere():
    assert set(MISSED) == {each.name for each in FACTS}


@given(st.floats(0.5, 0.99), st.floats(0.2, 20), st.floats(0.01, 50))
def test_the_second_case_is_the_sign_of_the_max_margin(rho, gamma, kappa):
    setting = Setting(n=10**6, d=10**6, rho=rho, gamma=gamma, sigma=math.sqrt(kappa))
    shares = replace(setting, rho=setting.cells[0].count / setting.n)
    limit = orthogonal.max_margin(shares)
    margin = limit.core - shares.gamma * limit.spurious
    if abs(margin) > 1e-9 * limit.core:
        expected = fact("second-case").at(shares)
        assert expected.minority == (margin > 0)
        assert expected.majority == 1


@pytest.mark.parametrize("each", FACTS, ids=lambda each: each.name)
def test_words_are_there(each):
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", each.name)
    assert re.fullmatch(r"(P([1-9]|1[0-7]))?", each.proposition)
    assert each.kind in ("exact", "statistical", "convergence")
    assert each.statement.endswith(".")
    assert not each.conditions.endswith(".")
    assert each.source
    assert each.quantity
    assert "\n" not in each.statement + each.conditions + each.quantity


def test_names_are_unique_and_lead_to_facts():
    names = [each.name for each in FACTS]
    assert len(set(names)) == len(names)
    assert [fact(name) for name in names] == list(FACTS)
    assert len({each.statement for each in FACTS}) == len(FACTS)


def test_an_unknown_fact_is_named_with_those_there_are():
    with pytest.raises(SettingError) as raised:
        fact("nonsense")
    assert raised.value.field == "fact"
    assert all(each.name in str(raised.value) for each in FACTS)


def test_the_theorem_is_on_the_list():
    sources = [each.source for each in FACTS if "Theorem 2.2" in each.source]
    for part in ("d ≫ log n", "first case", "second case"):
        assert any(part in source for source in sources)


@pytest.mark.parametrize("module", [orthogonal, proportional])
def test_a_change_of_the_theory_reaches_the_list(module, monkeypatch):
    name, setting = ("orthogonal-limit", NOISY)
    if module is proportional:
        name, setting = "proportional-limit", clean(1.0)
    wrong = Solution(7.0, 8.0, 9.0)
    monkeypatch.setattr(module, "max_margin", lambda *_: wrong)
    assert theorem.fact(name).at(setting) is wrong
