"""The minority in the limit against d/n: the theorem, two closed limits, and simulation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from ..studies.arguments import Progress, check_run, silent
from ..theory import PitfallsError, Setting, orthogonal, proportional
from .draws import draw_mean, handle, limits_of_draws, mean_and_error
from .refusals import a_threshold, no_feature_noise, no_label_noise
from .style import PAGE_WIDTH, Table, long_form, new_figure, style

__all__ = ["ALT_TEXT", "RATIOS", "Aspects", "Curve", "compute", "default_setting", "draw"]

Array: TypeAlias = NDArray[np.float64]

RATIOS = (0.7, 1.0, 1.4)
"""κ/κ* of the curves."""

_SHADES = ("#0072B2", "#555555", "#D55E00")
_NOISES = (0.0, 0.12)
_ASPECTS = np.logspace(math.log10(0.2), 6, 61)
_SIMULATED = (0.3, 1.0, 3.0, 10.0, 100.0, 1e3, 1e4, 1e6)
_DASHED, _DOTTED = (0, (2, 1.5)), (0, (1, 1.5))

ALT_TEXT = (
    "Two panels, without and with feature noise: the minority's accuracy in the limit against d/n, "
    "from 0.2 to 10⁶, for memory of 0.7, 1 and 1.4 times its critical value. Without feature noise "
    "it is 1 for the smallest d/n; below the critical value it stays above 0.9 and tends to 1, at "
    "it to one half, above it to 0, as the theorem says, which is reached between d/n = 100 and "
    "1000. With feature noise it ends strictly between, at 0.97, 0.51 and 0.04. Lines for finite "
    "d/n go through simulated dots everywhere; the limit for large d/n joins them from about 30 on."
)


def default_setting() -> Setting:
    """ρ = 0.9, γ = 5; κ, d/n and feature noise are what is varied, n is that of the draws.

    Examples
    --------
    >>> default_setting().n
    200
    """
    return Setting(200, 2000, 0.9, 5.0, 0.2)


@dataclass(frozen=True, eq=False)
class Curve:
    """One κ and feature noise.

    Attributes
    ----------
    ratio, noise : float
        κ/κ*, and σ_y = σ_a.
    theorem : float
        1, ½ or 0 (P4); nan with feature noise.
    finite, orthogonal : arrays (D,)
        The minority's accuracy by P9 and by P3; nan where the data cannot be separated.
    drawn : array (S, k)
        In S draws.
    """

    ratio: float
    noise: float
    theorem: float
    finite: Array
    orthogonal: Array
    drawn: Array


@dataclass(frozen=True, eq=False)
class Aspects:
    """What the figure shows.

    Attributes
    ----------
    aspects, simulated_aspects : arrays (D,) and (k,)
        d/n.
    curves : list of Curve
    """

    aspects: Array
    simulated_aspects: Array
    curves: list[Curve]

    def table(self) -> Table:
        """The figure's data in long form."""
        names = ("kappa_ratio", "feature_noise", "source", "aspect", "minority", "standard_error")
        return long_form(names, self._rows())

    def _rows(self) -> Iterator[tuple[object, ...]]:
        for curve in self.curves:
            where = (f"{curve.ratio:g}", f"{curve.noise:g}")
            for x, *values in zip(self.aspects, curve.finite, curve.orthogonal, strict=True):
                for source, y in zip(("finite d/n", "d ≫ n"), values, strict=True):
                    yield *where, source, x, y, ""
            mean, error = mean_and_error(curve.drawn)
            for x, y, e in zip(self.simulated_aspects, mean, error, strict=True):
                yield *where, "simulation", x, y, e
            yield *where, "theorem", "inf", curve.theorem, ""


def compute(
    setting: Setting,
    seed: int = 0,
    latest: float = math.inf,
    *,
    replicates: int = 24,
    aspects: Sequence[float] = tuple(_ASPECTS),
    simulated: Sequence[float] = _SIMULATED,
    workers: int | None = None,
    progress: Progress = silent,
) -> Aspects:
    """P4, P3 and P9 against d/n, and simulation.

    Parameters
    ----------
    setting : Setting
        Without noise; its κ and d are replaced.
    seed : int
    latest : float
        Not used: this is about the limit.
    replicates : int
        Draws, ≥ 1.
    aspects, simulated : sequence of float
        d/n, of the lines and of the draws.
    workers : int, optional
        Threads; all cores by default.
    progress : callable
        Called with (done, total, label).

    Raises
    ------
    SettingError
        There are no draws, no critical memory, or there is noise.

    Examples
    --------
    >>> data = compute(Setting(20, 20, 0.9, 5.0, 0.2), replicates=2, aspects=[1, 9], simulated=[3])
    >>> len(data.curves), data.curves[0].drawn.shape
    (6, (2, 1))
    >>> list(data.table())[:3]
    ['kappa_ratio', 'feature_noise', 'source']
    >>> len(draw(data).axes)
    2
    """
    a_threshold(setting)
    no_feature_noise(setting)
    no_label_noise(setting, "See the figure label-noise.")
    check_run(seed, replicates, workers, least=1)
    grids = np.array(aspects, dtype=float), np.array(simulated, dtype=float)
    curves: list[Curve] = []
    total = len(_NOISES) * len(RATIOS)
    for noise in _NOISES:
        for ratio in RATIOS:
            noisy = replace(setting, core_noise=noise, spurious_noise=noise)
            curves.append(_curve(noisy, ratio, *grids, seed, len(curves), replicates, workers))
            progress(len(curves), total, f"κ = {ratio:g}κ*, feature noise {noise:g}")
    return Aspects(*grids, curves)


def _curve(
    setting: Setting,
    ratio: float,
    aspects: Array,
    simulated: Array,
    seed: int,
    place: int,
    replicates: int,
    workers: int | None,
) -> Curve:
    kappa = ratio * orthogonal.critical_memory(setting.rho, setting.gamma)

    def at(aspect: float) -> Setting:
        return setting.with_memory(kappa, d=max(1, round(setting.n * aspect)))

    def finite(each: Setting) -> float:
        try:
            return proportional.max_margin(each).accuracy(each).minority
        except PitfallsError:
            return math.nan

    clean = not setting.has_feature_noise
    drawn = limits_of_draws(
        [at(aspect) for aspect in simulated],
        lambda limit, each: limit.accuracy(each).minority,
        seed=seed,
        first=len(simulated) * place,
        replicates=replicates,
        workers=workers,
    )
    return Curve(
        ratio,
        setting.core_noise,
        float(0.5 + 0.5 * np.sign(1 - ratio)) if clean else math.nan,
        np.array([finite(at(aspect)) for aspect in aspects]),
        np.array(
            [orthogonal.max_margin(each).accuracy(each).minority for each in map(at, aspects)]
        ),
        drawn,
    )


def draw(data: Aspects) -> Figure:
    """Draw the two panels."""
    with style():
        figure = new_figure(PAGE_WIDTH, 3.0)
        row = figure.subplots(1, 2, sharey=True)
        for axes, noise in zip(row, _NOISES, strict=True):
            for curve, shade in zip(
                (each for each in data.curves if each.noise == noise), _SHADES, strict=True
            ):
                _draw_curve(axes, data, curve, shade)
            axes.set(xscale="log", ylim=(-0.03, 1.03), xlabel="aspect ratio $d/n$")
            axes.set_xlim(data.aspects[0], 2 * data.aspects[-1])
        row[0].set_ylabel("minority, accuracy in the limit")
        row[0].set_title("without feature noise: the theorem, from $d/n$ ~ 100 on")
        row[1].set_title(f"feature noise {_NOISES[1]:g}: strictly between")
        handles: list[Artist] = [
            *(
                Line2D([], [], color=shade, label=f"$κ$ = {ratio:g}$κ^*$")
                for ratio, shade in zip(RATIOS, _SHADES, strict=True)
            ),
            Line2D([], [], color="0.3", label="this $d/n$, $n$ → ∞"),
            Line2D([], [], color="0.3", linestyle=_DASHED, label="$d$ ≫ $n$"),
            Line2D([], [], color="0.3", linestyle=_DOTTED, label="Theorem 2.2"),
            handle(len(data.curves[0].drawn), size=6),
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


def _draw_curve(axes: Axes, data: Aspects, curve: Curve, shade: str) -> None:
    axes.plot(data.aspects, curve.finite, color=shade)
    axes.plot(data.aspects, curve.orthogonal, color=shade, linestyle=_DASHED, linewidth=0.9)
    if not math.isnan(curve.theorem):
        axes.axhline(curve.theorem, color=shade, linestyle=_DOTTED, linewidth=0.9, zorder=0)
    draw_mean(axes, data.simulated_aspects, curve.drawn, shade, size=5)
