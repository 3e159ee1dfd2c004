"""`pitfalls train --features`: what it writes, what it shows, and what it refuses."""

import functools
import io
import json
import os
import re
import signal
import subprocess
import sys

import bad_own_files as bad
import numpy as np
import own_files
import pytest
from bad_own_files import BAD_INPUTS, says
from command import refusal
from own_draws import SPLIT, few_sites, noisy_table, table
from own_files import save
from pitfalls.cli import main
from pitfalls.studies import own as own_package
from pitfalls.studies.own import own_features, train_own
from pitfalls.theory import SettingError


@pytest.fixture(scope="module", autouse=True)
def quickly():
    with few_sites():
        yield


@pytest.fixture
def archive(tmp_path):
    x, y, a = table()
    path = tmp_path / "own.npz"
    np.savez(path, features=x, labels=y, attributes=a, split=SPLIT)
    return path


def ran(*words):
    return main(["train", "--features", *map(str, words)])


def test_the_command_writes_what_the_library_computes(archive, tmp_path, capsys):
    out, weights = tmp_path / "run.json", tmp_path / "w.npz"
    flags = ["--objective", "erm", "--objective", "subsampling", "--time", 20, "--seed", 3]
    assert ran(archive, *flags, "--json", out, "--weights", weights) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert "\x1b" not in shown.out
    own = own_package.read_features(archive)
    training = train_own(own, ["erm", "subsampling"], latest=20.0, seed=3)
    assert json.loads(out.read_text(encoding="utf-8")) == training.as_json()
    x, y, a = table()
    test = np.array(SPLIT) == "test"
    with np.load(weights) as written:
        assert sorted(written.files) == ["erm", "mean", "subsampling"]
        for run in training.runs:
            margin = np.where(y == "b", 1, -1) * ((x - written["mean"]) @ written[run.method])
            right = (margin > 0)[test]
            assert right.mean() == run.test.average[-1]
            agree = ((y == "a") == (a == "in"))[test]
            assert right[~agree].mean() == run.test.groups.minority[-1]


def test_the_command_hands_every_flag_on(tmp_path, monkeypatch, capsys):
    x, y, a = table(width=3)
    place = np.where(a == "in", "x", "z")
    species = np.where(y == "b", "b", np.where(np.arange(len(y)) % 2, "c", "a"))
    path = save(
        tmp_path / "a.csv",
        x,
        {"id": range(len(y))},
        species=species,
        place=place,
    )
    asked = {}

    def note(own, methods, **options):
        asked.update(options, own=own, methods=methods)
        raise SettingError("what", "is", "asked for")

    monkeypatch.setattr(own_package, "train_own", note)
    flags = "--label species --attribute place --positive b --ignore id --holdout 0.25 --seed 4"
    assert ran(path, *flags.split(), "--no-center", "--ridge", "--objective", "mat") == 2
    own = asked.pop("own")
    assert own.class_names == ("not b", "b")
    assert own.train.features.shape[1] == 3
    expected = own_features(x, species, attributes=place, holdout=0.25, seed=4, positive="b")
    assert np.array_equal(own.test.features, expected.test.features)
    assert np.array_equal(own.train.parts, expected.train.parts)
    del asked["progress"]
    assert asked == {
        "methods": ["mat"],
        "latest": None,
        "learning_rate": None,
        "steps": None,
        "ridge": True,
        "center": False,
        "seed": 4,
    }
    path = save(
        tmp_path / "b.csv",
        own_files.X,
        mark=own_files.G,
        **{"part of": own_files.SPLIT},
        label=own_files.Y,
    )
    flags = ["--group", "mark", "--split", "part of", "--learning-rate", "0.5", "--steps", "7"]
    assert ran(path, *flags, "--ignore", "x0", "--ignore", "x1") == 2
    assert "two columns at least" in capsys.readouterr().err
    save(
        path,
        own_files.X,
        mark=own_files.G,
        **{"part of": ["train"] * 5 + ["test"]},
        label=own_files.Y,
    )
    assert ran(path, *flags) == 2
    assert asked["own"].part_names == ("majority", "minority")
    assert (asked["learning_rate"], asked["steps"], asked["center"]) == (0.5, 7, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        *(
            (f"--features own.npz --{flag} {value}", f"--{flag} = {value}: must be left out with")
            for flag, value in [("n", 30), ("d", 90), ("rho", 0.8), ("gamma", 2.0)]
            + [("sigma", 0.5), ("core-noise", 0.1), ("spurious-noise", 0.1), ("label-noise", 0.1)]
        ),
        ("--features own.npz --time 5 --steps 3 --learning-rate 0.1", "must be left out where"),
        ("--features own.npz --time 5 --ridge", "must be left out where time is given"),
        ("--features own.npz --steps 3", "given together"),
        ("--features own.npz --time 0", "time = 0.0"),
        ("--features own.npz --seed -1 --objective mat", "seed = -1"),
        ("--features own.npz --weights none/w.npz", "does not exist"),
        ("--features own.npz --weights .", "is a folder"),
        ("--features own.npz --json none/run.json", "does not exist"),
        ("--features own.npz --holdout 0.5", "given together with holdout"),
        ("--features own.npz --label lable", "Did you mean 'labels'?"),
        ("--features nowhere.npz", "No such file"),
        *(
            (f"--{name} {value}", f"--{name} = '{value}': must be given with --features FILE")
            for name, value in [("label", "y"), ("attribute", "a"), ("group", "g")]
            + [("split", "s"), ("positive", "1")]
        ),
        ("--holdout 0.5", "--holdout = 0.5: must be given with --features FILE"),
        ("--ignore id", "--ignore = ['id']: must be given with --features FILE"),
        ("--no-center", "--no-center = True: must be given with --features FILE"),
        ("--ridge", "--ridge = True: must be given with --features FILE"),
        ("--weights w.npz", "must be given with --features FILE"),
        ("--objective subsampling", "--objective = 'subsampling': must be given with --features"),
    ],
)
def test_bad_flags_are_one_line_and_status_2(
    words, message, archive, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert message in refusal(["train", *words.split()], capsys)
    assert [path.name for path in tmp_path.iterdir()] == ["own.npz"]


def is_of_a_file(name):
    return name.split("-")[0] in ("file", "npz", "csv", "parquet") and name != "file-no-path"


BAD_FILES = [each for each in BAD_INPUTS if is_of_a_file(each[0])]


@pytest.mark.parametrize(
    ("make", "expected"), [each[1:] for each in BAD_FILES], ids=[each[0] for each in BAD_FILES]
)
def test_a_bad_file_is_one_line_and_status_2(make, expected, tmp_path, monkeypatch, capsys):
    def on_the_command_line(path, ignore=(), **options):
        flags = [word for name, value in options.items() for word in (f"--{name}", value)]
        words = [word for each in ignore for word in ("--ignore", each)]
        status.append(ran(path, *flags, *words))

    status = []
    monkeypatch.setattr(bad, "read_features", on_the_command_line)
    make(tmp_path)()
    shown = capsys.readouterr()
    assert status == [2]
    assert shown.out == ""
    assert len(shown.err.splitlines()) == 1
    line = shown.err.removeprefix("pitfalls train: ")
    assert line != shown.err
    assert says(line, expected), line


def test_forty_bad_files_are_tried():
    assert len(BAD_FILES) >= 40


CASES = {
    "four parts": ("--objective erm --objective logit-shifting", {}),
    "ridge": ("--objective erm --ridge", {}),
    "steps": ("--objective erm --learning-rate 0.01 --steps 30", {}),
    "not separable": ("--objective erm", {"narrow": True}),
    "no groups": ("", {"drop": ["attributes"]}),
    "no test": ("--objective erm", {"drop": ["split"]}),
    "no test, no groups": ("--objective erm", {"drop": ["split", "attributes"]}),
    "groups in test only": ("--objective erm", {"hide": "train"}),
    "groups in training only": ("--objective erm", {"hide": "test"}),
}


@pytest.fixture(scope="module")
def shown_of(tmp_path_factory):
    """What a case shows, in a terminal of 80 columns; each is trained once."""

    @functools.cache
    def shown(case):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("COLUMNS", "80")
            patch.setenv("TERM", "xterm")
            out, err = io.StringIO(), io.StringIO()
            out.isatty = lambda: True
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            train(case, tmp_path_factory.mktemp("shown"))
        assert err.getvalue() == ""
        return re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())

    return shown


def train(case, folder):
    words, changes = CASES[case]
    x, y, a = noisy_table() if changes.get("narrow") else table()
    roles = {"labels": y, "attributes": a, "split": SPLIT}
    for name in changes.get("drop", []):
        del roles[name]
    if "hide" in changes:
        hidden = np.array(SPLIT) == changes["hide"]
        roles["attributes"] = np.where(hidden, "", a)
    path = folder / "own.npz"
    np.savez(path, features=x, **roles)
    time = [] if "ridge" in words or "steps" in words else ["--time", 10]
    assert ran(path, *words.split(), *time) == 0


@pytest.mark.parametrize("case", CASES)
def test_what_is_shown_fits_a_terminal_of_80_columns(case, shown_of):
    shown = shown_of(case)
    assert max(map(len, shown.splitlines())) <= 80
    assert "…" not in shown


@pytest.mark.parametrize(
    ("case", "heads", "words", "not_words"),
    [
        ("four parts", ["test minor."], ["part", "Furthest from the prediction"], ["left out"]),
        ("ridge", ["decay λ"], ["λ → 0"], ["time t"]),
        ("steps", ["time t"], ["t → ∞", "0.3"], ["decay"]),
        ("not separable", [], ["cannot be separated"], []),
        ("no groups", [], ["No groups:", "reweighting is left out: groups = None"], ["Furthest"]),
        ("no test", [], ["0 test examples", "The model that looks like it"], ["Furthest"]),
        ("no test, no groups", [], ["No groups:", "0 test"], ["The model that looks", "Furthest"]),
        ("groups in test only", [], ["The model could not be fitted: groups"], ["Furthest"]),
        ("groups in training only", [], ["The model that looks like it"], ["Furthest"]),
    ],
)
def test_what_is_shown_says_what_there_is(case, heads, words, not_words, shown_of):
    shown = " ".join(shown_of(case).split())
    # The head of a column may be folded: its words stand in two lines.
    for head in heads:
        assert all(each in shown for each in head.split()), head
    for word in words:
        assert word in shown, word
    for word in not_words:
        assert word not in shown, word
    assert "nan" not in shown


def test_an_interrupt_leaves_no_file_and_no_traceback(archive, tmp_path, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(own_package, "train_own", interrupted)
    out = tmp_path / "run.json"
    assert ran(archive, "--json", out, "--weights", tmp_path / "w.npz") == 130
    assert capsys.readouterr().err == "pitfalls train: interrupted\n"
    assert [path.name for path in tmp_path.iterdir()] == ["own.npz"]


@pytest.mark.slow
def test_ctrl_c_in_a_shell_is_one_line(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((3000, 3000)), np.arange(3000) % 2
    np.savez(tmp_path / "a.npz", features=x, labels=y, groups=(rng.random(3000) < 0.8) * 1)
    command = [sys.executable, "-m", "pitfalls", "train", "--features", "a.npz", "--json", "a.json"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, encoding="utf-8", env=dict(os.environ)
    )
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(8)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said == "pitfalls train: interrupted\n"
    assert not (tmp_path / "a.json").exists()
