"""What sorting and threading remember, and what happens while they read."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tests.support.searched_mailbox import SearchedMailbox

from mailwren.base import limits
from mailwren.search.collation import ASCII_CASEMAP, OCTET, UNICODE_CASEMAP
from mailwren.search.evaluate import SearchEngine
from mailwren.search.query import ALL
from mailwren.search.sort_columns import SortField
from mailwren.search.sort_order import Criterion, Order
from mailwren.search.sorting import Algorithm, Sorter

BY_SUBJECT = Order((Criterion(SortField.SUBJECT),), UNICODE_CASEMAP)
BY_DATE = Order((Criterion(SortField.ARRIVAL, reverse=True),), UNICODE_CASEMAP)


def mailbox_of(*subjects: str) -> SearchedMailbox:
    """Messages that came in one after the other."""
    mailbox = SearchedMailbox()
    for number, subject in enumerate(subjects):
        mailbox.add(f"Subject: {subject}\r\n\r\n".encode(), date=number)
    return mailbox


def sorter_with(others: Callable[[], Awaitable[None]]) -> Sorter:
    """A sorter that lets others run at every opportunity."""
    return Sorter(SearchEngine(), slice_seconds=0, others=others)


def test_keys_are_read_once() -> None:
    """Whatever is asked about the same messages; of new ones only theirs."""
    mailbox, sorter = mailbox_of("b", "c", "a"), Sorter(SearchEngine())
    assert mailbox.sort(BY_SUBJECT, sorter) == [2, 0, 1]
    assert mailbox.sort(BY_DATE, sorter) == [2, 1, 0]
    assert mailbox.thread(Algorithm.REFS, sorter) == "(1)(2)(3)"
    assert mailbox.asked["sorting messages"] == 3
    mailbox.add(b"Subject: aa\r\n\r\n", date=9)
    assert mailbox.sort(BY_SUBJECT, sorter) == [2, 3, 0, 1]
    mailbox.expunge(1)
    assert mailbox.sort(BY_SUBJECT, sorter) == [1, 2, 0]
    assert mailbox.asked["sorting messages"] == 4


def test_many_orders_of_one_mailbox() -> None:
    """More orders than are kept are all right, the first one again as well."""
    mailbox, sorter = mailbox_of("b", "C", "a", "B"), Sorter(SearchEngine())
    for _ in range(2):
        for field in SortField:
            found = mailbox.sort(Order((Criterion(field), Criterion(SortField.UID)), OCTET), sorter)
            assert sorted(found) == [0, 1, 2, 3]
        assert mailbox.sort(Order((Criterion(SortField.SUBJECT),), OCTET), sorter) == [3, 1, 2, 0]
        assert mailbox.sort(Order((Criterion(SortField.SUBJECT),), ASCII_CASEMAP), sorter) == [2, 0, 3, 1]


def test_a_message_that_cannot_be_read() -> None:
    """It is sorted as if it said nothing; the others are not held up."""
    mailbox = mailbox_of("b", "c", "a")
    mailbox.damaged.add(1001)
    assert mailbox.sort(BY_SUBJECT) == [1, 2, 0]
    assert mailbox.thread(Algorithm.ORDERED_SUBJECT) == "(1)(2)(3)"


def test_others_have_their_turns() -> None:
    """No stretch of work grows with the mailbox."""
    count = 20_000
    mailbox = mailbox_of(*(f"{number * 7919 % 997}" for number in range(count)))
    turns = 0

    async def others() -> None:
        nonlocal turns
        turns += 1

    sorter = sorter_with(others)
    mailbox.sort(BY_SUBJECT, sorter)
    assert turns > count / limits.FACTS_READ_AT_ONCE
    for algorithm in Algorithm:
        turns = 0
        mailbox.thread(algorithm, sorter)
        assert turns > count / 1000


@pytest.mark.parametrize("goes", [1, 3, 5])
def test_sessions_at_the_same_time(goes: int) -> None:
    """Several sessions that read the same mailbox, from which messages go and to which they come meanwhile."""
    mailbox = mailbox_of(*"edcba")

    async def one(sorter: Sorter) -> list[int]:
        view = mailbox.state.uids
        found = await sorter.sort(mailbox.scope(view), ALL, BY_SUBJECT)
        return [view[position] for position in found]

    async def change() -> None:
        await asyncio.sleep(0)
        mailbox.expunge(goes)
        await asyncio.sleep(0)
        mailbox.add(b"Subject: aa\r\n\r\n", step=10)

    async def run() -> list[list[int]]:
        sorter = sorter_with(lambda: asyncio.sleep(0))
        results = await asyncio.gather(one(sorter), one(sorter), change(), one(sorter))
        return [*filter(None, results), await one(sorter)]

    *meanwhile, after = asyncio.run(run())
    left = [uid for uid in (5, 4, 3, 2, 1) if uid != goes]
    last = mailbox.state.uids[-1]
    assert after == ([last, *left] if goes == 5 else [left[0], last, *left[1:]])
    for found in meanwhile:
        assert [uid for uid in found if uid != goes] == left
