"""Which rows train, and which test."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...theory import SettingError
from .column import MISSING, Codes, Column, settled
from .origin import Origin

__all__ = ["by_split", "held_out"]

_WORDS = {
    "train": 0,
    "val": 1,
    "valid": 1,
    "validation": 1,
    "test": 2,
    "0": 0,
    "1": 1,
    "2": 2,
}
_ALLOWED = "train, test or validation in each row, or 0 train, 1 validation and 2 test"


def by_split(split: Column, origin: Origin) -> tuple[Codes, Codes]:
    """The rows to train on and those to test on, by a column that says so.

    Raises
    ------
    SettingError
        A word is unknown, a row has none, or nothing is left to train or to test on.

    Examples
    --------
    >>> by_split(Column(("train", "Test"), np.array([0, 0, 1])), Origin())
    (array([0, 1]), array([2]))
    """
    field = origin.called("split")
    split = settled("split", split, np.arange(len(split.codes)), len(split.codes), origin)
    if (split.codes == MISSING).any():
        row = int(np.argmax(split.codes == MISSING))
        raise SettingError(field, "missing", _ALLOWED, f"{origin.row(row)} has none: fill it in.")
    places = [_WORDS.get(name.lower()) for name in split.names]
    for code, place in enumerate(places):
        if place is None:
            row = int(np.argmax(split.codes == code))
            fix = f"{origin.row(row)} has something else."
            raise SettingError(field, split.names[code], _ALLOWED, fix)
    if set(split.names) <= {"0", "1"}:
        fix = "Without a 2 it is not clear what 0 and 1 are: write train and test."
        raise SettingError(field, list(split.names), _ALLOWED, fix)
    part = np.array(places)[split.codes]
    for number, name in ((0, "train"), (2, "test")):
        if not (part == number).any():
            other = f"{origin.without('split')} to train on every row" if number else "mark some"
            fix = f"No row is marked {name}: {other}."
            raise SettingError(field, list(split.names), "of rows to train and to test on", fix)
    return np.flatnonzero(part == 0), np.flatnonzero(part == 2)


def held_out(share: Any, strata: Codes, seed: Any) -> tuple[Codes, Codes]:
    """The rows to train on and those held out at random, a share of every stratum.

    Each stratum of two rows or more keeps one at least on both sides; one of one row is trained on.

    Raises
    ------
    SettingError
        The share or the seed is not legal, or no stratum has two rows.

    Examples
    --------
    >>> train, test = held_out(0.25, np.array([0, 0, 0, 0, 1, 1, 1, 1]), seed=0)
    >>> len(train), test.tolist()
    (6, [2, 7])
    """
    number = isinstance(share, (int, float, np.number)) and not isinstance(share, bool)
    if not number or not 0 < share < 1:
        raise SettingError("holdout", share, "a number in (0, 1)", "The share to test on.")
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise SettingError("seed", seed, "an integer ≥ 0")
    rng = np.random.default_rng(seed)
    test = np.zeros(len(strata), dtype=bool)
    for stratum in np.unique(strata):
        rows = rng.permutation(np.flatnonzero(strata == stratum))
        if len(rows) > 1:
            test[rows[: min(max(1, round(share * len(rows))), len(rows) - 1)]] = True
    if not test.any():
        raise SettingError(
            "holdout",
            share,
            "left out",
            "No two examples are of the same class and group: there is nothing to hold out.",
        )
    return np.flatnonzero(~test), np.flatnonzero(test)
