"""The page of `pitfalls report` in a browser: nothing loaded, all legible."""

from dataclasses import replace

import pytest
from browser import NAMES, browser, executable
from command import pitfalls
from pitfalls import studies
from pitfalls.studies.reports import report
from report_page import Page, contrast, odd_picture, rows, verification


@pytest.fixture(scope="module")
def picture():
    return odd_picture()


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
    done = pitfalls("report", *flags, folder=folder)
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
