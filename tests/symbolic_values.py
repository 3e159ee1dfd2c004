"""Symbolic expressions at the numbers of a setting, for what is compared with numeric functions."""

import math

import mpmath
import sympy as sp
from hypothesis import strategies as st
from pitfalls.theory import Objective, symbolic
from strategies import powers

METHODS = {
    "ERM": (symbolic.erm, lambda setting: Objective.erm()),
    "reweighting": (symbolic.reweighting, Objective.reweighting),
    "logit shifting": (symbolic.logit_shifting, Objective.logit_shifting),
}
GENERAL = (
    symbolic.weight_maj,
    symbolic.weight_min,
    symbolic.shift_maj,
    symbolic.shift_min,
    symbolic.scale_maj,
    symbolic.scale_min,
)
NUMBERS = st.tuples(*[powers(-1, 1)] * 2, *[st.floats(-3, 3)] * 2, *[powers(-0.3, 0.3)] * 2)


_compiled = {}


def value(expression, at):
    """An expression at floats, in 40 digits: what the numeric functions are compared with."""
    key = (expression, tuple(at))
    if key not in _compiled:
        _compiled[key] = sp.lambdify(list(at), expression, "mpmath", cse=True)
    with mpmath.workdps(40):
        return float(_compiled[key](*(mpmath.mpf(x) for x in at.values())))


def point(setting):
    """The symbols' values in a setting; shares as the exact fractions that the counts are."""
    with mpmath.workdps(40):
        share = mpmath.mpf(round(setting.rho * setting.n)) / setting.n
    return {symbolic.rho: share, symbolic.gamma: setting.gamma, symbolic.kappa: setting.kappa}


def coordinates(weights, at):
    squared = value(weights.memory_squared, at)
    return [value(weights.core, at), value(weights.spurious, at), math.sqrt(squared)]


def of_numbers(numbers):
    """An objective with six numbers, and the symbols' values."""
    q_maj, q_min, s_maj, s_min, d_maj, d_min = numbers
    objective = Objective(
        weight={1: q_maj, 0: q_min}, shift={1: s_maj, 0: s_min}, scale={1: d_maj, 0: d_min}
    )
    return objective, dict(zip(GENERAL, numbers, strict=True))
