"""A figure on the page: its bytes are in the page, too."""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass

from ...theory import SettingError
from .markup import Markup, command_line, element

__all__ = ["PICTURE_DPI", "Picture"]

PICTURE_DPI = 200
"""Dots per inch that pictures are drawn with."""

# What they are shown at where there is room: larger than on paper, and sharp on most screens.
_SHOWN_DPI = 144
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Picture:
    """A figure for the page.

    Attributes
    ----------
    name : str
    title, setting : str
        A sentence each: what it shows, and in which setting.
    alt : str
        The picture in words; not empty.
    command : str
        What reproduces it.
    png : bytes
        Drawn with `PICTURE_DPI` dots per inch.

    Raises
    ------
    SettingError
        There are no words, or these bytes are no PNG.

    Examples
    --------
    >>> Picture("dot", "A dot.", "", "A dot.", "pitfalls figure dot", b"GIF89a")
    Traceback (most recent call last):
        ...
    pitfalls.theory.errors.SettingError: png = b'GIF89a': must be the bytes of a PNG.
    """

    name: str
    title: str
    setting: str
    alt: str
    command: str
    png: bytes

    def __post_init__(self) -> None:
        if not self.alt.strip():
            raise SettingError("alt", self.alt, "the picture in words, not empty")
        if len(self.png) < 24 or not self.png.startswith(_PNG):
            raise SettingError("png", self.png, "the bytes of a PNG")

    @property
    def size(self) -> tuple[int, int]:
        r"""Width and height in dots.

        Examples
        --------
        >>> header = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x03\0\0\0\x02"
        >>> Picture("dot", "A dot.", "", "A dot.", "pitfalls figure dot", header).size
        (3, 2)
        """
        width, height = struct.unpack(">II", self.png[16:24])
        return width, height

    def markup(self) -> Markup:
        r"""Title, picture, setting, command and description.

        Examples
        --------
        >>> header = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x03\0\0\0\x02"
        >>> dot = Picture("dot", "A dot.", "", "A dot.", "pitfalls figure dot", header)
        >>> dot.markup()[:45]
        '<article id="figure-dot"><h3>A dot</h3><figur'
        """
        title = self.title.rstrip(".")
        width, height = (round(side * _SHOWN_DPI / PICTURE_DPI) for side in self.size)
        source = "data:image/png;base64," + base64.b64encode(self.png).decode("ascii")
        image = element("img", src=source, alt=self.alt, width=width, height=height)
        # Too wide for a phone, it is scrolled in its frame: by keyboard, too, with the focus there.
        frame = element("div", image, class_="frame", tabindex=0, role="region", aria_label=title)
        setting = [element("p", f"Setting: {self.setting}")] if self.setting else []
        return element(
            "article",
            element("h3", title),
            element("figure", frame, element("figcaption", *setting, command_line(self.command))),
            element("details", element("summary", "In words"), element("p", self.alt)),
            id=f"figure-{self.name}",
        )
