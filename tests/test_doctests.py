"""Examples in docstrings run and print what they say; every public module has some."""

import doctest
import functools
import importlib
import inspect
import pkgutil

import pytest

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
PARTS = ("theory", "sims", "studies", "figures", "benchmarks")

# Their examples take seconds each.
LONG = [
    "pitfalls.benchmarks.harness",
    "pitfalls.figures.comparison",
    "pitfalls.figures.crossing_time",
    "pitfalls.figures.delay",
    "pitfalls.figures.phase_diagram",
    "pitfalls.studies.compare",
    "pitfalls.studies.compare_own",
    "pitfalls.studies.simulations.finite",
    "pitfalls.studies.simulations.paper",
    "pitfalls.theory.symbolic.catalogue",
]


def modules():
    for part in PARTS:
        package = importlib.import_module(f"pitfalls.{part}")
        yield package.__name__
        prefix = package.__name__ + "."
        for found in pkgutil.walk_packages(package.__path__, prefix):
            yield found.name


def examples(module):
    """The doctests of a module, those of cached properties too, which the finder passes over."""
    found = [test for test in doctest.DocTestFinder().find(module) if test.examples]
    for _, cls in inspect.getmembers(module, inspect.isclass):
        if cls.__module__ != module.__name__:
            continue
        for name, member in vars(cls).items():
            if isinstance(member, functools.cached_property) and member.__doc__:
                title = f"{module.__name__}.{cls.__name__}.{name}"
                namespace = dict(vars(module))
                test = doctest.DocTestParser().get_doctest(
                    member.__doc__, namespace, title, module.__file__, 0
                )
                found += [test] if test.examples else []
    return found


def public_callables(module):
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and callable(value)
        and getattr(value, "__module__", None) == module.__name__
    ]


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (n in LONG)) for n in modules()]
)
def test_examples_print_what_they_say(name):
    module = importlib.import_module(name)
    found, report = examples(module), []
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    for test in found:
        runner.run(test, out=report.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(report)


@pytest.mark.parametrize("name", list(modules()))
def test_public_callables_come_with_an_example(name):
    module = importlib.import_module(name)
    assert examples(module) or not public_callables(module)


def test_long_examples_are_those_of_modules():
    assert set(LONG) <= set(modules())


def test_cached_properties_are_run_too():
    setting = importlib.import_module("pitfalls.theory.setting")
    assert any(test.name.endswith("Setting.cells") for test in examples(setting))
