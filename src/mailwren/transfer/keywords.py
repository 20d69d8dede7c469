"""Flags as files have them, made into flags that the store takes (RFC 9051 §9, flag-keyword)."""

import re

from mailwren.base import limits
from mailwren.imap.flags import RECENT, SYSTEM_FLAGS

_UNFIT = re.compile(r"[^\x21-\x7e]|[(){%*\"\\\]]")
_SYSTEM = {flag.lower(): flag for flag in SYSTEM_FLAGS}


def fit_flag(flag: str) -> str:
    """A flag's valid form: characters that keywords cannot have become ``_``; empty where nothing is left of it."""
    system = _SYSTEM.get(flag.lower())
    if system is not None or flag.lower() == RECENT.lower():
        return system or ""
    keyword = _UNFIT.sub("_", flag.removeprefix("\\"))[: limits.KEYWORD]
    return keyword if keyword.strip("_") else ""


class FlagFitter:
    """Makes flags valid and tells once of each that it had to change."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def fit(self, flags: tuple[str, ...]) -> tuple[tuple[str, ...], list[str]]:
        """The valid flags, and a sentence for each change that was not told of yet."""
        if not flags:
            return (), []
        told: list[str] = []
        for flag in flags:
            if flag not in self._known:
                fitting = self._remember(flag)
                if fitting != flag and fitting.lower() != flag.lower() and flag.lower() != RECENT.lower():
                    told.append(f"keyword {flag[:80]!r} " + (f"became {fitting!r}" if fitting else "was left out"))
        fitted = {
            self._known.get(flag, fit_flag(flag)).lower(): self._known.get(flag, fit_flag(flag)) for flag in flags
        }
        fitted.pop("", None)
        if len(fitted) > limits.KEYWORDS_PER_MESSAGE:
            told.append(f"only the first {limits.KEYWORDS_PER_MESSAGE} of {len(fitted)} keywords were kept")
        return tuple(fitted.values())[: limits.KEYWORDS_PER_MESSAGE], told

    def _remember(self, flag: str) -> str:
        fitting = fit_flag(flag)
        if len(self._known) < limits.IMPORT_LISTED:
            self._known[flag] = fitting
        return fitting
