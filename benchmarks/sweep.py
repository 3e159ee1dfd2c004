"""Replicates per second: a sweep's, and a plain loop's with explicit features."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from ..sims import Sample, gradient_descent, stream
from ..sims.threads import cores
from ..studies.arguments import Progress
from ..studies.sweeps import Sweep, parse
from ..studies.sweeps.block import compute
from ..studies.sweeps.pools import Pool, open_pool
from ..theory import Objective, Setting, group_accuracy
from .harness import Program, Report, alternate

__all__ = ["measure", "replicated", "whole"]

Array: TypeAlias = NDArray[Any]

N, D, KAPPA = 200, 20_000, 0.45
RATE, STEPS = 0.02, 1000
REPLICATES, BLOCKS = 10, 8


def replicated(
    n: int, d: int, kappa: float, descent: tuple[float, int], replicates: int, block: int
) -> Sweep:
    """Both groups' accuracies after descent, in one cell.

    Parameters
    ----------
    n, d, kappa
        Of the setting.
    descent : (float, int)
        Learning rate and steps.
    replicates, block : int

    Examples
    --------
    >>> replicated(20, 100, 0.45, (0.02, 50), 6, 2).blocks
    3
    """
    rate, steps = descent
    return parse(
        f"""
        replicates = {replicates}
        block = {block}
        objectives = ["erm"]
        quantities = ["majority", "minority"]
        times = [{rate * steps}]
        learning_rate = {rate}
        predictions = []
        [setting]
        n = {n}
        d = {d}
        rho = 0.9
        gamma = 5
        kappa = {kappa}
        core_noise = 0.12
        spurious_noise = 0.12
        """
    )


def whole(pool: Pool, document: Sweep) -> None:
    """Compute all blocks of a sweep's first cell.

    Examples
    --------
    >>> document = replicated(20, 100, 0.45, (0.02, 50), 6, 2)
    >>> with open_pool(document, 1, None) as pool:
    ...     whole(pool, document)
    """
    left = list(range(document.blocks))
    while left or pool.busy():
        while left and pool.has_room():
            pool.submit((0, left.pop()))
        pool.results()


def _features(setting: Setting, seed: np.random.SeedSequence, dtype: Any) -> Array:
    """Folded features z = y·x (n, 2 + d), as one writes them."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((setting.n, 2 + setting.d), dtype=dtype)
    z[:, 2:] *= dtype(setting.sigma)
    side = np.where(np.arange(setting.n) < round(setting.rho * setting.n), 1.0, -1.0)
    z[:, 0] = 1 + setting.core_noise * z[:, 0]
    z[:, 1] = setting.gamma * (side + setting.spurious_noise * z[:, 1])
    return z


def _descend(setting: Setting, z: Array) -> Array:
    """Accuracies of both groups after all steps of ERM on features, in closed form."""
    w = np.zeros(z.shape[1], dtype=z.dtype)
    rate = z.dtype.type(RATE / setting.n)
    for _ in range(STEPS):
        w += rate * (expit(-(z @ w)) @ z)
    found = group_accuracy(w[0], w[1], np.linalg.norm(w[2:]), setting)
    return np.array([found.majority, found.minority])


def _plain(setting: Setting, dtype: Any) -> Callable[[], Array]:
    return lambda: _descend(setting, _features(setting, stream(0, 0, 0), dtype))


def measure(rounds: int, progress: Progress) -> Report:
    """Time replicates of a sweep on one core and on all, and those of a plain loop.

    Examples
    --------
    >>> measure.__name__
    'measure'
    """
    document = replicated(N, D, KAPPA, (RATE, STEPS), REPLICATES * BLOCKS, REPLICATES)
    setting, workers = document.setting(0), cores()
    z = _features(setting, stream(0, 0, 0), np.float64)
    run = gradient_descent(
        Sample.from_arrays(z, np.ones(N, dtype=int)), Objective.erm(), RATE, STEPS, record=[STEPS]
    ).accuracy(setting)
    ours = np.array([run.majority[0], run.minority[0]])
    names = ["a sweep, one core", f"a sweep, {workers} workers"]
    plain = {"NumPy loop, float64": np.float64, "NumPy loop, float32": np.float32}
    with open_pool(document, workers, None) as pool:
        rows = alternate(
            [
                Program(names[0], lambda: compute(document, 0, 1), work=1 / REPLICATES),
                Program(names[1], partial(whole, pool, document), work=1 / (REPLICATES * BLOCKS)),
                *(Program(name, _plain(setting, kind), most=2) for name, kind in plain.items()),
            ],
            rounds,
            progress,
            {
                name: float(np.abs(_descend(setting, z.astype(kind)) - ours).max())
                for name, kind in plain.items()
            },
        )
    report = Report(
        "sweep",
        f"One replicate at n = {N}, d = {D}: draw, {STEPS} steps of descent, both accuracies "
        "(the loop has all cores)",
        rows,
        difference="accuracies after the same steps on the same features, from ours",
    )
    for row in rows[:2]:
        for peer in rows[2:]:
            report.facts[f"{peer.program} over {row.program}"] = peer.seconds / row.seconds
        report.lines.append(
            f"{row.program}: {1 / row.seconds:.3g} replicates a second, "
            + ", ".join(
                f"{each.seconds / row.seconds:.0f} times the {each.program}" for each in rows[2:]
            )
        )
    return report
