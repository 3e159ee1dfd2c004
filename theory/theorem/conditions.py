"""Whether a setting meets a fact's conditions."""

from __future__ import annotations

import math

from .. import orthogonal, proportional
from ..errors import PitfallsError
from ..objective import Objective
from ..setting import Setting

__all__ = [
    "clean",
    "clean_but_for_labels",
    "clean_with_memory",
    "drawn_by_the_spurious",
    "has_asymptote",
    "has_memory",
    "in_the_plane",
    "is_figure_1",
    "off_the_threshold",
    "second_case",
    "separable",
    "two_groups",
    "two_separable_groups",
]


def two_groups(setting: Setting) -> bool:
    """Whether there is a majority and a minority: 0 < ρ < 1."""
    return 0 < setting.rho < 1


def clean(setting: Setting) -> bool:
    """Whether there are the theorem's two cells, without noise."""
    return two_groups(setting) and not setting.has_feature_noise and setting.label_noise == 0


def clean_with_memory(setting: Setting) -> bool:
    """Whether those cells have example-specific features: κ > 0."""
    return clean(setting) and setting.kappa > 0


def clean_but_for_labels(setting: Setting) -> bool:
    """Whether there are two groups with κ > 0, no feature noise, and fewer wrong labels than right.

    Examples
    --------
    >>> clean_but_for_labels(Setting(1000, 1000, 0.9, 5.0, 0.5, label_noise=0.1))
    True
    """
    noise = setting.has_feature_noise or setting.label_noise >= 0.5
    return two_groups(setting) and setting.kappa > 0 and not noise


def drawn_by_the_spurious(setting: Setting) -> bool:
    """Whether there is a κ* and some memory below it, without feature noise.

    Examples
    --------
    >>> drawn_by_the_spurious(Setting(1000, 1000, 0.9, 5.0, 0.5, label_noise=0.1))
    True
    >>> drawn_by_the_spurious(Setting(1000, 1000, 0.9, 1.0, 0.5))
    False
    """
    threshold = orthogonal.critical_memory(setting.rho, setting.gamma)
    below = two_groups(setting) and 0 < setting.kappa < threshold < math.inf
    return below and not setting.has_feature_noise and setting.label_noise < 0.5


def second_case(setting: Setting) -> bool:
    """Whether it is the theorem's second case: two clean cells, ρ ≥ ½, κ > 0.

    Examples
    --------
    >>> second_case(Setting(10, 9, 0.8, 2.0, 0.5)), second_case(Setting(10, 9, 0.8, 2.0, 0.0))
    (True, False)
    """
    return clean_with_memory(setting) and setting.rho >= 0.5


def has_memory(setting: Setting) -> bool:
    """Whether there are two groups and example-specific features, whatever the noise.

    Examples
    --------
    >>> has_memory(Setting.figure_1()), has_memory(Setting(10, 0, 0.8, 2.0, 0.5))
    (True, False)
    """
    return two_groups(setting) and setting.kappa > 0


def off_the_threshold(setting: Setting) -> bool:
    """Whether it is the theorem's second case with κ ≠ κ*."""
    threshold = orthogonal.critical_memory(setting.rho, setting.gamma)
    return second_case(setting) and not math.isclose(setting.kappa, threshold, rel_tol=1e-12)


def separable(setting: Setting) -> bool:
    """Whether there is a max margin, for n → ∞: δ > δ_s."""
    threshold = proportional.separability_threshold(setting)
    return threshold == 0 or (setting.sigma > 0 and setting.delta > threshold)


def two_separable_groups(setting: Setting) -> bool:
    """Whether there is a max margin, and methods that tell two groups apart."""
    return two_groups(setting) and separable(setting)


def in_the_plane(setting: Setting) -> bool:
    """Whether it is the theorem's first case, with so little noise that the plane separates.

    Examples
    --------
    >>> in_the_plane(Setting(1000, 0, 0.9, 5.0, 0.0, core_noise=0.12))
    True
    >>> in_the_plane(Setting(1000, 0, 0.9, 5.0, 0.0, core_noise=0.5))
    False
    """
    noise = max(setting.core_noise, setting.spurious_noise)
    # The largest of n normals is near √(2 log n).
    little = 2 * noise * math.sqrt(2 * math.log(setting.n)) < 1
    return two_groups(setting) and setting.label_noise == 0 and setting.kappa == 0 and little


def has_asymptote(setting: Setting) -> bool:
    """Whether late weights have a closed form in the orthogonal limit."""
    try:
        orthogonal.asymptote(setting, Objective.erm())
    except PitfallsError:
        return False
    return True


def is_figure_1(setting: Setting) -> bool:
    """Whether it is the paper's Figure 1 with example-specific features, at any n.

    Its code draws 901 + 99 examples, where its text says 900 + 100.

    Examples
    --------
    >>> is_figure_1(Setting(1000, 1798, 0.9, 5.0, 0.5, core_noise=0.12, spurious_noise=0.12))
    True
    """
    noise = (setting.core_noise, setting.spurious_noise, setting.label_noise)
    return (
        math.isclose(setting.kappa, 0.4495, rel_tol=1e-3)
        and math.isclose(setting.delta, 1.798, rel_tol=1e-3)
        and (setting.gamma, *noise) == (5.0, 0.12, 0.12, 0.0)
        and 0.9 <= setting.rho <= 0.901
    )
