"""X-GM-EXT-1 on an ordinary store, for programs that know Gmail (developers.google.com/gmail/imap/imap-extensions).

A message's labels are the other mailboxes that hold a copy of it; giving it a label copies it there, taking the label
away removes that copy, and the last copy is never removed but goes to the archive. ``\\Starred`` is ``\\Flagged``.
Labels are of the user's own account: somebody else's mailboxes are not told.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from mailwren.base.ranges import RangeSet
from mailwren.imap import names
from mailwren.imap.core.arguments import SearchKey, Store, StoreMode
from mailwren.imap.errors import Refused
from mailwren.imap.ext.gmail_search import parse_gmail_search
from mailwren.imap.sequence_set import SequenceSet
from mailwren.server.core.fetch_columns import Batch
from mailwren.server.ext import messagelimit
from mailwren.server.ext.gmail_items import FLAG_LABELS, collect_labels, label_cells, label_of
from mailwren.server.fetch_form import fetch_form
from mailwren.server.table import Completion, Request
from mailwren.server.view import batches
from mailwren.store.operations import Copy, CreateMailbox, Expunge, FlagMode, MailboxChanged, Move, Operation, SetFlags
from mailwren.store.values import INBOX, Mailbox

if TYPE_CHECKING:
    from mailwren.server.selected import Selected
    from mailwren.server.session import Session
    from mailwren.store.api import Account

_NAMES: Final = {"\\Inbox": INBOX, "\\Sent": "Sent", "\\Draft": "Drafts", "\\Trash": "Trash", "\\Junk": "Junk"}
"""Mailboxes of labels that no mailbox has a special use for."""
_FLAGS: Final = {label.lower(): flag for label, flag in FLAG_LABELS.items()}
_ARCHIVE: Final = "Archive"
_AT_ONCE: Final = 250


def _mailbox_named(label: str, mailboxes: Mapping[str, Mailbox]) -> Mailbox | None:
    """The mailbox of a label, in any case where the label is one of the system's."""
    if not label.startswith("\\"):
        return mailboxes.get(label)
    low = label.lower()
    for mailbox in mailboxes.values():
        if label_of(mailbox).lower() == low:
            return mailbox
    return None


# --- SEARCH -------------------------------------------------------------------------------------------------
async def resolve(session: "Session", key: SearchKey) -> SearchKey:
    """A search program for the selected mailbox without X-GM-RAW and X-GM-LABELS."""
    if key.name == "X-GM-RAW":
        today = datetime.fromtimestamp(session.context.wall_clock(), UTC).date()
        return await resolve(session, parse_gmail_search(key.text, today))
    if key.name == "X-GM-LABELS":
        return await _labelled(session, key.text)
    if not key.keys or not _concerns(key):
        return key
    return replace(key, keys=tuple([await resolve(session, each) for each in key.keys]))


def refuse(key: SearchKey) -> None:
    """Raise Refused for keys that are about the selected mailbox alone."""
    if _concerns(key):
        raise Refused("X-GM-RAW and X-GM-LABELS search the selected mailbox alone", b"CANNOT")


def _concerns(key: SearchKey) -> bool:
    return key.name in ("X-GM-RAW", "X-GM-LABELS") or any(map(_concerns, key.keys))


def _mailbox_searched(label: str, mailboxes: Mapping[str, Mailbox]) -> Mailbox | None:
    """The mailbox of a label as people type it: in any case, with ``-`` for what is no letter."""
    exact = _mailbox_named(label, mailboxes)
    if exact is not None:
        return exact
    wanted = _typed(label)
    return next((mailbox for name, mailbox in mailboxes.items() if _typed(name) == wanted), None)


def _typed(name: str) -> str:
    return "".join(each if each.isalnum() else "-" for each in name.casefold())


async def _labelled(session: "Session", label: str) -> SearchKey:
    """The selected mailbox's messages with a label, as they are now."""
    flag = _FLAGS.get(label.lower())
    if flag is not None:
        return SearchKey("FLAGGED") if flag == "\\Flagged" else SearchKey("KEYWORD", flag=flag)
    selected = session.mailbox
    found = RangeSet()
    if selected.account is session.account:
        mailbox = _mailbox_searched(label, await session.account.mailboxes())
        if mailbox is not None and mailbox.id == selected.id:
            return SearchKey("ALL")
        if mailbox is not None:
            held = set((await session.account.open_mailbox(mailbox.id)).contents)
            state = selected.state
            found = RangeSet.of_sorted(
                uid for uid, content in zip(state.uids, state.contents, strict=True) if content in held
            )
    return SearchKey("UID", messages=SequenceSet(tuple(found.ranges())))


# --- STORE --------------------------------------------------------------------------------------------------
async def run_store_labels(session: "Session", arguments: Store, request: Request) -> Completion | None:
    """Give messages labels, or take them away, in one transaction; unless silent, tell those they have now."""
    selected = session.mailbox
    selected.require_write()
    if selected.account is not session.account:
        raise Refused("Only messages of your own have labels", b"CANNOT")
    await session.refresh()
    assert arguments.attribute is not None
    labels = arguments.attribute[1]
    assert isinstance(labels, tuple)
    spans = selected.view.resolve(arguments.messages, session.saved, by_uid=request.by_uid)
    spans = messagelimit.newest(session, spans)
    uids = selected.view.uids_of(spans)
    if uids:
        change = await _Change.prepare(session, selected, uids)
        await change.make(arguments.mode, labels)
        await session.refresh()
    if arguments.silent:
        return None
    form = fetch_form(session)
    for positions in batches(spans, _AT_ONCE):
        batch = Batch.of(session, selected, positions)
        uid = (request.by_uid or session.condstore) and not form.by_uid
        cells = zip(batch.numbers, batch.uids, await label_cells(batch), batch.modseqs, strict=True)
        for number, each, cell, modseq in cells:
            items = b"UID %d %b" % (each, cell) if uid else cell
            if session.condstore:
                items += b" MODSEQ (%d)" % modseq
            session.send(form.line % (each if form.by_uid else number, items))
        await session.breathe()
    return None


@dataclass(slots=True)
class _Change:
    """One STORE of labels."""

    account: "Account"
    selected: "Selected"
    uids: RangeSet
    mailboxes: Mapping[str, Mailbox]
    contents: dict[int, list[int]]
    """UIDs in the selected mailbox of each content."""

    @classmethod
    async def prepare(cls, session: "Session", selected: "Selected", uids: RangeSet) -> "_Change":
        """Look at the messages and at the mailboxes there are."""
        state = selected.state
        contents: dict[int, list[int]] = {}
        for start, stop in state.spans(uids):
            for uid, content in zip(state.uids[start:stop], state.contents[start:stop], strict=True):
                contents.setdefault(content, []).append(uid)
        return cls(session.account, selected, uids, await session.account.mailboxes(), contents)

    async def make(self, mode: StoreMode, labels: Sequence[str]) -> None:
        """Do it, wholly or not at all; mailboxes of new labels are created first."""
        operations: list[Operation] = []
        if mode is not StoreMode.REMOVE:
            for label in labels:
                operations += await self._add(label)
        if mode is StoreMode.REPLACE:
            operations += await self._remove_others(labels)
        elif mode is StoreMode.REMOVE:
            for label in labels:
                operations += await self._remove(label)
        if operations:
            await self.account.apply(operations)

    def _flags(self, flag: str, mode: FlagMode) -> list[Operation]:
        return [SetFlags(self.selected.id, self.uids, mode, (flag,))]

    async def _add(self, label: str) -> list[Operation]:
        flag = _FLAGS.get(label.lower())
        if flag is not None:
            return self._flags(flag, FlagMode.ADD)
        mailbox = await self._existing_or_new(label)
        if mailbox.id == self.selected.id:
            return []
        held = set((await self.account.open_mailbox(mailbox.id)).contents)
        lacking = RangeSet.of(min(uids) for content, uids in self.contents.items() if content not in held)
        return [Copy(self.selected.id, lacking, mailbox.id)] if lacking else []

    async def _existing_or_new(self, label: str) -> Mailbox:
        mailbox = _mailbox_named(label, self.mailboxes)
        if mailbox is not None:
            return mailbox
        name = label
        if label.startswith("\\"):
            known = {system.lower(): name for system, name in _NAMES.items()}.get(label.lower())
            if known is None:
                raise Refused(f"{label} is no label that messages can be given", b"CANNOT")
            name = known
        names.check(name)
        (outcome,) = await self.account.apply([CreateMailbox(name, exist_ok=True, subscribe=True)])
        assert isinstance(outcome, MailboxChanged)
        return outcome.mailbox

    async def _remove(self, label: str) -> list[Operation]:
        flag = _FLAGS.get(label.lower())
        if flag is not None:
            return self._flags(flag, FlagMode.REMOVE)
        mailbox = _mailbox_named(label, self.mailboxes)
        if mailbox is None:
            return []
        return await self._leave() if mailbox.id == self.selected.id else await self._remove_from(mailbox)

    async def _remove_others(self, labels: Iterable[str]) -> list[Operation]:
        """Labels that are not among these go; the selected mailbox stays, it is not told as one."""
        kept = {mailbox.id for label in labels if (mailbox := _mailbox_named(label, self.mailboxes)) is not None}
        operations: list[Operation] = []
        for flag in {_FLAGS[label] for label in set(_FLAGS).difference(map(str.lower, labels))}:
            operations += self._flags(flag, FlagMode.REMOVE)
        for mailbox in self.mailboxes.values():
            if mailbox.id not in kept and mailbox.id != self.selected.id and mailbox.messages:
                operations += await self._remove_from(mailbox)
        return operations

    async def _remove_from(self, mailbox: Mailbox) -> list[Operation]:
        state = await self.account.open_mailbox(mailbox.id)
        uids = RangeSet.of_sorted(
            uid for uid, content in zip(state.uids, state.contents, strict=True) if content in self.contents
        )
        return [Expunge(mailbox.id, uids, only_deleted=False)] if uids else []

    async def _leave(self) -> list[Operation]:
        """Out of the selected mailbox: what nobody else holds goes to the archive."""
        labels: dict[int, list[str]] = {content: [] for content in self.contents}
        await collect_labels(self.account, self.selected.id, labels)
        held = RangeSet.of(uid for content, uids in self.contents.items() for uid in uids if labels[content])
        last = RangeSet.of(uid for content, uids in self.contents.items() for uid in uids if not labels[content])
        operations: list[Operation] = [Expunge(self.selected.id, held, only_deleted=False)] if held else []
        if last:
            archive = next((box for box in self.mailboxes.values() if "\\Archive" in box.special_use), None)
            archive = archive or await self._existing_or_new(_ARCHIVE)
            if archive.id == self.selected.id:
                raise Refused("A message stays in its last mailbox", b"CANNOT")
            operations.append(Move(self.selected.id, last, archive.id))
        return operations
