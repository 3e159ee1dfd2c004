"""Where blocks are computed: in this process, in processes of this machine, or on Dask.

A pool takes jobs while it has room, and gives results in whatever order they are ready. A worker
that dies loses its job only: another begins it again, up to three times.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from functools import lru_cache, partial
from multiprocessing import connection, resource_tracker
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

from ...sims.gpu import Device
from .block import Failure, Job, Result, compute
from .document import Sweep
from .errors import SweepError
from .on_device import attempt_all
from .reader import parse

__all__ = ["Pool", "open_pool"]

_ATTEMPTS = 3
_QUEUE = 2
"""Jobs a worker is given at once: it need not wait for the driver between two."""
_WAVES = 16
"""Replicates for each multiprocessor of a GPU at once: what an interruption can lose."""


class Pool(Protocol):
    """What the driver needs of a pool."""

    def has_room(self) -> bool:
        """Whether it takes another job now."""
        ...

    def submit(self, job: Job) -> None:
        """Begin a job, (cell, block)."""
        ...

    def results(self) -> list[Result]:
        """Wait until some jobs are done, and give all that are."""
        ...

    def busy(self) -> bool:
        """Whether a job is under way."""
        ...


def attempt(sweep: Sweep, job: Job) -> Result:
    """A job's result, or why there is none.

    Examples
    --------
    >>> sweep = parse('''
    ... replicates = 3
    ... objectives = ["curing-scale"]
    ... quantities = ["support"]
    ... setting = { n = 20, d = 40, rho = 1, gamma = 2, sigma = 1 }
    ... ''')
    >>> attempt(sweep, (0, 0)).error[:12]
    'SettingError'
    """
    try:
        return compute(sweep, *job)
    except Exception as error:
        # Whatever it is, it is this cell's: the other cells go on.
        return Failure.of(job, error)


class _Here:
    """Jobs one after the other, in this process.

    Examples
    --------
    >>> _Here(None).busy()
    False
    """

    def __init__(self, sweep: Sweep) -> None:
        self._sweep, self._jobs = sweep, deque[Job]()

    def has_room(self) -> bool:
        return not self._jobs

    def busy(self) -> bool:
        return bool(self._jobs)

    def submit(self, job: Job) -> None:
        self._jobs.append(job)

    def results(self) -> list[Result]:
        return [attempt(self._sweep, self._jobs.popleft())]


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Processes started meanwhile do not hear Ctrl-C: the driver decides what it means.

    Ctrl-C reaches the whole group; if it comes meanwhile, the driver hears it at the end.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # The first process starts the tracker, which ends with SIGINT unblocked: start it before.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(pipe: connection.Connection, text: str, name: str) -> None:
    """A worker process: jobs in, results out, until the driver is gone."""
    sweep = parse(text, name, trusted=True)
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            pipe.send(attempt(sweep, pipe.recv()))


class _Worker:
    """A process, its pipe, and its jobs: the one it is at, and the next."""

    def __init__(self, sweep: Sweep) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(
            target=_serve, args=(theirs, sweep.text, sweep.name), daemon=True
        )
        with _deaf_children():
            self.process.start()
        theirs.close()
        self.jobs = deque[Job]()

    def begin(self, job: Job) -> None:
        self.jobs.append(job)
        with suppress(BrokenPipeError):  # it is dead: `results` will see that
            self.pipe.send(job)

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


class _Processes:
    """Jobs in processes of this machine.

    Parameters
    ----------
    sweep : Sweep
    workers : int
    """

    def __init__(self, sweep: Sweep, workers: int) -> None:
        self._sweep = sweep
        self._workers = [_Worker(sweep) for _ in range(workers)]
        self._deaths: dict[Job, int] = {}

    def has_room(self) -> bool:
        return any(len(worker.jobs) < _QUEUE for worker in self._workers)

    def busy(self) -> bool:
        return any(worker.jobs for worker in self._workers)

    def submit(self, job: Job) -> None:
        min(self._workers, key=lambda worker: len(worker.jobs)).begin(job)

    def results(self) -> list[Result]:
        found: list[Result] = []
        while not found:
            busy = [worker for worker in self._workers if worker.jobs]
            # The pipe of a dead process is at its end, which makes it ready.
            ready = connection.wait([worker.pipe for worker in busy])
            for worker in busy:
                if worker.pipe not in ready:
                    continue
                try:
                    found.append(worker.pipe.recv())
                    worker.jobs.popleft()
                except (EOFError, OSError):  # at its end, perhaps in the middle of a message
                    found += self._bury(worker)
        return found

    def _bury(self, dead: _Worker) -> list[Result]:
        """Replace a dead worker; its jobs go to the new one, or the one it was at is given up."""
        dead.process.join()
        code = dead.process.exitcode
        dead.pipe.close()
        fresh = self._workers[self._workers.index(dead)] = _Worker(self._sweep)
        fatal = dead.jobs[0]
        self._deaths[fatal] = self._deaths.get(fatal, 0) + 1
        given_up = self._deaths[fatal] >= _ATTEMPTS
        for job in dead.jobs:
            if not (given_up and job == fatal):
                fresh.begin(job)
        if not given_up:
            return []
        return [Failure(*fatal, f"its worker died {_ATTEMPTS} times (exit status {code})")]

    def close(self) -> None:
        for worker in self._workers:
            worker.stop()


class _OnDevice:
    """Jobs on a GPU, many together.

    Parameters
    ----------
    sweep : Sweep
    device : Device
    """

    def __init__(self, sweep: Sweep, device: Device) -> None:
        self._sweep, self._device = sweep, device
        self._jobs = deque[Job]()
        self._most = max(1, _WAVES * device.processors // sweep.block)

    def has_room(self) -> bool:
        return len(self._jobs) < self._most

    def busy(self) -> bool:
        return bool(self._jobs)

    def submit(self, job: Job) -> None:
        self._jobs.append(job)

    def results(self) -> list[Result]:
        jobs = list(self._jobs)
        self._jobs.clear()
        return [*attempt_all(self._sweep, self._device, jobs)]


_trusted = lru_cache(maxsize=4)(partial(parse, trusted=True))


def _on_dask(text: str, name: str, job: Job) -> Result:
    return attempt(_trusted(text, name), job)


@contextmanager
def _connected() -> Iterator[None]:
    """What Dask raises once the scheduler is gone, as a SweepError.

    Examples
    --------
    >>> with _connected():
    ...     raise TimeoutError
    Traceback (most recent call last):
        ...
    pitfalls.studies.sweeps.errors.SweepError: --dask: the connection to the scheduler is lost. ...
    """
    try:
        yield
    except (CancelledError, OSError) as error:
        raise SweepError(
            "--dask: the connection to the scheduler is lost. What was finished is kept: run the "
            "same command again when it is back."
        ) from error


class _OnDask:
    """Jobs on a Dask cluster.

    Parameters
    ----------
    sweep : Sweep
    client : distributed.Client
    """

    def __init__(self, sweep: Sweep, client: Any) -> None:
        from distributed import as_completed

        self._sweep, self._client = sweep, client
        self._futures = as_completed(loop=client.loop, with_results=False)
        self._jobs: dict[str, Job] = {}

    @_connected()
    def has_room(self) -> bool:
        threads: int = sum(self._client.nthreads().values())
        return len(self._jobs) < _QUEUE * max(1, threads)

    def busy(self) -> bool:
        return bool(self._jobs)

    @_connected()
    def submit(self, job: Job) -> None:
        future = self._client.submit(
            _on_dask, self._sweep.text, self._sweep.name, job, pure=False, retries=_ATTEMPTS - 1
        )
        self._jobs[future.key] = job
        self._futures.add(future)

    @_connected()
    def results(self) -> list[Result]:
        found: list[Result] = []
        for future in self._futures.next_batch(block=True):
            job = self._jobs.pop(future.key)
            try:
                found.append(future.result())
            except Exception as error:
                # "error" is the job's: its worker died too often, or cannot run it.
                if future.status != "error":
                    raise
                found.append(Failure(*job, f"{type(error).__name__}: {error}"))
        return found


@contextmanager
def open_pool(
    sweep: Sweep, workers: int, dask: str | None, device: Device | None = None
) -> Iterator[Pool]:
    """A pool for a sweep, closed with its workers at the end.

    Parameters
    ----------
    sweep : Sweep
    workers : int
        Processes; 1 computes in this one.
    dask : str or None
        A scheduler's address, or "local" for a cluster of ``workers`` on this machine.
    device : Device, optional
        A GPU, which takes all jobs from this process.

    Raises
    ------
    SweepError
        Dask is not installed, or its scheduler does not answer.

    Examples
    --------
    >>> with open_pool(None, 1, None) as pool:
    ...     type(pool).__name__
    '_Here'
    """
    if device is not None:
        yield _OnDevice(sweep, device)
        return
    if dask is not None:
        with _client(dask, workers) as client:
            yield _OnDask(sweep, client)
        return
    if workers == 1:
        yield _Here(sweep)
        return
    pool = _Processes(sweep, workers)
    try:
        yield pool
    finally:
        pool.close()


@contextmanager
def _client(address: str, workers: int) -> Iterator[Any]:
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise SweepError("--dask needs Dask: pip install 'pitfalls[dask]'.") from None
    if address != "local":
        try:
            remote = Client(address, timeout=10, set_as_default=False)
        except (OSError, ValueError) as error:
            raise SweepError(
                f"--dask {address}: no scheduler answers there ({error}). Give its address, as "
                "tcp://host:8786, or local."
            ) from None
        with remote:
            yield remote
        return
    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client
