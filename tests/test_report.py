"""The page of `pitfalls report`: what is on it, that it needs nothing else, and in a browser."""

import os
import re
import struct
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import pytest
from browser import NAMES, browser, executable
from pitfalls import figures, studies
from pitfalls.cli import main
from pitfalls.figures import style
from pitfalls.studies.reports import PICTURE_DPI, Picture, report
from pitfalls.studies.reports.markup import Markup, element
from pitfalls.studies.statements import Measured, exact, judge, statistical
from pitfalls.theory import SettingError
from pitfalls.theory.theorem import FACTS

VOID = {"br", "img", "link", "meta"}
LOADING = {"src", "srcset", "href", "data", "poster", "action", "background"}
STYLE = Path(import_module("pitfalls.studies.reports").__file__).parent / "report.css"
ODD = "<script>alert('1')</script> & \"both\" ‖w_ε‖ {x} %s \x7f"
FIRST, SECOND = FACTS[0].name, FACTS[1].name


def rows(wrong=()):
    """Four statements on three facts, of which those named are given a wrong prediction."""
    made = judge(
        [
            replace(exact("one", "1 = 1", prediction=1.0, observed=1.0, tolerance=0.1), fact=FIRST),
            statistical("two", ODD, prediction=2.0, measured=Measured(2.1, 0.1, 100), note="it's"),
            replace(
                exact("three", "3 = 3", prediction=3.0, observed=3.0, tolerance=1e-9), fact=SECOND
            ),
            replace(
                exact("four", "4 = 4", prediction=-4.0, observed=-4.0, tolerance=1e-9), fact=SECOND
            ),
        ]
    )
    return [replace(x, prediction=x.prediction + 5) if x.id in wrong else x for x in made]


def verification(*wrong):
    return studies.Verification(seed=7, replicates=8, statements=rows(wrong))


def drawn(width=2.0, height=1.0):
    return style.rendered(style.new_figure(width, height), "png", dpi=PICTURE_DPI)


@pytest.fixture(scope="module")
def picture():
    return Picture("odd", f"{ODD}.", ODD, ODD, f"pitfalls figure {ODD}", drawn(6.9, 3.0))


class Page(HTMLParser):
    """Elements in order, with their text; fails where tags do not match."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.declared = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_decl(self, decl):
        self.declared.append(decl)

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs)
        self.elements.append((tag, dict(attrs), []))
        if tag not in VOID:
            self.open.append(self.elements[-1])

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        for _, _, text in self.open:
            text.append(data)

    def texts(self, tag):
        return ["".join(text) for name, _, text in self.elements if name == tag]

    def attributes(self, tag):
        return [attributes for name, attributes, _ in self.elements if name == tag]


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


def luminance(colour):
    channels = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    """As the Web Content Accessibility Guidelines measure it; 4.5 is enough for any text."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


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


# The command.


@pytest.fixture
def asked(monkeypatch):
    """What the command asks for; nothing is computed."""
    seen = {"figures": [], "table": verification()}

    def verify(**options):
        seen["verify"] = options
        return seen["table"]

    def png(name, **options):
        seen["figures"].append(name)
        seen["png"] = options
        return drawn()

    monkeypatch.setattr(studies, "verify", verify)
    monkeypatch.setattr(figures, "png", png)
    return seen


def test_the_command_writes_the_page_and_says_where(asked, tmp_path, capsys):
    out = tmp_path / "page.html"
    flags = ["--seed", "7", "--workers", "2", "--replicates", "9"]
    assert main(["report", "--out", str(out), *flags]) == 0
    shown = capsys.readouterr()
    assert shown.out == f"{out}\n"
    assert shown.err == ""
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
    page = Page(out.read_text(encoding="utf-8"))
    assert page.texts("title") == ["pitfalls: All 4 statements hold"]
    default = ["trajectories", "accuracy-vs-aspect", "phase-diagram", "crossing-time", "comparison"]
    assert asked["figures"] == default
    assert page.texts("code")[0] == (
        f"pitfalls report --seed 7 --replicates 9 --figures {' '.join(default)} --out {out}"
    )
    for name in default:
        assert f"pitfalls figure {name} --seed 7" in page.texts("code")
        assert figures.words(name).alt in [each["alt"] for each in page.attributes("img")]
        assert figures.words(name).title.rstrip(".") in page.texts("h3")
    del asked["verify"]["progress"], asked["png"]["progress"]
    assert asked["verify"] == {"seed": 7, "quick": False, "workers": 2, "replicates": 9}
    assert asked["png"] == {"seed": 7, "workers": 2, "dpi": PICTURE_DPI}


def test_the_command_writes_the_same_bytes_with_any_workers(asked, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pages = []
    for workers in ("1", "2"):
        assert main(["report", "--workers", workers, "--figures", "none"]) == 0
        pages.append(Path("report.html").read_bytes())
    assert pages[0] == pages[1]
    assert main(["report", "--figures", "none", "--date"]) == 0
    dated = Path("report.html").read_text(encoding="utf-8")
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d[+-]\d\d:\d\d", dated)


def test_a_page_of_what_fails_is_written_too(asked, tmp_path, capsys):
    asked["table"] = verification("two", "four")
    out = tmp_path / "page.html"
    assert main(["report", "--out", str(out), "--quick"]) == 1
    assert capsys.readouterr().err == "pitfalls: does not hold: two, four\n"
    page = Page(out.read_text(encoding="utf-8"))
    assert "What does not hold" in page.texts("h2")
    assert asked["figures"] == ["trajectories", "accuracy-vs-aspect"]
    assert "pitfalls verify --quick --seed 0" in page.texts("code")


@pytest.mark.parametrize(
    ("flags", "names"),
    [
        (["none"], []),
        (["all"], list(figures.NAMES)),
        (["delay", "convergence", "delay"], ["delay", "convergence"]),
    ],
)
def test_figures_are_chosen_by_name(asked, tmp_path, flags, names):
    out = tmp_path / "page.html"
    assert main(["report", "--out", str(out), "--figures", *flags]) == 0
    assert asked["figures"] == names
    shown = " ".join(names) if 0 < len(names) < len(figures.NAMES) else flags[0]
    assert f"--figures {shown} --out" in Page(out.read_text(encoding="utf-8")).texts("code")[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--out {folder}", "is a folder"),
        ("--out {folder}/none/page.html", "does not exist"),
        ("--out {folder}/page.html --figures all delay", "must be names, or all alone"),
        ("--out {folder}/page.html --figures none none delay", "must be names, or none alone"),
        ("--out {folder}/page.html --seed -1", "seed = -1"),
        ("--out {folder}/page.html --replicates 2", "replicates = 2"),
        ("--out {folder}/page.html --workers 0", "workers = 0"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(arguments, words, tmp_path, capsys):
    assert main(["report", *arguments.format(folder=tmp_path).split()]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("pitfalls report: ")
    assert words in shown.err
    assert shown.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", ["--figures", "--figures nothing", "--seed x", "more"])
def test_bad_usage_shows_the_usage(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["report", *arguments.split()])
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith("usage: pitfalls")


@pytest.mark.parametrize("broken", ["figure", "disk", "interrupt"])
def test_a_page_is_written_whole_or_not_at_all(asked, tmp_path, monkeypatch, broken):
    out = tmp_path / "page.html"
    out.write_text("the one before", encoding="utf-8")
    status = {"figure": 2, "disk": 2, "interrupt": 130}[broken]
    errors = {"figure": SettingError("n", 0, "more"), "interrupt": KeyboardInterrupt()}

    def fail(*_, **__):
        raise errors.get(broken) or OSError("no space left")

    monkeypatch.setattr(*((os, "replace") if broken == "disk" else (figures, "png")), fail)
    assert main(["report", "--out", str(out), "--quick"]) == status
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
    assert out.read_text(encoding="utf-8") == "the one before"


def test_a_figure_on_the_page_is_the_one_that_its_command_writes(tmp_path):
    written = figures.make("convergence", tmp_path, latest=1e4, replicates=2)[0].read_bytes()
    again = figures.png("convergence", latest=1e4, replicates=2, workers=1)
    assert again == written
    small = figures.png("convergence", latest=1e4, replicates=2, dpi=PICTURE_DPI)
    sizes = [struct.unpack(">II", each[16:24]) for each in (written, small)]
    assert [round(side * PICTURE_DPI / 300) for side in sizes[0]] == pytest.approx(sizes[1], abs=1)


@pytest.mark.parametrize("name", figures.NAMES)
def test_every_figure_has_words(name):
    assert all(each.endswith(".") and "\n" not in each for each in figures.words(name))


def test_a_figure_that_there_is_not_is_refused():
    for ask in (figures.words, figures.png):
        with pytest.raises(SettingError, match="name = 'none'"):
            ask("none")


# In a browser.

LOW_CONTRAST = """
(() => {
  const found = [];
  const parse = text => text.match(/[0-9.]+/g).map(Number);
  const luminance = c => c.slice(0, 3)
    .map(x => (x /= 255) <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4)
    .reduce((sum, x, k) => sum + x * [0.2126, 0.7152, 0.0722][k], 0);
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const own = walk.currentNode.parentElement;
    if (!walk.currentNode.textContent.trim() || !own.checkVisibility()) continue;
    let ground = own;
    while (ground && parse(getComputedStyle(ground).backgroundColor)[3] === 0)
      ground = ground.parentElement;
    const back = ground ? getComputedStyle(ground).backgroundColor : 'rgb(255, 255, 255)';
    const pair = [getComputedStyle(own).color, back].map(parse).map(luminance);
    const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    if (!(ratio >= 4.5)) found.push([walk.currentNode.textContent, ratio]);
  }
  return found;
})()
"""
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
LOADED = "Array.from(document.images).map(each => each.naturalWidth > 0)"

in_a_browser = [
    pytest.mark.slow,
    pytest.mark.skipif(executable() is None, reason=f"none of {', '.join(NAMES)} is installed"),
]


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def shell_page(tmp_path_factory):
    """The page as a shell writes it, of a true verification and a figure."""
    folder = tmp_path_factory.mktemp("page")
    flags = ["--quick", "--replicates", "8", "--figures", "trajectories", "--seed", "3"]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "pitfalls", "report", *flags],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        timeout=600,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "report.html\n", "")
    return folder / "report.html"


@pytest.mark.slow
def test_the_page_from_a_shell_is_well_formed_and_holds(shell_page):
    page = Page(shell_page.read_text(encoding="utf-8"))
    count = len([each for each in page.attributes("tr") if "id" in each])
    assert count > 100
    assert page.texts("title") == [f"pitfalls: All {count} statements hold"]
    ids = [each["id"] for _, each, _ in page.elements if "id" in each]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 800, 1400])
@pytest.mark.parametrize("failing", [False, True], ids=["all hold", "two do not"])
class TestInABrowser:
    """At the width of a phone, of a tablet and of a desk, by day and by night."""

    pytestmark = in_a_browser

    @pytest.fixture
    def opened(self, tab, shell_page, picture, tmp_path, failing, width, scheme):
        path = shell_page
        if failing:
            path = tmp_path / "page.html"
            long = replace(rows(["two"])[1], id="a-name-that-is-long-" * 9, claim="word" * 99)
            table = verification("two", "four")
            table = replace(table, statements=[*table.statements, long])
            path.write_text(report(table, [picture] * 2, studies.info()), encoding="utf-8")
        tab.open(path, width, scheme=scheme)
        return tab, path

    def test_the_page_fits_is_silent_and_asks_for_nothing(self, opened):
        tab, path = opened
        assert tab.value(WIDER) <= 0
        assert tab.value(LOADED)
        assert all(tab.value(LOADED))
        assert tab.value(LOW_CONTRAST) == []
        assert tab.said() == []
        assert tab.requested()[0] == path.as_uri()
        assert all(address.startswith("data:") for address in tab.requested()[1:])


class TestWhatTheBrowserWouldSee:
    """The checks above could have failed."""

    pytestmark = in_a_browser

    def test_a_page_that_is_wide_loud_pale_and_not_alone(self, tab, tmp_path):
        path = tmp_path / "bad.html"
        path.write_text(
            "<!DOCTYPE html><title>bad</title><link rel='icon' href='data:,'>"
            "<p style='width: 500px; color: #aaa'>pale</p>"
            "<img src='http://127.0.0.1:9/dot.png' alt=''>"
            "<script>console.log('loud')</script>",
            encoding="utf-8",
        )
        tab.open(path, 400)
        assert tab.value(WIDER) > 0
        assert tab.value(LOADED) == [False]
        [[words, ratio]] = tab.value(LOW_CONTRAST)
        assert (words, ratio) == ("pale", pytest.approx(contrast("#aaaaaa", "#ffffff")))
        assert "loud" in str(tab.said())
        assert "http://127.0.0.1:9/dot.png" in tab.requested()

    def test_what_the_policy_of_the_page_forbids_is_not_loaded(self, tab, tmp_path, picture):
        path = tmp_path / "forced.html"
        text = report(verification(), [picture])
        image = "<img src='http://127.0.0.1:9/dot.png' alt=''><script>var ran = 1</script></main>"
        path.write_text(text.replace("</main>", image), encoding="utf-8")
        tab.open(path, 400)
        assert tab.value("typeof ran") == "undefined"
        assert "Content Security Policy" in str(tab.said())
