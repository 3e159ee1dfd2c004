"""Where memorisation loses the minority: its accuracy in the limit over κ and γ, and κ and ρ."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from ..studies.arguments import Progress, check_run, silent
from ..theory import Setting, orthogonal, proportional
from .draws import limits_of_draws
from .refusals import no_label_noise, some_features
from .style import PAGE_WIDTH, Table, long_form, new_figure, style

__all__ = ["ALT_TEXT", "Panel", "PhaseDiagram", "compute", "default_setting", "draw"]

Array: TypeAlias = NDArray[np.float64]

_KAPPAS = np.logspace(-1.3, 1.3, 48)
_RANGES = {"gamma": np.linspace(0.5, 8, 32), "rho": np.linspace(0.52, 0.98, 48)}
_DRAWN_KAPPAS = np.logspace(-1.1, 1.1, 7)
_DRAWN = {"gamma": np.linspace(1, 7.5, 6), "rho": np.linspace(0.55, 0.95, 5)}
_SYMBOLS = {"gamma": "spurious feature's size $γ$", "rho": "majority's share $ρ$"}
_MAP, _MANY = "RdYlBu", 1000
_CRITICAL = 20

ALT_TEXT = (
    "Two maps of the minority's accuracy in the limit at d/n = 10, over memory per example κ and "
    "the spurious feature's size γ (left, ρ = 0.9), and over κ and the majority's share ρ (right, "
    "γ = 5). Blue, accuracy 1, at little memory, weak spurious features and balanced groups; red, "
    "accuracy 0, at much memory with a strong feature and a large majority. The line of the "
    "critical memory for large d/n runs a little inside the red side of the accuracy ½. Simulated "
    "dots have the colour of the map around them."
)


def default_setting() -> Setting:
    """ρ = 0.9, γ = 5, d/n = 10, without noise; n is that of the draws.

    Examples
    --------
    >>> default_setting().delta
    10.0
    """
    return Setting(200, 2000, 0.9, 5.0, 0.2)


@dataclass(frozen=True, eq=False)
class Panel:
    """A map over κ and one field of the setting.

    Attributes
    ----------
    field : {"gamma", "rho"}
    values : array (V,)
        Of the field.
    accuracy : array (V, K)
        The minority's in the limit, by P9.
    critical : array (C, 2)
        κ*, inf where there is none, and the field's value.
    drawn : array (k·v, 3)
        κ, the field's value, and the mean accuracy of the draws there.
    """

    field: str
    values: Array
    accuracy: Array
    critical: Array
    drawn: Array


@dataclass(frozen=True, eq=False)
class PhaseDiagram:
    """What the figure shows.

    Attributes
    ----------
    setting : Setting
    kappas : array (K,)
        κ, memory per example.
    replicates : int
        Draws of a point.
    panels : list of Panel
    """

    setting: Setting
    kappas: Array
    replicates: int
    panels: list[Panel]

    def table(self) -> Table:
        """The figure's data in long form; critical memory has no accuracy."""
        names = ("field", "value", "kappa", "source", "minority")
        return long_form(names, self._rows())

    def _rows(self) -> Iterator[tuple[object, ...]]:
        for panel in self.panels:
            for value, row in zip(panel.values.tolist(), panel.accuracy.tolist(), strict=True):
                for kappa, accuracy in zip(self.kappas.tolist(), row, strict=True):
                    yield panel.field, value, kappa, "prediction", accuracy
            for kappa, value, accuracy in panel.drawn.tolist():
                yield panel.field, value, kappa, "simulation", accuracy
            for kappa, value in panel.critical.tolist():
                yield panel.field, value, kappa, "critical memory", ""


def compute(
    setting: Setting,
    seed: int = 0,
    latest: float = math.inf,
    *,
    replicates: int = 12,
    kappas: Sequence[float] = tuple(_KAPPAS),
    drawn_kappas: Sequence[float] = tuple(_DRAWN_KAPPAS),
    workers: int | None = None,
    progress: Progress = silent,
) -> PhaseDiagram:
    """P9 over two planes, and simulation at some points.

    Parameters
    ----------
    setting : Setting
        Its κ is replaced, and γ on the left or ρ on the right. Its d/n is above the separability
        threshold, and there is no label noise.
    seed : int
    latest : float
        Not used: this is about the limit.
    replicates : int
        Draws of a point, ≥ 1.
    kappas, drawn_kappas : sequence of float
        κ, of the map and of the draws.
    workers : int, optional
        Threads; all cores by default.
    progress : callable
        Called with (done, total, label).

    Raises
    ------
    SettingError
        There are no draws, no example-specific features, or there is label noise.
    NotSeparableError
        d/n is below the separability threshold.

    Examples
    --------
    >>> data = compute(Setting(20, 200, 0.9, 5.0, 0.2), replicates=1, kappas=[0.1, 9],
    ...                drawn_kappas=[1.0])
    >>> data.panels[0].accuracy.shape, data.panels[1].drawn.shape
    ((32, 2), (5, 3))
    >>> data.panels[0].accuracy[20].round(2).tolist()
    [1.0, 0.0]
    >>> list(data.table())
    ['field', 'value', 'kappa', 'source', 'minority']
    >>> len(draw(data).axes)
    3
    """
    some_features(setting)
    no_label_noise(setting, "See the figure label-noise.")
    check_run(seed, replicates, workers, least=1)
    grid, few = np.array(kappas, dtype=float), np.array(drawn_kappas, dtype=float)
    total = sum(len(values) for values in _RANGES.values()) + len(_DRAWN)
    done, panels, first = count(1), list[Panel](), 0
    for field, values in _RANGES.items():
        accuracy = _map(setting, field, grid, lambda label: progress(next(done), total, label))
        drawn = _drawn(
            setting, field, few, seed=seed, first=first, replicates=replicates, workers=workers
        )
        first += len(drawn)
        progress(next(done), total, f"draws over {field}")
        panels.append(Panel(field, values, accuracy, _critical(setting, field, values), drawn))
    return PhaseDiagram(setting, grid, replicates, panels)


def _map(setting: Setting, field: str, kappas: Array, tell: Callable[[str], None]) -> Array:
    """The minority's accuracy by P9 (V, K)."""
    rows = []
    for value in _RANGES[field]:
        each = _moved(setting, field, value)
        rows.append([_limit(each.with_memory(kappa)) for kappa in kappas])
        tell(f"P9 over {field}")
    return np.array(rows)


def _drawn(
    setting: Setting,
    field: str,
    kappas: Array,
    *,
    seed: int,
    first: int,
    replicates: int,
    workers: int | None,
) -> Array:
    """κ, the field's value, and the mean accuracy of the draws there (k·v, 3)."""
    places = [(kappa, value) for value in _DRAWN[field] for kappa in kappas]
    found = limits_of_draws(
        [_moved(setting, field, value).with_memory(kappa) for kappa, value in places],
        lambda limit, each: limit.accuracy(each).minority,
        seed=seed,
        first=first,
        replicates=replicates,
        workers=workers,
    )
    return np.column_stack((places, found.mean(axis=0)))


def _moved(setting: Setting, field: str, value: float) -> Setting:
    changes: dict[str, Any] = {field: float(value)}
    return replace(setting, **changes)


def _limit(setting: Setting) -> float:
    # Of shares that are not rounded to those of few examples.
    setting = replace(setting, n=_MANY * setting.n, d=_MANY * setting.d)
    return proportional.max_margin(setting).accuracy(setting).minority


def _critical(setting: Setting, field: str, values: Array) -> Array:
    rows = []
    for value in np.linspace(values[0], values[-1], _CRITICAL * len(values)).tolist():
        pair = {"rho": setting.rho, "gamma": setting.gamma} | {field: value}
        rows.append((orthogonal.critical_memory(**pair), value))
    return np.array(rows)


def draw(data: PhaseDiagram) -> Figure:
    """Draw the two maps."""
    with style():
        figure = new_figure(PAGE_WIDTH, 3.1)
        row = figure.subplots(1, 2)
        for axes, panel in zip(row, data.panels, strict=True):
            colours = _draw_panel(axes, data, panel)
        bar = figure.colorbar(colours, ax=row, pad=0.02)
        bar.set_label("minority, accuracy in the limit")
        handles = [
            Line2D([], [], color="black", label="$κ^*$, $d$ ≫ $n$"),
            Line2D([], [], color="black", linestyle=(0, (2, 1.5)), label="one half at this $d/n$"),
            Line2D(
                [],
                [],
                color="white",
                marker="o",
                markersize=5,
                markeredgecolor="black",
                linestyle="",
                label=f"mean of {data.replicates} draws, n = {data.setting.n}",
            ),
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


def _draw_panel(axes: Axes, data: PhaseDiagram, panel: Panel) -> QuadMesh:
    limits: dict[str, Any] = {"cmap": _MAP, "vmin": 0.0, "vmax": 1.0}
    colours = axes.pcolormesh(
        data.kappas, panel.values, panel.accuracy, shading="gouraud", rasterized=True, **limits
    )
    axes.contour(
        data.kappas,
        panel.values,
        panel.accuracy,
        levels=[0.5],
        colors="black",
        linewidths=1.0,
        linestyles=[(0, (2, 1.5))],
    )
    finite = panel.critical[np.isfinite(panel.critical[:, 0])]
    axes.plot(finite[:, 0], finite[:, 1], color="black", linewidth=1.2)
    axes.scatter(
        panel.drawn[:, 0],
        panel.drawn[:, 1],
        c=panel.drawn[:, 2],
        s=22,
        edgecolors="black",
        linewidths=0.6,
        **limits,
    )
    axes.set(
        xscale="log",
        xlim=(data.kappas[0], data.kappas[-1]),
        ylim=(panel.values[0], panel.values[-1]),
        xlabel="memory per example $κ$",
        ylabel=_SYMBOLS[panel.field],
    )
    fixed = "rho" if panel.field == "gamma" else "gamma"
    symbol = {"rho": "ρ", "gamma": "γ"}[fixed]
    axes.set_title(f"$d/n$ = {data.setting.delta:g}, ${symbol}$ = {getattr(data.setting, fixed):g}")
    return colours
