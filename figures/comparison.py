"""Which method, until when: the worst group by each method, who leads, and when to stop."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from ..studies import Comparison, Standing, compare
from ..studies.arguments import Progress, silent
from ..theory import Setting
from .style import PAGE_WIDTH, Table, colour, long_form, new_figure, style, time_axis

__all__ = ["ALT_TEXT", "Compared", "compute", "default_setting", "draw"]

Array: TypeAlias = NDArray[np.float64]

_END = 20.0
_DASHED = (0, (1.5, 1.5))
# Of the axes' width, between two dots at one time.
_APART = 0.008

ALT_TEXT = (
    "Test accuracy of the worst group over time, a line for each method, with a dot for its limit "
    "at the right edge; thick pieces are the times within one point of a method's best, a dotted "
    "line is when training would end. A bar below has the colour of the method that leads. In the "
    "paper's Figure 1 the lasting cure leads at all times, at 0.97 or so; logit shifting comes up "
    "to it near t = 10, and falls to 0.70 with reweighting, which falls from the start, and ERM, "
    "which rises from 0. Balanced subsampling stays at 0.92. The curing scale begins near 0 and "
    "rises to the lasting cure's limit, 0.98."
)


def default_setting() -> Setting:
    """The paper's Figure 1.

    Examples
    --------
    >>> default_setting() == Setting.figure_1()
    True
    """
    return Setting.figure_1()


@dataclass(frozen=True, eq=False)
class Compared:
    """What the figure shows.

    Attributes
    ----------
    found : Comparison
        Predicted, or counted.
    """

    found: Comparison

    def table(self) -> Table:
        """The figure's data in long form.

        ``quantity`` is predicted or counted accuracy over time or in the limit (no t); best; window
        and lead have their first and last times.
        """
        names = ("objective", "quantity", "t", "worst", "standard_error")
        return long_form(names, self._rows())

    def _rows(self) -> Iterator[tuple[object, ...]]:
        found = self.found
        for each, curve in zip(found.standings, found.curves, strict=True):
            errors = ["" for _ in found.times] if curve.error is None else curve.error
            for t, y, e in zip(found.times, curve.worst, errors, strict=True):
                yield each.name, found.source, t, y, e
            error = "" if curve.limit_error is None else curve.limit_error
            yield each.name, f"{found.source} limit", "", curve.limit, error
            if curve.predicted is not None:
                for t, y in zip(found.times, curve.predicted, strict=True):
                    yield each.name, "predicted", t, y, ""
            if curve.predicted_limit is not None:
                yield each.name, "predicted limit", "", curve.predicted_limit, ""
            yield each.name, "best", each.best_time, each.best, ""
            for name, stretch in [("window", each.window), *(("lead", x) for x in each.leads)]:
                for t in stretch:
                    yield each.name, name, t, "", ""


def compute(
    setting: Setting,
    seed: int = 0,
    latest: float = 1e12,
    *,
    sites: int = 512,
    progress: Progress = silent,
) -> Compared:
    """Compare the methods of a setting, at t = 20 where that is not later than the latest time.

    Parameters
    ----------
    setting : Setting
    seed : int
    latest : float
        The last time t = learning rate × steps, in (0.01, 1e16].
    sites : int
        Of `proportional.flow`.
    progress : callable
        Called with (done, total, label).

    Raises
    ------
    SettingError
        The latest time is too early.

    Examples
    --------
    >>> data = compute(Setting.figure_1(n=50, d=90), latest=10.0, sites=4)
    >>> len(data.found.standings), list(data.table())
    (6, ['objective', 'quantity', 't', 'worst', 'standard_error'])
    >>> len(draw(data).axes)
    2
    """
    end = min(_END, latest)
    found = compare(setting, time=end, latest=latest, seed=seed, sites=sites, progress=progress)
    return Compared(found)


def draw(data: Compared) -> Figure:
    """Draw the curves, and the bar of those who lead."""
    found = data.found
    with style():
        figure = new_figure(PAGE_WIDTH, 3.9)
        above, below = figure.subplots(2, 1, height_ratios=(14, 1))
        _draw_curves(above, found)
        _draw_leads(below, found)
        figure.legend(handles=_handles(found), loc="outside lower center", ncols=4)
    return figure


def _draw_curves(axes: Axes, found: Comparison) -> None:
    beyond = time_axis(axes, found.times[0], found.times[-1])
    side_by_side = _side_by_side(axes, len(found.standings))
    # The best last, over the others.
    for k in reversed(range(len(found.standings))):
        each, curve = found.standings[k], found.curves[k]
        shade = colour(each.name)
        axes.plot(found.times, curve.worst, color=shade, linewidth=1.0)
        inside = (found.times >= each.window[0]) & (found.times <= each.window[1])
        axes.plot(
            found.times[inside],
            curve.worst[inside],
            color=shade,
            linewidth=3.5,
            solid_capstyle="butt",
        )
        if curve.predicted is not None:
            axes.plot(found.times, curve.predicted, color=shade, linestyle=_DASHED, linewidth=0.9)
        _draw_dot(axes, beyond * side_by_side[k], curve.limit, curve.limit_error, shade)
        if found.time is not None and each.worst_at_time is not None and each.error_at_time:
            place = found.time * side_by_side[k]
            _draw_dot(axes, place, each.worst_at_time, each.error_at_time, shade)
    if found.time is not None:
        axes.axvline(found.time, color="0.5", linestyle=":", linewidth=0.8, zorder=0)
    axes.set_ylim(-0.03, 1.03)
    axes.set_ylabel("worst group, test accuracy")
    axes.set_xlabel("")
    axes.tick_params(labelbottom=False)
    axes.set_title(_title(found))


def _side_by_side(axes: Axes, count: int) -> Array:
    """Factors of time that put dots at one time beside one another."""
    first, last = axes.get_xlim()
    step = math.log10(last / first) * _APART
    return np.asarray(10 ** (step * (np.arange(count) - (count - 1) / 2)))


def _draw_dot(axes: Axes, time: float, value: float, error: float | None, shade: str) -> None:
    """A dot, with two standard errors within [0, 1] where it was counted."""
    if error is not None:
        ends = max(value - 2 * error, 0.0), min(value + 2 * error, 1.0)
        axes.plot([time, time], ends, color=shade, linewidth=0.8, clip_on=False, zorder=3)
    axes.plot(time, value, color=shade, marker="o", markersize=3.5, clip_on=False, zorder=3)


def _draw_leads(axes: Axes, found: Comparison) -> None:
    beyond = time_axis(axes, found.times[0], found.times[-1])
    for each in found.standings:
        for first, last in each.leads:
            axes.axvspan(first, last, color=colour(each.name), linewidth=0)
    winner = colour(found.best_in_limit.name)
    axes.plot(beyond, 0.5, color=winner, marker="s", markersize=7, clip_on=False)
    axes.set_yticks([0.5], ["leads"])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(0, 1)
    axes.spines["left"].set_visible(False)


def _handles(found: Comparison) -> list[Artist]:
    named = [Line2D([], [], color=colour(each.name), label=each.name) for each in found.standings]
    marks = [
        Line2D([], [], color="0.3", linewidth=3.5, label="all but 0.01 of the best"),
        Line2D([], [], color="0.3", marker="o", markersize=3.5, linestyle="", label=_limit(found)),
    ]
    if any(curve.predicted is not None for curve in found.curves):
        marks.append(Line2D([], [], color="0.3", linestyle=_DASHED, label="predicted by the fit"))
    return [*named, *marks]


def _limit(found: Comparison) -> str:
    return "limit" if found.source == "predicted" else "± two standard errors"


def _title(found: Comparison) -> str:
    last = [each for each in found.standings if each.rank_in_limit == 1]
    limit = f"in the limit: {_winners(last)}, {last[0].worst_in_limit:.2f}"
    if found.time is None:
        return f"best {limit}"
    first = [each for each in found.standings if each.rank == 1]
    return f"best at $t$ = {found.time:g}: {_winners(first)}, {first[0].worst_at_time:.2f}; {limit}"


def _winners(first: list[Standing]) -> str:
    """One, two, or how many more."""
    if len(first) > 2:
        return f"{first[0].name} and {len(first) - 1} more"
    return " and ".join(each.name for each in first)
