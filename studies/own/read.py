"""Features of one's own from a file: NPZ, CSV or Parquet."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...theory import SettingError
from .archive import read_npz
from .csv_file import read_csv
from .parquet_file import read_parquet
from .roles import Wanted
from .table import OwnFeatures, assembled

__all__ = ["read_features"]

_READERS = {".npz": read_npz, ".csv": read_csv, ".parquet": read_parquet}
_SIGNS = {
    b"PK": (".npz", "a zip archive, as .npz is"),
    b"PAR1": (".parquet", "a Parquet file"),
    b"\x93NUMPY": (".npy", "a single array of NumPy (.npy)"),
    b"\x1f\x8b": (".gz", "compressed by gzip"),
    b"\x89HDF": (".h5", "an HDF5 file"),
    b"\x80": (".pkl", "a Python pickle"),
}
_ADVICE = {
    ".npy": "Labels are needed too: np.savez('a.npz', features=…, labels=…).",
    ".gz": "Unpack it first.",
    ".tsv": "Write commas instead of tabs.",
}


def read_features(
    path: str | os.PathLike[str],
    *,
    label: str | None = None,
    attribute: str | None = None,
    group: str | None = None,
    split: str | None = None,
    positive: Any = None,
    holdout: float | None = None,
    seed: int = 0,
    ignore: Sequence[str] | None = (),
) -> OwnFeatures:
    r"""Features of one's own from an NPZ, CSV or Parquet file, by its suffix.

    An NPZ file has the keys features and labels, and perhaps attributes or groups, and split, or
    test_features, test_labels and test_attributes or test_groups. In CSV, which has a header and
    commas, and in Parquet, a column is the label, others may be attribute, group and split, and all
    others are features.

    Parameters
    ----------
    path : str or path
    label, attribute, group, split : str, optional
        Columns or keys of other names.
    positive, holdout, seed
        As `own_features` takes them.
    ignore : sequence of str
        Columns or keys to leave out.

    Raises
    ------
    SettingError
        The file or its content is not legal.
    OSError
        The file cannot be opened.
    ResourceError
        It does not fit in memory.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "birds.csv"
    >>> _ = path.write_text("x1,x2,label,attribute\n1,2,0,land\n3,4,1,sea\n5,6,1,land\n")
    >>> own = read_features(path)
    >>> own.train.groups.tolist(), own.source
    ([1, 1, 0], 'birds.csv')
    """
    if not isinstance(path, (str, os.PathLike)):
        raise SettingError("path", path, "a file's name")
    file = Path(path)
    reader = _READERS[_checked_suffix(file)]
    names = {"labels": label, "attributes": attribute, "groups": group, "split": split}
    wanted = Wanted(names, (ignore,) if isinstance(ignore, str) else tuple(ignore or ()))
    given, origin = reader(file, wanted)
    return assembled(given._replace(positive=positive, holdout=holdout, seed=seed), origin)


def _checked_suffix(file: Path) -> str:
    """The suffix of a file whose first bytes agree with it."""
    with file.open("rb") as opened:
        head = opened.read(8)
    suffix = file.suffix.lower()
    if suffix not in _READERS:
        fix = _ADVICE.get(suffix, "Write the features in one of them.")
        raise SettingError(file.name, suffix, "an .npz, .csv or .parquet file", fix)
    if not head:
        raise SettingError(file.name, "0 bytes", "a file with content", "The file is empty.")
    real, what = _content(head)
    if real != suffix:
        fix = f"By its first bytes it is {what}: give it the suffix of what it is."
        if real in _ADVICE:
            fix = f"By its first bytes it is {what}. {_ADVICE[real]}"
        raise SettingError(file.name, suffix, "a file with the suffix of its content", fix)
    return suffix


def _content(head: bytes) -> tuple[str, str]:
    """The suffix and a description of what starts like this; text may start with PK or PAR1."""
    found = (each for sign, each in _SIGNS.items() if head.startswith(sign))
    if any((byte < 32 and byte not in b"\t\r\n") or byte > 127 for byte in head):
        return next(found, (".csv", "text, as .csv is, or damaged"))
    return ".csv", "text, as .csv is"
