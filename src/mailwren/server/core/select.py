"""SELECT and EXAMINE (RFC 9051 §6.3.2, §6.3.3; RFC 3501 §6.3.1)."""

from typing import TYPE_CHECKING

from mailwren.base import limits
from mailwren.base.ids import FlagSetId
from mailwren.imap.core.arguments import Select
from mailwren.imap.core.list import write_list_row
from mailwren.imap.ext.annotate import annotations_code
from mailwren.imap.ext.objectid import mailbox_id_code
from mailwren.imap.ext.urlauth import URLMECH
from mailwren.server import notices
from mailwren.server.core.list import attributes_of
from mailwren.server.ext import condstore
from mailwren.server.ext.qresync import resync_of, tell_what_changed
from mailwren.server.selected import Selected
from mailwren.server.table import Completion, Request
from mailwren.server.view import View
from mailwren.store.flag_columns import first_place

if TYPE_CHECKING:
    from mailwren.server.places import Place
    from mailwren.server.session import Session


async def run_select(session: "Session", arguments: Select, request: Request) -> Completion | None:
    """Open a mailbox and tell what is in it. Whatever comes of it, the mailbox selected before is closed."""
    resync = resync_of(session, arguments)
    if session.selected is not None:
        session.select(None)
        # whatever the client enabled (RFC 7162 §3.2.11)
        session.say(b"OK", "Previous mailbox closed", b"CLOSED")
    if "CONDSTORE" in dict(arguments.parameters):
        condstore.enable(session)
    place = await session.places.find(arguments.mailbox)
    place.require("r")
    state = await place.account.open_mailbox(place.mailbox.id, place.mailbox)
    session.looked()
    read_only = request.name == b"EXAMINE"
    selected = Selected(
        place.account, place.mailbox.id, state, View(state), place.name, read_only, frozenset(), place.rights
    )
    if "ANNOTATE" in dict(arguments.parameters):
        selected.annotations_told = state.modseq
    if not session.rev2:
        await selected.claim_recent()
    session.select(selected)
    await _introduce(session, place, selected, request.denormalized.get(arguments.mailbox))
    condstore.send_highest_modseq(session, selected.view.complete)
    if resync is not None:
        await tell_what_changed(session, selected, resync)
    return Completion(code=b"READ-ONLY" if selected.says_read_only() else b"READ-WRITE")


async def _introduce(session: "Session", place: "Place", selected: Selected, old_name: str | None) -> None:
    """Say what a client must know of a mailbox. IMAP4rev2's introduction tells what is around it as well."""
    introductions = session.context.introductions
    if session.rev2:
        await _make_introduction(session, place, selected, old_name)
    elif not introductions.say(session, selected):
        said = len(session.queued)
        await _make_introduction(session, place, selected, old_name)
        introductions.keep(session, selected, session.queued[said:])


async def _make_introduction(session: "Session", place: "Place", selected: Selected, old_name: str | None) -> None:
    mailbox, view = selected.state.mailbox, selected.view
    selected.keywords = notices.keywords_in_use(selected)
    send = session.send
    notices.tell_flags(session, selected)
    send(b"* %d EXISTS\r\n" % view.count)
    if session.rev2:
        # Also where the user may read it but not list it, the mailbox is there.
        attributes = attributes_of(place.name, {**await session.places.beside(place.name), place.name: place})
        send(write_list_row(attributes, selected.name, session.utf8, old_name=old_name))
    else:
        send(b"* %d RECENT\r\n" % selected.recent_count())
        first = None if session.uid_only else _first_unseen(selected)
        if first is not None:
            session.say(b"OK", "First unseen message", b"UNSEEN %d" % (first + 1))
    session.say(b"OK", "UIDs valid", b"UIDVALIDITY %d" % mailbox.uid_validity)
    session.say(b"OK", "Predicted next UID", b"UIDNEXT %d" % mailbox.uid_next)
    session.say(b"OK", "Mechanisms for URLs", URLMECH)
    largest = None if selected.read_only else limits.ANNOTATION_VALUE
    session.say(b"OK", "Annotations of messages", annotations_code(largest))
    session.say(b"OK", "Mailbox id", mailbox_id_code(mailbox.object_id))


def _first_unseen(selected: Selected) -> int | None:
    state = selected.state
    if not state.mailbox.unseen:
        return None
    unseen = {flags for flags in state.flag_set_ids() if not selected.account.flag_set(FlagSetId(flags)).seen}
    return first_place(state.flags, unseen, 0, len(state.flags))
