"""Features in a CSV file, read in one pass, so that every error has its line."""

from __future__ import annotations

import csv
from array import array
from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from ...theory import SettingError
from ...theory.resources import require
from .given import Given
from .origin import Origin, ignoring, said
from .roles import Wanted, assigned, features_among, refuse_duplicates

__all__ = ["read_csv"]

Row = tuple[int, list[str]]


def read_csv(path: Path, wanted: Wanted) -> tuple[Given, Origin]:
    r"""What a comma-separated file gives, and where in it.

    Raises
    ------
    SettingError
        It is no table of numbers with a column of labels.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.csv"
    >>> _ = path.write_text("x,z,label\n1,2,cat\n3,4,dog\n")
    >>> given, origin = read_csv(path, Wanted({}, ()))
    >>> given.labels, origin.lines
    (['cat', 'dog'], [2, 3])
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = _rows(path.name, csv.reader(file, strict=True))
        try:
            return _read(path, rows, wanted)
        except UnicodeDecodeError as error:
            where = f"{path.name}, line {_undecodable(path)}"
            unread = error.object[error.start : error.end]
            raise SettingError(where, unread, "text in UTF-8", "Save it as UTF-8.") from None


def _undecodable(path: Path) -> int:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 1


def _rows(source: str, reader: Any) -> Iterator[Row]:
    """Lines with their numbers, without empty ones."""
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            fix = f"{said(error)} A quoted cell may not be closed."
            where = f"{source}, line {reader.line_num}"
            raise SettingError(where, "unreadable", "comma-separated cells", fix) from None
        if row:
            yield reader.line_num, row


def _header(source: str, rows: Iterator[Row]) -> list[str]:
    names = [name.strip() for name in next(rows, (0, []))[1]]
    if not names:
        raise SettingError(source, "no line", "a header and examples", "The file is empty.")
    if len(names) == 1:
        fix = "Separate cells by commas, neither by semicolons nor by tabs."
        raise SettingError(f"{source}, header", names[0], "more than one column", fix)
    if all(map(_is_number, names)):
        fix = "Name the columns in the first line."
        raise SettingError(f"{source}, header", names[0], "a column's name", fix)
    refuse_duplicates(source, "column", names)
    return names


def _read(path: Path, rows: Iterator[Row], wanted: Wanted) -> tuple[Given, Origin]:
    source = path.name
    names = _header(source, rows)
    roles = assigned(source, "column", names, wanted)
    features = features_among(source, names, roles, wanted.ignore)
    places = [names.index(name) for name in features]
    take, others = itemgetter(*places), {role: names.index(roles[role]) for role in roles}
    numbers, lines = array("d"), array("q")
    columns: dict[str, Any] = {role: [] for role in roles}
    for line, row in rows:
        if len(row) != len(names):
            fix = "A comma within a cell needs quotes around the cell."
            allowed = f"{len(names)} cells, as many as the header has"
            raise SettingError(f"{source}, line {line}", f"{len(row)} cells", allowed, fix)
        if not lines:
            _require(path, row, len(features))
        cells = take(row)
        try:
            numbers.extend(map(float, cells))
        except ValueError:
            _refuse(source, line, cells, features)
        if "_" in "".join(cells):
            _refuse(source, line, cells, features)
        lines.append(line)
        for role, place in others.items():
            columns[role].append(row[place])
    if not lines:
        raise SettingError(source, "a header only", "a header and examples", "Add examples.")
    x = np.frombuffer(numbers, dtype=np.float64).reshape(len(lines), len(features))
    origin = Origin(source, "column", roles, features, lines.tolist())
    return Given(features=x, **columns), origin


def _require(path: Path, row: Sequence[str], features: int) -> None:
    """Refuse a file whose numbers, at the length of its first line, do not fit in memory."""
    length = sum(map(len, row)) + len(row)
    size = 9.0 * features * path.stat().st_size / length
    require(size, f"reading {path.name}", "give fewer examples or features, or an NPZ file")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


def _refuse(source: str, line: int, cells: Sequence[str], features: Sequence[str]) -> None:
    cell, name = next(
        (cell, name) for cell, name in zip(cells, features, strict=True) if not _is_number(cell)
    )
    fix = f"If it is no feature, ignore the column {ignoring(name)}; else make numbers of it."
    if not cell.strip():
        fix = "Fill in what is missing, or leave out the example or the column."
    where = f"{source}, line {line}, column {name!r}"
    raise SettingError(where, cell, "a number", fix)
