"""The tree of parts, of mail as it should be and as it is."""

import mmap
import tempfile
import time

import pytest

from mailwren.base import limits
from mailwren.message.api import Part
from mailwren.message.structure import parse_structure

HEAD = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"


def outline(octets: bytes, part: Part) -> list[object]:
    """Each leaf as its type and its octets, each other part as its type and the list of its children."""
    name = f"{part.type}/{part.subtype}"
    if part.children:
        return [name, *[outline(octets, child) for child in part.children]]
    return [name, octets[part.body_start : part.body_end]]


def parse(octets: bytes) -> list[object]:
    """The outline of a message."""
    return outline(octets, parse_structure(octets).root)


def test_a_plain_message() -> None:
    """Header with its empty line, then the body; without a Content-Type it is plain text."""
    root = parse_structure(b"Subject: x\r\n\r\nbody\r\n").root
    assert (root.header_start, root.body_start, root.body_end) == (0, 14, 20)
    assert (root.type, root.subtype, root.encoding, root.lines) == ("text", "plain", "7bit", 1)


@pytest.mark.parametrize("octets", [b"", b"\r\n", b"\n", b"Subject: x", b"Subject: x\r\n", b"\r\nbody", b"\0\0"])
def test_hardly_a_message(octets: bytes) -> None:
    """Whatever is there is header up to the first empty line, the rest is body."""
    root = parse_structure(octets).root
    assert root.body_end == len(octets)
    assert octets[root.body_start :] in {b"", b"body"}


def test_multipart() -> None:
    """Parts lie between delimiter lines, whose preceding line end is theirs; preamble and epilogue are no parts."""
    octets = HEAD + b"preamble\r\n--b\r\n\r\none\r\n--b\r\nContent-Type: TEXT/Html\r\n\r\ntwo\r\n\r\n--b--\r\nepilogue"
    assert parse(octets) == ["multipart/mixed", ["text/plain", b"one"], ["text/html", b"two\r\n"]]
    root = parse_structure(octets).root
    assert octets[root.children[1].header_start : root.children[1].body_start] == b"Content-Type: TEXT/Html\r\n\r\n"
    assert root.body_end == len(octets)


@pytest.mark.parametrize("end", [b"\n", b"\r"])
def test_foreign_line_ends(end: bytes) -> None:
    """Mail with LF or bare CR has the same parts."""
    octets = (HEAD + b"--b\r\n\r\none\r\n\r\n--b\r\n\r\ntwo\r\n--b--\r\n").replace(b"\r\n", end)
    assert parse(octets) == ["multipart/mixed", ["text/plain", b"one" + end], ["text/plain", b"two"]]
    assert parse_structure(octets).root.children[0].lines == 1


def test_mixed_line_ends() -> None:
    """LF and CRLF in one message: each delimiter owns the line end before it, whichever it is."""
    assert parse(HEAD + b"--b\n\none\n--b\r\n\r\ntwo\r\n--b--") == [
        "multipart/mixed",
        ["text/plain", b"one"],
        ["text/plain", b"two"],
    ]


def test_parts_without_content() -> None:
    """A part may be empty, may have a header alone, or not even that."""
    octets = HEAD + b"--b\r\n\r\n--b\r\n--b\r\nContent-Type: text/x\r\n\r\n--b\r\nContent-Type: text/y\r\n--b--\r\n"
    assert parse(octets) == [
        "multipart/mixed",
        ["text/plain", b""],
        ["text/plain", b""],
        ["text/x", b""],
        ["text/y", b""],
    ]


def test_a_part_whose_empty_line_was_forgotten() -> None:
    """A part that does not begin like a header has none: its text is all body."""
    assert parse(HEAD + b"--b\r\nHello there\r\n\r\nsecond\r\n--b--") == [
        "multipart/mixed",
        ["text/plain", b"Hello there\r\n\r\nsecond"],
    ]


def test_a_header_whose_empty_line_was_forgotten() -> None:
    """The first delimiter of its own parts ends a multipart's header."""
    octets = HEAD[:-2] + b"Some preamble.\r\n--b\r\nContent-Type: text/html\r\n\r\none\r\n--b--\r\n"
    assert parse(octets) == ["multipart/mixed", ["text/html", b"one"]]


@pytest.mark.parametrize("tail", [b"", b"\r\n", b"\r\n--b"])
def test_a_missing_end(tail: bytes) -> None:
    """Without a closing delimiter the last part reaches to the end; a delimiter at the very end begins nothing."""
    body = b"one" if tail.endswith(b"b") else b"one" + tail
    assert parse(HEAD + b"--b\r\n\r\none" + tail) == ["multipart/mixed", ["text/plain", body]]


@pytest.mark.parametrize(
    "octets",
    [
        b"Content-Type: multipart/mixed\r\n\r\ntext\r\n--b\r\n",
        b'Content-Type: multipart/mixed; boundary=""\r\n\r\ntext\r\n--b\r\n',
        b"Content-Type: multipart/mixed; boundary=c\r\n\r\ntext\r\n--b\r\n",
        b"Content-Type: multipart/mixed; boundary=" + b"c" * 5000 + b"\r\n\r\ntext\r\n--b\r\n",
    ],
)
def test_a_multipart_that_nothing_divides(octets: bytes) -> None:
    """Without a usable boundary all of the text is the only part: clients need one, and people want to read it."""
    assert parse(octets) == ["multipart/mixed", ["text/plain", b"text\r\n--b\r\n"]]


def test_only_a_closing_delimiter() -> None:
    """A multipart without parts still gets one."""
    assert parse(HEAD + b"--b--\r\n") == ["multipart/mixed", ["text/plain", b"--b--\r\n"]]


@pytest.mark.parametrize("line", [b"--b", b"--b \t", b"--b junk", b"--b\xff", b"--b\0", b"--b \r", b"--b<x>"])
def test_delimiters_with_something_behind(line: bytes) -> None:
    """Padding, and what cannot belong to the boundary, may follow it (RFC 2046 §5.1.1)."""
    assert parse(HEAD + b"--b\r\n\r\none\r\n" + line + b"\r\n\r\ntwo\r\n--b--") == [
        "multipart/mixed",
        ["text/plain", b"one"],
        ["text/plain", b"two"],
    ]


@pytest.mark.parametrize("line", [b"--bc", b"--b-", b"-b", b"--", b"--B", b" --b", b"x--b", b"--b.1"])
def test_lines_that_only_resemble_delimiters(line: bytes) -> None:
    """Another boundary that begins like ours is not ours."""
    text = b"one\r\n" + line + b"\r\ntwo"
    assert parse(HEAD + b"--b\r\n\r\n" + text + b"\r\n--b--") == ["multipart/mixed", ["text/plain", text]]


@pytest.mark.parametrize("line", [b"--b--", b"--b-- ", b"--b--junk", b"--b-- more text"])
def test_closing_delimiters(line: bytes) -> None:
    """After two closing hyphens anything may stand; what follows is epilogue."""
    octets = HEAD + b"--b\r\n\r\none\r\n" + line + b"\r\n--b\r\n\r\ntwo\r\n"
    assert parse(octets) == ["multipart/mixed", ["text/plain", b"one"]]


def _nested(outer: bytes, inner: bytes, *, close_inner: bool = True) -> bytes:
    return (
        b"Content-Type: multipart/mixed; boundary=%b\r\n\r\n--%b\r\n" % (outer, outer)
        + b"Content-Type: multipart/alternative; boundary=%b\r\n\r\n--%b\r\n\r\none\r\n--%b\r\n\r\ntwo\r\n"
        % (inner, inner, inner)
        + (b"--%b--\r\n" % inner if close_inner else b"")
        + b"--%b\r\n\r\nthree\r\n--%b--\r\n" % (outer, outer)
    )


@pytest.mark.parametrize(("outer", "inner"), [(b"b", b"bb"), (b"bb", b"b"), (b"x", b"y")])
@pytest.mark.parametrize("close_inner", [True, False])
def test_nested_boundaries(outer: bytes, inner: bytes, close_inner: bool) -> None:
    """Boundaries that begin with one another are told apart; an outer delimiter ends inner parts that never close."""
    assert parse(_nested(outer, inner, close_inner=close_inner)) == [
        "multipart/mixed",
        ["multipart/alternative", ["text/plain", b"one"], ["text/plain", b"two"]],
        ["text/plain", b"three"],
    ]


def test_the_same_boundary_inside_and_outside() -> None:
    """Delimiters belong to the innermost open multipart, after its end to the outer one."""
    assert parse(_nested(b"b", b"b")) == [
        "multipart/mixed",
        ["multipart/alternative", ["text/plain", b"one"], ["text/plain", b"two"]],
        ["text/plain", b"three"],
    ]


def test_digest() -> None:
    """In a digest a part without a type is a message (RFC 2046 §5.1.5)."""
    octets = (
        b"Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: x\r\n\r\nbody\r\n--b\r\n"
        b"Content-Type: text/html\r\n\r\nhtml\r\n--b--"
    )
    assert parse(octets) == ["multipart/digest", ["message/rfc822", ["text/plain", b"body"]], ["text/html", b"html"]]


def test_messages_in_messages() -> None:
    """Enclosed messages have their own header and body; an outer delimiter ends them all."""
    octets = (
        HEAD + b"--b\r\nContent-Type: message/rfc822\r\n\r\nContent-Type: message/global\r\n\r\nSubject: inner\r\n\r\n"
        b"body\r\n--b\r\n\r\nlast\r\n--b--"
    )
    assert parse(octets) == [
        "multipart/mixed",
        ["message/rfc822", ["message/global", ["text/plain", b"body"]]],
        ["text/plain", b"last"],
    ]
    outer = parse_structure(octets).root.children[0]
    assert outer.lines == 4
    assert outer.children[0].lines == 2
    assert outer.children[0].children[0].lines == 0


def test_encoded_messages_are_leaves() -> None:
    """A message/rfc822 in base64 is not looked into; identity encodings are no hindrance."""
    octets = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nU3ViamVjdDo=\r\n"
    assert parse(octets) == ["message/rfc822", b"U3ViamVjdDo=\r\n"]
    assert parse(octets.replace(b"base64", b"8BIT (c)")) == ["message/rfc822", ["text/plain", b""]]


def test_other_messages_are_leaves() -> None:
    """Reports and partial messages are opaque."""
    assert parse(b"Content-Type: message/delivery-status\r\n\r\na: b\r\n\r\nc: d") == [
        "message/delivery-status",
        b"a: b\r\n\r\nc: d",
    ]


@pytest.mark.parametrize(
    ("value", "encoding"),
    [
        (b"BASE64", "base64"),
        (b" quoted-printable; x", "quoted-printable"),
        (b'"8bit"', "8bit"),
        (b"7bit (comment)", "7bit"),
        (b" (a (nested) comment)\r\n base64", "base64"),
        (b"base64 (unfinished", "base64"),
        (b"", "7bit"),
        (b"x-strange", "x-strange"),
    ],
)
def test_encodings(value: bytes, encoding: str) -> None:
    """The encoding is taken without comments and junk, unknown ones as they are."""
    assert parse_structure(b"Content-Transfer-Encoding:" + value + b"\r\n\r\n").root.encoding == encoding


def test_file_names() -> None:
    """The disposition's name goes before the type's."""
    octets = b"Content-Type: a/b; name=x\r\nContent-Disposition: Attachment; filename=y\r\n\r\n"
    root = parse_structure(octets).root
    assert (root.file_name, root.disposition) == ("y", "attachment")
    assert parse_structure(b"Content-Type: a/b; name=x\r\n\r\n").root.file_name == "x"


def test_the_first_of_several_fields_counts() -> None:
    """A second Content-Type changes nothing."""
    assert parse(b"Content-Type: text/html\r\nContent-Type: a/b\r\n\r\nx") == ["text/html", b"x"]


def test_depth_is_limited() -> None:
    """What lies deeper than the limit is a leaf of plain text."""
    octets = b"Content-Type: message/rfc822\r\n\r\n" * (limits.MIME_DEPTH + 50)
    part = parse_structure(octets).root
    depth = 1
    while part.children:
        part = part.children[0]
        depth += 1
    assert depth == limits.MIME_DEPTH + 1
    assert (part.type, part.subtype) == ("text", "plain")


def test_parts_are_limited() -> None:
    """The last part within the limit has all the rest."""
    octets = HEAD + b"--b\r\n\r\nx\r\n" * (limits.MIME_PARTS + 50)
    root = parse_structure(octets).root
    assert len(root.children) == limits.MIME_PARTS - 1
    assert root.children[-1].body_end == len(octets)


def test_lookalikes_are_limited() -> None:
    """After very many lines that are almost delimiters no more parts are looked for."""
    octets = HEAD + b"--b\r\n\r\n" + b"--bx\r\n" * (limits.DELIMITER_LOOKALIKES + 1) + b"--b\r\n\r\ntwo\r\n--b--"
    assert len(parse_structure(octets).root.children) == 1


def test_headers_come_with_the_parts() -> None:
    """Each part has its header in the order of the tree, invented parts as well."""
    structure = parse_structure(
        HEAD + b"--b\r\nContent-Type: multipart/x\r\n\r\ny\r\n--b\r\nContent-ID: z\r\n\r\n--b--"
    )
    assert [header.get(b"content-id") for header in structure.headers] == [None, None, None, b" z\r"]
    assert [kind.subtype for kind in structure.content_types] == ["mixed", "x", "plain", "plain"]


def test_a_mapped_file() -> None:
    """A file mapped into memory has the same parts as its octets, lines counted piece by piece."""
    octets = HEAD + b"--b\r\n\r\n" + b"line\r\n" * 400_000 + b"\r\n--b--\r\n"
    with tempfile.TemporaryFile() as file:
        file.write(octets)
        file.flush()
        with mmap.mmap(file.fileno(), len(octets), access=mmap.ACCESS_READ) as mapped:
            assert parse_structure(mapped).root == parse_structure(octets).root
    assert parse_structure(octets).root.children[0].lines == 400_000


def _hostile(name: str, size: int) -> bytes:
    """Octets of about that size which ask for quadratic work."""
    nested = b"".join(
        [b"Content-Type: multipart/x; boundary=%d\r\n\r\n--%d\r\n" % (level, level) for level in range(90)]
    )
    return {
        "parts": HEAD + b"--b\r\nA: b\r\n\r\nx\r\n" * (size // 18),
        "parts without end of header": HEAD + b"--b\r\nA: b\r\n" * (size // 12),
        "nothing but delimiters": HEAD + b"--b\r\n" * (size // 5),
        "almost delimiters": HEAD + b"\n--bx" * (size // 6),
        "deep and long": nested + b"\r\n" + b"--x\r\n" * (size // 5),
        "messages": b"Content-Type: message/rfc822\r\n\r\n" * 90 + b"x\r\n" * (size // 3),
        "one field": b"Subject: " + b"a\r\n " * (size // 4) + b"\r\n\r\n",
        "fields": b"a:\r\n" * (size // 4),
    }[name]


@pytest.mark.parametrize(
    "name",
    [
        "parts",
        "parts without end of header",
        "nothing but delimiters",
        "almost delimiters",
        "deep and long",
        "messages",
        "one field",
        "fields",
    ],
)
def test_time_grows_with_size(name: str) -> None:
    """Eight times the octets take nowhere near sixty-four times as long."""
    seconds = []
    for size in (64 * 1024, 512 * 1024):
        octets = _hostile(name, size)
        best = 1e9
        for _ in range(3):
            start = time.thread_time()
            parse_structure(octets)
            best = min(best, time.thread_time() - start)
        seconds.append(best)
    assert seconds[1] < seconds[0] * 24 + 0.02
