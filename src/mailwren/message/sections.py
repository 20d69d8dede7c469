"""Parts by their IMAP section numbers and the octets that sections name (RFC 9051 §6.4.5.1); part trees as records."""

import json
from collections.abc import Iterator
from enum import Enum
from typing import Any, Final

from mailwren.message.api import Part

_RECORD_VERSION: Final = 1
_encode: Final = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_decode: Final = json.JSONDecoder().decode
_TYPE: Final = 3
"""The place of a part's type in its record."""
_ELSEWHERE: Final = Part(0, 0, 0)
"""Stands for parts that nobody asked for."""


class SectionPiece(Enum):
    """What of a part is meant. Subsets of header fields are taken from ``HEADER``."""

    ALL = "all"
    HEADER = "header"
    TEXT = "text"
    MIME = "mime"


def find_part(root: Part, numbers: tuple[int, ...]) -> Part | None:
    """The part that section numbers name; ``()`` is the message itself.

    Part 1 of a message that is no multipart is its body. Numbers below a message/rfc822 part are those of the enclosed
    message.

    Returns:
        ``None`` where the message has no such part.
    """
    part = root
    container: Part | None = root
    for number in numbers:
        if container is None:
            return None
        candidates = container.children if container.is_multipart else [container]
        if not 1 <= number <= len(candidates):
            return None
        part = candidates[number - 1]
        container = _numbered_below(part)
    return part


def _numbered_below(part: Part) -> Part | None:
    """The multipart or the enclosed message whose parts a part's further numbers count."""
    if part.is_multipart:
        return part
    return part.children[0] if part.is_message else None


def section_range(root: Part, numbers: tuple[int, ...], piece: SectionPiece) -> tuple[int, int] | None:
    """Start and end offsets of the octets that a section names.

    Returns:
        ``None`` where there is no such part, or the part has no such piece: only messages have ``HEADER`` and
        ``TEXT``, only numbered parts ``MIME``.
    """
    part = find_part(root, numbers)
    if part is None:
        return None
    if piece is SectionPiece.MIME:
        return (part.header_start, part.body_start) if numbers else None
    if piece is SectionPiece.ALL:
        return (part.body_start if numbers else part.header_start), part.body_end
    if numbers:
        if not part.is_message:
            return None
        part = part.children[0]
    return (part.header_start, part.body_start) if piece is SectionPiece.HEADER else (part.body_start, part.body_end)


def leaf_sections(root: Part) -> Iterator[tuple[tuple[int, ...], Part]]:
    """All parts that hold content themselves, with their section numbers, in the message's order."""
    return _leaves(root, ())


def _leaves(container: Part, numbers: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], Part]]:
    candidates = container.children if container.is_multipart else [container]
    for number, part in enumerate(candidates, start=1):
        below = _numbered_below(part)
        if below is None:
            yield (*numbers, number), part
        else:
            yield from _leaves(below, (*numbers, number))


# --- records ------------------------------------------------------------------------------------------------
def dump_part(root: Part) -> bytes:
    """A part tree as a compact record, for :func:`load_part`."""
    return _encode([_RECORD_VERSION, _dump(root)]).encode("ascii")


def load_part(record: bytes) -> Part:
    """The part tree that :func:`dump_part` made a record of.

    Raises:
        ValueError: the record is damaged or of another version; parse the message again.
    """
    try:
        version, fields = json.loads(record)
        if version != _RECORD_VERSION:
            raise ValueError(f"part record of version {version}")
        return _load(fields)
    except (TypeError, RecursionError) as error:
        raise ValueError("damaged part record") from error


def load_along(record: bytes, numbers: tuple[int, ...]) -> Part:
    """As :func:`load_part`, but only what lies on the way to a section is sure to be true: a quarter of the work."""
    try:
        version, fields = _decode(record.decode("ascii"))
        if version != _RECORD_VERSION:
            raise ValueError(f"part record of version {version}")
        return _along(fields, numbers)
    except (TypeError, LookupError, RecursionError) as error:
        raise ValueError("damaged part record") from error


def _along(fields: list[Any], numbers: tuple[int, ...]) -> Part:
    """A part whose children the numbers count, or which is the only one itself."""
    if fields[_TYPE] != "multipart":
        return _part_along(fields, numbers[1:])
    children = fields[-1]
    parts = [_ELSEWHERE] * len(children)
    if numbers and 0 < numbers[0] <= len(children):
        parts[numbers[0] - 1] = _part_along(children[numbers[0] - 1], numbers[1:])
    return _place(fields, parts)


def _part_along(fields: list[Any], below: tuple[int, ...]) -> Part:
    """A part that a number named, and the numbers of what is meant in it."""
    kind, children = fields[_TYPE], fields[-1]
    if kind == "multipart":
        return _along(fields, below)
    parts = [_along(children[0], below)] if kind == "message" and children else []
    return _place(fields, parts)


def _place(fields: list[Any], children: list[Part]) -> Part:
    """Where a part lies and of what type it is, and nothing else."""
    header_start, body_start, body_end, kind, *_ = fields
    return Part(header_start, body_start, body_end, kind, children=children)


def _dump(part: Part) -> list[Any]:
    return [
        part.header_start,
        part.body_start,
        part.body_end,
        part.type,
        part.subtype,
        part.parameters,
        part.encoding,
        part.disposition,
        part.file_name,
        part.lines,
        [_dump(child) for child in part.children],
    ]


def _load(fields: list[Any]) -> Part:
    header_start, body_start, body_end, kind, subtype, parameters, *rest, lines, children = fields
    encoding, disposition, file_name = rest
    return Part(
        header_start,
        body_start,
        body_end,
        kind,
        subtype,
        tuple([(name, value) for name, value in parameters]),
        encoding,
        disposition,
        file_name,
        lines,
        [_load(child) for child in children],
    )
