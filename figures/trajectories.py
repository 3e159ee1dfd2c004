"""Weight trajectories of seven methods, simulated and in closed form (the paper's Figure 5)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from ..sims import Sample, gradient_flow, max_margin, memorization_aware
from ..sims import draw as draw_sample
from ..studies.train import curing_objective, in_the_model, three_methods
from ..theory import (
    MAJORITY,
    MINORITY,
    Objective,
    PitfallsError,
    Setting,
    Solution,
    Trajectory,
    orthogonal,
)
from .style import PAGE_WIDTH, Table, colour, new_figure, style

__all__ = ["ALT_TEXT", "Trajectories", "compute", "default_setting", "draw"]

Array: TypeAlias = NDArray[np.float64]

_DASHED = (0, (2, 2))
_WRONG = "0.93"
_POINT: dict[str, Any] = {"color": "black", "marker": "o", "linestyle": "", "markersize": 5}
# Methods that lie on others: MAT on logit shifting, the cures on the axis.
_APART: dict[str, dict[str, Any]] = {
    "MAT": {"linestyle": (0, (1, 1)), "linewidth": 2.0},
    "subsampling": {"linewidth": 2.8},
}
_LEGEND_COLUMNS = 4

ALT_TEXT = (
    "Left: paths of the weights in the plane of core and spurious weight, solid lines simulated, "
    "dashed lines in closed form. ERM, reweighting, logit shifting and MAT, which runs on top of "
    "logit shifting, bend towards one black dot, their max margin, which is wrong on the minority. "
    "The curing scale starts on the wrong side, crosses, and runs beside the axis of no spurious "
    "weight to a dot of its own; the lasting cure gets there on the axis, and so does subsampling, "
    "which ends at a dot nearer to the origin. Right: each method's angle to its own max margin "
    "falls like one over log t."
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
        One per method, on the same times.
    limits, closed_limits : list of Solution
        Each method's max margin, of the sample and in the orthogonal limit; those that share one
        have the same object.

    Examples
    --------
    >>> data = compute(Setting(50, 5000, 0.8, 3.0, 0.1), seed=0, latest=1e4, points=5)
    >>> data.simulated[0].name, len(data.table()["t"])
    ('ERM', 70)
    """

    setting: Setting
    simulated: list[Trajectory]
    closed: list[Trajectory]
    limits: list[Solution]
    closed_limits: list[Solution]

    def ends(self) -> list[tuple[str, Solution]]:
        """Each simulated max margin once, with the first method that tends to it.

        Examples
        --------
        >>> data = compute(Setting(50, 5000, 0.8, 3.0, 0.1), seed=0, latest=1e4, points=5)
        >>> [name for name, _ in data.ends()]
        ['ERM', 'subsampling', 'curing scale']
        """
        found: dict[int, tuple[str, Solution]] = {}
        for run, limit in zip(self.simulated, self.limits, strict=True):
            found.setdefault(id(limit), (run.name, limit))
        return list(found.values())

    def pairs(self) -> list[tuple[str, Trajectory, Solution]]:
        """Every trajectory with its source and its own max margin.

        Examples
        --------
        >>> data = compute(Setting(50, 5000, 0.8, 3.0, 0.1), seed=0, latest=1e4, points=5)
        >>> [source for source, _, _ in data.pairs()][:2]
        ['simulation', 'simulation']
        """
        sides = (
            ("simulation", self.simulated, self.limits),
            ("closed form", self.closed, self.closed_limits),
        )
        return [
            (source, run, limit)
            for source, runs, limits in sides
            for run, limit in zip(runs, limits, strict=True)
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
    """Simulate the methods on one draw, beside their closed forms.

    ERM, reweighting, logit shifting and MAT; balanced subsampling; and the curing scale and the
    lasting cure where they are not ERM's: those of the orthogonal limit on both sides, so that they
    can be compared. The closed form of MAT has the mean of its shifts in each group; that of
    subsampling is ERM's in a setting of fewer examples (P14).

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
    SettingError
        There is label noise, or only one group: subsampling has no closed form then.
    NotSeparableError
        The draw cannot be separated, so there is no max margin to tend to.

    Examples
    --------
    >>> data = compute(Setting(50, 5000, 0.8, 3.0, 0.1), latest=1e4, points=5)
    >>> [limit.support for limit in data.limits]
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """
    times = np.logspace(-2, np.log10(latest), points)
    objectives = three_methods(setting)
    fewer, _ = in_the_model("subsampling", setting)
    sample = draw_sample(setting, seed)
    shifted = memorization_aware(sample, seed)
    few = sample.balanced(seed)
    cures = _cures(setting)
    shared = len(objectives) + 1
    limits = [max_margin(sample)] * shared + [max_margin(few)]
    closed_limits = [orthogonal.max_margin(setting)] * shared + [orthogonal.max_margin(fewer)]
    if cures:
        limits += [max_margin(sample, cures[0])] * len(cures)
        closed_limits += [orthogonal.max_margin(setting, cures[0])] * len(cures)
    simulated = gradient_flow(sample, [*objectives, shifted, *cures], times)
    subsampled = replace(gradient_flow(few, Objective.erm(), times), name="subsampling")
    closed = [
        orthogonal.flow(setting, each, times)
        for each in [*objectives, _by_group(shifted, sample), *cures]
    ]
    closed_subsampled = replace(orthogonal.flow(fewer, Objective.erm(), times), name="subsampling")
    return Trajectories(
        setting=setting,
        simulated=[*simulated[:shared], subsampled, *simulated[shared:]],
        closed=[*closed[:shared], closed_subsampled, *closed[shared:]],
        limits=limits,
        closed_limits=closed_limits,
    )


def _by_group(objective: Objective, sample: Sample) -> Objective:
    """An objective of one shift per example, with the mean of each group."""
    _, shift, _ = objective.resolve(sample.groups, sample.n)
    means = {g: float(shift[sample.groups == g].mean()) for g in (MAJORITY, MINORITY)}
    return Objective(shift=means, name=objective.name)


def _cures(setting: Setting) -> list[Objective]:
    """The curing scale without and with its weights, where it is not ERM's."""
    try:
        cure = curing_objective(setting, orthogonal.curing_scale)
    except PitfallsError:
        return []
    if math.isclose(cure.scale[MAJORITY], 1, rel_tol=1e-9):
        return []
    return [cure, orthogonal.lasting_cure(setting)]


def draw(data: Trajectories) -> Figure:
    """Draw the two panels.

    Examples
    --------
    >>> data = compute(Setting(50, 5000, 0.8, 3.0, 0.1), latest=1e4, points=5)
    >>> len(draw(data).axes)
    2
    """
    with style():
        figure = new_figure(PAGE_WIDTH, 3.5)
        plane, angles = figure.subplots(1, 2)
        _draw_plane(plane, data)
        _draw_angles(angles, data)
        _add_legend(figure, data)
    return figure


def _add_legend(figure: Figure, data: Trajectories) -> None:
    """The methods, row by row, and what is drawn of them in the last row."""
    handles: list[Artist] = [
        Line2D([], [], **_line("simulation", run), label=run.name) for run in data.simulated
    ]
    blanks = -len(handles) % _LEGEND_COLUMNS
    handles += [Line2D([], [], linestyle="", label=" ") for _ in range(blanks)]
    handles += [
        Line2D([], [], color="0.3", label="simulation"),
        Line2D([], [], color="0.3", linestyle=_DASHED, label="closed form, d/n → ∞"),
        Line2D([], [], **_POINT, label="max margin"),
        Patch(color=_WRONG, linewidth=0, label="minority wrong"),
    ]
    # Columns are filled one after the other.
    columns = [each for k in range(_LEGEND_COLUMNS) for each in handles[k::_LEGEND_COLUMNS]]
    figure.legend(
        handles=columns, loc="outside lower center", ncols=_LEGEND_COLUMNS, columnspacing=2
    )


def _position(weights: Array, times: Array) -> Array:
    """w/‖w‖·log(1 + t), rows of (w_y, w_a, ‖w_ε‖)."""
    lengths = np.linalg.norm(weights, axis=1)
    return np.asarray(weights * (np.log1p(times) / lengths)[:, None])


def _line(source: str, run: Trajectory) -> dict[str, Any]:
    if source == "closed form":
        return {"color": "black", "linestyle": _DASHED, "linewidth": 1.0}
    return {"color": colour(run.name), **_APART.get(run.name, {})}


def _draw_plane(axes: Axes, data: Trajectories) -> None:
    gamma, times = data.setting.gamma, data.simulated[0].times
    for source, run, _ in data.pairs():
        path = _position(run.coordinates, times)
        axes.plot(path[:, 0], gamma * path[:, 1], **_line(source, run))
    for name, limit in data.ends():
        x, y, _ = _position(limit.coordinates[None], times[-1:])[0]
        edge = "black" if limit is data.limits[0] else colour(name)
        axes.plot(x, gamma * y, **_POINT, markeredgecolor=edge, zorder=5)
    right, top = 1.08 * axes.get_xlim()[1], axes.get_ylim()[1]
    bottom = min(axes.get_ylim()[0], -0.04 * top)
    axes.fill_between([0, right], [0, right], top, color=_WRONG, linewidth=0, zorder=0)
    axes.set(xlim=(0, right), ylim=(bottom, top))
    axes.set_xlabel("$w_y\\,/\\,\\|w\\| \\cdot \\log(1+t)$")
    axes.set_ylabel("$\\gamma w_a\\,/\\,\\|w\\| \\cdot \\log(1+t)$")
    axes.set_title("Weights and shifts buy time, a cure lasts")


def _draw_angles(axes: Axes, data: Trajectories) -> None:
    for source, run, limit in data.pairs():
        degrees = run.angle(limit)
        # The arc cosine of a number near 1 knows no smaller angles.
        axes.plot(run.times, np.where(degrees > 1e-5, degrees, np.nan), **_line(source, run))
    first, last = data.simulated[0].times[[0, -1]]
    axes.set(xscale="log", yscale="log", xlim=(first / 3, 3 * last))
    axes.set_xlabel("time $t$ = learning rate × steps")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_ylabel("angle to its max margin (degrees)")
    axes.set_title("and each method gets to its own like 1/log $t$")
