"""Decoding piece by piece gives what decoding at once gives."""

import base64
import quopri
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
