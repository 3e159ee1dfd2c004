"""Four figures pixel by pixel against tests/reference_pictures, where their data are cheap.

Text is drawn as bars, each as long as its text has characters. Every FreeType shapes letters in its
own way, and the layout follows their sizes: from matplotlib 3.10 to 3.11 pictures change by a root
mean square of 40 to 50 of 255, and with bars by nothing. The words are tested with the data.

After a wanted change: .venv/bin/python tests/test_pictures.py writes the references anew.
"""

import functools
import re
from pathlib import Path
from unittest.mock import patch

import pytest
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.path import Path as Outline
from matplotlib.testing.compare import compare_images
from matplotlib.transforms import Affine2D
from pitfalls.figures import convergence, crossing_time, phase_diagram, style, trajectories
from pitfalls.theory import Setting

pytestmark = pytest.mark.slow

REFERENCES = Path(__file__).parent / "reference_pictures"
# One black pixel of a hundred thousand is 0.5; the faintest line that is seen at all is more.
TOLERANCE = 0.5
DPI = 80
CLEAN = Setting(60, 600, 0.9, 5.0, 0.2)
SMALL = Setting(50, 50_000, 0.8, 3.0, 0.05)

MODULES = {
    "trajectories": trajectories,
    "phase-diagram": phase_diagram,
    "crossing-time": crossing_time,
    "convergence": convergence,
}
OPTIONS = {
    "trajectories": {"setting": SMALL, "latest": 1e4, "points": 41},
    "phase-diagram": {
        "setting": CLEAN,
        "replicates": 1,
        "kappas": [0.05, 0.5, 20.0],
        "drawn_kappas": [0.2, 2.0],
    },
    "crossing-time": {
        "setting": crossing_time.default_setting(),
        "ratios": [0.2, 0.8, 1.2, 2.0],
        "simulated": [1.4],
    },
    "convergence": {"setting": CLEAN, "latest": 1e8, "replicates": 3},
}


@functools.cache
def computed(name):
    return MODULES[name].compute(seed=1, **OPTIONS[name])


def measured(renderer, text, font, ismath):
    """Width, height and descent of a bar: no less than any letter's, of what is not markup."""
    size = renderer.points_to_pixels(font.get_size_in_points())
    characters = len(re.sub(r"\\[A-Za-z]+|[${}^_\\]", "", text))
    return 0.55 * size * characters, 1.25 * size, 0.25 * size


def as_bar(renderer, gc, x, y, text, font, angle, ismath=False, mtext=None):
    width, height, descent = measured(renderer, text, font, ismath)
    place = Affine2D().scale(width, height).translate(0, -descent).rotate_deg(angle)
    gc.set_linewidth(0)
    gc.set_snap(False)
    renderer.draw_path(
        gc, Outline.unit_rectangle(), place.translate(x, renderer.height - y), gc.get_rgb()
    )


def write(figure, path):
    bars = {"get_text_width_height_descent": measured, "draw_text": as_bar}
    with style.style(), patch.multiple(RendererAgg, **bars):
        figure.savefig(path, dpi=DPI, metadata={"Software": None})


def difference(name, folder, bend=lambda figure: None):
    """What is wrong with a picture, drawn now and bent; None where it is the reference."""
    figure = MODULES[name].draw(computed(name))
    bend(figure)
    write(figure, folder / f"{name}.png")
    return compare_images(REFERENCES / f"{name}.png", folder / f"{name}.png", TOLERANCE)


def line(figure, k, panel=0):
    return figure.axes[panel].get_lines()[k]


def rescale(drawn, factor):
    drawn.set_ydata([factor * y for y in drawn.get_ydata()])


def lengthen(label):
    label.set_text(label.get_text() + "s")


BENDS = {
    "trajectories": {
        "a line less": lambda figure: line(figure, 1).remove(),
        "a dashed line less": lambda figure: line(figure, 12).remove(),
        "a dot less": lambda figure: line(figure, -1).remove(),
        "another colour": lambda figure: line(figure, 3, 1).set_color("#0072B2"),
        "another width": lambda figure: line(figure, 4, 1).set_linewidth(2.0),
        "a line moved": lambda figure: rescale(line(figure, 0), 1.02),
        "a shade less": lambda figure: figure.axes[0].collections[0].remove(),
        "the legend moved": lambda figure: figure.legends[0].set_loc("lower left"),
        "the legend lost": lambda figure: figure.legends[0].remove(),
        "another range": lambda figure: figure.axes[0].set_xlim(0, 6),
        "a longer label": lambda figure: lengthen(figure.axes[1].yaxis.label),
    },
    "phase-diagram": {
        "another map": lambda figure: figure.axes[0].collections[0].set_cmap("RdBu"),
        "the map shifted": lambda figure: figure.axes[1].collections[0].set_clim(0.0, 1.05),
        "a contour less": lambda figure: figure.axes[1].collections[1].remove(),
        "dots less": lambda figure: figure.axes[0].collections[2].remove(),
    },
    "crossing-time": {
        "a shade less": lambda figure: figure.axes[0].collections[0].remove(),
        "dots less": lambda figure: line(figure, 5, 1).remove(),
        "another scale": lambda figure: figure.axes[0].set_yscale("linear"),
    },
    "convergence": {
        "a line less": lambda figure: line(figure, 1).remove(),
        "a line moved": lambda figure: rescale(line(figure, 3), 1.05),
    },
}


@pytest.mark.parametrize("name", MODULES)
def test_the_picture_is_its_reference(name, tmp_path):
    assert difference(name, tmp_path) is None


@pytest.mark.parametrize(
    ("name", "bend"),
    [pytest.param(name, bend, id=f"{name}: {bend}") for name in BENDS for bend in BENDS[name]],
)
def test_a_bent_picture_is_refused(name, bend, tmp_path):
    assert "RMS" in difference(name, tmp_path, BENDS[name][bend])


def test_letters_do_not_matter(tmp_path, monkeypatch):
    monkeypatch.setitem(style._RC, "font.family", "DejaVu Serif")
    monkeypatch.setitem(style._RC, "mathtext.fontset", "dejavuserif")
    assert difference("trajectories", tmp_path) is None


def test_every_reference_is_compared():
    assert {path.name for path in REFERENCES.iterdir()} == {f"{name}.png" for name in MODULES}


if __name__ == "__main__":
    REFERENCES.mkdir(exist_ok=True)
    for each in MODULES:
        write(MODULES[each].draw(computed(each)), REFERENCES / f"{each}.png")
