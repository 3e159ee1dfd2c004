"""A tanh network with two hidden layers, trained by full-batch Adam on the squared error.

Everything that is trained lies in one vector: each layer's weights, by rows of its outputs, and
then its biases. The layers read and write views of it; Adam's update is one pass over it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..theory.arguments import checked_array, checked_count, checked_number
from ..theory.resources import require
from . import kernels
from .seeds import Seed, seed_sequence
from .threads import one_blas_thread

__all__ = ["Network", "train_network"]

Array: TypeAlias = NDArray[np.float64]
Layer: TypeAlias = tuple[Array, Array]

_DECAY, _SQUARE_DECAY, _EPSILON = 0.9, 0.999, 1e-8
_ROWS = 4096


def _layers(parameters: Array, widths: tuple[int, ...]) -> list[Layer]:
    """Views of weights (outputs, inputs) and biases (outputs,) of each layer."""
    found, start = [], 0
    for fan_in, fan_out in pairwise(widths):
        middle = start + fan_in * fan_out
        stop = middle + fan_out
        found.append((parameters[start:middle].reshape(fan_out, fan_in), parameters[middle:stop]))
        start = stop
    return found


def _size(widths: tuple[int, ...]) -> int:
    return sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(widths))


@dataclass(frozen=True, eq=False)
class Network:
    """x ↦ W₃·tanh(W₂·tanh(W₁x + b₁) + b₂) + b₃, and how it was trained.

    Attributes
    ----------
    parameters : array
        (W₁, b₁, W₂, b₂, W₃, b₃), the weights by rows of their outputs.
    widths : tuple of int
        Inputs p, the two hidden layers, 1.
    losses : array (steps + 1,)
        Mean squared training error after 0, 1, … updates; the last is this network's.

    Examples
    --------
    >>> Network(np.array([1.0, 0.0, 1.0, 0.0, 2.0, 0.5]), (1, 1, 1, 1), np.array([1.0])).steps
    0
    """

    parameters: Array
    widths: tuple[int, ...]
    losses: Array

    @property
    def steps(self) -> int:
        """Updates made."""
        return len(self.losses) - 1

    def predict(self, inputs: ArrayLike) -> Array:
        """Outputs (…,) for inputs (…, p).

        Raises
        ------
        SettingError
            They have another number of columns, or are not finite.

        Examples
        --------
        >>> parts = np.array([1.0, 0.0, 1.0, 0.0, 2.0, 0.5])
        >>> Network(parts, (1, 1, 1, 1), np.array([1.0])).predict([[0.0], [1.0]]).round(4)
        array([0.5  , 1.784])
        """
        p = self.widths[0]
        x = checked_array("inputs", inputs, (..., p), f"of shape (…, {p}), as in training")
        rows = x.reshape(-1, x.shape[-1])
        found = np.empty(len(rows))
        with one_blas_thread():
            # In blocks: the hidden layers are wider than the inputs.
            for start in range(0, len(rows), _ROWS):
                found[start : start + _ROWS] = self._outputs(rows[start : start + _ROWS])
        return found.reshape(x.shape[:-1])

    def _outputs(self, rows: Array) -> Array:
        *hidden, (weights, biases) = _layers(self.parameters, self.widths)
        for each, bias in hidden:
            rows = rows @ each.T
            rows += bias
            np.tanh(rows, out=rows)
        return np.asarray(rows @ weights[0] + biases)


class _SquaredError:
    """The mean squared error and its gradient, in buffers made once."""

    def __init__(
        self, inputs: Array, targets: Array, parameters: Array, widths: tuple[int, ...]
    ) -> None:
        n, _, hidden, _, _ = len(inputs), *widths
        self.inputs, self.targets = inputs, targets
        self.gradient = np.zeros_like(parameters)
        self.values = _layers(parameters, widths)
        self.slopes = _layers(self.gradient, widths)
        self.first, self.second = np.empty((n, hidden)), np.empty((n, hidden))
        self.back, self.further = np.empty((n, hidden)), np.empty((n, hidden))
        self.residual = np.empty(n)

    def loss(self) -> float:
        """Forward, keeping what `differentiate` needs."""
        (weights_1, biases_1), (weights_2, biases_2), (weights_3, biases_3) = self.values
        for rows, weights, biases, out in (
            (self.inputs, weights_1, biases_1, self.first),
            (self.first, weights_2, biases_2, self.second),
        ):
            np.matmul(rows, weights.T, out=out)
            out += biases
            np.tanh(out, out=out)
        np.matmul(self.second, weights_3[0], out=self.residual)
        self.residual += biases_3
        self.residual -= self.targets
        return float(self.residual @ self.residual) / len(self.residual)

    def differentiate(self) -> None:
        """Backward, from the last `loss`; overwrites the activations."""
        _, (weights_2, _), (weights_3, _) = self.values
        (slope_1, drift_1), (slope_2, drift_2), (slope_3, drift_3) = self.slopes
        error = self.residual
        error *= 2 / len(error)
        np.matmul(error, self.second, out=slope_3[0])
        drift_3[0] = error.sum()
        np.multiply(error[:, None], weights_3[0], out=self.back)
        _through_tanh(self.back, self.second)
        np.matmul(self.back.T, self.first, out=slope_2)
        np.sum(self.back, axis=0, out=drift_2)
        np.matmul(self.back, weights_2, out=self.further)
        _through_tanh(self.further, self.first)
        np.matmul(self.further.T, self.inputs, out=slope_1)
        np.sum(self.further, axis=0, out=drift_1)


def _through_tanh(back: Array, activations: Array) -> None:
    """Multiply by 1 − tanh², where tanh is overwritten."""
    np.multiply(activations, activations, out=activations)
    np.subtract(1.0, activations, out=activations)
    back *= activations


class _Adam:
    """Adam (Kingma & Ba 2015) with its usual decays, in place.

    The moments are kept as Σ β^k g and Σ β^k g², without the factors 1 − β: these and the
    corrections of the bias go into the two numbers of a step.
    """

    def __init__(self, parameters: Array, gradient: Array, rate: float) -> None:
        self.rate, self.steps = rate, 0
        self.parameters, self.gradient = parameters, gradient
        self.mean, self.square = np.zeros_like(parameters), np.zeros_like(parameters)

    def step(self) -> None:
        """One update of the parameters."""
        self.steps += 1
        unbiased = (1 - _DECAY) / (1 - _DECAY**self.steps)
        spread = math.sqrt((1 - _SQUARE_DECAY) / (1 - _SQUARE_DECAY**self.steps))
        kernels.adam(
            self.parameters,
            self.gradient,
            self.mean,
            self.square,
            (_DECAY, _SQUARE_DECAY),
            self.rate * unbiased / spread,
            _EPSILON / spread,
        )


def _start(widths: tuple[int, ...], seed: np.random.SeedSequence) -> Array:
    """Weights and biases uniform in ± 1/√(a layer's inputs), as in PyTorch's linear layers."""
    rng = np.random.default_rng(seed)
    parameters = np.empty(_size(widths))
    for weights, biases in _layers(parameters, widths):
        bound = 1 / math.sqrt(weights.shape[1])
        weights[:] = rng.uniform(-bound, bound, weights.shape)
        biases[:] = rng.uniform(-bound, bound, biases.shape)
    return parameters


def train_network(
    inputs: ArrayLike,
    targets: ArrayLike,
    *,
    seed: Seed,
    hidden: int = 300,
    learning_rate: float = 1e-3,
    tolerance: float = 1e-6,
    most_steps: int = 60_000,
) -> Network:
    """Train two hidden layers of tanh on the mean squared error, full batch, by Adam.

    Adam has its usual decays 0.9 and 0.999 and ε = 1e-8; weights and biases start uniform in
    ± 1/√(inputs of the layer). The same arguments give the same bytes, on any number of cores.

    Parameters
    ----------
    inputs : array (n, p)
    targets : array (n,)
    seed : int or SeedSequence
        Of the start.
    hidden : int
        Width of both hidden layers, ≥ 1.
    learning_rate : float
        Adam's, > 0.
    tolerance : float
        The mean squared error at which training ends, ≥ 0.
    most_steps : int
        Updates after which it ends anyway, ≥ 0.

    Returns
    -------
    Network
        Its ``losses[-1]`` says whether the tolerance was reached.

    Raises
    ------
    SettingError
        An argument is out of range.
    ResourceError
        The network does not fit in memory.

    Examples
    --------
    >>> x = np.linspace(-1, 1, 5)
    >>> network = train_network(x[:, None], x**2, seed=0, hidden=20, tolerance=1e-4)
    >>> bool(network.losses[-1] <= 1e-4), network.steps < 2000
    (True, True)
    >>> bool((abs(network.predict(x[:, None]) - x**2) < 0.03).all())
    True
    """
    x, y = _checked_data(inputs, targets)
    hidden = checked_count("hidden", hidden, least=1)
    most_steps = checked_count("most_steps", most_steps)
    fix = "PyTorch's default is 0.001."
    rate = checked_number("learning_rate", learning_rate, above=True, fix=fix)
    tolerance = checked_number("tolerance", tolerance)
    widths = (x.shape[1], hidden, hidden, 1)
    needed = 8.0 * (4 * _size(widths) + 4 * len(x) * hidden + most_steps)
    require(needed, f"a network with two hidden layers of {hidden}", "lower hidden or most_steps")
    parameters = _start(widths, seed_sequence(seed))
    losses = np.empty(most_steps + 1)
    error = _SquaredError(x, y, parameters, widths)
    adam = _Adam(parameters, error.gradient, rate)
    with one_blas_thread():
        losses[0] = error.loss()
        while losses[adam.steps] > tolerance and adam.steps < most_steps:
            error.differentiate()
            adam.step()
            losses[adam.steps] = error.loss()
    return Network(parameters, widths, losses[: adam.steps + 1].copy())


def _checked_data(inputs: ArrayLike, targets: ArrayLike) -> tuple[Array, Array]:
    legal = "of shape (n, p) with n, p ≥ 1"
    fix = "One input is inputs[:, None]."
    x = np.ascontiguousarray(checked_array("inputs", inputs, ("n", "p"), legal, fix, least=1))
    legal = f"of shape ({len(x)},), one for each input"
    return x, checked_array("targets", targets, (len(x),), legal)
