"""Training at finite d/n, without data: dynamical mean-field theory (P12).

For n, d → ∞ at fixed δ = d/n and κ = σ²d/n the examples become independent copies of one random
process, the *site*: plane features u, and a Gaussian process ζ that stands for what all others have
written into the memory features. With r = qΔ·sigmoid(−Δm − s) P12 reads

    m = u·v + ζ + κ ∫ A(t, t′) r(t′) dt′,    v̇ = E[r u],    Cov ζ = (κ/δ)·C,
    C(t, t′) = κ E[I(t) I(t′)],  I(t) = ∫ A(t, t′) r(t′) dt′,    ‖w_ε‖² = C(t, t),
    ∂A/∂t = (κ/δ) ∫ B(t, t″) A(t″, t′) dt″,    A(t, t) = 1,    B(t, t′) = E[∂r(t)/∂ζ(t′)].

The kernels A, B and C need not be kept. Let x = √κ·I, a function on the sites: then ‖w_ε‖² = E[x²],
and ζ = σ·T x, where the random isometry T takes an orthonormal basis ψ₁, ψ₂, … of what x has been
so far to independent normals ξ₁, ξ₂, …: T x = Σ_j E[x ψ_j] ξ_j has the covariance of C. Stein's
lemma, E[r ξ_j] = Σ_t′ B(t, t′)·∂ζ(t′)/∂ξ_j, turns the equation of A into one of x:

    m = u·v + √κ x + σ T x,    v̇ = E[r u] − λv,    ẋ = √κ r + σ T*r − λx,    T*r = Σ_j ψ_j E[r ξ_j].

It is gradient flow again, with σT + √κ in the place of the matrix E of memory features. The basis
grows with x, by Gram–Schmidt: a few dozen functions reach from t = 0 to 10¹². A random start of the
memory weights is one more ψ, orthogonal to all sites. Expectations are means over sites, as many
for each cell: scrambled Sobol points in the noise of u and the first ξ, made exactly uncorrelated.
Independent sets of them give a standard error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import brentq
from scipy.special import expit, ndtri
from scipy.stats import qmc

from .cells import CellSystem, cell_system
from .dynamics import checked_times
from .errors import PitfallsError, ResourceError, SettingError
from .objective import Objective
from .results import GroupAccuracy, Trajectory
from .setting import MAJORITY, MINORITY, Setting

__all__ = ["MeanField", "descent", "flow"]

Array: TypeAlias = NDArray[np.float64]

_DIMENSIONS = 128
"""Functions ψ at most."""
_SOBOL = 24
"""So many ξ come from Sobol points: the first explain most, and thousands of points are too few to
be spread evenly in more."""
_NEGLIGIBLE = 1e-7
"""Share of E[x²] below which a part of x needs no ψ of its own: with many, the errors of E[r ξ_j],
one for each ψ, add up."""
_STEP = 0.05
_STIFFNESS = 12.0
_CRAWL = 3.0
_STATIONARY = 1e-3
_MOST_STEPS = 10_000
_CORRECTIONS = 3
_NEWTON = 50

_ADAMS_BASHFORTH = (
    (1.0,),
    (3 / 2, -1 / 2),
    (23 / 12, -16 / 12, 5 / 12),
    (55 / 24, -59 / 24, 37 / 24, -9 / 24),
)
_ADAMS_MOULTON = (
    (1 / 2, 1 / 2),
    (5 / 12, 8 / 12, -1 / 12),
    (9 / 24, 19 / 24, -5 / 24, 1 / 24),
)
_BACKWARD = (48 / 25, -36 / 25, 16 / 25, -3 / 25)


@dataclass(frozen=True, eq=False)
class MeanField(Trajectory):
    """A trajectory in the proportional limit, and what only the limit knows.

    Means over independent sets of sites; ``margins`` and ``dual`` (κ-scaled) are those of all
    sites, with their ``shares``: the law of an example's margin at each time.

    Attributes
    ----------
    sets : tuple of Trajectory
        One for each set of sites.
    correlation : array (T, T)
        w_ε(t)·w_ε(t′).
    groups : integer array
        Observed group of each site.

    Examples
    --------
    >>> run = flow(Setting.figure_1(), Objective.erm(), [10.0], sets=2, sites=256)
    >>> len(run.sets), run.correlation.shape
    (2, (1, 1))
    """

    sets: tuple[Trajectory, ...] = ()
    correlation: Array | None = None
    groups: NDArray[np.int64] | None = None

    def standard_error(self, quantity: Callable[[Trajectory], ArrayLike]) -> Array:
        """Standard error of a quantity's mean over the sets.

        Parameters
        ----------
        quantity : callable
            From a trajectory to numbers.

        Raises
        ------
        PitfallsError
            There is only one set.

        Examples
        --------
        >>> setting = Setting.figure_1()
        >>> run = flow(setting, Objective.erm(), [10.0], sets=4, sites=512)
        >>> bool(run.standard_error(lambda each: each.accuracy(setting).minority) < 0.001)
        True
        """
        if len(self.sets) < 2:
            raise PitfallsError("a standard error needs two sets of sites or more: give sets=2.")
        values = np.array([quantity(each) for each in self.sets], dtype=float)
        return np.asarray(values.std(axis=0, ddof=1) / np.sqrt(len(values)))


class _State(NamedTuple):
    """What is integrated: v, x (its last entry the start's own direction) and the dual weights."""

    plane: Array
    memory: Array
    dual: Array

    def plus(self, factor: float, other: _State) -> _State:
        return _State(*(mine + factor * its for mine, its in zip(self, other, strict=True)))


def _normals(count: int, noisy: int, rng: np.random.Generator) -> Array:
    """Noise of the features, then ξ, of a cell's sites: (count, columns).

    As far as the sites are many enough, columns have mean 0, variance 1 and no correlation exactly:
    T is an isometry on them.
    """
    few = qmc.Sobol(noisy + _SOBOL, scramble=True, rng=rng).random(count)
    more = rng.standard_normal((count, _DIMENSIONS - _SOBOL))
    normal = np.hstack((ndtri(np.clip(few, 1e-12, 1 - 1e-12)), more))
    exact = min(normal.shape[1], count // 4)
    if exact:
        centred = normal[:, :exact] - normal[:, :exact].mean(axis=0)
        factor = cholesky(centred.T @ centred / count, lower=True)
        normal[:, :exact] = solve_triangular(factor, centred.T, lower=True).T
    return normal


class _Sites:
    """One set of sites, and the isometry T as far as it is known."""

    def __init__(
        self, system: CellSystem, sigma: float, strength: float, count: int, seed: Sequence[int]
    ) -> None:
        cells = len(system.shares)
        noisy = np.flatnonzero(system.variance > 0)
        normal = np.concatenate(
            [
                _normals(count, len(noisy), np.random.default_rng([*seed, cell]))
                for cell in range(cells)
            ]
        )
        self.means = np.repeat(system.means, count, axis=0)
        self.means[:, noisy] += np.sqrt(system.variance[noisy]) * normal[:, : len(noisy)]
        self.xi = np.ascontiguousarray(normal[:, len(noisy) :].T)
        self.share = np.repeat(system.shares / count, count)
        self.groups = np.repeat(system.groups, count)
        self.weight, self.shift, self.scale = (
            np.repeat(numbers, count) for numbers in (system.weight, system.shift, system.scale)
        )
        self.rate = self.weight * self.scale
        self.pull = self.share[:, None] * self.means
        # The start's own direction is one more entry of x, of weight 1.
        self.measure = np.append(self.share, 1.0)
        self.root, self.sigma, self.strength = np.sqrt(system.kappa), sigma, strength
        self.psi = np.zeros((_DIMENSIONS, len(self.measure)))
        self.known, self.negligible = 0, _NEGLIGIBLE

    def start(self, initial: tuple[float, float, float]) -> _State:
        core, spurious, norm = initial
        memory = np.zeros(len(self.measure))
        memory[-1] = norm
        if norm > 0:
            self.psi[0, -1], self.known = 1.0, 1
        return _State(np.array([core, spurious]), memory, np.zeros(len(self.share)))

    def field(self, memory: Array, keep: bool = False) -> Array:
        """√κ x + σ T x of the sites; what x has that no ψ has is one more, for good if ``keep``."""
        psi = self.psi[: self.known]
        parts = psi @ (self.measure * memory)
        rest = memory - parts @ psi
        # Once more: Gram–Schmidt loses orthogonality where little is left.
        again = psi @ (self.measure * rest)
        rest -= again @ psi
        noise = (parts + again) @ self.xi[: self.known]
        square = float(self.measure @ rest**2)
        if square > self.negligible * float(self.measure @ memory**2) and self.known < _DIMENSIONS:
            noise += np.sqrt(square) * self.xi[self.known]
            if keep:
                self.psi[self.known] = rest / np.sqrt(square)
                self.known += 1
        return np.asarray(self.root * memory[:-1] + self.sigma * noise)

    def residual(self, margins: Array) -> tuple[Array, Array]:
        """r = qΔ·sigmoid(−Δm − s) and dr/dm."""
        argument = -self.scale * margins - self.shift
        push = self.rate * expit(argument)
        return push, -push * self.scale * expit(-argument)

    def written(self, push: Array) -> Array:
        """√κ r + σ T*r."""
        back = self.xi[: self.known] @ (self.share * push)
        memory = self.sigma * (back @ self.psi[: self.known])
        memory[:-1] += self.root * push
        return np.asarray(memory)

    def velocity(self, state: _State, push: Array) -> _State:
        decay = self.strength
        return _State(
            push @ self.pull - decay * state.plane,
            self.written(push) - decay * state.memory,
            push - decay * state.dual,
        )

    def margins(self, state: _State, keep: bool = False) -> Array:
        return np.asarray(self.means @ state.plane + self.field(state.memory, keep))

    def stiffness(self, slope: Array) -> float:
        """At most what a margin's own motion turns it by, per unit of time."""
        reach = (self.root + self.sigma) ** 2
        return float(reach * np.abs(slope).max() + self.strength)


def flow(
    setting: Setting,
    objective: Objective,
    times: ArrayLike,
    *,
    initial: tuple[float, float, float] | None = None,
    strength: float = 0.0,
    seed: int = 0,
    sets: int = 8,
    sites: int = 1024,
) -> MeanField:
    """Gradient flow for n, d → ∞ at this d/n, from the first step to t = 10¹⁶ (P12).

    Fourth-order Adams steps in log time (backward differences in the plane, whose margins move
    fast where γ is large), slower where the residuals turn faster than that. Limits: δ → ∞ is
    `orthogonal.flow`; t → ∞ has the direction of `max_margin`, with decay it is `ridge_path`;
    t → 0 is the first step of P7. Check (Figure 1, reweighting): minority accuracy 0.8475, 0.6140,
    0.5937, 0.5984, 0.6208 at t = 0.2, 2, 10, 40, 999.

    Parameters
    ----------
    setting : Setting
        Feature noise and label noise are exact.
    objective : Objective
        By group, or the same for all.
    times : array_like (T,)
        Increasing times t = binary learning rate × steps, from 0 to 1e16.
    initial : (core, spurious, ‖w_ε‖), optional
        w(0), its memory part in a random direction; zero by default.
    strength : float
        Ridge strength λ (weight decay), in [0, 1e100].
    seed : int
        Of the sites.
    sets, sites : int
        Independent sets of sites, and sites of each cell in each (a power of two). The error falls
        nearly as 1/sites. Beside it stands a bias, which falls as 1/(δ·sites): small at δ > 1, a
        hundredth of the weights at δ = 0.1, where the data cannot be separated.

    Returns
    -------
    MeanField

    Raises
    ------
    SettingError
        An argument is out of range, or the objective is per example.
    ResourceError
        Data that cannot be separated are not at rest in any reasonable number of steps.

    Examples
    --------
    >>> setting = Setting.figure_1()
    >>> run = flow(setting, Objective.erm(), [20.0, 1e6], sets=2, sites=512)
    >>> run.accuracy(setting).minority.round(2)
    array([0.12, 0.54])
    """
    grid = checked_times(times)
    return _together(
        _Problem.of(setting, objective, initial, strength, seed, sets, sites),
        grid,
        lambda sites, state: _flow(sites, state, grid),
    )


def descent(
    setting: Setting,
    objective: Objective,
    learning_rate: float,
    steps: int,
    record: ArrayLike | None = None,
    *,
    initial: tuple[float, float, float] | None = None,
    strength: float = 0.0,
    seed: int = 0,
    sets: int = 8,
    sites: int = 1024,
) -> MeanField:
    """Gradient descent for n, d → ∞ at this d/n, step by step (P12).

    Exact for the steps as they are, however large; as the learning rate → 0 it is `flow`. Check
    (Figure 1, rate 0.02, reweighting): minority accuracy 0.8540, 0.6136, 0.5935, 0.5946 at t = 0.2,
    2, 10, 20.

    Parameters
    ----------
    setting, objective, initial, strength, seed, sets, sites
        As for `flow`.
    learning_rate : float
        Of the binary model, > 0.
    steps : int
        ≥ 0.
    record : array of int, optional
        Increasing step numbers, each meaning "after that many updates"; all by default.

    Returns
    -------
    MeanField

    Raises
    ------
    SettingError
        An argument is out of range, or the objective is per example.

    Examples
    --------
    The paper's Figure 1:

    >>> setting = Setting.figure_1()
    >>> run = descent(setting, Objective.erm(), 0.02, 1000, [1000], sets=2, sites=512)
    >>> run.accuracy(setting).minority.round(2)
    array([0.12])
    """
    if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)) or steps < 0:
        raise SettingError("steps", steps, "an integer ≥ 0")
    if isinstance(learning_rate, bool) or not 0 < learning_rate < np.inf:
        raise SettingError("learning_rate", learning_rate, "a finite number > 0")
    recorded = np.arange(steps + 1) if record is None else np.asarray(record)
    legal = recorded.ndim == 1 and recorded.size > 0 and recorded.dtype.kind in "iu"
    if not legal or recorded[0] < 0 or recorded[-1] > steps or (np.diff(recorded) <= 0).any():
        raise SettingError("record", record, f"strictly increasing step numbers in 0 … {steps}")
    rate = float(learning_rate)
    return _together(
        _Problem.of(setting, objective, initial, strength, seed, sets, sites),
        rate * recorded.astype(float),
        lambda sites, state: _descend(sites, state, rate, recorded),
    )


Run: TypeAlias = Callable[[_Sites, _State], Iterator[_State]]


class _Problem(NamedTuple):
    """What was asked for, checked."""

    system: CellSystem
    sigma: float
    initial: tuple[float, float, float]
    strength: float
    seed: int
    sets: int
    sites: int
    name: str

    @classmethod
    def of(
        cls,
        setting: Setting,
        objective: Objective,
        initial: tuple[float, float, float] | None,
        strength: float,
        seed: int,
        sets: int,
        sites: int,
    ) -> _Problem:
        if not (isinstance(strength, (int, float)) and 0 <= strength <= 1e100):
            raise SettingError("strength", strength, "a number in [0, 1e100]")
        for field, value, least in (("seed", seed, 0), ("sets", sets, 1), ("sites", sites, 2)):
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
                raise SettingError(field, value, f"an integer ≥ {least}")
        if sites & (sites - 1):
            raise SettingError("sites", sites, "a power of two", "Sobol points are even then only.")
        start = np.zeros(3) if initial is None else np.asarray(initial, dtype=float)
        if start.shape != (3,) or not np.isfinite(start).all() or start[2] < 0:
            raise SettingError("initial", initial, "(core, spurious, ‖w_ε‖), finite, the last ≥ 0")
        core, spurious, norm = start.tolist()
        system = cell_system(setting, objective)
        sigma = setting.sigma if setting.d > 0 else 0.0
        return cls(
            system,
            sigma,
            (core, spurious, norm),
            float(strength),
            int(seed),
            int(sets),
            int(sites),
            objective.name,
        )


def _together(problem: _Problem, times: Array, run: Run) -> MeanField:
    """The mean over all sets of sites."""
    runs, correlations = [], []
    for index in range(problem.sets):
        sites = _Sites(
            problem.system,
            problem.sigma,
            problem.strength,
            problem.sites,
            (problem.seed, index),
        )
        states = list(run(sites, sites.start(problem.initial)))
        runs.append(_trajectory(problem, sites, times, states))
        memory = np.array([state.memory for state in states])
        correlations.append((memory * sites.measure) @ memory.T)
    count = len(runs)
    majority, minority = (
        np.mean([getattr(each.train, group) for each in runs], axis=0)
        for group in ("majority", "minority")
    )
    return MeanField(
        times=times,
        core=np.mean([each.core for each in runs], axis=0),
        spurious=np.mean([each.spurious for each in runs], axis=0),
        memory=np.mean([each.memory for each in runs], axis=0),
        loss=np.mean([each.loss for each in runs], axis=0),
        train=GroupAccuracy.of(majority, minority, _majority_share(problem.system)),
        dual=np.hstack([each.dual for each in runs if each.dual is not None]),
        margins=np.hstack([each.margins for each in runs if each.margins is not None]),
        shares=np.tile(sites.share / count, count),
        name=problem.name,
        sets=tuple(runs),
        correlation=np.mean(correlations, axis=0),
        groups=np.tile(sites.groups, count),
    )


def _majority_share(system: CellSystem) -> float:
    return float(system.shares[system.groups == MAJORITY].sum())


def _trajectory(problem: _Problem, sites: _Sites, times: Array, states: list[_State]) -> Trajectory:
    """What one set of sites finds."""
    margins = np.array([sites.margins(state) for state in states])
    memory = np.array([state.memory for state in states])
    plane = np.array([state.plane for state in states])
    terms = np.logaddexp(0, -sites.scale * margins - sites.shift)

    def right(group: int) -> Array:
        inside = sites.share * (sites.groups == group)
        if not inside.any():
            return np.ones(len(times))
        return np.asarray(np.minimum((margins > 0) @ inside / inside.sum(), 1.0))

    return Trajectory(
        times=times,
        core=plane[:, 0],
        spurious=plane[:, 1],
        memory=np.sqrt(memory**2 @ sites.measure),
        loss=terms @ (sites.share * sites.weight),
        train=GroupAccuracy.of(right(MAJORITY), right(MINORITY), _majority_share(problem.system)),
        dual=np.array([state.dual for state in states]),
        margins=margins,
        shares=sites.share,
        name=problem.name,
    )


def _descend(
    sites: _Sites, state: _State, rate: float, recorded: NDArray[np.int64]
) -> Iterator[_State]:
    """The states after the recorded numbers of steps."""
    wanted = set(recorded.tolist())
    for step in range(int(recorded[-1]) + 1):
        if step in wanted:
            yield state
        push, _ = sites.residual(sites.margins(state, keep=True))
        state = state.plus(rate, sites.velocity(state, push))


class _Node(NamedTuple):
    """A point of a flow: its time t(s), how fast that goes, and the state with its dt-speed."""

    time: float
    pace: float
    state: _State
    speed: _State


def _flow(sites: _Sites, state: _State, times: Array) -> Iterator[_State]:
    """The states at the times: steps of equal length in s, where dt/ds = pace."""
    push, slope = sites.residual(sites.margins(state, keep=True))
    first = 0.5 / _first_speed(sites)

    def pace(time: float, slope: Array) -> float:
        return 1 / (1 / (first + time) + sites.stiffness(slope) / _STIFFNESS)

    nodes = [_Node(0.0, pace(0.0, slope), state, sites.velocity(state, push))]
    pending = iter(times)
    time = next(pending, None)
    while time is not None and time == 0:
        yield state
        time = next(pending, None)
    for _ in range(_MOST_STEPS):
        if time is None:
            return
        # Near rest time goes on while x hardly moves: what errors add to it would take all ψ.
        crawl = (first + nodes[-1].time) / nodes[-1].pace / _CRAWL
        sites.negligible = _NEGLIGIBLE * float(np.clip(crawl, 1, 10))
        node = _advance(sites, nodes, pace)
        at_rest = _is_at_rest(node, sites)
        while time is not None and (time <= node.time or at_rest):
            yield _between(nodes[-1], node, time) if time <= node.time else node.state
            time = next(pending, None)
        nodes = [*nodes[-3:], node]
    raise ResourceError(
        f"the flow has come to t = {nodes[-1].time:.3g} in {_MOST_STEPS:,} steps, and is not at "
        "rest: data that can hardly be separated, or not. Ask for earlier times, or for a ridge "
        "strength."
    )


def _first_speed(sites: _Sites) -> float:
    """About how fast the first margins move, in units of what turns a residual."""
    overlap = np.abs(sites.means @ (sites.rate @ sites.pull)) + sites.root**2 * sites.rate
    return max(float((sites.scale * overlap).max()), sites.strength, 1e-12)


def _is_at_rest(node: _Node, sites: _Sites) -> bool:
    """Weights that move by less than a thousandth in a unit of log time, and so will not.

    Those of separable data move like log t, by 1/37 even at t = 10¹⁶.
    """
    state, speed = node.state, node.speed
    size = float(sites.measure @ state.memory**2) ** 0.5
    growth = float(sites.measure @ (state.memory * speed.memory)) / size if size > 0 else 0.0
    moved = np.hypot(np.linalg.norm(speed.plane), growth)
    return bool(node.time * moved <= _STATIONARY * np.hypot(np.linalg.norm(state.plane), size))


def _advance(sites: _Sites, nodes: list[_Node], pace: Callable[[float, Array], float]) -> _Node:
    """One step: Adams–Bashforth, then Adams–Moulton; in the plane backward differences, solved."""
    last, k = nodes[-1], len(nodes)
    h = _STEP
    state, time = last.state, last.time
    for weight, node in zip(_ADAMS_BASHFORTH[k - 1], reversed(nodes), strict=True):
        state = state.plus(h * weight * node.pace, node.speed)
        time += h * weight * node.pace
    own, *earlier = _ADAMS_MOULTON[min(k, 3) - 1]
    base, base_time = last.state, last.time
    for weight, node in zip(earlier, reversed(nodes), strict=False):
        base = base.plus(h * weight * node.pace, node.speed)
        base_time += h * weight * node.pace
    now = last.pace * last.pace / nodes[-2].pace if k > 1 else last.pace
    implicit, plane_base = own, base.plane
    if k == 4:
        implicit, *differences = (12 / 25, *_BACKWARD)
        plane_base = np.tensordot(differences, [node.state.plane for node in reversed(nodes)], 1)
    plane = state.plane
    for correction in range(_CORRECTIONS):
        field = sites.field(state.memory, keep=correction == _CORRECTIONS - 1)
        plane, push, slope = _solve_plane(sites, plane, plane_base, h * implicit * now, field)
        state = state._replace(plane=plane)
        speed = sites.velocity(state, push)
        now = pace(time, slope)
        time = base_time + h * own * now
        state = base.plus(h * own * now, speed)._replace(plane=plane)
    return _Node(time, now, state, speed)


def _solve_plane(
    sites: _Sites, plane: Array, base: Array, factor: float, field: Array
) -> tuple[Array, Array, Array]:
    """v = base + factor·(E[r u] − λv), r at the margins u·v + field; and r, dr/dm there."""
    decay = 1 + factor * sites.strength
    for _ in range(_NEWTON):
        push, slope = sites.residual(sites.means @ plane + field)
        gap = decay * plane - base - factor * (push @ sites.pull)
        matrix = decay * np.eye(2) - factor * ((sites.pull * slope[:, None]).T @ sites.means)
        step = np.linalg.solve(matrix, gap)
        plane = plane - step
        if np.abs(step).max() <= 1e-13 * (1e-3 + np.abs(plane).max()):
            break
    push, slope = sites.residual(sites.means @ plane + field)
    return plane, push, slope


def _between(first: _Node, last: _Node, time: float) -> _State:
    """The state at a time between two nodes: cubic in s, as t itself is."""
    h = _STEP

    def cubic(x: float) -> tuple[float, float, float, float]:
        """Of values at both ends, and of slopes times h."""
        return (1 + 2 * x) * (1 - x) ** 2, x * x * (3 - 2 * x), x * (1 - x) ** 2, x * x * (x - 1)

    def reached(x: float) -> float:
        a, b, c, d = cubic(x)
        return a * first.time + b * last.time + h * (c * first.pace + d * last.pace) - time

    a, b, c, d = cubic(float(brentq(reached, 0.0, 1.0, xtol=1e-14)))
    return _State(
        *(
            a * start + b * end + h * (c * first.pace * leaving + d * last.pace * arriving)
            for start, end, leaving, arriving in zip(
                first.state, last.state, first.speed, last.speed, strict=True
            )
        )
    )
