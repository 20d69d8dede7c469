"""Writes exported mailboxes as mbox files, Maildir++ folders or folders of .eml, each message octet for octet.

Blocking; one writer for one export, one :class:`MailboxWriter` at a time. What the three forms cannot hold (internal
dates with their zones, keywords beyond 26) stands in the files of :mod:`mailwren.transfer.manifest`.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol, Self

from mailwren.store.values import INBOX, Mailbox
from mailwren.transfer.maildir_names import KEYWORDS, LETTERED_KEYWORDS, LETTERS, UID_LIST, letters_of_flags
from mailwren.transfer.manifest import INDEX, index_head, index_line
from mailwren.transfer.mbox_writing import write_record


@dataclass(slots=True)
class Outgoing:
    """A message on its way out."""

    uid: int
    octets: bytes
    flags: frozenset[str]
    internal_date: datetime


class MailboxWriter(Protocol):
    """Takes the messages of one mailbox, in the order of their UIDs; a context manager that closes its files."""

    def write(self, messages: Iterable[Outgoing]) -> None:
        """Add messages. Raises OSError: cannot be written."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class MboxWriter:
    """One mbox file, see :mod:`mailwren.transfer.mbox_writing`."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[bytes] = path.open("xb")

    def write(self, messages: Iterable[Outgoing]) -> None:
        """Add messages. Raises OSError: cannot be written."""
        for message in messages:
            self._file.write(write_record(message.octets, message.flags, message.internal_date))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


class _FolderWriter:
    """A folder with one file for each message and an index."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._index: IO[str] = (folder / INDEX).open("x", encoding="utf-8", newline="\n")
        self._index.write(index_head())

    def _write_file(self, path: Path, listed: str, message: Outgoing) -> None:
        with path.open("xb") as file:
            file.write(message.octets)
        # A date that the file system cannot have stands in the index all the same.
        with suppress(OverflowError, OSError):
            seconds = message.internal_date.timestamp()
            os.utime(path, (seconds, seconds))
        self._index.write(index_line(listed, len(message.octets), message.internal_date, message.flags))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._index.close()


class EmlWriter(_FolderWriter):
    """A folder of ``UID.eml``, whose times are the internal dates."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._folder = folder

    def write(self, messages: Iterable[Outgoing]) -> None:
        """Add messages. Raises OSError: cannot be written."""
        for message in messages:
            name = f"{message.uid:06}.eml"
            self._write_file(self._folder / name, name, message)


class MaildirWriter(_FolderWriter):
    """A Maildir folder: flags in the file names, times are the internal dates; keywords and UIDs as for Dovecot."""

    def __init__(self, folder: Path, keywords: Iterable[str], uid_validity: int, uid_next: int) -> None:
        """Write into ``folder``; the first of ``keywords`` that have no letter of their own get one."""
        super().__init__(folder)
        for part in ("cur", "new", "tmp"):
            (folder / part).mkdir()
        self._folder = folder
        # P stands for $Forwarded, but Dovecot only knows the keyword: it gets both.
        self._letters = {flag.lower(): letter for letter, flag in LETTERS.items() if flag.startswith("\\")}
        named = [keyword for keyword in keywords if keyword.lower() not in self._letters][:LETTERED_KEYWORDS]
        self._letters |= {keyword.lower(): chr(ord("a") + number) for number, keyword in enumerate(named)}
        if named:
            lines = "".join(f"{number} {keyword}\n" for number, keyword in enumerate(named))
            (folder / KEYWORDS).write_text(lines, encoding="utf-8")
        self._uids: IO[str] = (folder / UID_LIST).open("x", encoding="utf-8", newline="\n")
        self._uids.write(f"3 V{uid_validity} N{uid_next}\n")

    def write(self, messages: Iterable[Outgoing]) -> None:
        """Add messages. Raises OSError: cannot be written."""
        for message in messages:
            size = len(message.octets)
            virtual = size + message.octets.count(b"\n") - message.octets.count(b"\r\n")
            seconds = max(int(message.internal_date.timestamp()), 0)
            base = f"{seconds}.U{message.uid}.mailwren,S={size},W={virtual}"
            passed = "P" if "$forwarded" in map(str.lower, message.flags) else ""
            name = f"{base}:2,{letters_of_flags(message.flags, self._letters, passed)}"
            self._write_file(self._folder / "cur" / name, base, message)
            self._uids.write(f"{message.uid} :{base}\n")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._uids.close()
        super().__exit__(kind, error, trace)


def writer_for(form: str, path: Path, mailbox: Mailbox, keywords: Iterable[str]) -> MailboxWriter:
    """The writer of one mailbox.

    Args:
        form: ``mbox``, ``maildir`` or ``eml``.
        path: its file or folder, which must not be there yet.
        mailbox: as it is when its messages are listed.
        keywords: those in use in the mailbox.

    Raises:
        OSError: cannot be created.
    """
    makers: Mapping[str, Callable[[], MailboxWriter]] = {
        "mbox": lambda: MboxWriter(path),
        "maildir": lambda: _maildir_writer(path, mailbox, keywords),
        "eml": lambda: EmlWriter(path),
    }
    return makers[form]()


def _maildir_writer(path: Path, mailbox: Mailbox, keywords: Iterable[str]) -> MaildirWriter:
    writer = MaildirWriter(path, keywords, mailbox.uid_validity, mailbox.uid_next)
    if mailbox.name != INBOX:
        # Maildir++: so that programs know it for a part of the folder above.
        (path / "maildirfolder").touch()
    return writer
