"""Named searches (RFC 5466): what FILTER stands for, looked up, parsed and put in its place."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from mailwren.base import limits
from mailwren.imap import charsets, commands
from mailwren.imap.core.arguments import SearchKey
from mailwren.imap.core.search import parse_program, searches_numbers
from mailwren.imap.errors import BadCommand, ImapError, Refused
from mailwren.imap.ext.filters import is_filter_name, undefined_filter_code
from mailwren.imap.frames import Fragments, Literal
from mailwren.imap.scanner import Scanner
from mailwren.server.ext.uidonly import UidRequired
from mailwren.store.values import ALL_MAILBOXES, AnnotationQuestion

if TYPE_CHECKING:
    from mailwren.server.session import Session

_VALUES: Final = ("/private/filters/values/", "/shared/filters/values/")
"""Where filters are kept, the first one first (RFC 5466 §3.1)."""
_LITERAL: Final = re.compile(rb"\{([0-9]{1,9})\+?\}\r\n")
_CHARSETS: Final = frozenset({"", "UTF-8", "US-ASCII"})


def uses_filters(key: SearchKey) -> bool:
    """Whether a program refers to filters."""
    return key.name == "FILTER" or any(map(uses_filters, key.keys))


async def resolve(session: "Session", key: SearchKey, charset: str) -> SearchKey:
    """The program with its filters put in their place.

    Raises:
        BadCommand: with another charset than UTF-8, which a filter implies; with message numbers in a filter, where
            the client gave them up.
        Refused: UNDEFINED-FILTER: there is none of that name, it is no search program, or it goes in a circle.
    """
    if not uses_filters(key):
        return key
    if charset not in _CHARSETS:
        raise BadCommand("With FILTER the charset is UTF-8", b"BADCHARSET (UTF-8 US-ASCII)")
    resolved = await _Resolution(session).put_in(key, ())
    if session.uid_only and searches_numbers(resolved):
        raise UidRequired
    return resolved


class _Resolution:
    """One program's filters."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._known: dict[str, SearchKey] = {}
        self._keys = 0

    async def put_in(self, key: SearchKey, inside: tuple[str, ...]) -> SearchKey:
        """A key with its filters put in; ``inside`` are the filters that it stands in."""
        self._keys += 1
        if self._keys > limits.SEARCH_KEYS:
            raise Refused(f"With its filters the search has more than {limits.SEARCH_KEYS} keys", b"LIMIT")
        if key.name == "FILTER":
            return await self._value(key.text, inside)
        if not key.keys:
            return key
        return replace(key, keys=tuple([await self.put_in(each, inside) for each in key.keys]))

    async def _value(self, name: str, inside: tuple[str, ...]) -> SearchKey:
        folded = name.lower()
        if folded in inside or len(inside) >= limits.FILTER_DEPTH:
            raise _undefined(name, "refers to itself, or to too many others one in the other")
        known = self._known.get(folded)
        if known is None:
            known = self._known[folded] = await self._look_up(name)
        return await self.put_in(known, (*inside, folded))

    async def _look_up(self, name: str) -> SearchKey:
        session = self._session
        assert session.user is not None
        question = AnnotationQuestion((_VALUES[0] + name.lower(),), session.user.account_id)
        found = await session.account.annotations(ALL_MAILBOXES, question)
        if found:
            value = found[0].value or b""
        else:
            shared = session.context.config.annotations.get(_VALUES[1] + name.lower())
            if shared is None:
                raise _undefined(name, "is not there")
            value = shared.encode("utf-8")
        try:
            return parse_filter(value)
        except ImapError as error:
            raise _undefined(name, f"is no search program: {error.text}") from error


def _undefined(name: str, why: str) -> Refused:
    return Refused(f"The filter {name} {why}", undefined_filter_code(name))


def parse_filter(value: bytes) -> SearchKey:
    """A filter's value, ``search-criteria = search-key *(SP search-key)``. Raises ImapError."""
    return parse_program(Scanner(_fragments(value), utf8=True), commands.SEARCH_KEYS, charsets.decoder("UTF-8"))


def _fragments(value: bytes) -> Fragments:
    """A value as a command's texts and literals; no quoted string holds what announces a literal."""
    fragments: list[bytes | Literal] = []
    position = 0
    while announced := _LITERAL.search(value, position):
        size, start = int(announced[1]), announced.end()
        fragments += (value[position : announced.start()], Literal(size, value[start : start + size]))
        position = start + size
    return (*fragments, value[position:].rstrip())


def check_values(values: Mapping[str, bytes | None]) -> None:
    """Whether entries that are to be set keep filters that could be used (RFC 5466 §3.2). Raises Refused."""
    for entry, value in values.items():
        for root in _VALUES:
            if not entry.startswith(root) or value is None:
                continue
            if not is_filter_name(entry.removeprefix(root)):
                raise Refused("A filter's name is an atom without /", b"CANNOT")
            try:
                parse_filter(value)
            except ImapError as error:
                raise Refused(f"Not a search program: {error.text}", b"CANNOT") from error
