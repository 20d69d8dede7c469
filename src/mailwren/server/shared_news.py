"""What one idling session was told, for the many others that stand where it stood: mail for a team, or for one user's
many devices, is told to all of them from lines that are made once.

Two sessions stand at the same place when they know the same of the same mailbox and want to hear of it in the same
form: then they have to be told the same octets. Rules:

1. A session that idles is either woken, and tells its client as after any command, or takes over what another one told.
2. News do not answer a hint that came after whoever told them had looked: that may be of a later change.
3. Of those who stand at one place two are woken: the first may be given the new messages as its recent ones (RFC 3501
   §2.3.2), which is true of nobody else. The others wait for what these are told, for a moment at most.
"""

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING, Final, NamedTuple

from mailwren.base import limits
from mailwren.base.ids import ModSeq
from mailwren.base.ranges import RangeSet
from mailwren.server.ext import annotation_notices

if TYPE_CHECKING:
    from array import array

    from mailwren.server.selected import Selected
    from mailwren.server.session import Session

_PATIENCE_SECONDS: Final = 0.005
"""How long sessions wait for another to be told, should that one be kept from it."""
_TEMPLATES: Final = 2


class Place(NamedTuple):
    """What a session knows of its mailbox, and in which form it wants to know more."""

    state: int
    messages: int
    told: ModSeq
    complete: ModSeq
    recent: RangeSet
    keywords: frozenset[str]
    condstore: bool
    enabled: frozenset[str]
    language: str
    read_only: bool
    modseq_due: bool


class News(NamedTuple):
    """What a session at a place was told, and where it stands since."""

    before: Place
    old_uids: "array[int]"
    uids: "array[int]"
    after: Place
    flag_sets: frozenset[int]
    octets: bytes
    hints: int
    """How many hints there had been when it began to look."""

    def holds_for(self, place: Place, selected: "Selected", hint: int) -> bool:
        """Whether a session at a place, whose last hint has this number, is to be told the same and knows all then."""
        same = self.before == place and self.old_uids is selected.view.uids and hint <= self.hints
        return same and self.after.told == selected.state.modseq


class Standing(NamedTuple):
    """Where a session stood before it was told."""

    place: Place
    uids: "array[int]"
    handed_over: int
    hints: int
    """How many hints there had been."""


def place_of(session: "Session") -> Place | None:
    """Where a session stands that idles in a mailbox of its user's own, if it wants to hear what everybody hears."""
    selected = session.selected
    if selected is None or session.notifications is not None or not session.is_own(selected.account):
        return None
    special = selected.contexts is not None or annotation_notices.watches(session)
    view, state = selected.view, selected.state
    if special or selected.annotations_told is not None or state.deleted or state.mailbox.acl or not view.settled:
        return None
    return Place(
        state.number,
        view.count,
        view.told,
        view.complete,
        view.recent,
        selected.keywords,
        session.condstore,
        frozenset(session.enabled),
        session.language,
        selected.read_only,
        selected.modseq_due,
    )


class _Group:
    """Sessions at one place of whom some were woken; the others wait for what those are told."""

    __slots__ = ("sessions", "woken")

    def __init__(self) -> None:
        self.sessions: dict[Session, int] = {}
        """With the number of each one's last hint."""
        self.woken = 1


class SharedNews:
    """One process's; everything happens on its event loop."""

    __slots__ = ("_groups", "_hinted", "_hints", "_news", "_scheduled", "_timer")

    def __init__(self) -> None:
        self._hints = 0
        self._hinted: dict[Session, int] = {}
        """Those to be looked at next, with the number of the last hint."""
        self._groups: dict[Place, _Group] = {}
        self._news: dict[int, News] = {}
        """What was told last in a mailbox, by the number of its state, as long as anybody waits."""
        self._scheduled = False
        self._timer: asyncio.TimerHandle | None = None

    def tell(self, session: "Session") -> None:
        """There may be news for a session that idles."""
        self._hints += 1
        self._hinted[session] = self._hints
        self._go_on()

    def standing(self, session: "Session") -> Standing | None:
        """Before a session is told: where it stands; ``None`` when nobody waits for it, or other output waits."""
        place = place_of(session) if self._groups and not session.queued else None
        if place is None or session.selected is None or place not in self._groups:
            return None
        return Standing(place, session.selected.view.uids, session.handed_over, self._hints)

    def keep(self, session: "Session", standing: Standing | None) -> None:
        """A session has been told: what it was told others may take over."""
        after = None if standing is None else place_of(session)
        if standing is None or after is None or session.selected is None or session.handed_over != standing.handed_over:
            return
        before, selected = standing.place, session.selected
        if after.state != before.state or after.recent != before.recent:
            return
        sets = frozenset(selected.flag_sets)
        news = News(before, standing.uids, selected.view.uids, after, sets, session.queued, standing.hints)
        self._news[before.state] = news
        group = self._groups.pop(before, None)
        if group is not None:
            self._hinted = {**group.sessions, **self._hinted}  # a hint that came since is the last one
            self._go_on()

    def _go_on(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._pass_on)

    def _pass_on(self) -> None:
        """Tell sessions what is known; where nothing is, wake some and let others wait."""
        self._scheduled = False
        end = perf_counter() + limits.SLICE_SECONDS
        while self._hinted:
            session = next(iter(self._hinted))
            hint = self._hinted.pop(session)
            if session.idling and session.connection.waiting:
                self._look_after(session, hint)
            if perf_counter() >= end:
                break
        if self._hinted:
            self._go_on()
        elif not self._groups:
            self._news.clear()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_PATIENCE_SECONDS, self._lose_patience)

    def _look_after(self, session: "Session", hint: int) -> None:
        place = place_of(session)
        if place is None or session.selected is None or session.connection.paused:
            session.connection.wake()
            return
        news = self._news.get(place.state)
        if news is not None and news.holds_for(place, session.selected, hint):
            session.take_over(news)
            return
        group = self._groups.get(place)
        if group is None:
            self._groups[place] = _Group()
            session.connection.wake()
        elif group.woken < _TEMPLATES:
            group.woken += 1
            session.connection.wake()
        else:
            group.sessions[session] = hint

    def _lose_patience(self) -> None:
        """Those who were woken have not been told for whatever reason: everybody looks for himself."""
        self._timer = None
        groups, self._groups = self._groups, {}
        self._news.clear()
        for group in groups.values():
            for session in group.sessions:
                session.connection.wake()
