"""Verifying an account against the contract: rows, log, and every stored message. Reads only, from one snapshot.

Works while the server runs: the snapshot stands still, and a blob that is swept meanwhile is asked for once more.
"""

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import apsw
import zstandard

from mailwren.base import limits
from mailwren.base.ids import ContentId, MailboxId
from mailwren.base.ranges import RangeSet
from mailwren.message.sections import load_part
from mailwren.store.blobs.api import BlobHash, BlobStore, DamagedBlob
from mailwren.store.findings import Finding, Severity
from mailwren.store.sqlite import selection
from mailwren.store.sqlite.check_rules import RULES
from mailwren.store.sqlite.flag_sets import ordered
from mailwren.store.sqlite.rows import fetch, fetch_value
from mailwren.store.sqlite.schema import LOG_CHANGED, LOG_EXPUNGED, PLACE_COMPRESSED, PLACE_FILE

_REPAIR: Final = "run `mailwren check --repair`"
_PIECE: Final = limits.BLOB_FRAME


class AccountCheck:
    """One look at an account through a connection that stays in one snapshot until :meth:`close`.

    Attributes:
        lost: contents whose octets cannot be read.
        unparsed: contents whose part tree cannot be read.
        unlogged: UIDs by mailbox whose last change is not in the log.
        mislogged: mailboxes whose log is not readable or contradicts their messages.
    """

    def __init__(self, path: Path, blobs: BlobStore) -> None:
        """Look at the database at ``path`` and at its large messages. Raises apsw.Error."""
        self._path: Final = path
        self._blobs: Final = blobs
        self._connection: Final = _open_read_only(path)
        self._connection.execute("BEGIN")
        self.lost: Final[list[ContentId]] = []
        self.unparsed: Final[list[ContentId]] = []
        self.unlogged: Final[dict[MailboxId, RangeSet]] = {}
        self.mislogged: Final[set[MailboxId]] = set()

    def close(self) -> None:
        """End the snapshot."""
        self._connection.close()

    def findings(self) -> Iterator[Finding]:
        """Everything that is not as it must be. Raises apsw.Error: the database cannot be read at all."""
        damaged = list(self._integrity())
        yield from damaged
        if damaged:
            return
        for rule in RULES:
            for row in fetch(self._connection, rule.query):
                yield Finding(rule.severity, rule.what.format(*row), rule.mend, kind=rule.what)
        yield from self._flag_sets()
        for mailbox, name in fetch(self._connection, "SELECT id, name FROM mailbox ORDER BY name"):
            yield from self._log(MailboxId(mailbox), name)
        yield from self._blobs_of_rows()
        yield from self._files_without_rows()
        yield from self._parts()

    # --- rows ---------------------------------------------------------------------------------------------------
    def _integrity(self) -> Iterator[Finding]:
        backup = "restore the account from a backup, or export what can be read"
        for (text,) in fetch(self._connection, "PRAGMA integrity_check(20)"):
            if text != "ok":
                yield Finding(Severity.ERROR, f"the database is damaged: {text}", backup)
        for table, _row, parent, _key in fetch(self._connection, "PRAGMA foreign_key_check")[:20]:
            yield Finding(Severity.ERROR, f"a row of {table} refers to a missing row of {parent}", backup)

    def _flag_sets(self) -> Iterator[Finding]:
        spelled = dict(fetch(self._connection, "SELECT folded, name FROM flag_name"))
        for flags, names in fetch(self._connection, "SELECT id, names FROM flag_set WHERE id <> 0"):
            listed = names.split(" ")
            known = all(name.startswith("\\") or spelled.get(_folded(name)) == name for name in listed)
            if names != ordered(listed) or len({_folded(name) for name in listed}) != len(listed) or not known:
                yield Finding(Severity.WARNING, f"flag set {flags} is not in its one form: {names!r}", "report this")

    # --- the log ------------------------------------------------------------------------------------------------
    def _log(self, mailbox: MailboxId, name: str) -> Iterator[Finding]:
        entries = fetch(
            self._connection,
            "SELECT kind, first, modseq, uids FROM change WHERE mailbox = ? ORDER BY modseq",
            (mailbox,),
        )
        gone: list[tuple[int, int]] = []
        logged: list[tuple[int, int, RangeSet]] = []
        for kind, first, last, text in entries:
            try:
                uids = RangeSet.parse(text)
            except ValueError:
                uids = RangeSet()
            if not uids or first > last or kind not in {LOG_CHANGED, LOG_EXPUNGED}:
                self.mislogged.add(mailbox)
                yield Finding(Severity.WARNING, f"mailbox {name!r}: a row of the log makes no sense", _REPAIR)
            elif kind == LOG_EXPUNGED:
                gone.extend(uids.ranges())
            else:
                logged.append((first, last, uids))
        back = selection.EXISTING.present(self._connection, mailbox, RangeSet(gone))
        if back:
            self.mislogged.add(mailbox)
            yield Finding(
                Severity.ERROR, f"mailbox {name!r}: messages {back} are there, but were logged as gone", _REPAIR
            )
        missing = self._not_logged(mailbox, logged)
        if missing:
            self.unlogged[mailbox] = missing
            yield Finding(
                Severity.ERROR, f"mailbox {name!r}: the last change of messages {missing} is not in the log", _REPAIR
            )

    def _not_logged(self, mailbox: MailboxId, logged: list[tuple[int, int, RangeSet]]) -> RangeSet:
        """The messages whose mod-sequence no row of the log accounts for."""
        everything = RangeSet([(1, (1 << 32) - 1)])
        missing = selection.EXISTING.present(self._connection, mailbox, everything)
        for first, last, uids in logged:
            if not missing:
                break
            found = _WITHIN.present(self._connection, mailbox, uids.intersection(missing), first, last)
            missing = missing.difference(found)
        return missing

    # --- octets -------------------------------------------------------------------------------------------------
    def _blobs_of_rows(self) -> Iterator[Finding]:
        for blob, hashed, size, place, data in self._connection.execute("SELECT id, hash, size, place, data FROM blob"):
            fault = self._fault(bytes(hashed), size, place, data)
            if fault and self._still_there(blob):
                contents = [
                    each for (each,) in fetch(self._connection, "SELECT id FROM content WHERE blob = ?", (blob,))
                ]
                self.lost.extend(map(ContentId, contents))
                yield Finding(
                    Severity.ERROR,
                    f"a message's octets are lost: {fault} ({self._places(contents)})",
                    "bring the file back from a backup; a repair sets the message aside",
                )

    def _fault(self, hashed: BlobHash, size: int, place: int, data: bytes | None) -> str:
        digest, length = hashlib.sha256(), 0
        try:
            for piece in self._pieces(hashed, size, place, data):
                digest.update(piece)
                length += len(piece)
        except (DamagedBlob, zstandard.ZstdError, OSError) as error:
            return str(error)
        if length != size:
            return f"{length} octets instead of {size}"
        return "" if digest.digest() == hashed else "the octets are not those that came in"

    def _pieces(self, hashed: BlobHash, size: int, place: int, data: bytes | None) -> Iterator[bytes]:
        if place != PLACE_FILE:
            octets = data or b""
            yield zstandard.ZstdDecompressor().decompress(octets, size) if place == PLACE_COMPRESSED else octets
            return
        for start in range(0, size, _PIECE):
            yield self._blobs.read(hashed, start, _PIECE)
        # One octet more would be one too many.
        yield self._blobs.read(hashed, size, 1)

    def _still_there(self, blob: int) -> bool:
        """Whether the row is there outside of our snapshot, too: else the sweeper has just removed both."""
        now = _open_read_only(self._path)
        try:
            return bool(fetch(now, "SELECT 1 FROM blob WHERE id = ?", (blob,)))
        finally:
            now.close()

    def _places(self, contents: list[int]) -> str:
        places = [
            f"{name!r} UID {uid}"
            for content in contents
            for name, uid in fetch(
                self._connection,
                "SELECT m.name, r.uid FROM message r JOIN mailbox m ON m.id = r.mailbox WHERE r.content = ?",
                (content,),
            )
        ]
        return ", ".join(places) or "expunged"

    def _files_without_rows(self) -> Iterator[Finding]:
        old = time.time() - limits.ORPHAN_SECONDS
        statement = "SELECT 1 FROM blob WHERE hash = ?"
        orphans = sum(
            fetch_value(self._connection, statement, (entry.hash,)) is None
            for entry in self._blobs.list()
            if entry.modified < old
        )
        if orphans:
            yield Finding(Severity.NOTE, f"{orphans} files belong to no message", "the server removes them by itself")

    def _parts(self) -> Iterator[Finding]:
        for content, parts in self._connection.execute("SELECT id, parts FROM content_wire"):
            try:
                load_part(parts)
            except ValueError:
                self.unparsed.append(ContentId(content))
        if self.unparsed:
            what = f"the part trees of {len(self.unparsed)} messages are damaged or of another version"
            yield Finding(Severity.NOTE, what, _REPAIR)


_WITHIN: Final = selection.Condition("AND m.modseq BETWEEN ? AND ?")


def _open_read_only(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    connection.set_busy_timeout(int(limits.DATABASE_BUSY_SECONDS * 1000))
    return connection


def _folded(name: str) -> str:
    return name.lower() if name.isascii() else name
