"""Address lists (RFC 5322 §3.4 with the obsolete forms of §4.4), and what stands in their place in broken mail.

Octets are left as they are: encoded words are for the client to read (RFC 9051 §7.5.2).
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from mailwren.base import limits

MISSING_MAILBOX: Final = b"MISSING_MAILBOX"
MISSING_DOMAIN: Final = b"MISSING_DOMAIN"
"""An address without a host cannot have NIL there, as that marks groups (RFC 9051 §7.5.2). Clients know these names."""


class Address(NamedTuple):
    """One entry of an address list.

    A group begins with an entry that has no host, its name in ``mailbox``, and ends with :data:`GROUP_END`.
    """

    name: bytes | None
    route: bytes | None
    """Such as ``@a,@b`` (obs-route)."""
    mailbox: bytes | None
    host: bytes | None


GROUP_END: Final = Address(None, None, None, None)

# The two forms of nearly all addresses: ``Name <local@host>`` (the name quoted or not) and ``local@host``.
# No two runs of white space touch in it, so that it stays linear.
_COMMON: Final = re.compile(
    rb'(?:(?:\s*"([^"\\]*)"\s*|([^"\\()<>@,;:\[\]]*))<([^\s"\\()<>@,;:\[\]]+)@([^\s"\\()<>@,;:\[\]]+)>'
    rb'|\s*([^\s"\\()<>@,;:\[\]]+)@([^\s"\\()<>@,;:\[\]]+))\s*(?:,|\Z)'
)
_TOKEN: Final = re.compile(
    rb'(\s+)|("[^"\\]*(?:\\.[^"\\]*)*")|(<[^<>"\\]*(?:(?:"[^"\\]*(?:\\.[^"\\]*)*"|\\.)[^<>"\\]*)*>)|(\[[^\[\]]*\])'
    rb'|((?:[^\s"(),:;<>@\[\]\\]|\\.)+)|(.)',
    re.DOTALL,
)
_SPACE, _QUOTED, _ANGLE, _LITERAL, _ATOM, _SPECIAL = range(1, 7)
_COMMENT_EDGE: Final = re.compile(rb"[()]|\\.", re.DOTALL)
_ESCAPE: Final = re.compile(rb"\\(.)", re.DOTALL)
_MASKED: Final = re.compile(rb"([^\s@]+) at ([^\s@]+\.[^\s@]+)")
_SEPARATOR: Final = re.compile(rb"[,;:]")
_UNCLOSED: Final = re.compile(rb"[^,;<>]*")


class _Word(NamedTuple):
    """A piece of an address outside of comments."""

    text: bytes
    """Without quotes and escapes."""
    spaced: bool
    """White space stands before it."""
    is_at: bool = False
    """It is the sign between local part and domain."""
    is_quoted: bool = False


def parse_addresses(value: bytes) -> list[Address]:
    """Read an address list; at most ``ADDRESSES`` entries.

    Args:
        value: a header field's value, unfolded.
    """
    result: list[Address] = []
    position = 0
    while position < len(value) and len(result) < limits.ADDRESSES:
        match = _COMMON.match(value, position)
        if match is None:
            break
        quoted_name, phrase, local, host, bare_local, bare_host = match.groups()
        name = b" ".join(phrase.split()) if phrase else quoted_name
        result.append(Address(name or None, None, local or bare_local, host or bare_host))
        position = match.end()
    if position < len(value):
        result.extend(_Reader(value, position).addresses(limits.ADDRESSES - len(result)))
    return result


def first_address(value: bytes) -> Address | None:
    """The first entry that :func:`parse_addresses` gives, at the cost of that entry alone."""
    match = _COMMON.match(value)
    if match is None:
        return next(_Reader(value, 0).addresses(1), None)
    return next(iter(parse_addresses(match[0])))


class _Reader:
    """Reads what is not of the common form, one token after the other."""

    def __init__(self, value: bytes, position: int) -> None:
        self._value = value
        self._position = position
        self._in_group = False
        self._comments_close = True
        self._start_address()

    def _start_address(self) -> None:
        self._words: list[_Word] = []
        self._comment: bytes | None = None
        self._angle: bytes | None = None
        self._phrase_length = 0
        """Words before the angle brackets."""
        self._spaced = False

    def addresses(self, count: int) -> Iterator[Address]:
        """The rest of the list, about ``count`` entries at most."""
        while self._position < len(self._value) and count > 0:
            for address in self._step():
                count -= 1
                yield address
        yield from self._finish_address()
        if self._in_group:
            yield GROUP_END

    def words(self) -> list[_Word]:
        """All words, for text between angle brackets: separators are words as well, comments are passed over."""
        while self._position < len(self._value):
            separator = _SEPARATOR.match(self._value, self._position)
            if separator:
                self._position = separator.end()
                self._take_word(separator[0])
            else:
                self._step()
        return self._words

    def _step(self) -> list[Address]:
        """Take one token; the entries that it completes."""
        match = _TOKEN.match(self._value, self._position)
        assert match is not None, "the last alternative takes any octet"
        self._position = match.end()
        text = match[0]
        kind = match.lastindex
        if kind == _SPACE:
            self._spaced = True
        elif kind == _ANGLE:
            return self._take_angle(text[1:-1])
        elif kind == _QUOTED:
            self._take_word(_ESCAPE.sub(rb"\1", text[1:-1]), is_quoted=True)
        elif kind == _SPECIAL:
            return self._take_special(text)
        else:
            self._take_word(_ESCAPE.sub(rb"\1", text) if b"\\" in text else text)
        return []

    def _take_word(self, text: bytes, *, is_at: bool = False, is_quoted: bool = False) -> None:
        self._words.append(_Word(text, self._spaced, is_at, is_quoted))
        self._spaced = False

    def _take_angle(self, content: bytes) -> list[Address]:
        """What is between angle brackets. After another such the comma was forgotten: a new address has begun."""
        finished: list[Address] = []
        if self._angle is not None:
            words = self._words[self._phrase_length :]
            finished = self._finish_address()
            self._words = words
        self._angle = content
        self._phrase_length = len(self._words)
        return finished

    def _take_special(self, text: bytes) -> list[Address]:
        if text == b",":
            return self._finish_address()
        if text == b";":
            return self._finish_group()
        if text == b":" and self._words and not self._in_group and self._angle is None:
            return [self._start_group()]
        if text == b"<":
            match = _UNCLOSED.match(self._value, self._position)
            assert match is not None, "it matches nothing as well"
            self._position = match.end()
            return self._take_angle(match[0])
        if text == b"(":
            self._take_comment()
        elif text == b"@":
            self._take_word(text, is_at=True)
        elif text not in {b">", b")", b'"', b":"}:
            self._take_word(text)
        return []

    def _take_comment(self) -> None:
        """A comment, comments in it included; one that is never closed is ignored from its parenthesis on."""
        depth = 1
        start = self._position
        if not self._comments_close:
            return
        for edge in _COMMENT_EDGE.finditer(self._value, start):
            if edge[0] in {b"(", b")"}:
                depth += 1 if edge[0] == b"(" else -1
            if depth == 0:
                self._comment = _ESCAPE.sub(rb"\1", self._value[start : edge.start()]).strip()
                self._position = edge.end()
                self._spaced = True
                return
        self._comments_close = False

    def _start_group(self) -> Address:
        name = _phrase(self._words)
        self._start_address()
        self._in_group = True
        return Address(None, None, name, None)

    def _finish_group(self) -> list[Address]:
        result = self._finish_address()
        if self._in_group:
            result.append(GROUP_END)
        self._in_group = False
        return result

    def _finish_address(self) -> list[Address]:
        address = None
        if self._angle is not None:
            address = _from_angle(_phrase(self._words[: self._phrase_length]) or self._comment, self._angle)
        elif self._words:
            address = _from_words(self._words, self._comment)
        self._start_address()
        return [address] if address else []


def _phrase(words: list[_Word]) -> bytes:
    """Words as a display name, with one blank where there was white space."""
    return b"".join([b" " + word.text if word.spaced else word.text for word in words]).strip()


def _from_angle(name: bytes | None, content: bytes) -> Address | None:
    route = None
    content = content.strip()
    if content.startswith(b"@") and b":" in content:
        route, _, content = content.partition(b":")
        route = b"".join(route.split())
    if not content:
        return Address(name, route, MISSING_MAILBOX, MISSING_DOMAIN) if name else None
    words = _Reader(content, 0).words()
    at = _last_at(words)
    if at is None:
        return Address(name or None, route, _phrase(words) or MISSING_MAILBOX, MISSING_DOMAIN)
    local = b"".join([word.text for word in words[:at]])
    host = b"".join([word.text for word in words[at + 1 :]])
    return Address(name or None, route, local or MISSING_MAILBOX, host or MISSING_DOMAIN)


def _belong_together(left: _Word, right: _Word) -> bool:
    """Whether both are of one local part or domain, which may have blanks around its dots (RFC 5322 §4.4)."""
    return not right.spaced or left.text.endswith(b".") or right.text.startswith(b".")


def _last_at(words: list[_Word]) -> int | None:
    for index in range(len(words) - 1, -1, -1):
        if words[index].is_at:
            return index
    return None


def _from_words(words: list[_Word], comment: bytes | None) -> Address:
    """An address without angle brackets, or a name without an address."""
    at = _last_at(words)
    if at is None:
        text = _phrase(words)
        masked = _MASKED.fullmatch(text)  # how list archives write addresses
        if masked:
            return Address(comment or None, None, masked[1], masked[2])
        if len(words) == 1 and not words[0].is_quoted:
            return Address(comment or None, None, text or MISSING_MAILBOX, MISSING_DOMAIN)
        return Address(text or comment or None, None, MISSING_MAILBOX, MISSING_DOMAIN)
    start = at - 1
    while start > 0 and _belong_together(words[start - 1], words[start]):
        start -= 1
    stop = at + 2
    while stop < len(words) and _belong_together(words[stop - 1], words[stop]):
        stop += 1
    local = b"".join([word.text for word in words[max(start, 0) : at]])
    host = b"".join([word.text for word in words[at + 1 : stop]])
    name = _phrase(words[: max(start, 0)]) or comment
    return Address(name or None, None, local or MISSING_MAILBOX, host or MISSING_DOMAIN)
