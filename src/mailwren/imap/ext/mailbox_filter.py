"""``filter-mailboxes``: which mailboxes a command is about (RFC 5465 §6, RFC 7377 §2.2)."""

from dataclasses import dataclass
from typing import Final

from mailwren.imap.errors import BadCommand
from mailwren.imap.scanner import Scanner
from mailwren.imap.wire import CommandWriter

SELECTED: Final = frozenset({"SELECTED", "SELECTED-DELAYED"})
"""Filters of the selected mailbox (RFC 5465 §6.1); the second one is NOTIFY's alone."""
WITHOUT_NAMES: Final = frozenset({"INBOXES", "PERSONAL", "SUBSCRIBED"})
"""Filters that are their word alone (RFC 5465 §6.2 to §6.4)."""
WITH_NAMES: Final = frozenset({"SUBTREE", "SUBTREE-ONE", "MAILBOXES"})
"""Filters that mailbox names follow (RFC 5465 §6.5 and §6.6, RFC 7377 §2.2)."""
KINDS: Final = SELECTED | WITHOUT_NAMES | WITH_NAMES
"""All of them."""


@dataclass(frozen=True, slots=True)
class MailboxFilter:
    """One ``filter-mailboxes``."""

    kind: str
    """Upper case, one of :data:`KINDS`."""
    names: tuple[str, ...] = ()
    """Canonical; only with the kinds that take names."""


def parse_filter(scanner: Scanner, kinds: frozenset[str] = KINDS) -> MailboxFilter:
    """``filter-mailboxes-selected / filter-mailboxes-other``, of the kinds that the command knows."""
    kind = scanner.name("a mailbox filter")
    if kind not in kinds:
        raise BadCommand(f"unknown mailbox filter {kind[:40]}")
    if kind not in WITH_NAMES:
        return MailboxFilter(kind)
    scanner.space()
    # one-or-more-mailbox = mailbox / many-mailboxes (RFC 5465 §8)
    found = scanner.parenthesised(scanner.mailbox) if scanner.at(b"(") else [scanner.mailbox()]
    return MailboxFilter(kind, tuple(dict.fromkeys(found)))


def write_filter(each: MailboxFilter, writer: CommandWriter) -> None:
    """The counterpart of :func:`parse_filter`."""
    writer.raw(each.kind.encode("ascii"))
    for index, name in enumerate(each.names):
        writer.raw(b" " if index else b" (")
        writer.mailbox(name)
    if each.names:
        writer.raw(b")")
