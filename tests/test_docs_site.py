"""The documents: links lead somewhere, commands are the program's, and all of it makes a site.

What the Python of a page prints is tested here for the pages that have no test of their own.
"""

import doctest
import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest
from documents import (
    PAGES,
    ROOT,
    SHELL,
    anchors,
    blocks,
    commands,
    dead_links,
    inline_commands,
    links,
    missing,
)
from pitfalls import benchmarks
from pitfalls.cli import _parser
from pitfalls.studies import sweeps
from pitfalls.sweep_cli import SUBCOMMANDS

DOCS = ROOT / "docs"
START = DOCS / "start.md"
INSTALLING = ("python3 -m venv", ". .venv", "pip install")
OTHERS = {"pip", "python", "python3", "."}
FLAGS = doctest.NORMALIZE_WHITESPACE


def name(page):
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_to_a_page_and_a_heading(page):
    assert dead_links(page) == []


def test_a_dead_link_is_seen(tmp_path):
    page, other = tmp_path / "page.md", tmp_path / "other.md"
    other.write_text("# One *two*, `three`\n\n```sh\n# no heading\n```\n\n## Twice\n\n## Twice\n")
    page.write_text(
        "[a](other.md) [b](other.md#one-two-three) [c](other.md#twice-1) [d](https://x.y)\n"
        "[e](gone.md) [f](other.md#no-heading) ![g](gone.png) [h](#here) [i](../../etc)\n# Here\n"
        "`[code](gone.md)`\n```text\n[block](gone.md)\n```\n"
    )
    assert dead_links(page, tmp_path) == ["gone.md", "other.md#no-heading", "gone.png", "../../etc"]
    assert anchors(other.read_text()) == ["one-two-three", "twice", "twice-1"]


def refused(words):
    """What the program's own parser says of a command, None where it is one."""
    if "=" in words[0]:
        words = words[1:]
    if words[0] == "make":
        targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        unknown = [each for each in words[1:] if "=" not in each and each not in targets]
        return f"no target: {unknown}" if unknown else None
    program = words[0].rsplit("/", 1)[-1]
    if program != "pitfalls":
        return None if program in OTHERS else f"{program} is not known"
    ends = [words.index(mark) for mark in (">", "|") if mark in words]
    return refused_by_pitfalls(words[1 : min(ends, default=None)])


def refused_by_pitfalls(words):
    if words[0] == "sweep" and words[1:2] and words[1] in SUBCOMMANDS:
        words = [f"sweep-{words[1]}", *words[2:]]
    try:
        options = _parser().parse_args(words)
    except SystemExit as stop:
        return "not a command" if stop.code else None
    if options.command == "sweep" and not options.file.endswith(".toml"):
        return None if options.file in sweeps.ready() else f"no ready sweep: {options.file}"
    if options.command == "sweep-ready":
        known = {None, *sweeps.ready()}
        return None if options.name in known else f"no ready sweep: {options.name}"
    if options.command == "bench":
        unknown = {*options.names} - {*benchmarks.NAMES, *benchmarks.ON_A_DEVICE}
        return f"no benchmark: {unknown}" if unknown else None
    return None


def completed(words):
    """A command of a sentence: its placeholders filled in, and what it leaves to the reader."""
    filled = {"figure": {"NAME": "trajectories"}, "sweep": {"FILE": "my.toml"}}.get(words[1], {})
    filled["NAME"] = "xrm" if words[1:3] == ["sweep", "ready"] else filled.get("NAME", "NAME")
    words = [filled.get(word, word) for word in words]
    endings = ([], ["my.toml"]) if len(words) > 2 or words[1] == "sweep" else ([],)
    return next(([*words, *ending] for ending in endings if not refused([*words, *ending])), words)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_of_blocks_are_the_programs(page):
    text = page.read_text(encoding="utf-8")
    found = [
        words
        for language, content in blocks(text)
        if language in SHELL
        for words in commands(language, content)
    ]
    assert [(shlex.join(words), why) for words in found if (why := refused(words))] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_in_sentences_are_the_programs(page):
    found = [completed(words) for words in inline_commands(page.read_text(encoding="utf-8"))]
    assert [(shlex.join(words), why) for words in found if (why := refused(words))] == []


@pytest.mark.parametrize(
    "line",
    [
        "pitfalls figure trajektories",
        "pitfalls train --gama 5",
        "pitfalls sweep ready phase",
        "pitfalls sweep phase --store a.db",
        "pitfalls bench descend",
        "pitfalls prove",
        "make everything",
        "curl https://x.y",
    ],
)
def test_a_command_that_is_none_is_seen(line, capsys):
    assert refused(shlex.split(line))
    capsys.readouterr()


def test_commands_of_a_console_are_what_follows_the_prompt():
    content = "$ pitfalls info  # all of it\nprinted\n$ pitfalls train \\\n    --time 20\n"
    assert commands("console", content) == [
        ["pitfalls", "info"],
        ["pitfalls", "train", "--time", "20"],
    ]


TESTED_ELSEWHERE = {
    "README.md",
    "docs/theory.md",
    "docs/mat.md",
    "docs/generalization.md",
    "docs/own_features.md",
}


@pytest.mark.parametrize(
    "page", [page for page in PAGES if name(page) not in TESTED_ELSEWHERE], ids=name
)
def test_the_python_of_a_page_prints_what_it_shows(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = page.read_text(encoding="utf-8")
    examples = doctest.testfile(str(page), module_relative=False, optionflags=FLAGS)
    assert examples.failed == 0
    assert (examples.attempted > 0) == ("\n>>> " in text)
    for language, content in blocks(text):
        if language == "python" and ">>>" not in content:
            compile(content, str(page), "exec")


def test_the_comparison_shows_what_was_measured():
    """Its table of Sagawa et al.'s toy, against what the benchmark wrote."""
    text = (DOCS / "comparison.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\| (\d+) \| (\w+) \| (\S+) \| (\S+) \| (\S+) \| (\S+) \|$", text, re.M)
    content = (ROOT / "benchmarks" / "results" / "sagawa.json").read_text(encoding="utf-8")
    [report] = json.loads(content)["benchmarks"]
    off = {row["program"]: row["difference"] for row in report["rows"]}
    measured = []
    for title, fact in report["facts"].items():
        features, method = re.fullmatch(r"N = (\d+), (\w+)", title).groups()
        both = [f"{off[f'{title}: scikit-learn, tolerance {x}']:.2g}" for x in ("1e-12", "0.0001")]
        errors = [f"{fact[name]:.3f}" for name in ("predicted", "error")]
        measured.append((features, method, *errors, *both))
    assert shown == measured
    assert len(shown) == 6


@pytest.mark.slow
def test_what_the_start_says_is_done_in_its_order(tmp_path, monkeypatch):
    """Every command but those that install, every file to be saved, all Python."""
    monkeypatch.chdir(tmp_path)
    runner, namespace = doctest.DocTestRunner(optionflags=FLAGS), {}
    done = 0
    for language, content in blocks(START.read_text(encoding="utf-8")):
        if language == "toml":
            (tmp_path / re.match(r"# (\S+?):", content)[1]).write_text(content, encoding="utf-8")
        elif language == "python":
            test = doctest.DocTestParser().get_doctest(content, namespace, "start", str(START), 0)
            runner.run(test, clear_globs=False)
            namespace = test.globs
        elif language in SHELL:
            for part in re.split(r"^\$ ", content, flags=re.MULTILINE):
                line, _, shown = part.partition("\n")
                if not part or content.startswith(INSTALLING):
                    continue
                words = shlex.split(line)
                assert words[0] == "pitfalls", line
                found = subprocess.run(
                    [sys.executable, "-m", *words],
                    capture_output=True,
                    encoding="utf-8",
                    timeout=600,
                )
                assert (found.returncode, found.stderr) == (0, ""), line
                assert missing(shown, found.stdout) is None, line
                done += 1
    assert done >= 8
    assert runner.summarize(verbose=False).failed == 0


class Page(HTMLParser):
    """What a page of the site loads, links to, and calls by a name."""

    INERT = ("canonical", "index", "search", "next", "prev", "author", "copyright")

    def __init__(self, text):
        super().__init__()
        self.loaded, self.links, self.names, self.scripts = [], [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.names |= {given[key] for key in ("id", "name") if given.get(key)}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        elif tag == "form":
            self.links.append(given["action"])
        elif tag == "link" and given.get("rel") not in self.INERT:
            self.loaded.append(given["href"])
        else:
            self.loaded += [
                given[key] for key in ("src", "srcset", "data", "poster") if given.get(key)
            ]
        self.scripts += [value for key, value in attrs if key.startswith("on") or key == "style"]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    for module in ("sphinx", "myst_parser", "furo", "latex2mathml"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is of the extra docs")
    folder = tmp_path_factory.mktemp("site")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    [line] = re.findall(r"^\t\$\(BIN\)/python (-m sphinx .+)$", makefile, re.MULTILINE)
    *words, doctrees, source, out = shlex.split(line)
    assert (doctrees, source, out) == ("out/doctrees", "docs", "out/site")
    done = subprocess.run(
        [sys.executable, *words, str(folder / "doctrees"), source, str(folder / "site")],
        cwd=ROOT,
        # No proxy, so that a page fetched while building would not come.
        env={**os.environ, "http_proxy": "http://localhost:9", "https_proxy": "http://localhost:9"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return {
        path.relative_to(folder / "site").as_posix(): path.read_text(encoding="utf-8")
        for path in sorted((folder / "site").rglob("*.html"))
    }, folder / "site"


@pytest.mark.slow
def test_every_page_and_every_public_name_is_on_the_site(site):
    pages, _ = site
    for page in DOCS.rglob("*.md"):
        assert page.relative_to(DOCS).with_suffix(".html").as_posix() in pages
    named = set().union(*(Page(text).names for text in pages.values()))
    for module in ("theory", "theory.orthogonal", "theory.proportional", "sims", "studies"):
        public = importlib.import_module(f"pitfalls.{module}")
        for each in public.__all__:
            if callable(getattr(public, each)):
                assert f"pitfalls.{module}.{each}" in named
    # A parameter's type leads to its class, and what are two attributes are told of as two.
    assert 'href="theory.html#pitfalls.theory.Setting"' in pages["api/sims.html"]
    assert "<strong>negative</strong>" in pages["api/sims.html"]
    assert not any("Alias for field number" in text for text in pages.values())


@pytest.mark.slow
def test_formulas_are_set_without_a_script(site):
    pages, _ = site
    theory = pages["theory.html"]
    assert (
        theory.count("<math ") == (DOCS / "theory.md").read_text(encoding="utf-8").count("$$") // 2
    )
    assert "$$" not in theory
    assert "w<sub>y</sub>" in theory
    assert "MathJax" not in theory


@pytest.mark.slow
def test_no_page_loads_anything_from_elsewhere(site):
    pages, folder = site
    for path, text in pages.items():
        page = Page(text)
        assert page.loaded
        for target in page.loaded:
            parts = urlsplit(target)
            assert not parts.netloc, (path, target)
            assert parts.scheme in ("", "data"), (path, target)
            if not parts.scheme:
                assert (folder / path).parent.joinpath(unquote(parts.path)).exists(), (path, target)
        assert not any("url(" in each for each in page.scripts)
    for sheet in folder.rglob("*.css"):
        for target in re.findall(
            r"url\((.*?)\)|@import\s+(\S+)", sheet.read_text(encoding="utf-8")
        ):
            assert not re.match(r"[\"']?(https?:)?//", "".join(target)), (sheet.name, target)


@pytest.mark.slow
def test_every_page_is_reached_from_the_first_and_every_link_leads_somewhere(site):
    pages, folder = site
    parsed = {path: Page(text) for path, text in pages.items()}
    seen, left = set(), ["index.html"]
    while left:
        path = left.pop()
        if path in seen:
            continue
        seen.add(path)
        for link in parsed[path].links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (
                (folder / path).parent.joinpath(unquote(parts.path))
                if parts.path
                else folder / path
            )
            assert target.exists(), (path, link)
            reached = target.resolve().relative_to(folder.resolve()).as_posix()
            if reached in parsed:
                left.append(reached)
                fragment = unquote(parts.fragment)
                assert not fragment or fragment in parsed[reached].names, (path, link)
    assert set(pages) - seen == set()


@pytest.fixture
def formulas(monkeypatch):
    for module in ("sphinx", "latex2mathml"):
        pytest.importorskip(module, reason=f"{module} is of the extra docs")
    monkeypatch.syspath_prepend(str(DOCS))
    return importlib.import_module("formulas")


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("w_y and ‖w_ε‖², σ_y²w_y²", "w[y] and ‖w[ε]‖², σ[y]²w[y]²"),
        ("π_gK_gh, π_gq_gΔ_g, α̂′_g, E[xψ_j]", "π[g]K[gh], π[g]q[g]Δ[g], α̂′[g], E[xψ[j]]"),
        ("[G⁻¹]_ii, G_−i, e_{(y,a)}, b_ERM", "[G⁻¹][ii], G[−i], e[(y,a)], b[ERM]"),
        ("e^{−s_1}, 10^9.8, (d/n)^(−1/2), R^d", "e{−s_1}, 10{9.8}, (d/n){−1/2}, R{d}"),
        ("core_noise, max_margin, log_crossing_time", None),
        ("2^", None),
    ],
)
def test_indices_are_set_and_names_left_alone(text, marked, formulas):
    shapes = {"on": "{}", "below": "[{}]", "above": "{{{}}}"}
    found = "".join(shapes[place].format(piece) for piece, place in formulas.typeset(text))
    assert found == (marked or text)


def test_links_are_found_in_prose_only():
    text = '[a](b.md "title") ![c\nd](e.png) `[f](g.md)`\n```sh\n[h](i.md)\n```\n'
    assert links(text) == ["b.md", "e.png"]
