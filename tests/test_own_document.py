"""docs/own_features.md: its commands print what it shows, and its Python runs."""

import doctest
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from documents import missing
from pitfalls.studies.own import own_features

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "docs" / "own_features.md"
EXAMPLE = ROOT / "examples" / "digits.py"
TEXT = DOCUMENT.read_text(encoding="utf-8")


def transcripts():
    """Commands of the page, and what it shows of their output."""
    for block in re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            yield command, shown


def test_what_is_missing_is_seen():
    printed = "a 0.50 ─── b\n c 3e+04 d"
    assert missing("a 0.505\n…\nd\n", printed) is None
    assert missing("a 0.53\n…\nd\n", printed) is not None
    assert missing("d\n…\na\n", printed) is not None
    assert missing("a 0.5 c\n", printed) is not None


@pytest.fixture
def digits():
    pytest.importorskip("sklearn", reason="scikit-learn is of the extra bench")
    return runpy.run_path(str(EXAMPLE))["digits"]


def test_the_example_is_the_same_for_the_same_seed(digits):
    one, again, other = digits(0, 5), digits(0, 5), digits(1, 5)
    assert all(np.array_equal(one[name], again[name]) for name in one)
    assert not np.array_equal(one["labels"], other["labels"])


def test_the_example_has_the_groups_it_tells_of(digits):
    made = digits(3, 2)
    own = own_features(
        made["features"], made["labels"], attributes=made["attributes"], split=made["split"]
    )
    assert own.train.groups.mean() == 0.9
    assert np.bincount(own.test.parts).min() > 400
    assert np.bincount(own.test.groups).tolist() == [897, 897]
    # Each test picture is there with the stripe and without, and the stripe is nothing else.
    first, second = np.split(own.test.features[:, :64], 2)
    edge = np.arange(64) % 8 == 0
    assert np.array_equal(first[:, ~edge], second[:, ~edge])
    assert np.abs(first - second)[:, edge] == pytest.approx(0.5)
    assert first[:, ~edge].max() == 1


def test_without_scikit_learn_the_example_says_what_it_needs(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(SystemExit, match=r"needs scikit-learn: pip install 'pitfalls\[bench\]'"):
        runpy.run_path(str(EXAMPLE))["digits"]()


@pytest.mark.slow
def test_the_page_shows_what_its_commands_print(digits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    commands = list(transcripts())
    assert len(commands) == 4
    for command, shown in commands:
        program, *arguments = shlex.split(command)
        if program == "python":
            arguments[0] = str(EXAMPLE)
        else:
            arguments = ["-m", program, *arguments]
        done = subprocess.run(
            [sys.executable, *arguments], capture_output=True, encoding="utf-8", timeout=600
        )
        assert (done.returncode, done.stderr) == (0, ""), command
        assert missing(shown, done.stdout) is None, command
    failures, examples = doctest.testfile(
        str(DOCUMENT), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE
    )
    assert examples > 10
    assert failures == 0
