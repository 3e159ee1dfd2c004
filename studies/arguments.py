"""Arguments that several studies take."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from ..theory import SettingError

__all__ = ["Progress", "check_run", "check_workers", "silent"]

Progress: TypeAlias = Callable[[int, int, str], None]


def silent(done: int, total: int, label: str) -> None:
    """The progress of those who do not want to know.

    Examples
    --------
    >>> silent(1, 2, "half")
    """


def check_run(seed: int, replicates: int, workers: int | None, least: int = 8) -> None:
    """Refuse a seed, a number of replicates or of workers that is not legal.

    Raises
    ------
    SettingError
        One is out of range.

    Examples
    --------
    >>> check_run(seed=0, replicates=8, workers=None)
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise SettingError("seed", seed, "an integer ≥ 0")
    if isinstance(replicates, bool) or not isinstance(replicates, int) or replicates < least:
        fix = "A standard error needs some." if least > 1 else ""
        raise SettingError("replicates", replicates, f"an integer ≥ {least}", fix)
    if workers is not None:
        check_workers(workers)


def check_workers(workers: int) -> None:
    """Refuse a number of workers that is not legal.

    Raises
    ------
    SettingError
        It is no integer, or below one.

    Examples
    --------
    >>> check_workers(2)
    """
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise SettingError("workers", workers, "an integer ≥ 1")
