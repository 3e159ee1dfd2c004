"""A statement can be refused: how measurements are judged, and what is no evidence."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pitfalls.studies import Statement, Verification
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
)
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
