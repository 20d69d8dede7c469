"""Charset names as mail has them."""

import encodings

import pytest

from mailwren.message.charsets import decode, decode_unlabelled


@pytest.mark.parametrize(
    ("data", "charset", "text"),
    [
        ("é“”".encode("cp1252"), "iso-8859-1", "é“”"),
        (b"\x81", "iso-8859-1", "\x81"),
        ("é".encode(), "us-ascii", "é"),
        (b"\xe9", "us-ascii", "é"),
        (b"\xe9", "", "é"),
        (b"\xe9", "no-such-charset", "é"),
        ("é".encode(), "no-such-charset", "é"),
        ("é".encode(), '"UTF-8"', "é"),
        ("é".encode(), "utf8", "é"),
        (b"a\xffb", "utf-8", "a\ufffdb"),
        ("ж".encode("cp1251"), "cp-1251", "ж"),
        ("ж".encode("cp1251"), "win-1251", "ж"),
        ("ж".encode("cp866"), "ibm866", "ж"),
        ("ж".encode("koi8-r"), "koi8-r", "ж"),
        ("中文".encode("gb18030"), "gb2312", "中文"),
        ("中文".encode("gb2312"), "chinesegb", "中文"),
        ("中文".encode("hz"), "hz-gb-2312", "中文"),
        ("한".encode("cp949"), "ks_c_5601-1987", "한"),
        ("日本".encode("iso2022_jp"), "iso-2022-jp", "日本"),
        ("日本".encode("cp932"), "shift_jis", "日本"),
        ("שלום".encode("iso8859-8"), "iso-8859-8-i", "שלום"),
        (b"Hi +AOk-", "utf-7", "Hi é"),
        (b"+2AA-", "utf-7", "\ufffd"),
        (b"abc", "cp037", "/ÂÄ"),
    ],
)
def test_decoding(data: bytes, charset: str, text: str) -> None:
    """Names mean what the programs that write them mean."""
    assert decode(data, charset) == text


@pytest.mark.parametrize("actual", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("label", ["utf-16", "utf-16le", "utf-16be", "iso-10646-ucs-2"])
def test_utf16_of_either_order(actual: str, label: str) -> None:
    """The zero octets tell the byte order where there is no mark, or the label is wrong."""
    assert decode("Hello\r\n".encode(actual), label) == "Hello\r\n"


@pytest.mark.parametrize("actual", ["utf-32-le", "utf-32-be", "utf-32"])
@pytest.mark.parametrize("label", ["utf-32", "utf-32le", "utf-32be"])
def test_utf32_of_either_order(actual: str, label: str) -> None:
    """The same for four octets a character, with a mark or without."""
    assert decode("Hello\r\n".encode(actual), label) == "Hello\r\n"


def test_byte_order_marks_win() -> None:
    """A mark says more than a label."""
    assert decode("é".encode("utf-16"), "utf-16be") == "é"
    assert decode(b"\xfe\xff\x00\xe9", "utf-16le") == "é"


def test_wide_labels_on_narrow_text() -> None:
    """Text without a single zero octet is no UTF-16, whatever its label says."""
    assert decode(b"plain ASCII text", "utf-16") == "plain ASCII text"


@pytest.mark.parametrize(
    "name", ["zlib", "hex", "rot13", "unicode_escape", "idna", "punycode", "undefined", "x" * 99, "a.b"]
)
def test_codecs_that_are_no_charsets_are_not_used(name: str) -> None:
    """What Python calls a codec but mail does not call a charset counts as unknown."""
    assert decode(b"\\x41 41", name) == "\\x41 41"


def test_unlabelled_octets() -> None:
    """UTF-8 where valid, else the hint, else Latin-1; escapes give ISO-2022-JP away."""
    assert decode_unlabelled("ж".encode(), "koi8-r") == "ж"
    assert decode_unlabelled("ж".encode("koi8-r"), "koi8-r") == "ж"
    assert decode_unlabelled(b"\xe4", "utf-16") == "ä"
    assert decode_unlabelled(b"\xe4", "shift_jis") == "ä"
    assert decode_unlabelled("日".encode("iso2022_jp")) == "日"


def test_names_of_no_charset_are_not_looked_up() -> None:
    """Python searches its disk for each name that it does not know, and remembers it for ever."""
    for number in range(1000):
        assert decode(b"\xe4", f"x-unheard-of-{number}") == "ä"
    assert not [name for name in getattr(encodings, "_cache", ()) if "unheard" in name]
