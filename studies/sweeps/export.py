"""A store's table as CSV, Parquet or NetCDF."""

from __future__ import annotations

import csv as csv_module
import math
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ..files import replacing
from .document import Sweep
from .errors import SweepError
from .store import Store
from .table import Row, columns_of, raw_columns, raw_rows, rows

__all__ = ["export"]

_PAGE = 50_000


def export(
    store: str | Path,
    *,
    csv: str | Path | None = None,
    parquet: str | Path | None = None,
    netcdf: str | Path | None = None,
    raw: bool = False,
) -> int:
    """Write what a store knows; its driver may be at work.

    Parameters
    ----------
    store : path
    csv, parquet : path, optional
        One row for each cell, objective, quantity and time: mean, standard error, quantiles and
        predictions. CSV leaves out what is not known.
    netcdf : path, optional
        The same as arrays over the grid's axes, objective and time.
    raw : bool
        The replicates instead, one row each; not for NetCDF.

    Returns
    -------
    int
        Cells that are in the table.

    Raises
    ------
    StoreError
        There is no such store, or it is damaged.
    SweepError
        A library for the format is missing.

    Examples
    --------
    >>> import tempfile
    >>> from .reader import parse
    >>> from .driver import sweep
    >>> document = parse('''
    ... replicates = 4
    ... objectives = ["erm"]
    ... quantities = ["support"]
    ... setting = { n = 20, d = 400, rho = 0.9, gamma = 2 }
    ... grid = { sigma = [0.5, 1] }
    ... ''')
    >>> folder = Path(tempfile.mkdtemp())
    >>> outcome = sweep(document, folder / "a.db", workers=1)
    >>> export(folder / "a.db", csv=folder / "a.csv")
    2
    >>> (folder / "a.csv").read_text().splitlines()[1].split(",")[12:18]
    ['erm', 'support', '', '4', '4', '1.0']
    """
    if raw and netcdf is not None:
        raise SweepError("--raw: is for CSV and Parquet. NetCDF has means over the grid.")
    with Store.read(Path(store)) as kept:
        sweep = kept.sweep
        names = raw_columns(sweep) if raw else columns_of(sweep)
        content = raw_rows if raw else rows
        if csv is not None:
            with replacing(Path(csv)) as fresh:
                _write_csv(fresh, names, content(kept))
        if parquet is not None:
            with replacing(Path(parquet)) as fresh:
                _write_parquet(fresh, names, content(kept))
        if netcdf is not None:
            with replacing(Path(netcdf)) as fresh:
                _write_netcdf(fresh, sweep, rows(kept))
        return sum(1 for _ in kept.counts())


def _shown(value: Any) -> Any:
    return "" if isinstance(value, float) and math.isnan(value) else value


def _write_csv(path: Path, names: list[str], content: Iterator[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv_module.writer(file, lineterminator="\n")
        writer.writerow(names)
        for row in content:
            writer.writerow([_shown(row[name]) for name in names])


def _write_parquet(path: Path, names: list[str], content: Iterator[Row]) -> None:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise _missing("--parquet", "PyArrow", "parquet") from None
    kinds = {"cell": pa.int64(), "n": pa.int64(), "d": pa.int64(), "replicates": pa.int64()}
    kinds |= {"values": pa.int64(), "replicate": pa.int64()}
    kinds |= {"objective": pa.string(), "quantity": pa.string()}
    schema = pa.schema([(name, kinds.get(name, pa.float64())) for name in names])
    with parquet.ParquetWriter(path, schema) as writer:
        while page := list(islice(content, _PAGE)):
            columns = {name: [row[name] for row in page] for name in names}
            writer.write_table(pa.table(columns, schema=schema))


def _write_netcdf(path: Path, sweep: Sweep, content: Iterable[Row]) -> None:
    try:
        import h5netcdf  # noqa: F401
        import h5py  # noqa: F401
        import xarray
    except ImportError:
        raise _missing("--netcdf", "xarray and h5netcdf", "netcdf") from None
    grid = {axis.name: list(axis.values) for axis in sweep.axes}
    lengths = [len(values) for values in grid.values()]
    objectives, times = list(sweep.objectives), list(sweep.times)
    names = columns_of(sweep)
    numbers = names[names.index("replicates") :]
    arrays: dict[str, tuple[list[str], Any]] = {}
    for row in content:
        timed = not math.isnan(row["time"])
        dims = [*grid, "objective", *(["time"] if timed else [])]
        where: list[Any] = list(np.unravel_index(row["cell"], lengths)) if lengths else []
        where += [objectives.index(row["objective"])]
        where += [times.index(row["time"])] if timed else []
        shape = [*lengths, len(objectives), *([len(times)] if timed else [])]
        for name in numbers:
            key = f"{row['quantity']}_{name}"
            if key not in arrays:
                arrays[key] = dims, np.full(shape, np.nan)
            arrays[key][1][tuple(where)] = row[name]
    coordinates = {**grid, "objective": objectives, **({"time": times} if times else {})}
    described = {"title": sweep.name, "sweep": sweep.text, "digest": sweep.digest}
    xarray.Dataset(arrays, coordinates, described).to_netcdf(path, engine="h5netcdf")


def _missing(option: str, libraries: str, extra: str) -> SweepError:
    return SweepError(f"{option} needs {libraries}: pip install 'pitfalls[{extra}]'.")
