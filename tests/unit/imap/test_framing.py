"""The framer: commands, literals, limits, and what is skipped."""

import time

import pytest
from tests.support.frames import MemorySink, owner, plain

from mailwren.base import limits
from mailwren.imap.frames import (
    CommandFrame,
    ContinuationNeeded,
    LineFrame,
    Literal,
    Overflow,
    OverflowKind,
)
from mailwren.imap.framing import Framer


def test_lines_are_commands() -> None:
    """Each line is a command, with CRLF or a bare LF."""
    assert owner().feed(b"a NOOP\r\nb NOOP\nc LOG") == [CommandFrame((b"a NOOP",)), CommandFrame((b"b NOOP",))]


def test_empty_lines_between_commands_are_ignored() -> None:
    """Some clients send an empty line after a literal or between commands."""
    assert owner().feed(b"\r\n\na NOOP\r\n\r\n") == [CommandFrame((b"a NOOP",))]


def test_a_synchronizing_literal_waits_for_its_owner() -> None:
    """The literal is announced before its octets, and nothing goes on until it is accepted."""
    framer = owner().framer
    framer.feed(b"a LOGIN {4}\r\n")
    assert framer.next_event() == ContinuationNeeded((b"a LOGIN ",), 4, binary=False)
    framer.feed(b"fred pass\r\n")
    assert framer.next_event() is None
    framer.accept_literal()
    assert framer.next_event() == CommandFrame((b"a LOGIN ", Literal(4, b"fred"), b" pass"))


def test_a_refused_literal_drops_its_command() -> None:
    """After a refusal the next line is a command of its own."""
    framer = owner().framer
    framer.feed(b"a APPEND x {4}\r\n")
    assert isinstance(framer.next_event(), ContinuationNeeded)
    framer.refuse_literal()
    framer.feed(b"b NOOP\r\n")
    assert framer.next_event() == CommandFrame((b"b NOOP",))


@pytest.mark.parametrize(
    ("mark", "literal"),
    [
        (b"{3+}", Literal(3, b"a\nb")),
        (b"~{3+}", Literal(3, b"a\nb", binary=True)),
        (b"{0003+}", Literal(3, b"a\nb")),
    ],
)
def test_non_synchronizing_literals_do_not_wait(mark: bytes, literal: Literal) -> None:
    """Literals with a plus follow at once; a tilde makes them binary (RFC 7888 §8, RFC 4466 §3)."""
    assert owner().feed(b"a X " + mark + b"\r\na\nb y\r\n") == [CommandFrame((b"a X ", literal, b" y"))]


def test_several_literals_in_one_command() -> None:
    """Text and literals alternate, and the last text may be empty."""
    events = owner().feed(b"a X {1+}\r\nb {0+}\r\n\r\nc NOOP\r\n")
    assert events == [
        CommandFrame((b"a X ", Literal(1, b"b"), b" ", Literal(0, b""), b"")),
        CommandFrame((b"c NOOP",)),
    ]


def test_binary_continuations_say_so() -> None:
    """The owner learns that a literal8 is coming."""
    (event, _frame) = owner().feed(b"a APPEND x ~{1}\r\n\x00\r\n")
    assert event == ContinuationNeeded((b"a APPEND x ",), 1, binary=True)


def test_large_literals_go_to_a_sink() -> None:
    """Octets above the memory limit go piecewise to a sink, small ones stay."""
    small = b"x" * limits.LITERAL_IN_MEMORY
    assert owner().feed(b"a APPEND x {%d+}\r\n" % len(small) + small + b"\r\n") == [
        CommandFrame((b"a APPEND x ", Literal(len(small), small), b""))
    ]
    size = limits.LITERAL_IN_MEMORY + 1
    known = owner()
    events = known.feed(b"a APPEND x {%d+}\r\n" % size, b"x" * 1000, b"x" * (size - 1000), b"\r\n")
    assert isinstance(events[0], CommandFrame)
    assert events[0].fragments == (b"a APPEND x ", Literal(size, known.sinks[0]), b"")
    assert known.sinks[0].octets == b"x" * size
    assert not known.sinks[0].closed
    events[0].close()
    assert known.sinks[0].closed


def test_a_long_line_is_reported_and_skipped() -> None:
    """No octet of an over-long line is taken for a command, wherever it is cut."""
    line = b"tag1 noop " + b"x" * 50 + b"\r\n"
    expected = [
        Overflow(b"tag1", b"NOOP", OverflowKind.LINE, "line longer than 20 octets"),
        CommandFrame((b"b NOOP",)),
    ]
    assert owner(line_limit=20).feed(line + b"b NOOP\r\n") == expected
    assert owner(line_limit=20).feed(*(bytes([octet]) for octet in line), b"b NOOP\r\n") == expected


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_the_line_limit_is_exact(end: bytes) -> None:
    """A line of just the limit is taken; one octet more is not. Its line end does not count."""
    assert owner(line_limit=8).feed(b"a " + b"x" * 6 + end) == [CommandFrame((b"a xxxxxx",))]
    (event,) = owner(line_limit=8).feed(b"a " + b"x" * 7 + end)
    assert isinstance(event, Overflow)


def test_literals_announced_by_a_skipped_line_are_skipped() -> None:
    """The literals of an over-long line, and of the rest of its command, are counted down and thrown away."""
    data = b"a X " + b"x" * 50 + b" {6+}\r\nb NOOP more {8+}\r\nc LOGOUT and\r\nd NOOP\r\n"
    events = owner(line_limit=20).feed(data)
    assert [type(event) for event in events] == [Overflow, CommandFrame]
    assert events[1] == CommandFrame((b"d NOOP",))


def test_an_open_quote_in_a_skipped_line_hides_nothing_that_is_on_its_way() -> None:
    """A non-synchronizing literal counts, open quotes or not, also when the line is skipped (RFC 7888 §3)."""
    events = owner(line_limit=20).feed(b'a X "' + b"x" * 50 + b" {6+}\r\nb NOOP\r\nc NOOP\r\n")
    assert events[1:] == [CommandFrame((b"c NOOP",))]


@pytest.mark.parametrize("size", [b"11", b"99999999999999999999", b"9" * 40])
def test_a_large_synchronizing_literal_is_not_asked_for(size: bytes) -> None:
    """Above its limit a literal overflows at once; the client was never asked for it, so nothing is skipped."""
    events = owner(literal_limit=10).feed(b"a append x {" + size + b"}\r\nb NOOP\r\n")
    assert events == [
        Overflow(b"a", b"APPEND", OverflowKind.LITERAL, "literal larger than 10 octets"),
        CommandFrame((b"b NOOP",)),
    ]


def test_a_large_non_synchronizing_literal_is_counted_down() -> None:
    """Its octets are on their way whether we like it or not, and so is the rest of the command."""
    events = owner(literal_limit=10).feed(b"a X {11+}\r\nb NOOP\r\nabc rest {2+}\r\nab\r\nc NOOP\r\n")
    assert [type(event) for event in events] == [Overflow, CommandFrame]
    assert events[1] == CommandFrame((b"c NOOP",))


@pytest.mark.parametrize(("mark", "announces"), [(b"{6+}", True), (b"~{6+}", True), (b"{6}", False), (b"{6+", False)])
def test_the_end_of_a_skipped_line_may_come_in_pieces(mark: bytes, announces: bool) -> None:
    """A mark at the end of a line that is skipped is seen octet by octet; only a non-synchronizing one counts."""
    data = b"a X " + b"x" * 50 + mark + b"\r\nb NOOP\r\nc NOOP\r\n"
    events = owner(line_limit=20).feed(*(data[index : index + 1] for index in range(len(data))))
    assert (CommandFrame((b"b NOOP",)) in events) is not announces
    assert events[-1] == CommandFrame((b"c NOOP",))


def test_the_literal_limit_is_asked_with_the_first_line() -> None:
    """The policy always sees the command's beginning, also for later literals."""
    asked: list[bytes] = []

    def policy(prefix: bytes) -> int:
        asked.append(prefix)
        return 100

    framer = Framer(policy, MemorySink)
    framer.feed(b"a APPEND {1+}\r\nx (\\Seen) {2+}\r\nab\r\n")
    assert isinstance(framer.next_event(), CommandFrame)
    assert asked == [b"a APPEND ", b"a APPEND "]


def test_a_command_with_too_many_literals_overflows() -> None:
    """One command cannot bring more literals than LITERALS_PER_COMMAND."""
    data = b"a X" + b" {1+}\r\nx" * (limits.LITERALS_PER_COMMAND + 1) + b"\r\nb NOOP\r\n"
    events = owner().feed(data)
    assert events[0] == Overflow(b"a", b"X", OverflowKind.COMMAND, f"more than {limits.LITERALS_PER_COMMAND} literals")
    assert events[1:] == [CommandFrame((b"b NOOP",))]


def test_a_command_cannot_grow_by_many_small_literals() -> None:
    """Lines and small literals together stay under the command's limit."""
    events = owner(command_limit=100).feed(b"a X" + b" {40+}\r\n" + b"x" * 40 + b" {70+}\r\n" + b"y" * 70 + b"\r\n")
    assert events == [Overflow(b"a", b"X", OverflowKind.COMMAND, "command larger than 100 octets")]


def test_a_command_cannot_grow_by_its_last_line() -> None:
    """A line behind a literal counts with what came before it."""
    events = owner(command_limit=100).feed(b"a X {40+}\r\n" + b"x" * 40 + b" " * 70 + b"\r\nb NOOP\r\n")
    assert events == [
        Overflow(b"a", b"X", OverflowKind.COMMAND, "command larger than 100 octets"),
        CommandFrame((b"b NOOP",)),
    ]


def test_sinks_of_a_dropped_command_are_closed() -> None:
    """When a command overflows after a large literal, what was spooled is let go of."""
    size = limits.LITERAL_IN_MEMORY + 1
    known = owner(line_limit=50)
    events = known.feed(b"a APPEND x {%d+}\r\n" % size + b"x" * size + b" " * 60 + b"\r\n")
    assert [type(event) for event in events] == [Overflow]
    assert known.sinks[0].closed


def test_one_command_cannot_fill_the_disk() -> None:
    """Spooled literals together are bounded; the second one here would go beyond."""
    known = owner(literal_limit=limits.COMMAND_SPOOLED)
    known.accept = lambda event: event.size <= limits.LITERAL_IN_MEMORY + 1
    size = limits.LITERAL_IN_MEMORY + 1
    events = known.feed(b"a APPEND x {%d+}\r\n" % size + b"x" * size + b" {%d}\r\n" % limits.COMMAND_SPOOLED)
    assert isinstance(events[0], Overflow)
    assert events[0].kind is OverflowKind.COMMAND


def test_a_tag_that_cannot_be_repeated_is_left_out() -> None:
    """An overflow without a proper tag has none to answer with."""
    assert owner(line_limit=5).feed(b"(((((((((((( x\r\n") == [
        Overflow(b"", b"", OverflowKind.LINE, "line longer than 5 octets")
    ]


@pytest.mark.parametrize(
    "line",
    [
        b'a LOGIN "x {3}',
        b'a LOGIN "x\\" {3}',
        b'a LOGIN "x" "y\\\\\\" {3}',
        b"a LOGIN user secret{3}",
        b"a X {3+} ",
        b"a X {+}",
        b"a X {-3+}",
        b"a X {3++}",
        b"a X {3 +}",
        b"a X {" + b"9" * 41 + b"+}",
    ],
)
def test_what_only_looks_like_a_literal(line: bytes) -> None:
    """Marks inside an open quoted string, glued to a word, or malformed announce nothing; the next line is its own."""
    assert owner().feed(line + b"\r\nb NOOP\r\n") == [CommandFrame((line,)), CommandFrame((b"b NOOP",))]


@pytest.mark.parametrize("text", [b'a X "y\\\\" ', b'a X "{3}" ', b"a X (", b'a X "" "\\"" ', b"a \\Seen "])
def test_quotes_that_are_closed_do_not_hide_a_literal(text: bytes) -> None:
    """Behind closed quoted strings a mark announces a literal, however the strings are escaped."""
    assert owner().feed(text + b"{1+}\r\nz)\r\n") == [CommandFrame((text, Literal(1, b"z"), b")"))]


@pytest.mark.parametrize("text", [b"a X y", b'a X "', b'a X "y \\" ', b"a X \\"])
def test_a_non_synchronizing_mark_counts_everywhere(text: bytes) -> None:
    """Octets that may be on their way are never taken for a command, even where the grammar has no literal."""
    assert owner().feed(text + b"{7+}\r\nb NOOP\n\r\n") == [CommandFrame((text, Literal(7, b"b NOOP\n"), b""))]


def test_an_expected_line_is_taken_as_it_is() -> None:
    """DONE and SASL answers are lines, whatever they look like; then commands follow again."""
    known = owner()
    known.framer.expect_line()
    assert known.feed(b"x {3+}\r\n") == [LineFrame(b"x {3+}")]
    assert known.feed(b"a NOOP\r\n") == [CommandFrame((b"a NOOP",))]


def test_an_expected_line_may_be_empty() -> None:
    """An empty SASL response is an empty line."""
    known = owner()
    known.framer.expect_line()
    assert known.feed(b"\r\na NOOP\r\n") == [LineFrame(b""), CommandFrame((b"a NOOP",))]


def test_the_command_behind_done_is_not_lost() -> None:
    """iOS sends the next command in the same packet as DONE."""
    framer = owner().framer
    framer.feed(b"a IDLE\r\nDONE\r\nb NOOP\r\n")
    assert framer.next_event() == CommandFrame((b"a IDLE",))
    framer.expect_line()
    assert framer.next_event() == LineFrame(b"DONE")
    assert framer.next_event() == CommandFrame((b"b NOOP",))


def test_an_expected_line_that_is_too_long_tells_nothing_of_itself() -> None:
    """What is in such a line may be a secret; it is skipped to its end, and nothing at its end is a literal."""
    data = b"secret word {3+}\r\nb NOOP\r\n"
    for pieces in ([data], [data[index : index + 1] for index in range(len(data))]):
        known = owner(line_limit=10)
        known.framer.expect_line()
        assert known.feed(*pieces) == [
            Overflow(b"", b"", OverflowKind.LINE, "line longer than 10 octets"),
            CommandFrame((b"b NOOP",)),
        ]


def test_discarding_forgets_everything() -> None:
    """After STARTTLS nothing that was buffered survives, and the count tells that there was something."""
    known = owner()
    known.feed(b"a APPEND x {%d+}\r\nabc" % (limits.LITERAL_IN_MEMORY + 1))
    known.framer.feed(b"more")
    assert known.framer.discard_buffer() == 4
    assert known.sinks[0].closed
    assert known.feed(b"b NOOP\r\n") == [CommandFrame((b"b NOOP",))]


def test_buffered_octets_can_be_taken_over() -> None:
    """What follows a command that changes the stream belongs to the next layer."""
    framer = owner().framer
    framer.feed(b"a COMPRESS DEFLATE\r\n\x01\x02\n")
    assert framer.next_event() == CommandFrame((b"a COMPRESS DEFLATE",))
    assert framer.buffered == 3
    assert framer.take_buffered() == b"\x01\x02\n"
    assert framer.buffered == 0


class BrokenSink(MemorySink):
    """A sink on a full disk."""

    def write(self, data: bytes | bytearray | memoryview, /) -> None:
        """Fail."""
        raise OSError(f"no room for {len(data)} octets")


@pytest.mark.parametrize("cut", [0, 10, limits.LITERAL_IN_MEMORY])
def test_a_failing_sink_costs_its_command_only(cut: int) -> None:
    """When a sink fails the owner abandons the command; its rest is skipped and the next one is whole."""
    size = limits.LITERAL_IN_MEMORY + 1
    framer = Framer(lambda _prefix: size, BrokenSink)
    data = b"x" * size + b" {6+}\r\nc NOOP more\r\nb NOOP\r\n"
    framer.line_limit = framer.command_limit = 1000
    framer.feed(b"a APPEND x {%d+}\r\n" % size + data[:cut])
    if not cut:
        assert framer.next_event() is None
        framer.feed(data[:1])
        cut = 1
    with pytest.raises(OSError, match="no room"):
        framer.next_event()
    assert framer.abandon_command() == b"a"
    framer.feed(data[cut:])
    assert framer.next_event() == CommandFrame((b"b NOOP",))


def test_a_failing_factory_costs_its_command_only() -> None:
    """When no sink can be made the literal that is on its way is skipped all the same."""

    def factory() -> MemorySink:
        raise OSError("too many files")

    size = limits.LITERAL_IN_MEMORY + 1
    framer = Framer(lambda _prefix: size, factory)
    framer.feed(b"a APPEND x {%d+}\r\n" % size + b"\n" * size + b"\r\nb NOOP\r\n")
    with pytest.raises(OSError, match="too many files"):
        framer.next_event()
    framer.abandon_command()
    assert framer.next_event() == CommandFrame((b"b NOOP",))


@pytest.mark.parametrize("begun", [b"", b"a X {5+}\r\nab", b"a X {2+}\r\nabc", b"a X {2}\r\n"])
def test_abandoning_between_octets(begun: bytes) -> None:
    """A command is abandoned wherever it stands: before it began, in a small literal, behind one, at a decision."""
    framer = owner().framer
    framer.feed(begun)
    framer.next_event()
    framer.abandon_command()
    framer.feed({b"ab": b"cde rest\r\n", b"bc": b" rest\r\n"}.get(begun[-2:], b"") + b"b NOOP\r\n")
    assert framer.next_event() == CommandFrame((b"b NOOP",))


def test_closing_lets_go_of_what_was_spooled() -> None:
    """When the connection breaks, finished and unfinished sinks of the command are closed."""
    size = limits.LITERAL_IN_MEMORY + 1
    known = owner()
    known.feed(b"a APPEND x {%d+}\r\n" % size + b"x" * size + b" {%d+}\r\nabc" % size)
    known.framer.close()
    assert [sink.closed for sink in known.sinks] == [True, True]


def test_slow_senders_cost_no_more_than_fast_ones() -> None:
    """A long line that comes in small pieces is not searched from its beginning each time."""
    piece = b"x" * 64
    known = owner()
    began = time.thread_time()
    for _ in range(limits.LINE // len(piece) - 1):
        known.framer.feed(piece)
        assert known.framer.next_event() is None
    assert time.thread_time() - began < 2  # 16,000 searches of half a megabyte would take longer


def test_what_is_kept_is_bounded() -> None:
    """However much comes, the framer holds no more than one line, and one chunk."""
    known = owner(line_limit=1000, literal_limit=100)
    known.feed(b"a ", *[b"x" * 900] * 100, b"{500+}\r\n", *[b"y" * 100] * 5, *[b"z" * 900] * 100)
    assert known.largest_buffer <= 1000 + 900


def test_plain_events_compare_by_value() -> None:
    """Two framers fed alike give equal events, also with sinks."""
    data = b"a APPEND x {%d+}\r\n" % 70_000 + b"x" * 70_000 + b"\r\n"
    assert plain(owner().feed(data)) == plain(owner().feed(data[:100], data[100:]))
