"""The shape of the code: arrows between the parts, public names, documentation, light imports."""

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("theory", "sims", "studies", "figures", "benchmarks", "package")
FILES = [path for part in PARTS for path in sorted((ROOT / part).rglob("*.py"))]
FROM_THEORY = {
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
}
ARGUMENTS = {"pitfalls.theory.arguments", "pitfalls.theory.resources"}
"""What is checked before the work, in theory and simulations alike: no formula is in there."""
PUBLIC = {
    "pitfalls.theory": FROM_THEORY
    | {"decoding", "generalization", "group_accuracy", "orthogonal", "proportional", "theorem"},
    "pitfalls.theory.generalization": {
        "EarlyStopping",
        "PerGroup",
        "accuracy_interval",
        "early_stopping",
        "examples_needed",
        "gap",
        "test_loss",
        "window",
    },
    "pitfalls.theory.decoding": {"decoded", "refit", "refit_examples", "subspace_accuracy"},
    "pitfalls.theory.orthogonal": {
        "Asymptote",
        "LeaveOneOut",
        "asymptote",
        "critical_decay",
        "critical_memory",
        "crossing_exponent",
        "crossing_times",
        "curing_scale",
        "decoupled_flow",
        "first_step",
        "flow",
        "harmless_aspect",
        "lasting_cure",
        "leave_one_out",
        "leave_one_out_flow",
        "log_crossing_time",
        "log_fitting_time",
        "log_peak_time",
        "max_margin",
        "noise_factor",
        "ridge_path",
    },
    "pitfalls.theory.proportional": {
        "MarginLaw",
        "MeanField",
        "descent",
        "flow",
        "curing_scale",
        "lasting_cure",
        "margin_law",
        "max_margin",
        "memorization_threshold",
        "ridge_path",
        "separability_threshold",
    },
    "pitfalls.studies.reports": {"PICTURE_DPI", "Picture", "report"},
    "pitfalls.studies.sweeps": {
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
    },
    "pitfalls.theory.theorem": {"FACTS", "Fact", "Kind", "fact"},
    "pitfalls.theory.symbolic": {
        "Asymptote",
        "Cells",
        "Derivation",
        "Weights",
        "acceleration",
        "asymptote",
        "core_noise",
        "critical_memory",
        "curing_ratio",
        "decoupled_argument",
        "decoupled_margin",
        "delta",
        "derivations",
        "divergence",
        "erm",
        "first_step",
        "four_cells",
        "gamma",
        "general",
        "gram",
        "held_out_margin",
        "holds",
        "identities",
        "interpolator",
        "inverse_diagonal",
        "kappa",
        "label_noise",
        "lasting_cure",
        "latex",
        "limits",
        "log_crossing_time",
        "logit_shifting",
        "max_margin",
        "n",
        "noisy_critical_memory",
        "noisy_max_margin",
        "reweighting",
        "rho",
        "ridge_dual",
        "scale_maj",
        "scale_min",
        "self_influence",
        "shift_maj",
        "shift_min",
        "spurious_noise",
        "stationarity",
        "strength",
        "subsampled",
        "time",
        "velocity",
        "weight_maj",
        "weight_min",
    },
    "pitfalls.sims": {
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
    },
    "pitfalls.sims.gpu": {
        "Backend",
        "Batch",
        "CudaDevice",
        "Device",
        "Limits",
        "Recorded",
        "bytes_of_replicate",
        "chosen",
        "descend",
        "flow",
        "in_batches",
        "max_margins",
        "open_device",
    },
    "pitfalls.studies": {
        "Comparison",
        "Extra",
        "Gpu",
        "Info",
        "Limits",
        "PICTURE_DPI",
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
    },
    "pitfalls.studies.own": {
        "Counted",
        "METHODS",
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
    },
    "pitfalls.figures": {
        "NAMES",
        "OF_MANY_DRAWS",
        "Words",
        "make",
        "png",
        "words",
    },
    "pitfalls.benchmarks": {
        "NAMES",
        "ON_A_DEVICE",
        "Report",
        "Row",
        "machine",
        "run",
    },
}
# Packages whose names are for their own part alone.
INNER = {"pitfalls.studies.simulations", "pitfalls.theory.mean_field"}


def imports(source, package):
    """(module, name or None) of every import in a source, relative ones made absolute."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                parents = package.split(".")
                base = parents[: len(parents) - node.level + 1]
                module = ".".join([*base, module] if module else base)
            yield from ((module, alias.name) for alias in node.names)


def package_of(path):
    """The package in which a file's relative imports start."""
    part, *rest = path.relative_to(ROOT).parent.parts
    return ".".join(["pitfalls", *([] if part == "package" else [part]), *rest])


def part_of(module, name):
    """The part of this project that an import reaches, or None."""
    root, *rest = [*module.split("."), *([name] if name else [])]
    if root != "pitfalls":
        return None
    return rest[0] if rest and rest[0] in PARTS else "package"


def against_the_arrows(source, package, part):
    """Imports that reach a part above the source's own."""
    reached = {(m, n): part_of(m, n) for m, n in imports(source, package)}
    allowed = PARTS[: PARTS.index(part) + 1]
    return [key for key, target in reached.items() if target and target not in allowed]


def beyond_shared_types(source, package):
    """What a source of sims takes from theory that is no shared type, error or check."""
    return [
        (module, name)
        for module, name in imports(source, package)
        if part_of(module, name) == "theory"
        and not (module == "pitfalls.theory" and name in FROM_THEORY)
        and not (module in ARGUMENTS and name not in (None, "*"))
    ]


def by_path(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", FILES, ids=by_path)
def test_arrows_point_one_way(path):
    part = path.relative_to(ROOT).parts[0]
    assert against_the_arrows(path.read_text(encoding="utf-8"), package_of(path), part) == []


@pytest.mark.parametrize("path", [p for p in FILES if ROOT / "sims" in p.parents], ids=by_path)
def test_sims_take_only_shared_types_from_theory(path):
    assert beyond_shared_types(path.read_text(encoding="utf-8"), package_of(path)) == []


@pytest.mark.parametrize(
    ("source", "package", "part"),
    [
        ("from ..sims import draw", "pitfalls.theory", "theory"),
        ("from .. import figures", "pitfalls.sims", "sims"),
        ("import pitfalls.studies.verify", "pitfalls.sims", "sims"),
        ("from pitfalls import __version__", "pitfalls.figures", "figures"),
        ("def f():\n    from ...studies import sweep", "pitfalls.sims.gpu", "sims"),
        ("from ..cli import main", "pitfalls.studies", "studies"),
    ],
)
def test_an_import_against_the_arrows_is_seen(source, package, part):
    assert len(against_the_arrows(source, package, part)) == 1


@pytest.mark.parametrize(
    ("source", "package", "part"),
    [
        ("from ..theory import Setting\nimport numpy as np", "pitfalls.sims", "sims"),
        ("from .setting import Setting", "pitfalls.theory", "theory"),
        ("from ...theory import Setting", "pitfalls.sims.gpu", "sims"),
        ("from .figures import all_figures\nfrom . import theory", "pitfalls", "package"),
    ],
)
def test_an_import_along_the_arrows_is_legal(source, package, part):
    assert against_the_arrows(source, package, part) == []


@pytest.mark.parametrize(
    "source",
    [
        "from ..theory import orthogonal",
        "from ..theory.dynamics import flow",
        "from ..theory.setting import Setting",
        "from ..theory import group_accuracy",
        "from ..theory.arguments import *",
        "import pitfalls.theory.hinge",
        "from pitfalls import theory",
        "from .. import theory",
        "from ..theory import *",
    ],
)
def test_a_formula_taken_by_sims_is_seen(source):
    assert len(beyond_shared_types(source, "pitfalls.sims")) == 1


@pytest.mark.parametrize("module", PUBLIC)
def test_public_names_are_frozen(module):
    names = importlib.import_module(module).__all__
    assert set(names) == PUBLIC[module]
    assert len(names) == len(set(names))


def test_every_package_with_names_is_frozen():
    packages = {
        package_of(path)
        for path in FILES
        if path.name == "__init__.py" and "\n__all__ = " in path.read_text(encoding="utf-8")
    }
    assert packages - {"pitfalls"} == INNER | {
        name for name in PUBLIC if hasattr(importlib.import_module(name), "__path__")
    }
    assert importlib.import_module("pitfalls").__all__ == ["__version__"]


@pytest.mark.parametrize("module", PUBLIC)
def test_public_names_exist(module):
    found = importlib.import_module(module)
    assert [name for name in PUBLIC[module] if not hasattr(found, name)] == []


def is_overload(node):
    """Whether this is only a signature for type checkers, documented at the implementation."""
    return any(ast.unparse(mark).endswith("overload") for mark in node.decorator_list)


def public_definitions(tree):
    """Public functions and classes of a module, with the public methods of public classes."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            if node.name.startswith("_") or is_overload(node):
                continue
            yield node.name, node
            if isinstance(node, ast.ClassDef):
                yield from ((f"{node.name}.{name}", n) for name, n in public_definitions(node))


@pytest.mark.parametrize("path", FILES, ids=by_path)
def test_everything_public_is_documented(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    silent = [name for name, node in public_definitions(tree) if not ast.get_docstring(node)]
    assert silent == []
    assert ast.get_docstring(tree) or not tree.body


@pytest.mark.parametrize("module", PUBLIC)
def test_what_a_package_exports_is_documented(module):
    found = importlib.import_module(module)
    exported = [getattr(found, name) for name in PUBLIC[module]]
    documented = [x for x in exported if inspect.isroutine(x) or inspect.isclass(x)]
    assert all(inspect.getdoc(x) for x in documented)


def prints(source):
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]


@pytest.mark.parametrize(
    "path", [p for p in FILES if ROOT / "package" not in p.parents], ids=by_path
)
def test_library_code_does_not_print(path):
    assert prints(path.read_text(encoding="utf-8")) == []


def test_a_print_is_seen():
    assert prints("def f():\n    print(1)\n") == [2]


@pytest.mark.parametrize("module", ["pitfalls", "pitfalls.theory"])
def test_importing_the_theory_is_light(module):
    code = f"import sys, {module}; print(*{{'matplotlib', 'numba', 'cupy'}} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == ""


def test_no_jitted_function_lives_outside_the_kernels():
    users = [
        by_path(path)
        for path in FILES
        for module, _ in imports(path.read_text(encoding="utf-8"), package_of(path))
        if module.split(".")[0] == "numba"
    ]
    assert set(users) == {"sims/kernels.py"}


def test_files_of_every_part_are_walked():
    assert {path.relative_to(ROOT).parts[0] for path in FILES} == set(PARTS)
    assert len(FILES) > 10
