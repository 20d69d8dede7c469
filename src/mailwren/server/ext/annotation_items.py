"""FETCH's item ANNOTATION (RFC 5257 §4.3): what messages are annotated with, read for many of them at once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from mailwren.base.ids import ContentId
from mailwren.imap.errors import BadCommand
from mailwren.imap.ext.annotate import (
    ANNOTATION,
    SHARED,
    VALUE,
    attributes_of,
    is_pattern,
    part_of,
    write_annotations,
)
from mailwren.imap.names import Pattern
from mailwren.message.api import Part
from mailwren.message.sections import find_part
from mailwren.message.structure import parse_structure
from mailwren.server.view import Span, batches
from mailwren.store.octets import MessageSource, viewed

if TYPE_CHECKING:
    from mailwren.imap.core.arguments import FetchItem
    from mailwren.server.core.fetch_columns import Batch, Cell
    from mailwren.server.selected import Selected
    from mailwren.server.session import Session

_AT_ONCE = 250
NOTHING = b""
"""The cell of a message that has none of what was asked for by pattern: the item is left out."""


def annotation_values(item: "FetchItem") -> "Callable[[Batch], Awaitable[Sequence[Cell]]]":
    """How the item is answered: entries that are named in any case, those that match a pattern where they are."""
    names = [entry for entry in item.entries if not is_pattern(entry)]
    patterns = [Pattern(entry) for entry in item.entries if is_pattern(entry)]
    attributes = list(dict.fromkeys(each for name in item.modifiers for each in attributes_of(name)))
    kinds = frozenset(each.endswith(SHARED) for each in attributes)

    def cell(known: dict[tuple[str, bool], bytes], *, utf8: bool) -> bytes:
        there = sorted({entry for entry, is_shared in known if is_shared in kinds})
        matching = (entry for entry in there if any(pattern.matches(entry) for pattern in patterns))
        entries = dict.fromkeys([*names, *matching])
        return write_annotations(((each, _pairs(each, attributes, known)) for each in entries), utf8)

    async def values(batch: "Batch") -> "Sequence[Cell]":
        found: dict[int, dict[tuple[str, bool], bytes]] = {}
        if batch.annotated:
            rows = await batch.account.message_annotations(batch.mailbox, batch.uids, None if patterns else names)
            for uid, entry, is_shared, value in rows:
                found.setdefault(uid, {})[entry, is_shared] = value
        empty = cell({}, utf8=batch.utf8) if names else NOTHING
        cells: list[Cell] = []
        for uid in batch.uids:
            known = found.get(uid)
            written = empty if known is None else cell(known, utf8=batch.utf8)
            cells.append(written if written != _NO_ENTRIES else NOTHING)
        return cells

    return values


_NO_ENTRIES = write_annotations((), utf8=False)


def _pairs(
    entry: str, attributes: Sequence[str], known: dict[tuple[str, bool], bytes]
) -> Iterator[tuple[str, bytes | None]]:
    """The attributes of an entry; without a value they are NIL, and 0 octets."""
    for name in attributes:
        value = known.get((entry, name.endswith(SHARED)))
        yield name, value if name.startswith(VALUE) else b"%d" % len(value or b"")


# --- parts ------------------------------------------------------------------------------------------------------
async def check_items(
    session: "Session", selected: "Selected", items: "Sequence[FetchItem]", spans: Sequence[Span]
) -> None:
    """As :func:`check_parts`, of what FETCH asks for. Raises BadCommand."""
    entries = [entry for item in items if item.name == ANNOTATION for entry in item.entries if not is_pattern(entry)]
    if entries:
        await check_parts(session, selected, entries, spans)


async def check_parts(session: "Session", selected: "Selected", entries: Sequence[str], spans: Sequence[Span]) -> None:
    """See that messages have the parts that entries are of.

    Raises:
        BadCommand: "if the client uses an incorrect part specifier (… referring to a non-existent part)"
            (RFC 5257 §3.2.1).
    """
    parts = {part for entry in entries if (part := part_of(entry))}
    if not parts:
        return
    view, state = selected.view, selected.state
    for positions in batches(spans, _AT_ONCE):
        for position in positions:
            index = state.index(view.uid(position))
            if index is not None:
                root = await selected.account.structure(ContentId(state.contents[index]))
                _require(root, parts)
                await session.breathe()


async def check_new_parts(source: MessageSource, entries: Sequence[str]) -> None:
    """As :func:`check_parts`, of a message that is about to be added. Raises BadCommand."""
    parts = {part for entry in entries if (part := part_of(entry))}
    if parts:
        _require(await asyncio.to_thread(_structure, source), parts)


def _structure(source: MessageSource) -> Part:
    with viewed(source) as octets:
        return parse_structure(octets).root


def _require(root: Part, parts: Iterable[tuple[int, ...]]) -> None:
    for part in parts:
        if find_part(root, part) is None:
            raise BadCommand(f"a message has no part {'.'.join(map(str, part))}")
