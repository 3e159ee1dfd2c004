"""Verify Theorem 2.2 numerically: closed forms against simulation, with error bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..theory import PitfallsError
from ..theory.theorem import FACTS, Fact
from .arguments import Progress, check_run, silent
from .plan import Plan
from .simulations import SIMULATIONS
from .statements import Statement, judge, self_test

__all__ = ["Verification", "verify"]


@dataclass(frozen=True)
class Verification:
    """The table of statements of one run.

    Attributes
    ----------
    seed, replicates : int
    statements : list of Statement

    Examples
    --------
    >>> Verification(seed=0, replicates=2, statements=[]).holds
    True
    """

    seed: int
    replicates: int
    statements: list[Statement]

    @property
    def holds(self) -> bool:
        """Whether every statement held.

        Examples
        --------
        >>> Verification(0, 2, []).holds
        True
        """
        return all(row.holds for row in self.statements)

    def not_refused(self) -> list[str]:
        """Statements that would have held with a wrong prediction; see `self_test`.

        Examples
        --------
        >>> Verification(0, 2, []).not_refused()
        []
        """
        return self_test(self.statements)

    def as_json(self) -> dict[str, Any]:
        """The table as a JSON object, schema 1.

        Examples
        --------
        >>> Verification(0, 2, []).as_json()["schema"]
        1
        """
        return {
            "schema": 1,
            "seed": self.seed,
            "replicates": self.replicates,
            "holds": self.holds,
            "statements": [row.as_json() for row in self.statements],
        }


def verify(
    *,
    seed: int = 0,
    replicates: int | None = None,
    quick: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Verification:
    """Confirm the facts of `pitfalls.theory.theorem` by the simulations they name.

    Statements are (a) without example-specific features, (b) with them, on both sides of κ* and
    for d/n from 0.5 to 1000, (c) several objectives on the same data, (d) the paper's Figure 1,
    (e) vector scaling with the curing scale, whose limit has no spurious weight, (f) training over
    time, (g) fitting, delay and label noise, (h) decoding.

    Parameters
    ----------
    seed : int
        ≥ 0; the same seed gives the same table whatever ``workers`` is.
    replicates : int, optional
        Draws per setting and size, ≥ 8; 100 by default, 24 if quick.
    quick : bool
        Fewer replicates: larger detectable errors.
    workers : int, optional
        Threads; all cores by default.
    progress : callable, optional
        Called with (units done, units in all, what is running).

    Returns
    -------
    Verification

    Raises
    ------
    SettingError
        An argument is out of range.

    Examples
    --------
    >>> table = verify(replicates=8)  # doctest: +SKIP
    >>> table.holds  # doctest: +SKIP
    True
    """
    count = replicates if replicates is not None else (24 if quick else 100)
    check_run(seed, count, workers)
    rows = _evidence(FACTS, seed, count, workers, progress or silent)
    return Verification(seed, count, judge(rows))


def _evidence(
    facts: Sequence[Fact], seed: int, replicates: int, workers: int | None, progress: Progress
) -> list[Statement]:
    """Statements of the simulations that the facts name, in the facts' order.

    Each simulation runs once, and must speak for all facts that name it and for no other.
    """
    names = list(dict.fromkeys(each.simulation for each in facts))
    batches = sum(SIMULATIONS[name].batches for name in names)
    plan = Plan(seed, replicates, workers, progress, batches)
    found: dict[str, list[Statement]] = {each.name: [] for each in facts}
    for name in names:
        rows = list(SIMULATIONS[name].run(plan))
        asked = {each.name for each in facts if each.simulation == name}
        if asked != {row.fact for row in rows}:
            raise PitfallsError(
                f"the simulation {name!r} is to confirm {', '.join(sorted(asked))}; it spoke for "
                f"{', '.join(sorted({row.fact or 'none' for row in rows}))}."
            )
        for row in rows:
            found[row.fact].append(row)
    return [row for each in facts for row in found[each.name]]
