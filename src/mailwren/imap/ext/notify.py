"""NOTIFY: which events in which mailboxes a client wants to be told of (RFC 5465 §8)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from mailwren.imap.core.arguments import FetchItem
from mailwren.imap.core.fetch import parse_item_list, write_item_list
from mailwren.imap.errors import BadCommand
from mailwren.imap.ext.mailbox_filter import SELECTED, MailboxFilter, parse_filter, write_filter
from mailwren.imap.scanner import Scanner
from mailwren.imap.syntax import Row, Syntax, table_of
from mailwren.imap.wire import CommandWriter

MESSAGE_NEW: Final = "MessageNew"
MESSAGE_EXPUNGE: Final = "MessageExpunge"
FLAG_CHANGE: Final = "FlagChange"
ANNOTATION_CHANGE: Final = "AnnotationChange"
MAILBOX_NAME: Final = "MailboxName"
SUBSCRIPTION_CHANGE: Final = "SubscriptionChange"
MAILBOX_METADATA_CHANGE: Final = "MailboxMetadataChange"
SERVER_METADATA_CHANGE: Final = "ServerMetadataChange"

MESSAGE_EVENTS: Final = (MESSAGE_NEW, MESSAGE_EXPUNGE, FLAG_CHANGE, ANNOTATION_CHANGE)
"""``message-event`` (RFC 5465 §5.1 to §5.3)."""
MAILBOX_EVENTS: Final = (MAILBOX_NAME, SUBSCRIPTION_CHANGE, MAILBOX_METADATA_CHANGE)
"""``mailbox-event`` (RFC 5465 §5.4 to §5.6)."""
EVENTS: Final = (*MESSAGE_EVENTS, *MAILBOX_EVENTS, SERVER_METADATA_CHANGE)
"""``event-name``: all that RFC 5465 defines, in the spelling of the RFC."""
_SPELLING: Final = {event.upper(): event for event in EVENTS}


@dataclass(frozen=True, slots=True)
class EventGroup:
    """``event-group``: some mailboxes, and what is to be told of them."""

    mailboxes: MailboxFilter
    events: tuple[str, ...]
    """In the spelling of :data:`EVENTS`, others in upper case; empty for ``NONE``."""
    attributes: tuple[FetchItem, ...] = ()
    """What to send of new messages in the selected mailbox."""


@dataclass(frozen=True, slots=True)
class Notify:
    """NOTIFY SET; without groups NOTIFY NONE (RFC 5465 §3.1)."""

    groups: tuple[EventGroup, ...] = ()
    status: bool = False
    """The client wants a STATUS response for each mailbox first."""


def notify_syntax(items: Iterable[Row[FetchItem]]) -> Syntax[Notify]:
    """NOTIFY with the FETCH items given.

    ``notify = "NOTIFY" SP ("SET" [SP "STATUS"] SP event-groups / "NONE")`` (RFC 5465 §8).
    """
    rows = table_of(items)

    def parse(scanner: Scanner) -> Notify:
        scanner.space()
        word = scanner.name("SET or NONE")
        if word == "NONE":
            scanner.end()
            return Notify()
        if word != "SET":
            raise BadCommand("expected SET or NONE")
        scanner.space()
        status = not scanner.at(b"(")
        if status:
            if scanner.name("STATUS") != "STATUS":
                raise BadCommand("expected STATUS or a group of events")
            scanner.space()
        groups = _parse_groups(scanner, rows)
        _check_groups(groups)
        return Notify(groups, status)

    def write(arguments: Notify, writer: CommandWriter) -> None:
        if not arguments.groups:
            writer.raw(b" NONE")
            return
        writer.raw(b" SET" + b" STATUS" * arguments.status)
        for group in arguments.groups:
            writer.raw(b" (")
            write_filter(group.mailboxes, writer)
            writer.raw(b" ")
            _write_events(group, rows, writer)
            writer.raw(b")")

    return Syntax(b"NOTIFY", "5465 §8", parse, write)


def _parse_groups(scanner: Scanner, rows: Mapping[str, Row[FetchItem]]) -> tuple[EventGroup, ...]:
    groups = [_parse_group(scanner, rows)]
    while not scanner.at_end():
        scanner.space()
        groups.append(_parse_group(scanner, rows))
    return tuple(groups)


def _parse_group(scanner: Scanner, rows: Mapping[str, Row[FetchItem]]) -> EventGroup:
    """``"(" filter-mailboxes SP events ")"``.

    The events may stand without parentheses of their own, as they do in the examples of RFC 5465 §3.1.
    """
    scanner.open()
    mailboxes = parse_filter(scanner)
    scanner.space()
    events: list[str] = []
    attributes: list[FetchItem] = []

    def event() -> None:
        name = scanner.name("an event")
        events.append(_SPELLING.get(name, name))
        if name == "MESSAGENEW" and scanner.at_list():
            scanner.space()
            attributes.extend(parse_item_list(scanner, rows))

    if scanner.at(b"("):
        scanner.parenthesised(event)
    else:
        event()
        while events != ["NONE"] and not scanner.at(b")"):
            scanner.space()
            event()
    scanner.close()
    if events == ["NONE"]:
        events.clear()
    return EventGroup(mailboxes, tuple(dict.fromkeys(events)), tuple(dict.fromkeys(attributes)))


def _write_events(group: EventGroup, rows: Mapping[str, Row[FetchItem]], writer: CommandWriter) -> None:
    if not group.events:
        writer.raw(b"NONE")
        return
    for index, event in enumerate(group.events):
        writer.raw(b" " if index else b"(")
        writer.raw(event.encode("ascii"))
        if event == MESSAGE_NEW and group.attributes:
            writer.raw(b" ")
            write_item_list(group.attributes, rows, writer)
    writer.raw(b")")


def _check_groups(groups: tuple[EventGroup, ...]) -> None:
    """What must go together and what must not. Raises BadCommand (RFC 5465 §5, §6.1, §8)."""
    if sum(group.mailboxes.kind in SELECTED for group in groups) > 1:
        raise BadCommand("only one group can be for the selected mailbox")
    for group in groups:
        wanted = frozenset(group.events)
        messages = wanted.intersection(MESSAGE_EVENTS)
        if messages and not {MESSAGE_NEW, MESSAGE_EXPUNGE} <= messages:
            raise BadCommand("MessageNew and MessageExpunge go together, and FlagChange and AnnotationChange need both")
        if group.mailboxes.kind not in SELECTED:
            if group.attributes:
                raise BadCommand("only new messages of the selected mailbox can be told with FETCH items")
        elif not wanted.isdisjoint((*MAILBOX_EVENTS, SERVER_METADATA_CHANGE)):
            raise BadCommand("only events of messages can be told of the selected mailbox")


# --- responses ----------------------------------------------------------------------------------------------
def bad_event_code(events: Iterable[str] = EVENTS) -> bytes:
    """``BADEVENT (…)``: the events there are, for a client that asked for another one (RFC 5465 §3.1)."""
    return "BADEVENT ({})".format(" ".join(events)).encode("ascii")


NOTIFICATION_OVERFLOW: Final = b"NOTIFICATIONOVERFLOW"
"""The code of too many notifications (RFC 5465 §5.8)."""
