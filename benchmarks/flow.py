"""A trajectory to t = 10¹²: three objectives together, its error, and what descent would cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from scipy.special import expit

from ..sims import Sample, draw, gradient_descent, gradient_flow
from ..studies.arguments import Progress
from ..studies.train import three_methods
from ..theory import Trajectory
from .descent import FIGURE_1, RATE
from .harness import Program, Report, alternate, fresh

__all__ = ["measure"]

Array: TypeAlias = NDArray[np.float64]

LATEST = 1e12
TIMES = np.concatenate(([0.0], np.geomspace(1e-2, LATEST, 57)))


def _scipy(sample: Sample) -> Callable[[], Array]:
    """ERM's flow of the weights in log time by SciPy's DOP853, from the explicit features."""
    z = sample.features * sample.labels[:, None]
    first = 1e-3

    def speed(log_time: float, w: Array) -> Array:
        return np.asarray(np.exp(log_time) / len(z) * (expit(-(z @ w)) @ z))

    def run() -> Array:
        solved = solve_ivp(
            speed,
            (np.log(first), np.log(first + LATEST)),
            np.zeros(z.shape[1]),
            method="DOP853",
            t_eval=np.log(first + TIMES),
            rtol=1e-10,
            atol=1e-14,
        )
        w = solved.y
        return np.stack((w[0], w[1], np.linalg.norm(w[2:], axis=0)), axis=1)

    return run


def _distance(runs: list[Trajectory], others: list[Trajectory]) -> float:
    return max(
        float(np.abs(a.coordinates - b.coordinates).max()) / float(np.abs(b.coordinates).max())
        for a, b in zip(runs, others, strict=True)
    )


def measure(rounds: int, progress: Progress) -> Report:
    """Time the flow against SciPy on the weights, and extrapolate descent.

    Parameters
    ----------
    rounds : int
    progress : callable

    Examples
    --------
    >>> measure.__name__
    'measure'
    """
    sample = draw(FIGURE_1, seed=1, kind="explicit")
    matrix = fresh(sample)
    objectives = three_methods(FIGURE_1)
    three, one = "pitfalls, 3 objectives", "pitfalls, ERM"
    peer = "SciPy DOP853 on the weights, ERM"
    steps = 1000
    programs = [
        Program(three, lambda: gradient_flow(matrix, objectives, TIMES)),
        Program(one, lambda: gradient_flow(matrix, objectives[0], TIMES)),
        Program(
            "pitfalls, 3 objectives, last time only",
            lambda: gradient_flow(matrix, objectives, [LATEST]),
        ),
        Program(peer, _scipy(sample), most=2),
        Program(
            f"pitfalls, {steps} steps of descent",
            lambda: gradient_descent(matrix, objectives[0], RATE, steps, record=[steps]),
        ),
    ]
    # The Gram matrix is made once for all of them.
    _ = matrix.gram
    usual = gradient_flow(matrix, objectives, TIMES)
    exact = gradient_flow(matrix, objectives, TIMES, tolerance=1e-12)
    independent = _scipy(sample)()
    off = float(np.abs(usual[0].coordinates - independent).max() / np.abs(independent).max())
    rows = alternate(
        programs,
        rounds,
        progress,
        {three: _distance(usual, exact), peer: off},
    )
    report = Report(
        "flow",
        f"Gradient flow to t = {LATEST:.0e} (n = {FIGURE_1.n}, d = {FIGURE_1.d}), {len(TIMES)} "
        "times recorded, Gram matrix given",
        rows,
        "difference: largest of w_y, w_a, ‖w_ε‖ at any recorded time, relative to the largest; "
        "ours from our run at tolerance 1e-12, SciPy's from ours",
    )
    needed = LATEST / RATE
    descent = report.seconds(f"pitfalls, {steps} steps of descent") / steps * needed
    report.facts.update(descent_steps=needed, descent_years=descent / 3.156e7)
    report.lines.append(
        f"descent at rate {RATE} would need {needed:.0e} steps to t = {LATEST:.0e}: "
        f"{descent / 3.156e7:.0f} years of ours"
    )
    return report
