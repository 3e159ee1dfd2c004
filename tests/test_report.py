"""The page of `pitfalls report`: what is on it, and that it needs nothing else."""

import re
from dataclasses import replace
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import pytest
from pitfalls import studies
from pitfalls.studies.reports import Picture, report
from pitfalls.studies.reports.markup import Markup, element
from pitfalls.theory import SettingError
from pitfalls.theory.theorem import FACTS
from report_page import (
    FIRST,
    LOADING,
    ODD,
    SECOND,
    Page,
    contrast,
    drawn,
    odd_picture,
    rows,
    verification,
)

STYLE = Path(import_module("pitfalls.studies.reports").__file__).parent / "report.css"


@pytest.fixture(scope="module")
def picture():
    return odd_picture()


@pytest.fixture(scope="module", params=[(), ("two", "four")], ids=["all hold", "two do not"])
def text(request, picture):
    plain = Picture("plain", "A dot.", "", "A dot.", "pitfalls figure plain", drawn())
    return report(verification(*request.param), [picture, plain], studies.info())


def test_the_page_is_well_formed_and_its_links_lead_somewhere(text):
    page = Page(text)
    assert page.declared == ["DOCTYPE html"]
    assert page.attributes("html") == [{"lang": "en"}]
    ids = [each["id"] for _, each, _ in page.elements if "id" in each]
    assert len(ids) == len(set(ids))
    inner = [each["href"] for each in page.attributes("a") if each["href"].startswith("#")]
    assert {link[1:] for link in inner} <= set(ids)
    assert len(inner) >= 6
    levels = [int(tag[1]) for tag, _, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert levels.count(1) == 1


def test_the_page_loads_nothing(text):
    page = Page(text)
    for tag, attributes, _ in page.elements:
        for name in LOADING & set(attributes):
            if tag != "a":
                assert attributes[name].startswith("data:")
    assert not {"script", "iframe", "object", "embed", "video", "audio", "base", "form"} & {
        tag for tag, _, _ in page.elements
    }
    assert not [key for _, each, _ in page.elements for key in each if key.startswith("on")]
    css = page.texts("style")
    assert css == [STYLE.read_text(encoding="utf-8")]
    assert "url(" not in css[0]
    assert "@import" not in css[0]
    policy = [each for each in page.attributes("meta") if "http-equiv" in each]
    assert "default-src 'none'" in policy[0]["content"]


def test_every_picture_is_described_and_as_large_as_it_is(text):
    images = Page(text).attributes("img")
    assert [each["alt"] for each in images] == [ODD, "A dot."]
    for each, inches in zip(images, ((6.9, 3.0), (2.0, 1.0)), strict=True):
        # Shown at 144 dots per inch.
        size = (float(each["width"]) / 144, float(each["height"]) / 144)
        assert size == pytest.approx(inches, abs=0.01)


def test_each_statement_has_its_numbers_and_its_verdict():
    table = verification("two")
    page = Page(report(table))
    cells = page.texts("td")
    assert len(cells) == 6 * len(table.statements)
    found = {tuple(cells[k : k + 6]) for k in range(0, len(cells), 6)}
    assert ("exact", "1", "1", "", "0.1", "✓ yes") in found
    assert ("exact", "-4", "-4", "", "1e-09", "✓ yes") in found
    row = next(x for x in table.statements if x.id == "two")
    expected = ("statistical", "7", "2.1 ± 0.1", f"{row.z:+.2f}", f"{row.detectable:.2g}", "✗ no")
    assert expected in found


def test_what_fails_is_said_first_and_comes_first():
    page = Page(report(verification("four", "two")))
    assert page.texts("title") == ["pitfalls: 2 of 4 statements do not hold"]
    assert page.texts("h2") == ["What does not hold", "Statements", "How it was made"]
    anchors = [each["id"] for each in page.attributes("tr") if "id" in each]
    order = ["two", "four", "three", "one"]
    assert anchors == [f"statement-{name}" for name in order]
    assert [each.get("class") for each in page.attributes("tr") if "id" in each] == [
        "failed",
        "failed",
        None,
        None,
    ]
    items = [item for item in page.texts("li") if "Predicted" in item]
    assert [item.split(":")[0] for item in items] == ["two", "four"]
    assert page.texts("h3")[:3] == ["other ✗ 0 of 1", f"{SECOND} ✗ 1 of 2", f"{FIRST} ✓ 1 of 1"]


@pytest.mark.parametrize(
    ("table", "verdict"),
    [
        (verification(), "✓ All 4 statements hold"),
        (verification("one"), "✗ 1 of 4 statements does not hold"),
        (studies.Verification(0, 8, rows()[:1]), "✓ The statement holds"),
        (studies.Verification(0, 8, rows(["one"])[:1]), "✗ The statement does not hold"),
    ],
    ids=["all", "one fails", "of one", "of one, fails"],
)
def test_the_verdict_in_words(table, verdict):
    page = Page(report(table))
    assert verdict in page.texts("p")
    assert page.texts("title") == [f"pitfalls: {verdict[2:]}"]
    assert ("failures" in [each.get("id") for each in page.attributes("section")]) != table.holds


def test_facts_are_told_in_the_order_of_the_table():
    page = Page(report(verification()))
    assert page.texts("h3")[:3] == [f"{FIRST} ✓ 1 of 1", "other ✓ 1 of 1", f"{SECOND} ✓ 2 of 2"]
    for fact in FACTS[:2]:
        assert fact.statement in page.texts("p")


def test_odd_text_stays_text(picture):
    command = f"pitfalls report --out {ODD}"
    page = Page(report(verification("two"), [picture], command=command, when=ODD))
    assert page.texts("script") == []
    assert f"{ODD} (it's)" in page.texts("span")
    assert page.texts("code").count(command) == 2
    assert page.texts("code").count(picture.command) == 2
    assert ODD in page.texts("dd")
    assert element("p", "<", Markup("&lt;"), title='"') == '<p title="&quot;">&lt;&lt;</p>'


def test_the_page_says_with_what_it_was_made(picture):
    about = studies.info()
    commands = {"command": "pitfalls report --seed 7", "verify_command": "pitfalls verify --seed 7"}
    page = Page(report(verification(), [picture], about, **commands))
    made = dict(zip(page.texts("dt"), page.texts("dd"), strict=True))
    assert made["this page"] == commands["command"]
    assert made["the statements"] == commands["verify_command"]
    assert made["odd"] == picture.command
    assert made["seed"].startswith("7 ")
    for name in ("pitfalls", "python", "numpy", "scipy", "numba"):
        assert made[name] == about.versions[name]
    assert made["processor"] == about.machine.processor
    assert made["GPU"] == about.devices.words
    assert "made" not in made


def test_the_same_page_again_but_for_what_is_said_of_time(picture):
    arguments = (verification(), [picture], studies.info())
    busy = replace(arguments[2], machine=replace(arguments[2].machine, memory_available=1))
    assert report(*arguments) == report(*arguments[:2], busy)
    assert report(*arguments, when="noon") != report(*arguments)
    assert Page(report(*arguments, when="noon")).texts("dd")[-1] == "noon"


@pytest.mark.parametrize(
    ("changes", "field"), [({"alt": " "}, "alt"), ({"png": b"GIF"}, "png"), ({"png": b""}, "png")]
)
def test_a_picture_without_words_or_of_another_kind_is_refused(picture, changes, field):
    with pytest.raises(SettingError, match=f"^{field} = "):
        replace(picture, **changes)


# Contrast. Inks that are written on each ground, by the style's own names.
GROUNDS = {
    "--paper": ("--ink", "--muted", "--link", "--good", "--bad"),
    "--panel": ("--ink",),
    "--good-paper": ("--good",),
    "--bad-paper": ("--ink", "--muted", "--link", "--bad"),
}


def schemes():
    """Colours by name of each scheme: of a screen, light or dark, and of paper."""
    text = re.sub(r"/\*.*?\*/", "", STYLE.read_text(encoding="utf-8"), flags=re.DOTALL)
    found = re.findall(r":root \{(.*?)\}", text, re.DOTALL)
    return [dict(re.findall(r"(--[\w-]+): (#[0-9a-f]{6});", each)) for each in found]


def test_contrast_is_that_of_the_guidelines():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("number", [0, 1, 2], ids=["light", "dark", "printed"])
def test_every_ink_can_be_read_on_its_ground(number):
    assert len(schemes()) == 3
    colours = schemes()[number]
    assert set(colours) == {"--line", *GROUNDS, *(ink for inks in GROUNDS.values() for ink in inks)}
    for ground, inks in GROUNDS.items():
        for ink in inks:
            assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
