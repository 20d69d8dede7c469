"""Searchable text."""

import time

import pytest

from mailwren.message.html_text import strip_html
from mailwren.message.structure import parse_structure
from mailwren.message.text import body_texts, field_texts, header_text, part_text

MESSAGE = (
    "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nTo: Jürgen\r\n <j@x>\r\nto: other\r\n"
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    "--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    "sch=F6n lan=\r\nge\r\n"
    "--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    "PHA+PGI+ZsO8PC9iPnIgJmFtcDs8L3A+\r\n"
    "--b\r\nContent-Type: application/pdf; name*=utf-8''%C3%A4.pdf\r\n\r\nsecret\r\n"
    "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninner text\r\n"
    "--b\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: x-odd\r\n\r\nunreadable\r\n--b--\r\n"
).encode()
ROOT = parse_structure(MESSAGE).root


def test_body_texts() -> None:
    """Decoded text parts, names of attachments, headers and texts of enclosed messages, in order."""
    texts = list(body_texts(MESSAGE, ROOT))
    assert texts == ["schön lange", "\nfür &\n", "ä.pdf", "subject: inner", "inner text", ""]


def test_delivery_status() -> None:
    """What says to whom mail could not be delivered is found, and what is enclosed in an encoding as well."""
    report = (
        b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        b"Final-Recipient: rfc822; a@b\r\n--b\r\nContent-Type: message/rfc822\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n"
        b"U3ViamVjdDogaGVsbG8=\r\n--b--\r\n"
    )
    root = parse_structure(report).root
    assert list(body_texts(report, root)) == ["Final-Recipient: rfc822; a@b", "Subject: hello"]


def test_header_text() -> None:
    """All fields with their names, decoded and unfolded."""
    lines = header_text(MESSAGE[: ROOT.body_start]).splitlines()
    assert lines[:3] == ["subject: Grüße", "to: Jürgen <j@x>", "to: other"]


@pytest.mark.parametrize(
    ("block", "text"),
    [
        (b"From: a\r\n>From b\r\n more\r\nTo: c\r\n\r\n", "from: a\nto: c\n>From b more"),
        (b"no header at all\r\nbut text\r\n\r\n", "no header at all\nbut text"),
        (b" begun elsewhere\r\nTo: c\r\n\r\n", "to: c\nbegun elsewhere"),
        (b": no name\nX Y: =?utf-8?q?=C3=A4?=", ": no name\nX Y: ä"),
        (b"To: a\r \rstray\r\r", "to: a\nstray"),
        (b"\r\n", ""),
        (b"", ""),
    ],
)
def test_lines_that_are_no_fields(block: bytes, text: str) -> None:
    """They are searched as well: TEXT looks at all of a header (RFC 9051 §6.4.4)."""
    assert header_text(block) == text


def test_field_texts() -> None:
    """Every field of a name in any case, decoded; none where there is none."""
    block = MESSAGE[: ROOT.body_start]
    assert field_texts(block, b"TO") == ["Jürgen <j@x>", "other"]
    assert field_texts(block, b"Subject") == ["Grüße"]
    assert field_texts(block, b"Cc") == []


def test_8bit_fields_in_the_charset_of_the_text() -> None:
    """Fields that are 8-bit and no UTF-8 are read like the text below them."""
    block = b"Subject: %b\r\nContent-Type: text/plain; charset=koi8-r\r\n\r\n" % "привет".encode("koi8-r")
    assert field_texts(block, b"subject") == ["привет"]
    assert header_text(block).startswith("subject: привет\n")


def test_the_beginning_of_a_text() -> None:
    """Only as many encoded octets as asked for are decoded."""
    assert part_text(MESSAGE, ROOT.children[0], 4) == "sch"
    assert part_text(MESSAGE, ROOT.children[0], 6) == "schö"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("plain", "plain"),
        ("wo<b>r</b>d", "word"),
        ("<p>one</p><p>two", "\none\n\ntwo"),
        ("a<BR/>b", "a\nb"),
        ("<td>1</td><td>2</td>", "\n1\n\n2\n"),
        ("1 < 2 &lt; 3 &#65;&euml;", "1 < 2 < 3 Aë"),
        ("a<!-- <b>x</b> -->b", "a b"),
        ("a<style type='x'>p { }</style>b<script>if (a<b) x</script >c", "a b c"),
        ("<title>t</title>x", " x"),
        ("<!DOCTYPE html>x", " x"),
        ('a <a href="x">link</a>', "a link"),
        ("text<a href='never closed", "text"),
        ("text<!-- never closed", "text "),
        ("text<style>never closed", "text "),
        ("<o:p>x</o:p>", "x"),
        ("a<bold>b", "a\nb"),
    ],
)
def test_stripping(html: str, text: str) -> None:
    """Tags vanish, inline ones without a trace; what is not shown is not searched."""
    assert strip_html(html) == text


@pytest.mark.parametrize("piece", ["<", "<!--", "<a ", "<style>", "</", "&", "<style", "<!-", "<title></tit"])
def test_stripping_takes_linear_time(piece: str) -> None:
    """Eight times the text takes nowhere near sixty-four times as long."""
    seconds = []
    for size in (32 * 1024, 256 * 1024):
        text = piece * (size // len(piece))
        best = 1e9
        for _ in range(3):
            start = time.thread_time()
            strip_html(text)
            best = min(best, time.thread_time() - start)
        seconds.append(best)
    assert seconds[1] < seconds[0] * 24 + 0.02
