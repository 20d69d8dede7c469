"""All that is computed of a message at arrival."""

import pytest
from tests.support.structure_syntax import check_body, check_envelope, read_list

from mailwren.message.parse import parse_message

MESSAGE = (
    b"Date: Mon, 1 Jan 2024 00:30:00 +0200\r\nFrom: A <a@b>\r\nSubject: =?utf-8?q?=C3=84?=\r\n Re\r\n"
    b"Message-ID: <1@x>\r\nReferences: <2@x>\r\n <3@x>\r\nIn-Reply-To: <3@x>\r\n\r\nHello\r\n there\r\n"
)


def test_everything_at_once() -> None:
    """Each value comes from its part of the message."""
    parsed = parse_message(MESSAGE)
    assert parsed.size == len(MESSAGE)
    assert parsed.header_size == MESSAGE.index(b"Hello")
    assert parsed.sent_date == 19723
    assert parsed.sent_time == 19722 * 86_400 + 22 * 3600 + 30 * 60
    assert parsed.message_id == "1@x"
    assert parsed.references == ("2@x", "3@x")
    assert parsed.subject == "Ä Re"
    assert parsed.preview == "Hello there"
    assert parsed.envelope.startswith(b'("Mon, 1 Jan 2024 00:30:00 +0200" "=?utf-8?q?=C3=84?= Re" (("A" NIL "a" "b"))')
    assert parsed.body == b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 15 2)'
    assert parsed.body_structure == parsed.body[:-1] + b" NIL NIL NIL NIL)"


def test_headers_in_the_charset_of_the_text() -> None:
    """8-bit headers that are no UTF-8 are read in the charset that the text declares."""
    subject = "привет".encode("koi8-r")
    parsed = parse_message(b"Content-Type: text/plain; charset=koi8-r\r\nSubject: " + subject + b"\r\n\r\n")
    assert parsed.subject == "привет"


def test_no_message_at_all() -> None:
    """Nothing is a message as well."""
    parsed = parse_message(b"")
    assert (parsed.size, parsed.header_size, parsed.sent_date, parsed.sent_time) == (0, 0, None, None)
    assert (parsed.message_id, parsed.references, parsed.subject, parsed.preview) == ("", (), "", "")


@pytest.mark.parametrize(
    "unit", [b"a@b,", b'"', b"(", b"<", b"=?u?q?", b"\xe4 ", b";a=", b";a*1*=%41", b"\\", b"[", b":", b" "]
)
@pytest.mark.parametrize("name", [b"From", b"Subject", b"Content-Type", b"Content-Disposition", b"References", b"Date"])
def test_headers_of_one_repeated_thing(name: bytes, unit: bytes) -> None:
    """Fields that are nothing but one piece over and over are parsed in moderate time and written correctly."""
    value = b"x/y" + unit * (40_000 // len(unit))
    parsed = parse_message(name + b": " + value + b"\r\n\r\n")
    check_envelope(read_list(parsed.envelope))
    check_body(read_list(parsed.body_structure), extended=True)
