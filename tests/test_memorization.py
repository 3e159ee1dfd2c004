"""Regression with noise inputs: the kernel exactly, and the ridge that it has over draws."""

import math

import numpy as np
import pytest
from pitfalls.theory import SettingError
from pitfalls.theory import kernel_regression as closed


@pytest.fixture(scope="module")
def noisy():
    """The figure's points with noisy targets, and standard normal noise inputs."""
    rng = np.random.default_rng(5)
    x = np.linspace(-1.5, 1.5, 20)
    return x, closed.target(x) + 0.08 * rng.standard_normal(20), rng.standard_normal((20, 30))


def test_the_kernel_regression_interpolates_and_has_the_least_norm(noisy):
    x, y, g = noisy
    sigma = 0.3
    found = closed.interpolation(x, y, g, sigma)
    own = found.expected(x) + sigma**2 * g @ (g.T @ found.weights)
    np.testing.assert_allclose(own, y, atol=1e-12)
    # Explicit features of the same kernel: NumPy's least squares is the minimum-norm one.
    values, vectors = np.linalg.eigh(closed.gaussian_kernel(x, x))
    features = np.column_stack((vectors * np.sqrt(values.clip(0)), sigma * g))
    weights, *_ = np.linalg.lstsq(features, y)
    np.testing.assert_allclose(found.expected(x), features[:, :20] @ weights[:20], atol=1e-8)
    assert found.deviation == pytest.approx(sigma * np.linalg.norm(weights[20:]), rel=1e-7)


def test_fresh_noise_inputs_scatter_as_the_closed_form_says(noisy):
    x, y, g = noisy
    found = closed.interpolation(x, y, g, 0.3)
    fresh = 0.3 * np.random.default_rng(0).standard_normal((20_000, 30))
    drawn = found.expected([0.7])[0] + fresh @ (0.3 * g.T @ found.weights)
    error = found.deviation / math.sqrt(len(drawn))
    assert drawn.mean() == pytest.approx(found.expected([0.7])[0], abs=4 * error)
    assert drawn.std() == pytest.approx(found.deviation, abs=4 * error / math.sqrt(2))


def test_without_noise_inputs_it_is_the_kernel_alone(noisy):
    x, y, g = noisy
    found = closed.interpolation(x, y, g, 0.0)
    assert found.deviation == 0
    np.testing.assert_allclose(found.expected(x), y, atol=1e-6)
    ridgeless = closed.expected_interpolation(x, y, 0.0, 30)
    assert ridgeless.deviation == 0
    np.testing.assert_array_equal(ridgeless.weights, found.weights)


@pytest.mark.parametrize(("n", "d"), [(20, 30), (20, 8), (5, 1000)])
@pytest.mark.parametrize("sigma", [1e-3, 0.05, 1.0, 1e3])
def test_the_ridge_solves_its_equation(n, d, sigma):
    kernel = closed.gaussian_kernel(*[np.linspace(-1.5, 1.5, n)] * 2, length=0.2)
    ridge = closed.effective_ridge(kernel, sigma, d)
    trace = np.trace(np.linalg.inv(kernel + ridge * np.eye(n)))
    assert ridge * (1 + sigma**2 * trace) == pytest.approx(d * sigma**2, rel=1e-8)
    assert max(0, d - n) * sigma**2 <= ridge <= d * sigma**2


def test_the_ridge_has_its_limits():
    kernel = closed.gaussian_kernel(*[np.linspace(-1.5, 1.5, 20)] * 2)
    assert closed.effective_ridge(kernel, 1e-6, 10**12) == pytest.approx(1.0, rel=1e-3)
    assert closed.effective_ridge(kernel, 0.0, 30) == 0
    assert closed.effective_ridge(kernel, 1.0, 0) == 0
    assert closed.effective_ridge(np.diag([1.0, 0.0, 0.0]), 0.5, 2) == 0
    one_more = closed.effective_ridge(np.diag([1.0, 0.0, 0.0]), 0.5, 3)
    assert one_more * (1 + 0.25 * (1 / (1 + one_more) + 2 / one_more)) == pytest.approx(0.75)


@pytest.mark.parametrize("sigma", [0.05, 0.3, 1.0])
def test_over_draws_it_is_ridge_regression_with_that_ridge(sigma, noisy):
    x, y, _ = noisy
    rng = np.random.default_rng(6)
    at = np.linspace(-1.5, 1.5, 13)
    runs = [closed.interpolation(x, y, rng.standard_normal((20, 30)), sigma) for _ in range(1000)]
    law = closed.expected_interpolation(x, y, sigma, 30)
    found = np.array([run.expected(at) for run in runs])
    mean, error = found.mean(axis=0), found.std(axis=0, ddof=1) / math.sqrt(len(runs))
    # Of 20 examples and 30 noise inputs: the law is for many, and its bias below 0.003 here.
    assert (np.abs(law.expected(at) - mean) < 4.5 * error + 0.003).all()
    squares = np.array([run.deviation**2 for run in runs])
    error = squares.std(ddof=1) / math.sqrt(len(runs))
    bias = 0.01 * squares.mean()
    assert abs(law.deviation**2 - squares.mean()) < 4.5 * error + bias
    wide = closed.gaussian_kernel(x, x) + 30 * sigma**2 * np.eye(20)
    naive = closed.gaussian_kernel(at, x) @ np.linalg.solve(wide, y)
    assert np.abs(naive - mean).max() > 0.012


def test_alone_the_noise_inputs_have_the_variance_of_averaging_exactly():
    # Points too far from each other to share a kernel, which is small against the noise inputs.
    x, y = np.linspace(0.0, 4e3, 5), np.arange(5.0)
    law = closed.expected_interpolation(x, y, 1e4, 1000)
    assert law.deviation**2 == pytest.approx(y @ y / 995, rel=1e-5)


def test_a_kernel_singular_in_double_precision_is_refused(noisy):
    x, y, g = noisy
    for solve in (
        lambda: closed.interpolation(x, y, g, 0.0, length=2.0),
        lambda: closed.expected_interpolation(x, y, 0.0, 30, length=2.0),
    ):
        with pytest.raises(SettingError) as caught:
            solve()
        assert caught.value.field == "length"
    assert closed.interpolation(x, y, g, 0.1, length=2.0).deviation > 0


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("inputs", {"inputs": [[0.0]]}),
        ("inputs", {"inputs": [0.0, math.nan]}),
        ("targets", {"targets": [1.0]}),
        ("noise", {"noise": [[1.0]]}),
        ("noise", {"noise": [[1.0], [math.inf]]}),
        ("sigma", {"sigma": -0.1}),
        ("sigma", {"sigma": math.nan}),
        ("length", {"length": 0.0}),
        ("length", {"length": True}),
    ],
)
def test_illegal_regressions_are_refused(field, change):
    arguments = {
        "inputs": [0.0, 1.0],
        "targets": [1.0, 0.0],
        "noise": [[1.0], [2.0]],
        "sigma": 0.5,
        "length": 1.0,
    }
    closed.interpolation(**arguments)
    with pytest.raises(SettingError) as caught:
        closed.interpolation(**{**arguments, **change})
    assert caught.value.field == field


def test_illegal_ridges_are_refused():
    for gram, sigma, d, field in (
        (np.zeros((2, 3)), 0.1, 3, "gram"),
        (np.eye(2), -0.1, 3, "sigma"),
        (np.eye(2), 0.1, -1, "d"),
    ):
        with pytest.raises(SettingError) as caught:
            closed.effective_ridge(gram, sigma, d)
        assert caught.value.field == field
