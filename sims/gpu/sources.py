"""The CUDA sources of this part, which of their templates are used, and how they are compiled."""

from __future__ import annotations

from itertools import product
from pathlib import Path

__all__ = ["FOLDER", "INSTANCES", "MOST_METHODS", "OPTIONS", "instance", "source"]

FOLDER = Path(__file__).parent / "cuda"
OPTIONS = ("--std=c++17", f"-I{FOLDER}")

MOST_METHODS = 4
"""Methods that share a product; more go in several runs."""

_TRAINED = tuple(
    f"<{kind}, {methods}, {resident}>"
    for kind, methods, resident in product(
        ("double", "float"), range(1, MOST_METHODS + 1), ("true", "false")
    )
)

INSTANCES: dict[str, tuple[str, ...]] = {
    "draw.cu": ("draw_plane", "draw_memory", "draw_lengths", "square"),
    "descend.cu": tuple("descend" + each for each in _TRAINED),
    "flow.cu": tuple("flow" + each for each in _TRAINED),
    "exchange.cu": ("exchange",),
}
"""Every kernel that is launched, by file; those of templates by their arguments."""


def instance(name: str, single: bool, methods: int, resident: bool) -> str:
    """A kernel of a template, as `INSTANCES` names it.

    Examples
    --------
    >>> instance("descend", single=False, methods=3, resident=True)
    'descend<double, 3, true>'
    """
    return f"{name}<{'float' if single else 'double'}, {methods}, {str(resident).lower()}>"


def source(file: str) -> str:
    """The text of one of the files.

    Examples
    --------
    >>> "__global__ void" in source("draw.cu")
    True
    """
    return (FOLDER / file).read_text(encoding="utf-8")
