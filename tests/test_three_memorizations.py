"""The figure of three memorizations: its data, its verdicts, and its drawing."""

import csv
import math
from dataclasses import replace

import numpy as np
import pytest
from pictures import check_picture
from pitfalls.figures import three_memorizations as figure_3
from pitfalls.sims import stream
from pitfalls.sims.network import train_network
from pitfalls.studies import figure_3 as study
from pitfalls.theory import SettingError
from pitfalls.theory import kernel_regression as closed


@pytest.fixture(scope="module")
def data():
    """The figure, of networks that have hardly been trained."""
    return figure_3.compute(figure_3.default_setting(), seed=3, latest=0.03, replicates=5)


def test_networks_are_trained_on_the_figures_data(data):
    rng = np.random.default_rng(stream(3, 0, 0))
    label_noise, noise = 0.08 * rng.standard_normal(20), rng.standard_normal((20, 30))
    x = np.linspace(-1.5, 1.5, 20)
    targets = np.tanh(x) + 0.5 * np.tanh(-5 * x) + label_noise
    np.testing.assert_allclose(data.targets, targets, atol=1e-15)
    panel = data.panels[1]
    assert (panel.model, panel.sigma, panel.steps) == ("network", 1e-3, 30)
    network = train_network(
        np.column_stack((x, 1e-3 * noise)), data.targets, seed=stream(3, 1, 0), most_steps=30
    )
    assert panel.loss == network.losses[-1]
    fresh = 1e-3 * np.random.default_rng(stream(3, 2, 1)).standard_normal((5, 30))
    seen = [network.predict(np.concatenate(([data.grid[7]], one))) for one in fresh]
    assert panel.curve.mean[7] == pytest.approx(np.mean(seen), abs=1e-12)
    assert panel.curve.low[7] == pytest.approx(np.quantile(seen, 0.05), abs=1e-12)
    plain = data.panels[2]
    assert plain.sigma == 0
    np.testing.assert_allclose(plain.curve.low, plain.curve.high, atol=1e-12)
    assert plain.deviation == pytest.approx(0, abs=1e-12)


def test_kernels_are_the_closed_form_on_the_same_data(data):
    rng = np.random.default_rng(stream(3, 0, 0))
    rng.standard_normal(20)
    noise = rng.standard_normal((20, 30))
    for panel, sigma in zip(data.panels[3:], (0.05, 1.0, 0.0), strict=True):
        found = closed.interpolation(data.inputs, data.targets, noise, sigma)
        assert (panel.model, panel.sigma, panel.steps) == ("kernel", sigma, 0)
        np.testing.assert_array_equal(panel.curve.mean, found.expected(data.grid))
        assert panel.deviation == found.deviation
        half = (panel.curve.high - panel.curve.low) / 2
        np.testing.assert_allclose(half, 1.6448536 * found.deviation, atol=1e-7)
        assert panel.loss < 1e-12
        law = closed.expected_interpolation(data.inputs, data.targets, sigma, 30)
        np.testing.assert_array_equal(panel.ridge, law.expected(data.grid))


def test_each_kernel_memorises_in_its_way(data):
    good, bad, ugly = data.panels[3:]
    assert [panel.verdict for panel in (good, bad, ugly)] == ["good", "bad", "ugly"]
    assert bad.deviation > 2 * study.LABEL_NOISE > 2 * good.deviation
    assert bad.carried > 2
    assert ugly.carried < 1e-5
    assert good.error < min(bad.error, ugly.error)
    assert good.error == pytest.approx(math.hypot(good.off, good.deviation))


@pytest.mark.parametrize(
    ("lost", "noise_left", "verdict"),
    [(0.0, 0.0, "ugly"), (0.0, 0.5, "good"), (0.0, 1.0, "good"), (1.0, 1.0, "bad")],
)
def test_verdicts_follow_what_the_noise_inputs_carry(lost, noise_left, verdict):
    x = np.linspace(-1.5, 1.5, 20)
    noise = 0.08 * np.random.default_rng(0).standard_normal(20)
    problem = study.Problem(x, noise, np.zeros((20, 1)), x, 1)
    curve = (1 - lost) * closed.target(x) + (1 - noise_left) * noise
    panel = problem.panel("kernel", 0.0, study.Band(curve, curve, curve), 0.0, 0.0)
    rest = lost * closed.target(x) + noise_left * noise
    expected = np.sqrt((rest**2).mean() / (noise**2).mean())
    assert panel.carried == pytest.approx(expected, abs=1e-12)
    assert panel.off == pytest.approx(np.sqrt(((curve - closed.target(x)) ** 2).mean()))
    assert panel.verdict == verdict
    assert replace(panel, loss=1e-3).verdict == "not fitted yet"


def test_workers_change_no_byte(data):
    alone = figure_3.compute(
        figure_3.default_setting(), seed=3, latest=0.03, replicates=5, workers=1
    )
    assert alone.table() == data.table()


def test_training_points_are_on_the_grid():
    for n in (3, 20, 100):
        problem = figure_3._problem(replace(figure_3.default_setting(), n=n), 0)
        np.testing.assert_allclose(problem.grid[:: problem.every], problem.inputs, atol=1e-14)
        assert len(problem.grid) > 200


def test_progress_is_told():
    told = []
    figure_3.compute(
        figure_3.default_setting(),
        latest=0.001,
        replicates=2,
        progress=lambda *state: told.append(state),
    )
    assert [state[:2] for state in told] == [(1, 3), (2, 3), (3, 3)]
    assert told[0][2] == "network, σ = 0.0001"


def test_it_is_drawn_inside_the_page_and_written(data, tmp_path):
    check_picture(figure_3, data, tmp_path)
    figure = figure_3.draw(data)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert [title.split("\n")[0].split(": ")[1] for title in titles] == [
        panel.verdict for panel in data.panels
    ]
    rows = list(csv.DictReader((tmp_path / "picture.csv").read_text(encoding="utf-8").splitlines()))
    assert len(rows) == 305 + 20 + 6 * (305 + 5) + 3 * 305
    steps = [row["value"] for row in rows if row["curve"] == "steps"]
    assert steps == ["30", "30", "30", "0", "0", "0"]


@pytest.mark.parametrize(
    ("field", "changes", "options"),
    [
        ("rho", {"rho": 0.9}, {}),
        ("gamma", {"gamma": 2.0}, {}),
        ("sigma", {"sigma": 0.1}, {}),
        ("core_noise", {"core_noise": 0.1}, {}),
        ("spurious_noise", {"spurious_noise": 0.1}, {}),
        ("label_noise", {"label_noise": 0.1}, {}),
        ("n", {"n": 2}, {}),
        ("d", {"d": 0}, {}),
        ("latest", {}, {"latest": 0.0005}),
        ("latest", {}, {"latest": math.inf}),
        ("replicates", {}, {"replicates": 1}),
        ("seed", {}, {"seed": -1}),
        ("workers", {}, {"workers": 0}),
    ],
)
def test_what_cannot_be_shown_is_refused(field, changes, options):
    with pytest.raises(SettingError) as caught:
        figure_3.compute(replace(figure_3.default_setting(), **changes), **options)
    assert caught.value.field == field
