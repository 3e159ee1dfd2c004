"""Replicates: in order, to the same bytes for any number of workers, and stopped by an error."""

import threading
import time

import numpy as np
import pytest
from pitfalls.sims import draw, max_margin, replicate, stream
from pitfalls.theory import Setting, SettingError
from threadpoolctl import threadpool_info

SETTING = Setting(60, 200, 0.8, 2.0, 0.3, core_noise=0.2)


def solve(seed):
    solution = max_margin(draw(SETTING, seed))
    return np.append(solution.coordinates, solution.dual).tobytes()


def test_any_number_of_workers_gives_the_same_bytes():
    streams = [stream(3, 1, i) for i in range(12)]
    alone = list(replicate(solve, streams, workers=1))
    assert len(set(alone)) == 12
    for workers in (2, 4, None):
        assert list(replicate(solve, streams, workers=workers)) == alone


def test_results_come_in_the_order_of_the_streams():
    def slow_first(seed):
        time.sleep(0.02 * (seed.spawn_key[1] == 0))
        return seed.spawn_key[1]

    streams = [stream(0, 0, i) for i in range(8)]
    assert list(replicate(slow_first, streams, workers=4)) == list(range(8))


def test_no_streams_give_no_results():
    assert list(replicate(solve, [])) == []


def test_an_error_reaches_the_caller_and_stops_what_has_not_begun():
    begun = []

    def fail_at_two(seed):
        begun.append(seed.spawn_key[1])
        if seed.spawn_key[1] == 2:
            raise ArithmeticError("two")
        time.sleep(0.01)
        return seed.spawn_key[1]

    results = replicate(fail_at_two, [stream(0, 0, i) for i in range(200)], workers=2)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ArithmeticError, match="two"):
        next(results)
    assert len(begun) < 50


def test_closing_the_iterator_stops_what_has_not_begun():
    begun = []

    def note(seed):
        begun.append(seed.spawn_key[1])
        time.sleep(0.01)

    results = replicate(note, [stream(0, 0, i) for i in range(200)], workers=2)
    next(results)
    results.close()
    count = len(begun)
    time.sleep(0.05)
    assert count == len(begun) < 50


def test_work_runs_beside_the_caller_with_blas_on_one_thread():
    def inside(seed):
        pools = threadpool_info()
        sizes = [pool["num_threads"] for pool in pools if pool["user_api"] == "blas"]
        return threading.get_ident(), sizes

    for thread, sizes in replicate(inside, [stream(0, 0, i) for i in range(3)], workers=2):
        assert thread != threading.get_ident()
        assert set(sizes) == {1}


def test_streams_differ_in_every_part_of_their_name():
    names = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    states = {stream(*name).generate_state(4).tobytes() for name in names}
    assert len(states) == 4
    assert stream(5, 2, 3).generate_state(4).tolist() == stream(5, 2, 3).generate_state(4).tolist()


@pytest.mark.parametrize("workers", [0, -1, 1.5, True])
def test_an_illegal_number_of_workers_is_refused_at_once(workers):
    with pytest.raises(SettingError, match="workers"):
        replicate(np.sum, [stream(0, 0, 0)], workers=workers)
