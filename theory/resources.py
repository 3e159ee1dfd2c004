"""Say that a run does not fit before it starts."""

from __future__ import annotations

import os

from .errors import ResourceError

__all__ = ["available", "require"]

_TRIFLE = 2.0**23
"""Bytes that are there, or nothing would be: asking the system takes longer than a small run."""


def available() -> float:
    """Bytes of memory free for use; inf where the system does not tell.

    Examples
    --------
    >>> available() > 0
    True
    """
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return 1024.0 * int(line.split()[1])
    except (OSError, ValueError):
        pass  # Not Linux: ask for the free pages.
    try:
        return float(os.sysconf("SC_AVPHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return float("inf")


def require(size: float, what: str, fix: str) -> None:
    """Raise ResourceError unless ``size`` bytes are available.

    Parameters
    ----------
    size : float
        Bytes.
    what, fix : str
        What needs them, and what to do instead.

    Raises
    ------
    ResourceError

    Examples
    --------
    >>> require(8.0, "a number", "use none")
    """
    if size < _TRIFLE:
        return
    free = available()
    if size > free:
        raise ResourceError(
            f"{what} needs {size / 2**30:.3g} GiB and {free / 2**30:.3g} GiB are free: {fix}."
        )
