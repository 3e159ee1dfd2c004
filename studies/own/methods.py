"""The training methods on own features: by label and group, by XRM, or by the fitted setting."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...sims import memorization_aware
from ...sims.seeds import SUBSET, generator, seed_sequence
from ...theory import (
    MAJORITY,
    MINORITY,
    Objective,
    PitfallsError,
    Setting,
    SettingError,
    proportional,
)
from ..train import curing_objective
from .prepare import Prepared

__all__ = ["METHODS", "objective"]

Array: TypeAlias = NDArray[np.float64]

# XRM's learning rate times the largest curvature, in the paper's Figure 1: 0.02 · (1 + γ² + κ).
_RATE = 0.53


def _reweighting(prepared: Prepared, seed: int) -> Objective:
    """Inverse frequencies of the parts, with mean one."""
    parts, counts = _parts(prepared)
    weights = parts.size / (len(counts) * counts)
    return Objective.reweighting(parts, weights[parts])


def _logit_shifting(prepared: Prepared, seed: int) -> Objective:
    """log p(y|a)/p(−y|a): by group, or by label and group where parts are that fine."""
    groups, labels = prepared.sample.groups, prepared.sample.labels
    if groups is None or len(prepared.own.part_names) <= 2:
        return Objective.logit_shifting(_groups(prepared))
    counts = {
        (y, g): int(((labels == y) & (groups == g)).sum())
        for y in (-1, 1)
        for g in (MAJORITY, MINORITY)
    }
    if min(counts.values()) == 0:
        raise SettingError(
            "groups",
            [name for (y, g), count in counts.items() for name in [f"{y:+d}, {g}"] if not count],
            "both in each class for logit shifting",
            "A label that an attribute never comes with has an infinite shift.",
        )
    shift = np.empty(len(labels))
    for (y, g), count in counts.items():
        shift[(labels == y) & (groups == g)] = np.log(count / counts[-y, 1 - g])
    return Objective(shift=shift, name="logit shifting")


def _subsampling(prepared: Prepared, seed: int) -> Objective:
    """As many examples of each part, at random; the others have no weight."""
    parts, counts = _parts(prepared)
    rng = generator(seed_sequence(seed), SUBSET)
    few = int(counts.min())
    weight = np.zeros(parts.size)
    for part in range(len(counts)):
        weight[rng.choice(np.flatnonzero(parts == part), few, replace=False)] = 1.0
    return Objective(weight=weight / weight.mean(), name="subsampling")


def _curing_scale(prepared: Prepared, seed: int) -> Objective:
    """Vector scaling with the fitted setting's curing scale."""
    return curing_objective(_setting(prepared))


def _lasting_cure(prepared: Prepared, seed: int) -> Objective:
    return proportional.lasting_cure(_setting(prepared))


def _mat(prepared: Prepared, seed: int) -> Objective:
    return memorization_aware(prepared.sample, seed, learning_rate=_RATE / prepared.curvature)


METHODS: dict[str, Callable[[Prepared, int], Objective]] = {
    "erm": lambda prepared, seed: Objective.erm(),
    "reweighting": _reweighting,
    "logit-shifting": _logit_shifting,
    "mat": _mat,
    "subsampling": _subsampling,
    "curing-scale": _curing_scale,
    "lasting-cure": _lasting_cure,
}
"""All methods by the names the command gives them."""


def objective(name: str, prepared: Prepared, seed: int) -> Objective:
    """A method's weights, shifts and scales for each example, or by group.

    Parameters
    ----------
    name : str
        Of `METHODS`.
    prepared : Prepared
    seed : int
        Of MAT's twins, and of subsampling.

    Raises
    ------
    SettingError
        The name is unknown, or the method needs groups that are not there.
    PitfallsError
        The method needs a fitted setting, and there is none, or it has no such scale.

    Examples
    --------
    >>> from pitfalls.studies.own import own_features
    >>> from pitfalls.studies.own.prepare import prepare
    >>> own = own_features(
    ...     [[1.0, 2.0], [1.2, 2.1], [1.1, -2.0], [-1.0, -2.0]], [1, 1, 1, 0], groups=[1, 1, 0, 1]
    ... )
    >>> objective("reweighting", prepare(own), 0).weight.round(2)
    array([0.67, 0.67, 2.  , 0.67])
    """
    if name not in METHODS:
        raise SettingError("objectives", name, f"some of {', '.join(METHODS)}")
    return METHODS[name](prepared, seed)


def _groups(prepared: Prepared) -> NDArray[np.int64]:
    groups = prepared.sample.groups
    if groups is None:
        raise SettingError(
            "groups",
            None,
            "given for the training examples",
            "Give attributes or groups, or use ERM and MAT, which need none.",
        )
    return groups


def _parts(prepared: Prepared) -> tuple[NDArray[np.int64], Array]:
    """The part of every training example, and how many there are of each."""
    given = prepared.own.train.parts
    parts = np.unique(_groups(prepared) if given is None else given, return_inverse=True)[1]
    return parts, np.bincount(parts).astype(float)


def _setting(prepared: Prepared) -> Setting:
    if prepared.fit is None:
        raise PitfallsError(f"the scale comes from the fitted setting: {prepared.unfit}")
    return prepared.fit.setting
