"""What a store says: means, standard errors, quantiles and predictions, row by row."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...theory import orthogonal
from .block import Failure
from .document import PREDICTIONS, Sweep
from .precision import enough
from .store import Store

__all__ = ["QUANTILES", "Status", "columns_of", "raw_columns", "raw_rows", "rows", "status"]

Array: TypeAlias = NDArray[np.float64]
Row: TypeAlias = dict[str, Any]

QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}


@dataclass(frozen=True)
class Status:
    """How far a store is.

    Attributes
    ----------
    sweep : Sweep
    cells : int
        With all their replicates, or enough of them.
    replicates : int
        In finished blocks.
    seconds : float
        That these took, on one core.
    failures : list of Failure
    environments : list of dict
        Versions with which they were computed.
    """

    sweep: Sweep
    cells: int
    replicates: int
    seconds: float
    failures: list[Failure]
    environments: list[dict[str, str]]

    @property
    def finished(self) -> bool:
        """Whether nothing is left to compute."""
        return self.cells == self.sweep.cells


def status(path: str | Path) -> Status:
    """How far a store is; its driver may be at work.

    Raises
    ------
    StoreError
        There is no such file, it is no store, or it is damaged.
    """
    with Store.read(Path(path)) as store:
        sweep = store.sweep
        finished = replicates = 0
        for cell, done in store.counts():
            whole = len(done) == sweep.blocks
            replicates += sum(last - first for first, last in map(sweep.bounds, done))
            finished += whole or store.is_precise(cell)
        return Status(
            sweep, finished, replicates, store.seconds(), store.failures(), store.environments()
        )


def columns_of(sweep: Sweep) -> list[str]:
    """The names of the columns of `rows`.

    Examples
    --------
    >>> from .reader import read
    >>> columns_of(read("phase-diagram"))[-8:]
    ['q05', 'q25', 'median', 'q75', 'q95', 'theorem', 'orthogonal', 'proportional']
    """
    numbers = ("replicates", "values", "mean", "standard_error", *QUANTILES)
    chosen = [kind for kind in PREDICTIONS if kind in sweep.predictions]
    return [*_place(sweep, 0), "objective", "quantity", "time", *numbers, *chosen]


def _place(sweep: Sweep, cell: int) -> Row:
    """Where a cell is: its number and its setting, with what the grid gives as it gives it."""
    setting = sweep.setting(cell)
    critical = orthogonal.critical_memory(setting.rho, setting.gamma)
    derived = {
        "delta": setting.delta,
        "kappa": setting.kappa,
        "kappa_ratio": setting.kappa / critical if critical > 0 else math.inf,
    }
    given = {**sweep.fixed, **sweep.values(cell)}
    derived |= {name: float(given[name]) for name in derived if name in given}
    return {"cell": cell, **asdict(setting), **derived}


def _used(store: Store, cell: int) -> Array:
    """The replicates that count: up to the first gap, or up to precision."""
    values = store.prefix(cell)
    return values[: enough(store.sweep, values)]


def rows(store: Store) -> Iterator[Row]:
    """One row for each column of each cell that has replicates.

    Mean, standard error and quantiles are over the ``values`` among the ``replicates`` that have
    the number (a max margin may not exist, nor a crossing). What is not known is nan.
    """
    sweep = store.sweep
    for cell, _ in store.counts():
        used = _used(store, cell)
        if not len(used):
            continue
        place, predicted = _place(sweep, cell), store.predictions(cell)
        for k, column in enumerate(sweep.columns):
            known = {kind: float(predicted[i, k]) for i, kind in enumerate(sweep.predictions)}
            yield {
                **place,
                "objective": column.objective,
                "quantity": column.quantity,
                "time": math.nan if column.time is None else column.time,
                "replicates": len(used),
                **_summary(used[:, k]),
                **{kind: known[kind] for kind in PREDICTIONS if kind in known},
            }


def _summary(values: Array) -> Row:
    finite = values[np.isfinite(values)]
    count = len(finite)
    numbers = {"values": count, "mean": math.nan, "standard_error": math.nan}
    if count == 0:
        return {**numbers, **dict.fromkeys(QUANTILES, math.nan)}
    numbers["mean"] = float(finite.mean())
    if count > 1:
        numbers["standard_error"] = float(finite.std(ddof=1) / math.sqrt(count))
    quantiles = np.quantile(finite, list(QUANTILES.values()))
    return {**numbers, **dict(zip(QUANTILES, quantiles.tolist(), strict=True))}


def raw_columns(sweep: Sweep) -> list[str]:
    """The names of the columns of `raw_rows`.

    Examples
    --------
    >>> from .reader import read
    >>> raw_columns(read("phase-diagram"))[-2:]
    ['erm max_memory', 'erm support']
    """
    return [*_place(sweep, 0), "replicate", *map(str, sweep.columns)]


def raw_rows(store: Store) -> Iterator[Row]:
    """One row for each replicate that counts, with a column for each of the sweep's."""
    names = [str(column) for column in store.sweep.columns]
    for cell, _ in store.counts():
        place = _place(store.sweep, cell)
        for index, values in enumerate(_used(store, cell)):
            yield {**place, "replicate": index, **dict(zip(names, values.tolist(), strict=True))}
