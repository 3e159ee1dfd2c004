"""Max margin: certified, compared with another algorithm, and refused where there is none."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pitfalls.sims import Features, Sample, draw, max_margin
from pitfalls.sims.certificate import kkt_residual
from pitfalls.sims.exchange import (
    _Span,
    exchange_blocks,
    exchange_singly,
    regular_factor,
    soft_support,
)
from pitfalls.sims.max_margin import _absolute_product
from pitfalls.theory import (
    NotSeparableError,
    Objective,
    PitfallsError,
    Setting,
    SettingError,
    orthogonal,
    proportional,
)
from samples import (
    array_samples,
    as_dense,
    coordinates,
    difference,
    folded,
    four_methods,
    least_distance,
    model_samples,
    objectives,
    random_objective,
)
from scipy.optimize import nnls

WIDE = Setting(40, 60, 0.8, 2.0, 0.6, core_noise=0.2, spurious_noise=0.3, label_noise=0.1)


def separable(sample, objective=None):
    try:
        return max_margin(sample, objective)
    except NotSeparableError:
        return None


@st.composite
def dependent_samples(pick):
    """Gaussian examples of low rank, or rounded to integers, or some of them copied."""
    n, p = pick(st.integers(2, 12)), pick(st.integers(2, 12))
    rng = np.random.default_rng(pick(st.integers(0, 10**6)))
    kind = pick(st.sampled_from(["low rank", "integers", "copies"]))
    x = rng.standard_normal((n, p))
    if kind == "low rank":
        rank = pick(st.integers(1, max(1, p // 2)))
        x = x[:, :rank] @ rng.standard_normal((rank, p))
    elif kind == "integers":
        x = np.round(x) + 0.0
        x[(x == 0).all(axis=1)] = 1
    else:
        x = x[rng.integers(0, n, n)]
    x[:, 0] += pick(st.sampled_from([0, 2]))
    return Sample.from_arrays(x, np.ones(n), rng.integers(0, 2, n))


def assert_certified(sample, objective, solution, bound=1e-10):
    """The optimality conditions, from the raw features alone."""
    _, _, scale = objective.resolve(sample.groups, sample.n)
    z = np.hstack((sample.plane, sample.gram.memory_factor()))
    weights = z.T @ solution.dual
    margins = scale * (z @ weights)
    assert (solution.dual >= 0).all()
    assert (margins >= 1 - 1e-9).all()
    assert difference(margins[solution.dual > 0], np.ones((solution.dual > 0).sum())) < 1e-9
    assert solution.kkt_residual <= bound
    assert solution.support == (solution.dual > 0).mean()
    # Of a memory that nearly vanishes a Gram matrix has no more digits than of its square.
    expected = [weights[0], weights[1], weights[2:] @ weights[2:] / np.linalg.norm(weights)]
    found = [solution.core, solution.spurious, solution.memory**2 / solution.norm]
    assert difference(found, expected) < 1e-9
    assert difference(scale * solution.margins, margins) < 1e-9


@given(st.data())
def test_solution_meets_the_optimality_conditions(data):
    sample = data.draw(model_samples())
    objective = data.draw(objectives(sample))
    solution = separable(sample, objective)
    assume(solution is not None)
    assert_certified(sample, objective, solution)


@given(st.data())
def test_no_other_separating_direction_is_shorter(data):
    sample = data.draw(array_samples(regular=True))
    objective = data.draw(objectives(sample))
    _, _, scale = objective.resolve(sample.groups, sample.n)
    solution = max_margin(sample, objective)
    z = folded(sample)
    best = z.T @ solution.dual
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    for size in (1e-4, 1e-2, 1.0):
        others = best + size * np.linalg.norm(best) * rng.normal(size=(50, len(best)))
        margins = (scale * (others @ z.T)).min(axis=1)
        feasible = margins > 0
        lengths = np.linalg.norm(others[feasible], axis=1) / margins[feasible]
        assert (lengths >= solution.norm * (1 - 1e-12)).all()
        assert feasible.any() or size > 1e-4


@given(st.data())
def test_non_negative_least_squares_finds_the_same_weights(data):
    sample = data.draw(array_samples())
    objective = data.draw(objectives(sample))
    solution = separable(sample, objective)
    # Beyond this the certificate of either method says little about the digits of w.
    assume(solution is not None and solution.norm < 100)
    _, _, scale = objective.resolve(sample.groups, sample.n)
    expected = least_distance(folded(sample), 1 / scale)
    assert difference(solution.coordinates, coordinates(sample, expected)) < 1e-7


@given(st.data())
def test_non_negative_least_squares_agrees_on_what_can_be_separated(data):
    sample = data.draw(array_samples(least_features=2))
    z = folded(sample)
    rows = np.vstack((z.T, np.ones(sample.n)))
    goal = np.append(np.zeros(z.shape[1]), 1)
    # The residual vanishes exactly if a convex combination of the examples does (Gordan).
    residual = np.linalg.norm(rows @ nnls(rows, goal)[0] - goal)
    assume(residual < 1e-9 or residual > 1e-3)
    assert (separable(sample) is None) == (residual < 1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_a_few_hundred_examples_agree_with_least_squares(seed):
    setting = Setting(150, 120, 0.9, 2.0, 0.5, core_noise=0.2, spurious_noise=0.3, label_noise=0.05)
    sample = draw(setting, seed, kind="explicit")
    for objective in (Objective.erm(), random_objective(150, seed)):
        _, _, scale = objective.resolve(sample.groups, sample.n)
        solution = max_margin(sample, objective)
        assert 0 < solution.support < 1
        assert_certified(sample, objective, solution)
        expected = least_distance(folded(sample), 1 / scale)
        assert difference(solution.coordinates, coordinates(sample, expected)) < 1e-8


def test_only_the_scale_moves_the_limit():
    sample = draw(WIDE, 0)
    plain = max_margin(sample)
    for objective in four_methods(sample)[:3]:
        assert max_margin(sample, objective).coordinates.tobytes() == plain.coordinates.tobytes()
    scaled = max_margin(sample, Objective.vector_scaling(sample.groups, {1: 2.0, 0: 1.0}))
    assert difference(scaled.coordinates, plain.coordinates) > 0.05


@given(st.data(), st.floats(0.1, 10))
def test_scaling_every_margin_scales_the_weights(data, factor):
    sample = data.draw(array_samples(regular=True))
    plain = max_margin(sample)
    scaled = max_margin(sample, Objective(scale=factor))
    assert difference(factor * scaled.coordinates, plain.coordinates) < 1e-9
    larger = Sample.from_arrays(factor * sample.features, sample.labels)
    assert difference(factor * max_margin(larger).coordinates, plain.coordinates) < 1e-9


@given(st.data())
def test_order_rotation_and_sign_do_not_matter(data):
    sample = data.draw(array_samples(regular=True, least_features=3))
    rows = np.array(data.draw(st.permutations(range(sample.n))))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    sign = rng.choice((-1, 1), sample.n)
    x = sample.features * sign[:, None]
    x[:, 2:] = x[:, 2:] @ np.linalg.qr(rng.normal(size=(x.shape[1] - 2,) * 2))[0]
    moved = Sample.from_arrays(x[rows], (sample.labels * sign)[rows])
    expected = max_margin(sample)
    assert difference(max_margin(moved).coordinates, expected.coordinates) < 1e-9
    assert difference(max_margin(moved).dual, expected.dual[rows]) < 1e-7


@given(st.data())
def test_copies_of_examples_leave_the_weights_alone(data):
    sample = data.draw(array_samples(regular=True))
    twice = data.draw(st.lists(st.integers(0, sample.n - 1), min_size=1, max_size=5))
    rows = np.append(np.arange(sample.n), twice)
    copied = Sample.from_arrays(sample.features[rows], sample.labels[rows])
    assert regular_factor(copied.gram.matrix()) is None
    solution, expected = max_margin(copied), max_margin(sample)
    assert difference(solution.coordinates, expected.coordinates) < 1e-9
    # Which copy carries the dual weight is free; what they carry together is not.
    together = np.bincount(rows, weights=solution.dual)
    assert difference(together, expected.dual) < 1e-7


@given(st.data())
def test_examples_of_weight_zero_might_as_well_be_absent(data):
    sample = data.draw(array_samples(regular=True))
    kept = np.array(data.draw(st.permutations([True] + [False] * (sample.n - 1))))
    kept |= np.random.default_rng(data.draw(st.integers(0, 99))).random(sample.n) < 0.5
    scale = random_objective(sample.n, 1).scale
    solution = max_margin(sample, Objective(weight=kept.astype(float), scale=scale))
    part = Sample.from_arrays(sample.features[kept], sample.labels[kept])
    expected = max_margin(part, Objective(scale=scale[kept]))
    assert difference(solution.coordinates, expected.coordinates) < 1e-9
    assert not solution.dual[~kept].any()
    assert difference(solution.dual[kept], expected.dual) < 1e-7


def test_without_memory_features_the_plane_decides():
    solution = max_margin(draw(Setting(30, 50, 0.8, 2.0, 0.0), 0))
    assert difference(solution.coordinates, [1, 0, 0]) < 1e-12


def test_more_examples_than_features_may_be_separable():
    sample = draw(Setting(200, 10, 0.9, 2.0, 0.3, core_noise=0.1), 0, kind="explicit")
    solution = max_margin(sample)
    assert_certified(sample, Objective.erm(), solution)
    expected = coordinates(sample, least_distance(folded(sample), np.ones(200)))
    assert difference(solution.coordinates, expected) < 1e-8


@pytest.mark.parametrize(
    "features",
    [
        [[1.0, 2.0, 3.0], [-1.0, -2.0, -3.0]],
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [-1.0, -1.0, 0.0]],
        [[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]],
        [[0.0, 0.0, 0.0]],
    ],
    ids=["opposite", "triangle", "zero among others", "zero alone"],
)
def test_what_cannot_be_separated_is_refused_with_evidence(features):
    with pytest.raises(NotSeparableError) as raised:
        max_margin(Sample.from_arrays(features, np.ones(len(features))))
    assert 0 <= raised.value.evidence < 1e-7


@pytest.mark.parametrize("kind", ["explicit", "gram"])
@pytest.mark.parametrize("d", [5, 40])
@pytest.mark.parametrize("seed", range(3))
def test_label_noise_with_few_features_is_refused_with_evidence(kind, d, seed):
    setting = Setting(20 * d, d, 0.8, 2.0, 0.5, core_noise=0.3, label_noise=0.2)
    with pytest.raises(NotSeparableError) as raised:
        max_margin(draw(setting, seed, kind))
    assert 0 <= raised.value.evidence < 1e-13


@given(st.integers(0, 10**6), st.sampled_from([0.0, 1e-12, 1e-8, 1e-7]))
def test_evidence_is_the_length_of_what_should_vanish(seed, distance):
    rng = np.random.default_rng(seed)
    x, away = rng.standard_normal((2, 7))
    away *= distance * np.linalg.norm(x) / np.linalg.norm(away)
    with pytest.raises(NotSeparableError) as raised:
        max_margin(Sample.from_arrays([*[x] * 9, away - x], np.ones(10)))
    # The best combination of two opposite examples leaves half their distance, for the sum of both.
    beyond = np.linalg.norm(away - x * (x @ away) / (x @ x)) / np.linalg.norm(x) / 2
    assert abs(raised.value.evidence - beyond) < 1e-3 * distance + 1e-15


def test_a_certificate_of_a_few_per_cent_is_none():
    rng = np.random.default_rng(242187912)
    x = rng.standard_normal((48, 23)) * 10 ** rng.uniform(-3, 3, (1, 23))
    with pytest.raises(PitfallsError):
        max_margin(Sample.from_arrays(x, np.ones(48)))


@given(st.data())
def test_exchanging_blocks_or_single_examples_agree(data):
    sample = data.draw(array_samples(regular=True))
    scale = random_objective(sample.n, data.draw(st.integers(0, 99))).scale
    rows = folded(sample) * scale[:, None]
    gram = rows @ rows.T
    single = exchange_singly(rows)
    for start in (np.ones(sample.n, dtype=bool), soft_support(gram)):
        blocks = exchange_blocks(gram, start)
        assert blocks is not None
        assert difference(gram @ blocks, gram @ single) < 1e-9
        assert difference(blocks, single) < 1e-7


@given(st.data())
def test_dependent_examples_one_by_one_or_by_least_squares_agree(data):
    sample = data.draw(dependent_samples())
    objective = data.draw(objectives(sample))
    _, _, scale = objective.resolve(sample.groups, sample.n)
    solution = separable(sample, objective)
    assume(solution is not None and solution.norm < 100)
    assert_certified(sample, objective, solution)
    expected = coordinates(sample, least_distance(folded(sample), 1 / scale))
    rows = folded(sample) * scale[:, None]
    single = coordinates(sample, rows.T @ exchange_singly(rows))
    assert difference(solution.coordinates, expected) < 1e-7
    assert difference(single, expected) < 1e-7


@given(st.data())
def test_blocks_leave_out_copies(data):
    sample = data.draw(array_samples(regular=True))
    rows = np.arange(sample.n).repeat(2)
    gram = sample.gram.matrix()[np.ix_(rows, rows)]
    dual = exchange_blocks(gram, np.ones(len(rows), dtype=bool))
    assert dual is not None
    assert (dual[::2] * dual[1::2] == 0).all()
    assert difference(gram @ dual, (sample.gram.matrix() @ max_margin(sample).dual)[rows]) < 1e-9


def test_blocks_give_up_on_what_cannot_be_separated():
    rows = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    assert exchange_blocks(rows @ rows.T, np.ones(3, dtype=bool)) is None


@pytest.mark.parametrize("d", [600, 250, 150])
def test_a_soft_margin_has_nearly_the_same_support(d):
    setting = Setting(300, d, 0.9, 5.0, 0.5, core_noise=0.12, spurious_noise=0.12)
    sample = draw(setting, 0, "gram")
    wrong = soft_support(sample.gram.matrix()) != (max_margin(sample).dual > 0)
    assert wrong.mean() < 0.05


@given(st.data())
def test_a_span_follows_the_examples_that_come_and_go(data):
    p = data.draw(st.integers(1, 6))
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    rows = np.eye(p) + 0.3 * rng.standard_normal((p, p)) / p
    span, held = _Span(p, p), []
    for moved in data.draw(st.lists(st.integers(0, p - 1), max_size=20)):
        if moved in held:
            span.remove(held.index(moved))
            held.remove(moved)
        else:
            span.append(*span.split(rows[moved]))
            held.append(moved)
        some, weights = rng.standard_normal(p), rng.standard_normal(len(held))
        along, beyond = span.split(some)
        np.testing.assert_allclose(span.solve(along) @ rows[held] + beyond, some, atol=1e-13)
        np.testing.assert_allclose(rows[held] @ beyond, 0, atol=1e-13)
        solved = span.solve(span.solve(weights, transposed=True))
        np.testing.assert_allclose(rows[held] @ rows[held].T @ solved, weights, atol=1e-12)


@pytest.mark.parametrize("kind", ["explicit", "gram", "orthogonal"])
def test_without_memory_noise_in_the_plane_decides(kind):
    sample = draw(Setting(300, 50, 0.9, 2.0, 0.0, core_noise=0.1, spurious_noise=0.1), 0, kind)
    solution = max_margin(sample)
    assert_certified(sample, Objective.erm(), solution)
    expected = least_distance(sample.plane, np.ones(300))
    assert difference(solution.coordinates, [*expected, 0]) < 1e-9
    assert (solution.dual > 0).sum() <= 2


@pytest.mark.parametrize("kind", ["explicit", "gram"])
@pytest.mark.parametrize("d", [20, 60, 120, 180])
def test_ties_on_the_margin_are_no_obstacle(kind, d, time_limit):
    # Below the memorization threshold w = (1, 0, 0); without feature noise all are on the margin.
    sample = draw(Setting(250, d, 0.9, 5.0, 0.5), 1, kind)
    with time_limit(60):
        solution = max_margin(sample)
    assert_certified(sample, Objective.erm(), solution)


@pytest.mark.parametrize("distance", [1e-3, 1e-5, 1e-7, 1e-9])
def test_near_copies_of_examples_barely_move_the_weights(distance):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((30, 60))
    near = np.vstack((x, x + distance * rng.standard_normal(x.shape)))
    solution = max_margin(Sample.from_arrays(near, np.ones(60)))
    expected = max_margin(Sample.from_arrays(x, np.ones(30)))
    assert solution.kkt_residual < 1e-10
    assert difference(solution.coordinates, expected.coordinates) < 100 * distance


@pytest.mark.parametrize(
    ("setting", "seed", "objective"),
    [
        (Setting(4, 2, 0.0, 5.0, 0.2, label_noise=0.2), 588, Objective.erm()),
        (
            Setting(8, 2, 0.8, 2.0, 0.2, spurious_noise=0.3, label_noise=0.2),
            956,
            random_objective(8, 676),
        ),
    ],
)
def test_a_narrow_margin_is_solved_or_refused(setting, seed, objective):
    # Handfuls of examples whose smallest relevant squared length is 1e-5 of the largest.
    sample = draw(setting, seed, "gram")
    solution = separable(sample, objective)
    if solution is not None:
        # Dual weights of 1e5 put the rounding of their margins above the usual certificate.
        scale = objective.resolve(sample.groups, sample.n)[2]
        rounding = np.max(scale * (np.abs(sample.gram.matrix()) @ solution.dual)) * 2**-52
        assert_certified(sample, objective, solution, bound=max(1e-10, 8 * rounding))


@given(st.data())
def test_dual_weights_sum_to_the_squared_norm(data):
    sample = data.draw(array_samples(regular=True))
    objective = data.draw(objectives(sample))
    _, _, scale = objective.resolve(sample.groups, sample.n)
    solution = max_margin(sample, objective)
    assert abs((solution.dual / scale).sum() / solution.norm**2 - 1) < 1e-9


@pytest.mark.parametrize("seed", range(5))
def test_core_weight_is_the_squared_norm_without_core_noise_and_flips(seed):
    sample = draw(Setting(50, 40, 0.8, 2.0, 0.6, spurious_noise=0.4), seed)
    solution = max_margin(sample)
    assert abs(solution.core / solution.norm**2 - 1) < 1e-9


@pytest.mark.parametrize(("d", "share"), [(10_000, 0.0015), (20_000, 0.594), (40_000, 0.9935)])
def test_every_example_is_a_support_vector_from_about_2n_log_n_features_on(d, share):
    """Figure 1's κ without noise, n = 300, where 2n·log n·Σπα²/α_maj² is 26,885.

    The shares were seen in 2,000 draws, the middle one in 16,000.
    """
    setting = Setting(300, d, 0.9, 5.0, (0.4495 * 300 / d) ** 0.5)
    found = [max_margin(draw(setting, seed)).support == 1 for seed in range(60)]
    assert abs(np.mean(found) - share) <= 4 * np.sqrt(share * (1 - share) / 60)


@pytest.mark.parametrize("seed", range(5))
def test_few_memory_features_are_not_memorised(seed):
    setting = Setting(400, 40, 0.8, 2.0, 0.5)
    assert setting.delta < proportional.memorization_threshold(setting)
    assert difference(max_margin(draw(setting, seed)).coordinates, [1, 0, 0]) < 1e-9


@pytest.mark.parametrize("seed", range(5))
def test_more_memory_features_are_memorised(seed):
    setting = Setting(150, 90, 0.8, 2.0, 0.5)
    assert setting.delta > proportional.memorization_threshold(setting)
    assert max_margin(draw(setting, seed)).memory > 0.05


def test_weights_all_zero_are_refused():
    sample = draw(WIDE, 0)
    with pytest.raises(SettingError, match="positive for at least one example"):
        max_margin(sample, Objective(weight={1: 0.0, 0: 0.0, 2: 1.0}))


@given(st.data())
def test_the_orthogonal_limit_is_solved_as_its_matrix_is(data):
    sample = data.draw(model_samples(kinds=("orthogonal",)))
    assume(sample.gram.square > 0)
    objective = data.draw(objectives(sample))
    one, two = max_margin(sample, objective), max_margin(as_dense(sample), objective)
    assert difference(one.coordinates, two.coordinates) < 1e-9
    assert difference(one.dual, two.dual) < 1e-7


def test_the_orthogonal_limit_of_a_million_examples_takes_no_matrix():
    setting = Setting(10**6, 10**9, 0.9, 5.0, 0.02, core_noise=0.12, spurious_noise=0.12)
    solution = max_margin(draw(setting, 0, kind="orthogonal"))
    expected = orthogonal.max_margin(setting)
    assert solution.kkt_residual < 1e-10
    # Draws scatter by c/√n (P9).
    scatter = np.array([0.2, 0.08, 0.09]) / setting.n**0.5
    assert (np.abs(solution.coordinates - expected.coordinates) < 4 * scatter).all()


def test_the_rounding_of_features_is_that_of_their_product():
    # Long examples whose inner products cancel: the Gram matrix would hide what was rounded.
    memory = np.array([[1e6, 1.0], [1.0, -1e6], [1.0, 1.0]])
    gram, dual = Features(np.zeros((3, 2)), memory), np.ones(3)
    found = _absolute_product(gram, dual)
    np.testing.assert_allclose(found, np.abs(memory) @ (np.abs(memory).T @ dual))


def test_a_certificate_is_the_worse_of_both_violations():
    margins, dual = np.array([[1.0, 0.5], [1.0, 1.0], [0.5, 2.0]]), np.array([[1.0, 0.0]] * 3)
    assert kkt_residual(margins, dual).tolist() == [0.5, 0.0, 1.0]
    # A margin that is not kept does not count; nor does anything certify what is no number.
    assert kkt_residual(margins, dual, [True, False]).tolist() == [0.0, 0.0, 1.0]
    assert kkt_residual(np.full(2, np.nan), dual[0]) == np.inf
    assert kkt_residual(np.zeros(2), np.zeros(2)) == np.inf


def test_what_does_not_finish_comes_with_what_to_do(monkeypatch):
    monkeypatch.setattr("pitfalls.sims.exchange.range", lambda *_: (), raising=False)
    with pytest.raises(PitfallsError, match=r"did not finish.*Remove near-duplicates"):
        exchange_singly(np.eye(2))
