"""Files of features of one's own: a small table, and how it is written in each format."""

import numpy as np
import pytest

SUFFIXES = ("npz", "csv", "parquet")
X = np.array([[1.5, -2.0], [0.25, 3.0], [-1.0, 0.125], [2.0, 2.0], [1e-7, 4.0], [-3.0, 1.0]])
Y = ["land", "land", "water", "water", "land", "water"]
A = ["forest", "forest", "sea", "sea", "sea", "forest"]
G = [1, 1, 1, 1, 0, 0]
SPLIT = ["train", "train", "train", "test", "train", "val"]


def save(path, features=X, columns=None, names=None, **roles):
    """One table in any of the three kinds of files."""
    suffix = path.suffix
    if suffix == ".npz":
        np.savez(path, features=features, **roles)
        return path
    names = names or [f"x{i}" for i in range(np.shape(features)[1])]
    table = dict(zip(names, np.transpose(features).tolist(), strict=True))
    table |= {name: list(values) for name, values in (roles | (columns or {})).items()}
    if suffix == ".csv":
        rows = [list(table), *map(list, zip(*table.values(), strict=True))]
        path.write_text("".join(",".join(map(str, row)) + "\n" for row in rows), encoding="utf-8")
    else:
        pa = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        parquet.write_table(pa.table(table), path)
    return path
