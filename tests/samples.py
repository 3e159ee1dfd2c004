"""Small random samples and objectives, and the plain NumPy arithmetic the solvers are held to."""

import numpy as np
from hypothesis import strategies as st
from pitfalls.sims import DenseGram, Sample, draw, frames
from pitfalls.theory import Objective, Setting
from scipy.optimize import nnls

# Draws that are separated, and draws that cannot be.
WIDE = Setting(30, 90, 0.8, 2.0, 0.6, core_noise=0.2, spurious_noise=0.3, label_noise=0.1)
MIXED = Setting(80, 5, 0.8, 2.0, 0.3, core_noise=0.5, spurious_noise=0.5, label_noise=0.2)

noises = st.sampled_from([0.0, 0.3])


@st.composite
def model_samples(pick, kinds=("explicit", "gram", "orthogonal"), most=12, flips=True):
    """A draw of any kind, from fewer features than examples to many more, with or without noise."""
    n = pick(st.integers(1, most))
    setting = Setting(
        n=n,
        d=pick(st.integers(0, 3 * n)),
        rho=pick(st.sampled_from([0.0, 0.5, 0.8, 1.0])),
        gamma=pick(st.sampled_from([0.0, 0.5, 2.0, 5.0])),
        sigma=pick(st.sampled_from([0.0, 0.2, 1.0])),
        core_noise=pick(noises),
        spurious_noise=pick(noises),
        label_noise=pick(st.sampled_from([0.0, 0.2])) if flips else 0.0,
    )
    return draw(setting, pick(st.integers(0, 10**6)), pick(st.sampled_from(kinds)))


@st.composite
def array_samples(pick, most=12, least_features=2, regular=False):
    """A sample of one's own features: Gaussian, with labels and groups at random.

    ``regular`` asks for more features than examples, which makes the examples independent.
    """
    n = pick(st.integers(2, most))
    p = pick(st.integers(n + 1 if regular else least_features, 3 * n + 2))
    rng = np.random.default_rng(pick(st.integers(0, 10**6)))
    labels = rng.choice((-1, 1), n)
    return Sample.from_arrays(rng.standard_normal((n, p)), labels, rng.integers(0, 2, n))


@st.composite
def objectives(pick, sample):
    """One of the four methods where the sample allows it, or three random numbers per example."""
    kinds = ["erm", "scaling", "numbers"]
    if len(np.unique(sample.groups)) == 2:
        kinds += ["reweighting", "shifting"]
    kind = pick(st.sampled_from(kinds))
    if kind == "reweighting":
        return Objective.reweighting(sample.groups)
    if kind == "shifting":
        return Objective.logit_shifting(sample.groups)
    if kind == "scaling":
        return Objective.vector_scaling(sample.groups, {1: 2.0, 0: 0.5})
    if kind == "numbers":
        return random_objective(sample.n, pick(st.integers(0, 10**6)))
    return Objective.erm()


def random_objective(n, seed):
    """Weight, shift and scale of each example at random."""
    rng = np.random.default_rng(seed)
    return Objective(
        weight=rng.uniform(0.2, 3, n), shift=rng.normal(size=n), scale=rng.uniform(0.5, 2, n)
    )


def four_methods(sample):
    """ERM, reweighting, logit shifting and random numbers per example."""
    return [
        Objective.erm(),
        Objective.reweighting(sample.groups),
        Objective.logit_shifting(sample.groups),
        random_objective(sample.n, 5),
    ]


def folded(sample):
    """Z (n, p), the rows y·x of an explicit sample."""
    return sample.features * sample.labels[:, None]


def rows_of(sample):
    """Z in the coordinates of the plane and any memory features."""
    return np.hstack((sample.plane, sample.gram.memory_factor()))


def as_dense(sample):
    """The same data, known by their Gram matrix alone."""
    gram = DenseGram(sample.plane, sample.gram.memory_matrix())
    return Sample(sample.plane, sample.labels, sample.groups, gram)


def least_distance(rows, target):
    """min ‖w‖ with rows·w ≥ target as a non-negative least-squares problem (Lawson & Hanson)."""
    rows = np.vstack((rows.T, np.broadcast_to(target, len(rows))))
    goal = np.zeros(len(rows))
    goal[-1] = 1
    residual = rows @ nnls(rows, goal, maxiter=10_000)[0] - goal
    return -residual[:-1] / residual[-1]


def coordinates(sample, weights):
    """(w_y, w_a, ‖w_ε‖) of weights (p,) in the columns of the sample's features."""
    core, spurious = weights[list(sample.plane_columns)]
    return np.array(
        [core, spurious, np.linalg.norm(np.delete(weights, list(sample.plane_columns)))]
    )


def safe_rate(sample, objective, share=0.5):
    """A share of 2/L, L = λ_max(ZᵀDZ/n)/4 with D = diag(qΔ²): below 2/L descent is stable."""
    weight, _, scale = objective.resolve(sample.groups, sample.n)
    root = np.sqrt(weight) * scale
    curvature = np.linalg.eigvalsh(root[:, None] * sample.gram.matrix() * root)[-1] / sample.n / 4
    return share * 2 / curvature if curvature > 1e-12 else share


def difference(found, expected):
    """Largest difference relative to the largest expected entry."""
    found, expected = np.asarray(found), np.asarray(expected)
    size = np.abs(expected).max()
    return np.abs(found - expected).max() / size if size > 0 else np.abs(found).max()


def extrapolated(small, large):
    """Mean and standard error where the bias halves from small samples to those twice as large."""
    mean = 2 * np.mean(large, axis=0) - np.mean(small, axis=0)
    variances = [np.var(each, axis=0, ddof=1) / len(each) for each in (small, large)]
    return mean, np.sqrt(variances[0] + 4 * variances[1])


def z_of_mean(rows, truth):
    """How many standard errors the mean of independent rows is from the truth."""
    rows = np.asarray(rows)
    return (rows.mean(axis=0) - truth) / (rows.std(axis=0, ddof=1) / np.sqrt(len(rows)))


def z_scores(first, second):
    """How many standard errors apart the means of two sets of independent rows are."""
    first, second = np.asarray(first), np.asarray(second)
    error = np.hypot(
        first.std(axis=0, ddof=1) / np.sqrt(len(first)),
        second.std(axis=0, ddof=1) / np.sqrt(len(second)),
    )
    return (first.mean(axis=0) - second.mean(axis=0)) / error


def worth(patch, iterations):
    """Newton's steps take so many iterations before another factorisation, whatever the size."""
    for kind in (frames._Dual, frames._Weights):
        patch.setattr(kind, "worth", property(lambda frame: iterations))
