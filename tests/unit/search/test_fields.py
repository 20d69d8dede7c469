"""Fields kept for the next search."""

from tests.support.searched_mailbox import SearchedMailbox

from mailwren.base import limits
from mailwren.search.evaluate import SearchEngine
from mailwren.search.fields import FieldCache
from mailwren.search.query import And, FlagTest, HeaderContains, Or


def test_a_field_is_read_once() -> None:
    """The second search of a field reads only the headers of messages that it did not see before."""
    mailbox = SearchedMailbox()
    mailbox.add(b"Subject: first\r\nsubject: third\r\n\r\n", ["\\Seen"])
    mailbox.add(b"Subject: =?utf-8?Q?z=C3=B6lf?=\r\n\r\n")
    mailbox.add(b"From: x\r\n\r\n")
    engine = SearchEngine()
    assert mailbox.find(And((FlagTest("\\Seen"), HeaderContains("Subject", "IRS"))), engine) == [0]
    assert mailbox.asked["headers messages"] == 1
    assert mailbox.find(HeaderContains("SUBJECT", "zölf"), engine) == [1]
    assert mailbox.find(HeaderContains("subject", "i"), engine) == [0]
    assert mailbox.asked["headers messages"] == 3
    mailbox.expunge(1)
    mailbox.add(b"Subject: new\r\n\r\n")
    assert mailbox.find(HeaderContains("subject", "W"), engine) == [2]
    assert mailbox.asked["headers messages"] == 4


def test_values_of_one_message_do_not_run_together() -> None:
    """A needle matches within one field, never from one field into the next, nor by what stands between them."""
    mailbox = SearchedMailbox()
    mailbox.add(b"Subject: first\r\nSubject: second\r\n\r\n")
    engine = SearchEngine()
    for _ in range(2):
        assert mailbox.find(HeaderContains("subject", "first"), engine) == [0]
        assert mailbox.find(HeaderContains("subject", "firstsecond"), engine) == []
        assert mailbox.find(HeaderContains("subject", "t\0s"), engine) == []
        assert mailbox.find(HeaderContains("subject", ""), engine) == [0]
        assert mailbox.find(HeaderContains("from", ""), engine) == []


def test_long_values_are_not_kept() -> None:
    """Uncommonly long values are read again, and found."""
    mailbox = SearchedMailbox()
    mailbox.add(b"To: " + b"a@example.org, " * limits.FIELD_KEPT + b"last@example.org\r\n\r\n")
    engine = SearchEngine()
    for reads in (1, 2):
        assert mailbox.find(HeaderContains("to", "last"), engine) == [0]
        assert mailbox.asked["headers messages"] == reads


def test_memory_is_bounded() -> None:
    """The fields used least lately are let go, and one field takes no more than there is."""
    mailboxes = [SearchedMailbox() for _ in range(3)]
    cache = FieldCache(1000)
    for mailbox in mailboxes:
        cache.values(mailbox.state, "Subject").keep(1, "x" * 300)
    assert cache.values(mailboxes[2].state, "subject").known
    assert cache.values(mailboxes[1].state, "subject").known
    assert not cache.values(mailboxes[0].state, "subject").known
    large = cache.values(mailboxes[1].state, "subject")
    for content in range(2, 10):
        large.keep(content, "x" * 300)
    assert large.size < 1500


def test_long_values_are_read_once_for_all_keys_of_a_search() -> None:
    """Hundreds of keys about one uncommonly long field do not decode it hundreds of times."""
    mailbox = SearchedMailbox()
    mailbox.add(b"To: " + b"a@example.org, " * limits.SEARCH_HEADER + b"last@example.org\r\n\r\n")
    absent = [HeaderContains("to", f"absent{number}") for number in range(300)]
    assert mailbox.find(Or((*absent, HeaderContains("to", "last"))), SearchEngine()) == [0]
    assert mailbox.asked["headers messages"] == 1
