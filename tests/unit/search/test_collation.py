"""Collations: what RFC 5051 and RFC 4790 say of each."""

import pytest

from mailwren.search.collation import ASCII_CASEMAP, COLLATIONS, OCTET, UNICODE_CASEMAP, Collation


def test_the_example_of_titlecase_and_decomposition() -> None:
    """RFC 5051 §2: U+01C4 becomes U+0044 U+007A U+030C, by way of the titlecase letter."""
    assert UNICODE_CASEMAP.key("\u01c4") == UNICODE_CASEMAP.key("\u01c6") == "\u0044\u007a\u030c"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("", ""),
        ("Abc", "ABC"),
        ("é", "E\u0301"),
        ("ß", "ß"),  # no titlecase property in UnicodeData.txt
        ("ﬁ", "fi"),  # decomposed after titlecasing, not before
        ("ς", "Σ"),
        ("\u0131", "I"),
        ("\ud800", "\ud800"),
    ],
)
def test_unicode_casemap(text: str, key: str) -> None:
    """Simple titlecase mappings, then compatibility decomposition."""
    assert UNICODE_CASEMAP.key(text) == key


def test_ascii_casemap_leaves_other_letters() -> None:
    """RFC 4790 §9.2: letters outside of ASCII keep their case."""
    assert ASCII_CASEMAP.key("aé") == "Aé"
    assert ASCII_CASEMAP.key("az{") == "AZ{"


def test_octet_is_the_text() -> None:
    """RFC 4790 §9.3."""
    assert OCTET.key("aé") == "aé"


@pytest.mark.parametrize("collation", COLLATIONS, ids=lambda each: each.name)
def test_the_empty_text_comes_first(collation: Collation) -> None:
    """ "The empty string always collates before non-empty strings" (RFC 5256 §3)."""
    assert collation.key("") == "" < collation.key("\0")


def test_the_example_of_ordering() -> None:
    """RFC 5255 §4.6: string 4 (KOI8-R) collates before string 2 (UTF-8)."""
    second = bytes.fromhex("d181d095d0a0d093d095d099").decode("utf-8")
    fourth = bytes.fromhex("e1ccc5cbd3c5ca").decode("koi8-r")
    assert UNICODE_CASEMAP.key(fourth) < UNICODE_CASEMAP.key(second)


def test_order_is_that_of_utf8() -> None:
    """Code points beyond the basic plane come after U+FFFD, unlike in UTF-16 (RFC 5051 §2)."""
    assert OCTET.key("\ufffd") < OCTET.key("\U0001f600")
