"""Methods compared: standings against plain recomputation, counts against training, the command."""

import json
import math
import os
import re
import subprocess
import sys
from dataclasses import replace
from functools import partial
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from command import refusal
from hypothesis import given
from hypothesis import strategies as st
from pictures import check_picture
from pitfalls import figures, show_compare, studies
from pitfalls.cli import main
from pitfalls.figures import comparison as picture
from pitfalls.figures import style, trajectories
from pitfalls.sims import draw
from pitfalls.studies import compare, compare_own
from pitfalls.studies.compare import PREDICTED
from pitfalls.studies.compare_own import counted_comparison
from pitfalls.studies.comparison import Curve
from pitfalls.studies.leads import leads
from pitfalls.studies.own import own_features, prediction, train_own
from pitfalls.studies.standings import standings
from pitfalls.studies.train import in_the_model
from pitfalls.theory import (
    Objective,
    ResourceError,
    Setting,
    SettingError,
    Solution,
    proportional,
)
from pitfalls.theory.generalization import early_stopping, window

SMALL = Setting(200, 400, 0.8, 3.0, 0.4, 0.2, 0.2)
TIME, LATEST = 7.0, 1e3
FEW = {"a_decade": 4, "sites": 32, "latest": LATEST}
NAMED = ["erm", "logit-shifting"]


@pytest.fixture(scope="module")
def predicted():
    return compare(SMALL, time=TIME, **FEW)


def runs(found):
    """Every method's run on the same sites, and what it tends to, put together anew."""
    for method in PREDICTED:
        where, objective = in_the_model(method, SMALL)
        run = proportional.flow(where, objective, found.times, sets=2, sites=32, examples=False)
        yield method, run, proportional.max_margin(where, objective)


def by_method(found):
    pairs = zip(found.standings, found.curves, strict=True)
    return {each.method: (each, curve) for each, curve in pairs}


def test_a_setting_is_predicted_at_the_time_in_the_limit_and_when_to_stop(predicted):
    assert predicted.time == TIME
    assert TIME in predicted.times
    assert predicted.times[[0, -1]] == pytest.approx([0.01, LATEST])
    index = list(predicted.times).index(TIME)
    table = by_method(predicted)
    assert set(table) == set(PREDICTED)
    assert predicted.left_out == {}
    for method, run, limit in runs(predicted):
        each, curve = table[method]
        accuracy = run.accuracy(SMALL)
        worst = np.minimum(accuracy.majority, accuracy.minority)
        np.testing.assert_array_equal(curve.worst, worst)
        assert each.worst_at_time == worst[index]
        assert each.worst_in_limit == limit.accuracy(SMALL).worst
        assert (each.best, each.best_time) == (worst.max(), predicted.times[worst.argmax()])
        assert each.window == early_stopping(run, SMALL).window
        goes_on = each.window[1] == LATEST and each.worst_in_limit > each.best - 0.01
        assert each.lasts == goes_on
        assert (each.error_at_time, each.behind, each.even) == (None, None, False)


def test_ranks_are_one_more_than_there_are_better_ones(predicted):
    for each in predicted.standings:
        better = [e for e in predicted.standings if e.worst_at_time > each.worst_at_time]
        assert each.rank == len(better) + 1
        further = [e for e in predicted.standings if e.worst_in_limit > each.worst_in_limit + 1e-9]
        assert each.rank_in_limit == len(further) + 1
    values = [each.worst_at_time for each in predicted.standings]
    assert values == sorted(values, reverse=True)
    np.testing.assert_array_equal(predicted.worst[0], predicted.curves[0].worst)
    assert predicted.best_in_limit.worst_in_limit == max(predicted.limits)


def test_three_methods_and_two_cures_share_limits(predicted):
    shared = {frozenset(names) for names in predicted.sharing()}
    cures = frozenset({"curing scale", "lasting cure"})
    assert shared == {frozenset({"ERM", "reweighting", "logit shifting"}), cures}


def test_without_a_time_the_limit_ranks():
    found = compare(SMALL, ["erm", "subsampling"], **FEW)
    assert [each.name for each in found.standings] == ["subsampling", "ERM"]
    assert [each.rank for each in found.standings] == [None, None]
    assert [each.rank_in_limit for each in found.standings] == [1, 2]
    assert found.time is None
    assert TIME not in found.times


def test_a_time_later_than_the_latest_is_the_last():
    found = compare(SMALL, ["erm"], time=1e4, **FEW)
    assert found.times[-1] == 1e4
    assert found.standings[0].worst_at_time == found.worst[0, -1]


curves = st.integers(1, 5).flatmap(
    lambda rows: st.lists(
        st.lists(st.integers(0, 4), min_size=rows, max_size=rows), min_size=1, max_size=12
    )
)


@given(curves)
def test_leads_are_all_of_the_time_and_only_of_the_highest(columns):
    values = np.array(columns, dtype=float).T
    times = np.logspace(-2, 3, values.shape[1])
    found = leads(times, values)
    stretches = sorted(stretch for each in found for stretch in each)
    assert stretches[0][0] == times[0]
    assert stretches[-1][1] == times[-1]
    for before, after in pairwise(stretches):
        assert before[0] <= before[1] == after[0]
    for k, time in enumerate(times):
        first = min(range(len(values)), key=lambda row: (-values[row, k], row))
        near = time * (1 - 1e-12), time * (1 + 1e-12)
        assert any(low <= near[1] and near[0] <= high for low, high in found[first])
    # Within a lead nobody is higher, not between the recorded times either, where two cross.
    if len(values) == 2:
        for row, each in enumerate(found):
            for low, high in each:
                middle = math.sqrt(low * high)
                own, other = (
                    np.interp(np.log(middle), np.log(times), values[r]) for r in (row, 1 - row)
                )
                assert own >= other - 1e-9


@given(st.lists(st.integers(0, 100), min_size=1, max_size=20), st.sampled_from([0.0, 1.0, 5.0]))
def test_a_window_is_the_longest_around_the_best_without_a_gap(values, tolerance):
    values = np.array(values, dtype=float)
    times = np.logspace(0, 3, len(values))
    low, high = window(times, values, tolerance)
    inside = (times >= low) & (times <= high)
    best = int(values.argmax())
    assert inside[best]
    assert (values[inside] >= values[best] - tolerance).all()
    for edge in (np.flatnonzero(inside)[0] - 1, np.flatnonzero(inside)[-1] + 1):
        if 0 <= edge < len(values):
            assert values[edge] < values[best] - tolerance


def test_equal_methods_have_one_rank_and_the_limit_breaks_the_tie():
    end, times = Solution(1.0, 0.0, 0.0), np.array([1.0, 10.0])
    made = [
        Curve(name, name, np.array([0.8, at]), end, limit)
        for name, at, limit in (("a", 0.9, 0.5), ("b", 0.9, 0.7), ("c", 0.95, 0.1), ("d", 0.9, 0.5))
    ]
    found, ranked = standings(made, times, 10.0)
    assert [each.name for each in found] == [curve.name for curve in ranked] == ["c", "b", "a", "d"]
    assert [each.rank for each in found] == [1, 2, 2, 2]
    assert [each.rank_in_limit for each in found] == [4, 1, 2, 2]
    # All are equal at t = 1: the first in the ranking leads, and goes on.
    assert [each.leads for each in found] == [[(1.0, 10.0)], [], [], []]


@pytest.fixture(scope="module", autouse=True)
def few_sites():
    """P12 on fewer sites: what a prediction is worth is tested where P12 is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prediction, "_SETS", 1)
        patch.setattr(prediction, "_SITES", 64)
        yield


@pytest.fixture(scope="module")
def own():
    sample = draw(Setting(300, 200, 0.8, 3.0, 0.5, 0.3, 0.3), 5, "explicit")
    attributes = np.where(sample.groups == 1, sample.labels, -sample.labels)
    return own_features(sample.features, sample.labels, attributes=attributes, holdout=0.5, seed=1)


@pytest.fixture(scope="module")
def training(own):
    methods = ["erm", "reweighting", "logit-shifting", "mat", "subsampling"]
    return train_own(own, methods, seed=2, points=9, record=[TIME])


@pytest.fixture(scope="module")
def counted(training):
    return counted_comparison(training, TIME)


def right(training, run, time):
    """Who of the test examples is right, by the weights at a time or in the limit."""
    sample, test = training.prepared.sample, training.prepared.test
    if time is None:
        weights = sample.weights(run.solution)
    else:
        weights = sample.weights(run.run)[list(run.run.times).index(time)]
    return test.labels * (test.features @ weights) > 0


def worst_part(hits, test):
    return int(np.argmin([hits[test.parts == part].mean() for part in range(4)]))


@pytest.mark.parametrize("time", [TIME, None])
def test_counts_are_those_of_training(training, time):
    found, test = counted_comparison(training, time), training.prepared.test
    of_method = {run.method: run for run in training.runs}
    for each, curve in zip(found.standings, found.curves, strict=True):
        run = of_method[each.method]
        hits = right(training, run, time)
        worst = hits[test.parts == worst_part(hits, test)]
        expected = worst.mean(), math.sqrt(worst.var() / worst.size + 1 / (4 * worst.size**2))
        values = (each.worst_at_time, each.error_at_time)
        if time is None:
            assert values == (None, None)
            values = (each.worst_in_limit, each.error_in_limit)
        assert values == pytest.approx(expected)
        np.testing.assert_array_equal(curve.worst, run.test.worst)
        assert each.worst_in_limit == run.limit.worst
        np.testing.assert_array_equal(curve.predicted, run.predicted.accuracy.worst)
        assert curve.predicted_limit == run.predicted.limit.worst
    np.testing.assert_array_equal(found.times, training.runs[0].run.times)
    assert found.setting == training.prepared.fit.setting
    assert (found.source, found.seed) == ("counted", 2)


@pytest.mark.parametrize("time", [TIME, None])
def test_what_is_behind_is_a_paired_difference_of_counts(training, time):
    found, test = counted_comparison(training, time), training.prepared.test
    of_method = {run.method: run for run in training.runs}
    hits = [right(training, of_method[each.method], time) for each in found.standings]
    parts = [worst_part(each, test) for each in hits]
    first = hits[0][test.parts == parts[0]]
    assert found.standings[0].behind == 0
    for each, mine, part in zip(found.standings, hits, parts, strict=True):
        other = mine[test.parts == part]
        if part == parts[0]:
            gap = first.astype(int) - other
            variance = gap.var() / gap.size + 1 / (4 * gap.size**2)
        else:
            variance = sum(x.var() / x.size + 1 / (4 * x.size**2) for x in (first, other))
        expected = (first.mean() - other.mean()) / math.sqrt(variance)
        assert each.behind == pytest.approx(expected)
        assert each.even == (expected < 2)


def test_features_are_trained_on_and_counted(own):
    found = compare_own(own, ["erm"], time=TIME, seed=2, points=4, center=False)
    training = train_own(own, ["erm"], seed=2, points=4, center=False, record=[TIME])
    np.testing.assert_array_equal(found.worst[0], training.runs[0].test.worst)
    assert TIME in found.times
    assert found.standings[0].even


def test_without_groups_all_test_examples_are_the_worst_part():
    sample = draw(SMALL, 1, "explicit")
    own = own_features(sample.features, sample.labels, holdout=0.3)
    found = compare_own(own, points=4)
    assert {each.method for each in found.standings} == {"erm", "mat"}
    assert "groups" in found.left_out["reweighting"]
    assert found.setting is None
    each = found.standings[0]
    size, share = len(own.test.labels), each.worst_in_limit
    assert each.error_in_limit == pytest.approx(
        math.sqrt(share * (1 - share) / size + 1 / (4 * size**2))
    )
    assert found.curves[0].predicted is None
    assert '"setting": null' in json.dumps(found.as_json(), allow_nan=False)


def test_what_cannot_be_separated_is_compared_by_its_finite_minimiser():
    sample = draw(Setting(300, 3, 0.8, 2.0, 0.5, 0.3, 0.3, label_noise=0.2), 1, "explicit")
    own = own_features(sample.features, sample.labels, groups=sample.groups, holdout=0.3)
    found = compare_own(own, ["erm", "reweighting"], points=4)
    assert found.sharing() == []
    assert all(math.isfinite(each.behind) for each in found.standings)


def test_without_test_examples_the_fix_is_named():
    sample = draw(SMALL, 1, "explicit")
    own = own_features(sample.features, sample.labels, groups=sample.groups)
    with pytest.raises(SettingError, match=r"--holdout .*--split"):
        compare_own(own)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf, 1e17, True, "20"])
def test_a_time_that_is_none_is_refused(bad, own):
    for call in (lambda: compare(SMALL, time=bad), lambda: compare_own(own, time=bad)):
        with pytest.raises(SettingError) as caught:
            call()
        assert caught.value.field == "time"


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"methods": ["mat"]}, "objectives"),
        ({"methods": ["none"]}, "objectives"),
        ({"methods": []}, "objectives"),
        ({"latest": 0.01}, "latest"),
        ({"latest": math.nan}, "latest"),
        ({"seed": -1}, "seed"),
        ({"a_decade": 0}, "a_decade"),
        ({"sites": 3}, "sites"),
    ],
)
def test_what_is_out_of_range_is_refused(options, field):
    with pytest.raises(SettingError) as caught:
        compare(SMALL, **({"methods": ["erm"]} | options))
    assert caught.value.field == field


def test_a_method_that_does_not_exist_is_left_out_or_refused():
    alone = replace(SMALL, rho=1.0)
    found = compare(alone, **FEW)
    assert [each.name for each in found.standings] == ["ERM"]
    assert set(found.left_out) == {name.replace("-", " ") for name in PREDICTED[1:]}
    with pytest.raises(SettingError):
        compare(alone, ["reweighting"], **FEW)


def test_subsampling_is_not_predicted_with_label_noise():
    # A balanced draw keeps its flipped labels, and another share of them in each group.
    noisy = replace(SMALL, label_noise=0.2)
    draws = draw(noisy, 1).balanced(1)
    shares = [round(float((draws.groups == g).mean()), 3) for g in (0, 1)]
    assert shares == [0.5, 0.5]
    found = compare(noisy, a_decade=2, sites=16, latest=10.0)
    assert "flipped labels" in found.left_out["subsampling"]
    with pytest.raises(SettingError, match="must be 0 to predict subsampling"):
        compare(noisy, ["subsampling"], **FEW)
    with pytest.raises(SettingError, match="label_noise"):
        trajectories.compute(noisy, latest=1.0, points=3)


@pytest.mark.parametrize("rho", [0.29, 0.805, 0.985])
def test_subsampling_is_predicted_with_the_counts_that_a_draw_keeps(rho):
    setting = replace(SMALL, rho=rho, n=100)
    few, _ = in_the_model("subsampling", setting)
    assert few.n == draw(setting, 1).balanced(1).n
    with pytest.raises(SettingError, match="both groups have examples"):
        in_the_model("subsampling", replace(setting, rho=0.999))


def test_a_setting_that_cannot_be_separated_ends_at_its_finite_minimiser():
    rough = Setting(100, 20, 0.8, 2.0, 0.5, 0.3, 0.3, label_noise=0.3)
    found = compare(rough, a_decade=2, sites=32, latest=10.0)
    assert {each.method for each in found.standings} == {*PREDICTED[:3]}
    assert "max margin" in found.left_out["curing scale"]
    assert found.sharing() == []
    end = proportional.ridge_path(rough, Objective.reweighting(rough), [1e-9])
    values = by_method(found)["reweighting"][0].worst_in_limit
    assert values == pytest.approx(end.accuracy(rough).worst[0], abs=1e-6)


def test_what_stops_erm_is_said_at_once(monkeypatch):
    asked = []

    def flow(*_, **__):
        asked.append(1)
        raise ResourceError("not at rest")

    monkeypatch.setattr(proportional, "flow", flow)
    with pytest.raises(ResourceError, match="not at rest"):
        compare(SMALL)
    assert len(asked) == 1


def test_json_is_the_comparison_and_has_no_nan(predicted, counted):
    for found in (predicted, counted):
        content = json.loads(json.dumps(found.as_json(), allow_nan=False))
        assert (content["schema"], content["time"]) == (1, TIME)
        assert content["source"] == found.source
        assert content["times"] == found.times.tolist()
        assert Setting(**content["setting"]) == found.setting
        assert content["one_limit"] == found.sharing()
        for row, each, curve in zip(content["methods"], found.standings, found.curves, strict=True):
            assert (row["name"], row["rank"], row["lasts"]) == (each.name, each.rank, each.lasts)
            assert row["worst"] == curve.worst.tolist()
            assert row["window"] == list(each.window)
            assert (row["errors"] is None) == (found is predicted)


def test_the_command_shows_a_table_within_80_columns(tmp_path, capsys, monkeypatch):
    few = {name: FEW[name] for name in ("a_decade", "sites")}
    monkeypatch.setattr(studies, "compare", partial(compare, **few))
    flags = ["--n", "200", "--d", "400", "--rho", "0.8", "--gamma", "3", "--sigma", "0.4"]
    methods = ["--objective", "erm", "--objective", "logit-shifting", "--objective", "subsampling"]
    where = ["--json", str(tmp_path / "a.json"), "--figure", str(tmp_path / "drawn")]
    assert main(["compare", *flags, *methods, "--time", "20", "--latest", "1e3", *where]) == 0
    shown = capsys.readouterr().out
    content = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert content["times"][-1] == pytest.approx(1e3)
    first = content["methods"][0]
    rows = [line for line in shown.splitlines() if re.match(r" (logit|ERM|subsamp)", line)]
    assert len(rows) == 3
    assert all(len(line) <= 80 for line in rows)
    at, end = (f"{first[name]:.3f}" for name in ("worst_at_time", "worst_in_limit"))
    assert re.match(rf" {first['name']} +1 +{at} +{first['rank_in_limit']} +{end} ", rows[0])
    assert f"Best at t = 20: {first['name']} ({first['worst_at_time']:.2f})" in shown
    assert "Logit shifting and ERM share one limit." in shown
    names = [f"comparison.{suffix}" for suffix in ("png", "pdf", "csv")]
    assert shown.split()[-3:] == [os.path.join(str(tmp_path), "drawn", name) for name in names]
    assert sorted(os.listdir(tmp_path / "drawn")) == sorted(names)


def test_the_command_compares_features(own, tmp_path, capsys):
    train, test = own.train, own.test
    path = tmp_path / "own.npz"
    np.savez(
        path,
        features=np.concatenate((train.features, test.features)),
        labels=np.concatenate((train.labels, test.labels)).astype(int),
        groups=np.concatenate((train.groups, test.groups)),
        split=["train"] * len(train.labels) + ["test"] * len(test.labels),
    )
    assert main(["compare", "--features", str(path), "--latest", "10"]) == 2
    assert "--latest = 10.0: must be left out" in capsys.readouterr().err
    flags = ["--objective", "erm", "--objective", "logit-shifting", "--time", "7"]
    out = tmp_path / "own.json"
    assert main(["compare", "--features", str(path), *flags, "--json", str(out)]) == 0
    shown = capsys.readouterr().out
    content = json.loads(out.read_text(encoding="utf-8"))
    assert content["source"] == "counted"
    assert len(content["times"]) == 50
    for row in content["methods"]:
        [line] = [line for line in shown.splitlines() if line.startswith(f" {row['name']} ")]
        assert len(line) <= 80
        error = f"{row['error_at_time']:.3f}".removeprefix("0")
        assert f"{row['rank']}  {row['worst_at_time']:.3f}  {error}" in line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--objective mat", "in the model it is logit shifting"),
        ("--time 0", "time = 0.0: must be"),
        ("--latest 0", "latest = 0.0: must be"),
        ("--holdout 0.2", "given with --features FILE"),
        ("--n 0", "n = 0"),
        ("--json {folder}", "is a folder"),
        ("--figure {folder}/taken", "is not a folder"),
        ("--features {folder}/none.npz", "none.npz"),
    ],
)
def test_bad_input_is_one_line_and_status_2(arguments, words, tmp_path, capsys):
    (tmp_path / "taken").write_bytes(b"mine")
    assert words in refusal(["compare", *arguments.format(folder=tmp_path).split()], capsys)


def led(*timeline, last=100.0):
    return SimpleNamespace(timeline=lambda: list(timeline), times=np.array([1.0, last]))


def test_leaders_are_told_of_without_moments():
    assert show_compare.leaders(led(("a", 1.0, 100.0))) == "Ahead at all times: a."
    two = led(("a", 1.0, 12.0), ("b", 12.0, 100.0))
    assert show_compare.leaders(two) == "Ahead: a until t = 12, then b."
    brief = led(("a", 1.0, 12.0), ("b", 12.0, 13.0), ("a", 13.0, 100.0))
    assert show_compare.leaders(brief) == "Ahead at all times (but for moments): a."
    end = led(("a", 1.0, 90.0), ("b", 90.0, 100.0))
    assert show_compare.leaders(end) == "Ahead: a until t = 90, then b."


def test_figure_data_are_the_comparison(predicted, monkeypatch):
    asked = []
    monkeypatch.setattr(
        picture, "compare", lambda *_, **options: asked.append(options) or predicted
    )
    data = picture.compute(SMALL, 3, LATEST, sites=32)
    picture.compute(SMALL, latest=5.0)
    assert [(each["time"], each["latest"]) for each in asked] == [(20.0, LATEST), (5.0, 5.0)]
    assert (asked[0]["seed"], asked[0]["sites"]) == (3, 32)
    rows = list(zip(*data.table().values(), strict=True))
    for each in predicted.standings:
        own = [row for row in rows if row[0] == each.name]
        assert [float(t) for _, kind, t, *_ in own if kind == "window"] == pytest.approx(
            each.window
        )
        edges = [float(t) for _, kind, t, *_ in own if kind == "lead"]
        assert edges == pytest.approx([t for lead in each.leads for t in lead])
        [limit] = [float(row[3]) for row in own if row[1] == "predicted limit"]
        assert limit == pytest.approx(each.worst_in_limit)


@pytest.mark.parametrize("name", ["predicted", "counted"])
def test_both_are_drawn_inside_the_page_and_written(name, request, tmp_path):
    found = request.getfixturevalue(name)
    check_picture(picture, picture.Compared(found), tmp_path)


def test_every_method_has_its_line_its_limit_and_its_stretches(counted):
    figure = picture.draw(picture.Compared(counted))
    above, below = figure.axes
    places = []
    for each, curve in zip(counted.standings, counted.curves, strict=True):
        lines = [line for line in above.get_lines() if line.get_color() == style.colour(each.name)]
        assert any(np.array_equal(line.get_ydata(), curve.worst) for line in lines)
        assert any(np.array_equal(line.get_ydata(), curve.predicted) for line in lines)
        dots = [line for line in lines if line.get_marker() == "o"]
        assert [line.get_ydata()[0] for line in dots] == [curve.limit, each.worst_at_time]
        places.append(dots[0].get_xdata()[0])
        bars = [bar for bar in below.patches if bar.get_facecolor()[:3] == rgb(each.name)]
        found = sorted((bar.get_x(), bar.get_x() + bar.get_width()) for bar in bars)
        assert np.allclose(found, sorted(each.leads))
    assert (np.diff(np.log(places)) > 0.1).all()


def rgb(name):
    value = style.colour(name)
    return tuple(int(value[k : k + 2], 16) / 255 for k in (1, 3, 5))


def test_a_title_names_two_winners_or_counts_them(predicted):
    one = predicted.standings[0]
    assert picture._winners([one, one]) == f"{one.name} and {one.name}"
    assert picture._winners([one] * 4) == f"{one.name} and 3 more"


def test_replicates_of_a_figure_without_draws_are_refused(tmp_path):
    with pytest.raises(SettingError, match="shows predictions"):
        figures.make("comparison", tmp_path, replicates=3)
    assert list(tmp_path.iterdir()) == []


def test_its_help_names_all_methods_and_needs_no_numerical_library(tmp_path):
    code = (
        "import sys\n"
        "from pitfalls.cli import main\n"
        "try:\n"
        "    main(['compare', '--help'])\n"
        "finally:\n"
        "    print('LOADED', sorted({m.split('.')[0] for m in sys.modules}), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0
    assert done.stdout.startswith("usage: pitfalls compare")
    assert "LOADED" in done.stderr
    for heavy in ("numba", "scipy", "matplotlib", "numpy", "rich"):
        assert f"'{heavy}'" not in done.stderr
    shown = "".join(done.stdout.split())
    assert all(name in shown for name in PREDICTED)
