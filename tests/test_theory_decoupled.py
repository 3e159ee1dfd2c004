"""The closed form at γ = 1 against Lambert's W, the flow and its own equation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pitfalls.theory import Objective, PitfallsError, Setting, SettingError, orthogonal
from scipy.special import wrightomega
from strategies import METHODS, majorities, methods, of_kappa, powers

TIMES = [0.0, 1e-9, 1e-3, 1.0, 50.0, 1e8, 1e16]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("rho", "kappa"), [(0.9, 0.45), (0.5, 3.0), (0.999, 0.0)])
def test_closed_form_is_the_flow(method, rho, kappa):
    setting = of_kappa(kappa, rho, 1.0)
    objective = METHODS[method](setting)
    found = orthogonal.decoupled_flow(setting, objective, TIMES)
    flow = orthogonal.flow(setting, objective, TIMES)
    for name in ("core", "spurious", "memory", "margins", "loss"):
        np.testing.assert_allclose(getattr(found, name), getattr(flow, name), atol=2e-9)
    assert found.train.worst.tolist() == flow.train.worst.tolist()


@given(st.data(), majorities, powers(-2, 2))
def test_margins_are_those_of_lambert(data, rho, kappa):
    setting = of_kappa(kappa, rho, 1.0)
    objective = data.draw(methods(setting))
    times = np.array([1e-2, 1.0, 1e3])
    groups = [cell.group for cell in setting.cells]
    weight, shift, scale = objective.resolve(groups, len(groups))
    overlap = 2 * np.array([cell.count for cell in setting.cells]) / setting.n + setting.kappa
    c = shift + np.exp(shift) + np.outer(times, overlap * weight * scale**2)
    expected = (c - wrightomega(c) - shift) / scale
    found = orthogonal.decoupled_flow(setting, objective, times)
    np.testing.assert_allclose(found.margins, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("shift", [-800.0, -30.0, 0.0, 30.0, 700.0])
def test_margins_solve_their_equation_where_exponentials_overflow(shift):
    setting = of_kappa(1.0, 0.5, 1.0)
    objective = Objective(shift=shift)
    times = np.array([1e-6, 1.0, 1e8, 1e16])
    rise = orthogonal.decoupled_flow(setting, objective, times).margins[:, 0]
    # log of e^s·(e^y − 1) against log of (speed − y), where either is visible.
    speed = 2 * times
    with np.errstate(divide="ignore"):
        left = shift + np.where(rise > 1, rise, 0) + np.log(-np.expm1(-np.maximum(rise, 1)))
        left = np.where(rise > 1, left, shift + np.log(np.expm1(np.minimum(rise, 1))))
        total = np.logaddexp(left, np.log(rise))
    np.testing.assert_allclose(total, np.log(speed), rtol=1e-13, atol=1e-12)


def test_small_times_keep_all_their_digits():
    setting = of_kappa(1.0, 0.5, 1.0)
    found = orthogonal.decoupled_flow(setting, Objective.erm(), [1e-14])
    np.testing.assert_allclose(found.margins[0], 1e-14 * 2 / 2, rtol=1e-13)


def test_check_value():
    setting = Setting(10, 10, 0.5, 1.0, 1.0)
    found = orthogonal.decoupled_flow(setting, Objective.erm(), [1.0]).margins[0, 0]
    assert abs(found + np.exp(found) - 3) < 1e-15
    assert round(found, 6) == 0.792060


@pytest.mark.parametrize(
    "setting",
    [
        Setting(10, 10, 0.5, 2.0, 1.0),
        Setting(10, 10, 0.5, 1.0, 1.0, label_noise=0.1),
        Setting(10, 10, 0.5, 1.0, 1.0, core_noise=0.1),
    ],
)
def test_coupled_cells_are_refused(setting):
    with pytest.raises(PitfallsError, match="decouple at gamma = 1 without"):
        orthogonal.decoupled_flow(setting, Objective.erm(), [1.0])


def test_illegal_times_are_refused():
    with pytest.raises(SettingError, match="times"):
        orthogonal.decoupled_flow(of_kappa(1.0, 0.5, 1.0), Objective.erm(), [-1.0])
