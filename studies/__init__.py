"""Where theory and simulation meet: verification, sweeps, and one run from a setting."""

from .dynamics import dynamics
from .files import write_atomically
from .limit_table import Limits
from .limits import Survey, limits, survey
from .phenomena import phenomena
from .statements import Statement
from .sweeps import sweep
from .three_sizes import ThreeSizes
from .train import Training, train
from .verify import Verification, verify

__all__ = [
    "Limits",
    "Statement",
    "Survey",
    "ThreeSizes",
    "Training",
    "Verification",
    "dynamics",
    "limits",
    "phenomena",
    "survey",
    "sweep",
    "train",
    "verify",
    "write_atomically",
]
