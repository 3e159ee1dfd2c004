"""What every figure's tests ask of a picture."""

import csv

import pytest
from pitfalls import figures
from pitfalls.figures import style
from pitfalls.theory import SettingError


def check_refused(figure, field, changes, folder, **options):
    """A figure of what it cannot show is refused by the field's name, and nothing is written."""
    with pytest.raises(SettingError) as caught:
        figures.make(figure, folder, changes, **options)
    assert caught.value.field == field
    assert list(folder.iterdir()) == []


def check_layout(figure):
    """Everything is on the page and over nothing else."""
    figure.canvas.draw()
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    boxes += [legend.get_window_extent() for legend in figure.legends]
    for k, box in enumerate(boxes):
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1 + 1
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1 + 1
        assert not any(box.overlaps(other) for other in boxes[k + 1 :])


def check_picture(module, data, folder):
    """Everything is on the page and over nothing else, titled, described, and written in full."""
    figure = module.draw(data)
    check_layout(figure)
    assert figure.axes[0].get_title(loc="left")
    assert module.ALT_TEXT.endswith(".")
    table = data.table()
    paths = style.save(figure, table, folder, "picture")
    rows = list(csv.DictReader(paths[2].read_text(encoding="utf-8").splitlines()))
    assert len(rows) == len(next(iter(table.values()))) > 0
