"""Octets into lines and content: exact, however they are cut, and never ended by anything but CRLF . CRLF."""

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailwren.delivery.framing import DotStuffing, Framer, LineFault, stuff_dots

# Octets that matter here, far more often than others would give them.
TRICKY = st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b".", b"a", b"\0", b"\r\n.", b"\r\n.\r\n"])).map(b"".join)


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    """``data`` in pieces."""
    places = sorted({0, len(data), *(place % (len(data) + 1) for place in cuts)})
    return [data[start:stop] for start, stop in itertools.pairwise(places)]


def read_content(framer: Framer, pieces: list[bytes]) -> tuple[bytes, bool]:
    """All content that comes out when the pieces go in."""
    result, complete = b"", False
    for piece in pieces:
        framer.feed(piece)
        while not complete and framer.buffered:
            part, complete = framer.content()
            result += part
    return result, complete


def naive(data: bytes) -> tuple[bytes, bytes] | None:
    """Message and rest by the letter of RFC 5321 §4.5.2, line by line; ``None`` when the end is missing."""
    message = b""
    while True:
        line, end, data = data.partition(b"\r\n")
        if not end:
            return None
        if line == b".":
            return message, data
        message += line.removeprefix(b".") + end


@given(TRICKY | st.binary(), st.lists(st.integers(0, 200)), TRICKY)
@settings(deadline=None)
def test_stuffing_round_trip(message: bytes, cuts: list[int], rest: bytes) -> None:
    """What was stuffed comes out as it was, and what follows is left alone."""
    expected = message if not message or message.endswith(b"\r\n") else message + b"\r\n"
    framer = Framer(100)
    framer.expect_dots()
    assert read_content(framer, cut(stuff_dots(message) + rest, cuts)) == (expected, True)
    framer.expect_octets(len(rest))
    assert framer.content() == (rest, True)


@given(TRICKY, st.lists(st.integers(0, 200)))
@settings(deadline=None)
def test_any_octets_as_data(data: bytes, cuts: list[int]) -> None:
    """Any octets mean what the line by line reading says, cut anywhere."""
    framer = Framer(100)
    framer.expect_dots()
    content, complete = read_content(framer, cut(data, cuts))
    expected = naive(data)
    assert complete == (expected is not None)
    if expected is not None:
        assert (content, framer.buffered) == (expected[0], len(expected[1]))


@given(TRICKY)
@settings(deadline=None)
def test_what_is_held_back_is_small(data: bytes) -> None:
    """While the end is not there yet, all but the octets that may begin it has come out."""
    framer = Framer(100)
    framer.expect_dots()
    content, complete = read_content(framer, [data])
    if not complete:
        assert len(content) >= len(re.sub(rb"\r\n\.", b"\r\n", b"\r\n" + data)) - 2 - 4
        assert framer.buffered == 0


@pytest.mark.parametrize(
    "end", [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r", b"\r.\r\n", b"\n.\r", b"\r\n.\0\r\n"]
)
def test_nothing_else_ends_a_message(end: bytes) -> None:
    """Ends of data that lenient servers have taken are text."""
    dots = DotStuffing()
    dots.take(b"text" + end + b"MAIL FROM:<smuggled@example.com>")
    assert dots.unused is None


@given(TRICKY | st.binary(), st.lists(st.integers(0, 200)))
@settings(deadline=None)
def test_chunk(data: bytes, cuts: list[int]) -> None:
    """Counted content comes out as it went in."""
    framer = Framer(100)
    framer.expect_octets(len(data))
    framer.feed(b"")
    if data:
        assert read_content(framer, cut(data, cuts)) == (data, True)
    else:
        assert framer.content() == (b"", True)


@given(
    st.lists(st.binary().filter(lambda line: b"\n" not in line and not line.endswith(b"\r"))),
    st.lists(st.integers(0, 300)),
)
@settings(deadline=None)
def test_lines(lines: list[bytes], cuts: list[int]) -> None:
    """Lines come out as they went in, and those over the limit as a fault, cut anywhere."""
    framer = Framer(20)
    found: list[bytes | LineFault] = []
    for piece in cut(b"".join(line + b"\r\n" for line in lines), cuts):
        framer.feed(piece)
        while (line := framer.line()) is not None:
            found.append(line)
    assert found == [line if len(line) + 2 <= 20 else LineFault.TOO_LONG for line in lines]


def test_long_line_is_not_kept() -> None:
    """A line that never ends costs no memory, and the next one is read again."""
    framer = Framer(1000)
    for _ in range(1000):
        framer.feed(b"x" * 999)
        assert framer.line() is None
        assert framer.buffered < 2000
    framer.feed(b"\r\nNOOP\r\n")
    assert [framer.line(), framer.line()] == [LineFault.TOO_LONG, b"NOOP"]


def test_bare_line_feed() -> None:
    """LF alone is a fault, so that nobody waits for the CR."""
    framer = Framer(100)
    framer.feed(b"NOOP\nNOOP\r\n")
    assert [framer.line(), framer.line(), framer.line()] == [LineFault.NOT_CRLF, b"NOOP", None]


def test_drop() -> None:
    """After dropping, nothing received before is left, not even half a line that was too long."""
    framer = Framer(10)
    framer.feed(b"x" * 20)
    framer.line()
    framer.feed(b"NOOP\r\nNO")
    framer.drop()
    framer.feed(b"RSET\r\n")
    assert [framer.line(), framer.line()] == [b"RSET", None]
