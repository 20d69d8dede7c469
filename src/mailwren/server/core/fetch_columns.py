"""FETCH items as columns: many messages are answered at once from ready rows, nothing is parsed.

Where a row has no value, because it is not kept ready or too large to be held for many messages at once, the column
leaves a gap, and the message's value is made on its own.
"""

from array import array
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mailwren.base import limits
from mailwren.base.ids import ContentId, FlagSetId, MailboxId, ModSeq, Uid
from mailwren.base.ranges import RangeSet
from mailwren.imap import wire
from mailwren.imap.core.arguments import FetchItem, Section, SectionText
from mailwren.imap.core.fetch import section_label
from mailwren.imap.dates import write_internal_date
from mailwren.imap.ext.annotate import ANNOTATION
from mailwren.imap.ext.preview import form_of
from mailwren.message.header import FieldSelector
from mailwren.server.core.fetch_octets import PIECES, WHOLE, OctetItem, Streamed
from mailwren.server.ext.annotation_items import annotation_values
from mailwren.server.ext.gmail_items import label_cells, message_number_cells, thread_number_cells
from mailwren.server.ext.utf8 import utf8_envelope
from mailwren.store.api import Account
from mailwren.store.values import Absent, ContentFacts, ContentWire, SectionOctets, SmallWire

if TYPE_CHECKING:
    from mailwren.server.selected import Selected
    from mailwren.server.session import Session

_NOTHING = RangeSet()
_HEAVY = 2
_HEAVIEST = 16
Cell = bytes | None
"""An item's text for one message; ``None`` is a gap."""
Octets = bytes | Absent | None
"""What a section of one message is; ``None`` is a gap."""
_WHOLE = limits.BLOB_IN_DATABASE
"""Octets of a whole message that is read together with others."""
_SHORT = 4 * 1024
"""Octets of a part of a section up to which many of them are held at once."""
_ROW = 16 * 1024
"""Octets of a header, or of a message's ready structures, that are held for many messages at once."""


@dataclass(slots=True)
class Batch:
    """Messages that are answered together, those that still exist. What columns share is read once."""

    account: Account
    mailbox: MailboxId
    numbers: Sequence[int]
    uids: Sequence[Uid]
    contents: Sequence[ContentId]
    flags: "array[int]"
    modseqs: "array[int]"
    modseq: ModSeq
    """What the flags are as of."""
    all_recent: RangeSet
    """UIDs that are recent for this session (RFC 3501 only), of others as well."""
    utf8: bool
    """Quoted strings may hold UTF-8."""
    own: bool
    """They are in the user's own account."""
    annotated: bool
    """Some message of the mailbox may have annotations."""
    _facts: Sequence[ContentFacts] | None = field(default=None, init=False)
    _sizes_and_dates: Sequence[tuple[int, int, int]] | None = field(default=None, init=False)
    _wire: Sequence[SmallWire] | None = field(default=None, init=False)
    _headers: Sequence[bytes | None] | None = field(default=None, init=False)

    @classmethod
    def of(cls, session: "Session", selected: "Selected", positions: Sequence[int]) -> "Batch":
        """The messages at positions of the session's view, at least one, ascending."""
        view, state = selected.view, selected.state
        first, stop = positions[0], positions[-1] + 1
        numbers: Sequence[int] = range(first + 1, stop + 1)
        if view.uids is state.uids and len(positions) == stop - first:
            uids, contents = state.uids[first:stop], state.contents[first:stop]
            flags, modseqs = state.flags[first:stop], state.modseqs[first:stop]
        else:
            numbers, indexes = _present(selected, positions)
            columns = (state.uids, state.contents, state.flags, state.modseqs)
            uids, contents, flags, modseqs = (
                array(column.typecode, map(column.__getitem__, indexes)) for column in columns
            )
        ids: Sequence[ContentId] = contents  # type: ignore[assignment] # an array of ids
        known: Sequence[Uid] = uids  # type: ignore[assignment] # the same
        return cls(
            selected.account,
            selected.id,
            numbers,
            known,
            ids,
            flags,
            modseqs,
            state.modseq,
            _NOTHING if session.rev2 else view.recent,
            session.utf8,
            selected.account is session.account,
            state.mailbox.annotations > 0,
        )

    def __len__(self) -> int:
        return len(self.uids)

    @property
    def recent(self) -> RangeSet:
        """UIDs of these messages that are recent for this session."""
        return self.all_recent.clipped(self.uids[0], self.uids[-1]) if self.all_recent and self.uids else _NOTHING

    async def facts(self) -> Sequence[ContentFacts]:
        """What is known of the messages besides, in short columns."""
        if self._facts is None:
            self._facts = await self.account.facts(self.contents)
        return self._facts

    async def sizes_and_dates(self) -> Sequence[tuple[int, int, int]]:
        """Sizes, and internal dates with their zones."""
        if self._sizes_and_dates is None:
            self._sizes_and_dates = await self.account.sizes_and_dates(self.contents)
        return self._sizes_and_dates

    async def wire(self) -> Sequence[SmallWire]:
        """Ready structures in the order of :class:`ContentWire`, nothing of large ones."""
        if self._wire is None:
            self._wire = await self.account.small_wire(self.contents, limits.PAGE_ROW)
        return self._wire

    async def headers(self) -> Sequence[bytes | None]:
        """Header blocks, ``None`` for large ones."""
        if self._headers is None:
            self._headers = await self.account.small_headers(self.contents, _ROW)
        return self._headers


def _present(selected: "Selected", positions: Sequence[int]) -> tuple[list[int], Sequence[int]]:
    """The numbers of the messages that still exist, and where the state has them."""
    view, state = selected.view, selected.state
    if view.uids is state.uids:
        return [position + 1 for position in positions], positions
    places = [(position + 1, state.index(view.uid(position))) for position in positions]
    kept = [(number, index) for number, index in places if index is not None]
    return [number for number, _ in kept], [index for _, index in kept]


Values = Callable[[Batch], Awaitable[Sequence[Cell]]]
OctetValues = Callable[[Batch], Awaitable[Sequence[Octets]]]
Single = Callable[[Account, ContentId, int], Awaitable[bytes | Streamed]]
"""Makes one message's value, of at most so many octets in memory, more are streamed. May raise UnknownEncoding."""


@dataclass(frozen=True, slots=True)
class Column:
    """How one item is answered."""

    values: Values
    single: Single
    """For the gaps in ``values``."""
    weight: int = 0
    """How much of a batch's memory the values can take: 0 for a few octets, 2 for thousands, more for more."""
    may_lack: bool = False
    """Some values can be empty: then the item is left out."""
    read: OctetValues | None = None
    """Where a value is a literal: its octets alone, for as few copies as possible."""
    item: OctetItem | None = None
    """Writes such a literal."""
    lasting: bool = False
    """A value follows from the message's content, UID, flags and mod-sequence, and may be kept for the next time."""


# --- items from rows ----------------------------------------------------------------------------------------
async def _uid(batch: Batch) -> Sequence[Cell]:
    return [b"UID %d" % uid for uid in batch.uids]


async def _flags(batch: Batch) -> Sequence[Cell]:
    account = batch.account
    texts = {flags: b"FLAGS (" + account.flag_set(FlagSetId(flags)).text + b")" for flags in set(batch.flags)}
    recent_uids = batch.recent
    if not recent_uids:
        return [texts[flags] for flags in batch.flags]
    recent = {
        flags: text[:-1] + (b"" if text.endswith(b"()") else b" ") + b"\\Recent)" for flags, text in texts.items()
    }
    if batch.recent.range_count == 1 and (batch.recent.first, batch.recent.last) == (batch.uids[0], batch.uids[-1]):
        return [recent[flags] for flags in batch.flags]
    return [
        recent[flags] if uid in recent_uids else texts[flags]
        for uid, flags in zip(batch.uids, batch.flags, strict=True)
    ]


async def _modseq(batch: Batch) -> Sequence[Cell]:
    return [b"MODSEQ (%d)" % modseq for modseq in batch.modseqs]


async def _internal_date(batch: Batch) -> Sequence[Cell]:
    return [b"INTERNALDATE " + write_internal_date(date, zone) for _, date, zone in await batch.sizes_and_dates()]


async def _size(batch: Batch) -> Sequence[Cell]:
    return [b"RFC822.SIZE %d" % size for size, _, _ in await batch.sizes_and_dates()]


async def _email_id(batch: Batch) -> Sequence[Cell]:
    return [b"EMAILID (%b)" % fact.email_id.encode("ascii") for fact in await batch.facts()]


async def _thread_id(batch: Batch) -> Sequence[Cell]:
    return [b"THREADID (%b)" % fact.thread_id.encode("ascii") for fact in await batch.facts()]


async def _save_date(batch: Batch) -> Sequence[Cell]:
    """NIL only for a message that another session removes at this moment."""
    dates = await batch.account.saved_dates(batch.mailbox, batch.uids)
    return [b"SAVEDATE " + (b"NIL" if date is None else write_internal_date(date, 0)) for date in dates]


def _preview(item: FetchItem) -> Column:
    """The preview, which was made when the message came in: at hand also for LAZY (RFC 8970 §4.1)."""
    before, behind = form_of(item)

    async def values(batch: Batch) -> Sequence[Cell]:
        texts = await batch.account.previews(batch.contents)
        encoded = (text[: limits.PREVIEW_TOLD].rstrip().encode("utf-8") for text in texts)
        return [b"%b%b%b" % (before, wire.string(text, batch.utf8), behind) for text in encoded]

    return Column(values, _no_gaps)


async def _no_gaps(_account: Account, _content: ContentId, _room: int) -> bytes | Streamed:
    raise AssertionError("this column has no gaps")


def _ready(name: bytes, place: int) -> Column:
    """An item that was made ready when the message came in."""
    label = name + b" "

    async def values(batch: Batch) -> Sequence[Cell]:
        texts = [row[place] for row in await batch.wire()]
        return [None if text is None else label + text for text in texts]

    async def single(account: Account, content: ContentId, _room: int) -> bytes | Streamed:
        (row,) = await account.wire([content])
        return label + row[place]

    return Column(values, single, weight=_HEAVY, lasting=True)


_ENVELOPE = _ready(b"ENVELOPE", ContentWire._fields.index("envelope"))


async def _envelope(batch: Batch) -> Sequence[Cell]:
    cells = await _ENVELOPE.values(batch)
    return [None if cell is None else utf8_envelope(cell) for cell in cells] if batch.utf8 else cells


FLAGS = Column(_flags, _no_gaps, lasting=True)
_COLUMNS: dict[str, Column] = {
    "UID": Column(_uid, _no_gaps, lasting=True),
    "FLAGS": FLAGS,
    "INTERNALDATE": Column(_internal_date, _no_gaps, lasting=True),
    "RFC822.SIZE": Column(_size, _no_gaps, lasting=True),
    "EMAILID": Column(_email_id, _no_gaps, lasting=True),
    "THREADID": Column(_thread_id, _no_gaps),
    "SAVEDATE": Column(_save_date, _no_gaps),
    "MODSEQ": Column(_modseq, _no_gaps, lasting=True),
    "X-GM-MSGID": Column(message_number_cells, _no_gaps),
    "X-GM-THRID": Column(thread_number_cells, _no_gaps),
    "X-GM-LABELS": Column(label_cells, _no_gaps),
    "ENVELOPE": Column(_envelope, _ENVELOPE.single, weight=_HEAVY, lasting=True),
    "BODY": _ready(b"BODY", ContentWire._fields.index("body")),
    "BODYSTRUCTURE": _ready(b"BODYSTRUCTURE", ContentWire._fields.index("body_structure")),
}
"""Items by name; an extension's item that rows can answer is one more line here."""


# --- items from octets --------------------------------------------------------------------------------------
_LEGACY: dict[str, Section] = {
    "RFC822": Section(),
    "RFC822.HEADER": Section(text=SectionText.HEADER),
    "RFC822.TEXT": Section(text=SectionText.TEXT),
}
"""What the items of RFC 3501 §6.4.5 stand for."""


def column_of(item: FetchItem) -> Column:
    """How an item is answered."""
    known = _COLUMNS.get(item.name)
    if known is not None:
        return known
    if item.name == ANNOTATION:
        return Column(annotation_values(item), _no_gaps, weight=_HEAVIEST, may_lack=True)
    if item.name in ("PREVIEW", "SNIPPET"):
        return _preview(item)
    section = _LEGACY.get(item.name) or item.section or Section()
    octets = OctetItem(item, section_label(item), section)
    read = _reader_of(octets) if item.name in _LEGACY or item.name == "BODY[]" else None
    if read is None:
        return Column(_only_gaps, octets.value)
    weight = _weight_of(octets)

    async def values(batch: Batch) -> Sequence[Cell]:
        return octets.literals(await read(batch))

    return Column(values, octets.value, weight, read=read, item=octets, lasting=weight < _HEAVIEST)


async def _only_gaps(batch: Batch) -> Sequence[Cell]:
    return [None] * len(batch)


def _weight_of(octets: OctetItem) -> int:
    """How much of a batch's memory a section takes."""
    section, partial = octets.section, octets.item.partial
    if not section.part and section.text is not SectionText.ALL and section.text is not SectionText.TEXT:
        return 1 if section.text is SectionText.HEADER_FIELDS else _HEAVY
    return _HEAVY if partial is not None and partial[1] <= _SHORT else _HEAVIEST


def _reader_of(octets: OctetItem) -> OctetValues | None:
    """What reads a section of many messages; ``None`` where they are answered one by one."""
    section = octets.section
    if section.part or section.text is SectionText.TEXT:
        return None if section.fields else _section_octets(octets)
    if section.text is SectionText.ALL:
        return _whole_octets(octets)
    return _field_octets(octets) if section.text is SectionText.HEADER_FIELDS else _header_octets(octets)


def _header_octets(octets: OctetItem) -> OctetValues:
    """Of the message's own header, which is kept ready as well."""
    section = octets.section
    selector = FieldSelector(section.fields, exclude=True) if section.text is SectionText.HEADER_FIELDS_NOT else None

    async def read(batch: Batch) -> Sequence[Octets]:
        blocks = await batch.headers()
        if selector is not None:
            blocks = [None if block is None else selector.select(block) for block in blocks]
        return octets.parts_of(blocks)

    return read


def _field_octets(octets: OctetItem) -> OctetValues:
    """Of some fields of the message's own header: those that are asked for most are kept ready as well."""

    async def read(batch: Batch) -> Sequence[Octets]:
        return octets.parts_of(await batch.account.header_fields(batch.contents, octets.section.fields, _ROW))

    return read


def _whole_octets(octets: OctetItem) -> OctetValues:
    """Of whole messages: small ones are read many at once."""

    async def read(batch: Batch) -> Sequence[Octets]:
        return octets.parts_of(await batch.account.small_octets(batch.contents, _WHOLE))

    return read


def _section_octets(octets: OctetItem) -> OctetValues:
    """Of parts of messages: where they are is known since the message came in."""
    first, length = octets.item.partial or (0, WHOLE)
    asked = SectionOctets(octets.section.part, PIECES[octets.section.text], first, length)

    async def read(batch: Batch) -> Sequence[Octets]:
        return await batch.account.small_sections(batch.contents, asked, _WHOLE)

    return read
