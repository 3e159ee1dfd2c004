"""What NVRTC makes of every kernel, which takes no GPU."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass

from ...theory import PitfallsError, ResourceError
from .device import without_device
from .sources import INSTANCES, OPTIONS, source

__all__ = ["ARCHITECTURES", "Compiled", "compile_report"]

ARCHITECTURES = ("sm_80", "sm_90", "sm_100")
"""Ampere (A100), Hopper (H100, H200) and Blackwell (B200)."""

_FUNCTION = re.compile(
    r"Compiling entry function '(?P<symbol>\w+)'.*?"
    r"(?P<stores>\d+) bytes spill stores, (?P<loads>\d+) bytes spill loads.*?"
    r"Used (?P<registers>\d+) registers(?P<rest>[^\n]*)",
    re.DOTALL,
)
_STATIC = re.compile(r"(\d+) bytes smem")


@dataclass(frozen=True)
class Compiled:
    """A kernel for an architecture.

    Attributes
    ----------
    file, kernel, architecture : str
    registers : int
        Of a thread.
    spilled : int
        Bytes that do not fit in them, stored and loaded.
    static_shared : int
        Bytes of shared memory a block, beside those that a launch asks for.

    Examples
    --------
    >>> Compiled("draw.cu", "square", "sm_90", 64, 0, 16_640).spilled
    0
    """

    file: str
    kernel: str
    architecture: str
    registers: int
    spilled: int
    static_shared: int


def compile_report(architecture: str) -> list[Compiled]:
    """Compile every kernel to machine code for an architecture, without a GPU.

    Parameters
    ----------
    architecture : str
        As `ARCHITECTURES` has them.

    Raises
    ------
    ResourceError
        There is no CuPy, whose NVRTC is used.
    PitfallsError
        A file does not compile; the compiler's words are in the message.
    """
    if importlib.util.find_spec("cupy") is None:
        raise ResourceError(
            f"NVRTC: {without_device()[0]}. pip install 'pitfalls[nvrtc]', which needs no GPU."
        )
    return [each for file in INSTANCES for each in _compile(file, architecture)]


def _compile(file: str, architecture: str) -> list[Compiled]:
    from cupy_backends.cuda.libs import nvrtc

    program = nvrtc.createProgram(source(file), file, (), ())
    try:
        for kernel in INSTANCES[file]:
            nvrtc.addNameExpression(program, kernel)
        options = (*OPTIONS, f"-arch={architecture}", "--ptxas-options=-v", "-default-device")
        try:
            nvrtc.compileProgram(program, options)
        except nvrtc.NVRTCError as error:
            log = nvrtc.getProgramLog(program)
            raise PitfallsError(f"{file} for {architecture}: {log}") from error
        log = nvrtc.getProgramLog(program)
        found = {match["symbol"]: match for match in _FUNCTION.finditer(log)}
        symbols = {kernel: nvrtc.getLoweredName(program, kernel) for kernel in INSTANCES[file]}
    finally:
        nvrtc.destroyProgram(program)
    return [_read(file, kernel, architecture, found[symbols[kernel]]) for kernel in INSTANCES[file]]


def _read(file: str, kernel: str, architecture: str, match: re.Match[str]) -> Compiled:
    static = _STATIC.search(match["rest"])
    return Compiled(
        file,
        kernel,
        architecture,
        int(match["registers"]),
        int(match["stores"]) + int(match["loads"]),
        int(static[1]) if static else 0,
    )
