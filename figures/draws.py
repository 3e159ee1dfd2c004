"""What the figures show of many draws."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from ..sims import draw, max_margin, replicate, stream
from ..theory import Setting, Solution

__all__ = ["draw_mean", "handle", "limits_of_draws", "mean_and_error"]

Array: TypeAlias = NDArray[np.float64]


def mean_and_error(draws: Array) -> tuple[Array, Array]:
    """Mean over draws (S, …) and its standard error; nan for a single draw.

    Examples
    --------
    >>> mean_and_error(np.array([[1.0], [3.0]]))
    (array([2.]), array([1.]))
    """
    count = len(draws)
    spread = draws.std(axis=0, ddof=1) if count > 1 else np.full(draws.shape[1:], np.nan)
    return draws.mean(axis=0), spread / math.sqrt(count)


def draw_mean(
    axes: Axes, places: Array, draws: Array, shade: str, size: float = 4.0, zorder: float = 2.0
) -> None:
    """Dots at the mean of draws (S, k) with bars of two standard errors.

    Examples
    --------
    >>> from .style import new_figure
    >>> axes = new_figure(2.0, 1.0).subplots()
    >>> draw_mean(axes, np.array([1.0, 2.0]), np.array([[0.0, 1.0], [1.0, 1.0]]), "black")
    >>> axes.lines[0].get_ydata().tolist()
    [0.5, 1.0]
    """
    mean, error = mean_and_error(draws)
    axes.errorbar(
        places,
        mean,
        2 * error,
        color=shade,
        marker=".",
        markersize=size,
        linestyle="",
        elinewidth=0.8,
        zorder=zorder,
    )


def handle(count: int, size: float = 4.0) -> Line2D:
    """What a legend shows for `draw_mean`.

    Examples
    --------
    >>> handle(12).get_label()
    '12 draws, ± 2 s.e.'
    """
    label = f"{count} draws, ± 2 s.e."
    return Line2D([], [], color="0.3", marker=".", markersize=size, linestyle="", label=label)


def limits_of_draws(
    settings: Sequence[Setting],
    read: Callable[[Solution, Setting], float],
    *,
    seed: int,
    first: int,
    replicates: int,
    workers: int | None,
) -> Array:
    """What is read off the max margins of draws in several settings, (replicates, settings).

    Parameters
    ----------
    settings : sequence of Setting
    read : callable
    seed : int
    first : int
        Number of the first setting's streams.
    replicates : int
    workers : int or None

    Examples
    --------
    >>> settings = [Setting(20, 400, 0.8, 2.0, 0.2), Setting(20, 800, 0.8, 2.0, 0.2)]
    >>> found = limits_of_draws(
    ...     settings, lambda limit, setting: limit.core, seed=0, first=0, replicates=3, workers=1
    ... )
    >>> found.shape
    (3, 2)
    """

    def one(stream: np.random.SeedSequence, setting: Setting) -> float:
        return read(max_margin(draw(setting, stream)), setting)

    columns = []
    for k, setting in enumerate(settings):
        streams = [stream(seed, first + k, index) for index in range(replicates)]
        columns.append(list(replicate(partial(one, setting=setting), streams, workers)))
    return np.array(columns).T
