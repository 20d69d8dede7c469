"""The search engine: what each test means, what is read for it, and how it behaves beside others."""

import asyncio
import base64
from itertools import count

import pytest
from tests.support.searched_mailbox import SearchedMailbox

from mailwren.base import limits
from mailwren.base.ids import ModSeq
from mailwren.base.ranges import RangeSet
from mailwren.search.evaluate import SearchEngine
from mailwren.search.plan import QueryTooDeep
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
    ThreadId,
    UidIn,
    before,
    exactly,
    since,
)

HOUR = 3600
DAY = 24 * HOUR


def mailbox_of_five() -> SearchedMailbox:
    """Five messages of different flags, dates, sizes and texts."""
    mailbox = SearchedMailbox()
    mailbox.add(b"Subject: one\r\nDate: Thu, 1 Jan 1970 23:30:00 -0800\r\n\r\nfirst body\r\n", ["\\Seen"], date=0)
    mailbox.add(b"Subject: two\r\n\r\nSecond BODY\r\n", ["\\Seen", "$Junk"], date=DAY - HOUR, zone=120)
    mailbox.add(
        b"Subject: three\r\nDate: Sat, 3 Jan 1970 00:30:00 +0200\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"preamble\r\n--b\r\nContent-Transfer-Encoding: base64\r\nX-Part: mimeheader\r\n\r\n"
        b"dGhpcmQgYm9keQ==\r\n--b\r\nContent-Type: image/png\r\n\r\nhidden\r\n--b--\r\n",
        ["\\Flagged"],
        date=2 * DAY,
        step=5,
    )
    mailbox.add(b"Subject: =?utf-8?Q?f=C3=BCnf?=\r\n\r\n<b>fourth</b>", [], date=DAY, zone=-60)
    mailbox.add(
        b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        b"<p>fif<b>th</b> gr=C3=BC=\r\n=C3=9Fe &amp; more</p>",
        ["\\Seen", "\\Flagged", "$junk"],
        date=-1,
        step=3,
    )
    return mailbox


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (ALL, [0, 1, 2, 3, 4]),
        (NOTHING, []),
        (FlagTest("\\seen"), [0, 1, 4]),
        (FlagTest("$JUNK"), [1, 4]),
        (FlagTest("\\Unknown"), []),
        (Not(FlagTest("\\Flagged")), [0, 1, 3]),
        (Or((FlagTest("\\Flagged"), Not(FlagTest("\\Seen")))), [2, 3, 4]),
        (UidIn(RangeSet([(2, 7), (100, 200)])), [1, 2]),
        (PositionIn(((0, 1), (3, 5))), [0, 3, 4]),
        (ChangedSince(ModSeq(80)), [3, 4]),
        (before(Fact.INTERNAL_DAY, 1), [0, 3, 4]),
        (exactly(Fact.INTERNAL_DAY, 1), [1]),
        (since(Fact.INTERNAL_DAY, 1), [1, 2]),
        (before(Fact.INTERNAL_DAY, 0), [4]),
        (since(Fact.INTERNAL_TIME, DAY), [2, 3]),
        (exactly(Fact.SENT_DAY, 0), [0]),
        (since(Fact.SENT_DAY, 1), [2]),
        (before(Fact.SENT_DAY, 5), [0, 2]),
        (FactBetween(Fact.SENT_DAY), [0, 2]),
        (since(Fact.SIZE, 100), [2, 4]),
        (before(Fact.SIZE, 40), [1]),
        (EmailId("M1002"), [2]),
        (ThreadId("T0"), [2]),
        (HeaderContains("subject", "T"), [1, 2]),
        (HeaderContains("subject", "FÜNF"), [3]),
        (HeaderContains("subject", ""), [0, 1, 2, 3]),
        (HeaderContains("Date", "1970"), [0, 2]),
        (BodyContains("body"), [0, 1, 2]),
        (BodyContains("hidden"), []),
        (BodyContains("preamble"), []),
        (BodyContains("mimeheader"), []),
        (BodyContains("subject"), []),
        (BodyContains("FIFTH GRÜSSE & MORE"), [4]),
        (BodyContains("<p>"), []),
        (BodyContains("<b>fourth"), [3]),
        (TextContains("mimeheader"), [2]),
        (TextContains("fünf"), [3]),
        (TextContains("body"), [0, 1, 2]),
        (TextContains("quoted-printable"), [4]),
        (And((FlagTest("\\Seen"), BodyContains("body"), Not(HeaderContains("subject", "one")))), [1]),
        (Or((HeaderContains("subject", "one"), BodyContains("fifth"), UidIn(RangeSet([(8, 8)])))), [0, 3, 4]),
        (Not(Or((BodyContains("body"), FlagTest("$Junk")))), [3]),
        (And((Or((FlagTest("\\Flagged"), BodyContains("first"))), Not(And((ALL, TextContains("gr")))))), [0, 2]),
    ],
)
def test_what_each_test_means(query: Query, expected: list[int]) -> None:
    """Each kind of test, and combinations of them, finds exactly the messages it describes."""
    assert mailbox_of_five().find(query) == expected


def test_an_old_view_keeps_its_positions() -> None:
    """Messages gone match nothing, not even NOT; arrivals are not looked at; positions are the view's."""
    mailbox = mailbox_of_five()
    view = mailbox.state.uids
    engine = SearchEngine()
    assert mailbox.find(since(Fact.SIZE, 1), engine, view) == [0, 1, 2, 3, 4]
    mailbox.expunge(view[1], view[3])
    mailbox.add(b"Subject: late\r\n\r\n", ["\\Seen"])
    for query in (ALL, Not(NOTHING), since(Fact.SIZE, 1), Not(BodyContains("nowhere"))):
        assert mailbox.find(query, engine, view) == [0, 2, 4]
        assert mailbox.find(query, engine, view[:4]) == [0, 2]
        assert mailbox.find(query, engine, view[:0]) == []
    assert mailbox.find(PositionIn(((1, 3),)), engine, view) == [2]


def test_cheap_tests_save_reading() -> None:
    """Flags, UIDs and facts decide without a look at any message; a body is read only for what is left over."""
    mailbox = mailbox_of_five()
    mailbox.find(And((FlagTest("\\Seen"), UidIn(RangeSet([(1, 9)])), ChangedSince(ModSeq(1)))))
    assert not mailbox.asked.keys() & {"facts", "headers", "read", "structure"}
    mailbox.find(And((BodyContains("body"), HeaderContains("subject", "t"), since(Fact.SIZE, 60))))
    assert mailbox.asked["headers messages"] == 3
    assert mailbox.asked["read messages"] == 1
    mailbox.asked.clear()
    mailbox.find(And((BodyContains("body"), NOTHING)))
    mailbox.find(Or((TextContains("body"), ALL)))
    assert not mailbox.asked


def test_facts_are_read_once() -> None:
    """A second search of dates and sizes asks the store only for messages that are new, also after expunges."""
    mailbox = mailbox_of_five()
    engine = SearchEngine()
    mailbox.find(And((FlagTest("\\Seen"), since(Fact.SIZE, 1))), engine)
    assert mailbox.asked["facts messages"] == 3
    assert mailbox.find(since(Fact.SIZE, 1), engine) == [0, 1, 2, 3, 4]
    assert mailbox.asked["facts messages"] == 5
    mailbox.expunge(1, 8)
    mailbox.add(b"Subject: new\r\n\r\n", date=5 * DAY)
    assert mailbox.find(since(Fact.INTERNAL_DAY, 2), engine) == [1, 3]
    assert mailbox.asked["facts messages"] == 6


def test_several_texts_read_each_message_once() -> None:
    """Headers and bodies that two tests look at are read once for both."""
    mailbox = mailbox_of_five()
    found = mailbox.find(Or((BodyContains("first"), BodyContains("fifth"), TextContains("third"))))
    assert found == [0, 2, 4]
    assert mailbox.asked["read messages"] == 5
    mailbox.find(Or((HeaderContains("from", "x"), HeaderContains("to", "x"), HeaderContains("cc", "x"))))
    assert mailbox.asked["headers messages"] == 5


def large_message(encoding: bytes, body: bytes, kind: bytes = b"text/plain; charset=utf-8") -> bytes:
    """A message with one large part, a small one with a name, and an enclosed message."""
    return (
        b"Subject: large\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: " + kind + b"\r\nContent-Transfer-Encoding: " + encoding + b"\r\n\r\n" + body + b"\r\n"
        b"--b\r\nContent-Type: text/html; name=notes.html\r\nX-Part: mimeheader\r\n\r\n<p>small p<b>art</b></p>\r\n"
        b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: enclosed\r\nX-Hidden: yes\r\n\r\ninner\r\n--b--\r\n"
    )


@pytest.mark.parametrize("filler", [b"filler line\r\n", b"no line end ", "zeile für zeile\r\n".encode()])
def test_large_parts_are_searched_in_windows(filler: bytes) -> None:
    """A needle is found wherever it stands in a large part, over the cuts as well, with bounded reads."""
    mailbox = SearchedMailbox()
    amount = (limits.SEARCH_PART + limits.SEARCH_WINDOW) // len(filler)
    for place in (0, limits.SEARCH_WINDOW // len(filler), amount):
        body = filler * place + "Nädel im Heu".encode() + filler * (amount - place)
        mailbox.add(large_message(b"8bit", body))
        first = max(limits.SEARCH_WINDOW - 200 - len(filler), 0)
        mailbox.add(large_message(b"8bit", body[:first] + "Nädel im Heu".encode() + filler * amount))
    everything = list(range(6))
    assert mailbox.find(BodyContains("NÄDEL IM HEU")) == everything
    assert mailbox.find(TextContains("nädel im heu")) == everything
    assert mailbox.find(BodyContains("nädel im stroh")) == []
    assert mailbox.asked["octets"] <= limits.SEARCH_WINDOW


@pytest.mark.parametrize("query", [BodyContains("small part"), BodyContains("notes.html"), BodyContains("enclosed")])
def test_all_of_a_large_message_is_searched(query: Query) -> None:
    """Small parts, file names and enclosed headers of a large message are looked at."""
    mailbox = SearchedMailbox()
    mailbox.add(large_message(b"7bit", b"x\r\n" * limits.SEARCH_WHOLE))
    assert mailbox.find(query) == [0]


def test_headers_of_large_messages() -> None:
    """TEXT looks at the message's header and MIME headers of a large message, BODY at neither."""
    mailbox = SearchedMailbox()
    mailbox.add(large_message(b"7bit", b"x\r\n" * limits.SEARCH_WHOLE))
    for text in ("subject: large", "mimeheader"):
        assert mailbox.find(TextContains(text)) == [0]
        assert mailbox.find(BodyContains(text)) == []


@pytest.mark.parametrize(
    ("encoding", "kind", "body", "text"),
    [
        (b"base64", b"text/plain; charset=utf-16le", "nädel\n", "nädel"),
        (b"quoted-printable", b"text/html; charset=iso-8859-1", "<p>n<b>&auml;</b>del</p>\n", "nädel"),
        (b"x-unknown", b"text/plain", "nädel\n", ""),
    ],
)
def test_large_encoded_parts(encoding: bytes, kind: bytes, body: str, text: str) -> None:
    """Large parts in any encoding and charset are decoded window by window; unknown encodings hold no text."""
    charset = kind.decode().partition("charset=")[2] or "utf-8"
    octets = ("filler\n" * (limits.SEARCH_PART // 4) + body).encode(charset)
    if encoding == b"base64":
        octets = base64.encodebytes(octets)
    mailbox = SearchedMailbox()
    mailbox.add(large_message(encoding, octets, kind))
    assert mailbox.find(BodyContains(text or "filler")) == ([0] if text else [])


def many_messages() -> SearchedMailbox:
    """Fifty small messages."""
    mailbox = SearchedMailbox()
    for number in range(50):
        mailbox.add(b"Subject: %d\r\n\r\nbody" % number)
    return mailbox


def test_others_have_their_turn() -> None:
    """A search lets others run whenever its slice is used up."""
    mailbox = many_messages()
    ticks = count()
    engine = SearchEngine(clock=lambda: float(next(ticks)), slice_seconds=1.5)

    async def search_and_count_turns() -> int:
        search = asyncio.create_task(mailbox.search(BodyContains("body"), engine))
        turns = 0
        while not search.done():
            await asyncio.sleep(0)
            turns += 1
        assert await search == list(range(50))
        return turns

    assert asyncio.run(search_and_count_turns()) >= 20


def test_a_cancelled_search_stops() -> None:
    """A search that is cancelled reads no more than it was about to."""
    mailbox = many_messages()

    async def search_and_cancel() -> None:
        search = asyncio.create_task(mailbox.search(BodyContains("body"), SearchEngine(slice_seconds=0)))
        await asyncio.sleep(0)
        search.cancel()
        with pytest.raises(asyncio.CancelledError):
            await search

    asyncio.run(search_and_cancel())
    assert mailbox.asked["read messages"] <= 2


def test_too_deep_a_query_is_refused() -> None:
    """A query deeper than the limit raises before anything is read."""
    query: Query = BodyContains("x")
    for _ in range(limits.QUERY_DEPTH + 1):
        query = And((query, Or((query,))))
    with pytest.raises(QueryTooDeep):
        mailbox_of_five().find(Not(query))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (since(Fact.SIZE, 1), [0, 1, 3, 4]),
        (HeaderContains("subject", ""), [0, 1, 3]),
        (BodyContains("f"), [0, 3, 4]),
        (TextContains("e"), [0, 1, 3, 4]),
        (Not(TextContains("e")), [2]),
        (ThreadId("T0"), []),
        (FlagTest("\\Flagged"), [2, 4]),
    ],
)
def test_a_message_that_cannot_be_read_is_passed_over(query: Query, expected: list[int]) -> None:
    """A damaged message has no facts and no text; the others are searched as ever."""
    mailbox = mailbox_of_five()
    mailbox.damaged.add(mailbox.state.contents[2])
    assert mailbox.find(query) == expected
