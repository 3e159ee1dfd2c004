"""When the minority is recovered and when it is lost, against memory (P8)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from ..sims import draw as draw_sample
from ..studies.delay import crossing
from ..theory import Objective, PitfallsError, Setting, SettingError, orthogonal
from .refusals import a_threshold, no_feature_noise, no_label_noise, some_features
from .style import PAGE_WIDTH, Table, colour, long_form, new_figure, style

__all__ = ["ALT_TEXT", "METHODS", "Crossings", "Panel", "compute", "default_setting", "draw"]

Array: TypeAlias = NDArray[np.float64]


def _cure(setting: Setting) -> Objective:
    return Objective.vector_scaling(setting, orthogonal.curing_scale(setting))


METHODS: dict[str, Callable[[Setting], Objective]] = {
    "ERM": lambda setting: Objective.erm(),
    "reweighting": Objective.reweighting,
    "logit shifting": Objective.logit_shifting,
    "curing scale": _cure,
}
"""What is trained, by name."""

_NEAR = 0.02 * np.arange(1, 11)
_RATIOS = tuple(
    np.concatenate(
        (np.linspace(0.05, 0.75, 15), 1 - _NEAR[::-1], 1 + _NEAR, np.arange(1.25, 2.01, 0.05))
    )
)
_SIMULATED = (0.2, 0.4, 0.6, 0.8, 1.2, 1.4, 1.6, 1.8)
_EARLIEST, _SOONEST, _LARGEST = 0.01, 100.0, 700.0

ALT_TEXT = (
    "Two panels, ρ = 0.9 with γ = 5 and ρ = 0.8 with γ = 2: the time at which the minority's mean "
    "margin changes its sign, against memory per example over its critical value. Below it ERM "
    "recovers the minority, at times that rise from about ten to 10¹² and beyond as memory comes "
    "near the critical value; above it logit shifting loses the minority, at times that fall from "
    "beyond 10¹² to 10, and reweighting loses it almost at once. The curing scale recovers it near "
    "t = 10 to 30 at every memory. A shaded region, under ERM's and under the shift's curve, is "
    "where the shift is right and ERM wrong. Dots of simulation lie on the lines."
)


def default_setting() -> Setting:
    """ρ = 0.9, γ = 5 on the left; κ is what is varied.

    Examples
    --------
    >>> default_setting().gamma
    5.0
    """
    return Setting(200, 10_000, 0.9, 5.0, 0.05)


@dataclass(frozen=True, eq=False)
class Panel:
    """One ρ and γ.

    Attributes
    ----------
    setting : Setting
    logs : dict of str to array (K,)
        log t of the last change of sign by method, against κ/κ*; nan where there is none.
    simulated : dict of str to array (k, 2)
        κ/κ* and log t of single orthogonal samples.
    """

    setting: Setting
    logs: dict[str, Array]
    simulated: dict[str, Array]


@dataclass(frozen=True, eq=False)
class Crossings:
    """What the figure shows.

    Attributes
    ----------
    latest : float
        The last time shown.
    ratios : array (K,)
        κ/κ*.
    panels : list of Panel
    """

    latest: float
    ratios: Array
    panels: list[Panel]

    def table(self) -> Table:
        """The figure's data in long form: log10 t of the last change of sign."""
        names = ("rho", "gamma", "objective", "source", "kappa_ratio", "log10_t")
        return long_form(names, self._rows())

    def _rows(self) -> Iterator[tuple[object, ...]]:
        for panel in self.panels:
            where = (f"{panel.setting.rho:g}", f"{panel.setting.gamma:g}")
            for name, logs in panel.logs.items():
                for ratio, value in zip(self.ratios, logs / math.log(10), strict=True):
                    yield *where, name, "closed form", ratio, value
                for ratio, value in panel.simulated[name]:
                    yield *where, name, "simulation", ratio, value / math.log(10)


def compute(
    setting: Setting,
    seed: int = 0,
    latest: float = 1e12,
    *,
    ratios: Sequence[float] = _RATIOS,
    simulated: Sequence[float] = _SIMULATED,
) -> Crossings:
    """P8's times, and those found in samples.

    Parameters
    ----------
    setting : Setting
        Of the left panel, without noise; its κ is replaced. The right one has ρ = 0.8 and γ = 2.
    seed : int
    latest : float
        The last time shown, ≥ 100.
    ratios, simulated : sequence of float
        κ/κ*, of the lines and of the samples.

    Raises
    ------
    SettingError
        There is no critical memory, there is noise, or nothing happens until the latest time.

    Examples
    --------
    >>> data = compute(default_setting(), ratios=[0.9, 1.2], simulated=[])
    >>> (data.panels[0].logs["ERM"] / np.log(10)).round(5)
    array([9.79227,     nan])
    >>> list(data.table())
    ['rho', 'gamma', 'objective', 'source', 'kappa_ratio', 'log10_t']
    >>> len(draw(data).axes)
    2
    """
    a_threshold(setting)
    some_features(setting)
    no_feature_noise(setting)
    no_label_noise(setting, "See the figure delay.")
    if latest < _SOONEST:
        raise SettingError("latest", latest, f"{_SOONEST:g} or later", "Before, nothing happens.")
    grids = np.array(ratios, dtype=float), np.array(simulated, dtype=float)
    panels = [
        _panel(each, *grids, seed, latest)
        for each in (setting, replace(setting, rho=0.8, gamma=2.0))
    ]
    return Crossings(latest, grids[0], panels)


def _panel(setting: Setting, ratios: Array, sampled: Array, seed: int, latest: float) -> Panel:
    logs, simulated = {}, {}
    for name, make in METHODS.items():
        logs[name] = np.array(
            [orthogonal.log_crossing_time(each, make(each)) for each in _at(setting, ratios)]
        )
        rows = []
        for ratio, each in zip(sampled, _at(setting, sampled), strict=True):
            try:
                found = crossing(draw_sample(each, seed, "orthogonal"), make(each), each.gamma)
            except PitfallsError:
                # It does not change its sign in the times looked at.
                continue
            if found <= math.log(latest):
                rows.append((ratio, found))
        simulated[name] = np.array(rows).reshape(-1, 2)
    return Panel(setting, logs, simulated)


def _at(setting: Setting, ratios: Array) -> list[Setting]:
    critical = orthogonal.critical_memory(setting.rho, setting.gamma)
    return [setting.with_memory(ratio * critical) for ratio in ratios]


def draw(data: Crossings) -> Figure:
    """Draw the two panels."""
    with style():
        figure = new_figure(PAGE_WIDTH, 3.0)
        row = figure.subplots(1, 2, sharey=True)
        for axes, panel in zip(row, data.panels, strict=True):
            _draw_panel(axes, data, panel)
        row[0].set_ylabel("time $t$ = learning rate × steps")
        handles: list[Artist] = [
            *(Line2D([], [], color=colour(name), label=name) for name in METHODS),
            Patch(color=colour("logit shifting"), alpha=0.15, label="shift right, ERM wrong"),
            Line2D([], [], color="0.3", marker="o", markersize=3, linestyle="", label="one sample"),
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


def _draw_panel(axes: Axes, data: Crossings, panel: Panel) -> None:
    for name, logs in panel.logs.items():
        axes.plot(data.ratios, np.exp(np.minimum(logs, _LARGEST)), color=colour(name))
        axes.plot(
            panel.simulated[name][:, 0],
            np.exp(panel.simulated[name][:, 1]),
            color=colour(name),
            marker="o",
            markersize=3,
            linestyle="",
        )
    # Below κ* until ERM has recovered, above it until the shift has lost.
    for name, side in (("ERM", data.ratios < 1), ("logit shifting", data.ratios > 1)):
        until = np.where(np.isnan(panel.logs[name]), -np.inf, panel.logs[name])
        axes.fill_between(
            data.ratios[side],
            _EARLIEST,
            np.exp(np.minimum(until, math.log(data.latest)))[side],
            color=colour("logit shifting"),
            alpha=0.15,
            linewidth=0,
        )
    axes.axvline(1, color="0.6", linewidth=0.7, zorder=0)
    axes.set(
        yscale="log",
        xlim=(0, float(data.ratios.max(initial=1))),
        ylim=(_EARLIEST, data.latest),
        xlabel="memory per example $κ/κ^*$",
    )
    where = f"$ρ$ = {panel.setting.rho:g}, $γ$ = {panel.setting.gamma:g}"
    axes.set_title(f"{where}: {_words(data, panel)}")


def _words(data: Crossings, panel: Panel) -> str:
    """Until when the shift helps at 1.2κ*."""
    k = int(np.argmin(np.abs(data.ratios - 1.2)))
    value = float(panel.logs["logit shifting"][k])
    if not (abs(data.ratios[k] - 1.2) < 0.05 and math.isfinite(value)):
        return "a benefit that ends"
    return f"at {data.ratios[k]:.2g}$κ^*$ until $10^{{{value / math.log(10):.1f}}}$"
