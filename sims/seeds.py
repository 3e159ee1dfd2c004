"""Seeds, and the streams of random numbers below them: one for each purpose."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from ..theory import SettingError

__all__ = [
    "BALANCE",
    "DEVICE",
    "LENGTHS",
    "MEMORY",
    "PLANE",
    "START",
    "STARTS",
    "SUBSET",
    "TEST",
    "TWINS",
    "Seed",
    "child_stream",
    "generator",
    "seed_sequence",
]

Seed: TypeAlias = int | np.random.SeedSequence

# What a seed's streams are for, numbered from where no SeedSequence.spawn() gets to: a draw shares
# no numbers with draws from its seed's children.
# A draw: memory is last, its blocks counting on from it.
PLANE, START, LENGTHS, MEMORY = range(2**31, 2**31 + 4)
# XRM: who trains on what, and behind it each twin's start.
TWINS = 2**31 + 2**20
BALANCE = 2**31 + 2**21
# Subsamples by label and group, and the random starts of Figure 1: no seed is for both of them.
SUBSET = STARTS = 2**31 + 2**22
# Test points that published accuracies are read off.
TEST = 2**31 + 2**23
# All that is drawn on a device.
DEVICE = 2**31 + 2**24


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
