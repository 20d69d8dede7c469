"""Cuts a connection's octets into commands: lines and literals, under limits. No input or output of its own.

Owns what has arrived but is not a whole command yet. Knows nothing of what commands mean. What holds throughout:

1. The events do not depend on how the octets were cut into calls of :meth:`Framer.feed`.
2. After an ``Overflow`` no octet of that command is ever taken for a command: its line is skipped to its end and its
   non-synchronizing literals are counted down (RFC 9051 §4.3, RFC 7888 §4).
3. What is kept for one unfinished command stays under the limits; larger literals go to a sink as they come in.

A bare LF ends a line too, and empty lines between commands are ignored: some clients send both.
"""

import re
from collections.abc import Callable
from typing import Final

from mailwren.base import limits
from mailwren.imap.frames import (
    CommandFrame,
    ContinuationNeeded,
    Event,
    LineFrame,
    Literal,
    Overflow,
    OverflowKind,
    Sink,
    close_sinks,
)
from mailwren.imap.literal_mark import MARK_LENGTH, LiteralMark, find_literal_mark

__all__ = [
    "CommandFrame",
    "ContinuationNeeded",
    "Event",
    "Framer",
    "LineFrame",
    "Literal",
    "Overflow",
    "OverflowKind",
    "Sink",
]

_TAG_AND_NAME: Final = re.compile(rb"([^\x00-\x20\x7f-\xff(){%*\"\\+]{1,100}) ([A-Za-z0-9.]{0,40})")
_CR: Final = 0x0D


class Framer:
    """Turns octets into events; the module's text says what it promises.

    Args:
        literal_limit: the largest literal, in octets, that may follow the text given: the command's first line up
            to its first literal, such as ``b"a1 APPEND INBOX "``. Asked for every literal of the command.
        spool_factory: makes the sink of a literal above ``LITERAL_IN_MEMORY``.
    """

    def __init__(self, literal_limit: Callable[[bytes], int], spool_factory: Callable[[], Sink]) -> None:
        self.line_limit: int = limits.LINE_BEFORE_LOGIN
        """Octets in one line; to be raised after login."""
        self.command_limit: int = limits.COMMAND_BEFORE_LOGIN
        """Octets of one command's lines and small literals together; to be raised after login."""
        self._literal_limit: Final = literal_limit
        self._spool_factory: Final = spool_factory
        self._buffer = bytearray()
        self._event: Event | None = None
        self._line_end = b""
        """The last octets of the line that is being skipped."""
        self._fragments: list[bytes | Literal]
        self._sink: Sink | None = None
        self._step: Callable[[], bool]
        """What comes next. Answers whether to go on at once; sets ``_event`` when there is one."""
        self._start_anew()

    # --- for the owner --------------------------------------------------------------------------------------
    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take octets that arrived."""
        self._buffer += data

    def next_event(self) -> Event | None:
        """The next event; ``None`` when it takes more octets, or a decision about a literal.

        Raises:
            Exception: whatever a sink raised; :meth:`abandon_command` goes on behind that command.
        """
        if not self._buffer and not self._fragments and self._event is None:
            return None  # the usual case: every command has been taken
        while self._event is None and self._step():
            pass
        event, self._event = self._event, None
        return event

    def accept_literal(self) -> None:
        """The literal of ``ContinuationNeeded`` is welcome; the owner has sent ``+``."""
        assert self._step == self._wait_for_owner
        self._begin_literal()

    def refuse_literal(self) -> None:
        """The literal of ``ContinuationNeeded`` is not welcome: the command is dropped, the next line is a new one."""
        assert self._step == self._wait_for_owner
        self._drop_command()

    def expect_line(self) -> None:
        """Make the next event a ``LineFrame``: ``DONE``, or an answer to a SASL challenge."""
        assert self._step == self._read_line
        self._step = self._read_plain_line

    def abandon_command(self) -> bytes:
        """Drop the command in progress and skip its rest, as after an ``Overflow``. Returns its tag if it has one."""
        step, remaining, begun = self._step, self._remaining, bool(self._fragments)
        match = _TAG_AND_NAME.match(self._beginning)
        self._drop_command()
        if step != self._wait_for_owner and begun:
            self._skip(remaining)
        return match[1] if match else b""

    @property
    def between_commands(self) -> bool:
        """Whether no literal is on its way, and none is waited for: whole commands have been taken so far."""
        return self._step == self._read_line and not self._fragments

    @property
    def undecided(self) -> bool:
        """Whether a literal waits to be accepted or refused: more octets would only pile up."""
        return self._step == self._wait_for_owner

    @property
    def buffered(self) -> int:
        """Octets that wait to be looked at: stop reading from the client while no events are taken."""
        return len(self._buffer)

    def take_buffered(self) -> bytes:
        """Hand over everything that is not framed yet, and start anew."""
        octets = bytes(self._buffer)
        self.discard_buffer()
        return octets

    def discard_buffer(self) -> int:
        """Forget everything that is not framed yet, and start anew; how many octets that were.

        After STARTTLS nothing that came before the handshake may be taken for a command (RFC 9051 §6.2.1).
        """
        count = len(self._buffer)
        self._buffer = bytearray()
        self._event = None
        self._drop_command()
        return count

    def close(self) -> None:
        """The connection is gone: close the sinks of the unfinished command."""
        close_sinks(self._fragments)
        if self._sink is not None:
            self._sink.close()
            self._sink = None

    # --- state ----------------------------------------------------------------------------------------------
    def _start_anew(self) -> None:
        self._fragments = []
        self._in_memory = 0
        self._spooled = 0
        self._scanned = 0
        """How far the buffer is known to hold no line end, so that slow senders cost nothing extra."""
        self._size = 0
        self._remaining = 0
        """Octets of the current literal that have not been taken from the buffer."""
        self._binary = False
        self._sink = None
        self._step = self._read_line

    def _drop_command(self) -> None:
        self.close()
        self._start_anew()

    def _wait_for_owner(self) -> bool:
        return False

    # --- lines ----------------------------------------------------------------------------------------------
    def _take_line(self, limit: int) -> bytes | None:
        """The next line without its end; ``None`` when it is not whole yet, or too long (then ``_event`` is set)."""
        buffer = self._buffer
        end = buffer.find(b"\n", self._scanned)
        length = end if end >= 0 else len(buffer)
        # One octet more than the limit may be the CR of the line end.
        if length > limit and (length > limit + 1 or (end >= 0 and buffer[limit] != _CR)):
            self._overflow_line(limit)
            return None
        if end < 0:
            self._scanned = length
            return None
        line = bytes(buffer[: end - 1 if end and buffer[end - 1] == _CR else end])
        del buffer[: end + 1]
        self._scanned = 0
        return line

    def _overflow_line(self, limit: int) -> None:
        beginning = self._beginning or bytes(self._buffer[: min(limit, 200)])
        if limit == self.line_limit:
            self._overflow(OverflowKind.LINE, f"line longer than {limit} octets", beginning)
        else:
            self._overflow(OverflowKind.COMMAND, f"command larger than {self.command_limit} octets", beginning)
        self._skip(0)

    def _read_line(self) -> bool:
        line = self._take_line(min(self.line_limit, self.command_limit - self._in_memory))
        if line is None or (not line and not self._fragments):
            return line is not None
        mark = find_literal_mark(line)
        if mark is not None:
            self._announce_literal(line, mark)
            return True
        self._fragments.append(line)
        self._event = CommandFrame(tuple(self._fragments))
        self._start_anew()
        return False

    def _read_plain_line(self) -> bool:
        line = self._take_line(self.line_limit)
        if line is not None:
            self._event = LineFrame(line)
            self._start_anew()
        elif isinstance(self._event, Overflow):
            # What such a line says is a secret or an error, and no literal can follow it.
            self._event = Overflow(b"", b"", self._event.kind, self._event.text)
            self._step = self._skip_plain_line
        return False

    # --- literals -------------------------------------------------------------------------------------------
    @property
    def _beginning(self) -> bytes:
        """The first line's text up to its first literal; empty before that."""
        first = self._fragments[0] if self._fragments else b""
        assert isinstance(first, bytes)  # literals only follow text
        return first

    def _announce_literal(self, line: bytes, mark: LiteralMark) -> None:
        self._fragments.append(line[: mark.start])
        self._in_memory += mark.start
        self._size = self._remaining = mark.size
        self._binary = mark.binary
        refusal = self._literal_refusal(mark.size)
        if refusal is not None:
            self._overflow(*refusal, self._beginning)
            if not mark.synchronizing:
                self._skip(mark.size)
        elif mark.synchronizing:
            self._event = ContinuationNeeded(tuple(self._fragments), mark.size, mark.binary)
            self._step = self._wait_for_owner
        else:
            self._begin_literal()

    def _literal_refusal(self, size: int) -> tuple[OverflowKind, str] | None:
        allowed = self._literal_limit(self._beginning)
        if size > allowed:
            return OverflowKind.LITERAL, f"literal larger than {allowed} octets"
        if len(self._fragments) // 2 >= limits.LITERALS_PER_COMMAND:
            return OverflowKind.COMMAND, f"more than {limits.LITERALS_PER_COMMAND} literals"
        if size > limits.LITERAL_IN_MEMORY:
            if self._spooled + size > limits.COMMAND_SPOOLED:
                return OverflowKind.COMMAND, f"literals larger than {limits.COMMAND_SPOOLED} octets together"
        elif self._in_memory + size > self.command_limit:
            return OverflowKind.COMMAND, f"command larger than {self.command_limit} octets"
        return None

    def _begin_literal(self) -> None:
        if self._size > limits.LITERAL_IN_MEMORY:
            self._spooled += self._size
            self._step = self._read_large_literal  # first: should the factory fail, the octets are still to be skipped
            self._sink = self._spool_factory()
        else:
            self._in_memory += self._size
            self._step = self._read_small_literal

    def _read_small_literal(self) -> bool:
        if len(self._buffer) < self._size:
            return False
        octets = bytes(self._take_remaining())
        self._fragments.append(Literal(self._size, octets, self._binary))
        self._step = self._read_line
        return True

    def _read_large_literal(self) -> bool:
        if self._buffer:
            assert self._sink is not None  # or abandon_command was due
            self._sink.write(self._take_remaining())
        if self._remaining:
            return False
        assert self._sink is not None  # or abandon_command was due
        self._fragments.append(Literal(self._size, self._sink, self._binary))
        self._sink = None
        self._step = self._read_line
        return True

    def _take_remaining(self) -> bytearray:
        """What the buffer holds of the current literal."""
        if len(self._buffer) <= self._remaining:
            octets, self._buffer = self._buffer, bytearray()
        else:
            octets = self._buffer[: self._remaining]
            del self._buffer[: self._remaining]
        self._remaining -= len(octets)
        return octets

    # --- beyond the limits ----------------------------------------------------------------------------------
    def _overflow(self, kind: OverflowKind, text: str, beginning: bytes) -> None:
        match = _TAG_AND_NAME.match(beginning)
        tag, name = match.groups() if match else (b"", b"")
        self._drop_command()
        self._event = Overflow(tag, name.upper(), kind, text)

    def _skip(self, size: int) -> None:
        """Skip ``size`` octets of a literal, then the rest of its command."""
        self._remaining = size
        self._step = self._skip_literal

    def _skip_literal(self) -> bool:
        self._take_remaining()
        if self._remaining:
            return False
        self._line_end = b""
        self._step = self._skip_line
        return True

    def _skip_line(self) -> bool:
        part = self._take_line_part()
        self._line_end = (self._line_end + part[-MARK_LENGTH:])[-MARK_LENGTH:]
        if not part.endswith(b"\n"):
            return False
        mark = find_literal_mark(self._line_end.removesuffix(b"\n").removesuffix(b"\r"))
        self._step = self._read_line
        if mark is not None and not mark.synchronizing:
            self._skip(mark.size)
        return True

    def _skip_plain_line(self) -> bool:
        if not self._take_line_part().endswith(b"\n"):
            return False
        self._step = self._read_line
        return True

    def _take_line_part(self) -> bytes:
        """What the buffer holds of the current line, with its line end."""
        end = self._buffer.find(b"\n")
        part = bytes(self._buffer[: end + 1] if end >= 0 else self._buffer)
        del self._buffer[: len(part)]
        return part
