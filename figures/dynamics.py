"""The minority over time at four d/n: the proportional limit, simulation, and what they tend to."""

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

from ..studies.arguments import Progress, silent
from ..studies.train import three_methods
from ..theory import (
    NotSeparableError,
    Setting,
    Trajectory,
    orthogonal,
    proportional,
)
from .draws import draw_mean, handle, mean_and_error
from .over_time import NAMES, Both, Times, both_ways
from .refusals import some_memory
from .style import PAGE_WIDTH, Table, colour, long_form, new_figure, style, time_axis

__all__ = ["ALT_TEXT", "ASPECTS", "Dynamics", "Panel", "compute", "default_setting", "draw"]

Array: TypeAlias = NDArray[np.float64]

ASPECTS = (0.5, 1.8, 10.0, 100.0)
"""d/n of the panels; κ = σ²d/n is the setting's in all of them."""

_DASHED = (0, (1.5, 1.5))
_A_DECADE = 4
_SIMULATED = 15
_FIRST = 1e-2

ALT_TEXT = (
    "Four panels, d/n = 0.5, 1.8, 10 and 100: test accuracy of the minority over time until 10¹². "
    "ERM starts at 0 and rises, logit shifting starts near 1 and falls, reweighting lies between; "
    "all end at one dot, the max margin. Lines of the proportional limit pass through the error "
    "bars of simulation. The dotted lines of the limit of many features are the same in all "
    "panels; they are close at d/n = 100 and far off at 0.5, where accuracies are nearer to one "
    "half."
)


def default_setting() -> Setting:
    """The paper's Figure 1; simulations have its n.

    Examples
    --------
    >>> default_setting() == Setting.figure_1()
    True
    """
    return Setting.figure_1()


@dataclass(frozen=True, eq=False)
class Panel:
    """One d/n.

    Attributes
    ----------
    setting : Setting
    predicted, error : arrays (3, T)
        Minority accuracy of ERM, reweighting and logit shifting by P12, and its standard error.
    simulated : array (S, 3, t)
        Of S draws, at fewer times.
    orthogonal : array (3, T)
        By P5: weights of d/n → ∞, accuracy at this d/n.
    limit : float
        Of the max margin by P9; nan where there is none.
    """

    setting: Setting
    predicted: Array
    error: Array
    simulated: Array
    orthogonal: Array
    limit: float


@dataclass(frozen=True, eq=False)
class Dynamics:
    """What the figure shows.

    Attributes
    ----------
    times, simulated_times : arrays (T,) and (t,)
        t = learning rate × steps.
    panels : list of Panel
        One for each of `ASPECTS`.
    """

    times: Array
    simulated_times: Array
    panels: list[Panel]

    def table(self) -> Table:
        """The figure's data in long form.

        ``source`` is proportional limit, simulation, orthogonal limit or max margin (no t).
        """
        names = ("d/n", "objective", "source", "t", "minority", "standard_error")
        return long_form(names, self._rows())

    def _rows(self) -> Iterator[tuple[object, ...]]:
        for k, panel in enumerate(self.panels):
            aspect = f"{ASPECTS[k]:g}"
            mean, error = mean_and_error(panel.simulated)
            for o, name in enumerate(NAMES):
                for t, y, e in zip(self.times, panel.predicted[o], panel.error[o], strict=True):
                    yield aspect, name, "proportional limit", t, y, e
                for t, y in zip(self.times, panel.orthogonal[o], strict=True):
                    yield aspect, name, "orthogonal limit", t, y, ""
                for t, y, e in zip(self.simulated_times, mean[o], error[o], strict=True):
                    yield aspect, name, "simulation", t, y, e
            yield aspect, "", "max margin", "", panel.limit, ""


def compute(
    setting: Setting,
    seed: int = 0,
    latest: float = 1e12,
    *,
    replicates: int = 12,
    sites: int = 1024,
    workers: int | None = None,
    progress: Progress = silent,
) -> Dynamics:
    """P12, simulation, and both limits, for three methods at four d/n.

    Parameters
    ----------
    setting : Setting
        Its κ is kept; its d is not.
    seed : int
    latest : float
        The last time t = learning rate × steps, in (0.01, 1e16].
    replicates : int
        Draws at each d/n, ≥ 1.
    sites : int
        Of `proportional.flow`.
    workers : int, optional
        Threads; all cores by default.
    progress : callable
        Called with (done, total, label).

    Raises
    ------
    SettingError
        There are no draws, or no example-specific features.

    Examples
    --------
    >>> data = compute(Setting.figure_1(n=50, d=90), latest=0.1, replicates=2, sites=4)
    >>> [panel.setting.d for panel in data.panels]
    [25, 90, 500, 5000]
    >>> data.panels[0].simulated.shape[:2], len(draw(data).axes)
    ((2, 3), 4)
    >>> sorted(set(data.table()["source"]))
    ['max margin', 'orthogonal limit', 'proportional limit', 'simulation']
    """
    some_memory(setting)
    times = Times.of(_FIRST, latest, _A_DECADE, _SIMULATED)
    found = both_ways(
        [_with_aspect(setting, aspect) for aspect in ASPECTS],
        three_methods,
        times,
        _minority,
        seed=seed,
        replicates=replicates,
        sites=sites,
        workers=workers,
        progress=progress,
    )
    return Dynamics(*times, [_panel(each, times.predicted) for each in found])


def _minority(run: Trajectory, setting: Setting) -> Array:
    return run.accuracy(setting).minority


def _panel(found: Both, times: Array) -> Panel:
    where = found.setting
    try:
        limit = float(proportional.max_margin(where).accuracy(where).minority)
    except NotSeparableError:
        limit = math.nan
    return Panel(
        setting=where,
        predicted=np.stack([_minority(run, where) for run in found.runs]),
        error=np.stack(
            [run.standard_error(lambda each: _minority(each, where)) for run in found.runs]
        ),
        simulated=found.simulated,
        orthogonal=np.stack(
            [_minority(orthogonal.flow(where, each, times), where) for each in three_methods(where)]
        ),
        limit=limit,
    )


def _with_aspect(setting: Setting, aspect: float) -> Setting:
    return setting.with_memory(setting.kappa, d=max(1, round(aspect * setting.n)))


def draw(data: Dynamics) -> Figure:
    """Draw the four panels."""
    with style():
        figure = new_figure(PAGE_WIDTH, 4.8)
        grid = figure.subplots(2, 2, sharex=True, sharey=True)
        for axes, panel, aspect in zip(grid.flat, data.panels, ASPECTS, strict=True):
            _draw_panel(axes, data, panel)
            axes.set_title(f"$d/n$ = {aspect:g}: {_ends(panel)}")
        for axes in grid[0]:
            axes.set_xlabel("")
        for axes in grid[:, 0]:
            axes.set_ylabel("minority, test accuracy")
        handles = _handles(len(data.panels[0].simulated))
        figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


def _handles(draws: int) -> list[Artist]:
    return [
        *(Line2D([], [], color=colour(name), label=name) for name in NAMES),
        Line2D([], [], color="black", marker="o", markersize=4, linestyle="", label="max margin"),
        Line2D([], [], color="0.3", label="predicted at this $d/n$"),
        Line2D([], [], color="0.3", linestyle=_DASHED, label="weights of $d/n → ∞$"),
        handle(draws, size=5),
    ]


def _ends(panel: Panel) -> str:
    """What the many-features limit is worth here."""
    gap = float(np.abs(panel.orthogonal - panel.predicted).max())
    return f"many-features limit off by up to {gap:.2f}"


def _draw_panel(axes: Axes, data: Dynamics, panel: Panel) -> None:
    beyond = time_axis(axes, data.times[0], data.times[-1])
    for o, name in enumerate(NAMES):
        axes.plot(data.times, panel.predicted[o], color=colour(name), zorder=2)
        axes.plot(
            data.times,
            panel.orthogonal[o],
            color=colour(name),
            linestyle=_DASHED,
            linewidth=1.0,
            zorder=1,
        )
        draw_mean(axes, data.simulated_times, panel.simulated[:, o], colour(name), size=5, zorder=3)
    axes.plot(beyond, panel.limit, color="black", marker="o", markersize=4, clip_on=False)
    axes.set_ylim(-0.03, 1.03)
