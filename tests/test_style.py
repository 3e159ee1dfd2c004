"""The style of the figures, and files that are written whole or not at all."""

import csv
import io

import pytest
from pitfalls.figures import style
from pitfalls.studies import write_atomically

TABLE = {"t": [0.0, 1.0, 2.0], "x": [1.0, 0.5, 0.25]}
NAMES = ["ERM", "reweighting", "logit shifting", "MAT", "subsampling"]
NAMES += ["curing scale", "lasting cure", "vector scaling", "custom"]


@pytest.fixture
def drawn():
    """A figure of one line."""
    with style.style():
        figure = style.new_figure(2.0, 2.0)
        figure.subplots().plot(TABLE["t"], TABLE["x"])
    return figure


def test_files_are_what_their_names_say(tmp_path, drawn):
    paths = style.save(drawn, TABLE, tmp_path / "new" / "folder", "figure")
    assert [path.name for path in paths] == ["figure.png", "figure.pdf", "figure.csv"]
    assert paths[0].read_bytes().startswith(b"\x89PNG")
    assert paths[1].read_bytes().startswith(b"%PDF")
    rows = list(csv.reader(io.StringIO(paths[2].read_text(encoding="utf-8"))))
    assert rows[0] == list(TABLE)
    assert rows[1:] == [[str(t), str(x)] for t, x in zip(*TABLE.values(), strict=True)]
    assert sorted(path.name for path in paths[0].parent.iterdir()) == sorted(
        path.name for path in paths
    )


def test_an_objectives_colour_is_fixed():
    chosen = {name: style.colour(name) for name in NAMES}
    assert chosen["ERM"] == "#D55E00"
    assert chosen["reweighting"] == "#0072B2"
    assert chosen["logit shifting"] == "#009E73"
    assert chosen["curing scale"] == "#CC79A7"
    assert chosen["lasting cure"] == "#56B4E9"
    assert len(set(chosen.values())) == 9


def test_a_file_is_replaced_whole(tmp_path):
    target = tmp_path / "a.txt"
    write_atomically(target, b"first")
    write_atomically(target, b"second")
    assert target.read_bytes() == b"second"
    assert list(tmp_path.iterdir()) == [target]


def test_a_link_is_kept_and_what_it_points_to_replaced(tmp_path):
    target, link = tmp_path / "there" / "a.txt", tmp_path / "link.txt"
    target.parent.mkdir()
    target.write_bytes(b"first")
    link.symlink_to(target)
    write_atomically(link, b"second")
    assert link.is_symlink()
    assert target.read_bytes() == b"second"


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


def test_a_folder_that_is_a_file_is_refused_and_left_alone(tmp_path, drawn):
    (tmp_path / "taken").write_bytes(b"mine")
    with pytest.raises(OSError, match="taken"):
        style.save(drawn, TABLE, tmp_path / "taken", "figure")
    assert (tmp_path / "taken").read_bytes() == b"mine"
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_drawing_that_fails_writes_nothing(tmp_path, drawn, monkeypatch):
    written = drawn.savefig

    def fail_on_pdf(buffer, format, **options):  # noqa: A002
        if format == "pdf":
            raise RuntimeError("no pdf")
        written(buffer, format=format, **options)

    monkeypatch.setattr(drawn, "savefig", fail_on_pdf)
    with pytest.raises(RuntimeError, match="no pdf"):
        style.save(drawn, TABLE, tmp_path, "figure")
    assert list(tmp_path.iterdir()) == []


def test_a_ragged_table_writes_nothing(tmp_path):
    with pytest.raises(ValueError, match="zip"):
        style.save(style.new_figure(1, 1), {"a": [1], "b": [1, 2]}, tmp_path, "figure")
    assert list(tmp_path.iterdir()) == []
