"""Errors of sweeps."""

from __future__ import annotations

from ...theory import PitfallsError

__all__ = ["StoreError", "SweepError"]


class SweepError(PitfallsError):
    """A sweep file asks for something that does not exist, or not clearly.

    Examples
    --------
    >>> raise SweepError("a.toml, line 3: seed = -1: must be an integer ≥ 0.")
    Traceback (most recent call last):
    ...
    pitfalls.studies.sweeps.errors.SweepError: a.toml, line 3: seed = -1: must be an integer ≥ 0.
    """


class StoreError(PitfallsError):
    """A store cannot be opened, read or written.

    Examples
    --------
    >>> issubclass(StoreError, PitfallsError)
    True
    """
