"""Elements of HTML: what is not markup already is escaped."""

from __future__ import annotations

from html import escape

__all__ = ["Markup", "command_line", "element", "together"]

_VOID = frozenset({"br", "img", "link", "meta"})


class Markup(str):
    """Text that is HTML already.

    Examples
    --------
    >>> Markup("<br>")
    '<br>'
    """

    __slots__ = ()


def element(name: str, /, *children: str, **attributes: str | int | bool | None) -> Markup:
    """An element; its children are escaped unless they are `Markup`.

    Parameters
    ----------
    name : str
    *children : str
    **attributes : str, int, bool or None
        ``class_`` is class, ``data_label`` is data-label; True has no value, None and False
        leave the attribute out.

    Examples
    --------
    >>> element("p", "a < b", element("br"), class_="note", hidden=True)
    '<p class="note" hidden>a &lt; b<br></p>'
    """
    words = [name]
    for key, value in attributes.items():
        shown = key.rstrip("_").replace("_", "-")
        if value is True:
            words.append(shown)
        elif value is not None and value is not False:
            words.append(f'{shown}="{escape(str(value))}"')
    start = f"<{' '.join(words)}>"
    return Markup(start if name in _VOID else f"{start}{together(*children)}</{name}>")


def together(*children: str) -> Markup:
    """Children one after the other, as an element would hold them.

    Examples
    --------
    >>> together("&", Markup("&amp;"))
    '&amp;&amp;'
    """
    return Markup("".join(x if isinstance(x, Markup) else escape(x) for x in children))


def command_line(text: str) -> Markup:
    """A command to be copied, in words that a line may end between.

    Examples
    --------
    >>> command_line("pitfalls verify")
    '<pre><code><span>pitfalls</span> <span>verify</span></code></pre>'
    """
    words = (element("span", word) for word in text.split(" "))
    return element("pre", element("code", Markup(" ".join(words))))
