"""Content-Transfer-Encodings undone (RFC 2045 §6), broken content included."""

import binascii
import re
from typing import Final

IDENTITY: Final = frozenset({"", "7bit", "8bit", "binary", "7-bit", "8-bit"})
UUENCODE: Final = frozenset({"x-uuencode", "uuencode", "x-uue", "uue"})
NOT_BASE64: Final = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="))
_TRAILING_SPACE: Final = re.compile(rb"(?<![ \t])[ \t]+(?=\r?\n)")
UU_LOOKED_AT: Final = 64 * 1024
"""Octets in which a uuencoded part's ``begin`` line is looked for; without one all of it is taken as data."""
_UU_BEGIN: Final = re.compile(rb"(?:\A|[\r\n])begin [^\r\n]*[\r\n]")


class UnknownEncoding(ValueError):
    """No way is known to decode a part: ``NO [UNKNOWN-CTE]`` (RFC 9051 §6.4.5)."""


def decode_transfer(data: bytes, encoding: str) -> bytes:
    """The octets that a part's encoded body stands for; as much as can be read where it is broken.

    Args:
        data: the encoded body.
        encoding: as in :attr:`mailwren.message.api.Part.encoding`.

    Raises:
        UnknownEncoding: the encoding is none of RFC 2045's, nor uuencode.
    """
    if encoding in IDENTITY:
        return data
    if encoding == "base64":
        return _decode_base64(data)
    if encoding == "quoted-printable":
        return _decode_quoted_printable(data)
    if encoding in UUENCODE:
        return decode_uu_lines(data[uu_begin(data) :])[0]
    raise UnknownEncoding(f"unknown Content-Transfer-Encoding {encoding[:100]}")


def _decode_base64(data: bytes) -> bytes:
    try:
        return binascii.a2b_base64(data)
    except binascii.Error:
        clean = data.translate(None, NOT_BASE64)
    # Padding is missing, or stands where the content does not end: a last single character tells nothing.
    padding = clean.find(b"=")
    clean = clean[:padding] if padding >= 0 else clean
    clean = clean[: len(clean) - (len(clean) % 4 == 1)]
    return binascii.a2b_base64(clean + b"=" * (-len(clean) % 4))


def _decode_quoted_printable(data: bytes) -> bytes:
    if b"\r" in data and b"\n" not in data:
        data = data.replace(b"\r", b"\n")
    if b" \n" in data or b" \r" in data or b"\t\n" in data or b"\t\r" in data:
        data = _TRAILING_SPACE.sub(b"", data)  # RFC 2045 §6.7 rule 3
    return binascii.a2b_qp(data.rstrip(b" \t"))  # the last line's end is the delimiter's


def uu_begin(data: bytes) -> int:
    """Where a uuencoded part's lines begin."""
    begin = _UU_BEGIN.search(data, 0, UU_LOOKED_AT)
    return begin.end() if begin else 0


def decode_uu_lines(data: bytes) -> tuple[bytes, bool]:
    """What whole uuencoded lines stand for, and whether the ``end`` line was among them."""
    result: list[bytes] = []
    for line in data.replace(b"\r", b"\n").split(b"\n"):
        if line == b"end":
            return b"".join(result), True
        if line:
            result.append(_uu_line(line))
    return b"".join(result), False


def _uu_line(line: bytes) -> bytes:
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        length = (line[0] - 32) & 63
        try:  # some programs write the last line without counting its padding
            return binascii.a2b_uu(line[: (length * 4 + 5) // 3])
        except binascii.Error:
            return b""
