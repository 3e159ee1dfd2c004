"""Bring your own features: embeddings with labels and groups, checked, from arrays or files."""

from .read import read_features
from .table import OwnFeatures, Table, own_features

__all__ = ["OwnFeatures", "Table", "own_features", "read_features"]
