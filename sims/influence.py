"""Influence of every training example on every margin, by training without it (P10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..theory import MAJORITY, MINORITY, Objective, SettingError
from .deletion import margins_without
from .record import observed_groups
from .retraining import descents_without, flows_without
from .sample import Sample
from .threads import checked_threads

__all__ = ["Influence", "influence"]

Array: TypeAlias = NDArray[np.float64]
Index: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Influence:
    """What examples add to margins: m_j(all) − m_j(q_i = 0), of training with and without them.

    Attributes
    ----------
    matrix : array (n, k), or (T, n, k) over time
        Influence of the source i, one of k, on each example j.
    margins : array (n,) or (T, n)
        Of training with everything.
    held_out : array (k,) or (T, k)
        Each source's margin when it is not trained on.
    examples : integer array (k,)
        The sources.
    groups : integer array (n,)
        Observed groups of all examples; all in the majority where the sample has none.
    times : array (T,) or None
        t = learning rate × steps; None in the limit.
    closed_form : boolean array (k,) or None
        In the limit: whether every other example keeps its status, support vector or not. Then
        self-influence is α̂_i/[G_SS⁻¹]_ii on the support S (at Δ = 1), and zero beside it.
    kkt_residual : float or None
        In the limit: the largest of all max margins.
    name : str
        The objective's.

    Examples
    --------
    >>> from pitfalls.theory import Setting
    >>> from pitfalls.sims import draw
    >>> sample = draw(Setting(n=100, d=2500, rho=0.9, gamma=5.0, sigma=1.0), seed=0)
    >>> found = influence(sample)
    >>> found.matrix.shape, found.closed_form.all(), found.kkt_residual < 1e-10
    ((100, 100), np.True_, True)
    """

    matrix: Array
    margins: Array
    held_out: Array
    examples: Index
    groups: Index
    times: Array | None = None
    closed_form: NDArray[np.bool_] | None = None
    kkt_residual: float | None = None
    name: str = ""

    @property
    def self_influence(self) -> Array:
        """What each source adds to its own margin, (k,) or (T, k).

        Examples
        --------
        >>> found = influence(Sample.from_arrays([[1.0, 0.0], [0.0, 1.0]], [1, 1]))
        >>> found.self_influence
        array([1., 1.])
        """
        return np.asarray(self.matrix[..., self.examples, np.arange(len(self.examples))])

    @property
    def memorization(self) -> Array:
        """In-sample correctness less held-out correctness, 1, ½ or 0 by a margin's sign each.

        Margins within rounding of zero count as zero.

        Examples
        --------
        >>> influence(Sample.from_arrays([[1.0, 0.0], [0.0, 1.0]], [1, 1])).memorization
        array([0.5, 0.5])
        """
        margins = self.margins[..., self.examples]
        rounding = 1e-13 * np.abs(self.margins).max(axis=-1, keepdims=True, initial=0.0)

        def right(values: Array) -> Array:
            return np.sign(np.where(np.abs(values) <= rounding, 0.0, values))

        return np.asarray((right(margins) - right(self.held_out)) / 2)

    def mean(self, group: int, values: Array | None = None) -> Array:
        """Mean over the sources of an observed group; nan where it has none.

        Parameters
        ----------
        group : int
            1 majority, 0 minority.
        values : array (..., k), optional
            Self-influence by default.

        Examples
        --------
        >>> sample = Sample.from_arrays([[1.0, 0.0], [0.0, 1.0]], [1, 1], [1, 0])
        >>> found = influence(sample)
        >>> float(found.mean(MINORITY)), float(found.mean(MINORITY, found.memorization))
        (1.0, 0.5)
        """
        chosen = (self.self_influence if values is None else values)[
            ..., self.groups[self.examples] == group
        ]
        if chosen.shape[-1] == 0:
            return np.full(chosen.shape[:-1], np.nan)
        return np.asarray(chosen.mean(axis=-1))

    @property
    def ratio(self) -> Array:
        """Mean self-influence of the observed minority, over that of the majority.

        Examples
        --------
        >>> sample = Sample.from_arrays([[1.0, 0.0], [0.0, 1.0]], [1, 1], [1, 0])
        >>> float(influence(sample).ratio)
        1.0
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.mean(MINORITY) / self.mean(MAJORITY))

    def between(self, source: int, target: int) -> Array:
        """Mean influence of an observed group's examples on others, of this group or that.

        Parameters
        ----------
        source, target : int
            1 majority, 0 minority.

        Returns
        -------
        array () or (T,)
            nan where there are no two such examples.

        Examples
        --------
        An example of the majority works against the minority, without noise.

        >>> from pitfalls.theory import Setting
        >>> from pitfalls.sims import draw
        >>> sample = draw(Setting(n=100, d=2500, rho=0.9, gamma=5.0, sigma=1.0), 0, "orthogonal")
        >>> bool(influence(sample, times=1.0).between(MAJORITY, MINORITY) < 0)
        True
        """
        pairs = np.outer(self.groups == target, self.groups[self.examples] == source)
        pairs[self.examples, np.arange(len(self.examples))] = False
        if not pairs.any():
            return np.full(self.matrix.shape[:-2], np.nan)
        return np.asarray(self.matrix[..., pairs].mean(axis=-1))


def influence(
    sample: Sample,
    objective: Objective | None = None,
    times: ArrayLike | None = None,
    *,
    examples: ArrayLike | None = None,
    learning_rate: float | None = None,
    steps: ArrayLike | None = None,
    tolerance: float = 1e-8,
    threads: int | None = None,
) -> Influence:
    """Influence of examples on all margins: m_j(all) − m_j(q_i = 0), trained again without each.

    Leaving an example out keeps the 1/n of the loss, so that it is an objective on the same Gram
    matrix; training starts at w(0) = 0. Nothing is linearised.

    - In the limit (neither times nor steps): the max margin without each example, all of them from
      one factorisation, each certified.
    - At ``times``: gradient flow, integrated in blocks of deletions with the whole beside them, so
      that products with the Gram matrix are matrix products and errors of the steps cancel in the
      differences: about a thousand products to t = 1e6, and two thousand to 1e16.
    - At ``steps``: gradient descent, in the same blocks.

    Parameters
    ----------
    sample : Sample
    objective : Objective, optional
        ERM by default.
    times : array_like (T,), optional
        Increasing times t = learning rate × steps, from 0 to 1e16; one time drops the axis.
    examples : integer array (k,), optional
        The sources: whom to leave out, one at a time; all by default.
    learning_rate : float, optional
        Of gradient descent, with ``steps``.
    steps : array_like of int (T,), optional
        Increasing step numbers, each meaning "after that many updates"; one drops the axis.
    tolerance : float
        Relative error per step of the flow's integrator, in [1e-12, 1e-2].
    threads : int, optional
        All cores by default, and one inside `replicate`. The bytes are the same.

    Returns
    -------
    Influence

    Raises
    ------
    SettingError
        An argument is out of range, or an objective does not fit the sample.
    NotSeparableError
        In the limit: the sample cannot be separated.
    ResourceError
        The influences, or a matrix of the sample, do not fit in memory.

    Examples
    --------
    >>> from pitfalls.theory import Setting
    >>> from pitfalls.sims import draw
    >>> setting = Setting(n=100, d=2500, rho=0.9, gamma=5.0, sigma=1.0)
    >>> sample = draw(setting, 0, "orthogonal")
    >>> influence(sample).ratio.round(3), influence(sample, times=[1e-3, 1e8]).ratio.round(3)
    (np.float64(2.335), array([1.005, 2.28 ]))
    >>> influence(sample, learning_rate=0.1, steps=10).self_influence.shape
    (100,)
    """
    objective = objective or Objective.erm()
    if not isinstance(objective, Objective):
        raise SettingError("objective", objective, "one Objective", "Call it for each of several.")
    sources = _checked_examples(examples, sample.n)
    threads = checked_threads(threads)
    groups = observed_groups(sample)
    if (steps is None) != (learning_rate is None) or (times is not None and steps is not None):
        raise SettingError(
            "steps", steps, "given with learning_rate, and without times", "Or give times alone."
        )
    if times is None and steps is None:
        found = margins_without(sample, objective, sources)
        assert found.whole.margins is not None
        return Influence(
            matrix=found.whole.margins[:, None] - found.margins,
            margins=found.whole.margins,
            held_out=found.margins[sources, np.arange(len(sources))],
            examples=sources,
            groups=groups,
            closed_form=found.closed_form,
            kkt_residual=found.kkt_residual,
            name=objective.name,
        )
    if times is not None:
        one = np.isscalar(times) or getattr(times, "ndim", 1) == 0
        whole, added, held_out = flows_without(
            sample, objective, sources, times, tolerance, threads
        )
    else:
        assert steps is not None and learning_rate is not None  # noqa: PT018
        one, record = np.isscalar(steps) or getattr(steps, "ndim", 1) == 0, _checked_steps(steps)
        whole, added, held_out = descents_without(
            sample, objective, sources, learning_rate, record, threads
        )
    assert whole.margins is not None
    matrix = added.swapaxes(1, 2)
    return Influence(
        matrix=matrix[0] if one else matrix,
        margins=whole.margins[0] if one else whole.margins,
        held_out=held_out[0] if one else held_out,
        examples=sources,
        groups=groups,
        times=whole.times,
        name=objective.name,
    )


def _checked_examples(examples: ArrayLike | None, n: int) -> Index:
    if examples is None:
        return np.arange(n)
    try:
        array = np.asarray(examples)
    except ValueError:
        array = np.zeros((0, 0))
    legal = array.ndim == 1 and array.size > 0 and np.issubdtype(array.dtype, np.integer)
    if not legal or array.min() < 0 or array.max() >= n:
        raise SettingError("examples", examples, f"integers of shape (k,) in 0 … {n - 1}")
    return array.astype(np.int64)


def _checked_steps(steps: ArrayLike) -> Index:
    try:
        array = np.atleast_1d(np.asarray(steps))
    except ValueError:
        array = np.zeros((0, 0))
    legal = array.ndim == 1 and array.size > 0 and np.issubdtype(array.dtype, np.integer)
    if not legal or array[0] < 0 or (np.diff(array) <= 0).any():
        raise SettingError("steps", steps, "strictly increasing integers ≥ 0")
    return array.astype(np.int64)
