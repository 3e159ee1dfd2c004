"""The numbers of a sweep are those of the library's functions, replicate by replicate."""

import math

import numpy as np
import pytest
from pitfalls.sims import (
    cross_risk,
    draw,
    gradient_descent,
    gradient_flow,
    influence,
    max_margin,
    memorization_aware,
    stream,
)
from pitfalls.studies import sweeps
from pitfalls.studies.sweeps.block import compute
from pitfalls.studies.sweeps.precision import LEAST, enough
from pitfalls.theory import NotSeparableError, Objective, orthogonal, proportional

ALL = """
replicates = 4
block = 3
seed = 11
kind = "{kind}"
objectives = ["erm", "logit-shifting", "curing-scale"]
quantities = ["accuracy", "train_accuracy", "weights", "angle", "max_margin", "support",
              "separable", "crossing", "memorization"]
times = [0.5, 2, inf]
{rate}

[setting]
n = 40
delta = 3
rho = 0.8
gamma = 4
core_noise = {noise}

[grid]
kappa = [0.3, 3]
"""


def all_of(kind="gram", rate="", noise=0.1):
    return sweeps.parse(ALL.format(kind=kind, rate=rate, noise=noise))


def by_column(sweep, row):
    return {
        (column.objective, column.quantity, column.time): value
        for column, value in zip(sweep.columns, row, strict=True)
    }


@pytest.mark.parametrize("kind", ["gram", "explicit", "orthogonal"])
@pytest.mark.parametrize("rate", ["", "learning_rate = 0.1"])
def test_a_replicate_is_what_the_functions_say(kind, rate):
    sweep = all_of(kind, rate)
    cell, index = 1, 3
    found = by_column(sweep, compute(sweep, cell, 1).values[index - 3])
    setting = sweep.setting(cell)
    sample = draw(setting, stream(11, cell, index), kind)
    for name in sweep.objectives:
        objective = sweep.objective(name, setting)
        limit = max_margin(sample, objective)
        if rate:
            run = gradient_descent(sample, objective, 0.1, 20, record=[5, 20])
        else:
            run = gradient_flow(sample, objective, [0.5, 2])
        for k, time in enumerate((0.5, 2.0)):
            for quantity in ("majority", "minority", "worst", "average"):
                expected = getattr(run.accuracy(setting), quantity)[k]
                assert found[name, quantity, time] == pytest.approx(expected, rel=1e-6)
            for quantity in ("core", "spurious", "memory"):
                expected = getattr(run, quantity)[k]
                assert found[name, quantity, time] == pytest.approx(expected, rel=1e-6)
            assert found[name, "train_minority", time] == run.train.minority[k]
            assert found[name, "angle", time] == pytest.approx(run.angle(limit)[k], rel=1e-6)
        for quantity in ("majority", "minority", "worst", "average"):
            expected = getattr(limit.accuracy(setting), quantity)
            assert found[name, quantity, math.inf] == pytest.approx(expected, rel=1e-9)
        assert found[name, "core", math.inf] == found[name, "max_core", None]
        assert found[name, "max_memory", None] == pytest.approx(limit.memory, rel=1e-9)
        assert found[name, "support", None] == limit.support
        assert found[name, "separable", None] == 1
        scores = influence(sample, objective)
        expected = scores.mean(0, scores.memorization)
        assert found[name, "memorization_minority", None] == pytest.approx(expected)


def test_blocks_are_parts_of_one_sequence():
    sweep = all_of()
    parts = [compute(sweep, 0, block).values for block in range(sweep.blocks)]
    assert [len(part) for part in parts] == [3, 1]
    whole = sweeps.parse(ALL.format(kind="gram", rate="", noise=0.1).replace("block = 3", ""))
    np.testing.assert_array_equal(np.concatenate(parts), compute(whole, 0, 0).values)


def test_crossing_is_the_theorys_on_orthogonal_data():
    # The simulated flow against the closed form's roots: other code, the same equation.
    sweep = all_of("orthogonal", noise=0.0)
    for cell in (0, 1):
        found = by_column(sweep, compute(sweep, cell, 0).values[0])
        setting = sweep.setting(cell)
        for name in sweep.objectives:
            expected = orthogonal.log_crossing_time(setting, sweep.objective(name, setting))
            crossing = found[name, "crossing", None] * math.log(10)
            assert crossing == pytest.approx(expected, abs=1e-4, nan_ok=True)


def test_what_does_not_exist_is_nan():
    sweep = sweeps.parse(
        """
        replicates = 3
        objectives = ["erm"]
        quantities = ["minority", "angle", "support", "separable", "memorization"]
        times = [1, inf]
        setting = { n = 200, d = 20, rho = 0.9, gamma = 5, sigma = 1, label_noise = 0.2 }
        """
    )
    found = by_column(sweep, compute(sweep, 0, 0).values[0])
    assert found["erm", "separable", None] == 0
    assert 0 < found["erm", "minority", 1.0] < 1
    gone = [("minority", math.inf), ("angle", 1.0), ("support", None)]
    assert all(math.isnan(found["erm", *each]) for each in [*gone, ("memorization_minority", None)])
    theorem, limit, finite = compute(sweep, 0, 0).predictions
    with pytest.raises(NotSeparableError):
        proportional.max_margin(sweep.setting(0))
    predicted = by_column(sweep, finite)
    assert predicted["erm", "separable", None] == 0
    assert math.isnan(predicted["erm", "minority", math.inf])
    assert by_column(sweep, limit)["erm", "separable", None] == 1
    assert by_column(sweep, theorem)["erm", "minority", math.inf] == 1


def test_predictions_are_what_the_theory_says():
    sweep = all_of(noise=0.0)
    setting = sweep.setting(1)
    kinds = [by_column(sweep, row) for row in compute(sweep, 1, 0).predictions]
    theorem, limit, finite = kinds
    for name in sweep.objectives:
        objective = sweep.objective(name, setting)
        flow = orthogonal.flow(setting, objective, [0.5, 2.0])
        end = orthogonal.max_margin(setting, objective)
        assert limit[name, "minority", 2.0] == flow.accuracy(setting).minority[1]
        assert limit[name, "angle", 0.5] == flow.angle(end)[0]
        assert limit[name, "worst", math.inf] == end.accuracy(setting).worst
        scores = orthogonal.leave_one_out(setting, objective).memorization
        assert limit[name, "memorization_minority", None] == scores[1]
        expected = proportional.max_margin(setting, objective)
        assert finite[name, "max_spurious", None] == expected.spurious
        assert finite[name, "support", None] == expected.support
        law = proportional.margin_law(setting, objective)
        assert finite[name, "memorization_minority", None] == law.memorization[1]
        assert math.isnan(finite[name, "minority", 2.0])
        assert all(math.isnan(theorem[name, q, None]) for q in ("support", "crossing"))
    assert theorem["erm", "minority", math.inf] == 0
    assert theorem["erm", "average", math.inf] == pytest.approx(0.8)
    assert math.isnan(theorem["curing-scale", "minority", math.inf])


def slowly_enough(values, target):
    """`enough` for one column, as it is defined."""
    for k in range(LEAST, len(values) + 1):
        prefix = values[:k][~np.isnan(values[:k])]
        if len(prefix) >= LEAST and prefix.std(ddof=1) / math.sqrt(len(prefix)) <= target:
            return k
    return None


@pytest.mark.parametrize("target", [0.02, 0.05, 0.1, 0.2, 10.0])
@pytest.mark.parametrize("missing", [0.0, 0.3, 1.0])
def test_enough_is_the_shortest_prefix_that_is_precise(target, missing):
    sweep = sweeps.parse(
        f"""
        replicates = 400
        objectives = ["erm"]
        quantities = ["minority", "majority"]
        times = [inf]
        precision = {{ majority = {target} }}
        setting = {{ n = 20, d = 40, rho = 0.9, gamma = 5, sigma = 1 }}
        """
    )
    rng = np.random.default_rng(0)
    values = 1e6 + rng.standard_normal((400, 2))
    values[rng.random((400, 2)) < missing] = np.nan
    assert enough(sweep, values) == slowly_enough(values[:, 1], target)


def test_mat_is_estimated_from_each_draw():
    sweep = sweeps.parse(
        """
        replicates = 3
        objectives = ["mat", { name = "warm", temperature = 1 }, "erm", "logit-shifting"]
        quantities = ["minority", "xrm_recall", "xrm_precision"]
        times = [2, inf]
        learning_rate = 0.05
        setting = { n = 60, d = 90, rho = 0.8, gamma = 2, sigma = 0.5, core_noise = 0.2 }
        """
    )
    setting = sweep.setting(0)
    block = compute(sweep, 0, 0)
    for index in range(3):
        found = by_column(sweep, block.values[index])
        seed = stream(0, 0, index)
        sample = draw(setting, seed)
        logits = cross_risk(sample, seed, learning_rate=0.05)
        for name, temperature in (("mat", 0.1), ("warm", 1.0)):
            objective = memorization_aware(sample, seed, temperature=temperature, logits=logits)
            run = gradient_descent(sample, objective, 0.05, 40, record=[40])
            expected = run.accuracy(setting).minority[0]
            assert found[name, "minority", 2.0] == pytest.approx(expected, rel=1e-6)
            assert found[name, "minority", math.inf] == found["erm", "minority", math.inf]
        exceptions = (logits[:, 1] > logits[:, 0]) != (sample.labels > 0)
        minority = sample.groups == 0
        assert found["mat", "xrm_recall", None] == exceptions[minority].mean()
        assert found["warm", "xrm_precision", None] == minority[exceptions].mean()
        assert math.isnan(found["erm", "xrm_recall", None])
    orthogonal_row = by_column(sweep, block.predictions[1])
    assert (
        orthogonal_row["mat", "minority", 2.0] == orthogonal_row["logit-shifting", "minority", 2.0]
    )


def test_an_objective_of_ones_own_is_itself():
    sweep = sweeps.parse(
        """
        replicates = 2
        objectives = [{ name = "mine", weight = 2, shift = { majority = 1, minority = -1 } }]
        quantities = ["minority"]
        times = [3]
        setting = { n = 30, d = 60, rho = 0.8, gamma = 3, sigma = 0.5 }
        """
    )
    sample = draw(sweep.setting(0), stream(0, 0, 1))
    objective = Objective(weight=2.0, shift={1: 1.0, 0: -1.0})
    expected = gradient_flow(sample, objective, [3.0]).accuracy(sweep.setting(0)).minority
    assert compute(sweep, 0, 0).values[1] == pytest.approx(expected, rel=1e-6)
