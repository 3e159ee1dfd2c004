"""Where theory and simulation meet: verification, and one run from a setting."""

from .files import write_atomically
from .statements import Statement
from .train import Training, train
from .verify import Verification, verify

__all__ = ["Statement", "Training", "Verification", "train", "verify", "write_atomically"]
