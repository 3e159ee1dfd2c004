"""Training sets as the solvers see them: a plane, and a Gram operator."""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..theory import (
    MAJORITY,
    MINORITY,
    GroupAccuracy,
    Setting,
    SettingError,
    Solution,
    Trajectory,
)
from ..theory.arguments import checked_array
from ..theory.resources import require
from .gram import DenseGram, DiagonalPlusPlane, Features, Gram
from .seeds import BALANCE, Seed, generator, seed_sequence
from .start import Start, start_of
from .threads import modest_blas

__all__ = ["Sample"]

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sample:
    """A training set: folded examples z_i = y_i·x_i, as explicit features or as a Gram operator.

    Made by `pitfalls.sims.draw` or `Sample.from_arrays`.

    Attributes
    ----------
    plane : array (n, 2)
        U, the folded core feature y·x_y and spurious feature y·γ·x_a.
    labels : array (n,)
        Training labels, −1 or +1.
    groups : integer array (n,) or None
        Observed groups, 1 majority and 0 minority.
    source : Features, DenseGram or DiagonalPlusPlane
        How the memory part is known.
    setting : Setting or None
        Setting it was drawn from, or None; a subset keeps it, n and all.
    plane_columns : (int, int)
        Columns of the core and the spurious feature in `features`.
    stream : SeedSequence or None
        What it was drawn from; by default its random starts are too.

    Examples
    --------
    >>> from pitfalls.sims import draw
    >>> sample = draw(Setting(n=4, d=3, rho=0.5, gamma=2.0, sigma=1.0), seed=1)
    >>> sample.n, sample.plane.tolist()
    (4, [[1.0, 2.0], [1.0, 2.0], [1.0, -2.0], [1.0, -2.0]])
    """

    plane: Array
    labels: Array
    groups: NDArray[np.int64] | None
    source: Features | DenseGram | DiagonalPlusPlane
    setting: Setting | None = None
    plane_columns: tuple[int, int] = (0, 1)
    stream: np.random.SeedSequence | None = None

    @property
    def n(self) -> int:
        """Number of examples.

        Examples
        --------
        >>> from pitfalls.sims import draw
        >>> draw(Setting(n=4, d=3, rho=0.5, gamma=2.0, sigma=1.0), seed=1).n
        4
        """
        return len(self.plane)

    @cached_property
    def gram(self) -> Gram:
        """The operator the solvers use: explicit features when they are the smaller.

        Examples
        --------
        >>> from pitfalls.sims import draw
        >>> type(draw(Setting(n=4, d=9, rho=0.5, gamma=2.0, sigma=1.0), seed=1).gram).__name__
        'DenseGram'
        """
        source = self.source
        if isinstance(source, Features) and source.memory.shape[1] + 2 >= self.n:
            require(8.0 * self.n**2, f"the Gram matrix of {self.n} examples", "lower n")
            return DenseGram(self.plane, source.memory_matrix())
        return source

    @cached_property
    def features(self) -> Array:
        """The raw features x (n, p), the plane in its own columns; explicit samples only.

        Raises
        ------
        SettingError
            The sample has no explicit features.

        Examples
        --------
        >>> from pitfalls.sims import draw
        >>> sample = draw(Setting(n=4, d=1, rho=0.5, gamma=2.0, sigma=0.0), seed=1)
        >>> sample.labels.tolist(), sample.features[0].tolist()
        ([-1.0, 1.0, -1.0, -1.0], [-1.0, -2.0, 0.0])
        """
        source = self._explicit()
        folded = np.empty((self.n, source.memory.shape[1] + 2))
        folded[:, self.columns] = source.coordinates()
        return folded * self.labels[:, None]

    @cached_property
    def columns(self) -> NDArray[np.int64]:
        """Columns of `features` (p,): the plane's two, then the memory's; explicit samples only.

        Examples
        --------
        >>> Sample.from_arrays([[1.0, 2.0, 0.5]], [1], plane=(2, 0)).columns
        array([2, 0, 1])
        """
        return _plane_first(self.plane_columns, self._explicit().memory.shape[1] + 2)

    def plane_first(self, initial: ArrayLike | None) -> Array:
        """Weights in the columns of `features`, brought into the order of `columns`.

        Parameters
        ----------
        initial : array (p,), optional
            Zero by default.

        Raises
        ------
        SettingError
            The sample has no explicit features, or the weights are not p finite numbers.

        Examples
        --------
        >>> sample = Sample.from_arrays([[1.0, 2.0, 0.5]], [1], plane=(2, 0))
        >>> sample.plane_first([7.0, 8.0, 9.0])
        array([9., 7., 8.])
        """
        p = len(self.columns)
        if initial is None:
            return np.zeros(p)
        weights = checked_array("initial", initial, (p,))
        return np.asarray(weights[self.columns])

    def _explicit(self) -> Features:
        if not isinstance(self.source, Features):
            raise SettingError(
                "sample",
                type(self.source).__name__,
                "explicit here",
                "Draw it with kind='explicit', or give initial=(core, spurious, ‖w_ε‖).",
            )
        return self.source

    @classmethod
    def from_arrays(
        cls,
        features: ArrayLike,
        labels: ArrayLike,
        groups: ArrayLike | None = None,
        plane: tuple[int, int] = (0, 1),
    ) -> Sample:
        """A sample of one's own features.

        Parameters
        ----------
        features : array (n, p)
            Raw features x, p ≥ 2.
        labels : array (n,)
            −1 or +1.
        groups : integer array (n,), optional
            Observed groups, 1 majority and 0 minority.
        plane : pair of int
            Columns of the core and the spurious feature; all others are memory.

        Raises
        ------
        SettingError
            A shape, a label, a group or a value is not legal.

        Examples
        --------
        >>> sample = Sample.from_arrays([[1.0, 2.0, 0.5], [-1.0, 2.0, 0.0]], [1, -1], [1, 0])
        >>> sample.plane.tolist()
        [[1.0, 2.0], [1.0, -2.0]]
        """
        legal = "numbers of shape (n, p), n ≥ 1 and p ≥ 2"
        x = checked_array("features", features, ("n", "p"), legal, least=1)
        n, p = x.shape
        if p < 2:
            raise SettingError("features", x.shape, legal)
        y = checked_array("labels", labels, (n,), f"of shape ({n},), one per row of features")
        if not np.isin(y, (-1, 1)).all():
            raise SettingError(
                "labels", np.unique(y)[:5].tolist(), "−1 or +1", "For {0, 1} labels give 2·y − 1."
            )
        try:
            columns = tuple(operator.index(c) for c in plane)
        except TypeError:
            columns = ()
        if len(columns) != 2 or columns[0] == columns[1] or not all(0 <= c < p for c in columns):
            raise SettingError("plane", plane, f"two different columns in 0 … {p - 1}")
        observed = None
        if groups is not None:
            legal = f"of shape ({n},): 1 for the majority, 0 for the minority"
            given = checked_array("groups", groups, (n,), legal)
            if not np.isin(given, (MINORITY, MAJORITY)).all():
                raise SettingError("groups", np.unique(given)[:5].tolist(), legal)
            observed = given.astype(np.int64)
        # x is a copy already.
        folded = np.multiply(x, y[:, None], out=x)
        order = _plane_first(columns, p)
        u = np.ascontiguousarray(folded[:, order[:2]])
        source = Features(u, np.ascontiguousarray(folded[:, order[2:]]))
        return cls(u, y, observed, source, plane_columns=(columns[0], columns[1]))

    def subset(self, examples: ArrayLike) -> Sample:
        """The sample of some of its examples, in the order given.

        Parameters
        ----------
        examples : integer array (k,)
            Which, each at most once.

        Raises
        ------
        SettingError
            They are none, not different, or not there.

        Examples
        --------
        >>> from pitfalls.sims import draw
        >>> sample = draw(Setting(n=4, d=9, rho=0.5, gamma=2.0, sigma=1.0), seed=1)
        >>> sample.subset([0, 3]).plane.tolist()
        [[1.0, 2.0], [1.0, -2.0]]
        """
        kept = np.asarray(examples)
        legal = kept.ndim == 1 and kept.size > 0 and np.issubdtype(kept.dtype, np.integer)
        if not legal or kept.min() < 0 or kept.max() >= self.n or len(np.unique(kept)) < len(kept):
            raise SettingError(
                "examples", examples, f"different integers in 0 … {self.n - 1}, at least one"
            )
        plane, source = np.ascontiguousarray(self.plane[kept]), self.source
        few: Features | DenseGram | DiagonalPlusPlane
        if isinstance(source, Features):
            few = Features(plane, source.memory[kept])
        elif isinstance(source, DenseGram):
            factor = None if source.factor is None else source.factor[kept]
            few = DenseGram(plane, source.memory_gram[np.ix_(kept, kept)], factor)
        else:
            few = DiagonalPlusPlane(plane, source.square)
        groups = None if self.groups is None else self.groups[kept]
        return replace(self, plane=plane, labels=self.labels[kept], groups=groups, source=few)

    def balanced(self, seed: Seed) -> Sample:
        """Balanced subsampling: as many examples of each observed group (Sagawa et al. 2020).

        All of the smaller one, and as many of the larger at random. It is a sample of the setting
        with n′ = 2(1−ρ)n examples, ρ′ = ½ and κ′ = κ/(2(1−ρ)) (P14).

        Parameters
        ----------
        seed : int or SeedSequence
            May be the sample's own: it shares no numbers with the draw.

        Raises
        ------
        SettingError
            There are no groups, or only one.

        Examples
        --------
        >>> from pitfalls.sims import draw
        >>> sample = draw(Setting(n=10, d=9, rho=0.8, gamma=2.0, sigma=1.0), seed=1)
        >>> sample.balanced(seed=1).groups.tolist()
        [1, 1, 0, 0]
        """
        members = (
            []
            if self.groups is None
            else [np.flatnonzero(self.groups == g) for g in (MAJORITY, MINORITY)]
        )
        if not members or min(map(len, members)) == 0:
            raise SettingError(
                "groups",
                None if self.groups is None else np.unique(self.groups).tolist(),
                "majority (1) and minority (0), both non-empty, for subsampling",
            )
        few = min(map(len, members))
        rng = generator(seed_sequence(seed), BALANCE)
        kept = [rng.choice(each, few, replace=False) for each in members]
        return self.subset(np.sort(np.concatenate(kept)))

    def weights(self, solution: Solution | Trajectory, initial: ArrayLike | None = None) -> Array:
        """The weights of a solution or of a trajectory on this sample; explicit samples only.

        w = w(0) + Σ α_i y_i x_i. Where dual weights are unknown, as on data that cannot be
        separated, the combination of examples that has the margins (Z⁺·m).

        Parameters
        ----------
        solution : Solution or Trajectory
        initial : array (p,), optional
            Where training started; zero by default.

        Returns
        -------
        array (p,) or (T, p)
            In the columns of `features`: an example x is classified by sign(xᵀw).

        Raises
        ------
        SettingError
            The sample has no explicit features, or the solution is of another sample.

        Examples
        --------
        >>> from pitfalls.sims import max_margin
        >>> sample = Sample.from_arrays([[3.0, 4.0], [0.0, -1.0]], [1, -1])
        >>> sample.weights(max_margin(sample))
        array([0., 1.])
        """
        source = self._explicit()
        start = self.plane_first(initial)
        if solution.weights is not None:
            return np.asarray(solution.weights[..., np.argsort(self.columns)])
        dual, margins = solution.dual, solution.margins
        known = margins if dual is None else dual
        if known is None or known.shape[-1:] != (self.n,):
            raise SettingError(
                "solution",
                None if known is None else known.shape,
                f"with dual weights or margins of this sample's {self.n} examples",
                "Train on this sample, by a solver that keeps them (examples=True).",
            )
        rows = source.coordinates()
        with modest_blas(float(rows.size) * min(rows.shape)):
            if dual is None:
                moved = np.linalg.lstsq(rows, (known - rows @ start).T, rcond=None)[0].T
            else:
                moved = dual @ rows
        found = np.empty_like(moved)
        found[..., self.columns] = moved + start
        return found

    def test_accuracy(
        self,
        solution: Solution | Trajectory,
        features: ArrayLike,
        labels: ArrayLike,
        groups: ArrayLike | None = None,
        initial: ArrayLike | None = None,
    ) -> GroupAccuracy[Any]:
        """Accuracy on test examples of one's own, counted; explicit samples only.

        Parameters
        ----------
        solution : Solution or Trajectory
            On this sample.
        features, labels, groups
            Of the test examples, as `Sample.from_arrays` takes them, in the same columns. Without
            groups all are in the majority.
        initial : array (p,), optional
            Where training started; zero by default.

        Returns
        -------
        GroupAccuracy
            Floats for a solution, arrays (T,) for a trajectory; an empty group scores 1, and the
            average is that of all examples. A margin of zero is not right.

        Raises
        ------
        SettingError
            A shape, a label, a group or a value is not legal.

        Examples
        --------
        >>> from pitfalls.sims import max_margin
        >>> sample = Sample.from_arrays([[3.0, 4.0], [0.0, -1.0]], [1, -1])
        >>> sample.test_accuracy(max_margin(sample), [[9, 1], [9, -1]], [1, 1], [1, 0]).minority
        0.0
        """
        weights = self.weights(solution, initial)
        p = weights.shape[-1]
        legal = f"numbers of shape (m, {p}), the sample's columns"
        rows = checked_array("features", features, ("m", p), legal)
        test = Sample.from_arrays(rows, labels, groups, self.plane_columns)
        right = weights @ (test.features * test.labels[:, None]).T > 0
        return GroupAccuracy.counted(right, test.groups)

    def start(
        self, initial: ArrayLike | None, stream: np.random.SeedSequence | None = None
    ) -> Start:
        """Initial weights as this sample sees them.

        Parameters
        ----------
        initial : array (p,) or (core, spurious, ‖w_ε‖), optional
            Weights in the columns of `features` (explicit samples), or three coordinates whose
            memory part points in a random direction (P2). Three numbers on an explicit sample of
            three features are the weights. Zero by default.
        stream : SeedSequence, optional
            Of the random direction; the sample's own by default.

        Raises
        ------
        SettingError
            Wrong shape, not finite, or a negative norm.

        Examples
        --------
        >>> from pitfalls.sims import draw
        >>> sample = draw(Setting(n=4, d=9, rho=0.5, gamma=2.0, sigma=1.0), seed=1)
        >>> sample.start((1.0, 0.5, 0.0)).margins.tolist()
        [2.0, 2.0, 0.0, 0.0]
        """
        return start_of(self, initial, stream)


def _plane_first(plane: tuple[int, ...], p: int) -> NDArray[np.int64]:
    """All p columns, the plane's two and then the others."""
    return np.append(plane, np.delete(np.arange(p), plane))
