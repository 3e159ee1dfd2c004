"""Features in a Parquet file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...theory import PitfallsError, SettingError
from ...theory.resources import require
from .given import Given
from .matrix import Array
from .origin import Origin, ignoring, said
from .roles import Wanted, assigned, features_among, refuse_duplicates

__all__ = ["read_parquet"]


def read_parquet(path: Path, wanted: Wanted) -> tuple[Given, Origin]:
    """What a Parquet file gives, and in which columns.

    Raises
    ------
    SettingError
        PyArrow is missing, or the file is no table of numbers with a column of labels.

    Examples
    --------
    >>> import tempfile
    >>> import pyarrow
    >>> from pyarrow import parquet
    >>> path = Path(tempfile.mkdtemp()) / "a.parquet"
    >>> parquet.write_table(pyarrow.table({"x": [1, 3], "z": [2, 4], "label": [0, 1]}), path)
    >>> given, origin = read_parquet(path, Wanted({}, ()))
    >>> given.features.tolist(), given.labels
    ([[1.0, 2.0], [3.0, 4.0]], [0, 1])
    """
    source = path.name
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        fix = "It needs PyArrow: pip install 'pitfalls[parquet]'. Or write CSV or NPZ."
        raise SettingError(source, "Parquet", "readable here", fix) from None
    try:
        with parquet.ParquetFile(path) as file:
            names = list(file.schema_arrow.names)
            refuse_duplicates(source, "column", names)
            roles = assigned(source, "column", names, wanted)
            features = features_among(source, names, roles, wanted.ignore)
            rows = file.metadata.num_rows
            require(16.0 * rows * len(features), f"reading {source}", "give fewer examples")
            table = file.read(columns=[*features, *roles.values()])
        columns: dict[str, Any] = {
            role: table.column(name).to_pylist() for role, name in roles.items()
        }
        x: Array = np.empty((rows, len(features)))
        for place, name in enumerate(features):
            x[:, place] = _numbers(source, name, table.column(name))
    except PitfallsError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        fix = f"{said(error)} Write it again."
        raise SettingError(source, "damaged", "a Parquet file", fix) from None
    return Given(features=x, **columns), Origin(source, "column", roles, features)


def _numbers(source: str, name: str, column: Any) -> Any:
    import pyarrow as pa

    if not pa.types.is_integer(column.type) and not pa.types.is_floating(column.type):
        fix = f"If it is no feature, ignore the column {ignoring(name)}; else make numbers of it."
        value = column[0].as_py() if len(column) else None
        where = f"{source}, column {name!r} of {column.type}, row 0"
        raise SettingError(where, value, "a number", fix)
    if column.null_count:
        row = next(i for i, value in enumerate(column) if not value.is_valid)
        fix = "Fill in what is missing, or leave out the example or the column."
        where = f"{source}, column {name!r}, row {row}, counted from 0"
        raise SettingError(where, None, "a number", fix)
    return column.to_numpy()
