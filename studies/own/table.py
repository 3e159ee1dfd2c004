"""Examples of one's own: features with labels and groups, to train and to test on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ...theory import SettingError
from .column import MISSING, Codes, Column, column, known, settled
from .division import by_split, held_out
from .matrix import Array, matrix, refuse_constant
from .origin import Origin
from .parts import Rows, Sorting, by_attribute, by_group, two_classes

__all__ = ["Given", "OwnFeatures", "Table", "assembled", "own_features"]


@dataclass(frozen=True, eq=False)
class Table:
    """Examples of one's own.

    Made by `own_features` or `read_features`.

    Attributes
    ----------
    features : array (n, p)
    labels : array (n,)
        −1 or +1.
    groups : integer array (n,) or None
        1 majority and 0 minority.
    parts : integer array (n,) or None
        Index into the names of the parts: finer groups, label × attribute.

    Examples
    --------
    >>> own_features([[1.0, 2.0], [3.0, 4.0]], [0, 1]).train.labels.tolist()
    [-1.0, 1.0]
    """

    features: Array
    labels: Array
    groups: Codes | None
    parts: Codes | None


@dataclass(frozen=True, eq=False)
class OwnFeatures:
    """Features of one's own, to train on and, if there are any, to test on.

    Attributes
    ----------
    train : Table
    test : Table or None
    class_names : pair of str
        The class of −1 and the class of +1.
    part_names : tuple of str
        Such as "label=cat, attribute=indoors", or majority and minority; none without groups.
    source : str
        A file's name, or "arrays".

    Examples
    --------
    >>> own_features([[1.0, 2.0], [3.0, 4.0]], ["dog", "cat"]).class_names
    ('cat', 'dog')
    """

    train: Table
    test: Table | None
    class_names: tuple[str, str]
    part_names: tuple[str, ...]
    source: str


class Given(NamedTuple):
    """All that tables are made of, as it was given: see `own_features`."""

    features: ArrayLike
    labels: ArrayLike
    attributes: ArrayLike | None = None
    groups: ArrayLike | None = None
    split: ArrayLike | None = None
    positive: Any = None
    holdout: float | None = None
    seed: int = 0
    test_features: ArrayLike | None = None
    test_labels: ArrayLike | None = None
    test_attributes: ArrayLike | None = None
    test_groups: ArrayLike | None = None


def own_features(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    attributes: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    split: ArrayLike | None = None,
    positive: Any = None,
    holdout: float | None = None,
    seed: int = 0,
    test_features: ArrayLike | None = None,
    test_labels: ArrayLike | None = None,
    test_attributes: ArrayLike | None = None,
    test_groups: ArrayLike | None = None,
    source: str = "arrays",
) -> OwnFeatures:
    """Features of one's own with labels and, if known, groups.

    Parameters
    ----------
    features : array (n, p)
        Finite numbers, one row per example; n ≥ 2 and p ≥ 2.
    labels : array (n,)
        Two different words, integers or booleans; in sorted order they are −1 and +1.
    attributes : array (n,), optional
        The spurious attribute, two different values. The pairing of labels with attributes that
        most training examples have is the majority, and the parts are the pairs that occur there.
    groups : array (n,), optional
        1 or "majority", 0 or "minority", instead of attributes. Without either there are no groups.
    split : array (n,), optional
        "train", "test", and "val", "valid" or "validation", whose rows are left out; or 0 train,
        1 validation and 2 test. Attributes or groups may be missing in all of train or all of test.
    positive : object, optional
        The label that is +1, against the rest.
    holdout : float, optional
        The share of the examples to test on, held out at random from every class and part.
    seed : int
        Of the holdout.
    test_features, test_labels, test_attributes, test_groups : array, optional
        A test set, instead of split or holdout.
    source : str
        What the result says that it is.

    Raises
    ------
    SettingError
        Something is not legal.
    ResourceError
        A copy of the features does not fit in memory.

    Examples
    --------
    >>> own = own_features(
    ...     [[1.0, 2.0], [1.5, 1.0], [-1.0, -2.0], [-1.0, 2.5]],
    ...     ["land", "land", "water", "water"],
    ...     attributes=["forest", "forest", "sea", "forest"],
    ... )
    >>> own.class_names, own.train.labels.tolist(), own.train.groups.tolist()
    (('land', 'water'), [-1.0, -1.0, 1.0, 1.0], [1, 1, 1, 0])
    >>> own.part_names[own.train.parts[3]]
    'label=water, attribute=forest'
    """
    given = Given(
        features,
        labels,
        attributes,
        groups,
        split,
        positive,
        holdout,
        seed,
        test_features,
        test_labels,
        test_attributes,
        test_groups,
    )
    return assembled(given, Origin(source))


def assembled(given: Given, origin: Origin) -> OwnFeatures:
    """Tables of what was given, whose errors say where it came from.

    Raises
    ------
    SettingError
        Something is not legal.

    Examples
    --------
    >>> assembled(Given([[1.0, 2.0], [3.0, 4.0]], [0, 1]), Origin("a.csv")).source
    'a.csv'
    """
    role = _refuse_conflicts(given, origin)
    x = matrix("features", given.features, origin)
    tested = _test_features(given, x, origin)
    sizes = (len(x), 0 if tested is None else len(tested))
    labels = _pooled("labels", given, sizes, origin)
    marks = _pooled(role, given, sizes, origin) if role else None
    rows = _divided(given, labels, marks, sizes, origin)
    if not known("labels", labels, rows.all, rows.count, origin):
        raise SettingError(origin.called("labels"), "", "known", "All of them are missing.")
    labels = settled("labels", labels, rows.all, rows.count, origin)
    labels, plus = two_classes(labels, given.positive, rows, origin)
    sorting = _sorted(role, labels, marks, rows, origin) if marks else None
    signs = np.where(labels.codes == plus, 1.0, -1.0)
    train = _table(x, rows.train, 0, signs, sorting)
    refuse_constant(train.features, origin)
    test = None
    if tested is not None:
        test = _table(tested, rows.test, rows.count, signs, sorting)
    elif len(rows.test):
        test = _table(x, rows.test, 0, signs, sorting)
    names = (labels.names[1 - plus], labels.names[plus])
    return OwnFeatures(train, test, names, sorting.names if sorting else (), origin.source)


def _refuse_conflicts(given: Given, origin: Origin) -> str:
    """The role that says what the groups are, "" without one."""
    roles = {
        role
        for role in ("attributes", "groups")
        if getattr(given, role) is not None or getattr(given, f"test_{role}") is not None
    }
    if len(roles) == 2:
        raise SettingError(
            origin.called("groups"),
            "given with attributes",
            "given without them",
            f"{origin.without('groups')}, or {origin.without('attributes').lower()}.",
        )
    if given.test_features is None:
        for role in ("test_labels", "test_attributes", "test_groups"):
            if getattr(given, role) is not None:
                raise SettingError(
                    origin.called(role), "given", "given with test_features", "Give both."
                )
    elif given.test_labels is None:
        raise SettingError("test_labels", None, "given with test_features", "Give both.")
    ways = [
        name for name in ("split", "holdout", "test_features") if getattr(given, name) is not None
    ]
    if len(ways) > 1:
        raise SettingError(
            origin.called(ways[0]),
            f"given with {ways[1]}",
            "the one way to say what to test on",
            f"{origin.without(ways[0])}, or leave {ways[1]} out.",
        )
    return roles.pop() if roles else ""


def _test_features(given: Given, x: Array, origin: Origin) -> Array | None:
    if given.test_features is None:
        return None
    tested = matrix("test_features", given.test_features, origin, least=1)
    if tested.shape[1] != x.shape[1]:
        raise SettingError(
            origin.called("test_features"),
            tested.shape,
            f"of {x.shape[1]} columns, as features are",
            "Give the same features of both.",
        )
    return tested


def _pooled(role: str, given: Given, sizes: tuple[int, int], origin: Origin) -> Column:
    """A column of all rows, those of the test set last; missing where it was not given."""
    found: Column | None = None
    for name, size in ((role, sizes[0]), (f"test_{role}", sizes[1])):
        values = getattr(given, name)
        found = column(name, [None] * size if values is None else values, size, origin, found)
    assert found is not None
    return found


def _divided(
    given: Given, labels: Column, marks: Column | None, sizes: tuple[int, int], origin: Origin
) -> Rows:
    count, extra = sizes
    train, test = np.arange(count), np.arange(count, count + extra)
    if given.split is not None:
        train, test = by_split(column("split", given.split, count, origin), origin)
    elif given.holdout is not None:
        strata = labels.codes
        if marks is not None:
            strata = strata * (len(marks.names) + 1) + marks.codes
        train, test = held_out(given.holdout, strata, given.seed)
    return Rows(train, test, count)


def _sorted(role: str, labels: Column, marks: Column, rows: Rows, origin: Origin) -> Sorting | None:
    trained = known(role, marks, rows.train, rows.count, origin)
    tested = known(role, marks, rows.test, rows.count, origin)
    if not trained and not tested:
        fix = f"{origin.without(role)} if there are none."
        raise SettingError(origin.called(role), "", "known for train or test", fix)
    marks = settled(role, marks, rows.all, rows.count, origin)
    if role == "groups":
        sorting = by_group(marks, rows, origin)
    else:
        base = rows.train if trained else rows.test
        sorting = by_attribute(labels, marks, base, rows, origin)
    present = np.unique(sorting.groups[rows.train])
    if trained and len(present) < 2:
        raise SettingError(
            origin.called(role),
            ["minority", "majority"][present[0]],
            "of both groups among the training examples",
            f"{origin.without(role)} for ERM and MAT alone.",
        )
    return sorting


def _table(x: Array, rows: Codes, first: int, signs: Array, sorting: Sorting | None) -> Table:
    features = x[rows - first]
    if sorting is None or (sorting.groups[rows] == MISSING).all():
        return Table(features, signs[rows], None, None)
    return Table(features, signs[rows], sorting.groups[rows], sorting.parts[rows])
