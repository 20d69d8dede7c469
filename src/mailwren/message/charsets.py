"""Octets to text by the charset names that mail uses, the wrong ones too. Nothing here raises.

Results never hold lone surrogates, so they can be written as UTF-8.
"""

import codecs
import encodings
import pkgutil
import re
from encodings.aliases import aliases
from functools import lru_cache
from typing import Final

_ALIASES: Final = {
    # What is labelled with the left name is written by programs that mean the right one, a superset of it.
    "iso-8859-1": "cp1252",
    "iso8859-1": "cp1252",
    "iso_8859-1": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "iso-8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "gb_2312-80": "gb18030",
    "chinesegb": "gb18030",
    "x-gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601": "cp949",
    "euc-kr": "cp949",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "x-sjis": "cp932",
    "iso-2022-jp": "iso2022_jp_ext",
    "tis-620": "cp874",
    "windows-874": "cp874",
    # Names that Python does not know.
    "iso-8859-8-i": "iso8859-8",
    "iso-8859-8-e": "iso8859-8",
    "iso-8859-6-i": "iso8859-6",
    "unicode-1-1-utf-7": "utf-7",
    "unicode-1-1-utf-8": "utf-8",
    "unicode": "utf-16",
    "iso-10646-ucs-2": "utf-16",
    "ucs-2": "utf-16",
    "iso-10646-ucs-4": "utf-32",
    "ucs-4": "utf-32",
    "utf8mb4": "utf-8",
    "x-utf-8": "utf-8",
    "x-big5": "big5",
    "x-euc-jp": "euc_jp",
    "x-euc-tw": "big5",
    "x-windows-949": "cp949",
    "x-mac-roman": "mac-roman",
    "x-mac-cyrillic": "mac-cyrillic",
    "koi8-ru": "koi8-u",
    "koi": "koi8-r",
    "iso-ir-111": "koi8-r",
    "dos-862": "cp862",
}
_REFUSED: Final = frozenset(
    {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "unicode-escape", "raw-unicode-escape", "undefined"}
)
"""Codecs of Python that are no charsets of mail."""
_CODECS: Final = frozenset(aliases) | {module.name for module in pkgutil.iter_modules(encodings.__path__)}
"""What Python can look up: it remembers every name that it does not know, after a search on the disk."""
_PREFIXED: Final = re.compile(r"(?:cp|win|windows|ansi|ibm|dos|x-cp|x-windows)[-_ ]?(\d{3,5})")
_AROUND: Final = " \t\"'<>;="
"""What may stand around a name by mistake."""
_NAME_LENGTH: Final = 40
"""Longer than any charset's name: such names are not even looked up."""
_ASCII: Final = bytes(range(128)) + b"\x1b$B0!\x1b(B +AOk- ~{VPND~}"
"""ASCII text that charsets with escapes in ASCII read otherwise."""
_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
_WIDE: Final = re.compile(r"utf-(16|32)")


def _codec(charset: str) -> tuple[str, bool] | None:
    """Python's codec for a name, and whether ASCII octets are ASCII text in it; ``None`` for an unknown one."""
    if len(charset) > _NAME_LENGTH:  # what is remembered is never as long as whoever sent it likes
        charset = charset.strip(_AROUND)[: _NAME_LENGTH + 1]
    return _remembered_codec(charset)


@lru_cache(maxsize=512)
def _remembered_codec(charset: str) -> tuple[str, bool] | None:
    name = charset.strip(_AROUND).lower()
    name = _ALIASES.get(name, name)
    numbered = _PREFIXED.fullmatch(name)
    for candidate in (name, f"cp{numbered[1]}" if numbered else "", name.replace("_", "-")):
        found = _lookup(candidate)
        if found:
            return found
    return None


def _lookup(name: str) -> tuple[str, bool] | None:
    if not name.isascii() or not 0 < len(name) <= _NAME_LENGTH or "." in name or "\0" in name:
        return None
    if encodings.normalize_encoding(name) not in _CODECS:
        return None
    try:
        canonical = codecs.lookup(name).name
    except (LookupError, ValueError):
        return None
    canonical = _ALIASES.get(canonical, canonical)
    if canonical in _REFUSED:
        return None
    try:
        plain = _ASCII.decode(canonical) == _ASCII.decode("ascii")
    except UnicodeError:
        plain = False
    except LookupError:  # a codec of Python's that makes no text
        return None
    return canonical, plain


def decode(data: bytes, charset: str) -> str:
    """Text of octets in the named charset; what it cannot mean becomes U+FFFD.

    Octets of an unknown charset are taken as by :func:`decode_unlabelled`, as are 8-bit octets labelled as ASCII.
    """
    codec = _codec(charset) if charset else None
    if codec is None:
        return decode_unlabelled(data)
    name, plain = codec
    if plain and data.isascii():
        return data.decode("ascii")
    if name == "ascii":
        return decode_unlabelled(data)
    if name == "cp1252":
        return _decode_western(data)
    if _WIDE.match(name):
        return _decode_wide(data, name)
    text = data.decode(name, "replace")
    if name == "utf-7":  # lets surrogates through
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def decode_unlabelled(data: bytes, hint: str = "") -> str:
    """Text of octets without a (known) charset: UTF-8 when they are valid as such, else ``hint``, else Latin-1.

    Args:
        data: the octets; ISO-2022-JP is known by its escapes.
        hint: the charset of the text around them, if there is any.
    """
    text = read_unlabelled(data, hint)
    return _decode_western(data) if text is None else text


def octets_of(text: str, charset: str) -> bytes:
    """The octets of 8-bit text that stands where only text in the named charset should, as an encoded word's.

    Text that the charset has is in it. Other text was taken for Latin-1 because nobody knew better, or is UTF-8.
    """
    codec = _codec(charset)
    for name in (codec[0] if codec and codec[1] else "ascii", "cp1252", "latin-1"):
        try:
            return text.encode(name)
        except UnicodeEncodeError:
            continue
    return text.encode("utf-8", "replace")


def read(data: bytes, charset: str) -> str | None:
    """As :func:`decode`, but ``None`` for octets that mean nothing in the named charset, or when that is not known."""
    codec = _codec(charset) if charset else None
    if codec is None:
        return None
    if codec[0] == "ascii":
        return None if read_unlabelled(data) is None else decode(data, charset)
    text = decode(data, charset)
    return None if "\ufffd" in text else text


def read_unlabelled(data: bytes, hint: str = "") -> str | None:
    """As :func:`decode_unlabelled`, but ``None`` where nothing tells the charset."""
    if b"\x1b$" in data:
        return data.decode("iso2022_jp_ext", "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    codec = _codec(hint) if hint else None
    if codec and codec[1] and codec[0] not in {"ascii", "utf-8"}:
        try:
            return data.decode(codec[0])
        except UnicodeDecodeError:
            pass
    return None


def _decode_western(data: bytes) -> str:
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:  # five octets mean nothing there
        return data.decode("latin-1")


def _decode_wide(data: bytes, name: str) -> str:
    """UTF-16 and UTF-32, also with the wrong or no byte order, and 8-bit text that is labelled so."""
    if b"\0" not in data:
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            pass
    base = name[:6]
    if data.startswith(_MARKS):
        return data.decode(base, "replace")
    order = _byte_order(data, 2 if base == "utf-16" else 4) or (name[-2:] if name[-2:] in {"le", "be"} else "be")
    return data.decode(f"{base}-{order}", "replace")


def _byte_order(data: bytes, width: int) -> str:
    """``le`` or ``be`` as the zero octets of the beginning tell, empty where they do not."""
    sample = data[:4096]
    high_first = sample[0::width].count(0)
    high_last = sample[width - 1 :: width].count(0)
    if high_first == high_last:
        return ""
    return "be" if high_first > high_last else "le"
