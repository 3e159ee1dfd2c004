"""The model's setting from a sample: κ, γ, ρ, δ and noise, without bias, from its Gram matrix."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..theory import MAJORITY, MINORITY, PitfallsError, Setting, SettingError
from ..theory.resources import require
from .sample import Sample
from .threads import modest_blas

__all__ = ["Fit", "fit_setting"]

Array: TypeAlias = NDArray[np.float64]

_FEWEST = 4
# Of either group: that many leave an error of a tenth of a percent in tr Σ².
_MOST = 4000
_ROUNDING = 1e-12
# The core and the spurious direction, of the groups' means.
_HALVES = np.array([[0.5, 0.5], [0.5, -0.5]])


@dataclass(frozen=True)
class Fit:
    """The setting a sample looks like it came from, and where it does not look like the model.

    Attributes
    ----------
    setting : Setting
        In units in which the core direction has length one.
    length : float
        Of the core direction, in the features' units: a time t of training on the features is
        t·length² in the setting.
    tilt : float
        Cosine of the angle between the core and the spurious direction; 0 in the model.
    spread : (float, float)
        tr Σ of the majority and of the minority over their mean; (1, 1) in the model.

    Examples
    --------
    See `fit_setting`.
    """

    setting: Setting
    length: float
    tilt: float
    spread: tuple[float, float]


class _Group(NamedTuple):
    """What the Gram matrix says of one group of mean u and covariance Σ, v being the other's mean.

    Attributes
    ----------
    size : int
    square : float
        ‖u‖².
    trace : float
        tr Σ.
    covariance : array (2, 2)
        uᵀΣu, uᵀΣv and vᵀΣv, the majority's mean first.
    """

    size: int
    square: float
    trace: float
    covariance: Array


class _Blocks(NamedTuple):
    """The Gram matrix by groups: the majority's, the minority's, and between them."""

    own: tuple[Array, Array]
    across: Array

    def means(self, g: int) -> tuple[Array, Array]:
        """z_iᵀz_j, on average over the others of its own group and over the other group."""
        own = self.own[g]
        return (own.sum(axis=1) - own.diagonal()) / (len(own) - 1), self.across.mean(axis=1 - g)


def fit_setting(sample: Sample) -> Fit:
    """Estimate the setting that a sample of one's own has in the model.

    With folded examples z of mean u_maj = c + s in the majority and u_min = c − s in the minority,
    and covariance Σ in both: γ² = ‖s‖²/‖c‖², σ_y² = cᵀΣc/‖c‖⁴, σ_a² = sᵀΣs/‖s‖⁴. What is left of
    tr Σ and tr Σ² beside c and s is σ²d and σ⁴d, in units of ‖c‖² and ‖c‖⁴: d is the dimension that
    spherical noise with that ratio has, (tr Σ)²/tr Σ², and not the number of features.

    Every one of ‖u‖², u_majᵀu_min, cᵀΣc, tr Σ, tr Σ² is a mean over *different* examples, so that
    what examples share with their own group's mean (as much as κ/(1−ρ), against ‖u‖² = 1 + γ²) is
    nowhere in it: E z_iᵀz_j = ‖u‖², E (z_iᵀz_j)² = tr Σ² + 2uᵀΣu + ‖u‖⁴ for i ≠ j (Chen, Zhang &
    Zhong 2010 for tr Σ²). All come from the Gram matrix in O(n²), or from p features in O(np²).

    Parameters
    ----------
    sample : Sample
        With groups; at least four examples in each.

    Returns
    -------
    Fit

    Raises
    ------
    SettingError
        There are no groups, or too few examples in one.
    PitfallsError
        The groups' means have no core or no spurious direction that can be told from noise.

    Examples
    --------
    >>> from pitfalls.sims import draw
    >>> fit = fit_setting(draw(Setting.figure_1(), seed=2))
    >>> found = fit.setting
    >>> round(found.gamma, 2), round(found.kappa, 3), round(found.delta, 2), round(fit.length, 2)
    (5.07, 0.468, 1.8, 0.98)
    >>> round(found.core_noise, 2), round(found.spurious_noise, 2), found.rho
    (0.11, 0.12, 0.9)
    """
    groups = sample.groups
    counts = [0, 0] if groups is None else [int((groups == g).sum()) for g in (MAJORITY, MINORITY)]
    if min(counts) < _FEWEST:
        raise SettingError(
            "groups",
            dict(zip(("majority", "minority"), counts, strict=True)),
            f"both given, with at least {_FEWEST} examples each",
            "κ, γ and δ are estimated from what groups have in common.",
        )
    return _fit(sample.n, counts[0] / sample.n, _blocks(sample))


def _blocks(sample: Sample) -> _Blocks:
    """The Gram matrix by groups; of some of the examples where there are very many."""
    members = [np.flatnonzero(sample.groups == g) for g in (MAJORITY, MINORITY)]
    kept = np.concatenate([each[:: -(-len(each) // _MOST)] for each in members])
    count = int((sample.groups[kept] == MAJORITY).sum()) if sample.groups is not None else 0
    require(40.0 * len(kept) ** 2, f"the products of {len(kept)} examples", "fit fewer examples")
    with modest_blas(float(len(kept)) ** 3):
        matrix = sample.subset(kept).gram.matrix()
    own = matrix[:count, :count], matrix[count:, count:]
    return _Blocks(own, matrix[:count, count:])


def _fit(n: int, share: float, blocks: _Blocks) -> Fit:
    groups = [_group(blocks, g) for g in (0, 1)]
    between = float(blocks.across.mean())
    metric = np.array([[groups[0].square, between], [between, groups[1].square]])
    core, spurious = (float(_HALVES[k] @ metric @ _HALVES[k]) for k in (0, 1))
    for name, square in (("core", core), ("spurious", spurious)):
        if square <= 0:
            raise PitfallsError(
                f"the groups' means have no {name} direction: its squared length is estimated as "
                f"{square:.3g}. There is too much noise for so few examples, or no such feature; "
                "training does not need the estimate."
            )
    if np.linalg.det(metric) <= 0:
        raise PitfallsError(
            "the core and the spurious direction cannot be told apart: the groups' means are "
            "estimated to lie on one line. There is too much noise for so few examples, or one "
            "feature is the other; training does not need the estimate."
        )
    covariance = share * groups[0].covariance + (1 - share) * groups[1].covariance
    on_core, on_spurious = (max(float(half @ covariance @ half), 0.0) for half in _HALVES)
    trace = share * groups[0].trace + (1 - share) * groups[1].trace
    inverse = np.linalg.inv(metric)
    memory, dimension = trace - float((inverse * covariance).sum()), 0
    if memory > _ROUNDING * (core + spurious):
        pairs = [float(each.size) ** 2 for each in groups]
        squares = [_memory_square(blocks, g, inverse) for g in (0, 1)]
        dimension = max(1, round(memory**2 / float(np.average(squares, weights=pairs))))
    return Fit(
        Setting(
            n=n,
            d=dimension,
            rho=share,
            gamma=math.sqrt(spurious / core),
            sigma=math.sqrt(memory / core / dimension) if dimension else 0.0,
            core_noise=math.sqrt(on_core) / core,
            spurious_noise=math.sqrt(on_spurious) / spurious,
        ),
        length=math.sqrt(core),
        tilt=float(_HALVES[0] @ metric @ _HALVES[1]) / math.sqrt(core * spurious),
        spread=(groups[0].trace / trace, groups[1].trace / trace) if dimension else (1.0, 1.0),
    )


def _group(blocks: _Blocks, g: int) -> _Group:
    """Solves for tr Σ², uᵀΣu and ‖u‖⁴ together: three means of products, linear in them."""
    own, (near, far) = blocks.own[g], blocks.means(g)
    n, m, others = len(own), len(own) - 1, blocks.across.shape[1 - g]
    lengths = own.diagonal()
    square, total = float(near.mean()), float(near.sum())
    pairs = (float((own**2).sum()) - float(lengths @ lengths)) / (n * m)
    products = (total**2 - float(near @ near)) / (n * m)
    system = np.array(
        [
            [1.0, 2.0, 1.0],
            [(m - 1) / m**2, (1 - 1 / m) ** 2, 0.0],
            [1 / m**2, (3 * m - 1) / m**2, 1.0],
        ]
    )
    spreads = np.cov(near, far)
    square_trace, along, _ = np.linalg.solve(system, (pairs, spreads[0, 0], products))
    both = spreads[0, 1] / (1 - 1 / m)
    covariance = np.array([[along, both], [both, spreads[1, 1] - square_trace / others]])
    return _Group(
        n, square, float(lengths.mean()) - square, covariance if g == 0 else covariance[::-1, ::-1]
    )


def _memory_square(blocks: _Blocks, g: int, inverse: Array) -> float:
    """tr Σ² beside the plane: of pairs, each projected by means that it has no part in."""
    own, (near, far) = blocks.own[g], blocks.means(g)
    n, m = len(own), len(own) - 1
    without = (m * near[:, None] - own) / (m - 1)
    same, mixed, other = inverse[g, g], inverse[0, 1], inverse[1 - g, 1 - g]
    crossed = without * far
    rest = own - same * without * without.T - mixed * (crossed + crossed.T)
    rest -= other * np.outer(far, far)
    np.fill_diagonal(rest, 0.0)
    return float(np.einsum("ij,ij->", rest, rest)) / (n * m)
