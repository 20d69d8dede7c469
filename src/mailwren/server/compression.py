"""The DEFLATE layer of one connection, both ways (RFC 4978, RFC 1951). Knows nothing of commands.

What a connection costs while nobody uses it decides how many phones one machine serves, so the compressor, which can
be made anew behind any flush, is kept only while it is of use; the client does not notice (RFC 4978 §4). What comes in
is inflated piece by piece and only when the session asks for more, so that a bomb costs its sender as much as us.
"""

import zlib
from typing import Final

from mailwren.base import limits

_LEVEL: Final = 3
"""A third of the processor time of zlib's usual 6 for most of its gain."""
_WINDOW_BITS: Final = -13
_MEMORY_LEVEL: Final = 6
"""64 KiB for a compressor instead of 256; answers to mail programs repeat themselves within a few kilobytes."""
_WORTH_KEEPING: Final = 4096
"""Octets after which a compressor has learnt so much that it is kept for the next answer."""
_FLUSHED: Final = b"\x00\x00\xff\xff"
"""Where a flush ends: whoever sends commands flushes behind each of them."""


class DamagedStream(Exception):
    """What the client sent is not DEFLATE."""


class Deflater:
    """Compresses what goes out; each piece can be inflated as soon as it is there."""

    __slots__ = ("_compressor", "_seen", "_used")

    def __init__(self) -> None:
        self._compressor: zlib._Compress | None = None
        self._seen = 0
        self._used = False

    def pack(self, data: bytes) -> bytes:
        """The next octets, compressed and flushed."""
        if self._compressor is None:
            self._compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL)
            self._seen = 0
        self._seen += len(data)
        self._used = True
        return self._compressor.compress(data) + self._compressor.flush(zlib.Z_SYNC_FLUSH)

    def rest(self) -> None:
        """The client has its answers: a compressor that has learnt little goes."""
        if self._seen < _WORTH_KEEPING:
            self._compressor = None

    def tick(self) -> None:
        """Now and then: a compressor that was not used since the last time goes."""
        if not self._used:
            self._compressor = None
        self._used = False


class Inflater:
    """Gives out what came in compressed, a little at a time."""

    __slots__ = ("_decompressor", "_more", "_waiting")

    def __init__(self) -> None:
        self._decompressor = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
        self._waiting = bytearray()
        self._more = False
        """The decompressor holds output that there was no room for."""

    def feed(self, data: bytes) -> None:
        """Take octets that arrived."""
        self._waiting += data

    @property
    def waiting(self) -> int:
        """Octets that came in and were not inflated, at least 1 while there is anything to give out."""
        return len(self._waiting) or int(self._more)

    def piece(self) -> bytes:
        """The next octets, at most ``INFLATED_AT_ONCE`` and no more than up to the client's next flush.

        So what stands behind a command is not touched before the command was carried out.

        Raises:
            DamagedStream: this is not DEFLATE, or the client has ended the stream and sends on.
        """
        if self._decompressor.eof:
            raise DamagedStream("the compressed stream has ended")
        end = self._waiting.find(_FLUSHED, 0, limits.INFLATED_AT_ONCE)
        taken = bytes(self._waiting[: end + len(_FLUSHED) if end >= 0 else limits.INFLATED_AT_ONCE])
        try:
            inflated = self._decompressor.decompress(taken, limits.INFLATED_AT_ONCE)
        except zlib.error as error:
            raise DamagedStream("what was sent is not compressed with DEFLATE") from error
        left = len(self._decompressor.unconsumed_tail) + len(self._decompressor.unused_data)
        del self._waiting[: len(taken) - left]
        self._more = len(inflated) == limits.INFLATED_AT_ONCE and not self._decompressor.eof
        return inflated

    def take_rest(self) -> bytes:
        """What was not inflated: plain text once the layer has ended."""
        rest, self._waiting, self._more = bytes(self._waiting), bytearray(), False
        return rest
