"""Newton's steps by iterations: as accurate as asked for, at the cost of few factorisations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pitfalls.sims import Sample, draw, frames, ridge_path
from pitfalls.sims.frames import frame_of
from pitfalls.sims.newton import Newton
from pitfalls.theory import Objective, Setting
from samples import array_samples, difference, model_samples, objectives, rows_of, worth

STRENGTHS = np.logspace(3, -12, 8)
KINDS = {
    "dual weights": Setting(120, 300, 0.8, 2.0, 0.2, 0.2, 0.3),
    "weights": Setting(120, 20, 0.8, 2.0, 0.2, 0.2, 0.3),
    "a triangle of weights": Setting(120, 121, 0.8, 2.0, 0.2, 0.2, 0.3),
}


@pytest.fixture(params=KINDS.values(), ids=KINDS)
def sample(request):
    return draw(request.param, 1, "explicit")


def counted(patch):
    """The curvatures of all matrices that are factorised from now on."""
    seen = []
    for kind in (frames._Dual, frames._Weights):
        plain = kind.newton

        def newton(frame, curvature, plain=plain):
            seen.append(curvature)
            return plain(frame, curvature)

        patch.setattr(kind, "newton", newton)
    return seen


def curvatures(sample, spread):
    """A curvature, and another after changes by factors between ``1/spread`` and ``spread``."""
    rng = np.random.default_rng(3)
    first = rng.uniform(0, 2, sample.n)
    return first, first * spread ** rng.uniform(-1, 1, sample.n)


@pytest.mark.parametrize("accuracy", [1e-1, 1e-4, 1e-10])
def test_a_step_is_as_accurate_as_asked_for(sample, accuracy, monkeypatch):
    worth(monkeypatch, 200)
    factorised = counted(monkeypatch)
    newton, z = Newton(frame_of(sample)), rows_of(sample)
    first, second = curvatures(sample, 10.0)
    dual = np.random.default_rng(4).normal(size=sample.n)
    nothing = newton.frame.pull(np.zeros(sample.n))
    newton.step(first, dual, nothing, accuracy)
    _, step = newton.step(second, dual, nothing, accuracy)
    assert len(factorised) == 1
    matrix = np.eye(z.shape[1]) + (z.T * second) @ z
    expected = np.linalg.solve(matrix, z.T @ dual)
    # The error in the matrix's norm; in that of the old matrix it is what was asked for.
    left = newton.frame.margins(step) - z @ expected
    error = np.sqrt(left @ (second * left)) / np.sqrt(expected @ matrix @ expected)
    assert error < 10 * accuracy
    if accuracy > 1e-2:
        assert error > 1e-6


def test_more_iterations_than_they_are_worth_end_in_a_factorisation(sample, monkeypatch):
    worth(monkeypatch, 2)
    factorised = counted(monkeypatch)
    newton = Newton(frame_of(sample))
    first, second = curvatures(sample, 10.0)
    dual, nothing = np.ones(sample.n), newton.frame.pull(np.zeros(sample.n))
    for curvature, matrices in ((first, 1), (first, 1), (second, 2), (second, 2)):
        newton.step(curvature, dual, nothing, 1e-9)
        assert len(factorised) == matrices
    assert (factorised[1] == second).all()


@pytest.mark.parametrize(("factor", "matrices"), [(1e5, 1), (1e7, 2), (1e20, 2)])
def test_what_iterations_would_lose_in_rounding_is_factorised(factor, matrices, monkeypatch):
    worth(monkeypatch, 10**4)
    factorised = counted(monkeypatch)
    sample = draw(KINDS["weights"], 1, "explicit")
    newton = Newton(frame_of(sample))
    first, _ = curvatures(sample, 1.0)
    nothing = newton.frame.pull(np.zeros(sample.n))
    for curvature in (first, factor * first):
        newton.step(curvature, np.ones(sample.n), nothing, 1e-3)
    assert len(factorised) == matrices


def test_a_frame_that_suits_badly_is_left_with_its_matrix(monkeypatch):
    worth(monkeypatch, 10)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(6, 6)))[0]
    sample = Sample.from_arrays([turn[0] + turn[1], turn[1], turn[1]], [1, 1, -1])
    newton = Newton(frame_of(sample))
    before = newton.frame
    stiff, dual = np.array([1.0, 1e20, 1e20]), np.array([3.0, 1.0, 1.0])
    x = before.pull(np.array([1.0, 0.0, 0.0]))
    newton.step(np.ones(3), dual, x, 0.1)
    assert newton.frame is before
    margins = before.margins(x)
    x, step = newton.step(stiff, dual, x, 0.1)
    assert newton.frame is not before
    assert difference(newton.frame.margins(x), margins) < 1e-14
    # (3 − 1)/(1 + 1) in the direction of the first alone, nothing where the others balance.
    assert np.abs(newton.frame.margins(step) - [1, 0, 0]).max() < 1e-14


@given(st.data())
def test_a_path_by_iterations_is_that_by_factorisations(data):
    sample = data.draw(st.one_of(model_samples(), array_samples()))
    objective = data.draw(objectives(sample))
    paths = []
    for iterations in (0, 2, 50):
        with pytest.MonkeyPatch.context() as patch:
            worth(patch, iterations)
            paths.append(ridge_path(sample, objective, STRENGTHS).coordinates)
    size = np.linalg.norm(paths[0], axis=1, keepdims=True)
    for path in paths[1:]:
        assert (np.abs(path - paths[0]) <= 1e-8 * size + 1e-11).all()


def test_few_factorisations_serve_a_path(sample, monkeypatch):
    matrices = []
    for iterations in (0, 40):
        with monkeypatch.context() as patch:
            worth(patch, iterations)
            factorised = counted(patch)
            ridge_path(sample, Objective.erm(), STRENGTHS)
            matrices.append(len(factorised))
    assert matrices[1] < matrices[0] / 4
