"""Initial weights as a sample sees them: what they add to its margins, and how long they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..theory import SettingError
from ..theory.arguments import checked_array
from .gram import DiagonalPlusPlane, Features
from .seeds import START, generator
from .threads import modest_blas

if TYPE_CHECKING:
    from .sample import Sample

__all__ = ["Start", "start_of"]

Array: TypeAlias = NDArray[np.float64]


class Start(NamedTuple):
    """Initial weights w(0) as a sample sees them.

    Attributes
    ----------
    margins : array (n,)
        Z·w(0).
    core, spurious : float
    overlap : array (n,)
        E·w_ε(0), the memory part's share of the margins.
    square : float
        ‖w_ε(0)‖².
    """

    margins: Array
    core: float
    spurious: float
    overlap: Array
    square: float


def start_of(
    sample: Sample, initial: ArrayLike | None, stream: np.random.SeedSequence | None
) -> Start:
    """See `Sample.start`.

    Examples
    --------
    >>> from pitfalls.sims import Sample
    >>> start_of(Sample.from_arrays([[1.0, 2.0, 4.0]], [1]), [1.0, 0.0, 0.5], None).overlap
    array([2.])
    """
    if initial is None:
        return Start(np.zeros(sample.n), 0.0, 0.0, np.zeros(sample.n), 0.0)
    weights = checked_array("initial", initial, ("p",), "numbers of shape (p,) or (3,)")
    if isinstance(sample.source, Features) and weights.size == sample.source.memory.shape[1] + 2:
        weights = sample.plane_first(weights)
        core, spurious, memory = weights[0], weights[1], weights[2:].copy()
        with modest_blas(float(sample.source.memory.size)):
            overlap = sample.source.memory @ memory
        square = float(memory @ memory)
    elif weights.size == 3:
        core, spurious, norm = weights.tolist()
        if norm < 0:
            raise SettingError("initial", initial, "with a norm ‖w_ε‖ ≥ 0 as its third number")
        own = stream or sample.stream or np.random.SeedSequence(0)
        overlap, square = _random_overlap(sample, norm, own), float(norm**2)
    else:
        raise SettingError(
            "initial",
            weights.shape,
            "of shape (p,) for explicit samples, or (core, spurious, ‖w_ε‖)",
        )
    margins = sample.plane @ (core, spurious) + overlap
    return Start(margins, float(core), float(spurious), overlap, square)


def _random_overlap(sample: Sample, norm: float, stream: np.random.SeedSequence) -> Array:
    """E·v for a uniformly random v of this norm."""
    rng = generator(stream, START)
    source = sample.source
    if isinstance(source, DiagonalPlusPlane):
        d = sample.setting.d if sample.setting else np.inf
        scale = norm * np.sqrt(source.square / d) if d else 0.0
        return np.asarray(scale * rng.standard_normal(sample.n))
    factor = source.memory_factor()
    k = factor.shape[1]
    d = sample.setting.d if sample.setting else k
    if k == 0:
        return np.zeros(sample.n)
    direction = np.asarray(rng.standard_normal(k))
    beyond = rng.chisquare(d - k) if d > k else 0.0
    length = np.sqrt(direction @ direction + beyond)
    with modest_blas(float(factor.size)):
        return np.asarray(factor @ (direction * (norm / length)))
