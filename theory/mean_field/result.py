"""What the limit knows of a training run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import PitfallsError
from ..results import Trajectory

__all__ = ["MeanField"]

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MeanField(Trajectory):
    """A trajectory in the proportional limit, and what only the limit knows.

    Means over independent sets of sites; ``margins`` and ``dual`` (κ-scaled) are those of all
    sites, with their ``shares``: the law of an example's margin at each time.

    Attributes
    ----------
    sets : tuple of Trajectory
        One for each set of sites.
    correlation : array (T, T), or None
        w_ε(t)·w_ε(t′).
    response : array (T, T), or None
        A(t, t′): what is left at t of a push to the memory weights at t′ ≤ t, along its own
        direction; 1 where t = t′, and 0 for t < t′. With t′ = 0 it is what is left of a random
        start.
    groups : integer array
        Observed group of each site.

    Examples
    --------
    >>> from pitfalls.theory import Objective, Setting, proportional
    >>> run = proportional.flow(Setting.figure_1(), Objective.erm(), [10.0], sets=2, sites=256)
    >>> len(run.sets), run.correlation.shape
    (2, (1, 1))
    """

    sets: tuple[Trajectory, ...] = ()
    correlation: Array | None = None
    response: Array | None = None
    groups: NDArray[np.int64] | None = None

    def standard_error(self, quantity: Callable[[Trajectory], ArrayLike]) -> Array:
        """Standard error of a quantity's mean over the sets.

        Parameters
        ----------
        quantity : callable
            From a trajectory to numbers.

        Raises
        ------
        PitfallsError
            There is only one set.

        Examples
        --------
        >>> from pitfalls.theory import Objective, Setting, proportional
        >>> setting = Setting.figure_1()
        >>> run = proportional.flow(setting, Objective.erm(), [10.0], sets=4, sites=512)
        >>> bool(run.standard_error(lambda each: each.accuracy(setting).minority) < 0.001)
        True
        """
        if len(self.sets) < 2:
            raise PitfallsError("a standard error needs two sets of sites or more: give sets=2.")
        values = np.array([quantity(each) for each in self.sets], dtype=float)
        return np.asarray(values.std(axis=0, ddof=1) / np.sqrt(len(values)))
