"""Bring your own features: embeddings with labels and groups, checked, trained on and predicted."""

from .counting import Counted
from .methods import METHODS
from .prediction import Prediction
from .prepare import Prepared, prepare
from .read import read_features
from .table import OwnFeatures, Table, own_features
from .training import OwnRun, OwnTraining, train_own

__all__ = [
    "METHODS",
    "Counted",
    "OwnFeatures",
    "OwnRun",
    "OwnTraining",
    "Prediction",
    "Prepared",
    "Table",
    "own_features",
    "prepare",
    "read_features",
    "train_own",
]
