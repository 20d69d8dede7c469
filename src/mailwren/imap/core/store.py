"""STORE: changes of flags."""

from collections.abc import Iterable, Mapping
from typing import Final

from mailwren.imap import wire
from mailwren.imap.core.arguments import Store, StoreMode
from mailwren.imap.errors import BadCommand
from mailwren.imap.scanner import Scanner, unique_flags
from mailwren.imap.syntax import Row, Syntax, parse_parameters, table_of, write_parameters
from mailwren.imap.wire import CommandWriter

_MODES: Final = {mode.value.decode("ascii").removesuffix("FLAGS"): mode for mode in StoreMode}
"""By the sign before the name."""


def store_syntax(modifiers: Iterable[Row[object]], attributes: Iterable[Row[object]] = ()) -> Syntax[Store]:
    """STORE with the modifiers given, and with attributes besides flags that can be changed.

    ``store = "STORE" SP sequence-set [store-modifiers] SP store-att-flags`` (RFC 9051 §9, RFC 4466 §3).
    """
    rows, attribute_rows = table_of(modifiers), table_of(attributes)

    def parse(scanner: Scanner) -> Store:
        scanner.space()
        messages = scanner.sequence_set()
        values = parse_parameters(scanner, rows, "STORE modifier")
        scanner.space()
        mode, silent, name = _attribute(scanner, attribute_rows)
        if name != "FLAGS":
            attribute = (name, attribute_rows[name].parse(scanner))
            scanner.end()
            return Store(messages, mode, silent, (), values, attribute)
        scanner.space()
        flags = scanner.flag_list() if scanner.at(b"(") else _bare_flags(scanner)
        scanner.end()
        return Store(messages, mode, silent, flags, values)

    def write(arguments: Store, writer: CommandWriter) -> None:
        writer.raw(b" " + wire.sequence_set(arguments.messages))
        write_parameters(arguments.modifiers, rows, writer)
        if arguments.attribute is not None:
            name, value = arguments.attribute
            sign = arguments.mode.value.removesuffix(b"FLAGS")
            writer.raw(b" " + sign + name.encode("ascii") + b".SILENT" * arguments.silent)
            attribute_rows[name].write(value, writer)
            return
        writer.raw(b" " + arguments.mode.value + b".SILENT" * arguments.silent)
        writer.raw(b" " + wire.flag_list(arguments.flags))

    return Syntax(b"STORE", "9051 §6.4.6", parse, write)


def _attribute(scanner: Scanner, others: Mapping[str, Row[object]]) -> tuple[StoreMode, bool, str]:
    """``["+" / "-"] name [".SILENT"]``: how and whether silently, and what is changed, ``FLAGS`` mostly."""
    word = scanner.name("FLAGS, +FLAGS or -FLAGS")
    sign = word[0] if word[0] in _MODES else ""
    name = word[len(sign) :].removesuffix(".SILENT")
    if name != "FLAGS" and name not in others:
        raise BadCommand(f"expected FLAGS, +FLAGS or -FLAGS, found {word[:40]}")
    return _MODES[sign], word.endswith(".SILENT"), name


def _bare_flags(scanner: Scanner) -> tuple[str, ...]:
    """``flag *(SP flag)``."""
    flags = [scanner.flag()]
    while not scanner.at_end():
        scanner.space()
        flags.append(scanner.flag())
    return unique_flags(flags)
