"""Good, bad and ugly memorization: a network that sees noise inputs, and its closed form.

Figure 3 of Bayat et al. (2025). In each of eight draws (seeds 0 to 7) the network was good at
σ = 1e-4, bad at 1e-3 and ugly at 0, by `Panel.verdict`. On average the good curve was 0.076 off f
and the ugly one 0.089; with fresh noise inputs the good network's error was 0.10, no less than the
ugly one's, and the bad one's 0.22. Ugly is how the curve looks: in the training interval a tanh
network overfits tamely. The kernel does not: the ugly one's curve was 0.30 off, the good one's
0.075.
"""

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

from ..sims import replicate, stream
from ..studies.arguments import Progress, check_run, silent
from ..studies.figure_3 import (
    KERNEL_SIGMAS,
    MOST_STEPS,
    NETWORK_SIGMAS,
    RATE,
    Panel,
    Problem,
    figure_3_problem,
    kernel_panel,
    network_panel,
)
from ..theory import Setting, SettingError
from ..theory.kernel_regression import target
from .style import PAGE_WIDTH, Table, long_form, new_figure, style

__all__ = ["ALT_TEXT", "Memorizations", "compute", "default_setting", "draw"]

Array: TypeAlias = NDArray[np.float64]

_CURVE, _DOTS, _TRUTH = "#0072B2", "#D55E00", "#000000"

ALT_TEXT = (
    "Two rows of three panels: predictions over x from -1.5 to 1.5, with 20 noisy training targets "
    "around a curve f that rises, dips near 0 and rises again. Top, the network. Noise inputs of "
    "size 0.0001, good: the mean prediction follows f smoothly and passes by the targets, in a "
    "narrow band over fresh noise inputs. Size 0.001, bad: the mean prediction is a rising line "
    "without the dip, in a band twice as wide. None, ugly: no band; the curve bends through every "
    "target. Bottom, the kernel regression. Size 0.05, good: a smooth curve near f in a narrow "
    "band. Size 1, bad: a nearly flat line in a band as high as f itself. None, ugly: the curve "
    "goes through every target and swings far beyond them at both ends. Dotted lines, the ridge "
    "regression, are close to the kernel's means."
)


def default_setting() -> Setting:
    """The carrier of n = 20 training points and d = 30 noise inputs; nothing else of it is read.

    Examples
    --------
    >>> default_setting().n, default_setting().d
    (20, 30)
    """
    return Setting(20, 30, 0.5, 1.0, 1e-3)


@dataclass(frozen=True, eq=False)
class Memorizations:
    """What the figure shows.

    Attributes
    ----------
    inputs, targets : arrays (n,)
        The training set, without its noise inputs.
    grid : array (T,)
        Where predictions are shown; the training points are among them.
    panels : list of Panel
        The network's, then the kernel's.
    """

    inputs: Array
    targets: Array
    grid: Array
    panels: list[Panel]

    def table(self) -> Table:
        """The figure's data in long form.

        ``curve`` is truth, training, prediction (its 5 % and 95 % quantiles over fresh noise inputs
        in ``low`` and ``high``), ridge, or a number of the panel: loss, steps, off, deviation,
        carried.
        """
        names = ("model", "sigma", "curve", "x", "value", "low", "high")
        return long_form(names, self._rows())

    def _rows(self) -> Iterator[tuple[str | float, ...]]:
        grid = self.grid.tolist()
        for x, y in zip(grid, target(self.grid).tolist(), strict=True):
            yield "", "", "truth", x, y, "", ""
        for x, y in zip(self.inputs.tolist(), self.targets.tolist(), strict=True):
            yield "", "", "training", x, y, "", ""
        for panel in self.panels:
            where = (panel.model, f"{panel.sigma:g}")
            for x, y, low, high in zip(grid, *(each.tolist() for each in panel.curve), strict=True):
                yield *where, "prediction", x, y, low, high
            if panel.ridge is not None:
                for x, y in zip(grid, panel.ridge.tolist(), strict=True):
                    yield *where, "ridge", x, y, "", ""
            for name, value in (
                ("loss", panel.loss),
                ("steps", float(panel.steps)),
                ("off", panel.off),
                ("deviation", panel.deviation),
                ("carried", panel.carried),
            ):
                yield *where, name, "", value, "", ""


def _problem(setting: Setting, seed: int) -> Problem:
    default = default_setting()
    for field in ("rho", "gamma", "sigma", "core_noise", "spurious_noise", "label_noise"):
        value, usual = getattr(setting, field), getattr(default, field)
        if value != usual:
            raise SettingError(
                field, value, f"{usual:g}, as it is", "Only n and d are read by this figure."
            )
    if not 3 <= setting.n <= 100:
        raise SettingError("n", setting.n, "an integer in 3 … 100", "They are drawn as dots.")
    if not 1 <= setting.d <= 10_000:
        raise SettingError("d", setting.d, "an integer in 1 … 10,000 noise inputs")
    return figure_3_problem(setting.n, setting.d, seed)


def compute(
    setting: Setting,
    seed: int = 0,
    latest: float = 60.0,
    *,
    replicates: int = 400,
    workers: int | None = None,
    progress: Progress = silent,
) -> Memorizations:
    """Train the network and solve the kernel regression at three sizes of the noise inputs.

    All six see the same label noise and the same noise inputs up to their size σ, and the three
    networks have the same start. Adam (rate 0.001) trains until the mean squared error is 1e-6, for
    60,000 steps at most.

    Parameters
    ----------
    setting : Setting
        Its n training points and d noise inputs; its other fields must be the default's.
    seed : int
    latest : float
        The last time t = Adam's rate × steps, from 0.001 on; 60 at most is used.
    replicates : int
        Draws of fresh noise inputs, ≥ 2.
    workers : int, optional
        Threads; all cores by default.
    progress : callable
        Called with (done, total, label).

    Raises
    ------
    SettingError
        An argument is out of range, or a field of the setting is not read here and was changed.

    Examples
    --------
    >>> data = compute(default_setting(), latest=0.01, replicates=2)
    >>> [panel.verdict for panel in data.panels]
    ['not fitted yet', 'not fitted yet', 'not fitted yet', 'good', 'bad', 'ugly']
    >>> list(data.table())
    ['model', 'sigma', 'curve', 'x', 'value', 'low', 'high']
    >>> len(draw(data).axes)
    6
    """
    check_run(seed, replicates, workers, least=2)
    if not RATE <= latest < math.inf:
        raise SettingError("latest", latest, f"a finite time ≥ {RATE:g}, Adam's rate × one step")
    problem = _problem(setting, seed)
    most_steps = min(MOST_STEPS, round(latest / RATE))
    start = stream(seed, 1, 0)
    streams = [stream(seed, 2, k) for k in range(len(NETWORK_SIGMAS))]
    sizes = {own.spawn_key: sigma for own, sigma in zip(streams, NETWORK_SIGMAS, strict=True)}

    def one(own: np.random.SeedSequence) -> Panel:
        sigma = sizes[own.spawn_key]
        return network_panel(problem, sigma, start, own, replicates, most_steps)

    panels = []
    for panel in replicate(one, streams, workers):
        panels.append(panel)
        progress(len(panels), len(streams), f"network, σ = {panel.sigma:g}")
    panels += [kernel_panel(problem, sigma) for sigma in KERNEL_SIGMAS]
    return Memorizations(problem.inputs, problem.targets, problem.grid, panels)


def draw(data: Memorizations) -> Figure:
    """Draw two rows of three panels."""
    with style():
        figure = new_figure(PAGE_WIDTH, 4.4)
        rows = figure.subplots(2, 3, sharex=True, sharey=True)
        for axes, panel in zip(rows.flat, data.panels, strict=True):
            _draw_panel(axes, data, panel)
        for axes in rows[:, 0]:
            axes.set_ylabel("prediction")
        for axes in rows[1]:
            axes.set_xlabel("input $x$")
        figure.legend(handles=_handles(), loc="outside lower center", ncols=3)
    return figure


def _handles() -> list[Artist]:
    return [
        Line2D([], [], color=_TRUTH, linestyle="--", linewidth=0.9, label="$f(x)$"),
        Line2D(
            [], [], color=_DOTS, marker="o", markersize=3, linestyle="", label="training targets"
        ),
        Line2D([], [], color=_CURVE, label="prediction, mean over fresh noise inputs"),
        Patch(color=_CURVE, alpha=0.25, linewidth=0, label="90 % of fresh noise inputs"),
        Line2D(
            [],
            [],
            color=_CURVE,
            linestyle=":",
            linewidth=1.2,
            label="kernel: over training noise inputs too",
        ),
    ]


def _draw_panel(axes: Axes, data: Memorizations, panel: Panel) -> None:
    axes.fill_between(
        data.grid, panel.curve.low, panel.curve.high, color=_CURVE, alpha=0.25, linewidth=0
    )
    axes.plot(data.grid, target(data.grid), color=_TRUTH, linestyle="--", linewidth=0.9)
    axes.plot(data.grid, panel.curve.mean, color=_CURVE)
    if panel.ridge is not None:
        axes.plot(data.grid, panel.ridge, color=_CURVE, linestyle=":", linewidth=1.2)
    axes.plot(data.inputs, data.targets, color=_DOTS, marker="o", markersize=3, linestyle="")
    axes.set(xlim=(-1.6, 1.6), ylim=(-0.8, 0.8))
    axes.set_title(
        f"{panel.model}, $σ$ = {_size(panel.sigma)}: {panel.verdict}\n"
        f"curve off by {panel.off:.2f}, scatter {panel.deviation:.2f}"
    )


def _size(sigma: float) -> str:
    """A power of ten as one."""
    if 0 < sigma < 0.01:
        return f"$10^{{{round(math.log10(sigma))}}}$"
    return f"{sigma:g}"
