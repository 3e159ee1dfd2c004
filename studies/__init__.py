"""Where theory and simulation meet: verification, sweeps, and one run from a setting."""

from .compare import compare
from .compare_own import compare_own
from .comparison import Comparison, Standing
from .devices import Gpu
from .dynamics import dynamics
from .files import write_atomically
from .info import Extra, Info, info
from .limit_table import Limits
from .limits import Survey, limits, survey
from .phenomena import phenomena
from .reports import PICTURE_DPI, Picture, report
from .statements import Statement
from .sweeps import sweep
from .three_sizes import ThreeSizes
from .train import Training, train
from .verify import Verification, verify

__all__ = [
    "PICTURE_DPI",
    "Comparison",
    "Extra",
    "Gpu",
    "Info",
    "Limits",
    "Picture",
    "Standing",
    "Statement",
    "Survey",
    "ThreeSizes",
    "Training",
    "Verification",
    "compare",
    "compare_own",
    "dynamics",
    "info",
    "limits",
    "phenomena",
    "report",
    "survey",
    "sweep",
    "train",
    "verify",
    "write_atomically",
]
