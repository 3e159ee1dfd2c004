"""What can be said without a GPU: what to do, how memory is planned, how kernels compile."""

import importlib.util
import shutil
import subprocess
import sys
import types

import numpy as np
import pytest
from pitfalls.sims import draw, gpu, max_margin
from pitfalls.sims.gpu import sources
from pitfalls.sims.gpu.report import ARCHITECTURES, compile_report
from pitfalls.theory import PitfallsError, ResourceError, Setting, SettingError

SETTING = Setting(n=10, d=20, rho=0.8, gamma=3.0, sigma=0.4)


def test_importing_the_package_and_its_parts_leaves_cupy_alone():
    code = (
        "import sys, pitfalls, pitfalls.cli, pitfalls.sims.gpu.report, pitfalls.studies.sweeps; "
        "sys.exit('cupy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class RuntimeFailureError(RuntimeError):
    pass


def a_cupy(
    count=None, driver=13000, error="cudaErrorNoDevice: no CUDA-capable device", shared=232_448
):
    """A CuPy that is installed on a machine where something is missing."""

    def device_count():
        if count is None:
            raise RuntimeFailureError(error)
        return count

    def driver_version():
        if driver is None:
            raise RuntimeFailureError(error)
        return driver

    runtime = types.SimpleNamespace(
        CUDARuntimeError=RuntimeFailureError,
        getDeviceCount=device_count,
        driverGetVersion=driver_version,
        runtimeGetVersion=lambda: 13020,
        getDeviceProperties=lambda device: {
            "name": b"a device",
            "sharedMemPerBlockOptin": shared,
            "multiProcessorCount": 4,
        },
    )

    def zeros(size):
        if "unavailable" in error:
            raise RuntimeFailureError(error)

    module = types.ModuleType("cupy")
    memory = types.SimpleNamespace(OutOfMemoryError=MemoryError)
    device = types.SimpleNamespace(id=0)
    module.cuda = types.SimpleNamespace(runtime=runtime, memory=memory, Device=lambda: device)
    module.zeros = zeros
    return module


def machine_with(monkeypatch, module):
    real = importlib.util.find_spec
    there = None if module is None else object()
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: there if name == "cupy" else real(name)
    )
    monkeypatch.setitem(sys.modules, "cupy", module)


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (None, r"CuPy is not installed.*pip install 'pitfalls\[gpu\]'"),
        (a_cupy(), r"sees no CUDA device.*CUDA_VISIBLE_DEVICES"),
        (a_cupy(count=0), r"sees no CUDA device.*nvidia-smi"),
        (a_cupy(driver=0, error="cudaErrorInsufficientDriver"), r"no NVIDIA driver.*nvidia-smi"),
        (a_cupy(driver=None, error="cudaErrorInsufficientDriver"), r"no NVIDIA driver"),
        (
            a_cupy(driver=12040, error="cudaErrorInsufficientDriver"),
            r"knows CUDA 12\.4, and CuPy needs 13\.2.*cupy-cuda12x",
        ),
        (a_cupy(error="cudaErrorUnknown: unknown error"), r"CUDA fails \(cudaErrorUnknown"),
        (a_cupy(1, error="busy or unavailable"), r"CUDA fails \(busy.*nvidia-smi"),
        (a_cupy(1, shared=65_536), r"64 KiB of shared memory on a device.*capability 8\.0"),
    ],
)
def test_what_is_missing_is_said_with_what_to_do(monkeypatch, module, words):
    machine_with(monkeypatch, module)
    with pytest.raises(ResourceError, match=words):
        gpu.open_device()
    with pytest.raises(ResourceError, match="backend 'cpu'"):
        draw(SETTING, 0, backend="gpu")
    assert gpu.chosen("auto") is None


def test_a_device_that_is_well_is_opened(monkeypatch):
    machine_with(monkeypatch, a_cupy(1))
    device = gpu.open_device()
    assert (device.name, device.most_shared, device.processors) == ("a device", 232_448, 4)


def test_a_cupy_that_cannot_be_loaded_is_said(monkeypatch):
    machine_with(monkeypatch, None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: object())
    with pytest.raises(ResourceError, match=r"cannot be loaded.*no other beside it"):
        gpu.open_device()


@pytest.mark.parametrize("backend", ["cuda", None, 3])
def test_a_backend_is_one_of_three_or_a_device(backend):
    with pytest.raises(SettingError, match="'cpu', 'gpu', 'auto'"):
        max_margin(draw(SETTING, 0), backend=backend)


# Plans of memory.


class Small:
    """A device that has less memory than it says."""

    name, out_of_memory = "a small device", MemoryError

    def __init__(self, most):
        self.most, self.sizes = most, []

    def free_bytes(self):
        return 100.0

    def run(self, items):
        self.sizes.append(len(items))
        if len(items) > self.most:
            raise MemoryError
        return [10 * item for item in items]


def test_batches_are_as_large_as_memory_allows():
    device, told = Small(100), []
    assert list(gpu.in_batches(device, range(20), 10.0, device.run, told.append)) == [
        10 * item for item in range(20)
    ]
    assert device.sizes == [8, 8, 4]
    assert not told


def test_out_of_memory_halves_the_batch_goes_on_and_says_so():
    device, told = Small(3), []
    found = list(gpu.in_batches(device, range(10), 10.0, device.run, told.append))
    assert found == [10 * item for item in range(10)]
    assert device.sizes == [8, 4, 2, 2, 2, 2, 2]
    assert told == [
        f"a small device ran out of memory with {size} replicates at a time: going on with "
        f"{size // 2}."
        for size in (8, 4)
    ]


def test_one_replicate_that_does_not_fit_is_an_error():
    device = Small(0)
    with pytest.raises(ResourceError, match=r"a replicate needs .* on a small device.*lower n"):
        list(gpu.in_batches(device, range(2), 90.0, device.run, lambda words: None))


# Compiled without a GPU.

needs_nvrtc = pytest.mark.skipif(
    importlib.util.find_spec("cupy") is None,
    reason="CuPy, whose NVRTC compiles the kernels, is not installed (pitfalls[nvrtc])",
)


def test_a_kernels_text_has_its_headers_in_it(monkeypatch, tmp_path):
    # CuPy keeps compiled kernels by their text: a change of a header must change it.
    before = {file: sources.source(file) for file in sources.INSTANCES}
    shutil.copytree(sources.FOLDER, tmp_path / "cuda")
    monkeypatch.setattr(sources, "FOLDER", tmp_path / "cuda")
    header = tmp_path / "cuda" / "common.cuh"
    header.write_text(header.read_text() + "// changed\n")
    assert all(sources.source(file) != text for file, text in before.items())
    assert not any("#include" in text or "#pragma once" in text for text in before.values())


def test_every_source_is_compiled():
    assert {path.name for path in sources.FOLDER.glob("*.cu")} == set(sources.INSTANCES)


@needs_nvrtc
@pytest.mark.slow
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_kernel_compiles_into_what_a_multiprocessor_has(architecture):
    found = compile_report(architecture)
    assert [each.kernel for each in found] == [
        name for names in sources.INSTANCES.values() for name in names
    ]
    for each in found:
        assert each.registers * (512 if "<" in each.kernel else 256) <= 65_536
        assert each.static_shared <= 48 * 1024
        # docs/gpu.md has this table; what is spilled differs from one NVRTC to the next.
        assert each.spilled <= 128


@needs_nvrtc
def test_what_does_not_compile_is_said_in_the_compilers_words(monkeypatch, tmp_path):
    (tmp_path / "draw.cu").write_text("__global__ void draw_plane(int n) { undeclared(n); }")
    monkeypatch.setattr(sources, "FOLDER", tmp_path)
    monkeypatch.setattr("pitfalls.sims.gpu.report.INSTANCES", {"draw.cu": ("draw_plane",)})
    with pytest.raises(PitfallsError, match=r"draw\.cu for sm_90(.|\n)*undeclared"):
        compile_report("sm_90")


def test_a_report_without_cupy_says_what_to_install(monkeypatch):
    machine_with(monkeypatch, None)
    with pytest.raises(ResourceError, match=r"pitfalls\[nvrtc\]"):
        compile_report("sm_90")


def test_more_examples_than_a_grid_has_rows_are_the_cpus(monkeypatch):
    monkeypatch.setattr("pitfalls.sims.drawing.GRID", SETTING.n - 1)
    # A device that cannot do anything.
    monkeypatch.setattr("pitfalls.sims.drawing.chosen", lambda backend: object())
    with pytest.raises(SettingError, match=r"n = \d+: must be at most \d+ on a GPU.*'cpu'"):
        draw(SETTING, 0, backend="gpu")
    assert (draw(SETTING, 0, backend="auto").plane == draw(SETTING, 0, "orthogonal").plane).all()


def test_each_replicate_has_its_stream():
    with pytest.raises(SettingError, match="streams = 1: must be 2"):
        gpu.Batch.draw(None, [SETTING] * 2, [np.random.SeedSequence(0)])
