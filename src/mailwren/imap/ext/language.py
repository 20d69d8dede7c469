"""LANGUAGE: in which language the server writes to people (RFC 5255 §3)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mailwren.base import limits
from mailwren.imap import wire
from mailwren.imap.errors import BadCommand
from mailwren.imap.scanner import Scanner
from mailwren.imap.syntax import Syntax
from mailwren.imap.wire import CommandWriter

_RANGE: Final = re.compile(r"\*|[A-Za-z]{1,8}(?:-(?:[A-Za-z0-9]{1,8}|\*))*")


@dataclass(frozen=True, slots=True)
class Language:
    """LANGUAGE: the ranges that the client would like, the best first; none asks which languages there are."""

    ranges: tuple[str, ...]


def _parse(scanner: Scanner) -> Language:
    """``language-cmd = "LANGUAGE" *(SP lang-range-quoted)`` (RFC 5255 §3.5)."""
    ranges: list[str] = []
    while not scanner.at_end():
        scanner.space()
        text = scanner.astring("a language range").decode("utf-8", "replace")
        if _RANGE.fullmatch(text) is None:
            raise BadCommand("a language range is such as de, en-GB or default")
        ranges.append(text)
        if len(ranges) > limits.LANGUAGE_RANGES:
            raise BadCommand(f"more than {limits.LANGUAGE_RANGES} languages")
    scanner.end()
    return Language(tuple(ranges))


def _write(arguments: Language, writer: CommandWriter) -> None:
    for each in arguments.ranges:
        writer.raw(b" ")
        writer.astring(each.encode("ascii"))


LANGUAGE: Final = Syntax(b"LANGUAGE", "5255 §3.2", _parse, _write)


def write_language(tags: Sequence[str]) -> bytes:
    """``* LANGUAGE (tag …)``: one is the language from now on, several are those there are (RFC 5255 §3.3)."""
    return b"* LANGUAGE (" + b" ".join(wire.astring(tag.encode("ascii")) for tag in tags) + b")\r\n"


def parse_language(scanner: Scanner) -> tuple[str, ...]:
    """What follows ``* LANGUAGE``."""
    scanner.space()
    tags = scanner.parenthesised(lambda: scanner.astring("a language tag").decode("utf-8", "replace"))
    scanner.end()
    return tuple(tags)
