"""A report's page as its tests read it, and the statements that they put on one."""

from dataclasses import replace
from html.parser import HTMLParser

from pitfalls import studies
from pitfalls.figures import style
from pitfalls.studies.reports import PICTURE_DPI, Picture
from pitfalls.studies.statements import Measured, exact, judge, statistical
from pitfalls.theory.theorem import FACTS

VOID = {"br", "img", "link", "meta"}
LOADING = {"src", "srcset", "href", "data", "poster", "action", "background"}
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


def odd_picture():
    """A picture whose every word is odd."""
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


def luminance(colour):
    channels = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    """As the Web Content Accessibility Guidelines measure it; 4.5 is enough for any text."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)
