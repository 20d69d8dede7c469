"""Flags and keywords."""

import pytest

from mailwren.base import limits
from mailwren.imap.errors import BadCommand
from mailwren.imap.flags import parse_flag, parse_keyword


@pytest.mark.parametrize(
    ("written", "flag"),
    [
        (b"\\seen", "\\Seen"),
        (b"\\DELETED", "\\Deleted"),
        (b"\\Answered", "\\Answered"),
        (b"$Forwarded", "$Forwarded"),
        (b"Work", "Work"),
        (b"a+b:c", "a+b:c"),
    ],
)
def test_flags_in_canonical_case(written: bytes, flag: str) -> None:
    """System flags have one spelling; keywords keep theirs."""
    assert parse_flag(written) == flag


@pytest.mark.parametrize(
    "written",
    [b"\\Recent", b"\\recent", b"\\Foo", b"\\*", b"\\", b"", b"a]", b"a b", b"a(b", b"\xc3\xa9", b'a"', b"a*", b"\x00"],
)
def test_flags_that_cannot_be_set(written: bytes) -> None:
    """``\\Recent`` belongs to the server, other system flags do not exist, keywords are atoms."""
    with pytest.raises(BadCommand):
        parse_flag(written)


def test_keywords_have_a_length() -> None:
    """A keyword of just the limit is taken, a longer one is not."""
    assert parse_keyword(b"x" * limits.KEYWORD) == "x" * limits.KEYWORD
    with pytest.raises(BadCommand):
        parse_keyword(b"x" * (limits.KEYWORD + 1))
