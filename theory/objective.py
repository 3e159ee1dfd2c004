"""The loss family: weight, shift and scale per observed group or per example."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import SettingError
from .setting import MAJORITY, MINORITY, Setting

__all__ = ["Objective", "both_groups"]

Array: TypeAlias = NDArray[np.float64]
Number: TypeAlias = float | Mapping[int, float] | ArrayLike

_RULES: dict[str, tuple[Callable[[Array], bool], str]] = {
    "weight": (lambda x: bool((x >= 0).all() and (x > 0).any()), "finite, ≥ 0 and not all zero"),
    "shift": (lambda x: True, "finite"),
    "scale": (lambda x: bool((x > 0).all()), "finite and > 0"),
}


def _normal_form(field: str, value: Any) -> float | dict[int, float] | Array:
    """A float, a dict by group or a read-only (n,) array; checked."""
    if isinstance(value, Mapping):
        try:
            kept: Any = {operator.index(group): float(entry) for group, entry in value.items()}
        except (TypeError, ValueError):
            raise SettingError(
                field, value, "a mapping from integer groups to numbers", "Groups are 1 and 0."
            ) from None
        entries = np.array(list(kept.values()), dtype=float)
    else:
        try:
            entries = np.array(value, dtype=float)
        except (TypeError, ValueError):
            raise SettingError(
                field, value, "a number, a {group: number} mapping or an array"
            ) from None
        kept = float(entries) if entries.ndim == 0 else entries
        if entries.ndim > 1:
            raise SettingError(
                field, value, "of shape (n,), one number per example", "Flatten the array."
            )
        entries.flags.writeable = False
        entries = np.atleast_1d(entries)
    legal, allowed = _RULES[field]
    if entries.size == 0 or not np.isfinite(entries).all() or not legal(entries):
        raise SettingError(field, value, allowed)
    return kept  # type: ignore[no-any-return]


def _frequencies(where: Setting | ArrayLike) -> dict[int, float]:
    """Share of each observed group present."""
    if isinstance(where, Setting):
        # Counted: of 1 − the majority's share few digits are left where n is large.
        present = {
            group: sum(cell.count for cell in where.cells if cell.group == group)
            for group in (MAJORITY, MINORITY)
        }
        return {group: count / where.n for group, count in present.items() if count}
    groups = np.asarray(where)
    if groups.ndim != 1 or groups.size == 0 or not np.issubdtype(groups.dtype, np.integer):
        raise SettingError(
            "groups",
            where,
            "a Setting, or integers of shape (n,)",
            "1 is the majority and 0 the minority in this model.",
        )
    values, counts = np.unique(groups, return_counts=True)
    return {int(g): int(c) / groups.size for g, c in zip(values, counts, strict=True)}


def both_groups(method: str, where: Setting | ArrayLike) -> dict[int, float]:
    """Shares of the two observed groups, for a method that needs both.

    Raises
    ------
    SettingError
        One is empty.

    Examples
    --------
    >>> both_groups("reweighting", [1, 1, 1, 0])
    {0: 0.25, 1: 0.75}
    """
    shares = _frequencies(where)
    if set(shares) != {MAJORITY, MINORITY}:
        raise SettingError(
            "groups",
            sorted(shares),
            f"majority (1) and minority (0), both non-empty, for {method}",
            "Raise n, or choose rho and label_noise so that each observed group has an example.",
        )
    return shares


@dataclass(frozen=True, eq=False)
class Objective:
    """ℓ(w) = (1/n) Σ_i q_i · log(1 + exp(−Δ_i·m_i − s_i)), m_i the margin of example i.

    Each of the three numbers is one float for all, a mapping from observed group (1 majority,
    0 minority) to a float, or an array (n,) with one entry per example.

    Parameters
    ----------
    weight : float, mapping or array
        q ≥ 0, not all zero. An example with q = 0 is removed, from the max-margin limit too.
    shift : float, mapping or array
        s, added to the scaled margin inside the loss.
    scale : float, mapping or array
        Δ > 0 (vector scaling; Kini et al. 2021); the only one that changes the max-margin limit.
    name : str
        How tables and figures call it.

    Raises
    ------
    SettingError
        A number is outside its range, or a needed group is empty.

    Examples
    --------
    >>> setting = Setting(n=10, d=50, rho=0.9, gamma=2.0, sigma=1.0)
    >>> Objective.reweighting(setting).weight
    {1: 0.5555555555555556, 0: 5.0}
    """

    weight: Any = 1.0
    shift: Any = 0.0
    scale: Any = 1.0
    name: str = "custom"

    def __post_init__(self) -> None:
        for field in _RULES:
            object.__setattr__(self, field, _normal_form(field, getattr(self, field)))

    @classmethod
    def erm(cls) -> Objective:
        """Empirical risk minimisation: q = 1, s = 0, Δ = 1.

        Examples
        --------
        >>> Objective.erm().name
        'ERM'
        """
        return cls(name="ERM")

    @classmethod
    def reweighting(cls, where: Setting | ArrayLike, weights: Number | None = None) -> Objective:
        """Inverse-frequency weights of the observed groups, mean weight 1, or the user's.

        Parameters
        ----------
        where : Setting or integer array (n,)
            Where the group frequencies come from: the sample's own counts.
        weights : float, mapping or array, optional
            Weights to take instead.

        Raises
        ------
        SettingError
            For a setting: one of its two observed groups is empty.

        Examples
        --------
        >>> Objective.reweighting([1, 1, 1, 0]).weight
        {0: 2.0, 1: 0.6666666666666666}
        """
        if weights is None:
            shares = (
                both_groups("reweighting", where)
                if isinstance(where, Setting)
                else _frequencies(where)
            )
            weights = {g: 1 / (len(shares) * share) for g, share in shares.items()}
        return cls(weight=weights, name="reweighting")

    @classmethod
    def logit_shifting(cls, where: Setting | ArrayLike) -> Objective:
        """Oracle logit shifting: s = log p(y|a)/p(−y|a) = ±log(ρ′/(1−ρ′)), + on the majority.

        ρ′ is the observed majority share, the sample's own counts (Menon et al. 2021; the limit
        that memorization-aware training approaches in this model).

        Parameters
        ----------
        where : Setting or integer array (n,)
            Groups are 1 (majority) and 0 (minority).

        Raises
        ------
        SettingError
            One of the two observed groups is empty (its shift would be infinite).

        Examples
        --------
        >>> round(Objective.logit_shifting([1] * 9 + [0]).shift[1], 6)
        2.197225
        """
        shares = both_groups("logit shifting", where)
        odds = float(np.log(shares[MAJORITY]) - np.log(shares[MINORITY]))
        return cls(shift={MAJORITY: odds, MINORITY: -odds}, name="logit shifting")

    @classmethod
    def vector_scaling(cls, where: Setting | ArrayLike, scale: Number) -> Objective:
        """A scale Δ per observed group or example (Kini et al. 2021).

        Parameters
        ----------
        where : Setting or integer array (n,)
            Where the groups come from.
        scale : mapping or array
            ``{1: Δ_maj, 0: Δ_min}``, or one Δ per example.

        Raises
        ------
        SettingError
            A scale is not positive, or a group present has none.

        Examples
        --------
        >>> Objective.vector_scaling([1, 0], {1: 2.0, 0: 1.0}).scale
        {1: 2.0, 0: 1.0}
        """
        objective = cls(scale=scale, name="vector scaling")
        missing = (
            set(_frequencies(where)) - set(scale) if isinstance(scale, Mapping) else set[int]()
        )
        if missing:
            raise SettingError(
                "scale", scale, f"given for every group present; {sorted(missing)} missing"
            )
        return objective

    def resolve(self, groups: ArrayLike | None, n: int) -> tuple[Array, Array, Array]:
        """Weight, shift and scale of each of n examples.

        Parameters
        ----------
        groups : integer array (n,) or None
            Observed groups; may be None when no number is given by group.
        n : int
            Number of examples.

        Returns
        -------
        weight, shift, scale : arrays (n,)

        Raises
        ------
        SettingError
            Groups are missing, or an array's length is not n.

        Examples
        --------
        >>> Objective(weight={1: 1.0, 0: 9.0}).resolve([1, 0, 1], 3)[0]
        array([1., 9., 1.])
        """
        resolved = []
        for field in _RULES:
            value = getattr(self, field)
            if isinstance(value, dict):
                if groups is None:
                    raise SettingError(
                        "groups", None, f"given: the objective's {field} is by group"
                    )
                observed = np.asarray(groups)
                if observed.shape != (n,):
                    raise SettingError("groups", observed.shape, f"of shape ({n},)")
                present, index = np.unique(observed, return_inverse=True)
                missing = set(map(int, present)) - set(value)
                if missing:
                    raise SettingError(
                        field, value, f"given for every group; {sorted(missing)} missing"
                    )
                resolved.append(np.array([value[int(g)] for g in present], dtype=float)[index])
            else:
                if np.ndim(value) == 1 and len(value) != n:
                    raise SettingError(
                        field,
                        value,
                        f"of length {n}, one entry per example",
                        "Build the objective from the same sample.",
                    )
                resolved.append(np.broadcast_to(np.asarray(value, dtype=float), (n,)).copy())
        if not resolved[0].any():
            raise SettingError("weight", self.weight, "positive for at least one example")
        return resolved[0], resolved[1], resolved[2]
