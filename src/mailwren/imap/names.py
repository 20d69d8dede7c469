"""Mailbox names: modified UTF-7 and UTF-8 on the wire, the canonical form inside, what may be created, LIST patterns.

Inside, a name is text in Unicode Normalization Form C with ``INBOX`` in upper case and levels divided by ``/``. Which
form the wire has is asked in :func:`encode` and :func:`decode` alone (RFC 9051 §5.1, §A.1; RFC 3501 §5.1.3).
"""

import re
import unicodedata
from base64 import b64decode, b64encode
from typing import Final

from mailwren.base import limits
from mailwren.imap.errors import Refused

SEPARATOR: Final = "/"
"""Between the levels of a name."""
INBOX: Final = "INBOX"
"""The one name that means the same in any case (RFC 9051 §5.1)."""

_TO_ENCODE: Final = re.compile(r"&|[^\x20-\x7e]+")
_ENCODED: Final = re.compile(r"&([A-Za-z0-9+,]*+)-")
_UNFIT: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
"""Controls, line and paragraph separators, surrogates and non-characters: no Net-Unicode (RFC 5198 §2)."""
_WILDCARD_RUN: Final = re.compile(r"[*%]{2,}")


def encode_utf7(name: str) -> bytes:
    """A name in modified UTF-7 (RFC 3501 §5.1.3)."""
    return _TO_ENCODE.sub(_encode_run, name).encode("ascii")


def _encode_run(match: re.Match[str]) -> str:
    run = match[0]
    if run == "&":
        return "&-"
    octets = run.encode("utf-16-be", "surrogatepass")
    return "&" + b64encode(octets, b"+,").rstrip(b"=").decode("ascii") + "-"


def decode_utf7(data: bytes) -> str:
    """A name out of modified UTF-7.

    The inverse of :func:`encode_utf7`, and lenient beyond it: what is no valid sequence stands for itself, such as an
    unescaped ``&``, and so does UTF-8 that a client sends without having enabled it.

    Raises:
        ValueError: octets above 127 that are not UTF-8.
    """
    text = data.decode("utf-8")
    return _ENCODED.sub(_decode_run, text) if "&" in text else text


def _decode_run(match: re.Match[str]) -> str:
    run = match[1]
    if not run:
        return "&"
    try:
        return b64decode(run + "=" * (-len(run) % 4), b"+,").decode("utf-16-be")
    except ValueError:
        return match[0]


def encode(name: str, utf8: bool) -> bytes:
    """A name for the wire: UTF-8 where that is enabled, else modified UTF-7 (RFC 9051 §5.1)."""
    return name.encode("utf-8", "replace") if utf8 else encode_utf7(name)


def decode(data: bytes, utf8: bool) -> str:
    """A name, or a LIST pattern, as it stands on the wire; not yet in canonical form.

    Raises:
        ValueError: it is not UTF-8.
    """
    return data.decode("utf-8") if utf8 else decode_utf7(data)


def canonical(name: str) -> str:
    """The form that names are kept and compared in.

    Names are normalized wherever they come in, because a name that was created in one form must be found in the other
    (RFC 9051 §5.1). One separator at the end is dropped: Thunderbird writes it behind parents.
    """
    name = name.removesuffix(SEPARATOR)
    if not name.isascii():
        name = unicodedata.normalize("NFC", name)
    head = name[:5]
    if head.isascii() and head.upper() == INBOX and name[5:6] in {"", SEPARATOR}:
        return INBOX + name[5:]
    return name


def is_normalized(name: str) -> bool:
    """Whether a name is in Unicode Normalization Form C (RFC 9051 §5.1)."""
    return name.isascii() or unicodedata.is_normalized("NFC", name)


def check(name: str) -> None:
    """Whether a mailbox of this (canonical) name may come into being.

    ``*`` and ``%`` are allowed: as patterns they match themselves too.

    Raises:
        Refused: no name at all, an empty level, control characters, too long or too deep.
    """
    if not name:
        raise Refused("a mailbox needs a name", b"CANNOT")
    if len(name.encode("utf-8", "surrogatepass")) > limits.MAILBOX_NAME:
        raise Refused(f"mailbox name longer than {limits.MAILBOX_NAME} octets", b"LIMIT")
    if _UNFIT.search(name):
        raise Refused("control characters are not allowed in mailbox names", b"CANNOT")
    levels = name.split(SEPARATOR)
    if "" in levels:
        raise Refused(f"empty level in mailbox name: {SEPARATOR} may stand only between two levels", b"CANNOT")
    if len(levels) > limits.MAILBOX_DEPTH:
        raise Refused(f"mailbox name deeper than {limits.MAILBOX_DEPTH} levels", b"LIMIT")
    if levels[0] == INBOX and len(levels) > 1 and levels[1].upper() == INBOX:
        # Apple Mail makes INBOX/INBOX when it takes INBOX for a namespace prefix.
        raise Refused("INBOX cannot hold another INBOX", b"CANNOT")


def parents(name: str) -> list[str]:
    """The names above a name, from the top: ``a`` and ``a/b`` for ``a/b/c``."""
    levels = name.split(SEPARATOR)
    return [SEPARATOR.join(levels[:depth]) for depth in range(1, len(levels))]


def join(reference: str, pattern: str) -> str:
    """What LIST looks for: the pattern behind the reference, with one separator where both bring one.

    RFC 9051 §6.3.9 leaves the combination to the server; here, as in Dovecot, there is no leaving a reference.
    """
    if reference.endswith(SEPARATOR) and pattern.startswith(SEPARATOR):
        return reference + pattern[1:]
    return reference + pattern


class Pattern:
    """A LIST pattern: ``*`` stands for anything, ``%`` for anything within one level (RFC 9051 §6.3.9).

    Names match by case, except INBOX (also as the first level). Matching costs at most the name's length times the
    pattern's in machine words, whatever the pattern: all positions that the pattern can be in are kept at once, as
    the bits of one number, instead of being tried one after the other.
    """

    __slots__ = ("_anything", "_at", "_end", "_prefix", "_simple", "_within_level")

    def __init__(self, text: str) -> None:
        """Take the pattern's text (decoded, joined to its reference)."""
        text = unicodedata.normalize("NFC", text)
        text = _WILDCARD_RUN.sub(lambda run: "*" if "*" in run[0] else "%", text)
        self._prefix = re.split("[*%]", text, maxsplit=1)[0]
        # One wildcard, at the end, or none: a comparison of strings will do. The commonest patterns are these.
        self._simple = text[len(self._prefix) :] if len(text) - len(self._prefix) <= 1 else None
        if self._simple not in {"", "*", "%"}:
            self._simple = None
        self._at: dict[str, int] = {}
        """For each character the bits of the positions where the pattern has it next."""
        self._anything = 0
        """The bits of the positions where ``*`` stands."""
        self._within_level = 0
        """The bits of the positions where ``%`` stands."""
        position = 0
        for character in text if len(text) <= 2 * limits.MAILBOX_NAME + 1 else "":
            if character == "*":
                self._anything |= 1 << position
            elif character == "%":
                self._within_level |= 1 << position
            else:
                self._at[character] = self._at.get(character, 0) | 1 << position
                position += 1
        # A pattern with more characters than a name can have matches nothing: its end is never reached.
        self._end = 1 << position if len(text) <= 2 * limits.MAILBOX_NAME + 1 else 0

    def matches(self, name: str) -> bool:
        """Whether the name (canonical) matches."""
        if self._simple is None or name.startswith(INBOX):
            return self._matches_by_position(name)
        if not name.startswith(self._prefix):
            return False
        if self._simple == "*":
            return True
        rest = name[len(self._prefix) :]
        return SEPARATOR not in rest if self._simple == "%" else not rest

    def _matches_by_position(self, name: str) -> bool:
        any_case = len(INBOX) if name.startswith(INBOX) and name[len(INBOX) :][:1] in {"", SEPARATOR} else 0
        positions = 1
        for index, character in enumerate(name):
            here = self._at.get(character, 0)
            if index < any_case:
                here |= self._at.get(character.lower(), 0)
            staying = self._anything if character == SEPARATOR else self._anything | self._within_level
            positions = (positions & here) << 1 | positions & staying
            if not positions:
                return False
        return bool(positions & self._end)
