"""GETMETADATA, SETMETADATA (RFC 5464) and LIST's METADATA (RFC 9590).

Entries of mailboxes, and the user's own of the server, are kept in the account that holds them. The server's shared
entries are its operator's: they stand in the configuration, and no client changes them.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mailwren.imap.core.mailboxes import parse_special_uses
from mailwren.imap.errors import Refused
from mailwren.imap.ext.metadata import (
    PRIVATE,
    SHARED,
    SPECIAL_USE,
    GetMetadata,
    SetMetadata,
    write_values,
)
from mailwren.server.ext import filters
from mailwren.server.ext.annotation_notices import READING, member
from mailwren.server.places import Place
from mailwren.server.special_uses import check_special_use
from mailwren.server.table import Completion, Request
from mailwren.store import operations
from mailwren.store.errors import CannotChange, LimitReached
from mailwren.store.values import ALL_MAILBOXES, Annotation, AnnotationQuestion

if TYPE_CHECKING:
    from mailwren.server.session import Session
    from mailwren.store.api import Account


# --- reading ----------------------------------------------------------------------------------------------------
async def run_get_metadata(session: "Session", arguments: GetMetadata, _request: Request) -> Completion | None:
    """Tell the values of entries (RFC 5464 §4.2)."""
    question = AnnotationQuestion(
        tuple(entry.lower() for entry in arguments.entries), member(session), arguments.depth, arguments.largest
    )
    if arguments.mailbox:
        place = await session.places.find(arguments.mailbox)
        _require(place, READING)
        found = await _of_mailbox(place, question)
    else:
        found = [*_of_server(session, question), *await session.account.annotations(ALL_MAILBOXES, question)]
    _send(session, arguments.mailbox, arguments.entries, found, depth=arguments.depth)
    longest = max((each.size for each in found if each.value is None), default=0)
    return Completion(code=b"METADATA LONGENTRIES %d" % longest) if longest else None


async def send_listed(session: "Session", place: Place, entries: Sequence[str]) -> None:
    """The METADATA response of a listed mailbox; none where the user may not read its entries (RFC 9590 §3)."""
    if place.rights & READING:
        question = AnnotationQuestion(tuple(entry.lower() for entry in entries), member(session))
        _send(session, place.name, entries, await _of_mailbox(place, question), depth=0)


def _send(
    session: "Session", mailbox: str, entries: Sequence[str], found: Sequence[Annotation], *, depth: int | None
) -> None:
    """One response with what there is, and NIL for what was asked for by name and is not there."""
    written = {entry.lower(): entry for entry in entries}
    values = {each.entry: each.value for each in found if each.value is not None}
    pairs: list[tuple[str, bytes | None]] = [(written.get(entry, entry), value) for entry, value in values.items()]
    if depth == 0:
        there = {each.entry for each in found}
        pairs += [(entry, None) for entry in entries if entry.lower() not in there]
    if pairs:
        session.send(write_values(mailbox, pairs, session.utf8))


async def _of_mailbox(place: Place, question: AnnotationQuestion) -> list[Annotation]:
    found = await place.account.annotations(place.mailbox.id, question)
    uses = " ".join(place.special_use).encode("ascii")
    if uses and _asked(SPECIAL_USE, question):
        found.append(_annotation(SPECIAL_USE, uses, question))
    return found


def _of_server(session: "Session", question: AnnotationQuestion) -> list[Annotation]:
    return [
        _annotation(entry, text.encode("utf-8"), question)
        for entry, text in session.context.config.annotations.items()
        if _asked(entry, question)
    ]


def _asked(entry: str, question: AnnotationQuestion) -> bool:
    """Whether an entry that is not in the store is one of those asked for."""
    for root in question.entries:
        if entry == root:
            return True
        if entry.startswith(root + "/") and (question.depth is None or entry.count("/", len(root)) <= question.depth):
            return True
    return False


def _annotation(entry: str, value: bytes, question: AnnotationQuestion) -> Annotation:
    return Annotation(entry, len(value), value if len(value) <= question.largest else None)


def _require(place: Place, rights: frozenset[str]) -> None:
    """Raise Refused, or NoSuchMailbox, without one of these rights or the one to list the mailbox (RFC 5464 §3.3)."""
    if "l" not in place.rights or not place.rights & rights:
        raise place.refusal()


# --- setting ----------------------------------------------------------------------------------------------------
async def run_set_metadata(session: "Session", arguments: SetMetadata, _request: Request) -> Completion | None:
    """Set and remove entries, all or none (RFC 5464 §4.3)."""
    values = {entry.lower(): value for entry, value in arguments.values}
    if arguments.mailbox:
        place = await session.places.find(arguments.mailbox)
        account, mailbox = place.account, place.mailbox.id
        _require(place, frozenset("w") if any(entry.startswith(SHARED) for entry in values) else READING)
    else:
        if any(not entry.startswith(PRIVATE) for entry in values):
            raise Refused("The server's shared entries are set by its operator", b"NOPERM")
        filters.check_values(values)  # which the server keeps, no mailbox does (RFC 5466 §3.2)
        account, mailbox, place = session.account, ALL_MAILBOXES, None
    todo: list[operations.Operation] = []
    if place is not None and SPECIAL_USE in values:
        todo.append(_special_use(place, values.pop(SPECIAL_USE)))
    if values:
        todo.append(operations.SetMetadata(mailbox, tuple(values.items()), member(session)))
    await _apply(session, account, todo)
    return None


async def _apply(session: "Session", account: "Account", todo: list[operations.Operation]) -> None:
    try:
        outcomes = await session.apply(account, todo)
    except LimitReached as error:
        raise Refused(str(error), b"METADATA TOOMANY") from error
    except CannotChange as error:
        raise Refused(str(error), b"USEATTR") from error
    if session.annotations is not None:
        session.annotations.own.update(
            outcome.modseq for outcome in outcomes if isinstance(outcome, operations.MetadataSet)
        )


def _special_use(place: Place, value: bytes | None) -> operations.SetSpecialUse:
    """Another use of an existing mailbox, checked as CREATE does (RFC 6154 §4). Raises Refused."""
    if place.sharer is not None:
        raise Refused("The mailbox is not yours", b"NOPERM")
    uses = parse_special_uses(value or b"")
    check_special_use(uses)
    return operations.SetSpecialUse(place.mailbox.id, uses)
