"""What figures refuse, each naming the field that is to be changed."""

from __future__ import annotations

import math

from ..theory import Setting, SettingError, orthogonal

__all__ = [
    "a_threshold",
    "no_feature_noise",
    "no_label_noise",
    "some_features",
    "some_memory",
]

_FORGETFUL = "Else nothing is memorised."


def no_feature_noise(setting: Setting) -> None:
    """The core and the spurious feature have no noise.

    Examples
    --------
    >>> no_feature_noise(Setting(10, 9, 0.8, 2.0, 1.0, spurious_noise=0.1))
    Traceback (most recent call last):
    ...
    pitfalls.theory.errors.SettingError: spurious_noise = 0.1: must be 0.
    """
    for field, variance in zip(
        ("core_noise", "spurious_noise"), setting.feature_variance, strict=True
    ):
        if variance > 0:
            raise SettingError(field, getattr(setting, field), "0")


def no_label_noise(setting: Setting, fix: str = "") -> None:
    """No training label is flipped.

    Parameters
    ----------
    setting : Setting
    fix : str
        What to do instead, a full sentence.

    Examples
    --------
    >>> no_label_noise(Setting(10, 9, 0.8, 2.0, 1.0))
    """
    if setting.label_noise > 0:
        raise SettingError("label_noise", setting.label_noise, "0", fix)


def some_features(setting: Setting) -> None:
    """There are example-specific features, of whatever size: d > 0.

    Examples
    --------
    >>> some_features(Setting(10, 0, 0.8, 2.0, 1.0))
    Traceback (most recent call last):
    ...
    pitfalls.theory.errors.SettingError: d = 0: must be above 0. Else nothing is memorised.
    """
    if setting.d == 0:
        raise SettingError("d", 0, "above 0", _FORGETFUL)


def some_memory(setting: Setting) -> None:
    """The example-specific features have a size too: κ > 0.

    Examples
    --------
    >>> some_memory(Setting(10, 9, 0.8, 2.0, 0.0))
    Traceback (most recent call last):
    ...
    pitfalls.theory.errors.SettingError: sigma = 0.0: must be above 0. Else nothing is memorised.
    """
    some_features(setting)
    if setting.kappa == 0:
        raise SettingError("sigma", setting.sigma, "above 0", _FORGETFUL)


def a_threshold(setting: Setting) -> None:
    """The spurious feature is strong enough for a κ* to exist.

    Examples
    --------
    >>> a_threshold(Setting(10, 9, 0.8, 1.0, 1.0))
    Traceback (most recent call last):
    ...
    pitfalls.theory.errors.SettingError: gamma = 1.0: must be such that γ²(2ρ − 1) > 1. Else no ...
    """
    if math.isinf(orthogonal.critical_memory(setting.rho, setting.gamma)):
        # Where the attribute is right no more often than wrong, no size of it is too strong.
        field = "gamma" if setting.rho > 0.5 else "rho"
        raise SettingError(
            field,
            getattr(setting, field),
            "such that γ²(2ρ − 1) > 1",
            "Else no memory loses the minority: there is no κ*.",
        )
