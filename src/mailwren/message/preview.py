"""The beginning of a message's readable text (RFC 8970 §2)."""

import re
from typing import Final

from mailwren.base import limits
from mailwren.message.api import Part
from mailwren.message.structure import Octets
from mailwren.message.text import part_text

_QUOTE: Final = re.compile(r"\n>[^\n]*")
_INVISIBLE: Final = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f\xad\u034f\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufffd]+"
)
"""Control characters and what senders pad their own previews with."""
_USUAL: Final = 2 * limits.PREVIEW
"""Characters that mostly suffice to fill a line."""
_TRIED: Final = 3
"""Texts that are looked at before a message counts as one without any."""


def preview(octets: Octets, root: Part) -> str:
    """At most 256 characters of the first text that is meant for reading, on one line; empty without any.

    Where that is empty, as the plain form of many an HTML letter is, the next ones are tried.
    """
    parts = _readable(root)
    for part in parts[:_TRIED]:
        text = _beginning(octets, part)
        if text:
            return text
    return ""


def _beginning(octets: Octets, part: Part) -> str:
    length = limits.PREVIEW_HTML if part.subtype == "html" else limits.PREVIEW_PLAIN
    text = "\n" + part_text(octets, part, length)
    return _plain_line(text[:_USUAL]) or _readable_line(text)


def _plain_line(text: str) -> str:
    """The line where the text's first few hundred characters tell it, as they do of most; else empty."""
    line = " ".join(_QUOTE.sub("", text).split() if "\n>" in text else text.split())[: limits.PREVIEW + 1]
    if len(line) <= limits.PREVIEW or not (line.isascii() and line.isprintable()):
        return ""
    return line[: limits.PREVIEW].rstrip()


def _readable_line(text: str) -> str:
    if "\n>" in text:
        return _one_line(_QUOTE.sub("", text)) or _one_line(text)
    return _one_line(text)


def _one_line(text: str) -> str:
    line = " ".join(text.split(None, limits.PREVIEW)[: limits.PREVIEW])[: limits.PREVIEW * 16]
    if not (line.isascii() and line.isprintable()):
        line = " ".join(_INVISIBLE.sub("", line).split())
    return line[: limits.PREVIEW].rstrip()


def _readable(root: Part) -> list[Part]:
    """The texts, best first: plain ones that are no attachments, then others, those in enclosed messages at the end."""
    if not root.children:
        return [root] if root.type == "text" else []
    found: list[tuple[int, Part]] = []
    waiting = [(0, root)]
    while waiting:
        penalty, part = waiting.pop()
        if part.type == "text":
            rank = penalty + (part.disposition == "attachment") * 4 + (part.subtype not in {"plain", "html"}) * 2
            found.append((rank + (part.subtype != "plain"), part))
        penalty += 8 * part.is_message
        waiting.extend([(penalty, child) for child in reversed(part.children)])
    found.sort(key=_rank)
    return [part for _, part in found]


def _rank(found: tuple[int, Part]) -> int:
    return found[0]
