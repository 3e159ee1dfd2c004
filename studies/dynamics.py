"""Training in the proportional limit (P12) against simulation at three sizes, over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias, Unpack

import numpy as np
from numpy.typing import NDArray

from ..sims import draw, gradient_flow
from ..theory import Setting, Trajectory, proportional
from .limit_design import Case
from .three_sizes import Effort, Options, Point, ThreeSizes, point, three_sizes
from .train import ONE_LIMIT, three_methods

__all__ = ["CASES", "FULL", "QUANTITIES", "QUICK", "TIMES", "dynamics", "quantities"]

Array: TypeAlias = NDArray[np.float64]
Seed: TypeAlias = np.random.SeedSequence

FULL = Effort((1000, 2000, 4000), draws=4, sets=8, sites=1024)
QUICK = Effort((150, 300, 600), draws=3, sets=4, sites=256)

TIMES = (0.1, 1.0, 5.0, 20.0, 100.0, 1e3, 1e5, 1e8)

CASES = (
    Case("figure-1", 1.798, 0.4495, 0.9, 5.0, 0.12, 0.12),
    Case("fewer-features", 0.8, 0.4495, 0.9, 5.0, 0.12, 0.12),
    Case("more-features", 10.0, 0.4495, 0.9, 5.0, 0.12, 0.12),
    Case("many-features", 100.0, 0.4495, 0.9, 5.0, 0.12, 0.12),
    Case("no-noise", 3.0, 0.3, 0.9, 5.0),
    Case("much-memory", 3.0, 4.0, 0.9, 5.0),
    Case("little-memory", 3.0, 0.05, 0.9, 5.0, 0.12, 0.12),
    Case("rare", 2.0, 0.5, 0.97, 4.0, 0.12, 0.12),
    Case("common", 2.0, 0.5, 0.6, 4.0, 0.12, 0.12),
    Case("weak", 2.0, 0.5, 0.9, 0.7, 0.12, 0.12),
    Case("equal", 2.0, 0.5, 0.8, 1.0, 0.3, 0.3),
    Case("strong", 2.0, 0.5, 0.9, 10.0, 0.12, 0.12),
    Case("noisy", 4.0, 1.0, 0.85, 3.0, 0.5, 0.5),
    Case("core-noise", 2.0, 1.0, 0.8, 2.0, 0.4, 0.0),
    Case("flipped", 2.0, 0.6, 0.8, 2.0, 0.12, 0.12, 0.1),
    Case("much-flipped", 4.0, 1.0, 0.9, 5.0, 0.12, 0.12, 0.2),
    Case("few-flipped", 1.5, 0.5, 0.9, 3.0, 0.12, 0.12, 0.02),
    Case("flipped-memory", 2.0, 3.0, 0.8, 3.0, 0.12, 0.12, 0.1),
    Case("flipped-strong", 10.0, 0.5, 0.9, 8.0, 0.12, 0.12, 0.05),
    Case("flipped-common", 3.0, 1.0, 0.6, 1.5, 0.12, 0.12, 0.3),
    Case("at-once", 4.0, 25.0, 0.9, 5.0),
)
"""d/n, κ, ρ, γ, feature noise and label noise."""

QUANTITIES = {
    "score": "the probit of the minority accuracy",
    "core": "w_y",
    "spurious": "w_a",
    "memory": "‖w_ε‖",
    "train": "the minority's training accuracy",
}
# The probit of an accuracy of 1 is as large as one likes, and what all or none of the training set
# have has no scatter: compared where there is something to tell.
_LARGEST_SCORE = 5.0
_CERTAIN = 0.01


def quantities(run: Trajectory, setting: Setting) -> Array:
    """What is compared, (5, T): the probit of the minority's test accuracy and so on.

    Examples
    --------
    >>> from pitfalls.theory import Objective
    >>> setting = Setting.figure_1()
    >>> run = proportional.flow(setting, Objective.erm(), [20.0], sets=1, sites=256)
    >>> quantities(run, setting).shape
    (5, 1)
    """
    score = run.score(setting).minority
    return np.stack((score, run.core, run.spurious, run.memory, run.train.minority))


def dynamics(*, quick: bool = False, **options: Unpack[Options]) -> ThreeSizes:
    """ERM, reweighting and logit shifting over time: P12 against simulation extrapolated to n → ∞.

    Parameters
    ----------
    quick : bool
        Smaller sizes, and 3 draws at the largest instead of 4.
    **options
        As of `three_sizes`: seed, replicates, settings, workers, progress and keep.

    Returns
    -------
    ThreeSizes

    Raises
    ------
    SettingError
        An argument is out of range.

    Examples
    --------
    >>> table = dynamics(quick=True)  # doctest: +SKIP
    >>> table.holds  # doctest: +SKIP
    True
    """
    return three_sizes(CASES, QUICK if quick else FULL, _simulate, _compare, **options)


def _simulate(case: Case, n: int, seed: Seed) -> Array:
    """Quantities (objectives, 5, T) of one draw."""
    setting = case.at(n)
    objectives = three_methods(setting)
    runs = gradient_flow(draw(setting, seed), objectives, TIMES)
    return np.stack([quantities(run, setting) for run in runs])


def _compare(case: Case, found: Sequence[Array], effort: Effort, seed: int) -> Iterator[Point]:
    sizes, setting = effort.sizes, case.at(effort.sizes[-1])
    for o, (name, make) in enumerate(ONE_LIMIT.items()):
        run = proportional.flow(
            setting, make(setting), TIMES, seed=seed, sets=effort.sets, sites=effort.sites
        )
        predicted = np.mean([quantities(each, setting) for each in run.sets], axis=0)
        own = run.standard_error(lambda each: quantities(each, setting))
        for q, (quantity, words) in enumerate(QUANTITIES.items()):
            for t, time in enumerate(TIMES):
                if quantity == "score" and abs(predicted[q, t]) > _LARGEST_SCORE:
                    continue
                if quantity == "train" and not _CERTAIN < predicted[q, t] < 1 - _CERTAIN:
                    continue
                rows = [values[:, o, q, t].tolist() for values in found]
                prediction, error = float(predicted[q, t]), float(own[q, t])
                yield point(case, name, quantity, words, rows, sizes, prediction, error, time)
