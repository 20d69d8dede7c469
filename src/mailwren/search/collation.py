"""Collations (RFC 4790): how texts are compared, equal or not, contained or not, earlier or later. Pure.

Each is a key: texts are compared as their keys are, code point by code point, which is the order of UTF-8's octets.
Only collations that know all three operations can stand here (RFC 5255 §4.4), so not ``i;ascii-numeric``, which has no
substrings.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from unicodedata import normalize


@dataclass(frozen=True, slots=True)
class Collation:
    """One collation."""

    name: str
    key: Callable[[str], str]
    """What is compared in a text's place; the key of the empty text is empty and comes first."""
    descending: bool = False
    """Whether the client asked for the opposite order (RFC 4790 §3.3)."""


class _Titles(dict[int, int]):
    """The simple titlecase mapping of UnicodeData.txt by code point, looked up when first asked for."""

    def __missing__(self, code: int) -> int:
        title = chr(code).title()
        # More than one character comes from SpecialCasing.txt: those characters have no simple mapping.
        result = ord(title) if len(title) == 1 else code
        if code < _REMEMBERED:
            self[code] = result
        return result


_REMEMBERED: Final = 0x10000
_TITLES: Final = _Titles()
_ASCII_UPPER: Final = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}


def _unicode_casemap(text: str) -> str:
    """Titlecase, then compatibility decomposition (RFC 5051 §2)."""
    return text.upper() if text.isascii() else normalize("NFKD", text.translate(_TITLES))


def _ascii_casemap(text: str) -> str:
    """ASCII letters in upper case (RFC 4790 §9.2)."""
    return text.upper() if text.isascii() else text.translate(_ASCII_UPPER)


def _octet(text: str) -> str:
    """As it is (RFC 4790 §9.3)."""
    return text


UNICODE_CASEMAP: Final = Collation("i;unicode-casemap", _unicode_casemap)
ASCII_CASEMAP: Final = Collation("i;ascii-casemap", _ascii_casemap)
OCTET: Final = Collation("i;octet", _octet)

COLLATIONS: Final = (UNICODE_CASEMAP, ASCII_CASEMAP, OCTET)
"""All of them, the more widely useful ones first (RFC 4790 §3.2); the first is the default (RFC 5255 §4.4)."""
