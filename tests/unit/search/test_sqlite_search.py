"""The search engine on the real store answers as on the mailbox of the other tests."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from tests.support.searched_mailbox import SearchedMailbox

from mailwren.base import limits
from mailwren.base.ranges import RangeSet
from mailwren.search.evaluate import SearchEngine
from mailwren.search.query import (
    ALL,
    And,
    BodyContains,
    Fact,
    FlagTest,
    HeaderContains,
    Not,
    Or,
    PositionIn,
    Query,
    TextContains,
    UidIn,
    before,
    since,
)
from mailwren.store.api import Account
from mailwren.store.mailbox_state import MailboxState
from mailwren.store.operations import Append, Expunge
from mailwren.store.sqlite.store import SqliteMailStore

DAY = 24 * 3600
QUERIES: list[Query] = [
    ALL,
    FlagTest("\\SEEN"),
    Not(Or((FlagTest("$label"), FlagTest("\\Seen")))),
    UidIn(RangeSet([(2, 30)])),
    PositionIn(((1, 3), (39, 50))),
    since(Fact.SIZE, 200),
    And((since(Fact.INTERNAL_DAY, 3), before(Fact.INTERNAL_DAY, 20))),
    since(Fact.SENT_DAY, 10),
    HeaderContains("Subject", "ÜBER 1"),
    HeaderContains("From", "example.org"),
    BodyContains("rare word"),
    BodyContains("large"),
    TextContains("x-part"),
    And((FlagTest("\\Seen"), Or((BodyContains("word"), HeaderContains("subject", "7"))))),
]


def fill(mailbox: SearchedMailbox) -> None:
    """Forty small messages and a large one."""
    for number in range(40):
        date = f"Date: {number % 28 + 1} Jan 1970 22:00:00 -0500\r\n" if number % 3 else ""
        body = f"{'rare' if number % 9 == 4 else 'common'} word\r\n" * (number % 5 + 1)
        message = f"Subject: =?utf-8?Q?=C3=BCber?= {number}\r\nFrom: a@example.org\r\n{date}\r\n{body}"
        flags = (["\\Seen"] if number % 2 else []) + (["$Label"] if number % 7 == 0 else [])
        mailbox.add(message.encode(), flags, date=number * DAY // 2, zone=(number % 5 - 2) * 60)
    mailbox.add(
        b"Subject: large\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nX-Part: yes\r\n\r\nlarge\r\n--b\r\n"
        b"Content-Type: application/x-large\r\n\r\n" + b"x" * limits.SEARCH_WHOLE + b"\r\n--b--\r\n",
        ["\\Flagged"],
        date=50 * DAY,
    )


def appends(mailbox: SearchedMailbox, target: MailboxState) -> list[Append]:
    """What puts the same messages into a store."""
    result = []
    for content, octets in mailbox.messages.items():
        facts = mailbox.known_facts[content]
        zone = timezone(timedelta(minutes=facts.internal_zone))
        date = datetime.fromtimestamp(facts.internal_date, UTC).astimezone(zone)
        result.append(Append(target.mailbox.id, octets, mailbox.flags[content], date))
    return result


def with_store(folder: Path | None, use: Callable[[Account, MailboxState], Awaitable[None]]) -> None:
    """Open a fresh account's INBOX and close everything after use."""

    async def run() -> None:
        store = SqliteMailStore(folder)
        account = await store.account("a1")
        try:
            await use(account, await account.open_mailbox((await account.mailbox("INBOX")).id))
        finally:
            await store.release(account)
            await store.close()

    asyncio.run(run())


@pytest.mark.parametrize("in_memory", [True, False])
def test_the_real_store_is_searched_alike(tmp_path: Path, in_memory: bool) -> None:
    """Every kind of query finds the same messages, also in a view from before an expunge."""
    model = SearchedMailbox()
    fill(model)
    gone = [3, 4, 5, 20, 41]

    async def use(account: Account, state: MailboxState) -> None:
        engine = SearchEngine()
        await account.apply(appends(model, state))
        await account.open_mailbox(state.mailbox.id)
        view, length = state.uids, len(state.uids)
        for query in QUERIES:
            expected = await model.search(query, SearchEngine())
            assert expected
            assert await engine.search(account, state, query, view, length) == expected
        await account.apply([Expunge(state.mailbox.id, RangeSet.of(gone), only_deleted=False)])
        await account.open_mailbox(state.mailbox.id)
        for query in QUERIES:
            expected = [each for each in await model.search(query, SearchEngine()) if each + 1 not in gone]
            assert await engine.search(account, state, query, view, length) == expected

    with_store(None if in_memory else tmp_path, use)
