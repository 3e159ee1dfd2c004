"""Delay, early learning, stopping and decoding: the study that compares theory and simulation."""

import importlib
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pitfalls import show_sizes, studies
from pitfalls.cli import main
from pitfalls.sims import class_subspaces, draw, max_margin, stream
from pitfalls.sims.seeds import child_stream
from pitfalls.studies import phenomena as function
from pitfalls.studies.phenomena import CASES, FULL, NUMBERS, PHENOMENA, TIMES, numbers
from pitfalls.studies.three_sizes import Effort
from pitfalls.theory import (
    GroupAccuracy,
    Objective,
    Setting,
    Trajectory,
    decoding,
    orthogonal,
    proportional,
)
from rich.console import Console
from scipy.special import ndtr, ndtri
from strategies import of_kappa

study = importlib.import_module("pitfalls.studies.phenomena")


@pytest.fixture(scope="module")
def table():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "QUICK", Effort((100, 200, 400), draws=3, sets=2, sites=128))
        patch.setattr(study, "_TESTS", 400)
        return function(quick=True, settings=["03", "22"], seed=1)


def test_there_are_enough_settings_of_every_phenomenon():
    assert len(CASES) == len({case.name for case in CASES}) == 41
    assert sum(case.label_noise > 0 for case in CASES) == 35
    for case in CASES:
        setting = case.at(FULL.sizes[0])
        assert setting.delta > 1.2 * proportional.separability_threshold(setting)
        # Counts that are whole at every size leave a bias of order 1/n alone.
        for cell in setting.cells:
            share = cell.count / setting.n
            wide = case.at(FULL.sizes[-1])
            same = [other.count / wide.n for other in wide.cells]
            assert min(abs(share - each) for each in same) < 1e-12


@pytest.mark.slow
def test_simulation_tends_to_the_prediction(table):
    assert table.holds
    scores = table.scores()
    assert np.isfinite(scores).all()
    assert len(scores) > 25
    assert np.abs(scores).max() < 4
    # Peaks are on a plateau at so few examples, and not compared.
    seen = {NUMBERS[point.quantity].phenomenon for point in table.points}
    assert seen >= set(PHENOMENA) - {"label noise"}


def weights(score, training):
    """A run with these minority scores, and a majority that is always right."""
    setting = Setting(100, 100, 0.9, 2.0, 1.0)
    one = np.ones(len(score))
    # w_y − 2w_a is the score and w_y + 2w_a is 9, at ‖w_ε‖ = 1.
    core, spurious = (9 + score) / 2, (9 - score) / 4
    train = GroupAccuracy.of(one, training, 0.9)
    return Trajectory(TIMES, core, spurious, one, one, train), setting


def test_numbers_are_read_off_between_the_recorded_times():
    x = np.log(TIMES)
    score = 1.5 - 0.1 * (x - 2.03) ** 2
    run, setting = weights(score, np.clip(0.5 + 0.1 * (x - 1), 0, 1))
    found = numbers(run, setting)
    assert found["fitted"] == pytest.approx(5.0, abs=1e-9)
    assert found["unseen"] == pytest.approx(1.5 - 0.1 * 2.97**2, abs=1e-3)
    assert found["peak"] == pytest.approx(2.03, abs=1e-9)
    assert found["fall"] == pytest.approx(1.5 - score[-1], abs=1e-9)
    assert found["recovered"] == pytest.approx(2.03 + math.sqrt(15), abs=1e-2)
    assert found["best"] == pytest.approx(1.5, abs=1e-3)
    lower = ndtri(ndtr(found["best"]) - 0.05)
    wide = math.sqrt((1.5 - lower) / 0.1)
    assert found["opened"] == pytest.approx(2.03 - wide, abs=0.02)
    assert found["closed"] == pytest.approx(2.03 + wide, abs=0.02)
    assert found["by-average"] == found["best"]


def test_what_is_not_there_is_nan():
    run, setting = weights(np.linspace(1, 2, len(TIMES)), np.full(len(TIMES), 0.95))
    found = numbers(run, setting)
    for name in ("fitted", "unseen", "peak", "fall", "recovered", "closed"):
        assert math.isnan(found[name])
    assert not math.isnan(found["opened"])
    assert found["best"] == pytest.approx(2.0)


def test_times_are_those_of_the_theory():
    """The orthogonal limit's own roots: without feature noise, at d ≫ n."""
    setting = of_kappa(0.3 * 9 / 19, n=1000, d=10**6, label_noise=0.3)
    for objective in (Objective.erm(), Objective.logit_shifting(setting)):
        found = numbers(orthogonal.flow(setting, objective, TIMES), setting)
        peak = orthogonal.log_peak_time(setting, objective)
        assert found["peak"] == pytest.approx(peak, abs=5e-3)
        crossings = orthogonal.crossing_times(setting, objective)
        if crossings.size:
            assert found["recovered"] == pytest.approx(crossings[-1], abs=0.02)


@pytest.mark.slow
def test_a_point_is_what_it_says(table):
    [point] = [p for p in table.points if (p.case.name, p.quantity) == ("03", "subspaces")]
    case = CASES[2]
    setting = case.at(table.sizes[-1])
    predicted = decoding.subspace_accuracy(setting, 2, 3.0).minority
    assert point.statement.prediction == predicted
    small = case.at(table.sizes[0])
    values = []
    for index in range(table.draws[0]):
        seed = stream(1, 3 * 2, index)
        spaces = class_subspaces(draw(small, seed, "explicit"), 2, 3.0)
        tests = replace(small, n=400, rho=0.0, label_noise=0.0)
        new = draw(tests, child_stream(seed, 0), "explicit")
        values.append((spaces.predict(new.features) == new.labels).mean())
    assert point.fit.means[0].mean == pytest.approx(np.mean(values), abs=1e-12)
    [point] = [p for p in table.points if (p.case.name, p.quantity) == ("03", "decoded")]
    limit = proportional.max_margin(setting)
    lean = setting.gamma * limit.spurious / limit.core
    assert point.statement.prediction == pytest.approx(lean, rel=1e-9)
    limits = [max_margin(draw(small, stream(1, 6, i), "explicit")) for i in range(table.draws[0])]
    found = [small.gamma * limit.spurious / limit.core for limit in limits]
    assert point.fit.means[0].mean == pytest.approx(np.mean(found), rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [False, True])
def test_the_command_shows_the_table_and_gives_the_verdict(
    table, wrong, monkeypatch, capsys, tmp_path
):
    if wrong:
        point = table.points[3]
        bad = replace(point.statement, prediction=point.statement.prediction + 10)
        points = [*table.points[:3], point._replace(statement=bad), *table.points[4:]]
        table = replace(table, points=points)

    def found(keep, progress, **options):
        assert options["settings"] == ["03"]
        keep(table)
        return table

    monkeypatch.setattr(studies, "phenomena", found)
    monkeypatch.setattr(show_sizes, "stdout", lambda: Console(width=80, highlight=False))
    out = tmp_path / "table.json"
    words = ["phenomena", "--quick", "--setting", "03", "--json", str(out)]
    assert main(words) == (1 if wrong else 0)
    shown, said = capsys.readouterr()
    lines = shown.splitlines()
    assert all(len(line) <= 80 for line in lines)
    for point in table.points:
        assert any(NUMBERS[point.quantity].phenomenon in line for line in lines)
        assert any(point.quantity in line.split() for line in lines)
    held = len(table.points) - wrong
    assert f"{held} of {len(table.points)} statements hold" in shown
    assert (table.points[3].statement.id in said) == wrong
    written = json.loads(out.read_text(encoding="utf-8"))
    assert written["holds"] is not wrong
    assert written["points"][0]["time"] is None


def test_whether_a_number_is_a_probit_does_not_hang_on_its_words(monkeypatch):
    # No normal scores where an accuracy is all but 0 or 1, whatever the number is called.
    renamed = {name: number._replace(words="a number") for name, number in NUMBERS.items()}
    monkeypatch.setattr(study, "NUMBERS", renamed)
    refused = {name for name in NUMBERS if not study._comparable(name, 7.0)}
    accuracies = {"unseen", "fall", "best", "by-average", "by-loss", "refit"}
    assert refused == accuracies | {"subspaces"}


def test_the_documents_table_is_that_of_its_run():
    root = Path(__file__).resolve().parents[1]
    run = json.loads((root / "docs" / "phenomena.json").read_text(encoding="utf-8"))
    assert run["holds"]
    assert all(point["holds"] for point in run["points"])
    page = (root / "docs" / "generalization.md").read_text(encoding="utf-8")
    table = page[page.index("| phenomenon |") :].split("\n\n")[0].splitlines()[2:]
    assert len(table) == len(NUMBERS)
    for line, quantity in zip(table, NUMBERS, strict=True):
        points = [point for point in run["points"] if point["quantity"] == quantity]
        z = np.array([point["z"] for point in points])
        settings = len({point["setting"] for point in points})
        expected = [str(settings), f"{np.sqrt((z**2).mean()):.2f}", f"{np.abs(z).max():.2f}"]
        assert [cell.strip() for cell in line.split("|")[3:6]] == expected
