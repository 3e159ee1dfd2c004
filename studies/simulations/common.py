"""The settings of the simulations, and how their statements name methods."""

from __future__ import annotations

from ...theory import Setting

__all__ = ["GAMMA", "RHO", "slug", "with_memory"]

RHO, GAMMA = 0.9, 5.0


def with_memory(n: int, delta: float, kappa: float, **others: float) -> Setting:
    """ρ = 0.9 and γ = 5, or others, at a given d/n and κ.

    Examples
    --------
    >>> setting = with_memory(200, 50, 2.0)
    >>> setting.delta, round(setting.kappa, 12), setting.gamma
    (50.0, 2.0, 5.0)
    """
    fields = {"rho": RHO, "gamma": GAMMA, **others}
    return Setting(n=n, d=round(n * delta), sigma=0.0, **fields).with_memory(kappa)


def slug(name: str) -> str:
    """An objective's name as part of a statement's."""
    return name.lower().replace(" ", "-")
