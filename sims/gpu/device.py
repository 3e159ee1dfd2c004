"""A device, as the engine needs it; CuPy's, and what to do where there is none."""

from __future__ import annotations

import importlib.util
from typing import Any, Literal, Protocol, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from ...theory import PitfallsError, ResourceError, SettingError
from .sources import OPTIONS, source

__all__ = ["Backend", "CudaDevice", "Device", "chosen", "open_device", "without_device"]


# What the largest kernel takes, of all that do not keep their array in shared memory.
_LEAST_SHARED = 90 * 1024


class Device(Protocol):
    """What the engine needs of a device.

    Attributes
    ----------
    name : str
    arrays : module
        CuPy, or whatever has NumPy's functions for the device's arrays.
    most_shared : int
        Bytes of shared memory that a block can have.
    processors : int
        Multiprocessors: as many blocks run side by side at least.
    out_of_memory : type of exception
        What an array that does not fit raises.
    """

    name: str
    arrays: Any
    most_shared: int
    processors: int
    out_of_memory: type[Exception]

    def free_bytes(self) -> float:
        """Memory that new arrays can have."""
        ...

    def launch(
        self, file: str, kernel: str, grid: tuple[int, ...], threads: int, shared: int, *args: Any
    ) -> None:
        """Start a kernel; arguments are arrays, NumPy scalars, or None for a null pointer."""
        ...

    def fetch(self, array: Any) -> NDArray[Any]:
        """An array of the device as NumPy's, once it is computed."""
        ...


Backend: TypeAlias = Literal["cpu", "gpu", "auto"] | Device


class CudaDevice:
    """The current CUDA device, through CuPy; made by `open_device`.

    A kernel is compiled by NVRTC when it is first launched, and kept in CuPy's disk cache.

    Parameters
    ----------
    cupy : module
    """

    def __init__(self, cupy: Any) -> None:
        device = cupy.cuda.Device()
        properties = cupy.cuda.runtime.getDeviceProperties(device.id)
        self.arrays = cupy
        self.name = properties["name"].decode()
        self.most_shared = int(properties["sharedMemPerBlockOptin"])
        self.processors = int(properties["multiProcessorCount"])
        self.out_of_memory: type[Exception] = cupy.cuda.memory.OutOfMemoryError
        self._kernels: dict[tuple[str, str], Any] = {}

    def free_bytes(self) -> float:
        """Memory that is free, or held by CuPy's pool and unused."""
        free, _ = self.arrays.cuda.runtime.memGetInfo()
        return float(free + self.arrays.get_default_memory_pool().free_bytes())

    def launch(
        self, file: str, kernel: str, grid: tuple[int, ...], threads: int, shared: int, *args: Any
    ) -> None:
        """Start a kernel on the current stream."""
        for arg in args:
            if isinstance(arg, self.arrays.ndarray) and not arg.flags.c_contiguous:
                raise PitfallsError(f"{kernel}: an array of the wrong order; this is a defect.")
        found = self._kernel(file, kernel)
        if shared > 48 * 1024:
            found.max_dynamic_shared_size_bytes = shared
        null = np.uint64(0)
        found(grid, (threads,), tuple(null if a is None else a for a in args), shared_mem=shared)

    def _kernel(self, file: str, name: str) -> Any:
        if (file, name) not in self._kernels:
            # A module for each: sixteen variants of a template take half a minute to compile.
            module = self.arrays.RawModule(
                code=source(file), options=OPTIONS, name_expressions=(name,)
            )
            self._kernels[file, name] = module.get_function(name)
        return self._kernels[file, name]

    def fetch(self, array: Any) -> NDArray[Any]:
        """Copy to the host."""
        return cast("NDArray[Any]", self.arrays.asnumpy(array))


def without_device(cupy: Any = None, error: Exception | None = None) -> tuple[str, str]:
    """What there is where a GPU should be, and what to do.

    Parameters
    ----------
    cupy : module, optional
        None where it is not installed.
    error : Exception, optional
        Of the CUDA runtime; none where it counts no devices.

    Examples
    --------
    >>> without_device()[0]
    'CuPy is not installed'
    """
    if cupy is None:
        return (
            "CuPy is not installed",
            "Install it with: pip install 'pitfalls[gpu]' "
            "(for CUDA 12: pip install 'cupy-cuda12x[ctk]')",
        )
    if error is None or "NoDevice" in str(error):
        return (
            "the driver sees no CUDA device",
            "Is CUDA_VISIBLE_DEVICES empty? `nvidia-smi` lists the devices",
        )
    try:
        driver = cupy.cuda.runtime.driverGetVersion()
    except cupy.cuda.runtime.CUDARuntimeError:
        driver = 0
    runtime = cupy.cuda.runtime.runtimeGetVersion()
    if driver == 0:
        return "there is no NVIDIA driver", "Install it (`nvidia-smi` must list a device)"
    if driver // 1000 < runtime // 1000:
        return (
            f"the driver knows CUDA {_dotted(driver)}, and CuPy needs {_dotted(runtime)}",
            "Update the driver, or install the CuPy of its version (cupy-cuda12x[ctk])",
        )
    return f"CUDA fails ({error})", "`nvidia-smi` tells whether the device is well"


def _refused(cupy: Any = None, error: Exception | None = None) -> ResourceError:
    found, fix = without_device(cupy, error)
    return ResourceError(f"backend 'gpu': {found}. {fix}, or use backend 'cpu'.")


def open_device() -> CudaDevice:
    """The current CUDA device.

    Raises
    ------
    ResourceError
        There is no CuPy, no driver, no device, or a driver that is too old, with what to do.
    """
    if importlib.util.find_spec("cupy") is None:
        raise _refused()
    try:
        import cupy
    except ImportError as error:
        raise ResourceError(
            f"backend 'gpu': CuPy cannot be loaded ({error}). Install the CuPy that fits the "
            "machine's CUDA, and no other beside it: cupy-cuda13x or cupy-cuda12x, with [ctk]."
        ) from error
    try:
        count = cupy.cuda.runtime.getDeviceCount()
        if count > 0:
            device = CudaDevice(cupy)
            # A device that others hold, or that has no memory left, says so here and not later.
            cupy.zeros(1)
    except (cupy.cuda.runtime.CUDARuntimeError, cupy.cuda.memory.OutOfMemoryError) as error:
        raise _refused(cupy, error) from error
    if count == 0:
        raise _refused(cupy)
    if device.most_shared < _LEAST_SHARED:
        raise ResourceError(
            f"backend 'gpu': a block has {device.most_shared // 1024} KiB of shared memory on "
            f"{device.name}, and the kernels need {_LEAST_SHARED // 1024}. Use a device of compute "
            "capability 8.0 or later, or backend 'cpu'."
        )
    return device


def _dotted(version: int) -> str:
    """13000 as 13.0."""
    return f"{version // 1000}.{version % 1000 // 10}"


def chosen(backend: Backend) -> Device | None:
    """The device that a ``backend`` argument means; None for the CPU.

    Parameters
    ----------
    backend : {"cpu", "gpu", "auto"} or Device
        "auto" is the GPU where there is one that can be used.

    Raises
    ------
    SettingError
        It is none of these.
    ResourceError
        "gpu", and none can be used: see `open_device`.

    Examples
    --------
    >>> chosen("cpu") is None
    True
    """
    if backend == "cpu":
        return None
    if backend == "gpu":
        return open_device()
    if backend == "auto":
        try:
            return open_device()
        except ResourceError:
            return None
    if isinstance(backend, str) or not hasattr(backend, "launch"):
        raise SettingError("backend", backend, "'cpu', 'gpu', 'auto', or a device that is open")
    return backend
