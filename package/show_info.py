"""What `pitfalls info` shows."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from . import studies
from .show import size, stdout

__all__ = ["show_info"]


def show_info(found: studies.Info) -> None:
    """Print versions, extras, machine, devices and caches, a line each."""
    console = stdout()
    machine = found.machine
    memory = f"{size(machine.memory)}, {size(machine.memory_available)} of it available"
    sections = {
        "versions": found.versions.items(),
        "extras": ((each.name, _extra(each)) for each in found.extras),
        "machine": (
            ("system", machine.system),
            ("processor", machine.processor),
            ("cores", f"{machine.cores}, of which this process may use {machine.cores_used}"),
            ("threads", f"{machine.cores_used} by default (--workers)"),
            ("memory", memory),
            *(("BLAS", f"{each}: {each.file}") for each in found.blas),
        ),
        "devices": (
            ("GPU", found.devices.words),
            *((each.name, _device(each)) for each in found.devices.found),
        ),
        "caches": (
            (each.name, f"{each.folder}: {size(each.size)} in {each.files} files; {each.clear}")
            for each in found.caches
        ),
    }
    width = max(map(len, ("processor", *found.versions, *(each.name for each in found.extras))))
    for k, (heading, rows) in enumerate(sections.items()):
        console.print(Text(("\n" if k else "") + heading, "bold"))
        console.print(_grid(rows, width))


def _grid(rows: Iterable[tuple[str, str]], width: int) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(min_width=width)
    grid.add_column(overflow="fold")
    for name, words in rows:
        grid.add_row(Text(name), Text(words))
    return grid


def _extra(extra: studies.Extra) -> str:
    there = [f"{name} {version}" for name, version in extra.packages.items() if version]
    missing = [name for name, version in extra.packages.items() if not version]
    words = [", ".join(there)] if there else []
    if missing:
        words.append(f"{', '.join(missing)} not installed: {extra.install}")
    return "; ".join(words)


def _device(device: studies.Gpu) -> str:
    return f"compute capability {device.capability}, {size(device.memory)}"
