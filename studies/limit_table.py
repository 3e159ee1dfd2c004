"""The table of `limits`: a row for each setting, with what is stated about it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from scipy import stats
from scipy.special import ndtr

from ..theory import Setting, Solution
from .extrapolation import Extrapolation
from .limit_design import SIZES, Case, theorem_limit
from .statements import FALSE_ALARM, Measured, Statement

__all__ = ["CERTAIN", "NAMES", "Limits", "Row", "numbers", "probit"]

NAMES = ("minority", "core", "spurious", "memory", "support")
"""What is compared; the minority's accuracy by its probit: its margin in standard deviations."""

CERTAIN = 1e9
"""A probit beyond which an accuracy is 0 or 1."""


@dataclass(frozen=True)
class Row:
    """One setting: what is predicted, and what was found.

    Attributes
    ----------
    case : Case
    threshold : float
        δ_s, the d/n from which on data can be separated.
    orthogonal : Solution
    proportional : Solution or None
        None where there is no max margin.
    predicted : dict of str to float
        The proportional limit's numbers by name.
    separated : tuple of float
        Share of draws that can be separated, at each size.
    fits : dict of str to Extrapolation
        By name; empty where draws cannot be separated.
    statements : list of Statement

    Examples
    --------
    >>> w = Solution(core=0.6, spurious=0.1, memory=0.5)
    >>> case = Case("one", delta=2.0, memory=0.5, rho=0.9, gamma=5.0)
    >>> Row(case, 0.1, w, w, {}, (1.0, 1.0, 1.0), {}, []).theorem
    0.0
    """

    case: Case
    threshold: float
    orthogonal: Solution
    proportional: Solution | None
    predicted: dict[str, float]
    separated: tuple[float, ...]
    fits: dict[str, Extrapolation]
    statements: list[Statement]

    @property
    def theorem(self) -> float:
        """The theorem's limit of the minority accuracy, which knows ρ, γ and κ only.

        Examples
        --------
        >>> w = Solution(core=0.6, spurious=0.1, memory=0.5)
        >>> Row(Case("one", 2.0, 0.1, 0.9, 5.0), 0.1, w, w, {}, (), {}, []).theorem
        1.0
        """
        return theorem_limit(self.case)

    def measured(self, name: str) -> Measured | None:
        """A number extrapolated to n → ∞; the accuracy itself for the minority.

        Examples
        --------
        >>> w = Solution(core=0.6, spurious=0.1, memory=0.5)
        >>> case = Case("one", 2.0, 0.1, 0.9, 5.0)
        >>> Row(case, 0.1, w, w, {}, (), {}, []).measured("core") is None
        True
        """
        if name not in self.fits:
            return None
        found = self.fits[name].limit
        if name != "minority":
            return found
        slope = float(stats.norm.pdf(found.mean))
        return Measured(float(ndtr(found.mean)), slope * found.standard_error, found.freedom)

    def statement(self, name: str) -> Statement | None:
        """The statement about a number, if one is made.

        Examples
        --------
        >>> w = Solution(core=0.6, spurious=0.1, memory=0.5)
        >>> case = Case("one", 2.0, 0.1, 0.9, 5.0)
        >>> Row(case, 0.1, w, w, {}, (), {}, []).statement("core") is None
        True
        """
        found = [each for each in self.statements if each.id == f"{self.case.name}.{name}"]
        return found[0] if found else None

    def as_json(self) -> dict[str, Any]:
        """The row as the JSON schema has it; what does not exist is null.

        Examples
        --------
        >>> w = Solution(core=0.6, spurious=0.1, memory=0.5)
        >>> row = Row(Case("one", 2.0, 0.1, 0.9, 5.0), 0.1, w, None, {}, (0.0,), {}, [])
        >>> row.as_json()["proportional"] is None
        True
        """
        setting = self.case.at(SIZES[-1])
        ratio = self.case.ratio
        return {
            "setting": {**asdict(self.case), "ratio": ratio or None},
            "separability_threshold": self.threshold,
            "separated": list(self.separated),
            "theorem": {"minority": self.theorem},
            "orthogonal": _by_name(self.orthogonal, setting),
            "proportional": self.proportional and _by_name(self.proportional, setting),
            "simulated": {name: self._simulated(name) for name in self.fits} or None,
            "statements": [_verdict(each) for each in self.statements],
        }

    def _simulated(self, name: str) -> dict[str, Any]:
        fit, measured = self.fits[name], self.measured(name)
        assert measured is not None
        content = {
            "mean": measured.mean,
            "standard_error": measured.standard_error,
            "bias_times_n": fit.bias.mean,
            "bias_standard_error": fit.bias.standard_error,
            "means": [each.mean for each in fit.means],
            "standard_errors": [each.standard_error for each in fit.means],
        }
        return {**content, "probit": fit.limit.mean} if name == "minority" else content


@dataclass(frozen=True)
class Limits:
    """The table of one run.

    Attributes
    ----------
    seed, replicates : int
    features : str
        Name of the ensemble.
    rows : list of Row
    near : list of Row
        Around the separability threshold; not judged.
    bias : list of Statement
        The fitted exponents of the bias, by name.

    Examples
    --------
    >>> Limits(0, 2, "gaussian", [], [], []).holds
    True
    """

    seed: int
    replicates: int
    features: str
    rows: list[Row]
    near: list[Row] = field(default_factory=list)
    bias: list[Statement] = field(default_factory=list)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Examples of the draws.

        Examples
        --------
        >>> Limits(0, 2, "gaussian", [], [], []).sizes
        (100, 200, 400)
        """
        return SIZES

    @property
    def statements(self) -> list[Statement]:
        """All of them.

        Examples
        --------
        >>> Limits(0, 2, "gaussian", [], [], []).statements
        []
        """
        return [each for row in self.rows for each in row.statements] + self.bias

    def failed(self) -> list[str]:
        """Statements that do not hold, and numbers whose z-scores are not standard normal.

        Examples
        --------
        >>> Limits(0, 2, "gaussian", [], [], []).failed()
        []
        """
        odd = [n for n, p in self.normality().items() if not p >= FALSE_ALARM / len(NAMES)]
        return [each.id for each in self.statements if not each.holds] + [
            f"z-scores of {name}" for name in odd
        ]

    @property
    def holds(self) -> bool:
        """Whether nothing has `failed`.

        Examples
        --------
        >>> Limits(0, 2, "gaussian", [], [], []).holds
        True
        """
        return not self.failed()

    def scores(self, name: str) -> list[float]:
        """z-scores of one number over the settings, which are independent.

        Examples
        --------
        >>> Limits(0, 2, "gaussian", [], [], []).scores("core")
        []
        """
        found = [row.statement(name) for row in self.rows]
        return [each.z for each in found if each is not None and each.z is not None]

    def biases(self, name: str) -> list[float]:
        """The coefficients of 1/n that go with `scores`.

        Examples
        --------
        >>> Limits(0, 2, "gaussian", [], [], []).biases("core")
        []
        """
        judged = [(row, row.statement(name)) for row in self.rows]
        return [row.fits[name].bias.mean for row, found in judged if found and found.z is not None]

    def distances(self, name: str) -> list[float]:
        """How far the simulation is from the proportional limit.

        Of the minority's accuracy the difference, of other numbers relative to the prediction.

        Examples
        --------
        >>> Limits(0, 2, "gaussian", [], [], []).distances("memory")
        []
        """
        found = [(row.statement(name), row.measured(name)) for row in self.rows]
        pairs = [(s, m.mean) for s, m in found if s and m and s.z is not None]
        if name == "minority":
            return [mean - float(ndtr(s.prediction)) for s, mean in pairs]
        return [mean / s.prediction - 1 for s, mean in pairs]

    def normality(self) -> dict[str, float]:
        """p-value of a Kolmogorov-Smirnov test of each number's z-scores against N(0, 1).

        Examples
        --------
        >>> Limits(0, 2, "gaussian", [], [], []).normality()
        {}
        """
        scores = {name: self.scores(name) for name in NAMES}
        return {
            name: float(stats.kstest(each, "norm").pvalue) for name, each in scores.items() if each
        }

    @property
    def largest(self) -> Statement | None:
        """The statement whose z-score is the furthest from zero.

        Examples
        --------
        >>> Limits(0, 2, "gaussian", [], [], []).largest is None
        True
        """
        scored = [each for each in self.statements if each.z is not None]
        return max(scored, key=lambda each: abs(each.z or 0.0), default=None)

    def as_json(self) -> dict[str, Any]:
        """The table as a JSON object, schema 1.

        Examples
        --------
        >>> Limits(0, 2, "gaussian", [], [], []).as_json()["schema"]
        1
        """
        largest = self.largest
        return {
            "schema": 1,
            "seed": self.seed,
            "replicates": self.replicates,
            "sizes": list(SIZES),
            "features": self.features,
            "holds": self.holds,
            "largest_z": None if largest is None else {"id": largest.id, "z": largest.z},
            "normality": self.normality(),
            "bias": [each.as_json() for each in self.bias],
            "settings": [row.as_json() for row in self.rows],
            "near_threshold": [row.as_json() for row in self.near],
        }


def _verdict(statement: Statement) -> dict[str, Any]:
    """Without the words: id and setting say what is stated."""
    words = ("claim", "note", "fact")
    return {key: value for key, value in statement.as_json().items() if key not in words}


def probit(mean: float, deviation: float) -> float:
    """The quotient; ±`CERTAIN` where nothing is memorised and the deviation is zero or rounding.

    Examples
    --------
    >>> probit(1.0, 0.5), probit(-1.0, 0.0)
    (2.0, -1000000000.0)
    """
    return min(max(mean / max(deviation, 1e-300), -CERTAIN), CERTAIN)


def numbers(weights: Solution, setting: Setting) -> dict[str, float]:
    """What is compared, by name; the support is nan where it is not known.

    Examples
    --------
    >>> w = Solution(core=0.6, spurious=0.1, memory=0.1)
    >>> round(numbers(w, Setting(9, 9, 0.9, 5.0, 0.5))["minority"], 6)
    2.0
    """
    score = min(max(weights.score(setting).minority, -CERTAIN), CERTAIN)
    values = (score, weights.core, weights.spurious, weights.memory)
    support = math.nan if weights.support is None else weights.support
    return dict(zip(NAMES, (*values, support), strict=True))


def _by_name(weights: Solution, setting: Setting) -> dict[str, float | None]:
    """As `numbers`, with the accuracy itself."""
    values = {**numbers(weights, setting), "minority": weights.accuracy(setting).minority}
    return {name: None if math.isnan(value) else value for name, value in values.items()}
