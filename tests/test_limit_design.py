"""The settings in which four answers about the max margin are compared: they cover the ranges."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from pitfalls.studies.limit_design import SIZES, design, theorem_limit
from pitfalls.theory import orthogonal, proportional

CASES = design()


def test_the_design_covers_the_ranges():
    assert len(CASES) >= 40
    for values, low, high in (
        ([case.delta for case in CASES], 0.2, 1000),
        ([case.ratio for case in CASES if case.ratio], 0.2, 5),
        ([case.gamma for case in CASES], 0.5, 8),
        ([case.rho for case in CASES], 0.6, 0.98),
    ):
        assert min(values) == pytest.approx(low, rel=1e-9)
        assert max(values) == pytest.approx(high, rel=1e-9)
    # Beyond the ends, the middle: every quarter of every range, in logarithms.
    for values in (
        [np.log(case.delta / 0.2) / np.log(5000) for case in CASES],
        [np.log(case.gamma / 0.5) / np.log(16) for case in CASES],
        [(case.rho - 0.6) / 0.38 for case in CASES],
        [np.log(case.ratio / 0.2) / np.log(25) for case in CASES if case.ratio],
    ):
        quarters = Counter(min(int(4 * value + 1e-9), 3) for value in values)
        assert min(quarters[i] for i in range(4)) >= 4
    assert len({case.name for case in CASES}) == len(CASES)


def test_the_design_has_every_kind_of_setting():
    noisy = [(case.core_noise > 0, case.label_noise > 0) for case in CASES]
    assert set(noisy) == {(False, False), (False, True), (True, False), (True, True)}
    assert min(Counter(noisy).values()) >= 5
    assert {case.scale > 1 for case in CASES if case.scale != 1} == {True, False}
    assert {theorem_limit(case) for case in CASES} == {0.0, 0.5, 1.0}
    thresholds = [proportional.separability_threshold(case.at(SIZES[0])) for case in CASES]
    inseparable = [d for case, d in zip(CASES, thresholds, strict=True) if case.delta <= d]
    assert len(inseparable) >= 4
    for case, threshold in zip(CASES, thresholds, strict=True):
        # Draws of 100 examples scatter by 0.05 at most (Cover): five of those.
        assert abs(case.delta - threshold) > 0.2 or threshold < 0.05


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_shares_delta_and_kappa_are_the_same_at_every_size(case):
    settings = [case.at(n) for n in SIZES]
    for setting in settings:
        assert setting.delta == pytest.approx(case.delta, rel=1e-12)
        assert setting.kappa == pytest.approx(case.memory, rel=1e-12)
        for cell in setting.cells:
            assert cell.count / setting.n == pytest.approx(cell.share, rel=1e-12)


def test_the_theorems_limit_is_that_of_the_orthogonal_limit_far_out():
    for case in CASES:
        if case.core_noise or case.label_noise or case.scale != 1 or case.ratio == 1:
            continue
        far = replace(case, delta=1e12).at(100)
        found = orthogonal.max_margin(far).accuracy(far).minority
        assert found == pytest.approx(theorem_limit(case), abs=1e-9)
