"""BODY and BODYSTRUCTURE as ready wire bytes (RFC 9051 §7.5.2), both made in one walk over the parts."""

from collections.abc import Iterable
from typing import Final

from mailwren.message import charsets
from mailwren.message.api import Part
from mailwren.message.envelope import EMPTY_ENVELOPE, build_envelope
from mailwren.message.header import Header, unfold
from mailwren.message.parameters import ContentType, Parameter, parse_disposition, percent_encode
from mailwren.message.quoted import NIL, quoted
from mailwren.message.structure import Structure

_ENCLOSED: Final = frozenset({"rfc822", "global"})
_ASCII: Final = Parameter(b"charset", b"us-ascii", extended=False)
"""What text without a charset is (RFC 2046 §4.1.2)."""
_UNREAD_BODY: Final = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0)'
_UNREAD_BODY_STRUCTURE: Final = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0 NIL NIL NIL NIL)'
"""Stands for the enclosed message where it is encoded, which the grammar has no other place for."""


def build_body_structure(structure: Structure) -> tuple[bytes, bytes]:
    """BODY and BODYSTRUCTURE of a message, in parentheses, pure ASCII."""
    writer = _Writer(structure)
    writer.write(structure.root)
    return b"".join(writer.body), b"".join(writer.extended)


class _Writer:
    """Collects both forms piece by piece, so that depth costs nothing."""

    def __init__(self, structure: Structure) -> None:
        self._details: Final = zip(structure.headers, structure.content_types, strict=True)
        self.body: Final[list[bytes]] = []
        self.extended: Final[list[bytes]] = []

    def write(self, part: Part, *, with_envelope: bool = False) -> None:
        """Add one part with all its children; parts come in the order of the structure's lists."""
        header, content_type = next(self._details)
        if with_envelope:
            self._both(b" %b " % build_envelope(header, dict(part.parameters).get("charset", "")))
        self._both(b"(")
        if part.is_multipart:
            self._write_multipart(part, header, content_type)
        else:
            self._write_single(part, header, content_type)
        self._both(b")")

    def _both(self, text: bytes) -> None:
        self.body.append(text)
        self.extended.append(text)

    def _write_multipart(self, part: Part, header: Header, content_type: ContentType) -> None:
        for child in part.children:
            self.write(child)
        self._both(b" " + _string(part.subtype))
        self.extended.append(b" %b %b" % (_parameters(content_type.parameters), _common_extension(header)))

    def _write_single(self, part: Part, header: Header, content_type: ContentType) -> None:
        parameters = content_type.parameters
        if part.type == "text" and not any(parameter.name.lower() == b"charset" for parameter in parameters):
            parameters = [*parameters, _ASCII]
        self._both(
            b"%b %b %b %b %b %b %d"
            % (
                _string(part.type),
                _string(part.subtype),
                _parameters(parameters),
                _optional(header, b"content-id"),
                _optional(header, b"content-description"),
                _string(part.encoding),
                part.body_end - part.body_start,
            )
        )
        if part.type == "text":
            self._both(b" %d" % part.lines)
        elif part.type == "message" and part.subtype in _ENCLOSED:
            self._write_enclosed(part)
        self.extended.append(b" %b %b" % (_optional(header, b"content-md5"), _common_extension(header)))

    def _write_enclosed(self, part: Part) -> None:
        if part.children:
            self.write(part.children[0], with_envelope=True)
        else:
            self.body.append(b" %b %b" % (EMPTY_ENVELOPE, _UNREAD_BODY))
            self.extended.append(b" %b %b" % (EMPTY_ENVELOPE, _UNREAD_BODY_STRUCTURE))
        self._both(b" %d" % part.lines)


def _string(text: str) -> bytes:
    return quoted(text.encode("utf-8"))


def _optional(header: Header, name: bytes) -> bytes:
    value = header.get(name)
    return NIL if value is None else quoted(unfold(value))


def _common_extension(header: Header) -> bytes:
    """Disposition, language and location, which all parts have at their end."""
    return b"%b %b %b" % (_disposition(header), _languages(header), _optional(header, b"content-location"))


def _disposition(header: Header) -> bytes:
    value = header.get(b"content-disposition")
    kind, parameters = parse_disposition(value) if value else (b"", [])
    return b"(%b %b)" % (quoted(kind), _parameters(parameters)) if kind else NIL


def _languages(header: Header) -> bytes:
    value = header.get(b"content-language")
    tags = [tag.strip() for tag in unfold(value).split(b",")] if value else []
    written = b" ".join([quoted(tag) for tag in tags if tag])
    return b"(%b)" % written if written else NIL


def _parameters(parameters: Iterable[Parameter]) -> bytes:
    """Attributes with their values, continuations joined; what is extended, or has to be as it is 8-bit, is marked by
    an asterisk and keeps its percent escapes for the client to decode (RFC 2231 §4)."""
    written: list[bytes] = []
    for name, value, extended in parameters:
        if extended:
            written += (quoted(name + b"*"), quoted(value))
        elif value.isascii():
            written += (quoted(name), quoted(value))
        else:
            text = charsets.decode_unlabelled(value)
            written += (quoted(name + b"*"), quoted(b"utf-8''" + percent_encode(text.encode("utf-8"))))
    return b"(%b)" % b" ".join(written) if written else NIL
