"""Is it mail? Told from the first octets, for files that nothing else vouches for.

Not mail is: an empty file; a file of a known other kind (with what to do about it); a file with NULs all over; a text
without anything like a header field among its first lines. Everything else is taken, however broken. Of a file whose
name does not say that it is a message, one of the usual header fields is asked for: a README has lines with colons too.
"""

import re

SNIFFED = 8 * 1024
"""Octets that are looked at."""
_MESSAGE_NAME = re.compile(r"(?i).*\.(?:eml|msg|email)|\d+\.?")
_LINES = 50
_HEADER = re.compile(rb"(?m)^(?:\xef\xbb\xbf)?[!-9;-~]+[ \t]*:")
_USUAL_HEADER = re.compile(
    rb"(?im)^(?:\xef\xbb\xbf)?(?:from|to|cc|subject|date|received|sender|reply-to|return-path|delivered-to|message-id"
    rb"|mime-version|content-[a-z-]+|x-[a-z0-9-]+)[ \t]*:"
)
_NUL_SHARE = 20
"""One NUL in so many octets is a binary file; mail with a few NULs in it exists and is taken."""
_OTHER_KINDS = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Outlook .msg file: save it as .eml, or convert it with msgconvert"),
    (b"!BDN", "an Outlook .pst file: convert it with readpst"),
    (b"\x1f\x8b", "compressed with gzip: unpack it first"),
    (b"PK\x03\x04", "a zip archive: unpack it first"),
    (b"BZh", "compressed with bzip2: unpack it first"),
    (b"\xfd7zXZ", "compressed with xz: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd: unpack it first"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"\xff\xfe", "text in UTF-16: not mail"),
    (b"\xfe\xff", "text in UTF-16: not mail"),
    (b"// <!-- <mdb:mork", "a Mork database"),
)


def is_message_name(name: str) -> bool:
    """Whether a file's name says that it is one message: .eml, the numbers of MH and Cyrus."""
    return _MESSAGE_NAME.fullmatch(name) is not None


def why_not_mail(beginning: bytes, named_as_mail: bool = True) -> str:
    """The reason why a file is not a message; empty when it may be one.

    Args:
        beginning: its first :data:`SNIFFED` octets.
        named_as_mail: its name or its place says that it is a message.
    """
    if not beginning:
        return "empty file"
    for magic, kind in _OTHER_KINDS:
        if beginning.startswith(magic):
            return kind
    if beginning.count(0) * _NUL_SHARE > len(beginning):
        return "binary file, not mail"
    lines = beginning.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n", _LINES)[:_LINES]
    header = _HEADER if named_as_mail else _USUAL_HEADER
    return "" if header.search(b"\n".join(lines)) else "no header field in its first lines, not mail"
