"""NOTIFY on the wire: what is taken, what must go together, and what is refused (RFC 5465 §5, §6, §8)."""

import pytest
from tests.support.frames import scanner

from mailwren.imap import commands
from mailwren.imap.core.arguments import FetchItem
from mailwren.imap.errors import BadCommand
from mailwren.imap.ext.mailbox_filter import MailboxFilter
from mailwren.imap.ext.notify import EventGroup, Notify, bad_event_code

BOTH = ("MessageNew", "MessageExpunge")


def parse(text: bytes) -> Notify:
    """The arguments of NOTIFY."""
    cursor = scanner(b"t NOTIFY " + text)
    cursor.tag()
    cursor.name()
    return commands.NOTIFY.parse(cursor)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (b"NONE", Notify()),
        (b"set (selected NONE)", Notify((EventGroup(MailboxFilter("SELECTED"), ()),))),
        (
            b"SET STATUS (Personal (messagenew messageexpunge))",
            Notify((EventGroup(MailboxFilter("PERSONAL"), BOTH),), status=True),
        ),
        (
            b"SET (SUBTREE (Lists inbox Lists) (MessageNew MessageExpunge)) (mailboxes INBOX (SubscriptionChange))",
            Notify(
                (
                    EventGroup(MailboxFilter("SUBTREE", ("Lists", "INBOX")), BOTH),
                    EventGroup(MailboxFilter("MAILBOXES", ("INBOX",)), ("SubscriptionChange",)),
                )
            ),
        ),
        (
            b"SET (selected-delayed (MessageNew (UID FLAGS UID) MessageExpunge))",
            Notify(
                (EventGroup(MailboxFilter("SELECTED-DELAYED"), BOTH, (FetchItem("UID"), FetchItem("FLAGS"))),),
            ),
        ),
        (
            b"set status (selected MessageNew (uid) MessageExpunge) (subtree-one Lists MessageNew MessageExpunge)",
            Notify(
                (
                    EventGroup(MailboxFilter("SELECTED"), BOTH, (FetchItem("UID"),)),
                    EventGroup(MailboxFilter("SUBTREE-ONE", ("Lists",)), BOTH),
                ),
                status=True,
            ),
        ),
        (b"SET (subscribed (X-Vendor))", Notify((EventGroup(MailboxFilter("SUBSCRIBED"), ("X-VENDOR",)),))),
        (
            b'SET (mailboxes "" (MailboxMetadataChange ServerMetadataChange))',
            Notify((EventGroup(MailboxFilter("MAILBOXES", ("",)), ("MailboxMetadataChange", "ServerMetadataChange")),)),
        ),
    ],
)
def test_what_is_taken(text: bytes, wanted: Notify) -> None:
    """Words in any case, each name and event once, with or without parentheses around the events."""
    assert parse(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"SET",
        b"SET STATUS",
        b"SET NONE",
        b"ALL",
        b"NONE (selected NONE)",
        b"SET STATUS STATUS (selected NONE)",
        b"SET (selected)",
        b"SET (selected ())",
        b"SET (everything (MailboxName))",
        b"SET (mailboxes (MailboxName))",
        b"SET (mailboxes () (MailboxName))",
        b"SET (personal INBOX (MailboxName))",
        b"SET (personal (MailboxName)",
        b"SET (personal (MailboxName))(inboxes (MailboxName))",
        b"SET (personal (MailboxName) x)",
        b"SET (personal (MessageNew))",
        b"SET (personal (MessageExpunge))",
        b"SET (personal (FlagChange))",
        b"SET (personal (MessageNew FlagChange))",
        b"SET (personal (MessageExpunge AnnotationChange))",
        b"SET (personal (MessageNew (UID) MessageExpunge))",
        b"SET (selected (MailboxName))",
        b"SET (selected-delayed (MessageNew MessageExpunge SubscriptionChange))",
        b"SET (selected (ServerMetadataChange))",
        b"SET (selected NONE) (selected NONE)",
        b"SET (selected NONE) (selected-delayed (MessageNew MessageExpunge))",
        b"SET (selected (MessageNew () MessageExpunge))",
        b"SET (selected (MessageNew (NONSENSE) MessageExpunge))",
        b"SET (selected (MessageNew (ALL) MessageExpunge))",
        b"SET (selected (MessageNew MessageExpunge (UID)))",
        b"SET (selected (MessageNew ("
        + b" ".join(b"BODY.PEEK[%d]" % n for n in range(1, 2000))
        + b") MessageExpunge))",
    ],
)
def test_what_is_refused(text: bytes) -> None:
    """Broken syntax, events that lack their companions, and events where they cannot be."""
    with pytest.raises(BadCommand):
        parse(text)


def test_responses() -> None:
    """The codes as RFC 5465 §8 has them."""
    assert bad_event_code().startswith(b"BADEVENT (MessageNew MessageExpunge FlagChange AnnotationChange MailboxName ")
