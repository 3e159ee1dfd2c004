"""Typed errors: every one names the field, the value, the legal range and the fix."""

from __future__ import annotations

from typing import Any

__all__ = ["NotSeparableError", "PitfallsError", "ResourceError", "SettingError"]


class PitfallsError(ValueError):
    """Base of every error this library raises on purpose.

    Examples
    --------
    >>> issubclass(SettingError, PitfallsError) and issubclass(PitfallsError, ValueError)
    True
    """


class SettingError(PitfallsError):
    """An argument lies outside its legal range.

    Parameters
    ----------
    field : str
        Name of the argument.
    value : object
        What was given.
    allowed : str
        The legal range, completing the sentence "must be …".
    fix : str, optional
        What to do instead, a full sentence.

    Examples
    --------
    >>> str(SettingError("rho", 1.2, "a number in [0, 1]", "Give a share."))
    'rho = 1.2: must be a number in [0, 1]. Give a share.'
    """

    def __init__(self, field: str, value: Any, allowed: str, fix: str = "") -> None:
        super().__init__(field, value, allowed, fix)
        self.field, self.value, self.allowed, self.fix = field, value, allowed, fix

    def __str__(self) -> str:
        try:
            shown = repr(self.value)
        except ValueError:
            shown = "an integer too long to print"
        if len(shown) > 80:
            shown = shown[:77] + "..."
        return f"{self.field} = {shown}: must be {self.allowed}." + (
            f" {self.fix}" if self.fix else ""
        )


class NotSeparableError(PitfallsError):
    """No linear classifier without intercept has every margin positive.

    Parameters
    ----------
    message : str
        What was asked and why it cannot be.
    evidence : float
        For data, how nearly ``‖Σ λ_i z_i‖ / Σ λ_i‖z_i‖`` vanishes, λ ≥ 0 the weights of Gordan's
        alternative: about the rounding error. For the theory, the separability threshold of d/n;
        0 where there are no example-specific features.

    Examples
    --------
    >>> NotSeparableError("two opposite examples", evidence=0.0).evidence
    0.0
    """

    def __init__(self, message: str, evidence: float) -> None:
        super().__init__(message, evidence)
        self.message, self.evidence = message, evidence

    def __str__(self) -> str:
        return self.message


class ResourceError(PitfallsError):
    """A run would not fit in this machine's memory, said before it starts.

    Examples
    --------
    >>> raise ResourceError("needs 80 GB, 23 GB are free: lower n")
    Traceback (most recent call last):
    ...
    pitfalls.theory.errors.ResourceError: needs 80 GB, 23 GB are free: lower n
    """
