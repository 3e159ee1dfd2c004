"""Example-specific features of other laws than the isotropic normal one."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import ndtr, ndtri

from ..sims import Sample, draw
from ..theory import Setting, Solution
from .limit_table import CERTAIN, probit

__all__ = ["ENSEMBLES", "Drawn", "Ensemble", "score"]

Array: TypeAlias = NDArray[np.float64]
Seed: TypeAlias = np.random.SeedSequence

FREEDOM = 5
_STRENGTH = 10.0
_SPREAD = 9.0
# Quantiles of an example's own scale 3/χ²₅, for the test accuracy.
_SCALES = 3 / stats.chi2(FREEDOM).ppf((np.arange(400) + 0.5) / 400)


class Drawn(NamedTuple):
    """A sample with the law of its example-specific features.

    Attributes
    ----------
    sample : Sample
    memory : array (n, d)
        Folded features y·ε.
    variances : array (d,)
        Of the features: they are independent, or (`Ensemble.rowwise`) uncorrelated.

    Examples
    --------
    >>> ENSEMBLES["rademacher"].draw(Setting(4, 2, 0.5, 1.0, 3.0), np.random.SeedSequence(0))[2]
    array([9., 9.])
    """

    sample: Sample
    memory: Array
    variances: Array


@dataclass(frozen=True)
class Ensemble:
    """A law of the example-specific features, of total variance σ²d.

    Attributes
    ----------
    words : str
    survives : bool
        Whether the proportional limit of the setting itself should hold.
    entries : callable
        Draws (n, d) numbers of variance 1.
    profile : callable
        The variances of d features, of mean 1.
    rowwise : bool
        Each example multiplies its features by a scale of its own.
    equivalent : callable or None
        The setting whose proportional limit should hold instead, exactly or nearly.
    equivalent_words : str

    Examples
    --------
    >>> [name for name, each in ENSEMBLES.items() if each.survives]
    ['gaussian', 'rademacher', 'student', 'spiked']
    """

    words: str
    survives: bool
    entries: Callable[[np.random.Generator, tuple[int, int]], Array]
    profile: Callable[[int], Array] = np.ones
    rowwise: bool = False
    equivalent: Callable[[Setting], Setting] | None = None
    equivalent_words: str = ""

    def draw(self, setting: Setting, seed: Seed) -> Drawn:
        """Explicit features; the plane is that of `pitfalls.sims.draw`.

        Examples
        --------
        >>> seed = np.random.SeedSequence(0)
        >>> drawn = ENSEMBLES["spiked"].draw(Setting(4, 2, 0.5, 1.0, 3.0), seed)
        >>> drawn.memory.shape, round(float(drawn.variances.sum()), 9)
        ((4, 2), 18.0)
        """
        plane = draw(setting, seed, kind="orthogonal")
        rng = np.random.default_rng(seed)
        variances = setting.sigma**2 * self.profile(setting.d)
        memory = self.entries(rng, (setting.n, setting.d)) * np.sqrt(variances)
        if self.rowwise:
            memory *= np.sqrt(3 / rng.chisquare(FREEDOM, (setting.n, 1)))
        labels = plane.labels
        features = np.column_stack((plane.plane, memory)) * labels[:, None]
        return Drawn(Sample.from_arrays(features, labels, plane.groups), memory, variances)


def score(ensemble: Ensemble, drawn: Drawn, weights: Solution, setting: Setting) -> float:
    """Φ⁻¹ of the minority's test accuracy.

    The sum of many independent features is taken as Gaussian with its exact variance.

    Examples
    --------
    >>> from pitfalls.sims import max_margin
    >>> setting, seed = Setting(20, 40, 0.8, 2.0, 0.5), np.random.SeedSequence(0)
    >>> drawn = ENSEMBLES["gaussian"].draw(setting, seed)
    >>> w = max_margin(drawn.sample)
    >>> found = score(ENSEMBLES["gaussian"], drawn, w, setting)
    >>> bool(np.isclose(ndtr(found), w.accuracy(setting).minority, rtol=1e-9))
    True
    """
    direction = np.asarray(weights.dual) @ drawn.memory
    pull = setting.gamma * weights.spurious
    plane = (setting.core_noise * weights.core) ** 2 + (setting.spurious_noise * pull) ** 2
    memory = float(drawn.variances @ direction**2)
    mean = weights.core - pull
    if not ensemble.rowwise:
        return probit(mean, math.sqrt(plane + memory))
    accuracy = ndtr([probit(mean, math.sqrt(plane + memory * scale)) for scale in _SCALES]).mean()
    return float(np.clip(ndtri(accuracy), -CERTAIN, CERTAIN))


def _normal(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    return rng.standard_normal(shape)


def _signs(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    return 2 * rng.integers(0, 2, shape).astype(float) - 1


def _student(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    return rng.standard_t(FREEDOM, shape) * math.sqrt(1 - 2 / FREEDOM)


def _spike(strength: Callable[[int], float]) -> Callable[[int], Array]:
    """I + strength·vvᵀ, scaled to the mean variance 1."""

    def profile(d: int) -> Array:
        variances = np.ones(d)
        variances[0] += strength(d)
        return np.asarray(variances * (d / variances.sum()))

    return profile


def _graded(d: int) -> Array:
    variances = np.where(np.arange(d) < d // 2, _SPREAD, 1.0)
    return np.asarray(variances * (d / variances.sum()))


def _bulk(setting: Setting) -> Setting:
    return replace(setting, sigma=setting.sigma * math.sqrt(0.5))


def _effective(setting: Setting) -> Setting:
    """Fewer features of more variance: the same Σ λ and Σ λ² of the covariance."""
    second = float((_graded(setting.d) ** 2).mean())
    d = round(setting.d / second)
    return replace(setting, d=d, sigma=setting.sigma * math.sqrt(setting.d / d))


ENSEMBLES: dict[str, Ensemble] = {
    "gaussian": Ensemble("independent normal", True, _normal),
    "rademacher": Ensemble("independent signs", True, _signs),
    "student": Ensemble("independent Student t, 5 degrees of freedom", True, _student),
    "spiked": Ensemble(
        "normal, one direction with 11 times the others' variance",
        True,
        _normal,
        _spike(lambda d: _STRENGTH),
    ),
    "dominant": Ensemble(
        "normal, one direction with half of all variance",
        False,
        _normal,
        _spike(float),
        equivalent=_bulk,
        equivalent_words="the other directions alone, κ/2",
    ),
    "graded": Ensemble(
        "normal, half of the directions with 9 times the others' variance",
        False,
        _normal,
        _graded,
        equivalent=_effective,
        equivalent_words="isotropic with the same Σλ and Σλ² of the covariance",
    ),
    "student-rows": Ensemble(
        "multivariate Student t, 5 degrees of freedom: a scale per example",
        False,
        _normal,
        rowwise=True,
    ),
}
"""By name. A spike's direction does not matter: normal features have no other preferred one."""
