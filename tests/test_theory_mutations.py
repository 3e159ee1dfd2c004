"""A constant that is a little wrong is noticed: each is bent in a copy, and its test is run.

Slow: every case starts a Python of its own.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from mutations import MUTATIONS

ROOT = Path(__file__).parent.parent
PARTS = ("theory", "sims", "studies", "figures", "benchmarks")

pytestmark = pytest.mark.slow


@pytest.fixture
def copy(tmp_path):
    """A second `pitfalls`, before the installed one on the path."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "package", tmp_path / "pitfalls", ignore=ignored)
    for part in PARTS:
        shutil.copytree(ROOT / part, tmp_path / "pitfalls" / part, ignore=ignored)
    return tmp_path


def run(copy, *tests):
    """pytest on the copy; prints which code it saw."""
    code = (
        "import sys, pitfalls, pytest; "
        f"assert pitfalls.__file__.startswith({str(copy)!r}), pitfalls.__file__; "
        "sys.exit(pytest.main(sys.argv[1:]))"
    )
    options = ("-q", "-x", "-p", "no:cacheprovider", "-m", "slow or not slow")
    return subprocess.run(
        [sys.executable, "-c", code, *options, *(f"tests/{test}" for test in tests)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(copy), "HYPOTHESIS_PROFILE": "mutated"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_copy_as_it_is_passes(copy):
    done = run(copy, *sorted({mutation.test for mutation in MUTATIONS}))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "mutation", MUTATIONS, ids=[f"{m.proposition}-{m.test.split('::')[1]}" for m in MUTATIONS]
)
def test_one_percent_is_noticed(copy, mutation):
    file = copy / "pitfalls" / mutation.file
    text = file.read_text()
    assert text.count(mutation.line) == 1
    file.write_text(text.replace(mutation.line, mutation.bent))
    done = run(copy, mutation.test)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed" in done.stdout
