"""Which line of a TOML file a key stands on, for error messages."""

from __future__ import annotations

import re
import tomllib
from typing import TypeAlias

__all__ = ["Path", "line_of"]

Path: TypeAlias = tuple[str, ...]

_TABLE = re.compile(r"^\s*\[\[?\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(
    r"""^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*="""
)
_PART = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")


def _parts(dotted: str) -> Path:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))


def line_of(text: str, path: Path) -> int:
    r"""Line, counted from 1, of a key; of what it stands in where it has no line of its own.

    Parameters
    ----------
    text : str
        A valid TOML document.
    path : tuple of str
        Names of the tables and the key.

    Examples
    --------
    >>> text = "seed = 0\n[grid]\nrho = [0.8,\n0.9]\n"
    >>> line_of(text, ("grid", "rho")), line_of(text, ("grid",)), line_of(text, ("nowhere",))
    (3, 2, 1)
    """
    found: dict[Path, int] = {(): 1}
    table: Path = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _TABLE.match(line):
            try:
                tomllib.loads(line)
            except tomllib.TOMLDecodeError:
                continue  # a line of an array
            table = _parts(header[1])
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            whole = (*table, *_parts(key[1]))
            for size in range(len(table) + 1, len(whole) + 1):
                found.setdefault(whole[:size], number)
    while path not in found:
        path = path[:-1]
    return found[path]
