"""Newton's systems along a path: few factorisations serve many matrices."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError

from .frames import Frame, Solve

__all__ = ["Newton"]

Array: TypeAlias = NDArray[np.float64]

# Beyond this condition number, times the change since the factorisation, iterations lose themselves
# in rounding.
_HARDEST = 1e12


class Newton:
    """Newton's steps with the matrices 1 + Σ d_i z_i z_iᵀ of one curvature d after another.

    By conjugate gradients, preconditioned by the last matrix that was factorised. If curvatures
    changed by factors in [a, b] since then, a ≤ 1 ≤ b, the condition number is at most b/a, and a
    few examples that changed by more cost an iteration each. When the iterations with one
    factorised matrix have cost as much time as it did, the next is factorised, as one buys skis
    when the rent has reached their price.

    Attributes
    ----------
    frame : Frame
        The coordinates of all x: others once these suit a curvature badly.

    Examples
    --------
    >>> from pitfalls.sims import Sample
    >>> from pitfalls.sims.frames import frame_of
    >>> newton = Newton(frame_of(Sample.from_arrays([[3.0, 4.0], [0.0, 1.0]], [1, 1])))
    >>> x = newton.frame.pull(np.zeros(2))
    >>> for curvature in ([1.0, 0.0], [2.0, 0.0]):
    ...     x, step = newton.step(np.array(curvature), np.array([51.0, 0.0]), x, accuracy=1e-9)
    ...     newton.frame.margins(step).round(9)
    array([49.03846154,  7.84615385])
    array([25.,  4.])
    """

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self._factorised: Solve | None = None
        self._stiffness = np.ones(0)
        self._left = 0

    def step(self, curvature: Array, dual: Array, x: Array, accuracy: float) -> tuple[Array, Array]:
        """x, which a change of frame changes, and the solution for Σ α_i z_i − x.

        ``accuracy`` is the share of the solution that may be missing, about, in the matrix's norm.

        Raises
        ------
        PitfallsError
            No frame suits this curvature.
        """
        try:
            return x, self._solved(curvature, self.frame.missing(x, dual), accuracy)
        except LinAlgError:
            self.frame, x = self.frame.adapted(curvature, x)
            return x, self._solved(curvature, self.frame.missing(x, dual), accuracy)

    def _solved(self, curvature: Array, x: Array, accuracy: float) -> Array:
        found = self._iterated(curvature, x, accuracy)
        if found is None:
            # The old matrix goes before the new one comes: there is memory for one.
            self._factorised = None
            self._factorised, self._left = self.frame.newton(curvature), self.frame.worth
            self._stiffness = self._stiffnesses(curvature)
            found = self._factorised(x)
        return found

    def _stiffnesses(self, curvature: Array) -> Array:
        """What the matrix is along each example, at least."""
        return 1 + curvature * self.frame.lengths**2

    def _iterated(self, curvature: Array, x: Array, accuracy: float) -> Array | None:
        """None where another iteration would cost more than a factorisation."""
        if self._factorised is None or self._left == 0:
            return None
        stiffness = self._stiffnesses(curvature)
        changed = stiffness / self._stiffness
        if not stiffness.max() * changed.max(initial=1.0) <= _HARDEST * changed.min(initial=1.0):
            return None
        found, rest = np.zeros_like(x), x
        nearer = self._factorised(rest)
        along, size = nearer, self.frame.inner(rest, nearer)
        goal = accuracy**2 * size
        while not abs(size) <= goal:
            image = along + self.frame.pull(curvature * self.frame.margins(along))
            bend = self.frame.inner(along, image)
            if self._left == 0 or not (bend > 0 and size > 0):
                return None
            self._left -= 1
            found = found + size / bend * along
            rest = rest - size / bend * image
            nearer = self._factorised(rest)
            before, size = size, self.frame.inner(rest, nearer)
            along = nearer + size / before * along
        return found
