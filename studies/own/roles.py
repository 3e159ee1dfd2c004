"""Which names of a file are labels, attributes, groups, split, and which are features."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ...theory import SettingError
from .origin import ignoring

__all__ = ["DEFAULTS", "Wanted", "assigned", "features_among", "refuse_duplicates"]

DEFAULTS: Mapping[str, tuple[str, ...]] = {
    "labels": ("label", "labels"),
    "attributes": ("attribute", "attributes"),
    "groups": ("group", "groups"),
    "split": ("split",),
}
"""The names of each role where nothing else is asked for."""

_ARGUMENTS = {"labels": "label", "attributes": "attribute", "groups": "group", "split": "split"}
_SHOWN = 10


class Wanted(NamedTuple):
    """The names asked for by role, and those to ignore.

    Examples
    --------
    >>> Wanted({"labels": "y"}, ("id",)).ignore
    ('id',)
    """

    names: Mapping[str, str | None]
    ignore: Sequence[str]


def refuse_duplicates(source: str, unit: str, names: Sequence[str]) -> None:
    """Refuse a file in which a name occurs twice.

    Raises
    ------
    SettingError

    Examples
    --------
    >>> refuse_duplicates("a.csv", "column", ["label", "x"])
    """
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None:
        places = [i + 1 for i, name in enumerate(names) if name == twice]
        fix = f"The {unit}s {places[0]} and {places[1]}, counted from 1, have it: rename one."
        raise SettingError(f"{source}, {unit}s", twice, "a different name for each", fix)


def assigned(source: str, unit: str, names: Sequence[str], wanted: Wanted) -> dict[str, str]:
    """The name of each role that a file has: the one asked for, or the usual one.

    Parameters
    ----------
    source : str
        The file's name.
    unit : str
        "column" or "key".
    names : sequence of str
        All that are in the file.
    wanted : Wanted

    Raises
    ------
    SettingError
        A name is not there, is asked for twice, or there are no labels.

    Examples
    --------
    >>> assigned("a.csv", "column", ["x", "y", "split"], Wanted({"labels": "y"}, ()))
    {'labels': 'y', 'split': 'split'}
    """
    for name in wanted.ignore:
        _refuse_unknown("ignore", name, source, unit, names)
    asked = {role: name for role, name in wanted.names.items() if name is not None}
    roles: dict[str, str] = {}
    for role, name in asked.items():
        argument = _ARGUMENTS[role]
        _refuse_unknown(argument, name, source, unit, names)
        if name in wanted.ignore or name in roles.values():
            fix = f"It is to be ignored: name another {unit}."
            if name not in wanted.ignore:
                fix = f"It is the {_ARGUMENTS[_role_of(name, roles)]} already: name another {unit}."
            raise SettingError(argument, name, f"a {unit} of its own", fix)
        roles[role] = name
    taken = {*wanted.ignore, *roles.values()}
    for role, usual in DEFAULTS.items():
        found = next((each for each in usual if each in names and each not in taken), None)
        if role not in roles and found is not None:
            roles[role] = found
    if "labels" not in roles:
        fix = f"Say which {unit} has the labels: label=… (--label). It has {_listed(names)}."
        raise SettingError(f"{source}, labels", None, f"a {unit} called 'label' or 'labels'", fix)
    return {role: roles[role] for role in DEFAULTS if role in roles}


def _role_of(name: str, roles: Mapping[str, str]) -> str:
    return next(role for role, other in roles.items() if other == name)


def _listed(names: Sequence[str]) -> str:
    more = f", … ({len(names)} in all)" if len(names) > _SHOWN else ""
    return ", ".join(map(repr, names[:_SHOWN])) + more


def _refuse_unknown(argument: str, name: Any, source: str, unit: str, names: Sequence[str]) -> None:
    if name in names:
        return
    near = difflib.get_close_matches(str(name), names, n=1)
    guess = f"Did you mean {near[0]!r}? " if near else ""
    fix = f"{guess}It has {_listed(names)}."
    raise SettingError(argument, name, f"a {unit} of {source}", fix)


def features_among(
    source: str, names: Sequence[str], roles: Mapping[str, str], ignore: Sequence[str]
) -> list[str]:
    """The columns of a table that are features: all without another role.

    Raises
    ------
    SettingError
        One is called like something else, or there are not two.

    Examples
    --------
    >>> features_among("a.csv", ["x", "z", "y", "id"], {"labels": "y"}, ["id"])
    ['x', 'z']
    """
    found = [name for name in names if name not in ignore and name not in roles.values()]
    reserved = {each: role for role, usual in DEFAULTS.items() for each in usual}
    for name in found:
        if name.strip().lower() in reserved:
            fix = f"Its name says otherwise: ignore it {ignoring(name)}, or rename it."
            raise SettingError(f"{source}, column", name, "a feature, having no other role", fix)
        if name == "" or name.startswith("__index_level_"):
            fix = f"It looks like an index of rows: ignore it {ignoring(name)}, or name it."
            raise SettingError(f"{source}, column", name, "a feature with a name", fix)
    if len(found) < 2:
        fix = "Features are all columns without another role: add some."
        raise SettingError(f"{source}, features", found, "two columns at least", fix)
    return found
