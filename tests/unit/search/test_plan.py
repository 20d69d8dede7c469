"""Plans: simplified queries with the cheap steps first."""

import pytest

from mailwren.base import limits
from mailwren.base.ids import ModSeq
from mailwren.base.ranges import RangeSet
from mailwren.search.plan import EVERY, NONE, AndStep, Cost, FlagStep, LeafStep, NotStep, OrStep, QueryTooDeep, plan
from mailwren.search.query import (
    ALL,
    NOTHING,
    And,
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
    TextContains,
    UidIn,
)

SEEN = FlagTest("\\Seen")
FLAGGED = FlagTest("\\Flagged")
BODY = BodyContains("needle")
SUBJECT = HeaderContains("Subject", "needle")
UIDS = UidIn(RangeSet([(3, 7)]))
LARGE = FactBetween(Fact.SIZE, 1000, None)


@pytest.mark.parametrize(
    "query",
    [
        ALL,
        And(()),
        Or((ALL, BODY)),
        Not(NOTHING),
        Not(Not(ALL)),
        BodyContains(""),
        TextContains(""),
        FactBetween(Fact.SIZE, None, None),
        Or((BODY, Not(BODY))),
        And((ALL, Or((SUBJECT, And(()))))),
    ],
)
def test_what_always_holds_is_one_constant(query: Query) -> None:
    """A query that every message matches needs no look at any message."""
    assert plan(query) is EVERY


@pytest.mark.parametrize(
    "query",
    [
        NOTHING,
        Or(()),
        And((NOTHING, BODY)),
        Not(ALL),
        UidIn(RangeSet()),
        PositionIn(()),
        FactBetween(Fact.SIZE, 10, 9),
        And((FactBetween(Fact.SIZE, 10, None), FactBetween(Fact.SIZE, None, 9))),
        And((SUBJECT, BODY, Not(SUBJECT))),
        And((BODY, And((SUBJECT, Or(()))))),
    ],
)
def test_what_never_holds_is_one_constant(query: Query) -> None:
    """A query that no message can match needs no look at any message."""
    assert plan(query) is NONE


def test_cheap_steps_come_first() -> None:
    """AND and OR are ordered by what their steps have to look at, whatever the client's order."""
    queries = (BODY, SUBJECT, EmailId("M1"), LARGE, SEEN, UIDS)
    for join, kind in ((And, AndStep), (Or, OrStep)):
        step = plan(join(queries))
        assert isinstance(step, kind)
        assert [part.cost for part in step.steps] == sorted(Cost)
        assert step.cost == Cost.BODY


def test_a_missing_date_keeps_an_unbounded_sent_day() -> None:
    """Not every message has a Date header, so an unbounded test of it still decides."""
    assert isinstance(plan(FactBetween(Fact.SENT_DAY, None, None)), LeafStep)
    assert isinstance(plan(FactBetween(Fact.SAVED_DAY, None, None)), LeafStep)


def test_nested_lists_become_one() -> None:
    """AND within AND and OR within OR are one list."""
    step = plan(And((UIDS, And((BODY, And((SUBJECT,)))))))
    assert isinstance(step, AndStep)
    assert len(step.steps) == 3
    step = plan(Or((UIDS, Or((BODY, Or((SUBJECT,)))))))
    assert isinstance(step, OrStep)
    assert len(step.steps) == 3


def test_double_negation_vanishes() -> None:
    """NOT NOT x is x, also for flags."""
    assert plan(Not(Not(BODY))) == plan(BODY)
    assert plan(Not(Not(SEEN))) == FlagStep(SEEN)
    assert plan(Not(BODY)) == NotStep(LeafStep(BODY, Cost.BODY), Cost.BODY)


def test_flags_are_one_step() -> None:
    """Tests of flags under AND, OR and NOT are decided together."""
    assert plan(And((SEEN, Not(FLAGGED), SEEN))) == FlagStep(And((SEEN, Not(FLAGGED))))
    assert plan(Or((SEEN, And((FLAGGED, Not(SEEN)))))) == FlagStep(Or((SEEN, And((FLAGGED, Not(SEEN))))))
    step = plan(And((SEEN, BODY, And((FLAGGED, UIDS)))))
    assert isinstance(step, AndStep)
    assert FlagStep(And((SEEN, FLAGGED))) in step.steps


def test_bounds_of_a_fact_are_joined() -> None:
    """SINCE and BEFORE of one AND are one test; those of different facts stay apart."""
    dates = And((FactBetween(Fact.INTERNAL_DAY, 10, None), FactBetween(Fact.INTERNAL_DAY, None, 20), LARGE))
    step = plan(dates)
    assert isinstance(step, AndStep)
    assert {part.test for part in step.steps if isinstance(part, LeafStep)} == {
        FactBetween(Fact.INTERNAL_DAY, 10, 20),
        LARGE,
    }


def test_bounds_are_not_joined_under_or() -> None:
    """OR keeps its bounds apart."""
    assert isinstance(plan(Or((FactBetween(Fact.SIZE, None, 5), FactBetween(Fact.SIZE, 9, None)))), OrStep)


def test_repeats_vanish() -> None:
    """The same test twice is looked at once."""
    assert plan(And((BODY, BODY))) == plan(BODY) == plan(Or((BODY, BODY)))
    assert plan(And((ChangedSince(ModSeq(3)), ChangedSince(ModSeq(3))))) == plan(ChangedSince(ModSeq(3)))


def test_depth_is_bounded() -> None:
    """A query at the limit is planned, one deeper is refused."""
    query: Query = BODY
    for _ in range(limits.QUERY_DEPTH):
        query = Not(query)
    plan(query)
    with pytest.raises(QueryTooDeep):
        plan(Not(query))


def test_many_keys_are_planned_in_linear_time() -> None:
    """Ten thousand keys over the whole depth are planned in far less than a second."""
    query: Query = And(tuple(HeaderContains("X", str(n)) for n in range(limits.SEARCH_KEYS)))
    for _ in range(limits.NESTING):
        query = Or((And((query, BODY)), SUBJECT))
    assert plan(query).cost == Cost.BODY
