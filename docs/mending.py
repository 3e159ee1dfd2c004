"""What Sphinx makes of our docstrings and links, mended."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

__all__ = ["setup"]

_TWO_ATTRIBUTES = re.compile(r"^(\s*):(ivar|vartype) ([\w ,]+, \w+):(.*)$")


# Stands for a colon while napoleon looks for "type: description" in the first line of a property.
_COLON = "\0"


def _hide(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    if what in ("attribute", "data", "property") and lines:
        lines[0] = lines[0].replace(":", _COLON)


def _mend(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """|x| is no substitution, and "a, b : float" is two attributes."""
    mended: list[str] = []
    code = False
    for line in lines:
        code = line.lstrip().startswith(">>>") or (code and bool(line.strip()))
        several = _TWO_ATTRIBUTES.match(line)
        if several:
            indent, field, names, rest = several.groups()
            new = [f"{indent}:{field} {each}:{rest}" for each in names.split(", ")]
        else:
            new = [line]
        mended += new if code else [each.replace("|", r"\|") for each in new]
    lines[:] = [each.replace(_COLON, ":") for each in mended]


def _skip(app: Sphinx, what: str, name: str, thing: Any, skip: bool, options: Any) -> bool | None:
    """A field of a named tuple is told of in its class: "alias for field number 0" adds nothing."""
    return True if type(thing).__name__ == "_tuplegetter" else None


def _tidy(app: Sphinx, document: nodes.document) -> None:
    for field in document.findall(nodes.field_name):
        if field.astext() == "Variables":
            field.children = [nodes.Text("Attributes")]


class _Types(SphinxPostTransform):
    """Of a type's words only a class that has its name to itself is a link: `cells` is no cell."""

    default_priority = 5

    def run(self, **options: Any) -> None:
        """Called by Sphinx before it looks names up."""
        objects = self.env.domains.python_domain.objects.items()
        names = [name.rsplit(".", 1)[-1] for name, entry in objects if not entry.aliased]
        for reference in list(self.document.findall(addnodes.pending_xref)):
            target = reference.get("reftarget", "")
            if reference.get("refspecific") and (target.islower() or names.count(target) != 1):
                reference.replace_self(reference.children)


def _titles_for_files(app: Sphinx, document: nodes.document, page: str) -> None:
    """[theory.md](theory.md), which is how a page names another, gets the page's title."""
    for reference in list(document.findall(nodes.reference)):
        name = reference.astext().removeprefix("docs/").removesuffix(".md")
        if reference.get("internal") and name in app.env.titles:
            reference.children = [nodes.Text(app.env.titles[name].astext())]


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", _hide, priority=400)
    app.connect("autodoc-process-docstring", _mend)
    app.connect("autodoc-skip-member", _skip)
    app.connect("doctree-read", _tidy)
    app.add_post_transform(_Types)
    app.connect("doctree-resolved", _titles_for_files)
    return {"parallel_read_safe": True}
