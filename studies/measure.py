"""Max margins of replicates of a setting, at two sizes, against a prediction for n → ∞."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..sims import draw, max_margin
from ..theory import Objective, Setting, Solution
from ..theory.theorem import Fact
from .statements import Measured, Statement, extrapolated, statistical, under

__all__ = ["SIZE", "Cell", "against", "measure"]

Seed: TypeAlias = np.random.SeedSequence
Batch: TypeAlias = Callable[[Callable[[Seed], Any], str], list[Any]]

SIZE = 200
"""Examples of the smaller replicates."""


class Cell(NamedTuple):
    """Max margins of replicates at n and 2n.

    Attributes
    ----------
    setting : Setting
        The one at 2n.
    objective : Objective
        The one there.
    at_n, at_2n : list of Solution

    Examples
    --------
    >>> w = Solution(core=0.6, spurious=0.1, memory=0.5)
    >>> cell = Cell(Setting(9, 9, 0.9, 5.0, 0.5), Objective.erm(), [w] * 3, [w] * 3)
    >>> cell.measured(lambda w: w.core).mean, round(cell.score(w), 6)
    (0.6, 0.4)
    """

    setting: Setting
    objective: Objective
    at_n: list[Solution]
    at_2n: list[Solution]

    def measured(self, quantity: Callable[[Solution], float]) -> Measured:
        """A quantity's mean over the replicates, extrapolated to n → ∞.

        Examples
        --------
        >>> w = Solution(core=0.6, spurious=0.1, memory=0.5)
        >>> cell = Cell(Setting(9, 9, 0.9, 5.0, 0.5), Objective.erm(), [w] * 3, [w] * 3)
        >>> cell.measured(lambda w: w.memory).mean
        0.5
        """
        return extrapolated([quantity(w) for w in self.at_n], [quantity(w) for w in self.at_2n])

    def score(self, weights: Solution) -> float:
        """The minority's test margin in standard deviations: its accuracy is Φ of this.

        Examples
        --------
        >>> w = Solution(core=0.6, spurious=0.1, memory=0.1)
        >>> round(Cell(Setting(9, 9, 0.9, 5.0, 0.5), Objective.erm(), [], []).score(w), 6)
        2.0
        """
        return float(weights.score(self.setting).minority)


def measure(
    batch: Batch,
    label: str,
    setting_at: Callable[[int], Setting],
    objective_of: Callable[[Setting], Objective] = lambda setting: Objective.erm(),
    size: int = SIZE,
) -> Cell:
    """Solve the max margin of replicates at n = size and 2·size.

    Parameters
    ----------
    batch : callable
        Calls a function on each replicate's stream; see `pitfalls.studies.plan.Plan.batch`.
    label : str
        For the progress bar.
    setting_at : callable
        The setting at n.
    objective_of : callable
        The objective in a setting; ERM by default.
    size : int

    Examples
    --------
    >>> cell = measure(
    ...     lambda function, label: [function(np.random.SeedSequence(i)) for i in range(3)],
    ...     "three draws",
    ...     lambda n: Setting(n=n, d=4 * n, rho=0.9, gamma=5.0, sigma=0.5),
    ...     size=20,
    ... )
    >>> len(cell.at_n), cell.setting.n
    (3, 40)
    """

    def solve(setting: Setting, objective: Objective) -> Callable[[Seed], Solution]:
        def one(seed: Seed) -> Solution:
            return replace(max_margin(draw(setting, seed), objective), dual=None, margins=None)

        return one

    small, large = setting_at(size), setting_at(2 * size)
    objective = objective_of(large)
    return Cell(
        setting=large,
        objective=objective,
        at_n=batch(solve(small, objective_of(small)), f"{label}, n = {size}"),
        at_2n=batch(solve(large, objective), f"{label}, n = {2 * size}"),
    )


_QUANTITIES: tuple[tuple[str, str, Callable[[Cell, Solution], float]], ...] = (
    ("core", "w_y", lambda cell, w: w.core),
    ("spurious", "w_a", lambda cell, w: w.spurious),
    ("memory", "‖w_ε‖", lambda cell, w: w.memory),
    ("score", "minority margin / its standard deviation", lambda cell, w: cell.score(w)),
    (
        "minority",
        "minority accuracy",
        lambda cell, w: w.accuracy(cell.setting).minority,
    ),
    ("support", "share of support vectors", lambda cell, w: w.support or 0.0),
)


def against(
    fact: Fact,
    predicted: Solution,
    cell: Cell,
    prefix: str,
    where: str,
    names: Sequence[str],
) -> Iterator[Statement]:
    """Statements that the max margin's quantities are those of the fact's prediction.

    Parameters
    ----------
    fact : Fact
    predicted : Solution
        What it predicts for n → ∞.
    cell : Cell
    prefix, where : str
        Of the statements' names, and of their claims.
    names : sequence of str
        Some of core, spurious, memory, score, minority and support.

    Examples
    --------
    >>> from pitfalls.theory.theorem import fact
    >>> w = Solution(core=0.6, spurious=0.1, memory=0.5)
    >>> cell = Cell(Setting(9, 9, 0.9, 5.0, 0.5), Objective.erm(), [w] * 3, [w] * 3)
    >>> rows = against(fact("proportional-limit"), w, cell, "x", "here", ["core"])
    >>> [row.claim for row in rows]
    ['here: w_y of the max margin']
    """
    for name, words, quantity in _QUANTITIES:
        if name in names:
            row = statistical(
                f"{prefix}.{name}",
                f"{where}: {words} of the max margin",
                prediction=quantity(cell, predicted),
                measured=cell.measured(lambda w, quantity=quantity: quantity(cell, w)),  # type: ignore[misc]
            )
            yield from under(fact, [row])
