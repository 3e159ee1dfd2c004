"""The paper's Figure 1, over many seeds, and continued to the limit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray
from scipy.special import ndtr

from ..sims import replicate, stream
from ..sims.record import observed_groups
from ..sims.xrm import STEPS
from ..studies.arguments import Progress, check_run, silent
from ..studies.band import Band
from ..studies.figure_1 import COLUMNS, RATES, Pipeline, figure_1_setting, pipeline
from ..theory import (
    MAJORITY,
    MINORITY,
    GroupAccuracy,
    NotSeparableError,
    Setting,
    proportional,
)
from .refusals import some_memory
from .style import PAGE_WIDTH, Table, colour, long_form, new_figure, style, time_axis

__all__ = ["ALT_TEXT", "Interpretable", "compute", "default_setting", "draw"]

Array: TypeAlias = NDArray[np.float64]

_RECORD = range(0, STEPS + 1, 4)
_GROUPS = ("majority", "minority")
_DASHED = (0, (3, 1.5))
_GREY = "0.35"
_PAPER: dict[str, Any] = {"color": "0.5", "linewidth": 0.8, "linestyle": ":"}
_PREDICTED: dict[str, Any] = {"color": "black", "marker": "_", "markersize": 13}
_A_DECADE = 12
# What a difference of accuracies must be for a title to speak of it.
_NOTABLE = 0.03
# Light and dark of the two labels, as far apart with any common colour blindness.
_LIGHT = {-1: "#F6C9A3", 1: "#A9CFE8"}
_DARK = {-1: "#A84A00", 1: "#00507F"}

ALT_TEXT = (
    "Three columns: ERM without memory features, ERM with them, MAT with them. Top: accuracies "
    "over 1,000 steps. All training accuracies become 1; the minority's test accuracy becomes 1, "
    "gets to 0.14, and stays above 0.9. Middle: training points and decision regions. The boundary "
    "follows the core feature, the spurious feature, and the core feature with a soft edge. "
    "Bottom: the minority's test accuracy until t = 10¹². ERM's rises and MAT's falls, to one "
    "limit near 0.7."
)


def default_setting() -> Setting:
    """The paper's Figure 1, with the 901 + 99 examples that its code draws.

    Examples
    --------
    >>> default_setting() == figure_1_setting()
    True
    """
    return figure_1_setting()


@dataclass(frozen=True, eq=False)
class Interpretable:
    """What the figure shows.

    Attributes
    ----------
    setting : Setting
    example : Pipeline
        The first draw, whose points and regions are shown.
    steps : array (T,)
    test, train : array (S, 3, 2, T)
        Accuracies of S draws: columns, then majority and minority, then steps.
    times : array (L,)
        t = learning rate × steps.
    later : array (S, 3, 2, L)
        Test accuracies by gradient flow.
    limits : array (S, 3, 2)
        Those of the max margins; nan where a draw cannot be separated.
    predicted : array (3, 2)
        Those of P9; nan where it has none.

    Examples
    --------
    >>> data = compute(Setting(60, 120, 0.9, 5.0, 0.5, 0.12, 0.12), replicates=2, latest=1e4)
    >>> data.test.shape, data.later.shape[:3], data.limits.shape
    ((2, 3, 2, 251), (2, 3, 2), (2, 3, 2))
    """

    setting: Setting
    example: Pipeline
    steps: Array
    test: Array
    train: Array
    times: Array
    later: Array
    limits: Array
    predicted: Array

    def table(self) -> Table:
        """The figure's data in long form.

        ``panel`` is accuracy (x is the step), later (x is t), limit, predicted, point (x and y are
        the two features, ``of`` the training label and group), or weights (w_y, w_a and ‖w_ε‖ of
        the regions, as x is 0, 1 and 2).

        Examples
        --------
        >>> data = compute(Setting(60, 120, 0.9, 5.0, 0.5, 0.12, 0.12), replicates=2, latest=1e4)
        >>> list(data.table())
        ['panel', 'column', 'of', 'x', 'y', 'low', 'high']
        """
        names = ("panel", "column", "of", "x", "y", "low", "high")
        return long_form(names, self._rows())

    def _rows(self) -> Iterator[tuple[object, ...]]:
        for c, column in enumerate(COLUMNS):
            for g, group in enumerate(_GROUPS):
                for panel, of, x, draws in (
                    ("accuracy", f"{group}, test", self.steps, self.test),
                    ("accuracy", f"{group}, train", self.steps, self.train),
                    ("later", f"{group}, test", self.times, self.later),
                ):
                    for at, *numbers in zip(x, *Band.of(draws[:, c, g]), strict=True):
                        yield panel, column, of, at, *numbers
                limit = Band.of(self.limits[:, c, g])
                yield "limit", column, f"{group}, test", "", *limit
                yield "predicted", column, f"{group}, test", "", self.predicted[c, g], "", ""
            sample, run = self.example.samples[c], self.example.runs[c]
            raw = sample.plane * sample.labels[:, None]
            for point, label, member in zip(
                raw, sample.labels, observed_groups(sample), strict=True
            ):
                of = f"label {label:+.0f}, {'majority' if member == MAJORITY else 'minority'}"
                yield "point", column, of, *point, "", ""
            for k, weight in enumerate(run.coordinates[-1]):
                yield "weights", column, "", k, weight, "", ""


def _both(accuracy: GroupAccuracy[Any]) -> Array:
    return np.array([accuracy.majority, accuracy.minority], dtype=float)


def compute(
    setting: Setting,
    seed: int = 0,
    latest: float = 1e12,
    *,
    replicates: int = 100,
    workers: int | None = None,
    progress: Progress = silent,
) -> Interpretable:
    """Run the paper's Figure 1 on many draws, and continue each to its limit.

    Parameters
    ----------
    setting : Setting
        With example-specific features; the first column is the same without.
    seed : int
    latest : float
        The last time t = learning rate × steps, in (0.01, 1e16].
    replicates : int
        Draws, ≥ 1.
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
    >>> data = compute(Setting(60, 120, 0.9, 5.0, 0.5, 0.12, 0.12), replicates=2, latest=1e4)
    >>> data.train[..., -1].min()                    # everything is right on the training set
    np.float64(1.0)
    """
    check_run(seed, replicates, workers, least=1)
    # The first column is the one without memory.
    some_memory(setting)
    points = 1 + _A_DECADE * int(np.ceil(np.log10(latest) + 2))
    times = np.logspace(-2, np.log10(latest), points)

    def one(seed: np.random.SeedSequence) -> tuple[Array, ...]:
        done = pipeline(setting, seed, steps=STEPS, record=_RECORD)
        pairs = list(zip(done.runs, done.settings, strict=True))
        later = zip(done.continued(times), done.settings, strict=True)
        return (
            np.stack([_both(run.accuracy(where)) for run, where in pairs]),
            np.stack([_both(run.train) for run in done.runs]),
            np.stack([_both(run.accuracy(where)) for run, where in later]),
            _limits(done),
        )

    streams = [stream(seed, 0, index) for index in range(replicates)]
    found = []
    for result in replicate(one, streams, workers):
        found.append(result)
        progress(len(found), replicates, "Figure 1")
    test, train, later, limits = (np.stack(arrays) for arrays in zip(*found, strict=True))
    try:
        predicted = _both(proportional.max_margin(setting).accuracy(setting))
    except NotSeparableError:
        predicted = np.full(2, np.nan)
    return Interpretable(
        setting=setting,
        example=pipeline(setting, streams[0], steps=STEPS, record=[STEPS]),
        steps=np.array(_RECORD, dtype=float),
        test=test,
        train=train,
        times=times,
        later=later,
        limits=limits,
        predicted=np.stack((np.full(2, np.nan), predicted, predicted)),
    )


def _limits(done: Pipeline) -> Array:
    try:
        limits = done.limits()
    except NotSeparableError:
        return np.full((len(COLUMNS), 2), np.nan)
    pairs = zip(limits, done.settings, strict=True)
    return np.stack([_both(limit.accuracy(where)) for limit, where in pairs])


def draw(data: Interpretable) -> Figure:
    """Draw three rows of three panels.

    Examples
    --------
    >>> data = compute(Setting(60, 120, 0.9, 5.0, 0.5, 0.12, 0.12), replicates=2, latest=1e4)
    >>> len(draw(data).axes)
    9
    """
    with style():
        figure = new_figure(PAGE_WIDTH, 6.6)
        grid = figure.subplots(3, 3)
        for c in range(3):
            _draw_steps(grid[0, c], data, c)
            _draw_regions(grid[1, c], data, c)
            _draw_later(grid[2, c], data, c)
        for axes in grid[:, 1:].flat:
            axes.set_ylabel("")
        figure.legend(handles=_handles(len(data.test)), loc="outside lower center", ncols=5)
    return figure


def _handles(draws: int) -> list[Artist]:
    return [
        Line2D([], [], color=colour("ERM"), label="minority (ERM), test"),
        Line2D([], [], color=colour("ERM"), linestyle=_DASHED, label="train"),
        Line2D([], [], color=colour("MAT"), label="minority (MAT), test"),
        Line2D([], [], color=colour("MAT"), linestyle=_DASHED, label="train"),
        Line2D([], [], color=_GREY, label="majority, test"),
        Line2D([], [], color=_GREY, linestyle=_DASHED, label="train"),
        Patch(color="0.8", linewidth=0, label=f"90 % of {draws} draws"),
        Line2D([], [], **_PAPER, label=f"{STEPS:,} steps"),
        Line2D([], [], color="black", marker="o", markersize=3, label="max margin"),
        Line2D([], [], **_PREDICTED, linestyle="", label="predicted (P9)"),
    ]


def _colours(column: int) -> tuple[str, str]:
    """Of the majority and the minority."""
    return _GREY, colour("MAT" if COLUMNS[column] == "MAT" else "ERM")


def _draw_steps(axes: Axes, data: Interpretable, column: int) -> None:
    for g, shade in enumerate(_colours(column)):
        for draws, line in ((data.train, _DASHED), (data.test, "-")):
            band = Band.of(draws[:, column, g])
            axes.fill_between(data.steps, band.low, band.high, color=shade, alpha=0.25, linewidth=0)
            axes.plot(data.steps, band.mean, color=shade, linestyle=line)
    axes.set(xlim=(0, STEPS), ylim=(-0.03, 1.03))
    axes.set_xlabel(f"step (rate {RATES[column] / 2:g} of the softmax)")
    axes.set_title(("ERM without", "ERM with", "MAT with")[column] + " memory features")
    axes.set_ylabel("accuracy")


def _draw_regions(axes: Axes, data: Interpretable, column: int) -> None:
    """Shade: the probability, over a test point's own memory features, of the label +1."""
    sample, run = data.example.samples[column], data.example.runs[column]
    raw = sample.plane * sample.labels[:, None]
    reach = 1.15 * np.abs(raw).max(axis=0)
    x, y = (np.linspace(-r, r, 201) for r in reach)
    w_y, w_a, memory = run.coordinates[-1]
    score = w_y * x[None, :] + w_a * y[:, None]
    noise = data.example.settings[column].sigma * memory
    chance = ndtr(score / noise) if noise > 0 else np.where(score > 0, 1.0, 0.0)
    shades = LinearSegmentedColormap.from_list("labels", [_LIGHT[-1], "white", _LIGHT[1]])
    axes.pcolormesh(x, y, chance, cmap=shades, vmin=0, vmax=1, shading="auto", rasterized=True)
    axes.contour(x, y, score, levels=[0.0], colors="black", linewidths=1.0)
    for group, marker, size in ((MAJORITY, ".", 5), (MINORITY, "^", 9)):
        for label in (-1, 1):
            some = raw[(sample.groups == group) & (sample.labels == label)]
            axes.scatter(
                some[:, 0], some[:, 1], s=size, marker=marker, color=_DARK[label], linewidths=0
            )
    axes.set(xlim=(-reach[0], reach[0]), ylim=(-reach[1], reach[1]))
    alone = "core" if w_y > data.setting.gamma * w_a else "spurious"
    axes.set_title(f"leans on the {alone} feature")
    axes.set_xlabel("core feature $x_y$")
    axes.set_ylabel("spurious feature $\\gamma x_a$")


def _draw_later(axes: Axes, data: Interpretable, column: int) -> None:
    beyond = time_axis(axes, data.times[0], data.times[-1], decades=4)
    for g, shade in enumerate(_colours(column)):
        band = Band.of(data.later[:, column, g])
        axes.fill_between(data.times, band.low, band.high, color=shade, alpha=0.25, linewidth=0)
        axes.plot(data.times, band.mean, color=shade)
        end = Band.of(data.limits[:, column, g])
        reach = [[end.mean - end.low], [end.high - end.mean]]
        axes.errorbar(
            beyond, end.mean, reach, color="black", marker="o", markersize=3, linewidth=1, zorder=4
        )
        axes.plot(beyond, data.predicted[column, g], **_PREDICTED)
    axes.axvline(STEPS * RATES[column], **_PAPER, zorder=0)
    axes.set_ylim(-0.03, 1.03)
    axes.set_ylabel("test accuracy")
    axes.set_title(_later_title(data, column))


def _later_title(data: Interpretable, column: int) -> str:
    """What becomes of the minority after the paper's steps."""
    change = data.limits[:, column, 1].mean() - data.test[:, column, 1, -1].mean()
    if np.isnan(change):
        return "some draws have no max margin"
    if abs(change) < _NOTABLE:
        return "the minority stays as it is"
    return f"the minority slowly {'improves' if change > 0 else 'declines'}"
