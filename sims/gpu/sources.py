"""The CUDA sources of this part, which of their templates are used, and how they are compiled."""

from __future__ import annotations

from itertools import product
from pathlib import Path

__all__ = [
    "FOLDER",
    "INSTANCES",
    "MOST_METHODS",
    "OPTIONS",
    "TILE",
    "TILE_THREADS",
    "instance",
    "source",
]

FOLDER = Path(__file__).parent / "cuda"
OPTIONS = ("--std=c++17",)

# As in cuda/tiles.cuh.
TILE, TILE_THREADS = 64, 256

MOST_METHODS = 4
"""Methods that share a product; more go in several runs."""


def instance(name: str, single: bool, methods: int, resident: bool) -> str:
    """A kernel of a template, as `INSTANCES` names it.

    Examples
    --------
    >>> instance("descend", single=False, methods=3, resident=True)
    'descend<double, 3, true>'
    """
    return f"{name}<{'float' if single else 'double'}, {methods}, {str(resident).lower()}>"


def _instances(name: str, precisions: tuple[bool, ...]) -> tuple[str, ...]:
    counts = range(1, MOST_METHODS + 1)
    return tuple(instance(name, *each) for each in product(precisions, counts, (True, False)))


INSTANCES: dict[str, tuple[str, ...]] = {
    "draw.cu": ("draw_plane", "draw_memory", "draw_lengths", "square"),
    "descend.cu": _instances("descend", (False, True)),
    # Single precision is coarser than the tolerances of a flow.
    "flow.cu": _instances("flow", (False,)),
    "exchange.cu": ("exchange",),
}
"""Every kernel that is launched, by file; those of templates by their arguments."""


def source(file: str) -> str:
    """The text of one of the files, with what it includes.

    In one piece: CuPy's disk cache knows a kernel by its text, and would not notice that a header
    has changed.

    Examples
    --------
    >>> "__global__ void" in source("draw.cu"), "#include" in source("draw.cu")
    (True, False)
    """
    return _expanded(file, set())


def _expanded(file: str, seen: set[str]) -> str:
    lines = []
    for line in (FOLDER / file).read_text(encoding="utf-8").splitlines():
        included = line.removeprefix('#include "').rstrip('"') if '#include "' in line else None
        if included is None:
            lines.append("" if line.startswith("#pragma once") else line)
        elif included not in seen:
            seen.add(included)
            lines.append(_expanded(included, seen))
    return "\n".join(lines) + "\n"
