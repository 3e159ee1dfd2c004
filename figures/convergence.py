"""The angle to the max margin over time: one over log t, with its constant (P6)."""

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

from ..sims import draw as draw_sample
from ..sims import gradient_flow, max_margin, replicate, stream
from ..sims.drawing import Kind
from ..studies.arguments import Progress, check_run, silent
from ..studies.band import Band
from ..studies.train import three_methods
from ..theory import Setting, orthogonal
from .over_time import NAMES, log_times
from .refusals import no_feature_noise, no_label_noise, some_memory
from .style import PAGE_WIDTH, Table, colour, long_form, new_figure, style, time_axis

__all__ = ["ALT_TEXT", "Convergence", "Panel", "compute", "default_setting", "draw"]

Array: TypeAlias = NDArray[np.float64]

_FIRST, _A_DECADE = 0.1, 8
_DASHED = (0, (2, 1.5))

ALT_TEXT = (
    "Two panels: the angle to the max margin in degrees against time, both logarithmic, for ERM, "
    "reweighting and logit shifting. Left, orthogonal data: the curves join dashed asymptotes near "
    "t = 50 and fall like one over log t, to just under one degree for ERM and logit shifting and "
    "to 0.07 for reweighting at t = 10¹². Right, draws at d/n = 4: all three fall together, more "
    "slowly, to three and a half degrees, and the asymptotes of orthogonal data lie far below."
)


def default_setting() -> Setting:
    """ρ = 0.9, γ = 5, κ = 2κ*: on the left orthogonal data, on the right draws at d/n = 4.

    Examples
    --------
    >>> round(default_setting().kappa * 19 / 9, 12)
    2.0
    """
    d = 800
    return Setting(200, d, 0.9, 5.0, math.sqrt(2 * 9 / 19 * 200 / d))


@dataclass(frozen=True, eq=False)
class Panel:
    """One kind of data.

    Attributes
    ----------
    kind : {"orthogonal", "draws"}
    angles : array (S, 3, T)
        Degrees to the max margin of ERM, reweighting and logit shifting, in each draw.
    """

    kind: str
    angles: Array


@dataclass(frozen=True, eq=False)
class Convergence:
    """What the figure shows.

    Attributes
    ----------
    setting : Setting
    times : array (T,)
        t = learning rate × steps.
    asymptotes : array (3, T)
        Degrees, by ŵ·log t + w̃ (P6): for orthogonal data.
    rates : array (3,)
        Their limit times log t: ‖P⊥w̃‖/‖ŵ‖ in degrees.
    panels : list of Panel
    """

    setting: Setting
    times: Array
    asymptotes: Array
    rates: Array
    panels: list[Panel]

    def table(self) -> Table:
        """The figure's data in long form: degrees, with the middle 90 % of draws."""
        names = ("data", "objective", "t", "degrees", "low", "high")
        return long_form(names, self._rows())

    def _rows(self) -> Iterator[tuple[object, ...]]:
        for panel in self.panels:
            band = Band.of(panel.angles)
            for o, name in enumerate(NAMES):
                for t, time in enumerate(self.times.tolist()):
                    values = (float(each[o, t]) for each in band)
                    yield panel.kind, name, time, *values
        for o, name in enumerate(NAMES):
            for time, value in zip(self.times.tolist(), self.asymptotes[o].tolist(), strict=True):
                yield "asymptote", name, time, value, "", ""


def compute(
    setting: Setting,
    seed: int = 0,
    latest: float = 1e12,
    *,
    replicates: int = 12,
    workers: int | None = None,
    progress: Progress = silent,
) -> Convergence:
    """Angles of flows to their max margin, and the asymptote.

    Parameters
    ----------
    setting : Setting
        Without noise: the asymptote needs every example to be a support vector.
    seed : int
    latest : float
        The last time t = learning rate × steps, in (0.1, 1e16].
    replicates : int
        Draws of the right panel, ≥ 1.
    workers : int, optional
        Threads; all cores by default.
    progress : callable
        Called with (done, total, label).

    Raises
    ------
    SettingError
        The latest time is too early, there are no draws, there is noise or no memory.

    Examples
    --------
    >>> data = compute(Setting(20, 100, 0.9, 5.0, 0.5), latest=10.0, replicates=2)
    >>> data.panels[0].angles.shape, data.panels[1].angles.shape
    ((1, 3, 17), (2, 3, 17))
    >>> list(data.table())
    ['data', 'objective', 't', 'degrees', 'low', 'high']
    >>> len(draw(data).axes)
    2
    """
    no_feature_noise(setting)
    no_label_noise(setting)
    some_memory(setting)
    check_run(seed, replicates, workers, least=1)
    times = log_times(_FIRST, latest, _A_DECADE)
    objectives = three_methods(setting)
    tails = [orthogonal.asymptote(setting, objective) for objective in objectives]
    late = times > 1
    asymptotes = np.full((len(NAMES), len(times)), np.nan)
    for o, tail in enumerate(tails):
        asymptotes[o, late] = tail.at(times[late]).angle(tail.slope)

    def angles(stream: np.random.SeedSequence, kind: Kind | None) -> Array:
        sample = draw_sample(setting, stream, kind)
        limit = max_margin(sample)
        return np.stack([run.angle(limit) for run in gradient_flow(sample, objectives, times)])

    panels = [Panel("orthogonal", angles(stream(seed, 0, 0), "orthogonal")[None])]
    found = []
    streams = [stream(seed, 1, index) for index in range(replicates)]
    for each in replicate(lambda seed: angles(seed, None), streams, workers):
        found.append(each)
        progress(len(found), replicates, "draws")
    panels.append(Panel("draws", np.stack(found)))
    rates = np.array([tail.angle_rate for tail in tails])
    return Convergence(setting, times, asymptotes, rates, panels)


def draw(data: Convergence) -> Figure:
    """Draw the two panels."""
    with style():
        figure = new_figure(PAGE_WIDTH, 3.0)
        row = figure.subplots(1, 2, sharey=True)
        for axes, panel in zip(row, data.panels, strict=True):
            _draw_panel(axes, data, panel)
        row[0].set_ylabel("angle to the max margin, degrees")
        rates = ", ".join(f"{rate:.0f}" for rate in data.rates)
        row[0].set_title(f"orthogonal data: {rates} degrees over log $t$")
        row[1].set_title(f"draws at $d/n$ = {data.setting.delta:g}: slower")
        handles: list[Artist] = [
            *(Line2D([], [], color=colour(name), label=name) for name in NAMES),
            Line2D([], [], color="0.3", linestyle=_DASHED, label="asymptote, closed form"),
            Line2D([], [], color="0.3", linewidth=5, alpha=0.25, label="90 % of draws"),
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=5)
    return figure


def _draw_panel(axes: Axes, data: Convergence, panel: Panel) -> None:
    band = Band.of(panel.angles)
    for o, name in enumerate(NAMES):
        axes.plot(data.times, band.mean[o], color=colour(name))
        if len(panel.angles) > 1:
            axes.fill_between(
                data.times, band.low[o], band.high[o], color=colour(name), alpha=0.25, linewidth=0
            )
        axes.plot(
            data.times, data.asymptotes[o], color=colour(name), linestyle=_DASHED, linewidth=0.9
        )
    time_axis(axes, data.times[0], data.times[-1], end=False)
    axes.set(yscale="log", ylim=(0.02, 120))
