"""The charsets that SEARCH takes (RFC 9051 §6.4.4).

A fixed list of text encodings. Names that clients make up never reach Python's own lookup, which would search the
disk for each and remember it for ever.
"""

from collections.abc import Callable
from encodings.aliases import aliases
from typing import Final

from mailwren.imap.errors import BadCommand, Refused
from mailwren.imap.scanner import decode_text

_CODECS: Final = {
    "US-ASCII": "ascii",
    "UTF-8": "utf_8",
    **{f"ISO-8859-{part}": f"iso8859_{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16)},
    **{f"WINDOWS-{page}": f"cp{page}" for page in (1250, 1251, 1252, 1253, 1254, 1255, 1256, 1257, 1258, 874)},
    **{f"IBM{page}": f"cp{page}" for page in (437, 850, 852, 866)},
    "KOI8-R": "koi8_r",
    "KOI8-U": "koi8_u",
    "TIS-620": "tis_620",
    "SHIFT_JIS": "shift_jis",
    "EUC-JP": "euc_jp",
    "ISO-2022-JP": "iso2022_jp",
    "EUC-KR": "euc_kr",
    "ISO-2022-KR": "iso2022_kr",
    "GB2312": "gb2312",
    "GBK": "gbk",
    "GB18030": "gb18030",
    "BIG5": "big5",
    "BIG5-HKSCS": "big5hkscs",
}
"""The names by which clients know them, and Python's."""

SUPPORTED: Final = tuple(_CODECS)
"""Names as they are listed in BADCHARSET."""
BADCHARSET: Final = ("BADCHARSET (" + " ".join(SUPPORTED) + ")").encode("ascii")
"""The response code (RFC 9051 §7.1); the list is in parentheses (erratum 7323)."""


def _key(name: str) -> str:
    return name.lower().replace("-", "_")


def _by_name() -> dict[str, str]:
    codecs = set(_CODECS.values())
    known = {codec: codec for codec in codecs} | {_key(name): codec for name, codec in _CODECS.items()}
    # Python has Latin-1 under a name of its own.
    canonical = {"latin_1": "iso8859_1"}
    for alias, python_name in aliases.items():
        codec = canonical.get(python_name, python_name)
        if codec in codecs:
            known.setdefault(_key(alias), codec)
    return known


_CODEC_BY_NAME: Final = _by_name()


def decoder(name: str) -> Callable[[bytes], str]:
    """What turns a search's strings into text.

    Without a charset, and with US-ASCII, text is UTF-8, or Latin-1 where it is none: clients that send 8-bit text
    without saying what it is mean one of the two. So it is with an unknown charset, which :func:`require` is to refuse:
    the command has to be read to its end first, since a wrong command is BAD and does not change ``$``.

    Args:
        name: the charset named by the client; empty when it named none.
    """
    codec = _CODEC_BY_NAME.get(_key(name))
    if codec is None or codec in {"ascii", "utf_8"}:
        return decode_text
    return lambda data: _decode(data, codec, name)


def require(name: str) -> None:
    """Refuse a charset that is not known; the empty name is none.

    Raises:
        Refused: with BADCHARSET (RFC 9051 §6.4.4).
    """
    if name and _key(name) not in _CODEC_BY_NAME:
        raise Refused(f"charset {name[:40]} is not supported", BADCHARSET)


def encoder(name: str) -> Callable[[str], bytes]:
    """The counterpart of :func:`decoder`, for clients; UTF-8 without a charset.

    Raises:
        Refused: an unknown charset.
    """
    require(name)
    codec = _CODEC_BY_NAME[_key(name)] if name else "utf_8"
    return lambda text: text.encode(codec)


def _decode(data: bytes, codec: str, name: str) -> str:
    try:
        return data.decode(codec)
    except UnicodeError as error:
        raise BadCommand(f"search text is not valid {name[:40]}") from error
