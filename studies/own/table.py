"""Examples of one's own: features with labels and groups, to train and to test on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...theory import SettingError
from .column import MISSING, Codes, known, settled
from .given import Given, divided, group_role, matrix_of_test, pooled, sorted_into_groups
from .matrix import Array, matrix, refuse_constant
from .origin import Origin
from .parts import Sorting, two_classes

__all__ = ["OwnFeatures", "Table", "assembled", "own_features"]


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
    role = group_role(given, origin)
    x = matrix("features", given.features, origin)
    tested = matrix_of_test(given, x, origin)
    sizes = (len(x), 0 if tested is None else len(tested))
    labels = pooled("labels", given, sizes, origin)
    marks = pooled(role, given, sizes, origin) if role else None
    rows = divided(given, labels, marks, sizes, origin)
    if not known("labels", labels, rows.all, rows.size, origin):
        raise SettingError(
            origin.called("labels"), "all missing", "known", "Fill them in, or give others."
        )
    labels = settled("labels", labels, rows.all, rows.size, origin)
    labels, plus = two_classes(labels, given.positive, rows, origin)
    sorting = sorted_into_groups(role, labels, marks, rows, origin) if marks else None
    signs = np.where(labels.codes == plus, 1.0, -1.0)
    train = _table(x, rows.train, 0, signs, sorting)
    refuse_constant(train.features, origin)
    test = None
    if tested is not None:
        test = _table(tested, rows.test, rows.size, signs, sorting)
    elif len(rows.test):
        test = _table(x, rows.test, 0, signs, sorting)
    names = (labels.names[1 - plus], labels.names[plus])
    return OwnFeatures(train, test, names, sorting.names if sorting else (), origin.source)


def _table(x: Array, rows: Codes, first: int, signs: Array, sorting: Sorting | None) -> Table:
    features = x[rows - first]
    if sorting is None or (sorting.groups[rows] == MISSING).all():
        return Table(features, signs[rows], None, None)
    return Table(features, signs[rows], sorting.groups[rows], sorting.parts[rows])
