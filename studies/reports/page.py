"""The page: verdict, what fails, statements, figures, and how it was made.

It is made of what it is given: nothing is computed here, and nothing is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ..info import Info
from ..verify import Verification
from .markup import Markup, command_line, element
from .picture import Picture
from .table import failures, statements

__all__ = ["report"]

_STYLE = Path(__file__).parent / "report.css"
_PAPER = "https://arxiv.org/abs/2412.07684"
# Whatever finds its way into the page: the browser loads nothing, and runs nothing.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def report(
    table: Verification,
    pictures: Sequence[Picture] = (),
    about: Info | None = None,
    *,
    command: str = "pitfalls report",
    verify_command: str = "pitfalls verify",
    when: str = "",
) -> str:
    """A verification, figures and what they were made with, in one page of HTML.

    Statements that do not hold come first, and facts that have one; else the order is that of the
    table. The page needs no other file and no network, and the same arguments give the same page.

    Parameters
    ----------
    table : Verification
    pictures : sequence of Picture
    about : Info, optional
        Versions and machine, of which the page tells what stays from run to run.
    command, verify_command : str
        What reproduces the page, and its statements.
    when : str
        When it was made; by default nothing is said of that.

    Returns
    -------
    str
        HTML.

    Examples
    --------
    >>> from pitfalls.studies.statements import exact
    >>> rows = [exact("one", "1 < 2", prediction=1.0, observed=1.0, tolerance=0.1)]
    >>> page = report(Verification(0, 8, rows))
    >>> "The statement holds" in page, "1 &lt; 2" in page, page.count("<img")
    (True, True, 0)
    """
    words = (
        "A prediction off by more than “would catch” is refused; on true statements the whole "
        "table raises a false alarm once in 1,000 seeds. What is observed is given with its "
        "standard error where it has one; z is its distance from the prediction, as a normal score."
    )
    rows = statements(table.statements)
    sections: dict[str, list[Markup]] = {}
    # Before the statements: there are so many of them that nobody would get to the figures.
    if pictures:
        sections["Figures"] = [picture.markup() for picture in pictures]
    sections["Statements"] = [element("p", words), command_line(verify_command), rows]
    sections["How it was made"] = _made(table, pictures, about, command, verify_command, when)
    return "<!DOCTYPE html>\n" + element(
        "html",
        element("head", *_head(table)),
        element(
            "body",
            _header(table, about, command, sections),
            element(
                "main",
                failures(table.statements),
                *(
                    element("section", element("h2", name), *content, id=_slug(name))
                    for name, content in sections.items()
                ),
            ),
        ),
        lang="en",
    )


def _head(table: Verification) -> list[Markup]:
    return [
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        # An empty icon: otherwise a browser asks the server for one.
        element("link", rel="icon", href="data:,"),
        element("title", f"pitfalls: {_verdict(table)}"),
        element("style", Markup(_STYLE.read_text(encoding="utf-8"))),
    ]


def _verdict(table: Verification) -> str:
    count, failed = len(table.statements), sum(not row.holds for row in table.statements)
    if count == 1:
        return "The statement does not hold" if failed else "The statement holds"
    if failed:
        return f"{failed} of {count} statements {'does' if failed == 1 else 'do'} not hold"
    return f"All {count} statements hold"


def _header(
    table: Verification, about: Info | None, command: str, sections: Iterable[str]
) -> Markup:
    version = f" {about.versions['pitfalls']}" if about else ""
    mark, kind = ("✓", "good") if table.holds else ("✗", "bad")
    facts = len({row.fact for row in table.statements})
    links = (element("a", name, href=f"#{_slug(name)}") for name in sections)
    return element(
        "header",
        element("h1", "The Pitfalls of Memorization, verified"),
        element(
            "p",
            "The linear model of ",
            element("a", "Bayat et al. (ICLR 2025)", href=_PAPER),
            f": closed forms and simulations of pitfalls{version}, compared.",
        ),
        element("p", f"{mark} {_verdict(table)}", class_=f"verdict {kind}"),
        element(
            "p",
            f"{_counted(len(table.statements), 'statement')} on {_counted(facts, 'fact')}, seed "
            f"{table.seed}, {table.replicates} draws per setting.",
        ),
        command_line(command),
        element("nav", *links, aria_label="Sections"),
    )


def _made(
    table: Verification,
    pictures: Sequence[Picture],
    about: Info | None,
    command: str,
    verify_command: str,
    when: str,
) -> list[Markup]:
    rows = {"this page": command_line(command), "the statements": command_line(verify_command)}
    rows |= {picture.name: command_line(picture.command) for picture in pictures}
    seed = f"{table.seed} for the statements"
    facts = {"seed": seed + ("; a figure's is in its command" if pictures else "")}
    facts["draws"] = f"{table.replicates} per setting of the statements"
    if about:
        facts |= about.versions | _machine(about)
    if when:
        facts["made"] = when
    words = (
        "The same versions on the same type of machine give the same numbers and pictures, with "
        "any number of workers."
    )
    return [
        element("h3", "Commands"),
        element("p", words),
        _definitions(rows),
        element("h3", "Seeds, versions and machine"),
        _definitions(facts),
    ]


def _machine(about: Info) -> dict[str, str]:
    """What stays from run to run: memory that happens to be free does not."""
    machine = about.machine
    found = {
        "system": machine.system,
        "processor": machine.processor,
        "cores": f"{machine.cores}, {machine.cores_used} used",
        "BLAS": "; ".join(dict.fromkeys(map(str, about.blas))) or "not told",
        "GPU": about.devices.words,
    }
    if machine.memory is not None:
        found["memory"] = f"{machine.memory / 2**30:.3g} GiB"
    return found


def _definitions(rows: Mapping[str, str]) -> Markup:
    pairs = (
        element("div", element("dt", name), element("dd", content))
        for name, content in rows.items()
    )
    return element("dl", *pairs)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _slug(name: str) -> str:
    return name.lower().replace(" ", "-")
