"""BODY and BODYSTRUCTURE as ready wire bytes (RFC 9051 §7.5.2), both made in one walk over the parts."""

from typing import Final

from mailwren.message.api import Part
from mailwren.message.content_fields import ContentType, parse_disposition
from mailwren.message.envelope import EMPTY_ENVELOPE, build_envelope
from mailwren.message.header import Header, unfold
from mailwren.message.parameters import first_decoded
from mailwren.message.quoted import NIL, quoted
from mailwren.message.structure import Structure

_ENCLOSED: Final = frozenset({"rfc822", "global"})
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
            self._both(b" %b " % build_envelope(header, first_decoded(part.parameters, "charset")))
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
        self.extended.append(b" %b %b" % (content_type.written, _common_extension(header)))

    def _write_single(self, part: Part, header: Header, content_type: ContentType) -> None:
        self._both(
            b"%b %b %b %b %b %b %d"
            % (
                _string(part.type),
                _string(part.subtype),
                content_type.written,
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
    return parse_disposition(value).written if value else NIL


def _languages(header: Header) -> bytes:
    value = header.get(b"content-language")
    tags = [tag.strip() for tag in unfold(value).split(b",")] if value else []
    written = b" ".join([quoted(tag) for tag in tags if tag])
    return b"(%b)" % written if written else NIL
