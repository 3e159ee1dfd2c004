"""Products on SciPy's BLAS against NumPy's, and the coordinates that rest on them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pitfalls.sims import blas
from pitfalls.sims.blas import column_gram, factor_solve, row_gram, symmetric_times, times
from pitfalls.sims.gram import DenseGram
from samples import array_samples, difference, model_samples

sizes = st.integers(1, 150)
seeds = st.integers(0, 10**6)


@given(sizes, st.integers(0, 20), seeds)
def test_squares_are_exactly_symmetric(n, p, seed):
    rng = np.random.default_rng(seed)
    rows, onto = rng.standard_normal((n, p)), rng.standard_normal((n, n))
    onto += onto.T
    before = onto.copy()
    for found, expected in (
        (row_gram(rows), rows @ rows.T),
        (row_gram(rows, onto), onto + rows @ rows.T),
    ):
        np.testing.assert_allclose(found, expected, atol=1e-12)
        np.testing.assert_array_equal(found, found.T)
        assert found.flags.c_contiguous
    np.testing.assert_array_equal(onto, before)


@given(sizes, st.integers(0, 150), seeds)
def test_products_are_those_of_numpy(n, p, seed):
    rng = np.random.default_rng(seed)
    rows, vector, dual = rng.standard_normal((n, p)), rng.standard_normal(p), rng.standard_normal(n)
    for matrix in (rows, np.asfortranarray(rows)):
        np.testing.assert_allclose(times(matrix, vector), rows @ vector, atol=1e-11)
        np.testing.assert_allclose(times(matrix.T, dual), rows.T @ dual, atol=1e-11)
    gram = rows @ rows.T
    np.testing.assert_allclose(symmetric_times(gram, dual), gram @ dual, atol=1e-9)


@given(sizes, st.integers(0, 150), seeds)
def test_squares_of_columns_are_exactly_symmetric(n, p, seed):
    rng = np.random.default_rng(seed)
    rows, lower = rng.standard_normal((n, p)), np.tril(rng.standard_normal((n, n)))
    for found, expected in (
        (column_gram(rows), rows.T @ rows),
        (column_gram(lower, triangular=True), lower.T @ lower),
    ):
        np.testing.assert_allclose(found, expected, atol=1e-12 * max(n, p))
        np.testing.assert_array_equal(found, found.T)


@given(st.integers(0, 60), seeds)
def test_a_factorised_matrix_is_solved_with(n, seed):
    rng = np.random.default_rng(seed)
    rows, vector = rng.standard_normal((n, n)), rng.standard_normal(n)
    matrix = rows @ rows.T + np.eye(n)
    before = vector.copy()
    factor = np.asfortranarray(np.linalg.cholesky(matrix))
    np.testing.assert_allclose(matrix @ factor_solve(factor, vector), vector, atol=1e-10)
    np.testing.assert_array_equal(vector, before)


@given(st.data())
def test_coordinates_have_the_gram_matrix(data):
    sample = data.draw(st.one_of(model_samples(), array_samples()))
    gram = sample.gram.matrix()
    rows = sample.gram.coordinates()
    assert difference(rows @ rows.T, gram) < 1e-12
    independent = (np.linalg.eigvalsh(gram) > 1e-12 * np.abs(gram).max()).sum()
    assert independent <= sample.gram.rank_bound <= sample.n


@pytest.mark.parametrize("factor", [None, np.array([[1.0], [2.0], [0.0]])])
def test_a_dense_gram_matrix_needs_no_factor(factor):
    memory = np.array([[1.0, 2.0, 0.0], [2.0, 4.0, 0.0], [0.0, 0.0, 0.0]])
    gram = DenseGram(np.zeros((3, 2)), memory, factor)
    rows = gram.coordinates()
    np.testing.assert_allclose(rows @ rows.T, memory, atol=1e-15)


def test_products_of_many_rows_in_panels_are_those_of_few(monkeypatch):
    # Several threads of OpenBLAS crash in a triangle of 20,000 rows; ours are 50 for 20,000.
    rng = np.random.default_rng(0)
    rows, onto = rng.standard_normal((50, 7)), np.eye(50)
    whole, added = row_gram(rows), row_gram(rows, onto)
    monkeypatch.setattr(blas, "SOUND", 49)
    monkeypatch.setattr(blas, "_PANEL", 16)
    assert np.abs(row_gram(rows) - whole).max() < 1e-14
    assert np.abs(row_gram(rows, onto) - added).max() < 1e-14
    assert (onto == np.eye(50)).all()
