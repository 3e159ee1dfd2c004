"""The paper's Figure 1: its published run, and where that setting ends."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy import stats

from ...theory import Setting
from ...theory.theorem import fact
from ..figure_1 import figure_1_accuracies, figure_1_setting
from ..measure import against, measure
from ..plan import Plan
from ..statements import Statement, exact, under
from .common import RHO

__all__ = ["figure_1"]


def figure_1(plan: Plan) -> Iterator[Statement]:
    """(d) Replicates of the published run, and max margins of its setting.

    Examples
    --------
    >>> next(figure_1(Plan(0, 8, None, lambda done, total, label: None))).id
    'd.published'
    """
    published, limit = fact("figure-1-run"), fact("figure-1-limit")
    runs = np.array(plan.batch(figure_1_accuracies, "Figure 1, 1,000 steps"))
    count, middle = len(runs), float(runs[:, 1].mean())
    # Where one more run lies: its own scatter, and what the replicates' mean is uncertain by.
    scatter = float(runs[:, 1].std(ddof=1)) * math.sqrt(1 + 1 / count)
    width = float(stats.t.ppf(0.975, count - 1)) * scatter
    row = exact(
        "d.published",
        f"Figure 1 after 1,000 steps: {published.quantity}",
        prediction=published.at(figure_1_setting()),
        observed=middle,
        tolerance=width,
        note=f"{middle - width:.3f} … {middle + width:.3f}; exact accuracy "
        f"{runs[:, 0].mean():.3f} ± {runs[:, 0].std(ddof=1):.3f}",
    )
    yield from under(published, [row])

    def setting_at(n: int) -> Setting:
        return replace(figure_1_setting(), n=n, d=round(1.798 * n), rho=RHO)

    cell = measure(plan.batch, "Figure 1, limit", setting_at, size=500)
    where = "Figure 1 (900 + 100 examples) in the limit t → ∞"
    names = ("core", "spurious", "memory", "minority", "support")
    yield from against(limit, limit.at(cell.setting), cell, "d.limit", where, names)
