"""Messages that several clients add at the same time: committed at once, answered when the disk has them."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import apsw
import pytest

from mailwren.base import limits
from mailwren.store.errors import StoreUnavailable
from mailwren.store.kernel_syncs import KernelSyncs
from mailwren.store.operations import Append, FlagMode
from mailwren.store.sqlite import database
from mailwren.store.sqlite.apart_syncs import ApartSyncs
from tests.contract.harness import Mail, message

_NORMAL, _FULL = 1, 2
_SECONDS = 20


class _Syncs:
    """What the store asks the system for; the test says when it is done, and how."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, Callable[[int], None]]] = []
        self.came = asyncio.Event()

    def sync(self, descriptor: int, done: Callable[[int], None]) -> None:
        """Note it."""
        self.asked.append((descriptor, done))
        self.came.set()

    async def next(self) -> tuple[int, Callable[[int], None]]:
        """The next one, as soon as it is asked for."""
        while not self.asked:
            self.came.clear()
            await asyncio.wait_for(self.came.wait(), _SECONDS)
        return self.asked.pop(0)


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> _Syncs:
    """A store that takes all clients for several, on a disk that the test is."""
    monkeypatch.setattr(KernelSyncs, "available", True)
    monkeypatch.setattr(ApartSyncs, "wanted", lambda *_: True)
    made = _Syncs()
    monkeypatch.setattr(KernelSyncs, "sync", lambda _syncs, descriptor, done: made.sync(descriptor, done))
    return made


def _start(work: Coroutine[Any, Any, object]) -> "asyncio.Task[object]":
    return asyncio.ensure_future(work)


async def _ready(mail: Mail) -> None:
    """Nothing is under way in the account, and its log's name is on the disk."""
    await mail.account._writer._idle.wait()
    mail.account._writer.sync_wal()


async def _turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_the_answer_comes_when_the_disk_has_it(file_mail: Mail, syncs: _Syncs) -> None:
    """COMMIT comes first and syncs nothing, then the log is synced, and nobody is told before that is done."""
    await _ready(file_mail)
    seen: list[object] = []
    connection = file_mail.account._writer._connection

    def committing() -> bool:
        assert not syncs.asked
        seen.append(connection.pragma("synchronous"))
        return False

    connection.set_commit_hook(committing)
    hinted: list[int] = []
    file_mail.account.watch(hinted.append)
    adding = _start(file_mail.append(message(1)))
    descriptor, done = await syncs.next()
    assert seen == [_NORMAL]
    assert Path(f"/proc/self/fd/{descriptor}").readlink() == Path(f"{file_mail.account.path}-wal")
    await _turns()
    assert not adding.done()
    assert not hinted
    done(0)
    await adding
    assert hinted
    assert await file_mail.octets() == [message(1)]


async def test_what_comes_during_a_sync_shares_the_next(file_mail: Mail, syncs: _Syncs) -> None:
    """The one under way may have begun before they were written."""
    await _ready(file_mail)
    inbox = await file_mail.id("INBOX")
    adding = [_start(file_mail.account.apply([Append(inbox, message(number))])) for number in range(4)]
    _, first = await syncs.next()
    await _turns()
    assert not syncs.asked
    first(0)
    _, second = await syncs.next()
    await _turns()
    assert [each.done() for each in adding] == [True, False, False, False]
    second(0)
    await asyncio.gather(*adding)
    assert not syncs.asked
    assert await file_mail.uids() == [1, 2, 3, 4]


async def test_what_else_is_committed_waits_by_itself(file_mail: Mail, syncs: _Syncs) -> None:
    """Flags are answered at once, other changes when their own commit is synced; the message's sender waits on."""
    await _ready(file_mail)
    adding = _start(file_mail.append(message(1)))
    _, done = await syncs.next()
    await file_mail.create("Other")
    await file_mail.flag("1", FlagMode.ADD, "x")
    assert not adding.done()
    done(0)
    await adding
    assert await file_mail.flags() == {1: "x"}


async def test_no_more_wait_than_a_power_cut_may_take(
    file_mail: Mail, syncs: _Syncs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond a number, commits are synced as always, before anybody can see them."""
    await _ready(file_mail)
    monkeypatch.setattr(limits, "UNSYNCED_REQUESTS", 3)
    seen: list[object] = []
    connection = file_mail.account._writer._connection

    def committing() -> bool:
        seen.append(connection.pragma("synchronous"))
        return False

    connection.set_commit_hook(committing)
    adding = [_start(file_mail.append(message(number))) for number in range(5)]
    _, done = await syncs.next()
    await asyncio.wait(adding, return_when=asyncio.FIRST_COMPLETED, timeout=_SECONDS)
    assert seen[:4] == [_NORMAL, _NORMAL, _NORMAL, _FULL]
    assert [each.done() for each in adding[:3]] == [False, False, False]
    done(0)
    (await syncs.next())[1](0)
    await asyncio.gather(*adding)


async def test_after_a_sync_that_failed_the_database_takes_it(file_mail: Mail, syncs: _Syncs) -> None:
    """What the log may have lost goes into the database before the answer, and so does what waited behind it."""
    await _ready(file_mail)
    wal = file_mail.account_folder / "mail.sqlite3-wal"
    adding = [_start(file_mail.append(message(number))) for number in (1, 2)]
    _, done = await syncs.next()
    await _turns()
    assert wal.stat().st_size > 0
    done(5)
    await asyncio.gather(*adding)
    assert wal.stat().st_size == 0
    assert not syncs.asked
    assert not file_mail.account._writer._distrusted
    assert await file_mail.octets() == [message(1), message(2)]


async def test_what_the_disk_does_not_take_is_not_acknowledged(file_mail: Mail, syncs: _Syncs) -> None:
    """Where the database cannot take it either the sender is told so, and nothing is added until it can."""
    await _ready(file_mail)
    writer = file_mail.account._writer
    reader = apsw.Connection(str(file_mail.account.path))
    reader.execute("BEGIN; SELECT count(*) FROM message")
    adding = _start(file_mail.append(message(1)))
    _, done = await syncs.next()
    writer._connection.set_busy_timeout(10)
    done(5)
    with pytest.raises(StoreUnavailable):
        await adding
    assert writer._distrusted
    with pytest.raises(StoreUnavailable):
        await file_mail.append(message(2))
    reader.execute("ROLLBACK")
    reader.close()
    await file_mail.append(message(3))
    assert message(3) in await file_mail.octets()


async def test_closing_waits_for_the_disk(file_mail: Mail, syncs: _Syncs) -> None:
    """The account is closed after everybody has heard."""
    await _ready(file_mail)
    adding = _start(file_mail.append(message(1)))
    _, done = await syncs.next()
    closing = _start(file_mail.account._writer.close())
    await _turns()
    assert not closing.done()
    done(0)
    await adding
    await closing
    await file_mail.open()
    assert await file_mail.octets() == [message(1)]


async def test_uids_jump_after_another_boot(file_mail: Mail, monkeypatch: pytest.MonkeyPatch) -> None:
    """A UID that others saw before a power cut took its message is never another message's."""
    await file_mail.fill(3)
    await file_mail.create("Other")
    await file_mail.close()
    await file_mail.open()
    assert (await file_mail.append()).uid == 4
    await file_mail.close()
    monkeypatch.setattr(database, "boot_id", lambda: "another boot")
    await file_mail.open()
    assert (await file_mail.append()).uid == 5 + database.UID_JUMP
    assert (await file_mail.append(to="Other")).uid == 1 + database.UID_JUMP
    await file_mail.close()
    await file_mail.open()
    assert (await file_mail.append()).uid == 6 + database.UID_JUMP
    most = limits.APPENDED_AT_ONCE // limits.APPEND_WEIGHT
    assert 12 * limits.UNSYNCED_REQUESTS * most <= database.UID_JUMP


async def test_whose_commits_are_synced_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two clients' in one turn of the loop, or one while another's sync is under way, are told from one client's."""
    loop = asyncio.get_running_loop()
    now = 0.0
    apart = ApartSyncs(lambda: now)
    if not apart.syncs.available:
        pytest.skip("the system does not sync files by itself")

    async def ask() -> bool:
        return apart.wanted(loop)

    async def at_once(number: int) -> list[bool]:
        return list(await asyncio.gather(*[ask() for _ in range(number)]))

    for _ in range(10):
        assert not await ask()
    for _ in range(10):
        assert await at_once(1) == [False]
    assert await at_once(2) == [False, True]
    now += limits.COMMITS_TOGETHER_SECONDS * 0.9
    assert await at_once(1) == [True]
    now += limits.COMMITS_TOGETHER_SECONDS * 0.2
    assert await at_once(1) == [False]
    monkeypatch.setattr(KernelSyncs, "working", True)
    assert await at_once(1) == [True]
    monkeypatch.undo()
    now += limits.COMMITS_TOGETHER_SECONDS * 1.1
    assert await at_once(1) == [False]
    apart.syncs.close()


async def test_many_clients_of_one_account(file_mail: Mail) -> None:
    """With the real disk: every message is there once, in the order of the answers' UIDs."""
    await _ready(file_mail)

    async def client(number: int) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        for place in range(10):
            each = 100 * number + place
            found.append(((await file_mail.append(message(each))).uid, each))
            await asyncio.sleep(0)
        return found

    told = await asyncio.gather(*[client(number) for number in range(8)])
    answers = sorted(answer for each in told for answer in each)
    assert [uid for uid, _ in answers] == list(range(1, 81))
    assert await file_mail.octets() == [message(each) for _, each in answers]
