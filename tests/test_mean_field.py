"""Training in the proportional limit: P12 as it stands, simulation, and all the limits it has."""

import math
from dataclasses import replace

import numpy as np
import pytest
from pitfalls.sims import draw, gradient_descent, gradient_flow
from pitfalls.theory import (
    MAJORITY,
    MINORITY,
    Objective,
    PitfallsError,
    ResourceError,
    Setting,
    SettingError,
    mean_field,
    orthogonal,
    proportional,
    resources,
)
from pitfalls.theory.cells import cell_system
from pitfalls.theory.mean_field import stepping
from pitfalls.theory.mean_field.response import Response
from pitfalls.theory.mean_field.sites import Sites
from samples import extrapolated
from scipy.special import expit

FIGURE_1 = Setting.figure_1()
NOISY = Setting(1000, 2500, 0.8, 2.0, 0.6, 0.3, 0.2, label_noise=0.1)
METHODS = {
    "ERM": lambda setting: Objective.erm(),
    "reweighting": Objective.reweighting,
    "logit shifting": Objective.logit_shifting,
    "vector scaling": lambda setting: Objective.vector_scaling(
        setting, {MAJORITY: 1.5, MINORITY: 0.8}
    ),
}


def coordinates(run):
    return run.coordinates


def plain(setting, objective, rates, count, seed, strength=0.0, start=(0.0, 0.0, 0.0)):
    """P12 as it is written: kernels A, B and C, responses site by site, sampled with one seed."""
    rng = np.random.default_rng(seed)
    kappa, delta, steps = setting.kappa, setting.delta, len(rates)
    cells = setting.cells
    which = np.repeat(np.arange(len(cells)), count)
    share = np.array([cell.count / setting.n for cell in cells])[which] / count
    u = np.array([[cell.core, cell.spurious] for cell in cells])[which]
    u = u + rng.standard_normal(u.shape) * np.sqrt(setting.feature_variance)
    groups = np.array([cell.group for cell in cells])[which]
    weight, shift, scale = objective.resolve(groups, len(groups))
    a = np.zeros((steps + 1, steps + 1))
    r, memory = np.zeros((2, steps + 1, len(u)))
    response = np.zeros((steps + 1, steps + 1, len(u)))
    zeta = np.zeros((steps + 1, len(u)))
    c = np.zeros((steps + 1, steps + 1))
    p = np.ones(steps + 1)
    v = np.array(start[:2])
    found = []
    for k in range(steps + 1):
        memory[k] = a[k, :k] @ r[:k]
        for j in range(k + 1):
            total = kappa * (memory[k] * memory[j]) @ share
            c[k, j] = c[j, k] = total + start[2] ** 2 * p[k] * p[j]
        # ζ_k given the ζ before it.
        before = c[:k, :k] + 1e-12 * np.eye(k)
        mean = np.linalg.solve(before, c[:k, k]) if k else np.zeros(0)
        variance = max(c[k, k] - mean @ c[:k, k], 0.0)
        zeta[k] = mean @ zeta[:k] + np.sqrt(kappa / delta * variance) * rng.standard_normal(len(u))
        margins = u @ v + zeta[k] + kappa * memory[k]
        found.append((*v, np.sqrt(c[k, k])))
        r[k] = weight * scale * expit(-scale * margins - shift)
        slope = -r[k] * scale * expit(scale * margins + shift)
        response[k, k] = slope
        for j in range(k):
            response[k, j] = slope * kappa * (a[k, j:k] @ response[j:k, j])
        if k == steps:
            break
        e = rates[k]
        b = response[k, : k + 1] @ share
        v = v * (1 - strength * e) + e * (share * r[k]) @ u
        push = kappa / delta * (b @ a[: k + 1, : k + 1])
        a[k + 1, : k + 1] = a[k, : k + 1] * (1 - strength * e) + e * push
        a[k + 1, k] += e
        p[k + 1] = p[k] * (1 - strength * e) + e * kappa / delta * (b @ p[: k + 1])
    return np.array(found)


@pytest.mark.parametrize(
    ("setting", "method", "strength", "start"),
    [
        (FIGURE_1, "ERM", 0.0, (0.0, 0.0, 0.0)),
        (NOISY, "reweighting", 0.0, (0.0, 0.0, 0.0)),
        (NOISY, "vector scaling", 0.2, (0.3, -0.1, 0.0)),
        (FIGURE_1, "logit shifting", 0.0, (0.1, 0.0, 1.0)),
        (replace(NOISY, d=700), "logit shifting", 0.1, (0.0, 0.2, 0.7)),
    ],
)
def test_descent_is_p12_with_its_kernels(setting, method, strength, start):
    objective, rate, steps = METHODS[method](setting), 0.4, 12
    draws = np.array(
        [plain(setting, objective, [rate] * steps, 1500, s, strength, start) for s in range(12)]
    )
    expected, error = draws.mean(axis=0), draws.std(axis=0, ddof=1) / math.sqrt(len(draws))
    run = mean_field.descent(
        setting, objective, rate, steps, initial=start, strength=strength, sets=4
    )
    own = run.standard_error(coordinates)
    # The plain twin's means have a bias of a site's share.
    z = (run.coordinates - expected) / np.sqrt(error**2 + own**2 + 1e-4**2)
    assert np.abs(z).max() < 4.5
    assert error.max() < 0.01


@pytest.mark.parametrize(
    ("setting", "method"),
    [
        pytest.param(FIGURE_1, "ERM", marks=pytest.mark.slow),
        pytest.param(FIGURE_1, "logit shifting", marks=pytest.mark.slow),
        (NOISY, "reweighting"),
    ],
)
def test_flow_is_what_simulation_tends_to(setting, method):
    times = np.array([0.2, 2.0, 20.0, 1e3])
    draws = []
    for n in (200, 400):
        smaller = replace(setting, n=n, d=round(setting.delta * n))
        smaller = replace(smaller, sigma=math.sqrt(setting.kappa / smaller.delta))
        objective = METHODS[method](smaller)
        draws.append(
            [gradient_flow(draw(smaller, seed), objective, times).coordinates for seed in range(24)]
        )
    # The bias of a sample falls like 1/n.
    limit, error = extrapolated(*draws)
    run = mean_field.flow(setting, METHODS[method](setting), times, sets=4)
    own = run.standard_error(coordinates)
    assert np.abs((limit - run.coordinates) / np.hypot(error, own)).max() < 4


@pytest.mark.parametrize("rate", [0.02, 0.5])
def test_descent_is_what_simulation_tends_to(rate):
    steps = round(10 / rate)
    record = [round(1 / rate), steps]
    draws = []
    for n in (200, 400):
        smaller = Setting.figure_1(n=n, d=round(1.798 * n))
        runs = [
            gradient_descent(
                draw(smaller, seed), Objective.erm(), rate, steps, record=record, examples=False
            ).coordinates
            for seed in range(40)
        ]
        draws.append(runs)
    limit, error = extrapolated(*draws)
    run = mean_field.descent(FIGURE_1, Objective.erm(), rate, steps, record, sets=4)
    own = run.standard_error(coordinates)
    assert np.abs((limit - run.coordinates) / np.hypot(error, own)).max() < 4


def test_check_values():
    def minority(run):
        return run.accuracy(FIGURE_1).minority

    weighted = Objective.reweighting(FIGURE_1)
    for run, expected in (
        (
            mean_field.flow(FIGURE_1, weighted, [0.2, 2, 10, 40, 999], sets=4, sites=256),
            [0.8475, 0.6140, 0.5937, 0.5984, 0.6208],
        ),
        (
            mean_field.descent(FIGURE_1, weighted, 0.02, 1000, [10, 100, 500, 1000], sets=4),
            [0.8540, 0.6136, 0.5935, 0.5946],
        ),
    ):
        error = run.standard_error(minority)
        assert (np.abs(minority(run) - expected) < 4 * error + 1e-4).all()
        assert error.max() < 1e-3


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("label_noise", [0.0, 0.1])
def test_many_features_give_the_orthogonal_limit(method, label_noise):
    d = 9 * 10**15
    many = Setting(1000, d, 0.9, 5.0, math.sqrt(0.45 * 1000 / d), label_noise=label_noise)
    times = np.concatenate(([0.0], np.logspace(-3, 12, 31)))
    objective = METHODS[method](many)
    found = mean_field.flow(many, objective, times, sets=1, sites=2)
    expected = orthogonal.flow(many, objective, times)
    # Of order one, or of log t: at this δ the others' noise is 3e-7 of it.
    size = np.maximum(1, np.abs(expected.coordinates))
    assert (np.abs(found.coordinates - expected.coordinates) / size).max() < 1e-6
    assert np.abs(found.loss - expected.loss).max() < 1e-6


def test_the_step_has_fourth_order(monkeypatch):
    d = 9 * 10**15
    many = Setting(1000, d, 0.9, 5.0, math.sqrt(0.45 * 1000 / d))
    times = np.logspace(-2, 3, 20)
    expected = orthogonal.flow(many, Objective.erm(), times).coordinates
    errors = []
    for step in (0.24, 0.12):
        monkeypatch.setattr(stepping, "_STEP", step)
        found = mean_field.flow(many, Objective.erm(), times, sets=1, sites=2)
        errors.append(np.abs(found.coordinates - expected).max())
    assert errors[0] / errors[1] > 12


@pytest.mark.slow
def test_late_the_direction_is_that_of_the_max_margin():
    """w = ŵ log t + …, and t·ℓ(t) → ‖ŵ‖², with corrections that fall like a power of t."""
    limit = proportional.max_margin(FIGURE_1)
    run = mean_field.flow(FIGURE_1, Objective.erm(), [1e12, 1e16], sets=3)

    def slope(run):
        return np.diff(run.coordinates, axis=0)[0] / math.log(1e4)

    gap = np.abs(slope(run) - limit.coordinates)
    assert (gap < 4 * run.standard_error(slope) + 0.003).all()
    product = run.times[-1] * run.loss[-1]
    error = run.standard_error(lambda each: each.times[-1] * each.loss[-1])
    assert abs(product - limit.norm**2) < 4 * error + 1e-3


@pytest.mark.parametrize("method", METHODS)
def test_the_first_step_is_closed(method):
    """P7: v = t·Σ π qΔ sigmoid(−s) u, and ‖w_ε‖² = κ t²·Σ π (qΔ sigmoid(−s))²."""
    objective = METHODS[method](NOISY)
    run = mean_field.flow(NOISY, objective, [1e-7], sets=1)
    plane, square = np.zeros(2), 0.0
    for cell in NOISY.cells:
        weight, shift, scale = (float(x[0]) for x in objective.resolve([cell.group], 1))
        push = weight * scale * expit(-shift)
        plane += cell.count / NOISY.n * push * np.array([cell.core, cell.spurious])
        square += NOISY.kappa * cell.count / NOISY.n * push**2
    expected = 1e-7 * np.array([*plane, math.sqrt(square)])
    # Noise of the features is a mean over Sobol points.
    np.testing.assert_allclose(run.coordinates[0], expected, atol=2e-10)


@pytest.mark.parametrize(("setting", "strength"), [(FIGURE_1, 0.1), (FIGURE_1, 0.01), (NOISY, 0.1)])
def test_with_decay_it_comes_to_rest_at_the_ridge_solution(setting, strength):
    run = mean_field.flow(setting, Objective.erm(), [1e9], strength=strength, sets=4)
    expected = proportional.ridge_path(setting, Objective.erm(), [strength]).coordinates
    error = run.standard_error(coordinates)
    assert (np.abs(run.coordinates - expected) < 4 * error + 1e-3 * np.abs(expected)).all()


@pytest.mark.slow
def test_data_that_cannot_be_separated_come_to_rest_at_the_minimiser():
    mixed = Setting(1000, 50, 0.8, 2.0, 0.5, 0.3, 0.3, label_noise=0.1)
    assert proportional.separability_threshold(mixed) > 2 * mixed.delta
    run = mean_field.flow(mixed, Objective.erm(), [1e3, 1e12], sets=4)
    expected = proportional.ridge_path(mixed, Objective.erm(), [1e-9]).coordinates[0]
    error = run.standard_error(coordinates)[-1]
    assert (np.abs(run.coordinates[-1] - expected) < 4 * error + 0.005 * np.abs(expected)).all()


def test_data_that_never_come_to_rest_are_given_up(monkeypatch):
    monkeypatch.setattr(stepping, "_MOST_STEPS", 50)
    mixed = Setting(1000, 200, 0.8, 2.0, 0.5, 0.3, 0.3, label_noise=0.1)
    with pytest.raises(ResourceError, match="earlier times"):
        mean_field.flow(mixed, Objective.erm(), [1e12], sets=1, sites=16)


def test_descent_tends_to_flow_like_the_learning_rate():
    flow = mean_field.flow(FIGURE_1, Objective.erm(), [4.0], sets=1, sites=256).coordinates
    gaps = []
    for rate in (0.08, 0.04, 0.02):
        steps = round(4 / rate)
        found = mean_field.descent(
            FIGURE_1, Objective.erm(), rate, steps, [steps], sets=1, sites=256
        )
        gaps.append(np.abs(found.coordinates - flow).max())
    orders = np.log2(np.divide(gaps[:-1], gaps[1:]))
    assert (np.abs(orders - 1) < 0.15).all()


def test_small_exact_facts():
    # P14: w_y = Σ α_i with σ_y = 0 and no flips; and margins of the sites are what they train on.
    clean = Setting(1000, 2000, 0.9, 3.0, 0.5, spurious_noise=0.2)
    run = mean_field.flow(clean, Objective.logit_shifting(clean), [0.5, 50.0, 1e8], sets=2)
    np.testing.assert_allclose(run.dual @ run.shares, run.core, rtol=1e-5)
    np.testing.assert_allclose(np.sqrt(np.diag(run.correlation)), run.memory, rtol=1e-4)
    assert run.shares.sum() == pytest.approx(1)
    assert run.margins.shape == run.dual.shape == (3, len(run.shares))
    assert run.train.worst[-1] == 1
    inside = run.groups == MINORITY
    right = (run.margins > 0) @ (run.shares * inside) / run.shares[inside].sum()
    np.testing.assert_allclose(run.train.minority, right)


def test_a_random_start_without_memory_features_stays():
    bare = Setting(1000, 1798, 0.9, 5.0, 0.0, 0.12, 0.12)
    run = mean_field.flow(bare, Objective.erm(), [1.0, 100.0], initial=(0, 0, 0.8), sets=1)
    np.testing.assert_allclose(run.memory, 0.8)
    none = mean_field.flow(replace(bare, d=0, sigma=1.0), Objective.erm(), [1.0, 100.0], sets=1)
    np.testing.assert_allclose(none.coordinates[:, :2], run.coordinates[:, :2], rtol=1e-12)


def test_times_on_the_way_do_not_change_the_way():
    few = mean_field.flow(FIGURE_1, Objective.erm(), [3.0, 1e4], sets=2, sites=64)
    many = mean_field.flow(FIGURE_1, Objective.erm(), np.logspace(-2, 4, 50), sets=2, sites=64)
    np.testing.assert_array_equal(few.coordinates[-1], many.coordinates[-1])
    assert (np.diff(many.memory) > 0).all()
    start = mean_field.flow(FIGURE_1, Objective.erm(), [0.0, 0.0, 1.0], sets=1, sites=64)
    np.testing.assert_array_equal(start.coordinates[:2], 0)


def test_the_seed_decides():
    first, second, other = (
        mean_field.flow(FIGURE_1, Objective.erm(), [5.0], seed=seed, sets=2, sites=64).coordinates
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


@pytest.mark.slow
def test_errors_fall_faster_than_one_over_the_root_of_the_sites():
    errors = []
    for sites in (64, 1024):
        run = mean_field.flow(FIGURE_1, Objective.erm(), [20.0], sets=12, sites=sites)
        errors.append(run.standard_error(lambda each: each.accuracy(FIGURE_1).minority)[0])
    assert errors[1] < errors[0] / 6


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("times", {"times": [-1.0]}),
        ("times", {"times": [1e17]}),
        ("strength", {"strength": -1.0}),
        ("seed", {"seed": -1}),
        ("sets", {"sets": 0}),
        ("sites", {"sites": 48}),
        ("sites", {"sites": 1}),
        ("initial", {"initial": (0.0, 1.0)}),
        ("initial", {"initial": (0.0, 1.0, -1.0)}),
        ("weight", {"objective": Objective(weight=np.ones(1000))}),
    ],
)
def test_what_cannot_be_followed_is_refused(field, options):
    given = {"objective": Objective.erm(), "times": [1.0], **options}
    with pytest.raises(SettingError) as caught:
        mean_field.flow(FIGURE_1, **given)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("learning_rate", {"learning_rate": 0.0}),
        ("steps", {"steps": 1.5}),
        ("record", {"record": [3, 2]}),
        ("record", {"record": [11]}),
    ],
)
def test_what_cannot_be_descended_is_refused(field, options):
    given = {"learning_rate": 0.1, "steps": 10, **options}
    with pytest.raises(SettingError) as caught:
        mean_field.descent(FIGURE_1, Objective.erm(), **given)
    assert caught.value.field == field


def test_one_set_has_no_standard_error():
    run = mean_field.flow(FIGURE_1, Objective.erm(), [1.0], sets=1, sites=16)
    with pytest.raises(PitfallsError, match="sets"):
        run.standard_error(coordinates)


def left_of_pushes(setting, objective, rate, steps, pushed, seed, strength=0.0, directions=40):
    """What a sample leaves of pushes after ``pushed`` steps, by the tangent of plain descent."""
    rng = np.random.default_rng(seed)
    sample = draw(setting, seed, "explicit")
    z, n = sample.labels[:, None] * sample.features, sample.n
    weight, shift, scale = objective.resolve(sample.groups, n)
    w = np.zeros(z.shape[1])
    push = rng.standard_normal((z.shape[1], directions))
    push[:2] = 0
    push /= np.linalg.norm(push, axis=0)
    tangent = None
    for step in range(steps):
        if step == pushed:
            tangent = push.copy()
        argument = -scale * (z @ w) - shift
        if tangent is not None:
            slope = -weight * scale**2 * expit(argument) * expit(-argument)
            tangent += rate * (z.T @ (slope[:, None] * (z @ tangent)) / n - strength * tangent)
        w += rate * (z.T @ (weight * scale * expit(argument)) / n - strength * w)
    return (tangent * push).sum(axis=0).mean()


@pytest.mark.parametrize(("method", "strength"), [("ERM", 0.0), ("logit shifting", 0.2)])
def test_the_response_is_what_a_sample_leaves_of_a_push(method, strength):
    rate, steps, pushed = 0.25, 40, 8
    draws = []
    for n in (150, 300):
        smaller = replace(NOISY, n=n, d=round(NOISY.delta * n))
        objective = METHODS[method](smaller)
        left = [
            left_of_pushes(smaller, objective, rate, steps, pushed, seed, strength)
            for seed in range(24)
        ]
        draws.append(left)
    limit, error = extrapolated(*draws)
    run = mean_field.descent(
        NOISY,
        METHODS[method](NOISY),
        rate,
        steps,
        [pushed, steps],
        strength=strength,
        sets=2,
        response=True,
        examples=False,
    )
    assert abs(limit - run.response[1, 0]) < 4 * error
    assert error < 0.01
    assert run.response[1, 0] < 0.95
    np.testing.assert_array_equal(np.diag(run.response), 1)
    assert run.response[0, 1] == 0


def test_what_is_left_of_a_start_is_its_response():
    """Two ways to A(t, 0): a random start's own direction, and the equations linearised."""
    times = [0.0, 0.5, 5.0, 50.0]
    options = {"initial": (0, 0, 1.0), "strength": 0.01, "sets": 2, "response": True}
    flow = mean_field.flow(FIGURE_1, Objective.erm(), times, **options)
    np.testing.assert_allclose(flow.response[:, 0], flow.correlation[:, 0], atol=4e-3)
    rate = 0.05
    record = [0, round(0.5 / rate), round(5 / rate)]
    steps = mean_field.descent(FIGURE_1, Objective.erm(), rate, record[-1], record, **options)
    np.testing.assert_allclose(steps.response[:, 0], steps.correlation[:, 0], atol=4e-3)
    np.testing.assert_allclose(steps.response, flow.response[:3, :3], atol=4e-3)


def test_the_response_of_constant_slopes_is_a_mean_over_marchenko_and_pastur():
    system = cell_system(Setting(1000, 1000, 0.5, 1.0, 1.0), Objective.erm())
    sites = Sites(system, 1.0, 0.0, 1024, (0,), fresh=48)
    left, slope = Response(sites), -np.ones(2048)
    left.to(0.0, slope)
    left.push()
    found = []
    for time in (0.5, 1.0, 4.0):
        left.to(time, slope)
        found.append(left.remaining[0])
    nodes = 4 * np.sin(np.linspace(0, np.pi / 2, 20_001)) ** 2
    density = np.sqrt(nodes * (4 - nodes)) / (2 * np.pi * np.maximum(nodes, 1e-300))
    expected = [np.trapezoid(np.exp(-nodes * time) * density, nodes) for time in (0.5, 1.0, 4.0)]
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_the_response_of_the_unseen_part_stays():
    """Without decay 1 − 1/δ of a push stays for ever; with decay and δ → ∞ it is e^{−λ(t − t′)}."""
    run = mean_field.flow(
        FIGURE_1, Objective.erm(), [0.0, 1.0, 1e3, 1e9], sets=1, sites=256, response=True
    )
    assert (run.response[np.tril_indices(4)] > 1 - 1 / FIGURE_1.delta).all()
    assert (np.diff(run.response, axis=0)[np.tril_indices(3)] < 0).all()
    many = Setting(1000, 10**12, 0.9, 5.0, math.sqrt(0.45e-9))
    decaying = mean_field.flow(
        many, Objective.erm(), [1.0, 3.0, 20.0], strength=0.3, sets=1, sites=2, response=True
    )
    gap = np.array([1.0, 3.0, 20.0])
    expected = np.tril(np.exp(-0.3 * (gap[:, None] - gap)))
    np.testing.assert_allclose(decaying.response, expected, atol=1e-3)


def test_what_only_the_limit_knows_can_be_left_out():
    options = {"sets": 3, "sites": 64}
    whole = mean_field.descent(FIGURE_1, Objective.erm(), 0.1, 50, "log", **options)
    bare = mean_field.descent(FIGURE_1, Objective.erm(), 0.1, 50, "log", examples=False, **options)
    np.testing.assert_array_equal(whole.coordinates, bare.coordinates)
    np.testing.assert_array_equal(whole.train.minority, bare.train.minority)
    assert bare.dual is bare.margins is bare.correlation is bare.response is None
    assert bare.sets[0].dual is None
    np.testing.assert_array_equal(whole.sets[1].margins, np.split(whole.margins, 3, axis=1)[1])


def test_a_run_that_does_not_fit_is_refused_before_it_starts(monkeypatch):
    monkeypatch.setattr(resources, "available", lambda: 1e8)
    with pytest.raises(ResourceError, match="examples=False"):
        mean_field.descent(FIGURE_1, Objective.erm(), 0.02, 1000)
    with pytest.raises(ResourceError, match="no response"):
        mean_field.descent(
            FIGURE_1, Objective.erm(), 0.02, 1000, examples=False, response=True, sets=1
        )
    with pytest.raises(ResourceError, match="record='log'"):
        mean_field.descent(FIGURE_1, Objective.erm(), 0.02, 10**9)
