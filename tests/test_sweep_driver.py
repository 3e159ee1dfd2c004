"""The driver: the same table out of every number of workers, interruption and death."""

import csv
import math
import multiprocessing
import os
import signal
import threading
import time

import numpy as np
import pytest
from pitfalls.studies import sweeps
from pitfalls.studies.sweeps import pools
from pitfalls.studies.sweeps.block import compute
from pitfalls.studies.sweeps.store import Store
from pitfalls.studies.sweeps.table import rows
from pitfalls.theory import SettingError

TEXT = """
seed = 5
replicates = 40
block = 5
objectives = ["erm", "reweighting"]
quantities = ["minority", "support"]
times = [1, inf]
[setting]
n = 30
delta = 3
rho = 0.8
gamma = 3
[grid]
kappa = [0.2, 1, 5]
core_noise = [0, 0.2]
"""
PRECISE = TEXT + "[precision]\nminority = 0.02\n"


def table(store, tmp_path, **options):
    sweeps.export(store, csv=tmp_path / "table.csv", **options)
    return (tmp_path / "table.csv").read_bytes()


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(TEXT, id="all", marks=pytest.mark.slow),
        pytest.param(PRECISE, id="precise"),
    ],
)
def uninterrupted(request, tmp_path_factory):
    """A sweep, and its tables from one process in one go."""
    folder = tmp_path_factory.mktemp("sweep")
    document = sweeps.parse(request.param, "a.toml")
    outcome = sweeps.sweep(document, folder / "a.db", workers=1)
    assert not outcome.failures
    tables = table(folder / "a.db", folder), table(folder / "a.db", folder, raw=True)
    return document, *tables


@pytest.mark.parametrize("workers", [2, pytest.param(8, marks=pytest.mark.slow)])
def test_bytes_do_not_depend_on_the_workers(uninterrupted, workers, tmp_path):
    document, expected, raw = uninterrupted
    sweeps.sweep(document, tmp_path / "a.db", workers=workers)
    assert table(tmp_path / "a.db", tmp_path) == expected
    assert table(tmp_path / "a.db", tmp_path, raw=True) == raw


@pytest.mark.parametrize("after", [0, 1, 2, 7])
def test_an_interrupted_sweep_goes_on_where_it_was(uninterrupted, after, tmp_path, monkeypatch):
    document, expected, _ = uninterrupted
    done, stops = [], 0

    def interrupting(sweep, cell, block):
        if len(done) == after:
            raise KeyboardInterrupt
        done.append((cell, block))
        return compute(sweep, cell, block)

    while True:
        monkeypatch.setattr(pools, "compute", interrupting if stops < 3 else compute)
        try:
            sweeps.sweep(document, tmp_path / "a.db", workers=1)
            break
        except KeyboardInterrupt:
            stops, done[:] = stops + 1, []
    assert stops == 3
    assert table(tmp_path / "a.db", tmp_path) == expected


def test_a_worker_that_dies_is_replaced(uninterrupted, tmp_path):
    document, expected, _ = uninterrupted
    killed = []

    def assassin():
        """Kill a worker, and once it has been replaced another."""
        while len(killed) < 2:
            time.sleep(0.5)
            children = [child.pid for child in multiprocessing.active_children()]
            if children:
                killed.append(max(children))
                os.kill(killed[-1], signal.SIGKILL)

    thread = threading.Thread(target=assassin, daemon=True)
    thread.start()
    outcome = sweeps.sweep(document, tmp_path / "a.db", workers=2)
    thread.join(timeout=0)
    assert killed
    assert not outcome.failures
    assert table(tmp_path / "a.db", tmp_path) == expected


@pytest.mark.slow
def test_a_block_that_kills_its_workers_is_given_up(tmp_path, monkeypatch):
    document, pools_made = sweeps.parse(TEXT), []
    init, wait = pools._Processes.__init__, pools.connection.wait

    def remembered(self, *arguments):
        init(self, *arguments)
        pools_made.append(self)

    def after_killing_who_is_at_cell_1(pipes):
        for worker in pools_made[-1]._workers:
            if worker.jobs and worker.jobs[0][0] == 1:
                worker.process.kill()
                worker.process.join()
        return wait(pipes)

    monkeypatch.setattr(pools._Processes, "__init__", remembered)
    monkeypatch.setattr(pools.connection, "wait", after_killing_who_is_at_cell_1)
    outcome = sweeps.sweep(document, tmp_path / "a.db", workers=2)
    assert {failure.cell for failure in outcome.failures} == {1}
    assert "its worker died 3 times" in outcome.failures[0].error
    assert sweeps.status(tmp_path / "a.db").cells == document.cells - 1


def test_a_cell_that_fails_is_recorded_and_the_others_go_on(tmp_path):
    text = TEXT.replace('"erm", "reweighting"', '"curing-scale"')
    text = text.replace("kappa = [0.2, 1, 5]", "rho = [0.8, 1]").replace(
        "rho = 0.8\n", "kappa = 1\n"
    )
    document = sweeps.parse(text)
    for _ in range(2):
        outcome = sweeps.sweep(document, tmp_path / "a.db", workers=1)
        assert [failure.cell for failure in outcome.failures] == [2, 3]
        assert "both non-empty" in outcome.failures[0].error
    status = sweeps.status(tmp_path / "a.db")
    assert (status.cells, len(status.failures), status.finished) == (2, 2, False)


def test_failed_cells_are_tried_again(tmp_path, monkeypatch):
    document = sweeps.parse(TEXT)

    def failing(sweep, cell, block):
        if cell == 4:
            raise MemoryError("none left")
        return compute(sweep, cell, block)

    monkeypatch.setattr(pools, "compute", failing)
    outcome = sweeps.sweep(document, tmp_path / "a.db", workers=1)
    assert [(f.cell, f.error) for f in outcome.failures] == [(4, "MemoryError: none left")]
    monkeypatch.undo()
    assert not sweeps.sweep(document, tmp_path / "a.db", workers=1).failures
    assert sweeps.status(tmp_path / "a.db").finished


def test_progress_counts_everything_once(tmp_path):
    for text in (TEXT, PRECISE):
        seen = []
        document = sweeps.parse(text)
        path = tmp_path / f"{document.digest}.db"
        outcome = sweeps.sweep(document, path, workers=1, progress=seen.append)
        assert [now.blocks for now in seen] == sorted(now.blocks for now in seen)
        last = seen[-1]
        assert (last.cells, last.blocks) == (document.cells, last.all_blocks)
        assert last.replicates == outcome.replicates
        again = []
        sweeps.sweep(document, path, workers=1, progress=again.append)
        assert again[-1][:4] == last[:4]
        assert again[-1].replicates == 0


def test_precision_spares_replicates_and_is_met(tmp_path):
    document = sweeps.parse(PRECISE)
    outcome = sweeps.sweep(document, tmp_path / "a.db", workers=1)
    assert outcome.replicates < 0.8 * document.cells * document.replicates
    with Store.read(tmp_path / "a.db") as store:
        judged = [row for row in rows(store) if row["quantity"] == "minority"]
    assert len(judged) == 6 * 2 * 2
    for row in judged:
        assert row["standard_error"] <= 0.02 or row["replicates"] == 40


def test_the_table_is_that_of_the_replicates(uninterrupted, tmp_path):
    document, expected, raw = uninterrupted
    found = list(csv.DictReader(expected.decode().splitlines()))
    replicates = list(csv.DictReader(raw.decode().splitlines()))
    assert len(found) == document.cells * len(document.columns)
    for row in found:
        time = "" if row["time"] == "" else f" t={float(row['time']):g}"
        name = f"{row['objective']} {row['quantity']}{time}"
        values = np.array([float(r[name]) for r in replicates if r["cell"] == row["cell"]])
        assert int(row["replicates"]) == int(row["values"]) == len(values)
        assert float(row["mean"]) == pytest.approx(values.mean(), rel=1e-12)
        error = values.std(ddof=1) / math.sqrt(len(values))
        assert float(row["standard_error"]) == pytest.approx(error, rel=1e-9, abs=1e-16)
        assert float(row["median"]) == pytest.approx(np.median(values), rel=1e-12)
        assert float(row["q95"]) == pytest.approx(np.quantile(values, 0.95), rel=1e-12)
        setting = document.setting(int(row["cell"]))
        assert float(row["sigma"]) == setting.sigma
        assert float(row["kappa"]) == document.values(int(row["cell"]))["kappa"]


def test_simulation_and_theory_agree_in_the_table(tmp_path):
    """P9's column beside the mean, at n = 300, where the bias of 1/n is below the error."""
    document = sweeps.parse(
        """
        seed = 2
        replicates = 60
        objectives = ["erm"]
        quantities = ["max_margin", "support"]
        setting = { n = 300, rho = 0.9, gamma = 5, core_noise = 0.12, spurious_noise = 0.12 }
        grid = { delta = [1.8, 10], kappa_ratio = [0.7, 2] }
        """
    )
    sweeps.sweep(document, tmp_path / "a.db", workers=2)
    with Store.read(tmp_path / "a.db") as store:
        found = list(rows(store))
    agreements = sweeps.agreement(tmp_path / "a.db")
    names = {(row["objective"], row["quantity"]) for row in found}
    assert len(agreements) == 2 * len(names) == 8
    for each in agreements:
        column = (each.column.objective, each.column.quantity)
        own = [r for r in found if (r["objective"], r["quantity"]) == column]
        off = np.array([row["mean"] - row[each.kind] for row in own])
        z = off / [row["standard_error"] for row in own]
        assert each.cells == each.scored == len(own) == 4
        assert each.median == pytest.approx(np.median(np.abs(off)), rel=1e-12)
        assert each.largest == np.abs(off).max()
        assert each.z_mean == pytest.approx(z.mean(), rel=1e-12)
        assert each.z_deviation == pytest.approx(z.std(), rel=1e-12)
        assert each.z_largest == pytest.approx(np.abs(z).max(), rel=1e-12)
        if each.kind == "proportional":
            assert each.z_largest < 4
    assert max(each.z_largest for each in agreements if each.kind == "orthogonal") > 20


def test_an_estimate_is_near_what_the_sweep_takes(tmp_path):
    document = sweeps.parse(TEXT.replace("n = 30", "n = 60"))
    told = sweeps.estimate(document)
    begun = time.process_time()
    sweeps.sweep(document, tmp_path / "a.db", workers=1)
    taken = time.process_time() - begun
    assert (told.cells, told.replicates) == (document.cells, document.cells * document.replicates)
    # Whatever else this machine does meanwhile.
    assert 0.1 < told.seconds / taken < 10
    # A store begins with some pages of SQLite's own.
    assert 0.2 < told.store_bytes / (tmp_path / "a.db").stat().st_size < 2
    assert told.tried < told.replicates / 2


def test_other_versions_are_told(tmp_path, monkeypatch):
    from pitfalls.studies.sweeps import store as store_module

    document = sweeps.parse(TEXT)
    sweeps.sweep(document, tmp_path / "a.db", workers=1)
    with Store.write(tmp_path / "a.db", document) as store:
        store._connection.execute("DELETE FROM blocks WHERE cell = 2")
        store._connection.commit()
    monkeypatch.setattr(store_module, "version", lambda name: "0.0")
    assert sweeps.sweep(document, tmp_path / "a.db", workers=1).versions == 2
    assert [each["numpy"] for each in sweeps.status(tmp_path / "a.db").environments][1] == "0.0"


@pytest.mark.parametrize("workers", [0, -1, 1.5, "2", True])
def test_workers_are_at_least_one(workers, tmp_path):
    with pytest.raises(SettingError) as refused:
        sweeps.sweep(sweeps.parse(TEXT), tmp_path / "a.db", workers=workers)
    assert refused.value.field == "workers"
    assert not list(tmp_path.iterdir())
