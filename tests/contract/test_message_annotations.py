"""Annotations of messages (RFC 5257): set, read, counted, private, copied, and gone with their messages."""

import pytest

from mailwren.base import limits
from mailwren.base.ids import ModSeq, Uid
from mailwren.store.errors import LimitReached, OverQuota
from mailwren.store.operations import (
    AnnotationsSet,
    Append,
    Appended,
    Copy,
    FlagMode,
    SetFlags,
    SetMessageAnnotations,
    SetPrivateFlags,
    SetQuota,
)
from mailwren.store.sqlite import sweeping
from mailwren.store.values import AnnotationValue
from tests.contract.harness import Mail, message, uids
from tests.contract.test_two_processes import second

COMMENT = "/comment"


async def note(
    mail: Mail, which: str, *values: tuple[str, bool, bytes | None], to: str = "INBOX", since: int | None = None
) -> AnnotationsSet:
    """Annotate messages: entry, whether it is shared, value."""
    operation = SetMessageAnnotations(
        await mail.id(to),
        uids(which),
        tuple(AnnotationValue(*each) for each in values),
        None if since is None else ModSeq(since),
    )
    (outcome,) = await mail.apply(operation)
    assert isinstance(outcome, AnnotationsSet)
    return outcome


async def share(mail: Mail, which: str, value: bytes | None, *, to: str = "INBOX", entry: str = COMMENT) -> ModSeq:
    """Set one shared value."""
    return (await note(mail, which, (entry, True, value), to=to)).modseq


async def keep(mail: Mail, which: str, value: bytes | None, *, to: str = "INBOX", entry: str = COMMENT) -> ModSeq:
    """Set one private value."""
    return (await note(mail, which, (entry, False, value), to=to)).modseq


async def notes(mail: Mail, name: str = "INBOX", *entries: str) -> dict[int, dict[tuple[str, bool], bytes]]:
    """What the messages of a mailbox are annotated with."""
    state = await mail.state(name)
    all_uids = [Uid(uid) for uid in state.uids]
    found: dict[int, dict[tuple[str, bool], bytes]] = {}
    for each in await mail.account.message_annotations(state.mailbox.id, all_uids, entries or None):
        found.setdefault(each.uid, {})[each.entry, each.is_shared] = each.value
    return found


async def changed(mail: Mail, since: int, name: str = "INBOX") -> list[tuple[int, str]]:
    """Annotations that were changed after a mod-sequence."""
    state = await mail.state(name)
    all_uids = [Uid(uid) for uid in state.uids]
    return [
        (uid, entry)
        for uid, entry, _modseq in await mail.account.changed_message_annotations(
            state.mailbox.id, all_uids, ModSeq(since)
        )
    ]


async def octets(mail: Mail) -> int:
    """The account's octets of annotations."""
    return (await mail.account.usage()).annotation_octets


async def test_set_read_and_remove(mail: Mail) -> None:
    """What was set is read, by entry too; any octets, also none; what is removed is gone (RFC 5257 §4.5)."""
    await mail.fill(3)
    await note(mail, "1:2", (COMMENT, True, b"a\x00\xff"), (COMMENT, False, b""))
    await keep(mail, "2", b"Rhinoceroses!", entry="/altsubject")
    assert await notes(mail) == {
        1: {(COMMENT, True): b"a\x00\xff", (COMMENT, False): b""},
        2: {(COMMENT, True): b"a\x00\xff", (COMMENT, False): b"", ("/altsubject", False): b"Rhinoceroses!"},
    }
    assert list(await notes(mail, "INBOX", "/altsubject", "/x")) == [2]
    await share(mail, "1:9", None)
    assert await notes(mail) == {
        1: {(COMMENT, False): b""},
        2: {(COMMENT, False): b"", ("/altsubject", False): b"Rhinoceroses!"},
    }


async def test_changes_take_a_mod_sequence(mail: Mail) -> None:
    """Messages that change do, those that have the value already do not; the log tells of it (RFC 7162 §3.1.3)."""
    await mail.fill(4)
    before = (await mail.box()).highest_modseq
    outcome = await note(mail, "2:3", (COMMENT, True, b"x"))
    assert (outcome.changed, outcome.refused) == (uids("2:3"), uids(""))
    assert outcome.modseq > before
    assert (await mail.changes(before)).changed == uids("2:3")
    assert list((await mail.state()).modseqs)[1:3] == [outcome.modseq] * 2
    again = await note(mail, "1:3", (COMMENT, True, b"x"))
    assert again.changed == uids("1")
    nothing = await note(mail, "1:4", (COMMENT, True, b"x"), ("/altsubject", True, None), since=None)
    assert nothing.changed == uids("4")
    still = await note(mail, "1:4", (COMMENT, True, b"x"), ("/altsubject", True, None))
    assert (still.changed, still.modseq) == (uids(""), nothing.modseq)


async def test_unless_changed_since(mail: Mail) -> None:
    """Messages that changed after a mod-sequence are left alone and named (RFC 7162 §3.1.3)."""
    await mail.fill(3)
    since = (await mail.box()).highest_modseq
    await share(mail, "2", b"theirs")
    outcome = await note(mail, "1:3", (COMMENT, True, b"ours"), since=since)
    assert (outcome.changed, outcome.refused) == (uids("1,3"), uids("2"))
    assert (await notes(mail))[2] == {(COMMENT, True): b"theirs"}


async def test_flags_are_not_touched(mail: Mail) -> None:
    """A message keeps its flags, and a change of flags keeps the annotations."""
    await mail.fill(1, "\\Flagged")
    await mail.state()
    await share(mail, "1", b"x")
    assert await mail.flags() == {1: "\\Flagged"}
    await mail.flag("1", FlagMode.ADD, "\\Seen")
    assert await notes(mail) == {1: {(COMMENT, True): b"x"}}


async def test_private_ones_are_each_members_own(mail: Mail) -> None:
    """Shared values are everybody's, private ones nobody else's, and changing those is no news to others."""
    await mail.fill(2)
    ann, bob = mail.member("ann"), mail.member("bob")
    await share(ann, "1", b"all")
    before = await mail.box()
    await keep(ann, "1:2", b"ann's")
    assert (await mail.box()).highest_modseq == before.highest_modseq == (await bob.box()).highest_modseq
    assert (await ann.box()).highest_modseq > before.highest_modseq
    assert (await ann.changes(before.highest_modseq)).changed == uids("1:2")
    assert (await bob.changes(before.highest_modseq)).changed == uids("")
    await keep(mail, "2", b"owner's")
    assert await notes(mail) == {1: {(COMMENT, True): b"all"}, 2: {(COMMENT, False): b"owner's"}}
    assert await notes(bob) == {1: {(COMMENT, True): b"all"}}
    assert await notes(ann) == {
        1: {(COMMENT, True): b"all", (COMMENT, False): b"ann's"},
        2: {(COMMENT, False): b"ann's"},
    }
    await keep(bob, "1:2", None)
    await keep(ann, "1", None)
    assert list(await notes(ann)) == [1, 2]
    assert (await notes(ann))[1] == {(COMMENT, True): b"all"}


async def test_a_members_own_and_his_flags(mail: Mail) -> None:
    """Both stand in one row: neither undoes the other, and what is seen stays counted."""
    await mail.fill(3)
    ann = mail.member("ann")
    await ann.flag("1", FlagMode.ADD, "\\Seen")
    await keep(ann, "1:2", b"x")
    assert (await ann.box()).unseen == 2
    await ann.flag("2", FlagMode.ADD, "\\Seen")
    since = (await ann.box()).highest_modseq
    await keep(ann, "2", b"y")
    outcome = await note(ann, "1:2", (COMMENT, False, b"z"), since=since)
    assert (outcome.changed, outcome.refused) == (uids("1"), uids("2"))
    assert await ann.flags() == {1: "\\Seen", 2: "\\Seen", 3: ""}
    await mail.apply(SetPrivateFlags(await mail.id("INBOX"), frozenset()))


async def test_what_changed(mail: Mail) -> None:
    """What was set or removed after a mod-sequence is told, others' private ones are not, until it is swept."""
    await mail.fill(2)
    ann = mail.member("ann")
    first = await share(mail, "1:2", b"x")
    second = await keep(mail, "1", b"mine", entry="/altsubject")
    await share(ann, "2", None)
    assert await changed(mail, first) == [(1, "/altsubject"), (2, COMMENT)]
    assert await changed(ann, first) == [(2, COMMENT)]
    assert await changed(ann, second) == [(2, COMMENT)]
    assert (await mail.box()).annotations == 3
    assert await mail.account.run_in_writer(sweeping.forget_annotations) == 1
    assert await mail.account.run_in_writer(sweeping.forget_annotations) == 0
    assert await changed(ann, first) == []
    assert (await mail.box()).annotations == 2


@pytest.mark.parametrize("which", ["1:3", "1,3,5,7,9,11,13,15,17,19,21,23,25"])
@pytest.mark.parametrize("kind", ["copy", "move"])
async def test_copies_have_the_shared_and_the_acting_ones(mail: Mail, kind: str, which: str) -> None:
    """ "all .priv annotation data for the current user only, and all .shared annotation data" (RFC 5257 §4.6)."""
    await mail.fill(25)
    await mail.create("to")
    ann, bob = mail.member("ann"), mail.member("bob")
    for uid in (1, 3, 9):
        await share(mail, str(uid), b"s%d" % uid)
        await keep(ann, str(uid), b"a%d" % uid)
        await keep(bob, str(uid), b"b%d" % uid)
    await share(mail, "1", b"gone", entry="/altsubject")
    await share(mail, "1", None, entry="/altsubject")
    outcome = await (ann.copy(which, "to") if kind == "copy" else ann.move(which, "to"))
    new = dict(zip(outcome.source_uids, outcome.target_uids, strict=True))
    expected = {
        new[uid]: {(COMMENT, True): b"s%d" % uid, (COMMENT, False): b"a%d" % uid} for uid in (1, 3, 9) if uid in new
    }
    assert await notes(ann, "to") == expected
    assert await notes(bob, "to") == {uid: {(COMMENT, True): each[COMMENT, True]} for uid, each in expected.items()}
    left = 9 if kind == "copy" else 9 - 3 * len(expected)
    assert (await mail.box("to")).annotations == 2 * len(expected)
    assert (await mail.box()).annotations == left + (kind == "copy")


async def test_shared_ones_stay_behind_if_asked(mail: Mail) -> None:
    """Where the shared annotations of the target may not be written, they are not copied (RFC 5257 §4.6)."""
    await mail.fill(1)
    target = await mail.create("to")
    await note(mail, "1", (COMMENT, True, b"s"), (COMMENT, False, b"p"))
    await mail.apply(Copy(await mail.id("INBOX"), uids("1"), target.id, shared_annotations=False))
    assert await notes(mail, "to") == {1: {(COMMENT, False): b"p"}}


async def test_a_copy_into_the_same_mailbox(mail: Mail) -> None:
    """Copies beside their originals have annotations of their own."""
    await mail.fill(2)
    await share(mail, "1:2", b"s")
    await mail.copy("1:2", "INBOX")
    await share(mail, "1", b"t")
    assert {uid: each[COMMENT, True] for uid, each in (await notes(mail)).items()} == {
        1: b"t",
        2: b"s",
        3: b"s",
        4: b"s",
    }


async def test_renaming_inbox_keeps_everybodys(mail: Mail) -> None:
    """Nobody loses what he noted when INBOX is renamed; other mailboxes keep their rows."""
    await mail.fill(1)
    ann = mail.member("ann")
    await note(ann, "1", (COMMENT, True, b"s"), (COMMENT, False, b"p"))
    await mail.rename("INBOX", "old")
    await mail.rename("old", "older")
    assert await notes(ann, "older") == {1: {(COMMENT, True): b"s", (COMMENT, False): b"p"}}
    assert (await mail.box()).annotations == 0


async def test_gone_with_the_message(mail: Mail) -> None:
    """Expunging and deleting a mailbox give the octets back."""
    await mail.fill(3)
    await mail.create("b")
    await mail.copy("1:3", "b")
    for name in ("INBOX", "b"):
        await share(mail, "1:3", b"12345", to=name)
        await keep(mail.member("ann"), "2", b"1", to=name)
    assert await octets(mail) == 2 * (3 * 13 + 9)
    await mail.expunge("2")
    assert await octets(mail) == 5 * 13 + 9
    await mail.delete("b")
    assert await octets(mail) == 2 * 13
    await mail.expunge()
    assert await octets(mail) == 0
    assert mail.sql("SELECT count(*) FROM message_annotation") == [(0,)]


async def test_new_messages(mail: Mail) -> None:
    """A message comes in with its annotations (RFC 5257 §4.7)."""
    inbox = await mail.id("INBOX")
    values = (
        AnnotationValue(COMMENT, False, b"mine"),
        AnnotationValue("/altsubject", True, b"s"),
        AnnotationValue("/vendor/x", True, None),
    )
    ann = mail.member("ann")
    (outcome,) = await ann.apply(Append(inbox, message(), annotations=values))
    assert isinstance(outcome, Appended)
    assert await notes(ann) == {1: {(COMMENT, False): b"mine", ("/altsubject", True): b"s"}}
    assert await notes(mail) == {1: {("/altsubject", True): b"s"}}


async def test_limits(mail: Mail, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many of a message, so many octets of an account; what is refused changes nothing (RFC 5257 §4.1)."""
    monkeypatch.setattr(limits, "ANNOTATIONS_PER_MESSAGE", 2)
    monkeypatch.setattr(limits, "ANNOTATION_OCTETS", 60)
    await mail.fill(3)
    await note(mail, "1", (COMMENT, True, b""), (COMMENT, False, b""))
    await note(mail.member("ann"), "1", (COMMENT, False, b""))
    before = (await octets(mail), await notes(mail), (await mail.box()).highest_modseq)
    with pytest.raises(LimitReached):
        await note(mail, "1:2", ("/altsubject", True, b""))
    with pytest.raises(OverQuota):
        await note(mail, "1:3", (COMMENT, True, b"0123456789"))
    assert (await octets(mail), await notes(mail), (await mail.box()).highest_modseq) == before
    await share(mail, "1", None)
    await note(mail, "1", ("/altsubject", True, b""))
    await mail.apply(SetQuota(None, None, None, 40))
    with pytest.raises(OverQuota):
        await mail.copy("1", "INBOX")
    await share(mail, "1", None, entry="/altsubject")


async def test_refused_together(mail: Mail) -> None:
    """One refused request among several leaves no trace of its annotations."""
    await mail.fill(2)
    inbox = await mail.id("INBOX")
    good = SetMessageAnnotations(inbox, uids("1"), (AnnotationValue(COMMENT, True, b"x"),))
    bad = (
        SetMessageAnnotations(inbox, uids("2"), (AnnotationValue(COMMENT, True, b"y"),)),
        SetFlags(inbox, uids("2"), FlagMode.ADD, ("bad flag",)),
    )
    results = await mail.together([good], bad)
    assert isinstance(results[1], Exception)
    assert await notes(mail) == {1: {(COMMENT, True): b"x"}}


async def test_two_processes(file_mail: Mail) -> None:
    """What one process notes, copies and removes, the other sees with its mod-sequence; both count the same."""
    one = file_mail
    async with second(one) as two:
        await one.fill(4)
        for side, other in ((one, two), (two, one)):
            first = (await side.uids())[0]
            since = (await other.state()).modseq
            await share(side, f"{first}:{first + 2}", b"by %d" % id(side))
            await keep(side.member("ann"), f"{first + 1}", b"%d" % id(side))
            assert await notes(other) == await notes(side)
            assert await notes(other.member("ann")) == await notes(side.member("ann"))
            assert (await other.changes(since)).changed == uids(f"{first}:{first + 2}")
            assert await changed(other, since) == [(first + number, COMMENT) for number in range(3)]
            await side.copy(str(first), "INBOX")
            await side.expunge(str(first))
            await share(side, str(first + 1), None)
            assert await notes(other) == await notes(side)
            assert (await other.box()).annotations == (await side.box()).annotations
            await one.verify()
            await two.verify()
