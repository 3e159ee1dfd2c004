"""The paper's Figure 1, run as its code runs it: ERM without and with memory features, and MAT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..sims import (
    Sample,
    cross_risk,
    draw,
    gradient_descent,
    gradient_flow,
    max_margin,
    memorization_aware,
    minority_found,
)
from ..sims.seeds import STARTS, generator
from ..sims.xrm import RATE, STEPS, Found
from ..theory import Objective, Setting, Solution, Trajectory

__all__ = ["COLUMNS", "RATES", "Pipeline", "figure_1_setting", "figure_1_start", "pipeline"]

Array: TypeAlias = NDArray[np.float64]
Seed: TypeAlias = np.random.SeedSequence

COLUMNS = ("ERM, σ = 0", "ERM", "MAT")
"""The figure's columns."""

RATES = (3 * RATE, RATE, RATE)
"""Their learning rates: the paper's 0.03 and 0.01 of a two-logit softmax, for the binary model."""


def figure_1_setting() -> Setting:
    """The paper's Figure 1 with the 901 + 99 examples its code draws.

    Examples
    --------
    >>> [cell.count for cell in figure_1_setting().cells]
    [901, 99]
    """
    return Setting.figure_1(rho=0.901)


def figure_1_start(rng: np.random.Generator, inputs: int = 1800) -> tuple[float, float, float]:
    """(w_y, w_a, ‖w_ε‖) of w₁ − w₀ for PyTorch's default start of a two-logit linear layer.

    Each weight of a layer with p inputs is uniform on ±1/√p.

    Examples
    --------
    >>> start = figure_1_start(np.random.default_rng(0))
    >>> abs(start[0]) < 2 / 1800**0.5, round(start[2], 1)
    (True, 0.8)
    """
    bound = inputs**-0.5
    difference = np.subtract(*rng.uniform(-bound, bound, size=(2, inputs)))
    return float(difference[0]), float(difference[1]), float(np.linalg.norm(difference[2:]))


@dataclass(frozen=True, eq=False)
class Pipeline:
    """One seed's three trainings.

    Attributes
    ----------
    settings : list of Setting
        Of each of `COLUMNS`: the first without memory features.
    samples : list of Sample
        The same plane features in all; the last two are one.
    objectives : list of Objective
    starts : list of (w_y, w_a, ‖w_ε‖)
        The last two are one, so that only the method tells them apart.
    runs : list of Trajectory
    found : Found
        How well XRM finds the minority.

    Examples
    --------
    >>> small = Setting(60, 120, 0.9, 5.0, 0.5, 0.12, 0.12)
    >>> done = pipeline(small, np.random.SeedSequence(0), record=[0, 1000])
    >>> [run.name for run in done.runs], [run.times[-1].tolist() for run in done.runs]
    (['ERM', 'ERM', 'MAT'], [60.0, 20.0, 20.0])
    """

    settings: list[Setting]
    samples: list[Sample]
    objectives: list[Objective]
    starts: list[tuple[float, float, float]]
    runs: list[Trajectory]
    found: Found

    def continued(self, times: ArrayLike) -> list[Trajectory]:
        """The same trainings by gradient flow from the same starts, at times of one's own.

        Examples
        --------
        >>> small = Setting(60, 120, 0.9, 5.0, 0.5, 0.12, 0.12)
        >>> done = pipeline(small, np.random.SeedSequence(0), record=[0, 1000])
        >>> [len(run) for run in done.continued([1.0, 1e6])]
        [2, 2, 2]
        """
        clean = gradient_flow(self.samples[0], self.objectives[0], times, initial=self.starts[0])
        others = gradient_flow(self.samples[1], self.objectives[1:], times, initial=self.starts[1])
        return [clean, *others]

    def limits(self) -> list[Solution]:
        """Their max margins for t → ∞: ERM's and MAT's is one.

        Raises
        ------
        NotSeparableError
            A training set cannot be separated.

        Examples
        --------
        >>> small = Setting(60, 120, 0.9, 5.0, 0.5, 0.12, 0.12)
        >>> done = pipeline(small, np.random.SeedSequence(0), record=[0, 1000])
        >>> [round(limit.accuracy(small).majority, 2) for limit in done.limits()[1:]]
        [1.0, 1.0]
        """
        shared = max_margin(self.samples[1])
        return [max_margin(self.samples[0]), shared, shared]


def pipeline(
    setting: Setting,
    seed: Seed,
    *,
    steps: int = STEPS,
    record: Sequence[int] | None = None,
    single: bool = False,
) -> Pipeline:
    """The paper's Figure 1 for one seed: draws, XRM's twins, and three trainings.

    ERM without memory features, ERM, and MAT with τ = 0.1, all from PyTorch's default random start,
    at `RATES`.

    Parameters
    ----------
    setting : Setting
        With memory features.
    seed : SeedSequence
        Of everything random.
    steps : int
        Of gradient descent, and of the twins.
    record : sequence of int, optional
        Step numbers to keep; all by default.
    single : bool
        Keep and multiply the Gram matrix in single precision.

    Examples
    --------
    >>> small = Setting(60, 120, 0.9, 5.0, 0.5, 0.12, 0.12)
    >>> done = pipeline(small, np.random.SeedSequence(0), record=[1000])
    >>> done.found.recall, [run.train.minority.tolist() for run in done.runs]
    (1.0, [[1.0], [1.0], [1.0]])
    """
    rng = generator(seed, STARTS)
    first, second, clean, full = (figure_1_start(rng, 2 + setting.d) for _ in range(4))
    settings = [replace(setting, sigma=0.0), setting, setting]
    sample = draw(setting, seed)
    samples = [draw(settings[0], seed, kind="gram"), sample, sample]
    logits = cross_risk(
        sample, seed, learning_rate=RATES[2], steps=steps, initial=(first, second), single=single
    )
    objectives = [Objective.erm(), Objective.erm(), memorization_aware(sample, seed, logits=logits)]
    starts = [clean, full, full]

    def descend(columns: slice) -> list[Trajectory]:
        one = columns.start
        return gradient_descent(
            samples[one],
            objectives[columns],
            RATES[one],
            steps,
            starts[one],
            record,
            examples=False,
            single=single,
        )

    runs = [*descend(slice(0, 1)), *descend(slice(1, 3))]
    return Pipeline(settings, samples, objectives, starts, runs, minority_found(sample, logits))
