"""What is sampled or iterated: draws, Gram operators and solvers."""

from .batch import replicate, stream
from .descent import gradient_descent
from .drawing import draw
from .fit import Fit, fit_setting
from .flow import gradient_flow
from .gram import DenseGram, DiagonalPlusPlane, Features, Gram
from .influence import Influence, influence
from .max_margin import max_margin
from .minimiser import finite_minimiser
from .readout import ClassSubspaces, class_subspaces
from .ridge import ridge_path
from .sample import Sample
from .xrm import calibrated_shift, cross_risk, memorization_aware, minority_found

__all__ = [
    "ClassSubspaces",
    "DenseGram",
    "DiagonalPlusPlane",
    "Features",
    "Fit",
    "Gram",
    "Influence",
    "Sample",
    "calibrated_shift",
    "class_subspaces",
    "cross_risk",
    "draw",
    "finite_minimiser",
    "fit_setting",
    "gradient_descent",
    "gradient_flow",
    "influence",
    "max_margin",
    "memorization_aware",
    "minority_found",
    "replicate",
    "ridge_path",
    "stream",
]
