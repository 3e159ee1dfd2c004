"""Max margin without intercept against scikit-learn and CVXPY."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..sims import Sample, draw, max_margin
from ..studies.arguments import Progress
from ..theory import Setting
from . import peers
from .descent import FIGURE_1
from .harness import Program, Report, Row, alternate, fresh

__all__ = ["measure"]

Array: TypeAlias = NDArray[np.float64]
Solver: TypeAlias = Callable[[Array], Array]

WIDE = (20_000, 100_000)
WITH_INTERCEPT = ("SVC, linear", "SVC, precomputed")
NEAR = 1e-2


def _sizes() -> list[Setting]:
    wide = [
        Setting(500, d, 0.9, 5.0, (225 / d) ** 0.5, core_noise=0.12, spurious_noise=0.12)
        for d in WIDE
    ]
    return [FIGURE_1, *wide]


def _scikit_learn() -> dict[str, Solver]:
    """Weights from folded examples z: two classes are z and −z, or labels given to half."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC, LinearSVC

    def linear(**options: Any) -> Solver:
        def solve(z: Array) -> Array:
            model = LinearSVC(C=1e4, fit_intercept=False, max_iter=10**6, **options)
            return np.asarray(model.fit(*peers.signed(z)).coef_[0])

        return solve

    def kernel(z: Array) -> Array:
        return np.asarray(SVC(kernel="linear", C=1e6).fit(*peers.signed(z)).coef_[0])

    def precomputed(z: Array) -> Array:
        x, y = peers.signed(z)
        model = SVC(kernel="precomputed", C=1e6).fit(x @ x.T, y)
        return np.asarray(model.dual_coef_[0] @ x[model.support_])

    def logistic(z: Array) -> Array:
        model = LogisticRegression(C=1e12, fit_intercept=False, max_iter=10**4, tol=1e-8)
        return np.asarray(model.fit(*peers.signed(z)).coef_[0])

    return {
        "scikit-learn LinearSVC, hinge": linear(loss="hinge"),
        "scikit-learn LinearSVC, squared hinge": linear(loss="squared_hinge", dual=True),
        "scikit-learn SVC, linear": kernel,
        "scikit-learn SVC, precomputed": precomputed,
        "scikit-learn LogisticRegression, C = 1e12": logistic,
    }


def _cvxpy(solver: str) -> Solver:
    """The dual problem, min ½αᵀGα − Σα over α ≥ 0, with G = Z Zᵀ."""
    import cvxpy

    def solve(z: Array) -> Array:
        alpha = cvxpy.Variable(len(z))
        square = cvxpy.sum_squares(np.linalg.cholesky(z @ z.T).T @ alpha)
        problem = cvxpy.Problem(cvxpy.Minimize(square / 2 - cvxpy.sum(alpha)), [alpha >= 0])
        problem.solve(solver=solver)
        return np.asarray(alpha.value @ z)

    return solve


def _peers() -> dict[str, Solver]:
    found: dict[str, Solver] = {}
    if peers.available("sklearn"):
        found |= _scikit_learn()
    if peers.available("cvxpy"):
        found |= {f"CVXPY, {name}": _cvxpy(name) for name in ("OSQP", "CLARABEL")}
    return found


def _short(z: Array, w: Array, norm: float) -> float:
    """By what share the smallest margin of w's direction falls short of 1/‖ŵ‖."""
    return 1 - float((z @ w).min() / np.linalg.norm(w)) * norm


def measure(rounds: int, progress: Progress) -> Report:
    """Time max margin from explicit features, Gram matrix included, at three sizes.

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
        "margin",
        "Max margin without intercept from explicit features, Gram matrix included",
        [],
        "difference: share by which the direction's margin falls short of the largest (ours: the "
        "KKT residual)",
    )
    for setting in _sizes():
        size = f"n = {setting.n}, d = {setting.d}"
        sample = draw(setting, seed=1, kind="explicit")
        z = sample.features * sample.labels[:, None]
        ours = f"{size}: pitfalls"

        def solve(sample: Sample = sample) -> Any:
            return max_margin(fresh(sample))

        solution = solve()
        assert solution.kkt_residual is not None
        off = {ours: solution.kkt_residual}
        programs = [Program(ours, solve)]
        solvers = _peers()
        with peers.stopping_short():
            for name, solver in solvers.items():
                full = f"{size}: {name}"
                off[full] = _short(z, solver(z), solution.norm)
                programs.append(Program(full, partial(solver, z), most=3))
            notes = {
                each.name: "fits an intercept"
                for each in programs
                if each.name.endswith(WITH_INTERCEPT)
            }
            rows = alternate(programs, rounds, progress, off, notes)
        report.rows.extend(rows)
        _conclude(report, size, rows)
    return report


def _conclude(report: Report, size: str, rows: list[Row]) -> None:
    """How much longer the fastest peer near the margin takes, and LinearSVC."""
    ours, *others = rows
    report.lines.append(f"{size}: ours to a KKT residual of {ours.difference:.0e}")
    near = [
        row
        for row in others
        if row.difference is not None and row.difference < NEAR and not row.note
    ]
    chosen = {
        f"fastest without intercept, within {NEAR:.0%}": near,
        "LinearSVC": [row for row in near if "LinearSVC" in row.program],
    }
    for name, candidates in chosen.items():
        if candidates:
            best = min(candidates, key=lambda row: row.seconds)
            ratio = best.seconds / ours.seconds
            report.facts[f"{size}: {name}"] = ratio
            report.lines.append(
                f"{size}: {name} ({best.program.split(': ')[1]}): {ratio:.1f} times our time"
            )
