"""Telling a client that selected a mailbox with ANNOTATE what others annotate there (RFC 5257 §4.2, §4.4)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from mailwren.base.ids import Uid
from mailwren.imap.ext.annotate import write_changed
from mailwren.server.fetch_form import fetch_form
from mailwren.server.view import batches

if TYPE_CHECKING:
    from mailwren.server.selected import Selected
    from mailwren.server.session import Session

_AT_ONCE: Final = 1000
"""Messages that are looked at before others have their turn."""


async def tell_changed(session: "Session", selected: "Selected", *, with_uid: bool) -> None:
    """Name the annotations that others set or removed since the client was told (RFC 5257 §4.4)."""
    state, since = selected.state, selected.annotations_told
    if since is None or state.modseq <= since:
        return
    selected.annotations_told = state.modseq
    own, selected.own_annotations = selected.own_annotations, set()
    if not state.mailbox.annotations:
        return
    for positions in batches(selected.view_spans(state.changed_since(since)), _AT_ONCE):
        uids = [Uid(selected.view.uids[each]) for each in positions]
        entries: dict[int, list[str]] = {}
        for uid, entry, modseq in await selected.account.changed_message_annotations(selected.id, uids, since):
            if modseq not in own:
                entries.setdefault(uid, []).append(entry)
        _send_changed(session, selected, positions, entries, with_uid=with_uid)
        await session.breathe()


def _send_changed(
    session: "Session",
    selected: "Selected",
    positions: Sequence[int],
    entries: Mapping[int, Sequence[str]],
    *,
    with_uid: bool,
) -> None:
    """Names alone, with the UID and the mod-sequence as in any other FETCH response (RFC 7162 §3.2.4)."""
    form, state = fetch_form(session), selected.state
    named = (with_uid or session.condstore) and not form.by_uid
    for position in positions:
        uid = selected.view.uid(position)
        index = state.index(uid) if uid in entries else None
        if index is not None:
            items = b"UID %d " % uid * named + write_changed(entries[uid])
            items += b" MODSEQ (%d)" % state.modseqs[index] * session.condstore
            session.send(form.line % (uid if form.by_uid else position + 1, items))
