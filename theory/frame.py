"""The coordinates in which the max-margin problems P3 and P9 are well scaled for every κ.

Write the plane weights v = v₀ + η·x. Where the plane alone separates the cells, v₀ is its hard
margin and η = κ (for κ ≤ 1): the gaps (1/Δ − uᵀv)/η = e₀ − uᵀx, with e₀ ≤ 0, then stay of order
one as κ → 0 and nothing cancels. Elsewhere v₀ = 0 and η = 1. In both cases, up to a constant,

    (κ/η²)·‖v‖² = 2·v₀ᵀx + κ‖x‖²,

and a noisy feature's variance in units of η² is n_j·x_j², since v₀ has no weight on noisy features.
With a = √κ·‖w_ε‖/η the two problems are, H(x, b²) = Σ π_g F(e₀ − u_gᵀx, Σ n_j x_j² + b²),

    P3:  min 2v₀ᵀx + κ‖x‖² + H(x, 0)
    P9:  min 2v₀ᵀx + κ‖x‖² + a²   subject to  H(x, a²/δ) ≤ a².
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .cells import CellSystem, not_separable_in_plane
from .hinge import hinge

__all__ = ["Frame", "hinge_energy"]

Array: TypeAlias = NDArray[np.float64]


def hinge_energy(
    means: Array, shares: Array, gap: Array, variance: Array, offset: float, z: Array
) -> tuple[float, Array, Array]:
    """Σ π_g F(e_g − u_gᵀz, offset + Σ_j variance_j z_j²) with gradient and Hessian in z.

    Parameters
    ----------
    means : array (K, k)
    shares, gap : arrays (K,)
        π and e.
    variance : array (k,)
    offset : float
    z : array (k,)

    Returns
    -------
    value, gradient (k,), Hessian (k, k)

    Examples
    --------
    >>> one = np.ones(1)
    >>> hinge_energy(np.ones((1, 1)), one, one, np.zeros(1), 0.0, np.zeros(1))
    (1.0, array([-2.]), array([[2.]]))
    """
    spread = offset + float(variance @ z**2)
    moments = hinge(gap - means @ z, np.full(len(shares), spread))
    along = -means
    across = 2 * variance * z
    gradient = (shares * 2 * moments.first) @ along + (shares @ moments.probability) * across
    mixed = np.outer((shares * moments.cross) @ along, across)
    hessian = (
        (along.T * (shares * 2 * moments.probability)) @ along
        + mixed
        + mixed.T
        + (shares @ moments.curvature) * np.outer(across, across)
        + (shares @ moments.probability) * np.diag(2 * variance)
    )
    return float(shares @ moments.second), gradient, hessian


@dataclass(frozen=True, eq=False)
class Frame:
    """Origin v₀, unit η and gaps e₀ of a cell system; see the module's text.

    ``base`` is the hard margin in the plane, None where the plane alone separates nothing.

    Examples
    --------
    >>> from pitfalls.theory import Objective, Setting
    >>> from pitfalls.theory.cells import cell_system
    >>> frame = Frame.choices(cell_system(Setting(10, 5, 0.9, 2.0, 0.1), Objective.erm()))[0]
    >>> frame.base.tolist(), frame.gap.tolist()
    ([1.0, 0.0], [0.0, 0.0])
    """

    system: CellSystem
    base: Array | None
    origin: Array
    unit: float
    gap: Array

    @classmethod
    def choices(cls, system: CellSystem) -> list[Frame]:
        """The frames to try, the likely best first.

        With noise on a feature that v₀ does without, x may be far from O(1) in the κ frame, and
        the gaps may cancel in the plain one: which is better depends on κ.

        Raises
        ------
        NotSeparableError
            κ = 0 and the plane alone does not separate the cells.
        """
        kappa, base = system.kappa, system.plane_max_margin()
        if base is None and kappa == 0:
            raise not_separable_in_plane(system)
        plain = cls(system, base, np.zeros(2), 1.0, system.target)
        if base is None or kappa > 1:
            return [plain]
        slack = system.means @ base - system.target
        gap = np.zeros_like(slack)
        loose = slack > 1e-11 * system.target
        # A cell 1e150 units inside its margin is no support vector; the bound keeps κ = 0 finite.
        gap[loose] = -np.minimum(slack[loose] / max(kappa, 1e-150), 1e150)
        scaled = cls(system, base, base, kappa, gap)
        return [plain, scaled] if system.variance.any() else [scaled]

    @property
    def dual_unit(self) -> float:
        """η/κ: the κ-scaled dual weight of a gap of one unit."""
        return 1 / self.system.kappa if self.unit == 1 and not self.origin.any() else 1.0

    def plane(self, x: Array) -> Array:
        """v = v₀ + η·x."""
        return self.origin + self.unit * x

    def ridge(self, x: Array) -> tuple[float, Array, Array]:
        """2v₀ᵀx + κ‖x‖² with gradient and Hessian."""
        kappa = self.system.kappa
        value = float(2 * self.origin @ x + kappa * x @ x)
        return value, 2 * self.origin + 2 * kappa * x, 2 * kappa * np.eye(2)
