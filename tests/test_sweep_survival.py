"""Sweeps that are killed, run out of disk, or lose a worker: the same bytes at the end.

Each test runs the installed command in processes of its own, as its users do.
"""

import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import CancelledError
from pathlib import Path
from unittest.mock import Mock, create_autospec, patch

import pytest
from pitfalls.studies.sweeps import SweepError
from pitfalls.studies.sweeps.pools import _OnDask

TEXT = """
seed = 7
replicates = 60
block = 5
objectives = ["erm", "reweighting"]
quantities = ["accuracy", "support", "angle"]
times = [1, 20, inf]
[precision]
minority = 0.01
[setting]
n = 50
delta = 2
rho = 0.8
core_noise = 0.1
[grid]
gamma = [1, 2, 4, 8]
kappa = { from = 0.1, to = 10, points = 6 }
"""
COMMAND = (sys.executable, "-m", "pitfalls", "sweep")


def start(*arguments):
    """The command, in a process group of its own."""
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(*arguments, status=0):
    process = start(*arguments)
    out, err = process.communicate(timeout=300)
    assert process.returncode == status, err
    return out, err


def alive(group, kind=""):
    """The processes of a group that are not just waiting to be buried, of one kind of command."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, of = path.read_text().rpartition(")")[2].split()[:3]
            command = (path.parent / "cmdline").read_text()
        except OSError:
            continue
        if int(of) == group and state != "Z" and kind in command:
            found.append(int(path.parent.name))
    return found


def table(store):
    finish("export", store, "--csv", store.with_suffix(".csv"))
    return store.with_suffix(".csv").read_bytes()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The sweep file, and the table of a run in one go."""
    folder = tmp_path_factory.mktemp("survival")
    file = folder / "sweep.toml"
    file.write_text(TEXT)
    finish(file, "--store", folder / "a.db", "--workers", 1)
    return file, table(folder / "a.db")


@pytest.mark.slow
def test_twenty_kills_change_nothing(uninterrupted, tmp_path):
    file, expected = uninterrupted
    store, chance = tmp_path / "a.db", random.Random(0)
    for _ in range(20):
        process = start(file, "--store", store, "--workers", 2)
        # From before the store exists to well into the work.
        time.sleep(chance.uniform(0.3, 3.5))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    finish(file, "--store", store, "--workers", 2)
    assert table(store) == expected


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_it_cleanly(uninterrupted, number, status, tmp_path):
    file, _ = uninterrupted
    process = start(file, "--store", tmp_path / "a.db", "--workers", 2)
    while not (tmp_path / "a.db").exists():
        time.sleep(0.05)
    time.sleep(1.0)
    os.killpg(process.pid, number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == status
    assert "stopped at" in err
    assert "run the same command to go on" in err
    assert "Traceback" not in err
    for _ in range(50):
        if not alive(process.pid):
            return
        time.sleep(0.1)
    assert not alive(process.pid)


@pytest.mark.slow
def test_no_worker_hears_ctrl_c(uninterrupted, tmp_path):
    # The driver alone decides what it means: a worker that hears it dies with a traceback.
    file, expected = uninterrupted
    process = start(file, "--store", tmp_path / "a.db", "--workers", 2)
    while len(workers := alive(process.pid, "spawn_main")) < 2:
        assert process.poll() is None
        time.sleep(0.05)
    for worker in workers:
        os.kill(worker, signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (0, "")
    assert table(tmp_path / "a.db") == expected


@pytest.mark.slow
def test_of_two_drivers_one_is_refused(uninterrupted, tmp_path):
    file, expected = uninterrupted
    store = tmp_path / "a.db"
    drivers = [start(file, "--store", store, "--workers", 1) for _ in range(2)]
    ends = [(driver.communicate()[1], driver.returncode) for driver in drivers]
    assert sorted(code for _, code in ends) == [0, 2]
    assert any("another driver is writing it" in err for err, _ in ends)
    assert table(store) == expected


@pytest.mark.slow
def test_looking_does_not_disturb_a_driver(uninterrupted, tmp_path):
    file, expected = uninterrupted
    store = tmp_path / "a.db"
    driver = start(file, "--store", store, "--workers", 1)
    while driver.poll() is None:
        if store.exists():
            for what in (("status", store), ("export", store, "--csv", tmp_path / "now.csv")):
                look = start(*what)
                _, err = look.communicate()
                assert look.returncode == 0 or "is empty" in err, err
    assert driver.communicate()[1] == ""
    assert driver.returncode == 0
    assert table(store) == expected


def mounted(folder, options):
    """Whether a small file system could be mounted there."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.slow
def test_a_full_disk_loses_nothing(uninterrupted, tmp_path):
    file, expected = uninterrupted
    folder = tmp_path / "small"
    if not mounted(folder, "size=200k"):
        pytest.skip("needs the right to mount a tmpfs")
    try:
        _, err = finish(file, "--store", folder / "a.db", "--workers", 2, status=2)
        assert "full" in err
        assert "make room and run the same command again" in err
        subprocess.run(["mount", "-o", "remount,size=50m", str(folder)], check=True)
        finish(file, "--store", folder / "a.db", "--workers", 2)
        assert table(folder / "a.db") == expected
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_is_said(uninterrupted, tmp_path):
    file, _ = uninterrupted
    folder = tmp_path / "still"
    if not mounted(folder, "size=10m"):
        pytest.skip("needs the right to mount a tmpfs")
    try:
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        _, err = finish(file, "--store", folder / "a.db", status=2)
        assert "cannot be written or read: choose another" in err
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def on_dask(file, store, disturb):
    """A driver on a cluster of two workers that is disturbed in the middle: its end."""
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        driver = start(file, "--store", store, "--dask", cluster.scheduler_address)
        while not cluster.scheduler.tasks:
            assert driver.poll() is None
            time.sleep(0.1)
        time.sleep(1.0)
        disturb(cluster, client)
        _, err = driver.communicate(timeout=300)
        return driver.returncode, err


@pytest.mark.parametrize("error", [TimeoutError, ConnectionRefusedError, CancelledError])
def test_a_scheduler_that_is_gone_is_no_cells_fault(error):
    distributed = pytest.importorskip("distributed")
    client = create_autospec(distributed.Client, instance=True)
    client.nthreads.side_effect = client.submit.side_effect = error
    with patch("distributed.as_completed") as futures:
        futures.return_value.next_batch.return_value = [Mock(key="a", status="cancelled")]
        futures.return_value.next_batch.return_value[0].result.side_effect = error
        pool = _OnDask(Mock(text="", name=""), client)
        pool._jobs["a"] = (0, 0)
        for call in (pool.has_room, lambda: pool.submit((0, 1)), pool.results):
            with pytest.raises(SweepError, match="scheduler is lost"):
                call()


@pytest.mark.slow
def test_dask_gives_the_same_bytes_whatever_dies(uninterrupted, tmp_path):
    file, expected = uninterrupted
    store = tmp_path / "a.db"

    def close_everything(cluster, client):
        client.close()
        cluster.close()

    status, err = on_dask(file, store, close_everything)
    assert status == 2
    assert err.startswith("pitfalls sweep: --dask: the connection to the scheduler is lost.")
    assert err.count("\n") == 1

    def kill_a_worker(cluster, client):
        os.kill(min(client.run(os.getpid).values()), signal.SIGKILL)

    status, err = on_dask(file, store, kill_a_worker)
    assert (status, err) == (0, "")
    assert table(store) == expected
