"""The ridge path at finite d/n: regularised logistic regression in the proportional limit.

The convex Gaussian min-max theorem turns the minimum over w into one over the plane weights v, the
length r of the memory part and two scalars. With t = θ/λ what is stationary reads, over examples
x = uᵀv + τZ with τ² = σ²r² + σ_y²v_y² + γ²σ_a²v_a²:

    m = x + θα,   α = qΔ·sigmoid(−Δm − s)/λ     (the margin of an example that is trained on)
    v = E[αu] − E[b]·(σ_y²v_y, γ²σ_a²v_a),      b = −dα/dx
    r = θ·√(E[α²]/κ)
    θ = κ/(1 + E[b]·κ/δ)

x is the margin when the example is held out; θ ≤ κ is the memory it has to itself. δ → ∞ gives
θ = κ and the orthogonal limit (P11), λ → 0 the max margin (P9) where there is one.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import root
from scipy.special import expit, ndtr

from .arguments import checked_strengths
from .cells import CellSystem, cell_system
from .errors import PitfallsError
from .objective import Objective
from .proximal import proximal
from .results import Trajectory
from .ridge import log_time
from .setting import Setting

__all__ = ["ridge_path"]

Array: TypeAlias = NDArray[np.float64]

_FURTHEST = 9.0
_QUANTILES = np.array([-9, -6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6, 9.0])
_DISTANCES = np.concatenate([-(2.0 ** np.arange(12, -2, -1)), [0.0], 2.0 ** np.arange(-1, 7)])
_NODES, _MASSES = np.polynomial.legendre.leggauss(10)
_GROWTH = 1.35
_CERTIFIED = 1e-9
_CLOSEST = 1.05


class _Point(NamedTuple):
    """v, r and θ."""

    plane: Array
    length: float
    own_memory: float


def ridge_path(setting: Setting, objective: Objective, strengths: ArrayLike) -> Trajectory:
    """Minimisers of ℓ(w) + (λ/2)‖w‖² for n, d → ∞ at this d/n, separable or not (P11).

    Limits: δ → ∞ is `orthogonal.ridge_path`; λ → 0 has the direction of `max_margin` above the
    separability threshold, and below it is the finite minimiser. λ plays the time e^{W(1/λ)} of
    training. Found from the strongest λ to the weakest, in steps of W.

    Parameters
    ----------
    setting : Setting
        Shares are count/n; feature noise is averaged exactly.
    objective : Objective
    strengths : array_like (T,)
        λ, each in [1e-100, 1e100], in any order.

    Returns
    -------
    Trajectory
        In the order of its ``strengths``, without dual weights and margins; ``loss`` is ℓ without
        the penalty, ``train`` the training accuracy.

    Raises
    ------
    SettingError
        A strength is out of range, or the objective is per example.
    PitfallsError
        The equations did not settle to 1e-9.

    Examples
    --------
    >>> figure_1 = Setting(1000, 1798, 0.9, 5.0, 0.5, 0.12, 0.12)
    >>> path = ridge_path(figure_1, Objective.erm(), [1e-2, 1e-6])
    >>> path.coordinates.round(3)
    array([[1.795, 0.504, 1.652],
           [6.274, 1.181, 5.566]])
    >>> path.accuracy(figure_1).minority.round(3)
    array([0.212, 0.549])
    """
    grid = checked_strengths(strengths)
    system = cell_system(setting, objective)
    size = (system.means**2).sum(axis=1) + system.variance.sum() + system.kappa + setting.sigma**2
    unit = float(system.shares @ (system.weight * system.scale**2 * size)) or 1.0
    last = 0.05
    before = max(float(grid.max()), unit / (last * np.exp(last)))
    point = _solve(system, setting.delta, _start(system, before), before, before)
    points: dict[int, _Point] = {}
    for k in np.argsort(-grid):
        late = log_time(unit / grid[k])
        while _GROWTH * last < late:
            last *= _GROWTH
            strength = unit / (last * np.exp(last))
            point, before = _solve(system, setting.delta, point, strength, before), strength
        point, before = _solve(system, setting.delta, point, grid[k], before), float(grid[k])
        last = max(last, late)
        points[int(k)] = point
    ordered = [points[k] for k in range(len(grid))]
    plane = np.array([each.plane for each in ordered])
    pairs = zip(ordered, grid, strict=True)
    reports = [_report(system, setting.delta, each, float(x)) for each, x in pairs]
    losses, right = (np.array(part) for part in zip(*reports, strict=True))
    return Trajectory(
        times=np.exp([log_time(1 / strength) for strength in grid]),
        core=plane[:, 0],
        spurious=plane[:, 1],
        memory=np.array([each.length for each in ordered]),
        loss=losses,
        train=system.by_group(right),
        name=objective.name,
        strengths=grid,
    )


def _start(system: CellSystem, strength: float) -> _Point:
    """The first step over λ."""
    dual = system.weight * system.scale * expit(-system.shift) / strength
    return _Point(system.plane(dual), float(system.memory(dual)), system.kappa)


def _deviation(system: CellSystem, delta: float, point: _Point) -> float:
    memory = system.kappa / delta * point.length**2 if system.kappa > 0 else 0.0
    return float(np.sqrt(memory + system.variance @ point.plane**2))


def _expectation(
    system: CellSystem, point: _Point, deviation: float, strength: float
) -> tuple[Array, Array]:
    """Points x (K, P) and masses of N(uᵀv, τ²) for each cell, by Gauss–Legendre panels.

    The panels end where the Gaussian does, and at distances 2^k on both sides of where α stops
    being linear, Δx + s = log(1 + C) with C = θqΔ²/λ: within about one unit.
    """
    centre = system.means @ point.plane
    if deviation == 0:
        return centre[:, None], np.ones((len(centre), 1))
    with np.errstate(divide="ignore"):
        reach = np.log(point.own_memory * system.weight * system.scale**2) - np.log(strength)
    kink = ((np.logaddexp(0, reach) - system.shift) / system.scale - centre)[:, None]
    ends = kink + _DISTANCES / system.scale[:, None]
    every = np.hstack(
        (ends, np.broadcast_to(deviation * _QUANTILES, (len(centre), len(_QUANTILES))))
    )
    edges = np.sort(np.clip(every, -_FURTHEST * deviation, _FURTHEST * deviation), axis=1)
    width = np.diff(edges, axis=1)[:, :, None]
    offsets = (edges[:, :-1, None] + width * (_NODES + 1) / 2).reshape(len(centre), -1)
    mass = (width * _MASSES).reshape(offsets.shape) * np.exp(-((offsets / deviation) ** 2) / 2)
    return centre[:, None] + offsets, mass / mass.sum(axis=1, keepdims=True)


def _columns(system: CellSystem) -> tuple[Array, Array, Array]:
    """q, s and Δ, one row per cell."""
    return system.weight[:, None], system.shift[:, None], system.scale[:, None]


def _imbalance(system: CellSystem, delta: float, strength: float, point: _Point) -> Array:
    """What the equations leave over, each relative to its own terms."""
    given, mass = _expectation(system, point, _deviation(system, delta, point), strength)
    found = proximal(given, _columns(system), point.own_memory, strength)
    dual = (found.dual * mass).sum(axis=1)
    bend = float(system.shares @ (found.bend * mass).sum(axis=1))
    square = float(system.shares @ (found.dual**2 * mass).sum(axis=1))
    kept = point.plane * (1 + bend * system.variance)
    terms = np.abs(kept) + (dual * system.shares) @ np.abs(system.means)
    balance = (kept - system.plane(dual)) / np.maximum(terms, 1e-300).max()
    if system.kappa == 0:
        return np.asarray(balance)
    own = np.log(point.own_memory / system.kappa) + np.log1p(bend * system.kappa / delta)
    length = (
        np.log(point.length / point.own_memory) - np.log(max(square / system.kappa, 1e-300)) / 2
    )
    return np.append(balance, [length, own])


def _solve(
    system: CellSystem, delta: float, start: _Point, strength: float, before: float
) -> _Point:
    """From the point at a stronger λ; by way of the geometric mean where that is too far."""
    size = max(float(np.abs(start.plane).max()), start.length, 1e-300)

    def unpack(x: Array) -> _Point:
        if system.kappa == 0:
            return _Point(x * size, 0.0, 0.0)
        length, own = np.exp(np.clip(x[2:], -300, 300))
        return _Point(x[:2] * size, float(length) * size, float(own) * system.kappa)

    first = start.plane / size
    if system.kappa > 0:
        logs = np.log([start.length / size, start.own_memory / system.kappa])
        first = np.concatenate((first, logs))

    def equations(moved: Array) -> Array:
        return _imbalance(system, delta, strength, unpack(first + moved - 1))

    # From one, as the steps that measure a derivative are relative to the unknowns.
    found = root(equations, np.ones_like(first), method="hybr", options={"xtol": 1e-13})
    if np.abs(found.fun).max() <= _CERTIFIED:
        return unpack(first + found.x - 1)
    if before / strength < _CLOSEST:
        raise PitfallsError(
            f"the ridge path at finite d/n did not converge at λ = {strength:g}: stop at a larger "
            "λ, or take max_margin."
        )
    middle = float(np.sqrt(before) * np.sqrt(strength))
    halfway = _solve(system, delta, start, middle, before)
    return _solve(system, delta, halfway, strength, middle)


def _report(
    system: CellSystem, delta: float, point: _Point, strength: float
) -> tuple[float, Array]:
    """ℓ, and the share of each cell that is right."""
    deviation = _deviation(system, delta, point)
    given, mass = _expectation(system, point, deviation, strength)
    found = proximal(given, _columns(system), point.own_memory, strength)
    losses = (np.logaddexp(0, -found.logits) * mass).sum(axis=1)
    loss = system.shares @ (system.weight * losses)
    centre = system.means @ point.plane
    # The margin is zero where x = −θα(0), and rises with x.
    reach = (
        centre + point.own_memory * system.weight * system.scale * expit(-system.shift) / strength
    )
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        right = ndtr(np.where(reach == 0, 0.0, reach / deviation))
    return float(loss), right
