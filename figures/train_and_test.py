"""What training reads and what new examples find, over time, with and without label noise."""

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
from ..theory import Setting, Trajectory, orthogonal
from ..theory.generalization import examples_needed
from .draws import draw_mean, handle, mean_and_error
from .over_time import NAMES, Times, both_ways, flipped, with_and_without_noise
from .style import PAGE_WIDTH, Table, colour, long_form, new_figure, style, time_axis

__all__ = ["ALT_TEXT", "Panel", "TrainAndTest", "compute", "default_setting", "draw"]

Array: TypeAlias = NDArray[np.float64]

_DASHED = (0, (2, 1.5))
_A_DECADE = 8
_SIMULATED = 15
_FIRST = 1e-1
_SMALLEST_GAP = 0.02
_FITTED = 0.995

ALT_TEXT = (
    "Four panels over time until 10¹², left without and right with label noise. Top, ERM: the "
    "minority's training accuracy (dashed) rises from 0 to 1 between t = 1 and 20; its test "
    "accuracy (solid) starts to rise only after that, and slowly. With label noise it rises "
    "earlier and ends lower. Error bars of simulation lie on the lines. Bottom: held-out examples "
    "of the minority that are needed to see the gap, a handful for ERM, tens to hundreds for "
    "reweighting and logit shifting without label noise, about ten for all with it."
)


def default_setting() -> Setting:
    """ρ = 0.9, γ = 5, κ = 0.7κ*, d/n = 10 and a little feature noise: recovered, late.

    Examples
    --------
    >>> default_setting().delta
    10.0
    """
    kappa = 0.7 * orthogonal.critical_memory(0.9, 5.0)
    return Setting(1000, 10_000, 0.9, 5.0, math.sqrt(kappa / 10), 0.12, 0.12)


@dataclass(frozen=True, eq=False)
class Panel:
    """One label noise: the minority under ERM, reweighting and logit shifting.

    Attributes
    ----------
    setting : Setting
    train, test : arrays (3, T)
        Accuracies by P12.
    simulated : array (S, 3, 2, t)
        Train and test of S draws, at fewer times.
    """

    setting: Setting
    train: Array
    test: Array
    simulated: Array

    def needed(self) -> Array:
        """Held-out examples of the minority that show the gap, (3, T); nan where there is none."""
        pairs = zip(self.test.ravel(), self.train.ravel(), strict=True)
        counts = [
            examples_needed(float(test), float(min(train, 1.0)))
            if train - test > _SMALLEST_GAP
            else math.nan
            for test, train in pairs
        ]
        return np.reshape(counts, self.test.shape)


@dataclass(frozen=True, eq=False)
class TrainAndTest:
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
        """The figure's data in long form; ``source`` is prediction, simulation or its error."""
        names = ("label_noise", "objective", "source", "t", "train", "test", "needed")
        return long_form(names, self._rows())

    def _rows(self) -> Iterator[tuple[object, ...]]:
        for panel in self.panels:
            noise, needed = f"{panel.setting.label_noise:g}", panel.needed()
            mean, error = mean_and_error(panel.simulated)
            for o, name in enumerate(NAMES):
                for t, *numbers in zip(
                    self.times, panel.train[o], panel.test[o], needed[o], strict=True
                ):
                    yield noise, name, "prediction", t, *numbers
                for source, values in (("simulation", mean), ("standard error", error)):
                    for t, train, test in zip(self.simulated_times, *values[o], strict=True):
                        yield noise, name, source, t, train, test, ""


def compute(
    setting: Setting,
    seed: int = 0,
    latest: float = 1e12,
    *,
    replicates: int = 12,
    sites: int = 1024,
    workers: int | None = None,
    progress: Progress = silent,
) -> TrainAndTest:
    """P12 and simulation of the minority's training and test accuracy.

    Parameters
    ----------
    setting : Setting
        Shown without label noise, and with its own or 0.1.
    seed : int
    latest : float
        The last time t = learning rate × steps, in (0.1, 1e16].
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
        The latest time is too early, there are no draws.

    Examples
    --------
    >>> data = compute(default_setting(), latest=1.0, replicates=2, sites=4)
    >>> data.panels[0].simulated.shape[:3]
    (2, 3, 2)
    >>> list(data.table())
    ['label_noise', 'objective', 'source', 't', 'train', 'test', 'needed']
    >>> len(draw(data).axes)
    4
    """
    times = Times.of(_FIRST, latest, _A_DECADE, _SIMULATED)
    found = both_ways(
        with_and_without_noise(setting),
        three_methods,
        times,
        _minority,
        seed=seed,
        replicates=replicates,
        sites=sites,
        workers=workers,
        progress=progress,
    )
    panels = []
    for where, runs, simulated in found:
        train, test = np.stack([_minority(run, where) for run in runs], axis=1)
        panels.append(Panel(where, train, test, simulated))
    return TrainAndTest(*times, panels)


def _minority(run: Trajectory, setting: Setting) -> Array:
    """Training and test accuracy of the minority (2, T)."""
    return np.stack((run.train.minority, run.accuracy(setting).minority))


def draw(data: TrainAndTest) -> Figure:
    """Draw two rows of two panels."""
    with style():
        figure = new_figure(PAGE_WIDTH, 4.6)
        grid = figure.subplots(2, 2, sharex=True, sharey="row")
        for (upper, lower), panel in zip(grid.T, data.panels, strict=True):
            _draw_accuracy(upper, data, panel)
            _draw_needed(lower, data, panel)
            upper.set_xlabel("")
        grid[0, 0].set_ylabel("minority, accuracy under ERM")
        grid[1, 0].set_ylabel("held-out minority\nexamples that show the gap")
        figure.legend(
            handles=_handles(len(data.panels[0].simulated)), loc="outside lower center", ncols=4
        )
    return figure


def _handles(draws: int) -> list[Artist]:
    return [
        *(Line2D([], [], color=colour(name), label=name) for name in NAMES),
        Line2D([], [], color="0.3", label="test"),
        Line2D([], [], color="0.3", linestyle=_DASHED, label="train"),
        handle(draws, size=5),
    ]


def _draw_accuracy(axes: Axes, data: TrainAndTest, panel: Panel) -> None:
    time_axis(axes, data.times[0], data.times[-1], end=False)
    for k, (values, line) in enumerate(((panel.train, _DASHED), (panel.test, "-"))):
        axes.plot(data.times, values[0], color=colour("ERM"), linestyle=line)
        draw_mean(axes, data.simulated_times, panel.simulated[:, 0, k], colour("ERM"), size=5)
    axes.set_ylim(-0.03, 1.03)
    axes.set_title(f"{flipped(panel.setting)}: {_apart(data, panel)}")


def _apart(data: TrainAndTest, panel: Panel) -> str:
    """From when training reads right, and what new examples find then."""
    fitted = np.flatnonzero(panel.train[0] >= _FITTED)
    if not fitted.size:
        return "not fitted in the time shown"
    k = int(fitted[0])
    return f"fitted at $t$ = {data.times[k]:.2g}, test then {100 * panel.test[0, k]:.0f} %"


def _draw_needed(axes: Axes, data: TrainAndTest, panel: Panel) -> None:
    time_axis(axes, data.times[0], data.times[-1], end=False)
    for name, counts in zip(NAMES, panel.needed(), strict=True):
        axes.plot(data.times, counts, color=colour(name))
    axes.set_yscale("log")
    axes.set_ylim(0.8, 1e3)
