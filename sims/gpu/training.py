"""Descent and flow of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import DOP853

from ...theory import SettingError
from .batch import Batch
from .launch import Launch, planned
from .sources import MOST_METHODS, instance

__all__ = ["Numbers", "Recorded", "descend", "flow", "methods_of"]

Array: TypeAlias = NDArray[np.float64]
Numbers: TypeAlias = Sequence[tuple[Array, Array, Array]]

# Numbers of its array that a block reads in one launch: a fraction of a second.
_READ_A_LAUNCH = 2e9
_MOST_PRODUCTS = 20_000


class Recorded(NamedTuple):
    """What was recorded of a batch.

    Attributes
    ----------
    values : array (B, R, K, 6)
        Core and spurious weight (the start's not added), ‖w_ε‖, loss, and train accuracies of
        majority and minority.
    dual, margins : arrays (B, R, K, n), or None
    done : boolean array (B,)
        False where the device has given a replicate up, which needs another way.

    Examples
    --------
    >>> Recorded(np.zeros((1, 2, 3, 6)), None, None, np.ones(1, dtype=bool)).values.shape
    (1, 2, 3, 6)
    """

    values: Array
    dual: Array | None
    margins: Array | None
    done: NDArray[np.bool_]


def methods_of(numbers: Numbers, rate: float) -> Array:
    """Methods as the kernels have them, (4, K, n), from weight, shift and scale of each.

    Examples
    --------
    >>> one = np.ones(2)
    >>> methods_of([(one, 0 * one, one)], 0.5)[:, 0].tolist()
    [[0.0, 0.0], [1.0, 1.0], [1.0, 1.0], [0.25, 0.25]]
    """
    weight, shift, scale = (np.stack(each) for each in zip(*numbers, strict=True))
    return np.stack((shift, scale, weight, rate * weight * scale / weight.shape[1]))


def descend(
    batch: Batch,
    methods: Array,
    recorded: NDArray[np.int64],
    *,
    data: Any = None,
    squares: Array | None = None,
    examples: bool = False,
    single: bool = False,
) -> Recorded:
    """Full-batch gradient descent of every replicate (P1).

    Parameters
    ----------
    batch : Batch
    methods : array (B, 4, K, n)
        Shift, scale, weight, and the learning rate times qΔ/n.
    recorded : integer array (R,)
        Step numbers, increasing, each meaning "after that many updates".
    data : array of the device (B, 5, n), optional
        `Batch.data`; by default with weights that start at zero.
    squares : array (B,), optional
        ‖w_ε(0)‖².
    examples : bool
        Keep dual weights and margins.
    single : bool
        Products in single precision: half the memory traffic, and weights off by less than 1e-6 of
        their size.

    Raises
    ------
    SettingError
        The steps do not increase.
    """
    recorded = _increasing("recorded", np.asarray(recorded, dtype=np.int64))
    run = _Run(batch, methods, len(recorded), data, squares, examples, single)
    xp = batch.device.arrays
    steps = xp.asarray(recorded)
    dual = xp.zeros(run.methods.shape[:1] + run.methods.shape[2:])
    end = int(recorded[-1]) + 1
    waves = -(-len(batch) // batch.device.processors)
    stride = max(1, int(_READ_A_LAUNCH / (run.plan.n * run.plan.pitch * waves)))
    for first in range(0, end, stride):
        run.launch(
            "descend",
            steps,
            np.int32(len(recorded)),
            np.int64(first),
            np.int64(min(first + stride, end)),
            dual,
            *run.outputs,
        )
    return run.fetched(np.ones(len(batch), dtype=bool))


def flow(
    batch: Batch,
    methods: Array,
    times: Array,
    *,
    tolerance: float = 1e-10,
    most_products: int | None = None,
    data: Any = None,
    squares: Array | None = None,
    examples: bool = False,
) -> Recorded:
    """Gradient flow of every replicate, in log time, each with steps of its own.

    Of examples that can be separated: on others dual weights grow like t, and a replicate is given
    up. K methods of a replicate share their steps.

    Parameters
    ----------
    batch : Batch
    methods : array (B, 4, K, n)
        Shift, scale, weight, and qΔ/n.
    times : array (T,)
        Increasing, t = learning rate × steps.
    tolerance : float
        Relative error per step.
    most_products : int, optional
        Beyond, a replicate is stiff, and given up; 20,000 by default.
    data, squares, examples
        As for `descend`.

    Raises
    ------
    SettingError
        The times do not increase.
    """
    grid = _increasing("times", np.asarray(times, dtype=float))
    run = _Run(batch, methods, len(grid), data, squares, examples, single=False)
    xp = batch.device.arrays
    parts = (DOP853.A[:12, :12], DOP853.B, DOP853.C[:12], DOP853.E3, DOP853.E5)
    coefficients = xp.asarray(np.concatenate([np.ravel(part) for part in parts]))
    count, _, k, n = run.methods.shape
    status = xp.zeros(count, dtype=np.int32)
    run.launch(
        "flow",
        coefficients,
        xp.asarray(grid),
        np.int32(len(grid)),
        np.float64(tolerance),
        np.int32(_MOST_PRODUCTS if most_products is None else most_products),
        xp.empty((count, DOP853.n_stages + 3, k, n)),
        *run.outputs,
        status,
    )
    return run.fetched(batch.device.fetch(status) == 0)


def _increasing(field: str, values: NDArray[Any]) -> NDArray[Any]:
    """The values; of others the kernels would leave rows unwritten."""
    if values.ndim != 1 or not len(values) or values[0] < 0 or (np.diff(values) <= 0).any():
        raise SettingError(field, values.tolist(), "at least one number ≥ 0, increasing")
    return values


class _Run:
    """Arrays and launches that descent and flow share."""

    def __init__(
        self,
        batch: Batch,
        methods: Array,
        records: int,
        data: Any,
        squares: Array | None,
        examples: bool,
        single: bool,
    ) -> None:
        count, four, k, n = methods.shape
        if (count, four, n) != (len(batch), 4, batch.n) or not 1 <= k <= MOST_METHODS:
            raise SettingError(
                "methods",
                methods.shape,
                f"of shape ({len(batch)}, 4, K, {batch.n}), K in 1 … {MOST_METHODS}",
            )
        xp = batch.device.arrays
        self.batch, self.single = batch, single
        self.plan: Launch = planned(n, k, single, batch.device.most_shared)
        self.methods = xp.asarray(np.ascontiguousarray(methods, dtype=float))
        self.data = batch.data() if data is None else data
        self.squares = xp.asarray(np.zeros(count) if squares is None else squares)
        self.matrices = batch.matrices
        if single:
            self.matrices = xp.zeros((count, n, self.plan.pitch), dtype=np.float32)
            self.matrices[:, :, : n + 2] = batch.matrices[:, :, : n + 2]
        spill = None
        if not self.plan.partial_inside:
            spill = xp.empty((count, self.plan.segments, k, self.plan.pitch))
        self.values = xp.empty((count, records, k, 6))
        kept = (count, records, k, n)
        self.kept = (xp.empty(kept), xp.empty(kept)) if examples else (None, None)
        self.outputs = (spill, self.values, *self.kept)

    def launch(self, name: str, *rest: Any) -> None:
        """A kernel of this run's shape and precision on all replicates."""
        n, pitch, segments, tile_rows, inside, resident, threads, shared = self.plan
        self.batch.device.launch(
            f"{name}.cu",
            instance(name, self.single, self.methods.shape[2], resident),
            (len(self.batch), 1, 1),
            threads,
            shared,
            *map(np.int32, (n, pitch, segments, tile_rows, inside)),
            self.matrices,
            self.data,
            self.methods,
            self.squares,
            *rest,
        )

    def fetched(self, done: NDArray[np.bool_]) -> Recorded:
        fetch = self.batch.device.fetch
        dual, margins = (None if a is None else fetch(a) for a in self.kept)
        return Recorded(fetch(self.values), dual, margins, done)
