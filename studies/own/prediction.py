"""What the fitted setting predicts for own features: P12 over time, P9 and P11 in the limit."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...theory import GroupAccuracy, PitfallsError, proportional
from ..train import end_of_training, in_the_model
from .prepare import Prepared

__all__ = ["Prediction", "predicted"]

Array: TypeAlias = NDArray[np.float64]

# Where few directions share the memory more sites are needed: at d/n = 0.016 and t = 1000, 512 are
# 0.06 off and 2048 less than 0.01.
_SETS, _SITES = 2, 512
_NARROW, _NARROW_SITES = 0.5, 2048


class Prediction(NamedTuple):
    """Test accuracies that the fitted setting predicts.

    Attributes
    ----------
    accuracy : GroupAccuracy of arrays (T,), or None
    limit : GroupAccuracy of floats, or None
    reason : str
        Why something is missing; empty where nothing is.

    Examples
    --------
    >>> Prediction(None, None, "there are no groups").limit is None
    True
    """

    accuracy: GroupAccuracy[Any] | None
    limit: GroupAccuracy[float] | None
    reason: str = ""


def predicted(
    prepared: Prepared, name: str, times: Array, strengths: Array | None = None
) -> Prediction:
    """Predict a method's test accuracies on own features from their fit.

    Parameters
    ----------
    prepared : Prepared
    name : str
        Of `METHODS`.
    times : array (T,)
        On the features as they were given.
    strengths : array (T,), optional
        Of the ridge path, instead of training over time.

    Examples
    --------
    >>> from pitfalls.studies.own import own_features
    >>> from pitfalls.studies.own.prepare import prepare
    >>> own = own_features([[1.0, 2.0], [-1.0, 0.0]], [1, 0])
    >>> predicted(prepare(own), "erm", np.ones(1)).reason[:6]
    'groups'
    """
    fit = prepared.fit
    if fit is None:
        return Prediction(None, None, prepared.unfit)
    accuracy, limit, reasons = None, None, []
    try:
        setting, objective = in_the_model(name, fit.setting)
    except PitfallsError as reason:
        return Prediction(None, None, str(reason))
    try:
        if strengths is None:
            run: Any = proportional.flow(
                setting,
                objective,
                times * prepared.unit,
                sets=_SETS,
                sites=_SITES if setting.delta >= _NARROW else _NARROW_SITES,
                examples=False,
            )
        else:
            run = proportional.ridge_path(setting, objective, strengths / prepared.unit)
        accuracy = run.accuracy(fit.setting)
    except PitfallsError as reason:
        reasons.append(str(reason))
    try:
        limit = end_of_training(setting, objective).accuracy(fit.setting)
    except PitfallsError as reason:
        reasons.append(str(reason))
    return Prediction(accuracy, limit, " ".join(reasons))
