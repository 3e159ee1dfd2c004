"""The paper's Figure 1, ERM with example-specific features, run as its code runs it."""

from __future__ import annotations

import numpy as np

from ..sims import draw, gradient_descent
from ..theory import Objective, Setting

__all__ = ["figure_1_accuracies", "figure_1_setting", "figure_1_start"]

PUBLISHED_POINTS = 500
"""Test points the published minority accuracy was read off."""


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


def figure_1_accuracies(seed: np.random.SeedSequence) -> tuple[float, float]:
    """One run made as the paper's: its exact minority test accuracy and that of 500 test points.

    Random start, 1,000 steps at rate 0.01 of a two-logit softmax (0.02 of the binary model).

    Examples
    --------
    >>> exact, counted = figure_1_accuracies(np.random.SeedSequence(0))
    >>> 0 < exact < 0.3 and abs(exact - counted) < 0.1
    True
    """
    setting = figure_1_setting()
    sample = draw(setting, seed)
    rng = np.random.default_rng(
        np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, 2))
    )
    run = gradient_descent(
        sample,
        Objective.erm(),
        learning_rate=0.02,
        steps=1000,
        initial=figure_1_start(rng),
        record=[1000],
        examples=False,
    )
    accuracy = float(run.accuracy(setting).minority[-1])
    return accuracy, float(rng.binomial(PUBLISHED_POINTS, accuracy)) / PUBLISHED_POINTS
