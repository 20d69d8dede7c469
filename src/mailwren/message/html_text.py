"""The readable text of HTML: tags taken out, character references decoded. No parser, so that nothing fails."""

import html
import re
from typing import Final

# What is never closed reaches to the end, and every "<" is a match of its own, if only the last, empty alternative:
# so the search is linear and lets other threads run however strange the text is.
_MARKUP: Final = re.compile(
    r"""<(?:
        !--.*?(?:-->|\Z)                                                  # comment
      | (style|script|title)\b[^<>]*>.*?(?:</\1\b[^>]*(?:>|\Z)|\Z)        # element that is not shown
      | (/?[a-z][a-z0-9:]*)[^<>]*(?:>|\Z)                                 # any other tag
      | [!?/][^<>]*(?:>|\Z)                                               # declaration
      | ()
    )""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
# fmt: off
_INLINE: Final = frozenset({
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "del", "dfn", "em", "font", "i", "ins",
    "kbd", "mark", "nobr", "o:p", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "tt",
    "u", "var", "wbr",
})
# fmt: on
"""Tags inside a line of text."""


def strip_html(text: str) -> str:
    """The text between the tags. Tags inside a line vanish, so words stay whole; others become line ends."""
    if "<" in text:
        text = _MARKUP.sub(_replacement, text)
    return html.unescape(text) if "&" in text else text


def _replacement(markup: re.Match[str]) -> str:
    if markup[2]:
        return "" if markup[2].lstrip("/").lower() in _INLINE else "\n"
    return " " if markup[3] is None else "<"
