"""Folders of what is compiled or looked up once: where, how large, and how to clear them."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Cache", "caches"]


@dataclass(frozen=True)
class Cache:
    """A folder that may be cleared at any time; what is missing is made anew.

    Attributes
    ----------
    name, folder : str
    files, size : int
        How many, and bytes in all.
    clear : str
        The shell command that clears it.

    Examples
    --------
    >>> Cache("numba", "/tmp/numba", 0, 0, "rm /tmp/numba/kernels.*.nb[ic]").files
    0
    """

    name: str
    folder: str
    files: int
    size: int
    clear: str


def caches() -> list[Cache]:
    """Numba's of this package's kernels, matplotlib's of fonts, CuPy's of CUDA kernels if any.

    Returns
    -------
    list of Cache

    Examples
    --------
    >>> [each.name for each in caches()][:2]
    ['numba', 'matplotlib']
    """
    import matplotlib as mpl

    folders = [("matplotlib", Path(mpl.get_cachedir()))]
    cupy = Path(os.environ.get("CUPY_CACHE_DIR") or Path.home() / ".cupy" / "kernel_cache")
    if cupy.is_dir():
        folders.append(("CuPy", cupy))
    found = _numba()
    for name, folder in folders:
        clear = f"rm -r {shlex.quote(str(folder))}"
        found.append(_measured(name, folder, folder.rglob("*"), clear))
    return found


def _numba() -> list[Cache]:
    """The kernels' cache, wherever numba could write it; none where numba compiles nothing."""
    from ..sims import kernels

    # With NUMBA_DISABLE_JIT a kernel is a plain function.
    statistics = getattr(kernels.descend, "stats", None)
    if statistics is None:
        return []
    folder = Path(statistics.cache_path)
    # An index and the code, for every kernel and every type of its arguments.
    files = [*folder.glob("kernels.*.nbi"), *folder.glob("kernels.*.nbc")]
    clear = f"rm {shlex.quote(str(folder))}/kernels.*.nb[ic]"
    return [_measured("numba", folder, files, clear)]


def _measured(name: str, folder: Path, paths: Iterable[Path], clear: str) -> Cache:
    sizes = []
    for path in paths:
        try:
            if path.is_file():
                sizes.append(path.stat().st_size)
        except OSError:
            # Another process may clear the folder or replace a file meanwhile.
            continue
    return Cache(name, str(folder), len(sizes), sum(sizes), clear)
