"""What people write today for the same model, in the libraries they write it in.

Every peer is optional: `available` says which can be imported.
"""

from __future__ import annotations

import functools
import importlib.util
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..theory import Setting

__all__ = [
    "Data",
    "available",
    "data_of",
    "jax_descent",
    "logistic",
    "numpy_descent",
    "signed",
    "stopping_short",
    "torch_cross_risk",
    "torch_descent",
]

Array: TypeAlias = NDArray[Any]


def available(module: str) -> bool:
    """Whether a peer's library is installed.

    Examples
    --------
    >>> available("numpy"), available("no_such_library")
    (True, False)
    """
    return importlib.util.find_spec(module) is not None


@contextmanager
def stopping_short() -> Iterator[None]:
    """A peer that stops short warns of it; how far is in the table.

    Examples
    --------
    >>> with stopping_short():
    ...     warnings.warn("not converged", stacklevel=1)
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def signed(z: Array) -> tuple[Array, Array]:
    """Features and labels whose folded examples are z (n, p): two classes are z and −z.

    Examples
    --------
    >>> signed(np.array([[1.0], [2.0]]))
    (array([[-1.],
           [ 2.]]), array([-1,  1]))
    """
    y = np.where(np.arange(len(z)) % 2, 1, -1)
    return z * y[:, None], y


def logistic(
    x: Array, y: Array, strengths: Iterable[float], weight: Array | None = None, **options: Any
) -> Array:
    """scikit-learn's minimisers of ℓ + (λ/2)‖w‖² (T, p), each from the last: λ = 1/(Cn).

    Parameters
    ----------
    x, y : array (n, p), (n,)
    strengths : iterable of float (T,)
    weight : array (n,), optional
    **options
        Of ``LogisticRegression``.

    Examples
    --------
    `benchmarks.ridge` runs it where scikit-learn is installed.

    >>> logistic.__name__
    'logistic'
    """
    from sklearn.linear_model import LogisticRegression

    model, path = LogisticRegression(fit_intercept=False, warm_start=True, **options), []
    for strength in strengths:
        model.set_params(C=1 / (len(x) * strength))
        with stopping_short():
            model.fit(x, y, sample_weight=weight)
        path.append(model.coef_[0].copy())
    return np.array(path)


class Data(NamedTuple):
    """Explicit training and test sets: features (n, p), labels in {0, 1}, majority masks (n,).

    Examples
    --------
    >>> Data._fields
    ('x', 'y', 'majority', 'x_test', 'y_test', 'majority_test')
    """

    x: Array
    y: Array
    majority: Array
    x_test: Array
    y_test: Array
    majority_test: Array

    def cast(self, dtype: Any) -> Data:
        """The same data in another precision.

        Examples
        --------
        >>> data = data_of(Setting(n=10, d=3, rho=0.9, gamma=5.0, sigma=0.5), seed=0)
        >>> data.cast(np.float32).x.dtype
        dtype('float32')
        """
        return self._replace(x=self.x.astype(dtype), x_test=self.x_test.astype(dtype))


def data_of(setting: Setting, seed: int, test: int = 500, dtype: Any = np.float64) -> Data:
    """A draw as a peer makes it: all n × (2 + d) features, and ``test`` test points.

    Examples
    --------
    >>> data = data_of(Setting(n=10, d=3, rho=0.9, gamma=5.0, sigma=0.5), seed=0)
    >>> data.x.shape, data.x_test.shape, int(data.majority.sum())
    ((10, 5), (500, 5), 9)
    """
    rng = np.random.default_rng(seed)

    def one(n: int, members: int) -> tuple[Array, Array, Array]:
        y = rng.integers(0, 2, n)
        sign = 2.0 * y - 1
        majority = np.arange(n) < members
        x = rng.standard_normal((n, 2 + setting.d), dtype=dtype)
        x[:, 2:] *= setting.sigma
        x[:, 0] = sign + setting.core_noise * x[:, 0]
        attribute = np.where(majority, sign, -sign)
        x[:, 1] = setting.gamma * (attribute + setting.spurious_noise * x[:, 1])
        return x, y, majority

    return Data(*one(setting.n, round(setting.rho * setting.n)), *one(test, test // 2))


def numpy_descent(data: Data, rate: float, steps: int) -> tuple[Array, Array]:
    """Full-batch descent on one logit in NumPy: weights (p,) and accuracies (steps, 4).

    Examples
    --------
    >>> data = data_of(Setting(n=10, d=3, rho=0.9, gamma=5.0, sigma=0.5), seed=0)
    >>> weights, accuracies = numpy_descent(data, 0.1, 20)
    >>> accuracies.shape, accuracies[-1, 0]
    ((20, 4), np.float64(1.0))
    """
    sign, sign_test = 2.0 * data.y - 1, 2.0 * data.y_test - 1
    z, z_test = data.x * sign[:, None], data.x_test * sign_test[:, None]
    w = np.zeros(z.shape[1], dtype=z.dtype)
    accuracies = np.empty((steps, 4))
    for step in range(steps):
        margins, margins_test = z @ w, z_test @ w
        accuracies[step] = (
            (margins[data.majority] > 0).mean(),
            (margins[~data.majority] > 0).mean(),
            (margins_test[data.majority_test] > 0).mean(),
            (margins_test[~data.majority_test] > 0).mean(),
        )
        w += rate / len(z) * (z.T @ (1 / (1 + np.exp(margins))))
    return w, accuracies


def torch_descent(
    data: Data,
    rate: float,
    steps: int,
    weight: Array | None = None,
    shift: Array | None = None,
    start: Array | None = None,
) -> tuple[Array, Array]:
    """Full-batch SGD on two logits in PyTorch, the paper's way, at half the binary rate.

    Parameters
    ----------
    weight, shift : array (n,), optional
        Of the objective: weights of the loss, and logits added to the true label's.
    start : array (2, p), optional
        Initial weights; zero by default.

    Examples
    --------
    `benchmarks.descent` runs it where PyTorch is installed.

    >>> torch_descent.__name__
    'torch_descent'
    """
    import torch

    x, x_test = torch.from_numpy(data.x), torch.from_numpy(data.x_test)
    y, y_test = torch.from_numpy(data.y), torch.from_numpy(data.y_test)
    of = [torch.from_numpy(mask) for mask in (data.majority, data.majority_test)]
    layer = torch.nn.Linear(x.shape[1], 2, bias=False, dtype=x.dtype)
    with torch.no_grad():
        layer.weight.copy_(torch.zeros(2, x.shape[1]) if start is None else torch.from_numpy(start))
    optimiser = torch.optim.SGD(layer.parameters(), lr=rate / 2)
    loss_of = torch.nn.CrossEntropyLoss(reduction="none" if weight is not None else "mean")
    weights = None if weight is None else torch.tensor(weight, dtype=x.dtype)
    shifts = None
    if shift is not None:
        shifts = torch.nn.functional.one_hot(y, 2) * torch.tensor(shift, dtype=x.dtype)[:, None]
    accuracies = []
    for _ in range(steps):
        optimiser.zero_grad()
        logits = layer(x)
        with torch.no_grad():
            right = logits.argmax(1) == y
            right_test = layer(x_test).argmax(1) == y_test
            accuracies.append(
                [
                    value.double().mean().item()
                    for value in (
                        right[of[0]],
                        right[~of[0]],
                        right_test[of[1]],
                        right_test[~of[1]],
                    )
                ]
            )
        losses = loss_of(logits if shifts is None else logits + shifts, y)
        (losses if weights is None else (weights * losses).mean()).backward()
        optimiser.step()
    w = np.subtract(*layer.weight.detach().numpy()[::-1])
    return w, np.array(accuracies)


def torch_cross_risk(
    data: Data, rate: float, steps: int, seed: int = 0, starts: Array | None = None
) -> Array:
    """XRM's held-out logits (n, 2) in PyTorch: twins of two logits, at half the binary rate.

    Examples
    --------
    `benchmarks.pipeline` runs it where PyTorch is installed.

    >>> torch_cross_risk.__name__
    'torch_cross_risk'
    """
    import torch

    draws = torch.Generator().manual_seed(seed)
    x, labels = torch.from_numpy(data.x), torch.from_numpy(data.y).clone()
    n, p = x.shape
    first = torch.rand(n, generator=draws) < 0.5
    twins = [torch.nn.Linear(p, 2, bias=False, dtype=x.dtype) for _ in range(2)]
    with torch.no_grad():
        for k, twin in enumerate(twins):
            twin.weight.copy_(torch.zeros(2, p) if starts is None else torch.from_numpy(starts[k]))
    optimiser = torch.optim.SGD([twin.weight for twin in twins], lr=rate / 2)
    loss_of = torch.nn.CrossEntropyLoss()
    for _ in range(steps):
        logits = [twin(x) for twin in twins]
        held_in = torch.where(first[:, None], logits[0], logits[1])
        held_out = torch.where(first[:, None], logits[1], logits[0]).detach()
        optimiser.zero_grad()
        loss_of(held_in, labels).backward()
        optimiser.step()
        chance, predicted = held_out.softmax(1).max(1)
        flipped = torch.rand(n, generator=draws) < 2 * (chance - 0.5)
        labels = torch.where(flipped, predicted, labels)
    with torch.no_grad():
        logits = [twin(x) for twin in twins]
        return np.asarray(torch.where(first[:, None], logits[1], logits[0]).numpy(), dtype=float)


def jax_descent(data: Data, rate: float, steps: int) -> tuple[Array, Array]:
    """Full-batch descent on one logit in JAX, all steps compiled as one program.

    Examples
    --------
    `benchmarks.descent` runs it where JAX is installed.

    >>> jax_descent.__name__
    'jax_descent'
    """
    import jax

    with jax.enable_x64(data.x.dtype == np.float64):
        w, accuracies = _jax_program()(data, rate, steps)
        return np.asarray(w), np.asarray(accuracies)


@functools.cache
def _jax_program() -> Any:
    """The compiled run: JAX recognises a function it has compiled by its identity."""
    import jax
    import jax.numpy as jnp

    def share(right: Any, of: Any) -> Any:
        return (right & of).sum() / of.sum()

    def program(data: Data, rate: float, steps: int) -> Any:
        x, y, majority, x_test, y_test, of_test = data
        z = x * (2 * y - 1).astype(x.dtype)[:, None]
        z_test = x_test * (2 * y_test - 1).astype(x.dtype)[:, None]

        def step(w: Any, _: Any) -> Any:
            margins = z @ w
            right, right_test = margins > 0, z_test @ w > 0
            accuracies = [
                share(right, majority),
                share(right, ~majority),
                share(right_test, of_test),
                share(right_test, ~of_test),
            ]
            return w + rate / len(z) * (jax.nn.sigmoid(-margins) @ z), jnp.stack(accuracies)

        return jax.lax.scan(step, jnp.zeros(x.shape[1], x.dtype), length=steps)

    return jax.jit(program, static_argnums=2)
