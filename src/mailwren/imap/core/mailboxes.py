"""CREATE, DELETE, RENAME, SUBSCRIBE and UNSUBSCRIBE."""

import re
from collections.abc import Iterable, Mapping
from typing import Final, cast

from mailwren.imap import names
from mailwren.imap.core.arguments import Create, MailboxName, Rename
from mailwren.imap.errors import Refused
from mailwren.imap.scanner import Scanner
from mailwren.imap.syntax import Row, Syntax, parse_parameters, table_of, write_parameters
from mailwren.imap.wire import CommandWriter

SPECIAL_USES: Final = ("\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Important", "\\Junk", "\\Sent", "\\Trash")
"""The special uses there are (RFC 6154 §2, RFC 8457 §3)."""
_CANONICAL_USE: Final = {use.lower().encode("ascii"): use for use in SPECIAL_USES}
_USE: Final = re.compile(rb"\\[^\x00-\x20\x7f-\xff(){%*\"\\\]]++")
_NO_PARAMETERS: Final[Mapping[str, Row[object]]] = {}


# --- CREATE -------------------------------------------------------------------------------------------------
def _parse_use(scanner: Scanner) -> object:
    """``"USE" SP "(" [use-attr *(SP use-attr)] ")"`` (RFC 6154 §6).

    Raises:
        Refused: a use that nobody knows, with USEATTR (RFC 6154 §3).
    """
    scanner.space()
    return tuple(scanner.parenthesised(lambda: _special_use(scanner), at_least=0))


def _special_use(scanner: Scanner) -> str:
    text = scanner.match(_USE, "a special use such as \\Sent")[0]
    use = _CANONICAL_USE.get(text.lower())
    if use is None:
        raise Refused(f"unknown special use {text[:40].decode('ascii')}", b"USEATTR")
    return use


def parse_special_uses(text: bytes) -> tuple[str, ...]:
    """Special uses with blanks between them, each once (RFC 6154 §4). Raises Refused: a use that nobody knows."""
    uses: list[str] = []
    for word in text.split():
        use = _CANONICAL_USE.get(word.lower())
        if use is None:
            raise Refused(f"unknown special use {word[:40].decode('ascii', 'replace')}", b"USEATTR")
        uses.append(use)
    return tuple(dict.fromkeys(uses))


def _write_use(value: object, writer: CommandWriter) -> None:
    writer.raw(b" (" + " ".join(cast("tuple[str, ...]", value)).encode("ascii") + b")")


USE: Final[Row[object]] = Row("USE", "6154 §6", _parse_use, _write_use)


def create_syntax(parameters: Iterable[Row[object]]) -> Syntax[Create]:
    """CREATE with the parameters given: ``create = "CREATE" SP mailbox [create-params]`` (RFC 4466 §3)."""
    rows = table_of(parameters)

    def parse(scanner: Scanner) -> Create:
        scanner.space()
        written = scanner.list_mailbox()
        mailbox = scanner.canonical(written)
        values = dict(parse_parameters(scanner, rows, "CREATE parameter"))
        scanner.end()
        uses = cast("tuple[str, ...]", values.get("USE", ()))
        return Create(mailbox, uses, written.endswith(names.SEPARATOR))

    def write(arguments: Create, writer: CommandWriter) -> None:
        writer.raw(b" ")
        writer.mailbox(arguments.mailbox + names.SEPARATOR * arguments.trailing_separator)
        write_parameters((("USE", arguments.special_use),) if arguments.special_use else (), rows, writer)

    return Syntax(b"CREATE", "9051 §6.3.4", parse, write)


# --- commands with a name -----------------------------------------------------------------------------------
def parse_mailbox_name(scanner: Scanner) -> MailboxName:
    """``delete = "DELETE" SP mailbox``, and ``subscribe`` and ``unsubscribe`` alike (RFC 9051 §9)."""
    scanner.space()
    mailbox = scanner.mailbox()
    scanner.end()
    return MailboxName(mailbox)


def write_mailbox_name(arguments: MailboxName, writer: CommandWriter) -> None:
    """The counterpart of :func:`parse_mailbox_name`."""
    writer.raw(b" ")
    writer.mailbox(arguments.mailbox)


DELETE = Syntax(b"DELETE", "9051 §6.3.5", parse_mailbox_name, write_mailbox_name)
SUBSCRIBE = Syntax(b"SUBSCRIBE", "9051 §6.3.7", parse_mailbox_name, write_mailbox_name)
UNSUBSCRIBE = Syntax(b"UNSUBSCRIBE", "9051 §6.3.8", parse_mailbox_name, write_mailbox_name)


def parse_rename(scanner: Scanner) -> Rename:
    """``rename = "RENAME" SP mailbox SP mailbox [rename-params]`` (RFC 4466 §3); no parameter is known."""
    scanner.space()
    old = scanner.mailbox()
    scanner.space()
    new = scanner.mailbox()
    parse_parameters(scanner, _NO_PARAMETERS, "RENAME parameter")
    scanner.end()
    return Rename(old, new)


def write_rename(arguments: Rename, writer: CommandWriter) -> None:
    """The counterpart of :func:`parse_rename`."""
    writer.raw(b" ")
    writer.mailbox(arguments.old)
    writer.raw(b" ")
    writer.mailbox(arguments.new)


RENAME = Syntax(b"RENAME", "9051 §6.3.6", parse_rename, write_rename)
