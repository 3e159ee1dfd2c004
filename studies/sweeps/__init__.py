"""Monte Carlo sweeps: a grid file, a store that survives anything, workers, and the table."""

from .document import Sweep, parse, read, ready
from .driver import Outcome, Progress, sweep
from .errors import StoreError, SweepError
from .estimate import Estimate, estimate
from .export import export
from .store import Failure
from .table import Status, status

__all__ = [
    "Estimate",
    "Failure",
    "Outcome",
    "Progress",
    "Status",
    "StoreError",
    "Sweep",
    "SweepError",
    "estimate",
    "export",
    "parse",
    "read",
    "ready",
    "status",
    "sweep",
]
