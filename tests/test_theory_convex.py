"""Damped Newton against SciPy's minimisers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pitfalls.theory import PitfallsError
from pitfalls.theory.convex import minimise
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax


def log_sum_exp(seed, unknowns=3, ridge=0.01):
    """log Σ exp(aᵢᵀx + bᵢ) + ridge·‖x‖²/2, smooth and strictly convex."""
    rng = np.random.default_rng(seed)
    slopes, offsets = 3 * rng.standard_normal((8, unknowns)), rng.standard_normal(8)

    def evaluate(x):
        share = softmax(slopes @ x + offsets)
        mean = share @ slopes
        value = float(logsumexp(slopes @ x + offsets) + ridge * x @ x / 2)
        hessian = (slopes.T * share) @ slopes - np.outer(mean, mean) + ridge * np.eye(unknowns)
        return value, mean + ridge * x, hessian

    return evaluate


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("unknowns", [1, 2, 3])
def test_minimiser_is_scipys(seed, unknowns):
    function = log_sum_exp(seed, unknowns)
    start = np.full(unknowns, 5.0)
    found = minimise(function, start)
    reference = minimize(
        lambda x: function(x)[:2], start, jac=True, method="BFGS", options={"gtol": 1e-10}
    )
    assert function(found)[0] <= reference.fun + 1e-12
    np.testing.assert_allclose(found, reference.x, atol=1e-6)
    value, gradient, hessian = function(found)
    decrement = gradient @ np.linalg.solve(hessian, gradient) / 2
    assert decrement <= 1e-13 * (1 + abs(value))


@given(st.floats(-50, 50), st.floats(-50, 50))
def test_quadratic_takes_one_step_from_anywhere(x, y):
    hessian, centre = np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([3.0, -1.0])
    calls = []

    def bowl(z):
        calls.append(z)
        gradient = hessian @ (z - centre)
        return float(gradient @ (z - centre) / 2), gradient, hessian

    np.testing.assert_allclose(minimise(bowl, np.array([x, y])), centre, atol=1e-12)
    assert len(calls) <= 4


def test_leaving_the_domain_is_backtracked():
    # A full Newton step of x − log x from x = 3 lands at −3, outside the domain.
    def barrier(x):
        if x[0] <= 0:
            return np.inf, np.full(1, np.nan), np.full((1, 1), np.nan)
        return float(x[0] - np.log(x[0])), 1 - 1 / x, np.diag(1 / x**2)

    np.testing.assert_allclose(minimise(barrier, np.array([3.0])), [1.0], rtol=1e-12)


def test_stop_below_returns_the_first_point_at_the_level():
    function = log_sum_exp(1)
    start = np.full(3, 5.0)
    level = function(start)[0] - 0.1
    found = function(minimise(function, start, stop_below=level))[0]
    assert function(minimise(function, start))[0] < found <= level
    np.testing.assert_array_equal(minimise(function, start, stop_below=np.inf), start)


def test_start_at_the_minimiser_stays_there():
    found = minimise(lambda x: (float(x @ x), 2 * x, 2 * np.eye(2)), np.zeros(2))
    np.testing.assert_array_equal(found, [0, 0])


def test_a_flat_direction_is_no_obstacle():
    found = minimise(lambda x: (float(x[0] ** 2), 2 * x * (1, 0), np.diag([2.0, 0])), np.ones(2))
    np.testing.assert_allclose(found, [0, 1], atol=1e-12)


def test_no_minimum_is_an_error_that_says_so():
    # e^{−x} falls by a constant factor per Newton step for ever.
    with pytest.raises(PitfallsError, match="did not converge in 20 steps"):
        minimise(lambda x: (-float(x[0]), np.array([-1.0]), np.eye(1)), np.zeros(1), iterations=20)
