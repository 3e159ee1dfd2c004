"""Four answers about the max margin: their agreement is seen, and so is its lack."""

import importlib
import json
from dataclasses import replace

import numpy as np
import pytest
from command import refusal
from pitfalls import show, show_limits, sims, studies
from pitfalls.cli import main
from pitfalls.studies import limits as run_limits
from pitfalls.studies.ensembles import ENSEMBLES
from pitfalls.studies.limit_design import SIZES, Case, design, theorem_limit
from pitfalls.studies.limit_table import CERTAIN, NAMES, Limits
from pitfalls.studies.limits import Survey
from pitfalls.studies.statements import exact
from pitfalls.theory import NotSeparableError, SettingError, proportional
from scipy import stats
from scipy.special import ndtr

limits_module = importlib.import_module("pitfalls.studies.limits")
LEAST, COUNT = 8, 12
CASES = design()


def a_few(*names):
    return [case for case in CASES if case.name in names]


# All kinds: clean, noisy, scaled, without memory, not separable.
FEW = a_few("03", "10", "13", "44", "45", "46", "48")


@pytest.fixture
def small(monkeypatch):
    """Three settings, and none near the threshold."""
    monkeypatch.setattr(limits_module, "design", lambda: a_few("03", "13", "48"))
    monkeypatch.setattr(limits_module, "_near", list)


@pytest.fixture(scope="module")
def run():
    """The table of the few, the outcomes of its draws, and its reports of progress."""
    outcomes, calls = [], []
    true = limits_module._Runs.of

    def recorded(*arguments):
        outcomes.append(true(*arguments))
        return outcomes[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits_module, "design", lambda: FEW)
        patch.setattr(limits_module._Runs, "of", recorded)
        found = run_limits(replicates=COUNT, progress=lambda *call: calls.append(call))
    return found, outcomes[0], calls


@pytest.fixture(scope="module")
def table(run):
    return run[0]


@pytest.fixture
def same_draws(run, monkeypatch):
    """What is drawn and solved is that of the table: only the theory changes."""
    monkeypatch.setattr(limits_module, "design", lambda: FEW)
    monkeypatch.setattr(limits_module._Runs, "of", lambda *arguments: run[1])


def test_progress_counts_every_draw(run):
    total = (len(FEW) + 5) * len(SIZES) * COUNT
    assert [call[:2] for call in run[2]] == [(i + 1, total) for i in range(total)]


def text_of(table):
    return json.dumps(table.as_json(), allow_nan=False)


def test_everything_holds(table):
    assert table.failed() == []
    assert table.holds
    assert [row.case.name for row in table.rows] == [case.name for case in FEW]
    assert set(table.normality()) == set(NAMES)
    assert abs(table.largest.z) == max(abs(z) for name in NAMES for z in table.scores(name))
    assert [each.id for each in table.bias] == [f"bias.{name}" for name in NAMES]


@pytest.mark.slow
def test_bytes_do_not_depend_on_workers(small):
    one, three = (run_limits(replicates=LEAST, workers=w) for w in (1, 3))
    assert text_of(one) == text_of(three)
    other = run_limits(replicates=LEAST, workers=3, seed=1)
    assert text_of(one) != text_of(other)


def test_a_row_is_what_theory_and_solver_say(table):
    row = next(row for row in table.rows if row.case.name == "44")
    setting = row.case.at(SIZES[-1])
    prediction = proportional.max_margin(setting)
    assert row.predicted["core"] == prediction.core
    assert ndtr(row.predicted["minority"]) == pytest.approx(
        prediction.accuracy(setting).minority, rel=1e-12
    )
    number = next(i for i, case in enumerate(FEW) if case.name == "44")
    small_n = row.case.at(SIZES[0])
    streams = [sims.stream(0, number, i) for i in range(COUNT)]
    found = [sims.max_margin(sims.draw(small_n, each)).memory for each in streams]
    assert row.fits["memory"].means[0].mean == pytest.approx(np.mean(found), rel=1e-9)
    minority, fit = row.measured("minority"), row.fits["minority"].limit
    assert minority.mean == pytest.approx(float(ndtr(fit.mean)), rel=1e-12)
    assert minority.standard_error == pytest.approx(
        stats.norm.pdf(fit.mean) * fit.standard_error, rel=1e-12
    )


def test_theory_and_simulation_agree_that_a_setting_cannot_be_separated(table):
    row = next(row for row in table.rows if row.case.name == "48")
    assert row.proportional is None
    assert row.separated == (0.0, 0.0, 0.0)
    assert [each.id for each in row.statements] == ["48.separable"]
    assert row.statements[0].holds
    with pytest.raises(NotSeparableError):
        proportional.max_margin(row.case.at(SIZES[0]))
    for other in table.rows:
        if other is not row:
            assert other.separated == (1.0, 1.0, 1.0)


@pytest.mark.parametrize("shift", [-1, 1])
def test_disagreement_about_separability_is_refused(same_draws, monkeypatch, shift):
    true = limits_module.proportional.max_margin

    def wrong(setting, objective=None):
        clear = replace(setting, d=1000, label_noise=0.0)
        if setting.label_noise == 0.3 and shift == 1:
            return true(clear, objective)
        if setting.label_noise == 0.2 and shift == -1:
            raise NotSeparableError("bent", evidence=0.0)
        return true(setting, objective)

    monkeypatch.setattr(limits_module.proportional, "max_margin", wrong)
    failed = run_limits(replicates=COUNT).failed()
    assert ("48.separable" if shift == 1 else "46.separable") in failed


def test_where_nothing_is_memorised_every_draw_says_so(table):
    row = next(row for row in table.rows if row.case.name == "45")
    assert [each.kind for each in row.statements] == ["exact"] * 4
    assert row.predicted["memory"] == 0
    assert row.predicted["minority"] == CERTAIN
    assert row.measured("minority").mean == 1.0


@pytest.mark.parametrize("by", [0.95, 1.05])
def test_a_proportional_limit_of_the_wrong_d_is_refused(same_draws, monkeypatch, by):
    true = limits_module.proportional.max_margin

    def wrong(setting, objective=None):
        # δ bent, κ kept.
        d = round(by * setting.d)
        bent = replace(setting, d=d, sigma=setting.sigma * np.sqrt(setting.d / d))
        return true(bent, objective)

    monkeypatch.setattr(limits_module.proportional, "max_margin", wrong)
    assert "03.support" in run_limits(replicates=COUNT).failed()


def test_near_the_threshold_more_examples_sharpen_the_step(table):
    below, at, above = table.near[0], table.near[2], table.near[-1]
    assert below.separated[-1] == 0.0
    assert above.separated[-1] == 1.0
    assert 0 < at.separated[-1] < 1
    assert all(row.threshold == pytest.approx(0.396876, abs=1e-6) for row in table.near)


def test_the_json_has_its_schema(table):
    content = json.loads(text_of(table))
    assert content["schema"] == 1
    assert (content["seed"], content["replicates"], content["sizes"]) == (0, COUNT, list(SIZES))
    assert content["features"] == "gaussian"
    assert content["holds"] is True
    assert set(content["largest_z"]) == {"id", "z"}
    assert set(content["normality"]) == set(NAMES)
    assert [row["setting"]["name"] for row in content["settings"]] == [c.name for c in FEW]
    assert len(content["near_threshold"]) == 5
    for row, case in zip(content["settings"], FEW, strict=True):
        assert Case(**{k: v for k, v in row["setting"].items() if k != "ratio"}) == case
        assert row["theorem"] == {"minority": theorem_limit(case)}
        assert set(row["orthogonal"]) == set(NAMES)
        if case.name == "48":
            assert row["proportional"] is None
            assert row["simulated"] is None
            continue
        assert set(row["proportional"]) == set(NAMES)
        assert set(row["simulated"]) == set(NAMES)
        found = row["simulated"]["minority"]
        assert 0 <= found["mean"] <= 1
        keys = {"mean", "standard_error", "bias_times_n", "bias_standard_error", "means"}
        assert set(found) == keys | {"standard_errors", "probit"}
        assert len(found["means"]) == 3


def test_an_uncertified_draw_is_separated_but_not_measured(small, monkeypatch):
    true = limits_module.max_margin

    def sometimes(sample, objective):
        if sample.n == SIZES[0]:
            raise limits_module.PitfallsError("barely separable")
        return true(sample, objective)

    monkeypatch.setattr(limits_module, "max_margin", sometimes)
    monkeypatch.setattr(limits_module, "design", lambda: a_few("13"))
    [row] = run_limits(replicates=LEAST).rows
    assert row.separated == (1.0, 1.0, 1.0)
    assert row.fits == {}


@pytest.mark.slow
def test_a_dominant_direction_breaks_the_limit_and_the_bulk_explains_it(small, monkeypatch):
    names = {k: ENSEMBLES[k] for k in ("rademacher", "dominant")}
    monkeypatch.setattr(limits_module, "ENSEMBLES", names)
    found = studies.survey(replicates=LEAST)
    assert found.unexpected() == []
    assert found.own["rademacher"].holds
    assert not found.own["dominant"].holds
    assert set(found.equivalent) == {"dominant"}
    assert found.equivalent["dominant"].holds
    assert all(row.case.delta <= 10 for row in found.own["dominant"].rows)
    content = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert (content["schema"], content["holds"]) == (1, True)
    assert set(content["ensembles"]) == set(names)


# The command


def stub(monkeypatch, statements):
    case = FEW[0]
    w = proportional.max_margin(case.at(100))
    row = limits_module.Row(case, 0.1, w, w, {}, (1.0,), {}, statements)
    given = {}

    def fake(**options):
        given.update(options)
        return Limits(0, 8, "gaussian", [row])

    monkeypatch.setattr(studies, "limits", fake)
    return given


@pytest.mark.parametrize(("observed", "status"), [(1.0, 0), (2.0, 1)])
def test_the_exit_status_is_the_verdict(observed, status, monkeypatch, capsys, tmp_path):
    row = exact("03.separable", "", prediction=1.0, observed=observed, tolerance=0.1)
    given = stub(monkeypatch, [row])
    out = tmp_path / "limits.json"
    flags = ["--quick", "--seed", "5", "--replicates", "9", "--workers", "2", "--json", str(out)]
    assert main(["limits", *flags]) == status
    del given["progress"]
    expected = {"quick": True, "seed": 5, "replicates": 9, "workers": 2, "features": "gaussian"}
    assert given == expected
    shown = capsys.readouterr()
    assert shown.err == ("pitfalls: does not hold: 03.separable\n" if status else "")
    assert json.loads(out.read_text(encoding="utf-8"))["holds"] is (status == 0)


def test_the_survey_names_what_is_not_as_expected(monkeypatch, capsys):
    table = Limits(0, 8, "graded", [])
    monkeypatch.setattr(studies, "survey", lambda **_: Survey({"graded": table}, {}))
    monkeypatch.setattr(show_limits, "show_survey", lambda table: None)
    assert main(["limits", "--features", "all"]) == 1
    assert capsys.readouterr().err == "pitfalls: does not hold: graded\n"


@pytest.mark.parametrize("width", [80, 160])
def test_the_tables_fit_their_width(table, width, monkeypatch, capsys):
    console = show._Console(highlight=False, width=width, force_terminal=False)
    monkeypatch.setattr(show_limits, "stdout", lambda: console)
    show_limits.show_limits(table)
    shown = capsys.readouterr().out
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= width
    assert "…" not in shown
    assert ("‖w_ε‖ P3" in shown) == (width == 160)
    for case in FEW:
        assert f"\n {case.name} " in shown
    show_limits.show_survey(Survey({"dominant": table}, {"dominant": table}))
    shown = capsys.readouterr().out
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= width
    assert "…" not in shown
    assert "equivalent" in shown


def test_help_names_the_features_and_the_exit_status(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["limits", "--help"])
    assert stopped.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert f"--features {{{','.join(ENSEMBLES)},all}}" in shown
    assert f"in {len(CASES)} settings" in shown
    assert "Exit status: 0" in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--replicates 2", "replicates = 2"),
        ("--workers 0", "workers = 0"),
        ("--seed -1", "seed = -1"),
        ("--features all --seed -1", "seed = -1"),
        ("--json {folder}", "is a folder"),
        ("--json {folder}/none/a.json", "does not exist"),
    ],
)
def test_bad_input_is_one_line_and_status_2(arguments, words, tmp_path, capsys):
    assert words in refusal(["limits", *arguments.format(folder=tmp_path).split()], capsys)


@pytest.mark.parametrize("arguments", ["--features cauchy", "--seed x", "--replicates 1.5"])
def test_bad_usage_is_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["limits", *arguments.split()])
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith("usage: pitfalls limits")


def test_unknown_features_are_named():
    with pytest.raises(SettingError, match="features = 'cauchy'"):
        run_limits(features="cauchy")


def test_an_interrupt_stops_what_has_not_begun(small, monkeypatch, capsys):
    true = limits_module.max_margin
    calls = []

    def interrupted(sample, objective):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return true(sample, objective)

    monkeypatch.setattr(limits_module, "max_margin", interrupted)
    assert main(["limits", "--replicates", "8", "--workers", "1"]) == 130
    assert capsys.readouterr().err == "pitfalls limits: interrupted\n"
    assert len(calls) < 20


@pytest.mark.slow
def test_the_quick_run_holds():
    assert studies.limits(quick=True).failed() == []
