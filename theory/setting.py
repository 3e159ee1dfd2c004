"""The model's parameters, validated, and the cells they make."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from .arguments import checked_count
from .errors import SettingError

__all__ = ["LARGEST_N", "MAJORITY", "MINORITY", "Cell", "Setting"]

MAJORITY = 1
MINORITY = 0

LARGEST_N, _LARGEST_D = 10**12, 2**53
_RANGES: dict[str, tuple[float, float, str, str]] = {
    "n": (1, LARGEST_N, "an integer ≥ 1 (up to 10¹²)", "Give the number of training examples."),
    "d": (
        0,
        _LARGEST_D,
        "an integer ≥ 0 (up to 2⁵³)",
        "Give the number of example-specific features; 0 for none.",
    ),
    "rho": (0, 1, "a number in [0, 1]", "Give the majority's share as a fraction, 0.9 for 90 %."),
    "gamma": (
        0,
        1e100,
        "a finite number ≥ 0 (up to 1e100)",
        "A spurious feature of the other sign is rho → 1 − rho.",
    ),
    "sigma": (0, 1e100, "a finite number ≥ 0 (up to 1e100)", "It is a standard deviation."),
    "core_noise": (
        0,
        1e100,
        "a finite number ≥ 0 (up to 1e100)",
        "It is a standard deviation; 0 for none.",
    ),
    "spurious_noise": (
        0,
        1e100,
        "a finite number ≥ 0 (up to 1e100)",
        "It is a standard deviation; 0 for none.",
    ),
    "label_noise": (
        0,
        0.5,
        "a number in [0, 0.5]",
        "Above one half, the flipped labels are the rule: swap them.",
    ),
}


def _checked(field: str, value: Any) -> int | float:
    low, high, allowed, fix = _RANGES[field]
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        number = operator.index(value) if field in ("n", "d") else float(value)
        if not (isinstance(value, (int, float)) or hasattr(value, "__array__")):
            raise TypeError
    except (TypeError, ValueError, OverflowError):
        if field in ("n", "d") and isinstance(value, float) and value.is_integer():
            fix = f"Write it as an integer: {field}={int(value)}."
        raise SettingError(field, value, allowed, fix) from None
    if not low <= number <= high:
        raise SettingError(field, value, allowed, fix)
    return number


@dataclass(frozen=True)
class Cell:
    """Training examples that share their means and their observed group.

    Attributes
    ----------
    core, spurious : float
        Mean of the folded pair u = y·(x_y, γ·x_a), y the *training* label.
    group : int
        Observed group: 1 if the training label equals the attribute (majority), else 0.
    flipped : bool
        Whether the training label is the wrong one.
    share : float
        The cell's share π of the population; the formulas use count/n.
    count : int
        Its exact number of examples among n (largest remainder).

    Examples
    --------
    >>> Setting(n=10, d=5, rho=0.8, gamma=2.0, sigma=1.0).cells[1]
    Cell(core=1.0, spurious=-2.0, group=0, flipped=False, share=0.2, count=2)
    """

    core: float
    spurious: float
    group: int
    flipped: bool
    share: float
    count: int


@dataclass(frozen=True)
class Setting:
    """One setting of the model of Bayat et al. (2025), section 2: x = (x_y, γ·x_a, ε).

    Parameters
    ----------
    n : int
        Training examples, ≥ 1.
    d : int
        Example-specific features, ≥ 0; ε ~ N(0, σ²·I_d).
    rho : float
        ρ, the share of examples whose attribute equals their true label, in [0, 1].
    gamma : float
        γ ≥ 0, the size of the spurious feature against the core feature.
    sigma : float
        σ ≥ 0 (the paper's σ_ε), standard deviation of each example-specific feature.
    core_noise, spurious_noise : float
        σ_y, σ_a ≥ 0: x_y = y + σ_y·N(0, 1) and x_a = a + σ_a·N(0, 1).
    label_noise : float
        η in [0, ½], the share of training labels flipped.

    Raises
    ------
    SettingError
        A field lies outside its range; the message names it, the value, the range and the fix.

    Examples
    --------
    >>> setting = Setting(n=1000, d=1798, rho=0.9, gamma=5.0, sigma=0.5)
    >>> setting.kappa, setting.delta
    (0.4495, 1.798)
    """

    n: int
    d: int
    rho: float
    gamma: float
    sigma: float
    core_noise: float = 0.0
    spurious_noise: float = 0.0
    label_noise: float = 0.0

    def __post_init__(self) -> None:
        for field in _RANGES:
            object.__setattr__(self, field, _checked(field, getattr(self, field)))

    @classmethod
    def figure_1(cls, **changes: float) -> Setting:
        """The paper's Figure 1, ERM with example-specific features.

        n = 1000, d = 1798, ρ = 0.9, γ = 5, σ = 0.5, σ_y = σ_a = 0.12. The paper's code draws
        901 + 99 examples: ``Setting.figure_1(rho=0.901)``.

        Parameters
        ----------
        **changes
            Fields to change.

        Examples
        --------
        >>> Setting.figure_1().kappa
        0.4495
        >>> Setting.figure_1(sigma=0.0).sigma
        0.0
        """
        fields: dict[str, Any] = {
            "n": 1000,
            "d": 1798,
            "rho": 0.9,
            "gamma": 5.0,
            "sigma": 0.5,
            "core_noise": 0.12,
            "spurious_noise": 0.12,
        }
        unknown = sorted(set(changes) - set(_RANGES))
        if unknown:
            raise SettingError(
                unknown[0], changes[unknown[0]], f"left out; the fields are {', '.join(_RANGES)}"
            )
        return cls(**{**fields, **changes})

    @classmethod
    def sagawa(cls, features: int, *, n: int = 3000, rho: float = 0.9) -> Setting:
        """The explicit-memorisation toy of Sagawa et al. (2020), the same model.

        Core feature N(y, 1), spurious feature N(a, 0.01), N noise features of variance 1/N. Their
        oversampling is reweighting, their undersampling ``sagawa(N, n=600, rho=0.5)``.

        Parameters
        ----------
        features : int
            N ≥ 1.
        n, rho
            As in `Setting`.

        Raises
        ------
        SettingError
            A number lies outside its range.

        Examples
        --------
        >>> setting = Setting.sagawa(3000)
        >>> round(setting.kappa * setting.n, 12), setting.delta
        (1.0, 1.0)
        """
        count = checked_count("features", features, least=1)
        return cls(n, count, rho, 1.0, count**-0.5, 1.0, 0.1)

    @property
    def delta(self) -> float:
        """δ = d/n, example-specific features per example.

        Examples
        --------
        >>> Setting(n=4, d=10, rho=0.5, gamma=1.0, sigma=1.0).delta
        2.5
        """
        return self.d / self.n

    @property
    def kappa(self) -> float:
        """κ = σ²·d/n, memory per example.

        Examples
        --------
        >>> Setting(n=4, d=10, rho=0.5, gamma=1.0, sigma=2.0).kappa
        10.0
        """
        return self.sigma**2 * self.d / self.n

    def with_memory(self, kappa: float, **changes: float) -> Setting:
        """The setting with σ such that κ = σ²·d/n is this, at other fields too.

        Parameters
        ----------
        kappa : float
            κ ≥ 0; the setting's own keeps it where d or n changes.
        **changes
            Fields to change, σ excepted.

        Raises
        ------
        SettingError
            A field lies outside its range, σ is among them, or there is no such σ: d = 0.

        Examples
        --------
        >>> setting = Setting(n=4, d=10, rho=0.5, gamma=1.0, sigma=2.0)
        >>> setting.with_memory(0.1).sigma
        0.2
        >>> setting.with_memory(setting.kappa, d=40).sigma
        1.0
        """
        if "sigma" in changes:
            raise SettingError("sigma", changes["sigma"], "left out", "κ, n and d decide it.")
        if isinstance(kappa, (bool, np.bool_)) or not 0 <= kappa < math.inf:
            raise SettingError("kappa", kappa, "a finite number ≥ 0")
        fields: dict[str, Any] = {**changes, "sigma": 0.0}
        bare = replace(self, **fields)
        if kappa == 0:
            return bare
        if bare.d == 0:
            raise SettingError("kappa", kappa, "0 where d is", "Raise d.")
        return replace(bare, sigma=math.sqrt(kappa * bare.n / bare.d))

    @property
    def has_feature_noise(self) -> bool:
        """Whether the core or the spurious feature is noisy (σ_a counts only if γ > 0).

        Examples
        --------
        >>> Setting(4, 10, 0.5, 0.0, 1.0, spurious_noise=0.1).has_feature_noise
        False
        """
        return any(self.feature_variance)

    @property
    def feature_variance(self) -> tuple[float, float]:
        """(σ_y², γ²σ_a²), the variances of the two plane features.

        Examples
        --------
        >>> Setting(4, 10, 0.5, 2.0, 1.0, core_noise=0.5, spurious_noise=0.5).feature_variance
        (0.25, 1.0)
        """
        return self.core_noise**2, (self.gamma * self.spurious_noise) ** 2

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """The non-empty cells: clean majority, clean minority, flipped majority, flipped minority.

        Counts are the largest-remainder rounding of n·share, ties to the earlier cell, so they
        sum to n.

        Examples
        --------
        >>> [c.count for c in Setting(300, 9, 0.8, 2.0, 1.0, label_noise=0.1).cells]
        [216, 54, 24, 6]
        """
        rho, eta, gamma = self.rho, self.label_noise, self.gamma
        table = (
            (1.0, gamma, MAJORITY, False, rho * (1 - eta)),
            (1.0, -gamma, MINORITY, False, (1 - rho) * (1 - eta)),
            (-1.0, -gamma, MINORITY, True, rho * eta),
            (-1.0, gamma, MAJORITY, True, (1 - rho) * eta),
        )
        shares = [round(row[-1], 15) for row in table]
        # n·share in binary lands just below the integer it stands for: 0.29·100 = 28.999…
        ideal = [round(self.n * share, 9) for share in shares]
        counts = [math.floor(x) for x in ideal]
        by_remainder = sorted(range(4), key=lambda i: counts[i] - ideal[i])
        for i in by_remainder[: self.n - sum(counts)]:
            counts[i] += 1
        return tuple(
            Cell(core, spurious, group, flipped, share, count)
            for (core, spurious, group, flipped, _), share, count in zip(
                table, shares, counts, strict=True
            )
            if count > 0
        )

    @property
    def observed_majority(self) -> float:
        """The share of the n examples whose training label equals the attribute, count/n.

        It is ρ′ = ρ(1−η) + (1−ρ)η up to the rounding of the counts.

        Examples
        --------
        >>> Setting(300, 9, 0.8, 2.0, 1.0, label_noise=0.1).observed_majority
        0.74
        """
        return sum(cell.count for cell in self.cells if cell.group == MAJORITY) / self.n
