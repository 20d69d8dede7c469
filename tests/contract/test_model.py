"""Random operations against a naive model: over files, in memory, and as a second process sees them."""

import asyncio
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mailwren.base import limits
from mailwren.base.ids import ModSeq
from mailwren.base.ranges import RangeSet
from mailwren.store.check import check_account
from mailwren.store.errors import StoreError
from mailwren.store.operations import (
    Append,
    Appended,
    Copied,
    Copy,
    CreateMailbox,
    DeleteMailbox,
    Expunge,
    Expunged,
    FlagMode,
    FlagsSet,
    MailboxChanged,
    Move,
    Operation,
    Outcome,
    RenameMailbox,
    SetFlags,
)
from tests.contract.harness import Clock, Mail, message

T = TypeVar("T")
NAMES = ["INBOX", "a", "b", "a/b", "c/d"]
FLAGS = ["\\Seen", "\\Deleted", "\\Flagged", "One", "two"]
names = st.sampled_from(["INBOX", "INBOX", "a", "a", "b", "a/b", "c/d"])
"""Mostly those that are there from the beginning."""
flag_lists = st.lists(st.sampled_from(FLAGS), max_size=3, unique=True).map(tuple)
uid_sets = st.one_of(
    st.lists(st.tuples(st.integers(1, 15), st.integers(1, 30)), min_size=1, max_size=3).map(RangeSet),
    st.sets(st.integers(1, 60), min_size=9, max_size=25).map(RangeSet.of),
    st.just(RangeSet([(1, 2**32 - 1)])),
)


@dataclass
class ModelMessage:
    """A message as the model has it."""

    octets: bytes
    flags: frozenset[str]
    modseq: int


@dataclass
class ModelBox:
    """A mailbox as the model has it."""

    messages: dict[int, ModelMessage] = field(default_factory=dict)
    uid_next: int = 1
    history: list[tuple[int, set[int], set[int]]] = field(default_factory=list)
    """Mod-sequence, UIDs changed, UIDs gone."""

    def chosen(self, uids: RangeSet) -> list[int]:
        """The UIDs of a set that are there."""
        return [uid for uid in sorted(self.messages) if uid in uids]

    def add(self, octets: bytes, flags: frozenset[str], modseq: int) -> int:
        """Add a message."""
        uid = self.uid_next
        self.uid_next += 1
        self.messages[uid] = ModelMessage(octets, flags, modseq)
        self.history.append((modseq, {uid}, set()))
        return uid

    def remove(self, uids: list[int], modseq: int) -> None:
        """Remove messages."""
        for uid in uids:
            del self.messages[uid]
        self.history.append((modseq, set(), set(uids)))


class StoreMachine(RuleBasedStateMachine):
    """Everything is done to all, and all must agree."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = Clock()
        self.file = Mail(Path(self.folder.name), self.clock)
        self.memory = Mail(None, self.clock)
        self.other = Mail(Path(self.folder.name), self.clock)
        self.boxes: dict[str, ModelBox] = {}
        self.number = 0
        self.validities: dict[str, int] = {}

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
        """Three views, two of them of the same account."""
        for mail in (self.file, self.memory, self.other):
            self.run(mail.open())
        self.boxes["INBOX"] = ModelBox()
        self.create("a")
        for name in ("INBOX", "a", "INBOX"):
            self.append(name, ("One",), 4, repeat=False)

    def apply(self, make: Any) -> list[Outcome] | None:
        """Do the same over files and in memory; ``None`` when it is refused. Any: makes operations for an account."""
        results: list[Any] = []
        for mail in (self.file, self.memory):
            try:
                results.append(self.run(mail.account.apply(self.run(make(mail)))))
            except StoreError as error:
                results.append(type(error))
        left, right = results
        if isinstance(left, type):
            assert left is right
            return None
        assert len(left) == len(right)
        for mine, theirs in zip(left, right, strict=True):
            assert type(mine) is type(theirs)
            if not isinstance(mine, MailboxChanged):
                assert mine == theirs
        outcomes: list[Outcome] = left
        return outcomes

    # --- messages -----------------------------------------------------------------------------------------------
    @rule(name=names, flags=flag_lists, number=st.integers(1, 4), repeat=st.booleans())
    def append(self, name: str, flags: tuple[str, ...], number: int, *, repeat: bool) -> None:
        """Messages come in, some of them the same as before."""
        octets = []
        for _ in range(number):
            self.number += 0 if repeat and self.number else 1
            octets.append(message(self.number, size=limits.BLOB_IN_DATABASE + 1 if self.number % 7 == 0 else 0))

        async def make(mail: Mail) -> list[Operation]:
            mailbox = await mail.id(name)
            return [Append(mailbox, each, flags) for each in octets]

        outcomes = self.apply(make)
        assert (outcomes is not None) == (name in self.boxes)
        for outcome, each in zip(outcomes or [], octets, strict=bool(outcomes)):
            assert isinstance(outcome, Appended)
            assert outcome.uid == self.boxes[name].add(each, frozenset(flags), outcome.modseq)

    @rule(name=names, uids=uid_sets, mode=st.sampled_from(FlagMode), flags=flag_lists, since=st.integers(0, 3))
    def set_flags(self, name: str, uids: RangeSet, mode: FlagMode, flags: tuple[str, ...], since: int) -> None:
        """Flags change, sometimes only of messages that did not change lately."""
        if name not in self.boxes:
            return
        box = self.boxes[name]
        modseqs = sorted(each.modseq for each in box.messages.values())
        unchanged = ModSeq(modseqs[len(modseqs) // 2]) if since == 0 and modseqs else None

        async def make(mail: Mail) -> list[Operation]:
            return [SetFlags(await mail.id(name), uids, mode, flags, unchanged)]

        outcomes = self.apply(make)
        assert outcomes
        (outcome,) = outcomes
        assert isinstance(outcome, FlagsSet)
        changed, refused = set(), set()
        for uid in box.chosen(uids):
            each = box.messages[uid]
            new = {
                FlagMode.ADD: each.flags | set(flags),
                FlagMode.REMOVE: each.flags - set(flags),
                FlagMode.REPLACE: frozenset(flags),
            }[mode]
            if unchanged is not None and each.modseq > unchanged:
                refused.add(uid)
            elif new != each.flags:
                each.flags, each.modseq = new, outcome.modseq
                changed.add(uid)
        assert set(outcome.changed) == changed
        assert set(outcome.refused) == refused
        if changed:
            box.history.append((outcome.modseq, changed, set()))

    @rule(source=names, goal=names, uids=uid_sets, move=st.booleans())
    def copy_or_move(self, source: str, goal: str, uids: RangeSet, *, move: bool) -> None:
        """Messages are copied or moved, also within a mailbox."""
        if source not in self.boxes or goal not in self.boxes:
            return

        async def make(mail: Mail) -> list[Operation]:
            return [(Move if move else Copy)(await mail.id(source), uids, await mail.id(goal))]

        outcomes = self.apply(make)
        assert outcomes
        (outcome,) = outcomes
        assert isinstance(outcome, Copied)
        chosen = self.boxes[source].chosen(uids)
        assert list(outcome.source_uids) == chosen
        originals = [self.boxes[source].messages[uid] for uid in chosen]
        new = [self.boxes[goal].add(each.octets, each.flags, outcome.modseq) for each in originals]
        assert list(outcome.target_uids) == new
        if move and chosen:
            self.boxes[source].remove(chosen, outcome.modseq)

    @rule(name=names, uids=st.one_of(st.none(), uid_sets), only_deleted=st.booleans())
    def expunge(self, name: str, uids: RangeSet | None, *, only_deleted: bool) -> None:
        """Messages go."""
        if name not in self.boxes:
            return

        async def make(mail: Mail) -> list[Operation]:
            return [Expunge(await mail.id(name), uids, only_deleted)]

        outcomes = self.apply(make)
        assert outcomes
        (outcome,) = outcomes
        assert isinstance(outcome, Expunged)
        box = self.boxes[name]
        chosen = list(box.messages) if uids is None else box.chosen(uids)
        gone = [uid for uid in chosen if not only_deleted or "\\Deleted" in box.messages[uid].flags]
        assert list(outcome.uids) == gone
        if gone:
            box.remove(gone, outcome.modseq)

    # --- mailboxes ----------------------------------------------------------------------------------------------
    @rule(name=names)
    def create(self, name: str) -> None:
        """A mailbox is created, with those above it."""

        async def make(_mail: Mail) -> list[Operation]:
            return [CreateMailbox(name)]

        outcomes = self.apply(make)
        assert (outcomes is None) == (name in self.boxes)
        if outcomes:
            self._create_above(name)
            self.boxes[name] = ModelBox()

    def _create_above(self, name: str) -> None:
        levels = name.split("/")
        for number in range(1, len(levels)):
            self.boxes.setdefault("/".join(levels[:number]), ModelBox())

    @rule(name=st.sampled_from(NAMES))
    def delete(self, name: str) -> None:
        """A mailbox is deleted."""

        async def make(_mail: Mail) -> list[Operation]:
            return [DeleteMailbox(name)]

        outcomes = self.apply(make)
        assert (outcomes is not None) == (name in self.boxes and name != "INBOX")
        if outcomes:
            del self.boxes[name]

    @rule(old=names, new=st.sampled_from([*NAMES, "c", "e/f"]))
    def rename(self, old: str, new: str) -> None:
        """A mailbox is renamed, with those below it."""

        async def make(_mail: Mail) -> list[Operation]:
            return [RenameMailbox(old, new)]

        moving = [name for name in self.boxes if name == old or name.startswith(old + "/")]
        targets = [new + name[len(old) :] for name in moving]
        possible = bool(moving) and new not in self.boxes
        if old != "INBOX":
            possible = possible and not new.startswith(old + "/")
            possible = possible and all(name not in self.boxes or name in moving for name in targets)
        outcomes = self.apply(make)
        assert (outcomes is not None) == possible
        if not outcomes:
            return
        if old == "INBOX":
            (outcome,) = outcomes
            assert isinstance(outcome, MailboxChanged)
            self._create_above(new)
            inbox, box = self.boxes["INBOX"], ModelBox()
            modseq = outcome.mailbox.highest_modseq
            for uid in sorted(inbox.messages):
                box.add(inbox.messages[uid].octets, inbox.messages[uid].flags, modseq)
            if inbox.messages:
                inbox.remove(sorted(inbox.messages), modseq)
            self.boxes[new] = box
            return
        boxes = [self.boxes.pop(name) for name in moving]
        self.boxes.update(zip(targets, boxes, strict=True))
        for name in targets:
            self._create_above(name)

    # --- time and trouble ---------------------------------------------------------------------------------------
    @rule(name=names, uids=uid_sets)
    def refused_list(self, name: str, uids: RangeSet) -> None:
        """A list that ends in a refusal does nothing."""
        if name not in self.boxes:
            return

        async def make(mail: Mail) -> list[Operation]:
            mailbox = await mail.id(name)
            return [
                Append(mailbox, b"never", ("Never",)),
                SetFlags(mailbox, uids, FlagMode.ADD, ("Never",)),
                Move(mailbox, uids, await mail.id("INBOX")),
                CreateMailbox("never/there"),
                Expunge(mailbox, uids, only_deleted=False),
                CreateMailbox("INBOX"),
            ]

        assert self.apply(make) is None

    @rule()
    def reopen(self) -> None:
        """The file store starts anew."""
        self.run(self.file.close())
        self.run(self.file.open())

    @rule(days=st.sampled_from([1, 31]))
    def sweep(self, days: int) -> None:
        """Time passes, and the sweeper runs."""
        self.clock.now += days * 24 * 3600
        for mail in (self.file, self.memory):
            self.run(mail.store.sweep(mail.account_id))

    # --- what must hold -----------------------------------------------------------------------------------------
    @precondition(lambda self: self.boxes)
    @invariant()
    def all_agree(self) -> None:
        """Names, messages, flags, counters and the log are those of the model, in every view."""
        for mail in (self.file, self.memory, self.other):
            self.run(self._compare(mail))

    async def _compare(self, mail: Mail) -> None:
        assert list(await mail.account.mailboxes()) == sorted(self.boxes)
        await mail.verify()
        for name, model in self.boxes.items():
            found = await mail.flags(name)
            assert {uid: set(text.split()) for uid, text in found.items()} == {
                uid: set(each.flags) for uid, each in model.messages.items()
            }
            state = await mail.state(name)
            assert list(state.modseqs) == [each.modseq for each in model.messages.values()]
            assert await mail.octets(name) == [each.octets for each in model.messages.values()]
            box = await mail.box(name)
            assert box.uid_next == model.uid_next
            await self._compare_log(mail, name, model)
            if mail is self.file:
                assert box.uid_validity >= self.validities.get(name, 0)
                self.validities[name] = box.uid_validity

    async def _compare_log(self, mail: Mail, name: str, model: ModelBox) -> None:
        points = [modseq for modseq, _, _ in model.history]
        for since in {0, *points[-3:], *(each - 1 for each in points[:1])}:
            changed: set[int] = set()
            gone: set[int] = set()
            for modseq, some, lost in model.history:
                if modseq > since:
                    changed |= some
                    gone |= lost
            found = await mail.changes(since, name)
            assert set(found.changed) == changed - gone
            assert set(found.expunged) == gone


StoreMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)


TestModel = StoreMachine.TestCase
