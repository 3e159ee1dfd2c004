"""Formulas of the site: TeX becomes MathML, and the indices of w_y and e^{−s} are set as such.

The pages write mathematics in Unicode, so that they can be read as they are. An indented block is a
formula of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx

__all__ = ["setup", "typeset"]

# One letter, perhaps with a dot or hat, or a closing bracket, and after it what is set lower.
_BASE = r"(?P<base>[^\W\d_ᵀ][\u0300-\u036f]?′?|[)\]])"
_INDEX = r"_(?:\{(?P<braced>[^{}]*)\}|(?P<plain>−?(?:[A-Z]{2,3}|[a-z]+|[α-ω\d])))"
_SUBSCRIPT = re.compile(_BASE + _INDEX + r"(?!_|[a-z](?![_^]))")
_SUPERSCRIPT = re.compile(r"(?<=\S)\^(?:\{([^{}]*)\}|\(([^()]*)\)|(−?\d+(?:\.\d+)?|[A-Za-zα-ω]))")
_AS_THEY_ARE = (
    nodes.literal,
    nodes.literal_block,
    nodes.doctest_block,
    nodes.math,
    nodes.math_block,
    nodes.raw,
    nodes.reference,
)


def typeset(text: str) -> list[tuple[str, str]]:
    """Pieces of a text, each to be set "on" the line, "below" or "above" it.

    Examples
    --------
    >>> typeset("π_gK_gh of a core_noise, e^{−s} and 10^9.8")
    [('π', 'on'), ('g', 'below'), ('K', 'on'), ('gh', 'below'), (' of a core_noise, e', 'on'),
    ('−s', 'above'), (' and 10', 'on'), ('9.8', 'above')]
    """
    pieces: list[tuple[str, str]] = []
    begin = end = 0
    for begin, stop, index, place in _indices(text):
        pieces += [(text[end:begin], "on"), (index, place)]
        end = stop
    return [piece for piece in [*pieces, (text[end:], "on")] if piece[0]]


def _indices(text: str) -> Iterator[tuple[int, int, str, str]]:
    """Where an index begins and ends with its mark, what it is, and where it belongs."""
    end = 0
    while end < len(text):
        lower, upper = _subscript(text, end), _SUPERSCRIPT.search(text, end)
        if lower is None and upper is None:
            return
        if lower is None or (upper is not None and upper.start() < lower.start()):
            assert upper is not None
            yield upper.start(), upper.end(), next(filter(None, upper.groups()), ""), "above"
            end = upper.end()
        else:
            index = lower["braced"] or lower["plain"] or ""
            yield lower.end("base"), lower.end(), index, "below"
            end = lower.end()


def _subscript(text: str, begin: int) -> re.Match[str] | None:
    """The next one whose base is no end of a word, unless the word is an index just read."""
    for found in _SUBSCRIPT.finditer(text, begin):
        before = text[found.start() - 1 : found.start()] if found.start() > begin else ""
        if not (re.match(r"[A-Za-z_]", before) and found[0].isascii() and found["base"].isalpha()):
            return found
    return None


def _indented_blocks(app: Sphinx, document: nodes.document) -> None:
    for block in list(document.findall(nodes.literal_block)):
        if block.get("language") == "none":
            text = nodes.paragraph("", "", nodes.Text(block.astext()))
            block.replace_self(nodes.container("", text, classes=["formula"]))


def _set_indices(app: Sphinx, document: nodes.document) -> None:
    for leaf in list(document.findall(nodes.Text)):
        above = leaf.parent
        while above is not None and not isinstance(above, _AS_THEY_ARE):
            above = above.parent
        pieces = typeset(str(leaf))
        if above is None and len(pieces) > 1:
            kinds = {"below": nodes.subscript, "above": nodes.superscript}
            leaf.parent.replace(
                leaf,
                [
                    nodes.Text(piece) if place == "on" else kinds[place]("", *_nested(piece, kinds))
                    for piece, place in pieces
                ],
            )


def _nested(piece: str, kinds: dict[str, Any]) -> list[nodes.Node]:
    return [
        nodes.Text(inner) if place == "on" else kinds[place]("", nodes.Text(inner))
        for inner, place in typeset(piece)
    ]


def _formula(self: Any, node: nodes.math | nodes.math_block) -> None:
    block = isinstance(node, nodes.math_block)
    mathml = convert(node.astext(), display="block" if block else "inline")
    self.body.append(f'<div class="math">{mathml}</div>' if block else mathml)
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_html_math_renderer("mathml", (_formula, None), (_formula, None))
    app.connect("doctree-read", _indented_blocks)
    app.connect("doctree-read", _set_indices)
    return {"parallel_read_safe": True}
