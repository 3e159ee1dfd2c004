"""The statements of a verification on the page, under the facts they test; failing ones first."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...theory.theorem import FACTS
from ..statements import Statement
from .markup import Markup, element, together

__all__ = ["failures", "statements"]

_COLUMNS = ("statement", "kind", "predicted", "observed", "z", "would catch", "holds")
_OTHER = "other"


def failures(rows: Sequence[Statement]) -> Markup:
    """What does not hold, with links to it; nothing where all holds.

    Examples
    --------
    >>> failures([])
    ''
    """
    failed = [row for row in rows if not row.holds]
    if not failed:
        return Markup()
    items = (
        element(
            "li",
            element("a", row.id, href="#" + _anchor("statement", row.id)),
            f": {row.claim.rstrip('.')}. Predicted {_number(row.prediction)}, observed "
            f"{_observed(row)}; would catch {_number(row.detectable, 2)}.",
        )
        for row in failed
    )
    heading = element("h2", "What does not hold")
    return element("section", heading, element("ul", *items), id="failures")


def statements(rows: Sequence[Statement]) -> Markup:
    """All statements, in a table for each fact.

    Examples
    --------
    >>> statements([])
    ''
    """
    found: dict[str, list[Statement]] = {}
    for row in rows:
        found.setdefault(row.fact, []).append(row)
    # Sorting is stable: but for what fails, the order stays.
    groups = sorted(found.items(), key=lambda group: all(row.holds for row in group[1]))
    index = (
        element(
            "li", element("a", name or _OTHER, href="#" + _anchor("fact", name)), " ", _tally(group)
        )
        for name, group in groups
    )
    listed = element("ul", *index, class_="index") if len(groups) > 1 else Markup()
    return together(listed, *(_fact(name, group) for name, group in groups))


def _tally(rows: Sequence[Statement]) -> Markup:
    held = sum(row.holds for row in rows)
    mark, kind = ("✓", "good") if held == len(rows) else ("✗", "bad")
    return element("span", f"{mark} {held} of {len(rows)}", class_=kind)


def _fact(name: str, rows: Sequence[Statement]) -> Markup:
    heading = [element("h3", name or _OTHER, " ", _tally(rows))]
    for fact in FACTS:
        if fact.name == name:
            origin = f"{fact.source[0].upper()}{fact.source[1:]}"
            origin += f"; {fact.proposition}" if fact.proposition else ""
            heading += [
                element("p", fact.statement),
                element("p", f"{origin}. Conditions: {fact.conditions}.", class_="small"),
            ]
    head = element("tr", *(element("th", each, scope="col") for each in _COLUMNS))
    ordered = sorted(rows, key=lambda row: row.holds)
    table = element(
        "table",
        element("thead", head),
        element("tbody", *map(_row, ordered), role="rowgroup"),
        role="table",
        aria_label=f"Statements on {name or _OTHER}",
    )
    return element("article", *heading, table, id=_anchor("fact", name))


def _row(row: Statement) -> Markup:
    """A line; on a phone a block, whose cells have to say what they are, and are no table's."""
    note = f" ({row.note})" if row.note else ""
    words = element("span", f"{row.claim}{note}", class_="small")
    numbers = (
        row.kind,
        _number(row.prediction),
        _observed(row),
        "" if row.z is None else f"{row.z:+.2f}",
        _number(row.detectable, 2),
    )
    verdict, kind = ("✓ yes", "good") if row.holds else ("✗ no", "bad")
    return element(
        "tr",
        element("th", element("strong", row.id), " ", words, scope="row", role="rowheader"),
        *(
            element("td", text, role="cell", data_label=label)
            for label, text in zip(_COLUMNS[1:-1], numbers, strict=True)
        ),
        element("td", verdict, role="cell", data_label=_COLUMNS[-1], class_=kind),
        id=_anchor("statement", row.id),
        role="row",
        class_=None if row.holds else "failed",
    )


def _anchor(kind: str, name: str) -> str:
    return f"{kind}-" + re.sub(r"[^\w.-]", "-", name)


def _number(value: float, digits: int = 5) -> str:
    return f"{value:.{digits}g}"


def _observed(row: Statement) -> str:
    error = row.standard_error
    return _number(row.observed) + ("" if error is None else f" ± {_number(error, 2)}")
