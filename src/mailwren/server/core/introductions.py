"""What SELECT said of mailboxes lately, for whoever selects them again while nothing has changed.

It is used again only where everything that it was made of is the same, so nothing is ever to be told of changes,
whichever process made them.
"""

from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple

from mailwren.base import limits
from mailwren.base.ids import ModSeq
from mailwren.base.ranges import RangeSet

if TYPE_CHECKING:
    from mailwren.server.selected import Selected
    from mailwren.server.session import Session
    from mailwren.store.values import Mailbox


class IntroductionKey(NamedTuple):
    """Which mailbox, and in which form."""

    state: int
    """The number of the mailbox's state as one user sees it."""
    read_only: bool
    rights: frozenset[str]
    language: str
    by_uid: bool


class _Introduction(NamedTuple):
    modseq: ModSeq
    mailbox: "Mailbox"
    recent: RangeSet
    keywords: frozenset[str]
    octets: bytes


class Introductions:
    """A bounded memory; those used longest ago go first. Used on the event loop."""

    __slots__ = ("_entries", "_limit")

    def __init__(self, limit: int) -> None:
        """Keep so many."""
        self._limit: Final = limit
        self._entries: Final[OrderedDict[IntroductionKey, _Introduction]] = OrderedDict()

    def say(self, session: "Session", selected: "Selected") -> bool:
        """Introduce a mailbox that has just been selected as it was before; whether that was possible."""
        found = self._entries.get(_key(session, selected))
        state = selected.state
        if not _is_present(selected):
            return False
        if found is None or found.modseq != state.modseq or found.recent != selected.view.recent:
            return False
        if found.mailbox is not state.mailbox and found.mailbox != state.mailbox:
            return False
        selected.keywords = found.keywords
        session.send(found.octets)
        return True

    def keep(self, session: "Session", selected: "Selected", octets: bytes) -> None:
        """A mailbox was introduced like this."""
        if not _is_present(selected) or len(octets) > limits.INTRODUCTION:
            return
        state, key = selected.state, _key(session, selected)
        self._entries[key] = _Introduction(state.modseq, state.mailbox, selected.view.recent, selected.keywords, octets)
        self._entries.move_to_end(key)
        if len(self._entries) > self._limit:
            self._entries.popitem(last=False)


def _is_present(selected: "Selected") -> bool:
    """Whether nothing has happened since it was decided what to tell, as it may while recent messages are claimed."""
    return selected.view.told == selected.state.modseq


def _key(session: "Session", selected: "Selected") -> IntroductionKey:
    return IntroductionKey(
        selected.state.number, selected.read_only, selected.rights, session.language, session.uid_only
    )
