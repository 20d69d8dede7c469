"""Content-Transfer-Encodings undone piece by piece, for parts too large to hold (RFC 2045 §6)."""

from mailwren.message.transfer import NOT_BASE64, UnknownEncoding, decode_transfer

_PASSED_ON = frozenset({"", "7bit", "8bit", "binary", "7-bit", "8-bit"})


class StreamDecoder:
    """Decodes one part's body that arrives in pieces; any cutting gives the same octets.

    Args:
        encoding: as in :attr:`mailwren.message.api.Part.encoding`.

    Raises:
        UnknownEncoding: there is no way to decode it.
    """

    __slots__ = ("_encoding", "_ended", "_pending")

    def __init__(self, encoding: str) -> None:
        decode_transfer(b"", encoding)
        self._encoding = encoding
        self._pending = b""
        self._ended = False

    def feed(self, piece: bytes) -> bytes:
        """Take the next encoded octets; what can be decoded by now."""
        if self._encoding in _PASSED_ON:
            return piece
        if self._encoding == "base64":
            return self._feed_base64(piece)
        data = self._pending + piece
        # a quoted-printable line is decoded as a whole; other encodings wait for the end
        cut = data.rfind(b"\n") + 1 if self._encoding == "quoted-printable" else 0
        self._pending = data[cut:]
        return decode_transfer(data[:cut], self._encoding) if cut else b""

    def _feed_base64(self, piece: bytes) -> bytes:
        if self._ended:
            return b""
        data = self._pending + piece.translate(None, NOT_BASE64)
        padding = data.find(b"=")
        if padding >= 0:
            self._ended = True
            self._pending = data[:padding]
            return b""
        cut = len(data) - len(data) % 4
        self._pending = data[cut:]
        return decode_transfer(data[:cut], "base64")

    def finish(self) -> bytes:
        """What the octets kept back stand for."""
        pending, self._pending = self._pending, b""
        return decode_transfer(pending, self._encoding) if pending else b""


__all__ = ["StreamDecoder", "UnknownEncoding"]
