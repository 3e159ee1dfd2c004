"""The settings in which the four answers about the max margin are compared."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from ..theory import Objective, Setting, orthogonal

__all__ = ["NEAR", "SIZES", "Case", "design", "theorem_limit"]

SIZES = (100, 200, 400)
"""Examples: doubled twice. Shares of 0.01 are whole numbers of examples in each."""

NEAR = (0.7, 0.85, 1.0, 1.15, 1.3)
"""Where d/n is near the threshold: fractions of it, in the setting `near`."""

_POINTS, _STEP = 37, 14
_DELTA, _RATIO, _GAMMA, _RHO = (0.2, 1000.0), (0.2, 5.0), (0.5, 8.0), (0.6, 0.98)
# Draws of 100 examples scatter around the two thresholds in d/n, both below ½, by up to 0.05.
_CLEAR = 0.75


@dataclass(frozen=True)
class Case:
    """A setting at every n.

    Attributes
    ----------
    name : str
    delta, memory : float
        δ = d/n and κ = σ²·d/n.
    rho, gamma : float
    core_noise, spurious_noise, label_noise : float
    scale : float
        Δ_maj of vector scaling, with Δ_min = 1; 1 is ERM.

    Examples
    --------
    >>> case = Case("one", delta=2.0, memory=0.5, rho=0.9, gamma=5.0)
    >>> case.at(100).d, round(case.at(400).kappa, 12)
    (200, 0.5)
    """

    name: str
    delta: float
    memory: float
    rho: float
    gamma: float
    core_noise: float = 0.0
    spurious_noise: float = 0.0
    label_noise: float = 0.0
    scale: float = 1.0

    def at(self, n: int) -> Setting:
        """The setting with n examples.

        Examples
        --------
        >>> Case("one", 2.0, 0.5, 0.9, 5.0).at(100).sigma
        0.5
        """
        bare = Setting(
            n=n,
            d=round(n * self.delta),
            rho=self.rho,
            gamma=self.gamma,
            sigma=0.0,
            core_noise=self.core_noise,
            spurious_noise=self.spurious_noise,
            label_noise=self.label_noise,
        )
        return bare.with_memory(self.memory)

    def objective(self, setting: Setting) -> Objective:
        """ERM, or vector scaling.

        Examples
        --------
        >>> case = Case("one", 2.0, 0.5, 0.9, 5.0, scale=2.0)
        >>> case.objective(case.at(100)).scale
        {1: 2.0, 0: 1.0}
        """
        if self.scale == 1:
            return Objective.erm()
        return Objective.vector_scaling(setting, {1: self.scale, 0: 1.0})

    @property
    def ratio(self) -> float:
        """κ/κ*; 0 where κ* is infinite.

        Examples
        --------
        >>> round(Case("one", 2.0, 9 / 19, 0.9, 5.0).ratio, 12)
        1.0
        """
        return self.memory / orthogonal.critical_memory(self.rho, self.gamma)


def theorem_limit(case: Case) -> float:
    """Theorem 2.2, sharpened (P4): the minority's accuracy under ERM as d/n → ∞, without noise.

    Examples
    --------
    >>> [theorem_limit(Case("one", 2.0, kappa, 0.9, 5.0)) for kappa in (0.1, 9 / 19, 5.0)]
    [1.0, 0.5, 0.0]
    """
    if math.isclose(case.ratio, 1.0, rel_tol=1e-9):
        return 0.5
    return float(case.ratio < 1)


def _between(ends: tuple[float, float], part: float) -> float:
    return float(ends[0] * (ends[1] / ends[0]) ** part)


def _lattice() -> Iterator[Case]:
    """A Latin hypercube: a rank-1 lattice in log δ, log κ/κ*, log γ and ρ.

    Where κ* is infinite the ratio stands for κ itself. Noise takes turns, but at small d/n, where a
    threshold would be near, it is always the features'.
    """
    for i in range(_POINTS):
        parts = [(i * _STEP**k % _POINTS + 0.5) / _POINTS for k in range(4)]
        delta = _between(_DELTA, parts[0])
        delta = round(delta, 2) if delta < 10 else float(round(delta))
        kind = i % 5 if delta > _CLEAR else 1
        rho = _RHO[0] + (_RHO[1] - _RHO[0]) * parts[3]
        # Label noise of 0.1 leaves whole numbers of examples only where ρ is a multiple of 0.1.
        rho = min(round(rho, 1), 0.9) if kind in (2, 3) else round(rho, 2)
        gamma = float(f"{_between(_GAMMA, parts[2]):.2g}")
        noise = (0.12, 0.3, 0.5)[i % 3] if kind in (1, 3) else 0.0
        threshold = orthogonal.critical_memory(rho, gamma)
        yield Case(
            name=f"{i + 1:02d}",
            delta=delta,
            memory=_between(_RATIO, parts[1]) * (threshold if threshold < math.inf else 1.0),
            rho=rho,
            gamma=gamma,
            core_noise=noise,
            spurious_noise=noise,
            label_noise=0.1 if kind in (2, 3) else 0.0,
            scale=(1 / 3, 2.0, 4.0)[i % 3] if kind == 4 else 1.0,
        )


def _corners() -> Iterator[tuple[float, float, float, float, float, float, float]]:
    """By hand: d/n, κ/κ* (κ where κ* = ∞), γ, ρ, feature noise, label noise, scale."""
    # The ends of every range at once.
    yield 1000, 5.0, 8.0, 0.98, 0.0, 0.0, 1
    yield 1000, 0.2, 8.0, 0.6, 0.0, 0.0, 1
    yield 1000, 0.2, 0.5, 0.98, 0.3, 0.0, 1
    yield 0.2, 5.0, 8.0, 0.6, 0.3, 0.0, 1
    yield 0.2, 0.2, 0.5, 0.6, 0.12, 0.0, 1
    # Exactly κ*: the theorem's ½.
    yield 1000, 1.0, 5.0, 0.9, 0.0, 0.0, 1
    # The paper's Figure 1, near enough.
    yield 1.8, 0.95, 5.0, 0.9, 0.12, 0.0, 1
    # So few features that nothing is memorised.
    yield 0.2, 5.0, 3.0, 0.6, 0.0, 0.0, 1
    # Much noise of both kinds, and a scale.
    yield 4, 2.0, 2.0, 0.8, 0.5, 0.2, 1
    yield 2, 2.0, 5.0, 0.9, 0.12, 0.1, 3
    # Not separable.
    yield 0.2, 0.5, 2.0, 0.6, 0.0, 0.3, 1
    yield 0.2, 5.0, 2.0, 0.7, 0.3, 0.3, 1
    yield 0.2, 1.0, 8.0, 0.6, 0.5, 0.4, 1
    yield 0.24, 1.0, 0.5, 0.6, 0.5, 0.5, 1
    yield 0.2, 2.0, 4.0, 0.8, 0.5, 0.4, 2


def design() -> list[Case]:
    """All settings, the same in every run.

    Examples
    --------
    >>> cases = design()
    >>> len(cases), cases[0].delta, cases[-1].label_noise
    (52, 0.22, 0.4)
    """
    cases = list(_lattice())
    for delta, ratio, gamma, rho, feature_noise, label_noise, scale in _corners():
        threshold = orthogonal.critical_memory(rho, gamma)
        cases.append(
            Case(
                name=f"{len(cases) + 1:02d}",
                delta=delta,
                memory=ratio * (threshold if threshold < math.inf else 1.0),
                rho=rho,
                gamma=gamma,
                core_noise=feature_noise,
                spurious_noise=feature_noise,
                label_noise=label_noise,
                scale=scale,
            )
        )
    return cases
