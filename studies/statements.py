"""Statements: a prediction, what was observed, and a verdict that could have gone the other way."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats

from ..theory import PitfallsError
from ..theory.theorem import Fact, Kind

__all__ = [
    "FALSE_ALARM",
    "Measured",
    "Statement",
    "combined",
    "controlled",
    "convergence",
    "exact",
    "extrapolated",
    "judge",
    "self_test",
    "statistical",
    "under",
]

Array: TypeAlias = NDArray[np.float64]

FALSE_ALARM = 1e-3
"""Chance that a table of true statements has any statistical one refused."""


@dataclass(frozen=True)
class Measured:
    """A Monte Carlo estimate.

    Attributes
    ----------
    mean, standard_error : float
    freedom : float
        Degrees of freedom of the standard error.

    Examples
    --------
    >>> Measured.of([1.0, 2.0, 3.0])
    Measured(mean=2.0, standard_error=0.5773502691896258, freedom=2)
    """

    mean: float
    standard_error: float
    freedom: float

    @classmethod
    def of(cls, values: ArrayLike) -> Measured:
        """From independent replicates, at least two.

        Examples
        --------
        >>> Measured.of([0.0, 2.0]).mean
        1.0
        """
        array = np.asarray(values, dtype=float)
        error = float(array.std(ddof=1) / math.sqrt(array.size))
        return cls(float(array.mean()), error, array.size - 1)


def combined(
    means: Sequence[Measured], coefficients: ArrayLike, freedom: float | None = None
) -> Measured:
    """A linear combination of independent means.

    Parameters
    ----------
    means : sequence of Measured
    coefficients : array_like
    freedom : float, optional
        Where the variances are one estimate; Welch and Satterthwaite's by default.

    Examples
    --------
    >>> combined([Measured(3.0, 0.3, 9), Measured(1.0, 0.4, 9)], [1.0, -1.0])
    Measured(mean=2.0, standard_error=0.5, freedom=16.6...)
    """
    factors = np.asarray(coefficients, dtype=float)
    parts = np.array([each.standard_error for each in means]) ** 2 * factors**2
    variance = float(parts.sum())
    if freedom is None:
        freedoms = np.array([each.freedom for each in means])
        freedom = variance**2 / float((parts**2 / freedoms).sum()) if variance > 0 else 1.0
    mean = float(factors @ [each.mean for each in means])
    return Measured(mean, math.sqrt(variance), freedom)


def extrapolated(at_n: ArrayLike, at_2n: ArrayLike) -> Measured:
    """2·mean(2n) − mean(n): removes a bias of order 1/n, from independent draws.

    Examples
    --------
    >>> extrapolated([1.1, 1.3], [1.0, 1.2]).mean.__round__(12)
    1.0
    """
    return combined([Measured.of(at_n), Measured.of(at_2n)], [-1.0, 2.0])


def controlled(values: ArrayLike, controls: ArrayLike) -> Measured:
    """The mean of replicates after regression on control variates, whose means are exactly zero.

    What the controls explain of the scatter is taken away. The bias is about 1/replicates of the
    part of the mean that is quadratic in the controls.

    Parameters
    ----------
    values : array_like (replicates,)
    controls : array_like (replicates, k)
        With k + 1 < replicates.

    Examples
    --------
    >>> control = np.array([[-1.0], [1.0], [2.0], [-1.5]])
    >>> measured = controlled(7.0 + 3.0 * control[:, 0] + [0.1, 0.1, -0.1, -0.1], control)
    >>> round(measured.mean, 2), measured.standard_error < 0.1, measured.freedom
    (7.0, True, 2)
    """
    array = np.asarray(values, dtype=float)
    columns = np.column_stack((np.ones(array.size), controls))
    q, r = np.linalg.qr(columns)
    coefficients = np.linalg.solve(r, q.T @ array)
    residual = array - columns @ coefficients
    freedom = array.size - columns.shape[1]
    error = math.sqrt(residual @ residual / freedom) * np.linalg.norm(np.linalg.inv(r)[0])
    return Measured(float(coefficients[0]), float(error), freedom)


@dataclass(frozen=True)
class Statement:
    """One line of the verification table.

    Attributes
    ----------
    id : str
        Stable name.
    claim : str
        What is stated, in words.
    kind : {"exact", "statistical", "convergence"}
    prediction, observed : float
    tolerance : float
        Of the comparison itself, before any Monte Carlo error.
    standard_error, freedom : float or None
        Monte Carlo error of the observation and its degrees of freedom.
    critical : float
        How many standard errors are allowed; given by `judge`.
    note : str
        What else was measured.
    fact : str
        Name of the theory's fact that it confirms or refuses; given by `under`.

    Examples
    --------
    >>> exact("one", "one is one", prediction=1.0, observed=1.0, tolerance=1e-9).holds
    True
    """

    id: str
    claim: str
    kind: Kind
    prediction: float
    observed: float
    tolerance: float
    standard_error: float | None = None
    freedom: float | None = None
    critical: float = math.nan
    note: str = ""
    fact: str = ""

    @property
    def detectable(self) -> float:
        """The smallest error in the prediction that is refused when the observation is the truth.

        Examples
        --------
        >>> exact("x", "", prediction=1.0, observed=1.0, tolerance=0.5).detectable
        0.5
        """
        if self.standard_error is None:
            return self.tolerance
        return self.tolerance + self.critical * self.standard_error

    @property
    def z(self) -> float | None:
        """Normal score of the t statistic's tail, for statistical statements.

        Examples
        --------
        >>> row = statistical("x", "", prediction=2.0, measured=Measured(2.1, 0.1, 100))
        >>> round(row.z, 3)
        0.995
        """
        if self.kind != "statistical" or self.standard_error is None:
            return None
        distance = self.observed - self.prediction
        if self.standard_error == 0:
            return 0.0 if distance == 0 else math.copysign(math.inf, distance)
        tail = stats.t.sf(abs(distance) / self.standard_error, self.freedom)
        return math.copysign(float(stats.norm.isf(tail)), distance)

    @property
    def holds(self) -> bool:
        """Whether the observation is within the detectable error of the prediction.

        Examples
        --------
        >>> exact("x", "", prediction=1.0, observed=float("nan"), tolerance=1.0).holds
        False
        """
        return abs(self.observed - self.prediction) <= self.detectable

    def as_json(self) -> dict[str, Any]:
        """The statement as the JSON schema has it; what is not finite is null.

        Examples
        --------
        >>> sorted(exact("x", "", prediction=1.0, observed=1.0, tolerance=1.0).as_json())[:3]
        ['claim', 'detectable', 'fact']
        """
        names = ("id", "kind", "prediction", "observed", "standard_error", "z", "detectable")
        row = {name: getattr(self, name) for name in (*names, "holds", "claim", "note", "fact")}
        return {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in row.items()
        }


def exact(
    name: str, claim: str, *, prediction: float, observed: float, tolerance: float, note: str = ""
) -> Statement:
    """|observed − prediction| ≤ a stated tolerance.

    Examples
    --------
    >>> exact("x", "", prediction=1.0, observed=1.1, tolerance=0.01).holds
    False
    """
    return Statement(name, claim, "exact", prediction, observed, tolerance, note=note)


def statistical(
    name: str, claim: str, *, prediction: float, measured: Measured, note: str = ""
) -> Statement:
    """The measured mean is the prediction up to its standard error; see `judge`.

    Examples
    --------
    >>> statistical("x", "", prediction=2.0, measured=Measured(2.1, 0.1, 100)).standard_error
    0.1
    """
    return Statement(
        name,
        claim,
        "statistical",
        prediction,
        measured.mean,
        0.0,
        standard_error=measured.standard_error,
        freedom=measured.freedom,
        note=note,
    )


def convergence(
    name: str,
    claim: str,
    *,
    rate: float,
    grid: Sequence[float],
    errors: Sequence[float | Measured],
    tolerance: float,
    note: str = "",
) -> Statement:
    """The error falls (or grows) like grid^rate.

    Exact errors: the slope of log|error| against log(grid) by least squares. Measured errors: the
    exponent p of the weighted least-squares fit a·gridᵖ, which needs no logarithm of a value that
    may be all noise, with its standard error.

    Examples
    --------
    >>> errors = [1, 0.5, 0.25]
    >>> line = convergence("x", "", rate=-1, grid=[1, 2, 4], errors=errors, tolerance=0.1)
    >>> round(line.observed, 12)
    -1.0
    """
    measured = [e for e in errors if isinstance(e, Measured)]
    if not measured:
        slope = float(np.polyfit(np.log(grid), np.log(np.abs(np.array(errors, float))), 1)[0])
        return Statement(name, claim, "convergence", rate, slope, tolerance, note=note)
    exponent, error = _fitted_exponent(
        np.log(grid),
        np.array([e.mean for e in measured]),
        np.array([e.standard_error for e in measured]),
        rate,
    )
    return Statement(
        name,
        claim,
        "convergence",
        rate,
        exponent,
        tolerance,
        standard_error=error,
        freedom=min(e.freedom for e in measured),
        note=note,
    )


def _fitted_exponent(x: Array, value: Array, error: Array, near: float) -> tuple[float, float]:
    """p and its standard error in value ≈ a·exp(p·x), |p − near| ≤ 2, weighted by the errors."""
    centre = float(np.average(x, weights=(value / error) ** 2))

    def parts(p: float) -> tuple[Array, float]:
        shape = np.exp(p * (x - centre)) / error
        return shape, float(shape @ (value / error)) / float(shape @ shape)

    def misfit(p: float) -> float:
        shape, size = parts(p)
        return float(((value / error - size * shape) ** 2).sum())

    best = optimize.minimize_scalar(misfit, bounds=(near - 2, near + 2), method="bounded")
    shape, size = parts(best.x)
    slopes = np.column_stack((shape, size * shape * (x - centre)))
    covariance = np.linalg.inv(slopes.T @ slopes)
    return float(best.x), float(np.sqrt(covariance[1, 1]))


def under(fact: Fact, statements: Iterable[Statement]) -> Iterator[Statement]:
    """The statements as evidence for or against a fact, whose kind they must have.

    Raises
    ------
    PitfallsError
        One is of another kind.

    Examples
    --------
    >>> from pitfalls.theory.theorem import fact
    >>> rows = [exact("x", "", prediction=1.0, observed=1.0, tolerance=1e-9)]
    >>> [row.fact for row in under(fact("loss-law"), rows)]
    ['loss-law']
    """
    for row in statements:
        if row.kind != fact.kind:
            raise PitfallsError(
                f"the statement {row.id!r} is {row.kind}, its fact {fact.name!r} {fact.kind}: give "
                "it a fact of its own kind."
            )
        yield replace(row, fact=fact.name)


def judge(statements: Iterable[Statement]) -> list[Statement]:
    """Give the statements with a Monte Carlo error their common false-alarm rate.

    Each of K such statements whose critical value is still open is tested at `FALSE_ALARM`/K,
    two-sided (Bonferroni), with that quantile of Student's t.

    Examples
    --------
    >>> [row] = judge([statistical("x", "", prediction=2.0, measured=Measured(2.1, 0.1, 100))])
    >>> row.holds, round(row.detectable, 3)
    (True, 0.339)
    """
    rows = list(statements)
    is_open = [row.standard_error is not None and math.isnan(row.critical) for row in rows]
    level = FALSE_ALARM / max(sum(is_open), 1) / 2
    return [
        replace(row, critical=float(stats.t.isf(level, row.freedom))) if pending else row
        for row, pending in zip(rows, is_open, strict=True)
    ]


def self_test(statements: Iterable[Statement]) -> list[str]:
    """Bend each prediction by twice its detectable error, both ways; names of those not refused.

    Examples
    --------
    >>> self_test([exact("x", "", prediction=1.0, observed=1.0, tolerance=0.1)])
    []
    >>> self_test([exact("loose", "", prediction=1.0, observed=1.0, tolerance=float("inf"))])
    ['loose']
    """
    return [
        row.id
        for row in statements
        if not 0 < row.detectable < math.inf
        or any(
            replace(row, prediction=row.prediction + sign * 2 * row.detectable).holds
            for sign in (-1, 1)
        )
    ]
