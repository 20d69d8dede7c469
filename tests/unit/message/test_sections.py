"""Section numbers, and part trees as records."""

from itertools import product

import pytest

from mailwren.message.sections import (
    SectionPiece,
    dump_part,
    find_part,
    leaf_sections,
    load_along,
    load_part,
    section_range,
)
from mailwren.message.structure import parse_structure

# The message of RFC 9051 §6.4.5.1's example: the comments are its section numbers.
EXAMPLE = b"""\
Content-Type: multipart/mixed; boundary=m

--m

1
--m
Content-Type: application/octet-stream

2
--m
Content-Type: message/rfc822

Subject: 3.HEADER
Content-Type: multipart/mixed; boundary=m3

preamble
--m3

3.1
--m3
Content-Type: application/octet-stream

3.2
--m3--
--m
Content-Type: multipart/mixed; boundary=m4

--m4
Content-Type: image/gif

4.1
--m4
Content-Type: message/rfc822

Subject: 4.2.HEADER
Content-Type: multipart/mixed; boundary=m42

--m42

4.2.1
--m42
Content-Type: multipart/alternative; boundary=m422

--m422

4.2.2.1
--m422
Content-Type: text/richtext

4.2.2.2
--m422--
--m42--
--m4--
--m
Content-Type: message/rfc822

Subject: 5.HEADER

5.1
--m--
""".replace(b"\n", b"\r\n")
ENCLOSING = b"Content-Type: message/rfc822\r\n\r\n"
ROOT = parse_structure(EXAMPLE).root


def octets_of(numbers: tuple[int, ...], piece: SectionPiece = SectionPiece.ALL) -> bytes | None:
    """What a section of the example names."""
    place = section_range(ROOT, numbers, piece)
    return None if place is None else EXAMPLE[place[0] : place[1]]


@pytest.mark.parametrize("section", ["1", "2", "3.1", "3.2", "4.1", "4.2.1", "4.2.2.1", "4.2.2.2", "5.1"])
def test_leaves_hold_their_own_numbers(section: str) -> None:
    """Each leaf of the RFC's example is found by the number written in it."""
    assert octets_of(tuple(map(int, section.split(".")))) == section.encode()


def test_all_leaves() -> None:
    """The leaves come in order with their numbers."""
    sections = [".".join(map(str, numbers)) for numbers, _ in leaf_sections(ROOT)]
    assert sections == ["1", "2", "3.1", "3.2", "4.1", "4.2.1", "4.2.2.1", "4.2.2.2", "5.1"]


@pytest.mark.parametrize(
    "numbers",
    [(0,), (6,), (1, 1), (2, 1), (3, 3), (4, 3), (4, 1, 1), (5, 2), (5, 1, 1), (3, 1, 1), (4, 2, 2, 3), (-1,)],
)
def test_no_such_part(numbers: tuple[int, ...]) -> None:
    """Numbers that lead nowhere find nothing."""
    assert find_part(ROOT, numbers) is None
    assert section_range(ROOT, numbers, SectionPiece.ALL) is None


def test_the_message_itself() -> None:
    """Without numbers: all of it, its header, its text; MIME needs a number (RFC 9051 §6.4.5.1)."""
    assert octets_of(()) == EXAMPLE
    assert octets_of((), SectionPiece.HEADER) == b"Content-Type: multipart/mixed; boundary=m\r\n\r\n"
    assert octets_of((), SectionPiece.TEXT) == EXAMPLE.partition(b"\r\n\r\n")[2]
    assert octets_of((), SectionPiece.MIME) is None


def test_enclosed_messages_have_header_and_text() -> None:
    """HEADER and TEXT of a message/rfc822 are those of what it encloses, MIME is its own header."""
    assert octets_of((5,), SectionPiece.HEADER) == b"Subject: 5.HEADER\r\n\r\n"
    assert octets_of((5,), SectionPiece.TEXT) == b"5.1"
    assert octets_of((5,)) == b"Subject: 5.HEADER\r\n\r\n5.1"
    assert octets_of((5,), SectionPiece.MIME) == b"Content-Type: message/rfc822\r\n\r\n"
    assert octets_of((5, 1), SectionPiece.MIME) == b"Subject: 5.HEADER\r\n\r\n"
    text = octets_of((3,), SectionPiece.TEXT)
    assert text is not None
    assert text.startswith(b"preamble")


def test_other_parts_have_no_header_and_text() -> None:
    """HEADER and TEXT are of messages only."""
    assert octets_of((1,), SectionPiece.HEADER) is None
    assert octets_of((4,), SectionPiece.TEXT) is None
    assert octets_of((2,), SectionPiece.MIME) == b"Content-Type: application/octet-stream\r\n\r\n"


def test_part_one_of_a_message_without_parts() -> None:
    """Every message has a part 1: its body (RFC 9051 §6.4.5.1)."""
    octets = b"Subject: x\r\n\r\nbody"
    root = parse_structure(octets).root
    assert find_part(root, (1,)) is root
    assert section_range(root, (1,), SectionPiece.ALL) == (14, 18)
    assert section_range(root, (1,), SectionPiece.MIME) == (0, 14)
    assert find_part(root, (1, 1)) is None
    assert find_part(root, (2,)) is None


def test_a_message_that_is_a_message() -> None:
    """With message/rfc822 at the top part 1 is the enclosed message as a whole, 1.1 its body."""
    octets = b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nbody"
    root = parse_structure(octets).root
    place = section_range(root, (1,), SectionPiece.HEADER)
    assert place is not None
    assert octets[place[0] : place[1]] == b"Subject: x\r\n\r\n"
    place = section_range(root, (1, 1), SectionPiece.ALL)
    assert place is not None
    assert octets[place[0] : place[1]] == b"body"


def test_records_give_the_same_tree() -> None:
    """A tree comes back from its record with everything in it."""
    octets = b'Content-Type: text/x; name="=?utf-8?q?=C3=A4?="\r\nContent-Disposition: inline; filename=b\r\n\r\nx\r\n'
    for root in (ROOT, parse_structure(octets).root):
        assert load_part(dump_part(root)) == root


@pytest.mark.parametrize(
    "record",
    [b"", b"{}", b"[]", b"[99,[]]", b"[1,[1,2]]", b"[1,null]", b"\xff", b"[1,[0,0,0,1,1,[1],1,1,1,1,[]]]", b"1"],
)
def test_damaged_records(record: bytes) -> None:
    """A record that is none, or of another version, is said to be so."""
    with pytest.raises(ValueError, match=r"."):
        load_part(record)


@pytest.mark.parametrize("source", [EXAMPLE, b"Subject: a\r\n\r\nb\r\n", ENCLOSING + EXAMPLE])
def test_a_record_read_along_the_way_to_a_section(source: bytes) -> None:
    """It leads to the same octets as the whole tree, whatever the numbers and the piece."""
    root = parse_structure(source).root
    record = dump_part(root)
    for depth in range(5):
        for numbers in product(range(6), repeat=depth):
            along = load_along(record, numbers)
            for piece in SectionPiece:
                assert section_range(along, numbers, piece) == section_range(root, numbers, piece), numbers


@pytest.mark.parametrize("record", [b"", b"[]", b"[2,[]]", b"[1,[]]", b"[1,7]", b"[1,null]", b"\xff", b'[1,{"a":1}]'])
def test_damaged_records_along_the_way(record: bytes) -> None:
    """They are refused as when all of them is read."""
    with pytest.raises(ValueError, match=r"damaged|version|values|decode|Expecting"):
        load_along(record, (1,))
