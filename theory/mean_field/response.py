"""What is left at t of a push to the memory weights at t′."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .isometry import Isometry
from .sites import Sites

__all__ = ["Response"]

Array: TypeAlias = NDArray[np.float64]

_LONGEST = 0.25
"""Turns of the fastest margin in a step."""


class Response:
    """A(t, t′) for every push so far.

    A push in a direction of its own at t′ makes x grow by δx, whose part along that direction is 1
    at t′ and A(t, t′) at t. In first order δx follows the equations linearised,

        δm = √κ δx + σ T δx,   d/dt δx = √κ r′δm + σ T*(r′δm) − λ δx,

    r′ = dr/dm ≤ 0 on the way as it is. δx is orthogonal to all that x has been, and T takes it to
    normals that the sites have not met: v stays, and each push has a basis of its own. Runge–Kutta
    steps along a flow, Euler's along descent, whose own steps they are.

    Limits: e^{−λ(t − t′)} as δ → ∞; without decay never below 1 − 1/δ, the part of a direction that
    no example sees. Check (all r′ = −1, κ = σ² = 1, thus δ = 1): the mean of e^{−xt} over the law
    of Marchenko and Pastur, 0.524 at t = 1.

    Parameters
    ----------
    sites : Sites

    Examples
    --------
    >>> from pitfalls.theory import Objective, Setting
    >>> from pitfalls.theory.cells import cell_system
    >>> system = cell_system(Setting(1000, 1000, 0.5, 1.0, 1.0), Objective.erm())
    >>> sites = Sites(system, 1.0, 0.0, 1024, (0,), fresh=32)
    >>> left, slope = Response(sites), -np.ones(2048)
    >>> left.to(0.0, slope)
    >>> left.push()
    >>> left.to(1.0, slope)
    >>> left.remaining.round(2)
    array([0.52])
    """

    def __init__(self, sites: Sites) -> None:
        self._sites = sites
        self._time = 0.0
        self._slope = np.zeros(len(sites.cells.shares))
        self._pushes: list[tuple[Array, Isometry]] = []

    @property
    def remaining(self) -> Array:
        """A(t, t′) of all pushes, now.

        Examples
        --------
        See the class.
        """
        return np.array([change[-1] for change, _ in self._pushes])

    def push(self) -> None:
        """Start one more push now."""
        change = np.zeros(len(self._sites.cells.shares) + 1)
        change[-1] = 1.0
        turn = Isometry(self._sites.fresh, self._sites.cells.shares)
        turn.learn(change)
        self._pushes.append((change, turn))

    def to(self, time: float, slope: Array) -> None:
        """Advance to ``time``, dr/dm linear in time from its last value to ``slope``."""
        length = time - self._time
        before, self._time, self._slope = self._slope, time, slope
        if length <= 0:
            return
        fastest = max(self._sites.stiffness(before), self._sites.stiffness(slope))
        parts = math.ceil(length * fastest / _LONGEST)
        steep = [before + (slope - before) * k / (2 * parts) for k in range(2 * parts + 1)]
        for part in range(parts):
            three = steep[2 * part : 2 * part + 3]
            self._pushes = [
                (self._runge_kutta(length / parts, three, *each), each[1]) for each in self._pushes
            ]

    def euler(self, rate: float, slope: Array) -> None:
        """One step of gradient descent."""
        self._pushes = [
            (change + rate * self._speed(slope, change, turn, keep=True), turn)
            for change, turn in self._pushes
        ]

    def _speed(self, slope: Array, change: Array, turn: Isometry, keep: bool = False) -> Array:
        sites = self._sites
        push = slope * (sites.root * change[:-1] + sites.sigma * turn.of(change, keep))
        speed = sites.sigma * turn.adjoint(push) - sites.strength * change
        speed[:-1] += sites.root * push
        return speed

    def _runge_kutta(self, h: float, slopes: list[Array], change: Array, turn: Isometry) -> Array:
        first, middle, last = slopes
        a = self._speed(first, change, turn, keep=True)
        b = self._speed(middle, change + h / 2 * a, turn)
        c = self._speed(middle, change + h / 2 * b, turn)
        d = self._speed(last, change + h * c, turn)
        return np.asarray(change + h / 6 * (a + 2 * b + 2 * c + d))
