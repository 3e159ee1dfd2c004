"""The command as a user runs it, and what it says when it will not."""

import os
import subprocess
import sys

from pitfalls.cli import main


def pitfalls(*arguments, folder):
    """The command in a folder outside the tree; a warning would be an error."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "pitfalls", *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        timeout=600,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )


def refusal(arguments, capsys):
    """The one line that a refused command says, which begins with its name."""
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    [line] = shown.err.splitlines()
    # A subcommand of sweep is named too.
    assert line.startswith((f"pitfalls {arguments[0]}: ", "pitfalls sweep ")), line
    return line
