"""SORT and THREAD against the naive way (``tests/support/naive_threads.py``), over random mailboxes."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.naive_threads import (
    Mail,
    base_subject,
    casemap,
    naive_ordered_subject,
    naive_references,
    naive_refs,
    naive_sort,
)
from tests.support.searched_mailbox import SearchedMailbox

import mailwren.message.base_subject as extraction
from mailwren.base import limits
from mailwren.base.ranges import RangeSet
from mailwren.imap.ext.sort import SORT_KEYS
from mailwren.message.encoded_words import encode_words
from mailwren.search.collation import ASCII_CASEMAP, COLLATIONS, UNICODE_CASEMAP, Collation
from mailwren.search.evaluate import SearchEngine
from mailwren.search.query import BodyContains, HeaderContains, UidIn
from mailwren.search.sort_columns import SortField
from mailwren.search.sort_order import Criterion, Order
from mailwren.search.sorting import Algorithm, Sorter

SUBJECTS = st.lists(
    st.sampled_from(
        ["re", "Re:", "fw", "FWD:", ":", "[", "]", "[list]", "[fwd:", "(fwd)", " ", "\t", "a", "B", "ä", "Ä", "ß", "ﬁ"]
    ),
    max_size=8,
).map("".join)
WORDS = st.sampled_from(["", "ann", "Ann", "bob", "ännchen", "Zoe"])
IDS = st.sampled_from([f"{letter}@x" for letter in "abcdefgh"])


@st.composite
def mails(draw: st.DrawFn) -> list[Mail]:
    """A small mailbox in which much is equal."""
    result = []
    for number in range(1, draw(st.integers(0, 12)) + 1):
        sender, recipient = draw(WORDS), draw(WORDS)
        result.append(
            Mail(
                number,
                subject=draw(SUBJECTS | st.sampled_from(["a", "Re: a", "re: A", "b", "Re: b", ""])).strip(" \t"),
                sent=draw(st.integers(0, 5)) * 3600,
                arrival=draw(st.integers(0, 5)),
                message_id=draw(st.just("") | IDS | IDS),
                references=tuple(draw(st.lists(IDS, max_size=4))),
                sender=sender,
                recipient=recipient,
                cc=draw(WORDS),
                display_sender=draw(WORDS) or (f"{sender}@x" if sender else ""),
                display_recipient=f"{recipient}@x" if recipient else "",
            )
        )
    return result


def octets(mail: Mail) -> bytes:
    """A message that says what a :class:`Mail` does."""
    lines = [b"Subject: " + encode_words(mail.subject)]
    lines.append(f"Date: {datetime.fromtimestamp(mail.sent, UTC):%d %b %Y %H:%M:%S} +0000".encode())
    if mail.sender:
        name = b"" if mail.display_sender.endswith("@x") else encode_words(mail.display_sender)
        lines.append(b"From: " + name + b" <" + mail.sender.encode() + b"@x>")
    for field, value in ((b"To", mail.recipient), (b"Cc", mail.cc)):
        if value:
            lines.append(field + b": " + value.encode() + b"@x, other@x")
    if mail.message_id:
        lines.append(b"Message-ID: <" + mail.message_id.encode() + b">")
    if mail.references:
        lines.append(b"References: " + b" ".join(f"<{each}>".encode() for each in mail.references))
    return b"\r\n".join(lines) + b"\r\n\r\n"


def mailbox_of(mails: list[Mail]) -> SearchedMailbox:
    """The messages, stored."""
    mailbox = SearchedMailbox()
    for mail in mails:
        message = octets(mail)
        if not mail.sender:
            mail.display_sender = ""
        mail.size = len(message)
        mailbox.add(message, date=mail.arrival)
    return mailbox


PROGRAMS = st.lists(
    st.tuples(st.sampled_from(sorted(set(SORT_KEYS) - {"MODSEQ", "RELEVANCY"})), st.booleans()), min_size=1, max_size=4
)


def order_of(program: list[tuple[str, bool]], collation: Collation = UNICODE_CASEMAP) -> Order:
    """A program as the server has it."""
    return Order(tuple(Criterion(SortField(key), reverse) for key, reverse in program), collation)


@given(SUBJECTS)
def test_base_subjects(subject: str) -> None:
    """The base subject is what RFC 5256 §2.1 says, step by step."""
    assert tuple(extraction.base_subject(subject)) == base_subject(subject)


@given(st.text(max_size=30))
def test_unicode_casemap(text: str) -> None:
    """i;unicode-casemap is RFC 5051 §2, code point by code point, up to the order of accents."""
    assert UNICODE_CASEMAP.key(text) == casemap(text) or len(text) > 1
    assert sorted(UNICODE_CASEMAP.key(text)) == sorted(casemap(text))


@given(mails(), PROGRAMS)
def test_sort(mails: list[Mail], program: list[tuple[str, bool]]) -> None:
    """Any program puts any mailbox in the order that comparing pair by pair gives."""
    found = mailbox_of(mails).sort(order_of(program))
    assert [position + 1 for position in found] == naive_sort(mails, program)


@given(mails(), PROGRAMS, st.data())
def test_sort_of_some(mails: list[Mail], program: list[tuple[str, bool]], data: st.DataObject) -> None:
    """So it does with what a search finds, few or many, before and after the order of all is known."""
    mailbox, sorter = mailbox_of(mails), Sorter(SearchEngine())
    for _ in range(3):
        chosen = [mail for mail in mails if data.draw(st.integers(0, 3))]
        query = UidIn(RangeSet.of(mail.number for mail in chosen))
        found = mailbox.sort(order_of(program), sorter, query)
        assert [position + 1 for position in found] == naive_sort(chosen, program)


@given(mails(), mails(), PROGRAMS, st.data())
def test_sort_while_mail_comes_and_goes(
    mails: list[Mail], others: list[Mail], program: list[tuple[str, bool]], data: st.DataObject
) -> None:
    """What is remembered stays true when messages come in and go away, also in a view that has not been told."""
    mailbox, sorter, order = mailbox_of(mails), Sorter(SearchEngine()), order_of(program)
    mailbox.sort(order, sorter)
    present = list(mails)
    for other in others:
        other.number = len(mails) + 1
        mails.append(other)
        present.append(other)
        last = mailbox.state.uids[-1] if mailbox.state.uids else 0
        mailbox.add(octets(other), date=other.arrival, step=other.number - last)
        other.size = len(octets(other))
        if not other.sender:
            other.display_sender = ""
        view = mailbox.state.uids
        goes = data.draw(st.booleans())
        if present and goes:
            gone = present.pop(data.draw(st.integers(0, len(present) - 1)))
            mailbox.expunge(gone.number)
        expected = naive_sort(present, program)
        assert [view[position] for position in mailbox.sort(order, sorter, view=view)] == expected
        now = mailbox.state.uids
        assert [now[position] for position in mailbox.sort(order, sorter)] == expected


NAIVE = {
    Algorithm.ORDERED_SUBJECT: naive_ordered_subject,
    Algorithm.REFERENCES: naive_references,
    Algorithm.REFS: naive_refs,
}


@pytest.mark.parametrize("algorithm", Algorithm, ids=lambda algorithm: algorithm.value)
@given(mails=mails())
def test_threads(algorithm: Algorithm, mails: list[Mail]) -> None:
    """Each algorithm answers what its text, followed step by step, gives."""
    assert mailbox_of(mails).thread(algorithm) == NAIVE[algorithm](mails)


@pytest.mark.parametrize("algorithm", Algorithm, ids=lambda algorithm: algorithm.value)
@given(mails=mails(), data=st.data())
def test_threads_of_some(algorithm: Algorithm, mails: list[Mail], data: st.DataObject) -> None:
    """Only messages that are searched for take part, whatever was threaded before."""
    mailbox, sorter = mailbox_of(mails), Sorter(SearchEngine())
    for _ in range(2):
        chosen = [mail for mail in mails if data.draw(st.booleans())]
        query = UidIn(RangeSet.of(mail.number for mail in chosen))
        assert mailbox.thread(algorithm, sorter, query) == NAIVE[algorithm](chosen)


TEXTS = st.text("aAbB \u00e4\u00c4\u00df\ufb01\u0131i", max_size=6).map(lambda text: " ".join(text.split()))


@given(st.lists(TEXTS, min_size=1, max_size=5), TEXTS, st.sampled_from(COLLATIONS))
def test_search_by_a_collation(texts: list[str], needle: str, collation: Collation) -> None:
    """With a comparator named, SEARCH finds what contains the text by that, and nothing else; asked again as well."""
    mailbox = SearchedMailbox()
    for text in texts:
        head = b"Subject: " + encode_words(text) + b"\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        mailbox.add(head + text.encode())
    engine = SearchEngine()
    expected = [place for place, text in enumerate(texts) if collation.key(needle) in collation.key(text)]
    for query in (HeaderContains("Subject", needle, collation), BodyContains(needle, collation)):
        assert mailbox.find(query, engine) == mailbox.find(query, engine) == expected


@given(mails())
def test_collations_differ_only_in_texts(mails: list[Mail]) -> None:
    """A descending collation turns texts round, numbers stay; what is equal stays in the mailbox's order."""
    mailbox = mailbox_of(mails)
    ascending = mailbox.sort(order_of([("SUBJECT", True), ("SIZE", False)], ASCII_CASEMAP))
    turned = Collation(ASCII_CASEMAP.name, ASCII_CASEMAP.key, descending=True)
    assert mailbox.sort(order_of([("SUBJECT", False), ("SIZE", False)], turned)) == ascending


def test_large_mailboxes_are_sorted_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """More messages than are sorted without a break come out in the same order."""
    monkeypatch.setattr(limits, "SORTED_AT_ONCE", 7)
    boxes = [Mail(number, subject=f"{number * 7919 % 101}", sent=number * 31 % 17) for number in range(1, 200)]
    program = [("DATE", True), ("SUBJECT", False)]
    found = mailbox_of(boxes).sort(order_of(program))
    assert [position + 1 for position in found] == naive_sort(boxes, program)
