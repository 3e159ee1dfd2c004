"""Weight trajectories of three objectives, simulated and in closed form (the paper's Figure 5)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from ..sims import draw as draw_sample
from ..sims import gradient_flow, max_margin
from ..theory import (
    Objective,
    Setting,
    Solution,
    Trajectory,
    orthogonal,
)
from .style import PAGE_WIDTH, Table, colour, new_figure, style

__all__ = ["ALT_TEXT", "Trajectories", "compute", "default_setting", "draw"]

Array: TypeAlias = NDArray[np.float64]

_DASHED = (0, (2, 2))

ALT_TEXT = (
    "Left: paths of the weights of ERM, reweighting and logit shifting in the plane of core and "
    "spurious weight, solid lines simulated, dashed lines in closed form; all three bend towards "
    "one black dot, the max margin. Right: their angles to the max margin fall like one over log t."
)


def default_setting() -> Setting:
    """ρ = 0.9, γ = 5, d/n = 200 and κ = 1.5κ*: the minority is lost in the limit, slowly.

    Examples
    --------
    >>> setting = default_setting()
    >>> round(setting.kappa / orthogonal.critical_memory(setting.rho, setting.gamma), 6)
    1.5
    """
    n, d, rho, gamma = 400, 80_000, 0.9, 5.0
    kappa = 1.5 * orthogonal.critical_memory(rho, gamma)
    return Setting(n=n, d=d, rho=rho, gamma=gamma, sigma=math.sqrt(kappa * n / d))


@dataclass(frozen=True, eq=False)
class Trajectories:
    """What the figure shows.

    Attributes
    ----------
    setting : Setting
    simulated, closed : list of Trajectory
        One per objective, on the same times.
    limit, closed_limit : Solution
        Max margin of the sample, and in the orthogonal limit.

    Examples
    --------
    >>> data = compute(Setting(50, 5000, 0.8, 3.0, 0.1), seed=0, latest=1e4, points=5)
    >>> data.simulated[0].name, len(data.table()["t"])
    ('ERM', 30)
    """

    setting: Setting
    simulated: list[Trajectory]
    closed: list[Trajectory]
    limit: Solution
    closed_limit: Solution

    def pairs(self) -> list[tuple[str, Trajectory, Solution]]:
        """Every trajectory with its source and its own max margin.

        Examples
        --------
        >>> data = compute(Setting(50, 5000, 0.8, 3.0, 0.1), seed=0, latest=1e4, points=5)
        >>> [source for source, _, _ in data.pairs()][:2]
        ['simulation', 'simulation']
        """
        return [("simulation", run, self.limit) for run in self.simulated] + [
            ("closed form", run, self.closed_limit) for run in self.closed
        ]

    def table(self) -> Table:
        """The figure's data in long form: one row per objective, source and time.

        Examples
        --------
        >>> data = compute(Setting(50, 5000, 0.8, 3.0, 0.1), seed=0, latest=1e4, points=5)
        >>> list(data.table())[:3]
        ['objective', 'source', 't']
        """
        columns: dict[str, list[object]] = {
            name: []
            for name in ("objective", "source", "t", "w_y", "gamma_w_a", "w_eps", "angle_degrees")
        }
        for source, run, limit in self.pairs():
            numbers = (
                run.times,
                run.core,
                self.setting.gamma * run.spurious,
                run.memory,
                run.angle(limit),
            )
            columns["objective"] += [run.name] * len(run)
            columns["source"] += [source] * len(run)
            for column, entries in zip(list(columns.values())[2:], numbers, strict=True):
                column.extend(f"{x:.10g}" for x in entries)
        return columns


def compute(
    setting: Setting, seed: int = 0, latest: float = 1e12, points: int = 121
) -> Trajectories:
    """Simulate the three objectives on one draw, beside their closed forms.

    Parameters
    ----------
    setting : Setting
    seed : int
    latest : float
        The last time t = learning rate × steps, in (0.01, 1e16].
    points : int
        Times, evenly spaced in log t from 0.01.

    Raises
    ------
    NotSeparableError
        The draw cannot be separated, so there is no max margin to tend to.

    Examples
    --------
    >>> compute(Setting(50, 5000, 0.8, 3.0, 0.1), latest=1e4, points=5).limit.support
    1.0
    """
    times = np.logspace(-2, np.log10(latest), points)
    objectives = [
        Objective.erm(),
        Objective.reweighting(setting),
        Objective.logit_shifting(setting),
    ]
    sample = draw_sample(setting, seed)
    limit = max_margin(sample)
    return Trajectories(
        setting=setting,
        simulated=gradient_flow(sample, objectives, times),
        closed=[orthogonal.flow(setting, each, times) for each in objectives],
        limit=limit,
        closed_limit=orthogonal.max_margin(setting),
    )


def draw(data: Trajectories) -> Figure:
    """Draw the two panels.

    Examples
    --------
    >>> data = compute(Setting(50, 5000, 0.8, 3.0, 0.1), latest=1e4, points=5)
    >>> len(draw(data).axes)
    2
    """
    with style():
        figure = new_figure(PAGE_WIDTH, 3.1)
        plane, angles = figure.subplots(1, 2)
        _draw_plane(plane, data)
        _draw_angles(angles, data)
        handles = [Line2D([], [], color=colour(run.name), label=run.name) for run in data.simulated]
        handles += [
            Line2D([], [], color="0.3", label="simulation"),
            Line2D([], [], color="0.3", linestyle=_DASHED, label="closed form, d/n → ∞"),
            Line2D(
                [], [], color="black", marker="o", linestyle="", markersize=5, label="max margin"
            ),
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=6, columnspacing=1.2)
    return figure


def _position(weights: Array, times: Array) -> Array:
    """w/‖w‖·log(1 + t), rows of (w_y, w_a, ‖w_ε‖)."""
    lengths = np.linalg.norm(weights, axis=1)
    return np.asarray(weights * (np.log1p(times) / lengths)[:, None])


def _line(source: str, run: Trajectory) -> dict[str, Any]:
    if source == "closed form":
        return {"color": "black", "linestyle": _DASHED, "linewidth": 1.0}
    return {"color": colour(run.name)}


def _draw_plane(axes: Axes, data: Trajectories) -> None:
    gamma, times = data.setting.gamma, data.simulated[0].times
    for source, run, _ in data.pairs():
        path = _position(run.coordinates, times)
        axes.plot(path[:, 0], gamma * path[:, 1], **_line(source, run))
    end = _position(data.limit.coordinates[None], times[-1:])[0]
    axes.plot(end[0], gamma * end[1], "o", color="black", markersize=5, zorder=5)
    right, top = 1.08 * axes.get_xlim()[1], axes.get_ylim()[1]
    bottom = min(axes.get_ylim()[0], -0.04 * top)
    axes.fill_between([0, right], [0, right], top, color="0.93", linewidth=0, zorder=0)
    axes.text(0.04 * right, 0.94 * top, "minority wrong", color="0.4", fontsize=7, va="top")
    axes.text(0.96 * right, bottom / 2, "minority right", color="0.4", fontsize=7, ha="right")
    axes.set(xlim=(0, right), ylim=(bottom, top))
    axes.set_xlabel("$w_y\\,/\\,\\|w\\| \\cdot \\log(1+t)$")
    axes.set_ylabel("$\\gamma w_a\\,/\\,\\|w\\| \\cdot \\log(1+t)$")
    axes.set_title("Every objective ends at the same max margin")


def _draw_angles(axes: Axes, data: Trajectories) -> None:
    for source, run, limit in data.pairs():
        axes.plot(run.times, run.angle(limit), **_line(source, run))
    axes.set(xscale="log", yscale="log", xlabel="time $t$ = learning rate × steps")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_ylabel("angle to the max margin (degrees)")
    axes.set_title("and gets there like 1/log $t$")
