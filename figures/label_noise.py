"""Early learning and then memorisation; and from how many features on memorising is harmless."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from ..studies.arguments import Progress, silent
from ..studies.train import three_methods
from ..theory import Objective, Setting, Trajectory, orthogonal, proportional
from .draws import draw_mean, handle, limits_of_draws, mean_and_error
from .over_time import NAMES, Both, Times, both_ways
from .refusals import no_label_noise, some_memory
from .style import PAGE_WIDTH, Table, colour, long_form, new_figure, style, time_axis

__all__ = ["ALT_TEXT", "NOISES", "Noise", "NoiseFigure", "compute", "default_setting", "draw"]

Array: TypeAlias = NDArray[np.float64]

NOISES = (0.0, 0.1, 0.2, 0.3)
"""Label noise of the curves."""

# One hue, light to dark with the noise: the objective is the shift.
_SHADES = ("#6FD6B8", "#009E73", "#00664B", "#002E22")
_DASHED = (0, (2, 1.5))
_A_DECADE, _SIMULATED, _FIRST = 12, 11, 1e-2
_PEAK_NOISES = np.linspace(0.0, 0.48, 25)
_ASPECTS = np.logspace(0.1, 3, 20)
_SIMULATED_ASPECTS = (1.5, 4.0, 16.0, 64.0, 256.0)
_SIMULATED_N = 300
_SETS_OF_STREAMS = 100

ALT_TEXT = (
    "Left: the minority's test accuracy over time under logit shifting, for four shares of flipped "
    "labels. It rises to a peak, marked, between t = 1 and 3, and then falls: hardly without label "
    "noise, from 1 to 0.8 with 10 % and from 0.96 to 0.62 with 30 % flipped. Simulated dots lie on "
    "the lines. Middle: the time of the peak against label noise; logit shifting's falls from 2.4 "
    "to 1.2, reweighting's rises from the first step to 0.9, ERM has one only beyond 31 % flipped, "
    "near t = 35. Right: the accuracy that the max margin has of the minority, against d/n from 1 "
    "to 1000. It rises to 1, later with more label noise; crosses mark where the closed form says "
    "99 %, at d/n = 22, 64 and 191. Dots of simulation lie on the lines."
)


def default_setting() -> Setting:
    """ρ = 0.9, γ = 5, d/n = 2, κ = 0.4κ*, feature noise 0.12; label noise is what is varied.

    Examples
    --------
    >>> round(default_setting().kappa / orthogonal.critical_memory(0.9, 5.0), 12)
    0.4
    """
    memory = 0.4 * orthogonal.critical_memory(0.9, 5.0)
    return Setting(1000, 2000, 0.9, 5.0, math.sqrt(memory / 2), 0.12, 0.12)


@dataclass(frozen=True, eq=False)
class Noise:
    """One label noise.

    Attributes
    ----------
    setting : Setting
    accuracy : array (T,)
        The minority's test accuracy under logit shifting, by P12.
    simulated : array (S, t)
        That of S draws.
    limit, closed : arrays (D,)
        The minority's accuracy of the max margin against d/n, without feature noise: P9, and P16
        for d ≫ n.
    drawn : array (S, k)
        That of S draws with 300 examples.
    harmless : float
        d/n from which on the closed form has 99 %.
    """

    setting: Setting
    accuracy: Array
    simulated: Array
    limit: Array
    closed: Array
    drawn: Array
    harmless: float


@dataclass(frozen=True, eq=False)
class NoiseFigure:
    """What the figure shows.

    Attributes
    ----------
    times, simulated_times : arrays (T,) and (t,)
        t = learning rate × steps.
    noises : list of Noise
    shares : array (E,)
        Label noise of the middle panel.
    peaks : array (3, E)
        log t of the minority's best accuracy under ERM, reweighting and logit shifting, without
        feature noise and for d ≫ n (P16): −inf at the first step, inf in the limit.
    aspects, simulated_aspects : arrays (D,) and (k,)
        d/n of the right panel.
    """

    times: Array
    simulated_times: Array
    noises: list[Noise]
    shares: Array
    peaks: Array
    aspects: Array
    simulated_aspects: Array

    def table(self) -> Table:
        """The figure's data in long form.

        ``x`` is t, label noise or d/n; ``value`` an accuracy, or log10 t of the peak.
        """
        names = ("panel", "curve", "source", "x", "value", "standard_error")
        return long_form(names, self._rows())

    def _rows(self) -> Iterator[tuple[object, ...]]:
        for each in self.noises:
            noise = f"{each.setting.label_noise:g}"
            for x, y in zip(self.times.tolist(), each.accuracy.tolist(), strict=True):
                yield "time", noise, "prediction", x, y, ""
            yield from _simulated("time", noise, self.simulated_times, each.simulated)
            for x, *values in zip(self.aspects, each.limit, each.closed, strict=True):
                for source, y in zip(("prediction", "closed form"), values, strict=True):
                    yield "aspect", noise, source, float(x), float(y), ""
            yield from _simulated("aspect", noise, self.simulated_aspects, each.drawn)
            yield "aspect", noise, "harmless", each.harmless, 0.99, ""
        for name, logs in zip(NAMES, self.peaks, strict=True):
            for x, y in zip(self.shares.tolist(), (logs / math.log(10)).tolist(), strict=True):
                yield "peak", name, "prediction", x, y, ""


def _simulated(
    panel: str, noise: str, places: Array, draws: Array
) -> Iterator[tuple[str | float, ...]]:
    mean, error = mean_and_error(draws)
    for x, y, e in zip(places, mean, error, strict=True):
        yield panel, noise, "simulation", x, y, e


def compute(
    setting: Setting,
    seed: int = 0,
    latest: float = 1e12,
    *,
    replicates: int = 12,
    sites: int = 1024,
    shares: Sequence[float] = tuple(_PEAK_NOISES),
    aspects: Sequence[float] = tuple(_ASPECTS),
    workers: int | None = None,
    progress: Progress = silent,
) -> NoiseFigure:
    """P12, P16 and P9 of label noise, and simulation of each.

    Parameters
    ----------
    setting : Setting
        Its label noise is replaced; the middle and the right panel leave its feature noise out.
    seed : int
    latest : float
        The last time t = learning rate × steps, in (0.01, 1e16].
    replicates : int
        Draws, ≥ 1.
    sites : int
        Of `proportional.flow`.
    shares, aspects : sequence of float
        Label noise of the middle panel, d/n of the right one's lines.
    workers : int, optional
        Threads; all cores by default.
    progress : callable
        Called with (done, total, label).

    Raises
    ------
    SettingError
        The latest time is too early, there are no draws, no memory, or the setting has label noise.

    Examples
    --------
    >>> small = {"replicates": 2, "sites": 4, "shares": [0.1, 0.3], "aspects": [2.0, 20.0]}
    >>> data = compute(Setting(40, 400, 0.8, 3.0, 0.2), latest=1.0, **small)
    >>> data.noises[1].simulated.shape, data.peaks.shape
    ((2, 11), (3, 2))
    >>> list(data.table())
    ['panel', 'curve', 'source', 'x', 'value', 'standard_error']
    >>> len(draw(data).axes)
    3
    """
    no_label_noise(setting, "The figure varies it.")
    some_memory(setting)
    times = Times.of(_FIRST, latest, _A_DECADE, _SIMULATED)
    settings = [replace(setting, label_noise=noise) for noise in NOISES]
    found = both_ways(
        settings,
        lambda where: [Objective.logit_shifting(where)],
        times,
        _minority,
        seed=seed,
        replicates=replicates,
        sites=sites,
        workers=workers,
        progress=progress,
    )
    noises = [
        _noise(each, aspects, seed, _SETS_OF_STREAMS * k, replicates, workers)
        for k, each in enumerate(found, start=1)
    ]
    return NoiseFigure(
        *times,
        noises,
        np.array(shares),
        _peaks(setting, shares),
        np.array(aspects),
        np.array(_SIMULATED_ASPECTS),
    )


def _noise(
    found: Both,
    aspects: Sequence[float],
    seed: int,
    first: int,
    replicates: int,
    workers: int | None,
) -> Noise:
    """The runs of one label noise, and its limits against d/n."""
    where, [run], simulated = found
    there = [_at(where, aspect, where.n) for aspect in aspects]
    drawn = limits_of_draws(
        [_at(where, aspect, _SIMULATED_N) for aspect in _SIMULATED_ASPECTS],
        lambda limit, each: limit.accuracy(each).minority,
        seed=seed,
        first=first,
        replicates=replicates,
        workers=workers,
    )
    return Noise(
        where,
        _minority(run, where),
        simulated[:, 0],
        np.array([proportional.max_margin(each).accuracy(each).minority for each in there]),
        np.array([orthogonal.max_margin(each).accuracy(each).minority for each in there]),
        drawn,
        orthogonal.harmless_aspect(there[0], 0.99),
    )


def _peaks(setting: Setting, shares: Sequence[float]) -> Array:
    """log t of the minority's best accuracy (3, E)."""
    settings = [_at(replace(setting, label_noise=share), 10.0, 10**4) for share in shares]
    return np.array(
        [[orthogonal.log_peak_time(x, method) for method in three_methods(x)] for x in settings]
    ).T


def _minority(run: Trajectory, setting: Setting) -> Array:
    return run.accuracy(setting).minority


def _at(setting: Setting, aspect: float, n: int) -> Setting:
    """The same κ at another d/n, without feature noise."""
    return setting.with_memory(
        setting.kappa, n=n, d=round(n * aspect), core_noise=0.0, spurious_noise=0.0
    )


def draw(data: NoiseFigure) -> Figure:
    """Draw the three panels."""
    with style():
        figure = new_figure(PAGE_WIDTH, 2.9)
        over_time, peak, limit = figure.subplots(1, 3, width_ratios=(1.15, 0.8, 1))
        time_axis(over_time, data.times[0], data.times[-1], end=False)
        over_time.set(ylim=(0.45, 1.015), ylabel="minority, test accuracy")
        over_time.set_title("learnt early, then memorised")
        for each, shade in zip(data.noises, _SHADES, strict=True):
            _draw_run(over_time, data, each, shade)
            _draw_limit(limit, data, each, shade)
        _draw_peaks(peak, data)
        limit.set(xscale="log", ylim=(0.45, 1.015), xlabel="aspect ratio $d/n$")
        limit.set_ylabel("minority, in the limit")
        limit.set_title(_spread(data))
        figure.legend(handles=_handles(data), loc="outside lower center", ncols=4)
    return figure


def _handles(data: NoiseFigure) -> list[Artist]:
    draws = len(data.noises[0].simulated)
    return [
        *(
            Line2D([], [], color=shade, label=f"{100 * each.setting.label_noise:g} % flipped")
            for each, shade in zip(data.noises, _SHADES, strict=True)
        ),
        *(Line2D([], [], color=colour(name), label=f"middle: {name}") for name in NAMES),
        Line2D([], [], color="0.3", linestyle=_DASHED, label="right: closed form, d ≫ n"),
        Line2D([], [], marker="o", markersize=4, label="left: the peak", color="0.3", linestyle=""),
        Line2D(
            [],
            [],
            marker="x",
            markersize=5,
            label="right: 99 %, closed form",
            color="0.3",
            linestyle="",
        ),
        handle(draws),
    ]


def _draw_run(axes: Axes, data: NoiseFigure, each: Noise, shade: str) -> None:
    axes.plot(data.times, each.accuracy, color=shade)
    best = int(each.accuracy.argmax())
    axes.plot(data.times[best], each.accuracy[best], color=shade, marker="o", markersize=4)
    draw_mean(axes, data.simulated_times, each.simulated, shade)


def _draw_limit(axes: Axes, data: NoiseFigure, each: Noise, shade: str) -> None:
    axes.plot(data.aspects, each.limit, color=shade)
    axes.plot(data.aspects, each.closed, color=shade, linestyle=_DASHED, linewidth=0.9)
    if data.aspects[0] <= each.harmless <= data.aspects[-1]:
        axes.plot(each.harmless, 0.99, color=shade, marker="x", markersize=6, zorder=4)
    draw_mean(axes, data.simulated_aspects, each.drawn, shade)


def _draw_peaks(axes: Axes, data: NoiseFigure) -> None:
    for name, logs in zip(NAMES, data.peaks, strict=True):
        inside = np.where(np.isfinite(logs), logs, np.nan)
        axes.plot(data.shares, np.exp(inside), color=colour(name))
        first = np.isneginf(logs)
        if first.any():
            # At the first step: on the lower edge.
            axes.plot(
                data.shares[first],
                np.full(int(first.sum()), 0.1),
                color=colour(name),
                marker="v",
                markersize=3,
                linestyle="",
                clip_on=False,
            )
    axes.set(yscale="log", ylim=(0.1, 100), xlim=(0, 0.5), xlabel="label noise $η$")
    axes.set_ylabel("time $t$ of the peak")
    axes.set_title("when it peaks (▾ at once)")


def _spread(data: NoiseFigure) -> str:
    """From where on the first and the last noise are harmless."""
    first, last = data.noises[1], data.noises[-1]
    if not (math.isfinite(first.harmless) and math.isfinite(last.harmless)):
        return "beyond $κ^*$ no $d/n$ is enough"
    return f"99 % needs $d/n$ = {first.harmless:.0f} … {last.harmless:.0f}"
