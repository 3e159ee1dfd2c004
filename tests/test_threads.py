"""Threads of BLAS and ours: held back while asked for, given back, and never in the bytes."""

import threading

import numpy as np
import pytest
from pitfalls.sims import draw, replicate, stream
from pitfalls.sims.threads import _controller, alone, cores, modest_blas, one_blas_thread
from pitfalls.theory import Setting


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
    thread = threading.Thread(target=lambda: (alone(), found.append(cores())))
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
        return np.asarray(source.memory).tobytes()

    child = stream(3, 1, 2)
    with one_blas_thread():
        here = content(child)
    assert list(replicate(content, [child], workers=1)) == [here]
