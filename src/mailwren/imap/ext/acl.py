"""SETACL, DELETEACL, GETACL, LISTRIGHTS and MYRIGHTS, their responses (RFC 4314), and MYRIGHTS in LIST (RFC 8440)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mailwren.imap import wire
from mailwren.imap.core.mailboxes import parse_mailbox_name, write_mailbox_name
from mailwren.imap.rights import parse_rights, stored_rights, write_rights
from mailwren.imap.scanner import Scanner
from mailwren.imap.syntax import Syntax, no_value
from mailwren.imap.wire import CommandWriter

LIST_MYRIGHTS: Final = no_value("MYRIGHTS", "8440 §5")
"""The return option of LIST."""

_WITHOUT_VIRTUAL: Final = str.maketrans("", "", "cd")


@dataclass(frozen=True, slots=True)
class SetAcl:
    """SETACL (RFC 4314 §3.1)."""

    mailbox: str
    identifier: str
    sign: str
    """``+`` adds rights, ``-`` takes rights away, empty replaces them."""
    rights: frozenset[str]


@dataclass(frozen=True, slots=True)
class MailboxAndIdentifier:
    """DELETEACL and LISTRIGHTS (RFC 4314 §3.2, §3.4)."""

    mailbox: str
    identifier: str


# --- commands -----------------------------------------------------------------------------------------------
def parse_set_acl(scanner: Scanner) -> SetAcl:
    """``setacl = "SETACL" SP mailbox SP identifier SP mod-rights``.

    Raises:
        BadCommand: also for a right that there is not.
    """
    place = _parse_place(scanner)
    scanner.space()
    text = scanner.text("rights")
    scanner.end()
    sign = text[:1] if text[:1] in {"+", "-"} else ""
    return SetAcl(place.mailbox, place.identifier, sign, parse_rights(text[len(sign) :]))


def write_set_acl(arguments: SetAcl, writer: CommandWriter) -> None:
    """The counterpart of :func:`parse_set_acl`."""
    _write_place(MailboxAndIdentifier(arguments.mailbox, arguments.identifier), writer)
    writer.raw(b" ")
    writer.astring((arguments.sign + stored_rights(arguments.rights)).encode("ascii"))


def parse_mailbox_and_identifier(scanner: Scanner) -> MailboxAndIdentifier:
    """``deleteacl = "DELETEACL" SP mailbox SP identifier``, and ``listrights`` alike."""
    place = _parse_place(scanner)
    scanner.end()
    return place


def _parse_place(scanner: Scanner) -> MailboxAndIdentifier:
    scanner.space()
    mailbox = scanner.mailbox()
    scanner.space()
    return MailboxAndIdentifier(mailbox, scanner.text("an identifier"))


def _write_place(arguments: MailboxAndIdentifier, writer: CommandWriter) -> None:
    writer.raw(b" ")
    writer.mailbox(arguments.mailbox)
    writer.raw(b" ")
    writer.astring(arguments.identifier.encode("utf-8"))


SETACL: Final = Syntax(b"SETACL", "4314 §3.1", parse_set_acl, write_set_acl)
DELETEACL: Final = Syntax(b"DELETEACL", "4314 §3.2", parse_mailbox_and_identifier, _write_place)
GETACL: Final = Syntax(b"GETACL", "4314 §3.3", parse_mailbox_name, write_mailbox_name)
LISTRIGHTS: Final = Syntax(b"LISTRIGHTS", "4314 §3.4", parse_mailbox_and_identifier, _write_place)
MYRIGHTS: Final = Syntax(b"MYRIGHTS", "4314 §3.5", parse_mailbox_name, write_mailbox_name)


# --- responses ----------------------------------------------------------------------------------------------
def write_acl(name: str, entries: Iterable[tuple[str, Iterable[str]]], utf8: bool) -> bytes:
    """``acl-data = "ACL" SP mailbox *(SP identifier SP rights)``."""
    pieces = [b"* ACL " + wire.mailbox(name, utf8)]
    for identifier, rights in entries:
        pieces += [_identifier(identifier, utf8), _rights(rights)]
    return b" ".join(pieces) + b"\r\n"


def parse_acl(scanner: Scanner) -> tuple[str, dict[str, frozenset[str]]]:
    """What follows ``* ACL``: the mailbox and its entries."""
    scanner.space()
    name = scanner.mailbox()
    entries: dict[str, frozenset[str]] = {}
    while not scanner.at_end():
        scanner.space()
        identifier = scanner.text("an identifier")
        scanner.space()
        entries[identifier] = _told_rights(scanner)
    return name, entries


def write_list_rights(
    name: str, identifier: str, required: Iterable[str], optional: Iterable[str], utf8: bool
) -> bytes:
    """``listrights-data = "LISTRIGHTS" SP mailbox SP identifier SP rights *(SP rights)``.

    No rights are tied together, so each optional one stands alone, and so do the virtual ones (RFC 4314 §2.1.1).
    """
    singles = write_rights(frozenset(optional))
    always = stored_rights(frozenset(required))
    pieces = [b"* LISTRIGHTS", wire.mailbox(name, utf8), _identifier(identifier, utf8), _text(always)]
    return b" ".join([*pieces, *(letter.encode("ascii") for letter in singles)]) + b"\r\n"


def parse_list_rights(scanner: Scanner) -> tuple[str, str, frozenset[str], Sequence[str]]:
    """What follows ``* LISTRIGHTS``: mailbox, identifier, what is always granted, and sets of what can be."""
    scanner.space()
    name = scanner.mailbox()
    scanner.space()
    identifier = scanner.text("an identifier")
    scanner.space()
    required = _told_rights(scanner)
    optional: list[str] = []
    while not scanner.at_end():
        scanner.space()
        optional.append(scanner.text("rights"))
    return name, identifier, required, optional


def write_my_rights(name: str, rights: Iterable[str], utf8: bool) -> bytes:
    """``myrights-data = "MYRIGHTS" SP mailbox SP rights``."""
    return b"* MYRIGHTS %b %b\r\n" % (wire.mailbox(name, utf8), _rights(rights))


def parse_my_rights(scanner: Scanner) -> tuple[str, frozenset[str]]:
    """What follows ``* MYRIGHTS``: the mailbox and the user's rights in it."""
    scanner.space()
    name = scanner.mailbox()
    scanner.space()
    rights = _told_rights(scanner)
    scanner.end()
    return name, rights


def _told_rights(scanner: Scanner) -> frozenset[str]:
    """ "Clients conforming to this document MUST ignore the virtual "d" and "c" rights" (RFC 4314 §2.1.1)."""
    return parse_rights(scanner.text("rights").translate(_WITHOUT_VIRTUAL))


def _identifier(identifier: str, utf8: bool) -> bytes:
    return wire.astring(identifier.encode("utf-8"), utf8)


def _rights(rights: Iterable[str]) -> bytes:
    return _text(write_rights(frozenset(rights)))


def _text(letters: str) -> bytes:
    return letters.encode("ascii") or b'""'
