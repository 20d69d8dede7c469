"""User names and passwords brought into the one form in which they are stored and compared (RFC 8265).

Pure. Names follow the UsernameCaseMapped profile, stricter where that keeps names usable elsewhere: the few
characters that are only allowed between certain neighbours are refused, and so are names that would be ambiguous
in mailbox patterns or access control lists. Passwords follow the OpaqueString profile, laxer in one point: code
points that this Python's Unicode tables do not know yet are taken, because tables grow and passwords stay.
"""

import re
import unicodedata
from typing import Final

from mailwren.auth.errors import InvalidPassword, InvalidUserName
from mailwren.base import limits

_PLAIN_NAME: Final = re.compile(r"[a-z0-9._@+=]+[-a-z0-9._@+=]*\Z")
"""Most names by far: nothing to prepare."""

_RESERVED_CHARACTERS: Final = frozenset('/*%"\\')
"""The mailbox separator, the wildcards of LIST and what needs quoting: names stand in mailbox names and ACLs."""
_RESERVED_NAMES: Final = frozenset({"anyone", "anonymous"})
"""Identifiers with a meaning of their own in access control lists (RFC 4314 §2)."""

_LETTERS_AND_DIGITS: Final = frozenset({"Ll", "Lu", "Lo", "Nd", "Lm", "Mn", "Mc"})
"""The general categories of the PRECIS IdentifierClass (RFC 8265 §3.3.2)."""
_ALLOWED_EXCEPTIONS: Final = frozenset("\u06fd\u06fe\u0f0b\u3007")
"""Characters that letters' neighbours make part of words although their category is none of the above."""
_DISALLOWED: Final = re.compile(
    "[\u0640\u07fa\u302e\u302f\u3031-\u3035\u303b"  # exceptions: only stretch, repeat or mark other characters
    "\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff"  # old Hangul Jamo: several spellings of one syllable
    "\u034f\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]"  # invisible
)
_ARABIC_INDIC: Final = re.compile("[\u0660-\u0669]")
_EXTENDED_ARABIC_INDIC: Final = re.compile("[\u06f0-\u06f9]")


def prepare_user_name(text: str) -> str:
    """The stored form of a user name or alias: two names are the same if their prepared forms are equal.

    Raises:
        InvalidUserName: nobody can have that name; the text says why.
    """
    if len(text) > limits.USER_NAME:
        raise InvalidUserName(f"A user name has at most {limits.USER_NAME} octets.")
    if not text:
        raise InvalidUserName("A user name is not empty.")
    name = text.lower() if text.isascii() else _prepare_international(text)
    if not _PLAIN_NAME.match(name):
        _check_reserved(name)
    if name in _RESERVED_NAMES:
        raise InvalidUserName(f'"{name}" is reserved and cannot be a user name.')
    return name


def prepare_password(text: str) -> str:
    """The form of a password that is hashed (RFC 8265 §4.2.2).

    Raises:
        InvalidPassword: nobody can have that password; the text says why and never quotes it.
    """
    if not text.isascii():
        # "Any instances of non-ASCII space MUST be mapped to SPACE."
        text = "".join(" " if unicodedata.category(character) == "Zs" else character for character in text)
        text = unicodedata.normalize("NFC", text)
    if not text:
        raise InvalidPassword("A password is not empty.")
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        raise InvalidPassword("A password has no control characters.")
    if len(text.encode()) > limits.PASSWORD:
        raise InvalidPassword(f"A password has at most {limits.PASSWORD} octets.")
    return text


def _prepare_international(text: str) -> str:
    """The rules of the UsernameCaseMapped profile in their order (RFC 8265 §3.3.3)."""
    name = "".join(map(_map_width, text))
    for character in name:
        _check_identifier(character)
    if _ARABIC_INDIC.search(name) and _EXTENDED_ARABIC_INDIC.search(name):
        raise InvalidUserName("A user name does not mix the two sets of Arabic digits.")
    name = unicodedata.normalize("NFC", name.lower())
    if len(name.encode()) > limits.USER_NAME:
        raise InvalidUserName(f"A user name has at most {limits.USER_NAME} octets.")
    _check_directions(name)
    return name


def _map_width(character: str) -> str:
    """Fullwidth and halfwidth forms become the ordinary ones (RFC 8265 §3.3.1)."""
    decomposition = unicodedata.decomposition(character)
    if decomposition.startswith(("<wide>", "<narrow>")):
        return chr(int(decomposition.split()[1], 16))
    return character


def _check_identifier(character: str) -> None:
    """Refuse what the PRECIS IdentifierClass has no place for (RFC 8265 §3.3.2)."""
    if "!" <= character <= "~" or character in _ALLOWED_EXCEPTIONS:
        return
    if (
        unicodedata.category(character) not in _LETTERS_AND_DIGITS
        or _DISALLOWED.match(character)
        or unicodedata.normalize("NFKC", character) != unicodedata.normalize("NFC", character)
    ):
        raise InvalidUserName(f"{_describe(character)} cannot be part of a user name.")


def _check_reserved(name: str) -> None:
    """What a name of ASCII or already prepared characters may still not be."""
    for character in name:
        if character in _RESERVED_CHARACTERS or character <= " " or character == "\x7f":
            raise InvalidUserName(f"{_describe(character)} cannot be part of a user name.")
    if name.startswith("-"):
        # An identifier with a leading minus takes rights away (RFC 4314 §2), and programs take it for an option.
        raise InvalidUserName('A user name does not begin with "-".')


def _describe(character: str) -> str:
    """A character for a person who cannot see it or does not know it."""
    if "!" <= character <= "~":
        return f'"{character}"'
    return f"The character U+{ord(character):04X} ({unicodedata.name(character, 'without a name').lower()})"


def _check_directions(name: str) -> None:
    """The Bidi Rule for names with characters that are written from right to left (RFC 8265 §3.3.1)."""
    directions = [unicodedata.bidirectional(character) for character in name]
    if not {"R", "AL", "AN"}.intersection(directions):
        return
    allowed = {"R", "AL", "AN", "EN", "ES", "CS", "ET", "ON", "BN", "NSM"}
    while directions and directions[-1] == "NSM":
        directions.pop()
    ends_well = directions[-1] in {"R", "AL", "EN", "AN"} and directions[0] in {"R", "AL"}
    mixes_numbers = "EN" in directions and "AN" in directions
    if not ends_well or mixes_numbers or not allowed.issuperset(directions):
        raise InvalidUserName("A user name does not mix writing directions.")
