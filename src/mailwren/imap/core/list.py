"""LIST, also extended, LSUB, XLIST and NAMESPACE, and their responses."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias, cast

from mailwren.base import limits
from mailwren.imap import names, wire
from mailwren.imap.core.arguments import List
from mailwren.imap.errors import BadCommand
from mailwren.imap.scanner import Scanner
from mailwren.imap.syntax import (
    Parameters,
    Row,
    Syntax,
    no_value,
    parse_parameter,
    table_of,
    without_arguments,
    write_parameters,
)
from mailwren.imap.wire import CommandWriter

NAMESPACE = without_arguments(b"NAMESPACE", "9051 §6.3.10")

SELECTION_OPTIONS: Final = (
    no_value("SUBSCRIBED", "5258 §3.1"),
    no_value("REMOTE", "5258 §3.1"),
    no_value("RECURSIVEMATCH", "5258 §3.1"),
    no_value("SPECIAL-USE", "6154 §2"),
)
"""What stands before the reference."""
RETURN_OPTIONS: Final = (
    no_value("SUBSCRIBED", "5258 §3.2"),
    no_value("CHILDREN", "5258 §3.2"),
    no_value("SPECIAL-USE", "6154 §2"),
)
"""What stands behind RETURN, but STATUS, which depends on the items there are."""
_NO_BASE: Final = frozenset({"RECURSIVEMATCH", "REMOTE"})


# --- commands -----------------------------------------------------------------------------------------------
def list_syntax(selection_options: Iterable[Row[object]], return_options: Iterable[Row[object]]) -> Syntax[List]:
    """LIST with the options given.

    ``list = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP list-return-opts]`` (RFC 5258 §6).
    """
    select_rows, return_rows = table_of(selection_options), table_of(return_options)

    def options(scanner: Scanner, rows: Mapping[str, Row[object]]) -> Parameters:
        return tuple(scanner.parenthesised(lambda: parse_parameter(scanner, rows, "LIST option"), at_least=0))

    def parse(scanner: Scanner) -> List:
        scanner.space()
        selection: Parameters | None = None
        if scanner.at(b"("):
            selection = options(scanner, select_rows)
            scanner.space()
        reference, patterns, several = _names(scanner)
        returns: Parameters | None = None
        if not scanner.at_end():
            scanner.space()
            if not scanner.take_word(b"RETURN"):
                raise scanner.failure("RETURN or the end of the command")
            returns = options(scanner, return_rows)
        scanner.end()
        extended = several or selection is not None or returns is not None
        return _arguments(reference, patterns, selection or (), returns or (), extended=extended)

    def write(arguments: List, writer: CommandWriter) -> None:
        values = dict(arguments.option_values)
        selection = tuple((name, values.get(name)) for name in sorted(arguments.selection))
        returns = [(name, values.get(name)) for name in sorted(arguments.returns)]
        if arguments.status_items:
            returns.append(("STATUS", arguments.status_items))
        write_parameters(selection, select_rows, writer)
        writer.raw(b" ")
        writer.mailbox(arguments.reference)
        _write_patterns(arguments, writer, several=arguments.extended and not selection and not returns)
        if returns:
            writer.raw(b" RETURN")
            write_parameters(tuple(returns), return_rows, writer)

    return Syntax(b"LIST", "9051 §6.3.9", parse, write)


def _names(scanner: Scanner) -> tuple[str, tuple[str, ...], bool]:
    """``mailbox SP (list-mailbox / "(" list-mailbox *(SP list-mailbox) ")")``, and whether there were parentheses."""
    reference = scanner.list_mailbox()
    scanner.space()
    if not scanner.at(b"("):
        return reference, (scanner.list_mailbox(),), False
    patterns = tuple(scanner.parenthesised(scanner.list_mailbox))
    if len(patterns) > limits.LIST_PATTERNS:
        raise BadCommand(f"more than {limits.LIST_PATTERNS} patterns")
    return reference, patterns, True


def _arguments(
    reference: str, patterns: tuple[str, ...], selection: Parameters, returns: Parameters, *, extended: bool
) -> List:
    selected = frozenset(name for name, _value in selection)
    if "RECURSIVEMATCH" in selected and selected <= _NO_BASE:
        raise BadCommand("RECURSIVEMATCH needs another selection option")  # RFC 5258 §3.1
    return List(
        reference,
        patterns,
        selected,
        frozenset(name for name, _value in returns if name != "STATUS"),
        cast("tuple[str, ...]", dict(returns).get("STATUS", ())),
        extended=extended,
        option_values=tuple((name, value) for name, value in (*selection, *returns) if value and name != "STATUS"),
    )


def _write_patterns(arguments: List, writer: CommandWriter, *, several: bool) -> None:
    several = several or len(arguments.patterns) > 1
    for index, pattern in enumerate(arguments.patterns):
        writer.raw(b" (" if several and not index else b" ")
        writer.mailbox(pattern)
    if several:
        writer.raw(b")")


def parse_plain_list(scanner: Scanner) -> List:
    """``lsub = "LSUB" SP mailbox SP list-mailbox`` (RFC 3501 §9), and XLIST alike."""
    scanner.space()
    reference = scanner.list_mailbox()
    scanner.space()
    pattern = scanner.list_mailbox()
    scanner.end()
    return List(reference, (pattern,))


def write_plain_list(arguments: List, writer: CommandWriter) -> None:
    """The counterpart of :func:`parse_plain_list`."""
    writer.raw(b" ")
    writer.mailbox(arguments.reference)
    _write_patterns(arguments, writer, several=False)


LSUB = Syntax(b"LSUB", "3501 §6.3.9", parse_plain_list, write_plain_list)
XLIST = Syntax(b"XLIST", "3501 §6.3.8", parse_plain_list, write_plain_list)
"""Gmail's LIST with special uses; iOS and older Outlook still ask for it."""


# --- responses ----------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class ListRow:
    """One mailbox in the answer to LIST, LSUB or XLIST (RFC 9051 §7.3.1)."""

    attributes: tuple[str, ...]
    name: str
    separator: str | None = names.SEPARATOR
    child_info: tuple[str, ...] = ()
    """Selection options that a descendant meets (RFC 5258 §3.5)."""
    old_name: str | None = None


def write_list_row(
    attributes: Iterable[str],
    name: str,
    utf8: bool,
    *,
    command: bytes = b"LIST",
    separator: str | None = names.SEPARATOR,
    child_info: Sequence[str] = (),
    old_name: str | None = None,
) -> bytes:
    """``* LIST (attributes) separator name [extended items]``; what the parts mean says :class:`ListRow`."""
    line = b"* %b %b %b %b" % (command, wire.flag_list(attributes), _separator(separator), wire.mailbox(name, utf8))
    extended: list[bytes] = []
    if child_info:
        extended.append(b'"CHILDINFO" (' + b" ".join(wire.quoted(each.encode("ascii")) for each in child_info) + b")")
    if old_name is not None:
        extended.append(b'"OLDNAME" (' + wire.mailbox(old_name, utf8) + b")")
    if extended:
        line += b" (" + b" ".join(extended) + b")"
    return line + b"\r\n"


def _separator(separator: str | None) -> bytes:
    return b"NIL" if separator is None else wire.quoted(separator.encode("ascii"))


def parse_list_row(scanner: Scanner) -> ListRow:
    """What follows ``* LIST``: ``mailbox-list`` (RFC 9051 §9)."""
    scanner.space()
    attributes = tuple(each.decode("ascii") for each in scanner.words_in_parentheses())
    scanner.space()
    separator = scanner.nstring()
    scanner.space()
    name = scanner.mailbox()
    extended: dict[str, tuple[str, ...]] = {}
    if scanner.at_list():
        scanner.space()
        extended = dict(scanner.parenthesised(lambda: _extended_item(scanner), at_least=0))
    scanner.end()
    old_name = extended.get("OLDNAME")
    return ListRow(
        attributes,
        name,
        None if separator is None else separator.decode("ascii", "replace"),
        extended.get("CHILDINFO", ()),
        old_name[0] if old_name else None,
    )


def _extended_item(scanner: Scanner) -> tuple[str, tuple[str, ...]]:
    """``mbox-list-extended-item-tag SP "(" … ")"``."""
    tag = scanner.text().upper()
    scanner.space()
    return tag, tuple(scanner.parenthesised(scanner.mailbox if tag == "OLDNAME" else scanner.text))


Namespaces: TypeAlias = Sequence[tuple[str, str | None]]
"""Prefixes and separators."""
_NO_TRANSLATIONS: Final[Mapping[str, str]] = MappingProxyType({})


def write_namespace(
    personal: Namespaces,
    other_users: Namespaces,
    shared: Namespaces,
    utf8: bool = False,
    translations: Mapping[str, str] = _NO_TRANSLATIONS,
) -> bytes:
    """``* NAMESPACE personal other shared`` (RFC 9051 §7.3.3).

    Args:
        personal: the user's own namespaces.
        other_users: those of other users.
        shared: those of nobody in particular.
        utf8: whether names are UTF-8 on this connection.
        translations: what to show people instead of a prefix (RFC 5255 §3.4).
    """
    parts = [
        b"(" + b"".join(_namespace(each, utf8, translations) for each in namespaces) + b")" if namespaces else b"NIL"
        for namespaces in (personal, other_users, shared)
    ]
    return b"* NAMESPACE " + b" ".join(parts) + b"\r\n"


def _namespace(namespace: tuple[str, str | None], utf8: bool, translations: Mapping[str, str]) -> bytes:
    prefix, separator = namespace
    text = b"(" + wire.string(names.encode(prefix, utf8), utf8) + b" " + _separator(separator)
    translation = translations.get(prefix)
    if translation is not None:
        # "the string is encoded in Modified UTF-7" (RFC 5255 §3.5), whatever else is enabled
        text += b' "TRANSLATION" (' + wire.string(names.encode_utf7(translation)) + b")"
    return text + b")"
