"""Where data came from, so that an error says where to look."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["Origin", "ignoring", "said"]


@dataclass(frozen=True)
class Origin:
    """What the roles, columns and rows of the data are called where they came from.

    Attributes
    ----------
    source : str
        A file's name, or "arrays".
    unit : str
        What a file calls a role's values, "column" or "key"; "" for arguments.
    names : mapping
        The name in the file of each role ("labels", "attributes", …) that it has.
    columns : sequence of str
        Names of the columns of features; none where they have numbers.
    lines : sequence of int
        The line of each row; none where rows have numbers.

    Examples
    --------
    >>> file = Origin("a.csv", "column", {"labels": "y"}, ("x", "z"), (2, 3))
    >>> file.called("labels"), file.called("features", 1), file.row(1, 0)
    ("a.csv, column 'y'", "a.csv, column 'z'", 'Line 3')
    >>> Origin().called("features", 1), Origin().row(1, 0)
    ('features', 'Row 1, column 0 (counted from 0)')
    """

    source: str = "arrays"
    unit: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    columns: Sequence[str] = ()
    lines: Sequence[int] = ()

    def called(self, role: str, column: int | None = None) -> str:
        """What an error calls a role, or one column of features.

        Examples
        --------
        >>> Origin("a.npz", "key", {"labels": "y"}).called("labels")
        "a.npz, key 'y'"
        """
        name = self.names.get(role) if column is None or not self.columns else self.columns[column]
        if name is not None:
            return f"{self.source}, {self.unit} {name!r}"
        return f"{self.source}, {role}" if self.unit else role

    def row(self, row: int, column: int | None = None) -> str:
        """What an error calls a row, with the column unless that has a name.

        Examples
        --------
        >>> Origin().row(4)
        'Row 4 (counted from 0)'
        """
        if self.lines:
            return f"Line {self.lines[row]}"
        number = "" if column is None or self.columns else f", column {column}"
        return f"Row {row}{number} (counted from 0)"

    def place(self, role: str, row: int, count: int) -> tuple[str, str]:
        """What an error calls a role and a row that is the test set's from ``count`` on.

        Examples
        --------
        >>> Origin().place("labels", 5, 4)
        ('test_labels', 'Row 1 (counted from 0)')
        """
        if row < count:
            return self.called(role), self.row(row)
        return self.called(f"test_{role}"), self.row(row - count)

    def without(self, role: str) -> str:
        """How to leave a role out, within a sentence.

        Examples
        --------
        >>> Origin().without("groups"), Origin("a.csv", "column", {"groups": "g"}).without("groups")
        ('leave groups out', "ignore the column 'g' (--ignore g)")
        """
        if role not in self.names:
            return f"leave {role} out"
        return f"ignore the {self.unit} {self.names[role]!r} {ignoring(self.names[role])}"


def ignoring(name: str) -> str:
    """What to write to leave a name of a file out.

    Examples
    --------
    >>> ignoring("bird id")
    "(--ignore 'bird id')"
    """
    return f"(--ignore {shlex.quote(name)})"


def said(error: BaseException) -> str:
    r"""What another library says of a file, as one sentence.

    Examples
    --------
    >>> said(ValueError("bad magic\nand more"))
    'The reader says: bad magic.'
    """
    lines = str(error).splitlines() or [type(error).__name__]
    return f"The reader says: {lines[0].rstrip('.')}."
