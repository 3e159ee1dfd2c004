"""The kernels of `pitfalls.sims.gpu` compiled as C++, as a device whose arrays are NumPy's."""

import ctypes
import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from pitfalls.sims.gpu.sources import FOLDER, INSTANCES

COMPILER = next(filter(None, map(shutil.which, ("c++", "g++", "clang++"))), None)
HOST = Path(__file__).with_name("host.hpp")
NO_COMPILER = "no C++ compiler (c++, g++ or clang++) on this machine"


class HostDevice:
    """One block after the other, the threads of a block by turns: slow, and the same arithmetic.

    Between two barriers the threads take their turns forward (order 0), backward (1), or in an
    order of chance (2): what depends on that is a race.
    """

    name = "the host"
    arrays = np
    out_of_memory = MemoryError

    def __init__(self, most_shared=232_448, processors=2, free=1e9, order=0):
        self._launch = ctypes.CDLL(str(library())).launch
        self.most_shared, self.processors, self.free = most_shared, processors, free
        self.launched, self.order = [], order

    def free_bytes(self):
        return self.free

    def fetch(self, array):
        return np.array(array)

    def launch(self, file, kernel, grid, threads, shared, *args):
        assert kernel in INSTANCES[file]
        self.launched.append(kernel)
        values = [_value(arg) for arg in args]
        pointers = (ctypes.c_void_p * len(values))(
            *(ctypes.cast(ctypes.byref(value), ctypes.c_void_p) for value in values)
        )
        code = self._launch(
            kernel.encode(),
            (ctypes.c_uint * 3)(*grid),
            ctypes.c_uint(threads),
            ctypes.c_size_t(shared),
            self.order,
            pointers,
        )
        assert code != 1, f"{kernel} is not compiled"
        assert code == 0, f"{kernel}: threads of a block came to different barriers"


def _value(arg):
    if arg is None:
        return ctypes.c_void_p(None)
    if isinstance(arg, np.ndarray):
        assert arg.flags.c_contiguous
        return ctypes.c_void_p(arg.ctypes.data)
    kinds = {"int32": ctypes.c_int32, "int64": ctypes.c_int64, "float64": ctypes.c_double}
    return kinds[arg.dtype.name](arg.item())


def library():
    """Compiled once for all processes, anew when a source changes."""
    lines = [f'#include "{HOST}"', '#include "common.cuh"']
    for file in INSTANCES:
        lines.append(f'#include "{file}"')
    for k, name in enumerate(name for names in INSTANCES.values() for name in names):
        lines.append(f'static int instance_{k} = host::add("{name}", {name});')
    text = "\n".join(lines) + "\n"
    digest = hashlib.sha256(text.encode())
    for path in (HOST, *sorted(FOLDER.iterdir())):
        digest.update(path.read_bytes())
    folder = Path(tempfile.gettempdir()) / f"pitfalls-host-kernels-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    target = folder / f"{digest.hexdigest()[:16]}.so"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            source, new = folder / "host.cpp", folder / "new.so"
            source.write_text(text)
            command = [COMPILER, "-std=c++17", "-O2", "-ffp-contract=off", "-shared", "-fPIC"]
            command.append("-fvisibility=hidden")
            warnings = ["-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas"]
            # Of contexts; the second is for compilers that do not know the first.
            warnings += ["-Wno-clobbered", "-Wno-unknown-warning-option"]
            subprocess.run(
                [*command, *warnings, f"-I{FOLDER}", str(source), "-o", str(new)], check=True
            )
            new.replace(target)
    return target
