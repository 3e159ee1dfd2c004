"""The axes of a sweep, and the setting in each of its cells."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ...theory import Setting, SettingError, orthogonal

__all__ = [
    "FIELDS",
    "Axis",
    "axis_values",
    "conflicts",
    "is_number",
    "missing",
    "number",
    "resolve",
]

FIELDS = (*(field.name for field in fields(Setting)), "delta", "kappa", "kappa_ratio")
"""What a setting or a grid may name: Setting's own, δ = d/n, κ = σ²d/n and κ/κ*."""

_ALTERNATIVES = (("d", "delta"), ("sigma", "kappa", "kappa_ratio"))
_REQUIRED = (("n",), ("rho",), ("gamma",), *_ALTERNATIVES)
_MOST = 10**7


@dataclass(frozen=True)
class Axis:
    """One name and the values it takes.

    Examples
    --------
    >>> Axis("rho", (0.8, 0.9)).name
    'rho'
    """

    name: str
    values: tuple[float, ...]


def axis_values(name: str, given: Any) -> tuple[float, ...]:
    """The values of an axis: a list, or a range as a table.

    Parameters
    ----------
    name : str
        One of `FIELDS`.
    given : list, or dict with from, to, points and scale ("log", the default, or "linear")
        Values of a range have twelve digits; those of n and d are whole numbers, each once.

    Raises
    ------
    SettingError
        The axis is neither, or empty, or has a value twice.

    Examples
    --------
    >>> axis_values("gamma", {"from": 1, "to": 100, "points": 3})
    (1.0, 10.0, 100.0)
    >>> axis_values("n", {"from": 1, "to": 5, "points": 9, "scale": "linear"})
    (1, 2, 3, 4, 5)
    """
    allowed = 'a list of numbers, or {from = 0.1, to = 10, points = 21, scale = "log"}'
    if isinstance(given, Mapping):
        return _range(name, given, allowed)
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        raise SettingError(name, given, allowed, "One value alone belongs into [setting].")
    for value in given:
        if not is_number(value):
            raise SettingError(name, value, "a number")
    if len(set(given)) < len(given):
        raise SettingError(name, list(given), "different numbers", "Each value is a cell.")
    return tuple(number(name, value) for value in given)


def _range(name: str, given: Mapping[str, Any], allowed: str) -> tuple[float, ...]:
    if set(given) - {"scale"} != {"from", "to", "points"}:
        raise SettingError(name, dict(given), allowed)
    low, high, points, scale = (
        given["from"],
        given["to"],
        given["points"],
        given.get("scale", "log"),
    )
    for end in (low, high):
        if not is_number(end) or not math.isfinite(end):
            raise SettingError(name, end, "a finite number")
    if isinstance(points, bool) or not isinstance(points, int) or not 2 <= points <= _MOST:
        raise SettingError(f"{name}.points", points, f"an integer from 2 to {_MOST}")
    if scale not in ("log", "linear"):
        raise SettingError(f"{name}.scale", scale, '"log" or "linear"')
    if low == high or (scale == "log" and min(low, high) <= 0):
        fix = 'A range from or to 0 is scale = "linear".' if scale == "log" else ""
        raise SettingError(name, dict(given), "a range between two different numbers > 0", fix)
    space = np.geomspace if scale == "log" else np.linspace
    values = [float(f"{value:.12g}") for value in space(low, high, points)]
    if name in ("n", "d"):
        return tuple(dict.fromkeys(round(value) for value in values))
    return tuple(values)


def is_number(value: Any) -> bool:
    """Whether TOML had a number there: booleans are none.

    Examples
    --------
    >>> is_number(1), is_number(0.5), is_number(True), is_number("1")
    (True, True, False, False)
    """
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def number(name: str, value: float) -> float:
    """A value as it is kept: 5 and 5.0 are the same, but for n and d, which are whole.

    Examples
    --------
    >>> number("gamma", 5), number("n", 5)
    (5.0, 5)
    """
    return value if name in ("n", "d") else float(value)


def conflicts(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Names that fix the same thing more than once.

    Examples
    --------
    >>> conflicts(["n", "d", "delta", "kappa"])
    [('d', 'delta')]
    """
    given = [tuple(name for name in group if name in names) for group in _ALTERNATIVES]
    return [group for group in given if len(group) > 1]


def missing(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Groups of names of which one must be given, and is not.

    Examples
    --------
    >>> missing(["n", "rho", "d", "kappa"])
    [('gamma',)]
    """
    return [group for group in _REQUIRED if not set(group) & set(names)]


def resolve(values: Mapping[str, float]) -> Setting:
    """The setting of values by name, the derived ones worked out.

    d = round(δ·n); σ = √(κn/d), with κ = (κ/κ*)·κ*(ρ, γ).

    Parameters
    ----------
    values : mapping
        By names of `FIELDS`, without conflicts.

    Raises
    ------
    SettingError
        A value is not legal, or κ cannot be had: d = 0, or κ* is infinite.

    Examples
    --------
    >>> resolve({"n": 100, "delta": 2.0, "rho": 0.9, "gamma": 5.0, "kappa": 0.5}).sigma
    0.5
    """
    own = dict(values)
    delta, kappa, ratio = (own.pop(name, None) for name in ("delta", "kappa", "kappa_ratio"))
    for name, value in (("delta", delta), ("kappa", kappa), ("kappa_ratio", ratio)):
        if value is not None and not 0 <= value < math.inf:
            raise SettingError(name, value, "a finite number ≥ 0")
    if delta is not None:
        own["d"] = round(delta * own["n"])
    setting = Setting(**{"sigma": 0.0, **own})  # type: ignore[arg-type]
    if ratio is not None:
        critical = orthogonal.critical_memory(setting.rho, setting.gamma)
        if math.isinf(critical):
            raise SettingError(
                "kappa_ratio",
                ratio,
                f"left out where κ* is infinite (rho = {setting.rho:g}, gamma = {setting.gamma:g})",
                "Give kappa, or a gamma above 1/√(2ρ − 1).",
            )
        kappa = ratio * critical
    if kappa is None:
        return setting
    return setting.with_memory(kappa)
