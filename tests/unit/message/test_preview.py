"""Previews."""

import pytest

from mailwren.message.preview import preview
from mailwren.message.structure import parse_structure


def preview_of(octets: bytes) -> str:
    """The preview of a message."""
    return preview(octets, parse_structure(octets).root)


def _multipart(*parts: bytes) -> bytes:
    return b"Content-Type: multipart/x; boundary=b\r\n\r\n" + b"".join([b"--b\r\n" + part + b"\r\n" for part in parts])


PLAIN = b"Content-Type: text/plain\r\n\r\nplain text"
HTML = b"Content-Type: text/html\r\n\r\n<style>x</style><p>html&nbsp;text"
FILE = b"Content-Type: text/plain\r\nContent-Disposition: attachment; filename=x\r\n\r\nfile"
CALENDAR = b"Content-Type: text/calendar\r\n\r\nBEGIN"
ENCLOSED = b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nenclosed text"


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ([PLAIN, HTML], "plain text"),
        ([HTML, PLAIN], "plain text"),
        ([HTML], "html text"),
        ([FILE, HTML], "html text"),
        ([FILE], "file"),
        ([CALENDAR, HTML], "html text"),
        ([ENCLOSED, HTML], "html text"),
        ([ENCLOSED], "enclosed text"),
        ([b"Content-Type: text/plain\r\n\r\n \r\n", HTML], "html text"),
        ([b"Content-Type: text/plain\r\n\r\n", ENCLOSED], "enclosed text"),
        ([b"Content-Type: text/plain\r\n\r\n"] * 3 + [HTML], ""),
        ([b"Content-Type: image/png\r\n\r\nx"], ""),
    ],
)
def test_the_part_to_read(parts: list[bytes], text: str) -> None:
    """Plain text goes before HTML, text before attachments, the message before what it encloses; three are tried."""
    assert preview_of(_multipart(*parts)) == text


def test_at_most_256_characters() -> None:
    """Long text is cut (RFC 8970 §3.1)."""
    assert preview_of(b"\r\n" + b"word " * 1000) == ("word " * 52)[:256].rstrip()
    assert len(preview_of(b"\r\n" + b"x" * 5000)) == 256


def test_white_space_and_padding_go() -> None:
    """One line; invisible characters that pad it are left out."""
    text = "a\r\n\r\n b\t\u200b\u00ad\u034f c \ufeffd\x07"
    assert preview_of(b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + text.encode()) == "a b c d"


def test_quotes_are_left_out() -> None:
    """Quoted lines are shown only where there is nothing else."""
    assert preview_of(b"\r\n> quoted\r\nanswer\r\n> more") == "answer"
    assert preview_of(b"\r\n> quoted\r\n> more") == "> quoted > more"


def test_cut_encodings() -> None:
    """The beginning of a long encoded text is readable."""
    head = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: %b\r\n\r\n"
    assert preview_of(head % b"base64" + b"w6TDpMOk" * 10_000) == "ä" * 256
    assert preview_of(head % b"quoted-printable" + b"=C3=A4" * 10_000) == "ä" * 256
    assert preview_of(head % b"x-unknown" + b"abc") == ""
