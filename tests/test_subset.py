"""Parts of a sample: the same examples, and balanced subsampling as the theory has it."""

import numpy as np
import pytest
from pitfalls.sims import Sample, draw, gradient_flow, max_margin
from pitfalls.theory import Objective, Setting, SettingError, orthogonal

SETTING = Setting(60, 150, 0.8, 3.0, 0.4, core_noise=0.2)


@pytest.mark.parametrize("kind", ["explicit", "gram", "orthogonal"])
def test_a_part_is_the_whole_with_weights_of_zero(kind):
    sample = draw(SETTING, 0, kind)
    kept = np.array([3, 50, 4, 59, 20, 21, 22])
    weight = np.isin(np.arange(60), kept).astype(float)
    part = sample.subset(kept)
    expected = max_margin(sample, Objective(weight=weight))
    np.testing.assert_allclose(max_margin(part).coordinates, expected.coordinates, rtol=1e-10)
    # The mean over seven examples of sixty: the same flow, faster by 60/7.
    run = gradient_flow(part, Objective.erm(), [1.0, 5.0])
    whole = gradient_flow(sample, Objective(weight=weight), [60 / 7, 300 / 7])
    np.testing.assert_allclose(run.coordinates, whole.coordinates, rtol=1e-6)


@pytest.mark.parametrize("kind", ["explicit", "gram"])
def test_a_part_starts_where_the_whole_does(kind):
    sample = draw(SETTING, 0, kind)
    kept = [5, 2, 40]
    for part, whole in zip(
        sample.subset(kept).start((0.1, 0.2, 1.0)), sample.start((0.1, 0.2, 1.0)), strict=True
    ):
        np.testing.assert_allclose(part, whole[kept] if np.ndim(whole) else whole, rtol=1e-12)


def test_examples_come_in_the_order_given():
    x = np.arange(12.0).reshape(4, 3)
    sample = Sample.from_arrays(x, [1, -1, 1, 1], [1, 0, 1, 0])
    part = sample.subset([2, 1])
    np.testing.assert_array_equal(part.features, x[[2, 1]])
    assert part.labels.tolist() == [1, -1]
    assert part.groups.tolist() == [1, 0]


@pytest.mark.parametrize("kind", ["explicit", "gram", "orthogonal"])
def test_balanced_has_all_of_the_smaller_group(kind):
    sample = draw(SETTING, 0, kind)
    part = sample.balanced(7)
    assert part.groups.tolist() == [1] * 12 + [0] * 12
    assert {tuple(u) for u in part.plane} <= {tuple(u) for u in sample.plane}
    assert part.plane.tobytes() == sample.balanced(7).plane.tobytes()
    assert part.plane.tobytes() != sample.balanced(8).plane.tobytes()


@pytest.mark.parametrize("kappa", [0.1, 1.0, 10.0])
def test_subsampling_is_a_balanced_setting(kappa):
    # P14: n′ = 2(1 − ρ)n, κ′ = κ/(2(1 − ρ)), and no spurious weight.
    setting = Setting(100, 200, 0.9, 5.0, (kappa / 2) ** 0.5)
    found = max_margin(draw(setting, 0, "orthogonal").balanced(0))
    fewer = Setting(20, 200, 0.5, 5.0, setting.sigma)
    assert fewer.kappa == pytest.approx(kappa / 0.2)
    expected = orthogonal.max_margin(fewer)
    np.testing.assert_allclose(found.coordinates, expected.coordinates, rtol=1e-10, atol=1e-14)
    assert abs(found.spurious) < 1e-12


@pytest.mark.parametrize("examples", [[], [0, 0], [60], [-1], [0.5], [[1]]])
def test_parts_that_are_none_are_refused(examples):
    with pytest.raises(SettingError, match="examples"):
        draw(SETTING, 0).subset(examples)


@pytest.mark.parametrize("groups", [None, [1, 1], [0, 0]])
def test_one_group_cannot_be_balanced(groups):
    with pytest.raises(SettingError, match="for subsampling"):
        Sample.from_arrays(np.eye(2), [1, 1], groups).balanced(0)
