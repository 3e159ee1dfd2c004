"""What a sweep can measure, by the names its file gives them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["GROUPS", "QUANTITIES", "Column", "Quantity", "columns", "expand"]


class Quantity(NamedTuple):
    """One number of a replicate, or one at each time.

    Attributes
    ----------
    timed : bool
        One at each time of the sweep.
    limit : bool
        Timed: exists at t = ∞, too. Otherwise: is of the limit, and needs no flow.
    words : str
        What it is, with its unit.

    Examples
    --------
    >>> QUANTITIES["minority"].words
    'test accuracy of the minority'
    """

    timed: bool
    limit: bool
    words: str


QUANTITIES: dict[str, Quantity] = {
    "majority": Quantity(True, True, "test accuracy of the majority"),
    "minority": Quantity(True, True, "test accuracy of the minority"),
    "worst": Quantity(True, True, "test accuracy of the worse group"),
    "average": Quantity(True, True, "test accuracy, ρ·majority + (1 − ρ)·minority"),
    "train_majority": Quantity(True, False, "training accuracy of the observed majority"),
    "train_minority": Quantity(True, False, "training accuracy of the observed minority"),
    "core": Quantity(True, True, "w_y"),
    "spurious": Quantity(True, True, "w_a, the coefficient on γ·x_a"),
    "memory": Quantity(True, True, "‖w_ε‖"),
    "angle": Quantity(True, False, "angle to the draw's own max margin, in degrees"),
    "max_core": Quantity(False, True, "w_y of the max margin"),
    "max_spurious": Quantity(False, True, "w_a of the max margin"),
    "max_memory": Quantity(False, True, "‖w_ε‖ of the max margin"),
    "support": Quantity(False, True, "share of support vectors"),
    "separable": Quantity(False, True, "1 where the draw can be separated, 0 where not"),
    "crossing": Quantity(
        False, False, "log10 of the last time the minority's test margin changes sign"
    ),
    "xrm_recall": Quantity(
        False, False, "share of the observed minority that XRM finds; of MAT objectives"
    ),
    "xrm_precision": Quantity(
        False, False, "share of what XRM finds that is the observed minority; of MAT objectives"
    ),
    "memorization_majority": Quantity(
        False, True, "in-sample less held-out correctness in the limit, observed majority"
    ),
    "memorization_minority": Quantity(
        False, True, "in-sample less held-out correctness in the limit, observed minority"
    ),
}

GROUPS: dict[str, tuple[str, ...]] = {
    "accuracy": ("majority", "minority", "worst", "average"),
    "train_accuracy": ("train_majority", "train_minority"),
    "weights": ("core", "spurious", "memory"),
    "max_margin": ("max_core", "max_spurious", "max_memory"),
    "memorization": ("memorization_majority", "memorization_minority"),
}
"""Names for several at once."""


@dataclass(frozen=True)
class Column:
    """One number of each replicate.

    Attributes
    ----------
    objective : str
    quantity : str
    time : float or None
        t = learning rate × steps, inf for the max margin; None for what has no time.

    Examples
    --------
    >>> str(Column("erm", "minority", 20.0)), str(Column("erm", "support", None))
    ('erm minority t=20', 'erm support')
    """

    objective: str
    quantity: str
    time: float | None

    def __str__(self) -> str:
        time = "" if self.time is None else f" t={self.time:g}"
        return f"{self.objective} {self.quantity}{time}"


def expand(names: Sequence[str]) -> tuple[str, ...]:
    """Names with groups written out, each once, in the order given.

    Examples
    --------
    >>> expand(["support", "accuracy", "minority"])
    ('support', 'majority', 'minority', 'worst', 'average')
    """
    return tuple(dict.fromkeys(each for name in names for each in GROUPS.get(name, (name,))))


def columns(
    objectives: Sequence[str], quantities: Sequence[str], times: Sequence[float]
) -> tuple[Column, ...]:
    """The numbers of a replicate in the order in which they are stored.

    Examples
    --------
    >>> [str(each) for each in columns(["erm"], ["angle", "support"], [1.0, math.inf])]
    ['erm angle t=1', 'erm support']
    """
    found = []
    for objective in objectives:
        for name in quantities:
            kind = QUANTITIES[name]
            if not kind.timed:
                found.append(Column(objective, name, None))
                continue
            kept = [time for time in times if kind.limit or time < math.inf]
            found += [Column(objective, name, time) for time in kept]
    return tuple(found)
