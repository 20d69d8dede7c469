"""FETCH items that are ready in rows: answered for many messages at once, nothing is parsed."""

from array import array
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mailwren.base.ids import ContentId, FlagSetId
from mailwren.imap.core.arguments import FetchItem, SectionText
from mailwren.imap.core.fetch import section_label
from mailwren.imap.dates import write_internal_date
from mailwren.message.header import select_fields
from mailwren.store.api import Account

if TYPE_CHECKING:
    from mailwren.server.selected import Selected
    from mailwren.server.session import Session


@dataclass(slots=True)
class Batch:
    """Messages that are answered together, those that still exist."""

    account: Account
    numbers: Sequence[int]
    uids: Sequence[int]
    contents: Sequence[ContentId]
    flags: Sequence[int]
    recent: frozenset[int]
    """UIDs that are recent for this session (RFC 3501 only)."""

    @classmethod
    def of(cls, session: "Session", selected: "Selected", start: int, stop: int) -> "Batch":
        """The messages at positions of the session's view."""
        view, state = selected.view, selected.state
        uids = view.uids[start:stop]
        recent = frozenset[int]()
        if view.recent and not session.rev2:
            recent = frozenset(uid for uid in uids if uid in view.recent)
        if view.uids is state.uids:
            contents: Sequence[ContentId] = state.contents[start:stop]  # type: ignore[assignment] # array of ids
            return cls(session.account, range(start + 1, stop + 1), uids, contents, state.flags[start:stop], recent)
        numbers: list[int] = []
        kept: list[int] = []
        rows: list[ContentId] = []
        flags: list[int] = []
        for number, uid in enumerate(uids, start + 1):
            index = state.index(view.uid(number - 1))
            if index is not None:
                numbers.append(number)
                kept.append(uid)
                rows.append(state.content_of(index))
                flags.append(state.flags[index])
        return cls(session.account, numbers, array("I", kept), rows, flags, recent)

    def __len__(self) -> int:
        return len(self.uids)


Column = Callable[[Batch], Awaitable[Sequence[bytes]]]


async def _uid(batch: Batch) -> Sequence[bytes]:
    return [b"UID %d" % uid for uid in batch.uids]


async def _flags(batch: Batch) -> Sequence[bytes]:
    account = batch.account
    texts = {flags: b"FLAGS (" + account.flag_set(FlagSetId(flags)).text + b")" for flags in set(batch.flags)}
    lines = [texts[flags] for flags in batch.flags]
    if batch.recent:
        for index, uid in enumerate(batch.uids):
            if uid in batch.recent:
                lines[index] = lines[index][:-1] + (b"" if lines[index].endswith(b"()") else b" ") + b"\\Recent)"
    return lines


async def _internal_date(batch: Batch) -> Sequence[bytes]:
    facts = await batch.account.facts(batch.contents)
    return [b"INTERNALDATE " + write_internal_date(fact.internal_date, fact.internal_zone) for fact in facts]


async def _size(batch: Batch) -> Sequence[bytes]:
    return [b"RFC822.SIZE %d" % fact.size for fact in await batch.account.facts(batch.contents)]


async def _envelope(batch: Batch) -> Sequence[bytes]:
    return [b"ENVELOPE " + row.envelope for row in await batch.account.wire(batch.contents)]


async def _body(batch: Batch) -> Sequence[bytes]:
    return [b"BODY " + row.body for row in await batch.account.wire(batch.contents)]


async def _body_structure(batch: Batch) -> Sequence[bytes]:
    return [b"BODYSTRUCTURE " + row.body_structure for row in await batch.account.wire(batch.contents)]


COLUMNS: dict[str, Column] = {
    "UID": _uid,
    "FLAGS": _flags,
    "INTERNALDATE": _internal_date,
    "RFC822.SIZE": _size,
    "ENVELOPE": _envelope,
    "BODY": _body,
    "BODYSTRUCTURE": _body_structure,
}
"""Items by name; an extension's item that rows can answer is one more line here."""

_HEADER_TEXTS = (SectionText.HEADER, SectionText.HEADER_FIELDS, SectionText.HEADER_FIELDS_NOT)


def header_column(item: FetchItem) -> Column | None:
    """A column for the message's own header or fields of it; ``None`` when the item is something else."""
    if item.name == "RFC822.HEADER":
        return _header_column(b"RFC822.HEADER", item, None)
    section = item.section
    if item.name != "BODY[]" or section is None or section.part or section.text not in _HEADER_TEXTS:
        return None
    fields = None if section.text is SectionText.HEADER else section.fields
    return _header_column(section_label(item), item, fields, exclude=section.text is SectionText.HEADER_FIELDS_NOT)


def _header_column(label: bytes, item: FetchItem, fields: tuple[bytes, ...] | None, *, exclude: bool = False) -> Column:
    async def column(batch: Batch) -> Sequence[bytes]:
        blocks = await batch.account.headers(batch.contents)
        if fields is not None:
            blocks = [select_fields(block, fields, exclude=exclude) for block in blocks]
        if item.partial is not None:
            start, length = item.partial
            blocks = [block[start : start + length] for block in blocks]
        return [b"%b {%d}\r\n%b" % (label, len(block), block) for block in blocks]

    return column
