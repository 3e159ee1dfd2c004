"""How much each example adds to its own margin: the paper's Figure 2 in this model (P10)."""

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
from matplotlib.patches import Patch
from numpy.typing import NDArray

from ..sims import Sample, influence, memorization_aware
from ..sims import draw as draw_sample
from ..studies.train import three_methods
from ..theory import MAJORITY, MINORITY, Objective, Setting, SettingError, orthogonal
from .refusals import no_feature_noise, no_label_noise, some_memory
from .style import PAGE_WIDTH, Table, colour, long_form, new_figure, style

__all__ = ["ALT_TEXT", "METHODS", "SelfInfluence", "compute", "default_setting", "draw", "trained"]

Array: TypeAlias = NDArray[np.float64]

METHODS = ("ERM", "reweighting", "MAT")
"""What is trained: the paper's three."""

GROUPS = {"majority": MAJORITY, "minority": MINORITY}
_EARLY = (1.0, 20.0)
_SOLID, _LIGHT = 0.9, 0.35

ALT_TEXT = (
    "Three panels, t = 1, 20 and 10¹²: distributions of self-influence over examples, on a "
    "logarithmic axis, for the majority and the minority under ERM, reweighting and MAT. At t = 1 "
    "ERM's minority has 4.7 times the self-influence of its majority, reweighting's 8.5 and MAT's "
    "9.5 times; at t = 20 it is 8.0, 8.5 and 9.0, and at t = 10¹² the three agree. All grow with "
    "time, and spread. Ticks of the closed form lie in each distribution."
)


def default_setting() -> Setting:
    """ρ = 0.9, γ = 5, κ = 0.95κ*, d/n = 20, without noise.

    Examples
    --------
    >>> default_setting().n
    300
    """
    return Setting(300, 6000, 0.9, 5.0, math.sqrt(0.95 * 9 / 19 / 20))


@dataclass(frozen=True, eq=False)
class SelfInfluence:
    """What the figure shows.

    Attributes
    ----------
    times : array (3,)
        t = learning rate × steps, of the panels.
    groups : integer array (n,)
        1 majority, 0 minority.
    values : array (3, 3, n)
        Self-influence under ERM, reweighting and MAT, at each time, in one draw.
    closed : array (3, 3, 2)
        Of a majority and a minority example for d ≫ n; MAT's is the oracle shift's.
    """

    times: Array
    groups: NDArray[np.int64]
    values: Array
    closed: Array

    def ratios(self) -> Array:
        """Mean of the minority over that of the majority, (methods, times)."""
        means = [self.values[..., self.groups == group].mean(axis=-1) for group in GROUPS.values()]
        return np.asarray(means[1] / means[0])

    def table(self) -> Table:
        """The figure's data in long form, an example a row, and the closed form."""
        names = ("t", "objective", "group", "source", "self_influence")
        return long_form(names, self._rows())

    def _rows(self) -> Iterator[tuple[object, ...]]:
        for t, time in enumerate(self.times):
            for o, objective in enumerate(METHODS):
                for g, (name, group) in enumerate(GROUPS.items()):
                    where = (f"{time:g}", objective, name)
                    for value in self.values[o, t, self.groups == group]:
                        yield *where, "simulation", value
                    yield *where, "closed form", self.closed[o, t, g]


def trained(setting: Setting, seed: int) -> tuple[Sample, list[Objective]]:
    """A draw and the paper's three methods on it.

    Raises
    ------
    SettingError
        There is noise, no memory, or only one group.

    Examples
    --------
    >>> sample, methods = trained(Setting(40, 400, 0.9, 5.0, 0.2), 0)
    >>> [method.name for method in methods]
    ['ERM', 'reweighting', 'MAT']
    """
    no_feature_noise(setting)
    no_label_noise(setting)
    some_memory(setting)
    erm, reweighting, _ = three_methods(setting)
    sample = draw_sample(setting, seed)
    return sample, [erm, reweighting, memorization_aware(sample, seed)]


def compute(setting: Setting, seed: int = 0, latest: float = 1e12) -> SelfInfluence:
    """Self-influence at t = 1, 20 and the latest time, trained again without each example.

    Parameters
    ----------
    setting : Setting
        Without noise, with both groups.
    seed : int
    latest : float
        Time of the third panel, in (20, 1e16].

    Raises
    ------
    SettingError
        The latest time is too early, there is noise, no memory, or only one group.

    Examples
    --------
    >>> data = compute(Setting(40, 400, 0.9, 5.0, 0.2), latest=100.0)
    >>> data.values.shape, data.closed.shape
    ((3, 3, 40), (3, 3, 2))
    >>> list(data.table())
    ['t', 'objective', 'group', 'source', 'self_influence']
    >>> len(draw(data).axes)
    3
    """
    if not latest > _EARLY[-1]:
        raise SettingError("latest", latest, f"later than {_EARLY[-1]:g}, the second panel's time")
    times = np.array([*_EARLY, latest])
    sample, objectives = trained(setting, seed)
    found = [influence(sample, objective, times) for objective in objectives]
    closed = [
        orthogonal.leave_one_out_flow(setting, objective, times).self_influence
        for objective in three_methods(setting)
    ]
    return SelfInfluence(
        times,
        found[0].groups,
        np.stack([each.self_influence for each in found]),
        np.stack(closed),
    )


def draw(data: SelfInfluence) -> Figure:
    """Draw the three panels."""
    with style():
        figure = new_figure(PAGE_WIDTH, 2.7)
        row = figure.subplots(1, 3, sharex=True, sharey=True)
        for t, axes in enumerate(row):
            _draw_panel(axes, data, t)
        row[0].set_yticks(range(len(METHODS)), METHODS)
        row[0].invert_yaxis()
        handles: list[Artist] = [
            Patch(color="0.3", alpha=_LIGHT, label="majority"),
            Patch(color="0.3", alpha=_SOLID, label="minority"),
            Line2D(
                [],
                [],
                color="black",
                marker="|",
                markersize=9,
                linestyle="",
                label="closed form, $d$ ≫ $n$",
            ),
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


def _draw_panel(axes: Axes, data: SelfInfluence, t: int) -> None:
    for o, name in enumerate(METHODS):
        for g, (group, alpha) in enumerate(zip(GROUPS.values(), (_LIGHT, _SOLID), strict=True)):
            values = np.log10(data.values[o, t, data.groups == group])
            shape = axes.violinplot(
                [values], [o], orientation="horizontal", widths=0.8, showextrema=False
            )
            for body in shape["bodies"]:  # type: ignore[attr-defined]
                body.set(facecolor=colour(name), alpha=alpha, edgecolor="none")
            axes.plot(np.log10(data.closed[o, t, g]), o, color="black", marker="|", markersize=12)
    low, high = np.log10(data.values.min()), np.log10(data.values.max())
    ticks = range(math.floor(low), math.ceil(high) + 1)
    axes.set_xticks(list(ticks), [f"$10^{{{k}}}$" for k in ticks])
    axes.set_xlim(low - 0.15, high + 0.15)
    axes.set_xlabel("self-influence")
    time = data.times[t]
    exponent = math.log10(time)
    when = f"$10^{{{exponent:.0f}}}$" if exponent > 3 else f"{time:g}"
    ratios = ", ".join(f"{ratio:.1f}" for ratio in data.ratios()[:, t])
    axes.set_title(f"$t$ = {when}: ratio {ratios}")
