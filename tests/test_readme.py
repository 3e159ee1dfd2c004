"""README's Python is run as it stands, and its table is what the theory predicts."""

import doctest
import re
from pathlib import Path

import pytest
from pitfalls.theory import Objective, Setting, proportional

README = Path(__file__).parent.parent / "README.md"


def test_readme_examples_give_what_they_say():
    failures, examples = doctest.testfile(
        str(README), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE
    )
    assert examples > 5
    assert failures == 0


@pytest.mark.slow  # 3 s
def test_its_first_table_is_what_is_predicted():
    figure_1 = Setting.figure_1()
    methods = {
        "ERM": Objective.erm(),
        "reweighting": Objective.reweighting(figure_1),
        "logit shifting": Objective.logit_shifting(figure_1),
        "curing scale": Objective.vector_scaling(figure_1, proportional.curing_scale(figure_1)),
        "lasting cure": proportional.lasting_cure(figure_1),
    }
    text = README.read_text()
    rows = re.findall(r"^\| (\D+?)(?: \(.*\))? \| (0\.\d+) \| (0\.\d+) \|$", text, re.MULTILINE)
    assert [name for name, *_ in rows] == list(methods)
    for name, *shown in rows:
        then = proportional.flow(figure_1, methods[name], [20.0]).accuracy(figure_1).worst[0]
        limit = proportional.max_margin(figure_1, methods[name]).accuracy(figure_1).worst
        assert [f"{then:.3f}", f"{limit:.3f}"] == shown, name
