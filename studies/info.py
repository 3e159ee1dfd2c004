"""What a run depends on: versions, optional packages, machine, devices, caches."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
from dataclasses import asdict, dataclass
from typing import Any

from ..sims.threads import cores
from ..theory.resources import available
from .caches import Cache, caches
from .devices import Devices, devices

__all__ = ["Blas", "Extra", "Info", "Machine", "info", "processor"]

_SHOWN = ("numpy", "scipy", "numba", "sympy", "matplotlib", "threadpoolctl", "rich")


@dataclass(frozen=True)
class Extra:
    """Optional packages that are installed together.

    Attributes
    ----------
    name : str
    packages : dict
        Versions by name; None where a package is not there.

    Examples
    --------
    >>> extra = Extra("gpu", {"cupy-cuda13x": None})
    >>> extra.present, extra.install
    (False, "pip install 'pitfalls[gpu]'")
    """

    name: str
    packages: dict[str, str | None]

    @property
    def present(self) -> bool:
        """Whether all of them are installed.

        Examples
        --------
        >>> Extra("parquet", {"pyarrow": "20.0"}).present
        True
        """
        return None not in self.packages.values()

    @property
    def install(self) -> str:
        """The command that installs them.

        Examples
        --------
        >>> Extra("dask", {}).install
        "pip install 'pitfalls[dask]'"
        """
        return f"pip install 'pitfalls[{self.name}]'"


@dataclass(frozen=True)
class Blas:
    """A library of linear algebra that this process has loaded; NumPy and SciPy may differ.

    Attributes
    ----------
    library, version, architecture : str
    threads : int
        As it stands; simulations hold it to one while replicates run.
    file : str

    Examples
    --------
    >>> str(Blas("openblas", "0.3.30", "Zen", 2, "/usr/lib/libopenblas.so"))
    'openblas 0.3.30 (Zen), 2 threads'
    """

    library: str
    version: str
    architecture: str
    threads: int
    file: str

    def __str__(self) -> str:
        kind = f" ({self.architecture})" if self.architecture else ""
        plural = "" if self.threads == 1 else "s"
        return f"{self.library} {self.version}{kind}, {self.threads} thread{plural}"


@dataclass(frozen=True)
class Machine:
    """What computes.

    Attributes
    ----------
    system, processor : str
    cores, cores_used : int
        Of the machine, and of this process: as many threads are used by default.
    memory, memory_available : int or None
        Bytes; None where the system does not tell.

    Examples
    --------
    >>> Machine("Linux", "a processor", 8, 2, 2**34, None).cores_used
    2
    """

    system: str
    processor: str
    cores: int
    cores_used: int
    memory: int | None
    memory_available: int | None


@dataclass(frozen=True)
class Info:
    """What a run depends on.

    Attributes
    ----------
    versions : dict
        Of pitfalls, Python and what it needs.
    extras : list of Extra
    machine : Machine
    blas : list of Blas
    devices : Devices
    caches : list of Cache

    Examples
    --------
    >>> info().as_json()["schema"]
    1
    """

    versions: dict[str, str]
    extras: list[Extra]
    machine: Machine
    blas: list[Blas]
    devices: Devices
    caches: list[Cache]

    def as_json(self) -> dict[str, Any]:
        """All of it as a JSON object, schema 1.

        Examples
        --------
        >>> list(info().as_json())
        ['schema', 'versions', 'extras', 'machine', 'blas', 'devices', 'caches']
        """
        content = {"schema": 1, **asdict(self)}
        content["extras"] = [
            {**asdict(each), "present": each.present, "install": each.install}
            for each in self.extras
        ]
        return content


def info() -> Info:
    """Look at this process, its packages and its machine; nothing is measured.

    Returns
    -------
    Info

    Examples
    --------
    >>> found = info()
    >>> list(found.versions)[:3], found.machine.cores_used >= 1
    (['pitfalls', 'python', 'numpy'], True)
    """
    versions = {
        "pitfalls": importlib.metadata.version("pitfalls"),
        "python": platform.python_version(),
    }
    versions |= {name: importlib.metadata.version(name) for name in _SHOWN}
    return Info(versions, _extras(), _machine(), _blas(), devices(), caches())


def _extras() -> list[Extra]:
    """The extras that the installed package offers, read from its own metadata."""
    found: dict[str, dict[str, str | None]] = {}
    for line in importlib.metadata.requires("pitfalls") or ():
        asked = re.fullmatch(r"([\w.-]+)(\[[^]]*\])?[^;]*;.*extra == ['\"]([\w.-]+)['\"].*", line)
        # What an extra takes from another one is told there.
        if asked and asked[1] != "pitfalls":
            found.setdefault(asked[3], {})[asked[1]] = _version(asked[1])
    return [Extra(name, packages) for name, packages in found.items()]


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _machine() -> Machine:
    free = available()
    return Machine(
        system=platform.platform(),
        processor=processor(),
        cores=os.cpu_count() or 1,
        cores_used=cores(),
        memory=_memory(),
        memory_available=int(free) if free < float("inf") else None,
    )


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return None


def processor() -> str:
    """The processor's name as the system tells it.

    Examples
    --------
    >>> processor() != ""
    True
    """
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _blas() -> list[Blas]:
    import scipy.linalg  # noqa: F401  so that SciPy's library is loaded and seen, beside NumPy's
    from threadpoolctl import threadpool_info

    found = [
        Blas(
            each["internal_api"],
            each["version"] or "",
            each.get("architecture") or "",
            each["num_threads"],
            each["filepath"],
        )
        for each in threadpool_info()
        if each["user_api"] == "blas"
    ]
    # The order in which they were loaded is not the same in every run.
    return sorted(found, key=lambda each: each.file)
