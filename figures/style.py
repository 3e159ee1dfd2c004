"""One style for every figure, and one way to write it: PNG, PDF and the data as CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..studies import write_atomically

__all__ = [
    "PAGE_WIDTH",
    "colour",
    "long_form",
    "new_figure",
    "rendered",
    "save",
    "style",
    "time_axis",
]

PAGE_WIDTH = 6.9
"""Inches, of both columns of a page."""

Table: TypeAlias = Mapping[str, Sequence[object]]

# Okabe and Ito's palette, told apart with any common colour blindness, and two of its dark kin.
_COLOURS = {
    "ERM": "#D55E00",
    "reweighting": "#0072B2",
    "logit shifting": "#009E73",
    "curing scale": "#CC79A7",
    "lasting cure": "#56B4E9",
    "vector scaling": "#E69F00",
    "MAT": "#00573F",
    "subsampling": "#999933",
}
_RC: dict[Any, Any] = {
    "axes.formatter.use_mathtext": True,
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 8,
    "axes.titlelocation": "left",
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "mathtext.fontset": "dejavusans",
    "pdf.fonttype": 42,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
}


# What differs between two runs or two versions of matplotlib is left out of the files.
_TIMELESS: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None},
}


def colour(name: str) -> str:
    """The colour of an objective, the same in every figure.

    Examples
    --------
    >>> colour("ERM")
    '#D55E00'
    """
    return _COLOURS.get(name, "#555555")


@contextmanager
def style() -> Iterator[None]:
    """The figures' settings, for the duration of a ``with`` block.

    Examples
    --------
    >>> with style():
    ...     mpl.rcParams["font.size"]
    8.0
    """
    with mpl.rc_context(_RC):
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure in inches, bound to no window system and no global state.

    Examples
    --------
    >>> new_figure(2.0, 1.0).get_size_inches().tolist()
    [2.0, 1.0]
    """
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def time_axis(
    axes: Axes, first: float, last: float, *, decades: int = 2, end: bool = True
) -> float:
    """A logarithmic axis of times with a tick every so many decades; where t = ∞ is put.

    Parameters
    ----------
    axes : Axes
    first, last : float
        Times.
    decades : int
        Between two ticks.
    end : bool
        Leave room for t = ∞, with a tick.

    Examples
    --------
    >>> axes = new_figure(2.0, 1.0).subplots()
    >>> round(time_axis(axes, 0.1, 1e6)), axes.get_xticklabels()[1].get_text()
    (30000000, '$10^{1}$')
    """
    low, high = math.log10(first), math.log10(last)
    exponents = list(range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1, decades))
    ticks, labels = [10.0**k for k in exponents], [f"$10^{{{k}}}$" for k in exponents]
    beyond = 30 * last
    if end:
        ticks, labels = [*ticks, beyond], [*labels, "$\\infty$"]
    axes.set(xscale="log", xlim=(first / 2, 2 * (beyond if end else last)))
    axes.set_xticks(ticks, labels)
    axes.minorticks_off()
    axes.set_xlabel("time $t$ = learning rate × steps")
    return beyond


def long_form(names: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """Columns by name of rows, numbers written with ten digits, nan as nothing.

    Examples
    --------
    >>> long_form(("curve", "x"), [("one", 0.5), ("two", math.nan)])
    {'curve': ['one', 'two'], 'x': ['0.5', '']}
    """
    written = [[_text(value) for value in row] for row in rows]
    return {name: [row[k] for row in written] for k, name in enumerate(names)}


def _text(value: object) -> object:
    if not isinstance(value, float):
        return value
    return "" if math.isnan(value) else f"{value:.10g}"


def rendered(figure: Figure, suffix: str, dpi: int = 300) -> bytes:
    """A figure as PNG or PDF; the same figure gives the same bytes.

    Parameters
    ----------
    figure : Figure
    suffix : {"png", "pdf"}
    dpi : int
        Dots per inch of a PNG.

    Examples
    --------
    >>> rendered(new_figure(1.0, 1.0), "png", dpi=50)[1:4]
    b'PNG'
    """
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format=suffix, dpi=dpi, metadata=_TIMELESS[suffix])
    return buffer.getvalue()


def save(figure: Figure, table: Table, folder: Path, name: str) -> list[Path]:
    """Write NAME.png (300 dpi), NAME.pdf and NAME.csv; the same input gives the same bytes.

    Parameters
    ----------
    figure : Figure
    table : mapping of column name to values
        What the figure shows, columns of one length.
    folder : Path
        Made if it does not exist.
    name : str

    Returns
    -------
    list of Path
        The three files.

    Examples
    --------
    >>> import tempfile
    >>> figure = new_figure(1.0, 1.0)
    >>> [path.name for path in save(figure, {"t": [1.0]}, Path(tempfile.mkdtemp()), "empty")]
    ['empty.png', 'empty.pdf', 'empty.csv']
    """
    contents = {suffix: rendered(figure, suffix) for suffix in ("png", "pdf")}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))
    contents["csv"] = text.getvalue().encode()
    paths = []
    for suffix, content in contents.items():
        paths.append(folder / f"{name}.{suffix}")
        write_atomically(paths[-1], content)
    return paths
