"""Header blocks: fields, unfolding and subsets octet for octet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwren.base import limits
from mailwren.message.header import Header, blank_line, select_fields, unfold

BLOCK = b"From: a@b\r\nReceived: one\r\n\ttwo\r\nTO : c@d\r\nX-Empty:\r\nreceived: three\r\n\r\n"


def test_fields_keep_their_order_and_folding() -> None:
    """Names come in lower case, values as written, repeated fields each for itself."""
    assert [name for name, _ in Header(BLOCK).fields] == [b"from", b"received", b"to", b"x-empty", b"received"]
    assert Header(BLOCK).get(b"received") == b" one\r\n\ttwo\r"
    assert [unfold(value) for value in Header(BLOCK).all(b"received")] == [b"one two", b"three"]


def test_absent_and_empty_fields_differ() -> None:
    """An empty field has an empty value, an absent one none."""
    header = Header(BLOCK)
    assert header.get(b"x-empty") is not None
    assert header.unfolded(b"x-empty") == b""
    assert header.get(b"bcc") is None
    assert header.unfolded(b"bcc") == b""
    assert header.all(b"bcc") == []


def test_lines_that_are_no_fields_are_passed_over() -> None:
    """A From_ line, a line without a colon and a continuation of nothing hide no field."""
    block = b" lost\r\nFrom x@y Mon Jan  1 10:00:00\r\n>From z\r\nnonsense\r\n: none\r\nSubject: yes\r\n\r\n"
    assert Header(block).fields == [(b"subject", b" yes\r")]
    assert Header(b"\xef\xbb\xbfFrom: a\r\n\r\n").unfolded(b"from") == b"a"


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r"])
def test_any_line_end_is_understood(end: bytes) -> None:
    """CRLF, LF and bare CR end lines."""
    header = Header(BLOCK.replace(b"\r\n", end))
    assert header.unfolded(b"received") == b"one two"
    assert header.unfolded(b"to") == b"c@d"


def test_large_blocks_are_cut_at_the_limits() -> None:
    """Fields beyond the limit of count or octets are not parsed."""
    many = b"".join([b"x: y\r\n"] * (limits.HEADER_FIELDS + 5000)) + b"\r\n"
    assert len(Header(many).fields) == limits.HEADER_FIELDS
    long = b"a: " + b"b" * limits.HEADER_PARSED + b"\r\nc: d\r\n\r\n"
    assert Header(long).get(b"c") is None


def test_unfolding_makes_one_blank_of_a_fold() -> None:
    """White space on both sides of a fold, and folds upon folds, become one blank; the ends are trimmed."""
    assert unfold(b" a \r\n\t b\r\n \r\n c \r") == b"a b c"
    assert unfold(b"a\rb") == b"a b"
    assert unfold(b"a  b\tc") == b"a  b\tc"
    assert unfold(b"") == b""


def test_subset_has_the_original_octets() -> None:
    """Matching fields come in the message's order and spelling, in any case of the names, then the empty line."""
    assert select_fields(BLOCK, [b"To", b"FROM"]) == b"From: a@b\r\nTO : c@d\r\n\r\n"
    assert select_fields(BLOCK, [b"Received"]) == b"Received: one\r\n\ttwo\r\nreceived: three\r\n\r\n"
    assert select_fields(BLOCK, [b"None"]) == b"\r\n"


def test_complement_has_everything_else() -> None:
    """All other fields come, and lines that are no fields."""
    assert select_fields(BLOCK, [b"received", b"X-Empty"], exclude=True) == b"From: a@b\r\nTO : c@d\r\n\r\n"
    assert select_fields(b"junk\nA: b\n\n", [b"a"], exclude=True) == b"junk\n\n"


def test_subset_of_a_header_without_empty_line() -> None:
    """Where a message ends in its header no empty line is made up (RFC 9051 §7.5.2)."""
    assert select_fields(b"A: b\r\nC: d", [b"c"]) == b"C: d"
    assert select_fields(b"A: b\r\nC: d", [b"a"]) == b"A: b\r\n"
    assert select_fields(b"A: b\r\n", [b"a"]) == b"A: b\r\n"
    assert select_fields(b"", [b"a"]) == b""


@pytest.mark.parametrize("end", [b"\n", b"\r"])
def test_subset_keeps_foreign_line_ends(end: bytes) -> None:
    """LF and bare CR stay as they are."""
    block = BLOCK.replace(b"\r\n", end)
    assert select_fields(block, [b"from", b"to"]) == b"From: a@b" + end + b"TO : c@d" + end + end


def test_blank_line() -> None:
    """The empty line at the end of a block, with its own line end."""
    assert blank_line(b"a: b\r\n\r\n") == b"\r\n"
    assert blank_line(b"a: b\n\n") == b"\n"
    assert blank_line(b"\r\n") == b"\r\n"
    assert blank_line(b"\n") == b"\n"
    assert blank_line(b"a: b\r\n") == b""
    assert blank_line(b"") == b""


@given(
    st.lists(
        st.sampled_from(
            [
                b"Subject: a\r\n",
                b"subject : b\r\n",
                b"To: c\r\n d\r\n",
                b"X: \r\n\t\r\n",
                b": e\r\n",
                b"junk\r\n",
                b"A:\n",
            ]
        )
    ).map(b"".join),
    st.lists(st.sampled_from([b"Subject", b"TO", b"x", b"a", b"", b"(", b"junk", b"missing"]), max_size=4),
)
def test_selected_and_left_out_fields_are_the_whole_header(lines: bytes, names: list[bytes]) -> None:
    """What a list of names selects and what it leaves out are all fields, each in one of the two, in their order."""
    block = lines + b"\r\n"
    chosen, others = select_fields(block, names), select_fields(block, names, exclude=True)
    assert len(chosen) + len(others) == len(block) + 2
    assert chosen.endswith(b"\r\n")
    wanted = {name.lower() for name in names}
    for line in chosen[:-2].splitlines(keepends=True):
        assert line[:1] in b" \t" or line.partition(b":")[0].rstrip().lower() in wanted
