"""Theorem 2.2 and the facts around it as data: what is claimed, when, and what must confirm it.

Each `Fact` says it in words, checks its conditions in a setting, predicts numbers there, and names
the simulation that has to find the same numbers. `pitfalls verify` reads this list. Rates have a
number to predict too: the exponent.
"""

from .catalogue import FACTS, fact
from .fact import Fact, Kind

__all__ = ["FACTS", "Fact", "Kind", "fact"]
