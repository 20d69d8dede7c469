"""Which mail programs a setting is about: patterns for what they say of themselves with ID (RFC 2971 §3.3)."""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from mailwren.config.errors import Fault, WrongValue
from mailwren.config.kinds import describe
from mailwren.config.lists import WordsForNames

_FIELDS: Final = ("name", "version", "os", "os-version", "vendor")
_CONDITION: Final = re.compile(rf"(?:(?P<field>{'|'.join(_FIELDS)}):)?\s*(?P<pattern>.+)", re.IGNORECASE)


class ClientPatterns(WordsForNames):
    """A table of patterns, each with a list of words.

    A pattern is one condition or several with commas between, all of which must hold: ``*Outlook*`` is about the
    program's name, ``vendor:Microsoft*`` about another field; ``*`` and ``?`` are wildcards, case does not matter.
    """

    def read(self, value: object, folder: Path) -> dict[str, tuple[str, ...]]:
        """A TOML table of lists whose keys are patterns."""
        result = super().read(value, folder)
        advice = 'it must be a pattern such as "*Outlook*" or "vendor:Microsoft*, os:iOS"'
        faults = [Fault(f"{describe(key)} is not taken here", advice, (key,)) for key in result if not _conditions(key)]
        if faults:
            raise WrongValue(*faults)
        return result


def _conditions(patterns: str) -> list[tuple[str, str]]:
    """Fields and patterns in lower case; none where it cannot be read."""
    conditions: list[tuple[str, str]] = []
    for part in patterns.split(","):
        match = _CONDITION.fullmatch(part.strip())
        if match is None:
            return []
        conditions.append(((match["field"] or "name").lower(), match["pattern"].lower()))
    return conditions


def client_matches(patterns: str, client: Mapping[str, str | None]) -> bool:
    """Whether what a mail program said with ID, field names in lower case, meets every condition."""
    return all(
        fnmatchcase((client.get(field) or "").lower(), pattern) and client.get(field) is not None
        for field, pattern in _conditions(patterns)
    )
