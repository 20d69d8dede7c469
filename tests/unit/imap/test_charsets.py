"""The charsets of SEARCH."""

import encodings
import random

import pytest

from mailwren.imap import charsets
from mailwren.imap.errors import BadCommand, Refused


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("", "Grüße".encode(), "Grüße"),
        ("", b"Gr\xfc\xdfe", "Grüße"),
        ("US-ASCII", b"Gr\xfc\xdfe", "Grüße"),
        ("utf-8", "Grüße".encode(), "Grüße"),
        ("UTF8", "Grüße".encode(), "Grüße"),
        ("ISO-8859-1", b"Gr\xfc\xdfe", "Grüße"),
        ("latin1", b"Gr\xfc\xdfe", "Grüße"),
        ("ISO-8859-15", b"\xa4", "€"),
        ("WINDOWS-1252", b"\x80", "€"),
        ("cp1251", b"\xef", "п"),
        ("KOI8-R", b"\xf2", "\u0420"),
        ("Shift_JIS", b"\x93\xfa", "日"),
        ("EUC-JP", b"\xc6\xfc", "日"),
        ("ISO-2022-JP", b"\x1b$BF|\x1b(B", "日"),
        ("GB2312", b"\xc8\xd5", "日"),
        ("GB18030", b"\xc8\xd5", "日"),
        ("BIG5", b"\xa4\xe9", "日"),
        ("EUC-KR", b"\xec\xed", "日"),
    ],
)
def test_text_is_decoded(name: str, data: bytes, text: str) -> None:
    """Each charset under its usual names; without one UTF-8, then Latin-1."""
    assert charsets.decoder(name)(data) == text


@pytest.mark.parametrize("name", charsets.SUPPORTED)
def test_every_listed_charset_works(name: str) -> None:
    """What BADCHARSET lists is really taken, both ways."""
    assert charsets.decoder(name)(charsets.encoder(name)("abc")) == "abc"


@pytest.mark.parametrize("name", ["FOO", "rot13", "base64", "unicode_escape", "idna", "utf-7", "x" * 1000])
def test_unknown_charsets_are_refused(name: str) -> None:
    """NO with a list of charsets in parentheses (erratum 7323); no encoding that is not a charset gets through."""
    with pytest.raises(Refused) as caught:
        charsets.require(name)
    assert caught.value.code.startswith(b"BADCHARSET (US-ASCII UTF-8 ISO-8859-1 ")
    assert caught.value.code.endswith(b")")
    with pytest.raises(Refused):
        charsets.encoder(name)


def test_text_that_is_not_in_its_charset_is_an_error() -> None:
    """A charset that was named holds."""
    with pytest.raises(BadCommand):
        charsets.decoder("EUC-JP")(b"\xff\xff")


def test_made_up_names_leave_nothing_behind() -> None:
    """Python remembers every encoding it was ever asked for; names of clients do not get there."""
    before = len(encodings._cache)
    for _ in range(100):
        with pytest.raises(Refused):
            charsets.require(f"x{random.random()}")
    assert len(encodings._cache) == before
