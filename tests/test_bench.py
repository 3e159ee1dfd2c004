"""Benchmarks: they run from end to end, their answers agree, and what they say follows."""

import json
import math
import time
from dataclasses import replace

import numpy as np
import pytest
from host_device import COMPILER, NO_COMPILER, HostDevice
from pitfalls import benchmarks
from pitfalls.benchmarks import (
    descent,
    dimension,
    flow,
    gpu,
    harness,
    margin,
    mean_field,
    peers,
    pipeline,
    ridge,
    sagawa,
    scaling,
    sweep,
    three_memorizations,
)
from pitfalls.benchmarks.harness import Program, alternate
from pitfalls.cli import main
from pitfalls.figures import three_memorizations as figure_3
from pitfalls.theory import ResourceError, Setting, SettingError

SMALL = Setting(40, 60, 0.8, 2.0, 0.5, core_noise=0.12, spurious_noise=0.12)


def silent(*_):
    pass


@pytest.fixture
def small(monkeypatch):
    """Every benchmark at a size that takes no time; peers that compile are left out."""
    monkeypatch.setattr(descent, "FIGURE_1", SMALL)
    monkeypatch.setattr(flow, "FIGURE_1", SMALL)
    monkeypatch.setattr(margin, "FIGURE_1", SMALL)
    monkeypatch.setattr(pipeline, "FIGURE_1", SMALL)
    monkeypatch.setattr(pipeline, "SETTINGS", (replace(SMALL, sigma=0.0), SMALL))
    monkeypatch.setattr(mean_field, "FIGURE_1", SMALL)
    monkeypatch.setattr(mean_field, "LATEST", (1.0, 10.0))
    monkeypatch.setattr(mean_field, "SITES", 16)
    monkeypatch.setattr(mean_field, "DRAWS", 3)
    monkeypatch.setattr(descent, "STEPS", 30)
    monkeypatch.setattr(pipeline, "STEPS", 30)
    monkeypatch.setattr(margin, "WIDE", (100,))
    monkeypatch.setattr(ridge, "CASES", (SMALL, replace(SMALL, d=10, label_noise=0.1)))
    monkeypatch.setattr(dimension, "N", 20)
    monkeypatch.setattr(dimension, "STEPS", 20)
    monkeypatch.setattr(dimension, "DIMENSIONS", (100, 10**5, 10**9))
    monkeypatch.setattr(dimension, "PEER_STEPS", {100: 20})
    monkeypatch.setattr(dimension, "LEAST_ROUNDS", 1)
    monkeypatch.setattr(sweep, "N", 20)
    monkeypatch.setattr(sweep, "D", 100)
    monkeypatch.setattr(sweep, "STEPS", 20)
    monkeypatch.setattr(three_memorizations, "HIDDEN", 8)
    monkeypatch.setattr(three_memorizations, "MOST_STEPS", 30)
    monkeypatch.setattr(three_memorizations, "COMPARED", 20)
    monkeypatch.setattr(sagawa, "FEATURES", (100,))
    monkeypatch.setattr(sagawa, "EXAMPLES", 200)
    monkeypatch.setattr(sagawa, "MINORITY", 40)
    monkeypatch.setattr(scaling, "SIZES", (20, 40, 80))
    monkeypatch.setattr(scaling, "LEAST_FITTED", 20)
    monkeypatch.setattr(harness, "_CEILING", (1000, 10))
    monkeypatch.setattr(harness, "_PAUSE", 0.0)
    monkeypatch.setattr(peers, "available", lambda module: False)


def test_programs_take_turns_and_the_first_round_does_not_count():
    calls = []
    programs = [
        Program("slow", lambda: (calls.append("slow"), time.sleep(0.02))),
        Program("fast", lambda: calls.append("fast"), work=0.5, most=1),
    ]
    rows = alternate(programs, 3, silent, {"fast": 0.25}, {"slow": "sleeps"})
    # The round that does not count, then each short program twice.
    assert calls == ["slow", "fast", *["slow"] * 2, *["fast"] * 2, *["slow"] * 4]
    slow, fast = rows
    assert (slow.rounds, fast.rounds) == (3, 1)
    assert slow.lowest <= slow.seconds <= slow.highest
    assert slow.ratio == 1
    assert fast.ratio == fast.seconds / slow.seconds < 0.5
    assert (slow.difference, fast.difference, slow.note) == (None, 0.25, "sleeps")


def test_a_part_of_the_work_is_scaled_to_the_whole():
    whole = alternate([Program("sleep", lambda: time.sleep(0.01), work=100)], 1, silent)[0]
    assert 1 <= whole.seconds < 10


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name in ("mean_field", "scaling") else [])
        for name in benchmarks.NAMES
    ],
)
def test_every_benchmark_runs_and_its_numbers_are_plain(name, small):
    (report,) = benchmarks.run([name], rounds=1, progress=silent)
    assert report.name == name
    assert report.rows
    assert all(0 < row.lowest <= row.seconds <= row.highest for row in report.rows)
    assert len({row.program for row in report.rows}) == len(report.rows)
    assert report.lines
    assert json.loads(json.dumps(report.as_json(), allow_nan=False)) == report.as_json()


def test_our_descent_gives_the_answer_of_plain_numpy(small):
    (report,) = benchmarks.run(["descent"], rounds=1, progress=silent)
    differences = {row.program: row.difference for row in report.rows}
    assert differences[descent.OURS] < 1e-12
    assert 1e-12 < differences[descent.SINGLE] < 1e-5


def test_our_flow_gives_the_answer_of_scipy(small):
    (report,) = benchmarks.run(["flow"], rounds=1, progress=silent)
    found = [row.difference for row in report.rows if row.difference is not None]
    assert len(found) == 2
    assert max(found) < 1e-6


def test_scikit_learn_ends_where_we_do_if_it_is_not_stopped(small, monkeypatch):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    monkeypatch.setattr(peers, "available", lambda module: True)
    (report,) = benchmarks.run(["sagawa"], rounds=1, progress=silent)
    off = [row.difference for row in report.rows if row.program.endswith("tolerance 1e-12")]
    assert len(off) == 3
    assert max(off) < 1e-4


def test_peers_of_the_ridge_path_are_at_the_same_minimum(small, monkeypatch):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    monkeypatch.setattr(peers, "available", lambda module: True)
    (report,) = benchmarks.run(["ridge"], rounds=1, progress=silent)
    off = {row.program.split(": ")[1]: row.difference for row in report.rows}
    assert len(report.rows) == 3 + 4
    assert off["pitfalls"] < 1e-12
    assert off["Newton, a matrix a step"] < 1e-10
    assert max(off.values()) < 1e-5


def test_memory_is_flat_in_d(small):
    (report,) = benchmarks.run(["dimension"], rounds=1, progress=silent)
    held = [float(row.note.split()[0]) for row in report.rows if row.program.startswith("pit")]
    assert len(held) == 3
    assert max(held) <= 1.5 * min(held)


def test_the_networks_are_the_figures():
    shown = figure_3.compute(figure_3.default_setting(), latest=0.03, replicates=2).panels[:3]
    timed = three_memorizations._ours(30)
    assert [network.steps for network in timed] == [panel.steps for panel in shown] == [30] * 3
    assert [network.losses[-1] for network in timed] == [panel.loss for panel in shown]


def test_pytorch_trains_the_same_networks_as_long(small, monkeypatch):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    monkeypatch.setattr(peers, "available", lambda module: True)
    threads = torch.get_num_threads()
    (report,) = benchmarks.run(["three_memorizations"], rounds=1, progress=silent)
    assert torch.get_num_threads() == threads
    ours, *theirs = report.rows
    assert ours.difference is None
    assert len(theirs) == 4
    for row in theirs:
        single = "float32" in row.program
        assert (1e-12 if single else 0) <= row.difference < (1e-5 if single else 1e-12)
        assert report.facts[f"{row.program}: ratio"] == row.ratio
    assert {row.note.split(",")[0] for row in report.rows} == {"30 + 30 + 30 steps"}
    assert len(report.lines) == 5


def test_pytorch_stops_at_the_tolerance_as_ours_does(small, monkeypatch):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    monkeypatch.setattr(three_memorizations, "TOLERANCE", 0.03)
    ours = three_memorizations._ours(500)
    theirs = three_memorizations._torch(np.float64, False, 500)
    for one, other in zip(ours, theirs, strict=True):
        assert 0 < one.steps == other.steps < 500
        np.testing.assert_allclose(other.losses, one.losses, rtol=1e-9)
        assert other.losses[-1] <= 0.03 < other.losses[-2]


@pytest.mark.slow
def test_the_published_programs_agree_on_one_data_set():
    data = peers.data_of(SMALL, seed=3)
    expected, accuracies = peers.numpy_descent(data, 0.05, 50)
    for module, program in (("torch", peers.torch_descent), ("jax", peers.jax_descent)):
        if not peers.available(module):
            continue
        weights, shown = program(data, 0.05, 50)
        assert np.abs(weights - expected).max() < 1e-12
        assert np.abs(shown[1:] - accuracies[1:]).max() < 1e-12


@pytest.mark.parametrize("name", ["_scikit_learn", "_cvxpy"])
def test_peers_find_our_max_margin(name):
    pytest.importorskip("sklearn" if name == "_scikit_learn" else "cvxpy")
    data = peers.data_of(SMALL, seed=3)
    z = data.x * (2 * data.y - 1)[:, None]
    solvers = margin._scikit_learn() if name == "_scikit_learn" else {"": margin._cvxpy("CLARABEL")}
    best = max(float((z @ w).min() / np.linalg.norm(w)) for w in (f(z) for f in solvers.values()))
    sample = benchmarks.margin.Sample.from_arrays(data.x, 2 * data.y - 1)
    assert math.isclose(best, 1 / margin.max_margin(sample).norm, rel_tol=1e-3)


def test_data_of_a_peer_has_the_models_moments():
    setting = Setting(4000, 50, 0.9, 5.0, 0.5, core_noise=0.3, spurious_noise=0.2)
    data = peers.data_of(setting, seed=0)
    sign = 2 * data.y - 1
    assert data.majority.sum() == 3600
    agree = np.where(data.majority, 1, -1)
    core, spurious = data.x[:, 0] * sign, data.x[:, 1] * sign * agree / 5
    for values, mean, deviation in ((core, 1, 0.3), (spurious, 1, 0.2)):
        assert abs(values.mean() - mean) < 4 * deviation / math.sqrt(4000)
        assert abs(values.std() / deviation - 1) < 4 / math.sqrt(2 * 4000)
    assert abs(data.x[:, 2:].std() / 0.5 - 1) < 4 / math.sqrt(2 * 4000 * 50)


def test_the_machine_is_described(small):
    facts = benchmarks.machine()
    assert facts["cores"] >= 1
    assert facts["processor"]
    assert {"numpy", "numba", "scipy", "pitfalls"} <= set(facts["versions"])
    assert facts["memory_gb_s"] > 0
    assert facts["multiply_gflop_s"] > 0


@pytest.mark.parametrize(
    ("names", "rounds", "field"), [(["speed"], 1, "name"), ([], 0, "rounds"), ([], 1.5, "rounds")]
)
def test_what_cannot_be_run_is_refused(names, rounds, field):
    with pytest.raises(SettingError) as raised:
        benchmarks.run(names, rounds)
    assert raised.value.field == field


@pytest.mark.slow
def test_the_command_shows_and_writes_what_was_measured(small, tmp_path, capsys):
    target = tmp_path / "bench.json"
    assert main(["bench", "descent", "scaling", "--rounds", "1", "--json", str(target)]) == 0
    shown = capsys.readouterr().out
    assert descent.OURS in shown
    assert "GB/s" in shown
    written = json.loads(target.read_text(encoding="utf-8"))
    assert written["schema"] == 1
    assert [each["name"] for each in written["benchmarks"]] == ["descent", "scaling"]
    assert written["machine"]["versions"]["numpy"] == np.__version__


def test_an_unknown_benchmark_is_named(capsys):
    assert main(["bench", "speed"]) == 2
    assert "must be one of descent, flow" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(COMPILER is None, reason=NO_COMPILER)
def test_the_gpus_benchmark_runs_from_end_to_end_on_a_device(monkeypatch):
    for name, value in (("SIZES", (12,)), ("LARGE", 20), ("STEPS", 5), ("D", 100)):
        monkeypatch.setattr(gpu, name, value)
    monkeypatch.setattr(gpu, "_VECTOR", 1000)
    # On the host a program's time says nothing; what is counted and compared is there.
    found = gpu.measure(1, silent, HostDevice(processors=1))
    assert found.facts["device"] == "the host"
    assert len([key for key in found.facts if key.endswith(", share")]) == 10
    assert all(value > 0 for key, value in found.facts.items() if key != "device")
    assert found.rows[0].program == "n = 12: the host"


def test_the_gpus_benchmark_says_what_it_needs(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *rest: None)
    with pytest.raises(ResourceError, match="pip install 'pitfalls"):
        benchmarks.run(["gpu"], 1)
    # Before others are run, whose results would be lost.
    monkeypatch.setattr(descent, "measure", pytest.fail)
    with pytest.raises(ResourceError):
        benchmarks.run(["descent", "gpu"], 1)


def test_what_was_measured_before_a_benchmark_fails_is_kept(monkeypatch, tmp_path):
    def fail(*_):
        raise ResourceError("full")

    report = harness.Report("descent", "title", [], lines=["one"])
    monkeypatch.setattr(descent, "measure", lambda *_: report)
    monkeypatch.setattr(flow, "measure", fail)
    monkeypatch.setattr(benchmarks, "machine", lambda: {"cores": 1})
    target = tmp_path / "bench.json"
    assert main(["bench", "descent", "flow", "--json", str(target)]) == 2
    written = json.loads(target.read_text(encoding="utf-8"))
    assert [each["name"] for each in written["benchmarks"]] == ["descent"]
    assert written["machine"] == {"cores": 1}
