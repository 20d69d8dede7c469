"""THREAD (RFC 5256 §3): ORDEREDSUBJECT, REFERENCES, and REFS (draft-ietf-morg-inthread-01 §4)."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from mailwren.imap import charsets
from mailwren.imap.core.arguments import SearchKey
from mailwren.imap.core.search import KeyRow, KeyWriter, parse_program
from mailwren.imap.errors import BadCommand
from mailwren.imap.scanner import Scanner
from mailwren.imap.syntax import Syntax
from mailwren.imap.wire import CommandWriter

ALGORITHMS: Final = ("ORDEREDSUBJECT", "REFERENCES", "REFS")
"""``thread-alg``."""


@dataclass(frozen=True, slots=True)
class Thread:
    """THREAD (RFC 5256 §3)."""

    algorithm: str
    """Upper case."""
    key: SearchKey
    """Always an AND of the program's keys."""
    charset: str
    """Upper case; THREAD always names one."""


def thread_syntax(keys: Iterable[KeyRow]) -> Syntax[Thread]:
    """THREAD with the search keys given: ``thread = "THREAD" SP thread-alg SP charset 1*(SP search-key)``."""
    key_rows = {row.name: row for row in keys}

    def parse(scanner: Scanner) -> Thread:
        scanner.space()
        algorithm = scanner.name("a threading algorithm")
        if algorithm not in ALGORITHMS:
            raise BadCommand(f"unknown threading algorithm {algorithm[:40]}")
        scanner.space()
        charset = scanner.charset()
        scanner.space()
        return Thread(algorithm, parse_program(scanner, key_rows.values(), charsets.decoder(charset)), charset)

    def write(arguments: Thread, writer: CommandWriter) -> None:
        writer.raw(f" {arguments.algorithm} ".encode("ascii"))
        writer.astring(arguments.charset.encode("ascii"))
        writer.raw(b" ")
        KeyWriter(writer, key_rows, charsets.encoder(arguments.charset)).keys(arguments.key.keys)

    return Syntax(b"THREAD", "5256 §3", parse, write)


# --- the response -------------------------------------------------------------------------------------------
def write_thread(numbers: Sequence[int], brackets: Sequence[str]) -> bytes:
    """``* THREAD …`` (RFC 5256 §4).

    Args:
        numbers: of the messages, as they stand in the response.
        brackets: what stands before each of them, and behind the last one.
    """
    if not numbers:
        return b"* THREAD\r\n"
    text = "".join(chain.from_iterable(zip(brackets, map(str, numbers), strict=False)))
    return f"* THREAD {text}{brackets[-1]}\r\n".encode("ascii")


_THREADS: Final = re.compile(rb"(?: [() 0-9]*)?")
_NUMBER: Final = re.compile(r"([1-9][0-9]{0,9})")


def parse_threads(scanner: Scanner) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """What follows ``* THREAD``: the numbers and brackets of :func:`write_thread`. Raises BadCommand."""
    text = scanner.match(_THREADS, "threads")[0].decode("ascii")[1:]
    scanner.end()
    pieces = _NUMBER.split(text)
    depth = 0
    for bracket in "".join(pieces[::2]):
        depth += {"(": 1, ")": -1}.get(bracket, 0)
        if depth < 0:
            raise scanner.failure("a thread")
    if depth:
        raise scanner.failure(")")
    return tuple(map(int, pieces[1::2])), tuple(pieces[::2])
