"""A GPU's kernels against what it could do, and its replicates per second against others'.

Only with a device. First the roofline: bytes and operations of each kernel are counted, and set
beside the ceilings; the bandwidth of global memory is measured, that of shared memory and of
arithmetic counted from the device's clock. Then replicates of a sweep, against the CPU backend and
against explicit features in PyTorch and CuPy on the same device.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..sims import stream
from ..sims.gpu import (
    Batch,
    Device,
    bytes_of_replicate,
    descend,
    flow,
    max_margins,
    open_device,
)
from ..sims.gpu.launch import planned
from ..sims.gpu.training import methods_of
from ..sims.threads import cores
from ..studies.arguments import Progress
from ..studies.sweeps import Sweep
from ..studies.sweeps.on_device import attempt_all
from ..studies.sweeps.pools import open_pool
from ..theory import Objective, Setting
from .harness import Program, Report, alternate
from .sweep import replicated, whole

__all__ = ["measure"]

Array: TypeAlias = NDArray[Any]

SIZES = (128, 300, 1000)
"""Examples of the sweeps' replicates."""
LARGE = 2000
"""And of those whose products read global memory only."""
D, KAPPA, RATE, STEPS = 10**5, 0.45, 0.02, 1000
WAVES = 4
"""Replicates for each multiprocessor."""
_VECTOR = 2**28

# A multiprocessor's, each cycle: bytes of shared memory, and additions with multiplication in
# double precision (of the data-centre devices, 8.0 and 9.0).
_SHARED_BYTES = 128
_FUSED = {(8, 0): 32, (9, 0): 64, (10, 0): 64}


@dataclass(frozen=True)
class _Ceilings:
    """What the device can do in a second."""

    memory: float
    shared: float
    operations: float


def measure(rounds: int, progress: Progress, device: Device | None = None) -> Report:
    """Time the kernels and sweeps on a device.

    Parameters
    ----------
    rounds : int
    progress : callable
    device : Device, optional
        The current CUDA device by default.

    Raises
    ------
    ResourceError
        There is none.

    Examples
    --------
    >>> measure.__defaults__ is not None
    True
    """
    device = open_device() if device is None else device
    found = _ceilings(device)
    report = Report(
        "gpu",
        f"{device.name}: a replicate at d = {D}, drawn, {STEPS} steps of descent, both accuracies",
        [],
        facts={
            "device": device.name,
            "memory_gb_s": found.memory / 1e9,
            "shared_gb_s": found.shared / 1e9,
            "operations_gflop_s": found.operations / 1e9,
        },
    )
    report.lines.append(
        f"ceilings: {found.memory / 1e9:.0f} GB/s of memory (measured), {found.shared / 1e9:.0f} "
        f"GB/s of shared memory and {found.operations / 1e9:.0f} GFLOP/s (counted)"
    )
    _roofline(device, found, report)
    for n in SIZES:
        _replicates(device, n, rounds, progress, report)
    return report


def _ceilings(device: Device) -> _Ceilings:
    xp = device.arrays
    vector = xp.ones(_VECTOR)
    seconds = _seconds(device, lambda: vector.sum())
    memory = 8.0 * _VECTOR / seconds
    if not hasattr(xp, "cuda"):
        return _Ceilings(memory, memory, memory)
    properties = xp.cuda.runtime.getDeviceProperties(xp.cuda.Device().id)
    clock = 1e3 * xp.cuda.Device().attributes["ClockRate"]
    fused = _FUSED.get((properties["major"], properties["minor"]), 2)
    whole = clock * device.processors
    return _Ceilings(memory, _SHARED_BYTES * whole, 2 * fused * whole)


def _seconds(device: Device, run: Callable[[], Any], repeats: int = 3) -> float:
    """The least time of a call, until its result is there."""
    times = []
    for _ in range(repeats + 1):
        begin = time.perf_counter()
        device.fetch(device.arrays.asarray(run()))
        times.append(time.perf_counter() - begin)
    return min(times[1:])


def _setting(n: int) -> Setting:
    return Setting.figure_1(n=n, d=D, sigma=0.0).with_memory(KAPPA)


def _methods(batch: Batch, setting: Setting, count: int, rate: float) -> Array:
    """ERM, reweighting and shifting, or the first of them."""
    every = (Objective.erm(), Objective.reweighting(setting), Objective.logit_shifting(setting))
    own = methods_of([each.resolve(batch.groups[0], batch.n) for each in every[:count]], rate)
    return np.stack([own] * len(batch))


def _roofline(device: Device, ceilings: _Ceilings, report: Report) -> None:
    """Each kernel's share of its ceiling, for arrays that stay on the chip and for large ones."""
    for n in (SIZES[0], LARGE):
        setting = _setting(n)
        # Two batches at a time, where one is drawn beside the one that is there.
        fitting = 0.4 * device.free_bytes() / bytes_of_replicate(n, 3, 1, examples=False)
        replicates = max(1, min(WAVES * device.processors, int(fitting)))
        seeds = [stream(0, 0, i) for i in range(replicates)]
        batch = Batch.draw(device, [setting] * replicates, seeds)
        for count in (1, 3):
            for single in (False, True):
                _descent(batch, setting, count, single, ceilings, report)
            rest = _methods(batch, setting, count, 1.0), np.array([RATE * STEPS])
            seconds = _seconds(device, partial(_recorded, flow, batch, *rest))
            report.facts[
                f"flow to t = {RATE * STEPS:g}, n = {n}, {count} methods, replicates/s"
            ] = replicates / seconds
        one = np.ones((replicates, n))
        seconds = _seconds(device, partial(_recorded, max_margins, batch, one, one))
        report.facts[f"max margin, n = {n}, replicates/s"] = replicates / seconds
        seconds = _seconds(device, partial(_drawn, device, setting, seeds))
        report.facts[f"draw, n = {n}, replicates/s"] = replicates / seconds
        share = n**3 / 3 * replicates / seconds / ceilings.operations
        report.facts[f"draw, n = {n}, share"] = share


def _descent(
    batch: Batch,
    setting: Setting,
    count: int,
    single: bool,
    ceilings: _Ceilings,
    report: Report,
) -> None:
    device, n = batch.device, batch.n
    plan = planned(n, count, single, device.most_shared)
    read = (4 if single else 8) * float(n) * plan.pitch * (STEPS + 1) * len(batch)
    methods, steps = _methods(batch, setting, count, RATE), np.array([STEPS])
    seconds = _seconds(device, partial(_recorded, descend, batch, methods, steps, single=single))
    share = read / seconds / (ceilings.shared if plan.resident else ceilings.memory)
    words = f"descent, n = {n}, {count} methods, {'float32' if single else 'float64'}"
    report.facts[f"{words}, share"] = share
    report.lines.append(
        f"{words}: {100 * share:.0f} % of {'shared' if plan.resident else 'global'} memory's "
        "bandwidth"
    )


def _recorded(kernel: Callable[..., Any], *args: Any, **options: Any) -> Array:
    return np.asarray(kernel(*args, **options).values)


def _drawn(device: Device, setting: Setting, seeds: list[np.random.SeedSequence]) -> Any:
    """Something small of a draw, which is there when all of it is."""
    return Batch.draw(device, [setting] * len(seeds), seeds).matrices[:, 0, 0]


def _document(n: int, replicates: int) -> Sweep:
    return replicated(n, D, KAPPA, (RATE, STEPS), replicates, max(1, replicates // 8))


def _replicates(device: Device, n: int, rounds: int, progress: Progress, report: Report) -> None:
    """Replicates a second of a sweep, here, on the CPU, and with explicit features."""
    many, few = WAVES * device.processors, 2 * cores()
    ours, theirs = _document(n, many), _document(n, few)
    jobs = [(0, block) for block in range(ours.blocks)]
    names = [f"n = {n}: {device.name}", f"n = {n}: CPU backend, {cores()} workers"]
    with open_pool(theirs, cores(), None) as pool:
        rows = alternate(
            [
                Program(names[0], lambda: attempt_all(ours, device, jobs), work=1 / many),
                Program(names[1], partial(whole, pool, theirs), work=1 / few),
                *_explicit(n),
            ],
            rounds,
            progress,
        )
    report.rows.extend(rows)
    for row in rows[1:]:
        ratio = row.seconds / rows[0].seconds
        report.facts[f"{row.program} over ours"] = ratio
        report.lines.append(f"{row.program}: {ratio:.0f} times as long as ours")


def _explicit(n: int) -> list[Program]:
    """A replicate in explicit features, as one writes it, in the array libraries that are there."""
    programs = []
    setting = _setting(n)
    deviations = np.full(2 + D, setting.sigma)
    deviations[0], deviations[1] = setting.core_noise, setting.gamma * setting.spurious_noise
    means = np.zeros((n, 2 + D))
    means[:, 0] = 1.0
    means[:, 1] = np.where(np.arange(n) < round(setting.rho * n), setting.gamma, -setting.gamma)
    if importlib.util.find_spec("torch") is not None:
        import torch

        if torch.cuda.is_available():

            def with_torch() -> None:
                kind = {"device": "cuda", "dtype": torch.float64}
                z = torch.randn(n, 2 + D, **kind) * torch.as_tensor(deviations, device="cuda")
                z += torch.as_tensor(means, device="cuda")
                w = torch.zeros(2 + D, **kind)
                for _ in range(STEPS):
                    w += RATE / n * (torch.sigmoid(-(z @ w)) @ z)
                float(w[0])

            programs.append(Program(f"n = {n}: PyTorch, explicit features", with_torch, most=3))
    if importlib.util.find_spec("cupy") is not None:
        import cupy

        try:
            cupy.cuda.runtime.getDeviceCount()
        except cupy.cuda.runtime.CUDARuntimeError:
            return programs

        def with_cupy() -> None:
            z = cupy.random.standard_normal((n, 2 + D)) * cupy.asarray(deviations)
            z += cupy.asarray(means)
            w = cupy.zeros(2 + D)
            for _ in range(STEPS):
                w += RATE / n * ((1 / (1 + cupy.exp(z @ w))) @ z)
            float(w[0])

        programs.append(Program(f"n = {n}: CuPy, explicit features", with_cupy, most=3))
    return programs
