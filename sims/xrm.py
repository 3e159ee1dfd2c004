"""The paper's method: XRM finds the exceptions, MAT shifts their logits.

Cross-risk minimisation (Pezeshki et al. 2023): twins each train on a random half of the examples;
what a twin says of the other's half it has not memorised. Labels turn towards such held-out
predictions as they become confident, so that both twins end on the feature that the majority
shares. Memorisation-aware training (Bayat et al. 2025) calibrates the held-out predictions to
p(y | x) and adds its logarithm to the logits of a model trained on everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_softmax

from ..theory import MINORITY, Objective, SettingError
from ..theory.arguments import checked_array, checked_count, checked_number, checked_rate
from . import kernels
from .gram import DenseGram
from .packed import PackedSymmetric
from .sample import Sample
from .seeds import TWINS, Seed, child_stream, generator, seed_sequence

__all__ = [
    "RATE",
    "STEPS",
    "TEMPERATURE",
    "Found",
    "calibrated_shift",
    "cross_risk",
    "memorization_aware",
    "minority_found",
]

Array: TypeAlias = NDArray[np.float64]

_FLOOR = 1e-6

TEMPERATURE, RATE, STEPS = 0.1, 0.02, 1000
"""The paper's, its rate of a two-logit softmax doubled."""


def cross_risk(
    sample: Sample,
    seed: Seed,
    *,
    learning_rate: float = RATE,
    steps: int = STEPS,
    initial: Sequence[ArrayLike] | None = None,
    single: bool = False,
) -> Array:
    """Held-out logits of every example by cross-risk minimisation (XRM).

    Each example belongs to one of two linear models at random, which trains on it by gradient
    descent on the mean loss of all n examples, each by its own model. At every step, after both
    have moved, each label becomes the other model's prediction (before the move) with probability
    2·max p − 1, p its softmax probabilities. All margins come from one product of the Gram matrix
    with both models' dual weights.

    Parameters
    ----------
    sample : Sample
    seed : int or SeedSequence
        May be the sample's own: it shares no numbers with the draw.
    learning_rate : float
        Of the binary model, > 0; a two-logit softmax with rate η is this with 2η. The default is
        the paper's 0.01.
    steps : int
        ≥ 0.
    initial : pair of initial weights, optional
        One w(0) for each twin, as `Sample.start` takes them; random directions are the seed's, one
        for each. Zero by default.
    single : bool
        Keep and multiply a dense Gram matrix in single precision, as `gradient_descent` does: a
        label may then turn a step sooner or later, with a chance of about 1e-7 at each.

    Returns
    -------
    array (n, 2)
        For the labels −1 and +1, by the model that did not train on the example. Their sum is zero.

    Raises
    ------
    SettingError
        An argument is out of range.

    Examples
    --------
    In Figure 1's setting the held-out prediction is the spurious attribute, without exception:

    >>> from pitfalls.sims import draw
    >>> from pitfalls.theory import Setting
    >>> sample = draw(Setting.figure_1(), seed=0)
    >>> predicted = 2 * cross_risk(sample, seed=0).argmax(axis=1) - 1
    >>> bool(((predicted == sample.labels) == sample.groups).all())
    True
    """
    rate, steps = checked_rate(learning_rate), checked_count("steps", steps)
    stream = seed_sequence(seed)
    rng = generator(stream, TWINS)
    n = sample.n
    own = rng.integers(0, 2, n)
    core, spurious = np.ascontiguousarray(sample.plane.T)
    data = (core, spurious, _starts(sample, stream, initial))
    dual, turned, held = np.zeros((2, n)), np.ones(n), np.zeros(n)
    with _memory_product(sample, single) as product:
        for _ in range(steps):
            both = product(dual)
            kernels.twins_step(both, data, own, rng.random(n), rate / n, dual, turned, held)
        kernels.twins_step(product(dual), data, own, np.ones(n), 0.0, dual, turned, held)
    score = sample.labels * held
    return np.stack((-score / 2, score / 2), axis=1)


def _starts(
    sample: Sample, stream: np.random.SeedSequence, initial: Sequence[ArrayLike] | None
) -> Array:
    """Margins of both twins' initial weights."""
    if initial is None:
        return np.zeros((2, sample.n))
    if len(initial) != 2:
        raise SettingError("initial", initial, "a pair of initial weights, one for each twin")
    return np.stack(
        [
            sample.start(weights, child_stream(stream, TWINS + 1 + twin)).margins
            for twin, weights in enumerate(initial)
        ]
    )


@contextmanager
def _memory_product(sample: Sample, single: bool) -> Iterator[Callable[[Array], Array]]:
    """E Eᵀ·α of rows α (2, n); a dense Gram matrix is read once for both of them."""
    gram = sample.gram
    if not isinstance(gram, DenseGram):
        yield lambda dual: np.stack([gram.memory_product(row) for row in dual])
        return
    with PackedSymmetric(gram.memory_gram, 2, single=single) as packed:
        yield packed


class Found(NamedTuple):
    """How well held-out predictions find the minority.

    Attributes
    ----------
    recall : float
        Share of the minority that is predicted to have the other label; nan without a minority.
    precision : float
        Share of the minority among all examples that are; nan where there are none.

    Examples
    --------
    >>> Found(recall=1.0, precision=0.5).recall
    1.0
    """

    recall: float
    precision: float


def minority_found(sample: Sample, logits: ArrayLike) -> Found:
    """Recall and precision of the minority among the examples that logits are wrong on.

    Parameters
    ----------
    sample : Sample
        With groups.
    logits : array (n, 2)
        Held out, for the labels −1 and +1.

    Raises
    ------
    SettingError
        The sample has no groups, or the logits are not of its shape.

    Examples
    --------
    >>> sample = Sample.from_arrays([[1.0, 2.0], [-1.0, 2.0]], [1, -1], [1, 0])
    >>> minority_found(sample, [[0.0, 1.0], [0.0, 1.0]])
    Found(recall=1.0, precision=1.0)
    """
    if sample.groups is None:
        raise SettingError("groups", None, "given with the sample, to tell who the minority is")
    legal = f"of shape ({sample.n}, 2), one row an example"
    table = checked_array("logits", logits, (sample.n, 2), legal)
    wrong = table.argmax(axis=1) != (sample.labels > 0)
    minority = sample.groups == MINORITY
    both = float((wrong & minority).sum())
    return Found(
        both / float(minority.sum()) if minority.any() else np.nan,
        both / float(wrong.sum()) if wrong.any() else np.nan,
    )


def calibrated_shift(
    logits: ArrayLike, labels: ArrayLike, temperature: float = TEMPERATURE
) -> Array:
    """log p(y | x) from held-out logits, calibrated by how often each prediction was right.

    With p(ŷ | x) = softmax(logits/τ), the joint table J(y, ŷ) = Σ_i 1{y_i = y}·p(ŷ | x_i) is
    normalised for each ŷ to p(y | ŷ), and p(y | x) = Σ_ŷ p(y | ŷ)·p(ŷ | x). Limits: τ → 0 counts
    predictions; τ → ∞ gives the shares of the classes, whatever the logits are.

    Parameters
    ----------
    logits : array (n, 2)
    labels : integer array (n,)
        0 or 1: the column that is right.
    temperature : float
        τ > 0; the paper's is 0.1.

    Returns
    -------
    array (n, 2)
        Natural logarithms, at least log 1e-6 as the paper has it.

    Raises
    ------
    SettingError
        Shapes, labels or τ are not legal.

    Examples
    --------
    Nine of ten predictions are right: the log-odds are ±log 9.

    >>> logits = np.array([[-50.0, 50.0]] * 10)
    >>> shift = calibrated_shift(logits, [1] * 9 + [0])
    >>> round(float(np.diff(shift[0])[0]), 6), round(float(np.log(9)), 6)
    (2.197225, 2.197225)
    """
    table = checked_array("logits", logits, ("n", 2), least=1)
    legal, fix = f"{len(table)} numbers, 0 or 1", "For ±1 give (labels + 1) // 2."
    right = checked_array("labels", labels, (len(table),), legal, fix)
    if not np.isin(right, (0, 1)).all():
        raise SettingError("labels", np.unique(right)[:5].tolist(), legal, fix)
    temperature = checked_number("temperature", temperature, above=True)
    predicted = np.exp(log_softmax(table / temperature, axis=1))
    joint = np.stack([predicted[right == y].sum(axis=0) for y in (0, 1)])
    among = joint.sum(axis=0)
    # A prediction that nobody makes says nothing, and is multiplied by nothing.
    share = np.divide(joint, among, out=np.full((2, 2), 0.5), where=among > 0)
    return np.asarray(np.log(np.maximum(predicted @ share.T, _FLOOR)))


def memorization_aware(
    sample: Sample,
    seed: Seed,
    *,
    temperature: float = TEMPERATURE,
    learning_rate: float = RATE,
    steps: int = STEPS,
    initial: Sequence[ArrayLike] | None = None,
    single: bool = False,
    logits: ArrayLike | None = None,
) -> Objective:
    """Memorisation-aware training (MAT): the shift is XRM's calibrated log-odds of each label.

    s_i = log p(y_i | x_i) − log p(−y_i | x_i). Where XRM finds the exceptions exactly it is logit
    shifting with estimated log-odds: its limit is ERM's max margin (P6).

    Parameters
    ----------
    sample : Sample
    seed, learning_rate, steps, initial, single
        Of `cross_risk`.
    temperature : float
        Of `calibrated_shift`.
    logits : array (n, 2), optional
        Held-out logits that are there already; `cross_risk` finds them by default.

    Returns
    -------
    Objective
        Named "MAT", with one shift per example.

    Raises
    ------
    SettingError
        An argument is out of range.

    Examples
    --------
    >>> from pitfalls.sims import draw
    >>> from pitfalls.theory import Setting
    >>> sample = draw(Setting.figure_1(), seed=0)
    >>> shift = memorization_aware(sample, seed=0).shift
    >>> oracle = Objective.logit_shifting(Setting.figure_1()).shift
    >>> bool(np.abs(shift[sample.groups == 1] - oracle[1]).max() < 0.2)
    True
    """
    if logits is None:
        logits = cross_risk(
            sample, seed, learning_rate=learning_rate, steps=steps, initial=initial, single=single
        )
    right = (sample.labels > 0).astype(int)
    calibrated = calibrated_shift(logits, right, temperature)
    everyone = np.arange(sample.n)
    shift = calibrated[everyone, right] - calibrated[everyone, 1 - right]
    return Objective(shift=shift, name="MAT")
