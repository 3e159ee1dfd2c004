"""Hypothesis profiles and the fixtures shared by all tests."""

import os
import signal
from contextlib import contextmanager

# Before anything here imports NumPy, whose BLAS reads it once: where each of several workers has a
# BLAS of all cores, their idle threads spin in each other's way, and a test takes fifty times as
# long. A test of what threads do sets their number itself.
if _workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
    _each = max(1, (os.cpu_count() or 1) // int(_workers))
    os.environ.setdefault("OPENBLAS_NUM_THREADS", str(_each))

import pytest
from hypothesis import Phase, settings

# Derandomised, so that a red test is red for everyone; the thorough profile only searches longer.
settings.register_profile("quick", max_examples=25, deadline=None, derandomize=True)
settings.register_profile("thorough", max_examples=300, deadline=None, derandomize=True)
# For code that is meant to fail: the first failure will do, no smaller one is looked for.
settings.register_profile(
    "mutated", max_examples=25, deadline=None, derandomize=True, phases=[Phase.generate]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


# Where a shell runs the tests in its background they inherit that Ctrl-C is ignored.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def time_limit():
    """A context that fails instead of waiting for a solver that never returns."""

    @contextmanager
    def within(seconds):
        def give_up(*_):
            pytest.fail(f"no answer within {seconds} s")

        previous = signal.signal(signal.SIGALRM, give_up)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, previous)

    return within
