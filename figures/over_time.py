"""Runs of several methods in several settings, predicted for n → ∞ and simulated."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..sims import draw, gradient_flow, replicate, stream
from ..studies.arguments import Progress, check_run
from ..theory import Objective, Setting, SettingError, Trajectory, proportional

__all__ = ["NAMES", "Both", "Times", "both_ways", "flipped", "log_times", "with_and_without_noise"]

Array: TypeAlias = NDArray[np.float64]
Methods: TypeAlias = Callable[[Setting], Sequence[Objective]]
Read: TypeAlias = Callable[[Trajectory, Setting], Array]

NAMES = ("ERM", "reweighting", "logit shifting")
"""The three methods that share a limit, as figures call them."""

_SETS = 4
_NOISE = 0.1


def with_and_without_noise(setting: Setting) -> list[Setting]:
    """The setting without label noise, and with its own, or a tenth where it has none.

    Examples
    --------
    >>> pair = with_and_without_noise(Setting.figure_1())
    >>> [each.label_noise for each in pair]
    [0.0, 0.1]
    """
    noises = (0.0, setting.label_noise or _NOISE)
    return [replace(setting, label_noise=noise) for noise in noises]


def flipped(setting: Setting) -> str:
    """A panel's label noise in words.

    Examples
    --------
    >>> [flipped(each) for each in with_and_without_noise(Setting.figure_1())]
    ['no label noise', '10 % flipped']
    """
    noise = setting.label_noise
    return "no label noise" if noise == 0 else f"{100 * noise:g} % flipped"


def log_times(first: float, latest: float, a_decade: int) -> Array:
    """Times from the first to the latest, so many a decade or a few more.

    Raises
    ------
    SettingError
        The latest is not later than the first.

    Examples
    --------
    >>> log_times(0.1, 1e2, 1).tolist()
    [0.1, 1.0, 10.0, 100.0]
    """
    if not latest > first:
        raise SettingError("latest", latest, f"later than {first:g}, where the figure begins")
    decades = np.log10(latest) - np.log10(first)
    count = 1 + a_decade * math.ceil(round(float(decades), 9))
    return np.logspace(np.log10(first), np.log10(latest), count)


class Times(NamedTuple):
    """When both sides are looked at.

    Attributes
    ----------
    predicted, simulated : arrays (T,) and (t,)
        t = learning rate × steps, of the lines and of the dots.

    Examples
    --------
    >>> Times.of(0.1, 1e2, 2, 4).simulated.tolist()
    [0.1, 1.0, 10.0, 100.0]
    """

    predicted: Array
    simulated: Array

    @classmethod
    def of(cls, first: float, latest: float, a_decade: int, simulated: int) -> Times:
        """So many times a decade, and so many in all.

        Raises
        ------
        SettingError
            The latest is not later than the first.

        Examples
        --------
        >>> len(Times.of(0.1, 1e2, 2, 4).predicted)
        7
        """
        times = log_times(first, latest, a_decade)
        return cls(times, np.logspace(np.log10(first), np.log10(latest), simulated))


class Both(NamedTuple):
    """One setting.

    Attributes
    ----------
    setting : Setting
    runs : list of MeanField
        By P12, one for each method.
    simulated : array (S, M, ..., t)
        What was read off the runs of S draws.
    """

    setting: Setting
    runs: list[proportional.MeanField]
    simulated: Array


def both_ways(
    settings: Sequence[Setting],
    methods: Methods,
    times: Times,
    read: Read,
    *,
    seed: int,
    replicates: int,
    sites: int,
    workers: int | None,
    progress: Progress,
) -> Iterator[Both]:
    """Predict and simulate each setting; draws have the streams of its place.

    Parameters
    ----------
    settings : sequence of Setting
    methods : callable
        The objectives in a setting.
    times : Times
    read : callable
        What is kept of a simulated run, (..., t).
    seed, replicates, sites, workers, progress
        As figures take them.

    Raises
    ------
    SettingError
        There are no draws.

    Examples
    --------
    >>> [found] = both_ways(
    ...     [Setting(40, 80, 0.8, 2.0, 0.5)],
    ...     lambda setting: [Objective.erm()],
    ...     Times(np.array([1.0, 10.0]), np.array([10.0])),
    ...     lambda run, setting: run.core,
    ...     seed=0, replicates=3, sites=16, workers=1, progress=lambda done, total, label: None,
    ... )
    >>> found.runs[0].core.shape, found.simulated.shape
    ((2,), (3, 1, 1))
    """
    check_run(seed, replicates, workers, least=1)
    objectives = [list(methods(setting)) for setting in settings]
    total = sum(replicates + len(each) for each in objectives)
    done = 0
    for k, setting in enumerate(settings):
        label = f"setting {k + 1} of {len(settings)}"

        def simulate(
            stream: np.random.SeedSequence, k: int = k, setting: Setting = setting
        ) -> Array:
            runs = gradient_flow(draw(setting, stream), objectives[k], times.simulated)
            return np.stack([read(run, setting) for run in runs])

        found, runs = [], []
        streams = [stream(seed, k, index) for index in range(replicates)]
        for result in replicate(simulate, streams, workers):
            found.append(result)
            done += 1
            progress(done, total, label)
        for objective in objectives[k]:
            run = proportional.flow(
                setting,
                objective,
                times.predicted,
                seed=seed,
                sets=_SETS,
                sites=sites,
                examples=False,
            )
            runs.append(run)
            done += 1
            progress(done, total, label)
        yield Both(setting, runs, np.stack(found))
