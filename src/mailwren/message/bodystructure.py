"""BODY and BODYSTRUCTURE as ready wire bytes (RFC 9051 §7.5.2), both made in one walk over the parts.

All parts are told, whatever their number; of what their headers say no more than ``STRUCTURE_DETAILS`` octets.
"""

from functools import lru_cache
from typing import Final

from mailwren.base import limits
from mailwren.message.api import Part
from mailwren.message.content_fields import ContentType, parse_disposition
from mailwren.message.envelope import EMPTY_ENVELOPE, build_envelope
from mailwren.message.header import Header, unfold
from mailwren.message.parameters import first_decoded, without_comments
from mailwren.message.quoted import NIL, quoted
from mailwren.message.structure import Structure

_ENCLOSED: Final = frozenset({"rfc822", "global"})
_EXTENSIONS: Final = frozenset({b"content-disposition", b"content-language", b"content-location"})
_SHORT: Final = 64
"""Octets of a type's or an encoding's name that are told in any case."""
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
        self._room = limits.STRUCTURE_DETAILS
        self.body: Final[list[bytes]] = []
        self.extended: Final[list[bytes]] = []

    def write(self, part: Part, *, with_envelope: bool = False) -> None:
        """Add one part with all its children; parts come in the order of the structure's lists."""
        header, content_type = next(self._details)
        if with_envelope:
            envelope = build_envelope(header, first_decoded(part.parameters, "charset"))
            self._both(b" %b " % self._detail(envelope, EMPTY_ENVELOPE))
        self._both(b"(")
        if part.is_multipart:
            self._write_multipart(part, header, content_type)
        else:
            self._write_single(part, header, content_type)
        self._both(b")")

    def _both(self, text: bytes) -> None:
        self.body.append(text)
        self.extended.append(text)

    def _detail(self, text: bytes, otherwise: bytes = NIL) -> bytes:
        """The text if there is room for it."""
        if len(text) > self._room:
            return otherwise
        self._room -= len(text)
        return text

    def _name(self, name: str) -> bytes:
        """The name of a type or an encoding."""
        if len(name) <= _SHORT and len(text := _quoted_name(name)) <= _SHORT:
            return text
        octets = name.encode("utf-8")
        return self._detail(quoted(octets), quoted(octets[:_SHORT]))

    def _field(self, header: Header, name: bytes) -> bytes:
        value = header.get(name)
        return NIL if value is None else self._detail(quoted(unfold(value)))

    def _write_multipart(self, part: Part, header: Header, content_type: ContentType) -> None:
        for child in part.children:
            self.write(child)
        self._both(b" " + self._name(part.subtype))
        self.extended.append(b" %b %b" % (self._detail(content_type.written), self._common_extension(header)))

    def _write_single(self, part: Part, header: Header, content_type: ContentType) -> None:
        self._both(
            b"%b %b %b %b %b %b %d"
            % (
                self._name(part.type),
                self._name(part.subtype),
                self._detail(content_type.written),
                self._field(header, b"content-id"),
                self._field(header, b"content-description"),
                self._name(part.encoding),
                part.body_end - part.body_start,
            )
        )
        if part.type == "text":
            self._both(b" %d" % part.lines)
        elif part.type == "message" and part.subtype in _ENCLOSED:
            self._write_enclosed(part)
        self.extended.append(b" %b %b" % (self._field(header, b"content-md5"), self._common_extension(header)))

    def _write_enclosed(self, part: Part) -> None:
        if part.children:
            self.write(part.children[0], with_envelope=True)
        else:
            self.body.append(b" %b %b" % (EMPTY_ENVELOPE, _UNREAD_BODY))
            self.extended.append(b" %b %b" % (EMPTY_ENVELOPE, _UNREAD_BODY_STRUCTURE))
        self._both(b" %d" % part.lines)

    def _common_extension(self, header: Header) -> bytes:
        """Disposition, language and location, which all parts have at their end."""
        if header.has_none(_EXTENSIONS):
            return b"NIL NIL NIL"
        return b"%b %b %b" % (
            self._detail(_disposition(header)),
            self._detail(_languages(header)),
            self._field(header, b"content-location"),
        )


@lru_cache(maxsize=256)
def _quoted_name(name: str) -> bytes:
    return quoted(name.encode("utf-8"))


def _disposition(header: Header) -> bytes:
    value = header.get(b"content-disposition")
    return parse_disposition(value).written if value else NIL


def _languages(header: Header) -> bytes:
    value = header.get(b"content-language")
    tags = [tag.strip() for tag in without_comments(unfold(value)).split(b",")] if value else []
    written = b" ".join([quoted(tag) for tag in tags if tag])
    return b"(%b)" % written if written else NIL
