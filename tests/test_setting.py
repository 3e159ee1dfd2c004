"""The setting: what it accepts, how it refuses, and the cells it makes."""

import dataclasses
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pitfalls.theory import (
    MAJORITY,
    MINORITY,
    NotSeparableError,
    PitfallsError,
    ResourceError,
    Setting,
    SettingError,
)
from strategies import settings

LEGAL = {
    "n": 10,
    "d": 50,
    "rho": 0.9,
    "gamma": 5.0,
    "sigma": 0.5,
    "core_noise": 0.1,
    "spurious_noise": 0.1,
    "label_noise": 0.1,
}
NUMBERS = [field for field in LEGAL if field not in ("n", "d")]
RANGE = {
    "n": "an integer ≥ 1 (up to 10¹²)",
    "d": "an integer ≥ 0 (up to 2⁵³)",
    "rho": "a number in [0, 1]",
    "label_noise": "a number in [0, 0.5]",
} | dict.fromkeys(
    ("gamma", "sigma", "core_noise", "spurious_noise"), "a finite number ≥ 0 (up to 1e100)"
)

ILLEGAL = (
    [
        (field, value)
        for field in LEGAL
        for value in (math.nan, math.inf, -math.inf, -1, True, np.True_, "1", None, [1], 1j)
    ]
    + [(field, value) for field in ("n", "d") for value in (1.5, 3.0, np.float64(3.0), 2**53 + 1)]
    + [("n", 0), ("d", np.nan), ("rho", 1 + 1e-9), ("label_noise", 0.5 + 1e-9)]
    + [(field, 10**400) for field in NUMBERS]
    + [(field, np.array([0.5])) for field in NUMBERS]
)


@pytest.mark.parametrize(("field", "value"), ILLEGAL)
def test_illegal_value_is_refused_with_field_value_range_and_fix(field, value):
    with pytest.raises(SettingError) as caught:
        Setting(**LEGAL | {field: value})
    error, message = caught.value, str(caught.value)
    assert error.field == field
    assert error.value is value
    assert error.allowed == RANGE[field]
    assert error.fix
    assert message.startswith(f"{field} = ")
    assert repr(value)[:70] in message
    assert f"must be {RANGE[field]}." in message
    assert message.endswith(error.fix)


@pytest.mark.parametrize("field", ["n", "d"])
def test_integer_valued_float_is_told_how_to_be_written(field):
    with pytest.raises(SettingError, match=f"Write it as an integer: {field}=300"):
        Setting(**LEGAL | {field: 300.0})


@pytest.mark.parametrize("field", ["n", "gamma"])
def test_refusal_of_an_enormous_integer_can_be_printed(field):
    # Python refuses to write integers of more than 4300 digits in decimal.
    with pytest.raises(SettingError) as caught:
        Setting(**LEGAL | {field: 10**5000})
    assert str(caught.value).startswith(f"{field} = ")


@pytest.mark.parametrize(
    ("field", "value"),
    [("n", 1), ("n", 10**12), ("d", 0), ("d", 2**53), ("rho", 0), ("rho", 1), ("label_noise", 0.5)]
    + [(field, 0) for field in NUMBERS]
    + [(field, np.float32(0.25)) for field in NUMBERS]
    + [(field, np.int64(7)) for field in ("n", "d")],
)
def test_ends_of_the_ranges_and_numpy_scalars_are_legal(field, value):
    kept = getattr(Setting(**LEGAL | {field: value}), field)
    assert kept == value
    assert type(kept) is (int if field in ("n", "d") else float)


def test_setting_error_is_a_value_error_of_the_family():
    assert issubclass(SettingError, PitfallsError)
    assert issubclass(NotSeparableError, PitfallsError)
    assert issubclass(ResourceError, PitfallsError)
    assert issubclass(PitfallsError, ValueError)


@pytest.mark.parametrize(
    "error",
    [
        SettingError("rho", 1.2, "a number in [0, 1]", "Give a fraction."),
        NotSeparableError("two opposite examples", evidence=0.25),
        ResourceError("needs 80 GB"),
        PitfallsError("no"),
    ],
)
def test_errors_survive_a_process_boundary(error):
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


def test_long_values_are_cut_in_the_message():
    message = str(SettingError("groups", list(range(1000)), "short"))
    assert len(message) < 130
    assert "..." in message


def test_setting_is_frozen_hashable_and_picklable():
    setting = Setting(**LEGAL)
    counts = [cell.count for cell in setting.cells]
    with pytest.raises(dataclasses.FrozenInstanceError):
        setting.n = 11
    assert dataclasses.replace(setting, n=11).n == 11
    copy = pickle.loads(pickle.dumps(setting))
    assert copy == setting
    assert hash(copy) == hash(setting)
    assert [cell.count for cell in copy.cells] == counts


@given(settings())
def test_counts_are_a_rounding_that_sums_to_n(setting):
    counts = [cell.count for cell in setting.cells]
    assert sum(counts) == setting.n
    assert min(counts) > 0
    # Largest remainder moves each count by less than one example.
    assert all(abs(cell.count - setting.n * cell.share) < 1 + 1e-6 for cell in setting.cells)


@given(st.integers(0, 10**12 - 1), st.floats(0, 1), st.floats(0, 0.5))
def test_counts_sum_to_n_up_to_the_largest_legal_n(below, rho, label_noise):
    setting = Setting(10**12 - below, 1, rho, 1.0, 1.0, label_noise=label_noise)
    assert sum(cell.count for cell in setting.cells) == setting.n


@given(settings(largest_n=50))
def test_no_other_rounding_is_closer_than_the_largest_remainder(setting):
    rho, eta, n = setting.rho, setting.label_noise, setting.n
    ideal = n * np.array([rho * (1 - eta), (1 - rho) * (1 - eta), rho * eta, (1 - rho) * eta])
    order = {(MAJORITY, False): 0, (MINORITY, False): 1, (MINORITY, True): 2, (MAJORITY, True): 3}
    counts = np.zeros(4)
    for cell in setting.cells:
        counts[order[cell.group, cell.flipped]] = cell.count
    error = np.abs(counts - ideal).sum()
    for source in np.flatnonzero(counts):
        for target in range(4):
            moved = counts.copy()
            moved[source] -= 1
            moved[target] += 1
            assert np.abs(moved - ideal).sum() >= error - 1e-7


def test_cells_of_the_worked_example():
    cells = Setting(300, 300, 0.8, 2.0, 1.0, label_noise=0.1).cells
    table = [(c.core, c.spurious, c.group, c.flipped, c.count) for c in cells]
    assert table == [
        (1, 2, MAJORITY, False, 216),
        (1, -2, MINORITY, False, 54),
        (-1, -2, MINORITY, True, 24),
        (-1, 2, MAJORITY, True, 6),
    ]
    assert [c.share for c in cells] == pytest.approx([0.72, 0.18, 0.08, 0.02], rel=1e-14)


@pytest.mark.parametrize(
    ("rho", "label_noise", "groups"),
    [
        (1.0, 0.0, [(MAJORITY, False)]),
        (0.0, 0.0, [(MINORITY, False)]),
        (1.0, 0.5, [(MAJORITY, False), (MINORITY, True)]),
        (0.5, 0.0, [(MAJORITY, False), (MINORITY, False)]),
    ],
)
def test_empty_cells_are_dropped(rho, label_noise, groups):
    cells = Setting(10, 5, rho, 1.0, 1.0, label_noise=label_noise).cells
    assert [(cell.group, cell.flipped) for cell in cells] == groups


@pytest.mark.parametrize("hundredths", range(101))
def test_exact_shares_make_exact_counts(hundredths):
    # 0.29·100 is 28.999… in binary: a floor would lose an example.
    setting = Setting(100, 5, hundredths / 100, 1.0, 1.0)
    assert setting.observed_majority == hundredths / 100


@given(settings())
def test_kappa_delta_and_noise_are_their_definitions(setting):
    assert setting.delta == pytest.approx(setting.d / setting.n, rel=1e-15)
    assert setting.kappa == pytest.approx(setting.sigma**2 * setting.d / setting.n, rel=1e-15)
    assert setting.feature_variance == pytest.approx(
        (setting.core_noise**2, setting.gamma**2 * setting.spurious_noise**2), rel=1e-14
    )
    # Squares: below 1e-162 there is no noise in double precision.
    noisy = setting.core_noise**2 > 0 or (setting.gamma * setting.spurious_noise) ** 2 > 0
    assert setting.has_feature_noise == noisy


@given(settings())
def test_observed_majority_is_near_the_population_share(setting):
    rho, eta = setting.rho, setting.label_noise
    population = rho * (1 - eta) + (1 - rho) * eta
    assert abs(setting.observed_majority - population) < 2 / setting.n + 1e-9


def test_a_memory_is_kept_or_given_at_other_fields():
    setting = Setting(40, 100, 0.8, 2.0, 0.3, 0.1, 0.2)
    wider = setting.with_memory(setting.kappa, d=1000, core_noise=0.0)
    assert wider.kappa == pytest.approx(setting.kappa, rel=1e-14)
    assert dataclasses.replace(wider, d=100, sigma=0.3, core_noise=0.1) == setting
    assert setting.with_memory(0.0, d=0).sigma == 0
    assert setting.with_memory(0.0).kappa == 0


@pytest.mark.parametrize(
    ("field", "kappa", "changes"),
    [
        ("kappa", -1.0, {}),
        ("kappa", math.nan, {}),
        ("kappa", math.inf, {}),
        ("kappa", True, {}),
        ("kappa", 1.0, {"d": 0}),
        ("sigma", 1.0, {"sigma": 1.0}),
        ("rho", 1.0, {"rho": 2.0}),
    ],
)
def test_a_memory_that_cannot_be_is_refused(field, kappa, changes):
    with pytest.raises(SettingError) as caught:
        Setting(40, 100, 0.8, 2.0, 0.3).with_memory(kappa, **changes)
    assert caught.value.field == field


def test_presets():
    assert Setting.figure_1() == Setting(1000, 1798, 0.9, 5.0, 0.5, 0.12, 0.12)
    assert Setting.figure_1(rho=0.901).cells[0].count == 901
    toy = Setting.sagawa(600)
    assert (toy.n, toy.d, toy.rho, toy.gamma, toy.core_noise) == (3000, 600, 0.9, 1.0, 1.0)
    assert toy.sigma**2 * toy.d == pytest.approx(1.0, rel=1e-14)
    assert toy.feature_variance == pytest.approx((1.0, 0.01), rel=1e-14)
    assert [cell.count for cell in Setting.sagawa(600, n=600, rho=0.5).cells] == [300, 300]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Setting.figure_1(m=3), "m = 3: must be left out; the fields are n, d"),
        (lambda: Setting.figure_1(rho=2), "rho = 2: must be"),
        (lambda: Setting.sagawa(0), "features = 0: must be an integer ≥ 1"),
        (lambda: Setting.sagawa(2.5), "features = 2.5: must be"),
    ],
)
def test_presets_refuse_what_is_no_setting(make, words):
    with pytest.raises(SettingError, match=words):
        make()
