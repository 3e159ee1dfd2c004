"""Training on own features: measured over time and in the limit, beside what the fit predicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...sims import finite_minimiser, gradient_descent, gradient_flow, max_margin, ridge_path
from ...sims.plane import turned
from ...theory import (
    NotSeparableError,
    Objective,
    PitfallsError,
    SettingError,
    Solution,
    Trajectory,
)
from ...theory.arguments import LATEST, checked_count
from ..arguments import Progress, silent
from .as_json import as_json
from .counting import Counted, counted
from .methods import METHODS, objective
from .prediction import Prediction, predicted
from .prepare import Prepared, prepare
from .table import OwnFeatures

__all__ = ["OwnRun", "OwnTraining", "train_own"]

Array: TypeAlias = NDArray[np.float64]

# In the model's units: the first and the last time, an earlier one where training has an end (P12
# takes long to come to rest there), the strongest and the weakest decay, and one so weak that it is
# as good as none.
_FIRST, _END, _EARLY = 1e-2, 1e6, 1e3
_STRENGTHS = (1.0, 1e-8)
_WEAKEST = 1e-12
# A held-out accuracy of 20,000 examples has three digits: six are enough for weights.
_TOLERANCE = 1e-6


@dataclass(frozen=True, eq=False)
class OwnRun:
    """One method on own features.

    Attributes
    ----------
    method : str
        Of `METHODS`.
    run : Trajectory
        In the columns of the prepared sample.
    test : Counted or None
        Over time, where there are test examples.
    limit : Counted or None
    solution : Solution
        What training tends to: the max margin, in direction, or a finite minimiser.
    separable : bool
        Which of the two.
    predicted : Prediction

    Examples
    --------
    See `train_own`.
    """

    method: str
    run: Trajectory
    test: Counted | None
    limit: Counted | None
    solution: Solution
    separable: bool
    predicted: Prediction


@dataclass(frozen=True, eq=False)
class OwnTraining:
    """Several methods on own features.

    Attributes
    ----------
    prepared : Prepared
    seed : int
    runs : list of OwnRun
    left_out : dict of str to str
        Methods that were asked for by default only and do not exist here, and why.

    Examples
    --------
    See `train_own`.
    """

    prepared: Prepared
    seed: int
    runs: list[OwnRun]
    left_out: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """What was fitted, counted and predicted, as a JSON object, schema 1.

        Examples
        --------
        >>> from pitfalls.studies.own import own_features
        >>> own = own_features([[1.0, 2.0], [-1.0, 0.0]], [1, 0])
        >>> list(train_own(own, ["erm"], points=2).as_json())
        ['schema', 'seed', 'source', 'examples', 'parts', 'fit', 'runs', 'left_out']
        """
        return as_json(self)

    def weights(self, run: OwnRun, index: int = -1) -> Array:
        """A run's weights (p,) in the columns that were given, for features less `Prepared.mean`.

        Examples
        --------
        See `train_own`.
        """
        basis = turned(np.eye(len(self.prepared.mean)), self.prepared.axes)
        return np.asarray(basis @ self.prepared.sample.weights(run.run)[index])


def train_own(
    own: OwnFeatures,
    methods: Sequence[str] | None = None,
    *,
    latest: float | None = None,
    learning_rate: float | None = None,
    steps: int | None = None,
    ridge: bool = False,
    center: bool = True,
    seed: int = 0,
    points: int = 13,
    record: Sequence[float] = (),
    progress: Progress = silent,
) -> OwnTraining:
    """Train on features of one's own by several methods, and predict what comes out.

    Gradient flow, or gradient descent where a rate is given, or minimisers with weight decay. The
    training and test accuracies are counted; the predictions are those of the setting fitted to the
    training examples (`fit_setting`), for n → ∞ at its d/n (P9, P11, P12).

    Parameters
    ----------
    own : OwnFeatures
    methods : sequence of str, optional
        Of `METHODS`; by default all that the groups and the fit admit.
    latest : float, optional
        Last time of the flow, t = learning rate × steps on these features, at most 1e16; by
        default 1e6 over the squared length of the core direction, or 1e3 where some method ends at
        a finite minimiser.
    learning_rate, steps : float and int, optional
        Of gradient descent.
    ridge : bool
        Minimise ℓ(w) + (λ/2)‖w‖² instead, for λ from 1 to 1e-8 times that squared length.
    center : bool
        Take the training examples' mean off all features: there is no intercept.
    seed : int
        Of MAT's twins and of subsampling.
    points : int
        Times or strengths recorded, evenly spaced in the logarithm.
    record : sequence of float
        Further times of the flow to record, in (0, 1e16]; it goes on to the last of them.
    progress : callable
        Called with (done, total, label).

    Returns
    -------
    OwnTraining

    Raises
    ------
    SettingError
        An argument is out of range, or a method asked for by name needs what is not there.

    Examples
    --------
    >>> from pitfalls.sims import draw
    >>> from pitfalls.studies.own import own_features
    >>> from pitfalls.theory import Setting
    >>> sample = draw(Setting(200, 300, 0.8, 3.0, 0.2, 0.2, 0.2), seed=1, kind="explicit")
    >>> own = own_features(sample.features, sample.labels, groups=sample.groups, holdout=0.5)
    >>> training = train_own(own, ["erm"], latest=10.0, points=3)
    >>> training.runs[0].test.groups.minority.round(2), training.weights(training.runs[0]).shape
    (array([0. , 0. , 0.9]), (302,))
    """
    names = list(METHODS) if methods is None else list(dict.fromkeys(methods))
    unknown = [name for name in names if name not in METHODS]
    if unknown or not names:
        raise SettingError("objectives", unknown or names, f"some of {', '.join(METHODS)}")
    _check(latest, learning_rate, steps, ridge, points)
    progress(0, 100, "fitting the model")
    prepared = prepare(own, center=center)
    chosen, left_out = _chosen(prepared, names, seed, methods is not None)
    margins = _max_margins(prepared, chosen, lambda label: progress(2, 100, label))
    separable = None not in margins
    plan = _Plan(latest, learning_rate, steps, ridge, points, record, separable)
    trained = _trained(
        prepared,
        list(chosen.values()),
        plan,
        lambda share: progress(5 + int(70 * share), 100, "training"),
    )
    runs: list[OwnRun] = []
    for (name, each), run, margin in zip(chosen.items(), trained, margins, strict=True):
        progress(75 + 25 * len(runs) // len(chosen), 100, f"limit of {each.name}")
        limit = margin or _minimiser(prepared, each, run)
        runs.append(_one(prepared, name, run, limit))
    progress(100, 100, "done")
    return OwnTraining(prepared, seed, runs, left_out)


class _Plan(NamedTuple):
    """What was asked for."""

    latest: float | None
    learning_rate: float | None
    steps: int | None
    ridge: bool
    points: int
    record: Sequence[float]
    separable: bool


class _Limit(NamedTuple):
    """What training tends to, and its weights."""

    solution: Solution
    weights: Array
    separable: bool


def _check(
    latest: float | None,
    learning_rate: float | None,
    steps: int | None,
    ridge: bool,
    points: int,
) -> None:
    if (learning_rate is None) != (steps is None):
        raise SettingError(
            "learning rate and steps",
            (learning_rate, steps),
            "given together, for gradient descent",
            "Give both, or a last time for gradient flow.",
        )
    ways = {"time": latest, "steps": steps, "ridge": ridge or None}
    given = [name for name, value in ways.items() if value is not None]
    if len(given) > 1:
        raise SettingError(
            given[1],
            ways[given[1]],
            f"left out where {given[0]} is given",
            "Choose one of the two.",
        )
    if latest is not None and not 0 < latest <= LATEST:
        raise SettingError("time", latest, "a number in (0, 1e16]")
    checked_count("points", points, least=2)


def _chosen(
    prepared: Prepared, names: Sequence[str], seed: int, by_name: bool
) -> tuple[dict[str, Objective], dict[str, str]]:
    """The methods that exist here, and why the others do not."""
    chosen, left_out = {}, {}
    for name in names:
        try:
            chosen[name] = objective(name, prepared, seed)
        except PitfallsError as reason:
            if by_name:
                raise
            left_out[name.replace("-", " ")] = str(reason)
    return chosen, left_out


def _trained(
    prepared: Prepared,
    objectives: list[Objective],
    plan: _Plan,
    progress: Callable[[float], None],
) -> list[Trajectory]:
    sample, unit = prepared.sample, prepared.unit
    if plan.ridge:
        strongest, weakest = (strength * unit for strength in _STRENGTHS)
        return ridge_path(sample, objectives, np.geomspace(strongest, weakest, plan.points))
    if plan.learning_rate is not None and plan.steps is not None:
        last = checked_count("steps", plan.steps)
        # Not the start, where every margin is zero and nobody is right.
        spaced = np.round(np.geomspace(1, max(last, 1), plan.points))
        record = np.unique(np.minimum(spaced.astype(np.int64), last))
        return gradient_descent(sample, objectives, plan.learning_rate, last, record=record)
    end = plan.latest
    if end is None:
        end = min((_END if plan.separable else _EARLY) / unit, LATEST)
    first = min(_FIRST / unit, end / 10)
    times = np.union1d(np.geomspace(first, end, plan.points), plan.record)
    return gradient_flow(
        sample,
        objectives,
        times,
        tolerance=_TOLERANCE,
        separable=plan.separable,
        progress=progress,
    )


def _max_margins(
    prepared: Prepared, chosen: dict[str, Objective], progress: Callable[[str], None]
) -> list[_Limit | None]:
    """A max margin for every scale and support, as far as they can be separated."""
    sample = prepared.sample
    found: dict[bytes, _Limit] = {}
    hopeless: set[bytes] = set()
    limits: list[_Limit | None] = []
    for each in chosen.values():
        progress(f"max margin of {each.name}")
        weight, _, scale = each.resolve(sample.groups, sample.n)
        counting = (weight > 0).tobytes()
        key = counting + scale.tobytes()
        if key not in found and counting not in hopeless:
            try:
                solution = max_margin(sample, each)
                found[key] = _Limit(solution, sample.weights(solution), True)
            except NotSeparableError:
                hopeless.add(counting)
        limits.append(found.get(key))
    return limits


def _minimiser(prepared: Prepared, objective: Objective, run: Trajectory) -> _Limit:
    """A finite minimiser, or close to the lowest loss where a direction is still free.

    A rare feature, such as a pixel that few pictures have, can let some margins grow for ever while
    no direction lowers another: then a decay too weak to matter takes the place of t → ∞.
    """
    sample = prepared.sample
    try:
        solution = finite_minimiser(sample, objective, sample.weights(run)[-1])
    except PitfallsError:
        path = ridge_path(sample, objective, [_WEAKEST * prepared.unit])
        return _Limit(path.at(0), sample.weights(path)[0], False)
    return _Limit(solution, sample.weights(solution), False)


def _one(prepared: Prepared, name: str, run: Trajectory, limit: _Limit) -> OwnRun:
    test, parts = prepared.test, len(prepared.own.part_names)
    return OwnRun(
        method=name,
        run=run,
        test=None if test is None else counted(prepared.sample.weights(run), test, parts),
        limit=None if test is None else counted(limit.weights, test, parts),
        solution=limit.solution,
        separable=limit.separable,
        predicted=predicted(prepared, name, run.times, run.strengths),
    )
