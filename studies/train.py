"""One run from a setting: trajectories, test accuracies and limits, ready to show or write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..sims import draw, gradient_descent, gradient_flow, max_margin
from ..theory import (
    GroupAccuracy,
    NotSeparableError,
    Objective,
    Setting,
    SettingError,
    Solution,
    Trajectory,
    proportional,
)

__all__ = ["OBJECTIVES", "Training", "train"]

OBJECTIVES: dict[str, Callable[[Setting], Objective]] = {
    "erm": lambda setting: Objective.erm(),
    "reweighting": Objective.reweighting,
    "logit-shifting": Objective.logit_shifting,
}
"""The objectives by the names the command gives them."""


@dataclass(frozen=True, eq=False)
class Training:
    """Runs of several objectives on one draw.

    Attributes
    ----------
    setting : Setting
    seed : int
    runs : list of Trajectory
    limits : dict of str to Solution
        The max margin of this draw and the one predicted at this d/n, where they exist.

    Examples
    --------
    >>> list(train(Setting(50, 400, 0.8, 3.0, 0.1), ["erm"], latest=10.0).limits)
    ['limit of this draw', 'limit predicted at this d/n']
    """

    setting: Setting
    seed: int
    runs: list[Trajectory]
    limits: dict[str, Solution]

    def as_json(self) -> dict[str, Any]:
        """The runs as a JSON object, schema 1; test accuracies are closed-form.

        Examples
        --------
        >>> training = train(Setting(50, 400, 0.8, 3.0, 0.1), ["erm"], latest=10.0)
        >>> list(training.as_json())
        ['schema', 'seed', 'setting', 'runs', 'limits']
        """
        runs = []
        for run in self.runs:
            names = ("times", "core", "spurious", "memory", "loss")
            runs.append(
                {
                    "objective": run.name,
                    **{name: getattr(run, name).tolist() for name in names},
                    "test": _lists(run.accuracy(self.setting)),
                    "train": _lists(run.train),
                }
            )
        limits = [
            {
                "name": name,
                "core": solution.core,
                "spurious": solution.spurious,
                "memory": solution.memory,
                "test": asdict(solution.accuracy(self.setting)),
            }
            for name, solution in self.limits.items()
        ]
        return {
            "schema": 1,
            "seed": self.seed,
            "setting": asdict(self.setting),
            "runs": runs,
            "limits": limits,
        }


def _lists(accuracy: GroupAccuracy[Any]) -> dict[str, list[float]]:
    return {name: values.tolist() for name, values in asdict(accuracy).items()}


def train(
    setting: Setting,
    objectives: list[str] | None = None,
    *,
    latest: float | None = None,
    learning_rate: float | None = None,
    steps: int | None = None,
    seed: int = 0,
    points: int = 13,
) -> Training:
    """Train on one draw, by gradient flow, or by gradient descent where a rate is given.

    Parameters
    ----------
    setting : Setting
    objectives : list of str, optional
        Keys of `OBJECTIVES`; all by default.
    latest : float, optional
        Last time of the flow, t = learning rate × steps, in (0.01, 1e16]; 1e6 by default.
    learning_rate, steps : float and int, optional
        Of gradient descent, given together and without ``latest``.
    seed : int
    points : int
        Times recorded, evenly spaced in log time, and the start.

    Returns
    -------
    Training

    Raises
    ------
    SettingError
        An argument is out of range.

    Examples
    --------
    >>> training = train(Setting(50, 400, 0.8, 3.0, 0.1), ["erm"], learning_rate=0.1, steps=100)
    >>> training.runs[0].times[-1].tolist(), training.runs[0].train.worst[-1].tolist()
    (10.0, 1.0)
    """
    if (learning_rate is None) != (steps is None):
        raise SettingError(
            "learning rate and steps",
            (learning_rate, steps),
            "given together, for gradient descent",
            "Give both, or a last time for gradient flow.",
        )
    if steps is not None and latest is not None:
        raise SettingError("time", latest, "left out where a learning rate and steps are given")
    names = list(OBJECTIVES) if objectives is None else objectives
    unknown = [name for name in names if name not in OBJECTIVES]
    if unknown or not names:
        raise SettingError("objectives", names, f"some of {', '.join(OBJECTIVES)}")
    chosen = [OBJECTIVES[name](setting) for name in names]
    sample = draw(setting, seed)
    if learning_rate is not None and steps is not None:
        last = max(steps, 0)
        record = np.unique(np.round(np.geomspace(1, last + 1, points)).astype(np.int64) - 1)
        runs = gradient_descent(sample, chosen, learning_rate, steps, record=record, examples=False)
    else:
        end = 1e6 if latest is None else latest
        if not 1e-2 < end <= 1e16:
            raise SettingError("time", end, "a number in (0.01, 1e16]")
        times = np.concatenate(([0.0], np.geomspace(1e-2, end, points)))
        runs = gradient_flow(sample, chosen, times)
    solvers: dict[str, Callable[[], Solution]] = {
        "limit of this draw": lambda: max_margin(sample),
        "limit predicted at this d/n": lambda: proportional.max_margin(setting),
    }
    limits = {}
    for name, solve in solvers.items():
        try:
            limits[name] = solve()
        except NotSeparableError:
            continue
    return Training(setting, seed, runs, limits)
