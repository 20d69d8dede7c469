"""X-GM-RAW: searches as people type them into Gmail, as search keys of IMAP. Pure; every text means something.

``from:ann subject:"two words" -is:read (a OR b) newer_than:3d label:work``: words must all be there, ``OR`` stands
between alternatives, ``-`` negates, parentheses and braces group. What is not known as an operator is looked for as
a word.
"""

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Final

from mailwren.base import limits
from mailwren.imap.core.arguments import SearchKey
from mailwren.imap.core.search import all_of, any_of

_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<open>[({])|(?P<close>[)}])|(?P<minus>-(?=[^\s)}]))|(?P<field>[A-Za-z][A-Za-z0-9_]{1,19}):(?=[^\s)}])"""
    r"""|"(?P<phrase>[^"]*)"?|(?P<word>[^\s(){}"]+))"""
)
_ANYTHING: Final = SearchKey("ALL")
_FIELDS: Final = {"from": "FROM", "to": "TO", "cc": "CC", "bcc": "BCC", "subject": "SUBJECT"}
_HEADERS: Final = {"list": "LIST-ID", "deliveredto": "DELIVERED-TO", "rfc822msgid": "MESSAGE-ID"}
_STATES: Final = {
    "unread": SearchKey("UNSEEN"),
    "read": SearchKey("SEEN"),
    "starred": SearchKey("FLAGGED"),
    "unstarred": SearchKey("UNFLAGGED"),
    "important": SearchKey("KEYWORD", flag="$Important"),
    "draft": SearchKey("DRAFT"),
}
_PLACES: Final = {"inbox": "\\Inbox", "sent": "\\Sent", "drafts": "\\Draft", "spam": "\\Junk", "trash": "\\Trash"}
_UNITS: Final = {"d": 1, "m": 30, "y": 365}
_SIZES: Final = {"": 1, "k": 1024, "m": 1024**2}
_DAYS_MAX: Final = 365_000

Make = Callable[[str], SearchKey | None]
"""A key for an operator's value; ``None`` where the value is none for it."""


def parse_gmail_search(text: str, today: date) -> SearchKey:
    """The keys that a search stands for; ``today`` is what ages are counted from."""
    return _Parser(text, today).parse()


class _Parser:
    def __init__(self, text: str, today: date) -> None:
        self._text = text
        self._today = today
        self._position = 0
        self._depth = 0
        self._operators: dict[str, Make] = {
            "before": lambda value: self._day("BEFORE", value),
            "older": lambda value: self._day("BEFORE", value),
            "after": lambda value: self._day("SINCE", value),
            "newer": lambda value: self._day("SINCE", value),
            "older_than": lambda value: self._age("BEFORE", value),
            "newer_than": lambda value: self._age("SINCE", value),
            "is": lambda value: _STATES.get(value.lower()),
            "has": _has,
            "in": lambda value: _ANYTHING if value.lower() in ("anywhere", "all") else _label(value),
            "label": _label,
            "size": lambda value: _size("LARGER", value),
            "larger": lambda value: _size("LARGER", value),
            "smaller": lambda value: _size("SMALLER", value),
            "filename": lambda value: SearchKey("TEXT", text=value),
        }

    def parse(self) -> SearchKey:
        keys = [self._group(")")]
        while self._position < len(self._text.rstrip()):  # what closes nothing is passed over
            keys.append(self._group(")"))
        return _all(keys)

    def _group(self, closing: str) -> SearchKey:
        """Everything up to where the group is closed; in braces any of it is enough."""
        alternatives: list[list[SearchKey]] = [[]]
        joined = False
        while (match := _TOKEN.match(self._text, self._position)) is not None:
            self._position = match.end()
            if match["close"]:
                break
            if match["word"] == "OR":
                joined = True
                continue
            key = self._key(match)
            if joined and alternatives[-1]:
                alternatives[-1][-1] = any_of([alternatives[-1][-1], key])
            else:
                alternatives[-1].append(key)
            joined = False
        keys = alternatives[0]
        return any_of(keys) if closing == "}" and len(keys) > 1 else _all(keys)

    def _key(self, match: re.Match[str]) -> SearchKey:
        if match["minus"]:
            following = _TOKEN.match(self._text, self._position)
            if following is None or following["close"] or self._depth >= limits.NESTING:
                return _ANYTHING
            self._position = following.end()
            self._depth += 1
            key = SearchKey("NOT", keys=(self._key(following),))
            self._depth -= 1
            return key
        if match["open"]:
            if self._depth >= limits.NESTING:
                return _ANYTHING
            self._depth += 1
            key = self._group(")" if match["open"] == "(" else "}")
            self._depth -= 1
            return key
        if match["field"]:
            return self._operator(match["field"].lower())
        return _text(match["phrase"] if match["phrase"] is not None else match["word"])

    def _operator(self, name: str) -> SearchKey:
        """What follows a name and its colon: a value, or values in parentheses that must all hold."""
        match = _TOKEN.match(self._text, self._position)
        assert match is not None, "the pattern of a field looks ahead"
        if match["open"] and self._depth < limits.NESTING:
            self._position = match.end()
            self._depth += 1
            keys: list[SearchKey] = []
            while (inner := _TOKEN.match(self._text, self._position)) is not None:
                self._position = inner.end()
                if inner["close"]:
                    break
                keys.append(self._value(name, inner["phrase"] or inner["word"] or ""))
            self._depth -= 1
            return any_of(keys) if match["open"] == "{" and len(keys) > 1 else _all(keys)
        value = re.compile(r'"([^"]*)"?|([^\s(){}"]+)').match(self._text, self._position)
        if value is None:
            return _ANYTHING
        self._position = value.end()
        return self._value(name, value[1] if value[1] is not None else value[2])

    def _value(self, name: str, value: str) -> SearchKey:
        if name in _FIELDS:
            return SearchKey(_FIELDS[name], text=value)
        if name in _HEADERS:
            return SearchKey("HEADER", field_name=_HEADERS[name], text=value)
        make = self._operators.get(name)
        key = make(value) if make is not None else None
        return key if key is not None else _text(f"{name}:{value}")

    def _day(self, key: str, value: str) -> SearchKey | None:
        """``2026/11/23``, with other separators too."""
        match = re.fullmatch(r"(\d{4})[/.-](\d{1,2})[/.-](\d{1,2})", value)
        if match is None:
            return None
        try:
            return SearchKey(key, date=date(*map(int, match.groups())))
        except ValueError:
            return None

    def _age(self, key: str, value: str) -> SearchKey | None:
        """``3d``, ``2m`` or ``1y`` before today."""
        match = re.fullmatch(r"(\d{1,6})([dmy])", value.lower())
        if match is None:
            return None
        days = min(int(match[1]) * _UNITS[match[2]], _DAYS_MAX)
        try:
            return SearchKey(key, date=self._today - timedelta(days))
        except OverflowError:
            return SearchKey(key, date=date.min)


def _all(keys: list[SearchKey]) -> SearchKey:
    return keys[0] if len(keys) == 1 else all_of(keys) if keys else _ANYTHING


def _text(value: str) -> SearchKey:
    return SearchKey("TEXT", text=value) if value else _ANYTHING


def _label(value: str) -> SearchKey:
    return SearchKey("X-GM-LABELS", text=_PLACES.get(value.lower(), value))


def _has(value: str) -> SearchKey | None:
    if value.lower() == "attachment":
        return SearchKey("HEADER", field_name="CONTENT-TYPE", text="multipart/mixed")
    return SearchKey("FLAGGED") if value.lower().endswith("-star") else None


def _size(key: str, value: str) -> SearchKey | None:
    match = re.fullmatch(r"(\d{1,12})([km]?)b?", value.lower())
    return SearchKey(key, number=int(match[1]) * _SIZES[match[2]]) if match is not None else None
