"""Two stores over the same folder, as two processes have it, stay in step."""

import asyncio
import time
from array import array
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial

import apsw
import pytest

from mailwren.base import limits
from mailwren.base.ids import MailboxId
from mailwren.store.bus import HintCallback
from mailwren.store.errors import NoSuchMailbox, StoreUnavailable
from mailwren.store.mailbox_state import Columns, MailboxState
from mailwren.store.operations import Append, ClaimRecent, FlagMode, RecentClaimed, SetPrivateFlags
from mailwren.store.sqlite import database
from mailwren.store.sqlite.account import SqliteAccount
from mailwren.store.values import ALL_MAILBOXES
from tests.contract.harness import Mail, message, uids

ADD = FlagMode.ADD


class Wire:
    """A bus that hands on at once."""

    def __init__(self) -> None:
        self.callbacks: list[HintCallback] = []
        self.other: Wire | None = None

    def publish(self, account_id: str, mailbox: MailboxId) -> None:
        """Call the other side's callbacks."""
        assert self.other is not None
        for callback in self.other.callbacks:
            callback(account_id, mailbox)

    def listen(self, callback: HintCallback) -> None:
        """Be called."""
        self.callbacks.append(callback)

    def close(self) -> None:
        """Nothing to do."""


@asynccontextmanager
async def second(first: Mail, **options: object) -> AsyncIterator[Mail]:
    """Another store over the same folder."""
    async with Mail(first.folder, first.clock, **options) as other:  # type: ignore[arg-type] # handed on
        yield other


async def test_both_see_every_change(file_mail: Mail) -> None:
    """States of both sides are equal after appends, flags, expunges, copies and moves by either."""
    one = file_mail
    async with second(one) as two:
        await one.create("Other")
        await one.fill(10)
        for side, other in ((one, two), (two, one), (one, two)):
            await other.state()
            await other.state("Other")
            await side.fill(3, "new")
            await side.flag("1:30", ADD, "\\Seen", f"by{id(side)}")
            await side.copy("2:5", "Other")
            await side.move("6:7", "Other")
            await side.expunge("1:3")
            for name in ("INBOX", "Other"):
                assert await other.flags(name) == await side.flags(name)
            await one.verify()
            await two.verify()


async def test_append_and_expunge_between_two_looks(file_mail: Mail) -> None:
    """A message that came and went unseen leaves no trace in the state, and its UID is not used again."""
    one = file_mail
    async with second(one) as two:
        await one.fill(2)
        state = await two.state()
        await one.append()
        await one.expunge("2:3")
        await one.append()
        assert await two.state() is state
        assert list(state.uids) == [1, 4]
        assert (await two.append()).uid == 5


async def test_much_at_once_from_the_other_side(file_mail: Mail) -> None:
    """More changes than are worked in one by one."""
    one = file_mail
    async with second(one) as two:
        await one.fill(limits.ROWS_AT_ONCE + 10)
        state = await two.state()
        await one.flag("1:100000", ADD, "x")
        await one.fill(limits.ROWS_AT_ONCE + 10, "y")
        await one.expunge("5:9")
        inbox = await two.id("INBOX")
        opened = await asyncio.gather(*(two.account.open_mailbox(inbox) for _ in range(5)))
        assert all(each is state for each in opened)
        await two.verify()
        assert len(state) == 2 * limits.ROWS_AT_ONCE + 15


async def test_many_flags_of_the_other_side_leave_the_uids_where_they_are(file_mail: Mail) -> None:
    """Read wholly anew, a state keeps the array that sessions share with it, with what came in at its end."""
    async with second(file_mail) as two:
        await file_mail.fill(40)
        state = await two.state()
        shared = state.uids
        for number in range(1, 41):
            await file_mail.flag(str(number), ADD, f"k{number}")
        await file_mail.fill(2)
        state.replace(_columns(await file_mail.state()), (await file_mail.state()).mailbox)
        assert state.uids is shared
        assert list(shared) == list(range(1, 43))
        await file_mail.expunge("3")
        state.replace(_columns(await file_mail.state()), (await file_mail.state()).mailbox)
        assert state.uids is not shared, "others may still count what went away"
        assert 3 in shared
        assert 3 not in state.uids


def _columns(state: MailboxState) -> Columns:
    return array("I", state.uids), array("Q", state.contents), array("I", state.flags), array("Q", state.modseqs)


async def test_mailboxes_of_the_other_side(file_mail: Mail) -> None:
    """Created, renamed and deleted mailboxes are seen at once; an open one that is deleted says so."""
    one = file_mail
    async with second(one) as two:
        await one.create("a")
        await one.fill(2, to="a")
        state = await two.state("a")
        await one.rename("a", "b")
        assert await two.names() == ["INBOX", "b"]
        assert (await two.state("b")) is state
        assert state.mailbox.name == "b"
        await one.delete("b")
        with pytest.raises(NoSuchMailbox):
            await two.account.open_mailbox(state.mailbox.id)
        assert state.deleted
        with pytest.raises(NoSuchMailbox):
            await two.apply(Append(state.mailbox.id, message()))


async def test_flag_sets_of_the_other_side(file_mail: Mail) -> None:
    """Ids of flag sets mean the same on both sides, also when both add new ones in turn."""
    one = file_mail
    async with second(one) as two:
        await one.fill(6)
        for number, side in enumerate((one, two, one, two, one, two), 1):
            await side.flag(str(number), ADD, f"Flag{number}", "shared" if number % 2 else "SHARED")
        expected = {number: f"Flag{number} shared" for number in range(1, 7)}
        assert await one.flags() == await two.flags() == expected


async def test_recent_is_claimed_once(file_mail: Mail) -> None:
    """Of two sessions in different processes only one gets a message as recent."""
    one = file_mail
    async with second(one) as two:
        await one.fill(3)
        inbox = await one.id("INBOX")
        assert await two.apply(ClaimRecent(inbox)) == [RecentClaimed(1)]  # type: ignore[arg-type] # a plain number
        assert await one.apply(ClaimRecent(inbox)) == [RecentClaimed(4)]  # type: ignore[arg-type] # as above
        assert (await one.state()).mailbox.first_recent == 4


async def test_both_write_at_once(file_mail: Mail) -> None:
    """Concurrent writers of two processes get distinct UIDs and mod-sequences, and lose nothing."""
    one = file_mail
    async with second(one) as two:
        inbox = await one.id("INBOX")
        work: list[Coroutine[object, object, object]] = [
            side.apply(Append(inbox, message(number))) for number in range(40) for side in (one, two)
        ]
        work += [side.flag(f"{number}", ADD, f"k{number}") for number in range(1, 20) for side in (one, two)]
        await asyncio.gather(*work)
        assert await one.uids() == await two.uids() == list(range(1, 81))
        assert len(set((await one.state()).modseqs)) == 80
        await one.verify()
        await two.verify()


async def test_hints_cross_the_bus(tmp_path: object, file_mail: Mail) -> None:
    """A change on one side calls the watchers of the other, once, and not our own twice."""
    left, right = Wire(), Wire()
    left.other, right.other = right, left
    one = Mail(file_mail.folder, bus=left, account="another")
    two = Mail(file_mail.folder, bus=right, account="another")
    async with one, two:
        heard: dict[str, list[int]] = {"one": [], "two": []}
        one.account.watch(heard["one"].append)
        two.account.watch(heard["two"].append)
        inbox = await one.id("INBOX")
        await one.fill(1)
        await two.create("x")
        assert heard["one"].count(inbox) == heard["two"].count(inbox) == 1
        assert heard["one"].count(ALL_MAILBOXES) == heard["two"].count(ALL_MAILBOXES) == 1


async def _while_locked(mail: Mail, work: Callable[[], object]) -> None:
    """Do something while another process holds the write lock."""
    blocker = apsw.Connection(str(mail.account.path))
    blocker.execute("BEGIN IMMEDIATE")
    try:
        await work()  # type: ignore[misc] # a coroutine function
    finally:
        blocker.execute("ROLLBACK")
        blocker.close()


async def test_a_locked_database_is_waited_for(file_mail: Mail) -> None:
    """A flag change that finds the database locked waits in the thread and then happens; reading goes on meanwhile."""
    await file_mail.fill(1)
    waiting: list[asyncio.Task[object]] = []

    async def change() -> None:
        started = time.monotonic()
        waiting.append(asyncio.ensure_future(file_mail.flag("1", ADD, "late")))
        await asyncio.sleep(0.05)
        assert time.monotonic() - started < limits.DATABASE_BUSY_SECONDS / 2
        assert not waiting[0].done()
        assert await file_mail.uids() == [1]

    await _while_locked(file_mail, change)
    await waiting[0]
    assert await file_mail.flags() == {1: "late"}


async def test_a_lock_that_stays_is_a_temporary_refusal(file_mail: Mail, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a time the request is refused as unavailable, and nothing has happened."""
    file_mail.account._writer._connection.set_busy_timeout(20)

    async def change() -> None:
        with pytest.raises(StoreUnavailable):
            await file_mail.append()

    await _while_locked(file_mail, change)
    assert await file_mail.uids() == []
    assert (await file_mail.append()).uid == 1


async def test_mod_sequences_jump_after_another_boot(file_mail: Mail, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under another boot id the counter jumps once, whoever comes first; under the same one it goes on."""
    first = (await file_mail.append()).modseq
    await file_mail.close()
    await file_mail.open()
    assert (await file_mail.append()).modseq == first + 1
    await file_mail.close()
    monkeypatch.setattr(database, "boot_id", lambda: "another boot")
    await file_mail.open()
    async with second(file_mail) as two:
        jumped = (await file_mail.append()).modseq
        assert jumped == first + 2 + database.MODSEQ_JUMP
        assert (await two.append()).modseq == jumped + 1
    await file_mail.close()
    monkeypatch.setattr(database, "boot_id", lambda: "")
    await file_mail.open()
    assert (await file_mail.append()).modseq == jumped + 2 + database.MODSEQ_JUMP


async def test_accounts_are_shared_and_counted(file_mail: Mail) -> None:
    """The same account object for all; it stays usable until the last one has given it back, and after."""
    store = file_mail.store
    again = await store.account(file_mail.account_id)
    assert again is file_mail.account
    await store.release(again)
    await file_mail.append()
    others = await asyncio.gather(*(store.account("another") for _ in range(5)))
    assert len({id(each) for each in others}) == 1
    with pytest.raises(StoreUnavailable):
        await store.remove("another")
    for each in others:
        await store.release(each)
    await store.remove("another")
    assert not (file_mail.folder / "accounts" / "an" / "another").exists()  # type: ignore[operator] # over files
    fresh = await store.account("another")
    assert list(await fresh.mailboxes()) == ["INBOX"]
    await store.release(fresh)


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "-x", "a b", "ü", "x" * 200, "a\x00"])
async def test_account_ids_are_names_of_folders(mail: Mail, name: str) -> None:
    """What could lead out of the data folder, or nowhere, is no account."""
    with pytest.raises(ValueError, match="account id"):
        await mail.store.account(name)
    with pytest.raises(ValueError, match="account id"):
        await mail.store.remove(name)


async def test_an_idle_account_is_closed(file_mail: Mail, monkeypatch: pytest.MonkeyPatch) -> None:
    """A while after its last user has gone an account is closed, and opened anew for the next."""
    monkeypatch.setattr(limits, "ACCOUNT_IDLE_SECONDS", 0.0)
    store = file_mail.store
    account = await store.account("another")
    await store.release(account)
    while store._entries.get("another") or store._closings:
        await asyncio.sleep(0)
    again = await store.account("another")
    assert again is not account
    assert list(uids("1:1")) == [1]
    await store.release(again)


async def test_members_of_two_processes(file_mail: Mail) -> None:
    """A member's own changes are seen by his sessions in the other process, and the shared ones by all."""
    one = file_mail
    async with second(one) as two:
        await one.fill(5)
        ann, ben = [one.member("ann"), two.member("ann")], [one.member("ben"), two.member("ben")]
        for each in (*ann, *ben):
            await each.state()
        for number, side in ((0, 1), (1, 0), (0, 1)):
            await ann[number].flag("1:2", FlagMode.REPLACE, "\\Seen", f"k{number}")
            await ben[side].flag("2", ADD, "\\Seen", "\\Flagged")
            await ben[number].flag("3", ADD, f"k{number}", "\\Seen")
            await ann[number].append(message(9), "\\Seen")
            for left, right in (ann, ben):
                assert await left.flags() == await right.flags()
                assert await left.box() == await right.box()
        await two.expunge("1")
        assert await ann[0].uids() == await ann[1].uids() == [2, 3, 4, 5, 6, 7, 8]
        await ann[0].apply(SetPrivateFlags(await one.id("INBOX"), frozenset()))
        assert await ann[1].flags() == await two.flags() == await ben[0].flags()
        await two.member("eve").verify()
        await one.verify()


async def test_a_members_change_is_hinted_to_the_other_process(file_mail: Mail) -> None:
    """Over the bus, as any other change."""
    wires = Wire(), Wire()
    wires[0].other, wires[1].other = wires[1], wires[0]
    await file_mail.close()
    file_mail.bus = wires[0]
    await file_mail.open()
    async with second(file_mail, bus=wires[1]) as two:
        await file_mail.fill(1)
        heard: list[MailboxId] = []
        two.account.watch(heard.append)
        await file_mail.member("ann").flag("1", ADD, "\\Seen")
        assert heard == [await two.id("INBOX")]
        assert await two.member("ann").flags() == {1: "\\Seen"}


async def test_who_joins_a_reading_gets_what_was_committed_since_it_began(
    file_mail: Mail, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mailbox that is being read in the thread as it was is looked at again, now and by everybody after that."""
    async with second(file_mail) as two:
        await file_mail.fill(3)
        inbox = await two.id("INBOX")
        has_read, go_on = asyncio.Event(), asyncio.Event()
        in_thread = SqliteAccount.in_thread

        async def read_and_wait(account: SqliteAccount, read: Callable[[apsw.Connection], object]) -> object:
            result = await in_thread(account, read)
            has_read.set()
            await go_on.wait()
            return result

        states = two.account._view.states
        monkeypatch.setattr(limits, "ROWS_AT_ONCE", 0)
        monkeypatch.setattr(states, "_in_thread", partial(read_and_wait, two.account))
        first = asyncio.ensure_future(two.account.open_mailbox(inbox))
        await has_read.wait()
        await file_mail.append()
        later = asyncio.ensure_future(two.account.open_mailbox(inbox))
        await asyncio.sleep(0)
        go_on.set()
        last = asyncio.ensure_future(two.account.open_mailbox(inbox))  # its turn comes just when the reading is done
        assert len(await last) == 4
        assert len(await later) == 4
        assert len(await first) == 4
        assert len(await two.account.open_mailbox(inbox)) == 4


async def test_a_mailbox_by_name_and_its_state(file_mail: Mail) -> None:
    """Both are as they are now, however often they were asked for; an old row does not hold a state back."""
    async with second(file_mail) as other:
        await file_mail.fill(2)
        box = await file_mail.account.mailbox("INBOX")
        assert await file_mail.account.mailbox("INBOX") == box
        state = await file_mail.account.open_mailbox(box.id, box)
        assert await file_mail.account.open_mailbox(box.id, box) is state
        await other.append()
        assert (await file_mail.account.mailbox("INBOX")).messages == 3
        assert len(await file_mail.account.open_mailbox(box.id, await file_mail.account.mailbox("INBOX"))) == 3
        await other.flag("1", FlagMode.ADD, "a")
        assert len(await file_mail.account.open_mailbox(box.id, box)) == 3
        assert state.modseq == (await other.box()).highest_modseq


async def test_quick_flag_changes_beside_another_process(file_mail: Mail) -> None:
    """What is in memory and out of date changes nothing in the short way, and both see all changes."""
    async with second(file_mail) as other:
        await file_mail.fill(3)
        await file_mail.flag("1:3", FlagMode.ADD, "a")
        await file_mail.flag("1", FlagMode.REMOVE, "a")
        for number in range(1, 4):
            await (other if number % 2 else file_mail).flag(str(number), FlagMode.ADD, "a")
            await (file_mail if number % 2 else other).flag(str(number), FlagMode.REMOVE, "a")
            await (other if number % 2 else file_mail).flag(str(number), FlagMode.REMOVE, "a")
        for mail in (file_mail, other):
            state = await mail.state()
            assert len(set(state.flags)) == 1
            assert state.modseq == (await other.box()).highest_modseq
