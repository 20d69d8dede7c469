"""ENVELOPE on the wire."""

import pytest

from mailwren.message.envelope import build_envelope
from mailwren.message.header import Header

ME = b'((NIL NIL "a" "b"))'


def envelope(block: bytes, hint: str = "") -> bytes:
    """The envelope of a header block."""
    return build_envelope(Header(block), hint)


def test_all_fields() -> None:
    """Ten fields in the order of RFC 9051 §7.5.2."""
    block = (
        b"Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\nFrom: Terry Gray <gray@cac.washington.edu>\r\n"
        b"Subject: IMAP4rev2 WG mtg summary and minutes\r\nTo: imap@cac.washington.edu\r\n"
        b"cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\nBcc: x@y\r\nSender: s@t\r\n"
        b"Reply-To: r@u\r\nIn-Reply-To: <1@x>\r\nMessage-Id: <B27397-0100000@cac.washington.edu>\r\n\r\n"
    )
    assert envelope(block) == (
        b'("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev2 WG mtg summary and minutes"'
        b' (("Terry Gray" NIL "gray" "cac.washington.edu")) ((NIL NIL "s" "t")) ((NIL NIL "r" "u"))'
        b' ((NIL NIL "imap" "cac.washington.edu"))'
        b' ((NIL NIL "minutes" "CNRI.Reston.VA.US")("John Klensin" NIL "KLENSIN" "MIT.EDU")) ((NIL NIL "x" "y"))'
        b' "<1@x>" "<B27397-0100000@cac.washington.edu>")'
    )


def test_absent_fields_are_nil() -> None:
    """Nothing is made up, and sender and reply-to of a message without From are NIL too."""
    assert envelope(b"X: y\r\n\r\n") == b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"
    assert envelope(b"") == b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"


def test_empty_fields() -> None:
    """Empty texts are empty strings, empty address lists NIL (RFC 9051 §7.5.2)."""
    block = b"Date:\r\nSubject: \r\nFrom:\r\nTo: ,\r\nCc:\r\nIn-Reply-To:\r\nMessage-ID:  \r\n\r\n"
    assert envelope(block) == b'("" "" NIL NIL NIL NIL NIL NIL "" "")'


@pytest.mark.parametrize("fields", [b"", b"Sender:\r\nReply-To:\r\n", b"Sender: <>\r\nReply-To: ,\r\n"])
def test_sender_and_reply_to_default_to_from(fields: bytes) -> None:
    """Absent or empty, both are the same as From."""
    assert envelope(b"From: a@b\r\n" + fields) == b"(NIL NIL %b %b %b NIL NIL NIL NIL NIL)" % (ME, ME, ME)


def test_groups() -> None:
    """Groups are marked by an entry without a host and end with one of four NIL."""
    written = envelope(b"To: Friends: a@b, C <c@d>;, undisclosed-recipients:;\r\n")
    assert written == (
        b'(NIL NIL NIL NIL NIL ((NIL NIL "Friends" NIL)(NIL NIL "a" "b")("C" NIL "c" "d")(NIL NIL NIL NIL)'
        b'(NIL NIL "undisclosed-recipients" NIL)(NIL NIL NIL NIL)) NIL NIL NIL NIL)'
    )


def test_route_and_quoting() -> None:
    """Routes have their place; quotes and backslashes are escaped."""
    written = envelope(b'To: "a \\"b\\" \\\\" <@x,@y:"l l"@h>\r\n')
    assert b'("a \\"b\\" \\\\" "@x,@y" "l l" "h")' in written


def test_folded_values() -> None:
    """No line end gets through, folds are blanks."""
    assert envelope(b"Subject: a\r\n\tb\r\n  c\r\n") == b'(NIL "a b c" NIL NIL NIL NIL NIL NIL NIL NIL)'


def test_encoded_words_stay() -> None:
    """Encoded words are for the client to decode."""
    assert b'"=?utf-8?q?=C3=A4?="' in envelope(b"Subject: =?utf-8?q?=C3=A4?=\r\n")


def test_raw_8bit_becomes_encoded_words() -> None:
    """8-bit headers reach old clients as ASCII; a domain in its own ASCII form."""
    written = envelope("Subject: Grüße an alle\r\nFrom: Jürgen <jürgen@bücher.example>\r\n".encode())
    assert b'"=?utf-8?B?R3LDvMOfZQ==?= an alle"' in written
    assert b'("=?utf-8?B?SsO8cmdlbg==?=" NIL "=?utf-8?B?asO8cmdlbg==?=" "xn--bcher-kva.example")' in written


@pytest.mark.parametrize("host", [b"b\xff", "ä..b".encode(), "ä".encode() * 200, b"\xc3\xa4" + b"x" * 300])
def test_domains_without_an_ascii_form(host: bytes) -> None:
    """What is no domain is encoded like any other text."""
    written = envelope(b"From: a@" + host + b"\r\n")
    assert b'"a" "=?utf-8?B?' in written
    assert written.isascii()


def test_the_text_charset_is_tried() -> None:
    """8-bit headers that are not UTF-8 are in the charset of the text."""
    assert b'"=?utf-8?B?0LY=?="' in envelope(b"Subject: " + "ж".encode("koi8-r"), "koi8-r")


def test_repeated_fields() -> None:
    """Address fields add up, of others the first counts."""
    written = envelope(b"To: a@b\r\nSubject: one\r\nTo: c@d\r\nSubject: two\r\n")
    assert written == b'(NIL "one" NIL NIL NIL ((NIL NIL "a" "b")(NIL NIL "c" "d")) NIL NIL NIL NIL)'


def test_missing_hosts_are_no_groups() -> None:
    """An address without a domain must not look like a group's beginning."""
    assert b'((NIL NIL "user" "MISSING_DOMAIN"))' in envelope(b"To: user\r\n")
