"""What a sweep file says; `reader` reads and checks it."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ...sims.drawing import Kind
from ...theory import Objective, Setting
from ..train import OBJECTIVES
from .grid import Axis, resolve
from .quantities import Column, columns

__all__ = ["PREDICTIONS", "Sweep"]

PREDICTIONS = ("theorem", "orthogonal", "proportional")


@dataclass(frozen=True, eq=False)
class Sweep:
    """What a sweep file says.

    Attributes
    ----------
    name, text : str
        Of the file, and what is in it.
    seed, replicates, block : int
        Replicates come in blocks of this size; a block is what an interruption can lose.
    kind : {"explicit", "gram", "orthogonal"}
        How replicates are drawn; see `pitfalls.sims.draw`.
    objectives : dict of str to dict
        Numbers by group of those defined in the file, or MAT's temperature; empty for the others.
    quantities : tuple of str
    times : tuple of float
        t = learning rate × steps; inf is the max margin.
    learning_rate : float or None
        Of gradient descent; None for gradient flow.
    predictions : tuple of str
    precision : dict of str to float
        By quantity, the standard error at which a cell may stop.
    fixed : dict of str to float
        The setting's fields that do not vary.
    axes : tuple of Axis
        Those that do; the last varies fastest.

    Examples
    --------
    >>> from .reader import parse
    >>> sweep = parse('''
    ... replicates = 20
    ... objectives = ["erm"]
    ... quantities = ["minority"]
    ... times = [inf]
    ... [setting]
    ... n = 100
    ... delta = 2
    ... rho = 0.9
    ... gamma = 5
    ... [grid]
    ... kappa_ratio = [0.5, 1, 2]
    ... ''')
    >>> sweep.cells, [str(each) for each in sweep.columns], round(sweep.setting(0).kappa, 4)
    (3, ['erm minority t=inf'], 0.2368)
    """

    name: str
    text: str
    seed: int
    replicates: int
    block: int
    kind: Kind
    objectives: dict[str, dict[str, Any]]
    quantities: tuple[str, ...]
    times: tuple[float, ...]
    learning_rate: float | None
    predictions: tuple[str, ...]
    precision: dict[str, float]
    fixed: dict[str, float]
    axes: tuple[Axis, ...]

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The numbers of a replicate, in order."""
        return columns(tuple(self.objectives), self.quantities, self.times)

    @property
    def finite_times(self) -> list[float]:
        """Those at which training is looked at; the other one is the limit."""
        return [time for time in self.times if time < math.inf]

    @property
    def cells(self) -> int:
        """How many settings there are."""
        return math.prod(len(axis.values) for axis in self.axes)

    @property
    def blocks(self) -> int:
        """How many blocks a cell has."""
        return -(-self.replicates // self.block)

    def bounds(self, block: int) -> tuple[int, int]:
        """The replicates of a block, from and up to."""
        return block * self.block, min((block + 1) * self.block, self.replicates)

    def values(self, cell: int) -> dict[str, float]:
        """What the axes are in a cell."""
        found = {}
        for axis in reversed(self.axes):
            cell, index = divmod(cell, len(axis.values))
            found[axis.name] = axis.values[index]
        return dict(reversed(found.items()))

    def setting(self, cell: int) -> Setting:
        """The setting of a cell."""
        return resolve({**self.fixed, **self.values(cell)})

    def temperature(self, name: str) -> float | None:
        """The temperature of a MAT objective, which is estimated anew on each draw; else None."""
        return self.objectives[name].get("temperature")

    def objective(self, name: str, setting: Setting) -> Objective:
        """One of the objectives in a setting; for MAT the shift by group that it estimates."""
        if self.temperature(name) is not None:
            return Objective.logit_shifting(setting)
        numbers = self.objectives[name]
        return OBJECTIVES[name](setting) if not numbers else Objective(name=name, **numbers)

    @property
    def canonical(self) -> str:
        """All that decides the results, as JSON lines; comments and the order of keys do not."""
        content = {
            "seed": self.seed,
            "replicates": self.replicates,
            "block": self.block,
            "kind": self.kind,
            "objectives": self.objectives,
            "quantities": self.quantities,
            "times": self.times,
            "learning_rate": self.learning_rate,
            "predictions": self.predictions,
            "precision": self.precision,
            "setting": self.fixed,
            "grid": {axis.name: axis.values for axis in self.axes},
        }
        lines = [f'"{key}": {json.dumps(value)}' for key, value in content.items()]
        return "{\n" + ",\n".join(lines) + "\n}\n"

    @property
    def digest(self) -> str:
        """SHA-256 of `canonical`."""
        return hashlib.sha256(self.canonical.encode()).hexdigest()
