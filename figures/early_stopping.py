"""The worst group over time: when each method is best, and what stopping by other rules costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from ..studies.arguments import Progress, silent
from ..studies.train import three_methods
from ..theory import Objective, Setting, Trajectory, proportional
from ..theory.generalization import EarlyStopping, early_stopping
from .draws import draw_mean, handle, mean_and_error
from .over_time import NAMES, Times, both_ways, flipped, with_and_without_noise
from .style import PAGE_WIDTH, Table, colour, long_form, new_figure, style, time_axis

__all__ = ["ALT_TEXT", "Panel", "Stopping", "compute", "default_setting", "draw"]

Array: TypeAlias = NDArray[np.float64]

_NAMES = (*NAMES, "lasting cure")
_RULES = {"best": "o", "average": "s", "loss": "^"}
_WORDS = {
    "best": "best for the worst group",
    "average": "highest average accuracy",
    "loss": "lowest average test loss",
}
_TOLERANCE = 0.01
_A_DECADE = 16
_SIMULATED = 15
_FIRST = 1e-2

ALT_TEXT = (
    "Two panels, without and with label noise: test accuracy of the worst group over time. Logit "
    "shifting rises to a peak near t = 10 and declines; reweighting is best at the very start and "
    "loses a third of its accuracy by t = 10; ERM rises from 0; the lasting cure stays high. Thick "
    "pieces of the lines are the times within one point of the best. Marks: the best time, and "
    "where the highest average accuracy and the lowest average test loss would stop, which for "
    "logit shifting is far down its decline. With label noise all four end lower."
)


def default_setting() -> Setting:
    """The paper's Figure 1; label noise is what is varied.

    Examples
    --------
    >>> default_setting() == Setting.figure_1()
    True
    """
    return Setting.figure_1()


@dataclass(frozen=True, eq=False)
class Panel:
    """One label noise.

    Attributes
    ----------
    setting : Setting
    worst : array (4, T)
        Worst-group test accuracy of ERM, reweighting, logit shifting and the lasting cure, by P12.
    stops : list of EarlyStopping
        Of each.
    simulated : array (S, 4, t)
        The worst group in S draws.
    """

    setting: Setting
    worst: Array
    stops: list[EarlyStopping]
    simulated: Array


@dataclass(frozen=True, eq=False)
class Stopping:
    """What the figure shows.

    Attributes
    ----------
    times, simulated_times : arrays (T,) and (t,)
        t = learning rate × steps.
    panels : list of Panel
        Without label noise, and with it.
    """

    times: Array
    simulated_times: Array
    panels: list[Panel]

    def table(self) -> Table:
        """The figure's data in long form.

        ``source`` is prediction, simulation, or a rule: best, average, loss; window has the first
        and the last time within 0.01 of the best.
        """
        names = ("label_noise", "objective", "source", "t", "worst", "standard_error")
        return long_form(names, self._rows())

    def _rows(self) -> Iterator[tuple[object, ...]]:
        for panel in self.panels:
            noise = f"{panel.setting.label_noise:g}"
            mean, error = mean_and_error(panel.simulated)
            for o, name in enumerate(_NAMES):
                for t, y in zip(self.times, panel.worst[o], strict=True):
                    yield noise, name, "prediction", t, y, ""
                for t, y, e in zip(self.simulated_times, mean[o], error[o], strict=True):
                    yield noise, name, "simulation", t, y, e
                for rule, (t, y) in _points(panel.stops[o]).items():
                    yield noise, name, rule, t, y, ""
                for t in panel.stops[o].window:
                    yield noise, name, "window", t, "", ""


def _points(stop: EarlyStopping) -> dict[str, tuple[float, float]]:
    """When each rule stops, and what the worst group has then."""
    return {
        "best": (stop.time, stop.accuracy.worst),
        "average": (stop.average_time, stop.at_average.worst),
        "loss": (stop.loss_time, stop.at_loss.worst),
    }


def _methods(setting: Setting) -> list[Objective]:
    return [*three_methods(setting), proportional.lasting_cure(setting)]


def _worst(run: Trajectory, setting: Setting) -> Array:
    return run.accuracy(setting).worst


def compute(
    setting: Setting,
    seed: int = 0,
    latest: float = 1e12,
    *,
    replicates: int = 12,
    sites: int = 1024,
    workers: int | None = None,
    progress: Progress = silent,
) -> Stopping:
    """P12 and simulation of the worst group, and when to stop.

    Parameters
    ----------
    setting : Setting
        Shown without label noise, and with its own or 0.1.
    seed : int
    latest : float
        The last time t = learning rate × steps, in (0.01, 1e16].
    replicates : int
        Draws, ≥ 1.
    sites : int
        Of `proportional.flow`.
    workers : int, optional
        Threads; all cores by default.
    progress : callable
        Called with (done, total, label).

    Raises
    ------
    SettingError
        The latest time is too early, there are no draws, or an observed group is empty.
    NotSeparableError
        There is no max margin to cure.

    Examples
    --------
    >>> small = Setting.figure_1(n=50, d=90)
    >>> data = compute(small, latest=1.0, replicates=2, sites=4)
    >>> data.panels[0].simulated.shape, len(data.panels[1].stops)
    ((2, 4, 15), 4)
    >>> list(data.table())
    ['label_noise', 'objective', 'source', 't', 'worst', 'standard_error']
    >>> len(draw(data).axes)
    2
    """
    times = Times.of(_FIRST, latest, _A_DECADE, _SIMULATED)
    found = both_ways(
        with_and_without_noise(setting),
        _methods,
        times,
        _worst,
        seed=seed,
        replicates=replicates,
        sites=sites,
        workers=workers,
        progress=progress,
    )
    panels = [
        Panel(
            where,
            np.stack([_worst(run, where) for run in runs]),
            [early_stopping(run, where, _TOLERANCE) for run in runs],
            simulated,
        )
        for where, runs, simulated in found
    ]
    return Stopping(*times, panels)


def draw(data: Stopping) -> Figure:
    """Draw the two panels."""
    with style():
        figure = new_figure(PAGE_WIDTH, 3.2)
        row = figure.subplots(1, 2, sharey=True)
        for axes, panel in zip(row, data.panels, strict=True):
            _draw_panel(axes, data, panel)
        row[0].set_ylabel("worst group, test accuracy")
        handles = _handles(len(data.panels[0].simulated))
        figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


def _handles(draws: int) -> list[Artist]:
    return [
        *(Line2D([], [], color=colour(name), label=name) for name in _NAMES),
        *(
            Line2D([], [], color="0.3", marker=mark, markersize=5, linestyle="", label=_WORDS[rule])
            for rule, mark in _RULES.items()
        ),
        Line2D([], [], color="0.3", linewidth=3.5, label="all but 0.01 of the best"),
        handle(draws, size=3),
    ]


def _draw_panel(axes: Axes, data: Stopping, panel: Panel) -> None:
    time_axis(axes, data.times[0], data.times[-1], end=False)
    for o, name in enumerate(_NAMES):
        shade, stop = colour(name), panel.stops[o]
        axes.plot(data.times, panel.worst[o], color=shade, linewidth=1.0)
        inside = (data.times >= stop.window[0]) & (data.times <= stop.window[1])
        axes.plot(data.times[inside], panel.worst[o][inside], color=shade, linewidth=3.5)
        draw_mean(axes, data.simulated_times, panel.simulated[:, o], shade, size=3)
        for rule, (time, value) in _points(stop).items():
            axes.plot(
                time,
                value,
                color=shade,
                marker=_RULES[rule],
                markersize=5,
                markeredgecolor="white",
                markeredgewidth=0.5,
                zorder=4,
                clip_on=False,
            )
    axes.set_ylim(-0.03, 1.03)
    axes.set_title(f"{flipped(panel.setting)}: {_cost(panel)}")


def _cost(panel: Panel) -> str:
    """What the loss rule costs logit shifting."""
    stop = panel.stops[_NAMES.index("logit shifting")]
    points = 100 * (stop.accuracy.worst - stop.at_loss.worst)
    return f"stopping by loss costs the shift {points:.0f} points"
