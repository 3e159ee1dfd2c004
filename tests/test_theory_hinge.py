"""Moments of the Gaussian hinge against direct integration and finite differences."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pitfalls.theory.hinge import hinge
from scipy.integrate import quad
from strategies import powers

RATIOS = [-37, -20, -8, -3, -1.001, -1, -0.999, -0.3, 0, 1e-9, 0.5, 1, 3, 8, 30]
VARIANCES = [1e-12, 1e-3, 1.0, 7.0, 1e8]


def moments(gap, variance):
    return hinge(np.array([gap]), np.array([variance]))


def integrated(gap, variance, power):
    """E[(e − √T·Z)₊^k], shifted so that far tails lose no digits: Z = A − x, x > 0."""
    deviation = math.sqrt(variance)
    ratio = gap / deviation

    def shifted(x):
        return x**power * math.exp(ratio * x - x * x / 2)

    peak = max(ratio, 0.0)
    if ratio > 0:
        # φ(A − x) itself: the exponentials of the shifted form would overflow.
        def density(x):
            return x**power * math.exp(-((ratio - x) ** 2) / 2) / math.sqrt(2 * math.pi)

        pieces = [max(peak - 12, 0), peak, peak + 12]
        value = sum(
            quad(density, a, b, epsabs=0, epsrel=1e-12)[0] for a, b in itertools.pairwise(pieces)
        )
        return deviation**power * value
    width = min(12.0, 40 / max(-ratio, 1e-3))
    value = quad(shifted, 0, width, epsabs=0, epsrel=1e-12)[0]
    return deviation**power * value * math.exp(-(ratio**2) / 2) / math.sqrt(2 * math.pi)


@pytest.mark.parametrize("variance", VARIANCES)
@pytest.mark.parametrize("ratio", RATIOS)
def test_moments_are_the_integrals(ratio, variance):
    gap = ratio * math.sqrt(variance)
    found = moments(gap, variance)
    for power, name in enumerate(("probability", "first", "second")):
        expected = integrated(gap, variance, power)
        # (1 + x²)R − x cancels like x⁴ on the easy side: the last digits go, the tail stays.
        assert getattr(found, name)[0] == pytest.approx(
            expected, rel=1e-11 * (1 + max(-ratio, 0)) ** 2, abs=0
        )


@given(st.floats(-6, 6), powers(-3, 3))
def test_derivatives_are_the_finite_differences(ratio, variance):
    gap, step = ratio * math.sqrt(variance), 1e-5
    by_gap, by_variance = step * math.sqrt(variance), step * variance
    here = moments(gap, variance)

    def slope(name, gap_step, variance_step):
        high = getattr(moments(gap + gap_step, variance + variance_step), name)
        low = getattr(moments(gap - gap_step, variance - variance_step), name)
        return (high - low) / (2 * (gap_step + variance_step))

    # The unit of each derivative, so that absolute errors compare.
    deviation = math.sqrt(variance)
    for derivative, of, exact, unit in (
        ("e", "second", 2 * here.first, deviation),
        ("T", "second", here.probability, 1.0),
        ("e", "first", here.probability, 1.0),
        ("T", "first", here.cross / 2, 1 / deviation),
        ("e", "probability", here.cross, 1 / deviation),
        ("T", "probability", here.curvature, 1 / variance),
    ):
        found = slope(of, *((by_gap, 0) if derivative == "e" else (0, by_variance)))
        assert found[0] / unit == pytest.approx(exact[0] / unit, abs=1e-8)


@pytest.mark.parametrize("gap", [-2.0, 0.0, 3.0])
def test_no_variance_is_the_plain_hinge(gap):
    found = hinge(np.array([gap]), np.zeros(1))
    plain = max(gap, 0.0)
    assert (found.probability, found.first, found.second) == (gap > 0, plain, plain**2)
    assert (found.cross, found.curvature) == (0, 0)


@given(st.floats(0.1, 5))
def test_vanishing_variance_tends_to_the_plain_hinge(gap):
    found = hinge(np.array([gap, -gap]), np.full(2, 1e-30))
    np.testing.assert_array_equal(found.probability, [1, 0])
    np.testing.assert_allclose(found.first, [gap, 0], rtol=1e-15)
    np.testing.assert_allclose(found.second, [gap**2, 0], rtol=1e-15)


def test_shapes_broadcast_and_elements_do_not_mix():
    gap, variance = np.linspace(-3, 3, 7)[:, None], np.array([0.0, 0.5, 2.0])
    together = hinge(gap, variance)
    for i in range(7):
        for j in range(3):
            for whole, one in zip(together, hinge(gap[i], variance[j]), strict=True):
                assert whole.shape == (7, 3)
                assert whole[i, j] == one[0]


@pytest.mark.parametrize("gap", [-1e150, -1e3, 1e3, 1e150])
@pytest.mark.parametrize("variance", [1e-300, 1.0, 1e150])
def test_extremes_are_finite_and_ordered(gap, variance):
    found = moments(gap, variance)
    assert all(np.isfinite(moment).all() for moment in found)
    assert 0 <= found.probability[0] <= 1
    # Jensen: E[x]² ≤ E[x²].
    assert found.first[0] ** 2 <= found.second[0] * (1 + 1e-12)
