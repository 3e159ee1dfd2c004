"""The paper's Figure 1: the pipeline against a softmax twin, and the figure's data and drawing."""

from dataclasses import replace

import numpy as np
import pytest
from pictures import check_layout
from pitfalls import figures
from pitfalls.figures import interpretable, style
from pitfalls.sims import draw, max_margin, memorization_aware, stream
from pitfalls.studies.figure_1 import COLUMNS, RATES, figure_1_start, pipeline
from pitfalls.theory import Setting, SettingError, proportional
from scipy.special import softmax

SMALL = Setting(80, 160, 0.9, 5.0, 0.5, core_noise=0.12, spurious_noise=0.12)
SEED = np.random.SeedSequence(5)


@pytest.fixture(scope="module")
def done():
    return pipeline(SMALL, SEED, steps=200, record=[0, 3, 200])


@pytest.fixture(scope="module")
def data():
    return interpretable.compute(SMALL, seed=2, latest=1e6, replicates=3)


def test_the_columns_are_the_papers(done):
    assert [run.name for run in done.runs] == ["ERM", "ERM", "MAT"]
    assert [setting.sigma for setting in done.settings] == [0, 0.5, 0.5]
    assert [run.times[-1] for run in done.runs] == [rate * 200 for rate in RATES]
    assert RATES == (2 * 0.03, 2 * 0.01, 2 * 0.01)
    assert len(COLUMNS) == 3
    first, second, third = done.samples
    assert second is third
    np.testing.assert_array_equal(first.plane, second.plane)
    np.testing.assert_array_equal(first.labels, second.labels)


def test_a_start_is_pytorchs(done):
    assert done.starts[1] == done.starts[2] != done.starts[0]
    for run, start in zip(done.runs, done.starts, strict=True):
        np.testing.assert_allclose(run.coordinates[0], start, rtol=1e-12)
    starts = np.array([figure_1_start(np.random.default_rng(i), 1800) for i in range(400)])
    # Differences of two uniform numbers on ±1/√p have variance 2/(3p).
    assert np.abs(starts[:, :2].mean(axis=0)).max() < 4 * np.sqrt(2 / 3 / 1800 / 400)
    squares = (starts[:, :2] ** 2).mean(axis=0) * 1800
    assert np.abs(squares - 2 / 3).max() < 4 * (2 / 3) * np.sqrt(1.4 / 400)
    assert np.abs(starts[:, 2] ** 2 - 2 / 3).max() < 5 * (2 / 3) * np.sqrt(1.4 / 1800)


@pytest.mark.parametrize("column", range(3))
def test_a_run_is_two_logits_on_explicit_features(done, column):
    """One softmax on features that have the sample's Gram matrix, started where ours starts."""
    sample, run = done.samples[column], done.runs[column]
    objective, start = done.objectives[column], done.starts[column]
    rate = RATES[column] / 2
    w_y, w_a, norm = start
    if column == 0:
        memory, direction = np.zeros((SMALL.n, 1)), np.array([norm])
    else:
        # The start's own direction, as far as the examples see it; the rest is along one more axis.
        factor = sample.gram.memory_factor()
        overlap = sample.start(start).overlap
        seen = np.linalg.lstsq(factor, overlap, rcond=None)[0]
        memory = np.hstack((factor, np.zeros((SMALL.n, 1))))
        direction = np.append(seen, np.sqrt(norm**2 - seen @ seen))
    z = np.hstack((sample.plane, memory))
    x = z * sample.labels[:, None]
    right = (sample.labels > 0).astype(int)
    weights = np.zeros((z.shape[1], 2))
    weights[:, 1] = [w_y, w_a, *direction]
    everyone = np.arange(SMALL.n)
    shift = np.broadcast_to(objective.resolve(sample.groups, SMALL.n)[1], SMALL.n)
    added = np.zeros((SMALL.n, 2))
    added[everyone, right] = shift
    for _ in range(200):
        residual = np.eye(2)[right] - softmax(x @ weights + added, axis=1)
        weights = weights + rate / SMALL.n * x.T @ residual
    difference = weights[:, 1] - weights[:, 0]
    expected = [*difference[:2], np.linalg.norm(difference[2:])]
    np.testing.assert_allclose(run.coordinates[-1], expected, rtol=1e-9)


def test_the_flow_goes_where_the_descent_goes(done):
    for c, run in enumerate(done.runs):
        flow = done.continued(run.times[-1:])[c]
        # Descent is the flow up to the learning rate.
        gap = np.linalg.norm(flow.coordinates[0] - run.coordinates[-1])
        assert gap < 0.1 * np.linalg.norm(run.coordinates[-1])


def test_limits_are_max_margins(done):
    limits = done.limits()
    assert limits[1] is limits[2]
    for k in (0, 1):
        expected = max_margin(done.samples[k])
        np.testing.assert_array_equal(limits[k].coordinates, expected.coordinates)


def test_mat_is_estimated_by_twins_from_random_starts(done):
    found = done.objectives[2].shift
    from_zero = memorization_aware(draw(SMALL, SEED), SEED, steps=200).shift
    assert found.shape == from_zero.shape
    assert not np.array_equal(found, from_zero)
    assert done.found.recall == 1


def test_the_same_seed_gives_the_same_run():
    first, second, other = (
        pipeline(SMALL, stream(0, 0, k), steps=20, record=[20]).runs[2].coordinates
        for k in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def test_data_are_of_every_draw(data):
    assert data.test.shape == data.train.shape == (3, 3, 2, len(data.steps))
    assert data.steps[[0, -1]].tolist() == [0, 1000]
    assert data.times[[0, -1]] == pytest.approx([0.01, 1e6])
    for index in range(3):
        done = pipeline(SMALL, stream(2, 0, index), record=[0, 376, 1000])
        at = np.searchsorted(data.steps, [0, 376, 1000])
        later = done.continued(data.times[[0, 40, -1]])
        for c, (run, flow) in enumerate(zip(done.runs, later, strict=True)):
            test, long = run.accuracy(done.settings[c]), flow.accuracy(done.settings[c])
            for g, group in enumerate(("majority", "minority")):
                np.testing.assert_allclose(data.test[index, c, g, at], getattr(test, group))
                np.testing.assert_array_equal(
                    data.train[index, c, g, at], getattr(run.train, group)
                )
                found = data.later[index, c, g, [0, 40, -1]]
                np.testing.assert_allclose(found, getattr(long, group), atol=1e-6)
    expected = proportional.max_margin(SMALL).accuracy(SMALL)
    assert data.predicted[2].tolist() == [expected.majority, expected.minority]
    assert np.isnan(data.predicted[0]).all()


def test_workers_do_not_change_the_data(data):
    again = interpretable.compute(SMALL, seed=2, latest=1e6, replicates=3, workers=1)
    assert again.table() == data.table()


def test_the_table_holds_what_is_drawn(data):
    table = data.table()
    rows = [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]
    panels = {name: [row for row in rows if row["panel"] == name] for name in table["panel"]}
    assert len(panels["accuracy"]) == 3 * 4 * len(data.steps)
    assert len(panels["later"]) == 3 * 2 * len(data.times)
    assert len(panels["point"]) == 3 * SMALL.n
    assert len(panels["limit"]) == len(panels["predicted"]) == 6
    assert len(panels["weights"]) == 9
    last = [r for r in panels["accuracy"] if (r["column"], r["of"]) == ("MAT", "minority, test")]
    draws = data.test[:, 2, 1, -1]
    found = [float(last[-1][name]) for name in ("y", "low", "high")]
    expected = [draws.mean(), *np.quantile(draws, [0.05, 0.95])]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    labels = {row["of"] for row in panels["point"]}
    assert labels == {f"label {s}1, {g}" for s in "+-" for g in ("majority", "minority")}


def test_lines_have_the_methods_colours_and_axes_say_what_they_show(data):
    axes = interpretable.draw(data).axes
    minority = [style.colour(name) for name in ("ERM", "ERM", "MAT")]
    for c, shade in enumerate(minority):
        steps, plane, later = axes[c], axes[3 + c], axes[6 + c]
        assert [line.get_color() for line in steps.get_lines()][2:] == [shade] * 2
        assert "step" in steps.get_xlabel()
        assert "x_y" in plane.get_xlabel()
        assert "learning rate × steps" in later.get_xlabel()
        assert later.get_lines()[0].get_color() != shade
    assert [each.get_ylabel() for each in axes[::3]] == [
        "accuracy",
        "spurious feature $\\gamma x_a$",
        "test accuracy",
    ]


def test_titles_say_what_is_seen(data):
    axes = interpretable.draw(data).axes
    titles = [each.get_title(loc="left") for each in axes]
    for c, (run, setting) in enumerate(zip(data.example.runs, data.example.settings, strict=True)):
        right = run.accuracy(setting).minority[-1] > 0.5
        assert titles[3 + c] == f"leans on the {'core' if right else 'spurious'} feature"
    flat = replace(data, limits=np.repeat(data.test[..., -1:], 1, axis=3)[..., 0])
    assert "stays as it is" in interpretable.draw(flat).axes[8].get_title(loc="left")
    fallen = replace(data, limits=flat.limits - 0.1)
    assert "declines" in interpretable.draw(fallen).axes[8].get_title(loc="left")
    unknown = replace(data, limits=np.full_like(data.limits, np.nan))
    assert "no max margin" in interpretable.draw(unknown).axes[8].get_title(loc="left")


def test_nothing_in_the_figure_overlaps(data):
    check_layout(interpretable.draw(data))


@pytest.mark.slow
def test_the_same_seed_gives_the_same_files(tmp_path):
    small = {"n": 20, "d": 40}
    for folder, seed in (("a", 0), ("b", 0), ("c", 1)):
        figures.make("interpretable", tmp_path / folder, small, seed=seed, latest=1.0, replicates=1)
    for suffix in ("png", "pdf", "csv"):
        a, b, c = ((tmp_path / x / f"interpretable.{suffix}").read_bytes() for x in "abc")
        assert a == b != c


def test_progress_counts_the_draws():
    calls = []
    interpretable.compute(
        SMALL, latest=1.0, replicates=2, progress=lambda *call: calls.append(call[:2])
    )
    assert calls == [(1, 2), (2, 2)]


@pytest.mark.parametrize(
    ("field", "changes", "options"),
    [
        ("sigma", {"sigma": 0.0}, {}),
        ("replicates", {}, {"replicates": 0}),
        ("replicates", {}, {"replicates": 1.5}),
    ],
)
def test_what_cannot_be_drawn_is_refused(field, changes, options):
    with pytest.raises(SettingError) as caught:
        interpretable.compute(replace(SMALL, **changes), **options)
    assert caught.value.field == field


def test_a_figure_of_one_draw_has_no_replicates(tmp_path):
    with pytest.raises(SettingError, match="one draw"):
        figures.make("trajectories", tmp_path, replicates=3)
    with pytest.raises(SettingError, match="interpretable"):
        figures.make("nothing", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_draws_that_cannot_be_separated_have_no_limit():
    noisy = Setting(80, 100, 0.8, 2.0, 0.5, core_noise=0.8, spurious_noise=0.8)
    data = interpretable.compute(noisy, latest=10.0, replicates=2)
    assert np.isnan(data.limits).all()
    assert interpretable.draw(data).axes
