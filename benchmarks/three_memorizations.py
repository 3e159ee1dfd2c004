"""The three networks of the paper's Figure 3, trained until they interpolate; and in PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..sims import stream
from ..sims.network import Network
from ..studies.arguments import Progress
from ..studies.figure_3 import (
    HIDDEN,
    MOST_STEPS,
    NETWORK_SIGMAS,
    RATE,
    TOLERANCE,
    figure_3_problem,
)
from . import peers
from .harness import Program, Report, Row, alternate

__all__ = ["measure"]

Array: TypeAlias = NDArray[np.float64]
Training: TypeAlias = Callable[[int], list[Network]]

# Steps after which answers are compared: a few hundred later Adam has amplified rounding.
COMPARED = 100
OURS = "pitfalls, float64"


def _data() -> tuple[list[Array], Array]:
    """The figure's inputs at each size of the noise inputs, and its targets."""
    problem = figure_3_problem()
    return [problem.seen(sigma) for sigma in NETWORK_SIGMAS], problem.targets


def _ours(most_steps: int) -> list[Network]:
    problem, start = figure_3_problem(), stream(0, 1, 0)
    return [
        problem.trained(sigma, start, hidden=HIDDEN, tolerance=TOLERANCE, most_steps=most_steps)
        for sigma in NETWORK_SIGMAS
    ]


@contextmanager
def _one_torch_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _torch(dtype: Any, fused: bool, most_steps: int) -> list[Network]:
    """The same as one writes it in PyTorch, from our starts."""
    inputs, targets = _data()
    y = targets[:, None].astype(dtype)
    starts = _ours(0)
    with _one_torch_thread():
        return [
            _torch_network(x.astype(dtype), y, start, fused, most_steps)
            for x, start in zip(inputs, starts, strict=True)
        ]


def _torch_network(
    inputs: Array, targets: Array, start: Network, fused: bool, most_steps: int
) -> Network:
    import torch
    from torch.nn.utils import parameters_to_vector, vector_to_parameters

    x, y = torch.from_numpy(inputs), torch.from_numpy(targets)
    network = torch.nn.Sequential(
        torch.nn.Linear(x.shape[1], HIDDEN),
        torch.nn.Tanh(),
        torch.nn.Linear(HIDDEN, HIDDEN),
        torch.nn.Tanh(),
        torch.nn.Linear(HIDDEN, 1),
    ).to(x.dtype)
    vector_to_parameters(torch.tensor(start.parameters, dtype=x.dtype), network.parameters())
    optimiser = torch.optim.Adam(network.parameters(), lr=RATE, fused=fused)
    loss_of = torch.nn.MSELoss()
    losses: list[float] = []
    while True:
        loss = loss_of(network(x), y)
        losses.append(loss.item())
        if losses[-1] <= TOLERANCE or len(losses) > most_steps:
            break
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    found = parameters_to_vector(network.parameters()).detach().numpy()
    return Network(found.astype(float), start.widths, np.array(losses))


def _difference(training: Training) -> float:
    inputs, _ = _data()
    ours, theirs = _ours(COMPARED), training(COMPARED)
    return max(
        float(np.abs(one.predict(x) - other.predict(x)).max())
        for x, one, other in zip(inputs, ours, theirs, strict=True)
    )


def _peers() -> dict[str, Training]:
    if not peers.available("torch"):
        return {}
    return {
        f"PyTorch, {np.dtype(dtype).name}{', fused Adam' if fused else ''}": partial(
            _torch, dtype, fused
        )
        for dtype in (np.float32, np.float64)
        for fused in (False, True)
    }


def measure(rounds: int, progress: Progress) -> Report:
    """Time the three trainings one after the other, on one thread, against PyTorch.

    Examples
    --------
    >>> measure.__name__
    'measure'
    """
    trained: dict[str, list[Network]] = {}

    def timed(name: str, training: Training) -> Program:
        def run() -> None:
            trained[name] = training(MOST_STEPS)

        return Program(name, run, most=None if name == OURS else 2)

    theirs = _peers()
    programs = [timed(name, training) for name, training in ({OURS: _ours} | theirs).items()]
    differences = {name: _difference(training) for name, training in theirs.items()}
    rows = [
        replace(row, note=_reached(trained[row.program]))
        for row in alternate(programs, rounds, progress, differences)
    ]
    report = Report(
        "three_memorizations",
        f"The paper's Figure 3: its networks with two hidden layers of {HIDDEN} trained by Adam, "
        f"full batch, to a mean squared error of {TOLERANCE:g}, at three sizes of the noise inputs",
        rows,
        f"difference: largest of a prediction of a training point after {COMPARED} steps, from "
        "ours; notes: steps at each size, and the largest loss at the end",
    )
    for row in rows:
        _tell(report, row, sum(network.steps for network in trained[row.program]))
    return report


def _reached(networks: list[Network]) -> str:
    steps = " + ".join(f"{network.steps:,}" for network in networks)
    return f"{steps} steps, loss {max(network.losses[-1] for network in networks):.2g}"


def _tell(report: Report, row: Row, steps: int) -> None:
    """Times of a step, which do not depend on how many a program happens to need."""
    each, ours = row.seconds / steps, report.facts.get(f"{OURS}: seconds a step")
    report.facts[f"{row.program}: steps"] = steps
    report.facts[f"{row.program}: seconds a step"] = each
    line = f"{row.program}: {1e6 * each:.0f} µs a step"
    if ours is not None:
        report.facts[f"{row.program}: ratio"] = row.ratio
        line += f", {each / ours:.1f} times ours; {row.ratio:.1f} times as long in all"
    report.lines.append(line)
