"""Accounts that an older version of the program made."""

from pathlib import Path

import apsw
import pytest

from mailwren.store.check import check_account
from mailwren.store.operations import FlagMode
from mailwren.store.sqlite.database import open_writer
from mailwren.store.sqlite.schema import APPLICATION_ID, MIGRATIONS
from mailwren.store.values import PRIVATE_FLAGS
from tests.contract.harness import NOW, Mail, message

_FIRST_ACCOUNT = """
    INSERT INTO meta VALUES(1, 7, 1000, 0, 0, '', 0, 0, NULL, 50, 0);
    INSERT INTO mailbox VALUES(NULL, 'INBOX', 'F1', 999, 1, 6, 1, '', 0, 0, 0, 0, 0);
    INSERT INTO mailbox VALUES(NULL, 'Sent', 'F2', 1000, 1, 7, 1, '\\Sent', 0, 0, 0, 0, 0);
"""
"""As the first version made them."""


@pytest.fixture
def old_mail(tmp_path: Path) -> Mail:
    """An account of the first version."""
    mail = Mail(tmp_path)
    mail.account_folder.mkdir(parents=True)
    connection: apsw.Connection = open_writer(mail.account_folder / "mail.sqlite3")
    connection.execute(MIGRATIONS[0])
    connection.execute(_FIRST_ACCOUNT)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 1")
    connection.close()
    return mail


async def test_an_account_of_the_first_version(old_mail: Mail) -> None:
    """It is brought up to date when it is opened, keeps what it had, and obeys every rule."""
    assert await old_mail.names() == ["INBOX", "Sent"]
    sent = await old_mail.box("Sent")
    assert (sent.special_use, sent.uid_validity, sent.private_flags) == (("\\Sent",), 1000, PRIVATE_FLAGS)
    usage = await old_mail.account.usage()
    assert (usage.mailboxes, usage.messages_limit, usage.annotation_octets) == (2, 50, 0)
    await old_mail.append(message(1))
    await old_mail.member("ann").flag("1", FlagMode.ADD, "\\Seen")
    assert (await old_mail.create("New")).uid_validity >= NOW
    assert check_account(old_mail.account_folder) == []
