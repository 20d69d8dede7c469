"""Sorting and threading all messages of the corpus, real list traffic among them, against the naive way.

The naive side takes fields, addresses, dates and encoded words from parsers that have tests of their own.
"""

import re

import pytest
from tests.corpus.test_search_corpus import CORPUS, octets_of_messages
from tests.support.naive_threads import (
    Mail,
    Unreadable,
    naive_ordered_subject,
    naive_references,
    naive_refs,
    naive_sort,
)
from tests.support.searched_mailbox import SearchedMailbox

from mailwren.message.address import parse_addresses
from mailwren.message.dates import parse_date
from mailwren.message.encoded_words import read_header
from mailwren.message.header import Header, unfold
from mailwren.message.parse import parse_message
from mailwren.message.text import header_charset
from mailwren.search.collation import UNICODE_CASEMAP
from mailwren.search.evaluate import SearchEngine
from mailwren.search.sort_columns import SortField
from mailwren.search.sort_order import Criterion, Order
from mailwren.search.sorting import Algorithm, Sorter

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not (CORPUS / "MANIFEST.tsv").is_file(), reason=f"no message corpus in {CORPUS}"),
]

_MESSAGE_ID = re.compile(r"<([^<>]+)>")
ARRIVALS = 7919
"""Arrivals are spread so that they are not in the messages' order."""


def message_ids(value: bytes | None) -> list[str]:
    """The valid identifiers of a field."""
    text = unfold(value or b"").decode("utf-8", "backslashreplace")
    plain = [re.sub(r"\s", "", re.sub(r'"((?:[^"\\]|\\.)*)"', r"\1", each)) for each in _MESSAGE_ID.findall(text)]
    return [each for each in plain if "@" in each[1:-1]]


def shown(value: bytes, hint: str) -> str:
    """A text as it is compared, decoded."""
    text = read_header(value, hint)
    return text if isinstance(text, str) else Unreadable(text.decode("latin-1")).by_octets()


def subject_of(header: Header, hint: str) -> str:
    """The Subject, decoded where it can be, before anything is taken off it."""
    value = header.get(b"subject") or b""
    text = read_header(value, hint)
    return text[:1000] if isinstance(text, str) else Unreadable(text.decode("latin-1")[:1000])


def mail_of(number: int, octets: bytes) -> Mail:
    """A message as the naive side sees it."""
    block = octets[: parse_message(octets).root.body_start]
    header = Header(block)
    hint = header_charset(header, block)
    date = parse_date(header.unfolded(b"date"))
    arrival = number * ARRIVALS % 100_003

    def first(name: bytes) -> tuple[str, str]:
        found = parse_addresses(b",".join(map(unfold, header.all(name))))
        if not found:
            return "", ""
        mailbox = (found[0].mailbox or b"").decode("utf-8", "replace")
        host = found[0].host
        display = shown(found[0].name or b"", hint)
        address = mailbox if host is None else f"{mailbox}@{host.decode('utf-8', 'replace')}"
        return mailbox, display or (address if found[0].mailbox else "")

    sender, recipient = first(b"from"), first(b"to")
    references = message_ids(header.get(b"references")) or message_ids(header.get(b"in-reply-to"))[:1]
    return Mail(
        number,
        subject_of(header, hint),
        arrival if date is None else date[1],
        arrival,
        len(octets),
        next(iter(message_ids(header.get(b"message-id"))), ""),
        tuple(references if len(references) <= 100 else references[:1] + references[-99:]),
        sender[0],
        recipient[0],
        first(b"cc")[0],
        sender[1][:1000],
        recipient[1][:1000],
    )


@pytest.fixture(scope="module")
def corpus() -> tuple[SearchedMailbox, list[Mail]]:
    """The corpus, stored, and as the naive side sees it."""
    mailbox = SearchedMailbox()
    mails = []
    for number, octets in enumerate(octets_of_messages(), 1):
        mails.append(mail_of(number, octets))
        mailbox.add(octets, date=mails[-1].arrival)
    return mailbox, mails


@pytest.mark.parametrize(
    "program",
    [
        [("SUBJECT", False)],
        [("REVERSE DATE", True)],
        [("FROM", True), ("SUBJECT", False)],
        [("TO", False), ("SIZE", True)],
        [("CC", False), ("ARRIVAL", True)],
        [("DISPLAYFROM", False), ("DATE", True)],
        [("DISPLAYTO", True)],
    ],
    ids=lambda program: " ".join(key for key, _reverse in program),
)
def test_the_corpus_is_sorted(corpus: tuple[SearchedMailbox, list[Mail]], program: list[tuple[str, bool]]) -> None:
    """Every key puts real mail in the order of pairwise comparison."""
    mailbox, mails = corpus
    program = [(key.removeprefix("REVERSE "), reverse) for key, reverse in program]
    order = Order(tuple(Criterion(SortField(key), reverse) for key, reverse in program), UNICODE_CASEMAP)
    found = [position + 1 for position in mailbox.sort(order, Sorter(SearchEngine()))]
    assert found == naive_sort(mails, program)


NAIVE = {
    Algorithm.ORDERED_SUBJECT: naive_ordered_subject,
    Algorithm.REFERENCES: naive_references,
    Algorithm.REFS: naive_refs,
}


@pytest.mark.parametrize("algorithm", Algorithm, ids=lambda algorithm: algorithm.value)
def test_the_corpus_is_threaded(corpus: tuple[SearchedMailbox, list[Mail]], algorithm: Algorithm) -> None:
    """Real list traffic is threaded as the algorithm's text, followed step by step, threads it."""
    mailbox, mails = corpus
    assert sum(bool(mail.references) for mail in mails) > 100, "the corpus has threads"
    found = mailbox.thread(algorithm, Sorter(SearchEngine()))
    assert found == NAIVE[algorithm](mails)
    assert sorted(map(int, re.findall(r"\d+", found))) == [mail.number for mail in mails]
