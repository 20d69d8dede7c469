"""Adding messages."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest

from mailwren.base import limits
from mailwren.base.ids import ContentId, MailboxId
from mailwren.store.errors import InvalidName, LimitReached, MessageDamaged, NoSuchMailbox, OverQuota
from mailwren.store.octets import Spool
from mailwren.store.operations import (
    Append,
    Appended,
    Copy,
    CreateMailbox,
    Expunge,
    FlagMode,
    Move,
    Operation,
    SetFlags,
    SetQuota,
)
from tests.contract.harness import NOW, Mail, message, uids


async def test_a_message_comes_back_as_it_came(mail: Mail) -> None:
    """The octets are kept exactly, whatever they are."""
    for octets in (message(), b"", b"\x00\xff\r\n\n\r", b"no header at all", b"a: b\n\nbare line feeds\n", b"\r\n"):
        await mail.append(octets)
    expected = [message(), b"", b"\x00\xff\r\n\n\r", b"no header at all", b"a: b\n\nbare line feeds\n", b"\r\n"]
    assert await mail.octets() == expected


async def test_uids_and_mod_sequences_ascend(mail: Mail) -> None:
    """Every message gets the next UID and a mod-sequence of its own."""
    first, second = await mail.append(), await mail.append()
    assert (first.uid, second.uid) == (1, 2)
    assert second.modseq > first.modseq
    box = await mail.box()
    assert first.uid_validity == box.uid_validity
    assert (box.uid_next, box.highest_modseq, box.messages) == (3, second.modseq, 2)


async def test_many_messages_are_one_transaction(mail: Mail) -> None:
    """Appends in one list get consecutive UIDs and own mod-sequences; the log tells of each exactly."""
    inbox = await mail.id("INBOX")
    outcomes = await mail.apply(*(Append(inbox, message(number)) for number in range(5)))
    modseqs = [each.modseq for each in outcomes if isinstance(each, Appended)]
    assert modseqs == list(range(modseqs[0], modseqs[0] + 5))
    for number, modseq in enumerate(modseqs):
        assert list((await mail.changes(modseq)).changed) == list(range(number + 2, 6))


async def test_a_refused_message_takes_the_others_with_it(mail: Mail) -> None:
    """A failing operation in the middle of a list leaves no trace of the ones before and after it."""
    inbox = await mail.id("INBOX")
    before = await mail.box()
    with pytest.raises(InvalidName):
        await mail.apply(
            Append(inbox, message(1)), Append(inbox, message(2), ("two words",)), Append(inbox, message(3))
        )
    with pytest.raises(NoSuchMailbox):
        await mail.apply(CreateMailbox("New"), Append(inbox, message(1)), Append(MailboxId(77), message(2)))
    assert await mail.box() == before
    assert await mail.names() == ["INBOX"]
    assert await mail.uids() == []
    assert (await mail.account.usage()).messages == 0
    assert (await mail.append()).uid == 1


async def test_concurrent_requests_do_not_share_a_refusal(mail: Mail) -> None:
    """Requests that are committed together succeed and fail one by one."""
    inbox = await mail.id("INBOX")
    wanted = [Append(inbox, message(number), ("bad flag",) if number % 3 == 0 else ("ok",)) for number in range(30)]
    results = await asyncio.gather(*(mail.apply(each) for each in wanted), return_exceptions=True)
    assert [isinstance(each, InvalidName) for each in results] == [number % 3 == 0 for number in range(30)]
    assert await mail.uids() == list(range(1, 21))
    assert await mail.octets() == [message(number) for number in range(30) if number % 3]
    assert set((await mail.flags()).values()) == {"ok"}


async def test_cancelled_waiting_leaves_all_or_nothing(mail: Mail) -> None:
    """Whoever gives up waiting finds the message wholly there or not at all, even when its spool is closed at once."""
    inbox = await mail.id("INBOX")
    spools = []
    for number in range(10):
        spool = Spool()
        spool.write(message(number, size=limits.LITERAL_IN_MEMORY * 2))
        spools.append(spool)
    tasks = [asyncio.ensure_future(mail.apply(Append(inbox, spool))) for spool in spools]
    await asyncio.sleep(0)
    for task, spool in zip(tasks, spools, strict=True):
        task.cancel()
        spool.close()
    await asyncio.gather(*tasks, return_exceptions=True)
    await mail.append(b"last")
    expected = {message(number, size=limits.LITERAL_IN_MEMORY * 2) for number in range(10)} | {b"last"}
    assert set(await mail.octets()) <= expected


async def test_the_internal_date_keeps_its_zone(mail: Mail) -> None:
    """Date and zone come back as given; without one it is now, UTC; dates before 1970 work."""
    zone = timezone(timedelta(hours=-3, minutes=-30))
    await mail.append(date=datetime(2024, 2, 29, 23, 59, 59, tzinfo=zone))
    await mail.append()
    await mail.append(date=datetime(1969, 12, 31, 23, 59, 58, tzinfo=UTC))
    facts = await mail.account.facts(await mail.contents())
    assert [(each.internal_date, each.internal_zone) for each in facts] == [
        (int(datetime(2024, 3, 1, 3, 29, 59, tzinfo=UTC).timestamp()), -210),
        (NOW, 0),
        (-2, 0),
    ]


async def test_a_date_without_zone_is_refused(mail: Mail) -> None:
    """An internal date must be aware; nothing is stored otherwise."""
    with pytest.raises(ValueError, match="zone"):
        await mail.append(date=datetime(2024, 2, 29))  # noqa: DTZ001 - what is tested
    assert await mail.uids() == []


async def test_facts_wire_and_headers_are_ready(mail: Mail) -> None:
    """What is computed at arrival is there for any order and repeats of messages."""
    await mail.append(message(1, Date="Mon, 3 Nov 2025 10:00:00 +0100"))
    await mail.append(message(2))
    first, second = await mail.contents()
    account = mail.account
    facts = await account.facts([second, first, second])
    assert [each.size for each in facts] == [len(message(2)), facts[1].size, len(message(2))]
    assert facts[1].sent_time == int(datetime(2025, 11, 3, 9, tzinfo=UTC).timestamp())
    assert facts[0].sent_date is None
    wire = await account.wire([first])
    assert b'"message 1"' in wire[0].envelope
    assert wire[0].body.startswith(b'("text" "plain"')
    assert wire[0].body_structure.startswith(b'("text" "plain"')
    headers = await account.headers([second, first])
    assert headers[0] == message(2).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    assert await account.previews([second, first, second]) == [f"This is message {each}." for each in (2, 1, 2)]
    part = await account.structure(first)
    assert message(1, Date="Mon, 3 Nov 2025 10:00:00 +0100")[part.body_start : part.body_end].startswith(b"This is")
    assert await account.facts([]) == []


async def test_equal_octets_are_stored_once(mail: Mail) -> None:
    """The same message twice has one blob and one thread, but its own dates; EMAILID is the same with the same date."""
    await mail.append(message(7), date=datetime(2020, 1, 1, tzinfo=UTC))
    await mail.append(message(7), date=datetime(2021, 1, 1, tzinfo=UTC))
    await mail.append(message(8))
    await mail.append(message(7), date=datetime(2020, 1, 1, tzinfo=UTC))
    facts = await mail.account.facts(await mail.contents())
    assert facts[0].email_id == facts[3].email_id
    assert len({each.email_id for each in facts}) == 3
    assert facts[0].thread_id == facts[1].thread_id != facts[2].thread_id
    assert facts[0].internal_date != facts[1].internal_date
    assert mail.sql("SELECT count(*) FROM blob") == [(2,)]


@pytest.mark.parametrize(
    "size", [0, 1, limits.BLOB_IN_DATABASE, limits.BLOB_IN_DATABASE + 1, 3 * limits.BLOB_FRAME + 5]
)
async def test_ranges_of_any_size(mail: Mail, size: int) -> None:
    """Small and large messages are read in any piece, never more than is there."""
    octets = (b"From: a@example.org\r\n\r\n" + bytes(range(256)) * (size // 256 + 1))[:size]
    await mail.append(octets)
    content = (await mail.state()).content_of(0)
    read = mail.account.read
    assert await read(content) == octets
    edges = {0, 1, size // 2, max(0, size - 1), size, size + 1, limits.BLOB_FRAME - 1, limits.BLOB_FRAME}
    for start in edges:
        assert await read(content, start) == octets[start:]
        for length in (0, 1, 70_000, limits.BLOB_FRAME, size):
            assert await read(content, start, length) == octets[start : start + length]


async def test_a_spooled_message(mail: Mail) -> None:
    """A message in a spool file is taken from there; the spool may be closed afterwards."""
    spool = Spool()
    octets = message(1, size=5 * limits.LITERAL_IN_MEMORY)
    for start in range(0, len(octets), 10_000):
        spool.write(octets[start : start + 10_000])
    await mail.append(spool)
    spool.close()
    assert await mail.octets() == [octets]


async def test_import_keys_make_duplicates(mail: Mail) -> None:
    """A key seen before in the mailbox adds nothing, also after the message is gone; other mailboxes have own keys."""
    await mail.create("Other")
    first = await mail.append(message(1), key="k1")
    again = await mail.append(message(2), key="k1")
    assert (first.duplicate, again.duplicate, again.uid) == (False, True, 0)
    assert again.modseq == first.modseq
    await mail.expunge("1")
    assert (await mail.append(message(3), key="k1")).duplicate
    assert not (await mail.append(message(3), key="k1", to="Other")).duplicate
    assert not (await mail.append(message(3), key="k2")).duplicate
    await mail.delete("Other")
    await mail.create("Other")
    assert not (await mail.append(message(3), key="k1", to="Other")).duplicate
    inbox = await mail.id("INBOX")
    outcomes = await mail.apply(Append(inbox, message(4), import_key="x"), Append(inbox, message(5), import_key="x"))
    assert [each.duplicate for each in outcomes if isinstance(each, Appended)] == [False, True]


async def test_a_refused_import_key_is_not_remembered(mail: Mail) -> None:
    """A key counts only once its message is stored."""
    inbox = await mail.id("INBOX")
    with pytest.raises(InvalidName):
        await mail.apply(Append(inbox, message(1), import_key="k"), Append(inbox, message(2), ("",)))
    assert not (await mail.append(message(1), key="k")).duplicate


async def test_threads_follow_references(mail: Mail) -> None:
    """Answers join the thread of what they answer, also when that comes later; others start their own."""
    await mail.append(message(1))
    await mail.append(message(2, In_Reply_To="<1@example.org>"))
    await mail.append(message(3, References="<9@example.org> <2@example.org>"))
    await mail.append(message(4))
    await mail.append(message(9))
    await mail.append(b"no header\r\n")
    await mail.append(b"no header\r\n\r\neither")
    facts = await mail.account.facts(await mail.contents())
    threads = [each.thread_id for each in facts]
    assert threads[0] == threads[1] == threads[2] == threads[4]
    assert len(set(threads)) == 4


async def test_ids_in_two_accounts(mail: Mail) -> None:
    """The same message has the same EMAILID wherever it is; a conversation is one account's (RFC 8474 §5)."""
    date = datetime(2020, 1, 1, tzinfo=UTC)
    await mail.append(message(1), date=date)
    (facts,) = await mail.account.facts(await mail.contents())
    async with Mail(None, account="b2c3d4") as other:
        await other.append(message(1), date=date)
        (others,) = await other.account.facts(await other.contents())
    assert facts.email_id == others.email_id
    assert facts.thread_id != others.thread_id
    assert len(facts.thread_id) == len(others.thread_id) == 17


async def test_quota_of_octets_and_messages(mail: Mail) -> None:
    """Usage counts every copy; what would exceed a limit is refused whole; expunging makes room."""
    other = await mail.create("Other")
    size = len(message(1))
    await mail.apply(SetQuota(3 * size, None))
    await mail.append(message(1))
    await mail.copy("1", "Other")
    assert (await mail.account.usage()).octets == 2 * size
    inbox = await mail.id("INBOX")
    with pytest.raises(OverQuota):
        await mail.apply(Append(inbox, message(1)), Append(inbox, message(2)))
    with pytest.raises(OverQuota):
        await mail.apply(*[Copy(inbox, uids("1"), other.id)] * 2)
    await mail.move("1", "Other")
    await mail.expunge("1", source="Other")
    await mail.append(message(2))
    await mail.apply(SetQuota(None, 2))
    usage = await mail.account.usage()
    assert (usage.octets_limit, usage.messages_limit, usage.messages) == (None, 2, 2)
    with pytest.raises(OverQuota):
        await mail.append(message(3))


async def test_replacing_needs_no_room_for_both(mail: Mail) -> None:
    """Quota is judged by the whole list, and an account already over it may still shrink and move mail."""
    await mail.fill(3)
    inbox = await mail.id("INBOX")
    await mail.apply(SetQuota(10, 2))
    with pytest.raises(OverQuota):
        await mail.append(message(9))
    await mail.apply(Append(inbox, message(1)), Expunge(inbox, uids("1"), only_deleted=False))
    await mail.create("Other")
    await mail.move("2", "Other")
    assert await mail.uids() == [3, 4]


async def test_flags_that_cannot_be(mail: Mail) -> None:
    """Bad flag names are refused with the reason, and nothing is stored."""
    for bad in ("", "two words", "\\Recent", "\\recent", "tab\t", "\\", "nul\x00"):
        with pytest.raises(InvalidName):
            await mail.append(message(), bad)
    with pytest.raises(LimitReached):
        await mail.append(message(), "k" * (limits.KEYWORD + 1))
    with pytest.raises(LimitReached):
        await mail.append(message(), *(f"k{number}" for number in range(limits.KEYWORDS_PER_MESSAGE + 10)))
    assert await mail.uids() == []


async def test_contents_that_are_not_there(mail: Mail) -> None:
    """Asking for a message that is not stored is refused, not answered with nothing."""
    for ask in (mail.account.facts, mail.account.wire, mail.account.headers):
        with pytest.raises(MessageDamaged):
            await ask([ContentId(12345)])
    with pytest.raises(MessageDamaged):
        await mail.account.read(ContentId(12345))
    with pytest.raises(MessageDamaged):
        await mail.account.structure(ContentId(12345))


async def test_a_refused_request_leaves_no_trace_in_its_group(mail: Mail) -> None:
    """Of requests committed together, one that is refused half way changes neither numbers nor flags of the others."""
    await mail.fill(4)
    inbox = await mail.id("INBOX")
    await mail.state()
    before = await mail.box()
    lists: list[list[Operation]] = []
    for number in range(6):
        refused: list[Operation] = [Append(inbox, b"", ("not a flag",))] if number % 2 else []
        flags = SetFlags(inbox, uids("1:3"), FlagMode.ADD, (f"k{number}",))
        moved = Move(inbox, uids("4"), inbox) if number == 1 else Append(inbox, message(10 + number), (f"n{number}",))
        lists.append([flags, moved, CreateMailbox(f"box{number}"), *refused])
    results = await mail.together(*lists)
    assert [isinstance(each, InvalidName) for each in results] == [bool(number % 2) for number in range(6)]
    assert await mail.flags() == {**dict.fromkeys((1, 2, 3), "k0 k2 k4"), 4: "", 5: "n0", 6: "n2", 7: "n4"}
    assert await mail.names() == ["INBOX", "box0", "box2", "box4"]
    after = await mail.box()
    assert (after.uid_next, after.messages) == (8, 7)
    assert after.highest_modseq == before.highest_modseq + 8
    assert (await mail.changes(before.highest_modseq)).changed == uids("1:3,5:7")
    await mail.flag("4", FlagMode.REPLACE, "k0", "k1")
    await mail.flag("5", FlagMode.REPLACE, "n1")
    assert ((await mail.flags())[4], (await mail.flags())[5]) == ("k0 k1", "n1")


async def test_a_request_that_is_given_up_while_it_waits_does_not_happen(file_mail: Mail) -> None:
    """Cancelled before its transaction began, a request is dropped; the ones beside it go on."""
    inbox = await file_mail.id("INBOX")
    go_on = threading.Event()
    held = asyncio.ensure_future(file_mail.account.run_in_writer(lambda _connection: go_on.wait(10)))
    tasks = [asyncio.ensure_future(file_mail.apply(Append(inbox, message(number)))) for number in range(3)]
    while len(file_mail.account._writer._queue) < 3:
        await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.sleep(0)
    go_on.set()
    await held
    await asyncio.gather(*tasks, return_exceptions=True)
    assert await file_mail.octets() == [message(0), message(2)]
