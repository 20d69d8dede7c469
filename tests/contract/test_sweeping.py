"""The sweeper removes what nothing refers to, and nothing else."""

import os
import time
from pathlib import Path

import pytest

from mailwren.base import limits
from mailwren.base.ranges import RangeSet
from mailwren.cli.access import open_store
from mailwren.config.settings import Config
from mailwren.store.operations import Append, Expunge, FlagMode, SetSubscription
from mailwren.store.sqlite import sweeping
from mailwren.store.sqlite.staging import stage
from mailwren.store.sqlite.sweeper import Swept, sweep
from tests.contract.harness import Mail, message, uids

LARGE = limits.BLOB_IN_DATABASE * 2


def _count(mail: Mail, table: str) -> int:
    return int(mail.sql(f"SELECT count(*) FROM {table}")[0][0])


async def test_nothing_is_removed_before_its_time(mail: Mail) -> None:
    """Expunged messages stay until the time has passed, then they and their octets go."""
    await mail.fill(3)
    await mail.append(message(9, LARGE))
    await mail.expunge("2,4")
    mail.clock.now += limits.RESTORABLE_SECONDS - 1
    assert await mail.store.sweep(mail.account_id) == Swept()
    assert _count(mail, "content") == 4
    mail.clock.now += 1
    assert await mail.store.sweep(mail.account_id) == Swept(expunged=2, contents=2, files=1)
    for table in ("content", "content_wire", "content_header", "blob"):
        assert _count(mail, table) == 2
    for table in ("expunged", "unreferenced"):
        assert _count(mail, table) == 0
    assert await mail.octets() == [message(1), message(3)]
    assert list(mail.account.blobs.list()) == []


async def test_the_configuration_says_how_long(tmp_path: Path) -> None:
    """A store that is told to keep expunged mail for a shorter time does so; the command line's is told."""
    async with open_store(Config(data=tmp_path, restorable=10)) as store:
        account = await store.account("a1")
        inbox = await account.mailbox("INBOX")
        await account.apply([Append(inbox.id, message(1))])
        await account.apply([Expunge(inbox.id, only_deleted=False)])
        assert await store.sweep("a1") == Swept()
        await store.release(account)
    async with open_store(Config(data=tmp_path, restorable=0)) as store:
        assert await store.sweep("a1") == Swept(expunged=1, contents=1)


async def test_what_is_copied_or_shared_stays(mail: Mail) -> None:
    """Contents that a copy uses, and octets that another message shares, outlive their first message."""
    await mail.create("Other")
    await mail.append(message(1, LARGE))
    await mail.copy("1", "Other")
    await mail.append(message(2, LARGE))
    await mail.append(message(2, LARGE))
    await mail.expunge("1:2")
    mail.clock.now += limits.RESTORABLE_SECONDS + 1
    assert await mail.store.sweep(mail.account_id) == Swept(expunged=2, contents=1, files=0)
    assert await mail.octets("Other") == [message(1, LARGE)]
    assert await mail.octets() == [message(2, LARGE)]
    await mail.expunge("1", source="Other")
    mail.clock.now += limits.RESTORABLE_SECONDS + 1
    assert (await mail.store.sweep(mail.account_id)).files == 1


async def test_deleted_mailboxes_are_forgotten_with_their_messages(mail: Mail) -> None:
    """What a deleted mailbox held goes with time; so does the memory of the mailbox, but not of its name."""
    await mail.create("a")
    await mail.fill(limits.SWEEP_ROWS + 10, to="a")
    first = await mail.delete("a")
    await mail.store.sweep(mail.account_id)
    assert _count(mail, "deleted_mailbox") == 1
    mail.clock.now += limits.RESTORABLE_SECONDS + 1
    assert (await mail.store.sweep(mail.account_id)).expunged == limits.SWEEP_ROWS + 10
    assert _count(mail, "deleted_mailbox") == _count(mail, "content") == 0
    await mail.create("old")
    assert (await mail.rename("old", "a")).uid_validity > first.uid_validity


async def test_a_message_that_comes_back_is_stored_anew(mail: Mail) -> None:
    """Octets that were swept come in again like new ones."""
    await mail.append(message(1, LARGE))
    await mail.expunge("1")
    mail.clock.now += limits.RESTORABLE_SECONDS + 1
    await mail.store.sweep(mail.account_id)
    await mail.append(message(1, LARGE))
    assert await mail.octets() == [message(1, LARGE)]


async def test_swept_between_staging_and_storing(mail: Mail, monkeypatch: pytest.MonkeyPatch) -> None:
    """A blob that is swept after it was found to be there already is written again in time."""
    await mail.append(message(1, LARGE))
    await mail.append(message(2))
    hashes = [row[0] for row in mail.sql("SELECT hash FROM blob")]
    await mail.expunge()
    staged: list[object] = []

    def stage_then_sweep(*arguments: object) -> object:
        staged.append(stage(*arguments))  # type: ignore[arg-type] # handed on
        if len(staged) == 2:
            connection = mail.account._writer._connection
            connection.execute("DELETE FROM expunged; DELETE FROM content_wire; DELETE FROM content_header")
            connection.execute(
                "DELETE FROM content_sort; DELETE FROM content_fields; DELETE FROM content; DELETE FROM blob"
            )
            for each in hashes:
                mail.account.blobs.delete(each)
        return staged[-1]

    monkeypatch.setattr("mailwren.store.sqlite.requests.stage", stage_then_sweep)
    inbox = await mail.id("INBOX")
    await mail.apply(Append(inbox, message(1, LARGE)), Append(inbox, message(2)))
    assert await mail.octets() == [message(1, LARGE), message(2)]


async def test_leftovers_of_a_crash(file_mail: Mail) -> None:
    """Files without a row and half-written ones go once they are old; those in use and fresh ones stay."""
    await file_mail.append(message(1, LARGE))
    blobs = file_mail.account.blobs
    (used,) = [entry.hash for entry in blobs.list()]
    for name in (b"o" * 32, b"f" * 32):
        with memoryview(b"orphan") as view:
            blobs.put(view, name)
    folder = file_mail.account_folder / "blobs"
    (folder / "6f" / "0011.part").write_bytes(b"half")
    (folder / "6f" / "0022.part").write_bytes(b"being written")
    long_ago = time.time() - 2 * limits.ORPHAN_SECONDS
    for path in (folder / "6f" / (b"o" * 32).hex(), folder / "6f" / "0011.part", folder / used.hex()[:2] / used.hex()):
        os.utime(path, (long_ago, long_ago))
    swept = await sweep(file_mail.account, file_mail.clock(), orphans_before=time.time() - limits.ORPHAN_SECONDS)
    assert swept.files == 1
    assert {entry.hash for entry in blobs.list()} == {used, b"f" * 32}
    assert (folder / "6f" / "0022.part").exists()
    assert not (folder / "6f" / "0011.part").exists()


async def test_a_long_log_is_shortened_without_forgetting(mail: Mail, monkeypatch: pytest.MonkeyPatch) -> None:
    """From every mod-sequence on a shortened log tells the same changes, and at least the same UIDs gone."""
    monkeypatch.setattr(limits, "LOG_ROWS", 10)
    await mail.fill(20)
    for uid in range(1, 15):
        await mail.flag(str(uid), FlagMode.ADD, f"k{uid % 3}")
        if uid % 2:
            await mail.expunge(str(uid))
            await mail.append()
    last = (await mail.box()).highest_modseq
    before = [await mail.changes(since) for since in range(last + 1)]
    rows = _count(mail, "change")
    await mail.store.sweep(mail.account_id)
    assert _count(mail, "change") < rows / 2
    gone = RangeSet()
    for since in range(last, -1, -1):
        after = await mail.changes(since)
        assert after.changed == before[since].changed
        assert set(after.expunged) >= set(before[since].expunged)
        assert set(after.expunged) >= set(gone)
        gone = after.expunged
    assert before[0].expunged == (await mail.changes(0)).expunged


async def test_threads_without_messages_are_forgotten(mail: Mail) -> None:
    """Message-ids are remembered as long as a message of their thread is there."""
    await mail.append(message(1))
    await mail.append(message(2, References="<1@example.org> <5@example.org>"))
    await mail.append(message(3))
    await mail.expunge("1,3")
    mail.clock.now += limits.RESTORABLE_SECONDS + 1
    await mail.store.sweep(mail.account_id)
    assert _count(mail, "thread_reference") == 3
    await mail.append(message(5))
    state = await mail.state()
    facts = await mail.account.facts([state.content_of(index) for index in range(len(state))])
    assert facts[0].thread_id == facts[1].thread_id


async def test_very_many_former_names(mail: Mail, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a number former names are forgotten, and UIDVALIDITY still grows under each of them."""
    monkeypatch.setattr(limits, "FORMER_NAMES", 2)
    await mail.create("old")
    values = {}
    for number in range(5):
        await mail.create(f"n{number}")
        values[f"n{number}"] = (await mail.delete(f"n{number}")).uid_validity
    await mail.store.sweep(mail.account_id)
    assert _count(mail, "former_name") == 2
    assert (await mail.rename("old", "n0")).uid_validity > values["n0"]


async def test_one_process_sweeps(mail: Mail) -> None:
    """The claim to sweep is given once in a time."""
    now = mail.clock() + limits.SWEEP_SECONDS
    claims = [
        await mail.account.run_in_writer(lambda connection, at=at: sweeping.claim(connection, at, every=100.0))  # type: ignore[misc] # bound now
        for at in (now, now, now + 99, now + 100)
    ]
    assert claims == [True, False, False, True]


async def test_sweeping_beside_other_work(file_mail: Mail) -> None:
    """Requests go on while the sweeper runs, and jobs that fail tell their owner alone."""
    await file_mail.fill(5)
    await file_mail.expunge("1:3")
    file_mail.clock.now += limits.RESTORABLE_SECONDS + 1

    def fail(_connection: object) -> None:
        raise OSError("no disk")

    with pytest.raises(OSError, match="no disk"):
        await file_mail.account.run_in_writer(fail)
    await file_mail.apply(SetSubscription("x", subscribed=True))
    await file_mail.store.sweep(file_mail.account_id)
    assert await file_mail.uids() == list(uids("4:5"))
