"""Facts kept as arrays."""

import pytest
from tests.support.searched_mailbox import SearchedMailbox

from mailwren.search.facts import FactCache
from mailwren.search.query import Fact, FactBetween
from mailwren.store.values import ContentFacts


def test_memory_is_bounded() -> None:
    """The mailboxes searched least lately are let go, the one in hand never."""
    cache = FactCache(rows=5)
    mailboxes = [SearchedMailbox() for _ in range(3)]
    for mailbox in mailboxes:
        mailbox.add(b"\r\n")
        mailbox.add(b"\r\n")
    first, second, third = (cache.columns(mailbox.state) for mailbox in mailboxes)
    assert cache.columns(mailboxes[2].state) is third
    assert cache.columns(mailboxes[1].state) is second
    assert cache.columns(mailboxes[0].state) is not first
    mailboxes[0].state.extend([(uid, uid, 0, uid) for uid in range(10, 20)])
    large = cache.columns(mailboxes[0].state)
    assert len(large) == 12
    assert cache.columns(mailboxes[0].state) is large


def test_a_mailbox_that_is_gone_is_forgotten() -> None:
    """What was kept for a mailbox's state goes with it."""
    cache = FactCache()
    mailbox = SearchedMailbox()
    cache.columns(mailbox.state)
    assert len(cache._columns) == 1
    del mailbox
    assert len(cache._columns) == 0


def test_a_search_under_way_keeps_its_columns() -> None:
    """An expunge makes new columns; the old ones still stand for the old rows."""
    cache = FactCache()
    mailbox = SearchedMailbox()
    for _ in range(4):
        mailbox.add(b"\r\n")
    before = cache.columns(mailbox.state)
    before.fill(range(4), [ContentFacts(size, 0, 0, None, None, "", "") for size in (10, 20, 30, 40)])
    mailbox.expunge(1, 3)
    after = cache.columns(mailbox.state)
    large = FactBetween(Fact.SIZE, 20, None)
    assert before.between(range(4), large) == [1, 2, 3]
    assert after.between(range(2), large) == [0, 1]
    assert after.unread(range(2)) == []


@pytest.mark.parametrize("rows", [range(1, 4), [0, 2, 3]])
def test_unread_rows_are_known(rows: range | list[int]) -> None:
    """Rows that came in since, and those never asked for, are still to be read."""
    mailbox = SearchedMailbox()
    for _ in range(4):
        mailbox.add(b"\r\n")
    columns = FactCache().columns(mailbox.state)
    columns.fill([2], [ContentFacts(1, 0, 0, 0, 0, "", "")])
    assert columns.unread(rows) == [row for row in rows if row != 2]
    columns.grow(6)
    assert columns.unread([2, 4, 5]) == [4, 5]
