"""Reads one Maildir folder: the messages in ``cur`` and ``new``, in the order of their UIDs where those are known."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mailwren.transfer.dates import file_date
from mailwren.transfer.files import is_folder, read_file, readable_name, reason
from mailwren.transfer.incoming import Found, Incoming, Problem, Reading
from mailwren.transfer.line_endings import to_crlf
from mailwren.transfer.maildir_names import (
    flags_of_letters,
    read_courier_keywords,
    read_keywords,
    read_order,
    split_name,
    time_in_name,
)
from mailwren.transfer.manifest import Index, IndexRow
from mailwren.transfer.recognition import SNIFFED, why_not_mail

_COPY_TOLERANCE = 24 * 3600
"""Seconds by which a file's time may lie behind the one in its name; a later one comes from copying the folder."""
_LAST = 1 << 62


@dataclass(slots=True)
class _File:
    folder: str
    name: str
    base: str
    letters: str


class MaildirReader:
    """One Maildir folder."""

    def __init__(self, folder: Path, mailbox: str, reading: Reading) -> None:
        self._folder = folder
        self._mailbox = mailbox
        self._max_message = reading.max_message
        self._keywords = read_keywords(folder)
        self._courier = read_courier_keywords(folder)
        self._index = Index(folder)

    def messages(self) -> Iterator[Found]:
        """All messages; what cannot be read is a :class:`Problem`."""
        files: list[_File] = []
        for name in ("cur", "new"):
            if not is_folder(self._folder / name):
                continue
            try:
                files += _listing(self._folder, name)
            except OSError as error:
                yield Problem(readable_name(self._folder / name), reason(error))
        order = read_order(self._folder) or {name: number for number, name in enumerate(self._index.names())}
        files.sort(key=lambda file: (order.get(file.base, _LAST), time_in_name(file.base) or 0, file.name))
        for file in files:
            yield self._read(file)

    def _read(self, file: _File) -> Found:
        path = self._folder / file.folder / file.name
        origin = readable_name(path)
        try:
            octets, facts = read_file(path, self._max_message)
        except OSError as error:
            return Problem(origin, reason(error))
        if len(octets) > self._max_message:
            return Problem(origin, f"too large: {facts.st_size} octets", facts.st_size)
        row = self._index.get(file.base)
        exact = row is not None and row.size == len(octets)
        why = "" if exact else why_not_mail(octets[:SNIFFED])
        if why:
            return Problem(origin, why, len(octets))
        stored = octets if exact else to_crlf(octets)
        date = row.internal_date if row is not None else _date(file.base, facts)
        return Incoming(self._mailbox, stored, self._flags(file, row), date, origin, len(octets))

    def _flags(self, file: _File, row: IndexRow | None) -> tuple[str, ...]:
        """From the name's letters, Courier's list, and the index for the keywords that have no letter."""
        flags = flags_of_letters(file.letters, self._keywords)
        flags += self._courier.get(file.base, ())
        if row is not None:
            known = {*self._keywords.values(), "$Forwarded"}
            flags += [flag for flag in row.flags if not flag.startswith("\\") and flag not in known]
        return tuple(dict.fromkeys(flags))


def _listing(folder: Path, name: str) -> Iterator[_File]:
    for entry in os.listdir(folder / name):  # noqa: PTH208 - names alone: a folder may have a million of them
        if not entry.startswith("."):
            yield _File(name, entry, *split_name(entry))


def _date(base: str, facts: os.stat_result) -> datetime | None:
    """The file's time, which is the internal date by Dovecot's and Courier's custom; else the time in the name."""
    named = time_in_name(base)
    copied = named is not None and facts.st_mtime > named + _COPY_TOLERANCE
    return file_date(named if named is not None and copied else facts.st_mtime)
