"""Runs a sweep into its store, and goes on where it was stopped."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ...sims.gpu import Backend, Device, chosen
from ...sims.threads import cores
from ..arguments import check_workers
from .block import Failure, Job, Result
from .document import Sweep
from .errors import StoreError, SweepError
from .pools import open_pool
from .reader import read
from .store import Store

__all__ = ["Outcome", "Stage", "sweep"]


class Stage(NamedTuple):
    """How far a sweep is.

    Attributes
    ----------
    cells, all_cells : int
    blocks, all_blocks : int
        Those that need not be computed count as done.
    replicates : int
        Computed by this driver.
    """

    cells: int
    all_cells: int
    blocks: int
    all_blocks: int
    replicates: int


@dataclass(frozen=True)
class Outcome:
    """What a driver did.

    Attributes
    ----------
    cells : int
        Of the sweep; all are finished or failed.
    replicates : int
        Computed now, those of earlier drivers not counted.
    failures : list of Failure
    versions : int
        How many different environments have computed blocks: with more than one, bytes may not be
        those of an uninterrupted run.
    """

    cells: int
    replicates: int
    failures: list[Failure]
    versions: int


def sweep(
    source: str | Path | Sweep,
    store: str | Path,
    *,
    workers: int | None = None,
    dask: str | None = None,
    backend: Backend = "cpu",
    progress: Callable[[Stage], None] = lambda stage: None,
) -> Outcome:
    """Run a sweep, or what is left of it, into its store.

    Interrupting it, however, loses the blocks that were under way; calling it again computes them
    and goes on. Cells that failed are tried again. The numbers do not depend on the workers, on
    where they ran, or on interruptions.

    Parameters
    ----------
    source : path or Sweep
        A sweep file, or the name of one that comes with the package.
    store : path
        An SQLite file; made if there is none.
    workers : int, optional
        Processes; all cores by default, and 1 computes in this process.
    dask : str, optional
        A Dask scheduler's address, or "local" for a cluster of ``workers`` on this machine.
    backend : {"cpu", "gpu", "auto"} or Device
        On a GPU many replicates are computed side by side in this process; their draws are others
        than the CPU's, equal in law, so that a store is of one backend. "auto" is the store's own,
        and for a new store the GPU where there is one; with ``dask``, the CPU.
    progress : callable
        Called with a `Stage` after each batch of results.

    Returns
    -------
    Outcome

    Raises
    ------
    SweepError
        The file is wrong, or Dask is not there.
    SettingError
        ``workers`` is not a positive integer, or ``backend`` is not one of these.
    ResourceError
        There is no GPU, and ``backend`` asks for one.
    StoreError
        The store was begun with another backend, belongs to another sweep or driver, cannot be
        written or is damaged.

    Examples
    --------
    >>> import tempfile
    >>> from .reader import parse
    >>> document = parse('''
    ... replicates = 4
    ... objectives = ["erm"]
    ... quantities = ["support"]
    ... setting = { n = 20, d = 400, rho = 0.9, gamma = 2 }
    ... grid = { sigma = [0.5, 1] }
    ... ''')
    >>> path = Path(tempfile.mkdtemp()) / "a.db"
    >>> sweep(document, path, workers=1).replicates
    8
    >>> sweep(document, path, workers=1).replicates    # nothing is left to do
    0
    """
    workers = cores() if workers is None else workers
    check_workers(workers)
    document = source if isinstance(source, Sweep) else read(source)
    if dask is not None and backend == "auto":
        backend = "cpu"
    with Store.write(Path(store), document) as kept:
        device = _device(backend, kept)
        if device is not None and dask is not None:
            raise SweepError("--dask computes on CPUs: give it without --backend gpu.")
        kept.computes_on(None if device is None else device.name)
        kept.forget_failures()
        run = _Run(document, kept)
        jobs = run.jobs()
        job = next(jobs, None)
        progress(run.stage())
        if job is not None:
            with open_pool(document, workers, dask, device) as pool:
                while job is not None or pool.busy():
                    while job is not None and pool.has_room():
                        pool.submit(job)
                        job = next(jobs, None)
                    results = pool.results()
                    kept.add(results)
                    for result in results:
                        run.finish(result)
                    progress(run.stage())
        return Outcome(document.cells, run.replicates, kept.failures(), len(kept.environments()))


def _device(backend: Backend, kept: Store) -> Device | None:
    """The GPU to compute on, or None: what is asked for must be what the store was begun with."""
    begun = kept.backend()
    if backend == "auto" and begun is not None:
        backend = begun
    device = chosen(backend)
    this: Backend = "cpu" if device is None else "gpu"
    if begun is not None and begun != this:
        raise StoreError(
            f"{kept.path}: was begun with backend {begun!r}, whose draws are others. Go on with "
            f"--backend {begun}, or give another --store."
        )
    return device


class _Run:
    """The jobs of a sweep that are left, and the count of those that are not.

    Of the cells that have begun, ``left`` are the blocks to begin and ``open`` counts those under
    way. Where a precision may stop a cell, no block begins before the one before it has been
    judged, as long as another cell has work.
    """

    def __init__(self, document: Sweep, kept: Store) -> None:
        self.document, self.kept = document, kept
        self.cells = iter(range(document.cells))
        self.left: dict[int, deque[int]] = {}
        self.open: dict[int, int] = {}
        self.failed: set[int] = set()
        self.finished = self.blocks = self.replicates = 0

    def jobs(self) -> Iterator[Job]:
        """Jobs for as long as there are any; each is chosen when it is asked for."""
        while (cell := self.choose()) is not None:
            if cell in self.failed or self.kept.is_precise(cell):
                self.blocks += len(self.left[cell])
                self.left[cell].clear()
                self.retire(cell)
                continue
            self.open[cell] += 1
            yield cell, self.left[cell].popleft()

    def choose(self) -> int | None:
        """A cell with blocks left to begin."""
        waits = bool(self.document.precision)
        ready = (cell for cell, left in self.left.items() if left)
        found = next((cell for cell in ready if not (waits and self.open[cell])), None)
        if found is None:
            found = self.begin()
        if found is None:
            found = next((cell for cell, left in self.left.items() if left), None)
        return found

    def begin(self) -> int | None:
        """The next cell that is not finished."""
        for cell in self.cells:
            done = self.kept.done(cell)
            self.blocks += len(done)
            self.left[cell] = deque(b for b in range(self.document.blocks) if b not in done)
            self.open[cell] = 0
            if self.left[cell]:
                return cell
            self.retire(cell)
        return None

    def finish(self, result: Result) -> None:
        """Count a result."""
        self.blocks += 1
        self.open[result.cell] -= 1
        if isinstance(result, Failure):
            self.failed.add(result.cell)
        else:
            self.replicates += len(result.values)
        self.retire(result.cell)

    def retire(self, cell: int) -> None:
        """Forget a cell of which nothing is left."""
        if not self.left[cell] and not self.open[cell]:
            del self.left[cell], self.open[cell]
            self.finished += 1

    def stage(self) -> Stage:
        all_cells = self.document.cells
        return Stage(
            cells=self.finished,
            all_cells=all_cells,
            blocks=self.blocks,
            all_blocks=all_cells * self.document.blocks,
            replicates=self.replicates,
        )
