"""The store of a sweep: one SQLite file, a transaction for each batch of finished blocks.

Only the driver opens it for writing, one driver at a time: it holds an exclusive lock on an empty
SQLite file beside it (``STORE.lock``), which the system drops when the driver ends, however it
ends. Others may read meanwhile. Numbers carry checksums, so that damage is found and not averaged.
"""

from __future__ import annotations

import difflib
import json
import platform
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .block import Failure, Result
from .document import Sweep
from .errors import StoreError, SweepError
from .precision import enough
from .reader import parse
from .sqlite_file import connect, is_empty, locked, told

__all__ = ["Store"]

Array: TypeAlias = NDArray[np.float64]

_APPLICATION = 0x70697466
_SCHEMA = 1
_TABLES = """
CREATE TABLE sweep (
    name TEXT NOT NULL, text TEXT NOT NULL, checksum INTEGER NOT NULL, digest TEXT NOT NULL
);
CREATE TABLE environments (id INTEGER PRIMARY KEY, content TEXT NOT NULL UNIQUE);
CREATE TABLE blocks (
    cell INTEGER NOT NULL, block INTEGER NOT NULL, environment INTEGER NOT NULL,
    seconds REAL NOT NULL, numbers BLOB NOT NULL, checksum INTEGER NOT NULL,
    PRIMARY KEY (cell, block)
) WITHOUT ROWID;
CREATE TABLE predictions (
    cell INTEGER PRIMARY KEY, numbers BLOB NOT NULL, checksum INTEGER NOT NULL
);
CREATE TABLE failures (
    cell INTEGER PRIMARY KEY, block INTEGER NOT NULL, error TEXT NOT NULL
);
"""


class Store:
    """An open store; use `Store.write` or `Store.read`.

    Attributes
    ----------
    path : Path
    sweep : Sweep

    Examples
    --------
    >>> import tempfile
    >>> from .block import Block
    >>> sweep = parse('''
    ... replicates = 3
    ... objectives = ["erm"]
    ... quantities = ["support"]
    ... setting = { n = 20, d = 400, rho = 0.9, gamma = 2, sigma = 1 }
    ... ''')
    >>> path = Path(tempfile.mkdtemp()) / "a.db"
    >>> with Store.write(path, sweep) as store:
    ...     store.add([Block(0, 0, np.ones((3, 1)), None, 0.5)])
    >>> with Store.read(path) as store:
    ...     store.done(0), store.prefix(0).tolist()
    ({0}, [[1.0], [1.0], [1.0]])
    """

    def __init__(self, path: Path, sweep: Sweep, connection: sqlite3.Connection) -> None:
        self.path, self.sweep, self._connection = path, sweep, connection
        self._environment = 0

    @classmethod
    @contextmanager
    def write(cls, path: Path, sweep: Sweep) -> Iterator[Store]:
        """Open a store for the driver of this sweep; make it if there is none.

        Raises
        ------
        StoreError
            It belongs to another sweep, another driver has it, or it cannot be written or is
            damaged.
        """
        with locked(path), told(path), closing(connect(path, "rwc")) as connection:
            if is_empty(connection):
                with connection:
                    connection.execute("BEGIN IMMEDIATE")
                    connection.execute(f"PRAGMA application_id = {_APPLICATION}")
                    connection.execute(f"PRAGMA user_version = {_SCHEMA}")
                    for statement in _TABLES.split(";"):
                        connection.execute(statement)
                    checksum = zlib.crc32(sweep.text.encode())
                    row = (sweep.name, sweep.text, checksum, sweep.digest)
                    connection.execute("INSERT INTO sweep VALUES (?, ?, ?, ?)", row)
            store = cls(path, _sweep_of(connection, path), connection)
            if store.sweep.digest != sweep.digest:
                difference = difflib.unified_diff(
                    store.sweep.canonical.splitlines(),
                    sweep.canonical.splitlines(),
                    f"{path} ({store.sweep.name})",
                    sweep.name,
                    lineterm="",
                    n=0,
                )
                raise StoreError(
                    f"{path}: belongs to another sweep. Give another --store, or the file it was "
                    "made with.\n" + "\n".join(difference)
                )
            store._check()
            store.computes_on(None)
            yield store

    @classmethod
    @contextmanager
    def read(cls, path: Path) -> Iterator[Store]:
        """Open a store to look at it; its driver may go on meanwhile.

        Raises
        ------
        StoreError
            There is no such file, it is no store, or it is damaged.
        """
        if not path.is_file():
            raise StoreError(f"{path}: there is no such store.")
        with told(path), closing(connect(path, "ro")) as connection:
            if is_empty(connection):
                raise StoreError(f"{path}: is empty: no sweep was begun in it.")
            store = cls(path, _sweep_of(connection, path), connection)
            store._check()
            yield store

    def _check(self) -> None:
        found = self._connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(found)

    def computes_on(self, device: str | None) -> None:
        """Blocks added from now on are of this machine, and of this GPU; None for the CPU."""
        self._environment = self._this_environment(device)

    def backend(self) -> Literal["cpu", "gpu"] | None:
        """What the blocks were computed on; None where there are none."""
        found = self.environments()
        if not found:
            return None
        return "gpu" if any("gpu" in each for each in found) else "cpu"

    def _this_environment(self, device: str | None) -> int:
        names = ("pitfalls", "numpy", "scipy", "numba")
        content = {name: version(name) for name in names}
        content |= {"python": platform.python_version(), "machine": platform.machine()}
        if device is not None:
            content["gpu"] = device
        text = json.dumps(content)
        with self._connection as connection:
            connection.execute("INSERT OR IGNORE INTO environments (content) VALUES (?)", (text,))
        query = "SELECT id FROM environments WHERE content = ?"
        return int(connection.execute(query, (text,)).fetchone()[0])

    def add(self, results: Iterable[Result]) -> None:
        """Keep results, all in one transaction."""
        with told(self.path), self._connection as connection:
            for each in results:
                if isinstance(each, Failure):
                    row: tuple[object, ...] = (each.cell, each.block, each.error)
                    connection.execute("INSERT OR REPLACE INTO failures VALUES (?, ?, ?)", row)
                    continue
                row = (
                    each.cell,
                    each.index,
                    self._environment,
                    each.seconds,
                    *_packed(each.values, each.cell, each.index),
                )
                connection.execute("INSERT OR REPLACE INTO blocks VALUES (?, ?, ?, ?, ?, ?)", row)
                if each.predictions is not None:
                    row = (each.cell, *_packed(each.predictions, each.cell))
                    connection.execute("INSERT OR REPLACE INTO predictions VALUES (?, ?, ?)", row)

    def forget_failures(self) -> None:
        """Failed cells are tried again."""
        with told(self.path), self._connection as connection:
            connection.execute("DELETE FROM failures")

    def done(self, cell: int) -> set[int]:
        """The blocks of a cell that are finished."""
        query = "SELECT block FROM blocks WHERE cell = ?"
        return {block for (block,) in self._connection.execute(query, (cell,))}

    def counts(self) -> Iterator[tuple[int, set[int]]]:
        """Each cell that has finished blocks, and which.

        Read page by page: whoever writes meanwhile is not kept waiting.
        """
        query = (
            "SELECT cell, group_concat(block) FROM blocks WHERE cell > ? GROUP BY cell "
            "ORDER BY cell LIMIT 1000"
        )
        last = -1
        while page := self._connection.execute(query, (last,)).fetchall():
            for last, blocks in page:
                yield last, set(map(int, blocks.split(",")))

    def seconds(self) -> float:
        """What the finished blocks took, on one core."""
        query = "SELECT COALESCE(SUM(seconds), 0) FROM blocks"
        return float(self._connection.execute(query).fetchone()[0])

    def failures(self) -> list[Failure]:
        """The cells that failed."""
        rows = self._connection.execute("SELECT cell, block, error FROM failures ORDER BY cell")
        return [Failure(*row) for row in rows]

    def environments(self) -> list[dict[str, str]]:
        """Versions with which blocks were computed."""
        query = (
            "SELECT content FROM environments WHERE id IN (SELECT environment FROM blocks) "
            "ORDER BY id"
        )
        return [json.loads(content) for (content,) in self._connection.execute(query)]

    def prefix(self, cell: int) -> Array:
        """Replicates of a cell, from the first up to the first gap: (replicates, columns).

        Raises
        ------
        StoreError
            They are damaged.
        """
        rows = self._connection.execute(
            "SELECT block, numbers, checksum FROM blocks WHERE cell = ? ORDER BY block", (cell,)
        ).fetchall()
        width, parts = len(self.sweep.columns), [np.empty((0, len(self.sweep.columns)))]
        for expected, (block, *packed) in enumerate(rows):
            if block != expected:
                break
            first, last = self.sweep.bounds(block)
            parts.append(self._unpacked(packed, (last - first, width), cell, block))
        return np.concatenate(parts)

    def is_precise(self, cell: int) -> bool:
        """Whether a cell needs no more replicates than it has.

        Raises
        ------
        StoreError
            They are damaged.
        """
        return bool(self.sweep.precision) and enough(self.sweep, self.prefix(cell)) is not None

    def predictions(self, cell: int) -> Array:
        """What the theory says of a cell: (kinds, columns); nan where it is not there yet.

        Raises
        ------
        StoreError
            They are damaged.
        """
        shape = (len(self.sweep.predictions), len(self.sweep.columns))
        query = "SELECT numbers, checksum FROM predictions WHERE cell = ?"
        row = self._connection.execute(query, (cell,)).fetchone()
        return np.full(shape, np.nan) if row is None else self._unpacked(row, shape, cell)

    def _unpacked(
        self, packed: Iterable[object], shape: tuple[int, int], cell: int, *block: int
    ) -> Array:
        numbers, checksum = packed
        if (
            not isinstance(numbers, bytes)
            or _checksum(numbers, (cell, *block)) != checksum
            or len(numbers) != 8 * shape[0] * shape[1]
        ):
            raise StoreError(
                f"{self.path}: the numbers of cell {cell} are damaged. Restore a copy of the "
                "store, or delete it and run the sweep again."
            )
        return np.frombuffer(numbers, dtype="<f8").reshape(shape).astype(float)


def _packed(numbers: Array, *place: int) -> tuple[bytes, int]:
    content = np.ascontiguousarray(numbers, dtype="<f8").tobytes()
    return content, _checksum(content, place)


def _checksum(content: bytes, place: tuple[int, ...]) -> int:
    """Of numbers and of where they belong."""
    return zlib.crc32(content, zlib.crc32(repr(place).encode()))


def _sweep_of(connection: sqlite3.Connection, path: Path) -> Sweep:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    if application != _APPLICATION:
        raise StoreError(f"{path}: is a database, but no store of a sweep. Give another file.")
    schema = connection.execute("PRAGMA user_version").fetchone()[0]
    if schema != _SCHEMA:
        raise StoreError(f"{path}: has schema {schema}, and this pitfalls reads {_SCHEMA}.")
    name, text, checksum, digest = connection.execute("SELECT * FROM sweep").fetchone()
    if zlib.crc32(text.encode()) != checksum:
        raise sqlite3.DatabaseError("the sweep file in it is damaged")
    try:
        sweep = parse(text, name, trusted=True)
    except SweepError as error:
        raise StoreError(f"{path}: this pitfalls does not read its sweep file: {error}") from None
    if sweep.digest != digest:
        raise StoreError(
            f"{path}: this version of pitfalls reads its sweep file differently from the one that "
            "began it. Go on with that one."
        )
    return sweep
