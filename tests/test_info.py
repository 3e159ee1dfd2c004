"""What `pitfalls info` tells: versions, extras, machine, devices and caches."""

import importlib
import importlib.metadata
import importlib.util
import json
import math
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from command import pitfalls, refusal
from pitfalls import show, studies
from pitfalls.cli import main
from pitfalls.studies.caches import caches
from pitfalls.studies.devices import Gpu, devices
from pitfalls.theory.resources import available

SECTIONS = ["schema", "versions", "extras", "machine", "blas", "devices", "caches"]
INFO = import_module("pitfalls.studies.info")


def test_a_program_reads_what_a_person_does(tmp_path, monkeypatch, capsys):
    done = pitfalls("info", "--json", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    content = json.loads(done.stdout)
    assert list(content) == SECTIONS
    assert content["schema"] == 1
    # As wide as nothing has to be folded.
    monkeypatch.setattr(show, "_PIPED_WIDTH", 1000)
    assert main(["info"]) == 0
    words = capsys.readouterr().out
    for name, version in content["versions"].items():
        assert f"\n{name} " in words
        assert version in words
    for each in content["extras"]:
        assert f"\n{each['name']} " in words
        assert (each["install"] in words) != each["present"]
    assert content["devices"]["words"] in words
    for each in content["caches"]:
        assert each["clear"] in words


def test_json_into_a_file_beside_the_words(tmp_path, capsys):
    out = tmp_path / "info.json"
    assert main(["info", "--json", str(out)]) == 0
    assert capsys.readouterr().out.startswith("versions\npitfalls")
    assert list(json.loads(out.read_text(encoding="utf-8"))) == SECTIONS


@pytest.mark.parametrize(("name", "words"), [("", "is a folder"), ("no/x.json", "does not exist")])
def test_a_file_that_cannot_be_written_is_refused_first(name, words, tmp_path, capsys):
    assert words in refusal(["info", "--json", str(tmp_path / name)], capsys)


def test_versions_are_those_that_are_imported():
    versions = studies.info().versions
    assert versions["python"] == ".".join(map(str, sys.version_info[:3]))
    assert versions["numpy"] == np.__version__
    for name in ("scipy", "numba", "sympy", "matplotlib"):
        assert versions[name] == import_module(name).__version__


def test_extras_are_those_of_the_installed_package(monkeypatch):
    required = [
        "numpy>=2.0",
        'hypothesis>=6; extra == "test"',
        "pitfalls[dask]; extra == 'test'",
        'distributed>=2024.8; extra == "dask"',
        'cupy-cuda13x[all]<15,>=13; python_version >= "3.11" and extra == "gpu"',
        'other.name>=1; extra == "gpu"',
        'tomli; python_version < "3.11"',
    ]
    there = {"hypothesis": "6.1", "distributed": "2025.1", "other.name": "2"}

    def version(name):
        if name not in there:
            raise importlib.metadata.PackageNotFoundError(name)
        return there[name]

    monkeypatch.setattr(importlib.metadata, "requires", lambda name: required)
    monkeypatch.setattr(importlib.metadata, "version", version)
    found = {each.name: each for each in INFO._extras()}
    assert list(found) == ["test", "dask", "gpu"]
    assert found["test"].packages == {"hypothesis": "6.1"}
    assert found["dask"].present
    assert not found["gpu"].present
    assert found["gpu"].packages == {"cupy-cuda13x": None, "other.name": "2"}
    assert found["gpu"].install == "pip install 'pitfalls[gpu]'"


def test_where_there_is_no_proc_the_free_pages_are_counted(monkeypatch):
    def nowhere(*_, **__):
        raise FileNotFoundError

    def unknown(*_):
        raise ValueError

    monkeypatch.setattr("builtins.open", nowhere)
    assert 0 < available() < math.inf
    monkeypatch.setattr(os, "sysconf", unknown)
    assert available() == math.inf


def test_every_extra_of_the_project_is_found():
    names = importlib.metadata.metadata("pitfalls").get_all("Provides-Extra")
    assert [each.name for each in studies.info().extras] == names


def test_cores_are_those_that_this_process_may_use():
    machine = studies.info().machine
    assert 1 <= machine.cores_used <= machine.cores
    assert 0 < machine.memory_available <= machine.memory
    assert machine.processor
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("this system cannot keep a process to one core")
    code = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); "
    code += "from pitfalls import studies; print(studies.info().machine.cores_used)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


def test_blas_is_numpys_and_scipys():
    found = studies.info().blas
    assert found == sorted(found, key=lambda each: each.file)
    assert all(each.library and each.threads >= 1 for each in found)


def fake_cupy(monkeypatch, **runtime):
    """CuPy as it would be with that CUDA runtime."""
    cupy = SimpleNamespace(__version__="14.0", cuda=SimpleNamespace())
    versions = {"driverGetVersion": lambda: 12040, "runtimeGetVersion": lambda: 13020}
    cupy.cuda.runtime = SimpleNamespace(CUDARuntimeError=OSError, **versions, **runtime)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(importlib, "import_module", lambda name: cupy)


def raising(error):
    def fail(*_):
        raise error

    return fail


def test_without_cupy_its_extra_is_named_and_nothing_is_imported(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(importlib, "import_module", raising(AssertionError("imported")))
    found = devices()
    assert found.found == []
    assert found.words.startswith(
        "CuPy is not installed. Install it with: pip install 'pitfalls[gpu]'"
    )


def test_gpus_are_named_with_what_they_have(monkeypatch):
    facts = {"name": b"NVIDIA H200", "major": 9, "minor": 0, "totalGlobalMem": 2**37}
    fake_cupy(monkeypatch, getDeviceCount=lambda: 2, getDeviceProperties=lambda index: facts)
    found = devices()
    assert found.words == "CuPy 14.0: 2 GPUs"
    assert found.found == [Gpu("NVIDIA H200", "9.0", 2**37)] * 2


def test_gpus_are_shown(monkeypatch, capsys):
    facts = {"name": "NVIDIA H200", "major": 9, "minor": 0, "totalGlobalMem": 2**37}
    fake_cupy(monkeypatch, getDeviceCount=lambda: 1, getDeviceProperties=lambda index: facts)
    assert main(["info"]) == 0
    shown = capsys.readouterr().out
    assert "CuPy 14.0: 1 GPU" in shown
    assert "compute capability 9.0, 128 GiB" in shown


@pytest.mark.parametrize(
    ("runtime", "words"),
    [
        (
            {"getDeviceCount": lambda: 0},
            "CuPy 14.0: the driver sees no CUDA device. Is CUDA_VISIBLE_DEVICES empty? "
            "`nvidia-smi` lists the devices.",
        ),
        (
            {"getDeviceCount": raising(OSError("cudaErrorInsufficientDriver"))},
            "CuPy 14.0: the driver knows CUDA 12.4, and CuPy needs 13.2. Update the driver, or "
            "install the CuPy of its version (cupy-cuda12x[ctk]).",
        ),
        (
            {"getDeviceCount": raising(RuntimeError("driver\nbroken"))},
            "CuPy is installed, and no GPU can be used: driver broken",
        ),
        (
            {"getDeviceCount": raising(ImportError())},
            "CuPy is installed, and no GPU can be used: ImportError",
        ),
    ],
)
def test_a_gpu_that_cannot_be_used_is_a_sentence(monkeypatch, runtime, words):
    fake_cupy(monkeypatch, **runtime)
    found = devices()
    assert (found.words, found.found) == (words, [])


def test_a_cupy_that_cannot_be_imported_is_a_sentence(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(importlib, "import_module", raising(ImportError("libcuda.so.1 missing")))
    assert devices().words.endswith("no GPU can be used: libcuda.so.1 missing")


COMPILE = """
import json
from dataclasses import asdict
import numpy as np
from pitfalls.sims import kernels
from pitfalls.studies.caches import caches
kernels.pack(np.eye(2), kernels.layout(2)[0], np.ones((1, kernels.BLOCK, kernels.BLOCK)))
print(json.dumps([asdict(each) for each in caches()]))
"""


def test_numbas_cache_is_where_it_is_written_and_its_command_clears_it(tmp_path):
    folder = tmp_path / "a cache"
    done = subprocess.run(
        [sys.executable, "-c", COMPILE],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "NUMBA_CACHE_DIR": str(folder)},
    )
    numba = json.loads(done.stdout)[0]
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert numba["name"] == "numba"
    assert Path(numba["folder"]).is_relative_to(folder)
    assert numba["files"] == len(files) >= 2
    assert numba["size"] == sum(path.stat().st_size for path in files)
    subprocess.run(numba["clear"], shell=True, check=True)
    assert [path for path in folder.rglob("*") if path.is_file()] == []


def test_cupys_cache_is_shown_where_there_is_one(tmp_path, monkeypatch):
    monkeypatch.setenv("CUPY_CACHE_DIR", str(tmp_path / "none"))
    assert "CuPy" not in [each.name for each in caches()]
    (tmp_path / "some" / "inner").mkdir(parents=True)
    (tmp_path / "some" / "inner" / "kernel.cubin").write_bytes(bytes(1000))
    monkeypatch.setenv("CUPY_CACHE_DIR", str(tmp_path / "some"))
    [found] = [each for each in caches() if each.name == "CuPy"]
    assert (found.folder, found.files, found.size) == (str(tmp_path / "some"), 1, 1000)


@pytest.mark.parametrize(
    ("size", "words"),
    [(None, "unknown"), (0, "0 bytes"), (1536, "1.5 KiB"), (2**20, "1 MiB"), (2**37, "128 GiB")],
)
def test_sizes_in_words(size, words):
    assert import_module("pitfalls.show").size(size) == words
