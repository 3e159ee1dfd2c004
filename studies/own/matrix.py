"""The matrix of features, checked."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...theory import SettingError
from ...theory.resources import require
from .origin import Origin

__all__ = ["LARGEST", "Array", "matrix", "refuse_constant"]

Array: TypeAlias = NDArray[np.float64]

LARGEST = 1e150
"""Beyond it squares overflow."""

_ALLOWED = "numbers of shape (n, p), n ≥ 2 examples of p ≥ 2 features"
# The numbers of the tables, and room for a check; and, of another type, in double precision first.
_BYTES, _CONVERTED = 9.0, 17.0


def matrix(role: str, features: ArrayLike, origin: Origin, least: int = 2) -> Array:
    """Features as double precision, the very array where it is that already.

    Parameters
    ----------
    role : str
        What errors call them.
    features : array (n, p)
    origin : Origin
    least : int
        Fewest examples.

    Raises
    ------
    SettingError
        They are not a matrix of finite real numbers.
    ResourceError
        A copy does not fit in memory.

    Examples
    --------
    >>> matrix("features", [[1, 2], [3, 4]], Origin()).tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    field = origin.called(role)
    if np.ma.is_masked(features):
        fix = "Masked entries have no value: fill them in, or leave these examples out."
        raise SettingError(field, "masked array", _ALLOWED, fix)
    try:
        given = np.asarray(features)
    except (TypeError, ValueError, OverflowError):
        raise SettingError(
            field,
            features,
            _ALLOWED,
            "Its rows are not of one length: give the same features of each.",
        ) from None
    if given.ndim == 0:
        fix = "One row per example; of a sparse matrix give features.toarray()."
        raise SettingError(field, type(features).__name__, _ALLOWED, fix)
    if given.dtype.kind not in "iuf":
        raise SettingError(field, f"{given.dtype} array", _ALLOWED, _fix_of_kind(given.dtype.kind))
    if given.ndim != 2 or given.shape[0] < least or given.shape[1] < 2:
        raise SettingError(field, given.shape, _ALLOWED, _fix_of_shape(given.shape))
    n, p = given.shape
    size = _BYTES if given.dtype == np.float64 else _CONVERTED
    require(size * n * p, f"a copy of {n} × {p} features", "give fewer, or in parts")
    with np.errstate(over="ignore"):
        x: Array = given.astype(np.float64, copy=False)
    if not (x.min() >= -LARGEST and x.max() <= LARGEST):
        _refuse(role, x, origin)
    return x


def _fix_of_kind(kind: str) -> str:
    return {
        "c": "Complex numbers have no sign: give the real part, or both parts as columns.",
        "b": "Make 0 and 1 of booleans: features.astype(float).",
        "O": "If all these objects are numbers, give features.astype(float).",
    }.get(kind, "Make numbers of them; of digits, features.astype(float) does.")


def _fix_of_shape(shape: tuple[int, ...]) -> str:
    if len(shape) > 2:
        return "One row per example: features.reshape(len(features), -1)."
    if len(shape) < 2:
        return "One row per example, one column per feature."
    few, what = (shape[0], "examples") if shape[1] >= 2 else (shape[1], "features")
    return f"Of {what} there {'is' if few == 1 else 'are'} {few}: add some."


def _refuse(role: str, x: Array, origin: Origin) -> None:
    row, column = divmod(int(np.argmin((x >= -LARGEST) & (x <= LARGEST))), x.shape[1])
    value = float(x[row, column])
    huge = "its square overflows: rescale the features"
    fix = huge if np.isfinite(value) else "fill it in, or leave out the example or the feature"
    raise SettingError(
        origin.called(role, column),
        value,
        f"finite and at most {LARGEST:g} in size",
        f"{origin.row(row, column)}: {fix}.",
    )


def refuse_constant(features: Array, origin: Origin) -> None:
    """Refuse examples that are all the same.

    Raises
    ------
    SettingError
        No feature tells two examples apart.

    Examples
    --------
    >>> refuse_constant(np.array([[1.0, 2.0], [1.0, 3.0]]), Origin())
    """
    if (features.min(axis=0) == features.max(axis=0)).all():
        raise SettingError(
            origin.called("features"),
            features[0, :3].tolist(),
            "different from example to example",
            "All features are constant over the training examples: see how they were computed.",
        )
