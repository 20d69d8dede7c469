"""Random histories of an account that its owner and two members use, against a naive model.

The model keeps for each message the owner's flags and those that each member has of his own, and puts together what
everybody sees. Over files, in memory, and as a second process sees it.
"""

import asyncio
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mailwren.base.ids import ModSeq
from mailwren.base.ranges import RangeSet
from mailwren.store.check import check_account
from mailwren.store.operations import (
    Append,
    Copied,
    Copy,
    Expunge,
    Expunged,
    FlagMode,
    FlagsSet,
    Move,
    Operation,
    Outcome,
    RenameMailbox,
    SetFlags,
    SetPrivateFlags,
)
from tests.contract.harness import Clock, Mail, message

T = TypeVar("T")
OWNER = ""
PEOPLE = [OWNER, "ann", "ben"]
NAMES = ["INBOX", "a"]
FLAGS = ["\\Seen", "\\Deleted", "\\Flagged", "One", "two"]
people = st.sampled_from(PEOPLE)
names = st.sampled_from(NAMES)
flag_lists = st.lists(st.sampled_from(FLAGS), max_size=3, unique=True).map(frozenset)
private_lists = st.lists(st.sampled_from(["\\Seen", "\\Seen", "\\Flagged", "One", "*"]), max_size=3).map(frozenset)
uid_sets = st.one_of(
    st.lists(st.tuples(st.integers(1, 10), st.integers(1, 20)), min_size=1, max_size=3).map(RangeSet),
    st.sets(st.integers(1, 40), min_size=9, max_size=25).map(RangeSet.of),
    st.just(RangeSet([(1, 2**32 - 1)])),
)


@dataclass
class ModelMessage:
    """A message as the model has it."""

    flags: frozenset[str]
    own: dict[str, frozenset[str]]
    """By member; whoever has something here has a mod-sequence, too."""
    modseq: int
    own_modseqs: dict[str, int]


@dataclass
class ModelBox:
    """A mailbox as the model has it."""

    private: frozenset[str] = frozenset({"\\Seen"})
    messages: dict[int, ModelMessage] = field(default_factory=dict)
    uid_next: int = 1
    looks: dict[str, list[tuple[int, dict[int, frozenset[str]]]]] = field(default_factory=dict)
    """What each saw when a mod-sequence was the last one."""

    def is_private(self, flag: str) -> bool:
        """Whether everybody has the flag for himself."""
        return flag in self.private or ("*" in self.private and not flag.startswith("\\"))

    def own(self, flags: frozenset[str]) -> frozenset[str]:
        """Those that are private."""
        return frozenset(filter(self.is_private, flags))

    def seen(self, person: str, uid: int) -> frozenset[str]:
        """The flags that somebody sees."""
        each = self.messages[uid]
        if person == OWNER:
            return each.flags
        return (each.flags - self.own(each.flags)) | self.own(each.own.get(person, frozenset()))

    def modseq(self, person: str, uid: int) -> int:
        """The mod-sequence that somebody sees."""
        return max(self.messages[uid].modseq, self.messages[uid].own_modseqs.get(person, 0))

    def chosen(self, uids: RangeSet) -> list[int]:
        """The UIDs of a set that are there."""
        return [uid for uid in sorted(self.messages) if uid in uids]

    def add(self, message: ModelMessage) -> int:
        """One message more."""
        uid = self.uid_next
        self.uid_next += 1
        self.messages[uid] = message
        return uid

    def change(self, person: str, uid: int, change: Callable[[frozenset[str]], frozenset[str]], modseq: int) -> bool:
        """Change what somebody sees; whether anything changed."""
        each = self.messages[uid]
        before = self.seen(person, uid)
        after = change(before)
        if after == before:
            return False
        if person == OWNER:
            each.flags, each.modseq = after, modseq
            return True
        if after - self.own(after) != before - self.own(before):
            each.flags, each.modseq = self.own(each.flags) | (after - self.own(after)), modseq
        if self.own(after) != self.own(before):
            hidden = each.own.get(person, frozenset())
            each.own[person] = (hidden - self.own(hidden)) | self.own(after)
            each.own_modseqs[person] = modseq
        return True


class MembersMachine(RuleBasedStateMachine):
    """Everything is done to all, and all must agree."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = Clock()
        self.file = Mail(Path(self.folder.name), self.clock)
        self.memory = Mail(None, self.clock)
        self.other = Mail(Path(self.folder.name), self.clock)
        self.boxes = {name: ModelBox() for name in NAMES}
        self.number = 0

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run to the end."""
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        """Check the files, and leave nothing behind."""
        for mail in (self.file, self.memory, self.other):
            self.run(mail.close())
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()
        assert check_account(self.file.account_folder) == []
        self.folder.cleanup()

    @initialize()
    def start(self) -> None:
        """Two mailboxes with some messages."""
        for mail in (self.file, self.memory, self.other):
            self.run(mail.open())
        for mail in (self.file, self.memory):
            self.run(mail.create("a"))
        for name in (*NAMES, "INBOX"):
            self.append(OWNER, name, frozenset({"One"}))
            self.append("ann", name, frozenset({"\\Seen"}))

    def view(self, mail: Mail, person: str) -> Mail:
        """An account as somebody has it."""
        return mail if person == OWNER else mail.member(person)

    def apply(self, person: str, make: Callable[[Mail], Coroutine[Any, Any, Operation]]) -> Outcome:
        """Do the same over files and in memory; both tell the same."""
        views = [self.view(mail, person) for mail in (self.file, self.memory)]
        (outcome,), other = (self.run(view.apply(self.run(make(view)))) for view in views)
        assert other == [outcome]
        return outcome

    # --- what is done -------------------------------------------------------------------------------------------
    @rule(person=people, name=names, flags=flag_lists)
    def append(self, person: str, name: str, flags: frozenset[str]) -> None:
        """A message comes in."""
        self.number += 1
        octets = message(self.number)

        async def make(mail: Mail) -> Operation:
            return Append(await mail.id(name), octets, tuple(flags))

        modseq = self.apply(person, make).modseq  # type: ignore[union-attr] # Appended
        box = self.boxes[name]
        new = ModelMessage(flags, {}, modseq, {})
        if person != OWNER:
            new.flags -= box.own(flags)
            if box.own(flags):
                new.own[person], new.own_modseqs[person] = box.own(flags), modseq
        box.add(new)

    @rule(
        person=people,
        name=names,
        uids=uid_sets,
        mode=st.sampled_from(FlagMode),
        flags=flag_lists,
        since=st.integers(0, 2),
    )
    def set_flags(
        self, *, person: str, name: str, uids: RangeSet, mode: FlagMode, flags: frozenset[str], since: int
    ) -> None:
        """Flags change, sometimes only where nothing changed lately."""
        box = self.boxes[name]
        modseqs = sorted(box.modseq(person, uid) for uid in box.messages)
        unchanged = ModSeq(modseqs[len(modseqs) // 2]) if since == 0 and modseqs else None

        async def make(mail: Mail) -> Operation:
            return SetFlags(await mail.id(name), uids, mode, tuple(flags), unchanged)

        outcome = self.apply(person, make)
        assert isinstance(outcome, FlagsSet)
        changed, refused = set(), set()
        for uid in box.chosen(uids):
            if unchanged is not None and box.modseq(person, uid) > unchanged:
                refused.add(uid)
            elif box.change(person, uid, lambda before: _changed(before, mode, flags), outcome.modseq):
                changed.add(uid)
        assert set(outcome.changed) == changed
        assert set(outcome.refused) == refused

    @rule(person=people, source=names, goal=names, uids=uid_sets, move=st.booleans())
    def copy_or_move(self, person: str, source: str, goal: str, uids: RangeSet, *, move: bool) -> None:
        """Messages are copied or moved, also within a mailbox."""

        async def make(mail: Mail) -> Operation:
            return (Move if move else Copy)(await mail.id(source), uids, await mail.id(goal))

        outcome = self.apply(person, make)
        assert isinstance(outcome, Copied)
        old, new = self.boxes[source], self.boxes[goal]
        chosen = old.chosen(uids)
        assert list(outcome.source_uids) == chosen
        copies = [self._copy(person, old, uid, new, outcome.modseq, everybody=move) for uid in chosen]
        assert list(outcome.target_uids) == [new.add(each) for each in copies]
        for uid in chosen if move else ():
            del old.messages[uid]

    def _copy(
        self, person: str, old: ModelBox, uid: int, new: ModelBox, modseq: int, *, everybody: bool
    ) -> ModelMessage:
        each = old.messages[uid]
        own = dict(each.own) if everybody else {}
        flags = each.flags
        if person != OWNER:
            own.pop(person, None)
            seen = old.seen(person, uid)
            if old.private == new.private:
                if person in each.own:
                    own[person] = each.own[person]
            else:
                flags = new.own(each.flags) | (seen - new.own(seen))
                if new.own(seen):
                    own[person] = new.own(seen)
        return ModelMessage(flags, own, modseq, dict.fromkeys(own, modseq))

    @rule(person=people, name=names, uids=uid_sets, only_deleted=st.booleans())
    def expunge(self, person: str, name: str, uids: RangeSet, *, only_deleted: bool) -> None:
        """Messages go."""

        async def make(mail: Mail) -> Operation:
            return Expunge(await mail.id(name), uids, only_deleted)

        outcome = self.apply(person, make)
        assert isinstance(outcome, Expunged)
        box = self.boxes[name]
        gone = [uid for uid in box.chosen(uids) if not only_deleted or "\\Deleted" in box.messages[uid].flags]
        assert list(outcome.uids) == gone
        for uid in gone:
            del box.messages[uid]

    @rule(person=people, name=names, flags=private_lists)
    def set_private_flags(self, person: str, name: str, flags: frozenset[str]) -> None:
        """Other flags are private from now on."""
        box = self.boxes[name]

        async def make(mail: Mail) -> Operation:
            return SetPrivateFlags(await mail.id(name), flags)

        before = self.run(self.file.box(name)).highest_modseq
        for mail in (self.file, self.memory):
            self.run(self.view(mail, person).apply(self.run(make(mail))))
        after = self.run(self.file.box(name)).highest_modseq
        changing = {flag for flag in FLAGS if box.is_private(flag)}
        box.private = flags
        changing ^= {flag for flag in FLAGS if box.is_private(flag)}
        touched = [each for each in box.messages.values() if changing & each.flags.union(*each.own.values())]
        assert (after > before) == bool(touched)
        for each in touched:
            each.modseq = after

    @rule(person=people)
    def rename_inbox(self, person: str) -> None:
        """INBOX's mail goes into a mailbox that is then deleted again, or moved back."""

        async def work(mail: Mail) -> int:
            await mail.apply(RenameMailbox("INBOX", "z"))
            box = await mail.box("z")
            moved = await mail.move("1:4294967295", "INBOX", "z")
            await mail.delete("z")
            assert box.messages == len(moved.source_uids)
            return moved.modseq

        modseq, other = (self.run(work(self.view(mail, person))) for mail in (self.file, self.memory))
        assert modseq == other
        box = self.boxes["INBOX"]
        for uid in sorted(box.messages):
            each = box.messages.pop(uid)
            each.modseq, each.own_modseqs = modseq, dict.fromkeys(each.own_modseqs, modseq)
            box.add(each)

    @rule()
    def reopen(self) -> None:
        """The file store starts anew."""
        self.run(self.file.close())
        self.run(self.file.open())

    # --- what everybody sees ------------------------------------------------------------------------------------
    @invariant()
    def everybody_sees_what_the_model_has(self) -> None:
        """Flags, mod-sequences, counters, and what changed since any moment before."""
        if not self.number:
            return
        for mail in (self.file, self.memory, self.other):
            for person in PEOPLE:
                for name, box in self.boxes.items():
                    self.run(self._compare(self.view(mail, person), person, name, box))
        for name, box in self.boxes.items():
            for person in PEOPLE:
                modseq = self.run(self.view(self.file, person).box(name)).highest_modseq
                look = {uid: box.seen(person, uid) for uid in box.messages}
                box.looks.setdefault(person, []).append((modseq, look))

    async def _compare(self, mail: Mail, person: str, name: str, box: ModelBox) -> None:
        state = await mail.state(name)
        expected = {uid: box.seen(person, uid) for uid in sorted(box.messages)}
        assert {uid: frozenset(flags.split()) for uid, flags in (await mail.flags(name)).items()} == expected
        assert list(state.modseqs) == [box.modseq(person, uid) for uid in sorted(box.messages)]
        mailbox = await mail.box(name)
        assert mailbox.unseen == sum("\\Seen" not in flags for flags in expected.values())
        assert mailbox.highest_modseq == state.modseq
        for modseq, look in box.looks.get(person, [])[-8:]:
            changes = await mail.changes(modseq, name)
            different = {uid for uid, flags in expected.items() if look.get(uid) != flags}
            assert different <= set(changes.changed) <= set(expected)
            assert look.keys() - expected.keys() <= set(changes.expunged)
            assert not set(changes.expunged) & set(expected)


def _changed(before: frozenset[str], mode: FlagMode, flags: frozenset[str]) -> frozenset[str]:
    return {FlagMode.ADD: before | flags, FlagMode.REMOVE: before - flags, FlagMode.REPLACE: flags}[mode]


MembersMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
TestMembers = MembersMachine.TestCase
