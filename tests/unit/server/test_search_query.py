"""Search keys as queries of the store."""

from datetime import date

import pytest

from mailwren.base.ids import MailboxId, ModSeq, Uid, UidValidity
from mailwren.base.ranges import RangeSet
from mailwren.imap.core.arguments import SearchKey
from mailwren.imap.scanner import NUMBER_MAX
from mailwren.imap.sequence_set import STAR, SequenceSet
from mailwren.search.query import (
    ALL,
    And,
    BodyContains,
    EmailId,
    Fact,
    FactBetween,
    FlagTest,
    HeaderContains,
    Not,
    Or,
    PositionIn,
    Query,
    TextContains,
    ThreadId,
    UidIn,
)
from mailwren.server.core.search_query import to_query
from mailwren.server.view import View
from mailwren.store.mailbox_state import MailboxState
from mailwren.store.values import Mailbox

SAVED = RangeSet([(4, 9)])
RECENT = UidIn(RangeSet([(9, 9)]))
DAY = date(1970, 2, 1)
SEEN = FlagTest("\\Seen")
NOW = 1_000_000_000


def view_of(*uids: int) -> View:
    """A session's view of these UIDs; the one with UID 9 is recent."""
    mailbox = Mailbox(MailboxId(1), "INBOX", "F1", UidValidity(1), Uid(100), ModSeq(1), Uid(1), (), 0, 0, 0, 0, 0)
    state = MailboxState(mailbox)
    state.extend((uid, uid, 0, 1) for uid in uids)
    view = View(state)
    view.recent = RangeSet([(9, 9)])
    return view


def numbers(*ranges: tuple[int, int]) -> SequenceSet:
    """A sequence set."""
    return SequenceSet(ranges)


@pytest.mark.parametrize(
    ("key", "query"),
    [
        (SearchKey("ALL"), ALL),
        (SearchKey("SEEN"), SEEN),
        (SearchKey("UNANSWERED"), Not(FlagTest("\\Answered"))),
        (SearchKey("DELETED"), FlagTest("\\Deleted")),
        (SearchKey("UNDRAFT"), Not(FlagTest("\\Draft"))),
        (SearchKey("FLAGGED"), FlagTest("\\Flagged")),
        (SearchKey("KEYWORD", flag="$Junk"), FlagTest("$Junk")),
        (SearchKey("UNKEYWORD", flag="$Junk"), Not(FlagTest("$Junk"))),
        (SearchKey("RECENT"), RECENT),
        (SearchKey("OLD"), Not(RECENT)),
        (SearchKey("NEW"), And((RECENT, Not(SEEN)))),
        (SearchKey("FROM", text="x"), HeaderContains("FROM", "x")),
        (SearchKey("HEADER", field_name="List-Id", text=""), HeaderContains("List-Id", "")),
        (SearchKey("BODY", text="x"), BodyContains("x")),
        (SearchKey("TEXT", text="x"), TextContains("x")),
        (SearchKey("BEFORE", date=DAY), FactBetween(Fact.INTERNAL_DAY, None, 30)),
        (SearchKey("ON", date=DAY), FactBetween(Fact.INTERNAL_DAY, 31, 31)),
        (SearchKey("SINCE", date=DAY), FactBetween(Fact.INTERNAL_DAY, 31, None)),
        (SearchKey("SENTBEFORE", date=DAY), FactBetween(Fact.SENT_DAY, None, 30)),
        (SearchKey("SENTON", date=DAY), FactBetween(Fact.SENT_DAY, 31, 31)),
        (SearchKey("SENTSINCE", date=DAY), FactBetween(Fact.SENT_DAY, 31, None)),
        (SearchKey("SAVEDBEFORE", date=DAY), FactBetween(Fact.SAVED_DAY, None, 30)),
        (SearchKey("SAVEDON", date=DAY), FactBetween(Fact.SAVED_DAY, 31, 31)),
        (SearchKey("SAVEDSINCE", date=DAY), FactBetween(Fact.SAVED_DAY, 31, None)),
        (SearchKey("SAVEDATESUPPORTED"), ALL),
        (SearchKey("OLDER", number=60), FactBetween(Fact.INTERNAL_TIME, None, NOW - 60)),
        (SearchKey("YOUNGER", number=60), FactBetween(Fact.INTERNAL_TIME, NOW - 60, None)),
        (SearchKey("UIDAFTER", number=4), UidIn(RangeSet([(5, NUMBER_MAX)]))),
        (SearchKey("UIDAFTER", number=NUMBER_MAX), UidIn(RangeSet())),
        (SearchKey("UIDBEFORE", number=4), UidIn(RangeSet([(1, 3)]))),
        (SearchKey("UIDBEFORE", number=1), UidIn(RangeSet())),
        (SearchKey("EMAILID", text="M1"), EmailId("M1")),
        (SearchKey("THREADID", text="T1"), ThreadId("T1")),
        (SearchKey("LARGER", number=10), FactBetween(Fact.SIZE, 11, None)),
        (SearchKey("SMALLER", number=10), FactBetween(Fact.SIZE, None, 9)),
        (SearchKey("UID", messages=numbers((5, STAR), (1, 2))), UidIn(RangeSet([(1, 2), (5, 9)]))),
        (SearchKey("UID", messages=SequenceSet(saved=True)), UidIn(SAVED)),
        (SearchKey("SEQUENCE", messages=SequenceSet(saved=True)), UidIn(SAVED)),
        (SearchKey("SEQUENCE", messages=numbers((3, STAR), (1, 1))), PositionIn(((0, 1), (2, 4)))),
        (SearchKey("NOT", keys=(SearchKey("SEEN"),)), Not(SEEN)),
        (SearchKey("OR", keys=(SearchKey("SEEN"), SearchKey("ALL"))), Or((SEEN, ALL))),
        (SearchKey("AND", keys=(SearchKey("SEEN"), SearchKey("UNSEEN"))), And((SEEN, Not(SEEN)))),
    ],
)
def test_each_key_has_its_query(key: SearchKey, query: Query) -> None:
    """Every search key of RFC 9051, RFC 3501 and the extensions asks the store for what it means."""
    assert to_query(key, view_of(2, 4, 7, 9), SAVED, lambda: NOW + 0.9) == query


def test_numbers_beyond_the_mailbox_name_no_message() -> None:
    """Neither message numbers nor UIDs need to exist (RFC 7377 §2)."""
    view = view_of(2, 4, 7, 9)
    query = to_query(SearchKey("SEQUENCE", messages=numbers((3, 5))), view, SAVED, lambda: NOW + 0.9)
    assert query == PositionIn(((2, 4),))
    assert to_query(SearchKey("UID", messages=numbers((50, 50))), view_of(2), SAVED, lambda: NOW + 0.9) == UidIn(
        RangeSet([(50, 50)])
    )
