"""How commands, and the named things inside them, look on the wire: one row each, both ways.

Shared by server and client. The rows stand beside the parse and write functions they name; which rows there are is
said in one place, ``imap/commands.py``.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from mailwren.imap.core.arguments import NoArguments
from mailwren.imap.errors import BadCommand
from mailwren.imap.frames import Fragments
from mailwren.imap.scanner import Scanner
from mailwren.imap.wire import CommandWriter

A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class Syntax(Generic[A]):
    """A command: its arguments are of class ``A``."""

    name: bytes
    """Upper case. ``UID EXPUNGE`` has a row of its own; other ``UID`` forms have their plain command's syntax."""
    rfc: str
    """Where it is defined, such as ``9051 §6.4.6``."""
    parse: Callable[[Scanner], A]
    """Reads what follows the name, up to the end of the command."""
    write: Callable[[A, CommandWriter], None]
    """Writes what follows the name, so that parsing it gives the same arguments."""

    def fragments(self, arguments: A, utf8: bool = False) -> Fragments:
        """The command for the wire, without its tag."""
        writer = CommandWriter(utf8)
        writer.raw(self.name)
        self.write(arguments, writer)
        return writer.fragments()


def without_arguments(name: bytes, rfc: str) -> Syntax[NoArguments]:
    """A command that is its name alone."""
    return Syntax(name, rfc, parse=_parse_no_arguments, write=_write_nothing)


def _parse_no_arguments(scanner: Scanner) -> NoArguments:
    scanner.end()
    return NoArguments()


@dataclass(frozen=True, slots=True)
class Row(Generic[A]):
    """Something with a name inside a command: a FETCH item, a SELECT parameter, a LIST option."""

    name: str
    """Upper case."""
    rfc: str
    """Where it is defined."""
    parse: Callable[[Scanner], A]
    """Reads what follows the name."""
    write: Callable[[A, CommandWriter], None]
    """Writes what follows the name."""


Parameters: TypeAlias = tuple[tuple[str, object], ...]
"""Names and values of parameters, modifiers or options, in the order of the client."""


def table_of(rows: Iterable[Row[A]]) -> Mapping[str, Row[A]]:
    """The rows by name."""
    return {row.name: row for row in rows}


def no_value(name: str, rfc: str) -> Row[object]:
    """A row of a parameter or option that is its name alone; its value is ``None``."""
    return Row(name, rfc, parse=_parse_nothing, write=_write_nothing)


def _parse_nothing(_scanner: Scanner) -> object:
    return None


def _write_nothing(_value: object, _writer: CommandWriter) -> None:
    """Nothing follows the name."""


def parse_command_name(scanner: Scanner) -> tuple[bytes, bool]:
    """The command's name in upper case, behind its tag, and whether ``UID`` stood before it (RFC 9051 §6.4.9)."""
    name = scanner.name("a command")
    if name != "UID":
        return name.encode("ascii"), False
    scanner.space()
    return scanner.name("a command that UID can stand before").encode("ascii"), True


def parse_parameters(scanner: Scanner, rows: Mapping[str, Row[object]], what: str) -> Parameters:
    """``[SP "(" name [SP value] *(SP name [SP value]) ")"]`` (RFC 4466 §2); each name at most once.

    Raises:
        BadCommand: also for a name that is not in ``rows``; ``what`` says what the names are of.
    """
    if not scanner.at_list():
        return ()
    scanner.space()
    parameters = tuple(scanner.parenthesised(lambda: parse_parameter(scanner, rows, what)))
    if len(dict(parameters)) < len(parameters):
        raise BadCommand(f"the same {what} twice")
    return parameters


def parse_parameter(scanner: Scanner, rows: Mapping[str, Row[object]], what: str) -> tuple[str, object]:
    """``name [SP value]``."""
    name = scanner.name(f"the name of a {what}")
    row = rows.get(name)
    if row is None:
        raise BadCommand(f"unknown {what} {name[:40]}")
    return name, row.parse(scanner)


def write_parameters(parameters: Parameters, rows: Mapping[str, Row[object]], writer: CommandWriter) -> None:
    """The counterpart of :func:`parse_parameters`."""
    for index, (name, value) in enumerate(parameters):
        writer.raw(b" " if index else b" (")
        writer.raw(name.encode("ascii"))
        rows[name].write(value, writer)
    if parameters:
        writer.raw(b")")
