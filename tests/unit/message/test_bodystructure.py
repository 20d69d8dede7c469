"""BODY and BODYSTRUCTURE on the wire."""

import pytest

from mailwren.base import limits
from mailwren.message.bodystructure import build_body_structure
from mailwren.message.structure import parse_structure


def written(octets: bytes) -> tuple[bytes, bytes]:
    """BODY and BODYSTRUCTURE of a message."""
    return build_body_structure(parse_structure(octets))


def test_a_plain_text() -> None:
    """Defaults of RFC 2045 §5.2, size and lines."""
    assert written(b"Subject: x\r\n\r\none\r\ntwo\r\n") == (
        b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 10 2)',
        b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 10 2 NIL NIL NIL NIL)',
    )


def test_every_field_of_a_part() -> None:
    """Id, description, md5, disposition, language and location come from their fields."""
    octets = (
        b"Content-Type: Image/PNG; Name=x.png\r\nContent-ID: <1@x>\r\nContent-Description: a\r\n picture\r\n"
        b"Content-Transfer-Encoding: BASE64\r\nContent-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==\r\n"
        b"Content-Disposition: Attachment; FileName=x.png; size=3\r\nContent-Language: en, de\r\n"
        b"Content-Location: http://x/y\r\n\r\nAAAA"
    )
    assert written(octets) == (
        b'("image" "png" ("Name" "x.png") "<1@x>" "a picture" "base64" 4)',
        (
            b'("image" "png" ("Name" "x.png") "<1@x>" "a picture" "base64" 4 "Q2hlY2sgSW50ZWdyaXR5IQ=="'
            b' ("attachment" ("FileName" "x.png" "size" "3")) ("en" "de") "http://x/y")'
        ),
    )


def test_multipart() -> None:
    """Parts come one after the other, then the subtype; the boundary is extension data."""
    octets = (
        b'Content-Type: multipart/Mixed; boundary="b"\r\n\r\n--b\r\n\r\none\r\n--b\r\nContent-Type: a/b\r\n\r\n--b--'
    )
    text = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 3 0'
    other = b'("a" "b" NIL NIL NIL "7bit" 0'
    assert written(octets) == (
        b'(%b)%b) "mixed")' % (text, other),
        b'(%b NIL NIL NIL NIL)%b NIL NIL NIL NIL) "mixed" ("boundary" "b") NIL NIL NIL)' % (text, other),
    )


def test_enclosed_message() -> None:
    """A message/rfc822 has the envelope, the body and the lines of what it encloses."""
    octets = b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\nFrom: a@b\r\n\r\nx\r\n"
    body, structure = written(octets)
    sender = b'((NIL NIL "a" "b"))'
    envelope = b'(NIL "inner" %b %b %b NIL NIL NIL NIL NIL)' % (sender, sender, sender)
    text = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 3 1'
    assert body == b'("message" "rfc822" NIL NIL NIL "7bit" 32 %b %b) 4)' % (envelope, text)
    assert structure == (
        b'("message" "rfc822" NIL NIL NIL "7bit" 32 %b %b NIL NIL NIL NIL) 4 NIL NIL NIL NIL)' % (envelope, text)
    )


def test_encoded_message() -> None:
    """A message that is not looked into still has what the grammar demands."""
    octets = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n"
    body, _ = written(octets)
    assert body == (
        b'("message" "rfc822" NIL NIL NIL "base64" 6 (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)'
        b' ("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0) 1)'
    )


def test_an_empty_multipart_has_a_part() -> None:
    """``(NIL "alternative")`` and the like are never sent."""
    body, _ = written(b"Content-Type: multipart/alternative; boundary=b\r\n\r\n")
    assert body == b'(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0) "alternative")'


@pytest.mark.parametrize(
    ("field", "fragment"),
    [
        (b"Content-Disposition: inline", b'NIL ("inline" NIL) NIL NIL)'),
        (b"Content-Disposition:", b"NIL NIL NIL NIL)"),
        (b"Content-Language: de", b'NIL NIL ("de") NIL)'),
        (b"Content-Language: (German) de (comment), en", b'NIL NIL ("de" "en") NIL)'),
        (b"Content-Language: ,", b"NIL NIL NIL NIL)"),
        (b"Content-Description:", b'NIL "" "7bit"'),
        (b"Content-Description: gr\xc3\xbcn", b'NIL "=?utf-8?B?Z3LDvG4=?=" "7bit"'),
        (b"Content-Transfer-Encoding: x-\xe4", b'"=?utf-8?B?'),
        (b'Content-Type: text/\xe4; x="\0"', b'("x" ""'),
        (b"Content-Type: text/plain; name*0*=utf-8''%C3; name*1*=%A4", b'("name*" "utf-8\'\'%C3%A4"'),
    ],
)
def test_ugly_fields(field: bytes, fragment: bytes) -> None:
    """Empty, odd and 8-bit values give valid text."""
    _, structure = written(field + b"\r\n\r\nx")
    assert fragment in structure
    assert structure.isascii()


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Type: text/plain;" + b"".join(b" p%d=%b;" % (number, b"v" * 900) for number in range(20)),
        b"Content-Type: text/%b" % (b"x" * 20_000),
        b"Content-Disposition: attachment; filename=%b" % (b"f" * 20_000),
        b"Content-Transfer-Encoding: %b" % (b"e" * 20_000),
        b"Content-Language: " + b"de, " * 5000,
        b"Content-ID: %b" % (b"i" * 20_000),
        b"Content-Type: message/rfc822\r\n\r\nTo: " + b"a@example.org, " * 1300,
    ],
)
def test_hostile_details_are_left_out(header: bytes) -> None:
    """Every part is told, whatever its header holds, and the structure stays of a bounded size."""
    octets = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    octets += b"".join(b"--b\r\n%b\r\n\r\nx\r\n" % header for _ in range(200)) + b"--b--\r\n"
    structure = parse_structure(octets)
    assert len(structure.root.children) == 200
    for text in build_body_structure(structure):
        assert len(text) < limits.STRUCTURE_DETAILS + 200 * 500
        assert text.count(b"(") == text.count(b")") > 200
