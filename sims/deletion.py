"""The max margin without one example, for each of many, from one factorisation (P10).

With slacks s = Gα − 1 of examples scaled to the margin 1, it is the complementary pair α, s ≥ 0.
What is free is a linear function of what is zero, with the support S

    (α_S, s_N) = c + M·(s_S, α_N),   M = [[B, −B·G_SN], [G_NS·B, G_NN − G_NS·B·G_SN]],  B = G_SS⁻¹,

and c the solution. Taking example i away sets α_i to zero and frees s_i; where that makes others
wrong, they are exchanged too: a system as small as the number of exchanges.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from ..theory import Objective, Solution
from ..theory.resources import require
from .blas import mirrored
from .certificate import CERTIFIED, kkt_residual
from .exchange import PATIENCE, regular_factor
from .gram import Gram
from .max_margin import max_margin
from .sample import Sample
from .threads import modest_blas, one_blas_thread

__all__ = ["Deletions", "margins_without"]

Array: TypeAlias = NDArray[np.float64]
Index: TypeAlias = NDArray[np.int64]

_ROUNDING = 1e-13


class Deletions(NamedTuple):
    """Max margins without each of k examples.

    Attributes
    ----------
    whole : Solution
        With all of them.
    margins : array (n, k)
        Of every example without each.
    closed_form : boolean array (k,)
        Whether every other example kept its side: support vector, or not.
    kkt_residual : float
        The largest of all.

    Examples
    --------
    >>> from pitfalls.theory import Setting
    >>> from pitfalls.sims import draw
    >>> sample = draw(Setting(n=4, d=100, rho=0.5, gamma=2.0, sigma=1.0), seed=0)
    >>> found = margins_without(sample, Objective.erm(), np.array([0]))
    >>> found.margins.shape, found.closed_form.tolist(), found.kkt_residual < 1e-10
    ((4, 1), [True], True)
    """

    whole: Solution
    margins: Array
    closed_form: NDArray[np.bool_]
    kkt_residual: float


def margins_without(sample: Sample, objective: Objective, sources: Index) -> Deletions:
    """Margins of all examples under the max margin without each of some.

    Raises
    ------
    NotSeparableError, PitfallsError
        As `max_margin`, of the whole or without an example.
    ResourceError
        The matrices do not fit in memory.

    Examples
    --------
    Two examples at right angles: neither helps the other.

    >>> sample = Sample.from_arrays([[1.0, 0.0], [0.0, 1.0]], [1, 1])
    >>> margins_without(sample, Objective.erm(), np.arange(2)).margins
    array([[0., 1.],
           [1., 0.]])
    """
    n, k = sample.n, len(sources)
    require(8.0 * n * (5 * n + 6 * k), f"the max margin of {n} examples without each", "lower n")
    weight, _, scale = objective.resolve(sample.groups, n)
    with modest_blas(float(n) ** 3):
        whole = max_margin(sample, objective)
        assert whole.dual is not None and whole.margins is not None  # noqa: PT018
        assert whole.kkt_residual is not None
        duals = np.repeat((whole.dual / scale)[:, None], k, axis=1)
        closed_form = np.ones(k, dtype=bool)
        needed = np.flatnonzero(whole.dual[sources] > 0)
        tableau = _Tableau.of(sample.gram, weight, scale, whole)
        with one_blas_thread():
            for c in needed:
                # Without an answer it stays the whole's, which the certificate refuses.
                closed_form[c] = tableau is not None and tableau.leave_out(
                    int(sources[c]), duals[:, c]
                )
        margins = sample.gram.product(scale[:, None] * duals)
        residuals = _residuals(margins, duals, weight, scale, sources)
        unused = whole.dual[sources] == 0
        margins[:, unused], residuals[unused] = whole.margins[:, None], whole.kkt_residual
        for c in np.flatnonzero(residuals > CERTIFIED):
            closed_form[c] = False
            margins[:, c], residuals[c] = _solved_again(sample, objective, weight, int(sources[c]))
    worst = max(whole.kkt_residual, float(residuals.max(initial=0.0)))
    return Deletions(whole, margins, closed_form, worst)


def _residuals(margins: Array, duals: Array, weight: Array, scale: Array, sources: Index) -> Array:
    """Each column's certificate."""
    everyone = np.arange(len(sources))
    kept = np.tile(weight > 0, (len(sources), 1))
    kept[everyone, sources] = False
    residuals = kkt_residual((scale[:, None] * margins).T, duals.T, kept)
    # Where nobody is left there is no margin to keep.
    residuals[~kept.any(axis=1)] = 0.0
    residuals[duals[sources, everyone] != 0] = np.inf
    return residuals


def _solved_again(
    sample: Sample, objective: Objective, weight: Array, source: int
) -> tuple[Array, float]:
    left = weight.copy()
    left[source] = 0.0
    if not left.any():
        return np.zeros(sample.n), 0.0
    found = max_margin(sample, replace(objective, weight=left))
    assert found.margins is not None and found.kkt_residual is not None  # noqa: PT018
    return found.margins, found.kkt_residual


class _Tableau:
    """c and the rows of Mᵀ, the support's first; by position in ``order``."""

    def __init__(self, rows: Array, start: Array, order: Index, support: int, n: int) -> None:
        self.rows, self.start, self.order, self.support = rows, start, order, support
        self.position = np.full(n, -1)
        self.position[order] = np.arange(len(order))
        # What counts as negative: less than the rounding of the largest of its kind.
        largest = np.ones(len(order))
        largest[:support] = start[:support].max()
        self.least = -_ROUNDING * largest

    @classmethod
    def of(cls, source: Gram, weight: Array, scale: Array, whole: Solution) -> _Tableau | None:
        """None where the support's examples depend on one another."""
        assert whole.dual is not None and whole.margins is not None  # noqa: PT018
        on = whole.dual > 0
        order, s = np.append(np.flatnonzero(on), np.flatnonzero(~on & (weight > 0))), int(on.sum())
        gram = source.matrix()[np.ix_(order, order)]
        gram *= scale[order]
        gram *= scale[order, None]
        factor = regular_factor(gram[:s, :s].copy())
        if factor is None:
            return None
        inverse = mirrored(np.ascontiguousarray(lapack.dpotri(factor, lower=1)[0].T))
        across = inverse @ gram[:s, s:]
        gram[s:, s:] -= gram[s:, :s] @ across
        gram[:s, :s], gram[:s, s:], gram[s:, :s] = inverse, across, -across.T
        start = np.maximum(scale * whole.margins - 1, 0.0)[order]
        start[:s] = (whole.dual / scale)[order[:s]]
        return cls(gram, start, order, s, len(weight))

    def leave_out(self, example: int, dual: Array) -> bool:
        """Put in place the dual weights (n,) without a support vector; whether no other changed.

        They stay as they are where four exchanges in a row leave no fewer wrong.
        """
        gone = int(self.position[example])
        chosen = np.zeros(len(self.order), dtype=bool)
        chosen[gone] = True
        fewest, patience = len(chosen) + 1, PATIENCE
        while patience >= 0:
            pivots = np.flatnonzero(chosen)
            rows = self.rows[pivots]
            *_, found, failed = lapack.dgesv(rows[:, pivots].T, -self.start[pivots])
            if failed:
                return False
            free = self.start + found @ rows
            # From here on the exchanged ones stand for their partners.
            free[pivots] = found
            wrong = free < self.least
            wrong[gone] = False
            count = int(wrong.sum())
            if count == 0:
                supports = chosen != (np.arange(len(free)) < self.support)
                supports[gone] = False
                dual[:] = 0.0
                dual[self.order] = np.where(supports, np.maximum(free, 0.0), 0.0)
                return len(pivots) == 1
            fewest, patience = (count, PATIENCE) if count < fewest else (fewest, patience - 1)
            chosen ^= wrong
        return False
