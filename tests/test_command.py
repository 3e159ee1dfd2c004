"""The command from outside: exit statuses, messages, files, and how little --help needs."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import version

import numpy as np
import pytest
from command import pitfalls, refusal
from pitfalls import figures, flags, sims, studies
from pitfalls.cli import _parser, main
from pitfalls.figures import dynamics, interpretable, trajectories
from pitfalls.studies.statements import exact
from pitfalls.studies.train import ESTIMATED, OBJECTIVES, ONE_LIMIT
from pitfalls.theory import NotSeparableError, Objective, Setting, SettingError, proportional

SHARING = ["ERM", "reweighting", "logit shifting"]
CURES = ["curing scale", "lasting cure"]
# `pitfalls sweep status` is sweep-status to the parser.
_COMMANDS = next(each for each in _parser()._actions if each.dest == "command").choices
COMMANDS = [name.split("-") for name in _COMMANDS]
SMALL = ["--n", "30", "--d", "90", "--rho", "0.8", "--gamma", "2"]
SETTING = Setting(30, 90, 0.8, 2.0, 0.5, core_noise=0.12, spurious_noise=0.12)


@pytest.mark.parametrize("command", [[], *COMMANDS], ids=" ".join)
def test_help_of_every_command(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([*command, "--help"])
    assert stopped.value.code == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert shown.out.startswith(" ".join(["usage: pitfalls", *command]))
    if command in ([], ["verify"]):
        assert "Exit status: 0" in shown.out


def test_help_in_a_shell_names_every_command(tmp_path):
    done = pitfalls("--help", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    named = re.findall(r"^    ([a-z]+)\b", done.stdout, re.MULTILINE)
    assert named == list(dict.fromkeys(command[0] for command in COMMANDS))
    assert len(named) >= 11


def test_help_needs_no_numerical_library(tmp_path):
    code = (
        "import sys\n"
        "from pitfalls.cli import main\n"
        "for words in sys.argv[1:]:\n"
        "    try:\n"
        "        main(words.split())\n"
        "    except SystemExit as stopped:\n"
        "        loaded = sorted({m.split('.')[0] for m in sys.modules})\n"
        "        print(stopped.code, words, loaded, file=sys.stderr)\n"
    )
    commands = ["--version", "--help", "verify --help", "train --help"]
    done = subprocess.run(
        [sys.executable, "-c", code, *commands],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
    )
    lines = done.stderr.splitlines()
    assert len(lines) == len(commands)
    for line, command in zip(lines, commands, strict=True):
        assert line.startswith(f"0 {command} ['")
        for heavy in ("numba", "scipy", "matplotlib", "numpy", "rich"):
            assert f"'{heavy}'" not in line


def test_a_reader_that_goes_away_ends_it_in_silence(tmp_path):
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-W", "error", "-m", "pitfalls", "info"]
    with os.fdopen(write, "wb") as output:
        done = subprocess.run(command, cwd=tmp_path, stdout=output, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (141, b"")


def test_version_is_the_installed_one(tmp_path):
    done = pitfalls("--version", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"pitfalls {version('pitfalls')}\n")


@pytest.mark.parametrize(
    "arguments",
    ["", "nothing", "train --n", "train --n many", "train --n 1.5", "train --n nan", "figure"]
    + ["figure nothing", "train --objective none", "train --rho much", "verify --seed x", "--n 3"],
)
def test_bad_usage_shows_the_usage_and_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments.split())
    assert stopped.value.code == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("usage: pitfalls")
    assert "error:" in shown.err.splitlines()[-1]
    assert "_count" not in shown.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("train --n 0", "n = 0: must be an integer ≥ 1"),
        ("train --rho 1.5", "rho = 1.5: must be a number in [0, 1]"),
        ("train --gamma nan", "gamma = nan"),
        ("train --sigma -1", "sigma = -1.0"),
        ("train --label-noise 0.6", "label_noise = 0.6"),
        *(
            (
                f"train --n 20 --d 30 --rho 1 --objective {objective}",
                "majority (1) and minority (0), both non-empty",
            )
            for objective in ("reweighting", "logit-shifting", "curing-scale")
        ),
        ("train --n 20 --d 30 --sigma 0 --objective curing-scale", "there is no max margin"),
        (
            "train --n 20 --d 4 --label-noise 0.2 --objective curing-scale --objective erm",
            "no max margin exists",
        ),
        ("train --n 20 --d 30 --seed -1", "seed = -1"),
        ("train --time 0", "time = 0.0: must be a number in (0.01, 1e16]"),
        ("train --time 1e17", "time = 1e+17: must be"),
        ("train --time nan", "time = nan: must be"),
        ("train --steps 3", "given together"),
        ("train --learning-rate 0.1", "given together"),
        ("train --steps 3 --learning-rate 0.1 --time 5", "time = 5.0: must be left out"),
        ("train --n 20 --d 30 --steps 3 --learning-rate inf", "learning_rate = inf"),
        ("train --n 20 --d 30 --steps -1 --learning-rate 0.1", "must be an integer ≥ 0"),
        ("train --n 20 --d 30 --steps -5 --learning-rate 0.1", "must be an integer ≥ 0"),
        ("train --n 1e6 --d 1e7", "lower n"),
        ("train --n 1e12 --d 3", "lower n"),
        ("train --json {folder}/none/run.json", "does not exist"),
        ("train --json {folder}", "is a folder"),
        ("verify --replicates 2", "replicates = 2"),
        ("verify --workers 0", "workers = 0"),
        ("verify --seed -1", "seed = -1"),
        ("verify --json {folder}", "is a folder"),
        (
            "figure all --gamma 0.5 --out {folder}",
            "accuracy-vs-aspect: gamma = 0.5: must be such that",
        ),
        (
            "figure trajectories --latest 0 --out {folder}",
            "--latest = 0.0: must be a number in (0.01, 1e16]",
        ),
        ("figure trajectories --n 20 --rho 1 --out {folder}", "minority (0), both non-empty"),
        ("figure trajectories --n 20 --d 2 --core-noise 2 --out {folder}", "separated"),
    ],
)
def test_bad_input_is_one_line_and_status_2(arguments, words, tmp_path, capsys):
    assert words in refusal(arguments.format(folder=tmp_path).split(), capsys)
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_is_refused_and_left_alone(tmp_path, capsys):
    """A file of the test's own: as root, a program that fails this would replace any device."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert "is no regular file" in refusal(["train", "--json", str(pipe)], capsys)
    assert "is no regular file" in refusal(["sweep", "export", "no.db", "--csv", str(pipe)], capsys)
    assert pipe.is_fifo()


def test_bad_input_shows_no_traceback_to_a_shell(tmp_path):
    done = pitfalls("train", "--n", "0", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("pitfalls train: n = 0")
    assert done.stderr.count("\n") == 1


def test_train_writes_what_the_library_computes(tmp_path):
    done = pitfalls("train", *SMALL, "--seed", 4, "--json", "run.json", folder=tmp_path)
    assert done.returncode == 0
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert "n = 30, d = 90" in done.stdout
    assert "seed 4" in done.stdout
    content = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert set(content) == {"schema", "seed", "setting", "runs", "limits", "left_out"}
    assert (content["schema"], content["seed"]) == (1, 4)
    assert Setting(**content["setting"]) == SETTING
    assert content["left_out"] == []
    assert [run["objective"] for run in content["runs"]] == ["ERM", *SHARING[1:], *CURES]
    sample = sims.draw(SETTING, 4)
    first = content["runs"][0]
    flow = sims.gradient_flow(sample, Objective.erm(), first["times"])
    assert first["times"][0] == 0
    assert first["times"][-1] == pytest.approx(1e6, rel=1e-12)
    accuracy = flow.accuracy(SETTING)
    for found, expected in (
        (first["core"], flow.core),
        (first["spurious"], flow.spurious),
        (first["memory"], flow.memory),
        (first["loss"], flow.loss),
        (first["test"]["majority"], accuracy.majority),
        (first["test"]["minority"], accuracy.minority),
        (first["train"]["majority"], flow.train.majority),
        (first["train"]["minority"], flow.train.minority),
    ):
        assert np.abs(np.array(found) - expected).max() < 1e-6
    scale = proportional.curing_scale(SETTING)
    cure = Objective.vector_scaling(SETTING, scale)
    assert len(content["limits"]) == 4
    for index, (sharing, objective) in enumerate(((SHARING, None), (CURES, cure))):
        draw_limit, predicted = content["limits"][2 * index : 2 * index + 2]
        for found, name, expected in (
            (draw_limit, "limit of this draw", sims.max_margin(sample, objective)),
            (
                predicted,
                "limit predicted at this d/n",
                proportional.max_margin(SETTING, objective),
            ),
        ):
            assert (found["name"], found["objectives"]) == (name, sharing)
            majority = scale[1] if objective else 1
            assert found["scale"] == {"majority": pytest.approx(majority, rel=1e-12), "minority": 1}
            values = [found["core"], found["spurious"], found["memory"]]
            assert np.abs(values - expected.coordinates).max() < 1e-9
            assert found["test"]["minority"] == pytest.approx(
                expected.accuracy(SETTING).minority, abs=1e-9
            )
    assert abs(content["limits"][3]["spurious"]) < 1e-9 < abs(content["limits"][1]["spurious"])
    for run, objective in zip(
        content["runs"][3:], (cure, proportional.lasting_cure(SETTING)), strict=True
    ):
        expected = sims.gradient_flow(sample, objective, first["times"])
        assert np.abs(np.array(run["core"]) - expected.core).max() < 1e-6


def test_train_names_the_methods_of_each_limit_within_80_columns(capsys):
    assert main(["train", *SMALL, "--time", "1"]) == 0
    shown = capsys.readouterr().out
    ratio = proportional.curing_scale(SETTING)[1]
    start = shown.index("limit t → ∞ of ERM, reweighting, logit shifting\n")
    cured = f"limit t → ∞ of curing scale, lasting cure (Δ_maj/Δ_min = {ratio:.4g})\n"
    assert shown.index(cured) > start
    assert "left out" not in shown
    lines = shown[start:].splitlines()
    assert all(len(line) <= 80 for line in lines)
    last = [line.split() for line in lines if line.startswith(" predicted at this d/n")][-1]
    prediction = proportional.max_margin(
        SETTING, Objective.vector_scaling(SETTING, {1: ratio, 0: 1.0})
    )
    assert last[4:] == [
        *(f"{prediction.accuracy(SETTING).minority:.4f}" for _ in range(2)),
        f"{prediction.core:.4f}",
        "0.0000",
        f"{prediction.memory:.4f}",
    ]


def test_methods_of_one_scale_share_one_limit():
    # At so small a d/n nothing is memorised, and ERM has no spurious weight itself.
    setting = replace(SETTING, d=3, core_noise=0.0, spurious_noise=0.0)
    training = studies.train(setting, latest=1.0)
    assert [limit.objectives for limit in training.limits] == [[*SHARING, *CURES]] * 2
    alone = studies.train(SETTING, ["curing-scale", "reweighting"], latest=1.0)
    assert [limit.objectives for limit in alone.limits] == [["curing scale"]] * 2 + [
        ["reweighting"]
    ] * 2


def test_a_method_that_is_named_twice_is_trained_once():
    training = studies.train(SETTING, ["erm", "reweighting", "erm"], latest=1.0, points=2)
    assert [run.name for run in training.runs] == ["ERM", "reweighting"]


@pytest.mark.parametrize("methods", [[], ["erm", "nothing"], ["subsampling"]])
def test_a_method_that_is_not_known_is_refused(methods):
    with pytest.raises(SettingError, match="some of erm, reweighting") as caught:
        studies.train(SETTING, methods)
    assert caught.value.field == "objectives"


def test_a_method_by_its_name_in_the_command_has_that_name():
    assert list(OBJECTIVES) == [*ONE_LIMIT, "curing-scale", "lasting-cure"]
    for key, make in OBJECTIVES.items():
        assert make(SETTING).name.lower() == key.replace("-", " ")


def test_a_default_method_that_does_not_exist_is_left_out_and_says_why(tmp_path, capsys):
    out = tmp_path / "run.json"
    flags = ["--n", "20", "--d", "60", "--rho", "1", "--time", "1", "--json", str(out)]
    assert main(["train", *flags]) == 0
    shown = capsys.readouterr().out
    content = json.loads(out.read_text(encoding="utf-8"))
    assert [run["objective"] for run in content["runs"]] == ["ERM"]
    assert [each["objective"] for each in content["left_out"]] == [*SHARING[1:], *CURES]
    for each in content["left_out"]:
        assert "minority (0), both non-empty" in each["reason"]
        assert f"{each['objective']} is left out: {each['reason']}\n" in shown
    assert [limit["objectives"] for limit in content["limits"]] == [["ERM"], ["ERM"]]


def test_without_a_predicted_max_margin_only_the_cures_are_left_out(tmp_path, capsys):
    flags = ["--n", "20", "--d", "4", "--label-noise", "0.2", "--time", "1"]
    out = tmp_path / "run.json"
    assert main(["train", *flags, "--json", str(out)]) == 0
    shown = capsys.readouterr().out
    for name in CURES:
        assert f"{name} is left out: d/n = 0.2" in shown
    content = json.loads(out.read_text(encoding="utf-8"))
    assert [run["objective"] for run in content["runs"]] == SHARING


def test_help_of_train_names_all_methods(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert f"--objective {{{','.join([*OBJECTIVES, *ESTIMATED, 'subsampling'])}}}" in shown
    assert "of a setting all but mat and subsampling, of own features all" in shown


def test_mat_is_trained_with_the_shifts_of_this_draw(tmp_path, capsys):
    out = tmp_path / "run.json"
    flags = ["--objective", "erm", "--objective", "mat", "--time", "20", "--seed", "3"]
    assert main(["train", *SMALL, *flags, "--json", str(out)]) == 0
    assert "MAT" in capsys.readouterr().out
    content = json.loads(out.read_text(encoding="utf-8"))
    sample = sims.draw(SETTING, 3)
    run = sims.gradient_flow(sample, sims.memorization_aware(sample, 3), [20.0])
    assert content["runs"][1]["core"][-1] == pytest.approx(run.core[0], rel=1e-6)
    assert [limit["objectives"] for limit in content["limits"]] == [["ERM", "MAT"]] * 2


def test_train_by_descent_ends_after_the_steps(tmp_path):
    out = tmp_path / "run.json"
    steps = ["--learning-rate", "0.1", "--steps", "37", "--objective", "erm", "--json", str(out)]
    assert main(["train", *SMALL, *steps]) == 0
    [run] = json.loads(out.read_text(encoding="utf-8"))["runs"]
    expected = sims.gradient_descent(
        sims.draw(SETTING, 0), Objective.erm(), 0.1, 37, record=[0, 37]
    )
    assert run["times"][0] == 0
    assert run["times"][-1] == pytest.approx(3.7, rel=1e-12)
    for name in ("core", "spurious", "memory", "loss"):
        ends = np.array(run[name])[[0, -1]]
        assert np.abs(ends - getattr(expected, name)).max() < 1e-12


def test_train_of_no_steps_is_the_start(capsys):
    assert main(["train", *SMALL, "--learning-rate", "0.1", "--steps", "0"]) == 0
    assert "0.500" in capsys.readouterr().out


def test_counts_may_be_written_as_powers_of_ten(capsys):
    assert main(["train", "--n", "3e1", "--d", "9e1", "--time", "1"]) == 0
    assert "n = 30, d = 90" in capsys.readouterr().out


@pytest.mark.parametrize("d", [2, 6, 8, 10])
@pytest.mark.parametrize("seed", range(3))
def test_train_says_when_the_draw_cannot_be_separated(d, seed, capsys, tmp_path):
    setting = Setting(20, d, 0.8, 2.0, 0.5, 0.12, 0.12, label_noise=0.2)
    try:
        sims.max_margin(sims.draw(setting, seed))
        separable = True
    except NotSeparableError:
        separable = False
    out = tmp_path / "run.json"
    flags = ["--n", "20", "--d", str(d), "--rho", "0.8", "--gamma", "2", "--label-noise", "0.2"]
    arguments = [*flags, "--time", "100", "--seed", str(seed), "--json", str(out)]
    assert main(["train", *arguments]) == 0
    assert ("cannot be separated" in capsys.readouterr().out) == (not separable)
    limits = json.loads(out.read_text(encoding="utf-8"))["limits"]
    assert ("limit of this draw" in [each["name"] for each in limits]) == separable


def test_figure_writes_three_files_and_names_them(tmp_path):
    flags = ["--n", 20, "--d", 400, "--rho", 0.8, "--gamma", 3, "--sigma", 0.2]
    done = pitfalls(
        "figure", "trajectories", *flags, "--time", 1e3, "--out", "pictures", folder=tmp_path
    )
    assert done.returncode == 0
    assert done.stderr == ""
    names = [f"trajectories.{suffix}" for suffix in ("png", "pdf", "csv")]
    assert done.stdout.split() == [os.path.join("pictures", name) for name in names]
    assert sorted(os.listdir(tmp_path / "pictures")) == sorted(names)


def stop_here():
    raise OSError("what is drawn does not matter here")


def test_figure_keeps_its_own_setting_where_no_flag_is_given(tmp_path, monkeypatch):
    asked = []

    def compute(setting, *_, **__):
        asked.append(setting)
        stop_here()

    for figure in (dynamics, interpretable, trajectories):
        monkeypatch.setattr(figure, "compute", compute)
        name = figure.__name__.rpartition(".")[2]
        assert main(["figure", name, "--out", str(tmp_path)]) == 2
        assert main(["figure", name, "--out", str(tmp_path), "--gamma", "3"]) == 2
        own = figure.default_setting()
        assert asked[-2:] == [own, replace(own, gamma=3.0)]


def test_every_figure_is_offered_and_all_are_drawn(tmp_path, monkeypatch):
    assert flags.FIGURES == figures.NAMES
    made = []
    monkeypatch.setattr(
        figures,
        "make",
        lambda name, *_, **options: made.append((name, options["replicates"])) or [],
    )
    assert main(["figure", "all", "--out", str(tmp_path), "--replicates", "5"]) == 0
    assert made == [(n, 5 if n in figures.OF_MANY_DRAWS else None) for n in figures.NAMES]


def test_figure_into_a_file_is_refused(tmp_path, capsys):
    taken = tmp_path / "taken"
    taken.write_bytes(b"mine")
    flags = ["--n", "20", "--d", "400", "--gamma", "2", "--time", "1", "--out", str(taken)]
    assert "taken" in refusal(["figure", "trajectories", *flags], capsys)
    assert taken.read_bytes() == b"mine"


GOOD = exact("good", "one is one", prediction=1.0, observed=1.0, tolerance=0.1)
BAD = exact("bad", "one is two", prediction=2.0, observed=1.0, tolerance=0.1)
LOOSE = exact("loose", "anything goes", prediction=1.0, observed=1.0, tolerance=np.inf)


@pytest.mark.parametrize(
    ("statements", "flags", "status", "named"),
    [
        ([GOOD], [], 0, None),
        ([GOOD], ["--self-test"], 0, None),
        ([GOOD, BAD], [], 1, "bad"),
        ([GOOD, LOOSE], [], 0, None),
        ([GOOD, LOOSE], ["--self-test"], 1, "loose"),
    ],
)
def test_verify_fails_on_what_does_not_hold_or_cannot_fail(
    statements, flags, status, named, monkeypatch, capsys, tmp_path
):
    table = studies.Verification(seed=0, replicates=8, statements=statements)
    monkeypatch.setattr(studies, "verify", lambda **_: table)
    out = tmp_path / "table.json"
    assert main(["verify", *flags, "--json", str(out)]) == status
    shown = capsys.readouterr()
    holding = sum(each.holds for each in statements)
    assert f"{holding} of {len(statements)} statements hold" in shown.out
    if named:
        assert named in shown.err + shown.out.splitlines()[-1]
    assert json.loads(out.read_text(encoding="utf-8"))["holds"] == (BAD not in statements)


def test_verify_hands_its_flags_on(monkeypatch, capsys):
    asked = {}

    def note(**options):
        asked.update(options)
        return studies.Verification(0, 8, [GOOD])

    monkeypatch.setattr(studies, "verify", note)
    flags = ["--quick", "--seed", "5", "--replicates", "9", "--workers", "2"]
    assert main(["verify", *flags]) == 0
    assert "1 of 1" in capsys.readouterr().out
    del asked["progress"]
    assert asked == {"quick": True, "seed": 5, "replicates": 9, "workers": 2}


def test_an_interrupt_is_one_line_and_its_own_status(monkeypatch, capsys):
    def interrupted(**_):
        raise KeyboardInterrupt

    monkeypatch.setattr(studies, "verify", interrupted)
    assert main(["verify"]) == 130
    assert capsys.readouterr().err == "pitfalls verify: interrupted\n"


@pytest.mark.slow
def test_verify_from_a_shell_holds_and_can_be_read_by_a_program(tmp_path):
    flags = ["--replicates", 8, "--self-test", "--json", "table.json"]
    done = pitfalls("verify", *flags, folder=tmp_path)
    assert done.returncode == 0, done.stdout
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert "every bend refused" in done.stdout
    table = json.loads((tmp_path / "table.json").read_text(encoding="utf-8"))
    assert table["holds"]
    assert table["replicates"] == 8
    first_words = {line.split()[0] for line in done.stdout.splitlines() if line.strip()}
    assert {row["id"] for row in table["statements"]} <= first_words
