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


def preview(octets: Octets, root: Part) -> str:
    """At most 256 characters of the first text that is meant for reading, on one line; empty without any."""
    part = _readable(root)
    if part is None:
        return ""
    length = limits.PREVIEW_HTML if part.subtype == "html" else limits.PREVIEW_PLAIN
    text = "\n" + part_text(octets, part, length)
    if "\n>" in text:
        return _one_line(_QUOTE.sub("", text)) or _one_line(text)
    return _one_line(text)


def _one_line(text: str) -> str:
    line = " ".join(text.split(None, limits.PREVIEW)[: limits.PREVIEW])[: limits.PREVIEW * 16]
    if not (line.isascii() and line.isprintable()):
        line = " ".join(_INVISIBLE.sub("", line).split())
    return line[: limits.PREVIEW].rstrip()


def _readable(root: Part) -> Part | None:
    """The first plain text that is no attachment, else the first text at all, in enclosed messages as a last resort."""
    best: tuple[int, Part] | None = None
    waiting = [(0, root)]
    while waiting:
        penalty, part = waiting.pop()
        if part.type == "text":
            rank = penalty + (part.disposition == "attachment") * 4 + (part.subtype not in {"plain", "html"}) * 2
            rank += part.subtype != "plain"
            if best is None or rank < best[0]:
                best = rank, part
            if rank == 0:
                break
        penalty += 8 * part.is_message
        waiting.extend([(penalty, child) for child in reversed(part.children)])
    return best[1] if best else None
