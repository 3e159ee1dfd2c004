"""What is exact: settings, objectives, result types, closed forms and limits."""

from . import decoding, generalization, orthogonal, proportional, theorem
from .errors import NotSeparableError, PitfallsError, ResourceError, SettingError
from .objective import Objective
from .results import GroupAccuracy, Solution, Trajectory, angle, group_accuracy
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
