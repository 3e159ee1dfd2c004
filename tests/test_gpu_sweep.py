"""Sweeps on a device: the CPU's numbers on the same draws, its law on others, one store each."""

import warnings

import numpy as np
import pytest
from host_device import COMPILER, NO_COMPILER, HostDevice
from pitfalls.cli import main
from pitfalls.sims import gpu, stream
from pitfalls.studies import sweeps
from pitfalls.studies.sweeps.block import Failure, Run, compute
from pitfalls.studies.sweeps.errors import StoreError, SweepError
from pitfalls.studies.sweeps.on_device import attempt_all
from pitfalls.studies.sweeps.store import Store
from pitfalls.theory import PitfallsError
from samples import z_scores

HEAD = """
replicates = 4
block = 2
objectives = ["erm", "logit-shifting"]
"""
EVERYTHING = """
quantities = ["accuracy", "train_accuracy", "weights", "angle", "max_margin", "support",
              "separable", "crossing", "memorization"]
times = [1, 20, inf]
"""
BASIC = """
quantities = ["minority", "spurious", "support"]
times = [2, inf]
"""


@pytest.fixture(scope="module")
def device():
    if COMPILER is None:
        pytest.skip(NO_COMPILER)
    return HostDevice()


SETTING = {"n": 24, "delta": 2, "rho": 0.75, "gamma": 3, "sigma": 0.5}


def document(*parts, **grid):
    """A sweep file; what is in the grid is not in the setting."""
    setting = ", ".join(f"{key} = {value}" for key, value in SETTING.items() if key not in grid)
    axes = ", ".join(f"{key} = {values}" for key, values in grid.items())
    last = [f"grid = {{ {axes} }}"] if grid else []
    return sweeps.parse("\n".join((HEAD, *parts, f"setting = {{ {setting} }}", *last)))


def every_job(sweep):
    return [(cell, block) for cell in range(sweep.cells) for block in range(sweep.blocks)]


def numbers(store):
    with Store.read(store) as kept:
        return [kept.prefix(cell) for cell in range(kept.sweep.cells)]


@pytest.mark.parametrize(
    "sweep",
    [
        document(EVERYTHING, n=[24, 9]),
        document(EVERYTHING, "learning_rate = 0.5"),
        document(BASIC, 'kind = "explicit"', delta=[1.5, 3]),
        document(BASIC, label_noise=[0, 0.25], delta=[0.3, 2]),
    ],
    ids=["flow", "descent", "explicit", "inseparable"],
)
def test_a_replicates_numbers_are_the_cpus_on_the_same_draw(device, sweep):
    jobs = every_job(sweep)
    for (cell, block), found in zip(jobs, attempt_all(sweep, device, jobs), strict=True):
        assert (found.cell, found.index) == (cell, block)
        assert (found.predictions is not None) == (block == 0)
        setting = sweep.setting(cell)
        objectives = {name: sweep.objective(name, setting) for name in sweep.objectives}
        for replicate, row in zip(range(*sweep.bounds(block)), found.values, strict=True):
            seed = stream(sweep.seed, cell, replicate)
            kind = "explicit" if sweep.kind == "explicit" else "gram"
            sample = gpu.Batch.draw(device, [setting], [seed], kind).sample(0)
            run = Run(sweep, setting, seed, objectives, sample)
            expected = np.array([run.number(column) for column in sweep.columns])
            assert np.allclose(row, expected, rtol=1e-6, atol=1e-7, equal_nan=True)


@pytest.mark.slow
def test_the_law_is_the_cpus(device):
    text = HEAD.replace("replicates = 4", "replicates = 60").replace("block = 2", "block = 30")
    sweep = sweeps.parse(
        text + BASIC + "setting = { n = 12, d = 30, rho = 0.75, gamma = 3, sigma = 0.5 }"
    )
    jobs = every_job(sweep)
    theirs = np.vstack([block.values for block in attempt_all(sweep, device, jobs)])
    ours = np.vstack([compute(sweep, *job).values for job in jobs])
    assert (theirs != ours).any(axis=1).all()
    assert np.abs(z_scores(ours, theirs)).max() < 4.0


@pytest.mark.slow
def test_no_byte_depends_on_who_is_beside_a_replicate(device, tmp_path):
    sweep = document(BASIC, sigma=[0.4, 0.8, 1.6])
    found = []
    for processors in (1, 100):
        path = tmp_path / f"{processors}.db"
        sweeps.sweep(sweep, path, backend=HostDevice(processors=processors, free=2e5))
        found.append(numbers(path))
    # Stopped after the first batch, and gone on with.
    path = tmp_path / "stopped.db"

    def stop(progress):
        if progress.blocks:
            raise KeyboardInterrupt

    small = HostDevice(processors=1)
    small.processors = 1 / 8
    with pytest.raises(KeyboardInterrupt):
        sweeps.sweep(sweep, path, backend=small, progress=stop)
    assert 0 < sum(map(len, numbers(path))) < 12
    sweeps.sweep(sweep, path, backend=device)
    found.append(numbers(path))
    for other in found[1:]:
        assert all((a == b).all() for a, b in zip(found[0], other, strict=True))


def test_a_store_is_of_one_backend(device, tmp_path):
    sweep = document(BASIC)
    for first, second, word in ((device, "cpu", "gpu"), ("cpu", device, "cpu")):
        path = tmp_path / f"{word}.db"
        sweeps.sweep(sweep, path, workers=1, backend=first)
        before = numbers(path)
        with pytest.raises(StoreError, match=f"begun with backend '{word}'.*--backend {word}"):
            sweeps.sweep(sweep, path, workers=1, backend=second)
        assert all((a == b).all() for a, b in zip(before, numbers(path), strict=True))
    # A CPU's store goes on there, whatever devices there are.
    assert sweeps.sweep(sweep, tmp_path / "cpu.db", workers=1, backend="auto").replicates == 0
    with Store.read(tmp_path / "gpu.db") as kept:
        assert [each.get("gpu") for each in kept.environments()] == ["the host"]


def test_a_cell_that_cannot_be_computed_fails_alone(device):
    text = HEAD.replace('"logit-shifting"', '"curing-scale"') + BASIC
    sweep = sweeps.parse(
        text + "setting = { n = 20, d = 40, gamma = 2, sigma = 1 }\ngrid = { rho = [1, 0.8] }"
    )
    found = attempt_all(sweep, device, every_job(sweep))
    assert [type(each) for each in found[:2]] == [Failure, Failure]
    assert "SettingError" in found[0].error
    assert all(np.isfinite(each.values).all() for each in found[2:])


def test_what_does_not_suit_a_device_is_computed_on_the_cpu(device):
    sweep = document(BASIC, sigma=[0, 0.5])
    job = (0, 1)
    assert (attempt_all(sweep, device, [job])[0].values == compute(sweep, *job).values).all()
    limit = document(BASIC, 'kind = "orthogonal"')
    assert (attempt_all(limit, device, [job])[0].values == compute(limit, *job).values).all()


def test_a_device_that_runs_out_of_memory_goes_on_and_warns(device):
    class Full(HostDevice):
        def launch(self, file, kernel, grid, *rest):
            if kernel == "exchange" and grid[0] > 2:
                raise MemoryError
            super().launch(file, kernel, grid, *rest)

    sweep = document(BASIC)
    with pytest.warns(RuntimeWarning, match="ran out of memory with 4 replicates"):
        found = attempt_all(sweep, Full(), every_job(sweep))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        whole = attempt_all(sweep, device, every_job(sweep))
    for one, other in zip(found, whole, strict=True):
        assert (one.values == other.values).all()


def test_a_gpu_and_dask_are_two_ways(device, tmp_path):
    with pytest.raises(SweepError, match="without --backend gpu"):
        sweeps.sweep(document(BASIC), tmp_path / "a.db", dask="local", backend=device)


def test_the_command_says_what_a_gpu_needs(monkeypatch, tmp_path, capsys):
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "cupy" else real(name)
    )
    path = tmp_path / "a.toml"
    path.write_text(document(BASIC).text)
    arguments = ["sweep", str(path), "--store", str(tmp_path / "a.db"), "--backend"]
    assert main([*arguments, "gpu"]) == 2
    assert "pip install 'pitfalls[gpu]'" in capsys.readouterr().err
    # Nothing is there of what has not begun, and "auto" takes the CPU.
    assert main([*arguments, "auto", "--workers", "1"]) == 0
    with Store.read(tmp_path / "a.db") as kept:
        assert kept.backend() == "cpu"


def test_a_replicate_that_no_solver_finishes_fails_its_cell_alone(device, monkeypatch):
    sweep = document(BASIC, delta=[0.15, 2], label_noise=[0.25])
    expected = attempt_all(sweep, device, every_job(sweep))
    assert np.isnan(expected[0].values).any()

    def refuse(*_):
        raise PitfallsError("barely separable")

    monkeypatch.setattr("pitfalls.studies.sweeps.block.max_margin", refuse)
    found = attempt_all(sweep, device, every_job(sweep))
    assert found[0] == Failure(0, 0, "PitfallsError: barely separable")
    assert (found[2].values == expected[2].values).all()
