"""Features in an NPZ archive of NumPy."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...theory import SettingError
from ...theory.resources import require
from .given import Given
from .origin import Origin, ignoring, said
from .roles import Wanted, assigned, refuse_duplicates

__all__ = ["read_npz"]

_BROKEN = (
    ValueError,
    OSError,
    EOFError,
    KeyError,
    MemoryError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    TypeError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_npz(path: Path, wanted: Wanted) -> tuple[Given, Origin]:
    """What an archive gives, and under which keys.

    Raises
    ------
    SettingError
        It is damaged, holds Python objects, or lacks features or labels.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.npz"
    >>> np.savez(path, features=np.eye(2), labels=[0, 1])
    >>> given, origin = read_npz(path, Wanted({}, ()))
    >>> given.labels.tolist(), origin.called("labels")
    ([0, 1], "a.npz, key 'labels'")
    """
    source = path.name
    with path.open("rb") as file:
        try:
            archive = np.load(file, allow_pickle=False)
        except _BROKEN as error:
            raise _damaged(source, error) from None
        names = list(archive.files)
        refuse_duplicates(source, "key", names)
        roles = _roles(source, names, wanted)
        sizes = {info.filename: info.file_size for info in archive.zip.infolist()}
        size = sum(sizes.get(f"{name}.npy", 0) for name in roles.values())
        require(float(size), f"reading {source}", "give fewer examples or features")
        arrays = {role: _member(source, archive, name) for role, name in roles.items()}
    return Given(**arrays), Origin(source, "key", roles)


def _roles(source: str, names: Sequence[str], wanted: Wanted) -> dict[str, str]:
    """The key of each role, those of a test set too."""
    if "features" not in names:
        fix = f"It has {', '.join(map(repr, names[:10])) or 'no keys at all'}."
        raise SettingError(f"{source}, features", None, "the key 'features'", fix)
    others = [name for name in names if name != "features"]
    roles = {"features": "features"} | assigned(source, "key", others, wanted)
    for role in ("features", "labels", "attributes", "groups"):
        usual = dict.fromkeys(
            (f"test_{roles.get(role, role)}", f"test_{role}", f"test_{role[:-1]}")
        )
        for name in usual:
            if name in names and name not in wanted.ignore:
                roles[f"test_{role}"] = name
                break
    spare = [name for name in names if name not in roles.values() and name not in wanted.ignore]
    if spare:
        fix = (
            f"It would not be read: ignore it {ignoring(spare[0])}, or say what it is (--label …)."
        )
        raise SettingError(f"{source}, key", spare[0], "features, labels or another known key", fix)
    return roles


def _member(source: str, archive: Any, name: str) -> Any:
    try:
        return archive[name]
    except _BROKEN as error:
        if "allow_pickle" in str(error):
            fix = "Save it as text or numbers, for instance np.asarray(labels, dtype=str)."
            raise SettingError(
                f"{source}, key {name!r}", "pickled objects", "an array of text or numbers", fix
            ) from None
        raise _damaged(source, error) from None


def _damaged(source: str, error: BaseException) -> SettingError:
    return SettingError(
        source, "damaged", "an archive by np.savez", f"{said(error)} Write it again."
    )
