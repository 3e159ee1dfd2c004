"""Leave-one-out: what a training example adds to its own margin, per cell (P10).

On orthogonal data, of any n. The example held out is left out of the sums over examples, with all
else as it was: q_i = 0 in (1/n) Σ q_i log(1 + exp(−Δ_i m_i − s_i)).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arguments import checked_times
from .cells import CellSystem, cell_system
from .dynamics import integrate
from .errors import PitfallsError
from .objective import Objective
from .setting import MAJORITY, MINORITY, Setting
from .squared_hinge import minimum

__all__ = ["LeaveOneOut", "leave_one_out", "leave_one_out_flow"]

Array: TypeAlias = NDArray[np.float64]

_LEAST_MEMORY = 1e-12
"""κ, of the features' own squares, below which the closed form is rounding."""


@dataclass(frozen=True, eq=False)
class LeaveOneOut:
    """Margins of an example of each cell, trained on and held out.

    Attributes
    ----------
    margins, held_out : arrays (K,) or (T, K)
        Its margin under training on all examples, and on all but it.
    shares : array (K,)
        π (count/n).
    groups : integer array (K,)
        Observed groups.
    closed_form : boolean array (K,) or None
        Of `leave_one_out`: whether the closed form applied; where False the reduced problem was
        solved.

    Examples
    --------
    >>> setting = Setting(n=1000, d=25_000, rho=0.9, gamma=5.0, sigma=1.0)
    >>> leave_one_out(setting).self_influence.round(4)
    array([0.5844, 1.3637])
    """

    margins: Array
    held_out: Array
    shares: Array
    groups: NDArray[np.int64]
    closed_form: NDArray[np.bool_] | None = None

    @property
    def self_influence(self) -> Array:
        """m_i − m_i^(−i), what the example adds to its own margin; κα_g as n → ∞.

        Examples
        --------
        >>> setting = Setting(n=10**9, d=25 * 10**9, rho=0.9, gamma=5.0, sigma=1.0)
        >>> leave_one_out(setting).self_influence.round(6)
        array([0.584112, 1.362928])
        """
        return self.margins - self.held_out

    @property
    def memorization(self) -> Array:
        """In-sample correctness less held-out correctness, 1, ½ or 0 by a margin's sign each.

        On the minority it tends to 1{κ > κ*}, on the majority to 0.

        Examples
        --------
        >>> setting = Setting(n=1000, d=25_000, rho=0.9, gamma=5.0, sigma=1.0)
        >>> leave_one_out(setting).memorization.tolist()
        [0.0, 1.0]
        """
        return np.asarray((np.sign(self.margins) - np.sign(self.held_out)) / 2)

    @property
    def ratio(self) -> Array:
        """Mean self-influence of the observed minority, over that of the majority.

        In the limit, Δ = 1 and n → ∞: α_min/α_maj = (2γ²ρ + κ)/(2γ²(1−ρ) + κ). Infinite where no
        majority example has any.

        Examples
        --------
        >>> setting = Setting(n=10**9, d=25 * 10**9, rho=0.9, gamma=5.0, sigma=1.0)
        >>> round(float(leave_one_out(setting).ratio) * 3, 6)
        7.0
        """
        means = []
        for group in (MINORITY, MAJORITY):
            inside = self.shares * (self.groups == group)
            means.append(self.self_influence @ inside / max(inside.sum(), 1e-300))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(means[0] / means[1])


def leave_one_out(setting: Setting, objective: Objective | None = None) -> LeaveOneOut:
    """Held-out margins under the max margin (P10).

    Where every example left is still a support vector, an example's self-influence is
    α̂_i/[G⁻¹]_ii = κα_g/(1 − h_g/n), h_g = u_gᵀ(κI + Σ π u uᵀ)⁻¹u_g the leverage of its features,
    sums over support vectors: the condition is α_j > −u_jᵀ(κI + Σ π u uᵀ)⁻¹u_i·α_i/(n − h_i) for
    all j. A cell that is no support vector has none. Elsewhere the reduced problem is solved.

    Parameters
    ----------
    setting : Setting
        Without feature noise.
    objective : Objective, optional
        Only its scale matters, and which weights are zero; ERM by default.

    Returns
    -------
    LeaveOneOut

    Raises
    ------
    PitfallsError
        Feature noise: its examples have influences of their own, not one per cell.
    NotSeparableError
        There is no max margin: no example-specific features and an inseparable plane.

    Examples
    --------
    >>> setting = Setting(n=1000, d=25_000, rho=0.9, gamma=5.0, sigma=1.0)
    >>> found = leave_one_out(setting)
    >>> found.held_out.round(4), found.closed_form.tolist()
    (array([ 0.4156, -0.3637]), [True, True])
    """
    system = _clean(setting, objective or Objective.erm()).weighted()
    whole = minimum(system)
    dual, margins = np.asarray(whole.dual), np.asarray(whole.margins)
    held_out, valid = _closed_form(system, dual, margins, setting.n)
    for cell in np.flatnonzero(~valid):
        held_out[cell] = _solved_again(system, int(cell), setting.n)
    return LeaveOneOut(margins, held_out, system.shares, system.groups, valid)


def leave_one_out_flow(setting: Setting, objective: Objective, times: ArrayLike) -> LeaveOneOut:
    """Held-out margins along the flow: every cell's flow without one of its examples.

    Limits: n → ∞ gives κα_g(t), and t → 0 its first step, κq_gΔ_g·sigmoid(−s_g)·t. As t → ∞ the
    ratio tends to that of `leave_one_out` like 1/log t.

    Parameters
    ----------
    setting : Setting
        Without feature noise.
    objective : Objective
    times : array_like (T,)
        Increasing times t = learning rate × steps, from 0 to 1e16.

    Returns
    -------
    LeaveOneOut
        Arrays (T, K), all cells.

    Raises
    ------
    SettingError
        Times are out of range.
    PitfallsError
        Feature noise.

    Examples
    --------
    Reweighting starts by memorising the minority 9 times as much, and ends where ERM does.

    >>> setting = Setting(n=10**6, d=25 * 10**6, rho=0.9, gamma=5.0, sigma=1.0)
    >>> for objective in (Objective.erm(), Objective.reweighting(setting)):
    ...     times = [1e-6, 1.0, 1e16]
    ...     print(leave_one_out_flow(setting, objective, times).ratio.round(3))
    [1.    1.972 2.304]
    [9.    2.969 2.381]
    """
    grid = checked_times(times)
    system = _clean(setting, objective)
    plane, own = integrate(system, grid)
    margins = plane @ system.means.T + own
    held_out = np.empty_like(margins)
    for cell, mean in enumerate(system.means):
        reduced, _ = integrate(_without(system, cell, setting.n), grid)
        held_out[:, cell] = reduced @ mean
    return LeaveOneOut(margins, held_out, system.shares, system.groups)


def _clean(setting: Setting, objective: Objective) -> CellSystem:
    if setting.has_feature_noise:
        raise PitfallsError(
            "influence per cell needs core_noise = spurious_noise = 0: with feature noise each "
            "example has its own. Set them to 0, or leave examples out of a sample."
        )
    return cell_system(setting, objective)


def _without(system: CellSystem, cell: int, n: int) -> CellSystem:
    shares = system.shares.copy()
    shares[cell] = (round(shares[cell] * n) - 1) / n
    return replace(system, shares=shares)


def _closed_form(
    system: CellSystem, dual: Array, margins: Array, n: int
) -> tuple[Array, NDArray[np.bool_]]:
    """P10's held-out margins, and of which cells they are the answer."""
    active, means = dual > 0, system.means
    curvature = (means[active].T * system.shares[active]) @ means[active]
    if system.kappa <= _LEAST_MEMORY * np.trace(curvature):
        return margins.copy(), np.zeros(len(dual), dtype=bool)
    reach = means @ np.linalg.solve(system.kappa * np.eye(2) + curvature, means.T)
    left = 1 - np.diag(reach) / n
    moved = dual / (n * left)
    held_out = np.where(active, margins - system.kappa * n * moved, margins)
    # Taking example i away moves the margins of all others by −κ·reach·moved, or their duals.
    stays = np.where(
        active[:, None],
        dual[:, None] + reach * moved > 0,
        margins[:, None] - system.kappa * reach * moved >= system.target[:, None],
    )
    return held_out, ~active | stays.all(axis=0)


def _solved_again(system: CellSystem, cell: int, n: int) -> float:
    reduced = _without(system, cell, n)
    kept = reduced.shares > 0
    if not kept.any():
        return 0.0
    found = minimum(replace(reduced, weight=reduced.weight * kept).weighted())
    return float(system.means[cell] @ (found.core, found.spurious))
