"""Training on own features as a JSON object."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from ...theory import GroupAccuracy
from .agreement import largest
from .counting import Counted
from .table import Table

if TYPE_CHECKING:
    from .prepare import Prepared
    from .training import OwnRun, OwnTraining

__all__ = ["as_json"]


def as_json(training: OwnTraining) -> dict[str, Any]:
    """What was fitted, counted and predicted, schema 1; what is unknown is null.

    Examples
    --------
    >>> from pitfalls.studies.own import own_features, train_own
    >>> own = own_features([[1.0, 2.0], [-1.0, 0.0]], [1, 0])
    >>> as_json(train_own(own, ["erm"], points=2))["examples"]
    {'train': 2, 'test': None, 'features': 2, 'classes': ['0', '1']}
    """
    prepared = training.prepared
    own = prepared.own
    return {
        "schema": 1,
        "seed": training.seed,
        "source": own.source,
        "examples": {
            "train": len(own.train.labels),
            "test": None if own.test is None else len(own.test.labels),
            "features": own.train.features.shape[1],
            "classes": list(own.class_names),
        },
        "parts": [
            {"name": name, "train": _size(own.train, k), "test": _size(own.test, k)}
            for k, name in enumerate(own.part_names)
        ],
        "fit": _fit(prepared),
        "runs": [_run(training, run) for run in training.runs],
        "left_out": [
            {"objective": name, "reason": reason} for name, reason in training.left_out.items()
        ],
    }


def _size(table: Table | None, part: int) -> int | None:
    return None if table is None or table.parts is None else int((table.parts == part).sum())


def _fit(prepared: Prepared) -> dict[str, Any] | None:
    fit = prepared.fit
    if fit is None:
        return None
    return {
        "setting": asdict(fit.setting),
        "kappa": fit.setting.kappa,
        "delta": fit.setting.delta,
        "length": fit.length,
        "tilt": fit.tilt,
        "spread": {"majority": fit.spread[0], "minority": fit.spread[1]},
    }


def _run(training: OwnTraining, run: OwnRun) -> dict[str, Any]:
    names = ("times", "core", "spurious", "memory", "loss")
    off = largest(training, run)
    return {
        "objective": run.run.name,
        **{name: getattr(run.run, name).tolist() for name in names},
        "strengths": _plain(run.run.strengths),
        "train": _accuracy(run.run.train),
        "test": _counted(run.test),
        "predicted": _accuracy(run.predicted.accuracy),
        "limit": {
            "kind": "max margin" if run.separable else "finite minimiser",
            "core": run.solution.core,
            "spurious": run.solution.spurious,
            "memory": run.solution.memory,
            "test": _counted(run.limit),
            "predicted": _accuracy(run.predicted.limit),
        },
        "not_predicted": run.predicted.reason or None,
        "largest_difference": None
        if off is None
        else {
            "group": off.group,
            "time": off.place if np.isfinite(off.place) else None,
            "counted": off.counted,
            "predicted": off.predicted,
            "z": off.z,
        },
    }


def _counted(found: Counted | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "worst": _plain(found.worst),
        "average": _plain(found.average),
        "groups": _accuracy(found.groups),
        "parts": _plain(found.parts.T),
    }


def _accuracy(found: GroupAccuracy[Any] | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {name: _plain(getattr(found, name)) for name in ("majority", "minority")}


def _plain(values: Any) -> Any:
    """Numbers and lists of them; None for what is not a number."""
    if values is None:
        return None
    plain = np.array(values, dtype=object)
    plain[np.isnan(plain.astype(float))] = None
    return plain.tolist()
