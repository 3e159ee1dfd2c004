"""The paper's Figure 3: a network that sees noise inputs, and its closed form."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..sims import stream
from ..sims.network import Network, train_network
from ..theory.kernel_regression import (
    Interpolation,
    expected_interpolation,
    gaussian_kernel,
    interpolation,
    target,
)
from .band import Band

__all__ = [
    "HIDDEN",
    "KERNEL_SIGMAS",
    "LABEL_NOISE",
    "MOST_STEPS",
    "NETWORK_SIGMAS",
    "RATE",
    "TOLERANCE",
    "Panel",
    "Problem",
    "figure_3_problem",
    "kernel_panel",
    "network_panel",
]

Array: TypeAlias = NDArray[np.float64]
Seed: TypeAlias = np.random.SeedSequence

NETWORK_SIGMAS = (1e-4, 1e-3, 0.0)
"""The paper's standard deviations of a noise input."""
KERNEL_SIGMAS = (0.05, 1.0, 0.0)
"""Those of the kernel regression, which sees a noise input as it is: a network learns to."""
LABEL_NOISE = 0.08
"""Standard deviation of the noise added to the training targets."""
HIDDEN = 300
"""Width of the network's two hidden layers."""
RATE, TOLERANCE, MOST_STEPS = 1e-3, 1e-6, 60_000
"""Of Adam: its rate, and the mean squared error or the step at which it ends."""

_END = 1.5
_POINTS = 300
_FITTED = 1e-4
_UGLY, _BAD = 0.05, 1.25
_NORMAL_95 = 1.6448536269514722


@dataclass(frozen=True, eq=False)
class Panel:
    """One model at one size of the noise inputs.

    Attributes
    ----------
    model : str
        "network" or "kernel".
    sigma : float
        Standard deviation of each noise input.
    curve : Band
        Mean prediction on the grid over fresh noise inputs, and where 90 % of them are.
    ridge : array (T,) or None
        The kernel's curve in expectation over the training noise inputs too.
    loss : float
        Mean squared error on the training set.
    steps : int
        Of Adam; 0 for the kernel.
    off : float
        Root mean square over the grid of the curve's difference from f.
    deviation : float
        Root mean square over the grid of the standard deviation over fresh noise inputs.
    carried : float
        Root mean square of what the noise inputs memorise, the training targets less the curve,
        over that of the label noise.

    Examples
    --------
    >>> kernel_panel(figure_3_problem(), 0.05).verdict
    'good'
    """

    model: str
    sigma: float
    curve: Band
    ridge: Array | None
    loss: float
    steps: int
    off: float
    deviation: float
    carried: float

    @property
    def error(self) -> float:
        """Root mean squared error of predictions with fresh noise inputs, on the grid."""
        return math.hypot(self.off, self.deviation)

    @property
    def verdict(self) -> str:
        """What is seen, in the paper's word.

        Ugly where the noise inputs carry less than a twentieth of the label noise: the curve goes
        through every target. Bad where they carry more than 1.25 times the label noise, so that
        some of it is f; good between. That is about where things are memorised, not about the
        error: an ugly network can have the lowest.

        Examples
        --------
        >>> band = Band.of(np.zeros((2, 1)))
        >>> Panel("kernel", 0.05, band, None, 0.0, 0, 0.06, 0.03, 0.7).verdict
        'good'
        """
        if self.loss > _FITTED:
            return "not fitted yet"
        if self.carried < _UGLY:
            return "ugly"
        return "bad" if self.carried > _BAD else "good"


@dataclass(frozen=True, eq=False)
class Problem:
    """What all models are trained on.

    Attributes
    ----------
    inputs, label_noise : arrays (n,)
    noise : array (n, d)
        The noise inputs, of size one.
    grid : array (T,)
        Where predictions are shown.
    every : int
        Points of the grid from one training point to the next.

    Examples
    --------
    >>> figure_3_problem(n=3, d=2).inputs.tolist()
    [-1.5, 0.0, 1.5]
    """

    inputs: Array
    label_noise: Array
    noise: Array
    grid: Array
    every: int

    @property
    def targets(self) -> Array:
        """Array (n,): f with the label noise.

        Examples
        --------
        >>> figure_3_problem(n=3, d=2).targets.shape
        (3,)
        """
        return target(self.inputs) + self.label_noise

    def seen(self, sigma: float) -> Array:
        """Array (n, 1 + d): what a network sees, noise inputs of a size beside x.

        Examples
        --------
        >>> figure_3_problem(n=3, d=2).seen(1.0).shape
        (3, 3)
        """
        return np.column_stack((self.inputs, sigma * self.noise))

    def trained(
        self,
        sigma: float,
        start: Seed,
        *,
        hidden: int = HIDDEN,
        tolerance: float = TOLERANCE,
        most_steps: int = MOST_STEPS,
    ) -> Network:
        """The network, trained by Adam until it interpolates.

        Examples
        --------
        >>> figure_3_problem(n=3, d=2).trained(0.1, stream(0, 1, 0), most_steps=4).steps
        4
        """
        return train_network(
            self.seen(sigma),
            self.targets,
            seed=start,
            hidden=hidden,
            learning_rate=RATE,
            tolerance=tolerance,
            most_steps=most_steps,
        )

    def panel(
        self,
        model: str,
        sigma: float,
        curve: Band,
        deviation: float,
        loss: float,
        *,
        steps: int = 0,
        ridge: Array | None = None,
    ) -> Panel:
        """A model's panel, with what follows from its curve.

        Examples
        --------
        >>> problem = figure_3_problem(n=3, d=2)
        >>> flat = np.zeros(len(problem.grid))
        >>> problem.panel("kernel", 0.0, Band(flat, flat, flat), 0.0, 0.0).verdict
        'bad'
        """
        off = math.sqrt(float(((curve.mean - target(self.grid)) ** 2).mean()))
        carried = self.targets - curve.mean[:: self.every]
        share = float(np.linalg.norm(carried) / np.linalg.norm(self.label_noise))
        return Panel(model, sigma, curve, ridge, loss, steps, off, deviation, share)


def figure_3_problem(n: int = 20, d: int = 30, seed: int = 0) -> Problem:
    """Draw label noise and noise inputs.

    Examples
    --------
    >>> figure_3_problem().noise.shape
    (20, 30)
    """
    rng = np.random.default_rng(stream(seed, 0, 0))
    # A whole number of steps between two training points, so that these are on the grid.
    every = max(1, round(_POINTS / (n - 1)))
    return Problem(
        np.linspace(-_END, _END, n),
        LABEL_NOISE * rng.standard_normal(n),
        rng.standard_normal((n, d)),
        np.linspace(-_END, _END, every * (n - 1) + 1),
        every,
    )


def network_panel(
    problem: Problem, sigma: float, start: Seed, own: Seed, replicates: int, most_steps: int
) -> Panel:
    """Train the network, and predict with fresh noise inputs.

    Parameters
    ----------
    problem : Problem
    sigma : float
    start, own : SeedSequence
        Of the network's first parameters, and of the fresh noise inputs.
    replicates : int
        Draws of them, ≥ 2.
    most_steps : int

    Examples
    --------
    >>> network_panel(figure_3_problem(), 0.1, stream(0, 1, 0), stream(0, 2, 0), 2, 9).steps
    9
    """
    network = problem.trained(sigma, start, most_steps=most_steps)
    rng, d = np.random.default_rng(own), problem.noise.shape[1]
    seen = np.empty((replicates, len(problem.grid)))
    at = np.zeros((len(problem.grid), 1 + d))
    at[:, 0] = problem.grid
    for row in seen:
        # One draw along the whole curve, which is therefore a smooth one.
        at[:, 1:] = sigma * rng.standard_normal(d)
        row[:] = network.predict(at)
    deviation = math.sqrt(float(seen.var(axis=0, ddof=1).mean()))
    loss = float(network.losses[-1])
    return problem.panel("network", sigma, Band.of(seen), deviation, loss, steps=network.steps)


def kernel_panel(problem: Problem, sigma: float) -> Panel:
    """Solve the kernel regression, whose predictions are Gaussian.

    Examples
    --------
    >>> [kernel_panel(figure_3_problem(), sigma).verdict for sigma in KERNEL_SIGMAS]
    ['good', 'bad', 'ugly']
    """
    targets = problem.targets
    found = interpolation(problem.inputs, targets, problem.noise, sigma)
    many = expected_interpolation(problem.inputs, targets, sigma, problem.noise.shape[1])
    mean = found.expected(problem.grid)
    wide = _NORMAL_95 * found.deviation
    fitted = _fitted(problem, found, sigma)
    return problem.panel(
        "kernel",
        sigma,
        Band(mean, mean - wide, mean + wide),
        found.deviation,
        float(((fitted - targets) ** 2).mean()),
        ridge=many.expected(problem.grid),
    )


def _fitted(problem: Problem, found: Interpolation, sigma: float) -> Array:
    """Predictions of the training points with their own noise inputs."""
    own = sigma * problem.noise
    kernel = gaussian_kernel(problem.inputs, problem.inputs, found.length) + own @ own.T
    return np.asarray(kernel @ found.weights)
