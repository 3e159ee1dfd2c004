"""Arguments that theory and simulations both take: numbers, times, strengths, steps."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import SettingError
from .resources import require

__all__ = [
    "LATEST",
    "WEAKEST",
    "Record",
    "checked_array",
    "checked_between",
    "checked_count",
    "checked_number",
    "checked_rate",
    "checked_record",
    "checked_share",
    "checked_strength",
    "checked_strengths",
    "checked_times",
]

Array: TypeAlias = NDArray[np.float64]
Steps: TypeAlias = NDArray[np.int64]
Record: TypeAlias = ArrayLike | Literal["log"]

LATEST = 1e16
"""The last time a flow goes to."""

WEAKEST = 1e-100
"""The least ridge strength of a path."""

_LARGEST = 1e100
_PER_DECADE = 32


def _list(values: Any, dtype: type | None, dimensions: int) -> Any:
    """A non-empty one-dimensional array, of one number too if ``dimensions`` is 1."""
    try:
        array = np.array(values, dtype=dtype, ndmin=dimensions)
    except (TypeError, ValueError):
        return None
    return array if array.ndim == 1 and array.size > 0 else None


def _is_number(value: Any) -> bool:
    number = isinstance(value, (int, float, np.integer, np.floating))
    return number and not isinstance(value, bool)


def checked_array(
    field: str,
    values: ArrayLike,
    shape: tuple[Any, ...],
    allowed: str = "",
    fix: str = "",
    *,
    least: int = 0,
) -> Array:
    """A copy as an array of finite floats of a shape; SettingError otherwise.

    Parameters
    ----------
    field : str
    values : array_like
    shape : tuple of int or str, perhaps after an Ellipsis
        Sizes, or names of those that are free; any more axes before them after an Ellipsis.
    allowed, fix : str
        As for `SettingError`; by default the shape.
    least : int
        Of the free sizes.

    Examples
    --------
    >>> checked_array("features", [[1, 2], [3, 4]], ("n", 2))
    array([[1., 2.],
           [3., 4.]])
    >>> checked_array("features", [[1, 2, 3]], ("n", 2))
    Traceback (most recent call last):
    pitfalls.theory.errors.SettingError: features = (1, 3): must be numbers of shape (n, 2).
    """
    words = [str(size) if size is not Ellipsis else "…" for size in shape]
    allowed = allowed or f"numbers of shape ({', '.join(words)}{',' if len(words) == 1 else ''})"
    try:
        array = np.array(values, dtype=float)
    except (TypeError, ValueError):
        raise SettingError(field, values, allowed, fix) from None
    more = bool(shape) and shape[0] is Ellipsis
    sizes = shape[1:] if more else shape
    last = array.shape[array.ndim - len(sizes) :]
    legal = array.ndim >= len(sizes) if more else array.ndim == len(sizes)
    for given, size in zip(last, sizes, strict=False):
        legal = legal and (given >= least if isinstance(size, str) else given == size)
    if not legal:
        raise SettingError(field, array.shape, allowed, fix)
    finite = np.isfinite(array)
    if not finite.all():
        where = np.argwhere(~finite)[0].tolist()
        raise SettingError(
            field, float(array[tuple(where)]), "finite", f"Entry {where} is not; clean the data."
        )
    return array


def checked_number(field: str, value: float, *, above: bool = False, fix: str = "") -> float:
    """A number from 0 on, or above 0, up to 1e100; SettingError otherwise.

    Examples
    --------
    >>> checked_number("offset", 0)
    0.0
    """
    if not _is_number(value) or not 0 <= value <= _LARGEST or (above and value == 0):
        raise SettingError(field, value, f"a number in {'(' if above else '['}0, 1e100]", fix)
    return float(value)


def checked_share(field: str, value: float) -> float:
    """A number from 0 to 1; SettingError otherwise.

    Examples
    --------
    >>> checked_share("accuracy", 1)
    1.0
    """
    if not _is_number(value) or not 0 <= value <= 1:
        raise SettingError(field, value, "a number in [0, 1]")
    return float(value)


def checked_between(field: str, value: float, low: float, high: float) -> float:
    """A number strictly between two; SettingError otherwise.

    Examples
    --------
    >>> checked_between("accuracy", 0.9, 0.5, 1)
    0.9
    """
    if not _is_number(value) or not low < value < high:
        raise SettingError(field, value, f"a number strictly between {low:g} and {high:g}")
    return float(value)


def checked_times(times: ArrayLike, smallest: float = 0.0) -> Array:
    """Times as a non-decreasing float array in [smallest, 1e16]; SettingError otherwise.

    Examples
    --------
    >>> checked_times([1, 10])
    array([ 1., 10.])
    """
    grid: Array | None = _list(times, float, 1)
    if (
        grid is None
        or not ((grid >= smallest) & (grid <= LATEST)).all()
        or (np.diff(grid) < 0).any()
    ):
        raise SettingError(
            "times",
            times,
            f"non-decreasing numbers in [{smallest:g}, 1e16]",
            "Time is learning rate × steps.",
        )
    return grid


def checked_strength(strength: float) -> float:
    """A ridge strength λ ≥ 0 of a flow; SettingError otherwise.

    Examples
    --------
    >>> checked_strength(0)
    0.0
    """
    return checked_number("strength", strength, fix="0 is no weight decay.")


def checked_strengths(strengths: ArrayLike) -> Array:
    """Ridge strengths as a float array in [1e-100, 1e100]; SettingError otherwise.

    Examples
    --------
    >>> checked_strengths(0.5)
    array([0.5])
    """
    grid: Array | None = _list(strengths, float, 1)
    if grid is None or not ((grid >= WEAKEST) & (grid <= _LARGEST)).all():
        raise SettingError(
            "strengths",
            strengths,
            f"numbers in [{WEAKEST:g}, {_LARGEST:g}]",
            "The limit λ → 0 is max_margin; a late flow where the data cannot be separated.",
        )
    return grid


def checked_rate(learning_rate: float) -> float:
    """A learning rate: a finite number > 0; SettingError otherwise.

    Examples
    --------
    >>> checked_rate(1)
    1.0
    """
    if not _is_number(learning_rate) or not 0 < learning_rate < np.inf:
        raise SettingError("learning_rate", learning_rate, "a finite number > 0")
    return float(learning_rate)


def checked_count(field: str, value: int, least: int = 0) -> int:
    """An integer from ``least`` on; SettingError otherwise.

    Examples
    --------
    >>> checked_count("steps", 3)
    3
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise SettingError(field, value, f"an integer ≥ {least}")
    return int(value)


def checked_record(steps: int, record: Record | None) -> Steps:
    """The numbers of steps to record: all, "log" (some 32 a decade), or those given.

    Raises
    ------
    SettingError
        They are not strictly increasing integers in 0 … steps.
    ResourceError
        All would not fit in memory.

    Examples
    --------
    >>> checked_record(3, None), checked_record(1000, "log").size
    (array([0, 1, 2, 3]), 75)
    """
    steps = checked_count("steps", steps)
    if record is None:
        require(64.0 * steps, f"a record of all {steps} steps", "give record='log'")
        return np.arange(steps + 1)
    if isinstance(record, str) and record == "log":
        count = 2 + int(_PER_DECADE * np.log10(max(steps, 1)))
        spaced = np.geomspace(1, max(steps, 1), count).round().astype(np.int64)
        return np.unique(np.concatenate(([0, steps], spaced[spaced <= steps])))
    array = _list(record, None, 0)
    legal = array is not None and np.issubdtype(array.dtype, np.integer)
    if not legal or array[0] < 0 or array[-1] > steps or (np.diff(array) <= 0).any():
        raise SettingError(
            "record",
            record,
            f"'log', or strictly increasing step numbers in 0 … {steps}",
            "Each means 'after that many updates'.",
        )
    return np.asarray(array, dtype=np.int64)
