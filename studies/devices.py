"""Accelerators: which there are, or why none is used."""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from dataclasses import dataclass, field
from typing import Any

from ..sims.gpu.device import without_device

__all__ = ["Devices", "Gpu", "devices"]


@dataclass(frozen=True)
class Gpu:
    """A GPU.

    Attributes
    ----------
    name : str
    capability : str
        CUDA compute capability.
    memory : int
        Bytes.

    Examples
    --------
    >>> Gpu("a GPU", "9.0", 2**37).capability
    '9.0'
    """

    name: str
    capability: str
    memory: int


@dataclass(frozen=True)
class Devices:
    """The GPUs, and a sentence about them.

    Attributes
    ----------
    words : str
        What was found, or what is missing and how to get it.
    found : list of Gpu

    Examples
    --------
    >>> Devices("CuPy is not installed").found
    []
    """

    words: str
    found: list[Gpu] = field(default_factory=list)


def devices() -> Devices:
    """The GPUs that CuPy sees; CuPy is imported only where it is installed.

    Returns
    -------
    Devices

    Examples
    --------
    >>> devices().words.startswith("CuPy")
    True
    """
    if importlib.util.find_spec("cupy") is None:
        return Devices("{}. {}.".format(*without_device()))
    try:
        # CuPy warns where it finds no CUDA; whatever it lacks is told below.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            cupy = importlib.import_module("cupy")
            version = cupy.__version__
            try:
                found = _found(cupy.cuda.runtime)
            except cupy.cuda.runtime.CUDARuntimeError as error:
                return Devices("CuPy {}: {}. {}.".format(version, *without_device(cupy, error)))
    # A broken driver or library can raise anything, and is what this function reports.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        return Devices(f"CuPy is installed, and no GPU can be used: {reason}")
    if not found:
        return Devices("CuPy {}: {}. {}.".format(version, *without_device(cupy)))
    count = f"{len(found)} GPU" + ("s" if len(found) > 1 else "")
    return Devices(f"CuPy {version}: {count}", found)


def _found(runtime: Any) -> list[Gpu]:
    found = []
    for index in range(runtime.getDeviceCount()):
        facts = runtime.getDeviceProperties(index)
        name = facts["name"]
        found.append(
            Gpu(
                name.decode() if isinstance(name, bytes) else str(name),
                f"{facts['major']}.{facts['minor']}",
                int(facts["totalGlobalMem"]),
            )
        )
    return found
