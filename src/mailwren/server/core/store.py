"""STORE and UID STORE (RFC 9051 §6.4.6)."""

from typing import TYPE_CHECKING

from mailwren.imap.core.arguments import Store, StoreMode
from mailwren.imap.errors import Refused
from mailwren.server.notices import send_flags, tell_new_keywords
from mailwren.server.table import Completion, Request
from mailwren.store.operations import FlagMode, FlagsSet, SetFlags

if TYPE_CHECKING:
    from mailwren.server.session import Session

_MODES = {StoreMode.REPLACE: FlagMode.REPLACE, StoreMode.ADD: FlagMode.ADD, StoreMode.REMOVE: FlagMode.REMOVE}


async def run_store(session: "Session", arguments: Store, request: Request) -> Completion | None:
    """Change flags; unless silent, send the flags of every message named as they are now."""
    selected = session.mailbox
    selected.require_write()
    view = selected.view
    spans = view.resolve(arguments.messages, session.saved, by_uid=request.by_uid)
    uids = view.uids_of(spans)
    if not uids:
        return None
    operation = SetFlags(selected.id, uids, _MODES[arguments.mode], arguments.flags)
    (outcome,) = await session.account.apply([operation])
    assert isinstance(outcome, FlagsSet)
    await selected.refresh()
    if outcome.changed:
        view.note_own_change(outcome.modseq)
    tell_new_keywords(session, selected)
    if not arguments.silent:
        for start, stop in spans:
            for chunk in range(start, stop, 1000):
                send_flags(session, selected, range(chunk, min(chunk + 1000, stop)), with_uid=request.by_uid)
                await session.breathe()
    if not request.by_uid and not arguments.silent and selected.lacks(spans):
        raise Refused("Some of the messages no longer exist", b"EXPUNGEISSUED")
    return None
