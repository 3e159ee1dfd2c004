"""Where theory and simulation meet: verification."""

from .statements import Statement
from .verify import Verification, verify

__all__ = ["Statement", "Verification", "verify"]
