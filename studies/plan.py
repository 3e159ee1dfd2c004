"""Streams, workers and progress of one verification, for the simulations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..sims import replicate, stream
from .arguments import Progress
from .statements import Statement

__all__ = ["Plan", "Simulation"]

Seed: TypeAlias = np.random.SeedSequence


class Plan:
    """Streams, workers and progress of one verification.

    Parameters
    ----------
    seed, replicates : int
    workers : int or None
    progress : callable
    batches : int
        How many there will be, for the progress.

    Examples
    --------
    >>> plan = Plan(0, 3, None, lambda done, total, label: None)
    >>> plan.batch(lambda seed: seed.spawn_key, "three streams")
    [(1, 0), (1, 1), (1, 2)]
    """

    def __init__(
        self,
        seed: int,
        replicates: int,
        workers: int | None,
        progress: Progress,
        batches: int = 1,
    ) -> None:
        self.seed, self.replicates, self.workers = seed, replicates, workers
        self._progress = progress
        self._done, self._batches = 0, batches

    def stream(self, index: int) -> Seed:
        """A stream for a single draw, outside the batches.

        Examples
        --------
        >>> Plan(0, 3, None, lambda done, total, label: None).stream(2).spawn_key
        (0, 2)
        """
        return stream(self.seed, 0, index)

    def batch(self, function: Callable[[Seed], Any], label: str) -> list[Any]:
        """``function`` on fresh streams, one per replicate.

        Examples
        --------
        >>> Plan(0, 2, 1, lambda done, total, label: None).batch(lambda seed: seed.entropy, "")
        [0, 0]
        """
        results = []
        before, self._done = self._done * self.replicates, self._done + 1
        streams = [stream(self.seed, self._done, i) for i in range(self.replicates)]
        for result in replicate(function, streams, self.workers):
            results.append(result)
            self._progress(before + len(results), self._batches * self.replicates, label)
        return results


class Simulation(NamedTuple):
    """What confirms facts of the theory, or refuses them.

    Attributes
    ----------
    run : callable
        From a plan to statements, each under one of the facts that name this simulation.
    batches : int
        How many times it calls `Plan.batch`.

    Examples
    --------
    >>> nothing = Simulation(lambda plan: iter(()), batches=0)
    >>> list(nothing.run(Plan(0, 3, None, lambda done, total, label: None)))
    []
    """

    run: Callable[[Plan], Iterator[Statement]]
    batches: int
