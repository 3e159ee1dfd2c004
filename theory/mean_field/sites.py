"""Sites: independent copies of the limit's random process, and the isometry T on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.special import ndtri
from scipy.stats import qmc

from ..cells import CellSystem
from .isometry import Isometry

__all__ = ["Sites", "State"]

Array: TypeAlias = NDArray[np.float64]

_DIMENSIONS = 128
"""Functions ψ at most."""
_SOBOL = 24
"""So many ξ come from Sobol points: the first explain most, and thousands of points are too few to
be spread evenly in more."""


class State(NamedTuple):
    """What is integrated: v, x (its last entry the start's own direction) and the dual weights.

    Examples
    --------
    >>> rest = State(np.zeros(2), np.zeros(5), np.zeros(4))
    >>> rest.plus(0.5, rest._replace(plane=np.ones(2))).plane
    array([0.5, 0.5])
    """

    plane: Array
    memory: Array
    dual: Array

    def plus(self, factor: float, other: State) -> State:
        """The sum with so many times the other."""
        return State(*(mine + factor * its for mine, its in zip(self, other, strict=True)))


def _normals(count: int, noisy: int, fresh: int, rng: np.random.Generator) -> Array:
    """Noise of the features, then ξ, then fresh ones, of a cell's sites: (count, columns).

    As far as the sites are many enough, columns have mean 0, variance 1 and no correlation exactly:
    T is an isometry on them.
    """
    few = qmc.Sobol(noisy + _SOBOL, scramble=True, rng=rng).random(count)
    more = rng.standard_normal((count, _DIMENSIONS - _SOBOL + fresh))
    normal = np.hstack((ndtri(np.clip(few, 1e-12, 1 - 1e-12)), more))
    exact = min(normal.shape[1], count // 4)
    if exact:
        centred = normal[:, :exact] - normal[:, :exact].mean(axis=0)
        factor = cholesky(centred.T @ centred / count, lower=True)
        normal[:, :exact] = solve_triangular(factor, centred.T, lower=True).T
    return normal


class Sites:
    """One set of sites, as cells of one example each, and the isometry T as far as it is known.

    Parameters
    ----------
    system : CellSystem
    sigma, strength : float
        σ and the ridge strength λ.
    count : int
        Sites of each cell.
    seed : sequence of int
    fresh : int
        Further normals of the sites, which T does not use.

    Examples
    --------
    >>> from pitfalls.theory import Objective, Setting
    >>> from pitfalls.theory.cells import cell_system
    >>> system = cell_system(Setting(1000, 2000, 0.9, 5.0, 0.5), Objective.erm())
    >>> sites = Sites(system, 0.5, 0.0, 512, (0,))
    >>> state = sites.start((0.1, 0.0, 2.0))
    >>> field = sites.margins(state) - 0.1    # σ times the start's norm, by independent normals
    >>> round(float(sites.cells.shares @ field**2), 9)
    1.0
    """

    def __init__(
        self,
        system: CellSystem,
        sigma: float,
        strength: float,
        count: int,
        seed: Sequence[int],
        fresh: int = 0,
    ) -> None:
        cells = len(system.shares)
        noisy = np.flatnonzero(system.variance > 0)
        normal = np.concatenate(
            [
                _normals(count, len(noisy), fresh, np.random.default_rng([*seed, cell]))
                for cell in range(cells)
            ]
        )
        means = np.repeat(system.means, count, axis=0)
        means[:, noisy] += np.sqrt(system.variance[noisy]) * normal[:, : len(noisy)]
        xi = np.ascontiguousarray(normal[:, len(noisy) :].T)
        self.fresh = xi[_DIMENSIONS:]
        self.cells = replace(
            system,
            means=means,
            shares=np.repeat(system.shares / count, count),
            weight=np.repeat(system.weight, count),
            shift=np.repeat(system.shift, count),
            scale=np.repeat(system.scale, count),
            groups=np.repeat(system.groups, count),
            variance=np.zeros(2),
        )
        self.pull = self.cells.shares[:, None] * means
        self.root, self.sigma, self.strength = np.sqrt(system.kappa), sigma, strength
        self.turn = Isometry(xi[:_DIMENSIONS], self.cells.shares)
        self.measure = self.turn.measure

    def start(self, initial: tuple[float, float, float]) -> State:
        """The state at t = 0, of w(0) = (core, spurious, ‖w_ε‖)."""
        core, spurious, norm = initial
        memory = np.zeros(len(self.measure))
        memory[-1] = norm
        if norm > 0:
            self.turn.learn(memory)
        return State(np.array([core, spurious]), memory, np.zeros(len(self.cells.shares)))

    def velocity(self, state: State, push: Array) -> State:
        """The equations of motion, given r."""
        decay = self.strength
        memory = self.sigma * self.turn.adjoint(push) - decay * state.memory
        memory[:-1] += self.root * push
        return State(push @ self.pull - decay * state.plane, memory, push - decay * state.dual)

    def field(self, memory: Array, keep: bool = False) -> Array:
        """√κ x + σ T x; with ``keep`` T remembers what it has not met."""
        return np.asarray(self.root * memory[:-1] + self.sigma * self.turn.of(memory, keep))

    def margins(self, state: State, keep: bool = False) -> Array:
        """u·v + √κ x + σ T x."""
        return np.asarray(self.cells.means @ state.plane + self.field(state.memory, keep))

    def stiffness(self, slope: Array) -> float:
        """Bound on the rate at which a margin acts back on itself: (√κ + σ)²·max|dr/dm| + λ."""
        reach = (self.root + self.sigma) ** 2
        return float(reach * np.abs(slope).max() + self.strength)
