"""What SEARCH looks at: decoded header fields and decoded text parts (RFC 9051 §6.4.4)."""

from collections.abc import Iterator

from mailwren.message import charsets
from mailwren.message.api import Part
from mailwren.message.content_fields import parse_content_type
from mailwren.message.encoded_words import decode_header
from mailwren.message.header import Header, stray_lines
from mailwren.message.html_text import strip_html
from mailwren.message.parameters import first_decoded
from mailwren.message.structure import Octets
from mailwren.message.transfer import UnknownEncoding, decode_transfer


def header_text(block: bytes, hint: str | None = None) -> str:
    """All fields of a header block, decoded, one ``name: value`` to a line, names in lower case; then what is no field.

    Args:
        block: the header block, or some fields of one.
        hint: the charset that 8-bit octets are tried in; by default what the block's own Content-Type says.
    """
    header = Header(block)
    if hint is None:
        hint = header_charset(header, block)
    lines = [f"{name.decode('ascii')}: {decode_header(value, hint)}" for name, value in header.fields]
    lines += [decode_header(line, hint) for line in stray_lines(block)]
    return "\n".join(lines)


def field_texts(block: bytes, name: bytes) -> list[str]:
    """The decoded values of all fields of that name, in any case."""
    header = Header(block)
    values = header.all(name.lower())
    hint = header_charset(header, block) if values else ""
    return [decode_header(value, hint) for value in values]


def header_charset(header: Header, block: bytes) -> str:
    """The charset of the text, in which 8-bit fields may be as well; looked for only where there are any."""
    value = None if block.isascii() else header.get(b"content-type")
    return first_decoded(parse_content_type(value).parameters, "charset") if value else ""


def body_texts(octets: Octets, root: Part) -> Iterator[str]:
    """Texts of a body: text parts (HTML without tags), delivery statuses, headers of enclosed messages, file names."""
    waiting = [root]
    while waiting:
        part = waiting.pop()
        waiting.extend(reversed(part.children))
        if part.file_name:
            yield part.file_name
        if part.is_readable:
            yield part_text(octets, part)
        elif part.is_message:
            child = part.children[0]
            yield header_text(octets[child.header_start : child.body_start])


def part_text(octets: Octets, part: Part, length: int | None = None) -> str:
    """The decoded text of a text part, without tags where it is HTML; empty for an unknown encoding.

    Args:
        octets: the whole message.
        part: one of its parts.
        length: how many octets of the encoded body are looked at; all by default.
    """
    stop = part.body_end if length is None else min(part.body_end, part.body_start + length)
    try:
        data = decode_transfer(octets[part.body_start : stop], part.encoding)
    except UnknownEncoding:
        return ""
    text = charsets.decode(data, first_decoded(part.parameters, "charset"))
    return strip_html(text) if part.subtype == "html" else text
