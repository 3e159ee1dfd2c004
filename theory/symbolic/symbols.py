"""Public symbols, and cells whose entries are expressions in them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

__all__ = [
    "METHODS",
    "Cells",
    "core_noise",
    "delta",
    "erm",
    "four_cells",
    "gamma",
    "general",
    "kappa",
    "label_noise",
    "logit_shifting",
    "n",
    "reweighting",
    "rho",
    "scale_maj",
    "scale_min",
    "shift_maj",
    "shift_min",
    "spurious_noise",
    "strength",
    "time",
    "weight_maj",
    "weight_min",
]

rho, gamma, kappa, delta, n = sp.symbols("rho gamma kappa delta n", positive=True)
label_noise, core_noise, spurious_noise = sp.symbols("eta sigma_y sigma_a", nonnegative=True)
weight_maj, weight_min = sp.symbols("q_maj q_min", positive=True)
scale_maj, scale_min = sp.symbols("Delta_maj Delta_min", positive=True)
shift_maj, shift_min = sp.symbols("s_maj s_min", real=True)
time, strength = sp.symbols("t lambda", positive=True)


@dataclass(frozen=True)
class Cells:
    """Cells of examples that share their folded features, with an objective's three numbers.

    Attributes
    ----------
    means : tuple of pairs
        u = (core, spurious feature γ·x_a).
    shares : tuple
        π: a cell has n·π examples. They need not add up to 1 (examples may have been removed).
    weight, shift, scale : tuples
        q, s, Δ per cell.

    Examples
    --------
    >>> erm().shares
    (rho, 1 - rho)
    """

    means: tuple[tuple[Any, Any], ...]
    shares: tuple[Any, ...]
    weight: tuple[Any, ...]
    shift: tuple[Any, ...]
    scale: tuple[Any, ...]

    @property
    def target(self) -> tuple[Any, ...]:
        """c = 1/Δ, the margin of a support vector.

        Examples
        --------
        >>> general().target
        (1/Delta_maj, 1/Delta_min)
        """
        return tuple(1 / scale for scale in self.scale)

    def subs(self, *values: Any) -> Cells:
        """The cells with symbols replaced, by SymPy's own rules.

        Examples
        --------
        >>> erm().subs(rho, sp.Rational(9, 10)).shares
        (9/10, 1/10)
        """

        def each(row: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple(sp.sympify(entry).subs(*values) for entry in row)

        means = tuple((x, y) for x, y in map(each, self.means))
        fields = ("shares", "weight", "shift", "scale")
        return replace(self, means=means, **{name: each(getattr(self, name)) for name in fields})


_ONES, _ZEROS = (sp.S.One, sp.S.One), (sp.S.Zero, sp.S.Zero)


def _two(
    weight: tuple[Any, Any] = _ONES,
    shift: tuple[Any, Any] = _ZEROS,
    scale: tuple[Any, Any] = _ONES,
) -> Cells:
    means = ((sp.S.One, gamma), (sp.S.One, -gamma))
    return Cells(means, (rho, 1 - rho), weight, shift, scale)


def general() -> Cells:
    """Majority and minority with any weight, shift and scale.

    Examples
    --------
    >>> general().weight
    (q_maj, q_min)
    """
    return _two((weight_maj, weight_min), (shift_maj, shift_min), (scale_maj, scale_min))


def erm() -> Cells:
    """Majority and minority under empirical risk minimisation: q = 1, s = 0, Δ = 1.

    Examples
    --------
    >>> erm().means
    ((1, gamma), (1, -gamma))
    """
    return _two()


def reweighting() -> Cells:
    """Inverse-frequency weights of mean 1: q = 1/(2π).

    Examples
    --------
    >>> reweighting().weight
    (1/(2*rho), 1/(2 - 2*rho))
    """
    return _two(weight=(1 / (2 * rho), 1 / (2 - 2 * rho)))


def logit_shifting() -> Cells:
    """The oracle's log-odds as shifts: s = ±log(ρ/(1−ρ)), + on the majority.

    Examples
    --------
    >>> logit_shifting().shift[0]
    log(rho/(1 - rho))
    """
    odds = sp.log(rho / (1 - rho))
    return _two(shift=(odds, -odds))


METHODS = {"ERM": erm, "reweighting": reweighting, "logit shifting": logit_shifting}
"""The three methods of one limit, by name."""


def four_cells(scaled: bool = False) -> Cells:
    """With a share η of the training labels flipped, which changes the sign of folded features.

    Parameters
    ----------
    scaled : bool
        Give each *observed* group a scale of its own; otherwise Δ = 1.

    Examples
    --------
    >>> four_cells().shares[2]
    eta*rho
    """
    means = ((1, gamma), (1, -gamma), (-1, -gamma), (-1, gamma))
    kept, flipped = 1 - label_noise, label_noise
    shares = (rho * kept, (1 - rho) * kept, rho * flipped, (1 - rho) * flipped)
    # A flipped majority example has the minority's label–attribute pair, and is observed there.
    scale = (scale_maj, scale_min, scale_min, scale_maj) if scaled else _ONES * 2
    pairs = tuple((sp.sympify(x), sp.sympify(y)) for x, y in means)
    return Cells(pairs, shares, _ONES * 2, _ZEROS * 2, scale)
