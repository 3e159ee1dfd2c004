"""Kernels: each against its plain twin, on any number of threads, and through the disk cache."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pitfalls.sims import kernels
from pitfalls.sims.packed import PackedSymmetric, Problem
from samples import difference

# Around the boundaries of blocks of 128, rows of 8, and parts of at least 8 blocks.
SIZES = [1, 2, 7, 8, 9, 64, 127, 128, 129, 136, 255, 256, 257, 511, 512, 513, 640, 705, 1030]
MANY_PARTS = 1100
BLOCK = kernels.BLOCK


def lower_and_symmetric(n):
    """A matrix with garbage above its diagonal, and what its lower triangle means."""
    lower = np.random.default_rng(n).normal(size=(n, n))
    return lower, np.tril(lower) + np.tril(lower, -1).T


@pytest.mark.parametrize("n", SIZES)
def test_product_reads_the_lower_triangle_as_a_symmetric_matrix(n):
    lower, symmetric = lower_and_symmetric(n)
    rows = np.random.default_rng(1).normal(size=(3, n))
    for single, bound in ((False, 1e-13), (True, 3e-6)):
        with PackedSymmetric(lower, 3, single=single) as packed:
            assert difference(packed(rows), rows @ symmetric) < bound


@pytest.mark.parametrize("n", SIZES)
def test_blocks_and_their_mirror_image_make_the_matrix(n):
    lower, symmetric = lower_and_symmetric(n)
    where, bounds = kernels.layout(n)
    side = where.max() + 1
    blocks = np.full((len(where), BLOCK, BLOCK), np.nan)
    kernels.pack(lower, where, blocks)
    whole = np.zeros((BLOCK * side, BLOCK * side))
    for (i, j), block in zip(where, blocks, strict=True):
        whole[BLOCK * i : BLOCK * (i + 1), BLOCK * j : BLOCK * (j + 1)] = block
    whole += whole.T
    assert (whole[:n, :n] == symmetric).all()
    assert not whole[n:].any()
    assert not whole[:, n:].any()
    assert (bounds[0], bounds[-1]) == (0, len(where))


@given(st.integers(1, 20_000))
def test_parts_are_equal_and_as_many_as_n_alone_says(n):
    where, bounds = kernels.layout(n)
    sizes = np.diff(bounds)
    assert sizes.sum() == len(where)
    assert sizes.max() - sizes.min() <= 1
    assert len(sizes) <= 16
    assert len(sizes) == 1 or sizes.min() >= 8


@pytest.mark.parametrize("single", [False, True])
def test_any_number_of_threads_gives_the_same_bytes(single):
    lower, _ = lower_and_symmetric(MANY_PARTS)
    vectors = np.random.default_rng(2).normal(size=(40, 2, MANY_PARTS))
    results = []
    for threads in (1, 2, 3, 5):
        with PackedSymmetric(lower, 2, single=single, threads=threads) as packed:
            assert packed.threads == threads
            results.append(np.array([packed(rows) for rows in vectors]))
    assert all(result.tobytes() == results[0].tobytes() for result in results[1:])


def test_a_thread_that_never_comes_is_not_waited_for():
    lower, symmetric = lower_and_symmetric(MANY_PARTS)
    packed = PackedSymmetric(lower, 1, threads=3)
    for seed in range(3):
        rows = np.random.default_rng(seed).normal(size=(1, MANY_PARTS))
        assert difference(packed(rows), rows @ symmetric) < 1e-13


def test_threads_end_with_the_context_even_when_it_fails():
    before = threading.active_count()

    def fail():
        with PackedSymmetric(np.eye(MANY_PARTS), 1, threads=3):
            assert threading.active_count() == before + 2
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert threading.active_count() == before


def test_decay_is_the_exponential():
    x = np.concatenate((np.linspace(0, 60, 5000), np.geomspace(1e-20, 708, 2000)))
    found = np.array([kernels._decay(each) for each in x])
    assert (np.abs(found - np.exp(-x)) <= 2 * np.spacing(np.exp(-x))).all()
    assert kernels._decay(0.0) == 1
    assert kernels._decay(1e300) == kernels._decay(708.0) < 4e-308


def test_log_one_plus_is_the_logarithm():
    u = np.concatenate((np.linspace(0, 1, 5000), np.geomspace(1e-300, 1, 2000)))
    found = np.array([kernels._log_one_plus(each) for each in u])
    assert (np.abs(found - np.log1p(u)) <= 3 * np.spacing(np.log1p(u))).all()


@given(st.integers(0, 10**6))
def test_push_is_the_sigmoid_of_the_margins(seed):
    rng = np.random.default_rng(seed)
    n, k = 70, 2
    lower, symmetric = lower_and_symmetric(n)
    plane, start = rng.normal(size=(n, 2)), rng.normal(size=n)
    shift, scale, weight, rate, dual = rng.normal(size=(5, k, n))
    out = np.empty((k, n))
    with PackedSymmetric(
        lower, k, Problem(plane, start, start, start, shift, scale, weight, rate)
    ) as packed:
        kernels.push(packed.job, 1, 3.0, dual, out)
    margins = start + dual @ (symmetric + plane @ plane.T)
    assert difference(out, 3 * rate / (1 + np.exp(scale * margins + shift))) < 1e-12


def in_a_new_process(code, cache):
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "NUMBA_CACHE_DIR": str(cache)},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


DESCENT = """
from pitfalls.sims import draw, gradient_descent, kernels
from pitfalls.theory import Objective, Setting
sample = draw(Setting(720, 900, 0.8, 2.0, 0.3), 0)
for threads in (1, 2):
    run = gradient_descent(sample, Objective.erm(), 0.1, 20, threads=threads)
    print(run.loss.tobytes().hex())
"""
COMPILED = "print(sum(kernels.descend.stats.cache_misses.values()))"


@pytest.mark.slow
def test_a_second_process_compiles_nothing_and_gives_the_same_bytes(tmp_path):
    first = in_a_new_process(DESCENT + COMPILED, tmp_path).split()
    second = in_a_new_process(DESCENT + COMPILED, tmp_path).split()
    assert first[0] == first[1] == second[0] == second[1]
    assert (first[2], second[2]) == ("1", "0")


@pytest.mark.slow
def test_kernels_survive_a_first_compilation_that_was_cut_short(tmp_path):
    whole = in_a_new_process(DESCENT, tmp_path)
    # A process that is interrupted, or overtaken by another, has cached the helpers alone. What is
    # then compiled from cached helpers must run in the process that loads it, too.
    entries = list(tmp_path.rglob("kernels.descend-*"))
    assert entries
    for file in entries:
        file.unlink()
    assert in_a_new_process(DESCENT, tmp_path) == whole
    assert in_a_new_process(DESCENT, tmp_path) == whole


@pytest.mark.slow
def test_an_edited_helper_is_never_served_from_the_cache(tmp_path):
    source = Path(kernels.__file__)
    copy = tmp_path / "edited.py"
    shutil.copy(source, copy)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import numpy as np, edited\n"
        "from pitfalls.sims.packed import Problem, state_of\n"
        "one, row = np.ones(1), np.ones((1, 1))\n"
        "state = state_of(Problem(np.ones((1, 2)), one, one, one, 0 * row, row, row, row))\n"
        "edited.advance(state, 0.0, -1, *np.zeros((3, 0, 1, 6)))\n"
        "print(state[1][0, 0])\n"
    )
    cache = tmp_path / "cache"
    before = float(in_a_new_process(code, cache))
    assert abs(before - 1 / (1 + np.e)) < 1e-15
    assert float(in_a_new_process(code, cache)) == before
    text = copy.read_text(encoding="utf-8")
    edited = text.replace("x = min(x, 708.0)", "x = min(x, 0.0)")
    assert edited != text
    copy.write_text(edited, encoding="utf-8")
    assert float(in_a_new_process(code, cache)) == 0.5
