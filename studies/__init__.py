"""Where theory and simulation meet: verification, and one run from a setting."""

from .statements import Statement
from .train import Training, train
from .verify import Verification, verify

__all__ = ["Statement", "Training", "Verification", "train", "verify"]
