"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["replacing", "write_atomically"]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file to write, which takes the path's place when all went well and is gone when not.

    Parameters
    ----------
    path : Path
        Where it is a link, what it points to is replaced.

    Examples
    --------
    >>> target = Path(tempfile.mkdtemp()) / "a.txt"
    >>> with replacing(target) as fresh:
    ...     fresh.write_text("all of it"), target.exists()
    (9, False)
    >>> target.read_text()
    'all of it'
    """
    # A link is kept: it is the file behind it that is replaced.
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        yield Path(name)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file whole or not at all.

    Examples
    --------
    >>> write_atomically(Path(tempfile.mkdtemp()) / "a.txt", b"all of it")
    """
    with replacing(path) as fresh:
        fresh.write_bytes(content)
