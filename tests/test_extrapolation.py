"""Limits extrapolated from three sizes: value, error, and the exponent of the bias."""

import numpy as np
import pytest
from pitfalls.studies.extrapolation import bias_exponent, extrapolate
from pitfalls.studies.limit_design import SIZES
from pitfalls.studies.statements import Measured


def test_extrapolation_finds_limit_and_bias_and_sees_curvature():
    rng = np.random.default_rng(0)
    z = []
    for _ in range(1500):
        values = [7 + 3 / n + rng.normal(size=12) / np.sqrt(n) for n in SIZES]
        fit = extrapolate(values, SIZES)
        truths = ((fit.limit, 7), (fit.bias, 3), (fit.curvature, 0))
        z.append([(m.mean - truth) / m.standard_error for m, truth in truths])
        freedom = fit.limit.freedom
        assert 11 <= freedom <= 33
    spread = np.sqrt((np.array(z) ** 2).mean(axis=0))
    # Student's t with about 14 degrees of freedom.
    assert np.abs(spread - np.sqrt(14 / 12)).max() < 0.1
    assert np.abs(np.mean(z, axis=0)).max() < 4.5 * 1.1 / np.sqrt(1500)


def test_extrapolation_is_the_weighted_least_squares_fit():
    values = [[1.0, 2.0], [1.5, 1.9], [1.2, 1.1]]
    fit = extrapolate(values, SIZES)
    means = [np.mean(each) for each in values]
    slope, level = np.polyfit(1 / np.array(SIZES), means, 1, w=np.sqrt(SIZES))
    assert fit.limit.mean == pytest.approx(level, rel=1e-10)
    assert fit.bias.mean == pytest.approx(slope, rel=1e-10)
    assert fit.curvature.mean == pytest.approx(means[0] - 3 * means[1] + 2 * means[2], rel=1e-10)


def test_a_pooled_variance_uses_all_replicates():
    rng = np.random.default_rng(2)
    z = []
    for _ in range(1500):
        counts = (16, 8, 4)
        values = [
            7 + 3 / n + rng.normal(size=count) / np.sqrt(n)
            for n, count in zip(SIZES, counts, strict=True)
        ]
        fit = extrapolate(values, SIZES, pooled=True)
        own = extrapolate(values, SIZES)
        assert fit.limit.mean == own.limit.mean
        assert fit.limit.freedom == fit.curvature.freedom == 25
        truths = ((fit.limit, 7), (fit.bias, 3), (fit.curvature, 0))
        z.append([(m.mean - truth) / m.standard_error for m, truth in truths])
    spread = np.sqrt((np.array(z) ** 2).mean(axis=0))
    assert np.abs(spread - np.sqrt(25 / 23)).max() < 0.08


@pytest.mark.parametrize("power", [0.5, 1.0])
def test_the_exponent_of_the_bias_is_found(power):
    rng = np.random.default_rng(1)
    exponents = []
    for _ in range(200):
        rows = [
            [Measured(c * n**-power + e * rng.normal(), e, 99) for n in SIZES for e in [0.02 / n]]
            for c in (1.0, -2.0, 0.3)
        ]
        exponent, error = bias_exponent(rows, SIZES)
        exponents.append((exponent - power) / error)
    # The estimate is not linear: unbiased only as far as its error is small.
    assert abs(np.mean(exponents)) < 0.4
    assert np.std(exponents) == pytest.approx(1, abs=0.25)
