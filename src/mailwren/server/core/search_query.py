"""Search keys of the protocol as a query of the store (RFC 9051 §6.4.4, RFC 3501 §6.4.4, and extensions). Pure."""

from collections.abc import Callable
from datetime import date

from mailwren.base.ids import ModSeq
from mailwren.base.ranges import RangeSet
from mailwren.imap.core.arguments import SearchKey
from mailwren.imap.ext.annotate import ANNOTATION, searched_kinds
from mailwren.imap.scanner import NUMBER_MAX
from mailwren.imap.sequence_set import STAR, SequenceSet
from mailwren.search.collation import Collation
from mailwren.search.plan import PlainTextTest
from mailwren.search.query import (
    ALL,
    And,
    AnnotationContains,
    BodyContains,
    ChangedSince,
    EmailId,
    Fact,
    FactBetween,
    FlagTest,
    HeaderContains,
    Not,
    Or,
    PositionIn,
    Query,
    Resembles,
    TextContains,
    ThreadId,
    UidIn,
    before,
    day_number,
    exactly,
    since,
)
from mailwren.server.ext.gmail_items import email_id_prefix, thread_ids
from mailwren.server.view import Span, View

_FLAGS = {
    "ANSWERED": "\\Answered",
    "DELETED": "\\Deleted",
    "DRAFT": "\\Draft",
    "FLAGGED": "\\Flagged",
    "SEEN": "\\Seen",
}
_DATES: dict[str, tuple[Fact, Callable[[Fact, int], Query]]] = {
    "BEFORE": (Fact.INTERNAL_DAY, before),
    "ON": (Fact.INTERNAL_DAY, exactly),
    "SINCE": (Fact.INTERNAL_DAY, since),
    "SENTBEFORE": (Fact.SENT_DAY, before),
    "SENTON": (Fact.SENT_DAY, exactly),
    "SENTSINCE": (Fact.SENT_DAY, since),
    "SAVEDBEFORE": (Fact.SAVED_DAY, before),
    "SAVEDON": (Fact.SAVED_DAY, exactly),
    "SAVEDSINCE": (Fact.SAVED_DAY, since),
}
_FIELDS = ("BCC", "CC", "FROM", "SUBJECT", "TO")


def to_query(
    key: SearchKey, view: View, saved: RangeSet, clock: Callable[[], float], collation: Collation | None = None
) -> Query:
    """What a search key asks of the store.

    Message numbers beyond the last message name none, and are no mistake in a search (RFC 7377 §2).

    Args:
        key: the parsed key.
        view: the session's numbering, for sets of message numbers, and its recent messages.
        saved: the UIDs that ``$`` stands for.
        clock: the time in seconds since the epoch.
        collation: how texts are compared, if the client chose (RFC 5255 §4.7).
    """
    return _Translation(view, saved, clock, collation).query(key)


def lasting_query(
    key: SearchKey, view: View, saved: RangeSet, clock: Callable[[], float], collation: Collation | None = None
) -> Callable[[], Query]:
    """What a search key asks of the store now and later: the query, to be asked for whenever it is needed.

    Message numbers, ``$`` and a ``*`` on its own stand for the messages that they name now (RFC 5267 §4.3), and a
    range of UIDs up to ``*`` has no end. What is recent grows with the view, and messages grow older.
    """
    translation = _Lasting(view, saved, clock, collation)
    query = translation.query(key)
    return (lambda: translation.query(key)) if _moves_on(key) else (lambda: query)


def _moves_on(key: SearchKey) -> bool:
    return key.name in {"RECENT", "NEW", "OLD", "OLDER", "YOUNGER"} or any(map(_moves_on, key.keys))


class _Translation:
    def __init__(
        self, view: View, saved: RangeSet, clock: Callable[[], float], collation: Collation | None = None
    ) -> None:
        self._view = view
        self._collation = collation
        self._saved = saved
        self._clock = clock
        self._fuzzy = False
        self._tables: tuple[Callable[[SearchKey], Query | None], ...] = (
            self._of_queries,
            self._of_flags,
            self._of_messages,
            self._of_annotations,
            self._of_texts,
            self._of_facts,
            self._of_numbers,
            self._of_ids,
        )

    def query(self, key: SearchKey) -> Query:
        for table in self._tables:
            query = table(key)
            if query is not None:
                return query
        raise AssertionError(f"the grammar knows the search key {key.name}, this table does not")

    def _of_queries(self, key: SearchKey) -> Query | None:
        match key.name:
            case "ALL":
                return ALL
            case "AND":
                return And(tuple(map(self.query, key.keys)))
            case "OR":
                return Or(tuple(map(self.query, key.keys)))
            case "NOT":
                return Not(self.query(key.keys[0]))
            case "FUZZY":
                fuzzy, self._fuzzy = self._fuzzy, True
                query = self.query(key.keys[0])
                self._fuzzy = fuzzy
                return query
            case _:
                return None

    def _of_flags(self, key: SearchKey) -> Query | None:
        name = key.name
        if name in _FLAGS:
            return FlagTest(_FLAGS[name])
        if name.startswith("UN") and name[2:] in _FLAGS:
            return Not(FlagTest(_FLAGS[name[2:]]))
        recent = UidIn(self._view.recent)
        match name:
            case "KEYWORD":
                return FlagTest(key.flag)
            case "UNKEYWORD":
                return Not(FlagTest(key.flag))
            case "RECENT":
                return recent
            case "NEW":
                return And((recent, Not(FlagTest("\\Seen"))))
            case "OLD":
                return Not(recent)
            case _:
                return None

    def _of_messages(self, key: SearchKey) -> Query | None:
        if key.messages is None:
            return None
        if key.messages.saved:
            return UidIn(self._saved)
        if key.name == "UID":
            return UidIn(key.messages.resolve(self._view.last_uid()))
        return PositionIn(tuple(_positions(key.messages, self._view.count)))

    def _of_annotations(self, key: SearchKey) -> Query | None:
        if key.name != ANNOTATION:
            return None
        test = AnnotationContains(key.field_name, searched_kinds(key.flag), key.text, self._collation)
        return Not(test) if key.number else test

    def _of_texts(self, key: SearchKey) -> Query | None:
        test = self._text_test(key)
        return Resembles(test) if self._fuzzy and test is not None else test

    def _text_test(self, key: SearchKey) -> PlainTextTest | None:
        if key.name in _FIELDS:
            return HeaderContains(key.name, key.text, self._collation)
        match key.name:
            case "HEADER":
                return HeaderContains(key.field_name, key.text, self._collation)
            case "BODY":
                return BodyContains(key.text, self._collation)
            case "TEXT":
                return TextContains(key.text, self._collation)
            case _:
                return None

    @staticmethod
    def _of_facts(key: SearchKey) -> Query | None:
        if key.name in _DATES:
            fact, test = _DATES[key.name]
            return test(fact, day_number(key.date or date.min))
        match key.name:
            case "LARGER":
                return since(Fact.SIZE, key.number + 1)
            case "SMALLER":
                return before(Fact.SIZE, key.number)
            case "MODSEQ":
                return ChangedSince(ModSeq(key.number))
            case _:
                return None

    def _of_numbers(self, key: SearchKey) -> Query | None:
        match key.name:
            case "OLDER":
                return FactBetween(Fact.INTERNAL_TIME, None, int(self._clock()) - key.number)
            case "YOUNGER":
                return FactBetween(Fact.INTERNAL_TIME, int(self._clock()) - key.number, None)
            case "UIDAFTER":
                return UidIn(RangeSet([(key.number + 1, NUMBER_MAX)]) if key.number < NUMBER_MAX else RangeSet())
            case "UIDBEFORE":
                return UidIn(RangeSet([(1, key.number - 1)]) if key.number > 1 else RangeSet())
            case "SAVEDATESUPPORTED":
                return ALL  # every mailbox knows when its messages came in
            case _:
                return None

    @staticmethod
    def _of_ids(key: SearchKey) -> Query | None:
        match key.name:
            case "EMAILID":
                return EmailId(key.text)
            case "THREADID":
                return ThreadId(key.text)
            case "X-GM-MSGID":
                return EmailId(email_id_prefix(key.number), is_prefix=True)
            case "X-GM-THRID":
                return Or(tuple(map(ThreadId, thread_ids(key.number))))
            case _:
                return None


class _Lasting(_Translation):
    """Sets of messages are resolved once: what was translated first is used ever after."""

    def __init__(
        self, view: View, saved: RangeSet, clock: Callable[[], float], collation: Collation | None = None
    ) -> None:
        super().__init__(view, saved, clock, collation)
        self._resolved: dict[int, Query] = {}

    def _of_messages(self, key: SearchKey) -> Query | None:
        if key.messages is None:
            return None
        known = self._resolved.get(id(key))
        if known is None:
            known = self._resolved[id(key)] = self._resolve(key, key.messages)
        return known

    def _resolve(self, key: SearchKey, messages: SequenceSet) -> Query:
        if messages.saved:
            return UidIn(self._saved)
        if key.name != "UID":
            return UidIn(self._view.uids_of(_positions(messages, self._view.count)))
        last = self._view.last_uid()
        return UidIn(RangeSet(_endless(start, stop, last) for start, stop in messages.ranges))


def _positions(messages: SequenceSet, count: int) -> list[Span]:
    """The positions of message numbers, but for those beyond the last one."""
    return [(start - 1, stop) for start, stop in messages.resolve(count).clipped(1, count).ranges()]


def _endless(start: int, stop: int, last: int) -> tuple[int, int]:
    """A range of UIDs in which ``*`` is whatever may come; it holds the last message now, as ``n:*`` always does."""
    if start == stop == STAR:
        return last, last
    if STAR not in (start, stop):
        return start, stop
    return min(start or stop, last or NUMBER_MAX), NUMBER_MAX
