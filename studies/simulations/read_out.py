"""Class subspaces and refits, counted on replicates at two sizes (P17)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from ...sims import class_subspaces, draw, max_margin
from ...sims.seeds import child_stream
from ...theory import Setting, decoding, orthogonal
from ...theory.theorem import fact
from ..measure import SIZE
from ..plan import Plan
from ..statements import Statement, extrapolated, statistical, under
from .common import GAMMA, RHO, with_memory

__all__ = ["READ", "decode"]

Array: TypeAlias = NDArray[np.float64]
Seed: TypeAlias = np.random.SeedSequence

_DIMENSION, _OFFSET = 2, 3.0
_TESTS, _PART = 500, 5


class Read(NamedTuple):
    """Where labels are read off the features.

    Examples
    --------
    >>> READ[0].setting(200).label_noise
    0.4
    """

    name: str
    words: str
    delta: float
    ratio: float
    label_noise: float

    def setting(self, n: int) -> Setting:
        """ρ = 0.9, γ = 5, feature noise 0.12."""
        memory = self.ratio * orthogonal.critical_memory(RHO, GAMMA)
        noise = {"core_noise": 0.12, "spurious_noise": 0.12, "label_noise": self.label_noise}
        return with_memory(n, self.delta, memory, **noise)


READ = (
    Read("little", "d/n = 3, κ = 0.2κ*, label noise 0.4", 3.0, 0.2, 0.4),
    Read("much", "d/n = 2, κ = κ*, label noise 0.1", 2.0, 1.0, 0.1),
)
"""Little memory and many flipped labels; much memory and few."""


def decode(plan: Plan) -> Iterator[Statement]:
    """(h) The rule, read off the features: extrapolated to n → ∞.

    Examples
    --------
    >>> next(decode(Plan(0, 8, None, lambda done, total, label: None))).id
    'h.little.majority'
    """
    subspaces, refit = fact("class-subspaces"), fact("refit")
    for where in READ:
        found = [plan.batch(_read(where, n), f"{where.words}, n = {n}") for n in (SIZE, 2 * SIZE)]
        small, large = (np.stack(values) for values in found)
        setting = where.setting(2 * SIZE)
        expected = subspaces.at(setting, _DIMENSION, _OFFSET)
        for k, group in enumerate(("majority", "minority")):
            row = statistical(
                f"h.{where.name}.{group}",
                f"{where.words}: accuracy by class subspaces, {group}",
                prediction=getattr(expected, group),
                measured=extrapolated(small[:, k], large[:, k]),
            )
            yield from under(subspaces, [row])
        row = statistical(
            f"h.{where.name}.refit",
            f"{where.words}: {refit.quantity} of a refit on n/{_PART} balanced examples",
            prediction=refit.at(setting, setting.n // _PART),
            measured=extrapolated(small[:, 2], large[:, 2]),
        )
        yield from under(refit, [row])


def _read(where: Read, n: int) -> Callable[[Seed], Array]:
    setting = where.setting(n)
    few = decoding.refit(setting, n // _PART)

    def one(seed: Seed) -> Array:
        """Accuracies of both groups by subspaces, and the probit of a refit's."""
        spaces = class_subspaces(draw(setting, seed, "explicit"), _DIMENSION, _OFFSET)
        counted = []
        for k, rho in enumerate((1.0, 0.0)):
            tests = replace(setting, n=_TESTS, rho=rho, label_noise=0.0)
            new = draw(tests, child_stream(seed, k), "explicit")
            counted.append(float((spaces.predict(new.features) == new.labels).mean()))
        refitted = max_margin(draw(few, child_stream(seed, 2)))
        return np.array([*counted, ndtri(refitted.accuracy(few).average)])

    return one
