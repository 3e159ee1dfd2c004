"""The figures of what training reads and of how late the minority follows."""

import math
from dataclasses import replace

import numpy as np
import pytest
from pictures import check_picture, check_refused
from pitfalls.figures import delay, early_stopping, train_and_test
from pitfalls.sims import Sample, draw, gradient_flow, stream
from pitfalls.studies.delay import delay as found_in
from pitfalls.theory import (
    Objective,
    PitfallsError,
    Setting,
    generalization,
    orthogonal,
    proportional,
)

SMALL = Setting(60, 600, 0.9, 5.0, 0.18, 0.12, 0.12)


@pytest.fixture(scope="module")
def apart():
    return train_and_test.compute(SMALL, seed=2, latest=1e4, replicates=3, sites=16)


@pytest.fixture(scope="module")
def stops():
    return early_stopping.compute(SMALL, seed=2, latest=1e4, replicates=3, sites=16)


@pytest.fixture(scope="module")
def late():
    return delay.compute(
        delay.default_setting(), ratios=[0.3, 0.8], simulated=[0.5, 0.95], shares=[0.1, 0.9]
    )


def test_training_and_test_are_those_of_the_library(apart):
    noiseless, noisy = apart.panels
    assert (noiseless.setting.label_noise, noisy.setting.label_noise) == (0.0, 0.1)
    objective = Objective.logit_shifting(noisy.setting)
    run = proportional.flow(noisy.setting, objective, apart.times, seed=2, sets=4, sites=16)
    np.testing.assert_array_equal(noisy.train[2], run.train.minority)
    np.testing.assert_array_equal(noisy.test[2], run.accuracy(noisy.setting).minority)
    one = gradient_flow(
        draw(noisy.setting, stream(2, 1, 0)), Objective.erm(), apart.simulated_times
    )
    np.testing.assert_allclose(noisy.simulated[0, 0, 0], one.train.minority, atol=1e-9)
    test = one.accuracy(noisy.setting).minority
    np.testing.assert_allclose(noisy.simulated[0, 0, 1], test, atol=1e-6)


def test_the_examples_needed_are_those_that_show_the_gap(apart):
    panel = apart.panels[0]
    counts = panel.needed()
    gap = panel.train - panel.test
    assert (np.isfinite(counts) == (gap > 0.02)).all()
    for o, t in ((0, -1), (0, len(apart.times) // 2)):
        expected = generalization.examples_needed(panel.test[o, t], panel.train[o, t])
        assert counts[o, t] == expected


@pytest.mark.slow
def test_a_delay_is_that_of_the_theory_and_of_samples(late):
    setting = delay.default_setting()
    for curve in late.curves:
        for k, ratio in enumerate((0.3, 0.8)):
            kappa = ratio * 9 / 19
            where = replace(
                setting, sigma=math.sqrt(kappa / setting.delta), label_noise=curve.noise
            )
            log_time = orthogonal.log_crossing_time(where, Objective.erm())
            assert curve.recovered[k] == pytest.approx(log_time, abs=1e-8)
            assert curve.fitted[k] < 6
        # The one of 0.95κ* is beyond what is shown, but for much label noise.
        assert curve.simulated[0, 0] == 0.5
        assert len(curve.simulated) == (1 if curve.noise < 0.3 else 2)
        assert np.exp(curve.later) == pytest.approx(
            np.tile([-math.log(0.9) / 0.1, -math.log(0.1) / 0.9], (2, 1)), rel=0.2
        )
    half = replace(setting, sigma=math.sqrt(4.5 / 19 / setting.delta))
    assert late.curves[0].simulated[0, 2] == pytest.approx(
        orthogonal.log_crossing_time(half, Objective.erm()), abs=1e-4
    )


def test_stops_are_those_of_the_library(stops):
    panel = stops.panels[1]
    cure = proportional.lasting_cure(panel.setting)
    run = proportional.flow(panel.setting, cure, stops.times, seed=2, sets=4, sites=16)
    np.testing.assert_array_equal(panel.worst[3], run.accuracy(panel.setting).worst)
    assert panel.stops[3] == generalization.early_stopping(run, panel.setting)
    one = gradient_flow(draw(panel.setting, stream(2, 1, 0)), cure, stops.simulated_times)
    worst = one.accuracy(panel.setting).worst
    np.testing.assert_allclose(panel.simulated[0, 3], worst, atol=1e-6)
    rows = list(zip(*stops.table().values(), strict=True))
    for o, name in enumerate(("ERM", "reweighting", "logit shifting", "lasting cure")):
        best = [row for row in rows if row[:3] == ("0.1", name, "best")]
        assert float(best[0][4]) == pytest.approx(panel.worst[o].max())


def test_what_is_not_there_is_not_found():
    lost = Sample.from_arrays([[1.0, 1.0, 0.1], [1.0, -1.0, 0.1]], [1, 1], [1, 0])
    with pytest.raises(PitfallsError, match="does not change its sign"):
        found_in(lost, Objective.erm(), 0.1)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (train_and_test, "apart"),
        pytest.param(delay, "late", marks=pytest.mark.slow),
        (early_stopping, "stops"),
    ],
)
def test_they_are_drawn_inside_the_page_and_written(module, name, request, tmp_path):
    check_picture(module, request.getfixturevalue(name), tmp_path)


@pytest.mark.parametrize(
    ("figure", "field", "changes"),
    [
        ("delay", "gamma", {"gamma": 1.0}),
        ("delay", "d", {"d": 0}),
        ("delay", "core_noise", {"core_noise": 0.1}),
        ("delay", "label_noise", {"label_noise": 0.1}),
        ("delay", "latest", {}),
        ("train-and-test", "latest", {}),
        ("early-stopping", "latest", {}),
        ("dynamics", "latest", {}),
    ],
)
def test_what_cannot_be_shown_is_refused(figure, field, changes, tmp_path):
    latest = 0.005 if field == "latest" else 1e12
    check_refused(figure, field, changes, tmp_path, latest=latest)
