"""What stands in the documents: links, headings, commands, and what these print."""

import re
import shlex
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
SHELL = ("sh", "bash", "console")
NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:e[+-]\d+)?")
_FENCE = re.compile(r"^```(\S*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(text):
    """Language and content of every fenced block, in order."""
    return [(found[1], found[2]) for found in _FENCE.finditer(text)]


def prose(text):
    """The text without its fenced blocks."""
    return _FENCE.sub("\n", text)


def commands(language, content):
    """The command lines of a block, as words: all of a script, and of a console what follows $."""
    lines = content.replace("\\\n", " ").splitlines()
    if language == "console":
        lines = [line[2:] for line in lines if line.startswith("$ ")]
    found = (shlex.split(line, comments=True) for line in lines)
    return [words for words in found if words]


def inline_commands(text):
    """`pitfalls …` in a sentence, wherever its lines end."""
    codes = re.findall(r"(?<!`)`([^`]+)`(?!`)", prose(text))
    return [shlex.split(code) for code in codes if re.match(r"pitfalls\s+[a-z-]", code)]


def links(text):
    """Targets of links and pictures."""
    without_code = re.sub(r"`[^`]*`", "", prose(text))
    return re.findall(r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)", without_code)


def anchors(text):
    """The anchors that code hosts, and the site, give to headings."""
    found, times = [], Counter()
    for title in re.findall(r"^#+ +(.+?) *$", prose(text), re.MULTILINE):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title)
        name = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        found.append(f"{name}-{times[name]}" if times[name] else name)
        times[name] += 1
    return found


def dead_links(page, root=ROOT):
    """Links of a page that lead to no file of the repository, or to no heading of it."""
    dead = []
    for link in links(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        inside = target.resolve().is_relative_to(root)
        wrong = not (inside and target.exists())
        if not wrong and anchor:
            wrong = anchor not in anchors(target.read_text(encoding="utf-8"))
        if wrong:
            dead.append(link)
    return dead


def words(text):
    return [word for word in text.split() if set(word) != {"─"}]


def alike(one, other):
    """The same but for a count more or less, as another machine's rounding may have."""
    if NUMBER.sub("#", one) != NUMBER.sub("#", other):
        return False
    pairs = zip(NUMBER.findall(one), NUMBER.findall(other), strict=True)
    return all(abs(float(a) - float(b)) <= 0.01 + 0.02 * abs(float(b)) for a, b in pairs)


def missing(shown, printed):
    """What is shown, … standing for anything, and not printed in that order."""
    found, start = words(printed), 0
    for piece in re.split(r"^…$", shown, flags=re.MULTILINE):
        wanted = words(piece)
        places = (
            place
            for place in range(start, len(found) - len(wanted) + 1)
            if all(map(alike, wanted, found[place:]))
        )
        place = next(places, None)
        if place is None:
            return piece
        start = place + len(wanted)
    return None
