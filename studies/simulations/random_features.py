"""How orthogonal random features are: the theorem's condition."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ...sims import draw
from ...theory.theorem import fact
from ..measure import SIZE
from ..plan import Plan
from ..statements import Measured, Statement, statistical, under
from .common import with_memory

__all__ = ["cosines"]


def cosines(plan: Plan) -> Iterator[Statement]:
    """Cosines of the example-specific features of all pairs of examples.

    Examples
    --------
    >>> [row] = cosines(Plan(0, 2, None, lambda done, total, label: None))
    >>> row.id, row.fact, round(row.prediction, 2)
    ('b.near-orthogonality', 'near-orthogonality', 22.54)
    """
    law = fact("near-orthogonality")
    setting = with_memory(SIZE, 1000, 1.0)
    n, d = setting.n, setting.d
    level = math.sqrt(2 * math.log(n) / d)

    def count(seed: np.random.SeedSequence) -> tuple[int, float]:
        memory = draw(setting, seed).gram.memory_matrix()
        lengths = np.sqrt(memory.diagonal())
        cosine = np.abs(np.tril(memory / np.outer(lengths, lengths), -1))
        return int((cosine > level).sum()), float(cosine.max())

    found = plan.batch(count, "near-orthogonality")
    largest = float(np.mean([each[1] for each in found]))
    row = statistical(
        "b.near-orthogonality",
        f"d/n = 1000: pairs of examples with |cos(ε_i, ε_j)| > √(2 log n/d) = {level:.4f}",
        prediction=law.at(setting, level),
        measured=Measured.of([each[0] for each in found]),
        note=f"mean of the largest |cos| {largest:.4f}; √(4 log n/d) = "
        f"{math.sqrt(2) * level:.4f}; d/log n = {d / math.log(n):.0f}",
    )
    yield from under(law, [row])
