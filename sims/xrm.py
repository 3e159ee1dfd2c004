"""The paper's method: XRM finds the exceptions, MAT shifts their logits.

Cross-risk minimisation (Pezeshki et al. 2023): twins each train on a random half of the examples;
what a twin says of the other's half it has not memorised. Labels turn towards such held-out
predictions as they become confident, so that both twins end on the feature that the majority
shares. Memorisation-aware training (Bayat et al. 2025) calibrates the held-out predictions to
p(y | x) and adds its logarithm to the logits of a model trained on everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, log_softmax

from ..theory import Objective, SettingError
from .descent import checked_rate, checked_steps
from .gram import DenseGram
from .half import Half
from .sample import Sample, Seed, generator, seed_sequence

__all__ = ["calibrated_shift", "cross_risk", "memorization_aware"]

Array: TypeAlias = NDArray[np.float64]

# Beyond the streams of a draw, whose memory blocks count on from 2³¹ + 3.
_TWINS = 2**31 + 2**20
_FLOOR = 1e-6


def cross_risk(
    sample: Sample, seed: Seed, *, learning_rate: float = 0.02, steps: int = 1000
) -> Array:
    """Held-out logits of every example by cross-risk minimisation (XRM).

    Each example belongs to one of two linear models at random, which trains on it from w(0) = 0 by
    gradient descent on the mean loss of all n examples, each by its own model. At every step, after
    both have moved, each label becomes the other model's prediction (before the move) with
    probability 2·max p − 1, p its softmax probabilities. All margins come from one product of the
    Gram matrix with both models' dual weights.

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
    rate, steps = checked_rate(learning_rate), checked_steps(steps)
    rng = generator(seed_sequence(seed), _TWINS)
    n, everyone = sample.n, np.arange(sample.n)
    own = rng.integers(0, 2, n)
    dual = np.zeros((2, n))
    # Margins are to the training labels; `turned` is −1 where the label has become the other one.
    turned = np.ones(n)
    with _margins_of(sample) as margins_of:
        for _ in range(steps):
            margins = margins_of(dual)
            held_in, held_out = margins[own, everyone], margins[1 - own, everyone]
            dual[own, everyone] += rate / n * turned * expit(-turned * held_in)
            imitated = rng.random(n) < np.abs(np.tanh(held_out / 2))
            turned = np.where(imitated, np.sign(held_out), turned)
        score = sample.labels * margins_of(dual)[1 - own, everyone]
    return np.stack((-score / 2, score / 2), axis=1)


@contextmanager
def _margins_of(sample: Sample) -> Iterator[Callable[[Array], Array]]:
    """G·α of rows α (k, n); a dense Gram matrix is read once for all of them."""
    gram, plane = sample.gram, sample.plane
    if not isinstance(gram, DenseGram):
        yield lambda dual: np.asarray(gram.product(dual.T).T)
        return
    with Half(gram.memory, 2) as half:
        yield lambda dual: half(dual) + (dual @ plane) @ plane.T


def calibrated_shift(logits: ArrayLike, labels: ArrayLike, temperature: float = 0.1) -> Array:
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
    table = np.asarray(logits, dtype=float)
    right = np.asarray(labels)
    if table.ndim != 2 or table.shape[1] != 2 or not len(table) or not np.isfinite(table).all():
        raise SettingError("logits", logits, "finite, of shape (n, 2)")
    if right.shape != (len(table),) or not np.isin(right, (0, 1)).all():
        raise SettingError("labels", labels, "n numbers, 0 or 1", "For ±1 give (labels + 1) // 2.")
    if isinstance(temperature, bool) or not 0 < temperature < np.inf:
        raise SettingError("temperature", temperature, "a finite number > 0")
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
    temperature: float = 0.1,
    learning_rate: float = 0.02,
    steps: int = 1000,
    logits: ArrayLike | None = None,
) -> Objective:
    """Memorisation-aware training (MAT): the shift is XRM's calibrated log-odds of each label.

    s_i = log p(y_i | x_i) − log p(−y_i | x_i). Where XRM finds the exceptions exactly it is logit
    shifting with estimated log-odds: its limit is ERM's max margin (P6).

    Parameters
    ----------
    sample : Sample
    seed, learning_rate, steps
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
        logits = cross_risk(sample, seed, learning_rate=learning_rate, steps=steps)
    right = (sample.labels > 0).astype(int)
    calibrated = calibrated_shift(logits, right, temperature)
    everyone = np.arange(sample.n)
    shift = calibrated[everyone, right] - calibrated[everyone, 1 - right]
    return Objective(shift=shift, name="MAT")
