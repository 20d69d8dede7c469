"""PARTIAL (RFC 9394): pages of what SEARCH finds, and of the messages that UID FETCH names."""

import re
from dataclasses import dataclass
from typing import Final, cast

from mailwren.imap.errors import BadCommand
from mailwren.imap.scanner import NUMBER_MAX, Scanner
from mailwren.imap.syntax import Row
from mailwren.imap.wire import CommandWriter

_RANGE: Final = re.compile(rb"(-?)([1-9][0-9]{0,9}):(-?)([1-9][0-9]{0,9})(?![0-9])")


@dataclass(frozen=True, slots=True)
class PartialRange:
    """``partial-range``: results by their place, from 1, as the client wrote it; the same turned round."""

    start: int
    stop: int
    from_end: bool = False
    """Counted from the last one: ``-1:-100``."""

    def span(self, count: int) -> tuple[int, int]:
        """Which of so many results are meant, half open from 0; empty beyond them."""
        low, high = min(self.start, self.stop), max(self.start, self.stop)
        if self.from_end:
            return max(count - high, 0), max(count - low + 1, 0)
        return min(low - 1, count), min(high, count)

    def __str__(self) -> str:
        sign = "-" if self.from_end else ""
        return f"{sign}{self.start}:{sign}{self.stop}"


def parse_range(scanner: Scanner) -> PartialRange:
    """``partial-range-first = nz-number ":" nz-number``, or both with a minus (RFC 9394 §4)."""
    sign, start, other, stop = scanner.match(_RANGE, "a range such as 1:100 or -1:-100").groups()
    if sign != other:
        raise BadCommand("both ends of a range are counted from the same side")
    if max(int(start), int(stop)) > NUMBER_MAX:
        raise BadCommand(f"number larger than {NUMBER_MAX}")
    return PartialRange(int(start), int(stop), bool(sign))


def _parse(scanner: Scanner) -> object:
    scanner.space()
    return parse_range(scanner)


def _write(value: object, writer: CommandWriter) -> None:
    writer.raw(b" " + str(cast("PartialRange", value)).encode("ascii"))


PARTIAL: Final[Row[object]] = Row("PARTIAL", "9394 §4", _parse, _write)
"""``modifier-partial = "PARTIAL" SP partial-range``: an option of SEARCH and a modifier of UID FETCH."""
