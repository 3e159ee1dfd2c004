"""An SQLite file that one program writes while others read, and its errors in words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import StoreError

__all__ = ["connect", "is_empty", "locked", "told"]

_WAIT = 60.0


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """Open a file; "ro", or "rwc" to write and make it.

    Examples
    --------
    >>> import tempfile
    >>> connection = connect(Path(tempfile.mkdtemp()) / "a.db", "rwc")
    >>> is_empty(connection)
    True
    >>> connection.close()
    """
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=_WAIT)
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def is_empty(connection: sqlite3.Connection) -> bool:
    """Whether there is no table in it.

    Examples
    --------
    See `connect`.
    """
    return not connection.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()[0]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One driver at a time.

    Raises
    ------
    StoreError
        Another has it, or the file cannot be there.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.db"
    >>> with locked(path):
    ...     path.with_name("a.db.lock").exists()
    True
    """
    lock = path.with_name(path.name + ".lock")
    if not path.parent.is_dir():
        raise StoreError(f"{path}: the folder {path.parent} does not exist. Make it first.")
    if path.is_dir():
        raise StoreError(f"{path}: is a folder. Give a file name in it.")
    with told(path):
        holder = sqlite3.connect(lock, timeout=0, isolation_level=None)
    try:
        try:
            holder.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise StoreError(f"{path}: cannot be locked ({error}).") from None
            raise StoreError(
                f"{path}: another driver is writing it. Wait for it, or stop it; looking at it "
                "(sweep status, sweep export) is possible meanwhile."
            ) from None
        yield
    finally:
        holder.close()


@contextmanager
def told(path: Path) -> Iterator[None]:
    """SQLite's errors in words.

    Raises
    ------
    StoreError
        Instead of any of them.

    Examples
    --------
    >>> with told(Path("a.db")):
    ...     raise sqlite3.OperationalError("database or disk is full")
    Traceback (most recent call last):
    ...
    pitfalls.studies.sweeps.errors.StoreError: a.db: database or disk is full. What was ...
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        message = str(error)
        if "full" in message:
            fix = "What was finished before is kept: make room and run the same command again."
        elif "readonly" in message or "unable to open" in message:
            fix = "The file or its folder cannot be written or read: choose another."
        elif "locked" in message:
            fix = "Another program has it: wait for it."
        else:
            fix = "It is damaged or no store: restore a copy, or begin a new one elsewhere."
        raise StoreError(f"{path}: {message}. {fix}") from None
