"""How long after fitting the minority follows, against memory, label noise and weight decay."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from ..sims import draw as draw_sample
from ..studies.delay import delay
from ..theory import Objective, PitfallsError, Setting, SettingError, orthogonal
from .refusals import a_threshold, no_feature_noise, no_label_noise, some_features
from .style import PAGE_WIDTH, Table, long_form, new_figure, style

__all__ = ["ALT_TEXT", "NOISES", "Curve", "DelayFigure", "compute", "default_setting", "draw"]

Array: TypeAlias = NDArray[np.float64]

NOISES = (0.0, 0.1, 0.3)
"""Label noise of the curves."""

_RATIOS = tuple(np.concatenate((np.linspace(0.02, 0.8, 14), np.linspace(0.82, 0.98, 9))))
_SIMULATED = (0.1, 0.3, 0.5, 0.6, 0.7, 0.8)
_SHARES = (0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.86, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99)
_DECAY_RATIOS = (0.3, 0.8)
_SOONEST = 100.0
# One hue, light to dark with the noise: the objective is ERM throughout.
_SHADES = ("#D55E00", "#8F3F00", "#3D1B00")
_DASHED = (0, (2, 1.5))

ALT_TEXT = (
    "Left: time against memory per example over its critical value. The training set is fitted "
    "between t = 3 and 400, the sooner the more memory there is (dashed). The minority of new "
    "examples becomes right at times that grow from 10 without bound as memory comes near the "
    "critical value (solid), soonest with the most label noise. Dots of simulation lie on the "
    "lines. Right: how much later it becomes so with weight decay, against the decay over its "
    "critical value: curves of all label noises lie together, a little under −log(1 − x)/x, rising "
    "from 1 to 2 at nine tenths and without bound at 1."
)


def default_setting() -> Setting:
    """ρ = 0.9, γ = 5; κ and label noise are what is varied.

    Examples
    --------
    >>> default_setting().gamma
    5.0
    """
    return Setting(200, 10_000, 0.9, 5.0, 0.05)


@dataclass(frozen=True, eq=False)
class Curve:
    """One label noise, under ERM; natural logarithms, nan where there is no such time.

    Attributes
    ----------
    noise : float
    fitted, recovered : arrays (R,)
        log t over κ/κ*.
    simulated : array (S, 3)
        κ/κ*, and the two times found in a sample of orthogonal features.
    later : array (2, X)
        log of the factor by which weight decay xλ* delays, at two κ/κ*.
    """

    noise: float
    fitted: Array
    recovered: Array
    simulated: Array
    later: Array


@dataclass(frozen=True, eq=False)
class DelayFigure:
    """What the figure shows.

    Attributes
    ----------
    latest : float
        Times beyond are not shown.
    ratios, shares : arrays (R,) and (X,)
        κ/κ* on the left, λ/λ* on the right.
    curves : list of Curve
        One for each of `NOISES`.
    """

    latest: float
    ratios: Array
    shares: Array
    curves: list[Curve]

    def table(self) -> Table:
        """The figure's data in long form; times are log10 t, a delay is a factor."""
        names = ("quantity", "label_noise", "kappa_ratio", "decay_ratio", "value")
        return long_form(names, self._rows())

    def _rows(self) -> Iterator[tuple[object, ...]]:
        for curve in self.curves:
            noise = f"{curve.noise:g}"
            for name in ("fitted", "recovered"):
                for ratio, value in zip(self.ratios, getattr(curve, name), strict=True):
                    yield name, noise, ratio, "", value / math.log(10)
            for ratio, *values in curve.simulated:
                for name, value in zip(("fitted", "recovered"), values, strict=True):
                    yield f"{name}, simulated", noise, ratio, "", value / math.log(10)
            for ratio, logs in zip(_DECAY_RATIOS, curve.later, strict=True):
                for share, value in zip(self.shares, np.exp(logs), strict=True):
                    yield "delay", noise, ratio, share, value


def compute(
    setting: Setting,
    seed: int = 0,
    latest: float = 1e12,
    *,
    ratios: Sequence[float] = _RATIOS,
    simulated: Sequence[float] = _SIMULATED,
    shares: Sequence[float] = _SHARES,
) -> DelayFigure:
    """P15's times and delays, and those found in samples.

    Parameters
    ----------
    setting : Setting
        Without feature noise; its κ and label noise are replaced.
    seed : int
    latest : float
        The last time shown.
    ratios, simulated : sequence of float
        κ/κ*, of the lines and of the samples.
    shares : sequence of float
        λ/λ* in (0, 1).

    Raises
    ------
    SettingError
        There is no critical memory, there is noise, or nothing happens until the latest time.

    Examples
    --------
    >>> data = compute(default_setting(), ratios=[0.5], simulated=[0.5], shares=[0.5])
    >>> [round(float(curve.recovered[0]), 2) for curve in data.curves]
    [3.79, 2.82, 2.46]
    >>> list(data.table())
    ['quantity', 'label_noise', 'kappa_ratio', 'decay_ratio', 'value']
    >>> len(draw(data).axes)
    2
    """
    a_threshold(setting)
    some_features(setting)
    no_feature_noise(setting)
    no_label_noise(setting, "The figure varies it.")
    if latest < _SOONEST:
        raise SettingError("latest", latest, f"{_SOONEST:g} or later", "Before, nothing happens.")
    grids = (np.array(ratios), np.array(simulated), np.array(shares))
    curves = [_curve(setting, noise, seed, latest, *grids) for noise in NOISES]
    return DelayFigure(latest, grids[0], grids[2], curves)


def _with_memory(setting: Setting, ratio: float, noise: float) -> Setting:
    memory = ratio * orthogonal.critical_memory(setting.rho, setting.gamma)
    return setting.with_memory(memory, label_noise=noise)


def _curve(
    setting: Setting,
    noise: float,
    seed: int,
    latest: float,
    ratios: Array,
    sampled: Array,
    shares: Array,
) -> Curve:
    erm = Objective.erm()
    fitted, recovered = np.full((2, len(ratios)), np.nan)
    for k, ratio in enumerate(ratios):
        where = _with_memory(setting, ratio, noise)
        fitted[k] = orthogonal.log_fitting_time(where, erm)
        recovered[k] = orthogonal.log_crossing_time(where, erm)
    simulated = []
    for ratio in sampled:
        where = _with_memory(setting, ratio, noise)
        try:
            found = delay(draw_sample(where, seed, "orthogonal"), erm, where.gamma)
        except PitfallsError:
            continue
        if found.recovered <= math.log(latest):
            simulated.append((ratio, found.fitted, found.recovered))
    return Curve(
        noise,
        fitted,
        np.where(recovered <= math.log(latest), recovered, np.nan),
        np.array(simulated).reshape(-1, 3),
        np.stack([_later(_with_memory(setting, r, noise), shares) for r in _DECAY_RATIOS]),
    )


def _later(setting: Setting, shares: Array) -> Array:
    erm = Objective.erm()
    critical = orthogonal.critical_decay(setting, erm)
    free = orthogonal.log_crossing_time(setting, erm)
    return np.array(
        [
            orthogonal.log_crossing_time(setting, erm, strength=share * critical) - free
            for share in shares
        ]
    )


def draw(data: DelayFigure) -> Figure:
    """Draw the two panels."""
    with style():
        figure = new_figure(PAGE_WIDTH, 3.0)
        times, decay = figure.subplots(1, 2)
        for curve, shade in zip(data.curves, _SHADES, strict=True):
            _draw_times(times, data.ratios, curve, shade)
            for logs in curve.later:
                decay.plot(data.shares, np.exp(logs), color=shade, linewidth=1.0)
        decay.plot(
            data.shares, -np.log1p(-data.shares) / data.shares, color="black", linestyle=_DASHED
        )
        times.set(
            yscale="log",
            xlim=(0, 1),
            xlabel="memory per example $κ/κ^*$",
            ylabel="time $t$ = learning rate × steps",
        )
        times.set_title(_spread(data))
        decay.set(xlim=(0, 1), ylim=(0.9, 5), xlabel="weight decay $λ/λ^*$")
        decay.set_ylabel("delay, times that without decay")
        decay.set_title("weight decay makes it later, beyond $λ^*$ never")
        handles = [
            *(
                Line2D([], [], color=shade, label=f"{100 * curve.noise:g} % flipped")
                for curve, shade in zip(data.curves, _SHADES, strict=True)
            ),
            Line2D([], [], color="0.3", linestyle=_DASHED, label="training set fitted"),
            Line2D([], [], color="0.3", label="minority recovered"),
            Line2D([], [], color="0.3", marker="o", markersize=3, linestyle="", label="one sample"),
            Line2D([], [], color="black", linestyle=_DASHED, label="right: $-\\log(1-x)/x$"),
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


def _spread(data: DelayFigure) -> str:
    """What happens at 0.8κ*."""
    k = int(np.argmin(np.abs(data.ratios - 0.8)))
    ends = [curve.recovered[k] for curve in (data.curves[0], data.curves[1])]
    if not np.isfinite(ends).all():
        return "fitted soon, recovered late"
    first, second = (f"$10^{{{value / math.log(10):.1f}}}$" for value in ends)
    return f"fitted soon, recovered late: {first}, {second} at $0.8κ^*$"


def _draw_times(axes: Axes, ratios: Array, curve: Curve, shade: str) -> None:
    axes.plot(ratios, np.exp(curve.fitted), color=shade, linestyle=_DASHED)
    axes.plot(ratios, np.exp(curve.recovered), color=shade)
    for column in (1, 2):
        axes.plot(
            curve.simulated[:, 0],
            np.exp(curve.simulated[:, column]),
            color=shade,
            marker="o",
            markersize=3,
            linestyle="",
        )
