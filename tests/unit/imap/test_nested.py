"""Parenthesised lists on the wire, and the part of a BODYSTRUCTURE that section numbers name."""

import pytest

from mailwren.imap.core.nested import body_part, parse_nested
from mailwren.message.parse import parse_message
from mailwren.message.sections import find_part, leaf_sections

MESSAGE = (
    b"Content-Type: multipart/mixed; boundary=a\r\n\r\n"
    b'--a\r\nContent-Type: text/plain; x="q\\"(\\\\"\r\n\r\none\r\n'
    b"--a\r\nContent-Type: message/rfc822\r\n\r\nSubject: (in\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/html\r\n\r\ntwo\r\n--b\r\nContent-Type: image/png\r\n\r\nthree\r\n--b--\r\n"
    b"--a\r\nContent-Type: message/rfc822\r\n\r\nSubject: y\r\n\r\nfour\r\n--a--\r\n"
)


def test_parts_by_number() -> None:
    """The same parts as the message's own tree has."""
    parsed = parse_message(MESSAGE)
    structure = parsed.body_structure
    nested = parse_nested(structure)
    seen = 0
    for numbers, _leaf in leaf_sections(parsed.root):
        for depth in range(1, len(numbers) + 1):
            part, found = find_part(parsed.root, numbers[:depth]), body_part(nested, numbers[:depth])
            assert part is not None
            assert found is not None
            if not part.is_multipart:
                kind = b'("%b" "%b"' % (part.type.encode(), part.subtype.encode())
                assert structure[found.start : found.stop].lower().startswith(kind)
                seen += 1
    assert seen >= 5
    for numbers in ((9,), (1, 2), (2, 3), (0,), (2, 1, 5)):
        assert body_part(nested, numbers) is None
    whole = body_part(nested, ())
    assert whole is not None
    assert structure[whole.start : whole.stop] == structure


@pytest.mark.parametrize("octets", [b"", b"(", b")", b"()()", b"(a", b'("a)', b"a b"])
def test_no_list(octets: bytes) -> None:
    """What is not exactly one thing is refused."""
    with pytest.raises(ValueError, match=r"."):
        parse_nested(octets)


def test_literals_and_quotes() -> None:
    """Parentheses inside of strings do not count."""
    data = b'("a\\")(" {5}\r\n()"(  NIL (b))'
    items = parse_nested(data).items
    assert items is not None
    assert [data[each.start : each.stop] for each in items] == [b'"a\\")("', b'{5}\r\n()"( ', b"NIL", b"(b)"]
