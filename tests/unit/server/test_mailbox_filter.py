"""Which mailboxes the filters of RFC 5465 §6 and RFC 7377 §2.2 name."""

import pytest

from mailwren.imap.ext.mailbox_filter import MailboxFilter
from mailwren.server.ext.mailbox_filter import Filter

NAMES = ("INBOX", "Lists", "Lists/Im", "Lists/Im/Old", "Listserv", "Shared/team")


@pytest.mark.parametrize(
    ("each", "wanted"),
    [
        (MailboxFilter("PERSONAL"), NAMES[:5]),
        (MailboxFilter("INBOXES"), NAMES[:5]),
        (MailboxFilter("SUBSCRIBED"), ("Lists", "Shared/team")),
        (MailboxFilter("MAILBOXES", ("Lists", "*", "lists")), ("Lists",)),
        (MailboxFilter("SUBTREE", ("Lists",)), ("Lists", "Lists/Im", "Lists/Im/Old")),
        (MailboxFilter("SUBTREE", ("",)), NAMES),
        (MailboxFilter("SUBTREE-ONE", ("Lists", "INBOX")), ("INBOX", "Lists", "Lists/Im")),
        (MailboxFilter("SUBTREE-ONE", ("",)), ("INBOX", "Lists", "Listserv")),
        (MailboxFilter("SELECTED"), ()),
    ],
)
def test_what_a_filter_names(each: MailboxFilter, wanted: tuple[str, ...]) -> None:
    """Each filter names its mailboxes and no others; the wildcards of LIST mean nothing."""
    subscribed = {"Lists", "Shared/team", "Gone"}
    found = tuple(
        name for name in NAMES if Filter(each).has(name, personal=not name.startswith("Shared"), subscribed=subscribed)
    )
    assert found == wanted
