"""What SORT and THREAD compare: kept with every message, made later for mail that is older, and never lost."""

import struct

import apsw
import pytest

from mailwren.base import limits
from mailwren.base.ids import ContentId
from mailwren.store.check import check_account
from mailwren.store.errors import MessageDamaged
from mailwren.store.sqlite import sort_rows
from mailwren.store.sqlite.schema import MIGRATIONS
from mailwren.store.sqlite.sweeper import sort_earlier
from mailwren.store.sqlite.text_values import thread_key
from mailwren.store.values import ContentSorting
from tests.contract.harness import Mail, message

_HEADER = (
    b"From: =?utf-8?q?=C3=84nne?= <anne@x>\r\nTo: bob@x\r\nCc: Carl <carl@x>\r\nSubject: Re: [list] hello\r\n"
    b"Date: Mon, 7 Feb 1994 21:52:25 -0800\r\nMessage-ID: <1@x>\r\nReferences: <2@x> <3@x>\r\n"
)
_OCTETS = _HEADER + b"\r\nhello\r\n"


async def _sorting(mail: Mail) -> list[ContentSorting]:
    state = await mail.account.open_mailbox(await mail.id("INBOX"))
    return await mail.account.sorting([ContentId(each) for each in state.contents])


async def _make_old(mail: Mail) -> None:
    """As if the messages had come in before sort keys were kept."""
    await mail.account.run_in_writer(
        lambda connection: connection.execute("DELETE FROM content_sort; INSERT INTO unsorted SELECT id FROM content")
    )


async def test_keys_come_with_the_message(mail: Mail) -> None:
    """Everything that is compared, without a look into the message."""
    await mail.append(_OCTETS)
    assert await _sorting(mail) == [
        ContentSorting(
            len(_OCTETS),
            int(mail.clock.now),
            760686745,
            "hello",
            True,
            "carl",
            "anne",
            "Änne",
            "bob",
            "bob@x",
            thread_key("1@x"),
            struct.pack("<2q", thread_key("2@x"), thread_key("3@x")),
        )
    ]


async def test_without_a_date_it_is_the_arrival(mail: Mail) -> None:
    """RFC 5256 §2.2: the internal date stands for a sent date that cannot be determined."""
    await mail.append(b"Subject: x\r\n\r\n")
    await mail.append(b"Date: tomorrow\r\n\r\n")
    first, second = await _sorting(mail)
    assert first.sent == first.arrival == second.sent == second.arrival == int(mail.clock.now)
    assert (first.message_id, first.ancestors) == (None, b"")


async def test_mail_that_is_older_than_the_table(mail: Mail) -> None:
    """Its keys are the same before they are stored, while only some are, and after."""
    count = limits.ROWS_AT_ONCE + 10
    await mail.append(_OCTETS)
    await mail.append(_HEADER + b"X-Long: " + b"x" * 5000 + b"\r\n\r\n")
    await mail.fill(count - 2)
    expected = await _sorting(mail)
    await _make_old(mail)
    assert await _sorting(mail) == expected
    contents, rows = await mail.account.in_thread(sort_rows.pending)
    await mail.account.run_in_writer(lambda connection: sort_rows.store(connection, contents, rows))
    assert await _sorting(mail) == expected
    await sort_earlier(mail.account)
    assert mail.sql("SELECT count(*) FROM content_sort") == [(count,)]
    assert mail.sql("SELECT count(*) FROM unsorted") == [(0,)]
    assert await _sorting(mail) == expected


async def test_mail_that_goes_meanwhile_gets_no_keys(mail: Mail) -> None:
    """Keys of contents that were swept between reading and storing are not kept."""
    await mail.append(_OCTETS)
    await _make_old(mail)
    contents, rows = await mail.account.in_thread(sort_rows.pending)
    await mail.expunge("1")
    mail.clock.now += limits.RESTORABLE_SECONDS + 1
    await mail.store.sweep(mail.account_id)
    await mail.account.run_in_writer(lambda connection: sort_rows.store(connection, contents, rows))
    assert mail.sql("SELECT count(*) FROM content_sort") == [(0,)]
    assert mail.sql("SELECT count(*) FROM unsorted") == [(0,)]


async def test_keys_go_with_the_message(mail: Mail) -> None:
    """The sweeper leaves none behind; asking for them then is an error that names the reason."""
    await mail.append(_OCTETS)
    state = await mail.account.open_mailbox(await mail.id("INBOX"))
    content = state.content_of(0)
    await mail.expunge("1")
    mail.clock.now += limits.RESTORABLE_SECONDS + 1
    await mail.store.sweep(mail.account_id)
    assert mail.sql("SELECT count(*) FROM content_sort") == [(0,)]
    with pytest.raises(MessageDamaged, match="no longer stored"):
        await mail.account.sorting([content])


async def test_a_repair_makes_lost_keys_again(file_mail: Mail) -> None:
    """Keys that are neither there nor waited for are found missing, and made from the message."""
    await file_mail.append(_OCTETS)
    await file_mail.append(message(2))
    expected = await _sorting(file_mail)
    await file_mail.account.run_in_writer(lambda connection: connection.execute("DELETE FROM content_sort"))
    (first, second) = check_account(file_mail.account_folder)
    assert "what was computed of content 1" in first.what
    assert "what was computed of content 2" in second.what
    assert all(finding.repaired for finding in check_account(file_mail.account_folder, repair=True))
    assert check_account(file_mail.account_folder) == []
    assert await _sorting(file_mail) == expected


def test_the_migration_notes_all_earlier_mail() -> None:
    """A database without the table gets it, with every content to be worked off."""
    (number,) = [place for place, script in enumerate(MIGRATIONS) if "CREATE TABLE content_sort" in script]
    connection = apsw.Connection(":memory:")
    for script in MIGRATIONS[:number]:
        connection.execute(script)
    connection.execute(
        "INSERT INTO content VALUES(7, 1, 1, 1, 0, NULL, NULL, 7, 'M'), (9, 1, 1, 1, 0, NULL, NULL, 7, 'M')"
    )
    connection.execute(MIGRATIONS[number])
    assert connection.execute("SELECT content FROM unsorted").fetchall() == [(7,), (9,)]
    assert sort_rows.pending(connection) == ([7, 9], [])
    sort_rows.store(connection, [7, 9], [])
    assert sort_rows.pending(connection) == ([], [])
