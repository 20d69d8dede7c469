"""What is remembered of messages is never as long as whoever sends them likes."""

import tracemalloc
from collections.abc import Callable

import pytest

from mailwren.message.bodystructure import build_body_structure
from mailwren.message.charsets import decode
from mailwren.message.envelope import build_envelope
from mailwren.message.structure import parse_structure

_LENGTH = 100_000
_MESSAGES = 200


def _charset(name: bytes) -> None:
    assert decode(b"x", name.decode("ascii")) == "x"


def _structure(field: bytes) -> None:
    build_body_structure(parse_structure(field + b"\r\n\r\nx"))


def _envelope(field: bytes) -> None:
    build_envelope(parse_structure(field + b"\r\n\r\nx").headers[0])


@pytest.mark.parametrize(
    ("read", "begin"),
    [
        (_charset, b"utf-"),
        (_structure, b"Content-Type: text/x"),
        (_structure, b"Content-Type: x"),
        (_structure, b"Content-Transfer-Encoding: x"),
        (_structure, b"Content-Disposition: x"),
        (_structure, b"Content-Type: text/plain; charset="),
        (_envelope, b"From: x"),
        (_envelope, b"Message-ID: <x"),
    ],
)
def test_nothing_long_is_remembered(read: Callable[[bytes], None], begin: bytes) -> None:
    """Hundreds of messages with a name of 100,000 octets each leave less than a dozen of them in memory."""
    read(begin)
    tracemalloc.start()
    try:
        for number in range(_MESSAGES):
            read(b"%b%0*d" % (begin, _LENGTH, number))
        left, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert left < 12 * _LENGTH
