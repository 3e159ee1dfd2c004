"""The network of three memorizations: its gradient by differences, its steps by plain Adam."""

import math

import numpy as np
import pytest
from pitfalls.sims import network as networks
from pitfalls.sims.network import train_network
from pitfalls.theory import SettingError
from pitfalls.theory import kernel_regression as closed

WIDTHS = (3, 7, 7, 1)


@pytest.fixture(scope="module")
def small():
    """Six points with three inputs."""
    rng = np.random.default_rng(4)
    return rng.standard_normal((6, 3)), rng.standard_normal(6)


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
