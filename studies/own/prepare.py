"""Own features as the solvers take them: centred, and turned to the plane of their group means."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, eigsh

from ...sims import Sample
from ...sims.fit import Fit, fit_setting
from ...sims.plane import plane_of_means, turned
from ...theory import PitfallsError
from .table import OwnFeatures, Table

__all__ = ["Prepared", "prepare"]

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Prepared:
    """A sample of one's own features, its test examples, and the setting it looks like.

    Attributes
    ----------
    own : OwnFeatures
        As they were given.
    sample : Sample
        To train on. Columns 0 and 1 are the core and the spurious axis.
    test : Table or None
        In the same columns.
    mean : array (p,)
        What was taken off all features: the training examples' mean, or zero.
    axes : array (2, p)
        The core and the spurious axis in the columns that were given.
    fit : Fit or None
    unfit : str
        Why there is no fit; empty where there is one.
    curvature : float
        Largest eigenvalue of the mean of zzᵀ, which limits the learning rate.

    Examples
    --------
    See `prepare`.
    """

    own: OwnFeatures
    sample: Sample
    test: Table | None
    mean: Array
    axes: Array
    fit: Fit | None
    unfit: str
    curvature: float

    @property
    def unit(self) -> float:
        """Squared length of the core direction: a time t on these features is t·unit in the model.

        Without a fit the curvature takes its place.

        Examples
        --------
        >>> from pitfalls.studies.own import own_features
        >>> own = own_features([[2.0, 0.0], [-2.0, 0.0]], [1, -1])
        >>> prepare(own).unit
        4.0
        """
        return self.curvature if self.fit is None else self.fit.length**2


def prepare(own: OwnFeatures, *, center: bool = True) -> Prepared:
    """Centre features, find the plane of their group means, and fit the model to them.

    Parameters
    ----------
    own : OwnFeatures
    center : bool
        Take the training examples' mean off all features: solvers have no intercept.

    Returns
    -------
    Prepared

    Examples
    --------
    A draw of the model, handed in as if it were one's own:

    >>> from pitfalls.sims import draw
    >>> from pitfalls.studies.own import own_features
    >>> from pitfalls.theory import Setting
    >>> sample = draw(Setting.figure_1(), seed=1, kind="explicit")
    >>> own = own_features(sample.features, sample.labels, groups=sample.groups)
    >>> prepared = prepare(own)
    >>> round(prepared.fit.setting.gamma, 1), round(prepared.fit.setting.kappa, 2)
    (5.0, 0.46)
    """
    train = own.train
    mean = train.features.mean(axis=0) if center else np.zeros(train.features.shape[1])
    centred = train.features - mean
    axes = plane_of_means(centred, train.labels, train.groups)
    centred = turned(centred, axes, overwrite=True)
    sample = Sample.from_arrays(centred, train.labels, train.groups)
    del centred
    test = own.test
    if test is not None:
        test = replace(test, features=turned(test.features - mean, axes, overwrite=True))
    fit, unfit = None, ""
    try:
        fit = fit_setting(sample)
    except PitfallsError as reason:
        unfit = str(reason)
    return Prepared(own, sample, test, mean, axes, fit, unfit, _curvature(sample))


def _curvature(sample: Sample) -> float:
    if sample.n <= 2:
        return float(np.linalg.eigvalsh(sample.gram.matrix())[-1]) / sample.n
    operator = LinearOperator((sample.n, sample.n), matvec=sample.gram.product, dtype=float)
    start = np.ones(sample.n)
    return float(eigsh(operator, k=1, tol=1e-6, v0=start, return_eigenvectors=False)[0]) / sample.n
