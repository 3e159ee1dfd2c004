"""docs/theory.md: its Python runs, its formulas are SymPy's, its tests exist and can fail."""

import doctest
import re
from pathlib import Path

import pytest
from mutations import MUTATIONS
from pitfalls.theory import symbolic

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "docs" / "theory.md"
TEXT = DOCUMENT.read_text()
FORMULAS = re.findall(r"<!-- latex: (.+?) -->\n\$\$(.+?)\$\$", TEXT)
SECTIONS = dict(re.findall(r"^## (P\d+)\. .+?\n(.+?)(?=^## )", TEXT, re.MULTILINE | re.DOTALL))
TESTS = {
    proposition: set(re.findall(r"`(test_\w+\.py::test_\w+)`", text))
    for proposition, text in SECTIONS.items()
}


@pytest.mark.parametrize(
    "name",
    [
        "mat.md",
        *(
            pytest.param(f"{name}.md", marks=pytest.mark.slow)
            for name in ("theory", "generalization")
        ),
    ],
)
def test_the_examples_give_what_they_say(name):
    failures, examples = doctest.testfile(
        str(DOCUMENT.with_name(name)),
        module_relative=False,
        optionflags=doctest.NORMALIZE_WHITESPACE,
    )
    assert examples > 10
    assert failures == 0


@pytest.mark.parametrize(("name", "formula"), FORMULAS, ids=[name for name, _ in FORMULAS])
def test_displayed_formulas_are_derived(name, formula):
    assert formula == symbolic.latex(name)


def test_every_displayed_formula_has_its_derivation():
    assert TEXT.count("$$") == 2 * len(FORMULAS) >= 20


@pytest.mark.parametrize("proposition", SECTIONS)
def test_the_tests_named_are_those_that_were_seen_to_fail(proposition):
    seen = {mutation.test for mutation in MUTATIONS if mutation.proposition == proposition}
    assert TESTS[proposition] == seen
    assert seen


def test_every_proposition_is_there():
    assert set(SECTIONS) == {f"P{k}" for k in range(1, 18)}
