"""Training over time: the study that compares P12 with simulation, and its figure."""

import csv
import importlib
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from pictures import check_layout, check_refused
from pitfalls import show_sizes, studies
from pitfalls.cli import main
from pitfalls.figures import dynamics as figure
from pitfalls.figures import style
from pitfalls.sims import draw, gradient_flow, stream
from pitfalls.studies.dynamics import CASES, QUICK, TIMES, dynamics, quantities
from pitfalls.studies.three_sizes import Effort, point, three_sizes
from pitfalls.theory import (
    NotSeparableError,
    Objective,
    Setting,
    SettingError,
    orthogonal,
    proportional,
)
from rich.console import Console

study = importlib.import_module("pitfalls.studies.dynamics")

SMALL = Setting.figure_1(n=60, d=108)
SMALLER = QUICK._replace(sizes=(100, 200, 400))


@pytest.fixture(scope="module")
def table():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "QUICK", SMALLER)
        patch.setattr(study, "TIMES", TIMES[:5])
        return study.dynamics(quick=True, settings=["figure-1"], seed=1)


@pytest.fixture(scope="module")
def data():
    return figure.compute(SMALL, seed=2, latest=10.0, replicates=3, sites=16)


def test_there_are_enough_settings_of_all_kinds():
    assert len(CASES) >= 20
    assert len(TIMES) == 8
    assert len({case.name for case in CASES}) == len(CASES)
    assert any(case.label_noise for case in CASES)
    assert any(case.core_noise == case.label_noise == 0 for case in CASES)
    for case in CASES:
        setting = case.at(1000)
        assert setting.delta > 1.2 * proportional.separability_threshold(setting)


def test_simulation_tends_to_the_prediction(table):
    assert table.holds
    assert table.sizes == SMALLER.sizes
    scores = table.scores()
    assert np.isfinite(scores).all()
    assert len(scores) > 45
    # Points of one setting go together: this is no more than that none is far.
    assert np.abs(scores).max() < 4
    assert sum(table.scores(q).size for q in study.QUANTITIES) == len(scores)
    assert table.curvature("core").size == 3 * 5


def test_settings_have_draws_of_their_own(monkeypatch):
    monkeypatch.setattr(study, "TIMES", (1.0,))
    monkeypatch.setattr(study, "QUICK", Effort((20, 40, 80), draws=3, sets=2, sites=16))
    kept, seen = [], []
    both = dynamics(
        quick=True,
        settings=["weak", "rare"],
        keep=kept.append,
        progress=lambda done, total, label: seen.append((done, total)),
    )
    alone = dynamics(quick=True, settings=["weak"])
    # In the order of the list, whatever the order asked for.
    assert list(dict.fromkeys(p.case.name for p in both.points)) == ["rare", "weak"]
    mine = [p.statement.observed for p in both.points if p.case.name == "weak"]
    assert mine == [p.statement.observed for p in alone.points]
    assert [{p.case.name for p in table.points} for table in kept] == [{"rare"}, {"rare", "weak"}]
    assert kept[-1] is both
    assert seen[-1] == (44, 44)
    assert [done for done, _ in seen] == list(range(1, 45))


def test_what_does_not_hold_is_named(table):
    point = table.points[0]
    wrong = replace(point.statement, prediction=point.statement.prediction + 10)
    bent = replace(table, points=[point._replace(statement=wrong), *table.points[1:]])
    assert not bent.holds
    assert bent.failed() == [wrong.id]


@pytest.mark.parametrize("wrong", [False, True])
def test_the_command_shows_the_table_and_gives_the_verdict(
    table, wrong, monkeypatch, capsys, tmp_path
):
    if wrong:
        point = table.points[3]
        bad = replace(point.statement, prediction=point.statement.prediction + 10)
        points = [*table.points[:3], point._replace(statement=bad), *table.points[4:]]
        table = replace(table, points=points)
    asked = {}

    def found(keep, progress, **options):
        asked.update(options)
        keep(table)
        return table

    monkeypatch.setattr(studies, "dynamics", found)
    monkeypatch.setattr(show_sizes, "stdout", lambda: Console(width=80, highlight=False))
    out = tmp_path / "table.json"
    words = ["dynamics", "--quick", "--setting", "figure-1", "--seed", "1", "--json", str(out)]
    assert main(words) == (1 if wrong else 0)
    assert asked == {
        "seed": 1,
        "replicates": None,
        "quick": True,
        "settings": ["figure-1"],
        "workers": None,
    }
    shown, said = capsys.readouterr()
    lines = shown.splitlines()
    assert all(len(line) <= 80 for line in lines)
    [row] = [line.split() for line in lines if line.startswith(" figure-1")]
    assert row[1:6] == ["1.798", "0.45", "5", "0.9", "σ.12"]
    assert row[7].endswith("!") == wrong
    held = len(table.points) - wrong
    assert f"{held} of {len(table.points)} statements hold" in shown
    assert (table.points[3].statement.id in said) == wrong
    assert json.loads(out.read_text(encoding="utf-8"))["holds"] is not wrong


def test_a_point_is_what_it_says(table):
    point = next(
        p
        for p in table.points
        if (p.objective, p.quantity, p.time) == ("logit-shifting", "memory", 20.0)
    )
    setting = CASES[0].at(SMALLER.sizes[-1])
    objective = Objective.logit_shifting(setting)
    predicted = proportional.flow(setting, objective, [20.0], seed=1, sites=256)
    assert point.statement.prediction == pytest.approx(predicted.memory[0], abs=2e-3)
    small = CASES[0].at(SMALLER.sizes[0])
    runs = [
        gradient_flow(draw(small, stream(1, 0, i)), Objective.logit_shifting(small), [20.0])
        for i in range(table.draws[0])
    ]
    mean = np.mean([run.memory[0] for run in runs])
    assert point.fit.means[0].mean == pytest.approx(mean, rel=1e-6)
    own = predicted.standard_error(lambda run: run.memory)[0]
    assert point.statement.standard_error >= point.fit.limit.standard_error
    assert point.statement.standard_error < point.fit.limit.standard_error + 2 * own + 1e-4


def test_the_score_is_the_probit_of_the_accuracy():
    from scipy.special import ndtr

    run = orthogonal.flow(SMALL, Objective.erm(), [1.0, 20.0])
    score, core, spurious, memory, train = quantities(run, SMALL)
    np.testing.assert_allclose(ndtr(score), run.accuracy(SMALL).minority, rtol=1e-12)
    np.testing.assert_array_equal(np.stack((core, spurious, memory), axis=1), run.coordinates)
    np.testing.assert_array_equal(train, run.train.minority)


def test_a_table_that_is_not_done_does_not_hold():
    kept = []

    def simulate(case, n, seed):
        return np.random.default_rng(seed).normal(1.0, n**-0.5, 1)

    def compare(case, found, effort, seed):
        yield point(case, "erm", "one", "1", [x[:, 0] for x in found], effort.sizes, 1.0, 0.0)

    cases = [replace(CASES[0], name=name) for name in ("first", "second", "third")]
    effort = Effort((10, 20, 40), draws=2, sets=0, sites=0)
    wanted = ["first", "third"]
    table = three_sizes(cases, effort, simulate, compare, settings=wanted, keep=kept.append)
    assert [(each.left, each.holds) for each in kept] == [(("third",), False), ((), True)]
    assert kept[0].as_json()["left"] == ["third"]
    assert not kept[0].as_json()["holds"]
    assert not kept[0].failed()
    assert table.holds


def test_the_table_is_plain_json(table):
    content = json.loads(json.dumps(table.as_json(), allow_nan=False))
    assert content["schema"] == 1
    assert content["holds"] is True
    assert len(content["points"]) == len(table.points)
    assert {"setting", "objective", "quantity", "time", "prediction", "z"} <= set(
        content["points"][0]
    )


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("replicates", {"replicates": 1}),
        ("workers", {"workers": 0}),
        ("setting", {"settings": ["figure-2"]}),
    ],
)
def test_what_cannot_be_compared_is_refused(field, options):
    with pytest.raises(SettingError) as caught:
        dynamics(quick=True, **options)
    assert caught.value.field == field


def test_panels_share_the_memory_per_example(data):
    assert [panel.setting.delta for panel in data.panels] == [0.5, 1.8, 10, 100]
    for panel in data.panels:
        assert panel.setting.kappa == pytest.approx(SMALL.kappa)
        assert panel.predicted.shape == panel.error.shape == (3, len(data.times))
        assert panel.simulated.shape == (3, 3, len(data.simulated_times))


def test_the_figure_holds_what_the_library_computes(data):
    panel = data.panels[1]
    objective = Objective.reweighting(panel.setting)
    run = proportional.flow(panel.setting, objective, data.times, seed=2, sets=4, sites=16)
    np.testing.assert_array_equal(panel.predicted[1], run.accuracy(panel.setting).minority)
    flow = orthogonal.flow(panel.setting, objective, data.times)
    np.testing.assert_array_equal(panel.orthogonal[1], flow.accuracy(panel.setting).minority)
    one = gradient_flow(draw(panel.setting, stream(2, 1, 0)), objective, data.simulated_times)
    np.testing.assert_allclose(
        panel.simulated[0, 1], one.accuracy(panel.setting).minority, atol=1e-6
    )
    limit = proportional.max_margin(panel.setting).accuracy(panel.setting).minority
    assert panel.limit == limit


def test_the_figure_is_drawn_and_written(data, tmp_path):
    drawn = figure.draw(data)
    assert len(drawn.axes) == 4
    for axes in drawn.axes:
        assert "$d/n$" in axes.get_title(loc="left")
        colours = [line.get_color() for line in axes.get_lines()]
        for name in ("ERM", "reweighting", "logit shifting"):
            assert style.colour(name) in colours
    check_layout(drawn)
    paths = style.save(drawn, data.table(), tmp_path, "dynamics")
    rows = list(csv.DictReader(paths[2].read_text(encoding="utf-8").splitlines()))
    few = len(data.simulated_times)
    assert len(rows) == 4 * (3 * (2 * len(data.times) + few) + 1)


def test_panels_without_a_limit_have_none(monkeypatch):
    def never(setting):
        raise NotSeparableError("no", evidence=0.0)

    monkeypatch.setattr(figure.proportional, "max_margin", never)
    data = figure.compute(SMALL, latest=1.0, replicates=1, sites=2)
    assert all(math.isnan(panel.limit) for panel in data.panels)
    assert figure.draw(data).axes


@pytest.mark.parametrize(
    ("field", "changes"),
    [("sigma", {"sigma": 0.0}), ("d", {"d": 0}), ("replicates", {"replicates": 0})],
)
def test_what_cannot_be_drawn_is_refused(field, changes, tmp_path):
    options = {"replicates": changes.pop("replicates", 2)}
    check_refused("dynamics", field, changes, tmp_path, latest=1.0, **options)
