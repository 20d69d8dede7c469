"""SEARCH: its keys and return options, and the answers SEARCH and ESEARCH."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Final, TypeAlias, cast

from mailwren.base import limits
from mailwren.base.ranges import RangeSet
from mailwren.imap import charsets, dates, wire
from mailwren.imap.core.arguments import Search, SearchKey
from mailwren.imap.errors import BadCommand
from mailwren.imap.scanner import Scanner, decode_text
from mailwren.imap.syntax import Row, Syntax, no_value, parse_parameter, table_of, write_parameters
from mailwren.imap.wire import CommandWriter

RETURN_OPTIONS: Final = tuple(no_value(name, "9051 §6.4.4") for name in ("MIN", "MAX", "ALL", "COUNT", "SAVE"))
"""``search-return-opt`` (RFC 9051 §9, RFC 4731 §4, RFC 5182 §3)."""


# --- reading and writing keys -------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class KeyRow:
    """A search key with a name."""

    name: str
    """Upper case."""
    rfc: str
    parse: "Callable[[KeyReader], SearchKey]"
    """Reads what follows the name."""
    write: "Callable[[SearchKey, KeyWriter], None]"
    """Writes what follows the name."""


class KeyReader:
    """Reads the keys of one SEARCH; counts them, and how deep they nest."""

    __slots__ = ("_decode", "_depth", "_keys", "_rows", "scanner")

    def __init__(self, scanner: Scanner, rows: Mapping[str, KeyRow], decode: Callable[[bytes], str]) -> None:
        self.scanner = scanner
        self._rows = rows
        self._decode = decode
        self._depth = 0
        self._keys = 0

    def text(self) -> str:
        """``SP astring``, out of the search's charset."""
        self.scanner.space()
        return self._decode(self.scanner.astring())

    def optional_text(self) -> str | None:
        """``SP (nstring / literal8)``, out of the search's charset; ``None`` is NIL."""
        self.scanner.space()
        if self.scanner.take_nil():
            return None
        if self.scanner.at_literal():
            octets = self.scanner.literal().octets
            assert isinstance(octets, bytes)  # a large literal is only taken where a message is expected
            return self._decode(octets)
        return self._decode(self.scanner.astring())

    def key(self) -> SearchKey:
        """``search-key`` (RFC 9051 §9)."""
        scanner = self.scanner
        self._keys += 1
        if self._keys > limits.SEARCH_KEYS:
            raise BadCommand(f"more than {limits.SEARCH_KEYS} search keys")
        if scanner.at_sequence_set():
            return SearchKey("SEQUENCE", messages=scanner.sequence_set())
        if scanner.at(b"("):
            return all_of(scanner.parenthesised(self.key))
        if scanner.take_word(b"NOT"):
            return self.inside("NOT")  # ``"NOT" SP search-key``
        if scanner.take_word(b"OR"):
            return self._either()
        name = scanner.name("a search key")
        row = self._rows.get(name)
        if row is None:
            raise BadCommand(f"unknown search key {name[:40]}")
        return row.parse(self)

    def inside(self, name: str) -> SearchKey:
        """``search-key`` inside another key (given by its name), counting how deep that is."""
        self._depth += 1
        if self._depth > limits.NESTING:
            raise BadCommand(f"search keys nested deeper than {limits.NESTING}")
        key = SearchKey(name, keys=(self.key(),))
        self._depth -= 1
        return key

    def _either(self) -> SearchKey:
        """``"OR" SP search-key SP search-key``.

        Clients write "any of these thousand" as a chain of ORs, each inside the last. The chain is read without
        recursion and becomes a balanced tree, which means the same and nests no deeper than its logarithm.
        """
        operands: list[SearchKey] = []
        missing = 2
        while missing:
            if self.scanner.take_word(b"OR"):
                missing += 1
                continue
            operands.append(self.key())
            missing -= 1
            if missing:
                self.scanner.space()
        return any_of(operands)


@dataclass(frozen=True, slots=True)
class KeyWriter:
    """Writes the keys of one SEARCH."""

    command: CommandWriter
    rows: Mapping[str, KeyRow]
    encode: Callable[[str], bytes]

    def text(self, text: str) -> None:
        """``SP astring``, in the search's charset."""
        self.command.raw(b" ")
        self.command.astring(self.encode(text))

    def key(self, key: SearchKey) -> None:
        """``search-key``."""
        if key.name == "AND":
            self.command.raw(b"(")
            self.keys(key.keys)
            self.command.raw(b")")
        elif key.name in {"NOT", "OR"}:
            self.command.raw(key.name.encode("ascii") + b" ")
            self.keys(key.keys)
        elif key.name == "SEQUENCE":
            self.command.raw(_set_of(key))
        else:
            self.command.raw(key.name.encode("ascii"))
            self.rows[key.name].write(key, self)

    def keys(self, keys: Sequence[SearchKey]) -> None:
        """``search-key *(SP search-key)``."""
        for index, key in enumerate(keys):
            if index:
                self.command.raw(b" ")
            self.key(key)


def all_of(keys: Sequence[SearchKey]) -> SearchKey:
    """The keys together: one alone is itself."""
    return keys[0] if len(keys) == 1 else SearchKey("AND", keys=tuple(keys))


def any_of(keys: Iterable[SearchKey]) -> SearchKey:
    """Any of the keys (at least one), as a balanced tree of ORs of two; keys that are ORs are taken apart first."""
    return _tree([leaf for key in keys for leaf in _leaves(key)])


def _leaves(key: SearchKey) -> Iterator[SearchKey]:
    if key.name == "OR":
        for each in key.keys:
            yield from _leaves(each)
    else:
        yield key


def _tree(leaves: Sequence[SearchKey]) -> SearchKey:
    if len(leaves) == 1:
        return leaves[0]
    middle = len(leaves) // 2
    return SearchKey("OR", keys=(_tree(leaves[:middle]), _tree(leaves[middle:])))


def searches_numbers(key: SearchKey) -> bool:
    """Whether messages are named by number anywhere in a search; ``$`` is no number."""
    if key.name == "SEQUENCE":
        return key.messages is not None and not key.messages.saved
    return any(map(searches_numbers, key.keys))


def _set_of(key: SearchKey) -> bytes:
    assert key.messages is not None
    return wire.sequence_set(key.messages)


# --- the keys -----------------------------------------------------------------------------------------------
def plain_key(name: str, rfc: str = "9051 §6.4.4") -> KeyRow:
    """A key that is its name alone."""
    key = SearchKey(name)
    return KeyRow(name, rfc, lambda _reader: key, lambda _key, _writer: None)


def _with_text(name: str) -> KeyRow:
    return KeyRow(
        name,
        "9051 §6.4.4",
        lambda reader: SearchKey(name, text=reader.text()),
        lambda key, writer: writer.text(key.text),
    )


def _with_keyword(name: str) -> KeyRow:
    def parse(reader: KeyReader) -> SearchKey:
        reader.scanner.space()
        return SearchKey(name, flag=reader.scanner.keyword())

    return KeyRow(name, "9051 §6.4.4", parse, lambda key, writer: writer.command.raw(b" " + key.flag.encode("ascii")))


def key_with_date(name: str, rfc: str = "9051 §6.4.4") -> KeyRow:
    """A key with a date: ``name SP date``."""

    def parse(reader: KeyReader) -> SearchKey:
        reader.scanner.space()
        return SearchKey(name, date=reader.scanner.date())

    def write(key: SearchKey, writer: KeyWriter) -> None:
        assert key.date is not None
        writer.command.raw(b" " + dates.write_date(key.date))

    return KeyRow(name, rfc, parse, write)


def key_with_number(name: str, rfc: str = "9051 §6.4.4", number: Callable[[Scanner], int] = Scanner.number64) -> KeyRow:
    """A key with a number: ``name SP number``."""

    def parse(reader: KeyReader) -> SearchKey:
        reader.scanner.space()
        return SearchKey(name, number=number(reader.scanner))

    return KeyRow(name, rfc, parse, lambda key, writer: writer.command.raw(b" %d" % key.number))


def _parse_header(reader: KeyReader) -> SearchKey:
    """``"HEADER" SP header-fld-name SP astring``."""
    reader.scanner.space()
    field_name = decode_text(reader.scanner.astring("a header field's name"))
    return SearchKey("HEADER", field_name=field_name, text=reader.text())


def _write_header(key: SearchKey, writer: KeyWriter) -> None:
    writer.command.raw(b" ")
    writer.command.astring(key.field_name.encode("utf-8"))
    writer.text(key.text)


def _parse_uid(reader: KeyReader) -> SearchKey:
    """``"UID" SP sequence-set``."""
    reader.scanner.space()
    return SearchKey("UID", messages=reader.scanner.sequence_set())


_FLAG_NAMES: Final = ("ANSWERED", "DELETED", "DRAFT", "FLAGGED", "SEEN")
KEYS: Final = (
    *map(plain_key, ("ALL", "RECENT", "NEW", "OLD")),
    *map(plain_key, _FLAG_NAMES),
    *(plain_key("UN" + name) for name in _FLAG_NAMES),
    *map(_with_keyword, ("KEYWORD", "UNKEYWORD")),
    *map(_with_text, ("BCC", "BODY", "CC", "FROM", "SUBJECT", "TEXT", "TO")),
    *map(key_with_date, ("BEFORE", "ON", "SINCE", "SENTBEFORE", "SENTON", "SENTSINCE")),
    *map(key_with_number, ("LARGER", "SMALLER")),
    KeyRow("HEADER", "9051 §6.4.4", _parse_header, _write_header),
    KeyRow("UID", "9051 §6.4.4", _parse_uid, lambda key, writer: writer.command.raw(b" " + _set_of(key))),
)
"""``search-key`` of RFC 9051 §9, and NEW, OLD and RECENT of RFC 3501 §9. NOT, OR, sets and lists have no row."""


# --- the command --------------------------------------------------------------------------------------------
def search_syntax(keys: Iterable[KeyRow], return_options: Iterable[Row[object]]) -> Syntax[Search]:
    """SEARCH with the keys and return options given.

    ``search = "SEARCH" [SP "RETURN" SP "(" [options] ")"] SP ["CHARSET" SP charset SP] search-key *(SP search-key)``
    """
    key_rows = {row.name: row for row in keys}
    return_rows = table_of(return_options)

    def parse(scanner: Scanner) -> Search:
        scanner.space()
        returns = parse_returns(scanner, return_rows)
        charset = ""
        if scanner.take_word(b"CHARSET"):
            charset = scanner.charset()
            scanner.space()
        key = _program(KeyReader(scanner, key_rows, charsets.decoder(charset)))
        return Search(key, returns.names, charset, returns.values)

    def write(arguments: Search, writer: CommandWriter) -> None:
        write_returns(Returns(arguments.returns, arguments.return_values), return_rows, writer)
        if arguments.charset:
            writer.raw(b" CHARSET ")
            writer.astring(arguments.charset.encode("ascii"))
        writer.raw(b" ")
        KeyWriter(writer, key_rows, charsets.encoder(arguments.charset)).keys(arguments.key.keys)

    return Syntax(b"SEARCH", "9051 §6.4.4", parse, write)


def parse_program(scanner: Scanner, keys: Iterable[KeyRow], decode: Callable[[bytes], str]) -> SearchKey:
    """``search-key *(SP search-key)`` up to the end: an AND of the keys."""
    return _program(KeyReader(scanner, {row.name: row for row in keys}, decode))


def _program(reader: KeyReader) -> SearchKey:
    found = [reader.key()]
    while not reader.scanner.at_end():
        reader.scanner.space()
        found.append(reader.key())
    return SearchKey("AND", keys=tuple(found))


@dataclass(frozen=True, slots=True)
class Returns:
    """RETURN options of SEARCH and of what is like it, as :class:`Search` has them."""

    names: frozenset[str] | None
    values: tuple[tuple[str, object], ...] = ()


def parse_returns(scanner: Scanner, rows: Mapping[str, Row[object]]) -> Returns:
    """``["RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")" SP]``; none at all asks for ALL."""
    if not scanner.take_word(b"RETURN"):
        return Returns(None)
    options = scanner.parenthesised(lambda: parse_parameter(scanner, rows, "RETURN option"), at_least=0)
    if sum(name in {"ALL", "PARTIAL"} for name, _value in options) > 1:
        # "a single command MUST NOT contain more than one PARTIAL or ALL search return option" (RFC 9394 §3.1)
        raise BadCommand("either PARTIAL or ALL, once")
    scanner.space()
    values = tuple((name, value) for name, value in options if value is not None)
    return Returns(frozenset(name for name, _value in options) or frozenset({"ALL"}), values)


def write_returns(returns: Returns, rows: Mapping[str, Row[object]], writer: CommandWriter) -> None:
    """``[SP "RETURN" SP "(" … ")"]``."""
    if returns.names is not None:
        values = dict(returns.values)
        writer.raw(b" RETURN")
        write_parameters(tuple((name, values.get(name)) for name in sorted(returns.names)), rows, writer)


# --- responses ----------------------------------------------------------------------------------------------
def write_search(numbers: Sequence[int], modseq: int = 0, *, first: int = 0) -> bytes:
    """``* SEARCH …``, the answer of IMAP4rev1 (RFC 3501 §7.2.5).

    Args:
        numbers: what was found, ascending as a rule.
        modseq: above 0 the answer's mod-sequence (RFC 7162 §3.1.6).
        first: the numbers are counted from 0 or from 1, and written as counted from 0.
    """
    return b"".join((SEARCH_BEGIN, *written_numbers(numbers, first), write_search_end(modseq)))


def write_search_end(modseq: int = 0) -> bytes:
    """What stands behind the numbers."""
    return b" (MODSEQ %d)\r\n" % modseq if modseq else b"\r\n"


SEARCH_BEGIN: Final = b"* SEARCH"


_WRITTEN: Final[tuple[list[bytes], list[bytes]]] = ([], [])
"""Numbers behind a space, from 0 and from 1 on."""


def written_numbers(numbers: Sequence[int], first: int) -> Sequence[bytes]:
    """Numbers, each behind a space: out of a table that grows as it is needed, as far as one is worth while."""
    table = _WRITTEN[first]
    if numbers and numbers[-1] >= len(table):
        longer = min(limits.SEARCH_NUMBERS, len(table) + len(numbers) * _WORTH)
        if numbers[-1] < longer:
            for start, each in enumerate(_WRITTEN):
                each.extend([b" %d" % number for number in range(start + len(each), start + numbers[-1] + 1)])
    try:
        return itemgetter(*numbers)(table) if len(numbers) > 1 else [table[number] for number in numbers]
    except IndexError:
        return (b" %d" * len(numbers) % tuple([number + first for number in numbers]),)


def parse_search_numbers(scanner: Scanner) -> tuple[tuple[int, ...], int]:
    """What follows ``* SEARCH``, and the mod-sequence behind it, 0 without one."""
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
    """``search-sort-mod-seq``, what is in the parentheses (RFC 7162 §7)."""
    if not scanner.take_word(b"MODSEQ"):
        raise scanner.failure("MODSEQ")
    return scanner.number64()


_WORTH: Final = 16
"""How many numbers the table may be lengthened by for each that is written."""
ReturnData: TypeAlias = int | str | RangeSet | Sequence[int | str | RangeSet]
"""What an ESEARCH response says under one name: a number, a set, or a list of them in parentheses."""


@dataclass(frozen=True, slots=True)
class FoundMessages:
    """An ESEARCH response (RFC 9051 §7.3.4)."""

    tag: bytes
    """Of the SEARCH that it answers; empty when there is none."""
    uid: bool
    values: tuple[tuple[str, ReturnData], ...]
    """MIN, MAX and COUNT with a number, ALL with a set, what comes in parentheses with its words."""
    mailbox: str | None = None
    """The mailbox, in answers of the command ESEARCH (RFC 7377 §2.1)."""
    uid_validity: int = 0
    """Its UIDVALIDITY, 0 when it is not told."""


def write_esearch(
    tag: bytes,
    uid: bool,
    values: Iterable[tuple[str, ReturnData]],
    *,
    mailbox: str | None = None,
    uid_validity: int = 0,
    utf8: bool = False,
) -> bytes:
    """``* ESEARCH (TAG "tag") [UID] MIN 1 …``; what the parts mean says :class:`FoundMessages`."""
    correlators: list[bytes] = []
    if tag:
        correlators.append(b"TAG " + wire.quoted(tag))
    if mailbox is not None:
        correlators.append(b"MAILBOX " + wire.mailbox(mailbox, utf8))
    if uid_validity:
        correlators.append(b"UIDVALIDITY %d" % uid_validity)
    parts = [b"* ESEARCH"]
    if correlators:
        parts.append(b"(" + b" ".join(correlators) + b")")
    if uid:
        parts.append(b"UID")
    parts += (f"{name} {_data(value)}".encode("ascii") for name, value in values)
    return b" ".join(parts) + b"\r\n"


def _data(value: ReturnData) -> str:
    if isinstance(value, int | str | RangeSet):
        return str(value)
    return "(" + " ".join(map(str, value)) + ")"


def parse_esearch(scanner: Scanner) -> FoundMessages:
    """What follows ``* ESEARCH``: ``[search-correlator] [SP "UID"] *(SP search-return-data)`` (RFC 9051 §9)."""
    correlators: dict[str, object] = {}
    if scanner.at_list():
        scanner.space()
        correlators = dict(scanner.parenthesised(lambda: _correlator(scanner)))
    uid = False
    values: list[tuple[str, ReturnData]] = []
    while not scanner.at_end():
        scanner.space()
        name = scanner.name("what was found")
        if name == "UID" and not values and not uid:
            uid = True
            continue
        scanner.space()
        values.append((name, _found_data(scanner, name)))
    return FoundMessages(
        cast("bytes", correlators.get("TAG", b"")),
        uid,
        tuple(values),
        cast("str | None", correlators.get("MAILBOX")),
        cast("int", correlators.get("UIDVALIDITY", 0)),
    )


def _correlator(scanner: Scanner) -> tuple[str, object]:
    """``one-correlator`` (RFC 7377 §4)."""
    name = scanner.name("TAG")
    if name not in {"TAG", "MAILBOX", "UIDVALIDITY"}:
        raise BadCommand(f"unknown correlator {name[:40]}")
    scanner.space()
    if name == "TAG":
        return name, scanner.astring()
    return name, scanner.mailbox() if name == "MAILBOX" else scanner.nz_number()


def _found_data(scanner: Scanner, name: str) -> ReturnData:
    if name == "ALL":
        found = scanner.sequence_set()
        if found.saved or found.has_star:
            raise BadCommand("expected numbers without * and $")
        # Only SORT's results are not ascending: their order is what they say (RFC 5267 §3.1).
        ends = [end for pair in found.ranges for end in pair]
        return found.resolve(0) if ends == sorted(ends) else wire.sequence_set(found).decode("ascii")
    if scanner.at(b"("):
        return tuple(scanner.parenthesised(lambda: scanner.atom().decode("ascii"), at_least=0))
    return scanner.number64()
