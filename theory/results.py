"""What every solver returns: three coordinates, whoever computed them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .accuracy import GroupAccuracy, GroupScore, group_accuracy, group_score
from .errors import PitfallsError
from .setting import Setting

__all__ = ["Solution", "Trajectory", "angle"]

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Solution:
    """One weight vector in the coordinates (w_y, w_a, ‖w_ε‖).

    Parameters
    ----------
    core : float
        w_y, the coefficient on x_y.
    spurious : float
        w_a, the coefficient on γ·x_a (its effect on a margin is γ·w_a).
    memory : float
        ‖w_ε‖.
    dual : array, optional
        Dual weights: of each example, (n,), with w = Σ α_i z_i; or, where ``shares`` is given, the
        κ-scaled ones of each cell (n times the dual weight of one example).
    margins : array, optional
        Training margin of each example or cell.
    shares : array, optional
        Share π of each cell; None for examples.
    support : float, optional
        Share of training examples that are support vectors.
    kkt_residual : float, optional
        Certificate of a numerical max margin: the largest relative violation of its optimality
        conditions.
    weights : array (p,), optional
        All weights, the plane's two first, where a solver has them instead of dual weights.

    Examples
    --------
    >>> w = Solution(core=0.6, spurious=0.1, memory=0.5)
    >>> round(w.accuracy(Setting(n=10, d=50, rho=0.9, gamma=5.0, sigma=0.5)).minority, 6)
    0.655422
    """

    core: float
    spurious: float
    memory: float
    dual: Array | None = None
    margins: Array | None = None
    shares: Array | None = None
    support: float | None = None
    kkt_residual: float | None = None
    weights: Array | None = None

    @property
    def coordinates(self) -> Array:
        """The array (w_y, w_a, ‖w_ε‖).

        Examples
        --------
        >>> Solution(1.0, 2.0, 3.0).coordinates - Solution(1.0, 1.0, 1.0).coordinates
        array([0., 1., 2.])
        """
        return np.array([self.core, self.spurious, self.memory])

    @property
    def norm(self) -> float:
        """‖w‖.

        Examples
        --------
        >>> Solution(3.0, 0.0, 4.0).norm
        5.0
        """
        return float(np.linalg.norm(self.coordinates))

    def score(self, setting: Setting) -> GroupScore:
        """The probits of `accuracy`, as floats; see `group_score`.

        Examples
        --------
        >>> Solution(0.6, 0.1, 0.1).score(Setting(9, 9, 0.9, 5.0, 1.0)).majority
        11.0
        """
        return group_score(self.core, self.spurious, self.memory, setting)

    def accuracy(self, setting: Setting) -> GroupAccuracy[float]:
        """Closed-form test accuracies in a setting; see `group_accuracy`.

        Examples
        --------
        >>> Solution(1.0, 0.0, 0.0).accuracy(Setting(9, 9, 0.9, 5.0, 0.5)).worst
        1.0
        """
        return group_accuracy(self.core, self.spurious, self.memory, setting)


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Training over time, in the coordinates of `Solution`.

    Attributes
    ----------
    times : array (T,)
        Gradient-flow time: binary learning rate × steps.
    core, spurious, memory, loss : arrays (T,)
        w_y, w_a, ‖w_ε‖ and the training objective ℓ(w).
    train : GroupAccuracy of arrays (T,)
        Accuracy on the training set to training labels, by observed group. An empty group scores
        1: nothing in it is wrong.
    dual, margins : arrays (T, n) or (T, cells), or None
        Dual weights and training margins, as in `Solution`.
    shares : array (cells,), optional
        Shares of the cells; None for examples.
    name : str
        The objective's name.
    strengths : array (T,), optional
        Ridge strengths λ of a ridge path; times are then e^{W(1/λ)}, the time that λ plays (P11).
    weights : array (T, p), optional
        The weights, the plane's two first, where a solver has them instead of dual weights; see
        `pitfalls.sims.Sample.weights`.

    Examples
    --------
    >>> one = np.ones(2)
    >>> right = GroupAccuracy.of(one, one, 1.0)
    >>> run = Trajectory(np.array([1.0, 2.0]), one, 0 * one, one, one, right)
    >>> run.accuracy(Setting(n=10, d=50, rho=0.9, gamma=5.0, sigma=0.5)).minority.round(6)
    array([0.97725, 0.97725])
    """

    times: Array
    core: Array
    spurious: Array
    memory: Array
    loss: Array
    train: GroupAccuracy[Array]
    dual: Array | None = None
    margins: Array | None = None
    shares: Array | None = None
    name: str = ""
    strengths: Array | None = None
    weights: Array | None = None

    def __len__(self) -> int:
        return len(self.times)

    @property
    def coordinates(self) -> Array:
        """Array (T, 3) of (w_y, w_a, ‖w_ε‖).

        Examples
        --------
        >>> one = np.ones(1)
        >>> Trajectory(one, one, 2 * one, 3 * one, one, GroupAccuracy.of(one, one, 1.0)).coordinates
        array([[1., 2., 3.]])
        """
        return np.column_stack((self.core, self.spurious, self.memory))

    def at(self, index: int) -> Solution:
        """The weights at one recorded time, by index.

        Examples
        --------
        >>> one = np.ones(1)
        >>> Trajectory(one, one, 2 * one, one, one, GroupAccuracy.of(one, one, 1.0)).at(-1).spurious
        2.0
        """
        return Solution(
            core=float(self.core[index]),
            spurious=float(self.spurious[index]),
            memory=float(self.memory[index]),
            dual=None if self.dual is None else self.dual[index],
            margins=None if self.margins is None else self.margins[index],
            shares=self.shares,
            weights=None if self.weights is None else self.weights[index],
        )

    def score(self, setting: Setting) -> GroupScore:
        """The probits of `accuracy`, over time; see `group_score`.

        Examples
        --------
        >>> one = np.ones(1)
        >>> run = Trajectory(one, one, 0 * one, one, one, GroupAccuracy.of(one, one, 1.0))
        >>> run.score(Setting(9, 9, 0.9, 5.0, 0.5)).minority
        array([2.])
        """
        return group_score(self.core, self.spurious, self.memory, setting)

    def accuracy(self, setting: Setting) -> GroupAccuracy[Array]:
        """Closed-form test accuracies over time; see `group_accuracy`.

        Examples
        --------
        >>> one = np.ones(1)
        >>> run = Trajectory(one, one, 0 * one, 0 * one, one, GroupAccuracy.of(one, one, 1.0))
        >>> run.accuracy(Setting(9, 9, 0.9, 5.0, 0.5)).worst
        array([1.])
        """
        return group_accuracy(self.core, self.spurious, self.memory, setting)

    def angle(self, solution: Solution) -> Array:
        """Angle in degrees between w(t) and a solution on the same data; see `angle`.

        Parameters
        ----------
        solution : Solution
            With dual weights: a max margin of the same sample or setting.

        Returns
        -------
        array (T,)
            Degrees; 90 where w(t) = 0.

        Raises
        ------
        PitfallsError
            Margins or dual weights are missing, or belong to another sample.

        Examples
        --------
        >>> from pitfalls.theory import Objective, orthogonal
        >>> setting = Setting(n=100, d=2500, rho=0.9, gamma=5.0, sigma=1.0)
        >>> run = orthogonal.flow(setting, Objective.erm(), [1e2, 1e8])
        >>> run.angle(orthogonal.max_margin(setting)).round(3)
        array([1.876, 0.698])
        """
        return np.array([angle(self.at(i), solution) for i in range(len(self))])


def angle(first: Solution, second: Solution) -> float:
    """Angle in degrees between two weight vectors on the same data, in all 2 + d dimensions.

    The norms of the memory parts do not fix the angle between them; the training set does:
    w₁·w₂ = Σ_i α_i(w₂)·m_i(w₁), whatever w₁'s start (w₂ must be a combination of the examples).

    Parameters
    ----------
    first : Solution
        With margins.
    second : Solution
        With dual weights and no part outside the span of the examples.

    Returns
    -------
    float
        Degrees in [0, 180]; 90 if either vector is zero.

    Raises
    ------
    PitfallsError
        Margins or dual weights are missing, or belong to another sample.

    Examples
    --------
    >>> one = np.array([1.0])
    >>> w = Solution(1.0, 0.0, 0.0, dual=one, margins=one)
    >>> v = Solution(0.0, 1.0, 0.0, dual=one, margins=np.array([1.0]))
    >>> angle(w, w), angle(Solution(1.0, 1.0, 0.0, margins=one), w)
    (0.0, 45.00000000000001)
    """
    margins, dual, shares = first.margins, second.dual, second.shares
    if margins is None or dual is None or margins.shape != dual.shape:
        raise PitfallsError(
            "an angle needs the training margins of the first and the dual weights of the second, "
            "of the same sample: keep them (examples=True), or compare like with like."
        )
    overlap = float((dual if shares is None else shares * dual) @ margins)
    norms = first.norm * second.norm
    return float(np.degrees(np.arccos(np.clip(overlap / norms, -1, 1)))) if norms else 90.0
