"""ANNOTATE-EXPERIMENT-1 for a session (RFC 5257): STORE of annotations, and the rights it needs.

What FETCH answers stands in ``annotation_items.py``, what the client is told unasked in ``annotate_notices.py``; SEARCH
and SORT look at annotations in ``search/``.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, cast

from mailwren.base.ids import ModSeq
from mailwren.imap.core.arguments import AnnotationSetting, Store, StoreMode
from mailwren.imap.errors import BadCommand, Refused
from mailwren.imap.ext.annotate import TOO_MANY
from mailwren.server.ext import condstore, messagelimit
from mailwren.server.ext.annotation_items import check_parts
from mailwren.server.ext.conditional import modified, unchanged_since
from mailwren.server.notices import send_modseqs
from mailwren.server.table import Completion, Request
from mailwren.server.view import batches
from mailwren.store.errors import LimitReached
from mailwren.store.operations import AnnotationsSet, SetMessageAnnotations
from mailwren.store.values import AnnotationValue

if TYPE_CHECKING:
    from mailwren.base.ranges import RangeSet
    from mailwren.server.selected import Selected
    from mailwren.server.session import Session

_AT_ONCE: Final = 1000
"""Messages that are answered before others have their turn."""


def require_rights(rights: frozenset[str], settings: Iterable[AnnotationSetting]) -> None:
    """Raise Refused where somebody may not annotate: ``n`` is for shared ones, ``r`` for his own (RFC 5257 §3.4)."""
    for each in settings:
        if ("n" if each.is_shared else "r") not in rights:
            raise Refused("You do not have the right to do that with this mailbox", b"NOPERM")


def to_values(settings: Iterable[AnnotationSetting]) -> tuple[AnnotationValue, ...]:
    """What the client wants to set, for the store."""
    return tuple(AnnotationValue(*each) for each in settings)


# --- STORE ------------------------------------------------------------------------------------------------------
async def run_store_annotations(session: "Session", arguments: Store, request: Request) -> Completion | None:
    """Annotate messages; the client is told nothing but mod-sequences, if it keeps those (RFC 5257 §4.5)."""
    if arguments.mode is not StoreMode.REPLACE or arguments.silent:
        raise BadCommand("ANNOTATION takes neither + nor - nor .SILENT")
    assert arguments.attribute is not None
    settings = cast("tuple[AnnotationSetting, ...]", arguments.attribute[1])
    selected = session.mailbox
    selected.require_write()
    require_rights(selected.rights, settings)
    since = unchanged_since(arguments)
    if since is not None:
        condstore.enable(session)
    await session.refresh()
    spans = selected.view.resolve(arguments.messages, session.saved, by_uid=request.by_uid)
    spans = messagelimit.newest(session, spans)
    uids = selected.view.uids_of(spans)
    if not uids:
        return None
    await check_parts(session, selected, [each.entry for each in settings], spans)
    untold = selected.view.untold  # what others did to these messages is still to be told
    outcome = await _apply(selected, SetMessageAnnotations(selected.id, uids, to_values(settings), since))
    await session.refresh()
    answered = uids.difference(outcome.refused) if since is not None else outcome.changed
    await _answer(session, selected, answered, outcome.modseq, untold)
    code = modified(selected, outcome.refused, by_uid=request.by_uid) if outcome.refused else b""
    if not request.by_uid and selected.lacks(spans):
        raise Refused("Some of the messages no longer exist", code or b"EXPUNGEISSUED")
    return Completion(code, "Some messages had been changed" if code else "")


async def _apply(selected: "Selected", operation: SetMessageAnnotations) -> AnnotationsSet:
    try:
        (outcome,) = await selected.account.apply([operation])
    except LimitReached as error:
        raise Refused(str(error), TOO_MANY) from error
    assert isinstance(outcome, AnnotationsSet)
    if outcome.changed and selected.annotations_told is not None:
        selected.own_annotations.add(outcome.modseq)
    return outcome


async def _answer(
    session: "Session", selected: "Selected", uids: "RangeSet", modseq: ModSeq, untold: "RangeSet"
) -> None:
    """Tell mod-sequences; where nobody else changed the message besides, nothing is left to be told of it."""
    for positions in batches(selected.view_spans(uids), _AT_ONCE):
        if session.condstore:
            send_modseqs(session, selected, positions)
        known = [each for each in positions if selected.view.uids[each] not in untold]
        changed = condstore.changed_positions(selected, known, modseq - 1)
        selected.view.note_sent(changed, modseq)
        await session.breathe()
