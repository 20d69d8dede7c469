"""The parameters of Content-Type and Content-Disposition (RFC 2045 §5.1, RFC 2231), broken ones too."""

import re
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final, NamedTuple

from mailwren.base import limits
from mailwren.message import charsets
from mailwren.message.encoded_words import decode_header
from mailwren.message.quoted import NIL, quoted

# The anchor at a semicolon keeps the search linear whatever stands between two of them, and comments before a name are
# taken for good.
_PARAMETER: Final = re.compile(
    rb'(?:\A|;)\s*(?:\([^()]*\)\s*)*+([^\s=;"]+)\s*=\s*(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^;]*))',
    re.DOTALL,
)
_COMMENT: Final = re.compile(rb"\([^()]*\)")
_COMMENT_NESTING: Final = 5
"""Comments in comments that are taken out; more is no honest use."""
_TRAILING_COMMENT: Final = re.compile(rb"\A([^\s()]*)\s*\(.*\)\Z", re.DOTALL)
_ESCAPE: Final = re.compile(rb"\\(.)", re.DOTALL)
_SEGMENT: Final = re.compile(rb"([^*]+)\*(?:(\d{1,4})(\*)?)?")
_PERCENT: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_TO_ESCAPE: Final = re.compile(rb"[^!#$&+\-.0-9A-Z^_`a-z{|}~]")
_FREE_TEXT: Final = frozenset({b"name", b"filename"})
"""Parameters whose unquoted values are often written with blanks in them."""


class Parameter(NamedTuple):
    """One parameter with its continuations joined (RFC 2231 §3)."""

    name: bytes
    """As written, without the asterisks of RFC 2231."""
    value: bytes
    """Octets without quotes and escapes; for an extended one ``charset'language'text`` with percent escapes."""
    extended: bool


def parse_parameters(text: bytes) -> tuple[Parameter, ...]:
    """Read ``name=value; name="value"`` with continuations joined, in the order of the first segments.

    At most ``PARAMETERS`` are read.
    """
    plain: list[Parameter] = []
    segmented = False
    for match in islice(_PARAMETER.finditer(text), limits.PARAMETERS):
        name, quoted_value, bare = match.groups()
        if quoted_value is None:
            value = _bare_value(name.lower(), bare)
        else:
            value = _ESCAPE.sub(rb"\1", quoted_value) if b"\\" in quoted_value else quoted_value
        segmented = segmented or b"*" in name
        plain.append(Parameter(name, value, extended=False))
    return tuple(_join_segments(plain) if segmented else plain)


def without_comments(text: bytes) -> bytes:
    """A value in which no quoted string stands, its comments taken out (RFC 2045 §5.1)."""
    for _ in range(_COMMENT_NESTING if b"(" in text else 0):
        text, count = _COMMENT.subn(b" ", text)
        if not count:
            break
    return text


def _bare_value(name: bytes, value: bytes) -> bytes:
    value = value.strip().removeprefix(b'"')  # a quoted string that never ends
    if b"(" in value:
        commented = _TRAILING_COMMENT.match(value)
        value = commented[1] if commented else value
    if name in _FREE_TEXT or (b" " not in value and b"\t" not in value):
        return value
    return value.split(None, 1)[0] if value else b""


def _join_segments(raw: Iterable[Parameter]) -> list[Parameter]:
    """Join ``name*0*``, ``name*1`` … (RFC 2231 §3, §4.1), in order of their numbers whatever their order was."""
    result: list[Parameter | None] = []
    places: dict[bytes, int] = {}
    segments: dict[bytes, dict[int, tuple[bytes, bool]]] = {}
    names: dict[bytes, bytes] = {}
    for parameter in raw:
        match = _SEGMENT.fullmatch(parameter.name)
        if match is None:
            result.append(parameter)
            continue
        base = match[1].lower()
        if base not in places:
            places[base] = len(result)
            names[base] = match[1]
            result.append(None)
        extended = match[2] is None or match[3] is not None
        segments.setdefault(base, {}).setdefault(int(match[2] or 0), (parameter.value, extended))
    for base, place in places.items():
        result[place] = _joined(names[base], segments[base])
    return [parameter for parameter in result if parameter is not None]


def _joined(name: bytes, segments: dict[int, tuple[bytes, bool]]) -> Parameter:
    ordered = [segments[number] for number in sorted(segments)]
    if not any(extended for _, extended in ordered):
        return Parameter(name, b"".join(value for value, _ in ordered), extended=False)
    pieces = [value if extended else percent_encode(value) for value, extended in ordered]
    if not ordered[0][1] or b"'" not in pieces[0]:
        pieces.insert(0, b"''")
    elif pieces[0].count(b"'") == 1:  # a language was forgotten with its mark
        pieces[0] = pieces[0].replace(b"'", b"''")
    return Parameter(name, b"".join(pieces), extended=True)


def percent_encode(value: bytes) -> bytes:
    """Octets as the text of an extended parameter (RFC 2231 §4)."""
    return _TO_ESCAPE.sub(lambda match: b"%%%02X" % match[0][0], value)


def write_parameters(parameters: Iterable[Parameter]) -> bytes:
    """Attributes and values as BODYSTRUCTURE has them, continuations joined (RFC 9051 §7.5.2).

    A value that is extended, or has to be as it is 8-bit, is marked by an asterisk and keeps its percent escapes for
    the client to decode (RFC 2231 §4).
    """
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


def decode_parameters(parameters: Sequence[Parameter]) -> tuple[tuple[str, str], ...]:
    """Names in lower case with decoded values; an extended form hides a plain one of the same name (RFC 2231 §4.2)."""
    decoded: list[tuple[str, str]] = []
    extended = {parameter.name.lower() for parameter in parameters if parameter.extended}
    for name, value, is_extended in parameters:
        lower = name.lower()
        if is_extended or lower not in extended:
            text = _decode_extended(value) if is_extended else decode_header(value)
            decoded.append((lower.decode("utf-8", "replace"), text))
    return tuple(decoded)


def first_decoded(decoded: Iterable[tuple[str, str]], name: str) -> str:
    """The value of the first parameter of that (lower-case) name, empty without one."""
    for other, value in decoded:
        if other == name:
            return value
    return ""


def first_octets(parameters: Iterable[Parameter], name: bytes) -> bytes:
    """The octets of the first parameter of that (lower-case) name, empty without one."""
    for parameter in parameters:
        if parameter.name.lower() == name:
            return _percent_decode(parameter.value)[1] if parameter.extended else parameter.value
    return b""


def _decode_extended(value: bytes) -> str:
    charset, octets = _percent_decode(value)
    return charsets.decode(octets, charset.decode("latin-1"))


def _percent_decode(value: bytes) -> tuple[bytes, bytes]:
    """Charset and octets of an extended value."""
    charset, _, text = value.split(b"'", 2)
    return charset, _PERCENT.sub(lambda match: bytes((int(match[1], 16),)), text)
