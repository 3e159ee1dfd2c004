"""A setting and an objective as arrays over cells: what every formula of the theory works on."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import NDArray
from scipy.special import expit

from .accuracy import GroupAccuracy
from .errors import NotSeparableError, SettingError
from .objective import Objective
from .results import Solution, Trajectory
from .setting import MAJORITY, MINORITY, Setting

__all__ = ["NODES", "CellSystem", "cell_system", "not_separable_in_plane"]

NODES = 15
_PARALLEL = 1e-280

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CellSystem:
    """Cells (or quadrature nodes of noisy cells) with an objective's three numbers.

    Attributes
    ----------
    means : array (K, 2)
        u, in the coordinates (core, spurious feature γ·x_a).
    shares, weight, shift, scale : arrays (K,)
        π (count/n), q, s, Δ.
    groups : integer array (K,)
        Observed groups.
    variance : array (2,)
        Feature variances (σ_y², γ²σ_a²) not already spread over nodes.
    kappa : float
        κ = σ²d/n.
    """

    means: Array
    shares: Array
    weight: Array
    shift: Array
    scale: Array
    groups: NDArray[np.int64]
    variance: Array
    kappa: float

    @property
    def target(self) -> Array:
        """1/Δ, the margin a support vector has in the limit."""
        return 1 / self.scale

    def matrix(self) -> Array:
        """K_gh = (u_gᵀu_h)·π_h + κ·1{g = h}, acting on κ-scaled dual weights."""
        overlaps: Array = (self.means @ self.means.T) * self.shares
        return overlaps + self.kappa * np.eye(len(self.shares))

    def weighted(self) -> CellSystem:
        """Without the cells of weight zero, which the limit does not see."""
        kept = self.weight > 0
        per_cell = ("means", "shares", "weight", "shift", "scale", "groups")
        return replace(self, **{name: getattr(self, name)[kept] for name in per_cell})

    def plane(self, dual: Array) -> Array:
        """(w_y, w_a) = Σ π_g α_g u_g of κ-scaled dual weights (..., K)."""
        return np.asarray((dual * self.shares) @ self.means)

    def memory(self, dual: Array) -> Array:
        """‖w_ε‖ = √(κ Σ π_g α_g²) of κ-scaled dual weights (..., K)."""
        return np.asarray(np.sqrt(self.kappa * ((dual**2) @ self.shares)))

    def loss(self, margins: Array) -> Array:
        """ℓ = Σ π_g q_g log(1 + exp(−Δ_g m_g − s_g)) of margins (..., K)."""
        terms = np.logaddexp(0, -self.scale * margins - self.shift)
        return np.asarray(terms @ (self.shares * self.weight))

    def residual(self, margins: Array) -> tuple[Array, Array]:
        """r = qΔ·sigmoid(−Δm − s) and dr/dm of margins (..., K)."""
        argument = -self.scale * margins - self.shift
        push = self.weight * self.scale * expit(argument)
        return push, -push * self.scale * expit(-argument)

    def first_speed(self, strength: float) -> float:
        """About how fast the first margins move, in units of what turns a residual; at least λ."""
        rate = self.weight * self.scale
        overlap = np.abs(self.means @ self.plane(rate)) + self.kappa * rate
        return max(float((self.scale * overlap).max()), strength, 1e-12)

    def by_group(self, right: Array | NDArray[np.bool_]) -> GroupAccuracy[Array]:
        """Accuracy per observed group from shares that are right (..., K); 1 of an empty group."""

        def of(group: int) -> Array:
            inside = self.shares * (self.groups == group)
            if not inside.any():
                return np.ones(right.shape[:-1])
            # In the order of the other sum: 1 where all are right.
            return np.asarray((right * inside).sum(axis=-1) / inside.sum())

        majority_share = float(self.shares[self.groups == MAJORITY].sum())
        return GroupAccuracy.of(of(MAJORITY), of(MINORITY), majority_share)

    def solution(self, dual: Array, margins: Array) -> Solution:
        """A `Solution` from κ-scaled dual weights and margins of the cells."""
        core, spurious = self.plane(dual)
        return Solution(
            float(core),
            float(spurious),
            float(self.memory(dual)),
            dual=dual,
            margins=margins,
            shares=self.shares,
            support=float(self.shares[dual > 0].sum()),
        )

    def trajectory(
        self,
        times: Array,
        plane: Array,
        dual: Array | None,
        margins: Array,
        name: str,
        strengths: Array | None = None,
    ) -> Trajectory:
        """A `Trajectory` from plane weights (T, 2), dual weights and margins of the cells."""
        return Trajectory(
            times=times,
            core=plane[:, 0],
            spurious=plane[:, 1],
            memory=np.zeros(len(times)) if dual is None else self.memory(dual),
            loss=self.loss(margins),
            train=self.by_group(margins > 0),
            dual=dual,
            margins=margins,
            shares=self.shares,
            name=name,
            strengths=strengths,
        )

    @property
    def feature_size(self) -> Array:
        """The largest |u_gj| of each plane feature, 1 where that is next to nothing."""
        size = np.abs(self.means).max(axis=0)
        return np.where(size > 1e-100, size, 1.0)

    def plane_max_margin(self) -> Array | None:
        """Max margin in the plane alone: min ‖v‖² with u_gᵀv ≥ 1/Δ_g, no weight on noisy features.

        Two unknowns: the optimum is the smallest feasible one among the points where one or two
        constraints are tight. None where no point is feasible.
        """
        clean = self.variance == 0
        means, target = self.means * clean, self.target
        size = (means**2).sum(axis=1)
        points = [target[i] / size[i] * means[i] for i in np.flatnonzero(size > 0)]
        for i, j in itertools.combinations(range(len(target)), 2):
            determinant = means[i, 0] * means[j, 1] - means[i, 1] * means[j, 0]
            if abs(determinant) > _PARALLEL:
                crossing = target[i] * means[j, ::-1] - target[j] * means[i, ::-1]
                points.append(crossing * (1, -1) / determinant)
        feasible = [v for v in points if (means @ v >= target * (1 - 1e-12)).all()]
        return min(feasible, key=lambda v: float(v @ v), default=None)


def cell_system(setting: Setting, objective: Objective, nodes: int | None = None) -> CellSystem:
    """The cells of a setting with an objective's numbers.

    Parameters
    ----------
    setting : Setting
    objective : Objective
        By group or the same for all (per-example numbers belong to a sample).
    nodes : int, optional
        Spread feature noise over this many Gauss–Hermite nodes per noisy feature, each a cell of
        its own; by default the noise stays in ``variance``.

    Raises
    ------
    SettingError
        The objective is per example.

    Examples
    --------
    >>> system = cell_system(Setting(10, 50, 0.9, 2.0, 1.0), Objective.erm())
    >>> system.matrix()
    array([[ 9.5, -0.3],
           [-2.7,  5.5]])
    """
    for field in ("weight", "shift", "scale"):
        if np.ndim(getattr(objective, field)) == 1:
            raise SettingError(
                field,
                getattr(objective, field),
                "by group, or one number, in the closed forms",
                "Per-example numbers belong to a sample: use pitfalls.sims.",
            )
    cells = setting.cells
    means = np.array([[c.core, c.spurious] for c in cells])
    shares = np.array([c.count / setting.n for c in cells])
    groups = np.array([c.group for c in cells])
    variance = np.array(setting.feature_variance)
    if nodes is not None:
        for axis in (0, 1):
            if variance[axis] > 0:
                points, masses = hermegauss(nodes)
                offsets = np.zeros((nodes, 2))
                offsets[:, axis] = np.sqrt(variance[axis]) * points
                means = (means[:, None] + offsets).reshape(-1, 2)
                shares = np.outer(shares, masses / masses.sum()).ravel()
                groups = np.repeat(groups, nodes)
        variance = np.zeros(2)
    weight, shift, scale = objective.resolve(groups, len(groups))
    return CellSystem(means, shares, weight, shift, scale, groups, variance, setting.kappa)


def not_separable_in_plane(system: CellSystem) -> NotSeparableError:
    """The error for κ = 0 where the plane alone separates nothing."""
    cause = "label noise" if (system.means[:, 0] < 0).any() else "feature noise"
    return NotSeparableError(
        f"sigma = 0 or d = 0 leaves no example-specific features, and {cause} makes the plane "
        "alone inseparable: there is no max margin. Give sigma > 0 and d > 0, or remove the noise.",
        evidence=0.0,
    )
