"""Encoded words (RFC 2047): reading them, broken ones too, and writing 8-bit header values with them."""

import binascii
import re
from base64 import b64encode
from collections.abc import Iterator
from typing import Final

from mailwren.message import charsets
from mailwren.message.header import unfold

# Up to three question marks are tolerated inside the text, and any number at its end: both are seen in real mail.
# The bound keeps the search linear.
_WORD: Final = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]*(?:\?[^?=][^?]*){0,3}\?*)\?=")
_NOT_BASE64: Final = re.compile(rb"[^A-Za-z0-9+/]")
_CHUNK: Final = 45
"""Octets of UTF-8 in one written word: 60 characters of base64, so that the word stays below 75 (RFC 2047 §2)."""


def decode_header(value: bytes, hint: str = "") -> str:
    """A header field's value as text on one line: unfolded, 8-bit octets and encoded words decoded.

    Args:
        value: the value as written.
        hint: charset that 8-bit octets are tried in when they are not UTF-8.
    """
    value = unfold(value)
    text = value.decode("ascii") if _is_plain(value) else charsets.decode_unlabelled(value, hint)
    return decode_words(text) if "=?" in text else text


def decode_words(text: str) -> str:
    """Text with its encoded words decoded; white space between two adjacent ones is dropped (RFC 2047 §6.2)."""
    return "".join(
        [before + (charsets.decode(octets, charset) if octets else "") for before, charset, octets in _pieces(text)]
    )


def read_header(value: bytes, hint: str = "") -> str | bytes:
    """As :func:`decode_header`, but octets where it is in no known charset, or not valid in its own (RFC 5255 §4.6).

    Returns:
        Text, or the value on one line without its transfer encoding where that cannot be read.
    """
    value = unfold(value)
    text = value.decode("ascii") if _is_plain(value) else charsets.read_unlabelled(value, hint)
    if text is not None:
        readable = text if "=?" not in text else _read_words(text)
        if readable is not None:
            return readable
    pieces = _pieces(value.decode("latin-1"))
    return b"".join([before.encode("latin-1") + octets for before, _charset, octets in pieces])


def _is_plain(value: bytes) -> bool:
    """Whether it is ASCII alone, without the escapes of ISO-2022."""
    return value.isascii() and b"\x1b" not in value


def _read_words(text: str) -> str | None:
    """As :func:`decode_words`, but ``None`` where one cannot be read."""
    result: list[str] = []
    for before, charset, octets in _pieces(text):
        result.append(before)
        if octets:
            decoded = charsets.read(octets, charset)
            if decoded is None:
                return None
            result.append(decoded)
    return "".join(result)


def _pieces(text: str) -> Iterator[tuple[str, str, bytes]]:
    """Text as it stands, and the charset and octets of the encoded words behind it; none behind the last.

    Adjacent words in one charset are one: some programs cut characters in two.
    """
    before, charset = "", ""
    octets: list[bytes] = []
    position = 0
    for start, stop, word_charset, word_octets in _words(text):
        gap = text[position:start]
        adjacent = bool(octets) and (not gap or gap.isspace())
        if octets and not (adjacent and word_charset == charset):
            yield before, charset, b"".join(octets)
            before, octets = "", []
        if not adjacent:
            before = gap
        charset = word_charset
        octets.append(word_octets)
        position = stop
    if octets:
        yield before, charset, b"".join(octets)
    yield text[position:], "", b""


def _words(text: str) -> Iterator[tuple[int, int, str, bytes]]:
    """Start, end, charset and decoded octets of each encoded word that has any octets."""
    for match in _WORD.finditer(text):
        charset = match[1].partition("*")[0].lower()  # RFC 2231 §5 puts a language behind an asterisk
        encoded = match[3].encode("ascii") if match[3].isascii() else charsets.octets_of(match[3], charset)
        octets = _decode_base64(encoded) if match[2] in "bB" else binascii.a2b_qp(encoded, header=True)
        yield match.start(), match.end(), charset, octets


def _decode_base64(encoded: bytes) -> bytes:
    try:
        return binascii.a2b_base64(encoded)
    except binascii.Error:
        clean = _NOT_BASE64.sub(b"", encoded)
        clean = clean[: len(clean) - (len(clean) % 4 == 1)]
        return binascii.a2b_base64(clean + b"=" * (-len(clean) % 4))


def encode_words(text: str) -> bytes:
    """Text as ASCII: words that are not ASCII become encoded words, others (encoded ones among them) stay.

    Readers drop the white space between adjacent encoded words, so a blank beside one is written into ours.
    """
    result: list[bytes] = []
    pending: list[str] = []
    after_encoded = False
    for word in text.split(" "):
        if not word.isascii() or (pending and not word):
            if after_encoded and not pending:
                pending.append("")
            pending.append(decode_words(word))  # encoded words with 8-bit octets in them exist as well
            continue
        is_encoded = word.startswith("=?") and word.endswith("?=")
        if pending:
            result.append(_encode(" ".join([*pending, ""] if is_encoded else pending)))
            pending = []
        result.append(word.encode("ascii"))
        after_encoded = is_encoded
    if pending:
        result.append(_encode(" ".join(pending)))
    return b" ".join(result)


def _encode(text: str) -> bytes:
    words: list[bytes] = []
    octets = text.encode("utf-8", "replace")
    start = 0
    while start < len(octets):
        stop = min(start + _CHUNK, len(octets))
        while stop < len(octets) and octets[stop] & 0xC0 == 0x80:
            stop -= 1
        words.append(b"=?utf-8?B?%b?=" % b64encode(octets[start:stop]))
        start = stop
    return b" ".join(words)
