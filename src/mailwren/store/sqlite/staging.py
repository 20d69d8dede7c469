"""What is done with a new message before its transaction begins: parse, hash, compress, and put large ones on disk.

Nothing here changes the database, so a message whose transaction then fails leaves at most a file without a row.
"""

import hashlib
import mmap
import threading
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import Final, TypeAlias

import apsw
import zstandard

from mailwren.base import limits
from mailwren.message.api import Part
from mailwren.message.list_fields import list_fields
from mailwren.message.parse import parse_message
from mailwren.message.sections import dump_part
from mailwren.message.structure import Structure
from mailwren.store.blobs.api import BlobHash, BlobStore
from mailwren.store.sqlite.schema import PLACE_COMPRESSED, PLACE_FILE, PLACE_RAW
from mailwren.store.sqlite.sort_rows import SortRow, sort_row
from mailwren.store.sqlite.text_values import storable, thread_key

Octets: TypeAlias = bytes | mmap.mmap
_LEVEL: Final = 3
_HEADER_LEVEL: Final = 3
_HEADER_PAYS: Final = 1024
"""Octets of a header below which compressing it saves too little for what reading it then costs."""
_BODY_PAYS: Final = 16 * 1024
"""Octets of a message up to which it stays as it is: its four pages are read in half the time that decompressing takes.

Most octets of most people's mail are in larger messages. These are compressed where they become half as large, as texts
do. Attachments in base64 would save a quarter and take longest to read: longer than SQLite and the network together.
So with those, where they are more than half of a message, it is not even tried.
"""
_HASH_CHUNK: Final = 1024 * 1024


class _Compressors(threading.local):
    """zstd contexts are costly to make and must not be shared between threads."""

    def __init__(self) -> None:
        self.body = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
        self.header = zstandard.ZstdCompressor(level=_HEADER_LEVEL)


_compressors: Final = _Compressors()


@dataclass(slots=True)
class Staged:
    """A message ready to be stored: its columns, computed."""

    octets: Octets
    hash: BlobHash
    size: int
    place: int
    data: bytes | None
    """What goes into the row; ``None`` when it went into a file or is known already."""
    sent_date: int | None
    sent_time: int | None
    wire: tuple[bytes, bytes, bytes, bytes]
    header: tuple[str, str, str, int, bytes]
    sorting: SortRow
    fields: tuple[int, bytes | None]
    thread_keys: list[int]
    """Hashes of its own message-id (first, if it has one) and of those it refers to."""
    packs: bool
    """Whether compressing it may pay."""

    def email_id(self, seconds: int, zone: int) -> str:
        """EMAILID: the same for the same octets with the same internal date.

        "Anything that must remain immutable on a {name, uidvalidity, uid} triple must also be the same between
        messages with the same EMAILID" (RFC 8474 §5.1), and the internal date is such a thing.
        """
        digest = hashlib.sha256(b"%b %d %d" % (self.hash, seconds, zone)).digest()
        return "M" + urlsafe_b64encode(digest[:15]).decode("ascii")


def hash_of(octets: Octets) -> BlobHash:
    """The SHA-256 of a message, read piece by piece."""
    digest = hashlib.sha256()
    with memoryview(octets) as view:
        for start in range(0, len(view), _HASH_CHUNK):
            digest.update(view[start : start + _HASH_CHUNK])
    return digest.digest()


def stage(octets: Octets, connection: apsw.Connection, blobs: BlobStore, structure: Structure | None = None) -> Staged:
    """Compute everything that storing a message needs, and put large ones on the disk unless they are there already.

    Args:
        octets: the message.
        connection: asked only for large ones.
        blobs: where large ones go.
        structure: the message's parts, if they are known already.

    Raises:
        apsw.Error, OSError: as they come.
    """
    parsed = parse_message(octets, structure)
    blob = hash_of(octets)
    header = bytes(octets[: parsed.header_size])
    keys = [parsed.message_id] if parsed.message_id else []
    keys += [each for each in parsed.references[: limits.THREAD_REFERENCES] if each != parsed.message_id]
    staged = Staged(
        octets,
        blob,
        parsed.size,
        PLACE_FILE if parsed.size > limits.BLOB_IN_DATABASE else PLACE_RAW,
        None,
        parsed.sent_date,
        parsed.sent_time,
        (parsed.envelope, parsed.body, parsed.body_structure, dump_part(parsed.root)),
        (
            storable(parsed.message_id),
            storable(parsed.subject),
            storable(parsed.preview),
            len(header),
            pack_header(header),
        ),
        sort_row(parsed.sort_keys),
        list_fields(header),
        [thread_key(each) for each in keys],
        parsed.size > _BODY_PAYS and 2 * _in_base64(parsed.root) < parsed.size,
    )
    if staged.place == PLACE_FILE:
        # A row alone is no promise: its file may have been lost, and then these octets bring it back.
        known = connection.execute("SELECT place FROM blob WHERE hash = ?", (blob,)).fetchall()
        if not known or (known[0][0] == PLACE_FILE and not blobs.exists(blob)):
            write_blob(staged, blobs)
    # A small one is compressed once its transaction has found that it is new.
    return staged


def write_blob(staged: Staged, blobs: BlobStore) -> None:
    """Compress the octets for the row, or put them into a file, durably. Raises OSError."""
    if staged.place == PLACE_FILE:
        with memoryview(staged.octets) as view:
            blobs.put(view, staged.hash)
        return
    staged.place, staged.data = PLACE_RAW, bytes(staged.octets)
    if staged.packs:
        packed = _compressors.body.compress(staged.data)
        if 2 * len(packed) <= staged.size:
            staged.place, staged.data = PLACE_COMPRESSED, packed


def _in_base64(part: Part) -> int:
    """Octets of a part that are in base64, enclosed parts included."""
    if part.children:
        return sum(map(_in_base64, part.children))
    return part.body_end - part.body_start if part.encoding == "base64" else 0


def pack_header(header: bytes) -> bytes:
    """A header as it is stored: shorter than it was if compressed, else as it is."""
    if len(header) < _HEADER_PAYS:
        return header
    packed = _compressors.header.compress(header)
    return packed if len(packed) < len(header) else header
