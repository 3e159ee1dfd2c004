"""Sweep files: what they say, and what is said of those that are wrong."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pitfalls.studies import sweeps
from pitfalls.studies.sweeps.grid import axis_values, resolve
from pitfalls.studies.sweeps.locate import line_of
from pitfalls.theory import Setting, SettingError, orthogonal

GOOD = """\
# what is drawn
seed = 3
replicates = 20
objectives = ["erm", "reweighting", { name = "half", weight = { majority = 1, minority = 3 } }]
quantities = ["accuracy", "support"]
times = [1, 20, inf]

[precision]
minority = 0.01

[setting]
n = 100
delta = 2
rho = 0.9

[grid]
gamma = [2, 5]
kappa = { from = 0.1, to = 10, points = 3 }
"""


def changed(old, new):
    assert old in GOOD
    return GOOD.replace(old, new)


def test_a_file_says_what_it_says():
    sweep = sweeps.parse(GOOD, "good.toml")
    assert (sweep.seed, sweep.replicates, sweep.block, sweep.kind) == (3, 20, 10, "gram")
    assert sweep.quantities == ("majority", "minority", "worst", "average", "support")
    assert sweep.times == (1.0, 20.0, math.inf)
    assert (sweep.cells, sweep.blocks) == (6, 2)
    assert len(sweep.columns) == 3 * (4 * 3 + 1)
    assert [sweep.values(cell)["kappa"] for cell in range(6)] == [0.1, 1, 10] * 2
    assert [sweep.values(cell)["gamma"] for cell in range(6)] == [2] * 3 + [5] * 3
    assert sweep.setting(5).kappa == pytest.approx(10)
    assert sweep.setting(5).d == 200
    half = sweep.objective("half", sweep.setting(0))
    assert (half.name, half.weight) == ("half", {1: 1.0, 0: 3.0})


@pytest.mark.parametrize("name", sweeps.ready())
def test_ready_sweeps_are_legal_and_say_what_they_show(name):
    sweep = sweeps.read(name)
    assert sweep.cells * sweep.replicates >= 100
    assert sweep.text.startswith("# ")


WRONG = [
    ("seed = 3", "seed = -1", 2, "seed = -1: must be an integer ≥ 0"),
    ("seed = 3", "seed = 1.5", 2, "seed = 1.5"),
    ("seed = 3", "sed = 3", 2, "sed: is not known. The keys are seed,"),
    ("replicates = 20", "replicates = 1", 3, "replicates = 1: must be an integer ≥ 2"),
    ("replicates = 20", "", 1, "replicates: is missing"),
    ("replicates = 20", "replicates = true", 3, "replicates = True"),
    ('["erm", ', '["ermm", ', 4, "'ermm': must be one of erm,"),
    ('["erm", ', '["erm", "erm", ', 4, "erm is given twice"),
    ("minority = 3", "minor = 3", 4, "must be a number, or {majority = 1, minority = 2}"),
    ("weight = {", "wait = {", 4, "An objective has weight, shift and scale,"),
    ("weight = { majority = 1", "weight = { majority = -1", 4, "weight = {1: -1, 0: 3}"),
    ("weight = { majority = 1, minority = 3 }", "temperature = 0", 4, "temperature = 0: must be"),
    ("weight = {", "temperature = 1, weight = {", 4, "MAT, which has a temperature only"),
    ('name = "half"', 'name = "mat"', 4, "a name that no other objective has"),
    ('name = "half"', 'name = "erm"', 4, "a name that no other objective has"),
    ('"support"]', '"suport"]', 5, "'suport': must be one of accuracy,"),
    ('"support"]', '{ name = "support" }]', 5, "{'name': 'support'}: must be one of accuracy,"),
    ("seed = 3", 'predictions = [{ name = "flow" }]', 2, "{'name': 'flow'}: must be one of"),
    ("times = [1, 20, inf]", "times = [20, 1]", 6, "a list of increasing numbers"),
    ("times = [1, 20, inf]", "times = [1e17]", 6, "up to 1e+16"),
    ("times = [1, 20, inf]", "times = [1, nan]", 6, "a list of increasing numbers"),
    ("times = [1, 20, inf]", 'times = ["a"]', 6, "a list of increasing numbers"),
    ("times = [1, 20, inf]", "", 1, "times: is missing, for majority,"),
    ("times = [1, 20, inf]", "times = [1]\nlearning_rate = 0.3", 6, "is 3.33333 steps"),
    ("seed = 3", "learning_rate = 0", 2, "Leave it out for gradient flow."),
    ("seed = 3", 'kind = "gaussian"', 2, "one of gram, explicit, orthogonal"),
    ("seed = 3", 'predictions = ["theory"]', 2, "one of theorem, orthogonal, proportional"),
    ("minority = 0.01", "core = 0.01", 9, "[precision] core: is not measured."),
    ("minority = 0.01", "minority = 0", 9, "a standard error > 0"),
    ("n = 100", "n = 0", 12, "n = 0: must be an integer ≥ 1"),
    ("n = 100", "n = 100.0", 12, "Write it as an integer: n=100."),
    ("n = 100", "n = [100]", 12, "Several values belong into [grid]."),
    ("n = 100", "", 11, "n: is missing"),
    ("delta = 2", "delta = 2\nd = 200", 13, "d and delta: fix the same thing"),
    ("delta = 2", "delta = -2", 13, "delta = -2.0: must be a finite number ≥ 0"),
    ("rho = 0.9", "rho = 1.9", 14, "rho = 1.9: must be a number in [0, 1]"),
    ("rho = 0.9", "rho = 1", 16, "both non-empty, for reweighting"),
    ("rho = 0.9", "roh = 0.9", 14, "[setting] roh: is not known. The fields are n, d,"),
    ("gamma = [2, 5]", "gamma = [2, -5]", 17, "gamma = -5.0: must be a finite number ≥ 0"),
    ("gamma = [2, 5]", "gamma = [2, 2]", 17, "different numbers"),
    ("gamma = [2, 5]", "gamma = 2", 17, "One value alone belongs into [setting]."),
    ("gamma = [2, 5]", "gamma = []", 17, "a list of numbers, or {from"),
    ("gamma = [2, 5]", 'gamma = [2, "5"]', 17, "gamma = '5': must be a number"),
    ("gamma = [2, 5]", "rho = [0.8]\ngamma = [2, 5]", 17, "rho: stands in [setting] too"),
    ("kappa = {", "sigma = [1]\nkappa = {", 19, "sigma and kappa: fix the same thing"),
    ("from = 0.1", "from = 0", 18, 'A range from or to 0 is scale = "linear".'),
    ("points = 3", "points = 1", 18, "kappa.points = 1: must be an integer from 2"),
    ("points = 3", 'points = 3, scale = "cubic"', 18, '"log" or "linear"'),
    ("points = 3", "steps = 3", 18, "a list of numbers, or {from"),
    ("kappa = {", "kappa_ratio = {", 18, "κ* is infinite (rho = 0.9, gamma = 0.5)"),
    ("[grid]", "[grid", 16, ""),
]


@pytest.mark.parametrize(("old", "new", "line", "words"), WRONG)
def test_what_is_wrong_is_named_with_its_line(old, new, line, words):
    text = changed(old, new)
    if "kappa_ratio" in new:
        text = text.replace("gamma = [2, 5]", "gamma = [0.5, 5]")
    with pytest.raises(sweeps.SweepError) as caught:
        sweeps.parse(text, "good.toml")
    message = str(caught.value)
    assert words in message
    assert f"line {line}:" in message or f"line {line}," in message
    assert message.startswith("good.toml")


def test_all_that_is_wrong_is_said_at_once_in_the_order_of_the_file():
    text = changed("seed = 3", "seed = -1").replace("rho = 0.9", "roh = 0.9")
    with pytest.raises(sweeps.SweepError) as caught:
        sweeps.parse(text)
    lines = str(caught.value).splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "sweep, line 2",
        "sweep, line 11",
        "sweep, line 14",
    ]


def test_the_cell_that_is_wrong_is_named():
    with pytest.raises(sweeps.SweepError, match=r"at gamma = 0.5, kappa_ratio = 0.1: kappa_ratio"):
        sweeps.parse(changed("kappa =", "kappa_ratio =").replace("[2, 5]", "[2, 0.5]"))


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("# what is drawn", "# anything", True),
        ("gamma = [2, 5]", "gamma = [2.0, 5.0]", True),
        ("[1, 20, inf]", "[1.0, 2e1, inf]", True),
        ("rho = 0.9", "rho = 0.9000000001", False),
        ("seed = 3", "seed = 4", False),
        ("[2, 5]", "[5, 2]", False),
        ("minority = 0.01", "minority = 0.02", False),
    ],
)
def test_the_digest_is_of_what_decides_the_results(old, new, same):
    digests = {sweeps.parse(text).digest for text in (GOOD, changed(old, new))}
    assert (len(digests) == 1) == same


@given(st.floats(0.05, 20), st.floats(0.1, 50), st.integers(5, 10**5))
def test_derived_fields_are_what_they_are_called(ratio, delta, n):
    values = {"n": n, "delta": delta, "rho": 0.9, "gamma": 5.0, "kappa_ratio": ratio}
    if round(delta * n) == 0:
        with pytest.raises(SettingError, match="kappa"):
            resolve(values)
        return
    setting = resolve(values)
    assert setting.d == round(delta * n)
    assert setting.kappa == pytest.approx(ratio * orthogonal.critical_memory(0.9, 5.0))


def test_a_plain_setting_is_itself():
    setting = Setting(100, 30, 0.8, 2.0, 0.5, 0.1, 0.2, 0.3)
    fields = ("n", "d", "rho", "gamma", "sigma", "core_noise", "spurious_noise", "label_noise")
    assert resolve({name: getattr(setting, name) for name in fields}) == setting


def test_no_memory_needs_no_features():
    assert resolve({"n": 9, "d": 0, "rho": 0.9, "gamma": 1.0, "kappa": 0.0}).sigma == 0


def test_ranges_have_their_ends_and_round_values():
    assert axis_values("kappa", {"from": 0.1, "to": 100, "points": 4}) == (0.1, 1, 10, 100)
    linear = {"from": 1, "to": 0, "points": 5, "scale": "linear"}
    assert axis_values("rho", linear) == (1, 0.75, 0.5, 0.25, 0)


TRICKY = """\
a = 1
"b" = [
  1,
  2,
]
[ c ]   # a table
d.e = 3
[[f]]
g = { h = 1 }
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("a",), 1),
        (("b",), 2),
        (("c",), 6),
        (("c", "d"), 7),
        (("c", "d", "e"), 7),
        (("f",), 8),
        (("f", "g"), 9),
        (("f", "g", "h"), 9),
        (("z", "z"), 1),
    ],
)
def test_lines_are_those_of_the_keys(path, line):
    assert line_of(TRICKY, path) == line


def test_files_that_are_none_are_refused(tmp_path):
    with pytest.raises(sweeps.SweepError, match="no such file; those that come with pitfalls"):
        sweeps.read(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(sweeps.SweepError, match="is not UTF-8 text"):
        sweeps.read(tmp_path / "binary.toml")
