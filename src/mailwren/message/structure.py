"""The tree of a message's parts, found in one pass over its octets (RFC 2046 §5.1, §5.2.1).

The pass looks for lines that begin with what all open boundaries have in common, so it costs the same for any depth
of nesting. It copes with what real mail does wrong: boundaries that never close or never occur, boundaries that begin
with one another, parts without an empty line, LF and bare CR as line ends. What exceeds the limits becomes a leaf.
"""

import mmap
import re
from itertools import pairwise
from typing import Final, NamedTuple, TypeAlias

from mailwren.base import limits
from mailwren.message.api import Part
from mailwren.message.content_fields import MESSAGE, TEXT_PLAIN, ContentType, parse_content_type, parse_disposition
from mailwren.message.header import Header, unfold
from mailwren.message.parameters import without_comments

Octets: TypeAlias = bytes | mmap.mmap
"""A whole message: in memory, or a file mapped into memory."""

_WINDOW: Final = 4096
"""Octets that are searched first for the end of a header: nearly all headers of parts are shorter."""
_FIRST_LINE: Final = re.compile(rb"[!-9;-~]+[ \t]*:|\r?\n|[ \t>]|From ")
"""How the first line of a part's header may begin; a part that begins with anything else has no header."""
_BOUNDARY_WORD: Final = re.compile(rb"[0-9A-Za-z'()+_,\-./:=?]+")
_BOUNDARY_WORDS: Final = re.compile(rb"[0-9A-Za-z'()+_,\-./:=?]+(?: +[0-9A-Za-z'()+_,\-./:=?]+)*")
"""The characters of a boundary (RFC 2046 §5.1.1); others are accepted where the whole line is the boundary."""
_IDENTITY: Final = frozenset({"7bit", "8bit", "binary"})
_ENCLOSED: Final = frozenset({"rfc822", "global"})
_ENCODING_END: Final = re.compile(rb"[\s;(]")
_USUAL_ENCODINGS: Final = {
    b" %b%b" % (name.encode("ascii"), end): name
    for name in ("7bit", "8bit", "binary", "base64", "quoted-printable")
    for end in (b"\r", b"")
}
"""The values of nearly all such fields, as header blocks with CRLF and with LF have them."""
_CR: Final = 13
_LF: Final = 10
_DELIMITER_LENGTH: Final = limits.BOUNDARY + 8
"""Octets of a line that are compared with boundaries: hyphens and some padding included."""
_COUNT_CHUNK: Final = 1024 * 1024
"""Octets of a mapped file that are copied at a time to count its lines."""


class Structure(NamedTuple):
    """A message's parts with the fields of their headers."""

    root: Part
    headers: list[Header]
    """Of each part, in the order of the tree: a part before its children."""
    content_types: list[ContentType]
    """In the same order."""


class _Open:
    """An entity whose end is not known yet."""

    __slots__ = ("boundary", "outer_needle", "outer_place", "part")

    def __init__(self, part: Part) -> None:
        self.part: Final = part
        self.boundary = b""
        """Of a multipart that can still have parts."""
        self.outer_place: int | None = None
        """Place of an outer entity with the same boundary."""
        self.outer_needle = b""
        """What the delimiters of all outer entities have in common."""


class _Delimiter(NamedTuple):
    """A line that delimits the parts of an open multipart."""

    place: int
    """Which entity's, counted from the outermost open one."""
    closes: bool
    content_end: int
    """Where the octets before it end: the line end before it is its own (RFC 2046 §5.1.1)."""
    line_start: int
    line_end: int


def parse_structure(octets: Octets) -> Structure:
    """Find all parts of a message."""
    if octets.find(b"\n") < 0 <= octets.find(b"\r"):
        octets = octets[:].replace(b"\r", b"\n")
    parser = _Parser(octets)
    parser.run()
    _count_lines(octets, parser.parts)
    return Structure(parser.parts[0], parser.headers, parser.content_types)


def simple_structure(octets: bytes) -> Structure | None:
    """As :func:`parse_structure`, for a message that has few parts and short headers; ``None`` for any other.

    Nearly all are like that. What else can be written into a few thousand octets takes a hundred times as long.
    """
    if octets.find(b"\n\r\n", 0, limits.HEADER_AT_ONCE) < 0:
        return None
    parser = _Parser(octets, limits.PARTS_AT_ONCE, limits.LOOKALIKES_AT_ONCE)
    parser.run()
    if parser.limited or sum([each.body_start - each.header_start for each in parser.parts]) > limits.HEADER_AT_ONCE:
        return None
    _count_lines(octets, parser.parts)
    return Structure(parser.parts[0], parser.headers, parser.content_types)


class _Parser:
    def __init__(
        self, octets: Octets, most_parts: int = limits.MIME_PARTS, most_lookalikes: int = limits.DELIMITER_LOOKALIKES
    ) -> None:
        self._octets: Final = octets
        self._most_parts: Final = most_parts
        self._most_lookalikes: Final = most_lookalikes
        self._end: Final = len(octets)
        self._open: Final[list[_Open]] = []
        self._places: Final[dict[bytes, int]] = {}
        """Of each open boundary: the innermost entity that has it."""
        self._needle = b"\n--"
        """What the delimiters of all open multiparts begin with, the line end before them included."""
        self._lookalikes = 0
        self.parts: Final[list[Part]] = []
        self.headers: Final[list[Header]] = []
        self.content_types: Final[list[ContentType]] = []

    def run(self) -> None:
        """Find the parts."""
        position = self._start_entity(0, is_part=False)
        while self._places and len(self.parts) < self._most_parts:
            delimiter = self._next_delimiter(position - 1, self._end)
            if delimiter is None:
                break
            self._close(delimiter.place + 1, delimiter.content_end)
            position = delimiter.line_end
            if delimiter.closes:
                self._retire(self._open[delimiter.place])
            else:
                position = self._start_entity(position, is_part=True)
        self._close(0, self._end)

    @property
    def limited(self) -> bool:
        """Whether a limit kept us from finding all there is."""
        return len(self.parts) >= self._most_parts or self._lookalikes > self._most_lookalikes

    # --- delimiters -----------------------------------------------------------------------------------------
    def _next_delimiter(self, position: int, limit: int) -> _Delimiter | None:
        """The next delimiter line of any open multipart that begins before ``limit``.

        The line end before it is looked for as well, so ``position`` is that of the octet before a line.
        """
        octets = self._octets
        needle = self._needle
        found = octets.find(needle, max(position, 0), limit)
        while found >= 0:
            start = found + 3
            newline = octets.find(b"\n", start, start + _DELIMITER_LENGTH)
            hit = self._recognise(octets[start : newline if newline >= 0 else start + _DELIMITER_LENGTH])
            if hit:
                place, closes = hit
                content_end = found - (found > 0 and octets[found - 1] == _CR)
                if newline < 0:
                    newline = octets.find(b"\n", start)
                if newline < 0:  # a message cut off here has no further part
                    return _Delimiter(place, True, content_end, found + 1, self._end)
                return _Delimiter(place, closes, content_end, found + 1, newline + 1)
            self._lookalikes += 1
            if self._lookalikes > self._most_lookalikes:
                break
            found = octets.find(needle, start, limit)
        return None

    def _recognise(self, line: bytes) -> tuple[int, bool] | None:
        """Whose delimiter a line is, without its two hyphens, and whether it closes.

        RFC 2046 §5.1.1 lets the boundary be a mere beginning of the line, which breaks messages whose inner boundary
        begins with the outer one. So the whole line is compared first, and then only such rests are ignored as
        could not belong to a boundary or come after a blank, and anything after two closing hyphens.
        """
        places = self._places
        line = line.rstrip(b" \t\r")
        if line in places:
            return places[line], False
        boundary, hyphens, _ = line.rpartition(b"--")
        boundary = boundary.rstrip()
        if hyphens and boundary in places:
            return places[boundary], True
        for pattern in (_BOUNDARY_WORD, _BOUNDARY_WORDS):
            match = pattern.match(line)
            if match and match[0] in places:
                return places[match[0]], False
        return None

    # --- entities -------------------------------------------------------------------------------------------
    def _start_entity(self, start: int, *, is_part: bool) -> int:
        """Open the entity whose header begins at ``start``, and the messages it encloses. Where its body begins."""
        while True:
            body_start = self._header_end(start, is_part=is_part)
            entity = self._add(start, body_start)
            part = entity.part
            if part.type == "multipart":
                self._open_boundary(entity)
            if part.type != "message" or part.subtype not in _ENCLOSED or part.encoding not in _IDENTITY:
                return part.body_start
            start, is_part = part.body_start, False

    def _add(self, start: int, body_start: int) -> _Open:
        header = Header(self._octets[start : min(body_start, start + limits.HEADER_PARSED)])
        parent = self._open[-1].part if self._open else None
        content_type = _content_type(header, parent)
        if len(self._open) >= limits.MIME_DEPTH and content_type.type in {"multipart", "message"}:
            content_type = TEXT_PLAIN
        if content_type.boundary:
            delimiter = self._octets.find(b"\n--" + content_type.boundary, start, body_start)
            if delimiter >= 0:  # the empty line was forgotten
                body_start = delimiter + 1
                header = Header(self._octets[start:body_start])
        part = _describe(header, content_type, start, body_start)
        if parent is not None:
            parent.children.append(part)
        entity = _Open(part)
        self._open.append(entity)
        self.parts.append(part)
        self.headers.append(header)
        self.content_types.append(content_type)
        return entity

    def _header_end(self, start: int, *, is_part: bool) -> int:
        """Where the header that begins at ``start`` ends: after its empty line, or where a delimiter cuts it off."""
        octets, end = self._octets, self._end
        if is_part and not _FIRST_LINE.match(octets, start):
            return start
        stop, window = start, _WINDOW
        while True:
            stop = min(start + window, end)
            blank = _blank_line_end(octets, start, stop)
            if self._places:
                delimiter = self._next_delimiter(start - 1, blank or stop)
                if delimiter is not None:
                    return delimiter.line_start
            if blank or stop == end:
                return blank or end
            window *= 8  # so that looking again costs little, however long the header is

    def _open_boundary(self, entity: _Open) -> None:
        boundary = self.content_types[-1].boundary.rstrip()
        if not 0 < len(boundary) <= limits.BOUNDARY:
            return
        entity.boundary = boundary
        entity.outer_place = self._places.get(boundary)
        entity.outer_needle = self._needle
        needle = b"\n--" + boundary
        self._needle = _common_prefix(self._needle, needle) if self._places else needle
        self._places[boundary] = len(self._open) - 1

    def _retire(self, entity: _Open) -> None:
        """No more parts for a multipart: what follows is its epilogue. All inner entities are closed."""
        if not entity.boundary:
            return
        if entity.outer_place is None:
            del self._places[entity.boundary]
        else:
            self._places[entity.boundary] = entity.outer_place
        self._needle = entity.outer_needle
        entity.boundary = b""

    def _close(self, level: int, end: int) -> None:
        """End all entities from the place ``level`` on, the innermost first."""
        while len(self._open) > level:
            entity = self._open.pop()
            self._retire(entity)
            part = entity.part
            part.body_end = max(end, part.body_start, part.children[-1].body_end if part.children else 0)
            if part.type == "multipart" and not part.children:
                self._add_only_part(part)

    def _add_only_part(self, multipart: Part) -> None:
        """A multipart has at least one part (RFC 9051 §9, body-type-mpart): its text, where nothing divides it."""
        part = Part(multipart.body_start, multipart.body_start, multipart.body_end)
        multipart.children.append(part)
        self.parts.append(part)
        self.headers.append(Header(b""))
        self.content_types.append(TEXT_PLAIN)


def _common_prefix(left: bytes, right: bytes) -> bytes:
    for index, (one, other) in enumerate(zip(left, right, strict=False)):
        if one != other:
            return left[:index]
    return min(left, right, key=len)


def _blank_line_end(octets: Octets, start: int, stop: int) -> int:
    """Where the first empty line between two offsets ends, 0 without one; ``start`` begins a line."""
    if start < stop and octets[start] <= _CR:
        if octets[start] == _LF:
            return start + 1
        if octets[start : min(start + 2, stop)] == b"\r\n":
            return start + 2
    crlf = octets.find(b"\n\r\n", start, stop)
    lf = octets.find(b"\n\n", start, stop if crlf < 0 else crlf)
    if lf >= 0:
        return lf + 2
    return crlf + 3 if crlf >= 0 else 0


def _content_type(header: Header, parent: Part | None) -> ContentType:
    value = header.get(b"content-type")
    if value is not None:
        return parse_content_type(value)
    if parent is not None and parent.type == "multipart" and parent.subtype == "digest":
        return MESSAGE
    return TEXT_PLAIN


def _describe(header: Header, content_type: ContentType, start: int, body_start: int) -> Part:
    """The part with that header; its end is not known yet."""
    part = Part(start, body_start, body_start, content_type.type, content_type.subtype, content_type.parameters)
    part.file_name = content_type.file_name
    encoding = header.get(b"content-transfer-encoding")
    if encoding is not None:
        part.encoding = _USUAL_ENCODINGS.get(encoding) or _encoding(encoding)
    disposition = header.get(b"content-disposition")
    if disposition is not None:
        parsed = parse_disposition(disposition)
        part.disposition = parsed.type
        part.file_name = parsed.file_name or part.file_name
    return part


def _encoding(value: bytes) -> str:
    words = _ENCODING_END.split(without_comments(unfold(value)).strip(), 1)
    return words[0].strip(b'"').lower().decode("latin-1") or "7bit"


# --- lines --------------------------------------------------------------------------------------------------
def _count_lines(octets: Octets, parts: list[Part]) -> None:
    """Set the lines of texts and messages. What messages in messages share is counted once."""
    counted = [part for part in parts if part.type in {"text", "message"}]
    if not any(part.children for part in counted):
        for part in counted:
            part.lines = _newlines(octets, part.body_start, part.body_end)
        return
    edges = sorted({edge for part in counted for edge in (part.body_start, part.body_end)})
    before = {edges[0]: 0}
    total = 0
    for start, stop in pairwise(edges):
        total += _newlines(octets, start, stop)
        before[stop] = total
    for part in counted:
        part.lines = before[part.body_end] - before[part.body_start]


def _newlines(octets: Octets, start: int, stop: int) -> int:
    if isinstance(octets, bytes):
        return octets.count(b"\n", start, stop)
    return sum(
        octets[position : min(position + _COUNT_CHUNK, stop)].count(b"\n")
        for position in range(start, stop, _COUNT_CHUNK)
    )
