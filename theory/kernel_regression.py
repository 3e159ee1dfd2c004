"""Three memorizations in closed form: kernel regression that also sees noise inputs.

After Figure 3 of Bayat et al. (2025): y = f(x) + label noise at n points x, each with d noise
inputs e ~ N(0, σ²·I_d) of its own. A network has no closed form; its counterpart here is the
minimum-norm interpolation with the kernel k(x, x′) + eᵀe′. With K = k(X, X), E (n, d) the training
noise inputs and a = (K + EEᵀ)⁻¹y it predicts k(x, X)a + eᵀEᵀa. Over fresh e that is Gaussian, with

    expectation k(x, X)a,  standard deviation σ‖Eᵀa‖, the same at every x.

What the noise inputs memorise is y − Ka = EEᵀa, what the curve fits is Ka; together they fit y.

*Ridge.* For d ≫ n, EEᵀ → dσ²·I: ridge regression with the ridge τ = dσ², and the standard deviation
is the ridge's training residual τa over √d. At finite d, over the draws of E, leave one column of E
out to see that (K + EEᵀ)⁻¹ → (K + τI)⁻¹ with

    τ = dσ²/(1 + σ² tr(K + τI)⁻¹),

smaller than dσ², and at least (d − n)σ². The derivative of that in a factor θ = 1 of K,
τ′ = (τ²/d) tr(AKA)/(1 − (τ²/d) tr A²) with A = (K + τI)⁻¹, gives the variance over fresh e,
σ²(τ − τ′)‖Ay‖². At K = 0 it is ‖y‖²/(d − n), where averaging exactly gives ‖y‖²/(d − n − 1).

So three cases. Without noise inputs (σ = 0) the curve takes all of the label noise, and a smooth
kernel swings between the points: *ugly*. A little σ is a little ridge, the noise inputs take the
label noise and hardly move a prediction: *good*. A large σ takes f itself away from the curve, and
fresh noise inputs put noise of its size in its place: *bad*.

The Gaussian kernel is taken because it is smooth, as a tanh network is: without a ridge it is the
one that swings. A Laplace kernel interpolates noise tamely, and has no ugly case.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import brentq

from .arguments import checked_count, checked_number
from .errors import SettingError

__all__ = [
    "LENGTH",
    "Interpolation",
    "effective_ridge",
    "expected_interpolation",
    "gaussian_kernel",
    "interpolation",
    "target",
]

Array: TypeAlias = NDArray[np.float64]

LENGTH = 0.4
"""The kernel's length: 2.5 times the distance of 20 points in [−1.5, 1.5]."""


def target(x: ArrayLike) -> Array:
    """f(x) = tanh x + ½ tanh(−5x), the paper's.

    Parameters
    ----------
    x : array

    Examples
    --------
    >>> target([-1.5, 0.0, 0.2]).round(4)
    array([-0.4051,  0.    , -0.1834])
    """
    x = np.asarray(x, dtype=float)
    return np.asarray(np.tanh(x) - 0.5 * np.tanh(5 * x))


def gaussian_kernel(first: ArrayLike, second: ArrayLike, length: float = LENGTH) -> Array:
    """k(x, x′) = exp(−(x − x′)²/(2·length²)) of all pairs, (m, n).

    Parameters
    ----------
    first, second : arrays (m,) and (n,)
    length : float
        > 0.

    Raises
    ------
    SettingError
        The length is not positive, or the points are no vectors.

    Examples
    --------
    >>> gaussian_kernel([0.0, 1.0], [0.0], length=1.0).round(4).tolist()
    [[1.0], [0.6065]]
    """
    length = checked_number("length", length, above=True)
    rows, columns = _vector("first", first), _vector("second", second)
    return np.asarray(np.exp(-(((rows[:, None] - columns) / length) ** 2) / 2))


@dataclass(frozen=True, eq=False)
class Interpolation:
    """A kernel regression that predicts N(k(x, X)a, deviation²) over fresh noise inputs.

    Attributes
    ----------
    inputs : array (n,)
        X.
    weights : array (n,)
        a.
    deviation : float
        Standard deviation over fresh noise inputs, at any x.
    length : float
        Of the kernel.

    Examples
    --------
    See `interpolation`.
    """

    inputs: Array
    weights: Array
    deviation: float
    length: float = LENGTH

    def expected(self, x: ArrayLike) -> Array:
        """Expected prediction at x (m,) over fresh noise inputs.

        Examples
        --------
        >>> Interpolation(np.array([0.0]), np.array([2.0]), 0.0).expected([0.0])
        array([2.])
        """
        return gaussian_kernel(x, self.inputs, self.length) @ self.weights


def interpolation(
    inputs: ArrayLike,
    targets: ArrayLike,
    noise: ArrayLike,
    sigma: float,
    length: float = LENGTH,
) -> Interpolation:
    """The minimum-norm interpolation of k(x, x′) + σ²gᵀg′, with the noise inputs σg of one draw.

    Parameters
    ----------
    inputs, targets : arrays (n,)
        X and y.
    noise : array (n, d)
        g, standard normal.
    sigma : float
        σ ≥ 0.
    length : float
        Of the kernel, > 0.

    Returns
    -------
    Interpolation

    Raises
    ------
    SettingError
        An argument is out of range, or the kernel's matrix is singular in double precision.

    Examples
    --------
    With a target of one at one of two points, and for each one noise input:

    >>> found = interpolation([0.0, 1.0], [1.0, 0.0], [[1.0], [2.0]], 0.5, length=1.0)
    >>> found.expected([0.0]).round(6), round(found.deviation, 6)
    (array([1.041757]), 0.041757)
    """
    x, y = _data(inputs, targets)
    g = np.asarray(noise, dtype=float)
    if g.ndim != 2 or len(g) != len(x) or not np.isfinite(g).all():
        raise SettingError("noise", g.shape, f"finite, of shape ({len(x)}, d)")
    sigma = checked_number("sigma", sigma)
    added = sigma * g
    weights = _solve(gaussian_kernel(x, x, length) + added @ added.T, y, length)
    deviation = sigma * float(np.linalg.norm(added.T @ weights))
    return Interpolation(x, weights, deviation, float(length))


def effective_ridge(gram: ArrayLike, sigma: float, d: int) -> float:
    """τ = dσ²/(1 + σ² tr(K + τI)⁻¹), the ridge that d noise inputs amount to.

    Parameters
    ----------
    gram : array (n, n)
        K, symmetric, without negative eigenvalues.
    sigma : float
        σ ≥ 0.
    d : int
        ≥ 0.

    Returns
    -------
    float
        In [max(0, d − n)σ², dσ²]; 0 where K has d or more eigenvalues 0: noise inputs fit those.

    Raises
    ------
    SettingError
        An argument is out of range.

    Examples
    --------
    Both ends: dσ² = 0.3 for a kernel that is large against it, (d − n)σ² = 0.1 for none.

    >>> round(effective_ridge(1e9 * np.eye(20), 0.1, 30), 6)
    0.3
    >>> round(effective_ridge(np.zeros((20, 20)), 0.1, 30), 6)
    0.1
    """
    matrix = np.asarray(gram, dtype=float)
    if matrix.ndim != 2 or len(matrix) != matrix.shape[-1] or not np.isfinite(matrix).all():
        raise SettingError("gram", matrix.shape, "finite, of shape (n, n)")
    sigma, d = checked_number("sigma", sigma), checked_count("d", d)
    return _ridge(np.linalg.eigvalsh(matrix).clip(0), sigma, d)


def _ridge(eigenvalues: Array, sigma: float, d: int) -> float:
    if sigma**2 == 0 or int((eigenvalues == 0).sum()) >= d:
        return 0.0
    scaled = eigenvalues / sigma**2

    def excess(ridge: float) -> float:
        # τ/σ² + Σ τ/(λ + τ) − d, which increases in τ.
        return ridge + float((ridge / (scaled + ridge)).sum()) - d

    # Below the root: each term of the sum is at most 1, and at most τ/(the least λ above zero).
    null = int((scaled == 0).sum())
    slopes = float((1 / scaled[scaled > 0]).sum())
    least = max((d - null) / (1 + slopes), float(d - len(scaled)))
    if excess(least) >= 0:
        return sigma**2 * least
    return sigma**2 * float(brentq(excess, least, d, xtol=1e-300, rtol=1e-14, maxiter=1000))


def expected_interpolation(
    inputs: ArrayLike, targets: ArrayLike, sigma: float, d: int, length: float = LENGTH
) -> Interpolation:
    """What `interpolation` tends to over the draws of the noise inputs: ridge regression.

    The ridge is `effective_ridge`. The deviation is the root of the variance over fresh noise
    inputs, in expectation over the training ones. Both are exact for n, d → ∞ at any d/n. At
    n = 20, d = 30 and the paper's noisy targets the mean of 3000 draws is within 0.004 of the
    curve, where the ridge dσ² would be off by 0.007 to 0.08, and within 2 % of the deviation.

    Parameters
    ----------
    inputs, targets : arrays (n,)
        X and y.
    sigma : float
        σ ≥ 0.
    d : int
        Noise inputs, ≥ 0.
    length : float
        Of the kernel, > 0.

    Returns
    -------
    Interpolation

    Raises
    ------
    SettingError
        An argument is out of range, or the kernel's matrix is singular in double precision.

    Examples
    --------
    >>> x = np.linspace(-1.5, 1.5, 20)
    >>> found = expected_interpolation(x, target(x), sigma=0.05, d=30)
    >>> found.expected([0.75]).round(6), round(found.deviation, 6)
    (array([0.137763]), 0.020337)

    The ridge is 18.6σ² there. With many more noise inputs of the same dσ² the deviation is the
    residual over √d:

    >>> found = expected_interpolation(x, target(x), sigma=0.05 * (30 / 1e8)**0.5, d=10**8)
    >>> residual = target(x) - found.expected(x)
    >>> round(found.deviation / (float(np.linalg.norm(residual)) / 1e4), 6)
    1.0
    """
    x, y = _data(inputs, targets)
    sigma, d = checked_number("sigma", sigma), checked_count("d", d)
    kernel = gaussian_kernel(x, x, length)
    eigenvalues = np.linalg.eigvalsh(kernel).clip(0)
    ridge = _ridge(eigenvalues, sigma, d)
    weights = _solve(kernel + ridge * np.eye(len(x)), y, length)
    if ridge == 0:
        return Interpolation(x, weights, 0.0, length)
    share = ridge / (eigenvalues + ridge)
    # τ′/τ; AKA and A² have the eigenvalues λ/(λ + τ)² and 1/(λ + τ)².
    change = float((share * (1 - share)).sum()) / (d - float((share**2).sum()))
    variance = sigma**2 * ridge * (1 - change) * float(weights @ weights)
    return Interpolation(x, weights, math.sqrt(variance), length)


def _solve(matrix: Array, targets: Array, length: float) -> Array:
    try:
        return np.asarray(cho_solve(cho_factor(matrix, lower=True), targets))
    except np.linalg.LinAlgError:
        raise SettingError(
            "length",
            length,
            "a few times the distance of two points at most",
            "The kernel's matrix is singular in double precision; a larger sigma helps too.",
        ) from None


def _data(inputs: ArrayLike, targets: ArrayLike) -> tuple[Array, Array]:
    x, y = _vector("inputs", inputs), _vector("targets", targets)
    if x.size == 0 or y.shape != x.shape:
        raise SettingError("targets", y.shape, f"of shape ({max(len(x), 1)},), one for each input")
    return x, y


def _vector(field: str, values: ArrayLike) -> Array:
    array = np.asarray(values, dtype=float)
    if array.ndim != 1 or not np.isfinite(array).all():
        raise SettingError(field, values, "a vector of finite numbers")
    return array
