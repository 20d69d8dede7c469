"""Content-Type, Content-Disposition and their parameters (RFC 2045 §5.1, RFC 2183 §2, RFC 2231), broken ones too."""

import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from mailwren.message import charsets
from mailwren.message.encoded_words import decode_header
from mailwren.message.header import unfold

# The anchor at a semicolon keeps the search linear whatever stands between two of them.
_PARAMETER: Final = re.compile(
    rb'(?:\A|;)\s*([^\s=;"]+)\s*=\s*(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^;]*))',
    re.DOTALL,
)
_TYPE: Final = re.compile(rb'\s*([^\s/;()",=]+)\s*/\s*([^\s/;()",=]+)')
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


class ContentType(NamedTuple):
    """A Content-Type field's content."""

    type: str
    """Lower case."""
    subtype: str
    """Lower case."""
    parameters: list[Parameter]

    def octets(self, name: bytes) -> bytes:
        """The octets of the first parameter of that (lower-case) name, empty without it."""
        for parameter in self.parameters:
            if parameter.name.lower() == name:
                return _percent_decode(parameter.value)[1] if parameter.extended else parameter.value
        return b""


def parse_content_type(value: bytes) -> ContentType:
    """Read a Content-Type value; a malformed type means text/plain (RFC 2045 §5.2)."""
    value = unfold(value)
    kind, _, rest = value.partition(b";")
    if b"(" in kind:
        kind = _without_comments(kind)
    match = _TYPE.match(kind)
    if match is None:
        return ContentType("text", "plain", parse_parameters(rest))
    leftover = kind[match.end() :]
    if b"=" in leftover:  # the semicolon was forgotten
        rest = leftover + b";" + rest
    main, sub = match[1].lower(), match[2].lower()
    return ContentType(main.decode("latin-1"), sub.decode("latin-1"), parse_parameters(rest))


def parse_disposition(value: bytes) -> tuple[bytes, list[Parameter]]:
    """Read a Content-Disposition value into its type (lower case, may be empty) and parameters."""
    value = unfold(value)
    kind, _, rest = value.partition(b";")
    if b"=" in kind:
        kind, rest = b"attachment", value  # RFC 2183 §2.8: an unknown type means attachment
    if b"(" in kind:
        kind = _without_comments(kind)
    words = kind.split()
    return (words[0].strip(b'"').lower() if words else b""), parse_parameters(rest)


def _without_comments(text: bytes) -> bytes:
    for _ in range(_COMMENT_NESTING):
        text, count = _COMMENT.subn(b" ", text)
        if not count:
            break
    return text


def parse_parameters(text: bytes) -> list[Parameter]:
    """Read ``name=value; name="value"`` with continuations joined, in the order of the first segments."""
    plain: list[Parameter] = []
    segmented = False
    for match in _PARAMETER.finditer(text):
        name, quoted_value, bare = match.groups()
        if quoted_value is None:
            value = _bare_value(name.lower(), bare)
        else:
            value = _ESCAPE.sub(rb"\1", quoted_value) if b"\\" in quoted_value else quoted_value
        segmented = segmented or b"*" in name
        plain.append(Parameter(name, value, extended=False))
    return _join_segments(plain) if segmented else plain


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


def decode_parameters(parameters: Sequence[Parameter], hint: str = "") -> tuple[tuple[str, str], ...]:
    """Names in lower case with decoded values; an extended form hides a plain one of the same name (RFC 2231 §4.2)."""
    decoded: list[tuple[str, str]] = []
    extended = frozenset(parameter.name.lower() for parameter in parameters if parameter.extended)
    for parameter in parameters:
        name = parameter.name.lower()
        if not parameter.extended and name in extended:
            continue
        value = _decode_extended(parameter.value) if parameter.extended else decode_header(parameter.value, hint)
        decoded.append((name.decode("utf-8", "replace"), value))
    return tuple(decoded)


def _decode_extended(value: bytes) -> str:
    charset, octets = _percent_decode(value)
    return charsets.decode(octets, charset.decode("latin-1"))


def _percent_decode(value: bytes) -> tuple[bytes, bytes]:
    """Charset and octets of an extended value."""
    charset, _, text = value.split(b"'", 2)
    return charset, _PERCENT.sub(lambda match: bytes((int(match[1], 16),)), text)
