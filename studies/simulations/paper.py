"""The paper's Figure 1: its published run, and where that setting ends."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ...sims.seeds import TEST, generator
from ...theory import Setting
from ...theory.theorem import fact
from ..figure_1 import Pipeline, figure_1_setting, pipeline
from ..measure import against, measure
from ..plan import Plan
from ..statements import Statement, exact, under
from .common import RHO

__all__ = ["figure_1"]

POINTS = 500
"""Test points of a group that published accuracies are read off."""

_RECORD = range(0, 1001, 4)
_WORDS = {
    "erm.minority": "ERM: minority accuracy",
    "mat.minority": "MAT: minority accuracy",
    "mat.majority": "MAT: majority accuracy",
    "mat.highest": "MAT: highest minority accuracy",
    "mat.step": "MAT: step of the highest minority accuracy",
    "clean.step": "ERM, σ = 0: step from which on all of the minority are right",
}


def _read_off(seed: np.random.SeedSequence) -> dict[str, tuple[float, float]]:
    """What one run has at each published number's place: exactly, and on 500 test points."""
    done = pipeline(figure_1_setting(), seed, record=_RECORD)
    rng = generator(seed, TEST)
    clean, erm, mat = (
        run.accuracy(where) for run, where in zip(done.runs, done.settings, strict=True)
    )
    highest = int(mat.minority.argmax())
    found = {
        "erm.minority": erm.minority[-1],
        "mat.minority": mat.minority[-1],
        "mat.majority": mat.majority[-1],
        "mat.highest": mat.minority[highest],
    }
    counted = {name: rng.binomial(POINTS, share) / POINTS for name, share in found.items()}
    step = float(_RECORD[highest])
    half_a_point = clean.minority < 1 - 0.5 / POINTS
    return {
        **{name: (float(share), float(counted[name])) for name, share in found.items()},
        "mat.step": (step, step),
        "clean.step": (_from_then_on(half_a_point), _from_then_on(_some_wrong(done, rng))),
    }


def _some_wrong(done: Pipeline, rng: np.random.Generator) -> NDArray[np.bool_]:
    """At which recorded steps the first column is wrong on any of 500 minority test points."""
    run, setting = done.runs[0], done.settings[0]
    noise = rng.standard_normal((2, POINTS))
    core = 1 + setting.core_noise * noise[0]
    spurious = setting.gamma * (setting.spurious_noise * noise[1] - 1)
    margins = run.core[:, None] * core + run.spurious[:, None] * spurious
    return np.asarray((margins <= 0).any(axis=1))


def _from_then_on(wrong: NDArray[np.bool_]) -> float:
    """The first recorded step after the last wrong one."""
    after = int(np.flatnonzero(wrong).max(initial=-1)) + 1
    return float(_RECORD[after]) if after < len(_RECORD) else np.inf


def figure_1(plan: Plan) -> Iterator[Statement]:
    """(d) Replicates of the published run, and max margins of its setting.

    Examples
    --------
    >>> next(figure_1(Plan(0, 8, None, lambda done, total, label: None))).id
    'd.published.erm.minority'
    """
    published, limit = fact("figure-1-run"), fact("figure-1-limit")
    runs = plan.batch(_read_off, "Figure 1, 1,000 steps")
    rows = []
    for name, prediction in published.at(figure_1_setting()).items():
        exactly, counted = np.array([run[name] for run in runs]).T
        # Where one more run lies: its own scatter, and what the replicates' mean is uncertain by.
        scatter = float(counted.std(ddof=1)) * math.sqrt(1 + 1 / len(counted))
        width = float(stats.t.ppf(0.975, len(counted) - 1)) * scatter
        middle, digits = float(counted.mean()), 0 if name.endswith("step") else 3
        rows.append(
            exact(
                f"d.published.{name}",
                f"Figure 1 after 1,000 steps, {_WORDS[name]}",
                prediction=prediction,
                observed=middle,
                tolerance=width,
                note=f"{middle - width:.{digits}f} … {middle + width:.{digits}f}; exactly "
                f"{exactly.mean():.{digits}f} ± {exactly.std(ddof=1):.{digits}f}",
            )
        )
    yield from under(published, rows)

    def setting_at(n: int) -> Setting:
        return replace(figure_1_setting(), n=n, d=round(1.798 * n), rho=RHO)

    cell = measure(plan.batch, "Figure 1, limit", setting_at, size=500)
    where = "Figure 1 (900 + 100 examples) in the limit t → ∞"
    names = ("core", "spurious", "memory", "minority", "support")
    yield from against(limit, limit.at(cell.setting), cell, "d.limit", where, names)
