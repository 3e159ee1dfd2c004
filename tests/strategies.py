"""Hypothesis strategies for legal settings, and the few builders that several tests share."""

import math

import numpy as np
from hypothesis import strategies as st
from pitfalls.theory import Objective, Setting

CRITICAL = 9 / 19
"""κ* of ρ = 0.9, γ = 5."""
THREE = ("ERM", "reweighting", "logit shifting")
METHODS = {
    "ERM": lambda setting: Objective.erm(),
    "reweighting": Objective.reweighting,
    "logit shifting": Objective.logit_shifting,
    "vector scaling": lambda setting: Objective.vector_scaling(setting, {1: 2.0, 0: 0.5}),
}


def powers(low, high):
    """Numbers log-uniform between 10^low and 10^high."""
    return st.floats(low, high).map(lambda exponent: 10.0**exponent)


# Thousandths: at n = 1000 the counts are exact shares, so formulas in ρ apply as they stand.
majorities = st.integers(1, 999).map(lambda k: k / 1000)
strong_majorities = st.integers(501, 999).map(lambda k: k / 1000)
gammas = powers(-1, 1)
kappas = powers(-3, 3)
noises = st.sampled_from([0.0, 0.12, 0.5])


def of_kappa(kappa, rho=0.9, gamma=5.0, *, n=1000, d=1000, **noise):
    """A setting with a given memory per example."""
    return Setting(n, d, rho, gamma, math.sqrt(kappa * n / d), **noise)


@st.composite
def settings(draw, *, largest_n=10**6):
    """Any legal setting."""
    return Setting(
        n=draw(st.integers(1, largest_n)),
        d=draw(st.integers(0, 10**7)),
        rho=draw(st.floats(0, 1)),
        gamma=draw(st.floats(0, 10)),
        sigma=draw(st.floats(0, 10)),
        core_noise=draw(noises),
        spurious_noise=draw(noises),
        label_noise=draw(st.floats(0, 0.5)),
    )


@st.composite
def methods(draw, setting):
    """An objective with random numbers by group."""
    by_group = st.fixed_dictionaries({1: powers(-1, 1), 0: powers(-1, 1)})
    shifts = st.fixed_dictionaries({1: st.floats(-3, 3), 0: st.floats(-3, 3)})
    return Objective(weight=draw(by_group), shift=draw(shifts), scale=draw(by_group))


def cell_arrays(setting, objective=None):
    """Means, shares, weight, shift and scale of the cells, for independent implementations."""
    cells = setting.cells
    means = np.array([(cell.core, cell.spurious) for cell in cells])
    shares = np.array([cell.count for cell in cells]) / setting.n
    numbers = (objective or Objective.erm()).resolve([cell.group for cell in cells], len(cells))
    return means, shares, *numbers


def minority_margin(setting, weights):
    """w_y − γ·w_a of a solution or a trajectory."""
    return weights.core - setting.gamma * weights.spurious
