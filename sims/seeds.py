"""Seeds, and the streams of random numbers below them: one for each purpose."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from ..theory import SettingError

__all__ = [
    "BALANCE",
    "LENGTHS",
    "MEMORY",
    "PLANE",
    "START",
    "Seed",
    "child_stream",
    "generator",
    "seed_sequence",
]

Seed: TypeAlias = int | np.random.SeedSequence

# Streams of one draw, numbered from where no SeedSequence.spawn() gets to: a draw shares no numbers
# with draws from its seed's children. Memory is last, its blocks counting on from it.
PLANE, START, LENGTHS, MEMORY = range(2**31, 2**31 + 4)
# Beyond all blocks of memory, and the twins of XRM.
BALANCE = 2**31 + 2**21


def seed_sequence(seed: Seed) -> np.random.SeedSequence:
    """A seed as NumPy has it.

    Raises
    ------
    SettingError
        It is neither an integer ≥ 0 nor a SeedSequence.

    Examples
    --------
    >>> seed_sequence(3).entropy
    3
    """
    if isinstance(seed, np.random.SeedSequence):
        return seed
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise SettingError("seed", seed, "an integer ≥ 0 or a numpy SeedSequence")
    return np.random.SeedSequence(int(seed))


def generator(stream: np.random.SeedSequence, purpose: int) -> np.random.Generator:
    """The random numbers of a seed for one purpose, from 2³¹ on: no child of the seed has them.

    Examples
    --------
    >>> generator(seed_sequence(3), 2**31).integers(10, size=3).shape
    (3,)
    """
    return np.random.default_rng(child_stream(stream, purpose))


def child_stream(stream: np.random.SeedSequence, purpose: int) -> np.random.SeedSequence:
    """A stream below another for one purpose: from 2³¹ on no child that it spawns has it.

    Examples
    --------
    >>> child_stream(seed_sequence(3), 2**31).spawn_key
    (2147483648,)
    """
    return np.random.SeedSequence(stream.entropy, spawn_key=(*stream.spawn_key, purpose))
