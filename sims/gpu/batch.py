"""Replicates of one n on a device: drawn there, or brought there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...theory import MAJORITY, ResourceError, Setting, SettingError
from ...theory.resources import require
from ..cells import groups_of, means_of
from ..gram import DenseGram
from ..record import observed_groups
from ..sample import Sample
from ..seeds import DEVICE, child_stream, generator
from ..start import Start
from .device import Device
from .launch import pitch
from .sources import TILE, TILE_THREADS

__all__ = ["GRID", "Batch", "bytes_of_replicate", "in_batches"]

Array: TypeAlias = NDArray[np.float64]
Stream: TypeAlias = np.random.SeedSequence
Item = TypeVar("Item")
Result = TypeVar("Result")

_THREADS = 128
# Columns of explicit features at a time; a multiple of four.
_COLUMNS = 4096
_MOST = 32_768
GRID = 65_535
"""Blocks in the second and third direction of a grid: a draw has as many examples at most."""
_SHARE = 0.8


@dataclass(frozen=True, eq=False)
class Batch:
    """Replicates side by side on a device.

    Attributes
    ----------
    device : Device
    matrices : array of the device (B, n, pitch)
        Each replicate's memory Gram matrix, U behind it, zeros: see ``cuda/common.cuh``.
    planes : array of the device (B, 2, n)
    groups : integer array (B, n)
        Observed groups, 1 majority and 0 minority.
    settings : list of Setting, or None
    streams : list of SeedSequence, or None
        Of draws.
    """

    device: Device
    matrices: Any
    planes: Any
    groups: NDArray[np.int64]
    settings: list[Setting] | None = None
    streams: list[Stream] | None = None

    def __len__(self) -> int:
        return len(self.groups)

    @property
    def n(self) -> int:
        """Examples of a replicate."""
        return int(self.groups.shape[1])

    @classmethod
    def draw(
        cls,
        device: Device,
        settings: Sequence[Setting],
        streams: Sequence[Stream],
        kind: Literal["gram", "explicit"] = "gram",
    ) -> Batch:
        """Draw a replicate of each setting; all have one n.

        Parameters
        ----------
        device : Device
        settings : sequence of Setting
        streams : sequence of SeedSequence
            A replicate's bytes depend on its setting and its stream alone. They are others than
            those that `pitfalls.sims.draw` makes of it on the CPU: equal in law.
        kind : {"gram", "explicit"}
            As for `pitfalls.sims.draw`: from a Bartlett factor, whatever d is, or from all n·d
            memory features, in parts, whose Gram matrix is kept.

        Raises
        ------
        SettingError
            Another kind, settings of different n, or another number of streams.
        """
        settings, streams = list(settings), list(streams)
        n = settings[0].n
        if max(n, len(settings)) > GRID:
            raise SettingError("settings", (len(settings), n), f"at most {GRID} of n ≤ {GRID}")
        if len(streams) != len(settings):
            raise SettingError("streams", len(streams), f"{len(settings)}, one for each setting")
        if any(setting.n != n for setting in settings):
            raise SettingError("settings", sorted({s.n for s in settings}), "of one n")
        if kind not in ("gram", "explicit"):
            raise SettingError("kind", kind, "'gram' or 'explicit' on a GPU")
        xp, count = device.arrays, len(settings)
        own = [child_stream(stream, DEVICE).generate_state(2, np.uint64) for stream in streams]
        keys = xp.asarray(np.stack(own))
        sigmas = xp.asarray(np.array([float(setting.sigma) for setting in settings]))
        # The kernels take the rows of U one after the other.
        known = {
            each: (np.ascontiguousarray(means_of(each).T), groups_of(each))
            for each in set(settings)
        }
        means = xp.asarray(np.stack([known[setting][0] for setting in settings]))
        groups = np.stack([known[setting][1] for setting in settings])
        deviations = xp.asarray(np.sqrt([setting.feature_variance for setting in settings]))
        planes = xp.empty((count, 2, n))
        blocks = -(-n // _THREADS)
        device.launch(
            "draw.cu",
            "draw_plane",
            (blocks, count, 1),
            _THREADS,
            0,
            np.int32(n),
            keys,
            means,
            deviations,
            planes,
        )
        wide = pitch(n, single=False)
        matrices = xp.empty((count, n, wide))
        shared = (device, n, keys, sigmas, planes, matrices)
        if kind == "gram":
            _draw_factors(*shared, [setting.d for setting in settings])
        else:
            _draw_features(*shared, [setting.d for setting in settings])
        return cls(device, matrices, planes, groups, settings, streams)

    @classmethod
    def of(cls, device: Device, samples: Sequence[Sample]) -> Batch:
        """Bring samples of one n to a device.

        Raises
        ------
        ResourceError
            Their Gram matrices do not fit in memory.
        """
        xp, n = device.arrays, samples[0].n
        wide = pitch(n, single=False)
        require(
            16.0 * len(samples) * n * wide,
            f"{len(samples)} Gram matrices of {n} examples",
            "lower n, or use backend 'cpu'",
        )
        rows = np.zeros((len(samples), n, wide))
        for row, sample in zip(rows, samples, strict=True):
            row[:, :n] = sample.gram.memory_matrix()
            row[:, n : n + 2] = sample.plane
        planes = np.stack([sample.plane.T for sample in samples])
        groups = np.stack([observed_groups(sample) for sample in samples])
        return cls(device, xp.asarray(rows), xp.asarray(np.ascontiguousarray(planes)), groups)

    def sample(self, index: int) -> Sample:
        """A replicate on the CPU, as a sample of its Gram matrix."""
        fetch, n = self.device.fetch, self.n
        plane = np.ascontiguousarray(fetch(self.planes[index]).T)
        memory = np.ascontiguousarray(fetch(self.matrices[index])[:, :n])
        setting = None if self.settings is None else self.settings[index]
        stream = None if self.streams is None else self.streams[index]
        labels = np.ones(n)
        if stream is not None:
            labels = generator(stream, DEVICE).choice((-1.0, 1.0), size=n)
        return Sample(
            plane,
            labels,
            self.groups[index],
            DenseGram(plane, memory),
            setting=setting,
            stream=stream,
        )

    def data(self, starts: Sequence[Start] | None = None) -> Any:
        """What the training kernels need of the examples, (B, 5, n); zero starts by default."""
        xp = self.device.arrays
        found = xp.zeros((len(self), 5, self.n))
        found[:, :2] = self.planes
        if starts is not None:
            found[:, 2] = xp.asarray(np.stack([start.margins for start in starts]))
            found[:, 3] = xp.asarray(np.stack([start.overlap for start in starts]))
        found[:, 4] = xp.asarray((self.groups == MAJORITY).astype(float))
        return found


def _draw_factors(
    device: Device, n: int, keys: Any, sigmas: Any, planes: Any, matrices: Any, d: list[int]
) -> None:
    """E Eᵀ in law from its Bartlett factor (P2), of settings that may differ in d."""
    xp, count = device.arrays, len(d)
    # Where d < n a factor has d columns; one that is n wide would have chis of no freedom.
    for width in sorted({min(n, each) for each in d}):
        index = [i for i, each in enumerate(d) if min(n, each) == width]
        whole = len(index) == count
        key, sigma, plane = (a if whole else a[index] for a in (keys, sigmas, planes))
        matrix = matrices if whole else xp.empty((len(index), *matrices.shape[1:]))
        factor = xp.zeros((len(index), n, max(width, 1)))
        if width:
            dimensions = xp.asarray(np.array([float(d[i]) for i in index]))
            _memory(device, factor, 0, True, key, sigma)
            device.launch(
                "draw.cu",
                "draw_lengths",
                (-(-width // _THREADS), len(index), 1),
                _THREADS,
                0,
                np.int32(n),
                np.int32(width),
                dimensions,
                key,
                sigma,
                factor,
            )
        _square(device, factor, plane, matrix, triangle=True, add=False)
        if not whole:
            matrices[index] = matrix
        # Before the next ones are made.
        del matrix, factor


def _draw_features(
    device: Device, n: int, keys: Any, sigmas: Any, planes: Any, matrices: Any, d: list[int]
) -> None:
    """E Eᵀ of explicit features, so many columns at a time."""
    xp = device.arrays
    if len(set(d)) > 1:
        raise SettingError("settings", sorted(set(d)), "of one d, for kind 'explicit'")
    for first in range(0, max(d[0], 1), _COLUMNS):
        features = xp.zeros((len(d), n, max(1, min(_COLUMNS, d[0] - first))))
        if d[0]:
            _memory(device, features, first, False, keys, sigmas)
        _square(device, features, planes, matrices, triangle=False, add=first > 0)
        del features  # before the next ones are made


def _memory(
    device: Device, factor: Any, first: int, triangle: bool, keys: Any, sigmas: Any
) -> None:
    """Fill columns ``first`` and on of features, or what is below a factor's diagonal."""
    count, n, width = factor.shape
    device.launch(
        "draw.cu",
        "draw_memory",
        (-(-width // (4 * _THREADS)), n, count),
        _THREADS,
        0,
        np.int32(n),
        np.int32(width),
        np.int64(first),
        np.int32(triangle),
        keys,
        sigmas,
        factor,
    )


def _square(
    device: Device, factor: Any, planes: Any, matrices: Any, triangle: bool, add: bool
) -> None:
    """L Lᵀ, with U behind it."""
    count, n, width = factor.shape
    side = -(-n // TILE)
    device.launch(
        "draw.cu",
        "square",
        (side * (side + 1) // 2, count, 1),
        TILE_THREADS,
        0,
        np.int32(n),
        np.int32(width),
        np.int32(matrices.shape[2]),
        np.int32(triangle),
        np.int32(add),
        factor,
        planes,
        matrices,
    )


def bytes_of_replicate(
    n: int, methods: int, records: int, examples: bool, explicit: int = 0
) -> float:
    """Memory that a replicate takes on a device while it is drawn, trained and solved.

    Its array and two more of that size at any time (a factor, a copy in single precision, and the
    array before it comes to its place), the kernels' vectors, and what is recorded; of ``explicit``
    features, so many columns as are drawn at a time.

    Examples
    --------
    >>> round(bytes_of_replicate(1000, 3, 10, examples=False) / 2**20)
    24
    """
    wide = pitch(n, single=False)
    matrices = 8.0 * n * (wide + max(2 * wide, min(explicit, _COLUMNS)))
    vectors = 8.0 * n * (25 * methods + 20)
    kept = 8.0 * records * methods * (6 + (2 * n if examples else 0))
    return matrices + vectors + kept


def in_batches(
    device: Device,
    items: Sequence[Item],
    bytes_each: float,
    run: Callable[[Sequence[Item]], Sequence[Result]],
    tell: Callable[[str], None],
    most: int = _MOST,
) -> Iterator[Result]:
    """Results of ``run`` on all items, as many at a time as the device has memory for.

    Where it runs out of memory all the same, half as many go on from there.

    Parameters
    ----------
    device : Device
    items : sequence
    bytes_each : float
    run : callable
        Takes some items, gives the result of each.
    tell : callable
        Is told, in words, when a batch has been halved.
    most : int
        Items at a time, at most.

    Raises
    ------
    ResourceError
        Not one item fits.

    Examples
    --------
    >>> class Full:
    ...     out_of_memory, name = MemoryError, "a device"
    ...     def free_bytes(self):
    ...         return 50.0
    >>> def run(items):
    ...     if len(items) > 2:
    ...         raise MemoryError
    ...     return [2 * item for item in items]
    >>> list(in_batches(Full(), range(5), 10.0, run, print))
    a device ran out of memory with 4 replicates at a time: going on with 2.
    [0, 2, 4, 6, 8]
    """
    size = max(1, min(most, int(_SHARE * device.free_bytes() / bytes_each)))
    first = 0
    while first < len(items):
        size = min(size, len(items) - first)
        try:
            results = run(items[first : first + size])
        except device.out_of_memory as error:
            if size == 1:
                raise ResourceError(
                    f"a replicate needs {bytes_each / 2**30:.1f} GiB on {device.name}, "
                    f"{device.free_bytes() / 2**30:.1f} GiB are free: lower n."
                ) from error
            tell(
                f"{device.name} ran out of memory with {size} replicates at a time: going on with "
                f"{size // 2}."
            )
            size //= 2
            continue
        yield from results
        first += size
