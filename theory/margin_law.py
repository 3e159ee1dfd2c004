"""How training margins are distributed at the max margin, in the proportional limit (P9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from .cells import CellSystem
from .hinge import hinge
from .results import Solution

__all__ = ["MarginLaw", "law_of"]

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MarginLaw:
    """Margins of the training examples of each cell at the max margin (P9).

    Held out, an example of cell g has a Gaussian margin h of this mean and deviation. Trained on,
    it has max(1/Δ_g, h), and the κ-scaled dual weight α = (1/Δ_g − h)₊/θ.

    Attributes
    ----------
    means : array (K,)
        m_g = u_gᵀv.
    deviation : float
        τ, the same for all cells.
    targets : array (K,)
        1/Δ_g, the margin of a support vector.
    shares : array (K,)
        π (count/n).
    groups : integer array (K,)
        Observed groups.
    own_memory : float
        θ = κ(1 − p/δ), p the share of support vectors: the memory a support vector has to itself,
        1/(n·[G⁻¹]_ii) over the support vectors; κ for d/n → ∞.

    Examples
    --------
    >>> from pitfalls.theory import Setting, proportional
    >>> law = proportional.margin_law(Setting(1000, 1798, 0.9, 5.0, 0.5, 0.12, 0.12))
    >>> law.support.round(4), round(law.own_memory / 0.4495, 4)
    (array([0.4999, 0.9994]), 0.6942)
    """

    means: Array
    deviation: float
    targets: Array
    shares: Array
    groups: NDArray[np.int64]
    own_memory: float

    @property
    def support(self) -> Array:
        """Share of each cell's examples that are support vectors, Φ((1/Δ_g − m_g)/τ).

        Examples
        --------
        >>> law = MarginLaw(np.ones(1), 0.5, np.ones(1), np.ones(1), np.ones(1, int), 1.0)
        >>> law.support
        array([0.5])
        """
        return self._at(self.targets)

    @property
    def self_influence(self) -> Array:
        """Mean of what an example adds to its own margin, E[(1/Δ_g − h)₊] for each cell.

        Examples
        --------
        >>> law = MarginLaw(np.zeros(1), 1e-9, np.ones(1), np.ones(1), np.ones(1, int), 1.0)
        >>> law.self_influence
        array([1.])
        """
        gap = self.targets - self.means
        return hinge(gap, np.full(len(gap), self.deviation**2)).first

    @property
    def memorization(self) -> Array:
        """Mean memorisation score: right when trained on, less right when held out, P(h ≤ 0).

        Examples
        --------
        >>> law = MarginLaw(np.zeros(1), 1.0, np.ones(1), np.ones(1), np.ones(1, int), 1.0)
        >>> law.memorization
        array([0.5])
        """
        return self._at(np.zeros(len(self.means)))

    def cdf(self, margins: ArrayLike) -> Array:
        """P(margin ≤ x) of a training example of each cell.

        Parameters
        ----------
        margins : array_like (M,)

        Returns
        -------
        array (K, M)
            With a jump at 1/Δ_g, the support vectors.

        Examples
        --------
        >>> law = MarginLaw(np.ones(1), 0.5, np.ones(1), np.ones(1), np.ones(1, int), 1.0)
        >>> law.cdf([0.9, 1.0, 1.5]).round(3)
        array([[0.   , 0.5  , 0.841]])
        """
        x = np.atleast_1d(np.asarray(margins, dtype=float))
        below = x[None] < self.targets[:, None]
        return np.asarray(np.where(below, 0.0, self._at(x[None], self.means[:, None])))

    def _at(self, x: Array, means: Array | None = None) -> Array:
        """P(h ≤ x)."""
        gap = x - (self.means if means is None else means)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(gap == 0, 0.0, gap / self.deviation)
        return np.asarray(ndtr(ratio))


def law_of(system: CellSystem, solution: Solution, sigma: float, delta: float) -> MarginLaw:
    """The law at a solution of P9.

    Examples
    --------
    >>> from pitfalls.theory import Objective, Setting
    >>> from pitfalls.theory.cells import cell_system
    >>> system = cell_system(Setting(10, 20, 0.5, 1.0, 1.0), Objective.erm())
    >>> law_of(system, Solution(0.5, 0.0, 0.5, support=0.5), 1.0, 2.0).own_memory
    1.5
    """
    plane = np.array([solution.core, solution.spurious])
    variance = (sigma * solution.memory) ** 2 + float(system.variance @ plane**2)
    share = solution.support or 0.0
    own = system.kappa * (1 - share / delta) if delta > 0 else 0.0
    return MarginLaw(
        means=system.means @ plane,
        deviation=float(np.sqrt(variance)),
        targets=system.target,
        shares=system.shares,
        groups=system.groups,
        own_memory=own,
    )
