"""What each example adds to every margin: the paper's Figure 4 in this model."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import SymLogNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from ..sims import influence
from ..theory import MAJORITY, Setting
from .self_influence import METHODS, trained
from .style import PAGE_WIDTH, Table, long_form, new_figure, style

__all__ = ["ALT_TEXT", "Matrices", "compute", "default_setting", "draw"]

Array: TypeAlias = NDArray[np.float64]

_TIME, _FLAT = 1.0, 1e-3

ALT_TEXT = (
    "Three matrices, ERM, reweighting and MAT at t = 1: influence of each training example "
    "(column) on the margin of each other one (row), majority first. The blocks within the "
    "majority and within the minority are positive, those between the two negative. The diagonal, "
    "an example's influence on itself, is the largest in each row: three to four times larger on "
    "the minority. The minority's own block is strong, and its columns push the majority back "
    "more than the other way round."
)


def default_setting() -> Setting:
    """ρ = 0.8, γ = 5, κ = 0.95κ*, d/n = 20, without noise.

    Examples
    --------
    >>> default_setting().n
    60
    """
    return Setting(60, 1200, 0.8, 5.0, math.sqrt(0.95 * 16 / 14 / 20))


@dataclass(frozen=True, eq=False)
class Matrices:
    """What the figure shows.

    Attributes
    ----------
    time : float
        t = learning rate × steps.
    groups : integer array (n,)
        1 majority, 0 minority, in the matrices' order.
    matrices : array (3, n, n)
        Of ERM, reweighting and MAT: on the margin of example j (row), by example i (column).
    """

    time: float
    groups: NDArray[np.int64]
    matrices: Array

    def table(self) -> Table:
        """The figure's data in long form: a pair of examples a row."""
        names = ("objective", "target", "source", "target_group", "source_group", "influence")
        return long_form(names, self._rows())

    def _rows(self) -> Iterator[tuple[object, ...]]:
        for name, matrix in zip(METHODS, self.matrices, strict=True):
            for (target, source), value in np.ndenumerate(matrix):
                pair = (int(self.groups[target]), int(self.groups[source]))
                yield name, target, source, *pair, value


def compute(setting: Setting, seed: int = 0, latest: float = _TIME) -> Matrices:
    """Influences at t = 1, or at the latest time where that is earlier.

    Parameters
    ----------
    setting : Setting
        Without noise, with both groups.
    seed : int
    latest : float
        The last time t = learning rate × steps.

    Raises
    ------
    SettingError
        There is noise, no memory, or only one group.

    Examples
    --------
    >>> data = compute(Setting(20, 400, 0.8, 5.0, 0.2))
    >>> data.matrices.shape
    (3, 20, 20)
    >>> list(data.table())[:3]
    ['objective', 'target', 'source']
    >>> len(draw(data).axes)
    4
    """
    time = min(latest, _TIME)
    sample, objectives = trained(setting, seed)
    found = [influence(sample, objective, time) for objective in objectives]
    order = np.argsort(-found[0].groups, kind="stable")
    matrices = np.stack([each.matrix[np.ix_(order, order)] for each in found])
    return Matrices(time, found[0].groups[order], matrices)


def draw(data: Matrices) -> Figure:
    """Draw the three matrices."""
    with style():
        figure = new_figure(PAGE_WIDTH, 2.7)
        row = figure.subplots(1, len(METHODS))
        largest = float(np.abs(data.matrices).max())
        scale = SymLogNorm(_FLAT * largest, vmin=-largest, vmax=largest)
        for axes, name, matrix in zip(row, METHODS, data.matrices, strict=True):
            image = _draw_matrix(axes, data, matrix, scale)
            axes.set_title(f"{name}: {_words(data, matrix)}")
        row[0].set_ylabel("on the margin of")
        bar = figure.colorbar(image, ax=row, pad=0.02, shrink=0.75)
        powers = [10.0**k for k in range(-2, 3) if _FLAT * largest < 10.0**k <= largest]
        bar.set_ticks([*(-power for power in reversed(powers)), 0.0, *powers])
        bar.set_label(f"influence at $t$ = {data.time:g}")
    return figure


def _words(data: Matrices, matrix: Array) -> str:
    """Mean influence of the minority on itself over the majority's."""
    own = np.diag(matrix)
    ratio = own[data.groups != MAJORITY].mean() / own[data.groups == MAJORITY].mean()
    return f"minority {ratio:.1f}×"


def _draw_matrix(axes: Axes, data: Matrices, matrix: Array, scale: SymLogNorm) -> AxesImage:
    image = axes.imshow(matrix, cmap="PuOr_r", norm=scale, interpolation="nearest")
    edge = int((data.groups == MAJORITY).sum())
    axes.axhline(edge - 0.5, color="black", linewidth=0.6)
    axes.axvline(edge - 0.5, color="black", linewidth=0.6)
    middles = [edge / 2, (edge + len(matrix)) / 2]
    axes.set_xticks(middles, ["majority", "minority"])
    axes.set_yticks(middles, ["majority", "minority"], rotation=90, va="center")
    axes.tick_params(length=0)
    axes.set_xlabel("by example")
    return image
