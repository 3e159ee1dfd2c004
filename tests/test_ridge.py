"""Ridge path: optimal from the raw features, exact at both ends, and indifferent to its form."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pitfalls.sims import (
    Sample,
    draw,
    gradient_flow,
    max_margin,
    ridge,
    ridge_path,
)
from pitfalls.sims.frames import frame_of
from pitfalls.theory import NotSeparableError, Objective, PitfallsError, Setting, SettingError
from samples import (
    MIXED,
    WIDE,
    array_samples,
    as_dense,
    coordinates,
    difference,
    four_methods,
    model_samples,
    objectives,
    random_objective,
    rows_of,
    worth,
)
from scipy.optimize import brentq, minimize, root
from scipy.special import expit, lambertw, log_expit

STRENGTHS = np.logspace(12, -14, 14)


@pytest.fixture(scope="module", autouse=True, params=[None, 50], ids=["factorised", "iterated"])
def _steps(request):
    """Small samples are factorised at every step; everything holds of iterations, too."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param:
            worth(patch, request.param)
        yield


@st.composite
def dependent_samples(pick):
    """Examples among copies of themselves, with the same label or the opposite one."""
    sample = pick(array_samples(most=8))
    rng = np.random.default_rng(pick(st.integers(0, 10**6)))
    again = rng.integers(0, sample.n, pick(st.integers(1, 5)))
    rows = np.append(np.arange(sample.n), again)
    labels = sample.labels[rows]
    if pick(st.booleans()):
        labels[sample.n :] = rng.choice((-1, 1), len(again))
    copied = Sample.from_arrays(sample.features[rows], labels, rng.integers(0, 2, len(rows)))
    return as_dense(copied) if pick(st.booleans()) else copied


def samples(**options):
    return st.one_of(model_samples(**options), array_samples(), dependent_samples())


@st.composite
def objectives_and_removals(pick, sample):
    """One of the methods, or numbers per example with some weights zero."""
    if pick(st.booleans()):
        return pick(objectives(sample))
    numbers = random_objective(sample.n, pick(st.integers(0, 10**6)))
    kept = np.random.default_rng(pick(st.integers(0, 99))).random(sample.n) < 0.7
    kept[0] = True
    return Objective(numbers.weight * kept, numbers.shift, numbers.scale)


def pushes(sample, objective, margins):
    """p_i = q_iΔ_i·sigmoid(−Δ_i m_i − s_i)/n, the negative gradient along each example."""
    weight, shift, scale = objective.resolve(sample.groups, sample.n)
    return weight * scale * expit(-scale * margins - shift) / sample.n


def assert_optimal(sample, objective, path):
    """λw = Σ p_i z_i with p and the margins' own w, from the raw features."""
    z = rows_of(sample)
    lengths = np.linalg.norm(z, axis=1)
    scale = objective.resolve(sample.groups, sample.n)[2]
    for k, strength in enumerate(path.strengths):
        push = pushes(sample, objective, path.margins[k])
        pulled = z.T @ push
        reach = push @ lengths
        largest = (scale * lengths).max() * np.linalg.norm(path.coordinates[k])
        bound = max(1e-10, 8 * 2**-52 * largest) * reach
        assert (np.abs(strength * path.margins[k] - z @ pulled) <= bound * lengths).all()
        found = [pulled[0], pulled[1], np.linalg.norm(pulled[2:])]
        assert np.abs(strength * path.coordinates[k] - found).max() <= bound
        assert difference(strength * path.dual[k], push) < 1e-12


def assert_same_coordinates(found, expected):
    """Equal up to rounding; opposite examples may balance at zero weights, or close to it."""
    size = np.linalg.norm(expected, axis=1, keepdims=True)
    assert (np.abs(found - expected) <= 1e-8 * size + 1e-11).all()


@given(st.data())
def test_gradient_vanishes_in_the_raw_features(data):
    sample = data.draw(samples())
    objective = data.draw(objectives_and_removals(sample))
    assert_optimal(sample, objective, ridge_path(sample, objective, STRENGTHS))


@given(st.data())
def test_gradient_vanishes_over_the_whole_legal_range(data):
    sample = data.draw(samples())
    objective = data.draw(objectives_and_removals(sample))
    path = ridge_path(sample, objective, [1e100, 1e-50, 1e-100])
    assert_optimal(sample, objective, path)


@pytest.mark.parametrize(
    "setting",
    [
        Setting(300, 540, 0.9, 5.0, 0.5, 0.12, 0.12),
        Setting(300, 60, 0.9, 5.0, 0.5, 0.12, 0.12, label_noise=0.1),
        Setting(300, 100, 0.9, 5.0, 0.0, label_noise=0.1),
        Setting(100, 100, 0.9, 5.0, 0.01, label_noise=0.1),
    ],
    ids=["Figure 1's shares", "not separable", "plane only", "narrow"],
)
def test_some_hundred_examples_are_solved(setting):
    sample = draw(setting, 0)
    for objective, path in zip(
        four_methods(sample), ridge_path(sample, four_methods(sample), STRENGTHS), strict=True
    ):
        assert_optimal(sample, objective, path)


@pytest.mark.parametrize("seed", [46, 73, 317])
def test_steps_that_shrink_slowly_are_not_taken_for_rounding(seed):
    # Logits of some hundred, and a step as rough as the last one was long.
    sample = draw(Setting(10, 6, 1.0, 2.0, 1.0, 0.3, 0.3), seed)
    objective = random_objective(10, seed)
    assert_optimal(sample, objective, ridge_path(sample, objective, [1e-50, 1e-100]))


@given(st.data(), st.floats(-4, 2))
def test_another_optimiser_finds_the_same_weights(data, exponent):
    sample = data.draw(st.one_of(array_samples(), dependent_samples()))
    objective = data.draw(objectives_and_removals(sample))
    weight, shift, scale = objective.resolve(sample.groups, sample.n)
    z, strength = rows_of(sample), 10**exponent

    def target(w):
        logit = -scale * (z @ w) - shift
        push = weight * scale * expit(logit) / sample.n
        value = (weight * np.logaddexp(0, logit)).mean() + strength / 2 * w @ w
        return value, strength * w - push @ z

    def hessian(w):
        logit = scale * (z @ w) + shift
        bend = weight * scale**2 * expit(logit) * expit(-logit) / sample.n
        return (z.T * bend) @ z + strength * np.eye(len(w))

    best = minimize(
        target,
        np.zeros(z.shape[1]),
        jac=True,
        hess=hessian,
        method="trust-exact",
        options={"gtol": 1e-12},
    ).x
    path = ridge_path(sample, objective, strength)
    # Strong convexity: a gradient is at least λ times the distance from the minimiser.
    bound = np.linalg.norm(target(best)[1]) / strength + 1e-10
    assert bound < 1e-4
    lengths = np.linalg.norm(z, axis=1)
    assert (np.abs(path.margins[0] - z @ best) <= bound * (1 + lengths)).all()
    expected = [best[0], best[1], np.linalg.norm(best[2:])]
    assert np.abs(path.coordinates[0] - expected).max() <= bound


def test_one_example_is_solved_by_hand():
    # λ·w = sigmoid(−w) has w = 1 at λ = 1/(1 + e).
    sample = Sample.from_arrays([[1.0, 0.0]], [1])
    strengths = [1 / (1 + np.e), 1 / (2 * (1 + np.e**2))]
    path = ridge_path(sample, Objective.erm(), strengths)
    assert difference(path.core, [1, 2]) < 1e-14
    assert difference(path.dual[:, 0], [1, 2]) < 1e-14
    assert difference(path.loss, np.logaddexp(0, [-1, -2])) < 1e-14


def test_check_value_of_the_documentation_from_four_scalars():
    setting = Setting(n=300, d=300, rho=0.8, gamma=2.0, sigma=1.0, label_noise=0.1)
    strengths = [1.0, 1e-4, 1e-90]
    path = ridge_path(draw(setting, 0, "orthogonal"), Objective.erm(), strengths)
    means = np.array([(c.core, c.spurious) for c in setting.cells])
    shares = np.array([c.count for c in setting.cells]) / setting.n
    matrix = (means @ means.T) * shares + setting.kappa * np.eye(len(shares))
    for k, strength in enumerate(strengths):

        def gap(log_dual, strength=strength):
            margins = matrix @ np.exp(log_dual)
            return log_dual + np.log(strength) - log_expit(-margins)

        start = np.log(np.linalg.solve(matrix, np.ones(4)) * lambertw(1 / strength).real)
        found = root(gap, start, tol=1e-13)
        dual = np.exp(found.x)
        assert np.abs(gap(found.x)).max() < 1e-10
        plane = (shares * dual) @ means
        memory = np.sqrt(setting.kappa * shares @ dual**2)
        assert difference(path.coordinates[k], [*plane, memory]) < 1e-9
    expected = [
        [0.23533, 0.191081, 0.342986],
        [2.59474, 0.990777, 5.287121],
        [67.390093, 22.834919, 143.377458],
    ]
    assert np.abs(path.coordinates - expected).max() < 1e-6


@given(st.data())
def test_dual_weights_are_what_the_formula_says_of_the_margins(data):
    sample = data.draw(samples())
    objective = data.draw(objectives_and_removals(sample))
    path = ridge_path(sample, objective, STRENGTHS)
    for dual, margins, strength in zip(path.dual, path.margins, STRENGTHS, strict=True):
        push = pushes(sample, objective, margins)
        assert np.abs(dual * strength - push).max() <= 1e-14 * push.max()


@given(st.data())
def test_strong_ridge_takes_the_first_step(data):
    sample = data.draw(samples())
    objective = data.draw(objectives_and_removals(sample))
    _, _, scale = objective.resolve(sample.groups, sample.n)
    push = pushes(sample, objective, np.zeros(sample.n))
    lengths = np.linalg.norm(rows_of(sample), axis=1)
    path = ridge_path(sample, objective, [1e4, 1e8, 1e12])
    for dual, strength in zip(path.dual, path.strengths, strict=True):
        # |sigmoid(−x − s) − sigmoid(−s)| ≤ |x|·sigmoid(−s), |x| ≤ Δ‖z‖·Σp‖z‖/λ.
        bound = push * scale * lengths * (push @ lengths) / strength
        assert (np.abs(strength * dual - push) <= bound + 1e-14 * push).all()


@pytest.mark.parametrize("kind", ["explicit", "gram", "orthogonal"])
def test_weak_ridge_tends_to_the_asymptote_of_the_flow_like_one_over_its_logarithm(kind):
    sample = draw(Setting(40, 4000, 0.8, 2.0, 0.2), 0, kind)
    gram = sample.gram.matrix()
    strengths = np.array([1e-25, 1e-50, 1e-100])
    slow = lambertw(1 / strengths).real[:, None]
    scaling = Objective.vector_scaling(sample.groups, {1: 1.2, 0: 0.9})
    for objective in [*four_methods(sample)[:3], scaling]:
        weight, shift, scale = objective.resolve(sample.groups, sample.n)
        slope = np.linalg.solve(gram, 1 / scale)
        assert slope.min() > 0
        level = np.log(weight * scale / (sample.n * slope)) - shift
        intercept = np.linalg.solve(gram, level / scale)
        # The next term: log α = log(α̂·W) + β/(α̂·W) + …
        next_term = -np.linalg.solve(gram, intercept / (slope * scale))
        path = ridge_path(sample, objective, strengths)
        error = (path.dual - slope * slow - intercept) * slow
        assert np.abs(error - next_term).max() / np.abs(next_term).max() < 0.3
        rest = np.abs(error - next_term).max(axis=1) * slow[:, 0]
        assert rest.max() < 1.5 * rest.min()


def test_weak_ridge_and_late_flow_are_one_another_times():
    # Every example is a support vector: both are α̂·log t + β, and 1/log t is left of the ridge's.
    sample = draw(Setting(40, 4000, 0.8, 2.0, 0.2), 0)
    times = np.array([1e8, 1e16])
    for run, path in zip(
        gradient_flow(sample, four_methods(sample)[:3], times),
        ridge_path(sample, four_methods(sample)[:3], 1 / (times * np.log(times))),
        strict=True,
    ):
        assert difference(path.times, times) < 1e-12
        apart = np.abs(path.dual - run.dual).max(axis=1)
        assert apart[0] / apart[1] == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize("setting", [WIDE, Setting(120, 40, 0.9, 3.0, 0.5, 0.1, 0.1)])
def test_angle_to_the_max_margin_falls_like_one_over_the_logarithm(setting):
    sample = draw(setting, 1)
    strengths = np.array([1e-12, 1e-25, 1e-50, 1e-100])
    logarithm = lambertw(1 / strengths).real
    for objective in four_methods(sample):
        angles = ridge_path(sample, objective, strengths).angle(max_margin(sample, objective))
        assert (np.diff(angles) < 0).all()
        slope = np.diff(np.log(angles)) / np.diff(np.log(logarithm))
        assert abs(slope[-1] + 1) < 0.3


@pytest.mark.parametrize("kind", ["explicit", "gram"])
def test_inseparable_data_tend_to_their_finite_minimiser(kind):
    sample = draw(MIXED, 1, kind)
    with pytest.raises(NotSeparableError):
        max_margin(sample)
    methods = four_methods(sample)
    for run, path in zip(
        gradient_flow(sample, methods, [1e16]),
        ridge_path(sample, methods, [1e-5, 1e-8, 1e-14, 1e-100]),
        strict=True,
    ):
        assert difference(path.coordinates[2:], np.vstack([run.coordinates] * 2)) < 1e-7
        assert difference(path.loss[2:], np.append(run.loss, run.loss)) < 1e-12
        # Moved by −λ·H⁻¹w to first order.
        errors = np.abs(path.margins[:2] - path.margins[3]).max(axis=1)
        assert errors[0] / errors[1] == pytest.approx(1000, rel=0.05)


@pytest.mark.parametrize("strength", [1e-4, 1e-8, 1e-14, 1e-60])
def test_examples_that_balance_do_not_disturb_the_others(strength):
    # Two thirds of one direction's weight on +, a third on −; another direction is free to grow.
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(6, 6)))[0]
    sample = Sample.from_arrays(turn[[0, 0, 0, 1, 1]], [1, 1, -1, 1, 1])
    path = ridge_path(sample, Objective.erm(), strength)
    bound = brentq(lambda x: strength * x - 0.4 * expit(-x) + 0.2 * expit(x), 0, 1, xtol=1e-15)
    free = np.exp(
        brentq(lambda x: np.log(strength) + x - np.log(0.4) - log_expit(-np.exp(x)), -9, 9)
    )
    assert difference(path.margins[0, :3], [bound, bound, -bound]) < 1e-10
    assert difference(path.margins[0, 3:], [free, free]) < 1e-9
    assert difference(
        path.coordinates[0], coordinates(sample, bound * turn[0] + free * turn[1])
    ) < (1e-9)


@pytest.mark.parametrize("strength", [1.0, 1e-8, 1e-60])
def test_directions_without_examples_stay_at_zero(strength):
    setting = Setting(60, 200, 1.0, 5.0, 0.0, label_noise=0.2)
    path = ridge_path(draw(setting, 0), random_objective(60, 3), strength)
    assert abs(path.spurious[0] / path.core[0] - 5) < 1e-12
    assert not path.memory.any()


def test_an_objective_may_balance_opposite_examples():
    sample = Sample.from_arrays([[1.0, 0.0]] * 4, [1, 1, 1, -1], [0, 0, 0, 1])
    path = ridge_path(sample, Objective.reweighting(sample.groups), STRENGTHS)
    assert (np.abs(path.core) < 1e-14).all()


def test_examples_that_are_zero_leave_the_weights_there():
    path = ridge_path(Sample.from_arrays(np.zeros((3, 2)), [1, 1, -1]), Objective.erm(), STRENGTHS)
    assert not path.coordinates.any()
    assert difference(path.loss, np.full(14, np.log(2))) < 1e-15


@given(st.data(), st.permutations(range(7)))
def test_order_and_repetition_of_strengths_do_not_change_a_byte(data, order):
    sample = data.draw(samples())
    objective = data.draw(objectives_and_removals(sample))
    strengths = np.array([1e3, 1.0, 1e-1, 1e-1, 1e-5, 1e-9, 1e-12])
    path = ridge_path(sample, objective, strengths)
    mixed = ridge_path(sample, objective, strengths[list(order)])
    for field in ("strengths", "times", "core", "memory", "loss", "dual", "margins"):
        assert getattr(path, field)[list(order)].tobytes() == getattr(mixed, field).tobytes()
    assert path.train.worst[list(order)].tobytes() == mixed.train.worst.tobytes()


@given(st.data())
def test_strengths_on_the_way_do_not_matter(data):
    sample = data.draw(samples())
    objective = data.draw(objectives_and_removals(sample))
    last = [ridge_path(sample, objective, s).margins[-1] for s in ([1e-9], STRENGTHS[:-2])]
    few, many = last[0], ridge_path(sample, objective, [1e3, 1e-3, 1e-9]).margins[-1]
    assert np.abs(few - many).max() <= 1e-8 * (1 + np.abs(few).max())


@pytest.mark.parametrize("kind", ["explicit", "gram", "orthogonal"])
@pytest.mark.parametrize("setting", [WIDE, MIXED], ids=["wide", "mixed"])
def test_several_objectives_give_the_bytes_of_each_alone(setting, kind):
    sample = draw(setting, 1, kind)
    methods = four_methods(sample)
    for objective, path in zip(methods, ridge_path(sample, methods, STRENGTHS), strict=True):
        alone = ridge_path(sample, objective, STRENGTHS)
        assert path.name == objective.name
        assert path.coordinates.tobytes() == alone.coordinates.tobytes()
        assert path.margins.tobytes() == alone.margins.tobytes()


@given(st.data())
def test_explicit_features_and_their_gram_matrix_agree(data):
    sample = data.draw(st.one_of(array_samples(), dependent_samples()))
    objective = data.draw(objectives_and_removals(sample))
    strengths = np.logspace(3, -8, 5)
    one = ridge_path(sample, objective, strengths)
    other = ridge_path(as_dense(sample), objective, strengths)
    assert_same_coordinates(other.coordinates, one.coordinates)
    assert np.abs(one.margins - other.margins).max() < 1e-8 * (1 + np.abs(one.margins).max())


def test_wide_features_and_their_gram_matrix_give_the_same_bytes():
    sample = draw(WIDE, 1, "explicit")
    dense = Sample(sample.plane, sample.labels, sample.groups, sample.gram)
    one, other = (ridge_path(s, Objective.erm(), STRENGTHS) for s in (sample, dense))
    assert one.coordinates.tobytes() == other.coordinates.tobytes()


@given(st.data(), st.floats(0.1, 10))
def test_scaling_the_features_scales_the_strength(data, factor):
    sample = data.draw(st.one_of(array_samples(), dependent_samples()))
    objective = data.draw(objectives_and_removals(sample))
    scaled = Sample.from_arrays(
        factor * rows_of(sample) * sample.labels[:, None], sample.labels, sample.groups
    )
    strengths = np.logspace(3, -8, 5)
    one = ridge_path(sample, objective, strengths)
    other = ridge_path(scaled, objective, factor**2 * strengths)
    assert_same_coordinates(factor * other.coordinates, one.coordinates)


@given(st.data())
def test_examples_of_weight_zero_might_as_well_be_absent(data):
    sample = data.draw(array_samples())
    kept = np.random.default_rng(data.draw(st.integers(0, 99))).random(sample.n) < 0.6
    kept[0] = True
    numbers = random_objective(sample.n, 1)
    removed = Objective(numbers.weight * kept, numbers.shift, numbers.scale)
    part = Sample.from_arrays(sample.features[kept], sample.labels[kept])
    rest = Objective(numbers.weight[kept], numbers.shift[kept], numbers.scale[kept])
    strengths = np.logspace(3, -8, 5)
    one = ridge_path(sample, removed, strengths)
    other = ridge_path(part, rest, strengths * sample.n / kept.sum())
    assert not one.dual[:, ~kept].any()
    assert_same_coordinates(other.coordinates, one.coordinates)


@given(st.data())
def test_loss_falls_and_the_norm_rises_as_the_ridge_weakens(data):
    sample = data.draw(samples())
    objective = data.draw(objectives_and_removals(sample))
    path = ridge_path(sample, objective, STRENGTHS)
    norms = np.linalg.norm(path.coordinates, axis=1)
    assert (np.diff(path.loss) <= 1e-9 * path.loss[:-1]).all()
    assert (np.diff(norms) >= -1e-9 * norms[1:] - 1e-11).all()


@pytest.mark.parametrize("kind", ["explicit", "gram", "orthogonal"])
@pytest.mark.parametrize("setting", [WIDE, MIXED, Setting(20, 20, 0.5, 5.0, 1e-3)])
def test_newton_solves_with_the_matrix_of_the_raw_features(setting, kind):
    sample = draw(setting, 2, kind)
    z, frame = rows_of(sample), frame_of(sample)
    rng = np.random.default_rng(3)
    dual, curvature = rng.normal(size=sample.n), rng.uniform(0, 2, sample.n)
    curvature[0] = 0
    solved = frame.newton(curvature)(frame.pull(dual))
    expected = np.linalg.solve(np.eye(z.shape[1]) + (z.T * curvature) @ z, z.T @ dual)
    assert difference(frame.margins(solved), z @ expected) < 1e-9
    assert frame.inner(solved, frame.pull(dual)) == pytest.approx(expected @ z.T @ dual)
    found = [expected[0], expected[1], np.linalg.norm(expected[2:])]
    assert difference(frame.coordinates(solved), found) < 1e-9
    assert difference(frame.lengths, np.linalg.norm(z, axis=1)) < 1e-12


def test_the_orthogonal_limit_needs_no_matrix(time_limit):
    sample = draw(Setting(100_000, 10**9, 0.9, 5.0, 1e-2, 0.1, 0.1), 0, "orthogonal")
    with time_limit(60):
        path = ridge_path(sample, Objective.erm(), [1.0, 1e-4, 1e-8])
    weights = path.dual[:, :, None] * sample.plane
    assert difference(path.core, weights[..., 0].sum(axis=1)) < 1e-9


def test_times_are_those_the_strengths_play():
    path = ridge_path(draw(WIDE, 1), Objective.erm(), [1e100, 1.0, 1e-3, 1e-100])
    assert path.strengths.tolist() == [1e100, 1.0, 1e-3, 1e-100]
    assert difference(path.strengths * path.times * np.log(path.times), [0, 1, 1, 1]) < 1e-12
    assert (np.diff(path.times) > 0).all()


def test_what_does_not_converge_is_an_error(monkeypatch):
    sample = draw(WIDE, 1)
    with monkeypatch.context() as patch:
        patch.setattr(ridge, "_MOST_STEPS", 1)
        with pytest.raises(PitfallsError, match="did not converge at λ = "):
            ridge_path(sample, Objective.erm(), 1e-3)
    with monkeypatch.context() as patch:
        patch.setattr(ridge, "_CONVERGED", 1.0)
        with pytest.raises(PitfallsError, match="relative residual of"):
            ridge_path(sample, Objective.erm(), 1e-3)


@pytest.mark.parametrize(
    ("argument", "value", "words"),
    [
        *[
            ("strengths", bad, "numbers in [1e-100, 1e+100]")
            for bad in (0.0, -1.0, 1e-101, 1e101, np.inf, np.nan, [], [[1.0]], [1.0, 0.0], None)
        ],
        ("strengths", "weak", "numbers in"),
        ("objective", [], "at least one"),
        ("objective", Objective(weight=np.ones(3)), "of length 30"),
    ],
)
def test_illegal_arguments_are_named_with_their_range(argument, value, words):
    legal = {"objective": Objective.erm(), "strengths": [1.0]}
    with pytest.raises(SettingError) as raised:
        ridge_path(draw(WIDE, 1), **{**legal, argument: value})
    assert raised.value.field in (argument, "weight")
    assert words in str(raised.value)
