"""Gram operators: one data set, three ways to compute the same products."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from samples import model_samples, rows_of


@given(st.data())
def test_every_operation_is_that_of_the_explicit_features(data):
    sample = data.draw(model_samples())
    gram = sample.gram
    z = rows_of(sample)
    explicit = z @ z.T
    dual = np.random.default_rng(data.draw(st.integers(0, 99))).normal(size=(sample.n, 3))
    size = np.abs(explicit).max() + 1e-300
    assert np.abs(gram.matrix() - explicit).max() < 1e-13 * size
    assert np.abs(gram.product(dual) - explicit @ dual).max() < 1e-11 * size
    assert np.abs(gram.product(dual[:, 0]) - explicit @ dual[:, 0]).max() < 1e-11 * size
    assert np.abs(gram.squares - explicit.diagonal()).max() < 1e-13 * size
    assert np.abs(gram.memory_squares - (z[:, 2:] ** 2).sum(axis=1)).max() < 1e-13 * size
    norm = np.linalg.norm(z[:, 2:].T @ dual[:, 0])
    assert abs(gram.memory_norm(dual[:, 0]) - norm) <= 1e-6 * np.sqrt(size)
    rows = gram.coordinates()
    assert np.abs(rows @ rows.T - explicit).max() < 1e-7 * size
