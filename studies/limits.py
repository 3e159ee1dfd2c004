"""Four answers about the max margin, side by side: theorem, orthogonal, proportional, simulated."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..sims import draw, max_margin, replicate, stream
from ..theory import (
    NotSeparableError,
    PitfallsError,
    Setting,
    SettingError,
    orthogonal,
    proportional,
)
from .arguments import Progress, check_run, silent
from .ensembles import ENSEMBLES, Ensemble, score
from .extrapolation import bias_exponent, extrapolate
from .limit_design import NEAR, SIZES, Case, design
from .limit_table import NAMES, Limits, Row, numbers
from .statements import Statement, exact, judge, statistical

__all__ = ["Survey", "limits", "survey"]

Seed: TypeAlias = np.random.SeedSequence

_WORDS = ("the probit of the minority accuracy", "w_y", "w_a", "‖w_ε‖", "share of support vectors")
# Expected number of support vectors in all draws, or of examples short of the bound min(1, d/n),
# below which the share is a rare count: no normal scores.
_RARE = 100
# Explicit features are n·d numbers: only settings with d/n up to this.
_EXPLICIT = 10.0
# Streams of the settings near the threshold: far from the others' numbers.
_FAR_NUMBER = 10_000
_DRAWS, _QUICK_DRAWS, _EXPLICIT_DRAWS, _QUICK_EXPLICIT_DRAWS = 100, 16, 30, 8


class _Outcome(NamedTuple):
    """One draw: whether it can be separated, and the five numbers if a max margin was certified."""

    separated: bool
    values: tuple[float, ...] | None


def _solve(case: Case, n: int, ensemble: Ensemble | None) -> Callable[[Seed], _Outcome]:
    """The max margin of one draw; the fast Gaussian draws where no ensemble is asked for."""
    setting = case.at(n)
    objective = case.objective(setting)

    def one(seed: Seed) -> _Outcome:
        drawn = None if ensemble is None else ensemble.draw(setting, seed)
        sample = draw(setting, seed) if drawn is None else drawn.sample
        try:
            weights = max_margin(sample, objective)
        except NotSeparableError:
            return _Outcome(False, None)
        except PitfallsError:
            # Too close to the threshold for a certificate in double precision.
            return _Outcome(True, None)
        found = numbers(weights, setting)
        if drawn is not None and ensemble is not None:
            found["minority"] = score(ensemble, drawn, weights, setting)
        return _Outcome(True, tuple(found.values()))

    return one


class _Runs(NamedTuple):
    """Draws of a seed, over the workers."""

    seed: int
    replicates: int
    workers: int | None
    progress: Progress

    def of(
        self, cases: Sequence[tuple[int, Case]], ensemble: Ensemble | None, done: int, total: int
    ) -> list[list[list[_Outcome]]]:
        """Outcomes by case and size; the numbers of the cases pick their streams."""
        jobs = [(number, case, i) for number, case in cases for i in range(len(SIZES))]
        solvers = {(number, i): _solve(case, SIZES[i], ensemble) for number, case, i in jobs}
        streams = [
            stream(self.seed, number, i * self.replicates + j)
            for number, _, i in jobs
            for j in range(self.replicates)
        ]

        def run(seed: Seed) -> _Outcome:
            number, index = seed.spawn_key
            return solvers[number, index // self.replicates](seed)

        outcomes: list[_Outcome] = []
        for outcome in replicate(run, streams, self.workers):
            name = jobs[len(outcomes) // self.replicates][1].name
            outcomes.append(outcome)
            self.progress(done + len(outcomes), total, f"setting {name}")
        count = self.replicates
        parts = [outcomes[i : i + count] for i in range(0, len(outcomes), count)]
        return [parts[i : i + len(SIZES)] for i in range(0, len(parts), len(SIZES))]


def _row(
    case: Case,
    outcomes: Sequence[Sequence[_Outcome]],
    equivalent: Callable[[Setting], Setting] = lambda setting: setting,
) -> Row:
    setting = equivalent(case.at(SIZES[-1]))
    objective = case.objective(setting)
    try:
        prediction = proportional.max_margin(setting, objective)
    except NotSeparableError:
        prediction = None
    predicted = {} if prediction is None else numbers(prediction, setting)
    kept = [[each.values for each in size if each.values is not None] for size in outcomes]
    fits = {}
    if prediction is not None and min(len(size) for size in kept) >= 2:
        fits = {
            name: extrapolate([[values[i] for values in size] for size in kept], SIZES)
            for i, name in enumerate(NAMES)
        }
    row = Row(
        case=case,
        threshold=proportional.separability_threshold(setting, objective),
        orthogonal=orthogonal.max_margin(setting, objective),
        proportional=prediction,
        predicted=predicted,
        separated=tuple(sum(each.separated for each in size) / len(size) for size in outcomes),
        fits=fits,
        statements=[],
    )
    return replace(row, statements=list(_statements(row, kept)))


def _statements(
    row: Row, kept: Sequence[Sequence[tuple[float, ...] | None]]
) -> Iterator[Statement]:
    case, predicted = row.case, row.predicted
    where = f"d/n = {case.delta:g}, κ = {case.memory:.3g}, γ = {case.gamma:g}, ρ = {case.rho:g}"
    draws = sum(len(size) for size in kept)
    expected = 0.0 if row.proportional is None else 1.0
    worst = max(row.separated) if row.proportional is None else min(row.separated)
    yield exact(
        f"{case.name}.separable",
        f"{where}: share of draws that can be separated, in the worst of the sizes",
        prediction=expected,
        observed=worst,
        tolerance=1e-6,
    )
    if not row.fits:
        return
    if predicted["memory"] == 0:
        # Every draw's max margin is that of the plane: nothing is random.
        for i, name in enumerate(NAMES[1:4], start=1):
            found = np.array([values[i] for size in kept for values in size if values is not None])
            yield exact(
                f"{case.name}.{name}",
                f"{where}: {_WORDS[i]} of the max margin, in the draw that is furthest away",
                prediction=predicted[name],
                observed=float(found[np.abs(found - predicted[name]).argmax()]),
                tolerance=1e-9,
            )
        return
    for name, words in zip(NAMES, _WORDS, strict=True):
        if name == "support":
            most = min(1.0, case.delta)
            rest = min(predicted[name], most - predicted[name])
            rare = draws / len(SIZES) * sum(SIZES) * rest
            if 0 <= rare < _RARE:
                continue
        yield statistical(
            f"{case.name}.{name}",
            f"{where}: {words} of the max margin",
            prediction=predicted[name],
            measured=row.fits[name].limit,
        )


def _bias(rows: Sequence[Row]) -> Iterator[Statement]:
    """The exponent of each number's bias, fitted to all settings at once."""
    for name, words in zip(NAMES, _WORDS, strict=True):
        differences = [
            [replace(each, mean=each.mean - row.predicted[name]) for each in row.fits[name].means]
            for row in rows
            if (about := row.statement(name)) is not None and about.kind == "statistical"
        ]
        differences = [row for row in differences if min(e.standard_error for e in row) > 0]
        if differences:
            exponent, error = bias_exponent(differences, SIZES)
            yield Statement(
                id=f"bias.{name}",
                claim=f"bias of {words} falls like 1/n",
                kind="convergence",
                prediction=-1.0,
                observed=-exponent,
                tolerance=0.25,
                standard_error=error,
                freedom=math.inf,
            )


def _judged(seed: int, replicates: int, features: str, rows: list[Row], near: list[Row]) -> Limits:
    table = Limits(seed, replicates, features, rows, near, list(_bias(rows)))
    judged = iter(judge(table.statements))
    rows = [replace(row, statements=[next(judged) for _ in row.statements]) for row in rows]
    return replace(table, rows=rows, bias=list(judged))


def _explicit() -> list[Case]:
    return [case for case in design() if case.delta <= _EXPLICIT]


def _near() -> list[Case]:
    """Around the separability threshold of one noisy setting."""
    base = Case("near", 1.0, 1.0, 0.8, 2.0, 0.5, 0.5, 0.2)
    threshold = proportional.separability_threshold(base.at(SIZES[0]))
    return [replace(base, name=f"{part:g}", delta=round(part * threshold, 2)) for part in NEAR]


def limits(
    *,
    seed: int = 0,
    replicates: int | None = None,
    quick: bool = False,
    features: str = "gaussian",
    workers: int | None = None,
    progress: Progress | None = None,
) -> Limits:
    """The max margin in many settings: theorem, orthogonal and proportional limit, simulation.

    Parameters
    ----------
    seed : int
        ≥ 0; the same seed gives the same table whatever ``workers`` is.
    replicates : int, optional
        Draws per setting and size, ≥ 8; 100 by default, 16 if quick; of other features than the
        Gaussian 30 and 8.
    quick : bool
        Fewer replicates: larger detectable errors.
    features : str
        A name in `pitfalls.studies.ensembles.ENSEMBLES`. All but "gaussian" are explicit, in the
        settings with d/n ≤ 10.
    workers : int, optional
        Threads; all cores by default.
    progress : callable, optional
        Called with (units done, units in all, what is running).

    Raises
    ------
    SettingError
        An argument is out of range.

    Examples
    --------
    >>> table = limits(quick=True)  # doctest: +SKIP
    >>> table.holds  # doctest: +SKIP
    True
    """
    if features not in ENSEMBLES:
        raise SettingError("features", features, f"one of {', '.join(ENSEMBLES)}")
    explicit = features != "gaussian"
    usual = (_EXPLICIT_DRAWS, _QUICK_EXPLICIT_DRAWS) if explicit else (_DRAWS, _QUICK_DRAWS)
    count = usual[quick] if replicates is None else replicates
    check_run(seed, count, workers)
    cases = list(enumerate(_explicit() if explicit else design()))
    near = [] if explicit else [(_FAR_NUMBER + i, case) for i, case in enumerate(_near())]
    total = (len(cases) + len(near)) * len(SIZES) * count
    runs = _Runs(seed, count, workers, progress or silent)
    outcomes = runs.of([*cases, *near], ENSEMBLES[features] if explicit else None, 0, total)
    rows = [_row(case, found) for (_, case), found in zip([*cases, *near], outcomes, strict=True)]
    return _judged(seed, count, features, rows[: len(cases)], rows[len(cases) :])


class Survey(NamedTuple):
    """Ensembles of features, each against the proportional limit.

    Attributes
    ----------
    own : dict of str to Limits
        By name, against the limit of the setting itself.
    equivalent : dict of str to Limits
        The same draws against the limit of an equivalent setting, for those that have one.

    Examples
    --------
    >>> Survey({}, {}).unexpected()
    []
    """

    own: dict[str, Limits]
    equivalent: dict[str, Limits]

    def unexpected(self) -> list[str]:
        """Ensembles for which the limit breaks where it should survive, or the other way.

        Examples
        --------
        >>> Survey({"graded": Limits(0, 2, "graded", [], [], [])}, {}).unexpected()
        ['graded']
        """
        return [name for name, each in self.own.items() if each.holds != ENSEMBLES[name].survives]

    def as_json(self) -> dict[str, Any]:
        """The tables as a JSON object, schema 1.

        Examples
        --------
        >>> Survey({}, {}).as_json()["holds"]
        True
        """
        return {
            "schema": 1,
            "holds": not self.unexpected(),
            "ensembles": {name: each.as_json() for name, each in self.own.items()},
            "equivalent": {name: each.as_json() for name, each in self.equivalent.items()},
        }


def survey(
    *,
    seed: int = 0,
    replicates: int | None = None,
    quick: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Survey:
    """All ensembles of features, in the settings with d/n ≤ 10 that can be separated.

    The parameters are those of `limits`; the plane features are the same for every ensemble.

    Examples
    --------
    >>> survey(quick=True).unexpected()  # doctest: +SKIP
    []
    """
    usual = _QUICK_EXPLICIT_DRAWS if quick else _EXPLICIT_DRAWS
    count = usual if replicates is None else replicates
    check_run(seed, count, workers)
    runs = _Runs(seed, count, workers, progress or silent)
    cases = list(enumerate(_explicit()))
    part = len(cases) * len(SIZES) * count
    result = Survey({}, {})
    for i, (name, ensemble) in enumerate(ENSEMBLES.items()):
        outcomes = runs.of(cases, ensemble, i * part, len(ENSEMBLES) * part)
        pairs = [(case, found) for (_, case), found in zip(cases, outcomes, strict=True)]
        result.own[name] = _judged(seed, count, name, [_row(*pair) for pair in pairs], [])
        if ensemble.equivalent:
            rows = [_row(*pair, ensemble.equivalent) for pair in pairs]
            result.equivalent[name] = _judged(seed, count, name, rows, [])
    return result
