"""The two clocks: flow in log time, and gradient descent step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from ..errors import ResourceError
from .response import Response
from .sites import Sites, State

__all__ = ["descending", "flowing"]

Array: TypeAlias = NDArray[np.float64]

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


def descending(
    sites: Sites, state: State, left: Response | None, rate: float, recorded: NDArray[np.int64]
) -> Iterator[State]:
    """The states after the recorded numbers of steps.

    Examples
    --------
    >>> from pitfalls.theory import Objective, Setting
    >>> from pitfalls.theory.cells import cell_system
    >>> sites = Sites(cell_system(Setting.figure_1(), Objective.erm()), 0.5, 0.0, 256, (0,))
    >>> states = descending(sites, sites.start((0.0, 0.0, 0.0)), None, 0.1, np.array([0, 200]))
    >>> [state.plane.round(2).tolist() for state in states]
    [[0.0, 0.0], [1.5, 0.48]]
    """
    wanted = set(recorded.tolist())
    for step in range(int(recorded[-1]) + 1):
        if step in wanted:
            if left is not None:
                left.push()
            yield state
        push, slope = sites.cells.residual(sites.margins(state, keep=True))
        if left is not None:
            left.euler(rate, slope)
        state = state.plus(rate, sites.velocity(state, push))


class _Node(NamedTuple):
    """A point of a flow: its time t(s), how fast that goes, the state, its dt-speed, and dr/dm."""

    time: float
    pace: float
    state: State
    speed: State
    slope: Array


def flowing(sites: Sites, state: State, left: Response | None, times: Array) -> Iterator[State]:
    """The states at the times: steps of equal length in s, where dt/ds = pace.

    Examples
    --------
    >>> from pitfalls.theory import Objective, Setting
    >>> from pitfalls.theory.cells import cell_system
    >>> sites = Sites(cell_system(Setting.figure_1(), Objective.erm()), 0.5, 0.0, 256, (0,))
    >>> states = flowing(sites, sites.start((0.0, 0.0, 0.0)), None, np.array([0.0, 20.0]))
    >>> [state.plane.round(2).tolist() for state in states]
    [[0.0, 0.0], [1.49, 0.48]]
    """
    push, slope = sites.cells.residual(sites.margins(state, keep=True))
    first = 0.5 / sites.cells.first_speed(sites.strength)

    def pace(time: float, slope: Array) -> float:
        return 1 / (1 / (first + time) + sites.stiffness(slope) / _STIFFNESS)

    def reached(time: float, state: State) -> State:
        """One of the times, for the response too."""
        if left is not None:
            left.to(time, sites.cells.residual(sites.margins(state))[1])
            left.push()
        return state

    nodes = [_Node(0.0, pace(0.0, slope), state, sites.velocity(state, push), slope)]
    if left is not None:
        left.to(0.0, slope)
    pending = iter(times)
    time = next(pending, None)
    while time is not None and time == 0:
        yield reached(0.0, state)
        time = next(pending, None)
    for _ in range(_MOST_STEPS):
        if time is None:
            return
        # Near rest t grows while x hardly moves, and rounding would use up all ψ.
        crawl = (first + nodes[-1].time) / nodes[-1].pace / _CRAWL
        sites.turn.tolerate(float(np.clip(crawl, 1, 10)))
        node = _advance(sites, nodes, pace)
        # With a response there is no rest: what is left of a push still decays.
        at_rest = left is None and _is_at_rest(node, sites)
        while time is not None and (time <= node.time or at_rest):
            late = time > node.time
            yield reached(time, node.state if late else _between(nodes[-1], node, time))
            time = next(pending, None)
        if left is not None:
            left.to(node.time, node.slope)
        nodes = [*nodes[-3:], node]
    raise ResourceError(
        f"the flow has come to t = {nodes[-1].time:.3g} in {_MOST_STEPS:,} steps, and is not at "
        "rest: data that can hardly be separated, or not. Ask for earlier times, or for a ridge "
        "strength."
    )


def _is_at_rest(node: _Node, sites: Sites) -> bool:
    """Weights that move by less than a thousandth in a unit of log time, and so will not.

    Those of separable data move like log t, by 1/37 even at t = 10¹⁶.
    """
    state, speed = node.state, node.speed
    size = float(sites.measure @ state.memory**2) ** 0.5
    growth = float(sites.measure @ (state.memory * speed.memory)) / size if size > 0 else 0.0
    moved = np.hypot(np.linalg.norm(speed.plane), growth)
    return bool(node.time * moved <= _STATIONARY * np.hypot(np.linalg.norm(state.plane), size))


def _advance(sites: Sites, nodes: list[_Node], pace: Callable[[float, Array], float]) -> _Node:
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
    return _Node(time, now, state, speed, slope)


def _solve_plane(
    sites: Sites, plane: Array, base: Array, factor: float, field: Array
) -> tuple[Array, Array, Array]:
    """v = base + factor·(E[r u] − λv), r at the margins u·v + field; and r, dr/dm there."""
    decay = 1 + factor * sites.strength
    for _ in range(_NEWTON):
        push, slope = sites.cells.residual(sites.cells.means @ plane + field)
        gap = decay * plane - base - factor * (push @ sites.pull)
        matrix = decay * np.eye(2) - factor * ((sites.pull * slope[:, None]).T @ sites.cells.means)
        step = np.linalg.solve(matrix, gap)
        plane = plane - step
        if np.abs(step).max() <= 1e-13 * (1e-3 + np.abs(plane).max()):
            break
    push, slope = sites.cells.residual(sites.cells.means @ plane + field)
    return plane, push, slope


def _between(first: _Node, last: _Node, time: float) -> State:
    """The state at a time between two nodes: cubic in s, as t itself is."""
    h = _STEP

    def cubic(x: float) -> tuple[float, float, float, float]:
        """Of values at both ends, and of slopes times h."""
        return (1 + 2 * x) * (1 - x) ** 2, x * x * (3 - 2 * x), x * (1 - x) ** 2, x * x * (x - 1)

    def reached(x: float) -> float:
        a, b, c, d = cubic(x)
        return a * first.time + b * last.time + h * (c * first.pace + d * last.pace) - time

    a, b, c, d = cubic(float(brentq(reached, 0.0, 1.0, xtol=1e-14)))
    return State(
        *(
            a * start + b * end + h * (c * first.pace * leaving + d * last.pace * arriving)
            for start, end, leaving, arriving in zip(
                first.state, last.state, first.speed, last.speed, strict=True
            )
        )
    )
