"""One run from a setting: trajectories, test accuracies and limits, ready to show or write."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ..sims import (
    Sample,
    draw,
    gradient_descent,
    gradient_flow,
    max_margin,
    memorization_aware,
)
from ..theory import (
    MAJORITY,
    MINORITY,
    GroupAccuracy,
    NotSeparableError,
    Objective,
    PitfallsError,
    Setting,
    SettingError,
    Solution,
    Trajectory,
    proportional,
)

__all__ = [
    "ESTIMATED",
    "OBJECTIVES",
    "OF_THIS_DRAW",
    "ONE_LIMIT",
    "Limit",
    "Training",
    "curing_objective",
    "end_of_training",
    "in_the_model",
    "three_methods",
    "train",
]


def curing_objective(
    setting: Setting, rule: Callable[[Setting], dict[int, float]] = proportional.curing_scale
) -> Objective:
    """Vector scaling with the curing scale: a method whose benefit does not end (P13).

    It begins badly: with weights too, it is the lasting cure.

    Parameters
    ----------
    setting : Setting
    rule : callable
        `proportional.curing_scale`, at this d/n, or `orthogonal.curing_scale`, at d/n → ∞.

    Raises
    ------
    PitfallsError
        The setting has no curing scale.

    Examples
    --------
    >>> curing_objective(Setting(50, 400, 0.8, 3.0, 0.1)).name
    'curing scale'
    """
    return replace(Objective.vector_scaling(setting, rule(setting)), name="curing scale")


ONE_LIMIT: dict[str, Callable[[Setting], Objective]] = {
    "erm": lambda setting: Objective.erm(),
    "reweighting": Objective.reweighting,
    "logit-shifting": Objective.logit_shifting,
}
"""The three methods that tend to one max margin, by the names the command gives them."""


def three_methods(setting: Setting) -> list[Objective]:
    """ERM, reweighting and logit shifting, which share one limit.

    Examples
    --------
    >>> [method.name for method in three_methods(Setting.figure_1())]
    ['ERM', 'reweighting', 'logit shifting']
    """
    return [make(setting) for make in ONE_LIMIT.values()]


OBJECTIVES: dict[str, Callable[[Setting], Objective]] = {
    **ONE_LIMIT,
    "curing-scale": curing_objective,
    "lasting-cure": proportional.lasting_cure,
}
"""All methods by the names the command gives them; the last two share a max margin of their own."""

# In the model's units: by then a finite minimiser is reached.
_WEAKEST = 1e-12


def in_the_model(name: str, setting: Setting) -> tuple[Setting, Objective]:
    """Where a method trains, and with which objective, to predict it without data.

    MAT is logit shifting there, and subsampling is ERM on a balanced setting (P14).

    Parameters
    ----------
    name : str
        A key of `OBJECTIVES`, "mat" or "subsampling".
    setting : Setting

    Raises
    ------
    SettingError
        Subsampling has no such setting: with label noise, or with one group only.
    PitfallsError
        The method does not exist in this setting.

    Examples
    --------
    >>> few, method = in_the_model("subsampling", Setting(100, 500, 0.9, 5.0, 0.1))
    >>> few.n, few.rho, method.name
    (20, 0.5, 'ERM')
    """
    if name == "subsampling":
        return _balanced(setting), Objective.erm()
    known = "logit-shifting" if name == "mat" else name
    return setting, OBJECTIVES[known](setting)


def _balanced(setting: Setting) -> Setting:
    """The setting whose sample `Sample.balanced` leaves."""
    if setting.label_noise > 0:
        raise SettingError(
            "label_noise",
            setting.label_noise,
            "0 to predict subsampling",
            "It balances observed groups, whose shares of flipped labels differ.",
        )
    counts = [cell.count for cell in setting.cells]
    if len(counts) < 2:
        raise SettingError(
            "rho", setting.rho, "such that both groups have examples, for subsampling"
        )
    return replace(setting, n=2 * min(counts), rho=0.5)


def end_of_training(setting: Setting, objective: Objective) -> Solution:
    """What training tends to at this d/n: the max margin, else the finite minimiser (P9, P11).

    Examples
    --------
    >>> round(end_of_training(Setting.figure_1(), Objective.erm()).core, 3)
    0.568
    """
    try:
        return proportional.max_margin(setting, objective)
    except NotSeparableError:
        return proportional.ridge_path(setting, objective, [_WEAKEST]).at(0)


ESTIMATED: dict[str, Callable[[Sample, int], Objective]] = {"mat": memorization_aware}
"""Methods that are estimated from the draw and a seed."""


OF_THIS_DRAW = "limit of this draw"
"""Name of the limit that is solved, not predicted."""


@dataclass(frozen=True, eq=False)
class Limit:
    """Where training tends to, in direction.

    Attributes
    ----------
    name : str
        Of this draw, or predicted at this d/n.
    objectives : list of str
        The methods that tend to it: those of one scale.
    majority_scale, minority_scale : float
        Their Δ on the two groups.
    solution : Solution
        The max margin.

    Examples
    --------
    >>> limit, _ = train(Setting(50, 400, 0.8, 3.0, 0.1), ["erm", "reweighting"]).limits
    >>> limit.name, limit.objectives, limit.majority_scale
    ('limit of this draw', ['ERM', 'reweighting'], 1.0)
    """

    name: str
    objectives: list[str]
    majority_scale: float
    minority_scale: float
    solution: Solution


@dataclass(frozen=True, eq=False)
class Training:
    """Runs of several objectives on one draw.

    Attributes
    ----------
    setting : Setting
    seed : int
    runs : list of Trajectory
    limits : list of Limit
        For each scale the max margin of this draw and the one predicted at this d/n, where they
        exist.
    left_out : dict of str to str
        Names of the methods that were asked for by default only and do not exist here, and why.

    Examples
    --------
    >>> training = train(Setting(50, 400, 0.8, 3.0, 0.1), ["erm"], latest=10.0)
    >>> [limit.name for limit in training.limits], training.left_out
    (['limit of this draw', 'limit predicted at this d/n'], {})
    """

    setting: Setting
    seed: int
    runs: list[Trajectory]
    limits: list[Limit]
    left_out: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """The runs as a JSON object, schema 1; test accuracies are closed-form.

        Examples
        --------
        >>> training = train(Setting(50, 400, 0.8, 3.0, 0.1), ["erm"], latest=10.0)
        >>> list(training.as_json())
        ['schema', 'seed', 'setting', 'runs', 'limits', 'left_out']
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
                "name": limit.name,
                "objectives": limit.objectives,
                "scale": {"majority": limit.majority_scale, "minority": limit.minority_scale},
                "core": limit.solution.core,
                "spurious": limit.solution.spurious,
                "memory": limit.solution.memory,
                "test": asdict(limit.solution.accuracy(self.setting)),
            }
            for limit in self.limits
        ]
        return {
            "schema": 1,
            "seed": self.seed,
            "setting": asdict(self.setting),
            "runs": runs,
            "limits": limits,
            "left_out": [
                {"objective": name, "reason": reason} for name, reason in self.left_out.items()
            ],
        }


def _lists(accuracy: GroupAccuracy[Any]) -> dict[str, list[float]]:
    return {name: values.tolist() for name, values in asdict(accuracy).items()}


def train(
    setting: Setting,
    methods: Sequence[str] | None = None,
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
    methods : sequence of str, optional
        Keys of `OBJECTIVES` and `ESTIMATED`. By default all of the former that the setting
        admits.
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
    PitfallsError
        A method that was asked for by name does not exist in this setting.

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
    names = list(OBJECTIVES) if methods is None else list(dict.fromkeys(methods))
    known = (*OBJECTIVES, *ESTIMATED)
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise SettingError("objectives", unknown or names, f"some of {', '.join(known)}")
    sample = draw(setting, seed)
    chosen, left_out = [], {}
    for name in names:
        try:
            estimated = name in ESTIMATED
            chosen.append(ESTIMATED[name](sample, seed) if estimated else OBJECTIVES[name](setting))
        except PitfallsError as reason:
            if methods is not None:
                raise
            left_out[name.replace("-", " ")] = str(reason)
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
    together: dict[tuple[float, float], list[Objective]] = {}
    for each in chosen:
        scale = Objective(scale=each.scale).resolve([MAJORITY, MINORITY], 2)[2]
        majority, minority = scale.tolist()
        together.setdefault((majority, minority), []).append(each)
    limits = [
        limit
        for scale, sharing in together.items()
        for limit in _limits(scale, sharing, setting, sample)
    ]
    return Training(setting, seed, runs, limits, left_out)


def _limits(
    scale: tuple[float, float], sharing: list[Objective], setting: Setting, sample: Sample
) -> Iterator[Limit]:
    """The max margins of objectives of one scale, those that exist."""
    of_scale = Objective(scale=dict(zip((MAJORITY, MINORITY), scale, strict=True)))
    solvers: dict[str, Callable[[], Solution]] = {
        OF_THIS_DRAW: lambda: max_margin(sample, of_scale),
        "limit predicted at this d/n": lambda: proportional.max_margin(setting, of_scale),
    }
    for name, solve in solvers.items():
        try:
            solution = solve()
        except NotSeparableError:
            continue
        yield Limit(name, [each.name for each in sharing], *scale, solution)
