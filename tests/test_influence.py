"""Influence against training again on data without the example, and against the closed forms."""

import _thread
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pitfalls.sims import (
    Sample,
    deletion,
    draw,
    gradient_flow,
    influence,
    max_margin,
    retraining,
)
from pitfalls.theory import (
    MAJORITY,
    MINORITY,
    NotSeparableError,
    Objective,
    PitfallsError,
    ResourceError,
    Setting,
    SettingError,
    orthogonal,
    resources,
)
from samples import array_samples, folded, four_methods, least_distance, model_samples, objectives
from scipy.integrate import solve_ivp
from scipy.special import expit
from strategies import METHODS

SMALL = Setting(24, 40, 0.75, 3.0, 0.5, core_noise=0.2, spurious_noise=0.2)
# Examples that are no support vectors, so that many of the others change when one is left out.
MIXED = Setting(60, 75, 0.8, 4.0, 0.6, core_noise=0.4, spurious_noise=0.4)
# Without noise per cell the two sides share no code, only the model.
CLEAN = {
    "plain": Setting(20, 40, 0.8, 2.0, 0.5),
    "little memory": Setting(20, 40, 0.8, 2.0, 0.1),
    "weak feature": Setting(20, 40, 0.8, 0.3, 0.5),
    "flips": Setting(20, 40, 0.7, 2.0, 0.5, label_noise=0.1),
    "one of the minority": Setting(20, 400, 0.95, 5.0, 1.0),
}


def numbers_of(sample, objective):
    return objective.resolve(sample.groups, sample.n)


def least_norm(rows, scale):
    """The shortest w with scale·rows·w ≥ 1; of no rows, zero."""
    if len(rows) == 0:
        return np.zeros(rows.shape[1])
    return least_distance(rows * scale[:, None], 1.0)


def weights_after_flow(rows, numbers, n, times):
    """The flow of the weights in plain time, by SciPy."""
    weight, shift, scale = numbers

    def speed(_, w):
        return (weight * scale * expit(-scale * (rows @ w) - shift)) @ rows / n

    start = np.zeros(rows.shape[1])
    found = solve_ivp(speed, (0, times[-1]), start, t_eval=times, rtol=1e-11, atol=1e-13)
    return found.y.T


def weights_after_descent(rows, numbers, n, rate, record):
    weight, shift, scale = numbers
    w, found = np.zeros(rows.shape[1]), []
    for step in range(record[-1] + 1):
        if step in record:
            found.append(w.copy())
        w = w + rate * ((weight * scale * expit(-scale * (rows @ w) - shift)) @ rows) / n
    return np.array(found)


def without(rows, numbers, example):
    kept = np.arange(len(rows)) != example
    return rows[kept], tuple(x[kept] for x in numbers)


@pytest.mark.parametrize("setting", [SMALL, MIXED], ids=["small", "mixed"])
@pytest.mark.parametrize("method", range(4))
def test_the_limit_is_that_of_data_without_the_example(setting, method):
    sample = draw(setting, 3, kind="explicit")
    objective = four_methods(sample)[method]
    rows, numbers = folded(sample), numbers_of(sample, objective)
    found = influence(sample, objective)
    np.testing.assert_allclose(found.margins, rows @ least_norm(rows, numbers[2]), atol=1e-8)
    for i in range(sample.n):
        left, others = without(rows, numbers, i)
        margins = rows @ least_norm(left, others[2])
        np.testing.assert_allclose(found.matrix[:, i], found.margins - margins, atol=1e-7)
    assert found.kkt_residual <= 1e-10
    assert found.times is None


@pytest.mark.parametrize("method", range(4))
def test_the_flow_is_that_of_data_without_the_example(method):
    sample = draw(SMALL, 1, kind="explicit")
    objective = four_methods(sample)[method]
    rows, numbers = folded(sample), numbers_of(sample, objective)
    times = [0.0, 0.1, 5.0, 200.0]
    found = influence(sample, objective, times, examples=[0, 7, 23], tolerance=1e-10)
    whole = weights_after_flow(rows, numbers, sample.n, times) @ rows.T
    np.testing.assert_allclose(found.margins, whole, atol=1e-7)
    for column, i in enumerate(found.examples):
        left = weights_after_flow(*without(rows, numbers, i), sample.n, times) @ rows.T
        np.testing.assert_allclose(found.matrix[..., column], whole - left, atol=1e-7)


@pytest.mark.parametrize("d", [5, 40])
@pytest.mark.parametrize("method", range(4))
def test_descent_is_that_of_data_without_the_example(method, d):
    sample = draw(replace(SMALL, d=d), 1, kind="explicit")
    objective = four_methods(sample)[method]
    rows, numbers = folded(sample), numbers_of(sample, objective)
    record, rate = [0, 1, 40], 0.05
    found = influence(sample, objective, learning_rate=rate, steps=record, examples=[20, 4])
    np.testing.assert_allclose(found.times, rate * np.array(record))
    whole = weights_after_descent(rows, numbers, sample.n, rate, record) @ rows.T
    for column, i in enumerate([20, 4]):
        left = weights_after_descent(*without(rows, numbers, i), sample.n, rate, record) @ rows.T
        np.testing.assert_allclose(found.matrix[..., column], whole - left, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", CLEAN)
def test_on_orthogonal_data_the_limit_is_the_closed_form(name, method):
    setting = CLEAN[name]
    objective = METHODS[method](setting)
    expected = orthogonal.leave_one_out(setting, objective)
    found = influence(draw(setting, 0, "orthogonal"), objective)
    cells = np.repeat(np.arange(len(setting.cells)), [cell.count for cell in setting.cells])
    np.testing.assert_allclose(found.held_out, expected.held_out[cells], atol=1e-9)
    np.testing.assert_allclose(found.self_influence, expected.self_influence[cells], atol=1e-9)
    if found.mean(MAJORITY) > 0:
        np.testing.assert_allclose(found.ratio, expected.ratio, rtol=1e-8)
    np.testing.assert_array_equal(found.memorization, expected.memorization[cells])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", CLEAN)
def test_on_orthogonal_data_the_flow_is_the_closed_form(name, method):
    setting = CLEAN[name]
    objective = METHODS[method](setting)
    times = [1e-3, 1.0, 1e3, 1e9, 1e16]
    expected = orthogonal.leave_one_out_flow(setting, objective, times)
    counts = [cell.count for cell in setting.cells]
    firsts = np.concatenate(([0], np.cumsum(counts)[:-1]))
    found = influence(draw(setting, 0, "orthogonal"), objective, times, examples=firsts)
    np.testing.assert_allclose(found.self_influence, expected.self_influence, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kind", ["explicit", "gram", "orthogonal"])
def test_every_kind_of_sample_is_trained_again(kind):
    sample = draw(MIXED, 2, kind)
    weight = np.ones(sample.n)
    weight[11] = 0.0
    others = Objective(weight=weight)
    limit = influence(sample, examples=[11])
    solved = max_margin(sample).margins - max_margin(sample, others).margins
    np.testing.assert_allclose(limit.matrix[:, 0], solved, atol=1e-10)
    flow = influence(sample, times=[10.0, 1e8], examples=[11])
    both = gradient_flow(sample, [Objective.erm(), others], [10.0, 1e8], tolerance=1e-12)
    expected = both[0].margins - both[1].margins
    np.testing.assert_allclose(flow.matrix[..., 0], expected, atol=1e-6)
    np.testing.assert_allclose(flow.margins, both[0].margins, atol=1e-6)


@given(st.data())
def test_invariants_of_the_limit(data):
    sample = data.draw(st.one_of(model_samples(flips=False), array_samples()))
    objective = data.draw(objectives(sample))
    try:
        whole = max_margin(sample, objective)
    except NotSeparableError:
        with pytest.raises(NotSeparableError):
            influence(sample, objective)
        return
    except PitfallsError:
        assume(False)
    found = influence(sample, objective)
    weight, _, scale = numbers_of(sample, objective)
    np.testing.assert_allclose(found.margins, whole.margins)
    assert found.kkt_residual <= 1e-9
    # Taking a constraint away changes nothing, or leaves this one violated.
    tiny = 1e-7 * max(1.0, whole.norm)
    assert (found.self_influence >= -tiny).all()
    unused = (whole.dual == 0)[found.examples]
    assert (found.matrix[:, unused] == 0).all()
    # The others' margins are kept without it.
    kept = (found.margins[:, None] - found.matrix) * scale[:, None]
    kept[weight == 0] = np.inf
    kept[found.examples, np.arange(sample.n)] = np.inf
    assert (kept >= 1 - tiny).all()


@given(array_samples(regular=True), st.data())
def test_where_the_closed_form_holds_it_is_the_answer(sample, data):
    scale = data.draw(st.sampled_from([1.0, 2.0]))
    found = influence(sample, Objective(scale=scale))
    whole = max_margin(sample, Objective(scale=scale))
    support = np.flatnonzero(whole.dual > 0)
    inverse = np.linalg.inv(sample.gram.matrix()[np.ix_(support, support)])
    expected = np.zeros(sample.n)
    expected[support] = whole.dual[support] / inverse.diagonal()
    held = found.closed_form
    np.testing.assert_allclose(found.self_influence[held], expected[held], atol=1e-7)
    # The condition of P10, for the support vectors that are left and for the others.
    for column, i in enumerate(support):
        moved = whole.dual[support] - inverse[:, column] * expected[i]
        stays = (np.delete(moved, column) > 1e-9).all()
        margins = (
            found.margins - sample.gram.matrix()[:, support] @ inverse[:, column] * expected[i]
        )
        stays &= (np.delete(margins, support) * scale > 1 + 1e-9).all()
        if stays:
            assert held[i]
            # Then ‖ŵ‖² loses α̂_i times what the example adds to its own margin.
            weight = np.ones(sample.n)
            weight[i] = 0.0
            if sample.n > 1:
                less = max_margin(sample, Objective(weight=weight, scale=scale)).norm
                gain = whole.dual[i] * found.self_influence[i]
                assert abs(whole.norm**2 - less**2 - gain) < 1e-7 * whole.norm**2


def test_both_ways_to_the_limit_are_taken():
    found = influence(draw(MIXED, 2))
    support = found.self_influence > 1e-9
    assert 0 < found.closed_form[support].sum() < support.sum()
    assert found.closed_form[~support].all()


def test_what_one_factorisation_does_not_give_is_solved_again(monkeypatch):
    sample = draw(MIXED, 2)
    expected = influence(sample)
    for refuse in (
        lambda: monkeypatch.setattr(deletion, "PATIENCE", -1),
        lambda: monkeypatch.setattr(deletion, "regular_factor", lambda gram: None),
    ):
        refuse()
        found = influence(sample)
        np.testing.assert_allclose(found.matrix, expected.matrix, atol=1e-10)
        assert found.kkt_residual <= 1e-10


def test_dependent_examples_have_an_answer():
    """Duplicates share their margin: neither has influence while the other is there."""
    rng = np.random.default_rng(0)
    features = rng.standard_normal((6, 20))
    doubled = np.vstack((features, features[:1]))
    found = influence(Sample.from_arrays(doubled, np.ones(7)))
    np.testing.assert_allclose(found.matrix[:, [0, 6]], 0, atol=1e-9)
    single = influence(Sample.from_arrays(features, np.ones(6)))
    np.testing.assert_allclose(found.self_influence[1:6], single.self_influence[1:], atol=1e-9)


def test_a_single_example_owes_its_margin_to_itself():
    sample = Sample.from_arrays([[1.0, 2.0, 1.0]], [1])
    assert influence(sample).held_out.tolist() == [0.0]
    assert influence(sample).memorization.tolist() == [0.5]
    for found in (influence(sample, times=3.0), influence(sample, learning_rate=0.1, steps=5)):
        np.testing.assert_array_equal(found.held_out, 0.0)
        assert found.margins[0] > 0


def test_an_example_without_weight_has_no_influence():
    sample = draw(SMALL, 5)
    weight = np.ones(sample.n)
    weight[3] = 0.0
    objective = Objective(weight=weight)
    for found in (influence(sample, objective), influence(sample, objective, times=[1.0, 1e3])):
        assert not found.matrix[..., 3].any()
        # As a target it has a margin like any other.
        assert np.abs(found.matrix[..., 3, :]).max() > 0.01


def test_first_influences_are_the_first_step_and_add_up_to_the_margins():
    sample = draw(SMALL, 0)
    objective = four_methods(sample)[3]
    weight, shift, scale = numbers_of(sample, objective)
    found = influence(sample, objective, times=1e-7)
    pushes = weight * scale * expit(-shift) / sample.n
    np.testing.assert_allclose(found.matrix, 1e-7 * sample.gram.matrix() * pushes, rtol=1e-5)
    np.testing.assert_allclose(found.matrix.sum(axis=1), found.margins, rtol=1e-5)


def test_late_influences_tend_to_those_of_the_limit():
    """In direction: margins over their smallest, like 1/log t."""
    sample = draw(Setting(40, 4000, 0.8, 2.0, 0.1), 1)
    limit = influence(sample).ratio
    early, late = np.abs(influence(sample, times=[1e8, 1e16]).ratio / limit - 1)
    assert late < 0.05
    assert 1.5 < early / late < 2.5


def test_steps_of_descent_tend_to_the_flow():
    sample = draw(SMALL, 0)
    flow = influence(sample, times=4.0, examples=[0, 20]).matrix
    errors = [
        np.abs(
            influence(sample, learning_rate=rate, steps=round(4 / rate), examples=[0, 20]).matrix
            - flow
        ).max()
        for rate in (0.02, 0.01)
    ]
    assert 1.8 < errors[0] / errors[1] < 2.2


def test_data_that_cannot_be_separated_have_influences_at_finite_times():
    rng = np.random.default_rng(1)
    sample = Sample.from_arrays(rng.standard_normal((30, 4)), rng.choice((-1, 1), 30))
    with pytest.raises(NotSeparableError):
        influence(sample)
    rows, times = folded(sample), [1.0, 50.0]
    numbers = numbers_of(sample, Objective.erm())
    found = influence(sample, times=times, examples=[4])
    whole = weights_after_flow(rows, numbers, 30, times) @ rows.T
    left = weights_after_flow(*without(rows, numbers, 4), 30, times) @ rows.T
    np.testing.assert_allclose(found.matrix[..., 0], whole - left, atol=1e-6)


def test_stiff_data_are_integrated_implicitly(monkeypatch):
    sample = draw(SMALL, 0)
    expected = influence(sample, times=[1.0, 1e4], examples=[1, 2])
    monkeypatch.setattr(retraining, "MOST_PRODUCTS", 20)
    found = influence(sample, times=[1.0, 1e4], examples=[1, 2])
    np.testing.assert_allclose(found.matrix, expected.matrix, atol=1e-6)


def test_means_and_ratios_are_those_of_the_groups():
    sample = draw(SMALL, 0)
    found = influence(sample, times=[1.0, 10.0], examples=[0, 3, 20, 22])
    own = np.stack([found.matrix[:, i, c] for c, i in enumerate(found.examples)], axis=1)
    np.testing.assert_array_equal(found.self_influence, own)
    np.testing.assert_allclose(found.held_out, found.margins[:, found.examples] - own, atol=1e-7)
    np.testing.assert_allclose(found.mean(MAJORITY), own[:, :2].mean(axis=1))
    np.testing.assert_allclose(found.mean(MINORITY), own[:, 2:].mean(axis=1))
    np.testing.assert_allclose(found.ratio, own[:, 2:].sum(axis=1) / own[:, :2].sum(axis=1))
    score = (np.sign(found.margins[:, found.examples]) - np.sign(found.held_out)) / 2
    np.testing.assert_array_equal(found.memorization, score)
    np.testing.assert_allclose(found.mean(MINORITY, score), score[:, 2:].mean(axis=1))
    minority = np.flatnonzero(sample.groups == MINORITY)
    others = [found.matrix[:, j, c] for c, i in ((2, 20), (3, 22)) for j in minority if j != i]
    np.testing.assert_allclose(found.between(MINORITY, MINORITY), np.mean(others, axis=0))


def test_a_group_without_examples_has_no_mean():
    found = influence(draw(SMALL, 0), times=1.0, examples=[0])
    assert np.isnan(found.mean(MINORITY))
    assert np.isnan(found.ratio)
    assert np.isnan(found.between(MINORITY, MAJORITY))


def test_bytes_do_not_depend_on_the_threads(monkeypatch):
    sample = draw(replace(SMALL, n=70, d=100), 0)
    monkeypatch.setattr(retraining, "_NARROWEST", 8)
    for options in ({"times": [1.0, 1e5]}, {"learning_rate": 0.05, "steps": [3, 30]}, {}):
        one, three, again = (
            influence(sample, threads=threads, **options) for threads in (1, 3, None)
        )
        assert one.matrix.tobytes() == three.matrix.tobytes() == again.matrix.tobytes()
        assert one.margins.tobytes() == three.margins.tobytes()


def test_a_run_can_be_interrupted(time_limit):
    sample = draw(Setting(400, 700, 0.9, 5.0, 0.5, 0.12, 0.12), 0)
    _ = influence(sample, times=0.1, examples=[0])
    timer = threading.Timer(0.5, _thread.interrupt_main)
    with time_limit(60):
        begin = time.perf_counter()
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            influence(sample, learning_rate=1e-3, steps=10**7)
        assert time.perf_counter() - begin < 30


@pytest.mark.parametrize("options", [{}, {"times": [1.0, 2.0]}, {"learning_rate": 0.1, "steps": 3}])
def test_what_does_not_fit_is_refused_before_it_starts(options, monkeypatch):
    sample = draw(SMALL, 0)
    _ = sample.gram
    monkeypatch.setattr(resources, "_TRIFLE", 0.0)
    monkeypatch.setattr(resources, "available", lambda: 20_000.0)
    with pytest.raises(ResourceError, match="GiB are free"):
        influence(sample, **options)


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("objective", {"objective": [Objective.erm()]}),
        ("examples", {"examples": []}),
        ("examples", {"examples": [24]}),
        ("examples", {"examples": [-1]}),
        ("examples", {"examples": [0.5]}),
        ("examples", {"examples": [[0]]}),
        ("examples", {"examples": [[0], [1, 2]]}),
        ("times", {"times": [2.0, 1.0]}),
        ("times", {"times": [[1.0], [1.0, 2.0]]}),
        ("times", {"times": "late"}),
        ("times", {"times": [1e17]}),
        ("tolerance", {"times": 1.0, "tolerance": 0.1}),
        ("steps", {"steps": 3}),
        ("steps", {"learning_rate": 0.1}),
        ("steps", {"times": 1.0, "learning_rate": 0.1, "steps": 3}),
        ("steps", {"learning_rate": 0.1, "steps": [3, 1]}),
        ("steps", {"learning_rate": 0.1, "steps": -1}),
        ("steps", {"learning_rate": 0.1, "steps": 1.5}),
        ("learning_rate", {"learning_rate": 0.0, "steps": 1}),
        ("threads", {"threads": 0}),
        ("threads", {"threads": 1.5}),
    ],
)
def test_what_is_out_of_range_is_named(field, options):
    with pytest.raises(SettingError) as raised:
        influence(draw(SMALL, 0), **options)
    assert raised.value.field == field
