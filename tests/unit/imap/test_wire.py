"""Strings, sets, flags and response lines as they are written."""

import pytest

from mailwren.base.ranges import RangeSet
from mailwren.imap import wire
from mailwren.imap.frames import Literal
from mailwren.imap.sequence_set import STAR, SequenceSet


@pytest.mark.parametrize(
    ("data", "utf8", "written"),
    [
        (b"", False, b'""'),
        (b'say "hi" \\', False, b'"say \\"hi\\" \\\\"'),
        (b"two\r\nlines", False, b"{10}\r\ntwo\r\nlines"),
        ("é".encode(), False, b"{2}\r\n\xc3\xa9"),
        ("é".encode(), True, b'"\xc3\xa9"'),
        (b"\xff", True, b"{1}\r\n\xff"),
        (b"x" * 1000, False, b'"' + b"x" * 1000 + b'"'),
        (b"x" * 1001, False, b"{1001}\r\n" + b"x" * 1001),
    ],
)
def test_strings(data: bytes, utf8: bool, written: bytes) -> None:
    """Quoted where the reader can take it, else a literal."""
    assert wire.string(data, utf8) == written


@pytest.mark.parametrize(
    ("data", "written"),
    [
        (b"INBOX", b"INBOX"),
        (b"a]b", b"a]b"),
        (b"nil", b'"nil"'),
        (b"NILS", b"NILS"),
        (b"", b'""'),
        (b"a b", b'"a b"'),
        (b"50%", b'"50%"'),
        (b"a{3}", b'"a{3}"'),
        (b"a\n", b"{2}\r\na\n"),
    ],
)
def test_astrings(data: bytes, written: bytes) -> None:
    """Plain where the grammar allows; NIL is quoted, or readers take it for nothing."""
    assert wire.astring(data) == written


def test_nstrings() -> None:
    """Nothing is NIL, not an empty string."""
    assert wire.nstring(None) == b"NIL"
    assert wire.nstring(b"") == b'""'


def test_literal8_keeps_nul() -> None:
    """A literal8 holds any octets."""
    assert wire.literal8(b"\x00") == b"~{1}\r\n\x00"


def test_mailbox_names_in_both_forms() -> None:
    """Modified UTF-7 fits an atom; UTF-8 is quoted."""
    assert wire.mailbox("Entwürfe", utf8=False) == b"Entw&APw-rfe"
    assert wire.mailbox("Entwürfe", utf8=True) == '"Entwürfe"'.encode()


@pytest.mark.parametrize(
    ("numbers", "written"),
    [
        (SequenceSet(((1, 1), (3, STAR), (STAR, STAR), (STAR, 4))), b"1,3:*,*,*:4"),
        (SequenceSet(((5, 2),)), b"5:2"),
        (SequenceSet(saved=True), b"$"),
    ],
)
def test_sequence_sets(numbers: SequenceSet, written: bytes) -> None:
    """The client's order and stars are kept."""
    assert wire.sequence_set(numbers) == written


def test_number_sets_and_flags() -> None:
    """Ranges are short; flags stand in parentheses."""
    assert wire.number_set(RangeSet.of([1, 2, 3, 7])) == b"1:3,7"
    assert wire.flag_list(["\\Seen", "$Junk"]) == b"(\\Seen $Junk)"
    assert wire.flag_list([]) == b"()"


@pytest.mark.parametrize(
    ("text", "utf8", "written"),
    [
        ("all well", False, b"all well"),
        ("two\r\nlines\x00\x7f", False, b"two lines"),
        ("[ALERT] not a code", False, b"(ALERT] not a code"),
        ("Entwürfe", False, b"Entw?rfe"),
        ("Entwürfe", True, "Entwürfe".encode()),
        ("\ud800", True, b"?"),
        ("", False, b"Done"),
    ],
)
def test_words_for_people_stay_on_one_line(text: str, utf8: bool, written: bytes) -> None:
    """No text can end its line, or be taken for a response code."""
    assert wire.response_text(text, utf8) == written


def test_status_lines() -> None:
    """Tagged or not, with a code or without."""
    assert wire.status_line(b"*", b"OK", "ready", b"CAPABILITY IMAP4rev2") == b"* OK [CAPABILITY IMAP4rev2] ready\r\n"
    assert wire.status_line(b"a1", b"NO", "no such mailbox") == b"a1 NO no such mailbox\r\n"
    assert wire.continuation() == b"+ go ahead\r\n"


def test_a_command_in_fragments() -> None:
    """Strings that cannot be quoted become literals, with text on both sides."""
    writer = wire.CommandWriter()
    writer.raw(b"X ")
    writer.astring(b"a\nb")
    writer.raw(b" ")
    writer.nstring(None)
    writer.raw(b" ")
    writer.nstring(b"c")
    assert writer.fragments() == (b"X ", Literal(3, b"a\nb"), b' NIL "c"')
