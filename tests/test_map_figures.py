"""Figures of limits, crossings, convergence and influence: their data, and their looks."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pictures import check_picture, check_refused
from pitfalls import figures
from pitfalls.figures import (
    accuracy_vs_aspect,
    convergence,
    crossing_time,
    influence_matrix,
    phase_diagram,
    self_influence,
)
from pitfalls.sims import draw, gradient_flow, influence, max_margin, memorization_aware, stream
from pitfalls.studies.delay import crossing
from pitfalls.theory import (
    Objective,
    PitfallsError,
    Setting,
    orthogonal,
    proportional,
)
from strategies import CRITICAL

CLEAN = Setting(60, 600, 0.9, 5.0, 0.2)
ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def aspects():
    return accuracy_vs_aspect.compute(
        CLEAN, seed=1, replicates=3, aspects=[0.2, 1.0, 10.0, 1e4], simulated=[1.0, 1e6]
    )


@pytest.fixture(scope="module")
def phases():
    few = {"kappas": [0.1, 0.5, 5.0], "drawn_kappas": [0.1, 5.0]}
    return phase_diagram.compute(CLEAN, seed=1, replicates=2, **few)


@pytest.fixture(scope="module")
def crossings():
    return crossing_time.compute(
        crossing_time.default_setting(), seed=1, ratios=[0.5, 0.9, 1.2, 1.5], simulated=[0.5, 1.5]
    )


@pytest.fixture(scope="module")
def angles():
    return convergence.compute(CLEAN, seed=1, latest=1e8, replicates=3)


@pytest.fixture(scope="module")
def selves():
    return self_influence.compute(CLEAN, seed=1, latest=1e6)


@pytest.fixture(scope="module")
def pairs():
    return influence_matrix.compute(CLEAN, seed=1)


def test_limits_against_the_aspect_are_those_of_the_library(aspects):
    ratios = [(curve.ratio, curve.noise, curve.theorem) for curve in aspects.curves]
    assert ratios[:3] == [(0.7, 0.0, 1.0), (1.0, 0.0, 0.5), (1.4, 0.0, 0.0)]
    assert all(math.isnan(theorem) for *_, theorem in ratios[3:])
    curve = aspects.curves[5]
    there = Setting(60, 600, 0.9, 5.0, math.sqrt(1.4 * CRITICAL / 10), 0.12, 0.12)
    assert curve.finite[2] == proportional.max_margin(there).accuracy(there).minority
    assert curve.orthogonal[2] == orthogonal.max_margin(there).accuracy(there).minority
    far = replace(there, d=60 * 10**6, sigma=math.sqrt(1.4 * CRITICAL / 1e6))
    limit = max_margin(draw(far, stream(1, 2 * 5 + 1, 0)))
    assert curve.drawn[0, 1] == pytest.approx(limit.accuracy(far).minority, abs=1e-9)
    # The theorem's three cases, far out.
    assert [round(each.finite[3], 2) for each in aspects.curves[:3]] == [1.0, 0.5, 0.0]


def test_where_nothing_can_be_separated_there_is_no_limit():
    few = accuracy_vs_aspect.compute(
        replace(CLEAN, rho=0.6), replicates=1, aspects=[0.001, 10.0], simulated=[10.0]
    )
    assert np.isfinite(few.curves[0].finite).all()
    assert np.isnan(few.curves[3].finite).tolist() in ([False, False], [True, False])


def test_the_map_is_the_librarys(phases):
    over_gamma, over_rho = phases.panels
    assert (over_gamma.field, over_rho.field) == ("gamma", "rho")
    k = 20
    there = Setting(60_000, 600_000, 0.9, float(over_gamma.values[k]), math.sqrt(0.5 / 10))
    assert over_gamma.accuracy[k, 1] == proportional.max_margin(there).accuracy(there).minority
    kappa, rho, accuracy = over_rho.drawn[-1]
    assert (kappa, rho) == (5.0, 0.95)
    drawn = Setting(60, 600, 0.95, 5.0, math.sqrt(0.5))
    place = len(over_gamma.drawn) + len(over_rho.drawn) - 1
    values = [
        max_margin(draw(drawn, stream(1, place, i))).accuracy(drawn).minority for i in range(2)
    ]
    assert accuracy == pytest.approx(np.mean(values), abs=1e-9)
    critical, gamma = over_gamma.critical[-1]
    assert critical == orthogonal.critical_memory(0.9, gamma)
    assert math.isinf(over_gamma.critical[0, 0])


def test_crossings_are_p8s_and_those_of_samples(crossings):
    panel = crossings.panels[0]
    assert panel.logs["ERM"][1] / math.log(10) == pytest.approx(9.79227, abs=1e-4)
    assert panel.logs["logit shifting"][2] / math.log(10) == pytest.approx(6.11309, abs=1e-4)
    assert panel.logs["reweighting"][3] / math.log(10) == pytest.approx(-0.365, abs=1e-3)
    assert np.isnan(panel.logs["ERM"][2:]).all()
    assert np.isfinite(panel.logs["curing scale"]).all()
    for name, ratio in (("ERM", 0.5), ("logit shifting", 1.5)):
        [row] = [row for row in panel.simulated[name] if row[0] == ratio]
        k = [0.5, 0.9, 1.2, 1.5].index(ratio)
        assert row[1] == pytest.approx(panel.logs[name][k], abs=1e-4)
    assert (crossings.panels[1].setting.rho, crossings.panels[1].setting.gamma) == (0.8, 2.0)


def test_a_crossing_that_is_not_there_is_refused():
    setting = Setting(60, 6000, 0.9, 5.0, math.sqrt(2 * CRITICAL / 100))
    with pytest.raises(PitfallsError, match="does not change its sign"):
        crossing(draw(setting, 0, "orthogonal"), Objective.erm(), 5.0)


def test_angles_are_those_of_the_flow_and_of_the_asymptote(angles):
    sample = draw(CLEAN, stream(1, 1, 2))
    limit = max_margin(sample)
    erm = gradient_flow(sample, Objective.erm(), angles.times).angle(limit)
    np.testing.assert_allclose(angles.panels[1].angles[2, 0], erm, rtol=1e-5)
    tail = orthogonal.asymptote(CLEAN, Objective.erm())
    assert angles.rates[0] == tail.angle_rate
    # From t = 10⁴ on orthogonal data are on their asymptote, which is one over log t at last.
    late = angles.times > 1e4
    np.testing.assert_allclose(
        angles.panels[0].angles[0][:, late], angles.asymptotes[:, late], rtol=2e-3
    )
    last = angles.asymptotes[:, -1] * math.log(angles.times[-1])
    np.testing.assert_allclose(last, angles.rates, rtol=0.1)


def test_self_influence_is_that_of_training_again(selves):
    sample = draw(CLEAN, 1)
    found = influence(sample, memorization_aware(sample, 1), [1.0, 20.0, 1e6])
    np.testing.assert_array_equal(selves.values[2], found.self_influence)
    erm = influence(sample, Objective.erm(), [1.0, 20.0, 1e6])
    np.testing.assert_allclose(selves.ratios()[0], erm.ratio)
    closed = orthogonal.leave_one_out_flow(CLEAN, Objective.erm(), [20.0]).self_influence
    np.testing.assert_allclose(selves.closed[0, 1], closed[0], rtol=1e-6)


def test_the_matrix_is_sorted_by_group(pairs):
    assert (np.diff(pairs.groups) <= 0).all()
    sample = draw(CLEAN, 1)
    found = influence(sample, Objective.reweighting(CLEAN), 1.0)
    order = np.argsort(-found.groups, kind="stable")
    np.testing.assert_array_equal(pairs.matrices[1], found.matrix[np.ix_(order, order)])
    assert pairs.time == 1.0


MODULES = {
    "aspects": accuracy_vs_aspect,
    "phases": phase_diagram,
    "crossings": crossing_time,
    "angles": convergence,
    "selves": self_influence,
    "pairs": influence_matrix,
}


@pytest.mark.parametrize("name", MODULES)
def test_they_are_drawn_inside_the_page_and_written(name, request, tmp_path):
    check_picture(MODULES[name], request.getfixturevalue(name), tmp_path)


@pytest.mark.parametrize(
    ("figure", "field", "changes", "latest"),
    [
        ("accuracy-vs-aspect", "gamma", {"gamma": 1.0}, 1e12),
        ("accuracy-vs-aspect", "core_noise", {"core_noise": 0.1}, 1e12),
        ("accuracy-vs-aspect", "label_noise", {"label_noise": 0.1}, 1e12),
        ("phase-diagram", "label_noise", {"label_noise": 0.1}, 1e12),
        ("phase-diagram", "d", {"d": 0}, 1e12),
        ("accuracy-vs-aspect", "spurious_noise", {"spurious_noise": 0.1}, 1e12),
        ("crossing-time", "gamma", {"gamma": 1.0}, 1e12),
        ("crossing-time", "rho", {"rho": 0.5}, 1e12),
        ("crossing-time", "d", {"d": 0}, 1e12),
        ("delay", "spurious_noise", {"spurious_noise": 0.1}, 1e12),
        ("delay", "d", {"d": 0}, 1e12),
        ("crossing-time", "core_noise", {"core_noise": 0.1}, 1e12),
        ("crossing-time", "label_noise", {"label_noise": 0.1}, 1e12),
        ("crossing-time", "latest", {}, 10.0),
        ("convergence", "sigma", {"sigma": 0.0}, 1e12),
        ("convergence", "core_noise", {"core_noise": 0.1}, 1e12),
        ("convergence", "label_noise", {"label_noise": 0.1}, 1e12),
        ("convergence", "latest", {}, 0.05),
        ("self-influence", "latest", {}, 5.0),
        ("self-influence", "label_noise", {"label_noise": 0.1}, 1e12),
        ("self-influence", "sigma", {"sigma": 0.0}, 1e12),
        ("self-influence", "d", {"d": 0}, 1e12),
        ("influence-matrix", "core_noise", {"core_noise": 0.1}, 1e12),
    ],
)
def test_what_cannot_be_shown_is_refused(figure, field, changes, latest, tmp_path):
    check_refused(figure, field, changes, tmp_path, latest=latest)


def test_every_figure_is_shown_and_told_of_in_the_documents():
    pages = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md"))
    for name in figures.NAMES:
        assert f"](figures/{name}.png)" in pages
        assert f"`{name}`" in pages or f"pitfalls figure {name}`" in pages
        assert (ROOT / "docs" / "figures" / f"{name}.png").exists()
