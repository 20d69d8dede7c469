"""ESEARCH: one search over many mailboxes, one answer for each that holds what was looked for (RFC 7377).

Each mailbox is searched as it is when its turn comes; the selected one as its client knows it. A mailbox that the user
may not read is passed over in silence, like one that is not there.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mailwren.base.ranges import RangeSet
from mailwren.imap import charsets
from mailwren.imap.core.arguments import SearchKey
from mailwren.imap.core.search import write_esearch
from mailwren.imap.errors import BadCommand, Refused
from mailwren.imap.ext.condstore import searches_modseq
from mailwren.imap.ext.context import no_update_code, update_items
from mailwren.imap.ext.fuzzy import RELEVANCY, require_fuzzy
from mailwren.imap.ext.mailbox_filter import MailboxFilter
from mailwren.imap.ext.multisearch import MultiSearch
from mailwren.imap.scanner import NUMBER_MAX
from mailwren.search.plan import QueryTooDeep
from mailwren.server.core.search_answer import Found, return_data, saved
from mailwren.server.core.search_query import lasting_query, to_query
from mailwren.server.ext import condstore, context, filters, gmail
from mailwren.server.ext.mailbox_filter import Filter
from mailwren.server.ext.utf8 import check_charset
from mailwren.server.selected import Selected
from mailwren.server.table import Completion, Request
from mailwren.server.view import View
from mailwren.store.errors import NoSuchMailbox, StoreError
from mailwren.store.mailbox_state import MailboxState

if TYPE_CHECKING:
    from mailwren.server.places import Place
    from mailwren.server.session import Session
    from mailwren.store.api import Account

_SELECTED = (MailboxFilter("SELECTED"),)


@dataclass(frozen=True, slots=True)
class _Searched:
    """One mailbox to be searched."""

    name: str
    """As the client knows it."""
    account: "Account"
    state: MailboxState
    view: View
    selected: Selected | None = None
    """Where it is the selected one."""


async def run_multisearch(session: "Session", arguments: MultiSearch, request: Request) -> Completion | None:
    """Search mailboxes and answer for each that has something."""
    search, sources = arguments.search, arguments.sources or _SELECTED
    returns = search.returns if search.returns is not None else frozenset({"ALL"})
    _check(session, sources, returns, request)
    try:
        check_charset(session, search.charset)
        charsets.require(search.charset)
        key = await filters.resolve(session, search.key, search.charset)
        gmail.refuse(key)
        if searches_modseq(key):
            condstore.enable(session)
        if RELEVANCY in returns:
            require_fuzzy(key)
        run = _Run(session, request, key, returns, dict(search.return_values), session.saved)
        async for mailbox in _mailboxes(session, sources):
            await run.search(mailbox)
            await session.breathe()
    except (Refused, StoreError):
        if "SAVE" in returns:
            session.saved = RangeSet()  # as after SEARCH (RFC 9051 §6.4.4.1)
        raise
    if "UPDATE" in returns and not run.kept:
        session.say(b"NO", "The selected mailbox is not among those that were searched", no_update_code(request.tag))
    return None


def _check(session: "Session", sources: Sequence[MailboxFilter], returns: frozenset[str], request: Request) -> None:
    """Raise BadCommand for what cannot go together (RFC 7377 §2.2)."""
    if session.selected is None and any(source.kind == "SELECTED" for source in sources):
        raise BadCommand("Select a mailbox first, or name mailboxes behind IN")
    if "SAVE" in returns and any(source.kind != "SELECTED" for source in sources):
        raise BadCommand("SAVE is for the selected mailbox alone")
    if "UPDATE" in returns:
        if session.selected is None:
            raise BadCommand("UPDATE is for the selected mailbox, and there is none")
        context.check_tag(session.selected, request, returns)


@dataclass(slots=True)
class _Run:
    """One ESEARCH under way."""

    session: "Session"
    request: Request
    key: SearchKey
    returns: frozenset[str]
    values: Mapping[str, object]
    dollar: RangeSet
    """What ``$`` stands for in the selected mailbox; SAVE changes it for the commands that follow."""
    kept: bool = False
    """Whether the client is kept told of the selected mailbox's result."""

    async def search(self, mailbox: _Searched) -> None:
        """Search one mailbox, and answer if anything was found. Raises Refused, StoreError."""
        view = mailbox.view
        relevancies: dict[int, int] = {}
        positions = await self._find(mailbox, relevancies)
        uids = [view.uids[position] for position in positions]
        modseqs = condstore.found_modseqs(view, mailbox.state, self.key, positions)
        scores = [relevancies[each] for each in positions] if RELEVANCY in self.returns else ()
        found = Found(uids, uids, self.returns, self.values, modseqs, relevancies=scores)
        if "UPDATE" in self.returns and mailbox.selected is not None:
            query = lasting_query(self.key, view, self.dollar, self.session.context.wall_clock, self.session.comparator)
            context.keep(
                self.session,
                replace(self.request, by_uid=True),
                query,
                uids,
                attributes=update_items(self.values.items()),
                names_mailbox=True,
            )
            self.kept = True
        if uids and self.returns != {"SAVE"}:
            self._answer(mailbox, found)
        if "SAVE" in self.returns:
            self.session.saved = saved(found)

    async def _find(self, mailbox: _Searched, relevancies: dict[int, int]) -> list[int]:
        """The positions of what matches."""
        dollar = self.dollar if mailbox.selected is not None else RangeSet()
        query = to_query(self.key, mailbox.view, dollar, self.session.context.wall_clock, self.session.comparator)
        try:
            return await self.session.context.search.search(
                mailbox.account,
                mailbox.state,
                query,
                mailbox.view.uids,
                mailbox.view.count,
                relevancies=relevancies if RELEVANCY in self.returns else None,
                others=self.session.give_way,
            )
        except QueryTooDeep as error:
            raise Refused(str(error), b"LIMIT") from error

    def _answer(self, mailbox: _Searched, found: Found) -> None:
        self.session.send(
            write_esearch(
                self.request.tag,
                True,
                return_data(found),
                mailbox=mailbox.name,
                uid_validity=mailbox.state.mailbox.uid_validity,
                utf8=self.session.utf8,
            )
        )


# --- which mailboxes --------------------------------------------------------------------------------------------
async def _mailboxes(session: "Session", sources: Sequence[MailboxFilter]) -> AsyncIterator[_Searched]:
    """Those that the sources name and the user may read, each once: the selected one first, then as LIST has them."""
    done: set[tuple[str, int]] = set()
    selected = session.selected
    if selected is not None and any(source.kind == "SELECTED" for source in sources):
        done.add((selected.account.id, selected.id))
        yield _the_selected(selected)
    async for place in _places(session, sources):
        where = (place.account.id, place.mailbox.id)
        if where in done or "r" not in place.rights:
            continue
        done.add(where)
        if selected is not None and where == (selected.account.id, selected.id):
            yield _the_selected(selected)
        elif place.mailbox.messages:
            try:
                yield await _opened(place, session)
            except NoSuchMailbox:
                continue  # deleted since we looked


async def _places(session: "Session", sources: Sequence[MailboxFilter]) -> "AsyncIterator[Place]":
    listed: dict[str, Place] = {}
    if any(source.kind not in {"SELECTED", "MAILBOXES"} for source in sources):
        asked = [Filter(source) for source in sources]
        listed = await session.places.all()
        subscribed = await session.account.subscriptions()
        for name, place in listed.items():
            personal = place.sharer is None
            if any(each.has(name, personal=personal, subscribed=subscribed) for each in asked):
                yield place
            await session.breathe()
    for name in (name for source in sources if source.kind == "MAILBOXES" for name in source.names):
        if name not in listed:  # what is named needs no right to be listed (RFC 7377 §2.2)
            try:
                yield await session.places.find(name)
            except NoSuchMailbox:
                continue


def _the_selected(selected: Selected) -> _Searched:
    return _Searched(selected.name, selected.account, selected.state, selected.view, selected)


async def _opened(place: "Place", session: "Session") -> _Searched:
    """A mailbox with a view of its own. Raises NoSuchMailbox."""
    state = await place.account.open_mailbox(place.mailbox.id)
    view = View(state)
    if not session.rev2:
        # what no session was told of yet is recent for whoever looks (RFC 3501 §2.3.2)
        view.recent = RangeSet([(state.mailbox.first_recent, NUMBER_MAX)])
    return _Searched(place.name, place.account, state, view)
