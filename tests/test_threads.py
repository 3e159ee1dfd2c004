"""Threads of BLAS and ours: held back while asked for, given back, and never in the bytes."""

import threading
from contextlib import nullcontext

import numpy as np
import pytest
from pitfalls.sims import (
    class_subspaces,
    draw,
    gradient_descent,
    gradient_flow,
    influence,
    replicate,
    stream,
)
from pitfalls.sims.packed import PackedSymmetric
from pitfalls.sims.threads import (
    _controller,
    cores,
    keep_to_one_core,
    modest_blas,
    one_blas_thread,
)
from pitfalls.theory import Objective, Setting, SettingError


def blas_threads():
    return {library["num_threads"] for library in _controller().select(user_api="blas").info()}


@pytest.fixture
def two_threads():
    with _controller().limit(limits=2, user_api="blas"):
        assert blas_threads() == {2}
        yield


def test_one_thread_while_anyone_asks_for_it(two_threads):
    with one_blas_thread():
        with one_blas_thread():
            assert blas_threads() == {1}
        assert blas_threads() == {1}
    assert blas_threads() == {2}


def test_an_error_gives_the_threads_back(two_threads):
    def fail():
        with one_blas_thread():
            raise ArithmeticError

    with pytest.raises(ArithmeticError):
        fail()
    assert blas_threads() == {2}


def test_long_work_keeps_its_threads(two_threads):
    with modest_blas(1e6):
        assert blas_threads() == {1}
    with modest_blas(1e12):
        assert blas_threads() == {2}


def test_a_thread_that_is_alone_leaves_the_cores_to_others():
    found = []
    thread = threading.Thread(target=lambda: (keep_to_one_core(), found.append(cores())))
    thread.start()
    thread.join()
    assert found == [1]
    assert cores() >= 1
    assert list(replicate(lambda _: cores(), [stream(0, 0, 0)] * 3, workers=2)) == [1, 1, 1]


@pytest.mark.parametrize("kind", ["explicit", "gram"])
@pytest.mark.parametrize("d", [300, 900])
def test_a_draw_has_the_same_bytes_on_one_core_and_on_all(kind, d):
    setting = Setting(500, d, 0.8, 2.0, 0.3)

    def content(seed):
        source = draw(setting, seed, kind).source
        return (source.memory if kind == "explicit" else source.memory_gram).tobytes()

    child = stream(3, 1, 2)
    with one_blas_thread():
        here = content(child)
    assert list(replicate(content, [child], workers=1)) == [here]


ERM, SMALL = Objective.erm(), draw(Setting(12, 3, 0.5, 2.0, 1.0), 0, "explicit")
TAKE_THREADS = {
    "descent": lambda n: gradient_descent(SMALL, ERM, 0.1, 2, threads=n).coordinates,
    "flow": lambda n: gradient_flow(SMALL, ERM, [1.0], threads=n).coordinates,
    "influence": lambda n: influence(SMALL, times=1.0, threads=n).matrix,
}


@pytest.mark.parametrize("solver", TAKE_THREADS)
def test_a_number_of_threads_is_checked_whatever_the_sample_is(solver):
    assert (TAKE_THREADS[solver](np.int64(1)) == TAKE_THREADS[solver](None)).all()
    for illegal in (0, -1, 1.5, True):
        with pytest.raises(SettingError, match="threads"):
            TAKE_THREADS[solver](illegal)


def test_numpys_integers_are_numbers_of_threads():
    with PackedSymmetric(np.eye(3), 1, threads=np.int64(2)) as packed:
        assert packed(np.ones((1, 3))).tolist() == [[1.0, 1.0, 1.0]]


def test_helpers_end_where_a_later_one_cannot_start(monkeypatch):
    begun, start = [], threading.Thread.start

    def only_one(thread):
        if begun:
            raise RuntimeError("can't start new thread")
        begun.append(thread)
        start(thread)

    matrix = np.eye(3000)
    monkeypatch.setattr(threading.Thread, "start", only_one)
    with PackedSymmetric(matrix, 1, threads=4) as packed:
        assert (packed(np.ones((1, 3000))) == 1).all()
    assert len(begun) == 1
    assert not begun[0].is_alive()


def test_subspaces_of_many_features_may_have_all_cores(monkeypatch):
    asked = []

    def note(operations):
        asked.append(operations)
        return nullcontext()

    monkeypatch.setattr("pitfalls.sims.readout.modest_blas", note)
    class_subspaces(SMALL, dimension=1)
    assert asked == [12 * 6 * 6]
