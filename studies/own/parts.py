"""Two classes, and which examples are the majority."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...theory import MAJORITY, MINORITY, SettingError
from .column import MISSING, Codes, Column, canonical
from .origin import Origin

__all__ = ["NAMES", "Rows", "Sorting", "by_attribute", "by_group", "two_classes"]

NAMES = ("majority", "minority")
"""Of the parts, where groups are given as such."""


class Rows(NamedTuple):
    """Rows to train and to test on, numbered through; from ``size`` on they are a test set's.

    Examples
    --------
    >>> Rows(np.arange(3), np.arange(3, 4), 3).all.tolist()
    [0, 1, 2, 3]
    """

    train: Codes
    test: Codes
    size: int

    @property
    def all(self) -> Codes:
        """Both.

        Examples
        --------
        >>> Rows(np.arange(1), np.arange(2, 3), 3).all.tolist()
        [0, 2]
        """
        return np.concatenate((self.train, self.test))


class Sorting(NamedTuple):
    """Group and part of every row, wherever they are known.

    Attributes
    ----------
    groups, parts : integer array
    names : tuple of str
        Of the parts.

    Examples
    --------
    >>> Sorting(np.array([1, 0]), np.array([0, 1]), NAMES).names[1]
    'minority'
    """

    groups: Codes
    parts: Codes
    names: tuple[str, ...]


def two_classes(labels: Column, positive: Any, rows: Rows, origin: Origin) -> tuple[Column, int]:
    """Labels of two classes, and which of them is +1.

    Parameters
    ----------
    labels : Column
        Sorted, all known in these rows.
    positive : object, optional
        The class that is +1; the second of two by default.
    rows : Rows
    origin : Origin

    Raises
    ------
    SettingError
        There are not two, or the training examples are of one.

    Examples
    --------
    >>> labels = Column(("cat", "cow", "dog"), np.array([0, 1, 2]))
    >>> two_classes(labels, "cow", Rows(np.arange(3), np.arange(0), 3), Origin())
    (Column(names=('not cow', 'cow'), codes=array([0, 1, 0])), 1)
    """
    field, names = origin.called("labels"), labels.names
    shown: Any = list(names[:5]) + (["…"] if len(names) > 5 else [])
    if len(names) == 1:
        fix = "There is nothing to tell apart in one class: add examples of another."
        raise SettingError(field, shown, "two different values", fix)
    plus = 1
    if positive is not None:
        plus = _found(positive, names, shown)
        if len(names) > 2:
            codes = np.where(labels.codes == plus, 1, 0)
            labels = Column((f"not {names[plus]}", names[plus]), codes)
            plus = 1
    elif len(names) > 2:
        fix = "Of more, name the one to tell from the rest: positive=… (--positive)."
        raise SettingError(field, shown, f"two different values, not {len(names)}", fix)
    present = np.unique(labels.codes[rows.train])
    if len(present) < 2:
        raise SettingError(
            field,
            [labels.names[code] for code in present],
            "of both classes among the training examples",
            f"Of {labels.names[1 - present[0]]!r} there is none: choose them otherwise.",
        )
    return labels, plus


def _found(positive: Any, names: tuple[str, ...], shown: Any) -> int:
    try:
        name = canonical(positive)
    except (TypeError, ValueError):
        name = None
    if name not in names:
        raise SettingError("positive", positive, f"one of the labels {shown}")
    return names.index(name)


def by_attribute(
    labels: Column, attributes: Column, base: Codes, rows: Rows, origin: Origin
) -> Sorting:
    """Parts are pairs of label and attribute; the majority is the pairing that most examples have.

    Parameters
    ----------
    labels, attributes : Column
        Sorted.
    base : integer array
        Rows that say what the majority is: those to train on, where they are known.
    rows : Rows
    origin : Origin

    Raises
    ------
    SettingError
        There are not two attributes, or a pair of the test set does not occur in training.

    Examples
    --------
    >>> labels = Column(("cat", "dog"), np.array([0, 0, 1, 1]))
    >>> attributes = Column(("in", "out"), np.array([0, 1, 1, 1]))
    >>> rows = Rows(np.arange(4), np.arange(0), 4)
    >>> sorting = by_attribute(labels, attributes, np.arange(4), rows, Origin())
    >>> sorting.groups.tolist(), sorting.parts.tolist(), sorting.names[0]
    ([1, 0, 1, 1], [0, 1, 2, 2], 'label=cat, attribute=in')
    """
    if len(attributes.names) != 2:
        shown = list(attributes.names[:5]) + (["…"] if len(attributes.names) > 5 else [])
        fix = "Merge values into two, such as 'one' and 'the rest'."
        if len(attributes.names) < 2:
            fix = f"What never changes is not spurious: {origin.without('attributes')}."
        raise SettingError(origin.called("attributes"), shown, "two different values", fix)
    agree = labels.codes == attributes.codes
    straight = 2 * agree[base].sum() >= len(base)
    pairs = 2 * labels.codes + attributes.codes
    occurring = np.unique(pairs[base])
    names = tuple(
        f"label={labels.names[pair // 2]}, attribute={attributes.names[pair % 2]}"
        for pair in occurring.tolist()
    )
    lookup = np.full(4, MISSING)
    lookup[occurring] = np.arange(len(occurring))
    unknown = attributes.codes == MISSING
    groups = np.where(agree == straight, MAJORITY, MINORITY)
    parts = lookup[np.where(unknown, 0, pairs)]
    groups[unknown] = parts[unknown] = MISSING
    alone = rows.test[(parts[rows.test] == MISSING) & ~unknown[rows.test]]
    if len(alone):
        row = int(alone[0])
        pair = f"label={labels.names[labels.codes[row]]}, "
        pair += f"attribute={attributes.names[attributes.codes[row]]}"
        field, where = origin.place("attributes", row, rows.size)
        fix = f"{where}, to test on, has one that does not: leave it out, or divide otherwise."
        raise SettingError(field, pair, "a pair that occurs in training", fix)
    return Sorting(groups, parts, names)


def by_group(marks: Column, origin: Origin) -> Sorting:
    """Groups that are given as such.

    Raises
    ------
    SettingError
        They are not 1 and 0, or "majority" and "minority".

    Examples
    --------
    >>> marks = Column(("0", "1"), np.array([1, 1, 0]))
    >>> by_group(marks, Origin()).groups.tolist()
    [1, 1, 0]
    """
    meaning = {"1": MAJORITY, "majority": MAJORITY, "0": MINORITY, "minority": MINORITY}
    named = [meaning.get(name.lower()) for name in marks.names]
    if None in named:
        shown = list(marks.names[:5]) + (["…"] if len(marks.names) > 5 else [])
        fix = "A spurious attribute goes in as such: attributes=… (--attribute)."
        if len(named) > 2:
            fix = "Finer groups come of the spurious attribute: attributes=… (--attribute)."
        raise SettingError(origin.called("groups"), shown, "1 or majority, and 0 or minority", fix)
    groups = np.array([*named, MISSING])[marks.codes]
    parts = np.where(groups == MISSING, MISSING, 1 - groups)
    return Sorting(groups, parts, NAMES)
