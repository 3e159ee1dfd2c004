"""Gradient flow in the orthogonal limit against plain-time integration and closed forms."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pitfalls.theory import Objective, Setting, SettingError, orthogonal
from scipy.integrate import solve_ivp
from scipy.optimize import minimize
from scipy.special import expit, wrightomega
from strategies import (
    METHODS,
    THREE,
    cell_arrays,
    gammas,
    kappas,
    majorities,
    minority_margin,
    of_kappa,
)

SETTINGS = {
    "memory": Setting(1000, 25_000, 0.9, 5.0, 1.0),
    "plane": Setting(50, 300, 0.7, 0.5, 0.3),
    "flips": Setting(300, 300, 0.8, 2.0, 1.0, label_noise=0.1),
    "one group": Setting(20, 40, 1.0, 2.0, 0.5),
    "no memory": Setting(100, 0, 0.9, 3.0, 1.0),
}
cases = pytest.mark.parametrize(
    ("where", "method"),
    [
        (where, method)
        for where, method in itertools.product(SETTINGS, METHODS)
        if where != "one group" or method == "ERM"
    ],
)


def integrated(cells, kappa, times):
    """Coordinates by an explicit high-order method in plain time on the dual weights."""
    means, shares, weight, shift, scale = cells
    matrix = (means @ means.T) * shares + kappa * np.eye(len(shares))
    solved = solve_ivp(
        lambda _, dual: weight * scale * expit(-scale * (matrix @ dual) - shift),
        (0, times[-1]),
        np.zeros(len(shares)),
        method="DOP853",
        t_eval=times,
        rtol=1e-13,
        atol=1e-14,
    )
    dual = solved.y.T
    return np.column_stack(((dual * shares) @ means, np.sqrt(kappa * dual**2 @ shares)))


@cases
def test_flow_is_the_plain_time_integral(where, method):
    setting = SETTINGS[where]
    objective, times = METHODS[method](setting), np.array([0, 1e-3, 0.1, 1, 10, 50])
    reference = integrated(cell_arrays(setting, objective), setting.kappa, times)
    found = orthogonal.flow(setting, objective, times).coordinates
    np.testing.assert_allclose(found, reference, rtol=1e-9, atol=2e-11)


@pytest.mark.parametrize("noise", [{"core_noise": 0.5}, {"spurious_noise": 0.3}])
@pytest.mark.parametrize("method", METHODS)
def test_feature_noise_is_averaged_as_a_dense_mesh_does(noise, method):
    setting = of_kappa(0.45, 0.9, 3.0, **noise)
    means, shares, weight, shift, scale = cell_arrays(setting, METHODS[method](setting))
    points, masses = np.polynomial.legendre.leggauss(40)
    points, masses = 8 * points, 8 * masses * np.exp(-32 * points**2) / math.sqrt(2 * math.pi)
    axis, deviation = (0, 0.5) if "core_noise" in noise else (1, 0.9)
    offsets = np.zeros((40, 2))
    offsets[:, axis] = deviation * points
    spread = (
        (means[:, None] + offsets).reshape(-1, 2),
        np.outer(shares, masses).ravel(),
        *(np.repeat(number, 40) for number in (weight, shift, scale)),
    )
    times = np.array([0.1, 1, 10, 30])
    found = orthogonal.flow(setting, METHODS[method](setting), times).coordinates
    np.testing.assert_allclose(found, integrated(spread, setting.kappa, times), rtol=1e-6)


@pytest.mark.parametrize("where", SETTINGS)
def test_flow_starts_at_zero(where):
    setting = SETTINGS[where]
    start = orthogonal.flow(setting, Objective.erm(), [0.0, 1.0]).at(0)
    np.testing.assert_array_equal(start.coordinates, [0, 0, 0])
    np.testing.assert_array_equal(start.margins, 0)


def test_at_the_start_nothing_is_known():
    setting = SETTINGS["memory"]
    run = orthogonal.flow(setting, Objective.erm(), [0.0, 1e8])
    accuracy = run.accuracy(setting)
    assert (accuracy.majority[0], accuracy.minority[0]) == (0.5, 0.5)
    assert run.angle(orthogonal.max_margin(setting))[0] == 90
    assert run.loss[0] == pytest.approx(math.log(2), rel=1e-15)


@cases
def test_early_flow_is_the_first_step_to_first_order(where, method):
    setting = SETTINGS[where]
    objective = METHODS[method](setting)
    step = orthogonal.first_step(setting, objective).coordinates
    times = np.array([1e-3, 2e-3]) / (1 + setting.kappa)
    found = orthogonal.flow(setting, objective, times).coordinates / times[:, None]
    fine, coarse = np.abs(found - step).max(axis=1)
    # A remainder of second order doubles with the time.
    assert coarse / fine == pytest.approx(2, rel=0.02)
    assert fine < 0.1 * np.abs(step).max()


@given(
    majorities,
    kappas,
    *(
        st.fixed_dictionaries({1: st.floats(low, high), 0: st.floats(low, high)})
        for low, high in ((0.1, 5), (-3, 3), (0.3, 3))
    ),
)
def test_equal_features_decouple_the_cells_in_closed_form(rho, kappa, weight, shift, scale):
    setting = of_kappa(kappa, rho, 1.0)
    objective = Objective(weight, shift, scale)
    _, shares, q, s, delta = cell_arrays(setting, objective)
    times = np.array([1e-2, 1, 1e3, 1e8, 1e16])
    level = np.outer(times, (2 * shares + kappa) * q * delta**2) + s + np.exp(s)
    # z = c − ω(c) = log ω(c); the difference would lose all digits at c = 1e16.
    exact = (np.log(wrightomega(level)) - s) / delta
    found = orthogonal.flow(setting, objective, times).margins
    np.testing.assert_allclose(found, exact, rtol=1e-8, atol=1e-10)


@given(majorities, gammas, kappas, st.floats(0.1, 10), st.sampled_from(list(METHODS)))
def test_heavier_examples_are_a_faster_clock(rho, gamma, kappa, factor, method):
    setting = of_kappa(kappa, rho, gamma)
    plain = METHODS[method](setting)
    groups = [1, 0]
    weight = dict(zip(groups, factor * plain.resolve(groups, 2)[0], strict=True))
    times = np.array([0.1, 10, 1e6])
    heavy = orthogonal.flow(setting, Objective(weight, plain.shift, plain.scale), times)
    clock = orthogonal.flow(setting, plain, factor * times)
    np.testing.assert_allclose(heavy.coordinates, clock.coordinates, rtol=1e-8, atol=1e-10)


@given(majorities, gammas, kappas, st.floats(0.3, 3))
def test_larger_scales_shrink_the_weights_and_quicken_the_clock(rho, gamma, kappa, factor):
    setting = of_kappa(kappa, rho, gamma)
    times = np.array([0.1, 10, 1e6])
    scaled = orthogonal.flow(setting, Objective(scale=factor), times)
    plain = orthogonal.flow(setting, Objective.erm(), factor**2 * times)
    np.testing.assert_allclose(
        factor * scaled.coordinates, plain.coordinates, rtol=1e-8, atol=1e-10
    )


def test_memory_enters_through_kappa_alone():
    times = [0.1, 10, 1e6]
    few = orthogonal.flow(Setting(100, 400, 0.9, 3.0, 1.0), Objective.erm(), times)
    many = orthogonal.flow(Setting(1000, 10**7, 0.9, 3.0, 0.02), Objective.erm(), times)
    np.testing.assert_allclose(few.coordinates, many.coordinates, rtol=1e-9)


@pytest.mark.parametrize("method", THREE)
def test_swapping_the_groups_turns_the_spurious_weight(method):
    one, other = (of_kappa(0.7, rho, 2.0) for rho in (0.8, 0.2))
    times = [0.1, 10, 1e6]
    found = orthogonal.flow(one, METHODS[method](one), times).coordinates
    turned = orthogonal.flow(other, METHODS[method](other), times).coordinates * (1, -1, 1)
    np.testing.assert_allclose(found, turned, rtol=1e-8, atol=1e-10)


@given(majorities, gammas, kappas, st.sampled_from(list(METHODS)), st.sampled_from([0, 0.2]))
def test_without_flips_the_core_weight_is_the_sum_of_dual_weights(
    rho, gamma, kappa, method, spurious_noise
):
    setting = of_kappa(kappa, rho, gamma, spurious_noise=spurious_noise)
    run = orthogonal.flow(setting, METHODS[method](setting), [0.1, 10, 1e4], nodes=5)
    np.testing.assert_allclose(run.core, run.dual @ run.shares, rtol=1e-9)


@given(
    majorities,
    st.floats(0.05, 1),
    kappas,
    *(
        st.fixed_dictionaries({1: st.floats(low, high), 0: st.floats(low, high)})
        for low, high in ((0.1, 5), (-3, 3), (0.3, 3))
    ),
)
def test_weak_spurious_feature_never_holds_back_the_minority(
    rho, gamma, kappa, weight, shift, scale
):
    setting = of_kappa(kappa, rho, gamma)
    run = orthogonal.flow(setting, Objective(weight, shift, scale), np.geomspace(1e-3, 1e12, 31))
    assert (minority_margin(setting, run) > 0).all()


@given(majorities, gammas, kappas, st.sampled_from(list(METHODS)), st.sampled_from([0, 0.2]))
def test_loss_falls_and_is_that_of_the_margins(rho, gamma, kappa, method, label_noise):
    setting = of_kappa(kappa, rho, gamma, label_noise=label_noise)
    assume(0 < setting.observed_majority < 1)
    objective = METHODS[method](setting)
    run = orthogonal.flow(setting, objective, np.geomspace(1e-3, 1e10, 27))
    assert (np.diff(run.loss) < 0).all()
    means, shares, weight, shift, scale = cell_arrays(setting, objective)
    margins = run.coordinates[:, :2] @ means.T + kappa * run.dual
    np.testing.assert_allclose(run.margins, margins, rtol=1e-8, atol=1e-10)
    loss = np.log1p(np.exp(-scale * margins - shift)) @ (shares * weight)
    np.testing.assert_allclose(run.loss, loss, rtol=1e-6)


@pytest.mark.parametrize("kappa", [0.1, 2.0])
def test_train_accuracy_counts_cells_by_observed_group(kappa):
    setting = of_kappa(kappa, 0.8, 2.0, label_noise=0.1)
    run = orthogonal.flow(setting, Objective.erm(), [0.5, 5, 1e6])
    groups = np.array([cell.group for cell in setting.cells])
    for name, group in (("majority", 1), ("minority", 0)):
        inside = np.where(groups == group, run.shares, 0)
        expected = (run.margins > 0) @ inside / inside.sum()
        np.testing.assert_allclose(getattr(run.train, name), expected, rtol=1e-14)
    np.testing.assert_allclose(run.train.average, (run.margins > 0) @ run.shares, rtol=1e-14)
    assert run.train.average[-1] == pytest.approx(1, rel=1e-15)


def test_times_asked_for_do_not_disturb_one_another():
    setting = SETTINGS["memory"]
    dense = orthogonal.flow(setting, Objective.erm(), np.geomspace(1e-2, 1e10, 200))
    sparse = orthogonal.flow(setting, Objective.erm(), [1e-2, 1e10])
    np.testing.assert_allclose(dense.coordinates[[0, -1]], sparse.coordinates, rtol=1e-9)


@pytest.mark.parametrize("order", ["shift", "reweighting"])
@pytest.mark.parametrize(("rho", "gamma", "kappa"), [(0.9, 5.0, 0.5), (0.7, 2.0, 3.0)])
def test_second_order_of_the_spurious_weight_of_balanced_methods(order, rho, gamma, kappa):
    setting = of_kappa(kappa, rho, gamma)
    if order == "shift":
        objective = Objective.logit_shifting(setting)
        expected = -2 * gamma * rho**2 * (1 - rho) ** 2 * (2 * rho - 1)
    else:
        objective = Objective.reweighting(setting)
        expected = gamma * kappa * (2 * rho - 1) / (32 * rho * (1 - rho))
    times = np.array([1, 2, 4]) * 2e-3
    found = 2 * orthogonal.flow(setting, objective, times).spurious / times**2
    # Twice Richardson: errors of order t and t² cancel.
    once = 2 * found[:-1] - found[1:]
    assert (4 * once[0] - once[1]) / 3 == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    "times",
    [
        [],
        [[1.0, 2.0]],
        [-1.0],
        [math.nan],
        [math.inf],
        [2e16],
        [2.0, 1.0],
        "soon",
        None,
        ["a"],
        [1j],
    ],
)
def test_illegal_times_are_refused(times):
    with pytest.raises(SettingError, match="times"):
        orthogonal.flow(SETTINGS["memory"], Objective.erm(), times)


@pytest.mark.parametrize(
    "times", [[1.0, 1.0], [0.0, 0.0, 1.0], [0.0, 1e-20, 1.0], [1.0, 1 + 3e-16]]
)
def test_times_that_nearly_coincide_are_answered(times):
    setting = SETTINGS["memory"]
    found = orthogonal.flow(setting, Objective.erm(), times).coordinates
    for row, time in zip(found, times, strict=True):
        alone = orthogonal.flow(setting, Objective.erm(), [time, 2.0]).coordinates[0]
        np.testing.assert_allclose(row, alone, rtol=1e-9, atol=1e-11)


def test_one_time_may_be_a_number():
    run = orthogonal.flow(SETTINGS["memory"], Objective.erm(), 1.0)
    assert run.core.shape == (1,)
    assert run.name == "ERM"


def test_per_example_numbers_are_refused():
    with pytest.raises(SettingError, match="by group") as caught:
        orthogonal.flow(Setting(4, 8, 0.5, 1.0, 1.0), Objective(weight=np.ones(4)), [1.0])
    assert caught.value.field == "weight"


def finite_minimiser(setting, objective):
    """Minimiser of the loss over the plane, by SciPy, in the span of the means."""
    means, shares, weight, shift, scale = cell_arrays(setting, objective)
    _, sizes, rows = np.linalg.svd(means, full_matrices=False)
    basis = rows[sizes > 1e-9 * sizes[0]]

    def loss(x):
        inside = -scale * (means @ (x @ basis)) - shift
        push = -shares * weight * scale * expit(inside)
        return (shares * weight) @ np.logaddexp(0, inside), basis @ (push @ means)

    found = minimize(
        loss, np.zeros(len(basis)), jac=True, method="BFGS", options={"gtol": 1e-13, "xrtol": 1e-14}
    )
    return found.x @ basis


PLANES = [
    Setting(7, 0, 0.0, 0.3, 0.0, label_noise=0.2),
    Setting(7, 0, 1.0, 1.0, 0.5, label_noise=0.2),
    Setting(7, 0, 0.0, 5.0, 0.5, label_noise=0.2),
    Setting(20, 0, 0.7, 3.0, 0.5, label_noise=0.2),
    Setting(300, 0, 0.8, 2.0, 1.0, label_noise=0.1),
]
HARD = {
    "ERM": Objective.erm(),
    "custom": Objective(weight={1: 1.0, 0: 3.0}, shift={1: 5.0, 0: -3.0}),
}


@pytest.mark.parametrize("method", HARD)
@pytest.mark.parametrize("setting", PLANES, ids=lambda s: f"rho={s.rho:g} gamma={s.gamma:g}")
@pytest.mark.parametrize("time", [1e8, 1e12, 1e16])
def test_inseparable_plane_settles_on_its_finite_minimiser(setting, method, time, time_limit):
    with time_limit(60):
        run = orthogonal.flow(setting, HARD[method], [time])
    expected = finite_minimiser(setting, HARD[method])
    np.testing.assert_allclose(run.coordinates[0, :2], expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("time", [1e8, 1e12, 1e16])
def test_a_contradicted_pattern_settles_while_a_free_one_grows(time, time_limit):
    # Five examples against one on the same line: log 5; the seventh is alone on its side.
    setting = Setting(7, 0, 0.9, 5.0, 0.5, label_noise=0.2)
    assert [cell.count for cell in setting.cells] == [5, 1, 1]
    with time_limit(60):
        early, late = orthogonal.flow(setting, Objective.erm(), [time / 100, time]).margins
    assert late[0] == pytest.approx(math.log(5), rel=1e-5)
    assert late[1] - early[1] == pytest.approx(math.log(100), rel=1e-3)


@pytest.mark.parametrize("nodes", [0, -1, 2.5, True, None])
@pytest.mark.parametrize("core_noise", [0.0, 0.1])
def test_quadrature_needs_a_node_whether_it_is_used_or_not(core_noise, nodes):
    setting, erm = of_kappa(1.0, core_noise=core_noise), Objective.erm()
    for call in (
        lambda: orthogonal.flow(setting, erm, [1.0], nodes=nodes),
        lambda: orthogonal.max_margin(setting, erm, nodes=nodes),
        lambda: orthogonal.ridge_path(setting, erm, [1.0], nodes=nodes),
    ):
        with pytest.raises(SettingError, match=r"nodes = .* must be an integer ≥ 1"):
            call()
