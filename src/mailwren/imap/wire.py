"""Writes the tokens of both directions: strings, names, sets, flags, response lines; the counterpart of the scanner."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from mailwren.base.ranges import RangeSet
from mailwren.imap import names
from mailwren.imap.frames import Fragments, Literal
from mailwren.imap.sequence_set import STAR, SequenceSet

_ATOM: Final = re.compile(rb"(?!NIL\Z)[^\x00-\x20\x7f-\xff(){%*\"\\]++\Z", re.IGNORECASE)
_QUOTABLE: Final = re.compile(rb"[^\x00\r\n\x80-\xff]*+\Z")
_QUOTABLE_8BIT: Final = re.compile(rb"[^\x00\r\n]*+\Z")
_SPECIAL: Final = re.compile(rb"([\"\\])")
_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_QUOTED_MAX: Final = 1000
"""Longer strings are written as literals, which readers need not search for quotes."""
_TEXTS_REMEMBERED: Final = 256
"""Nearly every command ends with one of a few dozen texts."""


# --- strings ------------------------------------------------------------------------------------------------
def quoted(data: bytes) -> bytes:
    """A quoted string; the data must hold neither NUL nor line ends."""
    return b'"' + (_SPECIAL.sub(rb"\\\1", data) if b'"' in data or b"\\" in data else data) + b'"'


def literal(data: bytes) -> bytes:
    """A literal as a server writes it (RFC 9051 §4.3)."""
    return b"{%d}\r\n%b" % (len(data), data)


def literal8(data: bytes) -> bytes:
    """A literal8 as a server writes it: it may hold NUL (RFC 9051 §4.3)."""
    return b"~{%d}\r\n%b" % (len(data), data)


def may_quote(data: bytes, utf8: bool) -> bool:
    """Whether a quoted string can hold the data: 7-bit, or UTF-8 where that is enabled, and no line ends."""
    if len(data) > _QUOTED_MAX:
        return False
    return bool(_QUOTABLE.match(data) or (utf8 and _QUOTABLE_8BIT.match(data) and _is_utf8(data)))


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def string(data: bytes, utf8: bool = False) -> bytes:
    """``string``: quoted where possible, else a literal."""
    return quoted(data) if may_quote(data, utf8) else literal(data)


def nstring(data: bytes | None, utf8: bool = False) -> bytes:
    """``nstring``: a string, or NIL for nothing."""
    return b"NIL" if data is None else string(data, utf8)


def astring(data: bytes, utf8: bool = False) -> bytes:
    """``astring``: as it is where possible, else a string. ``NIL`` is quoted, lest readers take it for nothing."""
    return data if _ATOM.match(data) else string(data, utf8)


def mailbox(name: str, utf8: bool) -> bytes:
    """A mailbox name as an astring."""
    return astring(names.encode(name, utf8), utf8)


# --- numbers and flags --------------------------------------------------------------------------------------
def number_set(numbers: RangeSet) -> bytes:
    """Numbers as a sequence-set without ``*``; they must not be empty."""
    return str(numbers).encode("ascii")


def sequence_set(numbers: SequenceSet) -> bytes:
    """A sequence set as the client means it, with ``*`` and ``$``."""
    if numbers.saved:
        return b"$"
    return b",".join(_sequence_range(start, stop) for start, stop in numbers.ranges)


def _sequence_range(start: int, stop: int) -> bytes:
    first = b"*" if start == STAR else b"%d" % start
    if start == stop:
        return first
    return first + (b":*" if stop == STAR else b":%d" % stop)


def flag_list(flags: Iterable[str]) -> bytes:
    """``flag-list``."""
    return b"(" + " ".join(flags).encode("ascii") + b")"


# --- response lines -----------------------------------------------------------------------------------------
@lru_cache(_TEXTS_REMEMBERED)
def response_text(text: str, utf8: bool = False) -> bytes:
    """Words for people, on one line that cannot be taken for a response code (RFC 9051 §7.1, resp-text).

    Args:
        text: the words; controls become blanks.
        utf8: whether the client can read UTF-8 here; else what is not ASCII becomes ``?``.
    """
    line = _CONTROLS.sub(" ", text).strip()
    if line.startswith("["):
        line = "(" + line[1:]
    return (line or "Done").encode("utf-8" if utf8 else "ascii", "replace")


def status_line(tag: bytes, status: bytes, text: str, code: bytes = b"", utf8: bool = False) -> bytes:
    """``OK``, ``NO``, ``BAD``, ``BYE`` or ``PREAUTH``, tagged or with ``*``, with its line end (RFC 9051 §7.1)."""
    if code:
        return b"%b %b [%b] %b\r\n" % (tag, status, code, response_text(text, utf8))
    return b"%b %b %b\r\n" % (tag, status, response_text(text, utf8))


def continuation(text: str = "go ahead") -> bytes:
    """The line that asks for a literal or for more of a command (RFC 9051 §7.6)."""
    return b"+ %b\r\n" % response_text(text)


# --- commands -----------------------------------------------------------------------------------------------
class CommandWriter:
    """Collects a command's text and literals, for a client to send.

    Args:
        utf8: whether the server was told to take UTF-8 (ENABLE IMAP4rev2 or UTF8=ACCEPT).
    """

    __slots__ = ("_fragments", "_text", "utf8")

    def __init__(self, utf8: bool = False) -> None:
        self.utf8 = utf8
        self._fragments: list[bytes | Literal] = []
        self._text = bytearray()

    def raw(self, data: bytes) -> None:
        """Octets as they are."""
        self._text += data

    def literal(self, value: Literal) -> None:
        """A literal."""
        self._fragments += (bytes(self._text), value)
        self._text = bytearray()

    def string(self, data: bytes) -> None:
        """``string``: quoted where possible, else a literal."""
        if may_quote(data, self.utf8):
            self._text += quoted(data)
        else:
            self.literal(Literal(len(data), data))

    def nstring(self, data: bytes | None) -> None:
        """``nstring``."""
        if data is None:
            self._text += b"NIL"
        else:
            self.string(data)

    def astring(self, data: bytes) -> None:
        """``astring``."""
        if _ATOM.match(data):
            self._text += data
        else:
            self.string(data)

    def mailbox(self, name: str) -> None:
        """``mailbox``, and ``list-mailbox`` too, since patterns may be quoted."""
        self.astring(names.encode(name, self.utf8))

    def fragments(self) -> Fragments:
        """What was collected: texts and literals in turn, beginning and ending with a text."""
        return (*self._fragments, bytes(self._text))
