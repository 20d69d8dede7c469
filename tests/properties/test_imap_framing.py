"""The framer under any cutting of its input."""

from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.frames import Owner, owner, plain

from mailwren.base import limits
from mailwren.imap.frames import CommandFrame, Event

LINE_LIMIT = 60
COMMAND_LIMIT = 120

PIECES = st.one_of(
    st.sampled_from(
        [
            *(b"a NOOP\r\n", b"b X\n", b"\r\n", b"\n", b"\r", b" ", b"(", b'"', b"\\", b'\\"', b"{", b"}", b"+", b"~"),
            *(b'"quoted \\" text" ', b" {0}\r\n", b" {3}\r\n", b" {3+}\r\n", b" ~{4+}\n", b" ({2+}\r\n", b"word{3+}\n"),
            *(b" {90+}\r\n", b" {90}\r\n", b" {70000+}\r\n", b" {" + b"9" * 30 + b"}\r\n", b'"open {3+}\r\n'),
            *(b"x" * 30, b"y" * 59, b"z" * 200),
        ]
    ),
    st.binary(max_size=8),
)
INPUT = st.lists(PIECES, max_size=30).map(b"".join)


def limited() -> Owner:
    """A framer with limits that the pieces reach, and an owner that refuses some literals."""
    known = owner(LINE_LIMIT, COMMAND_LIMIT, literal_limit=80)
    known.accept = lambda event: event.size != 2
    return known


@settings(max_examples=400, deadline=None)
@given(INPUT, st.lists(st.integers(0, 400)))
@example(b"a " + b"x" * 58 + b"\r\nb NOOP\r\n", [60, 61, 62])
@example(b"a " + b"x" * 59 + b"\r\nb NOOP\r\n", [60, 61, 62])
@example(b"t" * 70 + b" NOOP\r\n", [])
@example(b"a X {3+}\r\n" + b"x" * 200, [1])
def test_events_do_not_depend_on_the_cutting(data: bytes, cuts: list[int]) -> None:
    """Whole, cut anywhere, or octet by octet: the events are the same (framing.py's rule 1)."""
    whole = plain(limited().feed(data))
    places = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    pieces = [data[start:stop] for start, stop in pairwise(places)]
    assert plain(limited().feed(*pieces)) == whole
    assert plain(limited().feed(*(data[index : index + 1] for index in range(len(data))))) == whole


@settings(deadline=None)
@given(INPUT)
def test_no_more_is_kept_than_allowed(data: bytes) -> None:
    """What waits in the buffer stays under the limits, whatever comes (framing.py's rule 3)."""
    known = limited()
    known.feed(*(data[index : index + 1] for index in range(len(data))))
    # A client that does not wait for its synchronizing literal is the owner's to pause; here it is answered at once.
    assert known.largest_buffer <= LINE_LIMIT + 1


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 200)), max_size=6), st.booleans())
def test_nothing_of_an_overflowing_command_is_taken_for_another(
    literals: list[tuple[bool, bool, int]], long_line: bool
) -> None:
    """A command with non-synchronizing literals, however much of it is too big, gives one event (rule 2)."""
    command = b"a X" + b"y" * (LINE_LIMIT if long_line else 0)
    for binary, hostile, size in literals:
        octets = (b"evil LOGOUT\r\n" * 20 if hostile else b"x" * 200)[:size]
        command += b" " + b"~" * binary + b"{%d+}\r\n" % size + octets
    events: list[Event] = limited().feed(command + b"\r\nz NOOP\r\n")
    assert len(events) == 2
    assert events[1] == CommandFrame((b"z NOOP",))


@given(st.integers(limits.LITERAL_IN_MEMORY - 2, limits.LITERAL_IN_MEMORY + 2), st.integers(1, 70_000))
@settings(max_examples=20, deadline=None)
def test_literals_come_whole_from_memory_and_from_sinks(size: int, cut: int) -> None:
    """Around the size where a sink takes over, the octets are the same and in order."""
    octets = (b"0123456789" * (size // 10 + 1))[:size]
    data = b"a APPEND x {%d+}\r\n" % size + octets + b" tail\r\n"
    fragments = (b"a APPEND x ", (size, octets, False), b" tail")
    assert plain(owner().feed(data[:cut], data[cut:])) == [("CommandFrame", fragments, None)]
