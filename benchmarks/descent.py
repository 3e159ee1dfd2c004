"""The paper's Figure 1 run: 1,000 steps of full-batch descent, accuracies at every step."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..sims import Sample, draw, gradient_descent
from ..sims.packed import PackedSymmetric
from ..studies.arguments import Progress
from ..studies.train import three_methods
from ..theory import Objective, Setting
from . import peers
from .harness import Program, Report, alternate

__all__ = ["measure"]

Array: TypeAlias = NDArray[np.float64]

FIGURE_1 = Setting.figure_1()
RATE, STEPS = 0.02, 1000
OURS, SINGLE = "pitfalls, float64", "pitfalls, float32 Gram"
THREE, THREE_SINGLE = "pitfalls, float64, 3 objectives", "pitfalls, float32 Gram, 3 objectives"
TORCH, TORCH_64 = "PyTorch, float32", "PyTorch, float64"


def _ours(count: int, single: bool) -> Callable[[], None]:
    """Draw, train, and the test accuracies at every step."""

    def run() -> None:
        sample = draw(FIGURE_1, seed=1)
        objectives = three_methods(FIGURE_1)[:count]
        runs = gradient_descent(sample, objectives, RATE, STEPS, examples=False, single=single)
        for each in runs:
            each.accuracy(FIGURE_1)

    return run


def _differences(programs: dict[str, Callable[[peers.Data], Array]]) -> dict[str, float]:
    """Largest difference of (w_y, w_a, ‖w_ε‖) at the end from plain NumPy, on one data set."""
    data = peers.data_of(FIGURE_1, seed=1)
    reference = _coordinates(peers.numpy_descent(data, RATE, STEPS)[0])
    found = {name: program(data) for name, program in programs.items()}
    return {name: float(np.abs(value - reference).max()) for name, value in found.items()}


def _coordinates(w: Array) -> Array:
    return np.array([w[0], w[1], np.linalg.norm(w[2:])])


def _on(single: bool) -> Callable[[peers.Data], Array]:
    def program(data: peers.Data) -> Array:
        sample = Sample.from_arrays(data.x, 2 * data.y - 1, data.majority.astype(int))
        run = gradient_descent(sample, Objective.erm(), RATE, STEPS, record=[STEPS], single=single)
        return np.asarray(run.coordinates[-1])

    return program


def measure(rounds: int, progress: Progress) -> Report:
    """Time the run, data generation included, against NumPy, JAX and PyTorch.

    Parameters
    ----------
    rounds : int
    progress : callable

    Examples
    --------
    >>> measure.__name__
    'measure'
    """

    def drawn(dtype: Any) -> peers.Data:
        return peers.data_of(FIGURE_1, seed=1, dtype=dtype)

    def weights(program: Any, cast: Any = lambda data: data) -> Callable[[peers.Data], Array]:
        return lambda data: _coordinates(program(cast(data), RATE, STEPS)[0].astype(float))

    programs = [
        Program(OURS, _ours(1, False)),
        Program(SINGLE, _ours(1, True)),
        Program(THREE, _ours(3, False)),
        Program(THREE_SINGLE, _ours(3, True)),
        Program("NumPy, float64", lambda: peers.numpy_descent(drawn(np.float64), RATE, STEPS)),
    ]
    answers = {OURS: _on(False), SINGLE: _on(True)}
    if peers.available("jax"):
        programs.append(
            Program("JAX, float32", lambda: peers.jax_descent(drawn(np.float32), RATE, STEPS))
        )
        answers["JAX, float32"] = weights(peers.jax_descent, lambda data: data.cast(np.float32))
    if peers.available("torch"):
        groups = drawn(np.float32).majority.astype(int)
        others = three_methods(FIGURE_1)[1:]
        reweighted, shifted = (each.resolve(groups, FIGURE_1.n) for each in others)
        methods: tuple[dict[str, Array], ...] = (
            {},
            {"weight": reweighted[0]},
            {"shift": shifted[1]},
        )

        def torch_once(dtype: Any) -> None:
            peers.torch_descent(drawn(dtype), RATE, STEPS)

        def torch_three() -> None:
            for method in methods:
                peers.torch_descent(drawn(np.float32), RATE, STEPS, **method)

        for name, dtype in ((TORCH, np.float32), (TORCH_64, np.float64)):
            programs.append(Program(name, partial(torch_once, dtype)))
        programs.append(Program("PyTorch, float32, 3 runs", torch_three))
        answers[TORCH] = weights(peers.torch_descent, lambda data: data.cast(np.float32))
        answers[TORCH_64] = weights(peers.torch_descent)
    rows = alternate(programs, rounds, progress, _differences(answers))
    report = Report(
        "descent",
        f"Figure 1's run: n = {FIGURE_1.n}, d = {FIGURE_1.d}, {STEPS} steps of ERM, data drawn, "
        "accuracies of both groups on train and test at every step",
        rows,
        "difference: largest of w_y, w_a, ‖w_ε‖ after the last step, from plain NumPy in float64 "
        "on one explicit data set",
    )
    _add_profile(report, rounds, progress)
    if peers.available("torch"):
        pairs = {
            "float64 over PyTorch float64": (TORCH_64, OURS),
            "float64 over PyTorch float32": (TORCH, OURS),
            "float32 over PyTorch float32": (TORCH, SINGLE),
            "three objectives, float64": ("PyTorch, float32, 3 runs", THREE),
            "three objectives, float32": ("PyTorch, float32, 3 runs", THREE_SINGLE),
        }
        for name, (slow, fast) in pairs.items():
            ratio = report.seconds(slow) / report.seconds(fast)
            report.facts[name] = ratio
            report.lines.append(f"{name}: {ratio:.1f} times faster")
    return report


def _add_profile(report: Report, rounds: int, progress: Progress) -> None:
    """Where our time goes: the draw, packing half of the Gram matrix, the steps, recording them."""
    sample = draw(FIGURE_1, seed=1)
    matrix = sample.gram.memory_matrix()

    def pack(single: bool) -> Callable[[], None]:
        def run() -> None:
            with PackedSymmetric(matrix, 1, single=single):
                pass

        return run

    def steps(single: bool) -> Callable[[], Any]:
        return lambda: gradient_descent(
            sample, Objective.erm(), RATE, STEPS, record=[STEPS], single=single, examples=False
        )

    parts = alternate(
        [
            Program("draw", lambda: draw(FIGURE_1, seed=1)),
            Program("pack", pack(False)),
            Program("pack, float32", pack(True)),
            Program("steps", steps(False)),
            Program("steps, float32", steps(True)),
        ],
        max(rounds, 5),
        progress,
    )
    taken = {row.program: row.seconds for row in parts}
    for kind, whole, size in (("", OURS, 8), (", float32", SINGLE, 4)):
        a_step = (taken[f"steps{kind}"] - taken[f"pack{kind}"]) / STEPS
        recording = report.seconds(whole) - taken["draw"] - taken[f"steps{kind}"]
        speed = size * FIGURE_1.n**2 / 2 / a_step / 1e9
        report.facts[f"profile{kind}"] = {
            "draw": taken["draw"],
            "pack": taken[f"pack{kind}"],
            "microseconds a step": 1e6 * a_step,
            "recording": recording,
            "gb_s": speed,
        }
        report.lines.append(
            f"profile{kind}: draw {1e3 * taken['draw']:.1f} ms, pack "
            f"{1e3 * taken[f'pack{kind}']:.1f} ms, {STEPS} steps of {1e6 * a_step:.0f} µs "
            f"({speed:.0f} GB/s of matrix), recording them {1e3 * recording:.1f} ms"
        )
