"""Decoding piece by piece gives what decoding at once gives."""

import base64
import binascii
import quopri
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwren.message.line_ends import LineEnds
from mailwren.message.stream_decoder import StreamDecoder, UnknownEncoding
from mailwren.message.transfer import decode_transfer


def in_pieces(data: bytes, cuts: list[int], encoding: str) -> bytes:
    """Decode ``data`` cut at some places."""
    decoder = StreamDecoder(encoding)
    places = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    pieces = [data[start:stop] for start, stop in pairwise(places)]
    return b"".join([*(decoder.feed(piece) for piece in pieces), decoder.finish()])


@given(st.binary(max_size=300), st.lists(st.integers(0, 1000), max_size=6))
def test_base64(octets: bytes, cuts: list[int]) -> None:
    """Base64 with line ends anywhere comes back whole however it is cut."""
    assert in_pieces(base64.encodebytes(octets), cuts, "base64") == octets


@given(st.binary(max_size=300), st.lists(st.integers(0, 1000), max_size=6))
def test_quoted_printable(octets: bytes, cuts: list[int]) -> None:
    """Quoted-printable comes back as from one piece however it is cut."""
    encoded = quopri.encodestring(octets)
    assert in_pieces(encoded, cuts, "quoted-printable") == decode_transfer(encoded, "quoted-printable")


@given(st.binary(max_size=200), st.lists(st.integers(0, 1000), max_size=4))
def test_identity(octets: bytes, cuts: list[int]) -> None:
    """Without an encoding nothing changes."""
    assert in_pieces(octets, cuts, "8bit") == octets


def test_unknown_encoding_is_refused_at_once() -> None:
    """A part that cannot be decoded is refused before its octets are read."""
    with pytest.raises(UnknownEncoding):
        StreamDecoder("x-rot13")


def uuencoded(octets: bytes, line_end: bytes, before: bytes = b"", after: bytes = b"") -> bytes:
    """A uuencoded part, with something before ``begin`` and behind ``end``."""
    lines = [binascii.b2a_uu(octets[start : start + 45]).rstrip(b"\n") for start in range(0, len(octets), 45)]
    return before + line_end.join([b"begin 644 name", *lines, b"`", b"end", after])


@given(
    st.binary(max_size=300),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
    st.sampled_from([b"", b"Hello\n\n", b"x\r\n"]),
    st.lists(st.integers(0, 1000), max_size=6),
)
def test_uuencode(octets: bytes, line_end: bytes, before: bytes, cuts: list[int]) -> None:
    """Uuencoded octets come back whole however they are cut, without what stands around them."""
    encoded = uuencoded(octets, line_end, before, b"more\n")
    assert in_pieces(encoded, cuts, "x-uuencode") == decode_transfer(encoded, "x-uuencode") == octets


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_long_uuencode_is_decoded_line_by_line(line_end: bytes) -> None:
    """What is large is not kept together, whatever its line ends and however long a line is."""
    octets = bytes(range(256)) * 2000
    encoded = uuencoded(octets, line_end)
    decoder = StreamDecoder("x-uuencode")
    pieces = [decoder.feed(encoded[start : start + 10_007]) for start in range(0, len(encoded), 10_007)]
    assert max(map(len, pieces)) < 64 * 1024
    assert b"".join([*pieces, decoder.finish()]) == octets
    endless = encoded + b"\n" + b"M" + b"x" * 300_000 + b"\n" + encoded
    cuts = list(range(0, len(endless), 9999))
    assert in_pieces(endless, cuts, "x-uuencode") == octets


@given(st.text(alphabet="ab= \t=3D\r\n", max_size=200), st.lists(st.integers(0, 100_000), max_size=6))
def test_long_quoted_printable_lines(text: str, cuts: list[int]) -> None:
    """A line of any length is decoded as from one piece, and not kept together."""
    encoded = text.replace("\r", "").encode() + b"=C3=A4 b\t=20" * 8000 + b" \n" + text.encode() + b"\n"
    assert in_pieces(encoded, cuts, "quoted-printable") == decode_transfer(encoded, "quoted-printable")


def test_a_quoted_printable_line_of_a_megabyte_is_let_go() -> None:
    """Memory does not grow with the length of a line."""
    decoder = StreamDecoder("quoted-printable")
    fed = b"a=3Db " * 20_000
    given_back = sum(len(decoder.feed(fed)) for _ in range(10))
    assert given_back > 10 * len(b"a=b " * 20_000) - 2000


@given(st.text(alphabet="a\r\n", max_size=60), st.lists(st.integers(0, 60), max_size=6))
def test_line_ends(text: str, cuts: list[int]) -> None:
    """A LF alone becomes CRLF, everything else stays, however the text is cut."""
    octets = text.encode()
    places = sorted({cut % (len(octets) + 1) for cut in cuts} | {0, len(octets)})
    lines = LineEnds()
    result = b"".join([lines.feed(octets[start:stop]) for start, stop in pairwise(places)])
    assert result == re.sub(rb"(?<!\r)\n", b"\r\n", octets)
