"""Statements can be refused, and verification refuses a wrong theory."""

import fnmatch
import itertools
import json
import math
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pitfalls import show
from pitfalls.sims import draw
from pitfalls.studies import Statement, Verification, verify
from pitfalls.studies.plan import Plan, Simulation
from pitfalls.studies.simulations import SIMULATIONS, common, cures, late, margins
from pitfalls.studies.statements import (
    FALSE_ALARM,
    Measured,
    controlled,
    convergence,
    exact,
    extrapolated,
    judge,
    self_test,
    statistical,
    under,
)
from pitfalls.studies.verify import _evidence
from pitfalls.theory import PitfallsError, Setting, SettingError, orthogonal, proportional
from pitfalls.theory.theorem import FACTS, fact
from scipy import stats

LEAST = 8
numbers = st.floats(-1e6, 1e6)
sizes = st.floats(1e-6, 1e3)


def row(prediction=2.0, mean=2.0, error=0.1, freedom=30.0, name="row"):
    return statistical(name, "", prediction=prediction, measured=Measured(mean, error, freedom))


@given(numbers, sizes, st.floats(0, 1))
def test_an_exact_statement_holds_up_to_its_tolerance(prediction, tolerance, share):
    inside, outside = prediction + share * tolerance, prediction + 1.001 * tolerance
    # Differences of numbers near a million are only exact to 1e-10.
    slack = 1e-9 * (1 + tolerance)
    common = {"prediction": prediction, "tolerance": tolerance + slack}
    assert exact("x", "", observed=inside, **common).holds
    refused = exact("x", "", observed=outside + 3 * slack, **common)
    assert not refused.holds
    assert refused.z is None


@pytest.mark.parametrize("field", ["prediction", "observed", "tolerance"])
def test_not_a_number_never_holds(field):
    legal = {"prediction": 1.0, "observed": 1.0, "tolerance": 1.0}
    assert exact("x", "", **legal).holds
    assert not exact("x", "", **{**legal, field: math.nan}).holds


@pytest.mark.parametrize("measured", [(math.nan, 0.1), (2.0, math.nan)])
def test_a_measurement_that_is_not_a_number_never_holds(measured):
    [judged] = judge([row(mean=measured[0], error=measured[1])])
    assert not judged.holds
    assert (self_test([judged]) == []) == math.isfinite(judged.detectable)


def test_an_unjudged_measurement_does_not_hold():
    assert not row().holds


def test_replicates_give_their_mean_and_its_standard_error():
    values = [1.0, 4.0, 2.0, 9.0]
    measured = Measured.of(values)
    assert measured.mean == 4.0
    assert measured.standard_error == pytest.approx(stats.sem(values), rel=1e-14)
    assert measured.freedom == 3


def test_extrapolation_removes_a_bias_of_first_order():
    rng = np.random.default_rng(0)
    scores = []
    for _ in range(2000):
        small, large = (7 + 3 / n + rng.normal(size=LEAST) / n for n in (10, 20))
        scores.append(row(7.0, *vars(extrapolated(small, large)).values()).z)
    scores = np.array(scores)
    # Normal scores of Welch's t: mean 0, variance 1, and the tails a normal score has.
    assert abs(scores.mean()) < 4.5 / np.sqrt(2000)
    assert abs((scores**2).mean() - 1) < 4.5 * np.sqrt(2 / 2000)
    beyond = (np.abs(scores) > stats.norm.isf(0.005)).sum()
    assert abs(beyond - 20) < 4.5 * np.sqrt(20)


def test_extrapolation_adds_errors_and_freedoms_as_welch_does():
    small, large = [1.0, 2.0, 3.0], [1.0, 1.5, 2.5, 4.0]
    measured = extrapolated(small, large)
    assert measured.mean == pytest.approx(2 * 2.25 - 2.0, rel=1e-14)
    parts = np.array([np.var(small, ddof=1) / 3, 4 * np.var(large, ddof=1) / 4])
    assert measured.standard_error**2 == pytest.approx(parts.sum(), rel=1e-14)
    welch = parts.sum() ** 2 / (parts[0] ** 2 / 2 + parts[1] ** 2 / 3)
    assert measured.freedom == pytest.approx(welch, rel=1e-14)


def test_replicates_that_agree_exactly_measure_exactly():
    measured = extrapolated([2.0] * 8, [2.0] * 8)
    assert (measured.mean, measured.standard_error) == (2.0, 0.0)
    [same, other] = judge([row(2.0, *vars(measured).values()), row(2.1, *vars(measured).values())])
    assert same.holds
    assert same.z == 0
    assert not other.holds
    assert other.z == -math.inf


def test_regression_on_controls_takes_away_what_they_explain():
    rng = np.random.default_rng(3)
    scores, ratios = [], []
    for _ in range(1500):
        controls = rng.normal(size=(24, 3))
        noise = 0.1 * rng.normal(size=24)
        values = 7 + controls @ [3.0, -2.0, 0.5] + noise
        measured = controlled(values, controls)
        assert measured.freedom == 20
        scores.append(row(7.0, *vars(measured).values()).z)
        ratios.append(measured.standard_error / Measured.of(values).standard_error)
    scores = np.array(scores)
    assert max(ratios) < 0.1
    assert abs(scores.mean()) < 4.5 / np.sqrt(1500)
    assert abs((scores**2).mean() - 1) < 4.5 * np.sqrt(2 / 1500)
    beyond = (np.abs(scores) > stats.norm.isf(0.005)).sum()
    assert abs(beyond - 15) < 4.5 * np.sqrt(15)


def test_regression_without_controls_is_the_mean():
    values = [1.0, 4.0, 2.0, 9.0]
    measured, plain = controlled(values, np.zeros((4, 0))), Measured.of(values)
    assert vars(measured) == pytest.approx(vars(plain), rel=1e-13)


@given(st.integers(1, 60), st.floats(2, 200))
def test_judging_shares_the_false_alarms_among_the_open_statements(count, freedom):
    decided = exact("exact", "", prediction=1.0, observed=1.0, tolerance=0.1)
    judged = judge([decided, *(row(freedom=freedom) for _ in range(count))])
    assert judged[0] == decided
    for each in judged[1:]:
        alarm = 2 * stats.t.sf(each.critical, freedom)
        assert alarm == pytest.approx(FALSE_ALARM / count, rel=1e-6)
        assert each.detectable == each.critical * 0.1


def test_judging_keeps_a_critical_value_that_was_given():
    given_one = Statement("x", "", "statistical", 2.0, 2.0, 0.0, 0.1, 30, critical=2.0)
    [kept, judged] = judge([given_one, row()])
    assert kept.critical == 2.0
    assert 2 * stats.t.sf(judged.critical, 30) == pytest.approx(FALSE_ALARM, rel=1e-6)


@given(numbers, sizes, st.floats(2, 100), st.floats(-0.99, 0.99), st.floats(1.01, 1e3))
def test_holding_is_being_within_the_detectable_error(prediction, error, freedom, share, beyond):
    [judged] = judge([row(prediction, prediction, error, freedom)])
    slack = 1e-9 * judged.detectable + 1e-9
    for times, holds in ((share, True), (beyond, False), (-beyond, False)):
        distance = times * judged.detectable
        [moved] = judge([row(prediction, prediction + distance, error, freedom)])
        if abs(abs(distance) - judged.detectable) > slack:
            assert moved.holds == holds
            # Nearer than this the tail is ½ to the last digit and the score is zero.
            actual = moved.observed - prediction
            assert abs(actual) < 1e-6 * error or moved.z * actual > 0


@given(st.lists(st.tuples(numbers, sizes, st.floats(2, 100), st.floats(-0.9, 0.9)), min_size=1))
def test_self_test_refuses_every_bend_of_what_holds(drawn):
    rows = [
        row(prediction, prediction + share * error, error, freedom, name=str(i))
        for i, (prediction, error, freedom, share) in enumerate(drawn)
    ]
    assert self_test(judge(rows)) == []


def test_self_test_names_what_could_not_fail():
    common = {"prediction": 1.0, "observed": 1.0}
    rows = [
        exact("tight", "", tolerance=0.1, **common),
        exact("infinite", "", tolerance=math.inf, **common),
        exact("not a number", "", tolerance=math.nan, **common),
        exact("nothing allowed", "", tolerance=0.0, **common),
        row(name="not judged"),
    ]
    assert self_test(rows) == ["infinite", "not a number", "nothing allowed", "not judged"]


@pytest.mark.parametrize("rate", [-1.0, -0.5, 0.5, 2.0])
def test_convergence_finds_the_exponent_of_a_power_law(rate):
    grid = np.array([8.0, 32.0, 128.0, 1000.0])
    sharp = convergence("x", "", rate=rate, grid=grid, errors=-3 * grid**rate, tolerance=1e-9)
    assert sharp.holds
    measured = [Measured(3 * g**rate, 1e-3 * g**rate, 50) for g in grid]
    [fitted] = judge([convergence("x", "", rate=rate, grid=grid, errors=measured, tolerance=0.0)])
    assert fitted.holds
    assert fitted.detectable < 1e-3
    [other] = judge(
        [convergence("x", "", rate=rate - 1, grid=grid, errors=measured, tolerance=0.1)]
    )
    assert not other.holds


def test_convergence_weighs_what_was_measured_by_its_precision():
    grid = [1.0, 2.0, 4.0, 8.0]
    # The last point is far off the law, and measured too badly to matter.
    measured = [Measured(1 / g, 1e-6 / g, 50) for g in grid[:3]] + [Measured(9.0, 1e3, 50)]
    line = convergence("x", "", rate=-1.0, grid=grid, errors=measured, tolerance=1e-3)
    assert abs(line.observed + 1) < 1e-5
    measured[-1] = Measured(9.0, 1e-6, 50)
    assert not judge([convergence("x", "", rate=-1.0, grid=grid, errors=measured, tolerance=1e-3)])[
        0
    ].holds


@pytest.mark.parametrize("noise", [0.02, 0.2])
def test_convergence_keeps_its_false_alarm_rate(noise):
    # From as many replicates as --quick takes, errors estimated like everything else.
    rng = np.random.default_rng(1)
    grid = np.array([8.0, 32.0, 128.0, 1000.0])
    trials, refused = 1500, 0
    for _ in range(trials):
        values = 1 / grid[:, None] + noise / 8 * rng.normal(size=(4, 24))
        line = convergence(
            "x", "", rate=-1.0, grid=grid, errors=[Measured.of(v) for v in values], tolerance=0.0
        )
        refused += abs(line.observed + 1) > stats.t.isf(0.005, line.freedom) * line.standard_error
    assert refused < 0.01 * trials + 4.5 * np.sqrt(0.01 * trials)


def test_convergence_of_pure_noise_is_no_evidence():
    rng = np.random.default_rng(2)
    errors = [Measured.of(rng.normal(size=24)) for _ in range(4)]
    [line] = judge(
        [convergence("x", "", rate=-1.0, grid=[8, 32, 128, 1000], errors=errors, tolerance=0.1)]
    )
    assert not line.holds or line.detectable > 0.5


def test_a_row_of_the_json_table_has_every_key_and_no_infinity():
    judged = judge(
        [row(2.0, 3.0, 0.0, 5.0), exact("e", "c", prediction=1, observed=2, tolerance=3)]
    )
    statistic, plain = (each.as_json() for each in judged)
    assert set(statistic) == {
        *("id", "kind", "prediction", "observed", "standard_error", "z", "detectable", "holds"),
        *("claim", "note", "fact"),
    }
    assert statistic["z"] is None
    assert plain["standard_error"] is None
    assert json.loads(json.dumps([statistic, plain], allow_nan=False)) == [statistic, plain]


def test_one_refused_statement_refuses_the_table():
    good = exact("good", "", prediction=1.0, observed=1.0, tolerance=0.1)
    bad = exact("bad", "", prediction=1.0, observed=2.0, tolerance=0.1)
    assert Verification(0, LEAST, [good]).holds
    table = Verification(0, LEAST, [good, bad])
    assert not table.holds
    content = table.as_json()
    assert set(content) == {"schema", "seed", "replicates", "holds", "statements"}
    assert (content["schema"], content["holds"]) == (1, False)
    assert [each["holds"] for each in content["statements"]] == [True, False]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("seed", bad) for bad in (-1, 0.5, "0", None, True)],
        *[("replicates", bad) for bad in (LEAST - 1, 0, -8, 8.0, "8", True)],
        *[("workers", bad) for bad in (0, -1, 1.5, "2", True)],
    ],
)
def test_illegal_arguments_are_named_before_any_work(field, value):
    with pytest.raises(SettingError) as raised:
        verify(**{field: value})
    assert raised.value.field == field
    assert "an integer ≥" in str(raised.value)


def test_the_ladder_stands_on_both_sides_of_the_threshold():
    threshold = orthogonal.critical_memory(common.RHO, common.GAMMA)
    for delta in margins.LADDER:
        setting = common.with_memory(200, delta, 0.5 * threshold)
        assert isinstance(setting, Setting)
        assert setting.delta == delta
        assert setting.kappa == pytest.approx(0.5 * threshold, rel=1e-12)


KAPPA = 2 * orthogonal.critical_memory(common.RHO, common.GAMMA)


def planned(replicates):
    return Plan(0, replicates, 2, lambda *_: None)


def test_overlaps_are_what_orthogonal_data_lack_and_average_to_zero():
    setting = common.with_memory(20, 3, KAPPA)
    exactly = cures.overlaps(draw(setting, 0, kind="orthogonal"), setting)
    assert np.abs(exactly).max() < 1e-12
    sample = draw(setting, 0, kind="explicit")
    folded = sample.source.memory
    majority, minority = folded[sample.groups == 1].sum(axis=0), folded[sample.groups == 0].sum(0)
    square = setting.sigma**2 * setting.d
    expected = [
        majority @ majority - 18 * square,
        majority @ minority,
        minority @ minority - 2 * square,
    ]
    assert cures.overlaps(sample, setting) == pytest.approx(expected, rel=1e-10)
    many = np.array([cures.overlaps(draw(setting, seed), setting) for seed in range(400)])
    errors = many.std(axis=0, ddof=1) / 20
    assert (np.abs(many.mean(axis=0)) < 4.5 * errors).all()
    assert (errors > 0).all()


def first_cell_of_the_cure(replicates):
    cell = itertools.takewhile(
        lambda row: row.id.startswith("e.2."), cures.cured_limits(planned(replicates))
    )
    return {row.id: row for row in judge(cell)}


@pytest.mark.slow
def test_the_curing_scale_has_no_spurious_weight_and_another_scale_has(monkeypatch):
    right = first_cell_of_the_cure(40)
    assert set(right) == {"e.2.spurious", "e.2.score", "e.2.minority"}
    assert all(row.holds for row in right.values())
    assert "of ERM 0.283" in right["e.2.spurious"].note
    assert "minority accuracy 0.861" in right["e.2.spurious"].note
    true = cures.curing_objective

    def wrong(*arguments):
        cure = true(*arguments)
        return replace(cure, scale={1: 1.3 * cure.scale[1], 0: 1.0})

    monkeypatch.setattr(cures, "curing_objective", wrong)
    assert not first_cell_of_the_cure(40)["e.2.spurious"].holds


@pytest.mark.slow
@pytest.mark.parametrize("change", [None, {"core": 1.02}, {"spurious": 0.98}])
def test_the_cure_over_time_refuses_a_wrong_flow(change, monkeypatch):
    true = orthogonal.flow

    def wrong(*arguments):
        run = true(*arguments)
        return replace(run, **{name: by * getattr(run, name) for name, by in change.items()})

    if change:
        monkeypatch.setattr(orthogonal, "flow", wrong)
    rows = judge(cures.cure_over_time(planned(24)))
    assert [row.id for row in rows] == ["e.flow.1", "e.flow.20", "e.flow.1e3", "e.flow.1e6"]
    assert [row.holds for row in rows] == [change is None] * 4
    assert self_test(rows) == []
    if not change:
        assert max(row.detectable for row in rows) < 0.5


@pytest.mark.parametrize("power", [1.0, 0.99, 0.5])
def test_only_the_weight_of_a_shift_ends_where_the_shift_does(power, monkeypatch):
    bent = SimpleNamespace(exp=lambda x: math.exp(power * x))
    monkeypatch.setattr(late, "math", bent)
    rows = list(late.shift_against_weight(planned(LEAST)))
    assert [each.id for each in rows] == ["c.shift.orthogonal", "c.shift.draw"]
    assert [each.holds for each in rows] == [power == 1.0] * 2
    assert all("share of support vectors 1" in each.note for each in rows)


@pytest.mark.parametrize("factor", [0.3, 1.0, 2.5])
def test_the_draws_know_where_memory_begins(factor, monkeypatch):
    true = proportional.memorization_threshold
    monkeypatch.setattr(proportional, "memorization_threshold", lambda s: factor * true(s))
    assert all(row.holds for row in margins.thresholds(planned(LEAST))) == (factor == 1.0)


def spoken(*names):
    """A simulation that finds what the named facts predict, each in a statement of its kind."""

    def run(plan):
        plan.batch(lambda seed: 0, "")
        for name in names:
            yield replace(row(name=f"of {name}"), kind=fact(name).kind, fact=name)

    return Simulation(run, batches=1)


def gathered(facts, **simulations):
    with pytest.MonkeyPatch.context() as patch:
        for name, simulation in simulations.items():
            patch.setitem(SIMULATIONS, name, simulation)
        return [each.id for each in _evidence(facts, 0, LEAST, 1, lambda *_: None)]


SOME = [
    replace(fact(name), simulation=simulation)
    for name, simulation in (("one-limit", "x"), ("loss-law", "y"), ("scale-rate", "x"))
]


def test_simulations_are_run_once_and_their_statements_come_in_the_order_of_the_facts():
    found = gathered(SOME, x=spoken("scale-rate", "one-limit", "scale-rate"), y=spoken("loss-law"))
    assert found == ["of one-limit", "of loss-law", "of scale-rate", "of scale-rate"]


@pytest.mark.parametrize("names", [["one-limit"], ["one-limit", "scale-rate", "loss-law"], []])
def test_a_simulation_that_does_not_speak_for_its_facts_is_refused(names):
    with pytest.raises(PitfallsError, match="'x' is to confirm one-limit, scale-rate"):
        gathered(SOME, x=spoken(*names), y=spoken("loss-law"))


def test_a_statement_of_no_fact_is_refused():
    alone = Simulation(lambda plan: iter([row()]), batches=0)
    with pytest.raises(PitfallsError, match="spoke for none"):
        gathered(SOME[1:2], y=alone)


def test_a_statement_has_the_kind_of_its_fact():
    [kept] = under(fact("near-orthogonality"), [row()])
    assert kept == replace(row(), fact="near-orthogonality")
    for name in ("loss-law", "one-limit"):
        with pytest.raises(PitfallsError, match=f"statistical, its fact '{name}'"):
            list(under(fact(name), [row()]))


def test_facts_and_simulations_name_each_other():
    assert {each.simulation for each in FACTS} == set(SIMULATIONS)


def test_verification_is_driven_by_the_list(monkeypatch):
    for each in FACTS:
        asked = [other.name for other in FACTS if other.simulation == each.simulation]
        monkeypatch.setitem(SIMULATIONS, each.simulation, spoken(*asked))
    table = verify(replicates=LEAST)
    assert [each.fact for each in table.statements] == [each.name for each in FACTS]
    monkeypatch.setitem(verify.__globals__, "FACTS", FACTS[:1])
    assert [each.fact for each in verify(replicates=LEAST).statements] == [FACTS[0].name]


LONG = replace(
    statistical(
        "b.orthogonal.logit-shifting",
        "a claim of some length, as long as claims usually are in this table",
        prediction=-0.000123456,
        measured=Measured(-3.04934e-05, 0.000123, 30),
    ),
    critical=4.0,
)


@pytest.mark.parametrize("width", [80, 100, 130, 160])
def test_the_table_names_each_fact_and_fits(width, monkeypatch, capsys):
    rows = [replace(LONG, kind=each.kind, fact=each.name) for each in FACTS]
    monkeypatch.setattr(show, "stdout", lambda: show._Console(highlight=False, width=width))
    show.show_verification(Verification(0, LEAST, rows))
    shown = capsys.readouterr().out
    table = shown.split("statements hold")[0].splitlines()[:-1]
    assert max(len(line.rstrip()) for line in table) <= width
    lines = [line for line in table if line.startswith(LONG.id)]
    assert len(lines) == len(FACTS)
    for line in lines:
        assert {"-0.00012346", "-3.0493e-05", "0.00012", "0.00049"} < set(line.split())
        assert line.split()[-1] == "yes"
        assert ("a claim" in line) == (width >= 130)
    words = " ".join(shown.split())
    for each in FACTS:
        assert f"{each.name} ({each.kind}; {each.source}" in words
        assert each.statement in words


def text_of(table):
    return json.dumps(table.as_json(), sort_keys=True)


@pytest.mark.slow
def test_the_table_is_the_same_for_any_number_of_workers_and_holds():
    calls = []
    one = verify(replicates=LEAST, workers=1, progress=lambda *call: calls.append(call))
    two = verify(replicates=LEAST, workers=2)
    assert text_of(one) == text_of(two)
    assert one.holds
    assert one.not_refused() == []
    names = [each.id for each in one.statements]
    assert len(set(names)) == len(names)
    assert {each.kind for each in one.statements} == {"exact", "statistical", "convergence"}
    totals = {total for _, total, _ in calls}
    assert [done for done, _, _ in calls] == list(range(1, totals.pop() + 1))
    assert not totals


@pytest.mark.slow
def test_another_seed_gives_other_draws_and_the_same_verdict():
    first, second = (verify(replicates=LEAST, seed=seed) for seed in (1, 2))
    assert text_of(first) != text_of(second)
    assert first.holds
    assert second.holds


@pytest.fixture(scope="module")
def sound():
    return verify(replicates=LEAST).statements


@pytest.mark.slow
def test_every_statement_belongs_to_one_fact_and_has_its_kind(sound):
    kinds = {each.name: each.kind for each in FACTS}
    assert list(dict.fromkeys(each.fact for each in sound)) == list(kinds)
    assert [each.kind for each in sound] == [kinds[each.fact] for each in sound]
    assert all(0 < each.detectable < math.inf for each in sound)
    assert len({each.id for each in sound}) == len(sound)


@pytest.mark.slow
def test_the_document_names_the_statements_of_each_fact(sound):
    text = (Path(__file__).parent.parent / "docs" / "theorem.md").read_text(encoding="utf-8")
    patterns = re.findall(r"`([a-e]\.[\w.*-]+)`", text)
    assert len(patterns) > 30
    for pattern in patterns:
        assert fnmatch.filter([each.id for each in sound], pattern), pattern
    table = re.findall(r"^\| `([a-z0-9-]+)` \| (\w+) \| .+ \| (.+) \|$", text, re.MULTILINE)
    assert [(name, kind) for name, kind, _ in table] == [(each.name, each.kind) for each in FACTS]
    for name, _, cell in table:
        own = [each.id for each in sound if each.fact == name]
        named = {i for p in re.findall(r"`(.+?)`", cell) for i in fnmatch.filter(own, p)}
        others = [each.id for each in sound if each.fact != name]
        assert named == set(own), name
        assert not [p for p in re.findall(r"`(.+?)`", cell) if fnmatch.filter(others, p)], name


@pytest.mark.slow
@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_a_wrong_theory_is_refused(monkeypatch, factor, sound):
    true = proportional.max_margin

    def wrong(*arguments, **options):
        found = true(*arguments, **options)
        core, spurious, memory = factor * found.coordinates
        return replace(found, core=core, spurious=spurious, memory=memory)

    monkeypatch.setattr(proportional, "max_margin", wrong)
    table = verify(replicates=LEAST)
    assert not table.holds
    surely = 0
    for right, bent in zip(sound, table.statements, strict=True):
        # The curing scale, a root of the theory's, may move in its last digit.
        assert bent.observed == pytest.approx(right.observed, rel=1e-9, abs=1e-12)
        moved = abs(bent.prediction - right.prediction)
        if moved == 0:
            assert bent.holds
        if moved > 2 * bent.detectable:
            assert not bent.holds
            surely += 1
    assert surely >= 10
