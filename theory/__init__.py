"""What is exact: settings, objectives, result types, closed forms and limits."""

from . import decoding, generalization, orthogonal, proportional, theorem
from .accuracy import GroupAccuracy, group_accuracy
from .errors import NotSeparableError, PitfallsError, ResourceError, SettingError
from .objective import Objective
from .results import Solution, Trajectory, angle
from .setting import MAJORITY, MINORITY, Cell, Setting

__all__ = [
    "MAJORITY",
    "MINORITY",
    "Cell",
    "GroupAccuracy",
    "NotSeparableError",
    "Objective",
    "PitfallsError",
    "ResourceError",
    "Setting",
    "SettingError",
    "Solution",
    "Trajectory",
    "angle",
    "decoding",
    "generalization",
    "group_accuracy",
    "orthogonal",
    "proportional",
    "theorem",
]
