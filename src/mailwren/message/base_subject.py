"""The base subject (RFC 5256 §2.1): what is left of a subject without "Re:", "Fwd:", "[list]" and "(fwd)". Pure."""

import re
from typing import Final, NamedTuple

from mailwren.base import limits

_SPACES: Final = re.compile(r"[ \t\r\n]+")
_TRAILER: Final = "(fwd)"
_BLOB: Final = re.compile(r"\[[^\[\]]*\] *")
_REPLY: Final = re.compile(r"(?:re|fwd?) *(?:\[[^\[\]]*\] *)?:", re.IGNORECASE | re.ASCII)
_FORWARD_HEADER: Final = "[fwd:"
_FORWARD_TRAILER: Final = "]"


class BaseSubject(NamedTuple):
    """A subject taken apart."""

    text: str
    """What is compared; the case is the client's."""
    is_reply: bool
    """Whether a reply's or a forward's mark was taken away (RFC 5256 §3, REFERENCES)."""


def base_subject(subject: str) -> BaseSubject:
    """Extract the base subject; linear time but for ``limits.SORT_TEXT``, which cuts what no subject is.

    Args:
        subject: the field's value, its encoded words decoded.
    """
    text = subject[: limits.SORT_TEXT]
    if "  " in text or not text.isprintable():
        text = _SPACES.sub(" ", text)
    is_reply = False
    while True:
        text, trailed = _without_trailers(text)
        text, led = _without_leaders(text)
        is_reply = is_reply or trailed or led
        if not (text[: len(_FORWARD_HEADER)].lower() == _FORWARD_HEADER and text.endswith(_FORWARD_TRAILER)):
            return BaseSubject(text, is_reply)
        text = text[len(_FORWARD_HEADER) : -1]
        is_reply = True


def _without_trailers(text: str) -> tuple[str, bool]:
    """Step 2: without "(fwd)" and blanks at the end, and whether there was a "(fwd)"."""
    forwarded = False
    text = text.rstrip(" ")
    while text[-len(_TRAILER) :].lower() == _TRAILER:
        forwarded = True
        text = text[: -len(_TRAILER)].rstrip(" ")
    return text, forwarded


def _without_leaders(text: str) -> tuple[str, bool]:
    """Steps 3 to 5: without what stands before, and whether a reply's mark was in it.

    A run of blobs is looked through once: with a mark behind it all of it goes (``subj-leader``), else its blobs go
    one by one as long as something is left (``subj-blob``), which is all of them, or all but the last.
    """
    position, length = 0, len(text)
    replied = False
    while True:
        while position < length and text[position] == " ":
            position += 1
        last, end = position, position
        while blob := _BLOB.match(text, end):
            last, end = end, blob.end()
        mark = _REPLY.match(text, end)
        if mark is None:
            return text[end if end < length else last :], replied
        position, replied = mark.end(), True
