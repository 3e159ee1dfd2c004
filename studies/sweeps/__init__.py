"""Monte Carlo sweeps: a grid file, a store that survives anything, workers, and the table."""

from .agreement import Agreement, agreement
from .block import Failure
from .document import Sweep
from .driver import Outcome, Stage, sweep
from .errors import StoreError, SweepError
from .estimate import Estimate, estimate
from .export import export
from .reader import parse, read, ready
from .table import Status, status

__all__ = [
    "Agreement",
    "Estimate",
    "Failure",
    "Outcome",
    "Stage",
    "Status",
    "StoreError",
    "Sweep",
    "SweepError",
    "agreement",
    "estimate",
    "export",
    "parse",
    "read",
    "ready",
    "status",
    "sweep",
]
