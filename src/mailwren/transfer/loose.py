"""Reads a folder of single messages: .eml files, MH folders, the numbered files of Cyrus."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from mailwren.base import limits
from mailwren.transfer.dates import arrival_date, file_date
from mailwren.transfer.files import read_file, readable_name, reason
from mailwren.transfer.from_lines import first_from_line, line_ending
from mailwren.transfer.incoming import Found, Incoming, Problem, Reading
from mailwren.transfer.line_endings import to_crlf
from mailwren.transfer.maildir_names import flags_of_letters, split_name
from mailwren.transfer.manifest import Index
from mailwren.transfer.mbox import MboxReader
from mailwren.transfer.recognition import SNIFFED, is_message_name, why_not_mail

_NUMBERS = re.compile(r"(\d{1,18})")
_SEQUENCES = {"replied": "\\Answered", "answered": "\\Answered", "flagged": "\\Flagged"}


class LooseReader:
    """The message files of one folder."""

    def __init__(self, folder: Path, files: Sequence[str], mailbox: str, reading: Reading) -> None:
        self._folder = folder
        self._files = files
        self._mailbox = mailbox
        self._reading = reading
        self._index = Index(folder)
        self._sequences = _read_sequences(folder)

    def messages(self) -> Iterator[Found]:
        """All messages: in the order of the index, else of the numbers in the file names."""
        place = {name: number for number, name in enumerate(self._index.names())}
        for name in sorted(self._files, key=lambda name: (place.get(name, len(place)), _natural(name))):
            yield from self._read(name)

    def _read(self, name: str) -> Iterator[Found]:
        path = self._folder / name
        origin = readable_name(path)
        try:
            octets, facts = read_file(path, self._reading.max_message)
        except OSError as error:
            yield Problem(origin, reason(error))
            return
        row = self._index.get(name)
        if len(octets) > self._reading.max_message:
            yield Problem(origin, f"too large: {facts.st_size} octets", facts.st_size)
        elif row is not None and row.size == len(octets):
            yield Incoming(self._mailbox, octets, row.flags, row.internal_date, origin, len(octets))
        elif first_from_line(octets, line_ending(octets)) is not None:
            reader = MboxReader(octets, origin, self._mailbox, self._reading)
            yield from reader.messages(file_date(facts.st_mtime))
        elif why := why_not_mail(octets[:SNIFFED], is_message_name(name)):
            yield Problem(origin, why, len(octets))
        else:
            stored = to_crlf(octets)
            date = row.internal_date if row is not None else arrival_date(stored) or file_date(facts.st_mtime)
            flags = row.flags if row is not None else self._flags(name)
            yield Incoming(self._mailbox, stored, flags, date, origin, len(octets))

    def _flags(self, name: str) -> tuple[str, ...]:
        """What MH's sequences say, or letters as in Maildir; most files tell nothing."""
        if ":2," in name:
            return tuple(flags_of_letters(split_name(name)[1], {}))
        if not self._sequences or not name.isdecimal():
            return ()
        number = int(name)
        flags = [flag for sequence, flag in _SEQUENCES.items() if number in self._sequences.get(sequence, ())]
        unseen = self._sequences.get("unseen", frozenset())
        return tuple(flags if number in unseen else ["\\Seen", *flags])


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Numbers in a name by their value."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in _NUMBERS.split(name) if part]


def _read_sequences(folder: Path) -> dict[str, frozenset[int]]:
    """``.mh_sequences``: name, colon, numbers and ranges."""
    try:
        octets, _ = read_file(folder / ".mh_sequences", limits.IMPORT_CONTROL_FILE)
    except OSError:
        return {}
    result: dict[str, frozenset[int]] = {}
    for line in octets.decode("latin-1").splitlines():
        name, _, numbers = line.partition(":")
        result[name.strip().lower()] = frozenset(_sequence_numbers(numbers))
    return result


def _sequence_numbers(text: str) -> Iterator[int]:
    for part in text.split():
        low, _, high = part.partition("-")
        if low.isdecimal() and len(low) < 10 and (not high or (high.isdecimal() and len(high) < 10)):
            yield from range(int(low), min(int(high or low), int(low) + limits.MH_SEQUENCE) + 1)
