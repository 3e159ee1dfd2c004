"""The paper's whole Figure 1: ERM without memory features, ERM, and XRM with MAT."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..sims import Sample, cross_risk, draw, gradient_descent, memorization_aware
from ..studies.arguments import Progress
from ..studies.figure_1 import RATES, figure_1_setting, pipeline
from ..theory import Objective
from . import peers
from .harness import Program, Report, alternate

__all__ = ["measure"]

Array: TypeAlias = NDArray[Any]

FIGURE_1 = figure_1_setting()
SETTINGS = (replace(FIGURE_1, sigma=0.0), FIGURE_1)
STEPS = 1000
OURS, SINGLE = "pitfalls, float64", "pitfalls, float32 Gram"


def _starts(dtype: Any) -> Array:
    """PyTorch's default initial weights of five trainings (5, 2, p)."""
    p = FIGURE_1.d + 2
    numbers = np.random.default_rng(1).uniform(-(p**-0.5), p**-0.5, (5, 2, p))
    return numbers.astype(dtype)


class Trained(NamedTuple):
    """Weights w₁ − w₀ of the three trainings, and XRM's logits.

    Examples
    --------
    >>> Trained._fields
    ('weights', 'logits')
    """

    weights: list[Array]
    logits: Array


def _torch(dtype: Any) -> Trained:
    """The figure as one writes it in PyTorch, on explicit features."""
    clean, data = (peers.data_of(each, seed=1, dtype=dtype) for each in SETTINGS)
    return _trained(clean, data, dtype)


def _trained(clean: peers.Data, data: peers.Data, dtype: Any) -> Trained:
    starts = _starts(dtype)
    logits = peers.torch_cross_risk(data, RATES[2], STEPS, starts=starts[:2])
    shift = memorization_aware(_explicit(data), 0, logits=logits).shift
    runs = (
        peers.torch_descent(clean, RATES[0], STEPS, start=starts[2]),
        peers.torch_descent(data, RATES[1], STEPS, start=starts[3]),
        peers.torch_descent(
            data, RATES[2], STEPS, shift=np.asarray(shift, dtype=dtype), start=starts[4]
        ),
    )
    return Trained([weights for weights, _ in runs], logits)


def _explicit(data: peers.Data) -> Sample:
    return Sample.from_arrays(data.x, 2 * data.y - 1, data.majority.astype(int))


def _difference(dtype: Any) -> float:
    """Largest difference of a test accuracy from ours on the same features, starts and logits."""
    data = [peers.data_of(each, seed=1) for each in SETTINGS]
    theirs = _trained(data[0].cast(dtype), data[1].cast(dtype), dtype)
    starts = _starts(np.float64)
    first = starts[:, 1] - starts[:, 0]
    clean, sample = (_explicit(each) for each in data)
    mat = memorization_aware(sample, 0, logits=theirs.logits)
    settings = (*SETTINGS, SETTINGS[1])
    largest = 0.0
    for k, (one, objective) in enumerate(
        ((clean, Objective.erm()), (sample, Objective.erm()), (sample, mat))
    ):
        run = gradient_descent(one, objective, RATES[k], STEPS, first[k + 2], record=[STEPS])
        ours = run.accuracy(settings[k])
        w = theirs.weights[k].astype(float)
        other = replace(run, core=w[:1], spurious=w[1:2], memory=np.array([np.linalg.norm(w[2:])]))
        found = other.accuracy(settings[k])
        gaps = (ours.majority - found.majority, ours.minority - found.minority)
        largest = max(largest, *(float(np.abs(gap[0])) for gap in gaps))
    return largest


def measure(rounds: int, progress: Progress) -> Report:
    """Time the whole figure, data and accuracies at every step included, against PyTorch.

    Examples
    --------
    >>> measure.__name__
    'measure'
    """

    def ours(single: bool) -> None:
        done = pipeline(FIGURE_1, np.random.SeedSequence(1), steps=STEPS, single=single)
        for run, setting in zip(done.runs, done.settings, strict=True):
            run.accuracy(setting)

    programs = [Program(OURS, lambda: ours(False)), Program(SINGLE, lambda: ours(True))]
    theirs = {"PyTorch, float32": np.float32, "PyTorch, float64": np.float64}
    if not peers.available("torch"):
        theirs = {}
    programs += [Program(name, partial(_torch, dtype)) for name, dtype in theirs.items()]
    rows = alternate(
        programs, rounds, progress, {name: _difference(dtype) for name, dtype in theirs.items()}
    )
    report = Report(
        "pipeline",
        f"The paper's whole Figure 1: n = {FIGURE_1.n}, d = {FIGURE_1.d}, {STEPS} steps of ERM "
        "without and with memory features, of XRM's twins and of MAT, data drawn, accuracies at "
        "every step",
        rows,
        "difference: largest of a test accuracy after the last step, from ours on the same "
        "explicit features, starts and held-out logits",
    )
    for name in theirs:
        for fast in (OURS, SINGLE):
            ratio = report.seconds(name) / report.seconds(fast)
            words = f"{fast.removeprefix('pitfalls, ')} over {name}"
            report.facts[words] = ratio
            report.lines.append(f"{words}: {ratio:.1f} times faster")
    _add_profile(report, rounds, progress)
    return report


def _add_profile(report: Report, rounds: int, progress: Progress) -> None:
    """Where our time goes."""
    sample = draw(FIGURE_1, seed=1)
    clean = draw(SETTINGS[0], seed=1, kind="gram")
    pair = [Objective.erm(), Objective.erm()]
    parts: dict[str, Callable[[], Any]] = {
        "draw": lambda: draw(FIGURE_1, seed=1),
        "XRM": lambda: cross_risk(sample, 1, steps=STEPS),
        "ERM and MAT": lambda: gradient_descent(sample, pair, RATES[1], STEPS, examples=False),
        "without memory": lambda: gradient_descent(clean, pair[0], RATES[0], STEPS, examples=False),
    }
    rows = alternate([Program(name, run) for name, run in parts.items()], max(rounds, 5), progress)
    report.facts["profile"] = {row.program: row.seconds for row in rows}
    report.lines.append(
        "profile: " + ", ".join(f"{row.program} {1e3 * row.seconds:.0f} ms" for row in rows)
    )
