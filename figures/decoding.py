"""The rule in a model that has memorised flipped labels, read out in four ways."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from ..sims import class_subspaces, max_margin, replicate, stream
from ..sims import draw as draw_sample
from ..sims.seeds import child_stream
from ..studies.arguments import Progress, check_run, silent
from ..theory import PitfallsError, Setting, decoding, orthogonal, proportional
from .draws import draw_mean, handle, mean_and_error
from .refusals import a_threshold, no_label_noise, some_memory
from .style import PAGE_WIDTH, Table, long_form, new_figure, style

__all__ = ["ALT_TEXT", "READ_OUTS", "Decoding", "Panel", "compute", "default_setting", "draw"]

Array: TypeAlias = NDArray[np.float64]

READ_OUTS = {
    "model": "the model itself (max margin)",
    "plane": "its weights, projected to the plane",
    "subspaces": "class subspaces, two directions",
    "one": "class subspaces, one direction",
    "refit": "refit on 20 balanced examples",
}
"""What reads the minority's label."""

# Of Okabe and Ito's palette, none of which is an objective's here.
_COLOURS = {
    "model": "#D55E00",
    "plane": "#0072B2",
    "subspaces": "#009E73",
    "one": "#E69F00",
    "refit": "#555555",
}
_NOISES = np.linspace(0.0, 0.48, 25)
_SIMULATED = (0.0, 0.1, 0.2, 0.3, 0.4, 0.45)
_LITTLE_ASPECT, _LITTLE_RATIO = 3, 0.2
_OFFSET, _EXAMPLES, _TESTS = 3.0, 20, 1000

ALT_TEXT = (
    "Two panels, Figure 1's setting and one with little memory: accuracy on the minority against "
    "the share of flipped labels, from 0 to 0.48. In both the model itself falls to one half, and "
    "its weights projected to the plane stay above 0.9. In Figure 1's setting class subspaces are "
    "worse than the model, and 20 balanced examples give 0.66. With little memory subspaces of "
    "two directions stay at 1 up to 30 % flipped, where the model has 0.67, and those of one "
    "direction are wrong throughout. Dots of simulation lie on the lines."
)


def default_setting() -> Setting:
    """The paper's Figure 1; label noise is what is varied.

    Examples
    --------
    >>> default_setting() == Setting.figure_1()
    True
    """
    return Setting.figure_1()


@dataclass(frozen=True, eq=False)
class Panel:
    """One setting.

    Attributes
    ----------
    setting : Setting
    predicted : array (5, E)
        The minority's accuracy by each of `READ_OUTS`, against label noise: P9 and P17. nan where
        the data cannot be separated.
    simulated : array (S, 5, e)
        In S draws.
    """

    setting: Setting
    predicted: Array
    simulated: Array


@dataclass(frozen=True, eq=False)
class Decoding:
    """What the figure shows.

    Attributes
    ----------
    noises, simulated_noises : arrays (E,) and (e,)
        Label noise η.
    panels : list of Panel
        The setting's own, and one with d/n = 3 and κ = 0.2κ*.
    """

    noises: Array
    simulated_noises: Array
    panels: list[Panel]

    def table(self) -> Table:
        """The figure's data in long form."""
        names = (
            "aspect",
            "kappa",
            "read_out",
            "source",
            "label_noise",
            "minority",
            "standard_error",
        )
        return long_form(names, self._rows())

    def _rows(self) -> Iterator[tuple[object, ...]]:
        for panel in self.panels:
            where = (f"{panel.setting.delta:g}", panel.setting.kappa)
            mean, error = mean_and_error(panel.simulated)
            for k, name in enumerate(READ_OUTS):
                for x, y in zip(self.noises, panel.predicted[k], strict=True):
                    yield *where, name, "prediction", x, y, ""
                for x, y, e in zip(self.simulated_noises, mean[k], error[k], strict=True):
                    yield *where, name, "simulation", x, y, e


def compute(
    setting: Setting,
    seed: int = 0,
    latest: float = math.inf,
    *,
    replicates: int = 12,
    noises: Sequence[float] = tuple(_NOISES),
    simulated: Sequence[float] = _SIMULATED,
    workers: int | None = None,
    progress: Progress = silent,
) -> Decoding:
    """P9 and P17 of the read-outs, and draws in which they are counted.

    Parameters
    ----------
    setting : Setting
        Of the left panel; its label noise is replaced.
    seed : int
    latest : float
        Not used: this is about the limit.
    replicates : int
        Draws, ≥ 1.
    noises, simulated : sequence of float
        Label noise of the lines and of the draws.
    workers : int, optional
        Threads; all cores by default.
    progress : callable
        Called with (done, total, label).

    Raises
    ------
    SettingError
        There are no draws, no critical memory, or the setting has label noise.

    Examples
    --------
    >>> few = {"replicates": 2, "noises": [0.1, 0.3], "simulated": [0.1]}
    >>> data = compute(Setting(60, 100, 0.8, 3.0, 0.5, 0.1, 0.1), **few)
    >>> data.panels[0].predicted.shape, data.panels[1].simulated.shape
    ((5, 2), (2, 5, 1))
    >>> list(data.table())[:3]
    ['aspect', 'kappa', 'read_out']
    >>> len(draw(data).axes)
    2
    """
    no_label_noise(setting, "The figure varies it.")
    a_threshold(setting)
    some_memory(setting)
    critical = orthogonal.critical_memory(setting.rho, setting.gamma)
    check_run(seed, replicates, workers, least=1)
    little = setting.with_memory(_LITTLE_RATIO * critical, d=_LITTLE_ASPECT * setting.n)
    total, done, panels = 2 * len(simulated) * replicates, 0, []
    for p, where in enumerate((setting, little)):
        columns = []
        for k, noise in enumerate(simulated):
            noisy, found = replace(where, label_noise=noise), []
            streams = [stream(seed, len(simulated) * p + k, i) for i in range(replicates)]
            for row in replicate(partial(_read, noisy), streams, workers):
                found.append(row)
                done += 1
                progress(done, total, f"panel {p + 1} of 2, label noise {noise:g}")
            columns.append(np.stack(found))
        predicted = np.array([_predicted(replace(where, label_noise=x)) for x in noises]).T
        panels.append(Panel(where, predicted, np.stack(columns, axis=-1)))
    return Decoding(np.array(noises), np.array(simulated), panels)


def _predicted(setting: Setting) -> list[float]:
    few = decoding.refit(setting, _EXAMPLES)
    own = [math.nan, math.nan]
    try:
        limit = proportional.max_margin(setting)
        own = [limit.accuracy(setting).minority, decoding.decoded(limit, setting).minority]
    except PitfallsError:
        # Too few features for so much noise.
        pass
    subspaces = [decoding.subspace_accuracy(setting, k, _OFFSET).minority for k in (2, 1)]
    return [*own, *subspaces, proportional.max_margin(few).accuracy(few).minority]


def _read(setting: Setting, seed: np.random.SeedSequence) -> Array:
    """The minority's accuracy by each read-out of one draw."""
    sample = draw_sample(setting, seed, "explicit")
    few = decoding.refit(setting, _EXAMPLES)
    own = [math.nan, math.nan]
    try:
        limit = max_margin(sample)
        own = [limit.accuracy(setting).minority, decoding.decoded(limit, setting).minority]
    except PitfallsError:
        pass
    tests = replace(setting, n=_TESTS, rho=0.0, label_noise=0.0)
    new = draw_sample(tests, child_stream(seed, 0), "explicit")
    counted = [
        float((class_subspaces(sample, k, _OFFSET).predict(new.features) == new.labels).mean())
        for k in (2, 1)
    ]
    refitted = max_margin(draw_sample(few, child_stream(seed, 1)))
    return np.array([*own, *counted, refitted.accuracy(few).average])


def draw(data: Decoding) -> Figure:
    """Draw the two panels."""
    with style():
        figure = new_figure(PAGE_WIDTH, 3.1)
        row = figure.subplots(1, 2, sharey=True)
        for axes, panel in zip(row, data.panels, strict=True):
            _draw_panel(axes, data, panel)
        row[0].set_ylabel("minority, accuracy to true labels")
        handles = [
            *(
                Line2D([], [], color=_COLOURS[name], label=words)
                for name, words in READ_OUTS.items()
            ),
            handle(len(data.panels[0].simulated)),
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


def _draw_panel(axes: Axes, data: Decoding, panel: Panel) -> None:
    for k, name in enumerate(READ_OUTS):
        axes.plot(data.noises, panel.predicted[k], color=_COLOURS[name])
        draw_mean(axes, data.simulated_noises, panel.simulated[:, k], _COLOURS[name])
    axes.axhline(0.5, color="0.8", linewidth=0.6, zorder=0)
    axes.set(xlim=(0, 0.5), ylim=(-0.03, 1.03), xlabel="label noise $η$")
    critical = orthogonal.critical_memory(panel.setting.rho, panel.setting.gamma)
    ratio = panel.setting.kappa / critical
    k = int(np.argmin(np.abs(data.noises - 0.4)))
    own, read = panel.predicted[0, k], panel.predicted[2, k]
    axes.set_title(
        f"$d/n$ = {panel.setting.delta:.2g}, $κ$ = {ratio:.2g}$κ^*$; at $η$ = 0.4: {own:.2f}, "
        f"subspaces {read:.2f}"
    )
