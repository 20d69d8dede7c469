"""The file format of large blobs: independently compressed frames and an index, so that any range is read cheaply.

    frame 0 | frame 1 | … | index | footer

Every frame stands for ``BLOB_FRAME`` octets (the last one for what is left). It is one zstd frame with a checksum, or
the octets as they are where zstd does not make them fewer. The index holds each frame's stored length as a 32-bit
number, with the highest bit set where the frame is not compressed. The footer (little endian): length of all octets
(64 bit), octets of a frame (32), number of frames (32), CRC-32 of the index (32), ``MWb1``.
"""

import itertools
import struct
import zlib
from array import array
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import zstandard

from mailwren.base import limits
from mailwren.store.blobs.api import DamagedBlob

_FOOTER: Final = struct.Struct("<QIII4s")
FOOTER_LENGTH: Final = _FOOTER.size
_MAGIC: Final = b"MWb1"
_PLAIN: Final = 1 << 31
_LEVEL: Final = 3
ReadAt = Callable[[int, int], bytes]
"""Reads ``length`` octets from an offset."""


class FrameIndex(NamedTuple):
    """Where the frames of a blob are."""

    size: int
    """Octets of the blob."""
    frame: int
    """Octets that a frame stands for."""
    offsets: "array[int]"
    """Where each frame begins, and at the end where the last one ends."""
    plain: "array[int]"
    """For each frame, 1 where it is not compressed."""


def write_frames(octets: memoryview) -> Iterator[bytes | memoryview]:
    """The pieces of the file, in order, never more than a frame in memory."""
    compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
    lengths: list[int] = []
    for start in range(0, len(octets), limits.BLOB_FRAME):
        plain = octets[start : start + limits.BLOB_FRAME]
        packed = compressor.compress(plain)
        if len(packed) < len(plain):
            lengths.append(len(packed))
            yield packed
        else:
            lengths.append(len(plain) | _PLAIN)
            yield plain
    index = struct.pack(f"<{len(lengths)}I", *lengths)
    yield index
    yield _FOOTER.pack(len(octets), limits.BLOB_FRAME, len(lengths), zlib.crc32(index), _MAGIC)


def read_index(read_at: ReadAt, file_size: int) -> FrameIndex:
    """Read footer and index. Raises DamagedBlob."""
    if file_size < FOOTER_LENGTH:
        raise DamagedBlob("shorter than its footer")
    size, frame, count, checksum, magic = _FOOTER.unpack(read_at(file_size - FOOTER_LENGTH, FOOTER_LENGTH))
    index_start = file_size - FOOTER_LENGTH - 4 * count
    if magic != _MAGIC or index_start < 0 or not frame or count != -(-size // frame):
        raise DamagedBlob("the footer is damaged")
    index = read_at(index_start, 4 * count)
    if zlib.crc32(index) != checksum:
        raise DamagedBlob("the index is damaged")
    lengths = struct.unpack(f"<{count}I", index)
    offsets = array("Q", itertools.accumulate((each & ~_PLAIN for each in lengths), initial=0))
    if offsets[-1] != index_start:
        raise DamagedBlob("the index does not fit the file")
    return FrameIndex(size, frame, offsets, array("B", (each >> 31 for each in lengths)))


def read_frame(read_at: ReadAt, index: FrameIndex, number: int) -> bytes:
    """The octets that one frame stands for. Raises DamagedBlob."""
    start, stop = index.offsets[number], index.offsets[number + 1]
    stored = read_at(start, stop - start)
    expected = min(index.frame, index.size - number * index.frame)
    if index.plain[number]:
        plain = stored
    else:
        try:
            plain = zstandard.ZstdDecompressor().decompress(stored, max_output_size=expected)
        except zstandard.ZstdError as error:
            raise DamagedBlob(f"frame {number}: {error}") from error
    if len(plain) != expected:
        raise DamagedBlob(f"frame {number} has the wrong length")
    return plain
