"""The trajectories figure: its data, its bytes, and its files."""

import csv
import math
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from pictures import check_layout
from pitfalls import figures
from pitfalls.figures import style, trajectories
from pitfalls.sims import draw, gradient_flow, max_margin
from pitfalls.theory import NotSeparableError, Objective, PitfallsError, Setting, angle, orthogonal

SMALL = Setting(50, 50_000, 0.8, 3.0, 0.05)
SHARED = ["ERM", "reweighting", "logit shifting", "MAT"]
NAMES = [*SHARED, "subsampling", "curing scale", "lasting cure"]
# Groups of one size: the curing scale is ERM's.
BALANCED = Setting(50, 5000, 0.5, 3.0, 0.1)


KINDS = ["simulation", "closed form, d/n → ∞", "max margin", "minority wrong"]


@pytest.fixture(scope="module")
def data():
    return trajectories.compute(SMALL, seed=1, latest=1e8, points=21)


def test_data_hold_seven_methods_simulated_and_in_closed_form(data):
    assert [run.name for run in data.simulated] == NAMES
    assert [run.name for run in data.closed] == NAMES
    for run in data.simulated + data.closed:
        assert run.coordinates.shape == (21, 3)
        assert run.times[0] == pytest.approx(0.01, rel=1e-12)
        assert run.times[-1] == pytest.approx(1e8, rel=1e-12)


def test_table_is_long_and_says_what_was_computed(data):
    table = data.table()
    columns = ["objective", "source", "t", "w_y", "gamma_w_a", "w_eps", "angle_degrees"]
    assert list(table) == columns
    assert {len(column) for column in table.values()} == {2 * 7 * 21}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*table.values(), strict=True)]
    chosen = [r for r in rows if (r["objective"], r["source"]) == ("reweighting", "closed form")]
    run = data.closed[1]
    expected = (run.times, run.core, SMALL.gamma * run.spurious, run.memory)
    for name, values in zip(columns[2:6], expected, strict=True):
        found = np.array([float(r[name]) for r in chosen])
        assert np.abs(found - values).max() <= 1e-9 * np.abs(values).max()
    last = angle(run.at(20), data.closed_limits[1])
    assert float(chosen[-1]["angle_degrees"]) == pytest.approx(last, rel=1e-8)


def test_closed_form_is_near_the_simulation_of_nearly_orthogonal_data(data):
    # Gaussian features have cosines of about 1/√d, so n of them move a weight by about √(n/d).
    nearness = math.sqrt(SMALL.n / SMALL.d)
    for simulated, closed in zip(data.simulated, data.closed, strict=True):
        lengths = np.linalg.norm(closed.coordinates, axis=1)
        gap = np.linalg.norm(simulated.coordinates - closed.coordinates, axis=1)
        assert (gap < nearness * lengths).all()
    for limit, closed_limit in zip(data.limits, data.closed_limits, strict=True):
        gap = np.linalg.norm(limit.coordinates - closed_limit.coordinates)
        assert 0 < gap < nearness


def test_four_methods_share_a_limit_and_the_cure_has_its_own(data):
    scale = orthogonal.curing_scale(SMALL)
    sample, cure = draw(SMALL, 1), Objective.vector_scaling(SMALL, scale)
    shared = [max_margin(sample), orthogonal.max_margin(SMALL)]
    own = [max_margin(sample, cure), orthogonal.max_margin(SMALL, cure)]
    for limits, erm, cured in zip((data.limits, data.closed_limits), shared, own, strict=True):
        found = [limit.coordinates for limit in limits]
        assert np.abs(found[:4] - erm.coordinates).max() < 1e-12
        assert np.abs(found[5] - cured.coordinates).max() < 1e-9
        assert np.abs(found[6] - cured.coordinates).max() < 1e-9
        assert abs(cured.spurious) < 0.02 * erm.spurious
    cures = (cure, orthogonal.lasting_cure(SMALL))
    for run, objective in zip(data.simulated[5:], cures, strict=True):
        expected = gradient_flow(sample, objective, run.times)
        assert np.abs(run.coordinates - expected.coordinates).max() < 1e-6


def test_subsampling_is_erm_on_as_many_examples_of_each_group(data):
    few = draw(SMALL, 1).balanced(1)
    run = gradient_flow(few, Objective.erm(), data.simulated[4].times)
    assert np.abs(run.coordinates - data.simulated[4].coordinates).max() < 1e-12
    assert np.abs(max_margin(few).coordinates - data.limits[4].coordinates).max() < 1e-12
    # P14: balanced groups, no spurious weight.
    assert abs(data.closed_limits[4].spurious) < 1e-12
    assert np.abs(data.closed[4].spurious).max() < 1e-12


def test_mat_runs_beside_logit_shifting(data):
    shifted, mat = data.simulated[2:4]
    gap = np.linalg.norm(shifted.coordinates - mat.coordinates, axis=1)
    assert 0 < gap.max() < 0.1 * np.linalg.norm(shifted.coordinates[-1])


@pytest.mark.parametrize(
    "setting", [BALANCED, replace(SMALL, sigma=0.0)], ids=["balanced", "no memory"]
)
def test_a_setting_without_another_cure_is_drawn_without(setting):
    bare = trajectories.compute(setting, latest=1e4, points=5)
    assert [run.name for run in bare.simulated] == NAMES[:5]
    assert [name for name, _ in bare.ends()] == ["ERM", "subsampling"]
    figure = trajectories.draw(bare)
    plane = figure.axes[0]
    assert len([line for line in plane.get_lines() if line.get_marker() == "o"]) == 2
    words = [text.get_text().strip() for text in figure.legends[0].get_texts()]
    assert sorted(words) == sorted(["", "", "", *NAMES[:5], *KINDS])


def test_a_setting_without_any_cure_is_drawn_without(monkeypatch):
    def none(_):
        raise PitfallsError("no scale")

    monkeypatch.setattr(trajectories.orthogonal, "curing_scale", none)
    bare = trajectories.compute(SMALL, latest=1e4, points=5)
    assert [run.name for run in bare.simulated] == NAMES[:5]


def test_every_objective_ends_nearer_to_its_limit(data):
    for source, run, limit in data.pairs():
        if source == "closed form" and run.name in ("lasting cure", "subsampling"):
            # In the limit d/n → ∞ they have the direction of their max margin from the start.
            assert run.angle(limit).max() < 1e-5
        else:
            assert (np.diff(run.angle(limit)[-8:]) < 0).all()


def test_the_same_seed_gives_the_same_files(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    small = {"n": 20, "d": 400, "rho": 0.8, "gamma": 3.0, "sigma": 0.2}
    figures.make("trajectories", first, small, seed=3, latest=1e4)
    figures.make("trajectories", second, small, seed=3, latest=1e4)
    for suffix in ("png", "pdf", "csv"):
        name = f"trajectories.{suffix}"
        assert (first / name).read_bytes() == (second / name).read_bytes()
    other = trajectories.compute(Setting(**small), seed=4, latest=1e4)
    rows = list(csv.reader((first / "trajectories.csv").read_text("utf-8").splitlines()))[1:]
    assert rows[1] != [column[1] for column in other.table().values()]
    assert rows[-1] == [column[-1] for column in other.table().values()], "a closed form"


def test_lines_have_their_objectives_colours(data):
    for axes in trajectories.draw(data).axes:
        colours = [line.get_color() for line in axes.get_lines()]
        assert colours[:7] == [style.colour(name) for name in NAMES]
        assert colours[7:14] == ["black"] * 7


def test_axes_say_what_they_show(data):
    plane, angles = trajectories.draw(data).axes
    assert "w_y" in plane.get_xlabel()
    assert "w_a" in plane.get_ylabel()
    assert "learning rate × steps" in angles.get_xlabel()
    assert "degrees" in angles.get_ylabel()


def test_the_max_margin_points_are_where_the_paths_end(data):
    plane = trajectories.draw(data).axes[0]
    points = [line for line in plane.get_lines() if line.get_marker() == "o"]
    assert [point.get_markeredgecolor() for point in points] == [
        "black",
        *(style.colour(name) for name in ("subsampling", "curing scale")),
    ]
    left, right = plane.get_xlim()
    bottom, top = plane.get_ylim()
    for point, limit in zip(points, [data.limits[k] for k in (0, 4, 5)], strict=True):
        expected = limit.coordinates[:2] * [1, SMALL.gamma] / limit.norm * np.log1p(1e8)
        assert np.abs(np.ravel(point.get_data()) - expected).max() < 1e-9
        assert left < expected[0] < right
        assert bottom < expected[1] < top


def test_angles_are_to_each_methods_own_max_margin(data):
    lines = trajectories.draw(data).axes[1].get_lines()
    for line, (_, run, limit) in zip(lines, data.pairs(), strict=True):
        found, expected = line.get_ydata(), run.angle(limit)
        drawn = expected > 1e-5
        assert np.abs(found[drawn] - expected[drawn]).max(initial=0) < 1e-12
        assert np.isnan(found[~drawn]).all()


def test_angles_that_are_rounding_are_not_drawn():
    # Without memory reweighting is at its max margin at once.
    clean = trajectories.compute(replace(SMALL, sigma=0.0), latest=1e4, points=5)
    lines = trajectories.draw(clean).axes[1].get_lines()
    drawn = np.concatenate([line.get_ydata() for line in lines])
    assert np.isnan(lines[1].get_ydata()).all()
    assert np.nanmin(drawn) > 1e-5


def test_nothing_in_the_figure_overlaps(data):
    check_layout(trajectories.draw(data))


def test_the_legend_names_the_methods_and_what_is_drawn_of_them(data):
    words = [text.get_text() for text in trajectories.draw(data).legends[0].get_texts()]
    rows = [words[k::3] for k in range(3)]
    assert rows == [NAMES[:4], [*NAMES[4:], " "], KINDS]


def test_data_without_a_limit_are_refused():
    blurred = Setting(50, 5, 0.8, 2.0, 0.5, core_noise=2.0, spurious_noise=2.0)
    with pytest.raises(NotSeparableError):
        trajectories.compute(blurred, latest=1e4, points=5)


def test_default_setting_loses_the_minority_slowly():
    setting = trajectories.default_setting()
    assert (setting.rho, setting.gamma, setting.delta) == (0.9, 5.0, 200.0)
    assert setting.kappa == pytest.approx(1.5 * 9 / 19, rel=1e-12)


def test_drawing_leaves_the_settings_of_others_alone(data):
    # Looking up the backend would choose one; all other settings can be compared.
    names = sorted(set(mpl.rcParams) - {"backend"})
    before = [mpl.rcParams[name] for name in names]
    trajectories.draw(data)
    assert [mpl.rcParams[name] for name in names] == before
