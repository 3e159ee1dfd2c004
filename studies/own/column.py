"""A column of labels, attributes, groups or parts of a split: words, integers or booleans."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...theory import SettingError
from .origin import Origin

__all__ = ["MISSING", "Codes", "Column", "canonical", "column", "known", "settled"]

Codes: TypeAlias = NDArray[np.int64]

MISSING = -1
"""The code of None, NaN and empty text."""

_KINDS = "words, integers or booleans"


class Column(NamedTuple):
    """Values by their names.

    Attributes
    ----------
    names : tuple of str
        The different values.
    codes : integer array
        Which of them each row has, or MISSING.
    """

    names: tuple[str, ...]
    codes: Codes


def canonical(value: Any) -> str | None:
    """The name of a value, the same for 1, 1.0, "1" and " 1 "; None if it is missing.

    Raises
    ------
    TypeError
        It is no word, number or boolean.

    Examples
    --------
    >>> [canonical(value) for value in (1.0, "01", " cat ", True, "", math.nan)]
    ['1', '1', 'cat', 'True', None, None]
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bytes):
        value = value.decode()
    if value is None:
        return None
    if not isinstance(value, (str, bool, int, float)):
        raise TypeError(f"is of type {type(value).__name__}")
    if value in (math.inf, -math.inf):
        raise TypeError("is infinite")
    name = str(value).strip()
    if name == "" or name.lower() == "nan":
        return None
    number = _number(name)
    return name if number is None else str(number)


def _number(name: str) -> int | float | None:
    """The finite number that a text is; 1_000 is text."""
    if "_" in name:
        return None
    try:
        return int(name)
    except ValueError:
        pass
    try:
        number = float(name)
    except ValueError:
        return None
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() else number


def column(
    role: str,
    values: ArrayLike | Sequence[Any],
    count: int,
    origin: Origin,
    before: Column | None = None,
) -> Column:
    """A column from an array-like of ``count`` values, its names in order of appearance.

    Parameters
    ----------
    role : str
        What errors call it.
    values : array (count,)
    count : int
    origin : Origin
    before : Column, optional
        What comes before it.

    Raises
    ------
    SettingError
        It has another shape, or values that are no words, numbers or booleans.

    Examples
    --------
    >>> labels = column("labels", ["b", "a", "", "b"], 4, Origin())
    >>> labels
    Column(names=('b', 'a'), codes=array([ 0,  1, -1,  0]))
    >>> column("test_labels", ["a", "c"], 2, Origin(), labels)
    Column(names=('b', 'a', 'c'), codes=array([ 0,  1, -1,  0,  1,  2]))
    """
    field = origin.called(role)
    try:
        array = np.asarray(values)
    except ValueError:
        array = np.empty((0, 0))
    if array.shape != (count,):
        raise SettingError(
            field,
            array.shape,
            f"of shape ({count},)",
            f"One value for each of the {count} rows of features.",
        )
    names = {} if before is None else {name: code for code, name in enumerate(before.names)}
    codes = np.empty(count, np.int64)
    for row, value in enumerate(array.tolist()):
        try:
            name = canonical(value)
        except (TypeError, ValueError) as error:
            fix = f"{origin.row(row)} {error}."
            raise SettingError(field, value, _KINDS, fix) from None
        codes[row] = MISSING if name is None else names.setdefault(name, len(names))
    earlier = [] if before is None else [before.codes]
    return Column(tuple(names), np.concatenate([*earlier, codes]))


def settled(role: str, found: Column, rows: Codes, count: int, origin: Origin) -> Column:
    """A column with the names that occur in some rows only, sorted: by size if all are numbers.

    Raises
    ------
    SettingError
        A number among numbers is not an integer.

    Examples
    --------
    >>> found = column("labels", ["10", "9", "8"], 3, Origin())
    >>> settled("labels", found, np.array([0, 1]), 3, Origin())
    Column(names=('9', '10'), codes=array([ 1,  0, -1]))
    """
    occurring = [code for code in np.unique(found.codes[rows]).tolist() if code != MISSING]
    numbers = {code: _number(found.names[code]) for code in occurring}
    if None in numbers.values():
        occurring.sort(key=lambda code: found.names[code])
    else:
        for code, number in numbers.items():
            if isinstance(number, float):
                row = int(rows[found.codes[rows] == code][0])
                field, where = origin.place(role, row, count)
                fix = f"{where} is no integer: make two classes of numbers first."
                raise SettingError(field, number, _KINDS, fix)
        occurring.sort(key=lambda code: numbers[code] or 0)
    lookup = np.full(len(found.names) + 1, MISSING)
    lookup[occurring] = np.arange(len(occurring))
    return Column(tuple(found.names[code] for code in occurring), lookup[found.codes])


def known(role: str, found: Column, rows: Codes, count: int, origin: Origin) -> bool:
    """Whether these rows have values: all of them, or none.

    Raises
    ------
    SettingError
        Some have none.

    Examples
    --------
    >>> known("labels", Column(("a",), np.array([0, -1])), np.array([0]), 2, Origin())
    True
    """
    missing = found.codes[rows] == MISSING
    if missing.any() and not missing.all():
        field, where = origin.place(role, int(rows[missing][0]), count)
        raise SettingError(
            field,
            "missing",
            "known for every example",
            f"{where} has none: fill it in, or leave the example out.",
        )
    return bool(len(rows)) and not missing.any()
