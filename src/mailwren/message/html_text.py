"""The readable text of HTML: tags taken out, character references decoded. No parser, so that nothing fails."""

import html
import re
from typing import Final

# What is never closed reaches to the end, which keeps the search linear.
_HIDDEN: Final = re.compile(r"(?is)<!--.*?(?:-->|\Z)|<(style|script|title)\b.*?(?:</\1\b[^>]*(?:>|\Z)|\Z)")
_INLINE: Final = re.compile(
    r"(?i)</?(?:a|abbr|acronym|b|bdi|bdo|big|cite|code|del|dfn|em|font|i|ins|kbd|mark|nobr|o:p|q|s|samp|small|span"
    r"|strike|strong|sub|sup|tt|u|var|wbr)(?:[\s/][^<>]*)?(?:>|\Z)"
)
_TAG: Final = re.compile(r"<[a-zA-Z/!?][^<>]*(?:>|\Z)")


def strip_html(text: str) -> str:
    """The text between the tags. Tags inside a line vanish, so words stay whole; others become line ends."""
    if "<" in text:
        text = _HIDDEN.sub(" ", text)
        text = _INLINE.sub("", text)
        text = _TAG.sub("\n", text)
    return html.unescape(text) if "&" in text else text
