"""What a fact is: words, conditions, a prediction, and who must confirm it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from ..errors import PitfallsError
from ..setting import Setting

__all__ = ["Fact", "Kind"]

Kind: TypeAlias = Literal["exact", "statistical", "convergence"]


@dataclass(frozen=True)
class Fact:
    """One thing the theory claims.

    Attributes
    ----------
    name : str
    source : str
        The paper's theorem or figure, or who proved it.
    proposition : str
        Its number, P1 … P17; those of the orthogonal limit are proved in docs/theory.md. Empty for
        a published measurement.
    statement, conditions : str
        In words.
    applies : callable
        Whether a setting meets the conditions, as far as a setting shows.
    quantity : str
        What is predicted, in words.
    predict : callable
        From a setting, and what else its signature names, to the predicted numbers.
    kind : {"exact", "statistical", "convergence"}
        How it is judged: |observed − predicted| within a tolerance, or within the Monte Carlo error
        of a mean; or the fitted exponent of an error.
    simulation : str
        The one that must find it; `pitfalls.studies.simulations` has them by name.

    Examples
    --------
    >>> from pitfalls.theory.theorem import fact
    >>> fact("second-case").kind, fact("second-case").simulation
    ('exact', 'ladder')
    """

    name: str
    source: str
    proposition: str
    statement: str
    conditions: str
    applies: Callable[[Setting], bool]
    quantity: str
    predict: Callable[..., Any]
    kind: Kind
    simulation: str

    def at(self, setting: Setting, *others: Any) -> Any:
        """The prediction in a setting that meets the conditions.

        Parameters
        ----------
        setting : Setting
        *others
            What else ``predict`` takes.

        Raises
        ------
        PitfallsError
            The setting does not meet them.

        Examples
        --------
        κ = 25 is beyond κ* = 9/19:

        >>> from pitfalls.theory.theorem import fact
        >>> beyond = Setting(n=1000, d=10**6, rho=0.9, gamma=5.0, sigma=0.158)
        >>> fact("second-case").at(beyond)
        GroupAccuracy(majority=1.0, minority=0.0, worst=0.0, average=0.9)
        """
        if not self.applies(setting):
            raise PitfallsError(
                f"the fact {self.name!r} says nothing about {setting}: it needs {self.conditions}."
            )
        return self.predict(setting, *others)
