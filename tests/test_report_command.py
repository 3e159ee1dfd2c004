"""`pitfalls report`: the page it writes, whole or not at all, and what it refuses."""

import os
import re
import struct
from pathlib import Path

import pytest
from command import refusal
from pitfalls import figures, studies
from pitfalls.cli import main
from pitfalls.studies.reports import PICTURE_DPI
from pitfalls.theory import SettingError
from report_page import Page, drawn, verification


@pytest.fixture
def asked(monkeypatch):
    """What the command asks for; nothing is computed."""
    seen = {"figures": [], "table": verification()}

    def verify(**options):
        seen["verify"] = options
        return seen["table"]

    def png(name, **options):
        seen["figures"].append(name)
        seen["png"] = options
        return drawn()

    monkeypatch.setattr(studies, "verify", verify)
    monkeypatch.setattr(figures, "png", png)
    return seen


def test_the_command_writes_the_page_and_says_where(asked, tmp_path, capsys):
    out = tmp_path / "page.html"
    flags = ["--seed", "7", "--workers", "2", "--replicates", "9"]
    assert main(["report", "--out", str(out), *flags]) == 0
    shown = capsys.readouterr()
    assert shown.out == f"{out}\n"
    assert shown.err == ""
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
    page = Page(out.read_text(encoding="utf-8"))
    assert page.texts("title") == ["pitfalls: All 4 statements hold"]
    default = ["trajectories", "accuracy-vs-aspect", "phase-diagram", "crossing-time", "comparison"]
    assert asked["figures"] == default
    assert page.texts("code")[0] == (
        f"pitfalls report --seed 7 --replicates 9 --figures {' '.join(default)} --out {out}"
    )
    for name in default:
        assert f"pitfalls figure {name} --seed 7" in page.texts("code")
        assert figures.words(name).alt in [each["alt"] for each in page.attributes("img")]
        assert figures.words(name).title.rstrip(".") in page.texts("h3")
    del asked["verify"]["progress"], asked["png"]["progress"]
    assert asked["verify"] == {"seed": 7, "quick": False, "workers": 2, "replicates": 9}
    assert asked["png"] == {"seed": 7, "workers": 2, "dpi": PICTURE_DPI}


def test_the_command_writes_the_same_bytes_with_any_workers(asked, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pages = []
    for workers in ("1", "2"):
        assert main(["report", "--workers", workers, "--figures", "none"]) == 0
        pages.append(Path("report.html").read_bytes())
    assert pages[0] == pages[1]
    assert main(["report", "--figures", "none", "--date"]) == 0
    dated = Path("report.html").read_text(encoding="utf-8")
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d[+-]\d\d:\d\d", dated)


def test_a_page_of_what_fails_is_written_too(asked, tmp_path, capsys):
    asked["table"] = verification("two", "four")
    out = tmp_path / "page.html"
    assert main(["report", "--out", str(out), "--quick"]) == 1
    assert capsys.readouterr().err == "pitfalls: does not hold: two, four\n"
    page = Page(out.read_text(encoding="utf-8"))
    assert "What does not hold" in page.texts("h2")
    assert asked["figures"] == ["trajectories", "accuracy-vs-aspect"]
    assert "pitfalls verify --quick --seed 0" in page.texts("code")


@pytest.mark.parametrize(
    ("flags", "names"),
    [
        (["none"], []),
        (["all"], list(figures.NAMES)),
        (["delay", "convergence", "delay"], ["delay", "convergence"]),
    ],
)
def test_figures_are_chosen_by_name(asked, tmp_path, flags, names):
    out = tmp_path / "page.html"
    assert main(["report", "--out", str(out), "--figures", *flags]) == 0
    assert asked["figures"] == names
    shown = " ".join(names) if 0 < len(names) < len(figures.NAMES) else flags[0]
    assert f"--figures {shown} --out" in Page(out.read_text(encoding="utf-8")).texts("code")[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--out {folder}", "is a folder"),
        ("--out {folder}/none/page.html", "does not exist"),
        ("--out {folder}/page.html --figures all delay", "must be names, or all alone"),
        ("--out {folder}/page.html --figures none none delay", "must be names, or none alone"),
        ("--out {folder}/page.html --seed -1", "seed = -1"),
        ("--out {folder}/page.html --replicates 2", "replicates = 2"),
        ("--out {folder}/page.html --workers 0", "workers = 0"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(arguments, words, tmp_path, capsys):
    said = refusal(["report", *arguments.format(folder=tmp_path).split()], capsys)
    assert words in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", ["--figures", "--figures nothing", "--seed x", "more"])
def test_bad_usage_shows_the_usage(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["report", *arguments.split()])
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith("usage: pitfalls")


@pytest.mark.parametrize("broken", ["figure", "disk", "interrupt"])
def test_a_page_is_written_whole_or_not_at_all(asked, tmp_path, monkeypatch, broken):
    out = tmp_path / "page.html"
    out.write_text("the one before", encoding="utf-8")
    status = {"figure": 2, "disk": 2, "interrupt": 130}[broken]
    errors = {"figure": SettingError("n", 0, "more"), "interrupt": KeyboardInterrupt()}

    def fail(*_, **__):
        raise errors.get(broken) or OSError("no space left")

    monkeypatch.setattr(*((os, "replace") if broken == "disk" else (figures, "png")), fail)
    assert main(["report", "--out", str(out), "--quick"]) == status
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
    assert out.read_text(encoding="utf-8") == "the one before"


def test_a_figure_on_the_page_is_the_one_that_its_command_writes(tmp_path):
    written = figures.make("convergence", tmp_path, latest=1e4, replicates=2)[0].read_bytes()
    again = figures.png("convergence", latest=1e4, replicates=2, workers=1)
    assert again == written
    small = figures.png("convergence", latest=1e4, replicates=2, dpi=PICTURE_DPI)
    sizes = [struct.unpack(">II", each[16:24]) for each in (written, small)]
    assert [round(side * PICTURE_DPI / 300) for side in sizes[0]] == pytest.approx(sizes[1], abs=1)


@pytest.mark.parametrize("name", figures.NAMES)
def test_every_figure_has_words(name):
    assert all(each.endswith(".") and "\n" not in each for each in figures.words(name))


def test_a_figure_that_there_is_not_is_refused():
    for ask in (figures.words, figures.png):
        with pytest.raises(SettingError, match="name = 'none'"):
            ask("none")
