"""A program on a terminal: types what a person types and waits for what a person sees.

The terminal is a DEC VT52, the simplest one with a cursor: what the program draws is kept as lines of text.
"""

import os
import pty
import re
import select
import signal
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

ROWS, COLUMNS = 24, 80
NAME = "vt52"
"""What ``TERM`` must be."""

_CONTROL = re.compile(
    "\x1bY(?P<row>.)(?P<column>.)|\x1b(?P<escape>[^Y])|(?P<control>[\x00-\x1f])|(?P<text>[^\x00-\x1f]+)"
)


class Screen:
    """The picture: lines of text and where the cursor is."""

    def __init__(self) -> None:
        self._cells = [[" "] * COLUMNS for _ in range(ROWS)]
        self._row = self._column = 0
        self._rest = ""

    def __str__(self) -> str:
        """The lines without the blanks at their ends."""
        return "\n".join("".join(line).rstrip() for line in self._cells)

    def feed(self, text: str) -> None:
        """Draw; an escape sequence may be cut between two calls."""
        text = self._rest + text
        start = 0
        while match := _CONTROL.match(text, start):
            start = match.end()
            if match["row"]:
                self._row, self._column = ord(match["row"]) - 32, ord(match["column"]) - 32
            elif match["escape"]:
                self._escape(match["escape"])
            elif match["control"]:
                self._control(match["control"])
            else:
                self._write(match["text"])
        self._rest = text[start:]

    def _write(self, text: str) -> None:
        for character in text:
            self._cells[self._row][self._column] = character
            self._column = min(self._column + 1, COLUMNS - 1)

    def _control(self, character: str) -> None:
        if character == "\r":
            self._column = 0
        elif character == "\b":
            self._column = max(self._column - 1, 0)
        elif character == "\t":
            self._column = min(self._column // 8 * 8 + 8, COLUMNS - 1)
        elif character == "\n" and self._row == ROWS - 1:
            self._cells = [*self._cells[1:], [" "] * COLUMNS]
        elif character == "\n":
            self._row += 1

    def _escape(self, letter: str) -> None:
        if letter in "AI":
            self._row = max(self._row - 1, 0)
        elif letter == "B":
            self._row = min(self._row + 1, ROWS - 1)
        elif letter == "C":
            self._column = min(self._column + 1, COLUMNS - 1)
        elif letter == "D":
            self._column = max(self._column - 1, 0)
        elif letter == "H":
            self._row = self._column = 0
        elif letter in "JK":
            self._cells[self._row][self._column :] = [" "] * (COLUMNS - self._column)
            if letter == "J":
                self._cells[self._row + 1 :] = [[" "] * COLUMNS for _ in range(ROWS - self._row - 1)]


class Terminal:
    """A running program and its screen."""

    def __init__(self, process: subprocess.Popen[bytes], descriptor: int) -> None:
        self._process = process
        self._descriptor = descriptor
        self.screen = Screen()

    def expect(self, pattern: str, seconds: float = 20.0) -> None:
        """Wait until a regular expression is found on the screen. Raises AssertionError with the screen if not."""
        deadline = time.monotonic() + seconds
        while not re.search(pattern, str(self.screen), re.MULTILINE):
            assert self._read(deadline), f"waiting for {pattern!r}:\n{self.screen}"

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._descriptor, keys.encode())

    def end(self, seconds: float = 20.0) -> int:
        """Wait until the program ends; its exit status. Raises AssertionError with the screen if it does not."""
        deadline = time.monotonic() + seconds
        while self._read(deadline):
            pass
        assert time.monotonic() < deadline, f"does not end:\n{self.screen}"
        return self._process.wait(max(deadline - time.monotonic(), 1))

    def _read(self, deadline: float) -> bool:
        """Draw what comes; False when nothing does."""
        ready, _, _ = select.select([self._descriptor], [], [], max(deadline - time.monotonic(), 0))
        if not ready:
            return False
        try:
            octets = os.read(self._descriptor, 65536)
        except OSError:  # how Linux tells that the program closed its side
            return False
        self.screen.feed(octets.decode("utf-8", "replace"))
        return bool(octets)


@contextmanager
def on_terminal(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[Terminal]:
    """A program on a terminal of its own; it is killed when it still runs at the end."""
    master, slave = pty.openpty()
    try:
        termios.tcsetwinsize(slave, (ROWS, COLUMNS))
        process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, **environment, "TERM": NAME, "LINES": str(ROWS), "COLUMNS": str(COLUMNS)},
            start_new_session=True,
        )
    finally:
        os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        os.close(master)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
