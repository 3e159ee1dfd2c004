"""The explicit-memorisation toy of Sagawa et al. (2020): ours, scikit-learn and the prediction."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..sims import Sample, draw, ridge_path
from ..studies.arguments import Progress
from ..theory import Objective, Setting, group_accuracy, proportional
from . import peers
from .harness import Program, Report, Row, alternate, fresh

__all__ = ["measure"]

Array: TypeAlias = NDArray[np.float64]

FEATURES = (600, 3000)
EXAMPLES = 3000
MINORITY = 600
STRENGTH = 1e-9
TOLERANCES = (1e-4, 1e-12)
# Rounds: some programs take a minute, and what is compared is mostly answers.
MOST = 1


class _Case(NamedTuple):
    """A way of training on the toy, and its data."""

    name: str
    setting: Setting
    objective: Objective
    sample: Sample

    def ours(self) -> Any:
        """The minimiser of ℓ + (λ/2)‖w‖², Gram matrix included."""
        return ridge_path(fresh(self.sample), self.objective, [STRENGTH])

    def scikit_learn(self, tolerance: float) -> Array:
        """The same problem as they pose it."""
        sample = self.sample
        weight = self.objective.resolve(sample.groups, sample.n)[0]
        found = peers.logistic(
            sample.features, sample.labels, [STRENGTH], weight, max_iter=10**6, tol=tolerance
        )
        return np.asarray(found[0])

    def error(self, weights: Array) -> float:
        """The worst group's exact test error of weights."""
        memory = float(np.linalg.norm(weights[2:]))
        found = group_accuracy(float(weights[0]), float(weights[1]), memory, self.setting)
        return 1 - float(found.worst)


def _cases(features: int) -> list[_Case]:
    whole = Setting.sagawa(features, n=EXAMPLES)
    balanced = Setting.sagawa(features, n=MINORITY, rho=0.5)
    sample = draw(whole, seed=1, kind="explicit")
    return [
        _Case("ERM", whole, Objective.erm(), sample),
        _Case("oversampling", whole, Objective.reweighting(whole), sample),
        _Case("undersampling", balanced, Objective.erm(), draw(balanced, 1, "explicit")),
    ]


def measure(rounds: int, progress: Progress) -> Report:
    """Train by their three methods at λ = 1e-9 from the same explicit features.

    Parameters
    ----------
    rounds : int
    progress : callable

    Examples
    --------
    >>> measure.__name__
    'measure'
    """
    report = Report(
        "sagawa",
        f"The explicit-memorisation toy of Sagawa et al., n = {EXAMPLES}, at λ = {STRENGTH:g}",
        [],
        "difference: of the worst group's test error (exact, of one draw) from ours",
    )
    for features in FEATURES:
        for case in _cases(features):
            _compare(report, f"N = {features}, {case.name}", case, rounds, progress)
    return report


def _compare(report: Report, title: str, case: _Case, rounds: int, progress: Progress) -> None:
    error = 1 - float(case.ours().accuracy(case.setting).worst[0])
    programs, off = [Program(f"{title}: pitfalls", case.ours, most=MOST)], {}
    for tolerance in TOLERANCES if peers.available("sklearn") else ():
        name = f"{title}: scikit-learn, tolerance {tolerance:g}"
        programs.append(Program(name, partial(case.scikit_learn, tolerance), most=MOST))
        off[name] = abs(case.error(case.scikit_learn(tolerance)) - error)
    rows: list[Row] = alternate(programs, rounds, progress, off)
    report.rows.extend(rows)
    predicted = proportional.ridge_path(case.setting, case.objective, [STRENGTH])
    expected = 1 - float(predicted.accuracy(case.setting).worst[0])
    report.facts[title] = {"error": error, "predicted": expected}
    report.lines.append(f"{title}: worst group's test error {error:.3f}, predicted {expected:.3f}")
