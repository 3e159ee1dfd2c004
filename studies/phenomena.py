"""What high training accuracy hides, predicted for n → ∞ and simulated at three sizes.

When the training set is fitted and when the minority follows, where early learning ends, when to
stop, what can be decoded: P9, P12 and P17 in settings most of which have label noise.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeAlias, Unpack

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from ..sims import class_subspaces, draw, gradient_flow, max_margin
from ..sims.seeds import child_stream
from ..theory import Setting, Solution, Trajectory, decoding, orthogonal, proportional
from ..theory.generalization import early_stopping, test_loss
from .limit_design import Case
from .three_sizes import Effort, Options, Point, ThreeSizes, point, three_sizes
from .train import ONE_LIMIT, three_methods

__all__ = ["CASES", "FULL", "NUMBERS", "PHENOMENA", "QUICK", "numbers", "phenomena"]

Array: TypeAlias = NDArray[np.float64]
Seed: TypeAlias = np.random.SeedSequence

FULL = Effort((400, 800, 1600), draws=4, sets=8, sites=512)
QUICK = Effort((200, 400, 800), draws=3, sets=4, sites=256)

TIMES = np.logspace(-2, 8, 161)
"""t = learning rate × steps of the recorded points, between which numbers are interpolated."""


class Number(NamedTuple):
    """One number of a phenomenon.

    Attributes
    ----------
    phenomenon, words : str
    probit : bool
        It is a probit, or a difference of two.

    Examples
    --------
    >>> NUMBERS["recovered"].phenomenon
    'delay'
    """

    phenomenon: str
    words: str
    probit: bool = False


PHENOMENA = ("train and test", "label noise", "delay", "early stopping", "decoding")

NUMBERS = {
    "fitted": Number("train and test", "log t from which 90 % of the training minority is right"),
    "unseen": Number(
        "train and test", "the probit of the minority's test accuracy then", probit=True
    ),
    "peak": Number("label noise", "log t at which the minority's test accuracy is greatest"),
    "fall": Number(
        "label noise", "by how much its probit falls from there to t = 10⁸", probit=True
    ),
    "recovered": Number("delay", "log t of the last change of sign of the minority's test margin"),
    "best": Number(
        "early stopping", "the probit of the minority's best test accuracy", probit=True
    ),
    "opened": Number("early stopping", "log t from which the minority has all but 0.05 of it"),
    "closed": Number("early stopping", "log t until which it has"),
    "by-average": Number(
        "early stopping", "the minority's probit, stopped by average accuracy", probit=True
    ),
    "by-loss": Number(
        "early stopping", "the minority's probit, stopped by average test loss", probit=True
    ),
    "decoded": Number("decoding", "γw_a/w_y of the limit, by which its decoded accuracy goes"),
    "subspaces": Number("decoding", "the minority's accuracy by class subspaces"),
    "refit": Number(
        "decoding", "the probit of the accuracy of a refit on n/10 balanced examples", probit=True
    ),
}
_FITTED, _TOLERANCE = 0.9, 0.05
# The probit of an accuracy of 1 is as large as one likes; a count near none or all has no scatter.
_LARGEST_SCORE, _CERTAIN = 5.0, 0.02
_INSIDE = 3
_SMALL, _FAR_IN_LOG_TIME, _FAR_IN_SCORE = 0.005, 1.0, 0.3
_DIMENSION, _OFFSET, _TESTS, _REFIT = 2, 3.0, 2000, 10


def _cases() -> Iterator[Case]:
    """A rank-1 lattice; shares are whole numbers of examples at every n of `FULL`."""
    points = 41
    for i in range(points):
        parts = [(i * step % points + 0.5) / points for step in (1, 7, 11, 16)]
        rho = (0.7, 0.75, 0.8, 0.85, 0.9, 0.95)[int(6 * parts[0])]
        gamma = float(f"{2.2 * (8 / 2.2) ** parts[1]:.2g}")
        delta = float(f"{1.25 * (5 / 1.25) ** parts[2]:.2g}")
        # Up to twice κ*: at finite d/n the threshold is higher.
        ratio = float(f"{0.2 * (2 / 0.2) ** parts[3]:.2g}")
        noise = 0.0 if i % 8 == 7 else (0.12, 0.3)[i % 2]
        yield Case(
            name=f"{i + 1:02d}",
            delta=delta,
            memory=ratio * orthogonal.critical_memory(rho, gamma),
            rho=rho,
            gamma=gamma,
            core_noise=noise,
            spurious_noise=noise,
            label_noise=(0.1, 0.05, 0.2, 0.1, 0.3, 0.0)[i % 6],
        )


CASES = tuple(_cases())
"""d/n, κ, ρ, γ, feature noise and label noise."""


def numbers(run: Trajectory, setting: Setting, tolerance: float = _TOLERANCE) -> dict[str, float]:
    """What is compared of a run at times `TIMES`; nan for what is not there, or at an end.

    Parameters
    ----------
    run : Trajectory
    setting : Setting
    tolerance : float
        Accuracy that the minority may lack between "opened" and "closed".

    Notes
    -----
    All of it is of the minority. The worst group, where both are equally right, is in each draw the
    one that was unlucky: its mean has a bias of order 1/√n.

    Examples
    --------
    >>> from pitfalls.theory import Objective
    >>> setting = Setting(1000, 10**6, 0.9, 5.0, (0.5 * 9 / 19 / 1000)**0.5)
    >>> found = numbers(orthogonal.flow(setting, Objective.erm(), TIMES), setting)
    >>> {name: round(found[name], 2) for name in ("fitted", "recovered", "peak")}
    {'fitted': 1.86, 'recovered': 3.8, 'peak': nan}
    """
    logs = np.log(run.times)
    minority = run.score(setting).minority
    accuracy = ndtr(minority)
    best = int(accuracy.argmax())
    edges = _roots(logs, accuracy - accuracy[best] + tolerance)
    fitted = _roots(logs, np.asarray(run.train.minority) - _FITTED)
    recovered = _roots(logs, minority)
    peak, height = _top(logs, minority)
    when = fitted[-1][0] if fitted and fitted[-1][1] else math.nan
    stop = early_stopping(run, setting)
    by_average, by_loss = np.searchsorted(run.times, [stop.average_time, stop.loss_time])
    return {
        "fitted": when,
        "unseen": math.nan if math.isnan(when) else float(np.interp(when, logs, minority)),
        "peak": peak,
        "fall": height - float(minority[-1]),
        "recovered": recovered[-1][0] if recovered else math.nan,
        "best": float(minority[best]),
        "opened": max((x for x, up in edges if up and x < logs[best]), default=math.nan),
        "closed": min((x for x, up in edges if not up and x > logs[best]), default=math.nan),
        "by-average": float(minority[by_average]),
        "by-loss": float(minority[by_loss]),
    }


def determined(run: Trajectory, setting: Setting) -> set[str]:
    """Names of a run's numbers that a little more or less accuracy, or loss, would not move far.

    Draws with 400 examples find accuracies about 0.005 off. A window's edge on a plateau, or a
    rule that finds two distant times as good, is in every draw somewhere else, and no mean of
    draws says where.

    Examples
    --------
    >>> from pitfalls.theory import Objective
    >>> setting = Setting(1000, 10**6, 0.9, 5.0, (0.5 * 9 / 19 / 1000)**0.5)
    >>> run = orthogonal.flow(setting, Objective.erm(), TIMES)
    >>> "recovered" in determined(run, setting), "closed" in determined(run, setting)
    (True, False)
    """
    known = {name for name, each in NUMBERS.items() if each.phenomenon != "decoding"}
    inner, outer = (numbers(run, setting, _TOLERANCE + sign * _SMALL) for sign in (-1, 1))
    known -= {
        name
        for name in ("opened", "closed")
        if not abs(inner[name] - outer[name]) < _FAR_IN_LOG_TIME
    }
    minority = run.score(setting).minority
    accuracy = ndtr(minority)
    near = np.log(run.times)[accuracy > accuracy.max() - _SMALL]
    if np.ptp(near) > 2 * _FAR_IN_LOG_TIME:
        known -= {"peak"}
    average = run.accuracy(setting).average
    loss = test_loss(run, setting).average
    for name, good in (
        ("by-average", average > average.max() - _SMALL),
        ("by-loss", loss < loss.min() + _SMALL),
    ):
        if np.ptp(minority[good]) > _FAR_IN_SCORE:
            known -= {name}
    return known


def _roots(logs: Array, values: Array) -> list[tuple[float, bool]]:
    """Where the values change their sign, linear in between, and whether upwards."""
    below = values < 0
    changes = np.flatnonzero(below[:-1] != below[1:])
    parts = values[changes] / (values[changes] - values[changes + 1])
    places = logs[changes] + parts * (logs[changes + 1] - logs[changes])
    return list(zip(places.tolist(), below[changes].tolist(), strict=True))


def _top(logs: Array, values: Array) -> tuple[float, float]:
    """Place and height of the maximum, of a parabola through three points; nan near the ends."""
    k = int(values.argmax())
    if not _INSIDE <= k < len(values) - _INSIDE:
        return math.nan, math.nan
    before, at, after = values[k - 1 : k + 2]
    bend = before - 2 * at + after
    shift = (before - after) / (2 * bend) if bend < 0 else 0.0
    return float(logs[k] + shift * (logs[1] - logs[0])), float(at - (before - after) * shift / 4)


def phenomena(*, quick: bool = False, **options: Unpack[Options]) -> ThreeSizes:
    """Delay, early learning, early stopping and decoding: theory for n → ∞ against simulation.

    Parameters
    ----------
    quick : bool
        Smaller sizes, and 3 draws at the largest instead of 4.
    **options
        As of `three_sizes`: seed, replicates, settings, workers, progress and keep.

    Returns
    -------
    ThreeSizes
        Of numbers that are there: predicted, and found in every draw.

    Raises
    ------
    SettingError
        An argument is out of range.

    Examples
    --------
    >>> table = phenomena(quick=True)  # doctest: +SKIP
    >>> table.holds  # doctest: +SKIP
    True
    """
    return three_sizes(CASES, QUICK if quick else FULL, _simulate, _compare, **options)


def _simulate(case: Case, n: int, seed: Seed) -> Array:
    """Numbers of one draw: of each method's run, and of decoding."""
    setting = case.at(n)
    sample = draw(setting, seed, "explicit")
    runs = gradient_flow(sample, three_methods(setting), TIMES)
    found = [value for run in runs for value in numbers(run, setting).values()]
    few, tests = _few(setting), replace(setting, n=_TESTS, rho=0.0, label_noise=0.0)
    new = draw(tests, child_stream(seed, 0), "explicit")
    predicted = class_subspaces(sample, _DIMENSION, _OFFSET).predict(new.features)
    refitted = max_margin(draw(few, child_stream(seed, 1)))
    return np.array(
        [
            *found,
            _lean(max_margin(sample), setting),
            (predicted == new.labels).mean(),
            ndtri(refitted.accuracy(few).average),
        ]
    )


def _few(setting: Setting) -> Setting:
    return decoding.refit(setting, 2 * round(setting.n / (2 * _REFIT)))


def _lean(limit: Solution, setting: Setting) -> float:
    return setting.gamma * limit.spurious / limit.core


def _compare(case: Case, found: Sequence[Array], effort: Effort, seed: int) -> Iterator[Point]:
    setting = case.at(effort.sizes[-1])
    predicted = _predicted(setting, effort, seed)
    for column, (method, name, prediction, error) in enumerate(predicted):
        rows = [values[:, column].tolist() for values in found]
        if _comparable(name, prediction) and np.isfinite(np.concatenate(rows)).all():
            words = NUMBERS[name].words
            yield point(case, method, name, words, rows, effort.sizes, prediction, error)


def _predicted(
    setting: Setting, effort: Effort, seed: int
) -> Iterator[tuple[str, str, float, float]]:
    """Method, name, prediction and its standard error, in the order of `_simulate`."""
    for method, make in ONE_LIMIT.items():
        run = proportional.flow(
            setting,
            make(setting),
            TIMES,
            seed=seed,
            sets=effort.sets,
            sites=effort.sites,
            examples=False,
        )
        each, known = [numbers(one, setting) for one in run.sets], determined(run, setting)
        for name in each[0]:
            values = np.array([one[name] for one in each])
            mean = float(values.mean()) if name in known else math.nan
            yield method, name, mean, float(values.std(ddof=1) / math.sqrt(effort.sets))
    few = _few(setting)
    by_subspaces = decoding.subspace_accuracy(setting, _DIMENSION, _OFFSET).minority
    refitted = float(ndtri(proportional.max_margin(few).accuracy(few).average))
    yield "max margin", "decoded", _lean(proportional.max_margin(setting), setting), 0.0
    yield "features", "subspaces", by_subspaces, 0.0
    yield "max margin", "refit", refitted, 0.0


def _comparable(name: str, prediction: float) -> bool:
    if not math.isfinite(prediction):
        return False
    if name == "subspaces":
        return _CERTAIN < prediction < 1 - _CERTAIN
    return not NUMBERS[name].probit or abs(prediction) < _LARGEST_SCORE
