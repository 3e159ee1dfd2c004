"""Means of replicates at several sizes, extrapolated to n → ∞ for a bias of order 1/n."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from .statements import Measured, combined

__all__ = ["Extrapolation", "bias_exponent", "extrapolate"]

Array: TypeAlias = NDArray[np.float64]


class Extrapolation(NamedTuple):
    """The fit mean(n) = limit + bias/n.

    Attributes
    ----------
    means : tuple of Measured
        One for each size.
    limit, bias : Measured
    curvature : Measured
        What a bias of order 1/n leaves zero of three sizes n, 2n, 4n: mean(n) − 3·mean(2n) +
        2·mean(4n).

    Examples
    --------
    >>> fit = extrapolate([[7.9, 8.1], [7.4, 7.6], [7.24, 7.26]], (1, 2, 4))
    >>> round(fit.limit.mean, 9), round(fit.bias.mean, 9), abs(fit.curvature.mean) < 1e-9
    (7.0, 1.0, True)
    """

    means: tuple[Measured, ...]
    limit: Measured
    bias: Measured
    curvature: Measured


def extrapolate(
    replicates: Sequence[Sequence[float]], sizes: Sequence[int], *, pooled: bool = False
) -> Extrapolation:
    """Least squares with weights n: the variance of one replicate falls like 1/n.

    The weights being fixed, the estimates are linear in the three means; their freedoms are Welch
    and Satterthwaite's.

    Parameters
    ----------
    replicates : three sequences of float
        Independent replicates at each size, at least two.
    sizes : (n, 2n, 4n)
    pooled : bool
        Take n × variance to be the same at all sizes, and estimate it from all: for few replicates
        at large n, where the 1/n is beyond doubt.

    Examples
    --------
    >>> extrapolate([[3.0, 3.0], [2.0, 2.0], [1.5, 1.5]], (10, 20, 40)).bias.mean.__round__(9)
    20.0
    """
    means = tuple(Measured.of(values) for values in replicates)
    n = np.array(sizes, dtype=float)
    if pooled:
        squares = sum(k * len(x) * np.var(x) for k, x in zip(n, replicates, strict=True))
        freedom = sum(len(x) - 1 for x in replicates)
        means = tuple(
            Measured(each.mean, math.sqrt(squares / freedom / (k * len(x))), freedom)
            for each, k, x in zip(means, n, replicates, strict=True)
        )
        return Extrapolation(means, *_fits(means, n, freedom))
    return Extrapolation(means, *_fits(means, n, None))


def _fits(means: Sequence[Measured], n: Array, freedom: float | None) -> Iterator[Measured]:
    """Limit, bias and curvature."""
    columns = np.column_stack((np.ones(len(n)), 1 / n))
    limit, bias = np.linalg.solve(columns.T @ (columns * n[:, None]), columns.T * n)
    for coefficients in (limit, bias, np.array([1.0, -3.0, 2.0])):
        yield combined(means, coefficients, freedom)


def bias_exponent(
    differences: Sequence[Sequence[Measured]], sizes: Sequence[int]
) -> tuple[float, float]:
    """p and its standard error where the bias of every setting is its own multiple of n^−p.

    Parameters
    ----------
    differences : sequence of sequences of Measured
        For each setting, the mean at each size less the limit.
    sizes : sequence of int

    Examples
    --------
    >>> rows = [[Measured(c / n, 1e-3 / n, 9) for n in (100, 200, 400)] for c in (1, -2)]
    >>> exponent, error = bias_exponent(rows, (100, 200, 400))
    >>> round(exponent, 6), error < 1e-2
    (1.0, True)
    """
    value = np.array([[each.mean for each in row] for row in differences])
    error = np.array([[each.standard_error for each in row] for row in differences])
    x = np.log(np.array(sizes) / sizes[0])

    def misfit(p: float) -> float:
        shape = np.exp(-p * x) / error
        scaled = value / error
        amplitude = (shape * scaled).sum(axis=1) / (shape**2).sum(axis=1)
        return float(((scaled - amplitude[:, None] * shape) ** 2).sum())

    best = float(optimize.minimize_scalar(misfit, bounds=(-1, 4), method="bounded").x)
    # The profile of −2·log likelihood bends by 2/variance.
    step = 0.05
    bend = (misfit(best + step) - 2 * misfit(best) + misfit(best - step)) / step**2
    return best, math.sqrt(2 / bend) if bend > 0 else math.inf
