"""Tests on header blocks: every shortcut answers as decoding would."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwren.message.fold import fold
from mailwren.message.text import field_texts, header_text
from mailwren.search.headers import BlockTest, FieldTest
from mailwren.search.needle import Needle

BLOCK = (
    b"Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?= an\r\n =?iso-8859-1?B?TfxsbGVy?=\r\n"
    b'From: "Doe, John" <john@example.org>\r\n'
    b"To: a@example.org,\r\n\tb@example.org\r\n"
    b"X-Subject: not this one\r\n"
    b"subject : a second\r\n"
    b"Subjects: nor this\r\n"
    b"Cc: J\xc3\xb6rg <j@example.org>\r\n"
    b"X-Empty:\r\n"
    b"\r\n"
)


@pytest.mark.parametrize(
    ("field", "text", "expected"),
    [
        ("subject", "grüsse an müller", True),
        ("SUBJECT", "Second", True),
        ("Subject", "not this", False),
        ("Subject", "nor", False),
        ("Subjec", "", False),
        ("from", "doe, john", True),
        ("from", "john@EXAMPLE", True),
        ("to", "a@example.org, b@example.org", True),
        ("cc", "jo", True),
        ("cc", "jorg", False),
        ("cc", "jörg", True),
        ("cc", "Jørg", False),
        ("x-empty", "", True),
        ("x-empty", " ", False),
        ("x-missing", "", False),
        ("", "", False),
        ("sub\nject", "", False),
        ("X-Subject: not", "this", False),
    ],
)
def test_fields_are_searched_decoded(field: str, text: str, expected: bool) -> None:
    """A field's text is unfolded and decoded before it is compared, without case."""
    assert FieldTest(field, Needle(text))(BLOCK) is expected


def test_the_first_line_is_a_field_too() -> None:
    """A field at the very beginning of the block is found, and one without a line end."""
    assert FieldTest("subject", Needle("müller"))(BLOCK)
    assert FieldTest("subject", Needle("x"))(b"Subject: x")
    assert FieldTest("b", Needle("2"))(b"A: 1\rB: 2\r\r")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("grüße an müller", True),
        ("subject: a second", True),
        ("subject:a", False),
        ("b@example.org", True),
        ("a@example.org, b@", True),
        ("jörg <j@", True),
        ("nowhere", False),
        ("漢", False),
        ("", True),
    ],
)
def test_blocks_are_searched_decoded(text: str, expected: bool) -> None:
    """A whole block is one text of names and decoded values."""
    assert BlockTest(Needle(text))(BLOCK) is expected


def test_large_blocks_are_searched_within_their_limits() -> None:
    """A block beyond the direct way is searched all the same."""
    block = b"X-Filler: " + b"x" * 70_000 + b"\r\nSubject: found\r\n\r\n"
    assert FieldTest("Subject", Needle("found"))(block)
    assert BlockTest(Needle("subject: found"))(block)


_LINES = st.sampled_from(
    [
        b"Subject: Hello World",
        b"subject :hello",
        b"SUBJECT",
        b" continued World",
        b"\tSubject: folded",
        b"X-Subject: =?utf-8?Q?w=C3=B6rld?=",
        b"Subject: =?utf-8?B?SGVsbG8=?= =?utf-8?Q?_World?=",
        b"Subject: \xe9\x7f raw \xc3\xb6",
        b"Subject: \x1b$B4A;z\x1b(B",
        b"",
        b":",
        b"Subject:",
        b"Subject: a\rb",
        b"Subject: a\rb =?utf-8?Q?=C3=B6?=",
        b" =?utf-8?Q?w=C3=B6rld?=",
        b">From nobody",
    ]
)


@given(
    st.sampled_from([b"", b"\xef\xbb\xbf"]),
    st.lists(_LINES, max_size=6),
    st.sampled_from([b"\r\n", b"\n", b"\r"]),
    st.booleans(),
)
def test_shortcuts_answer_as_decoding_does(start: bytes, lines: list[bytes], end: bytes, ended: bool) -> None:
    """Both tests agree with the decoded texts for any block and many needles."""
    block = start + end.join(lines) + (end if ended else b"")
    values = list(map(fold, field_texts(block, b"subject")))
    assert FieldTest("Subject", Needle("")).folded(block) == values
    for text in (
        "wörld",
        "a b ö",
        "b\n",
        "hello",
        "hello world",
        "world",
        "o w",
        "ö",
        "é",
        "漢字",
        "subject",
        "subject: hello",
        "a b",
        " ",
        "",
    ):
        expected = any(fold(text) in fold(value) for value in field_texts(block, b"subject"))
        assert FieldTest("Subject", Needle(text))(block) is expected
        assert BlockTest(Needle(text))(block) is (fold(text) in fold(header_text(block)))
