"""STORE: changes of flags."""

from collections.abc import Iterable
from typing import Final

from mailwren.imap import wire
from mailwren.imap.core.arguments import Store, StoreMode
from mailwren.imap.errors import BadCommand
from mailwren.imap.scanner import Scanner, unique_flags
from mailwren.imap.syntax import Row, Syntax, parse_parameters, table_of, write_parameters
from mailwren.imap.wire import CommandWriter

_ATTRIBUTES: Final = {
    mode.value.decode("ascii") + suffix: (mode, bool(suffix)) for mode in StoreMode for suffix in ("", ".SILENT")
}


def store_syntax(modifiers: Iterable[Row[object]]) -> Syntax[Store]:
    """STORE with the modifiers given.

    ``store = "STORE" SP sequence-set [store-modifiers] SP store-att-flags`` (RFC 9051 §9, RFC 4466 §3).
    """
    rows = table_of(modifiers)

    def parse(scanner: Scanner) -> Store:
        scanner.space()
        messages = scanner.sequence_set()
        values = parse_parameters(scanner, rows, "STORE modifier")
        scanner.space()
        mode, silent = _attribute(scanner)
        scanner.space()
        flags = scanner.flag_list() if scanner.at(b"(") else _bare_flags(scanner)
        scanner.end()
        return Store(messages, mode, silent, flags, values)

    def write(arguments: Store, writer: CommandWriter) -> None:
        writer.raw(b" " + wire.sequence_set(arguments.messages))
        write_parameters(arguments.modifiers, rows, writer)
        writer.raw(b" " + arguments.mode.value + b".SILENT" * arguments.silent)
        writer.raw(b" " + wire.flag_list(arguments.flags))

    return Syntax(b"STORE", "9051 §6.4.6", parse, write)


def _attribute(scanner: Scanner) -> tuple[StoreMode, bool]:
    """``["+" / "-"] "FLAGS" [".SILENT"]``."""
    name = scanner.name("FLAGS, +FLAGS or -FLAGS")
    attribute = _ATTRIBUTES.get(name)
    if attribute is None:
        raise BadCommand(f"expected FLAGS, +FLAGS or -FLAGS, found {name[:40]}")
    return attribute


def _bare_flags(scanner: Scanner) -> tuple[str, ...]:
    """``flag *(SP flag)``."""
    flags = [scanner.flag()]
    while not scanner.at_end():
        scanner.space()
        flags.append(scanner.flag())
    return unique_flags(flags)
