"""Three memorizations: the network against finite differences and PyTorch, the kernel exactly."""

import csv
import math
from dataclasses import replace

import numpy as np
import pytest
from pictures import check_picture
from pitfalls.figures import three_memorizations as figure_3
from pitfalls.sims import network as networks
from pitfalls.sims import stream
from pitfalls.sims.network import train_network
from pitfalls.studies import figure_3 as study
from pitfalls.theory import SettingError
from pitfalls.theory import memorization as closed

WIDTHS = (3, 7, 7, 1)


@pytest.fixture(scope="module")
def small():
    """Six points with three inputs."""
    rng = np.random.default_rng(4)
    return rng.standard_normal((6, 3)), rng.standard_normal(6)


@pytest.fixture(scope="module")
def noisy():
    """The figure's points with noisy targets, and standard normal noise inputs."""
    rng = np.random.default_rng(5)
    x = np.linspace(-1.5, 1.5, 20)
    return x, closed.target(x) + 0.08 * rng.standard_normal(20), rng.standard_normal((20, 30))


@pytest.fixture(scope="module")
def data():
    """The figure, of networks that have hardly been trained."""
    return figure_3.compute(figure_3.default_setting(), seed=3, latest=0.03, replicates=5)


def plain_gradient(parameters, inputs, targets):
    """One example after the other, by the chain rule."""
    layers = networks._layers(parameters, WIDTHS)
    (w1, b1), (w2, b2), (w3, b3) = layers
    found = np.zeros_like(parameters)
    slopes = networks._layers(found, WIDTHS)
    for x, y in zip(inputs, targets, strict=True):
        h1 = np.tanh(w1 @ x + b1)
        h2 = np.tanh(w2 @ h1 + b2)
        d3 = 2 * (w3 @ h2 + b3 - y) / len(targets)
        d2 = (w3.T @ d3) * (1 - h2**2)
        d1 = (w2.T @ d2) * (1 - h1**2)
        for (dw, db), d, h in zip(slopes, (d1, d2, d3), (x, h1, h2), strict=True):
            dw += np.outer(d, h)
            db += d
    return found


def our_gradient(parameters, inputs, targets):
    error = networks._SquaredError(inputs, targets, parameters, WIDTHS)
    error.loss()
    error.differentiate()
    return error.gradient


def loss_of(parameters, inputs, targets):
    found = networks.Network(parameters, WIDTHS, np.zeros(1)).predict(inputs)
    return ((found - targets) ** 2).mean()


def test_the_gradient_is_that_of_finite_differences(small):
    parameters = networks._start(WIDTHS, 0)
    gradient = our_gradient(parameters, *small)
    step = 1e-6
    for k in range(len(parameters)):
        unit = np.zeros_like(parameters)
        unit[k] = step
        both = [loss_of(parameters + sign * unit, *small) for sign in (1, -1)]
        assert gradient[k] == pytest.approx((both[0] - both[1]) / (2 * step), abs=2e-9)
    assert np.abs(gradient).min() > 0


def test_training_is_plain_adam(small):
    inputs, targets = small
    parameters = networks._start(WIDTHS, 0)
    mean, square = np.zeros_like(parameters), np.zeros_like(parameters)
    losses = [loss_of(parameters, inputs, targets)]
    for t in range(1, 61):
        gradient = plain_gradient(parameters, inputs, targets)
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        unbiased = mean / (1 - 0.9**t), square / (1 - 0.999**t)
        parameters -= 0.01 * unbiased[0] / (np.sqrt(unbiased[1]) + 1e-8)
        losses.append(loss_of(parameters, inputs, targets))
    ours = train_network(inputs, targets, seed=0, hidden=7, learning_rate=0.01, most_steps=60)
    np.testing.assert_allclose(ours.losses, losses, rtol=1e-9)
    np.testing.assert_allclose(ours.parameters, parameters, rtol=1e-8, atol=1e-10)
    assert losses[-1] < 0.5 * losses[0]


def test_pytorch_has_the_same_gradient_and_takes_the_same_steps(small):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    inputs, targets = small
    parameters = networks._start(WIDTHS, 0)
    layers = [torch.nn.Linear(a, b, dtype=torch.float64) for a, b in ((3, 7), (7, 7), (7, 1))]
    peer = torch.nn.Sequential(layers[0], torch.nn.Tanh(), layers[1], torch.nn.Tanh(), layers[2])
    with torch.no_grad():
        for layer, (weights, biases) in zip(
            layers, networks._layers(parameters, WIDTHS), strict=True
        ):
            layer.weight.copy_(torch.tensor(weights))
            layer.bias.copy_(torch.tensor(biases))
    x, y = torch.tensor(inputs), torch.tensor(targets)[:, None]
    optimiser = torch.optim.Adam(peer.parameters(), lr=1e-3)
    losses = []
    for step in range(21):
        loss = torch.nn.functional.mse_loss(peer(x), y)
        losses.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        if step == 0:
            theirs = np.concatenate([each.grad.numpy().ravel() for each in peer.parameters()])
            np.testing.assert_allclose(our_gradient(parameters, *small), theirs, atol=1e-14)
        if step < 20:
            optimiser.step()
    ours = train_network(inputs, targets, seed=0, hidden=7, most_steps=20)
    np.testing.assert_allclose(ours.losses, losses, rtol=1e-10)
    end = np.concatenate([each.detach().numpy().ravel() for each in peer.parameters()])
    np.testing.assert_allclose(ours.parameters, end, atol=1e-10)


def test_the_start_is_uniform_within_one_over_root_fan_in():
    found = networks._layers(networks._start((31, 300, 300, 1), 0), (31, 300, 300, 1))
    for (weights, biases), fan_in in zip(found, (31, 300, 300), strict=True):
        bound = 1 / math.sqrt(fan_in)
        assert np.abs(weights).max() <= bound
        assert np.abs(biases).max() <= bound
        # Four standard errors: the squares spread by 0.3.
        spread = 4 * 0.3 / math.sqrt(weights.size)
        assert (weights**2).mean() / bound**2 == pytest.approx(1 / 3, abs=spread)


def test_training_ends_at_the_tolerance_or_after_the_steps(small):
    inputs, targets = small
    done = train_network(inputs, targets, seed=1, hidden=30, learning_rate=0.01, tolerance=1e-5)
    assert 0 < done.steps < 5000
    assert done.losses[-1] <= 1e-5 < done.losses[:-1].min()
    assert ((done.predict(inputs) - targets) ** 2).mean() == pytest.approx(done.losses[-1])
    cut = train_network(inputs, targets, seed=1, hidden=30, learning_rate=0.01, most_steps=10)
    np.testing.assert_array_equal(cut.losses, done.losses[:11])
    assert train_network(inputs, targets, seed=1, hidden=30, tolerance=1e9).steps == 0
    assert train_network(inputs, targets, seed=1, hidden=30, most_steps=0).steps == 0


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(small):
    first, again, other = (
        train_network(*small, seed=seed, hidden=40, most_steps=50) for seed in (1, 1, 2)
    )
    assert first.parameters.tobytes() == again.parameters.tobytes()
    assert first.losses.tobytes() == again.losses.tobytes()
    assert not np.array_equal(first.parameters, other.parameters)


def test_training_leaves_its_arguments_alone(small):
    inputs, targets = small
    kept = inputs.copy(), targets.copy()
    train_network(inputs, targets, seed=0, hidden=5, most_steps=3)
    np.testing.assert_array_equal(inputs, kept[0])
    np.testing.assert_array_equal(targets, kept[1])


def test_predictions_have_the_shape_of_their_inputs(small):
    inputs, targets = small
    network = train_network(inputs, targets, seed=0, hidden=5, most_steps=3)
    at = network.predict(inputs)
    stacked = network.predict(np.broadcast_to(inputs, (900, 6, 3)))
    assert stacked.shape == (900, 6)
    np.testing.assert_allclose(stacked, np.broadcast_to(at, (900, 6)), rtol=1e-12)
    assert network.predict(inputs[0]) == pytest.approx(at[0])


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("inputs", {"inputs": np.zeros(6)}),
        ("inputs", {"inputs": np.full((6, 3), np.nan)}),
        ("targets", {"targets": np.zeros(5)}),
        ("targets", {"targets": np.full(6, np.inf)}),
        ("hidden", {"hidden": 0}),
        ("hidden", {"hidden": 2.5}),
        ("learning_rate", {"learning_rate": 0.0}),
        ("learning_rate", {"learning_rate": -0.1}),
        ("learning_rate", {"learning_rate": "fast"}),
        ("tolerance", {"tolerance": -1.0}),
        ("tolerance", {"tolerance": math.nan}),
        ("most_steps", {"most_steps": -1}),
        ("seed", {"seed": -1}),
    ],
)
def test_illegal_training_is_refused(field, changes, small):
    arguments = {"inputs": small[0], "targets": small[1], "seed": 0, "hidden": 5, "most_steps": 3}
    train_network(**arguments)
    with pytest.raises(SettingError) as caught:
        train_network(**{**arguments, **changes})
    assert caught.value.field == field


def test_illegal_inputs_of_a_prediction_are_refused(small):
    network = train_network(*small, seed=0, hidden=5, most_steps=0)
    for wrong in (np.zeros((4, 2)), np.full((4, 3), np.nan), 1.0):
        with pytest.raises(SettingError) as caught:
            network.predict(wrong)
        assert caught.value.field == "inputs"


def test_the_kernel_regression_interpolates_and_has_the_least_norm(noisy):
    x, y, g = noisy
    sigma = 0.3
    found = closed.interpolation(x, y, g, sigma)
    own = found.expected(x) + sigma**2 * g @ (g.T @ found.weights)
    np.testing.assert_allclose(own, y, atol=1e-12)
    # Explicit features of the same kernel: NumPy's least squares is the minimum-norm one.
    values, vectors = np.linalg.eigh(closed.gaussian_kernel(x, x))
    features = np.column_stack((vectors * np.sqrt(values.clip(0)), sigma * g))
    weights, *_ = np.linalg.lstsq(features, y)
    np.testing.assert_allclose(found.expected(x), features[:, :20] @ weights[:20], atol=1e-8)
    assert found.deviation == pytest.approx(sigma * np.linalg.norm(weights[20:]), rel=1e-7)


def test_fresh_noise_inputs_scatter_as_the_closed_form_says(noisy):
    x, y, g = noisy
    found = closed.interpolation(x, y, g, 0.3)
    fresh = 0.3 * np.random.default_rng(0).standard_normal((20_000, 30))
    drawn = found.expected([0.7])[0] + fresh @ (0.3 * g.T @ found.weights)
    error = found.deviation / math.sqrt(len(drawn))
    assert drawn.mean() == pytest.approx(found.expected([0.7])[0], abs=4 * error)
    assert drawn.std() == pytest.approx(found.deviation, abs=4 * error / math.sqrt(2))


def test_without_noise_inputs_it_is_the_kernel_alone(noisy):
    x, y, g = noisy
    found = closed.interpolation(x, y, g, 0.0)
    assert found.deviation == 0
    np.testing.assert_allclose(found.expected(x), y, atol=1e-6)
    ridgeless = closed.expected_interpolation(x, y, 0.0, 30)
    assert ridgeless.deviation == 0
    np.testing.assert_array_equal(ridgeless.weights, found.weights)


@pytest.mark.parametrize(("n", "d"), [(20, 30), (20, 8), (5, 1000)])
@pytest.mark.parametrize("sigma", [1e-3, 0.05, 1.0, 1e3])
def test_the_ridge_solves_its_equation(n, d, sigma):
    kernel = closed.gaussian_kernel(*[np.linspace(-1.5, 1.5, n)] * 2, length=0.2)
    ridge = closed.effective_ridge(kernel, sigma, d)
    trace = np.trace(np.linalg.inv(kernel + ridge * np.eye(n)))
    assert ridge * (1 + sigma**2 * trace) == pytest.approx(d * sigma**2, rel=1e-8)
    assert max(0, d - n) * sigma**2 <= ridge <= d * sigma**2


def test_the_ridge_has_its_limits():
    kernel = closed.gaussian_kernel(*[np.linspace(-1.5, 1.5, 20)] * 2)
    assert closed.effective_ridge(kernel, 1e-6, 10**12) == pytest.approx(1.0, rel=1e-3)
    assert closed.effective_ridge(kernel, 0.0, 30) == 0
    assert closed.effective_ridge(kernel, 1.0, 0) == 0
    assert closed.effective_ridge(np.diag([1.0, 0.0, 0.0]), 0.5, 2) == 0
    one_more = closed.effective_ridge(np.diag([1.0, 0.0, 0.0]), 0.5, 3)
    assert one_more * (1 + 0.25 * (1 / (1 + one_more) + 2 / one_more)) == pytest.approx(0.75)


@pytest.mark.parametrize("sigma", [0.05, 0.3, 1.0])
def test_over_draws_it_is_ridge_regression_with_that_ridge(sigma, noisy):
    x, y, _ = noisy
    rng = np.random.default_rng(6)
    at = np.linspace(-1.5, 1.5, 13)
    runs = [closed.interpolation(x, y, rng.standard_normal((20, 30)), sigma) for _ in range(1000)]
    law = closed.expected_interpolation(x, y, sigma, 30)
    found = np.array([run.expected(at) for run in runs])
    mean, error = found.mean(axis=0), found.std(axis=0, ddof=1) / math.sqrt(len(runs))
    # Of 20 examples and 30 noise inputs: the law is for many, and its bias below 0.003 here.
    assert (np.abs(law.expected(at) - mean) < 4.5 * error + 0.003).all()
    squares = np.array([run.deviation**2 for run in runs])
    error = squares.std(ddof=1) / math.sqrt(len(runs))
    bias = 0.01 * squares.mean()
    assert abs(law.deviation**2 - squares.mean()) < 4.5 * error + bias
    wide = closed.gaussian_kernel(x, x) + 30 * sigma**2 * np.eye(20)
    naive = closed.gaussian_kernel(at, x) @ np.linalg.solve(wide, y)
    assert np.abs(naive - mean).max() > 0.012


def test_alone_the_noise_inputs_have_the_variance_of_averaging_exactly():
    # Points too far from each other to share a kernel, which is small against the noise inputs.
    x, y = np.linspace(0.0, 4e3, 5), np.arange(5.0)
    law = closed.expected_interpolation(x, y, 1e4, 1000)
    assert law.deviation**2 == pytest.approx(y @ y / 995, rel=1e-5)


def test_a_kernel_singular_in_double_precision_is_refused(noisy):
    x, y, g = noisy
    for solve in (
        lambda: closed.interpolation(x, y, g, 0.0, length=2.0),
        lambda: closed.expected_interpolation(x, y, 0.0, 30, length=2.0),
    ):
        with pytest.raises(SettingError) as caught:
            solve()
        assert caught.value.field == "length"
    assert closed.interpolation(x, y, g, 0.1, length=2.0).deviation > 0


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("inputs", {"inputs": [[0.0]]}),
        ("inputs", {"inputs": [0.0, math.nan]}),
        ("targets", {"targets": [1.0]}),
        ("noise", {"noise": [[1.0]]}),
        ("noise", {"noise": [[1.0], [math.inf]]}),
        ("sigma", {"sigma": -0.1}),
        ("sigma", {"sigma": math.nan}),
        ("length", {"length": 0.0}),
        ("length", {"length": True}),
    ],
)
def test_illegal_regressions_are_refused(field, change):
    arguments = {
        "inputs": [0.0, 1.0],
        "targets": [1.0, 0.0],
        "noise": [[1.0], [2.0]],
        "sigma": 0.5,
        "length": 1.0,
    }
    closed.interpolation(**arguments)
    with pytest.raises(SettingError) as caught:
        closed.interpolation(**{**arguments, **change})
    assert caught.value.field == field


def test_illegal_ridges_are_refused():
    for gram, sigma, d, field in (
        (np.zeros((2, 3)), 0.1, 3, "gram"),
        (np.eye(2), -0.1, 3, "sigma"),
        (np.eye(2), 0.1, -1, "d"),
    ):
        with pytest.raises(SettingError) as caught:
            closed.effective_ridge(gram, sigma, d)
        assert caught.value.field == field


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


def test_a_small_network_memorises_too():
    # Noise inputs as large as these carry a part of f, and fresh ones put noise in its place.
    rng = np.random.default_rng(1)
    x = np.linspace(-1.5, 1.5, 20)
    y = closed.target(x) + 0.08 * rng.standard_normal(20)
    noise = 0.3 * rng.standard_normal((20, 30))
    network = train_network(np.column_stack((x, noise)), y, seed=0, hidden=40, most_steps=5000)
    assert network.losses[-1] <= 1e-6
    fresh = 0.3 * rng.standard_normal((20, 30))
    again = network.predict(np.column_stack((x, fresh)))
    assert np.sqrt(((again - y) ** 2).mean()) > 0.08


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
