"""A client in this process that compresses (RFC 4978)."""

import zlib
from typing import Any

from mailwren.server.context import ServerContext
from mailwren.server.features import Features

from .inprocess import ByteTransport, Client


class InflatingTransport(ByteTransport):
    """Keeps what the server writes as plain text; counts what really went over the line."""

    def __init__(self) -> None:
        super().__init__()
        self.inflater: Any = None
        self.on_the_line = 0
        self.largest = 0

    def write(self, data: Any) -> None:
        """Keep it, inflated: whatever was written must be readable at once."""
        self.on_the_line += len(data)
        self.largest = max(self.largest, len(data))
        if self.inflater is not None:
            data = self.inflater.decompress(data)
        super().write(data)


class CompressedClient(Client):
    """Compresses once told to, with any flush that zlib knows."""

    def __init__(self, context: ServerContext, features: Features) -> None:
        self.inflating = InflatingTransport()
        super().__init__(context, features, transport=self.inflating)
        self.flush = zlib.Z_SYNC_FLUSH
        self.deflater: Any = None

    async def compress(self) -> None:
        """Turn compression on."""
        self.send(b"z COMPRESS DEFLATE\r\n")
        assert await self.line() == b"z OK DEFLATE active\r\n"
        self.inflating.inflater = zlib.decompressobj(wbits=-15)
        self.deflater = zlib.compressobj(9, zlib.DEFLATED, -15)

    def plain(self) -> None:
        """Compress no longer."""
        self.inflating.inflater = self.deflater = None

    def packed(self, data: bytes) -> bytes:
        """Octets as they go over the line."""
        return self.deflater.compress(data) + self.deflater.flush(self.flush) if self.deflater else data

    def send(self, data: bytes, *, byte_by_byte: bool = False) -> None:
        """Deliver octets, compressed."""
        super().send(self.packed(data), byte_by_byte=byte_by_byte)
