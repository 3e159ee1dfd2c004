"""The trajectories figure: its data, its bytes, and its files."""

import csv
import io
import math

import matplotlib as mpl
import numpy as np
import pytest
from pitfalls import figures
from pitfalls.figures import style, trajectories
from pitfalls.studies import write_atomically
from pitfalls.theory import NotSeparableError, Setting, angle

SMALL = Setting(50, 50_000, 0.8, 3.0, 0.05)
NAMES = ["ERM", "reweighting", "logit shifting"]


@pytest.fixture(scope="module")
def data():
    return trajectories.compute(SMALL, seed=1, latest=1e8, points=21)


def test_data_hold_three_objectives_simulated_and_in_closed_form(data):
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
    assert {len(column) for column in table.values()} == {2 * 3 * 21}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*table.values(), strict=True)]
    chosen = [r for r in rows if (r["objective"], r["source"]) == ("reweighting", "closed form")]
    run = data.closed[1]
    expected = (run.times, run.core, SMALL.gamma * run.spurious, run.memory)
    for name, values in zip(columns[2:6], expected, strict=True):
        found = np.array([float(r[name]) for r in chosen])
        assert np.abs(found - values).max() <= 1e-9 * np.abs(values).max()
    last = angle(run.at(20), data.closed_limit)
    assert float(chosen[-1]["angle_degrees"]) == pytest.approx(last, rel=1e-8)


def test_closed_form_is_near_the_simulation_of_nearly_orthogonal_data(data):
    # Gaussian features have cosines of about 1/√d, so n of them move a weight by about √(n/d).
    nearness = math.sqrt(SMALL.n / SMALL.d)
    for simulated, closed in zip(data.simulated, data.closed, strict=True):
        lengths = np.linalg.norm(closed.coordinates, axis=1)
        gap = np.linalg.norm(simulated.coordinates - closed.coordinates, axis=1)
        assert (gap < nearness * lengths).all()
    gap = np.linalg.norm(data.limit.coordinates - data.closed_limit.coordinates)
    assert 0 < gap < nearness


def test_every_objective_ends_nearer_to_the_one_limit(data):
    for _, run, limit in data.pairs():
        assert (np.diff(run.angle(limit)[-8:]) < 0).all()


def test_the_same_seed_gives_the_same_files(tmp_path):
    first, second, other = (tmp_path / name for name in "abc")
    small = {"n": 20, "d": 400, "rho": 0.8, "gamma": 3.0, "sigma": 0.2}
    figures.make("trajectories", first, small, seed=3, latest=1e4)
    figures.make("trajectories", second, small, seed=3, latest=1e4)
    figures.make("trajectories", other, small, seed=4, latest=1e4)
    for suffix in ("png", "pdf", "csv"):
        name = f"trajectories.{suffix}"
        assert (first / name).read_bytes() == (second / name).read_bytes()
        assert (first / name).read_bytes() != (other / name).read_bytes()


def test_files_are_what_their_names_say(tmp_path, data):
    table = data.table()
    paths = style.save(trajectories.draw(data), table, tmp_path / "new" / "folder", "figure")
    assert [path.name for path in paths] == ["figure.png", "figure.pdf", "figure.csv"]
    assert paths[0].read_bytes().startswith(b"\x89PNG")
    assert paths[1].read_bytes().startswith(b"%PDF")
    rows = list(csv.reader(io.StringIO(paths[2].read_text(encoding="utf-8"))))
    assert rows[0] == list(table)
    assert len(rows) == 1 + 2 * 3 * 21
    assert sorted(path.name for path in paths[0].parent.iterdir()) == sorted(
        path.name for path in paths
    )


def test_drawing_leaves_the_settings_of_others_alone(data):
    # Looking up the backend would choose one; all other settings can be compared.
    names = sorted(set(mpl.rcParams) - {"backend"})
    before = [mpl.rcParams[name] for name in names]
    trajectories.draw(data)
    assert [mpl.rcParams[name] for name in names] == before


def test_lines_have_their_objectives_colours(data):
    for axes in trajectories.draw(data).axes:
        colours = [line.get_color() for line in axes.get_lines()]
        assert colours[:3] == [style.colour(name) for name in NAMES]
        assert colours[3:6] == ["black"] * 3


def test_an_objectives_colour_is_fixed():
    chosen = {name: style.colour(name) for name in [*NAMES, "vector scaling", "custom"]}
    assert chosen["ERM"] == "#D55E00"
    assert chosen["reweighting"] == "#0072B2"
    assert chosen["logit shifting"] == "#009E73"
    assert len(set(chosen.values())) == 5


def test_axes_say_what_they_show(data):
    plane, angles = trajectories.draw(data).axes
    assert "w_y" in plane.get_xlabel()
    assert "w_a" in plane.get_ylabel()
    assert "learning rate × steps" in angles.get_xlabel()
    assert "degrees" in angles.get_ylabel()


def test_the_max_margin_point_is_where_the_paths_end(data):
    plane = trajectories.draw(data).axes[0]
    [point] = [line for line in plane.get_lines() if line.get_marker() == "o"]
    limit = data.limit.coordinates * np.array([1, SMALL.gamma, 1])
    expected = limit[:2] / data.limit.norm * np.log1p(1e8)
    assert np.abs(np.ravel(point.get_data()) - expected).max() < 1e-9
    left, right = plane.get_xlim()
    bottom, top = plane.get_ylim()
    assert left < expected[0] < right
    assert bottom < expected[1] < top


def test_data_without_a_limit_are_refused():
    flipped = Setting(50, 5, 0.8, 2.0, 0.5, label_noise=0.2)
    with pytest.raises(NotSeparableError):
        trajectories.compute(flipped, latest=1e4, points=5)


def test_a_file_is_replaced_whole(tmp_path):
    target = tmp_path / "a.txt"
    write_atomically(target, b"first")
    write_atomically(target, b"second")
    assert target.read_bytes() == b"second"
    assert list(tmp_path.iterdir()) == [target]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    target = tmp_path / "a.txt"
    write_atomically(target, b"old")

    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(target, b"new")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_that_is_a_file_is_refused_and_left_alone(tmp_path, data):
    (tmp_path / "taken").write_bytes(b"mine")
    with pytest.raises(OSError, match="taken"):
        style.save(trajectories.draw(data), data.table(), tmp_path / "taken", "figure")
    assert (tmp_path / "taken").read_bytes() == b"mine"
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_drawing_that_fails_writes_nothing(tmp_path, data, monkeypatch):
    figure = trajectories.draw(data)
    written = figure.savefig

    def fail_on_pdf(buffer, format, **options):  # noqa: A002
        if format == "pdf":
            raise RuntimeError("no pdf")
        written(buffer, format=format, **options)

    monkeypatch.setattr(figure, "savefig", fail_on_pdf)
    with pytest.raises(RuntimeError, match="no pdf"):
        style.save(figure, data.table(), tmp_path, "figure")
    assert list(tmp_path.iterdir()) == []


def test_a_ragged_table_writes_nothing(tmp_path):
    with pytest.raises(ValueError, match="zip"):
        style.save(style.new_figure(1, 1), {"a": [1], "b": [1, 2]}, tmp_path, "figure")
    assert list(tmp_path.iterdir()) == []


def test_default_setting_loses_the_minority_slowly():
    setting = trajectories.default_setting()
    assert (setting.rho, setting.gamma, setting.delta) == (0.9, 5.0, 200.0)
    assert setting.kappa == pytest.approx(1.5 * 9 / 19, rel=1e-12)
