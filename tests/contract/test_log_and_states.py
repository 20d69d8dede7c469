"""The log of changes, and the state in memory that follows it."""

import asyncio

import pytest

from mailwren.base import limits
from mailwren.base.ids import MailboxId
from mailwren.base.ranges import RangeSet
from mailwren.store.errors import NoSuchMailbox
from mailwren.store.operations import Append, ClaimRecent, FlagMode, SetFlags, SetSubscription
from mailwren.store.values import ALL_MAILBOXES
from tests.contract.harness import Mail, message, uids

ADD = FlagMode.ADD


async def test_changes_since_every_point(mail: Mail) -> None:
    """From every mod-sequence on the log tells exactly what changed and went away after it."""
    history: list[tuple[int, str, set[int]]] = []
    for _ in range(3):
        history.append(((await mail.append()).modseq, "changed", {(await mail.uids())[-1]}))
    history.append(((await mail.flag("1:2", ADD, "a")).modseq, "changed", {1, 2}))
    history.append(((await mail.expunge("2")).modseq, "gone", {2}))
    history.append(((await mail.append()).modseq, "changed", {4}))
    history.append(((await mail.flag("1,4", ADD, "b")).modseq, "changed", {1, 4}))
    history.append(((await mail.expunge("4")).modseq, "gone", {4}))
    for since in range(history[-1][0] + 2):
        changed = set[int]().union(*(each for at, kind, each in history if at > since and kind == "changed"))
        gone = set[int]().union(*(each for at, kind, each in history if at > since and kind == "gone"))
        found = await mail.changes(since)
        assert set(found.expunged) == gone
        assert set(found.changed) == changed - gone
        assert found.modseq == history[-1][0]


async def test_the_log_of_an_unknown_mailbox(mail: Mail) -> None:
    """A mailbox that does not exist has no log and no state."""
    with pytest.raises(NoSuchMailbox):
        await mail.account.changes_since(MailboxId(99), 0)  # type: ignore[arg-type] # a plain number
    with pytest.raises(NoSuchMailbox):
        await mail.account.open_mailbox(MailboxId(99))


async def test_a_long_log(mail: Mail) -> None:
    """More log than is read on the event loop gives the same answer."""
    number = 4000
    await mail.fill(number)
    since = (await mail.box()).highest_modseq
    scattered = RangeSet.of(range(1, number, 2))
    await mail.flag(str(scattered), ADD, "a")
    await mail.expunge(str(RangeSet.of(range(2, number, 4))))
    assert len(str(scattered)) > limits.LOG_OCTETS_AT_ONCE // 2
    changes = await mail.changes(since)
    assert changes.changed == scattered
    assert changes.expunged == RangeSet.of(range(2, number, 4))
    assert (await mail.changes(0)).changed == RangeSet.of(await mail.uids())


async def test_one_state_for_all(mail: Mail) -> None:
    """Whoever opens a mailbox gets the same object, however many at once, of any size."""
    await mail.fill(limits.ROWS_AT_ONCE * 2)
    inbox = await mail.id("INBOX")
    mail.account._states.clear()
    states = await asyncio.gather(*(mail.account.open_mailbox(inbox) for _ in range(10)))
    assert len({id(state) for state in states}) == 1
    assert len(states[0]) == limits.ROWS_AT_ONCE * 2


async def test_the_state_is_up_to_date_when_apply_returns(mail: Mail) -> None:
    """Our own commit is in the loaded state before its answer, for every kind of change but copies."""
    await mail.fill(3)
    state = await mail.state()
    appended = await mail.append(None, "x")
    assert (state.uids[-1], state.modseq, len(state)) == (4, appended.modseq, 4)
    flagged = await mail.flag("2:3", ADD, "\\Seen")
    assert list(state.modseqs)[1:3] == [flagged.modseq] * 2
    assert [mail.account.flag_set(state.flags_of(index)).seen for index in range(4)] == [False, True, True, False]
    expunged = await mail.expunge("1:2")
    assert (list(state.uids), state.modseq) == ([3, 4], expunged.modseq)
    assert state.mailbox == await mail.box()


async def test_loading_while_others_write(mail: Mail) -> None:
    """A mailbox that is loaded while it changes ends as it is."""
    await mail.fill(limits.ROWS_AT_ONCE * 3)
    inbox = await mail.id("INBOX")
    mail.account._states.clear()
    for number in range(20):
        mail.account._states.clear()
        work = [mail.account.open_mailbox(inbox) for _ in range(3)]
        changes = [
            mail.apply(Append(inbox, message(number))),
            mail.flag(f"{number + 1}:*".replace("*", "999"), ADD, f"k{number}"),
        ]
        await asyncio.gather(*work, *changes)
        await mail.verify()


async def test_the_cache_of_states_is_bounded(mail: Mail) -> None:
    """States that nobody holds are forgotten beyond a number of messages; those in use stay."""
    mail.store._shared.states._limit = 10  # type: ignore[misc] # made small for the test
    for number in range(5):
        await mail.create(f"box{number}")
        await mail.fill(4, to=f"box{number}")
    held = await mail.state("box0")
    for number in range(1, 5):
        await mail.state(f"box{number}")
    assert len(mail.account._states._states) <= 4
    assert await mail.state("box0") is held


async def test_watchers_are_told(mail: Mail) -> None:
    """One hint for each changed mailbox, and one for the list of mailboxes; none for what others cannot see."""
    heard: list[int] = []
    stop = mail.account.watch(heard.append)
    inbox = await mail.id("INBOX")
    await mail.fill(3)
    assert heard == [inbox]
    heard.clear()
    other = await mail.create("Other")
    assert ALL_MAILBOXES in heard
    heard.clear()
    await mail.move("1", "Other")
    assert sorted(heard) == sorted([inbox, other.id])
    heard.clear()
    await mail.apply(ClaimRecent(inbox))
    await mail.flag("2", ADD, "\\Seen")
    await mail.flag("2", ADD, "\\Seen")
    assert heard == [inbox]
    heard.clear()
    await mail.apply(SetSubscription("a", subscribed=True))
    await mail.apply(SetSubscription("a", subscribed=True))
    assert heard == [ALL_MAILBOXES]
    heard.clear()
    await mail.delete("Other")
    assert set(heard) == {ALL_MAILBOXES, other.id}
    stop()
    stop()
    heard.clear()
    await mail.fill(1)
    assert heard == []


async def test_a_failing_watcher_harms_nobody(mail: Mail) -> None:
    """The commit stands, and the other watchers are told."""

    def fail(_mailbox: MailboxId) -> None:
        raise RuntimeError("broken session")

    heard: list[int] = []
    mail.account.watch(fail)
    mail.account.watch(heard.append)
    assert (await mail.append()).uid == 1
    assert heard


async def test_watchers_see_the_new_state(mail: Mail) -> None:
    """When a watcher is called, the state holds what it is called for."""
    await mail.fill(1)
    state = await mail.state()
    lengths: list[int] = []
    mail.account.watch(lambda _mailbox: lengths.append(len(state)))
    await mail.append()
    await mail.append()
    assert lengths == [2, 3]


async def test_concurrent_flag_changes(mail: Mail) -> None:
    """Many changes at once all happen, each with its own mod-sequence."""
    await mail.fill(50)
    inbox = await mail.id("INBOX")
    await mail.state()
    changes = [SetFlags(inbox, uids(str(uid)), ADD, (f"k{uid}",)) for uid in range(1, 51)]
    await asyncio.gather(*(mail.apply(change) for change in changes))
    assert await mail.flags() == {uid: f"k{uid}" for uid in range(1, 51)}
    assert len(set((await mail.state()).modseqs)) == 50
