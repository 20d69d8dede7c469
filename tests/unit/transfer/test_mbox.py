"""mbox files of all dialects, as bytes."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from mailwren.transfer.incoming import Incoming, Problem, Reading
from mailwren.transfer.mbox import MboxReader, read_mbox
from mailwren.transfer.quoting import MboxDialect

FIRST = b"From a@b Thu Jan  1 00:00:01 1970\n"
SECOND = b"From c@d Fri Jan  2 00:00:00 1970\n"


def read(octets: bytes, dialect: MboxDialect = MboxDialect.AUTO, max_message: int = 10**6) -> list[Incoming]:
    """The messages of an mbox; anything else fails the test."""
    found = list(MboxReader(octets, "x", "INBOX", Reading(dialect, max_message)).messages())
    assert not [problem for problem in found if isinstance(problem, Problem)]
    return [message for message in found if isinstance(message, Incoming)]


def sources(octets: bytes, dialect: MboxDialect = MboxDialect.AUTO) -> list[bytes]:
    """The octets of an mbox's messages as they would be stored."""
    return [message.source for message in read(octets, dialect)]


def test_messages_are_separated_and_get_crlf() -> None:
    """A From_ line with a blank line before it separates; that blank line belongs to neither message."""
    octets = FIRST + b"Subject: 1\n\nbody\n\n\n" + SECOND + b"Subject: 2\n\nlast\n"
    assert sources(octets) == [b"Subject: 1\r\n\r\nbody\r\n\r\n", b"Subject: 2\r\n\r\nlast\r\n"]


def test_from_line_dates_are_internal_dates() -> None:
    """The date of the From_ line is the internal date, in UTC."""
    assert [message.internal_date for message in read(FIRST + b"Subject: 1\n\nx\n\n" + SECOND + b"A: b\n\ny\n")] == [
        datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
        datetime(1970, 1, 2, tzinfo=UTC),
    ]


def test_crlf_files_are_kept_octet_for_octet() -> None:
    """A message with CRLF is not changed, whatever single LF or CR is in it."""
    message = b"Subject: 1\r\n\r\nbare\nlf, bare\rcr\r\n"
    octets = FIRST.replace(b"\n", b"\r\n") + message + b"\r\n" + SECOND.replace(b"\n", b"\r\n") + message
    assert sources(octets) == [message, message]


def test_files_with_bare_cr_are_read() -> None:
    """Old Mac files: CR ends lines, and becomes CRLF."""
    octets = (FIRST + b"X-UID: 1\nStatus: RO\nSubject: 1\n\n>From x\n\n" + SECOND + b"Subject: 2\n\nlast\n").replace(
        b"\n", b"\r"
    )
    assert sources(octets) == [b"Subject: 1\r\n\r\nFrom x\r\n", b"Subject: 2\r\n\r\nlast\r\n"]


def test_text_that_begins_with_from_does_not_separate() -> None:
    """Lines of prose that begin with "From " stay in their message, also behind a blank line."""
    body = b"\nFrom the start\n\nFrom now: until\nFrom Monday 5 to Friday\n\nFrom Russia with love\nYear: 1963\n\n"
    assert len(read(FIRST + b"Subject: 1\n" + body + SECOND + b"Subject: 2\n\nlast\n")) == 2


def test_a_last_line_that_begins_with_from_stays() -> None:
    """A signature such as "From Bob" at the end of a file is no message."""
    for last in (b"From Bob\n", b"From Bob", b"From -\n", b"From \n", b"From Bob\nP.S: yes\n"):
        text = b"A: b\n\nx\n\n" + last
        assert sources(FIRST + text) == [text.replace(b"\n", b"\r\n")]


def test_a_from_line_without_blank_line_separates_when_headers_follow() -> None:
    """Writers that put no blank line are understood, by the header fields that follow."""
    octets = FIRST + b"Subject: 1\n\nbody\n" + SECOND + b"Subject: 2\nTo: x\n\nlast\n"
    assert sources(octets) == [b"Subject: 1\r\n\r\nbody\r\n", b"Subject: 2\r\nTo: x\r\n\r\nlast\r\n"]


@pytest.mark.parametrize("line", [b"From \n", b"From -\n", b"From - \n", b"From 1844347792267117879@xxx\n"])
def test_from_lines_without_date_separate(line: bytes) -> None:
    """Thunderbird and Gmail write From_ lines without a date."""
    assert len(read(line + b"Subject: 1\nTo: x\n\nbody\n\n" + line + b"Subject: 2\nTo: x\n\nlast\n\n")) == 2


@pytest.mark.parametrize(
    ("line", "date"),
    [
        (b"From a Tue May 26 15:41 CDT 1998", datetime(1998, 5, 26, 20, 41, tzinfo=UTC)),
        (b"From a  Mon Jan  5 08:50:15 +0100 2004", datetime(2004, 1, 5, 7, 50, 15, tzinfo=UTC)),
        (b"From a@b Wed Dec 18 19:59:00 2002 +0200", datetime(2002, 12, 18, 17, 59, tzinfo=UTC)),
        (b"From a@b Sun, 11 Nov 2007 06:58:35 +0200", datetime(2007, 11, 11, 4, 58, 35, tzinfo=UTC)),
        (b"From a@b 2007-11-11T06:58:35+02:00", datetime(2007, 11, 11, 4, 58, 35, tzinfo=UTC)),
        (b"From a at b.org  Mon Mar  4 10:00:00 2019", datetime(2019, 3, 4, 10, tzinfo=UTC)),
        (b'From "A B" <a@b> Thu Feb 29 23:59:60 1996', datetime(1996, 2, 29, 23, 59, 59, tzinfo=UTC)),
        (b"From MAILER-DAEMON Mon Mar  4 10:00:00 2019 remote from host", datetime(2019, 3, 4, 10, tzinfo=UTC)),
    ],
)
def test_dates_of_from_lines(line: bytes, date: datetime) -> None:
    """The spellings of From_ lines that are found in the wild."""
    assert [message.internal_date for message in read(line + b"\nSubject: x\n\nbody\n")] == [date]


def test_date_falls_back_to_received_then_date_then_file() -> None:
    """Without a date in the From_ line: the topmost Received, the Date, and the file's own date."""
    received = (
        b"Received: by x;\n Tue, 5 Mar 2019 10:00:00 +0100\nReceived: y; Mon, 4 Mar 2019 10:00:00 +0000\n"
        b"Date: Sun, 3 Mar 2019 10:00:00 +0000\n"
    )
    fallback = datetime(2000, 1, 1, tzinfo=UTC)
    dates = []
    for header in (received, b"Date: Sun, 3 Mar 2019 10:00:00 -0330\nTo: x\n", b"Date: yesterday\nTo: x\n"):
        reader = MboxReader(b"From \n" + header + b"\nbody\n", "x", "INBOX", Reading())
        dates += [found.internal_date for found in reader.messages(fallback) if isinstance(found, Incoming)]
    assert dates == [
        datetime(2019, 3, 5, 10, tzinfo=timezone(timedelta(hours=1))),
        datetime(2019, 3, 3, 10, tzinfo=timezone(timedelta(hours=-3.5))),
        fallback,
    ]


def test_a_true_content_length_separates() -> None:
    """mboxcl2: a From_ line inside the counted octets does not separate, and nothing is unquoted."""
    body = b"text\n\nFrom x@y Sat Jan  3 00:00:00 1970\nSubject: inner\nTo: x\n\n>From here\n"
    octets = FIRST + b"Subject: 1\nContent-Length: %d\n\n" % len(body) + body + b"\n" + SECOND + b"Subject: 2\n\nlast\n"
    assert sources(octets) == [
        b"Subject: 1\r\n\r\n" + body.replace(b"\n", b"\r\n"),
        b"Subject: 2\r\n\r\nlast\r\n",
    ]


def test_a_true_content_length_at_the_end_of_the_file_counts() -> None:
    """The last message of an mboxcl2 file ends at the end of the file."""
    body = b"text\n\nFrom x@y Sat Jan  3 00:00:00 1970\nSubject: inner\nTo: x\n\nend\n"
    assert len(sources(FIRST + b"Content-Length: %d\nTo: x\n\n" % len(body) + body + b"\n")) == 1


@pytest.mark.parametrize("length", [0, 1, 7, 99, 10**11])
def test_a_lying_content_length_is_ignored_and_kept(length: int) -> None:
    """A count that does not lead to a From_ line or the end is the sender's header field, nothing more."""
    first = b"Subject: 1\nContent-Length: %d\n\nsome text\n" % length
    assert sources(FIRST + first + b"\n" + SECOND + b"Subject: 2\n\nlast\n")[0] == first.replace(b"\n", b"\r\n")


@pytest.mark.parametrize("dialect", [MboxDialect.MBOXRD, MboxDialect.AUTO])
def test_mboxrd_quoting_is_undone(dialect: MboxDialect) -> None:
    """Each quoted line loses exactly one mark, told or recognized."""
    octets = FIRST + b"Subject: 1\n\ntext\n>From a\n>>From b\n>>>From c\n\n>Fromage\n> From d\n"
    assert sources(octets, dialect) == [
        b"Subject: 1\r\n\r\ntext\r\nFrom a\r\n>From b\r\n>>From c\r\n\r\n>Fromage\r\n> From d\r\n"
    ]


def test_mboxo_loses_one_mark_of_single_ones_only() -> None:
    """In mboxo, deeper marks are the sender's."""
    octets = FIRST + b"Subject: 1\n\n>From a\n>>From b\n"
    assert sources(octets, MboxDialect.MBOXO) == [b"Subject: 1\r\n\r\nFrom a\r\n>>From b\r\n"]


def test_mboxcl_unquotes_what_was_counted() -> None:
    """mboxcl counts and quotes; without being told, counted messages are mboxcl2's."""
    body = b">From a\n"
    octets = FIRST + b"Subject: 1\nContent-Length: %d\n\n" % len(body) + body + b"\n"
    assert sources(octets, MboxDialect.MBOXCL) == [b"Subject: 1\r\n\r\nFrom a\r\n"]
    assert sources(octets) == [b"Subject: 1\r\n\r\n>From a\r\n"]


def test_cited_text_is_not_unquoted() -> None:
    """Where the dialect is not told, a line as deep as its neighbours is cited text, not quoted by the writer."""
    cited = b"Subject: 1\n\nHe wrote:\n>From the first line on\n>it is cited\n>From the last too\n"
    assert sources(FIRST + cited) == [cited.replace(b"\n", b"\r\n")]


def test_a_message_with_unquoted_lines_is_not_unquoted() -> None:
    """A writer that left one "From " line unquoted quotes none."""
    text = b"Subject: 1\n\nFrom here on\n\n>From there\n"
    assert sources(FIRST + text) == [text.replace(b"\n", b"\r\n")]


def test_a_grown_file_gives_the_same_messages_again() -> None:
    """What a message becomes depends on it alone, not on what stands behind it."""
    parts = [
        FIRST + b"Subject: 1\n\n>From a\n\n",
        SECOND + b"Subject: 2\n\nno blank line\n",
        b"\n" + SECOND + b"Subject: 3\nContent-Length: 2\n\nx\n\n",
        SECOND + b"Subject: 4\n\n>>From a\n>From b\n\n\n",
        SECOND + b"Subject: 5\n\nFrom here\n\n",
    ]
    whole = sources(b"".join(parts))
    for number in range(1, len(parts)):
        grown = sources(b"".join(parts[:number]))
        assert grown == whole[: len(grown)]
        assert len(grown) == number


def test_messages_without_header_or_body() -> None:
    """A message may have no header, no body or no blank line; a blank one is named as a problem."""
    octets = (
        FIRST + b"\nbody only\n\n" + SECOND + b"Subject: header only\n\n" + SECOND + b"\n" + SECOND + b"A: b\n\nx\n"
    )
    found = list(MboxReader(octets, "x", "INBOX", Reading()).messages())
    assert [item.source for item in found if isinstance(item, Incoming)] == [
        b"\r\nbody only\r\n",
        b"Subject: header only\r\n",
        b"A: b\r\n\r\nx\r\n",
    ]
    assert [(item.origin, item.reason) for item in found if isinstance(item, Problem)] == [
        ("x:102", "an empty message")
    ]


def test_a_byte_order_mark_and_blank_lines_may_stand_first() -> None:
    """What editors and broken writers put before the first From_ line is passed over."""
    assert len(read(b"\xef\xbb\xbf" + FIRST + b"A: b\n\nx\n")) == 1
    assert len(read(b"\n\r\n" + FIRST + b"A: b\n\nx\n")) == 1


def test_a_message_over_the_limit_is_a_problem_and_the_next_is_read() -> None:
    """A message too large is named with its offset; reading goes on behind it."""
    octets = FIRST + b"A: b\n\n" + b"x" * 200 + b"\n\n" + SECOND + b"A: b\n\ny\n"
    found = list(MboxReader(octets, "x", "INBOX", Reading(max_message=100)).messages())
    assert [type(item) for item in found] == [Problem, Incoming]
    assert "too large" in str(found[0])


def test_a_file_that_is_no_mbox_is_a_problem(tmp_path: Path) -> None:
    """A file without a From_ line at its beginning gives one problem, a missing one too, an empty one nothing."""
    (tmp_path / "a").write_bytes(b"Subject: x\n\nFrom y\n")
    (tmp_path / "b").write_bytes(b"")
    assert [type(item) for item in read_mbox(tmp_path / "a", "A", Reading())] == [Problem]
    assert list(read_mbox(tmp_path / "b", "A", Reading())) == []
    assert [type(item) for item in read_mbox(tmp_path / "c", "A", Reading())] == [Problem]


def test_lines_without_end_cost_nothing() -> None:
    """Megabytes without any line ending, or of From_ lines, are read in a moment."""
    found = list(MboxReader(FIRST * 30_000, "x", "INBOX", Reading()).messages())
    assert [type(item) for item in found] == [Problem] * 30_000
    assert len(read(FIRST + b"A: b\n\n" + b"From " * 200_000, max_message=10**8)) == 1
    assert len(read(FIRST + b"A: b\n\n" + b">From x\n" * 200_000, max_message=10**8)) == 1
    assert len(read(FIRST + b"A: b\n\n" + b"\nFrom x\n" * 200_000, max_message=10**8)) == 1
