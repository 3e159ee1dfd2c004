"""The coordinates in which the max-margin problems P3 and P9 are well scaled for every κ and γ.

Write the plane weights v = v₀ + η·D⁻¹x. D measures each plane feature in units of its own size, so
that γ may be a million. Where the plane alone separates the cells, v₀ is its max margin and
η = κ·c: with c = ‖v₀‖²·Δ, the size of v₀'s dual weights a_g (Σ π_g a_g/Δ_g = ‖v₀‖²), the gaps
(1/Δ − uᵀv)/η = e₀ − uᵀD⁻¹x, with e₀ ≤ 0, stay of order one as κ → 0 and nothing cancels. Elsewhere
v₀ = 0 and η = 1. In both cases, up to a constant,

    (κ/η²)·‖v‖² = R(x) = (2κ/η)·v₀ᵀD⁻¹x + κ‖D⁻¹x‖²,

and a noisy feature's variance in units of η² is n_j·x_j², since v₀ has no weight on noisy features.
With a = √κ·‖w_ε‖/η the two problems are, H(x, b²) = Σ π_g F(e₀ − u_gᵀD⁻¹x, Σ n_j x_j² + b²),

    P3:  min R(x) + H(x, 0)
    P9:  min R(x) + a²   subject to  H(x, a²/δ) ≤ a².
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
    """Origin, units and gaps of a cell system; see the module's text.

    Attributes
    ----------
    base : array (2,) or None
        The max margin in the plane, None where the plane alone separates nothing.
    origin, unit : arrays (2,)
        v₀ and η·D⁻¹.
    means, variance : arrays (K, 2) and (2,)
        u_g and n_j in units of D.
    gap : array (K,)
        e₀.
    push, bend : arrays (2,)
        R = 2·pushᵀx + Σ bend_j x_j².
    dual_unit : float
        η/κ: the κ-scaled dual weight of a gap of one unit.
    start : array (2,)
        An x at which no tight cell meets its margin.

    Examples
    --------
    >>> from pitfalls.theory import Objective, Setting
    >>> from pitfalls.theory.cells import cell_system
    >>> frame = Frame.choices(cell_system(Setting(10, 5, 0.9, 2.0, 0.1), Objective.erm()))[0]
    >>> frame.base.tolist(), frame.gap.tolist(), frame.means.tolist()
    ([1.0, 0.0], [0.0, 0.0], [[1.0, 1.0], [1.0, -1.0]])
    """

    base: Array | None
    origin: Array
    unit: Array
    means: Array
    variance: Array
    gap: Array
    push: Array
    bend: Array
    dual_unit: float
    start: Array

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
        plain = cls._at(system, base, np.zeros(2), 1 / kappa if kappa else np.inf, system.target)
        if base is None:
            return [plain]
        slack = system.means @ base - system.target
        loose = slack > 1e-11 * system.target
        size = float(base @ base) / float(system.target[~loose].max())
        if kappa * size > system.target.max():
            return [plain]
        # A cell 1e150 units inside its margin is no support vector; the bound keeps κ = 0 finite.
        gap = np.zeros_like(slack)
        gap[loose] = -np.minimum(slack[loose] / max(kappa * size, 1e-150), 1e150)
        scaled = cls._at(system, base, base, size, gap)
        return [plain, scaled] if system.variance.any() else [scaled]

    @classmethod
    def _at(
        cls, system: CellSystem, base: Array | None, origin: Array, dual_unit: float, gap: Array
    ) -> Frame:
        size = system.feature_size
        return cls(
            base=base,
            origin=origin,
            unit=(system.kappa * dual_unit if origin.any() else 1.0) / size,
            means=system.means / size,
            variance=system.variance / size**2,
            gap=gap,
            push=origin / size / dual_unit,
            bend=system.kappa / size**2,
            dual_unit=dual_unit,
            start=-size * origin / system.target.max(),
        )

    def plane(self, x: Array) -> Array:
        """v = v₀ + η·D⁻¹x."""
        return self.origin + self.unit * x

    def ridge(self, x: Array) -> tuple[float, Array, Array]:
        """R with gradient and Hessian."""
        value = float(2 * self.push @ x + self.bend @ x**2)
        return value, 2 * self.push + 2 * self.bend * x, np.diag(2 * self.bend)
