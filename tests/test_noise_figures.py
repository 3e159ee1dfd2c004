"""The figures of label noise and of decoding: their data are the library's."""

import math
from dataclasses import replace

import numpy as np
import pytest
from pictures import check_picture, check_refused
from pitfalls.figures import decoding as read_out
from pitfalls.figures import label_noise
from pitfalls.sims import draw, gradient_flow, max_margin, stream
from pitfalls.theory import Objective, Setting, decoding, orthogonal, proportional

SMALL = Setting(100, 200, 0.9, 5.0, 0.3, 0.12, 0.12)


@pytest.fixture(scope="module")
def noise():
    return label_noise.compute(
        SMALL,
        seed=2,
        latest=100.0,
        replicates=3,
        sites=16,
        shares=[0.0, 0.1, 0.3],
        aspects=[2.0, 10.0, 50.0, 300.0],
    )


@pytest.fixture(scope="module")
def read():
    return read_out.compute(
        SMALL, seed=2, replicates=3, noises=[0.0, 0.2, 0.4], simulated=[0.0, 0.1, 0.2]
    )


def test_runs_and_limits_are_those_of_the_library(noise):
    panel = noise.noises[2]
    where = replace(SMALL, label_noise=0.2)
    assert panel.setting == where
    shift = Objective.logit_shifting(where)
    run = proportional.flow(where, shift, noise.times, seed=2, sets=4, sites=16)
    np.testing.assert_array_equal(panel.accuracy, run.accuracy(where).minority)
    one = gradient_flow(draw(where, stream(2, 2, 0)), shift, noise.simulated_times)
    np.testing.assert_allclose(panel.simulated[0], one.accuracy(where).minority, atol=1e-6)
    k = 1
    d = round(100 * noise.aspects[k])
    clean = Setting(100, d, 0.9, 5.0, math.sqrt(SMALL.kappa * 100 / d), label_noise=0.2)
    assert panel.limit[k] == proportional.max_margin(clean).accuracy(clean).minority
    assert panel.closed[k] == orthogonal.max_margin(clean).accuracy(clean).minority
    drawn = Setting(300, 1200, 0.9, 5.0, math.sqrt(SMALL.kappa / 4), label_noise=0.2)
    limit = max_margin(draw(drawn, stream(2, 301, 0)))
    assert panel.drawn[0, 1] == pytest.approx(limit.accuracy(drawn).minority, abs=1e-9)


def test_the_closed_form_crosses_99_percent_where_it_is_marked(noise):
    panel = noise.noises[3]
    assert 2 < panel.harmless < 500
    beyond = noise.aspects > panel.harmless
    assert (panel.closed[beyond] > 0.989).all()
    assert (panel.closed[~beyond] < 0.991).all()


def test_peaks_are_those_of_the_flow(noise):
    k = 2
    where = Setting(
        10**4, 10**5, 0.9, 5.0, math.sqrt(SMALL.kappa / 10), label_noise=noise.shares[k]
    )
    for o, objective in enumerate((Objective.erm(), Objective.reweighting(where))):
        assert noise.peaks[o, k] == orthogonal.log_peak_time(where, objective)


def test_read_outs_are_those_of_the_library(read):
    panel = read.panels[0]
    k = 1
    where = replace(SMALL, label_noise=float(read.noises[k]))
    limit, few = proportional.max_margin(where), decoding.refit(where, 20)
    assert panel.predicted[:, k] == pytest.approx(
        [
            limit.accuracy(where).minority,
            decoding.decoded(limit, where).minority,
            decoding.subspace_accuracy(where, 2, 3.0).minority,
            decoding.subspace_accuracy(where, 1, 3.0).minority,
            proportional.max_margin(few).accuracy(few).minority,
        ]
    )
    noisy = replace(SMALL, label_noise=0.2)
    one = max_margin(draw(noisy, stream(2, 2, 0), "explicit"))
    assert panel.simulated[0, 0, 2] == pytest.approx(one.accuracy(noisy).minority, abs=1e-9)
    little = read.panels[1].setting
    assert little.delta == 3
    assert little.kappa == pytest.approx(0.2 * 9 / 19)


def test_what_cannot_be_separated_is_left_out():
    few = read_out.compute(
        replace(SMALL, d=20, sigma=0.8), seed=1, replicates=2, noises=[0.48], simulated=[0.4]
    )
    assert np.isnan(few.panels[0].predicted[0, -1])
    assert np.isfinite(few.panels[0].predicted[2:]).all()
    rows = list(zip(*few.table().values(), strict=True))
    assert any(row[2] == "model" and row[5] == "" for row in rows)


@pytest.mark.parametrize(("module", "name"), [(label_noise, "noise"), (read_out, "read")])
def test_they_are_drawn_inside_the_page_and_written(module, name, request, tmp_path):
    check_picture(module, request.getfixturevalue(name), tmp_path)


@pytest.mark.parametrize(
    ("figure", "field", "changes"),
    [
        ("label-noise", "label_noise", {"label_noise": 0.1}),
        ("label-noise", "sigma", {"sigma": 0.0}),
        ("label-noise", "latest", {}),
        ("decoding", "label_noise", {"label_noise": 0.1}),
        ("decoding", "gamma", {"gamma": 1.0}),
        ("decoding", "d", {"d": 0}),
        ("decoding", "sigma", {"sigma": 0.0}),
        ("label-noise", "d", {"d": 0}),
    ],
)
def test_what_cannot_be_shown_is_refused(figure, field, changes, tmp_path):
    latest = 0.005 if field == "latest" else 1e12
    check_refused(figure, field, changes, tmp_path, latest=latest)
