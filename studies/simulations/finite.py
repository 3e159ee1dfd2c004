"""Training over time on replicates at two sizes, against P12."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...sims import draw, gradient_descent, gradient_flow
from ...theory import Setting, Trajectory
from ...theory.theorem import fact
from ..dynamics import QUANTITIES, quantities
from ..measure import SIZE
from ..plan import Plan
from ..statements import Measured, Statement, extrapolated, statistical, under
from ..train import three_methods
from .common import slug, with_memory

__all__ = ["WAYS", "over_time"]

Array: TypeAlias = NDArray[np.float64]
Seed: TypeAlias = np.random.SeedSequence

_KAPPA, _NOISE = 0.4495, 0.12
_SHOWN = ("score", "memory", "train")


class Way(NamedTuple):
    """A d/n, and the flow at some times or descent at a learning rate.

    Examples
    --------
    >>> WAYS[0].setting(200).delta
    1.8
    """

    name: str
    words: str
    delta: float
    times: tuple[float, ...]
    rate: float | None = None

    def setting(self, n: int) -> Setting:
        """Figure 1's but for d/n."""
        noise = {"core_noise": _NOISE, "spurious_noise": _NOISE}
        return with_memory(n, self.delta, _KAPPA, **noise)

    def runs(self, setting: Setting, seed: Seed) -> list[Trajectory]:
        """The three methods on one draw."""
        sample, objectives = draw(setting, seed), three_methods(setting)
        if self.rate is None:
            return gradient_flow(sample, objectives, self.times)
        steps = [round(time / self.rate) for time in self.times]
        return gradient_descent(
            sample, objectives, self.rate, steps[-1], record=steps, examples=False
        )


WAYS = (
    Way("flow", "Figure 1", 1.798, (0.2, 20.0, 1e4)),
    Way("few", "d/n = 0.5", 0.5, (20.0, 1e4)),
    Way("descent", "Figure 1, descent at rate 0.5", 1.798, (2.0, 20.0), rate=0.5),
)
"""What is trained, and how."""


def over_time(plan: Plan) -> Iterator[Statement]:
    """(f) Weights on the way, extrapolated to n → ∞.

    Examples
    --------
    >>> next(over_time(Plan(0, 8, None, lambda done, total, label: None))).id
    'f.flow.erm.0.2.score'
    """
    law = fact("trajectory")
    for way in WAYS:
        found = [plan.batch(_measured(way, n), f"{way.words}, n = {n}") for n in (SIZE, 2 * SIZE)]
        small, large = (np.stack(values) for values in found)
        setting = way.setting(2 * SIZE)
        for o, objective in enumerate(three_methods(setting)):
            run = law.at(setting, objective, way.times, way.rate)
            predicted = np.mean([quantities(each, setting) for each in run.sets], axis=0)
            own = run.standard_error(lambda each, setting=setting: quantities(each, setting))
            for t, time in enumerate(way.times):
                rows = []
                for q, (quantity, words) in enumerate(QUANTITIES.items()):
                    certain = (
                        quantity == "train" and min(predicted[q, t], 1 - predicted[q, t]) < 0.01
                    )
                    if quantity not in _SHOWN or certain:
                        continue
                    fit = extrapolated(small[:, o, q, t], large[:, o, q, t])
                    error = float(np.hypot(fit.standard_error, own[q, t]))
                    row = statistical(
                        f"f.{way.name}.{slug(objective.name)}.{time:g}.{quantity}",
                        f"{way.words}, {objective.name}, t = {time:g}: {words}",
                        prediction=float(predicted[q, t]),
                        measured=Measured(fit.mean, error, fit.freedom),
                    )
                    rows.append(row)
                yield from under(law, rows)


def _measured(way: Way, n: int) -> Callable[[Seed], Array]:
    setting = way.setting(n)

    def one(seed: Seed) -> Array:
        """Quantities (methods, 5, times) of one draw."""
        return np.stack([quantities(run, setting) for run in way.runs(setting, seed)])

    return one
