"""MESSAGELIMIT and SAVELIMIT, where they are configured (RFC 9738): commands stop after so many, the newest first.

A command asks for the messages that it may work on, and goes on with those; that there were more, and where to go on,
is said with its tagged answer by the session.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from mailwren.base.ids import FlagSetId
from mailwren.base.ranges import RangeSet
from mailwren.imap.core.arguments import Fetch, SearchKey
from mailwren.imap.errors import Refused
from mailwren.imap.ext.messagelimit import message_limit_code
from mailwren.imap.ext.partial import PartialRange
from mailwren.server.ext.partial import count, cut
from mailwren.server.table import Completion
from mailwren.server.view import Span, View, runs

if TYPE_CHECKING:
    from mailwren.server.selected import Selected
    from mailwren.server.session import Session

_REST: Final = "There are more messages than one command may work on"


# --- what is worked on --------------------------------------------------------------------------------------
def newest(session: "Session", spans: list[Span]) -> list[Span]:
    """Those of the messages at positions that one command may work on; the rest is told with its answer."""
    limit = session.context.config.message_limit
    if limit is None:
        return spans
    total = count(spans)
    if total <= limit:
        return spans
    spans = cut(spans, total - limit, total)
    session.over_limit = message_limit_code(limit, session.mailbox.view.uid(spans[0][0]))
    return spans


def newest_deleted(session: "Session", selected: "Selected", spans: list[Span]) -> list[Span]:
    """The same for UID EXPUNGE, which works on those flagged ``\\Deleted`` (RFC 9738 §3.1)."""
    limit = session.context.config.message_limit
    if limit is None or count(spans) <= limit:
        return spans
    state, view = selected.state, selected.view
    deleted = {flags for flags in state.flag_set_ids() if selected.account.flag_set(FlagSetId(flags)).deleted}
    places = ((each, state.index(view.uid(each))) for start, stop in spans for each in range(start, stop))
    found = [each for each, index in places if index is not None and state.flags[index] in deleted]
    return newest(session, list(runs(found))) if found else []


def searched(session: "Session", selected: "Selected", key: SearchKey) -> RangeSet | None:
    """The messages that SEARCH may look at; ``None``: as many as it likes.

    "The total number of searched messages (note, NOT the number of matched messages)" counts (RFC 9738 §3.1): those
    that sets of messages among the keys let through, UIDAFTER and UIDBEFORE being such sets (RFC 9738 §3.2).
    """
    if session.context.config.message_limit is None:
        return None
    view = selected.view
    numbers = RangeSet([(1, view.count)]) if view.count else RangeSet()
    for each in _conditions(key):
        spans = _named(session, view, each)
        if spans is not None:
            numbers = numbers.intersection(RangeSet((start + 1, stop) for start, stop in spans if start < stop))
    spans = newest(session, [(start - 1, stop) for start, stop in numbers.ranges()])
    return view.uids_of(spans) if session.over_limit else None


def _conditions(key: SearchKey) -> Iterator[SearchKey]:
    """The keys all of which a message has to meet."""
    if key.name == "AND":
        for each in key.keys:
            yield from _conditions(each)
    else:
        yield key


def _named(session: "Session", view: View, key: SearchKey) -> list[Span] | None:
    """The positions of the messages that a key names; ``None``: it names none by number or UID."""
    if key.messages is not None:
        return view.resolve(key.messages, session.saved, by_uid=key.name == "UID")
    if key.name == "UIDAFTER":
        return [(bisect_right(view.uids, key.number, 0, view.count), view.count)]
    if key.name == "UIDBEFORE":
        return [(0, bisect_left(view.uids, key.number, 0, view.count))]
    return None


# --- what is all or nothing ---------------------------------------------------------------------------------
def check_copy(session: "Session", spans: list[Span]) -> None:
    """Refuse to copy more than the limit: COPY does nothing by halves. Raises Refused (RFC 9738 §3.1)."""
    limit = save_limit(session)
    total = count(spans)
    if limit is not None and total > limit:
        lowest = session.mailbox.view.uid(cut(spans, total - limit, total)[0][0])
        raise Refused(_REST, message_limit_code(limit, lowest))


def check_append(session: "Session", messages: int) -> None:
    """Refuse to add more than the limit at once: APPEND does nothing by halves. Raises Refused (RFC 9738 §3.1)."""
    limit = save_limit(session)
    if limit is not None and messages > limit:
        raise Refused(_REST, message_limit_code(limit))


def check_page(session: "Session", arguments: Fetch) -> None:
    """Refuse a page larger than the limit. Raises Refused (RFC 9738 §3.1, the example with PARTIAL)."""
    limit = session.context.config.message_limit
    wanted = dict(arguments.modifiers).get("PARTIAL")
    if limit is not None and isinstance(wanted, PartialRange) and abs(wanted.stop - wanted.start) >= limit:
        raise Refused(_REST, message_limit_code(limit))


def save_limit(session: "Session") -> int | None:
    """How many messages COPY and APPEND may add."""
    config = session.context.config
    return min((each for each in (config.message_limit, config.save_limit) if each is not None), default=None)


# --- what is said -------------------------------------------------------------------------------------------
def settled(session: "Session", completion: Completion) -> Completion:
    """The command's answer, with the limit where it was reached.

    Where there is another code already, the limit is told untagged: "the former MUST be returned in the tagged OK
    response, while the latter MUST be returned in an untagged NO response" (RFC 9738 §3.1).
    """
    if not session.over_limit:
        return completion
    if completion.code:
        session.say(b"NO", _REST, session.over_limit)
        return completion
    return Completion(session.over_limit, _REST, completion.silent)


def settled_refusal(session: "Session", error: Exception) -> Completion | None:
    """The answer to a command that was refused after it had stopped at the limit; ``None`` where it stays refused."""
    if not session.over_limit:
        return None
    if isinstance(error, Refused) and error.code == b"EXPUNGEISSUED":
        return Completion(error.code, error.text)
    session.say(b"NO", _REST, session.over_limit)
    return None
