"""SELECT and EXAMINE, CLOSE, UNSELECT and CHECK, and the responses that introduce a mailbox."""

from collections.abc import Iterable

from mailwren.imap import wire
from mailwren.imap.core.arguments import Select
from mailwren.imap.scanner import Scanner
from mailwren.imap.syntax import Row, Syntax, parse_parameters, table_of, without_arguments, write_parameters
from mailwren.imap.wire import CommandWriter

CLOSE = without_arguments(b"CLOSE", "9051 §6.4.1")
UNSELECT = without_arguments(b"UNSELECT", "9051 §6.4.2")
CHECK = without_arguments(b"CHECK", "3501 §6.4.1")


def select_syntax(name: bytes, rfc: str, parameters: Iterable[Row[object]]) -> Syntax[Select]:
    """SELECT or EXAMINE with the parameters given.

    ``select = "SELECT" SP mailbox [SP "(" select-param *(SP select-param) ")"]`` (RFC 9051 §9, RFC 4466 §3).
    """
    rows = table_of(parameters)

    def parse(scanner: Scanner) -> Select:
        scanner.space()
        mailbox = scanner.mailbox()
        values = parse_parameters(scanner, rows, "SELECT parameter")
        scanner.end()
        return Select(mailbox, values)

    def write(arguments: Select, writer: CommandWriter) -> None:
        writer.raw(b" ")
        writer.mailbox(arguments.mailbox)
        write_parameters(arguments.parameters, rows, writer)

    return Syntax(name, rfc, parse, write)


def write_flags(flags: Iterable[str]) -> bytes:
    """``* FLAGS (…)``: the flags in use (RFC 9051 §7.3.5)."""
    return b"* FLAGS " + wire.flag_list(flags) + b"\r\n"


def permanent_flags_code(flags: Iterable[str]) -> bytes:
    r"""The response code of the flags that can be changed, possibly with ``\*`` (RFC 9051 §7.1)."""
    return b"PERMANENTFLAGS " + wire.flag_list(flags)
