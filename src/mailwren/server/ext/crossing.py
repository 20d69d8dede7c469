"""COPY and MOVE where the store cannot do it in one step: into another account, or where flags stay behind.

The messages are read in pieces, added to the target and synced there; only then do the originals of a MOVE go. So
nothing is ever lost, and a crash in between leaves messages twice at worst. A batch is one transaction; when a later
one is refused, what the earlier ones added is taken back.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

from mailwren.base import limits
from mailwren.base.ids import ContentId, FlagSetId, Uid
from mailwren.base.logs import log
from mailwren.base.ranges import RangeSet
from mailwren.imap.rights import permitted_flags
from mailwren.store.errors import StoreError
from mailwren.store.octets import MessageSource, Spool
from mailwren.store.operations import Append, Appended, Copied, Expunge
from mailwren.store.values import AnnotationValue

if TYPE_CHECKING:
    from mailwren.server.places import Place
    from mailwren.server.selected import Selected
    from mailwren.server.session import Session
    from mailwren.store.api import Account

_RIGHTS: Final = frozenset("swtr")
"""Without one of these flags, or annotations of the user's own, stay behind."""
_PIECE: Final = 4 * limits.OUTPUT_CHUNK
"""Octets that are read together."""


@dataclass(frozen=True, slots=True)
class _Message:
    """What is known of a message before its octets are read."""

    uid: Uid
    content: ContentId
    flags: tuple[str, ...]
    """Those that it keeps."""
    size: int
    date: datetime
    annotations: tuple[AnnotationValue, ...]
    """Those that it keeps (RFC 5257 §4.6)."""


def crosses(selected: "Selected", target: "Place") -> bool:
    """Whether it needs this module: another account, or something may not be set there (RFC 4314 §4)."""
    return target.account is not selected.account or not target.rights >= _RIGHTS


async def carry(session: "Session", target: "Place", uids: RangeSet, *, remove: bool) -> Copied | None:
    """Copy messages of the selected mailbox to another place, and remove them afterwards if asked.

    Flags are those that this user sees, less those that he may not set there. Returns ``None`` for no messages.

    Raises:
        StoreError: nothing was done, but for an original that could not be removed.
    """
    selected = session.mailbox
    appended: list[Appended] = []
    messages = await _messages(session, selected, target, uids)
    try:
        for batch in _batches(messages):
            appended += await _append(session, selected.account, target, batch)
    except BaseException:
        await _take_back(session, target, appended)
        raise
    if not appended:
        return None
    source = RangeSet.of(message.uid for message in messages)
    if remove:
        await session.apply(selected.account, [Expunge(selected.id, source, only_deleted=False)])
    new = RangeSet.of(outcome.uid for outcome in appended)
    return Copied(source, new, appended[0].uid_validity, appended[-1].modseq)


async def _messages(session: "Session", selected: "Selected", target: "Place", uids: RangeSet) -> list[_Message]:
    """The messages that are there, in order."""
    state, account = selected.state, selected.account
    found = [(uid, index) for uid in uids if (index := state.index(Uid(uid))) is not None]
    names: dict[int, tuple[str, ...]] = {}
    messages: list[_Message] = []
    for start in range(0, len(found), limits.ROWS_AT_ONCE):
        some = [
            (uid, ContentId(state.contents[index]), state.flags[index])
            for uid, index in found[start:][: limits.ROWS_AT_ONCE]
        ]
        facts = await account.facts([content for _, content, _ in some])
        annotations = await _annotations(selected, target, [Uid(uid) for uid, _, _ in some])
        for (uid, content, flags), fact in zip(some, facts, strict=True):
            if flags not in names:
                text = account.flag_set(FlagSetId(flags)).text.decode("ascii")
                names[flags] = permitted_flags(target.rights, text.split())
            zone = timezone(timedelta(minutes=fact.internal_zone)) if fact.internal_zone else UTC
            date = datetime.fromtimestamp(fact.internal_date, zone)
            messages.append(_Message(Uid(uid), content, names[flags], fact.size, date, tuple(annotations.get(uid, ()))))
        await session.breathe()
    return messages


async def _annotations(selected: "Selected", target: "Place", uids: Sequence[Uid]) -> dict[int, list[AnnotationValue]]:
    """What messages are annotated with, less what the user may not set in the target (RFC 5257 §3.4)."""
    result: dict[int, list[AnnotationValue]] = {}
    if selected.state.mailbox.annotations:
        for uid, entry, is_shared, value in await selected.account.message_annotations(selected.id, uids):
            if ("n" if is_shared else "r") in target.rights:
                result.setdefault(uid, []).append(AnnotationValue(entry, is_shared, value))
    return result


def _batches(messages: Sequence[_Message]) -> Iterator[list[_Message]]:
    """Messages that are added together: bounded memory and bounded files, almost always all of them."""
    batch: list[_Message] = []
    octets = files = 0
    for message in messages:
        large = message.size > limits.LITERAL_IN_MEMORY
        if batch and (octets + message.size > limits.CARRIED_OCTETS or files + large > limits.CARRIED_FILES):
            yield batch
            batch, octets, files = [], 0, 0
        batch.append(message)
        octets += 0 if large else message.size
        files += large
    if batch:
        yield batch


async def _append(session: "Session", account: "Account", target: "Place", batch: Sequence[_Message]) -> list[Appended]:
    sources: list[MessageSource] = []
    try:
        small = await account.small_octets([message.content for message in batch], limits.LITERAL_IN_MEMORY)
        for message, octets in zip(batch, small, strict=True):
            sources.append(octets if octets is not None else await _spool(session, account, message))
        operations = [
            Append(target.mailbox.id, source, message.flags, message.date, annotations=message.annotations)
            for source, message in zip(sources, batch, strict=True)
        ]
        return [each for each in await session.apply(target.account, operations) if isinstance(each, Appended)]
    finally:
        for source in sources:
            if isinstance(source, Spool):
                source.close()


async def _spool(session: "Session", account: "Account", message: _Message) -> Spool:
    spool = Spool(session.context.config.data)
    try:
        for start in range(0, message.size, _PIECE):
            spool.write(await account.read(message.content, start, _PIECE))
            await session.breathe()
    except BaseException:
        spool.close()
        raise
    return spool


async def _take_back(session: "Session", target: "Place", appended: Sequence[Appended]) -> None:
    """All or nothing: what was added before the refusal goes again."""
    if not appended:
        return
    uids = RangeSet.of(outcome.uid for outcome in appended)
    try:
        await session.apply(target.account, [Expunge(target.mailbox.id, uids, only_deleted=False)])
    except StoreError as error:
        log.error("half a copy stays", account=target.account.id, mailbox=target.name, reason=str(error))
