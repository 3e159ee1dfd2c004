"""Gradient descent against plain NumPy and PyTorch, alternately in one run, answers compared.

    python benchmarks/descent.py [--steps 1000] [--rounds 5] [--out benchmarks/results/descent.json]

Each program runs the same full-batch descent of ERM on the same explicit features (float64), and
reports w_y, w_a and ‖w_ε‖ at the end. PyTorch (extra `bench`) trains the binary model, and the
two-logit softmax as the paper does, at half the rate.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pitfalls import __version__
from pitfalls.sims import Sample, draw, gradient_descent
from pitfalls.theory import Objective, Setting

Array = NDArray[np.float64]
RATE = 0.02


def ours(sample: Sample, steps: int, parallel: bool, count: int) -> Array:
    """Dual form, the Gram matrix built anew; ``count`` objectives sharing each pass."""
    fresh = Sample(sample.plane, sample.labels, sample.groups, sample.source)
    groups = sample.groups if sample.groups is not None else np.ones(sample.n, dtype=np.int64)
    objectives = [
        Objective.erm(),
        Objective.reweighting(groups),
        Objective.logit_shifting(groups),
    ][:count]
    runs = gradient_descent(
        fresh, objectives, RATE, steps, record=[steps], examples=False, parallel=parallel
    )
    return np.asarray(runs[0].coordinates[-1])


def plain_numpy(sample: Sample, steps: int) -> Array:
    """Primal form: two passes over the features a step."""
    z = sample.features * sample.labels[:, None]
    w = np.zeros(z.shape[1])
    for _ in range(steps):
        w += RATE / sample.n * (z.T @ (1 / (1 + np.exp(z @ w))))
    return np.array([w[0], w[1], np.linalg.norm(w[2:])])


def torch_binary(sample: Sample, steps: int) -> Array:
    """Full-batch SGD on one logit."""
    import torch

    x = torch.from_numpy(sample.features)
    y = torch.from_numpy((sample.labels > 0).astype(float))
    layer = torch.nn.Linear(x.shape[1], 1, bias=False, dtype=torch.float64)
    torch.nn.init.zeros_(layer.weight)
    optimiser = torch.optim.SGD(layer.parameters(), lr=RATE)
    loss_of = torch.nn.BCEWithLogitsLoss()
    for _ in range(steps):
        optimiser.zero_grad()
        loss_of(layer(x)[:, 0], y).backward()
        optimiser.step()
    w = layer.weight.detach().numpy()[0]
    return np.array([w[0], w[1], np.linalg.norm(w[2:])])


def torch_softmax(sample: Sample, steps: int) -> Array:
    """Full-batch SGD on two logits, the paper's way: half the rate, w = w₁ − w₀."""
    import torch

    x = torch.from_numpy(sample.features)
    y = torch.from_numpy((sample.labels > 0).astype(np.int64))
    layer = torch.nn.Linear(x.shape[1], 2, bias=False, dtype=torch.float64)
    torch.nn.init.zeros_(layer.weight)
    optimiser = torch.optim.SGD(layer.parameters(), lr=RATE / 2)
    loss_of = torch.nn.CrossEntropyLoss()
    for _ in range(steps):
        optimiser.zero_grad()
        loss_of(layer(x), y).backward()
        optimiser.step()
    w = np.subtract(*layer.weight.detach().numpy()[::-1])
    return np.array([w[0], w[1], np.linalg.norm(w[2:])])


def main() -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    setting = Setting(
        n=1000, d=1798, rho=0.901, gamma=5.0, sigma=0.5, core_noise=0.12, spurious_noise=0.12
    )
    sample = draw(setting, seed=0, kind="explicit")
    steps = options.steps
    programs: dict[str, Callable[[], Array]] = {
        "pitfalls, 1 core": lambda: ours(sample, steps, False, 1),
        "pitfalls, all cores": lambda: ours(sample, steps, True, 1),
        "pitfalls, all cores, 3 objectives": lambda: ours(sample, steps, True, 3),
        "NumPy": lambda: plain_numpy(sample, steps),
    }
    try:
        import torch

        programs["PyTorch, one logit"] = lambda: torch_binary(sample, steps)
        programs["PyTorch, two logits"] = lambda: torch_softmax(sample, steps)
        torch_version: str | None = torch.__version__
    except ImportError:
        torch_version = None
    gradient_descent(sample, Objective.erm(), RATE, 1)
    gradient_descent(sample, Objective.erm(), RATE, 1, parallel=True)
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    answers: dict[str, Array] = {}
    for _ in range(options.rounds):
        for name, program in programs.items():
            begin = time.perf_counter()
            answers[name] = program()
            seconds[name].append(time.perf_counter() - begin)
    reference = answers["NumPy"]
    base = statistics.median(seconds["pitfalls, all cores"])
    rows = []
    for name in programs:
        median = statistics.median(seconds[name])
        rows.append(
            {
                "program": name,
                "seconds": median,
                "lowest": min(seconds[name]),
                "highest": max(seconds[name]),
                "microseconds_per_step": 1e6 * median / steps,
                "ratio_to_pitfalls_all_cores": median / base,
                "largest_difference_from_numpy": float(np.abs(answers[name] - reference).max()),
            }
        )
        print(
            f"{name:34s} {median:7.3f} s ({min(seconds[name]):.3f} … {max(seconds[name]):.3f}), "
            f"{1e6 * median / steps:7.1f} µs a step, ratio {median / base:5.1f}, "
            f"differs by {rows[-1]['largest_difference_from_numpy']:.1e}"
        )
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "benchmark": "descent",
            "n": setting.n,
            "d": setting.d,
            "steps": steps,
            "rounds": options.rounds,
            "machine": {
                "processor": platform.processor() or platform.machine(),
                "cores": os.cpu_count(),
                "python": platform.python_version(),
                "numpy": np.__version__,
                "torch": torch_version,
                "pitfalls": __version__,
            },
            "rows": rows,
        }
        options.out.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
