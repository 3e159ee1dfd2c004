"""The ridge path: the minimisers of ℓ(w) + (λ/2)‖w‖² for many λ, by Newton's method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, lambertw

from ..theory import Objective, PitfallsError, Trajectory
from ..theory.arguments import checked_strengths
from ..theory.resources import require
from .certificate import BARELY_SEPARABLE, CERTIFIED
from .frames import Frame, frame_of
from .gram import Features
from .newton import Newton
from .record import as_list, trajectory
from .sample import Sample
from .threads import modest_blas

__all__ = ["ridge_path"]

Array: TypeAlias = NDArray[np.float64]

_ROUNDING = 1e-14
_CONVERGED = 1e-12
# Logits: a step that ends at a strength nobody asked for.
_ON_THE_WAY = 1e-3
# What a step may lack: as large a share as the last one was, in logits, within these limits.
_ROUGHLY, _FINE = 0.1, 1e-4
_MOST_STEPS = 200


@overload
def ridge_path(sample: Sample, objective: Objective, strengths: ArrayLike) -> Trajectory: ...
@overload
def ridge_path(
    sample: Sample, objective: Sequence[Objective], strengths: ArrayLike
) -> list[Trajectory]: ...
def ridge_path(
    sample: Sample, objective: Objective | Sequence[Objective], strengths: ArrayLike
) -> Trajectory | list[Trajectory]:
    """Minimisers of ℓ(w) + (λ/2)‖w‖² (P11).

    w = Σ α_i z_i with α_i = q_iΔ_i·sigmoid(−Δ_i m_i − s_i)/(nλ). The strength λ plays the time
    t = e^{W(1/λ)} of gradient flow, λ = 1/(t·log t): on separable data α = α̂·W(1/λ) + β + o(1)
    where every example is a support vector, and the path goes on where no flow does, to t = 4e97.
    λ → ∞ tends to the direction of the first step; on data that cannot be separated λ → 0 tends to
    the finite minimiser.

    Damped Newton from the strongest λ to the weakest, each from the tangent at the one before, in
    the variable W(1/λ) in which the path is straight at both ends. A step takes some products with
    the features or the Gram matrix, every fifth or so a Cholesky factorisation, too: of the
    examples' n × n matrix, or of the weights' where those are fewer or where examples depend on one
    another. In the orthogonal limit a step costs O(n).

    Parameters
    ----------
    sample : Sample
    objective : Objective or sequence of them
    strengths : array_like (T,)
        λ, each in [1e-100, 1e100], in any order.

    Returns
    -------
    Trajectory or list of Trajectory
        As ``objective`` is one or a sequence; in the order of its ``strengths``. ``times`` are
        e^{W(1/λ)}; ``loss`` is ℓ, without the penalty. Dual weights are those of the formula above,
        on data that cannot be separated too, where they grow like 1/λ.

    Raises
    ------
    SettingError
        An argument is out of range, or an objective does not fit the sample.
    ResourceError
        The path, or a matrix of the sample, does not fit in memory.
    PitfallsError
        Newton's steps did not settle, or ‖w − Σ α_i z_i‖ ≤ 1e-10·Σ α_i‖z_i‖ was not reached (or the
        rounding of the logits, where that is more): data barely separable in double precision.

    Examples
    --------
    >>> from pitfalls.theory import Setting
    >>> from pitfalls.sims import draw
    >>> setting = Setting(n=300, d=300, rho=0.8, gamma=2.0, sigma=1.0, label_noise=0.1)
    >>> path = ridge_path(draw(setting, 0, "orthogonal"), Objective.erm(), [1.0, 1e-4, 1e-90])
    >>> path.coordinates.round(6)
    array([[  0.23533 ,   0.191081,   0.342986],
           [  2.59474 ,   0.990777,   5.287121],
           [ 67.390093,  22.834919, 143.377458]])
    """
    grid = checked_strengths(strengths)
    objectives = as_list(objective)
    numbers = [each.resolve(sample.groups, sample.n) for each in objectives]
    require(
        32.0 * len(grid) * len(objectives) * sample.n,
        f"the dual weights and margins of {sample.n} examples at {len(grid)} strengths",
        "ask for fewer strengths",
    )
    with modest_blas(float(sample.n) ** 3):
        frame = frame_of(sample)
        paths = [
            _path(sample, frame, each, x, grid) for each, x in zip(objectives, numbers, strict=True)
        ]
    return paths[0] if isinstance(objective, Objective) else paths


class _Loss(NamedTuple):
    """ℓ by its numbers per example, and what it says at given margins; all divided by λ."""

    weight: Array
    shift: Array
    scale: Array

    def dual(self, margins: Array, strength: float) -> tuple[Array, Array]:
        """α_i and −dα_i/dm_i."""
        logit = self.scale * margins + self.shift
        dual = self.weight * self.scale / (len(margins) * strength) * expit(-logit)
        return dual, dual * self.scale * expit(logit)

    def value(self, margins: Array, strength: float) -> float:
        """ℓ/λ."""
        logit = -self.scale * margins - self.shift
        return float((self.weight * np.logaddexp(0, logit)).mean()) / strength


class _Minimiser(NamedTuple):
    """A minimiser in the frame of its time, its curvature, and W(1/λ).

    W is taken of 1/λ in units of the sample's own curvature.
    """

    x: Array
    curvature: Array
    time: float


def _path(
    sample: Sample,
    frame: Frame,
    objective: Objective,
    numbers: tuple[Array, Array, Array],
    grid: Array,
) -> Trajectory:
    loss = _Loss(*numbers)
    unit = float((loss.weight * (loss.scale * frame.lengths) ** 2).mean()) or 1.0
    strengths, index = np.unique(grid, return_inverse=True)
    margins, dual = np.empty((2, len(strengths), sample.n))
    coordinates = np.empty((len(strengths), 3))
    weights: list[Array | None] = [None] * len(strengths)
    newton = Newton(frame)
    last: _Minimiser | None = None
    for k in reversed(range(len(strengths))):
        strength = float(strengths[k])
        for time in _between(last.time if last else 0.0, _time(unit / strength)):
            last = _next(newton, last, loss, unit / (time * np.exp(time)), time, _ON_THE_WAY)
        last = _next(newton, last, loss, strength, _time(unit / strength))
        frame, x = newton.frame, last.x
        margins[k] = frame.margins(x)
        dual[k] = loss.dual(margins[k], strength)[0]
        coordinates[k] = frame.coordinates(x)
        weights[k] = frame.weights(x) if isinstance(sample.source, Features) else None
        _certify(frame, x, loss, dual[k], strength)
    run = trajectory(
        sample,
        objective,
        numbers,
        np.array([np.exp(_time(1 / strength)) for strength in grid]),
        coordinates[index, :2],
        coordinates[index, 2],
        margins[index],
        dual[index],
    )
    known = [each for each in (weights[i] for i in index) if each is not None]
    return replace(
        run, strengths=grid, weights=np.stack(known) if len(known) == len(grid) else None
    )


def _time(ratio: float) -> float:
    return max(float(np.real(lambertw(ratio))), 1e-300)


def _between(first: float, last: float) -> list[float]:
    """Where to stop on the way: along the tangent, not much further on than one has come."""
    stops = []
    while (first := 1 + 1.5 * first) < last:
        stops.append(first)
    return stops


def _next(
    newton: Newton,
    last: _Minimiser | None,
    loss: _Loss,
    strength: float,
    time: float,
    enough: float = 0.0,
) -> _Minimiser:
    """The minimiser at a weaker strength than the last, from the tangent there."""
    nothing = np.zeros_like(loss.weight)
    if last is None:
        x = newton.frame.pull(nothing)
    else:
        # Without the pulls of the examples, Newton's step goes back along the tangent.
        ahead = (time - last.time) * (1 + 1 / last.time)
        x, back = newton.step(last.curvature, nothing, last.x, _ROUGHLY / (1 + ahead))
        x = x - ahead * back
    return _Minimiser(*_minimise(newton, x, loss, strength, enough), time)


def _minimise(
    newton: Newton, x: Array, loss: _Loss, strength: float, enough: float
) -> tuple[Array, Array]:
    """Damped Newton, and the curvature where it ended; the closer, the more exact its steps."""
    present = loss.scale * (loss.weight > 0)
    longest = float((present * newton.frame.lengths).max())
    before = change = np.inf
    stuck = False
    for _ in range(_MOST_STEPS):
        margins = newton.frame.margins(x)
        dual, curvature = loss.dual(margins, strength)
        accuracy = _FINE if stuck else min(max(change, _FINE), _ROUGHLY)
        x, step = newton.step(curvature, dual, x, accuracy)
        frame = newton.frame
        moved = frame.margins(step)
        before, change = change, float(np.abs(present * moved).max())
        size = 1.0 if change <= 1 else _damping(frame, loss, strength, (x, step), (margins, moved))
        x = x + size * step
        # What rounding can do to a logit: its own, and that of a pull where pulls balance.
        pulled = min(1.0, longest * float(dual @ frame.lengths))
        unit = pulled + float(np.abs(present * margins).max())
        stuck = before / 2 <= change <= 1e-6 * unit
        if change <= max(enough, _CONVERGED * unit) or (stuck and accuracy == _FINE):
            return x, curvature
    raise PitfallsError(f"the ridge path did not converge at λ = {strength:g}: {BARELY_SEPARABLE}")


def _damping(
    frame: Frame,
    loss: _Loss,
    strength: float,
    states: tuple[Array, Array],
    margins: tuple[Array, Array],
) -> float:
    """A share of Newton's step that does not pass the minimum along it by much."""
    x, step = states
    start, moved = margins
    slope, bend = frame.inner(x, step), frame.inner(step, step)

    def value(size: float) -> float:
        penalty = size * slope + size**2 * bend / 2
        return penalty + loss.value(start + size * moved, strength)

    def rise(size: float) -> float:
        pull = loss.dual(start + size * moved, strength)[0]
        return slope + size * bend - float(pull @ moved)

    size, highest, steepest = 1.0, value(0.0), abs(rise(0.0))
    highest += _ROUNDING * (abs(highest) + frame.inner(x, x))
    while size > 1e-10 and not (value(size) <= highest and rise(size) <= steepest / 2):
        size /= 2
    return size


def _certify(frame: Frame, x: Array, loss: _Loss, dual: Array, strength: float) -> None:
    missing = frame.missing(x, dual)
    pulls = float(dual @ frame.lengths)
    residual = float(np.sqrt(max(frame.inner(missing, missing), 0.0)))
    # A large logit carries its rounding into the pull: no residual can be smaller than that.
    largest = float((loss.scale * frame.lengths).max() * np.sqrt(max(frame.inner(x, x), 0.0)))
    if not residual <= max(CERTIFIED, 8 * np.finfo(float).eps * largest) * pulls:
        raise PitfallsError(
            f"the ridge path at λ = {strength:g} reached a relative residual of "
            f"{residual / pulls:.1e} only: {BARELY_SEPARABLE} Or stop at a larger λ."
        )
