"""Octets as quoted strings."""

import pytest

from mailwren.base import limits
from mailwren.message.quoted import NIL, nstring, quoted


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (b"", b'""'),
        (b"plain text", b'"plain text"'),
        (b'say "x" \\ y', b'"say \\"x\\" \\\\ y"'),
        (b"a\r\nb\0c", b'"a  bc"'),
        (b"tab\tbell\x07", b'"tab\tbell\x07"'),
        ("für".encode(), b'"=?utf-8?B?ZsO8cg==?="'),
        ("für".encode("latin-1"), b'"=?utf-8?B?ZsO8cg==?="'),
        ("a für b".encode(), b'"a =?utf-8?B?ZsO8cg==?= b"'),
    ],
)
def test_quoted(value: bytes, written: bytes) -> None:
    """Quotes and backslashes are escaped, NUL and line ends never occur, 8-bit text becomes encoded words."""
    assert quoted(value) == written


def test_the_hint_decides_on_octets_that_are_no_utf8() -> None:
    """8-bit octets in the charset of the text around them."""
    assert quoted("ж".encode("koi8-r"), "koi8-r") == b'"=?utf-8?B?0LY=?="'


def test_long_values_are_cut() -> None:
    """No string is longer than the limit, so that no line is too long for a client."""
    assert len(quoted(b"x" * 100_000)) == limits.STRUCTURE_STRING + 2


def test_nstring() -> None:
    """Nothing is NIL, the empty string is not."""
    assert nstring(None) == NIL
    assert nstring(b"") == b'""'
