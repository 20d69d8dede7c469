"""A framer with its owner: accepts or refuses literals, collects events and what went into sinks."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from mailwren.base import limits
from mailwren.imap.frames import CommandFrame, ContinuationNeeded, Event, Literal
from mailwren.imap.framing import Framer
from mailwren.imap.scanner import Scanner


@dataclass
class MemorySink:
    """A sink that keeps everything and remembers being closed."""

    octets: bytearray = field(default_factory=bytearray)
    closed: bool = False

    def write(self, data: bytes | bytearray | memoryview, /) -> None:
        """Take the next octets."""
        self.octets += data

    def close(self) -> None:
        """Remember that nobody wants the octets."""
        self.closed = True


@dataclass
class Owner:
    """Feeds a framer and decides about literals."""

    framer: Framer
    sinks: list[MemorySink]
    accept: Callable[[ContinuationNeeded], bool] = lambda _event: True
    largest_buffer: int = 0

    def feed(self, *chunks: bytes) -> list[Event]:
        """The events that the chunks give."""
        events: list[Event] = []
        for chunk in chunks:
            self.framer.feed(chunk)
            while (event := self.framer.next_event()) is not None:
                events.append(event)
                if isinstance(event, ContinuationNeeded):
                    (self.framer.accept_literal if self.accept(event) else self.framer.refuse_literal)()
            self.largest_buffer = max(self.largest_buffer, self.framer.buffered)
        return events


def owner(
    line_limit: int = limits.LINE, command_limit: int = limits.COMMAND_IN_MEMORY, literal_limit: int = limits.MESSAGE
) -> Owner:
    """A framer with the limits of a known user, and its owner."""
    sinks: list[MemorySink] = []

    def factory() -> MemorySink:
        sinks.append(MemorySink())
        return sinks[-1]

    framer = Framer(lambda _prefix: literal_limit, factory)
    framer.line_limit, framer.command_limit = line_limit, command_limit
    return Owner(framer, sinks)


def plain(events: Iterable[Event]) -> list[object]:
    """Events without identity: what sinks took instead of the sinks."""
    return [_plain_frame(event) if isinstance(event, CommandFrame | ContinuationNeeded) else event for event in events]


def _plain_frame(event: CommandFrame | ContinuationNeeded) -> object:
    fragments = tuple(
        (fragment.size, octets_of(fragment), fragment.binary) if isinstance(fragment, Literal) else fragment
        for fragment in event.fragments
    )
    return (type(event).__name__, fragments, event.size if isinstance(event, ContinuationNeeded) else None)


def octets_of(literal: Literal) -> bytes:
    """The octets, wherever they are."""
    if isinstance(literal.octets, bytes):
        return literal.octets
    assert isinstance(literal.octets, MemorySink)
    return bytes(literal.octets.octets)


def scanner(line: bytes, *, utf8: bool = False) -> Scanner:
    """A scanner over one command as it stands on the wire, literals with ``+`` included, line end not."""
    (frame,) = owner().feed(line + b"\r\n")
    assert isinstance(frame, CommandFrame)
    return Scanner(frame.fragments, utf8)
