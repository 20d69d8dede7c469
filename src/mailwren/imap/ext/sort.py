"""SORT (RFC 5256 §3) with DISPLAYFROM and DISPLAYTO (RFC 5957), RETURN options (RFC 5267 §3), and Cyrus's two keys."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from mailwren.base import limits
from mailwren.imap import charsets
from mailwren.imap.core.arguments import SearchKey
from mailwren.imap.core.search import (
    KeyRow,
    KeyWriter,
    Returns,
    parse_program,
    parse_returns,
    write_returns,
)
from mailwren.imap.errors import BadCommand
from mailwren.imap.ext.annotate import ANNOTATION, parse_sort_key
from mailwren.imap.ext.fuzzy import RELEVANCY
from mailwren.imap.scanner import Scanner
from mailwren.imap.syntax import Row, Syntax, table_of
from mailwren.imap.wire import CommandWriter

SORT_KEYS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("ARRIVAL", "CC", "DATE", "FROM", "SIZE", "SUBJECT", "TO"), "5256 §5"),
    **dict.fromkeys(("DISPLAYFROM", "DISPLAYTO"), "5957 §5"),
    RELEVANCY: "6203 §6",
    **dict.fromkeys(("MODSEQ", "UID"), "Cyrus"),
}
"""``sort-key`` that is its name alone, and where each is defined; ANNOTATION (RFC 5257 §4.9) names an entry besides."""


@dataclass(frozen=True, slots=True)
class SortCriterion:
    """``sort-criterion`` (RFC 5256 §5)."""

    key: str
    """Upper case."""
    reverse: bool = False
    entry: str = ""
    """Of an annotation."""
    attribute: str = ""
    """Of an annotation: ``value.priv`` or ``value.shared``."""


@dataclass(frozen=True, slots=True)
class Sort:
    """SORT (RFC 5256 §3, RFC 5267 §3)."""

    criteria: tuple[SortCriterion, ...]
    """At least one."""
    key: SearchKey
    """Always an AND of the program's keys."""
    charset: str
    """Upper case; SORT always names one."""
    returns: frozenset[str] | None = None
    """As :class:`mailwren.imap.core.arguments.Search` has them."""
    return_values: tuple[tuple[str, object], ...] = ()


def sort_syntax(
    keys: Iterable[KeyRow], return_options: Iterable[Row[object]], sort_keys: Iterable[str] = SORT_KEYS
) -> Syntax[Sort]:
    """SORT with the search keys, return options and sort keys given.

    ``sort = "SORT" [SP "RETURN" SP "(" [options] ")"] SP "(" sort-criterion *(SP sort-criterion) ")" SP charset
    1*(SP search-key)``
    """
    key_rows = {row.name: row for row in keys}
    return_rows = table_of(return_options)
    known = frozenset(sort_keys)

    def parse(scanner: Scanner) -> Sort:
        scanner.space()
        returns = parse_returns(scanner, return_rows)
        criteria = scanner.parenthesised(lambda: _criterion(scanner, known))
        if len(criteria) > limits.SORT_CRITERIA:
            raise BadCommand(f"more than {limits.SORT_CRITERIA} sort criteria")
        scanner.space()
        charset = scanner.charset()
        scanner.space()
        program = parse_program(scanner, key_rows.values(), charsets.decoder(charset))
        return Sort(tuple(criteria), program, charset, returns.names, returns.values)

    def write(arguments: Sort, writer: CommandWriter) -> None:
        write_returns(Returns(arguments.returns, arguments.return_values), return_rows, writer)
        for index, each in enumerate(arguments.criteria):
            writer.raw((" " if index else " (").encode("ascii"))
            _write_criterion(each, writer)
        writer.raw(b") ")
        writer.astring(arguments.charset.encode("ascii"))
        writer.raw(b" ")
        KeyWriter(writer, key_rows, charsets.encoder(arguments.charset)).keys(arguments.key.keys)

    return Syntax(b"SORT", "5256 §3", parse, write)


def _criterion(scanner: Scanner, known: frozenset[str]) -> SortCriterion:
    """``["REVERSE" SP] sort-key``."""
    name = scanner.name("a sort key")
    reverse = name == "REVERSE"
    if reverse:
        scanner.space()
        name = scanner.name("a sort key")
    if name == ANNOTATION:
        return SortCriterion(name, reverse, *parse_sort_key(scanner))
    if name not in known:
        raise BadCommand(f"unknown sort key {name[:40]}")
    return SortCriterion(name, reverse)


def _write_criterion(criterion: SortCriterion, writer: CommandWriter) -> None:
    writer.raw(("REVERSE " * criterion.reverse + criterion.key).encode("ascii"))
    for word in (criterion.entry, criterion.attribute) if criterion.entry else ():
        writer.raw(b" ")
        writer.astring(word.encode("ascii"))


# --- the response -------------------------------------------------------------------------------------------
def write_sort(numbers: Iterable[int], modseq: int = 0) -> bytes:
    """``* SORT …`` (RFC 5256 §4), with the highest mod-sequence of the messages where it is due (RFC 7162 §3.1.9)."""
    end = f" (MODSEQ {modseq})\r\n" if modseq else "\r\n"
    return (" ".join(("* SORT", *map(str, numbers))) + end).encode("ascii")


def parse_sort_numbers(scanner: Scanner) -> tuple[tuple[int, ...], int]:
    """What follows ``* SORT``: the numbers, and the mod-sequence or 0."""
    numbers: list[int] = []
    modseq = 0
    while not scanner.at_end():
        if scanner.at_list():
            scanner.space()
            (modseq,) = scanner.parenthesised(lambda: _modseq(scanner))
            break
        scanner.space()
        numbers.append(scanner.nz_number())
    scanner.end()
    return tuple(numbers), modseq


def _modseq(scanner: Scanner) -> int:
    """``"MODSEQ" SP mod-sequence-value``."""
    if not scanner.take_word(b"MODSEQ"):
        raise scanner.failure("MODSEQ")
    return scanner.number64()


def write_sorted_set(numbers: Iterable[int]) -> str:
    """A result in its order as a set: only neighbours that ascend by one are a range (RFC 5267 §3.2)."""
    parts: list[str] = []
    first = last = 0
    for number in numbers:
        if last and number == last + 1:
            last = number
            continue
        if last:
            parts.append(str(first) if first == last else f"{first}:{last}")
        first = last = number
    if last:
        parts.append(str(first) if first == last else f"{first}:{last}")
    return ",".join(parts)


def parse_sorted_set(text: str) -> Iterator[int]:
    """The numbers of :func:`write_sorted_set`, whose ranges ascend however they are written."""
    for part in filter(None, text.split(",")):
        first, _colon, last = part.partition(":")
        low, high = sorted((int(first), int(last or first)))
        yield from range(low, high + 1)
