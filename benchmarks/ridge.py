"""The ridge path against plain Newton steps and scikit-learn's logistic regression."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve
from scipy.special import expit

from ..sims import Sample, draw, ridge_path
from ..studies.arguments import Progress
from ..theory import Objective, Setting
from . import peers
from .harness import Program, Report, alternate, fresh

__all__ = ["measure"]

Array: TypeAlias = NDArray[np.float64]

STRENGTHS = np.logspace(0, -9, 10)
CASES = (
    Setting.figure_1(),
    Setting(3000, 600, 0.9, 5.0, 0.5, core_noise=0.12, spurious_noise=0.12, label_noise=0.1),
    Setting(3000, 6000, 0.9, 5.0, 0.5, core_noise=0.12, spurious_noise=0.12),
)
# Rounds of the peers: some take minutes.
MOST = 1
_MOST_STEPS = 200
_CONVERGED = 1e-11


def _newton(z: Array, strengths: Array) -> Array:
    """Weights (T, p) by Newton's method as one writes it: each step solves with its own matrix."""
    basis, triangle = np.linalg.qr(z.T) if len(z) < z.shape[1] else (np.eye(z.shape[1]), z.T)
    rows, lengths = triangle.T, np.linalg.norm(z, axis=1)
    x, path = np.zeros(rows.shape[1]), []

    def objective(x: Array, strength: float) -> float:
        return float(np.logaddexp(0, -(rows @ x)).mean() + strength * (x @ x) / 2)

    for strength in strengths:
        for _ in range(_MOST_STEPS):
            push = expit(-(rows @ x)) / len(rows)
            gradient = strength * x - push @ rows
            if np.linalg.norm(gradient) <= _CONVERGED * float(push @ lengths):
                break
            matrix = (rows.T * (push * expit(rows @ x))) @ rows
            matrix.flat[:: len(matrix) + 1] += strength
            step, size = solve(matrix, gradient, assume_a="pos"), 1.0
            before = objective(x, strength)
            while size > 1e-6 and objective(x - size * step, strength) > before:
                size /= 2
            x = x - size * step
        path.append(basis @ x)
    return np.array(path)


def _residual(z: Array, strengths: Array, path: Array) -> float:
    """The largest ‖λw − Σ p_i z_i‖/Σ p_i‖z_i‖ with w's own p_i."""
    push = expit(-(path @ z.T)) / len(z)
    missing = np.linalg.norm(strengths[:, None] * path - push @ z, axis=1)
    return float((missing / (push @ np.linalg.norm(z, axis=1))).max())


def measure(rounds: int, progress: Progress) -> Report:
    """Time a ridge path from explicit features, Gram matrix included, at three sizes.

    Parameters
    ----------
    rounds : int
    progress : callable

    Examples
    --------
    >>> measure.__name__
    'measure'
    """
    report = Report(
        "ridge",
        f"{len(STRENGTHS)} ridge solutions, λ = {STRENGTHS[0]:g} to {STRENGTHS[-1]:g}, from "
        "explicit features",
        [],
        "difference: the largest ‖λw − Σ p z‖/Σ p‖z‖, which is zero at the minimum",
    )
    for setting in CASES:
        sample = draw(setting, seed=1, kind="explicit")
        z = sample.features * sample.labels[:, None]

        def ours(sample: Sample = sample, z: Array = z) -> Any:
            path = ridge_path(fresh(sample), Objective.erm(), STRENGTHS)
            if path.weights is not None:
                return path.weights
            assert path.dual is not None
            return path.dual @ z

        programs: dict[str, Callable[[], Any]] = {
            "pitfalls": ours,
            "Newton, a matrix a step": partial(_newton, z, STRENGTHS),
        }
        if peers.available("sklearn"):
            # The second has a matrix of the features, however many they are.
            for solver in ("lbfgs", "newton-cholesky") if setting.d < setting.n else ("lbfgs",):
                programs[f"scikit-learn, {solver}"] = partial(
                    peers.logistic,
                    *peers.signed(z),
                    STRENGTHS,
                    solver=solver,
                    max_iter=10**5,
                    tol=1e-12,
                )
        size = f"n = {setting.n}, d = {setting.d}"
        rows = alternate(
            [
                Program(f"{size}: {name}", run, most=None if run is ours else MOST)
                for name, run in programs.items()
            ],
            rounds,
            progress,
            {f"{size}: {name}": _residual(z, STRENGTHS, run()) for name, run in programs.items()},
        )
        report.rows.extend(rows)
        fastest = min(row.ratio or 1.0 for row in rows[1:])
        report.facts[f"{size}: ratio"] = fastest
        report.lines.append(f"{size}: {fastest:.1f} times faster than the fastest of the others")
    return report
