"""How far an account's index is, for people."""

from dataclasses import dataclass
from pathlib import Path

from mailwren.search.index import folder as places
from mailwren.search.index.segment import IndexDamaged, Segment
from mailwren.store.sqlite.index_source import IndexSource


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """One account's index."""

    messages: int
    """Stored messages, each once however many copies it has."""
    indexed: int
    """Those of them that searches need not look at."""
    octets: int
    """What the index takes on the disk."""
    files: int
    documents: int
    """Messages of which attached documents are found as well."""


def index_status(account: Path) -> IndexStatus:
    """Look at the index of the account in a folder. Raises StoreError, OSError."""
    folder = places.index_folder(account)
    found = places.segments(folder)
    with IndexSource(account) as source:
        messages, last = source.count(), source.last()
        missing = sum(len(source.present(*each)) for each in places.gaps([each for each, _ in found], last))
    octets = sum(path.stat().st_size for _, path in found if path.exists())
    return IndexStatus(messages, messages - missing, octets, len(found), sum(_documents(path) for _, path in found))


def _documents(path: Path) -> int:
    try:
        segment = Segment(path)
    except (FileNotFoundError, IndexDamaged):
        return 0  # merged meanwhile, or soon built anew
    try:
        return len(segment.texts().contents)
    except IndexDamaged:
        return 0
    finally:
        segment.close()
