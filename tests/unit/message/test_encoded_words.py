"""Encoded words, legal and otherwise."""

import pytest

from mailwren.message.encoded_words import decode_header, decode_words, encode_words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        # the examples of RFC 2047 §8
        ("=?US-ASCII?Q?Keith_Moore?=", "Keith Moore"),
        ("=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?=", "Keld Jørn Simonsen"),
        ("=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=", "If you can read this yo"),
        ("(=?ISO-8859-1?Q?a?=)", "(a)"),
        ("(=?ISO-8859-1?Q?a?= b)", "(a b)"),
        ("(=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=)", "(ab)"),
        ("(=?ISO-8859-1?Q?a_b?=)", "(a b)"),
        ("(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)", "(a b)"),
        # a language after the charset (RFC 2231 §5)
        ("=?utf-8*de?q?=C3=BC?=", "ü"),
        # broken, but seen
        ("=?utf-8?B?w6Q?=", "ä"),
        ("=?utf-8?B?w6Q!=?=", "ä"),
        ("=?utf-8?B?w?= =?utf-8?B?6Q=?=", "\ufffd"),
        ("=?utf-8?Q?two words=C3=A4?=", "two wordsä"),
        ("=?utf-8?Q?really??=", "really?"),
        ("=?utf-8?Q?a?b?=", "a?b"),
        ("=?utf-8?q?=E2=82?= =?utf-8?q?=AC?=", "€"),
        ("x=?utf-8?q?=C3=A4?=y", "xäy"),
        ("=?x-unknown?q?=C3=A4?=", "ä"),
        ("=?unknown-8bit?q?=E4?=", "ä"),
        ("=?utf-8?q??=", ""),
        ("=?utf-8?x?abc?=", "=?utf-8?x?abc?="),
        ("=?utf-8?q?never ends", "=?utf-8?q?never ends"),
        ("plain = text?", "plain = text?"),
    ],
)
def test_decoding(value: str, text: str) -> None:
    """Encoded words become text, what is none stays."""
    assert decode_words(value) == text


@pytest.mark.parametrize(
    ("value", "hint", "text"),
    [
        (b" plain\r\n", "", "plain"),
        (b" one\r\n two", "", "one two"),
        (b"=?utf-8?q?a?=\r\n =?utf-8?q?b?=", "", "ab"),
        ("Grüße".encode(), "", "Grüße"),
        ("Grüße".encode("latin-1"), "", "Grüße"),
        ("привет".encode("koi8-r"), "koi8-r", "привет"),
        ("привет".encode(), "koi8-r", "привет"),
        ("日本".encode("iso2022_jp"), "", "日本"),
        (b"\xe4 =?utf-8?q?=C3=A4?=", "", "ä ä"),
        (b"a =?iso-8859-1?Q?M\xfcller?= b", "", "a Müller b"),
        (b"=?iso-8859-1?Q?M\xc3\xbcller?=", "", "Müller"),
        (b"=?utf-8?Q?M\xc3\xbcll=C3=A4r?=", "", "Müllär"),
        (b"=?koi8-r?q?" + "привет".encode("koi8-r") + b"=21?=", "", "привет!"),
        (b"=?x-odd?q?\xfc?=", "", "ü"),
    ],
)
def test_header_values(value: bytes, hint: str, text: str) -> None:
    """Header values are unfolded; 8-bit ones are UTF-8, or in the charset around them, or Latin-1."""
    assert decode_header(value, hint) == text


def test_encoding_leaves_ascii_words_readable() -> None:
    """Only words that are not ASCII are encoded, adjacent ones as one."""
    assert encode_words("to Jürgen Müller and all") == b"to =?utf-8?B?SsO8cmdlbiBNw7xsbGVy?= and all"
    assert encode_words("plain") == b"plain"


@pytest.mark.parametrize("text", ["=?utf-8?q?x?= ä", "ä =?utf-8?q?x?=", "ä  ö", "=?utf-8?q?x?= ä =?utf-8?q?y?= z"])
def test_blanks_beside_encoded_words_survive(text: str) -> None:
    """Readers drop blanks between encoded words, so ours hold them inside."""
    written = encode_words(text)
    assert written.isascii()
    assert decode_words(written.decode()) == text.replace("=?utf-8?q?x?=", "x").replace("=?utf-8?q?y?=", "y")


def test_encoded_words_with_raw_octets_are_read_first() -> None:
    """An encoded word with 8-bit text in it is not encoded a second time around itself."""
    assert decode_words(encode_words("=?iso-8859-1?q?a=E4ö?=").decode()) == "aäö"


def test_long_text_is_cut_at_characters() -> None:
    """Each written word stays below 75 octets and decodes on its own."""
    written = encode_words("ж" * 200)
    words = written.split(b" ")
    assert all(len(word) <= 75 for word in words)
    assert "".join(decode_words(word.decode()) for word in words) == "ж" * 200
