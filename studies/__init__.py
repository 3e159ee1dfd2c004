"""Where theory and simulation meet: verification, sweeps, and one run from a setting."""

from .dynamics import Dynamics, dynamics
from .files import write_atomically
from .limit_table import Limits
from .limits import Survey, limits, survey
from .statements import Statement
from .sweeps import sweep
from .train import Training, train
from .verify import Verification, verify

__all__ = [
    "Dynamics",
    "Limits",
    "Statement",
    "Survey",
    "Training",
    "Verification",
    "dynamics",
    "limits",
    "survey",
    "sweep",
    "train",
    "verify",
    "write_atomically",
]
