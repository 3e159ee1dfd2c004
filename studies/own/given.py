"""What tables are made of, as it was given, and the rows and groups that come of it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ...theory import SettingError
from .column import Column, column, known, settled
from .division import by_split, held_out
from .matrix import Array, matrix
from .origin import Origin
from .parts import NAMES, Rows, Sorting, by_attribute, by_group

__all__ = ["Given", "divided", "group_role", "matrix_of_test", "pooled", "sorted_into_groups"]


class Given(NamedTuple):
    """All that tables are made of, as it was given: see `own_features`.

    Examples
    --------
    >>> Given([[1.0, 2.0], [3.0, 4.0]], [0, 1]).groups is None
    True
    """

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


def group_role(given: Given, origin: Origin) -> str:
    """The role that says what the groups are, "" without one.

    Raises
    ------
    SettingError
        Two of the things given exclude each other, or one needs another.

    Examples
    --------
    >>> group_role(Given([[1.0, 2.0], [3.0, 4.0]], [0, 1], groups=[0, 1]), Origin())
    'groups'
    """
    names = [name for name in Given._fields if getattr(given, name) is not None]
    attributes = [name for name in names if name.endswith("attributes")]
    groups = [name for name in names if name.endswith("groups")]
    if attributes and groups:
        _refuse_both(groups[0], attributes[0], "the only account of the groups", origin)
    tests = [name for name in names if name.startswith("test_")]
    if tests and not {"test_features", "test_labels"} <= {*tests}:
        missing = "test_labels" if "test_features" in tests else "test_features"
        field = origin.called(tests[0])
        raise SettingError(field, f"without {missing}", f"given with {missing}", "Give both.")
    ways = [name for name in ("split", "test_features", "holdout") if name in names]
    if len(ways) > 1:
        _refuse_both(ways[0], ways[1], "the one thing that says what to test on", origin)
    return "attributes" if attributes else "groups" if groups else ""


def _refuse_both(one: str, other: str, allowed: str, origin: Origin) -> None:
    fix = f"Either {origin.without(one)}, or {origin.without(other)}."
    raise SettingError(origin.called(one), f"given together with {other}", allowed, fix)


def matrix_of_test(given: Given, x: Array, origin: Origin) -> Array | None:
    """The test set's features, or None.

    Raises
    ------
    SettingError
        They are not finite numbers, as many for each example as the training examples have.

    Examples
    --------
    >>> matrix_of_test(Given([[1.0, 2.0], [3.0, 4.0]], [0, 1]), np.eye(2), Origin()) is None
    True
    """
    if given.test_features is None:
        return None
    tested = matrix("test_features", given.test_features, origin, least=1)
    if tested.shape[1] != x.shape[1]:
        raise SettingError(
            origin.called("test_features"),
            tested.shape,
            f"of {x.shape[1]} columns, as the training features are",
            "Compute the same features of both.",
        )
    return tested


def pooled(role: str, given: Given, sizes: tuple[int, int], origin: Origin) -> Column:
    """A column of all rows, those of the test set last; missing where it was not given.

    Raises
    ------
    SettingError
        It is not as long as the features, or has values of another kind.

    Examples
    --------
    >>> pooled("labels", Given([[1.0, 2.0], [3.0, 4.0]], ["b", "a"]), (2, 1), Origin()).codes
    array([ 0,  1, -1])
    """
    test = f"test_{role}"
    first, second = getattr(given, role), getattr(given, test)
    train = column(role, [None] * sizes[0] if first is None else first, sizes[0], origin)
    return column(test, [None] * sizes[1] if second is None else second, sizes[1], origin, train)


def divided(
    given: Given, labels: Column, marks: Column | None, sizes: tuple[int, int], origin: Origin
) -> Rows:
    """The rows to train and to test on.

    Raises
    ------
    SettingError
        Split or holdout are not legal.

    Examples
    --------
    >>> labels = Column(("b", "a"), np.array([0, 1, 1]))
    >>> divided(Given([[1.0, 2.0], [3.0, 4.0]], ["b", "a"]), labels, None, (2, 1), Origin())
    Rows(train=array([0, 1]), test=array([2]), size=2)
    """
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


def sorted_into_groups(
    role: str, labels: Column, marks: Column, rows: Rows, origin: Origin
) -> Sorting:
    """Groups and parts by what was given of them.

    Raises
    ------
    SettingError
        They are not two groups, both of them in training, or not known for some examples only.

    Examples
    --------
    >>> rows = Rows(np.arange(2), np.arange(0), 2)
    >>> labels, marks = (Column(("0", "1"), np.array(codes)) for codes in ([0, 1], [1, 0]))
    >>> sorted_into_groups("groups", labels, marks, rows, Origin()).groups.tolist()
    [1, 0]
    """
    trained = known(role, marks, rows.train, rows.size, origin)
    tested = known(role, marks, rows.test, rows.size, origin)
    if not trained and not tested:
        fix = f"If there are none, {origin.without(role)}."
        raise SettingError(origin.called(role), "all missing", "known in training or test", fix)
    marks = settled(role, marks, rows.all, rows.size, origin)
    if role == "groups":
        sorting = by_group(marks, origin)
    else:
        base = rows.train if trained else rows.test
        sorting = by_attribute(labels, marks, base, rows, origin)
    present = np.unique(sorting.groups[rows.train])
    if trained and len(present) < 2:
        raise SettingError(
            origin.called(role),
            f"only {NAMES[1 - present[0]]}",
            "of both groups, majority and minority, among the training examples",
            f"For ERM and MAT alone, {origin.without(role)}.",
        )
    return sorting
