"""The two files that an export carries beside the mail, so that importing it gives back what the forms cannot hold.

``mailwren-export.json`` in the export's folder: the mailboxes' true names, subscriptions and special uses.
``mailwren-index.tsv`` in each folder of messages (Maildir, eml): for each file its size, internal date with its zone
and flags. Both are only believed where they fit what is there; without them, the export is ordinary mbox, Maildir or
a tree of .eml.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from mailwren.base import limits
from mailwren.transfer.files import read_file

MANIFEST = "mailwren-export.json"
INDEX = "mailwren-index.tsv"
_INDEX_HEAD = "# mailwren index 1: file, octets, internal date, flags\n"
VERSION = 1


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """One exported mailbox."""

    name: str
    path: str
    """Below the export's folder, with ``/``; ``.`` for the folder itself."""
    subscribed: bool
    special_use: tuple[str, ...]


def write_manifest(folder: Path, form: str, entries: list[ManifestEntry]) -> None:
    """Write ``mailwren-export.json``."""
    value = {
        "version": VERSION,
        "format": form,
        "mailboxes": [
            {
                "name": entry.name,
                "path": entry.path,
                "subscribed": entry.subscribed,
                "special_use": list(entry.special_use),
            }
            for entry in entries
        ],
    }
    (folder / MANIFEST).write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> tuple[str, list[ManifestEntry]] | None:
    """The format and the mailboxes of an export; ``None`` where there is no manifest that can be believed.

    Paths that lead out of the folder make it unbelievable.
    """
    try:
        text, _ = read_file(folder / MANIFEST, limits.IMPORT_CONTROL_FILE)
        value = json.loads(text)
        if value["version"] != VERSION:
            return None
        return str(value["format"]), [_entry(entry) for entry in value["mailboxes"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def exported_uses(folder: Path) -> frozenset[str]:
    """The special uses that an export's mailboxes have, such as ``\\Sent``; none where the folder is no export."""
    _, entries = read_manifest(folder) or ("", [])
    return frozenset(use for entry in entries for use in entry.special_use)


def _entry(value: Any) -> ManifestEntry:
    name, path, special = value["name"], value["path"], value["special_use"]
    inner = PurePosixPath(path)
    if inner.is_absolute() or ".." in inner.parts or not isinstance(name, str) or not isinstance(special, list):
        raise ValueError("no such path in an export")
    return ManifestEntry(name, path, bool(value["subscribed"]), tuple(use for use in special if isinstance(use, str)))


@dataclass(frozen=True, slots=True)
class IndexRow:
    """What the index says of one file."""

    size: int
    internal_date: datetime
    flags: tuple[str, ...]


def index_line(name: str, size: int, internal_date: datetime, flags: frozenset[str]) -> str:
    """One line of ``mailwren-index.tsv``."""
    return f"{name}\t{size}\t{internal_date.isoformat()}\t{' '.join(sorted(flags))}\n"


def index_head() -> str:
    """The first line of ``mailwren-index.tsv``."""
    return _INDEX_HEAD


class Index:
    """The rows of one folder's index, in its order; each is read when it is asked for."""

    def __init__(self, folder: Path) -> None:
        """Read the index of ``folder``; empty where there is none that can be believed."""
        self._rows: dict[str, str] = {}
        try:
            octets, _ = read_file(folder / INDEX, limits.IMPORT_CONTROL_FILE)
            lines = octets.decode("utf-8").split("\n")
        except (OSError, UnicodeDecodeError):
            return
        if lines[0] + "\n" == _INDEX_HEAD:
            self._rows = {name: rest for name, tab, rest in (line.partition("\t") for line in lines[1:]) if tab}

    def names(self) -> Iterable[str]:
        """The file names, in the order in which they were exported."""
        return self._rows.keys()

    def get(self, name: str) -> IndexRow | None:
        """The row of a file; ``None`` where there is none or it makes no sense."""
        fields = self._rows.get(name, "").split("\t")
        if len(fields) != 3:
            return None
        try:
            row = IndexRow(int(fields[0]), datetime.fromisoformat(fields[1]), tuple(fields[2].split()))
        except ValueError:
            return None
        return row if row.internal_date.tzinfo is not None else None
