"""Whatever octets arrive: parsing never raises, and what it writes follows the grammar."""

import re
import string

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.structure_syntax import check_body, check_envelope, read_list

from mailwren.message import charsets
from mailwren.message.address import parse_addresses
from mailwren.message.api import ParsedMessage, Part
from mailwren.message.dates import parse_date
from mailwren.message.encoded_words import decode_header, decode_words, encode_words
from mailwren.message.fold import fold
from mailwren.message.header import Header, select_fields
from mailwren.message.html_text import strip_html
from mailwren.message.parse import parse_message
from mailwren.message.quoted import quoted
from mailwren.message.sections import SectionPiece, dump_part, find_part, leaf_sections, load_part, section_range
from mailwren.message.text import body_texts, field_texts, header_text
from mailwren.message.transfer import UnknownEncoding, decode_transfer

_LINE_ENDS = st.sampled_from([b"\r\n", b"\n", b"\r"])
_PIECES = st.sampled_from(
    [
        b"Content-Type: multipart/mixed; boundary=b",
        b'Content-Type: multipart/digest; boundary="b c"',
        b"Content-Type: multipart/alternative; boundary=bb",
        b"Content-Type: multipart/mixed",
        b"Content-Type: message/rfc822",
        b"Content-Type: message/global\nContent-Transfer-Encoding: base64",
        b"Content-Type: text/html; charset=utf-16",
        b"content-type: text/plain; name*0*=utf-8''%e4; name*1=\"x\\\"y",
        b"Content-Type: text",
        b"Content-Type:",
        b'Content-Disposition: attachment; filename="\xc3\xa4\\" b.pdf"; x*=a\'b',
        b"Content-Disposition:",
        b"Content-Language: de, en,",
        b"Content-ID: <\x00\xe4>",
        b"Content-Transfer-Encoding: base64",
        b"Content-Transfer-Encoding: quoted-printable",
        b"Content-Transfer-Encoding: (x)",
        b"From: =?utf-8?q?=C3=A4?= \xff <a@b>, group: (c) d@e, <@r:f@g>;",
        b'Sender: "unclosed <x@y (',
        b"To: a at b.c (Name), undisclosed:;, [x]@[1.2]",
        b"Cc: " + b"(" * 20,
        b"Subject: =?iso-2022-jp?B?GyRC?= \x1b$B \xe4",
        b"Subject:\n folded\n\tonce more",
        b"Date: Tue, 31 Feb 2026 99:00 +9999",
        b"Date: 1 Jan 70 00:00 EST",
        b'References: <a@b> <"c"@d> <',
        b"--b",
        b"--b--",
        b"--b c",
        b"--bb",
        b"--bb--",
        b" continuation",
        b"",
        b"",
        b"text \xe4\x00 <p>&amp;<!-- x",
        b"VGV4dA==",
    ]
)


@st.composite
def _messages(draw: st.DrawFn) -> bytes:
    """Octets that look like mail often enough to get far into the parser."""
    line_end = draw(_LINE_ENDS)
    lines = draw(st.lists(st.one_of(_PIECES, st.binary(max_size=30)), max_size=30))
    return line_end.join(lines).replace(b"\n", line_end if line_end != b"\r\n" else b"\n") + draw(
        st.sampled_from([b"", line_end, b"\n"])
    )


_CHARSETS = (
    *("utf-8", "utf-7", "utf-16", "utf-16le", "utf-16be", "utf-32", "utf-32le", "us-ascii", "iso-8859-1", "koi8-r"),
    *("windows-1252", "iso-2022-jp", "iso-2022-kr", "hz", "gb18030", "big5", "shift_jis", "euc-jp", "euc-kr", "cp037"),
    *("unicode_escape", "idna", "punycode", "zlib", "hex", "rot13"),
)

_OCTETS = st.one_of(st.binary(max_size=400), _messages())


@settings(max_examples=600, deadline=None)
@given(_OCTETS)
def test_any_octets_give_valid_answers(octets: bytes) -> None:
    """ENVELOPE, BODY and BODYSTRUCTURE of any octets follow the grammar, in ASCII."""
    parsed = parse_message(octets)
    check_envelope(read_list(parsed.envelope))
    check_body(read_list(parsed.body), extended=False)
    check_body(read_list(parsed.body_structure), extended=True)
    assert parsed.size == len(octets)
    assert len(parsed.preview) <= 256
    assert (parsed.sent_date is None) == (parsed.sent_time is None)
    (parsed.subject + parsed.preview + parsed.message_id + "".join(parsed.references)).encode("utf-8")


@settings(max_examples=400, deadline=None)
@given(_OCTETS)
def test_parts_lie_within_their_message(octets: bytes) -> None:
    """Offsets are ordered, children follow one another inside their parent, and the tree survives its record."""
    parsed = parse_message(octets)
    root = parsed.root
    assert (root.header_start, root.body_end) == (0, len(octets))
    assert root.body_start == parsed.header_size
    _check_part(root)
    assert load_part(dump_part(root)) == root


def _check_part(part: Part) -> None:
    assert part.header_start <= part.body_start <= part.body_end
    assert part.is_multipart <= bool(part.children)
    position = part.body_start
    for child in part.children:
        assert child.header_start >= position
        assert child.body_end <= part.body_end
        position = child.body_end
        _check_part(child)


@settings(max_examples=400, deadline=None)
@given(_OCTETS)
def test_every_leaf_is_found_by_its_numbers(octets: bytes) -> None:
    """Section numbers lead to the part they came from, and its octets decode."""
    parsed = parse_message(octets)
    for numbers, part in leaf_sections(parsed.root):
        assert find_part(parsed.root, numbers) is part
        assert section_range(parsed.root, numbers, SectionPiece.ALL) == (part.body_start, part.body_end)
        try:
            decode_transfer(octets[part.body_start : part.body_end], part.encoding)
        except UnknownEncoding:
            assert part.encoding not in {"7bit", "8bit", "binary", "base64", "quoted-printable", "x-uuencode"}
    _check_texts(octets, parsed)


def _check_texts(octets: bytes, parsed: ParsedMessage) -> None:
    for text in [*body_texts(octets, parsed.root), header_text(octets[: parsed.header_size])]:
        fold(text).encode("utf-8")


@given(st.binary(max_size=300), st.sets(st.sampled_from([b"From", b"a", b"X-y", b"Subject"])))
def test_header_subsets_share_the_header_out(block: bytes, names: set[bytes]) -> None:
    """What a subset has and what its complement has are together the octets of the block, the empty line twice."""
    kept = select_fields(block, names)
    others = select_fields(block, names, exclude=True)
    blank = len(kept) + len(others) - len(block)
    assert blank in {0, 1, 2}
    assert kept.endswith(block[len(block) - blank :])
    assert others.endswith(block[len(block) - blank :])
    for name, _ in Header(kept).fields:
        assert name.lower() in {wanted.lower() for wanted in names}


@given(st.text(max_size=200))
def test_encoded_words_come_back(text: str) -> None:
    """Text written with encoded words is ASCII, in words of legal length, and reads back as it was."""
    text = text.encode("utf-8", "replace").decode("utf-8").replace("=?", "").replace("\x1b", "")
    text = re.sub(r"\s", " ", text)
    written = encode_words(text)
    assert written.isascii()
    assert all(len(word) <= 75 for word in written.split() if word.startswith(b"=?"))
    assert decode_words(written.decode("ascii")) == text


@given(st.binary(max_size=200), st.text(string.printable, max_size=20))
def test_any_charset_decodes(data: bytes, charset: str) -> None:
    """No octets under any charset name raise, and the text can be written as UTF-8."""
    charsets.decode(data, charset).encode("utf-8")
    charsets.decode_unlabelled(data, charset).encode("utf-8")


@given(
    st.binary(max_size=100),
    st.sampled_from(_CHARSETS),
)
def test_known_charsets_decode(data: bytes, charset: str) -> None:
    """Each codec of Python's takes any octets; those that are no charsets are not used at all."""
    charsets.decode(data, charset).encode("utf-8")


@given(st.binary(max_size=200))
def test_small_parsers_never_raise(data: bytes) -> None:
    """Addresses, dates, header values and quoted strings take any octets."""
    parse_addresses(data)
    parse_date(data)
    decode_header(data)
    field_texts(data, b"a")
    assert re.fullmatch(rb'"(?:[\x01-\x09\x0b\x0c\x0e-\x21\x23-\x5b\x5d-\x7f]|\\["\\])*"', quoted(data))


@given(st.text(max_size=200))
def test_html_is_stripped_without_fail(text: str) -> None:
    """Text without markup and references stays as it is; other text gives some text."""
    stripped = strip_html(text)
    if "<" not in text and "&" not in text:
        assert stripped == text


# Combining characters beside a needle may be reordered into it: then it is not the same text any more.
_WHOLE_CHARACTERS = st.characters(exclude_categories=("Cs", "Mn", "Mc", "Me"))


@given(st.text(_WHOLE_CHARACTERS), st.text(_WHOLE_CHARACTERS, max_size=20), st.text(_WHOLE_CHARACTERS))
def test_folding_keeps_substrings(before: str, needle: str, after: str) -> None:
    """A needle is found in text that contains it, in any case, and folding twice changes nothing more."""
    assert fold(needle) in fold(before + needle + after)
    assert fold(needle.upper()) in fold(before + needle.upper() + after)
    assert fold(fold(needle)) == fold(needle)


@settings(max_examples=100)
@given(st.binary(max_size=300), st.sampled_from(["base64", "quoted-printable", "x-uuencode", "7bit", "", "binary"]))
def test_transfer_decoding_takes_anything(data: bytes, encoding: str) -> None:
    """Broken content of a known encoding decodes to something."""
    decode_transfer(data, encoding)
