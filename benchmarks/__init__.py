"""Ours and its peers side by side: alternately in one run, their answers compared."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence

from ..sims.gpu import open_device
from ..studies.arguments import Progress, silent
from ..theory import SettingError
from .harness import Report, Row, machine

__all__ = ["NAMES", "ON_A_DEVICE", "Report", "Row", "machine", "run"]

NAMES = (
    "descent",
    "flow",
    "dimension",
    "margin",
    "ridge",
    "influence",
    "sweep",
    "pipeline",
    "three_memorizations",
    "mean_field",
    "sagawa",
    "scaling",
)
ON_A_DEVICE = ("gpu",)
"""Those that only run where there is a GPU, and only if they are named."""


def run(
    names: Sequence[str] = NAMES,
    rounds: int = 5,
    progress: Progress = silent,
    keep: Callable[[list[Report]], None] | None = None,
) -> list[Report]:
    """Run benchmarks by name.

    Parameters
    ----------
    names : sequence of str
        Of `NAMES` or `ON_A_DEVICE`.
    rounds : int
        How often each program is timed, in turn with the others; ≥ 1.
    progress : callable
        Called with (done, total, label).
    keep : callable, optional
        Called after each benchmark with the reports so far.

    Returns
    -------
    list of Report

    Raises
    ------
    SettingError
        An unknown name, or no rounds.
    ResourceError
        There is no GPU for one that needs it; said before any is run.

    Examples
    --------
    >>> run(["nothing"])
    Traceback (most recent call last):
    pitfalls.theory.errors.SettingError: name = 'nothing': must be one of descent, ...
    """
    for name in names:
        if name not in (*NAMES, *ON_A_DEVICE):
            raise SettingError("name", name, f"one of {', '.join((*NAMES, *ON_A_DEVICE))}")
    if isinstance(rounds, bool) or not isinstance(rounds, int) or rounds < 1:
        raise SettingError("rounds", rounds, "an integer ≥ 1")
    if set(names) & set(ON_A_DEVICE):
        open_device()
    reports: list[Report] = []
    for name in names:
        measure: Callable[[int, Progress], Report] = importlib.import_module(
            f".{name}", __name__
        ).measure
        reports.append(measure(rounds, progress))
        if keep is not None:
            keep(reports)
    return reports
