"""Mailbox names: both encodings, the canonical form, what may be created, and LIST patterns."""

import time

import pytest

from mailwren.base import limits
from mailwren.imap import names
from mailwren.imap.errors import Refused
from mailwren.imap.names import Pattern


@pytest.mark.parametrize(
    ("name", "wire"),
    [
        ("INBOX", b"INBOX"),
        ("~peter/mail/台北/日本語", b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
        ("Entwürfe", b"Entw&APw-rfe"),
        ("R&D", b"R&-D"),
        ("&&", b"&-&-"),
        ("é&é", b"&AOk-&-&AOk-"),
        ("😀", b"&2D3eAA-"),
        ("", b""),
        ("tab\there", b"tab&AAk-here"),
    ],
)
def test_modified_utf7_both_ways(name: str, wire: bytes) -> None:
    """Names are written in modified UTF-7 and read back the same (RFC 3501 §5.1.3)."""
    assert names.encode_utf7(name) == wire
    assert names.decode_utf7(wire) == name


@pytest.mark.parametrize(
    ("wire", "name"),
    [
        (b"R&D", "R&D"),
        (b"A & B", "A & B"),
        (b"&", "&"),
        (b"&Jjo", "&Jjo"),
        (b"&A-", "&A-"),
        (b"&2D0-", "&2D0-"),
        (b"Entw\xc3\xbcrfe", "Entwürfe"),
        (b"&AOk-&AOk-", "éé"),
        (b"&AGE-", "a"),
    ],
)
def test_modified_utf7_is_read_leniently(wire: bytes, name: str) -> None:
    """What is no valid sequence stands for itself; raw UTF-8 is taken too (Thunderbird)."""
    assert names.decode_utf7(wire) == name


def test_utf8_names_have_no_ampersand_coding() -> None:
    """Once UTF-8 is enabled an ampersand is an ampersand (RFC 9051 §A.1)."""
    assert names.decode(b"&AOk-", utf8=True) == "&AOk-"
    assert names.encode("Entwürfe & Co", utf8=True) == "Entwürfe & Co".encode()
    assert names.decode(names.encode("Entwürfe", utf8=False), utf8=False) == "Entwürfe"


@pytest.mark.parametrize("utf8", [False, True])
def test_octets_that_are_no_text_are_an_error(utf8: bool) -> None:
    """Octets that are not UTF-8 are no name in either form."""
    with pytest.raises(ValueError, match="utf-8"):
        names.decode(b"a\xff", utf8)


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        ("inbox", "INBOX"),
        ("iNbOx/Sub", "INBOX/Sub"),
        ("inboxes", "inboxes"),
        ("Sub/inbox", "Sub/inbox"),
        ("folder/", "folder"),
        ("inbox/", "INBOX"),
        ("e\u0301", "é"),
        ("\u0131nbox", "\u0131nbox"),
        ("/", ""),
        ("", ""),
    ],
)
def test_the_canonical_form(given: str, canonical: str) -> None:
    """INBOX in upper case also as the first level, NFC, no separator at the end."""
    assert names.canonical(given) == canonical


@pytest.mark.parametrize("name", ["a", "a/b", "a*b", "50%", "R&D", "é" * 400, "INBOX/x", "#news", "~", "..", "a b"])
def test_names_that_may_be_created(name: str) -> None:
    """Anything but what breaks the hierarchy or the wire is a name."""
    names.check(name)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", b"CANNOT"),
        ("/a", b"CANNOT"),
        ("a//b", b"CANNOT"),
        ("a\x00b", b"CANNOT"),
        ("a\nb", b"CANNOT"),
        ("a\x7f", b"CANNOT"),
        ("a\x85", b"CANNOT"),
        ("a\u2028b", b"CANNOT"),
        ("a\ud800", b"CANNOT"),
        ("INBOX/INBOX", b"CANNOT"),
        ("INBOX/inbox/x", b"CANNOT"),
        ("é" * 501, b"LIMIT"),
        ("/".join("a" * (limits.MAILBOX_DEPTH + 1)), b"LIMIT"),
    ],
)
def test_names_that_may_not_be_created(name: str, code: bytes) -> None:
    """Empty levels, control characters, INBOX in INBOX, and too much of anything are refused."""
    with pytest.raises(Refused) as caught:
        names.check(name)
    assert caught.value.code == code


def test_parents_from_the_top() -> None:
    """The names above a name are listed from the top."""
    assert names.parents("a/b/c") == ["a", "a/b"]
    assert names.parents("a") == []


@pytest.mark.parametrize(
    ("reference", "pattern", "joined"),
    [("", "%", "%"), ("a/", "%", "a/%"), ("a", "%", "a%"), ("a/", "/b", "a/b"), ("", "/b", "/b"), ("a", "/b", "a/b")],
)
def test_reference_and_pattern(reference: str, pattern: str, joined: str) -> None:
    """The pattern stands behind the reference, with one separator between them at most."""
    assert names.join(reference, pattern) == joined


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("*", "a/b/c", True),
        ("%", "a", True),
        ("%", "a/b", False),
        ("%/%", "a/b", True),
        ("%/%", "a/b/c", False),
        ("a*", "a", True),
        ("a*", "a/b", True),
        ("a%", "abc", True),
        ("a%", "a/b", False),
        ("a/%", "a/b", True),
        ("a/%", "a", False),
        ("*b", "a/b", True),
        ("%b", "a/b", False),
        ("a%c*e", "abc/d/e", True),
        ("a%c*e", "a/c/d/e", False),
        ("*%*", "a/b", True),
        ("%%", "a/b", False),
        ("a", "A", False),
        ("inbox", "INBOX", True),
        ("InB%", "INBOX", True),
        ("*box", "INBOX", True),
        ("inbox/%", "INBOX/sub", True),
        ("inbox/SUB", "INBOX/sub", False),
        ("inbox*", "INBOXES", False),
        ("INBOX", "inboxes", False),
        ("", "", True),
        ("", "a", False),
        ("e\u0301%", "école", True),
        ("*", "INBOX", True),
        ("%", "INBOX", True),
        ("%", "INBOX/a", False),
    ],
)
def test_patterns(pattern: str, name: str, matches: bool) -> None:
    """``*`` crosses levels, ``%`` does not, INBOX is found in any case (RFC 9051 §6.3.9)."""
    assert Pattern(pattern).matches(name) is matches


@pytest.mark.parametrize("pattern", ["*a" * 300 + "b", "%a" * 300 + "b", "%%%*%*%*" * 100 + "b", "*%a*" * 400])
def test_hostile_patterns_do_not_hang(pattern: str) -> None:
    """Patterns that make backtracking explode cost no more than any other."""
    began = time.thread_time()
    Pattern(pattern).matches("a" * 1000)
    assert time.thread_time() - began < 0.5


def test_patterns_longer_than_any_name_match_nothing() -> None:
    """A pattern with more characters than a name can have is not even looked at."""
    assert not Pattern("*" + "a" * 3000).matches("a" * 3000)
