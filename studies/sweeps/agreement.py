"""How well predictions and replicates agree, over all cells of a store."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .document import PREDICTIONS
from .quantities import Column
from .store import Store
from .table import rows

__all__ = ["Agreement", "agreement"]

_CERTAIN = 1e-9
"""A standard error below which all replicates say the same, and there is no z-score."""


@dataclass(frozen=True)
class Agreement:
    """One kind of prediction of one column, against the means.

    Attributes
    ----------
    column : Column
    kind : str
        Theorem, orthogonal or proportional.
    cells, scored : int
        With a mean and a prediction; and, of these, with a standard error.
    median, largest : float
        Of |mean − prediction|.
    z_mean, z_deviation, z_largest : float
        Of the z-scores; a prediction without any error has 0, 1 and about 3 in 400 cells. A mean
        over n examples is off by about 1/n from a limit n → ∞, which many replicates will show.

    Examples
    --------
    >>> found = Agreement(Column("erm", "core", 1.0), "orthogonal", 9, 9, 0.1, 0.2, 0, 1, 2)
    >>> found.kind
    'orthogonal'
    """

    column: Column
    kind: str
    cells: int
    scored: int
    median: float
    largest: float
    z_mean: float
    z_deviation: float
    z_largest: float


def agreement(store: str | Path) -> list[Agreement]:
    """Compare the means of a store with all predictions that were made.

    Raises
    ------
    StoreError
        There is no such store, or it is damaged.

    Examples
    --------
    >>> import tempfile
    >>> from .reader import parse
    >>> from .driver import sweep
    >>> document = parse('''
    ... replicates = 4
    ... objectives = ["erm"]
    ... quantities = ["core"]
    ... times = [1]
    ... kind = "orthogonal"
    ... setting = { n = 20, d = 400, rho = 0.9, sigma = 1 }
    ... grid = { gamma = [1, 2] }
    ... ''')
    >>> path = Path(tempfile.mkdtemp()) / "a.db"
    >>> outcome = sweep(document, path, workers=1)
    >>> [(found.kind, found.cells, found.largest < 1e-6) for found in agreement(path)]
    [('orthogonal', 2, True)]
    """
    pairs: dict[tuple[Column, str], list[tuple[float, float]]] = {}
    with Store.read(Path(store)) as kept:
        kinds = [kind for kind in PREDICTIONS if kind in kept.sweep.predictions]
        for row in rows(kept):
            time = None if math.isnan(row["time"]) else row["time"]
            column = Column(row["objective"], row["quantity"], time)
            for kind in kinds:
                difference = row["mean"] - row[kind]
                if not math.isnan(difference):
                    pair = (difference, row["standard_error"])
                    pairs.setdefault((column, kind), []).append(pair)
    found = []
    for (column, kind), numbers in pairs.items():
        differences, errors = np.array(numbers).T
        certain = ~(errors > _CERTAIN)
        z = differences[~certain] / errors[~certain]
        none = not len(z)
        found.append(
            Agreement(
                column=column,
                kind=kind,
                cells=len(differences),
                scored=len(z),
                median=float(np.median(np.abs(differences))),
                largest=float(np.abs(differences).max()),
                z_mean=math.nan if none else float(z.mean()),
                z_deviation=math.nan if none else float(z.std()),
                z_largest=math.nan if none else float(np.abs(z).max()),
            )
        )
    return found
