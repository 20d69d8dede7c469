"""Random queries on random mailboxes, against a reference that looks at one message at a time."""

import re
from dataclasses import dataclass, field
from datetime import date

from hypothesis import given
from hypothesis import strategies as st
from tests.support.searched_mailbox import SAVED_AFTER, SearchedMailbox

from mailwren.base.ids import ModSeq
from mailwren.base.ranges import RangeSet
from mailwren.message.fold import fold
from mailwren.message.parse import parse_message
from mailwren.message.text import body_texts, field_texts, header_text
from mailwren.search.evaluate import SearchEngine
from mailwren.search.query import (
    ALL,
    NOTHING,
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
    day_number,
)
from mailwren.store.values import ContentFacts

FLAGS = ["\\Seen", "\\Flagged", "\\Deleted", "$Junk", "blau"]
WORDS = [
    "Grüße",
    "straße",
    "report",
    "REPORT",
    "漢字",
    "fi",
    "ﬁsh",
    "annual",
    "e\u0301t\u00e9",
    "é",
    "x=3D",
    "<b>y</b>",
]
HEADERS = [
    "Subject: {}",
    "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?= {}",
    "From: {} <a@example.org>",
    "X-Other: {}\r\n\tfolded",
    "Date: Mon, 2 Feb 2004 23:59:00 -0700",
]
MULTIPART = (
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8; name=f.txt\r\n"
    "\r\n{}\r\n--b\r\nContent-Type: image/png\r\nX-Part: report\r\n\r\nstraße\r\n--b--\r\n"
)
BODIES = [
    "{}\r\n",
    "Content-Type: text/html; charset=utf-8\r\n\r\n<p>{}</p>",
    MULTIPART,
    "Content-Type: message/rfc822\r\n\r\nSubject: {}\r\n\r\nenclosed",
    "Content-Transfer-Encoding: base64\r\n\r\nUkVQT1JUIGFubnVhbA==",
]


@dataclass
class Stored:
    """One message as the reference sees it."""

    octets: bytes
    flags: frozenset[str]
    uid: int = 0
    facts: ContentFacts | None = None
    annotations: dict[tuple[str, bool], str] = field(default_factory=dict)


ENTRIES = {"/comment": "/comment", "/1/comment": "/1/comment", "/%": "/[^/]*", "/*": "/.*", "*t": ".*t", "/x": "/x"}
"""Entries as searches name them, and as regular expressions."""
_annotations = st.dictionaries(
    st.tuples(st.sampled_from(["/comment", "/altsubject", "/1/comment"]), st.booleans()),
    st.sampled_from(WORDS),
    max_size=2,
)
_words = st.lists(st.sampled_from(WORDS), max_size=3).map(" ".join)
_zones = st.sampled_from([-720, -60, 0, 330, 840])
_dates = st.integers(1_075_000_000, 1_076_000_000)


@st.composite
def messages(draw: st.DrawFn) -> tuple[Stored, int, int]:
    """A message with its internal date and zone."""
    lines = [draw(st.sampled_from(HEADERS)).format(draw(_words)) for _ in range(draw(st.integers(0, 3)))]
    body = draw(st.sampled_from(BODIES)).format(draw(_words))
    separator = "" if body.startswith("Content-") else "\r\n"
    text = "".join(line + "\r\n" for line in lines) + separator + body
    flags = frozenset(draw(st.sets(st.sampled_from(FLAGS), max_size=3)))
    return Stored(text.encode(), flags, annotations=draw(_annotations)), draw(_dates), draw(_zones)


_texts = st.sampled_from(
    [*WORDS, "", "port", "GRÜSSE", "t a", "strasse", "subject: ", "folded", "f.txt", "漢", "\u0301"]
)
_bounds = st.none() | st.integers(0, 400)
_day = st.none() | st.integers(day_number(date(2004, 1, 24)), day_number(date(2004, 2, 6)))
_numbers = st.sets(st.integers(1, 30)).map(RangeSet.of)
_spans = st.sets(st.integers(1, 8)).map(lambda places: tuple((a - 1, b) for a, b in RangeSet.of(places).ranges()))
_leaves: st.SearchStrategy[Query] = st.one_of(
    st.sampled_from([ALL, NOTHING]),
    st.builds(FlagTest, st.sampled_from([*FLAGS, "\\SEEN", "$junk", "missing"])),
    st.builds(UidIn, _numbers),
    st.builds(PositionIn, _spans),
    st.builds(FactBetween, st.just(Fact.SIZE), _bounds, _bounds),
    st.builds(FactBetween, st.sampled_from([Fact.INTERNAL_DAY, Fact.SENT_DAY, Fact.SAVED_DAY]), _day, _day),
    st.builds(FactBetween, st.just(Fact.INTERNAL_TIME), _dates, st.none()),
    st.builds(ChangedSince, st.integers(1, 200).map(ModSeq)),
    st.builds(EmailId, st.sampled_from(["M1000", "M1003", "M"])),
    st.builds(ThreadId, st.sampled_from(["T0", "T1"])),
    st.builds(
        AnnotationContains,
        st.sampled_from(sorted(ENTRIES)),
        st.sampled_from([frozenset([True]), frozenset([False]), frozenset([True, False])]),
        _texts,
    ),
    st.builds(HeaderContains, st.sampled_from(["subject", "SUBJECT", "From", "x-other", "Date", "To"]), _texts),
    st.builds(BodyContains, _texts),
    st.builds(TextContains, _texts),
)


def _combined(queries: st.SearchStrategy[Query]) -> st.SearchStrategy[Query]:
    several = st.lists(queries, max_size=3).map(tuple)
    return st.one_of(st.builds(And, several), st.builds(Or, several), st.builds(Not, queries))


queries = st.recursive(_leaves, _combined, max_leaves=8)


def matches(query: Query, message: Stored, position: int) -> bool:
    """Whether one message matches, in the plainest way."""
    match query:
        case And(parts):
            return all(matches(part, message, position) for part in parts)
        case Or(parts):
            return any(matches(part, message, position) for part in parts)
        case Not(inner):
            return not matches(inner, message, position)
        case FactBetween() | EmailId() | ThreadId():
            assert message.facts is not None
            return fact_matches(query, message.facts)
        case HeaderContains() | BodyContains() | TextContains():
            return text_matches(query, message.octets)
        case Resembles(test):
            return text_matches(test, message.octets)
        case AnnotationContains(entry, kinds, text):
            return any(
                re.fullmatch(ENTRIES[entry], name) and is_shared in kinds and fold(text) in fold(value)
                for (name, is_shared), value in message.annotations.items()
            )
        case _:
            return number_matches(query, message, position)


def number_matches(
    query: All | Nothing | FlagTest | UidIn | PositionIn | ChangedSince, message: Stored, position: int
) -> bool:
    """Whether position, UID, flags and mod-sequence match."""
    match query:
        case All() | Nothing():
            return isinstance(query, All)
        case FlagTest(name):
            return name.lower() in {flag.lower() for flag in message.flags}
        case UidIn(uids):
            return message.uid in uids
        case PositionIn(spans):
            return any(start <= position < stop for start, stop in spans)
        case ChangedSince(modseq):
            return message.uid * 10 >= modseq


def fact_matches(query: FactBetween | EmailId | ThreadId, facts: ContentFacts) -> bool:
    """Whether the facts match."""
    match query:
        case EmailId(email_id):
            return facts.email_id == email_id
        case ThreadId(thread_id):
            return facts.thread_id == thread_id
        case FactBetween(fact, low, high):
            number = {
                Fact.SIZE: facts.size,
                Fact.INTERNAL_TIME: facts.internal_date,
                Fact.INTERNAL_DAY: (facts.internal_date + 60 * facts.internal_zone) // 86400,
                Fact.SENT_DAY: facts.sent_date,
                Fact.SAVED_DAY: (facts.internal_date + SAVED_AFTER) // 86400,
            }[fact]
            return number is not None and (low is None or low <= number) and (high is None or number <= high)


def text_matches(query: HeaderContains | BodyContains | TextContains, octets: bytes) -> bool:
    """Whether the decoded texts match."""
    root = parse_message(octets).root
    if isinstance(query, HeaderContains):
        texts = field_texts(octets[: root.body_start], query.field.encode())
    else:
        texts = list(body_texts(octets, root))
        if isinstance(query, TextContains):
            texts += [header_text(octets[: root.body_start])]
            texts += [header_text(octets[part.header_start : part.body_start]) for part in root.children]
        texts.append("")  # the empty text is in every message
    return any(fold(query.text) in fold(text) for text in texts)


@given(st.lists(messages(), max_size=8), st.lists(queries, min_size=1, max_size=3), st.data())
def test_queries_answer_as_the_reference_does(
    stored: list[tuple[Stored, int, int]], asked: list[Query], data: st.DataObject
) -> None:
    """Any query finds exactly what the reference finds, in a view from before some messages went away."""
    mailbox = SearchedMailbox()
    for message, internal_date, zone in stored:
        step = data.draw(st.integers(1, 3))
        message.uid = mailbox.add(message.octets, sorted(message.flags), date=internal_date, zone=zone, step=step)
        if message.annotations:
            mailbox.annotate(message.uid, {key: value.encode() for key, value in message.annotations.items()})
        message.facts = mailbox.known_facts[mailbox.state.contents[-1]]
    view = mailbox.state.uids[:]
    gone = data.draw(st.sets(st.integers(0, len(stored) - 1), max_size=2)) if stored else set()
    mailbox.expunge(*(view[position] for position in gone))
    engine = SearchEngine()
    for query in asked:
        expected = [
            position
            for position, (message, _, _) in enumerate(stored)
            if position not in gone and matches(query, message, position)
        ]
        assert mailbox.find(query, engine, view) == expected
