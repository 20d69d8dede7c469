"""The header fields that lists of messages show: kept with every message, made later for mail that is older."""

import pytest

from mailwren.base import limits
from mailwren.base.ids import ContentId
from mailwren.store.check import check_account
from mailwren.store.errors import MessageDamaged
from mailwren.store.sqlite.sweeper import sort_earlier
from tests.contract.harness import Mail

_LARGEST = 2000
_PLAIN = b"X-Before: 1\r\nFrom: a@b\r\nSubject: one\r\n two\r\n\r\n"
_LIST = b"List-Post: <mailto:l@x>\r\nFrom: a@b\r\nTo: c@d\r\n\r\n"
_MANY = b"From: a@b\r\nTo: " + b"c@d, " * 1000 + b"e@f\r\n\r\n"


async def _fields(mail: Mail, *names: bytes, largest: int = _LARGEST) -> list[bytes | None]:
    state = await mail.account.open_mailbox(await mail.id("INBOX"))
    return await mail.account.header_fields([ContentId(each) for each in state.contents], names, largest)


async def _check(mail: Mail) -> None:
    """Whatever is kept ready or not: the answers are those of the headers."""
    assert await _fields(mail, b"from", b"SUBJECT", b"to") == [
        b"From: a@b\r\nSubject: one\r\n two\r\n\r\n",
        b"From: a@b\r\nTo: c@d\r\n\r\n",
        None,
    ]
    assert await _fields(mail, b"from", largest=10_000) == [b"From: a@b\r\n\r\n"] * 3
    assert await _fields(mail, b"to", b"list-post") == [
        b"\r\n",
        b"List-Post: <mailto:l@x>\r\nTo: c@d\r\n\r\n",
        None,
    ]
    assert await _fields(mail, b"x-before", b"to") == [b"X-Before: 1\r\n\r\n", b"To: c@d\r\n\r\n", None]


async def test_fields_come_with_the_message_or_later(mail: Mail) -> None:
    """The same with the rows of new mail, without rows, and with rows that the sweeper made."""
    for header in (_PLAIN, _LIST, _MANY):
        await mail.append(header + b"hello\r\n")
    assert mail.sql("SELECT fields IS NULL FROM content_fields ORDER BY id") == [(0,), (0,), (1,)]
    await _check(mail)
    kept = mail.sql("SELECT * FROM content_fields")
    await mail.account.run_in_writer(
        lambda connection: connection.execute("DELETE FROM content_fields; INSERT INTO unsorted SELECT id FROM content")
    )
    await _check(mail)
    await sort_earlier(mail.account)
    assert mail.sql("SELECT * FROM content_fields") == kept
    await _check(mail)


async def test_fields_go_with_the_message(mail: Mail) -> None:
    """The sweeper leaves none behind; asking for them then is an error that names the reason."""
    await mail.append(_PLAIN)
    content = (await mail.account.open_mailbox(await mail.id("INBOX"))).content_of(0)
    await mail.expunge("1")
    mail.clock.now += limits.RESTORABLE_SECONDS + 1
    await mail.store.sweep(mail.account_id)
    assert mail.sql("SELECT count(*) FROM content_fields") == [(0,)]
    with pytest.raises(MessageDamaged, match="no longer stored"):
        await mail.account.header_fields([content], [b"From"], _LARGEST)


async def test_a_repair_makes_lost_fields_again(file_mail: Mail) -> None:
    """Fields that are neither there nor waited for are found missing, and made from the message."""
    await file_mail.append(_PLAIN)
    kept = file_mail.sql("SELECT * FROM content_fields")
    await file_mail.account.run_in_writer(lambda connection: connection.execute("DELETE FROM content_fields"))
    (finding,) = check_account(file_mail.account_folder)
    assert "what was computed of content 1" in finding.what
    assert all(finding.repaired for finding in check_account(file_mail.account_folder, repair=True))
    assert check_account(file_mail.account_folder) == []
    assert file_mail.sql("SELECT * FROM content_fields") == kept
