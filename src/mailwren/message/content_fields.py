"""Content-Type and Content-Disposition (RFC 2045 §5.1, RFC 2183 §2), broken ones too.

Mail repeats few values over and over, so what was read is kept for the next message.
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from mailwren.message.header import unfold
from mailwren.message.parameters import (
    Parameter,
    decode_parameters,
    first_decoded,
    first_octets,
    parse_parameters,
    without_comments,
    write_parameters,
)
from mailwren.message.quoted import NIL, quoted

_TYPE: Final = re.compile(rb'\s*([^\s/;()",=]+)\s*/\s*([^\s/;()",=]+)')
_ASCII: Final = Parameter(b"charset", b"us-ascii", extended=False)
"""What text without a charset is (RFC 2046 §4.1.2)."""
_REMEMBERED: Final = 2048
_SHORT: Final = 200
"""Octets of a value that is worth remembering; longer ones carry names and boundaries of one message only."""


class ContentType(NamedTuple):
    """A Content-Type field's content."""

    type: str
    """Lower case."""
    subtype: str
    """Lower case."""
    parameters: tuple[tuple[str, str], ...]
    """Decoded, names in lower case."""
    boundary: bytes
    """The parameter of that name as written, empty without it."""
    file_name: str
    """The parameter ``name``, decoded."""
    written: bytes
    """The parameters as BODYSTRUCTURE has them."""


class Disposition(NamedTuple):
    """A Content-Disposition field's content."""

    type: str
    """Lower case; empty where the field has none."""
    file_name: str
    """The parameter ``filename``, decoded."""
    written: bytes
    """All of it as BODYSTRUCTURE has it."""


def parse_content_type(value: bytes) -> ContentType:
    """Read a Content-Type value; a malformed type means text/plain (RFC 2045 §5.2)."""
    return _remembered_content_type(value) if len(value) <= _SHORT else _read_content_type(value)


def parse_disposition(value: bytes) -> Disposition:
    """Read a Content-Disposition value; one that lacks the type means attachment (RFC 2183 §2.8)."""
    return _remembered_disposition(value) if len(value) <= _SHORT else _read_disposition(value)


def _read_content_type(value: bytes) -> ContentType:
    kind, _, rest = unfold(value).partition(b";")
    kind = without_comments(kind)
    match = _TYPE.match(kind)
    if match is None:
        main, sub = b"text", b"plain"
    else:
        main, sub = match[1].lower(), match[2].lower()
        leftover = kind[match.end() :]
        if b"=" in leftover:  # the semicolon was forgotten
            rest = leftover + b";" + rest
    return _content_type(main, sub, parse_parameters(rest))


def _content_type(main: bytes, sub: bytes, parameters: tuple[Parameter, ...]) -> ContentType:
    decoded = decode_parameters(parameters)
    if main == b"text" and not any(name == "charset" for name, _ in decoded):
        parameters = (*parameters, _ASCII)
    return ContentType(
        main.decode("latin-1"),
        sub.decode("latin-1"),
        decoded,
        first_octets(parameters, b"boundary"),
        first_decoded(decoded, "name"),
        write_parameters(parameters),
    )


def _read_disposition(value: bytes) -> Disposition:
    value = unfold(value)
    kind, _, rest = value.partition(b";")
    if b"=" in kind:
        kind, rest = b"attachment", value
    kind = without_comments(kind)
    words = kind.split()
    main = words[0].strip(b'"').lower() if words else b""
    parameters = parse_parameters(rest)
    file_name = first_decoded(decode_parameters(parameters), "filename")
    written = b"(%b %b)" % (quoted(main), write_parameters(parameters)) if main else NIL
    return Disposition(main.decode("latin-1"), file_name, written)


_remembered_content_type = lru_cache(maxsize=_REMEMBERED)(_read_content_type)
_remembered_disposition = lru_cache(maxsize=_REMEMBERED)(_read_disposition)
TEXT_PLAIN: Final = _content_type(b"text", b"plain", ())
"""What a part without the field is (RFC 2045 §5.2)."""
MESSAGE: Final = _content_type(b"message", b"rfc822", ())
"""What a part of a digest without the field is (RFC 2046 §5.1.5)."""
