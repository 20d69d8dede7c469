"""LIST patterns: ``*`` stands for anything, ``%`` for anything within one level (RFC 9051 §6.3.9).

Matching costs at most the name's length times the pattern's in machine words, whatever the pattern: all positions
the pattern can be in are kept at once, as the bits of one number, instead of trying them one after the other.
"""

import re
import unicodedata
from typing import Final

from mailwren.base import limits
from mailwren.imap.names import INBOX, SEPARATOR

_WILDCARD_RUN: Final = re.compile(r"[*%]{2,}")


class Pattern:
    """A LIST pattern. Names match by case, except INBOX (also as the first level)."""

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
