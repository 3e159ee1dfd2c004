"""Gradient flow: the limit of descent, its own composition, its ends, and the closed forms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pitfalls.sims import Sample, draw, gradient_descent, gradient_flow, max_margin
from pitfalls.sims.stepping import integrate
from pitfalls.theory import (
    NotSeparableError,
    Objective,
    PitfallsError,
    ResourceError,
    Setting,
    SettingError,
    angle,
    orthogonal,
    proportional,
)
from samples import (
    MIXED,
    WIDE,
    array_samples,
    coordinates,
    difference,
    folded,
    four_methods,
    model_samples,
    objectives,
    rows_of,
    safe_rate,
)
from scipy.optimize import minimize
from scipy.special import expit


def finite_minimiser(sample, objective):
    """Weights (p,) of the smallest loss, by Newton's method on explicit features."""
    weight, shift, scale = objective.resolve(sample.groups, sample.n)
    z = folded(sample)
    w = np.zeros(z.shape[1])
    for _ in range(60):
        argument = -scale * (z @ w) - shift
        pull = weight * scale * expit(argument)
        bend = pull * scale * expit(-argument)
        step = np.linalg.solve((z.T * bend) @ z, z.T @ pull)
        # Damped: far out the logistic loss is nearly linear and a full step overshoots.
        w = w + step / max(1.0, np.linalg.norm(step))
    return w


@pytest.mark.parametrize("setting", [WIDE, MIXED], ids=["separable", "not separable"])
def test_descent_tends_to_the_flow_at_first_order_in_its_rate(setting):
    sample = draw(setting, 1, kind="explicit")
    methods = four_methods(sample)
    flows = gradient_flow(sample, methods, [4.0], tolerance=1e-12)
    rates = 0.04 / 2.0 ** np.arange(4)
    for objective, flow in zip(methods, flows, strict=True):
        errors = []
        for rate in rates:
            steps = round(4.0 / rate)
            run = gradient_descent(sample, objective, rate, steps, record=[steps])
            errors.append(difference(run.margins, flow.margins))
        slope = np.polyfit(np.log(rates), np.log(errors), 1)[0]
        assert abs(slope - 1) < 0.05


@given(st.data())
def test_flow_composes(data):
    sample = data.draw(array_samples(regular=True))
    objective = data.draw(objectives(sample))
    first, second = data.draw(st.floats(0.01, 100)), data.draw(st.floats(0.01, 1000))
    stop, whole = 0, 1
    run = gradient_flow(sample, objective, [first, first + second], tolerance=1e-11)
    weights = folded(sample).T @ run.dual[stop]
    after = gradient_flow(sample, objective, [second], initial=weights, tolerance=1e-11)
    assert difference(after.at(0).coordinates, run.at(whole).coordinates) < 1e-7
    assert difference(after.margins[0], run.margins[whole]) < 1e-7


@pytest.mark.parametrize("setting", [WIDE, MIXED], ids=["separable", "not separable"])
def test_a_random_start_flows_as_descent_does_from_there(setting):
    sample = draw(setting, 1, kind="explicit")
    start = np.random.default_rng(2).normal(size=setting.d + 2)
    flow = gradient_flow(sample, Objective.erm(), [0.0, 1.0], initial=start, tolerance=1e-12)
    assert difference(flow.at(0).coordinates, coordinates(sample, start)) < 1e-12
    # Richardson's extrapolation removes descent's error of first order.
    once, twice = (
        gradient_descent(sample, Objective.erm(), 1 / n, n, start, [n]).margins
        for n in (4000, 8000)
    )
    assert difference(flow.margins[1], (2 * twice - once)[0]) < 1e-6


@given(st.data())
def test_a_tighter_tolerance_changes_nothing_that_is_shown(data):
    sample = data.draw(st.one_of(model_samples(flips=False), array_samples(regular=True)))
    objective = data.draw(objectives(sample))
    times = [1e-3, 1.0, 1e3, 1e9]
    loose = gradient_flow(sample, objective, times)
    tight = gradient_flow(sample, objective, times, tolerance=1e-12)
    assert difference(loose.coordinates, tight.coordinates) < 1e-7
    assert difference(loose.margins, tight.margins) < 1e-7


@pytest.mark.parametrize("label_noise", [0.0, 0.1])
@pytest.mark.parametrize("kappa", [0.1, 3.0])
def test_orthogonal_data_flow_as_the_closed_form_says(label_noise, kappa):
    n, d = 40, 4000
    setting = Setting(n, d, 0.8, 3.0, np.sqrt(kappa * n / d), label_noise=label_noise)
    sample = draw(setting, 0, kind="orthogonal")
    scaling = Objective.vector_scaling(setting, {1: 2.0, 0: 0.7})
    methods = [*four_methods(sample)[:3], scaling]
    times = [0.0, 0.01, 1.0, 30.0, 1e4, 1e8, 1e16]
    for objective, run in zip(methods, gradient_flow(sample, methods, times), strict=True):
        law = orthogonal.flow(setting, objective, times)
        for one, other in zip(run.coordinates[1:], law.coordinates[1:], strict=True):
            assert difference(one, other) < 1e-7
        assert (np.abs(run.loss / law.loss - 1) < 1e-7).all()
        assert (run.train.minority == law.train.minority).all()
        assert not run.coordinates[0].any()


def test_several_objectives_flow_as_each_does_alone():
    sample = draw(WIDE, 1)
    methods = four_methods(sample)
    for objective, run in zip(methods, gradient_flow(sample, methods, [1.0, 1e6]), strict=True):
        alone = gradient_flow(sample, objective, [1.0, 1e6])
        assert run.name == objective.name
        assert difference(run.margins, alone.margins) < 1e-8


def test_explicit_and_dense_data_flow_alike():
    sample = draw(WIDE, 1, kind="explicit")
    dense = Sample(sample.plane, sample.labels, sample.groups, sample.gram)
    for one, other in zip(
        gradient_flow(sample, four_methods(sample), [1.0, 1e6]),
        gradient_flow(dense, four_methods(sample), [1.0, 1e6]),
        strict=True,
    ):
        assert difference(one.coordinates, other.coordinates) < 1e-12


@pytest.mark.parametrize("kind", ["gram", "orthogonal"])
def test_time_times_loss_tends_to_the_squared_norm_of_the_max_margin(kind):
    setting = Setting(40, 4000, 0.8, 2.0, 0.2)
    sample = draw(setting, 0, kind=kind)
    square = max_margin(sample).norm ** 2
    for run in gradient_flow(sample, four_methods(sample)[:3], [1e4, 1e8, 1e16]):
        error = np.abs(run.times * run.loss / square - 1)
        assert error[0] > error[1] > error[2]
        assert error[2] < 1e-8


@pytest.mark.parametrize("kind", ["explicit", "gram"])
def test_inseparable_data_flow_to_their_finite_minimiser(kind):
    sample = draw(MIXED, 1, kind=kind)
    with pytest.raises(NotSeparableError):
        max_margin(sample)
    for objective, run in zip(
        four_methods(sample),
        gradient_flow(sample, four_methods(sample), [1e4, 1e10, 1e16]),
        strict=True,
    ):
        assert run.dual is None
        weight, shift, scale = objective.resolve(sample.groups, sample.n)
        z = rows_of(sample)

        def loss(w, weight=weight, shift=shift, scale=scale, z=z):
            argument = -scale * (z @ w) - shift
            pull = weight * scale * expit(argument) / len(z)
            return weight @ np.logaddexp(0, argument) / len(z), -pull @ z

        best = minimize(loss, np.zeros(z.shape[1]), jac=True, tol=1e-14, options={"gtol": 1e-10})
        expected = [best.x[0], best.x[1], np.linalg.norm(best.x[2:])]
        assert difference(run.at(-1).coordinates, expected) < 1e-7
        assert difference(run.loss[-1], best.fun) < 1e-12
        assert difference(run.margins[1], run.margins[2]) < 1e-7


@given(st.integers(0, 10**6))
def test_opposite_examples_stop_the_flow_at_a_stationary_point(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(20, 3))
    sample = Sample.from_arrays(np.vstack((x, x)), np.repeat((1, -1), 20), rng.integers(0, 2, 40))
    shifted = Objective(shift=rng.normal(size=40))
    run = gradient_flow(sample, shifted, [1e12])
    expected = coordinates(sample, finite_minimiser(sample, shifted))
    assert difference(run.at(0).coordinates, expected) < 1e-7


def test_more_copies_of_an_example_than_of_its_opposite():
    # Two thirds of the weight on +1, one third on −1: the minimiser is log 2 away from zero.
    sample = Sample.from_arrays([[1.0, 0.0]] * 3, [1, 1, -1])
    run = gradient_flow(sample, Objective.erm(), [0.0, 1.0, 1e10, 1e16])
    assert difference(run.core[2:], np.log(2)) < 1e-7


def test_an_objective_may_balance_opposite_examples():
    sample = Sample.from_arrays([[1.0, 0.0]] * 4, [1, 1, 1, -1], [0, 0, 0, 1])
    run = gradient_flow(sample, Objective.reweighting(sample.groups), [0.0, 1.0, 1e10, 1e16])
    assert (np.abs(run.core) < 1e-7).all()


@pytest.mark.parametrize(
    ("setting", "seed", "kind"),
    [
        (Setting(6, 4, 0.5, 2.0, 0.2, spurious_noise=0.3, label_noise=0.2), 248, "explicit"),
        (Setting(5, 12, 1.0, 2.0, 0.0, spurious_noise=0.3, label_noise=0.2), 1695, "gram"),
        (Setting(4, 2, 0.0, 5.0, 0.2, label_noise=0.2), 146, "gram"),
    ],
)
def test_a_few_examples_with_a_narrow_margin_flow_in_seconds(setting, seed, kind, time_limit):
    # ‖ŵ‖ is 500 and more here: long after the first step nothing has been fitted yet.
    sample = draw(setting, seed, kind)
    assert max_margin(sample).norm > 500
    with time_limit(60):
        run = gradient_flow(sample, Objective.erm(), [1.0, 1e3, 1e9])
    assert np.isfinite(run.coordinates).all()
    assert run.train.worst[-1] == 1
    assert (np.diff(run.loss) < 0).all()


def test_without_memory_features_the_plane_is_learnt_alone():
    sample = draw(Setting(50, 100, 0.8, 2.0, 0.0, core_noise=0.1), 0)
    run = gradient_flow(sample, Objective.erm(), [1.0, 1e8, 1e16])
    assert (run.memory == 0).all()
    assert np.isfinite(run.coordinates).all()
    assert (np.diff(run.spurious / run.core) < 0).all()


@given(st.data())
def test_first_step_follows_the_negative_gradient_at_the_start(data):
    sample = data.draw(array_samples(regular=True))
    objective = data.draw(objectives(sample))
    weight, shift, scale = objective.resolve(sample.groups, sample.n)
    z = folded(sample)
    start = np.random.default_rng(data.draw(st.integers(0, 99))).normal(size=z.shape[1])
    pull = weight * scale * expit(-scale * (z @ start) - shift) / sample.n
    tiny = 1e-8
    run = gradient_flow(sample, objective, [tiny], initial=start)
    assert difference(run.dual[0] / tiny, pull) < 1e-5


@pytest.mark.parametrize("kind", ["explicit", "gram", "orthogonal"])
def test_the_tail_is_the_asymptote_of_the_sample(kind):
    # Every example is a support vector: α(t) = α̂·log t + β + o(1), G α̂ = 1/Δ and
    # G β = (log(qΔ/(n·α̂)) − s)/Δ; the rest vanishes like t^−min(1, μ), μ the smallest eigenvalue
    # of diag(Δ²α̂)·G.
    sample = draw(Setting(30, 20000, 0.8, 2.0, 0.1), 0, kind=kind)
    gram = sample.gram.matrix()
    times = np.logspace(4, 16, 7)
    for objective in four_methods(sample):
        weight, shift, scale = objective.resolve(sample.groups, sample.n)
        limit = np.linalg.solve(gram, 1 / scale)
        assert (limit > 0).all()
        wanted = (np.log(weight * scale / (sample.n * limit)) - shift) / scale
        intercept = np.linalg.solve(gram, wanted)
        root = scale * np.sqrt(limit)
        decay = min(1.0, np.linalg.eigvalsh(root[:, None] * gram * root)[0])
        run = gradient_flow(sample, objective, times)
        tail = np.log(times)[:, None] * limit + intercept
        off = np.abs(run.dual - tail).max(axis=1) / np.abs(limit).max()
        assert (off <= times**-decay + 1e-6).all()


@pytest.mark.slow
def test_five_thousand_examples_flow_to_the_latest_time():
    setting = Setting(5000, 9000, 0.9, 5.0, 0.5, core_noise=0.12, spurious_noise=0.12)
    sample = draw(setting, 0)
    run = gradient_flow(sample, Objective.erm(), [1e8, 1e16])
    limit = max_margin(sample)
    assert abs(run.times[1] * run.loss[1] / limit.norm**2 - 1) < 0.02
    angles = run.angle(limit)
    assert 0 < angles[1] < 0.6 * angles[0]
    expected = proportional.max_margin(setting).coordinates
    assert (
        np.abs(limit.coordinates - expected) < 4 * np.array([0.2, 0.08, 0.09]) / 5000**0.5
    ).all()


def test_angle_to_the_max_margin_falls_late():
    sample = draw(WIDE, 1)
    limit = max_margin(sample)
    for run in gradient_flow(sample, four_methods(sample)[:3], np.logspace(2, 16, 15)):
        angles = run.angle(limit)
        assert (np.diff(angles) < 0).all()
        assert angles[-1] > angle(limit, limit) + 0.1


@given(st.data())
def test_loss_never_rises_along_the_flow(data):
    sample = data.draw(st.one_of(model_samples(flips=False), array_samples(regular=True)))
    objective = data.draw(objectives(sample))
    loss = gradient_flow(sample, objective, [0.0, 0.1, 1.0, 10.0, 1e4, 1e10]).loss
    assert (np.diff(loss) <= 1e-9 * loss[:-1]).all()


@given(st.data())
def test_flow_is_where_small_steps_of_descent_go(data):
    sample = data.draw(model_samples())
    objective = data.draw(objectives(sample))
    rate = safe_rate(sample, objective, 2e-3)
    flow = gradient_flow(sample, objective, [50 * rate])
    # Extrapolated to a rate of zero, where only the second order in the rate is left.
    once, twice = (
        gradient_descent(sample, objective, rate / k, 50 * k, record=[50 * k]).margins
        for k in (1, 2)
    )
    expected = 2 * twice - once
    # The objective may balance opposite examples: then all margins are rounding errors.
    assert np.abs(flow.margins - expected).max() < 1e-5 * np.abs(expected).max() + 1e-14


def test_time_zero_is_the_start_and_repeated_times_repeat():
    sample = draw(WIDE, 1)
    run = gradient_flow(sample, Objective.erm(), [0.0, 0.0, 2.0, 2.0], initial=(0.5, -0.1, 0.3))
    assert difference(run.at(0).coordinates, [0.5, -0.1, 0.3]) < 1e-15
    assert run.margins[0].tobytes() == run.margins[1].tobytes()
    assert run.margins[2].tobytes() == run.margins[3].tobytes()
    only = gradient_flow(sample, Objective.erm(), 0.0, initial=(0.5, -0.1, 0.3))
    assert len(only) == 1
    assert difference(only.at(0).coordinates, [0.5, -0.1, 0.3]) < 1e-15


@pytest.mark.parametrize(
    ("argument", "value", "words"),
    [
        *[
            ("times", bad, "non-decreasing numbers in [0, 1e16]")
            for bad in (-1.0, [2.0, 1.0], 1.1e16, np.inf, np.nan, [], [[1.0]], None, "soon")
        ],
        *[
            ("tolerance", bad, "a number in [1e-12, 1e-2]")
            for bad in (0.0, -1.0, 1e-13, 0.1, np.nan, "fine", None)
        ],
        ("initial", [1.0, 2.0], "of shape (p,) for explicit samples"),
        ("initial", [1.0, np.nan, 1.0], "finite"),
        ("objective", [], "at least one"),
    ],
)
def test_illegal_arguments_are_named_with_their_range(argument, value, words):
    legal = {"objective": Objective.erm(), "times": [1.0]}
    with pytest.raises(SettingError) as raised:
        gradient_flow(draw(WIDE, 1), **{**legal, argument: value})
    assert raised.value.field == argument
    assert words in str(raised.value)


def test_want_of_memory_is_no_narrow_margin(monkeypatch):
    def full(*_):
        raise ResourceError("no room")

    monkeypatch.setattr("pitfalls.sims.flow.max_margin", full)
    with pytest.raises(ResourceError, match="no room"):
        gradient_flow(draw(Setting(30, 4, 0.8, 3.0, 0.4), 0), Objective.erm(), [1.0])


def test_a_flow_that_fails_comes_with_what_to_do(monkeypatch):
    def failing(solver):
        solver.status = "failed"
        return "step size is too small."

    monkeypatch.setattr("pitfalls.sims.stepping._step", failing)
    with pytest.raises(PitfallsError, match=r"too small\. Raise tolerance"):
        integrate(lambda t, y: 1 + 0 * y, np.zeros(1), np.array([1.0]), 1.0, 1.0, 1e-6)
