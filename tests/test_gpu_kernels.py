"""The CUDA kernels against NumPy and the CPU engines: on the host as C++, and on a GPU.

Every test of a ``device`` runs twice: on kernels compiled for the host, and, marked ``gpu``, on a
CUDA device, where there is one.
"""

import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from host_device import COMPILER, NO_COMPILER, HostDevice
from pitfalls.sims import draw, gpu, gradient_descent, gradient_flow, max_margin, stream
from pitfalls.sims.gpu import launch, sources
from pitfalls.sims.gpu.training import methods_of
from pitfalls.theory import Objective, ResourceError, Setting, SettingError, resources
from samples import difference, z_of_mean, z_scores
from scipy.stats import chi2, kstest, norm

SETTING = Setting(n=40, d=90, rho=0.8, gamma=3.0, sigma=0.4, core_noise=0.1, spurious_noise=0.2)
# n < d, n = d and n > d; more than one tile of 64; an n that is no multiple of anything.
SETTINGS = [
    SETTING,
    Setting(n=5, d=5, rho=0.6, gamma=2.0, sigma=1.0),
    Setting(n=70, d=33, rho=0.9, gamma=5.0, sigma=0.3),
    Setting(n=131, d=10**9, rho=0.8, gamma=3.0, sigma=1e-4, label_noise=0.1),
]


def host(**changes):
    if COMPILER is None:
        pytest.skip(NO_COMPILER)
    return HostDevice(**changes)


@pytest.fixture(params=["host", pytest.param("gpu", marks=pytest.mark.gpu)])
def device(request):
    if request.param == "host":
        return host()
    try:
        return gpu.open_device()
    except ResourceError as error:
        pytest.skip(str(error))


def streams(count, seed=0):
    return [stream(seed, 0, i) for i in range(count)]


def some_objectives(sample):
    setting = sample.setting
    return [
        Objective.erm(),
        Objective.reweighting(setting),
        Objective.logit_shifting(setting),
        Objective.vector_scaling(setting, {1: 1.5, 0: 0.5}),
    ]


def resolved(sample, objectives):
    return [each.resolve(sample.groups, sample.n) for each in objectives]


def columns(run):
    return np.column_stack((run.coordinates, run.loss, run.train.majority, run.train.minority))


# Draws.


def words(key, counter):
    """Philox 4×64-10 of a counter, by NumPy, which counts one further before it begins."""
    whole = sum(int(c) << (64 * i) for i, c in enumerate(counter)) - 1
    return np.random.Philox(key=key, counter=whole % 2**256).random_raw(4)


def uniforms(raw):
    return ((raw >> np.uint64(11)).astype(float) + 0.5) * 2.0**-53


def box_muller(first, second):
    length, angle = np.sqrt(-2 * np.log(first)), 2 * np.pi * second
    return length * np.cos(angle), length * np.sin(angle)


def chi(degrees, position, key):
    """Marsaglia & Tsang's gamma, plainly."""
    a = degrees / 2 - 1 / 3
    for attempt in range(100):
        u = uniforms(words(key, (position, attempt, 2, 0)))
        normal, _ = box_muller(u[0], u[1])
        if degrees < 2:
            return abs(normal)
        v = (1 + normal / np.sqrt(9 * a)) ** 3
        if v > 0 and np.log(u[2]) < normal**2 / 2 + a - a * v + a * np.log(v):
            return np.sqrt(2 * a * v)
    raise AssertionError


def plain_draw(setting, seed):
    """The plane and L of a draw, number by number."""
    key = np.random.SeedSequence(
        seed.entropy, spawn_key=(*seed.spawn_key, 2**31 + 2**24)
    ).generate_state(2, np.uint64)
    n, width = setting.n, min(setting.n, setting.d)
    means = np.concatenate([np.tile((c.core, c.spurious), (c.count, 1)) for c in setting.cells])
    plane, factor = np.empty((n, 2)), np.zeros((n, width))
    for i in range(n):
        u = uniforms(words(key, (i, 0, 0, 0)))
        plane[i] = means[i] + np.array(box_muller(u[0], u[1])) * np.sqrt(setting.feature_variance)
        for quad in range(-(-min(i, width) // 4)):
            u = uniforms(words(key, (quad, i, 1, 0)))
            four = [*box_muller(u[0], u[1]), *box_muller(u[2], u[3])]
            for j in range(4 * quad, min(4 * quad + 4, i, width)):
                factor[i, j] = setting.sigma * four[j % 4]
        if i < width:
            factor[i, i] = setting.sigma * chi(setting.d - i, i, key)
    return plane, factor


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_draw_is_its_plain_twin(device, setting):
    seeds = streams(2, 3)
    batch = gpu.Batch.draw(device, [setting] * 2, seeds)
    for index, seed in enumerate(seeds):
        plane, factor = plain_draw(setting, seed)
        sample = batch.sample(index)
        assert difference(sample.plane, plane) < 1e-13
        # Lengths of large d come from logarithms of numbers close to one.
        assert difference(sample.gram.memory_matrix(), factor @ factor.T) < 1e-11
        assert (sample.gram.memory_matrix() == sample.gram.memory_matrix().T).all()
        assert set(sample.labels) <= {-1.0, 1.0}
        cpu = draw(setting, seed)
        assert (sample.groups == cpu.groups).all()


@pytest.mark.parametrize("d", [1, 2, 3, 40, 10**9])
def test_lengths_are_chi_square(device, d):
    # The squared length of every example, the second of which is made of a normal and a chi.
    setting = Setting(n=2, d=d, rho=0.5, gamma=1.0, sigma=1.0)
    batch = gpu.Batch.draw(device, [setting] * 400, streams(400, d))
    squares = device.fetch(batch.matrices)[:, [0, 1], [0, 1]]
    for column in squares.T:
        assert kstest(column, chi2(d).cdf).pvalue > 1e-3
    inner = device.fetch(batch.matrices)[:, 0, 1]
    assert abs(norm.isf(kstest(inner / np.sqrt(squares[:, 0]), "norm").pvalue)) < 3.5


def test_explicit_features_have_the_law_of_the_factor(device, monkeypatch):
    n, d, count = 12, 15, 150
    setting = Setting(n=n, d=d, rho=0.5, gamma=1.0, sigma=0.5)

    def entries(kind, seed):
        batch = gpu.Batch.draw(device, [setting] * count, streams(count, seed), kind)
        return device.fetch(batch.matrices)[:, :, :n][:, *np.tril_indices(n)]

    explicit, factor = entries("explicit", 0), entries("gram", 1)
    monkeypatch.setattr("pitfalls.sims.gpu.batch._COLUMNS", 8)
    # In columns of eight at a time: the same features, added up in another order.
    assert difference(explicit, entries("explicit", 0)) < 1e-14
    for found in (explicit, factor):
        expected = 0.25 * d * np.eye(n)[np.tril_indices(n)]
        assert np.abs(z_of_mean(found, expected)).max() < 4.5
    assert np.abs(z_scores(explicit, factor)).max() < 4.5
    squares = [(each - each.mean(axis=0)) ** 2 for each in (explicit, factor)]
    assert np.abs(z_scores(*squares)).max() < 4.5


def test_a_replicate_does_not_depend_on_its_batch(device):
    wide = replace(SETTING, n=24)
    settings = [wide, wide, Setting(n=24, d=12, rho=0.9, gamma=2.0, sigma=1.0)]
    seeds, times = streams(3), np.array([1.0, 1e3])
    together = gpu.Batch.draw(device, settings, seeds)
    for index in range(3):
        alone = gpu.Batch.draw(device, settings[index : index + 1], seeds[index : index + 1])
        for batch, at in ((together, index), (alone, 0)):
            sample = batch.sample(at)
            numbers = methods_of(resolved(sample, some_objectives(sample)[:3]), 0.1)
            methods = np.stack([numbers] * len(batch))
            found = (
                device.fetch(batch.matrices[at]).tobytes(),
                gpu.descend(batch, methods, np.array([0, 7])).values[at].tobytes(),
                gpu.flow(batch, methods, times).values[at].tobytes(),
                gpu.max_margins(batch, *np.ones((2, len(batch), 24))).dual[at].tobytes(),
            )
            if batch is together:
                first = found
        assert found == first


def test_where_the_array_lies_changes_no_byte():
    sample = draw(SETTING, 0)
    numbers = methods_of(resolved(sample, some_objectives(sample)), 0.1)[None]
    found = []
    for most_shared in (232_448, 20_000):
        device = host(most_shared=most_shared)
        batch = gpu.Batch.of(device, [sample])
        found.append(gpu.descend(batch, numbers, np.array([9])).values.tobytes())
        found.append(gpu.flow(batch, numbers, np.array([10.0])).values.tobytes())
        resident = "true" if most_shared > 20_000 else "false"
        assert device.launched[-2:] == [f"{k}<double, 4, {resident}>" for k in ("descend", "flow")]
    assert found[:2] == found[2:]


def everything(device):
    """The bytes of a bit of everything."""
    seeds = streams(2)
    settings = [SETTING, Setting(n=40, d=20, rho=0.9, gamma=2.0, sigma=1.0)]
    batch = gpu.Batch.draw(device, settings, seeds)
    explicit = gpu.Batch.draw(device, settings[:1], seeds[:1], "explicit")
    sample = batch.sample(0)
    numbers = np.stack([methods_of(resolved(sample, some_objectives(sample)), 0.1)] * 2)
    found = [
        *(device.fetch(each.matrices) for each in (batch, explicit)),
        gpu.descend(batch, numbers, np.array([0, 3]), examples=True).values,
        gpu.descend(batch, numbers, np.array([3]), single=True).values,
        gpu.flow(batch, numbers, np.array([0.0, 5.0])).values,
        *gpu.max_margins(batch, *np.ones((2, 2, 40))),
    ]
    return [np.asarray(each).tobytes() for each in found]


@pytest.mark.parametrize("order", [1, 2])
def test_no_byte_depends_on_the_order_of_the_threads(order):
    # Between two barriers: what one thread writes there, no other may read.
    assert everything(host(order=order)) == everything(host())


@pytest.mark.slow
def test_a_race_and_a_barrier_that_some_miss_are_seen(monkeypatch, tmp_path):
    if COMPILER is None:
        pytest.skip(NO_COMPILER)
    shutil.copytree(sources.FOLDER, tmp_path / "cuda")
    monkeypatch.setattr("host_device.FOLDER", tmp_path / "cuda")
    source = tmp_path / "cuda" / "common.cuh"
    text = source.read_text()
    staged = "__syncthreads();\n    for (int unit"
    assert text.count(staged) == 1
    source.write_text(text.replace(staged, "for (int unit"))
    assert everything(host(order=1)) != everything(host())
    source.write_text(text.replace(staged, "if (threadIdx.x) " + staged))
    with pytest.raises(AssertionError, match="different barriers"):
        everything(host())


def test_settings_of_a_batch_have_one_n(device):
    others = [Setting(n=9, d=40, rho=0.8, gamma=3.0, sigma=0.4)]
    with pytest.raises(SettingError, match="of one n"):
        gpu.Batch.draw(device, [SETTING, *others], streams(2))
    with pytest.raises(SettingError, match="'gram' or 'explicit'"):
        gpu.Batch.draw(device, [SETTING], streams(1), "orthogonal")
    with pytest.raises(SettingError, match="at most 65535"):
        gpu.Batch.draw(device, [SETTING] * 70_000, [])


@pytest.mark.parametrize("steps", [[], [2, 2], [5, 2], [-1, 3]])
def test_what_is_recorded_increases(device, steps):
    sample = draw(SETTING, 0)
    numbers = methods_of(resolved(sample, [Objective.erm()]), 0.1)[None]
    batch = gpu.Batch.of(device, [sample])
    with pytest.raises(SettingError, match=r"recorded = .*increasing"):
        gpu.descend(batch, numbers, np.array(steps))
    with pytest.raises(SettingError, match=r"times = .*increasing"):
        gpu.flow(batch, numbers, np.array(steps, dtype=float))


def test_a_flow_of_what_is_no_number_is_given_up(device):
    sample = draw(SETTING, 0)
    numbers = methods_of(resolved(sample, [Objective.erm()]), 1.0)[None]
    batch = gpu.Batch.of(device, [sample])
    batch.matrices[0, 3, 4] = np.nan
    assert not gpu.flow(batch, numbers, np.array([1.0])).done.any()
    # Where nothing counts nothing moves, which is no error.
    batch = gpu.Batch.of(device, [sample])
    still = gpu.flow(batch, numbers * [[[[1.0]], [[1.0]], [[0.0]], [[0.0]]]], np.array([1.0]))
    assert still.done.all()
    assert (still.values[..., :3] == 0).all()


# Training.


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("setting", SETTINGS)
def test_descent_is_the_cpus(device, setting, count):
    sample = draw(setting, 1)
    objectives = some_objectives(sample)[:count]
    batch = gpu.Batch.of(device, [sample, sample])
    numbers = methods_of(resolved(sample, objectives), 0.1)
    record = np.array([0, 1, 30])
    found = gpu.descend(batch, np.stack([numbers] * 2), record, examples=True)
    runs = gradient_descent(sample, objectives, 0.1, 30, record=record)
    for k, run in enumerate(runs):
        assert difference(found.values[1, :, k], columns(run)) < 1e-12
        assert difference(found.dual[1, :, k], run.dual) < 1e-12
        assert difference(found.margins[1, :, k], run.margins) < 1e-12


def test_descent_in_several_launches_is_the_one_in_one(device, monkeypatch):
    sample = draw(SETTING, 1)
    batch = gpu.Batch.of(device, [sample])
    numbers = methods_of(resolved(sample, some_objectives(sample)), 0.1)[None]
    record = np.array([0, 3, 4, 20])
    whole = gpu.descend(batch, numbers, record).values
    monkeypatch.setattr("pitfalls.sims.gpu.training._READ_A_LAUNCH", 3 * 40 * 44)
    assert (gpu.descend(batch, numbers, record).values == whole).all()


def test_dual_weights_of_many_examples_come_in_tiles(device):
    # More examples than dual weights are held at a time; the sums spill to global memory.
    setting = Setting(n=1100, d=2000, rho=0.8, gamma=3.0, sigma=0.3)
    assert launch.planned(1100, 4, False, 232_448).tile_rows == 1024
    sample = draw(setting, 0)
    objectives = [*some_objectives(sample), *some_objectives(sample)[:1]]
    runs = gradient_descent(sample, objectives, 0.5, 2, record=[2], backend=device)
    for run, twin in zip(
        runs, gradient_descent(sample, objectives, 0.5, 2, record=[2]), strict=True
    ):
        assert difference(columns(run), columns(twin)) < 1e-12


def test_sums_that_do_not_fit_beside_the_block_spill(device, monkeypatch):
    monkeypatch.setattr(launch, "_PARTIAL", 0)
    sample = draw(SETTING, 1)
    assert not launch.planned(40, 1, False, 232_448).partial_inside
    run = gradient_descent(sample, Objective.erm(), 0.1, 9, backend=device)
    assert difference(columns(run), columns(gradient_descent(sample, Objective.erm(), 0.1, 9))) < (
        1e-12
    )


def test_single_precision_is_within_its_bound(device):
    sample = draw(SETTING, 1)
    objectives = some_objectives(sample)
    for each, run in zip(
        gradient_descent(sample, objectives, 0.1, 200, single=True, backend=device),
        gradient_descent(sample, objectives, 0.1, 200),
        strict=True,
    ):
        size = np.linalg.norm(run.coordinates[1:], axis=1)[:, None]
        error = np.abs(each.coordinates[1:] - run.coordinates[1:]) / size
        assert 0 < error.max() < 1e-6


@pytest.mark.parametrize("setting", SETTINGS[:2])
def test_a_flow_is_the_cpus(device, setting):
    sample = draw(setting, 1)
    objectives, times = some_objectives(sample), [0.0, 0.3, 20.0, 1e6]
    runs = gradient_flow(sample, objectives, times, backend=device)
    # At a tenth of the tolerance the CPU's own error is no part of the difference.
    twins = gradient_flow(sample, objectives, times, tolerance=1e-11)
    for run, twin in zip(runs, twins, strict=True):
        assert difference(columns(run), columns(twin)) < 1e-7
        assert (run.dual[0] == 0).all()
        assert difference(run.margins, twin.margins) < 1e-7


def test_times_of_a_flow_may_repeat(device):
    sample = draw(SETTING, 4)
    run = gradient_flow(sample, Objective.erm(), [0.0, 2.0, 2.0, 5.0], backend=device)
    once = gradient_flow(sample, Objective.erm(), [0.0, 2.0, 5.0], backend=device)
    assert run.times.tolist() == [0.0, 2.0, 2.0, 5.0]
    assert (run.coordinates == once.coordinates[[0, 1, 1, 2]]).all()
    assert (run.dual == once.dual[[0, 1, 1, 2]]).all()


def test_the_flows_error_falls_with_its_tolerance(device):
    sample = draw(SETTING, 2)
    numbers = methods_of(resolved(sample, [Objective.erm()]), 1.0)[None]
    batch, times = gpu.Batch.of(device, [sample]), np.array([50.0])
    exact = gradient_flow(sample, Objective.erm(), times, tolerance=1e-12).coordinates[0]
    errors = [
        np.abs(gpu.flow(batch, numbers, times, tolerance=t).values[0, 0, 0, :3] - exact).max()
        for t in (1e-5, 1e-7, 1e-9, 1e-11)
    ]
    assert all(np.diff(np.log10(errors)) < -1)
    assert errors[-1] < 1e-11


def test_a_stiff_flow_is_given_up_and_goes_to_the_cpu(device, monkeypatch):
    sample = draw(SETTING, 2)
    batch = gpu.Batch.of(device, [sample])
    numbers = methods_of(resolved(sample, [Objective.erm()]), 1.0)[None]
    assert gpu.flow(batch, numbers, np.array([1e3])).done.all()
    assert not gpu.flow(batch, numbers, np.array([1e3]), most_products=50).done.any()
    monkeypatch.setattr("pitfalls.sims.gpu.training._MOST_PRODUCTS", 50)
    run = gradient_flow(sample, Objective.erm(), [1e3], backend=device)
    twin = gradient_flow(sample, Objective.erm(), [1e3])
    assert (run.coordinates == twin.coordinates).all()


@pytest.mark.parametrize("start", [(0.3, -0.2, 0.0), (0.1, 0.2, 1.5)])
def test_training_from_other_weights_is_the_cpus(device, start):
    sample = draw(SETTING, 4)
    runs = [
        gradient_descent(sample, Objective.erm(), 0.1, 20, start, backend=backend)
        for backend in (device, "cpu")
    ]
    assert difference(columns(runs[0]), columns(runs[1])) < 1e-12
    flows = [
        gradient_flow(sample, Objective.erm(), [0.0, 5.0], start, backend=backend)
        for backend in (device, "cpu")
    ]
    assert difference(columns(flows[0]), columns(flows[1])) < 1e-8


def test_data_that_cannot_be_separated_flow_on_the_cpu(device):
    sample = draw(Setting(n=40, d=4, rho=0.8, gamma=3.0, sigma=0.4, label_noise=0.2), 0)
    run = gradient_flow(sample, Objective.erm(), [10.0], backend=device)
    assert (run.coordinates == gradient_flow(sample, Objective.erm(), [10.0]).coordinates).all()


# Max margins.


@pytest.mark.parametrize(
    "setting",
    [*SETTINGS[:2], SETTINGS[3], Setting(n=150, d=300, rho=0.9, gamma=5.0, sigma=0.5)],
)
def test_a_max_margin_is_the_cpus(device, setting):
    sample = draw(setting, 1)
    kept = np.arange(setting.n) % 7 != 0
    for objective in (
        Objective.erm(),
        Objective.vector_scaling(setting, {1: 1.5, 0: 0.5}),
        Objective(name="few", weight=np.where(kept, 1.0, 0.0)),
    ):
        found = max_margin(sample, objective, backend=device)
        twin = max_margin(sample, objective)
        assert found.kkt_residual < 1e-10
        for one, other in (
            (found.core, twin.core),
            (found.spurious, twin.spurious),
            (found.memory, twin.memory),
            (found.dual, twin.dual),
            (found.margins, twin.margins),
        ):
            assert difference(one, other) < 1e-8
        assert found.support == twin.support


def test_what_the_exchanges_give_up_the_cpu_solves(device):
    # Two examples that are one: the certificate of the device is none.
    setting = Setting(n=30, d=20, rho=0.8, gamma=3.0, sigma=0.4)
    sample = draw(setting, 0, kind="explicit")
    batch = gpu.Batch.of(device, [sample])
    assert np.isinf(gpu.max_margins(batch, *np.ones((2, 1, 30))).kkt_residual).all()
    found, twin = max_margin(sample, backend=device), max_margin(sample)
    assert (found.core, found.spurious) == (twin.core, twin.spurious)


def test_draws_from_a_device_are_samples_like_others(device):
    sample = draw(SETTING, 5, backend=device)
    assert sample.setting == SETTING
    assert max_margin(sample).kkt_residual < 1e-10
    assert (draw(SETTING, 5, backend=device).plane == sample.plane).all()
    assert (draw(SETTING, 6, backend=device).plane != sample.plane).any()
    # What has no Gram matrix is the CPU's.
    limit = draw(SETTING, 5, "orthogonal", backend=device)
    assert (limit.plane == draw(SETTING, 5, "orthogonal").plane).all()


def test_the_orthogonal_limit_takes_no_matrix_on_a_device_either():
    sample = draw(Setting(n=10**5, d=10**9, rho=0.9, gamma=5.0, sigma=0.02), 0, "orthogonal")
    # It would fail at the first array.
    nothing = SimpleNamespace(launch=None)
    for solve in (
        lambda backend: max_margin(sample, backend=backend),
        lambda backend: gradient_flow(sample, Objective.erm(), [1.0], backend=backend),
        lambda backend: gradient_descent(sample, Objective.erm(), 0.1, 2, backend=backend),
    ):
        assert (solve(nothing).coordinates == solve("cpu").coordinates).all()


def test_what_the_host_cannot_bring_to_a_device_is_refused(device, monkeypatch):
    sample = draw(SETTING, 0)
    monkeypatch.setattr(resources, "_TRIFLE", 0.0)
    monkeypatch.setattr(resources, "available", lambda: 20_000.0)
    with pytest.raises(ResourceError, match=r"1 Gram matrices of 40 examples .*use backend 'cpu'"):
        gpu.Batch.of(device, [sample])
