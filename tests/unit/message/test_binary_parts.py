"""Parts with NUL in base64."""

from collections.abc import Iterator
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwren.message.api import Part
from mailwren.message.binary_parts import NotEncodable, encode_binary
from mailwren.message.sections import find_part
from mailwren.message.structure import parse_structure
from mailwren.message.transfer import decode_transfer

BINARY = bytes(range(256)) * 5


def encoded(octets: bytes) -> bytes:
    """The message with its binary parts in base64."""
    return b"".join(encode_binary(octets))


def test_a_message_of_one_part() -> None:
    """The field is replaced where it stands folded, all else of the header stays, lines are short (RFC 2045 §6.8)."""
    header = b"Subject: a\r\ncontent-transfer-encoding:\r\n binary\r\nContent-Type: a/b\r\n\r\n"
    result = encoded(header + BINARY)
    assert result.startswith(b"Content-Transfer-Encoding: base64\r\nSubject: a\r\nContent-Type: a/b\r\n\r\nAAEC")
    root = parse_structure(result).root
    assert decode_transfer(result[root.body_start :], root.encoding) == BINARY
    assert max(map(len, result.splitlines())) == 76
    assert result.endswith(b"\r\n")


def test_only_the_binary_parts() -> None:
    """What has no NUL is not touched, in enclosed messages neither."""
    parts = [
        b"\r\ntext\xe4",
        b"Content-Transfer-Encoding: binary\r\nContent-Type: image/png\r\n\r\n" + BINARY,
        b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\nContent-Type: a/b\r\n\r\n\0\r\n\0",
    ]
    octets = b"Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    octets += b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + b"--b--\r\n"
    result = encoded(octets)
    assert b"\0" not in result
    assert result.startswith(octets[: octets.index(b"image") - 50])
    before, after = parse_structure(octets).root, parse_structure(result).root
    for section in ((1,), (2,), (3, 1)):
        old, new = find_part(before, section), find_part(after, section)
        assert old is not None
        assert new is not None
        body = decode_transfer(result[new.body_start : new.body_end], new.encoding)
        assert body == octets[old.body_start : old.body_end]


@pytest.mark.parametrize(
    "octets",
    [
        b"Subject: a\0b\r\n\r\n",
        b"Content-Transfer-Encoding: base64\r\n\r\nAAAA\0\r\n",
        b"Content-Type: message/delivery-status\r\n\r\n\0\r\n",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n\0\r\n--b\r\n\r\na\r\n--b--\r\n",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\na\r\n--b--\r\n\0",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n\0",
        b"Content-Type: image/png\r\nX: \0\r\n\r\n\0",
        b"\0",
    ],
)
def test_where_nothing_can_be_encoded(octets: bytes) -> None:
    """NUL in a header, between parts, or where an encoding is not allowed (RFC 2046 §5.2.1)."""
    with pytest.raises(NotEncodable):
        encoded(octets)


_LINES = st.sampled_from(
    [
        b"Content-Type: multipart/mixed; boundary=b",
        b"Content-Type: message/rfc822",
        b"Content-Type: image/png",
        b"Content-Transfer-Encoding: binary",
        b"Content-Transfer-Encoding:",
        b" binary",
        b"--b",
        b"--b--",
        b"",
        b"text",
        b"\0",
        b"a\0\r",
        b"\r",
    ]
)


@given(st.lists(st.tuples(_LINES, st.sampled_from([b"\r\n", b"\n"])), max_size=30))
def test_nothing_is_lost(lines: list[tuple[bytes, bytes]]) -> None:
    """The parts and what they hold are the same, whatever was sent."""
    octets = b"".join(map(b"".join, lines))
    try:
        result = encoded(octets)
    except NotEncodable:
        return
    assert b"\0" not in result
    assert _contents(result) == _contents(octets)


def _contents(octets: bytes) -> list[bytes]:
    """What the leaf parts hold."""

    def leaves(part: Part) -> Iterator[Part]:
        yield from chain.from_iterable(map(leaves, part.children)) if part.children else (part,)

    found = leaves(parse_structure(octets).root)
    return [decode_transfer(octets[each.body_start : each.body_end], each.encoding) for each in found]


def test_large_ones() -> None:
    """In pieces as at once."""
    octets = b"Content-Type: a/b\r\n\r\n" + BINARY * 300
    result = encoded(octets)
    root = parse_structure(result).root
    assert decode_transfer(result[root.body_start :], "base64") == BINARY * 300
    assert max(map(len, result.splitlines())) == 76
