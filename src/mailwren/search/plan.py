"""From a query to the steps that answer it: simplified, and the cheap tests before the dear ones. Pure.

Rules for whoever edits this file:

1. A plan matches exactly the messages that its query matches.
2. Nothing here costs more than the query's size (times its depth at worst): hostile queries are planned as well.
3. Tests of flags under AND, OR and NOT become one :class:`FlagStep`: it is decided once for each distinct set of
   flags, not once for each message.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, TypeAlias

from mailwren.base import limits
from mailwren.search.query import (
    All,
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
    Nothing,
    Or,
    PositionIn,
    Query,
    Resembles,
    TextContains,
    ThreadId,
    UidIn,
)


class QueryTooDeep(ValueError):
    """The query's tree is deeper than ``limits.QUERY_DEPTH``."""


class Cost(IntEnum):
    """What a step has to look at, from cheap to dear."""

    NUMBERS = 0
    """Positions, UIDs, mod-sequences: arrays in memory."""
    FLAGS = 1
    """Flag sets: an array in memory."""
    FACTS = 2
    """Sizes and dates: arrays in memory once they were read."""
    IDENTITY = 3
    """Object ids, annotations: one row a message."""
    HEADER = 4
    """The header block of each message."""
    BODY = 5
    """The octets of each message."""


NumberTest: TypeAlias = UidIn | PositionIn | ChangedSince
IdentityTest: TypeAlias = EmailId | ThreadId | AnnotationContains
PlainTextTest: TypeAlias = HeaderContains | BodyContains | TextContains
TextTest: TypeAlias = PlainTextTest | Resembles
Test: TypeAlias = NumberTest | FactBetween | IdentityTest | TextTest


@dataclass(frozen=True, slots=True)
class ConstantStep:
    """Matches every message, or none."""

    matches: bool
    cost: Cost = Cost.NUMBERS


@dataclass(frozen=True, slots=True)
class LeafStep:
    """One test."""

    test: Test
    cost: Cost


@dataclass(frozen=True, slots=True)
class FlagStep:
    """A query of flag tests alone (with And, Or, Not)."""

    query: Query
    cost: Cost = Cost.FLAGS


@dataclass(frozen=True, slots=True)
class AndStep:
    """Matches what every step matches; at least two steps, the cheap ones first."""

    steps: "tuple[Step, ...]"
    cost: Cost


@dataclass(frozen=True, slots=True)
class OrStep:
    """Matches what any step matches; at least two steps, the cheap ones first."""

    steps: "tuple[Step, ...]"
    cost: Cost


@dataclass(frozen=True, slots=True)
class NotStep:
    """Matches what the step does not match."""

    step: "Step"
    cost: Cost


Step: TypeAlias = ConstantStep | LeafStep | FlagStep | AndStep | OrStep | NotStep

EVERY: Final = ConstantStep(matches=True)
NONE: Final = ConstantStep(matches=False)

_LEAF_COSTS: Final[dict[type, Cost]] = {
    UidIn: Cost.NUMBERS,
    PositionIn: Cost.NUMBERS,
    ChangedSince: Cost.NUMBERS,
    FactBetween: Cost.FACTS,
    EmailId: Cost.IDENTITY,
    ThreadId: Cost.IDENTITY,
    AnnotationContains: Cost.IDENTITY,
    HeaderContains: Cost.HEADER,
    BodyContains: Cost.BODY,
    TextContains: Cost.BODY,
}


def plan(query: Query) -> Step:
    """Make the steps that answer ``query``.

    Raises:
        QueryTooDeep: the query's tree is deeper than ``limits.QUERY_DEPTH``.
    """
    return _plan(query, 0)


def leaves(step: Step) -> Iterator[LeafStep]:
    """All tests of a plan but those of flags."""
    match step:
        case AndStep(steps) | OrStep(steps):
            for part in steps:
                yield from leaves(part)
        case NotStep(inner):
            yield from leaves(inner)
        case LeafStep():
            yield step
        case ConstantStep() | FlagStep():
            pass


def may_change(step: Step) -> bool:
    """Whether a message that did not match can match later, or the other way round: only flags and such change."""
    match step:
        case AndStep(steps) | OrStep(steps):
            return any(map(may_change, steps))
        case NotStep(inner):
            return may_change(inner)
        case LeafStep(test):
            return isinstance(test, ChangedSince | AnnotationContains)
        case FlagStep():
            return True
        case ConstantStep():
            return False


def _plan(query: Query, depth: int) -> Step:
    if depth > limits.QUERY_DEPTH:
        raise QueryTooDeep(f"A query may be {limits.QUERY_DEPTH} levels deep")
    match query:
        case And(queries):
            return _and([_plan(part, depth + 1) for part in queries])
        case Or(queries):
            return _or([_plan(part, depth + 1) for part in queries])
        case Not(inner):
            return _not(_plan(inner, depth + 1))
        case All():
            return EVERY
        case Nothing():
            return NONE
        case FlagTest():
            return FlagStep(query)
        case _:
            return _test(query)


def _test(test: Test) -> Step:
    match test:
        case BodyContains("") | TextContains(""):
            return EVERY  # "Note that the empty string is a substring" (RFC 9051 §6.4.4)
        case UidIn(uids) if not uids:
            return NONE
        case PositionIn(()):
            return NONE
        case Resembles(inner):
            # what has no text to resemble is asked for as it stands
            return LeafStep(test, _LEAF_COSTS[type(inner)]) if inner.text.strip() else _test(inner)
        case FactBetween(fact, None, None) if fact not in (Fact.SENT_DAY, Fact.SAVED_DAY):
            return EVERY
        case FactBetween(_, int(low), int(high)) if low > high:
            return NONE
    return LeafStep(test, _LEAF_COSTS[type(test)])


def _not(step: Step) -> Step:
    match step:
        case ConstantStep(matches):
            return NONE if matches else EVERY
        case FlagStep(query):
            return FlagStep(query.query if isinstance(query, Not) else Not(query))
        case NotStep(inner):
            return inner
        case LeafStep() | AndStep() | OrStep():
            return NotStep(step, step.cost)


def _and(steps: list[Step]) -> Step:
    flat: list[Step] = []
    for step in steps:
        flat.extend(step.steps if isinstance(step, AndStep) else (step,))
    kept = _with_facts_joined(_distinct(_with_flags_joined(flat, And), EVERY))
    if NONE in kept or _contradicting(kept):
        return NONE
    if len(kept) < 2:
        return kept[0] if kept else EVERY
    kept.sort(key=_cost)
    return AndStep(tuple(kept), _cost(kept[-1]))


def _or(steps: list[Step]) -> Step:
    flat: list[Step] = []
    for step in steps:
        flat.extend(step.steps if isinstance(step, OrStep) else (step,))
    kept = _distinct(_with_flags_joined(flat, Or), NONE)
    if EVERY in kept or _contradicting(kept):
        return EVERY
    if len(kept) < 2:
        return kept[0] if kept else NONE
    kept.sort(key=_cost)
    return OrStep(tuple(kept), _cost(kept[-1]))


def _cost(step: Step) -> Cost:
    return step.cost


def _with_flags_joined(steps: list[Step], join: type[And] | type[Or]) -> list[Step]:
    """The steps with all tests of flags as one, which decides on a flag set instead of on a message."""
    queries: dict[Query, None] = {}
    result: list[Step] = []
    for step in steps:
        if not isinstance(step, FlagStep):
            result.append(step)
        elif isinstance(step.query, join):
            queries.update(dict.fromkeys(step.query.queries))
        else:
            queries[step.query] = None
    if queries:
        result.append(FlagStep(next(iter(queries)) if len(queries) == 1 else join(tuple(queries))))
    return result


def _distinct(steps: list[Step], neutral: Step) -> list[Step]:
    """The steps without those that decide nothing and without repeated tests.

    Only plain tests are compared: comparing whole trees at each of their levels would cost their depth once more.
    """
    result: dict[object, Step] = {}
    for step in steps:
        if step is not neutral:
            result.setdefault(step if _is_test(step) else id(step), step)
    return list(result.values())


def _is_test(step: Step) -> bool:
    return isinstance(step, LeafStep) or (isinstance(step, NotStep) and isinstance(step.step, LeafStep))


def _contradicting(steps: list[Step]) -> bool:
    """Whether a test stands beside its own negation."""
    tests = {step for step in steps if isinstance(step, LeafStep)}
    return any(isinstance(step, NotStep) and isinstance(step.step, LeafStep) and step.step in tests for step in steps)


def _with_facts_joined(steps: list[Step]) -> list[Step]:
    """The steps with the bounds of each fact as one test."""
    ranges: dict[Fact, FactBetween] = {}
    result: list[Step] = []
    for step in steps:
        if isinstance(step, LeafStep) and isinstance(step.test, FactBetween):
            known = ranges.get(step.test.fact)
            ranges[step.test.fact] = _overlap(known, step.test) if known else step.test
        else:
            result.append(step)
    result.extend(_test(test) for test in ranges.values())
    return result


def _overlap(first: FactBetween, second: FactBetween) -> FactBetween:
    lows = [low for low in (first.low, second.low) if low is not None]
    highs = [high for high in (first.high, second.high) if high is not None]
    return FactBetween(first.fact, max(lows, default=None), min(highs, default=None))
