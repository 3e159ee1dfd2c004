"""The table of `pitfalls compare`, and what follows from it in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

from .show import described, say, stdout

if TYPE_CHECKING:
    from .studies import Comparison, Standing

__all__ = ["conclusion", "leaders", "show_comparison"]

# A lead for a shorter stretch of time, as a factor, is not told of.
_BRIEF = 1.5
_ASKED = 6


def show_comparison(found: Comparison) -> None:
    """Print a line for each method, who leads when, and the conclusion."""
    console = stdout()
    places = (
        f"{'' if found.time is None else f'at T = {_time(found.time, _ASKED)} and '}in the limit"
    )
    if found.source == "predicted" and found.setting is not None:
        say(console, described(found.setting, f"κ = {found.setting.kappa:.4g}"))
        say(console, f"Worst group's test accuracy {places}, predicted for n → ∞ at this d/n.")
    else:
        say(
            console,
            f"Worst part's test accuracy {places}, counted; ± is its standard error. The best time "
            "is chosen on the same examples.",
        )
    console.print(_table(found))
    say(console, leaders(found))
    for line in conclusion(found):
        say(console, line)
    for name, reason in found.left_out.items():
        say(console, f"{name} is left out: {reason}")


def _table(found: Comparison) -> Table:
    """At most 80 wide."""
    counted = found.source == "counted"
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    grid.add_column("method")
    places = ([] if found.time is None else ["at T"]) + ["t → ∞"]
    for place in places:
        for name in ("#", place, *(["±"] if counted else [])):
            grid.add_column(name, justify="right")
    for name in ("best", "at t"):
        grid.add_column(name, justify="right")
    grid.add_column("stop", no_wrap=True)
    for each in found.standings:
        cells = []
        if found.time is not None:
            cells += _place(each.rank, each.worst_at_time, each.error_at_time)
        cells += _place(each.rank_in_limit, each.worst_in_limit, each.error_in_limit)
        grid.add_row(
            each.name, *cells, f"{each.best:.3f}", _time(each.best_time), _stop(found, each)
        )
    return grid


def _place(rank: int | None, value: float | None, error: float | None) -> list[str]:
    return [f"{rank}", f"{value:.3f}", *([] if error is None else [f"{error:.3f}"[1:]])]


def _stop(found: Comparison, each: Standing) -> str:
    """The times with all but 0.01 of the best."""
    first, last = each.window
    begins, ends = first == found.times[0], each.lasts
    if begins and ends:
        return "any time"
    if ends:
        return f"from {_time(first)} on"
    return f"until {_time(last)}" if begins else f"{_time(first)} … {_time(last)}"


def leaders(found: Comparison) -> str:
    """Who has the best worst group from when to when, moments left out.

    Parameters
    ----------
    found : Comparison
    """
    told: list[tuple[str, float]] = []
    brief = False
    for name, first, last in found.timeline():
        if last < _BRIEF * first and last < found.times[-1]:
            brief = True
        elif told and told[-1][0] == name:
            told[-1] = (name, last)
        else:
            told.append((name, last))
    moments = " (but for moments)" if brief else ""
    if len(told) == 1:
        return f"Ahead at all times{moments}: {told[0][0]}."
    parts = [f"{name} until t = {_time(last)}" for name, last in told[:-1]]
    return f"Ahead{moments}: {', '.join(parts)}, then {told[-1][0]}."


def conclusion(found: Comparison) -> list[str]:
    """What to use, and what makes no difference, in sentences.

    Parameters
    ----------
    found : Comparison
    """
    lines = [_best(found)]
    even = [each.name for each in found.standings[1:] if each.even]
    if even:
        place = "in the limit" if found.time is None else f"at t = {_time(found.time, _ASKED)}"
        lines.append(
            f"By these test examples nobody can tell {found.standings[0].name} from "
            f"{_listed(even, 'or')} {place} (less than two standard errors)."
        )
    shared = [f"{_listed(names, 'and')} share one limit" for names in found.sharing()]
    if shared:
        lines.append(_upper("; ".join(shared)) + ".")
    return lines


def _best(found: Comparison) -> str:
    last = found.best_in_limit
    names = [each.name for each in found.standings if each.rank_in_limit == 1]
    limit = f"{_listed(names, 'and')} ({last.worst_in_limit:.2f})"
    if found.time is None:
        return f"Best in the limit: {limit}."
    first = [each for each in found.standings if each.rank == 1]
    now = f"{_listed([each.name for each in first], 'and')} ({first[0].worst_at_time:.2f})"
    return f"Best at t = {_time(found.time, _ASKED)}: {now}; in the limit: {limit}."


def _time(value: float, digits: int = 2) -> str:
    """As 12 or 1e12, not 1e+12; what was asked for has more digits than what is found."""
    number, _, power = f"{value:.{digits}g}".partition("e")
    return f"{number}e{int(power)}" if power else number


def _listed(names: Sequence[str], word: str) -> str:
    """Names with commas, and the last one after a word."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
