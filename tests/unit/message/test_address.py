"""Address lists, also those that are none."""

import pytest

from mailwren.base import limits
from mailwren.message.address import GROUP_END, MISSING_DOMAIN, MISSING_MAILBOX, Address, parse_addresses


def _simple(mailbox: bytes, host: bytes, name: bytes | None = None, route: bytes | None = None) -> Address:
    return Address(name, route, mailbox, host)


@pytest.mark.parametrize(
    ("value", "address"),
    [
        (b"a@b", _simple(b"a", b"b")),
        (b"<a@b>", _simple(b"a", b"b")),
        (b"Name  One <a@b>", _simple(b"a", b"b", b"Name One")),
        (b'"Name, Two" <a@b>', _simple(b"a", b"b", b"Name, Two")),
        (b'"a\\"b\\\\c" <a@b>', _simple(b"a", b"b", b'a"b\\c')),
        (b"J. Q. Public <a@b>", _simple(b"a", b"b", b"J. Q. Public")),
        (b'"Joe" Q. "Public" <a@b>', _simple(b"a", b"b", b"Joe Q. Public")),
        (b"=?utf-8?q?J=C3=B6?= <a@b>", _simple(b"a", b"b", b"=?utf-8?q?J=C3=B6?=")),
        (b"J\xc3\xb6 <j\xc3\xb6@b\xc3\xb6>", _simple(b"j\xc3\xb6", b"b\xc3\xb6", b"J\xc3\xb6")),
        (b"a@b (Comment)", _simple(b"a", b"b", b"Comment")),
        (b"a@b (with (inner) \\) one)", _simple(b"a", b"b", b"with (inner) ) one")),
        (b"Name <a@b> (Comment)", _simple(b"a", b"b", b"Name")),
        (b"<a@b> (Comment)", _simple(b"a", b"b", b"Comment")),
        (b'"quoted local"@b', _simple(b"quoted local", b"b")),
        (b'<"a@b"@c>', _simple(b"a@b", b"c")),
        (b"a@[192.0.2.1]", _simple(b"a", b"[192.0.2.1]")),
        (b"<a@[IPv6:2001:db8::1]>", _simple(b"a", b"[IPv6:2001:db8::1]")),
        (b"<@x,@y.z:a@b>", _simple(b"a", b"b", route=b"@x,@y.z")),
        (b"N <@x, @y : a@b>", _simple(b"a", b"b", b"N", b"@x,@y")),
        (b"a . b @ c . d", _simple(b"a.b", b"c.d")),
        (b"(x) a (y) @ (z) b (last)", _simple(b"a", b"b", b"last")),
        (b"a.b.@c", _simple(b"a.b.", b"c")),
        # no addresses, but something stands there
        (b"a at b.example (Name)", _simple(b"a", b"b.example", b"Name")),
        (b"a at home", _simple(MISSING_MAILBOX, MISSING_DOMAIN, b"a at home")),
        (b"user", _simple(b"user", MISSING_DOMAIN)),
        (b"user (Comment)", _simple(b"user", MISSING_DOMAIN, b"Comment")),
        (b"<user>", _simple(b"user", MISSING_DOMAIN)),
        (b"Name <user>", _simple(b"user", MISSING_DOMAIN, b"Name")),
        (b"Name <>", _simple(MISSING_MAILBOX, MISSING_DOMAIN, b"Name")),
        (b"<@b>", _simple(MISSING_MAILBOX, b"b")),
        (b"a@", _simple(b"a", MISSING_DOMAIN)),
        (b"John Smith", _simple(MISSING_MAILBOX, MISSING_DOMAIN, b"John Smith")),
        (b'"Quoted"', _simple(MISSING_MAILBOX, MISSING_DOMAIN, b"Quoted")),
        (b'"J. Doe" a@b', _simple(b"a", b"b", b"J. Doe")),
        (b"a@b@c", _simple(b"a@b", b"c")),
        (b"a@b <c@d>", _simple(b"c", b"d", b"a@b")),
        (b"Name <a@b", _simple(b"a", b"b", b"Name")),
        (b'"Name <a@b>', _simple(b"a", b"b", b"Name")),
        (b"Name (never closed <a@b>", _simple(b"a", b"b", b"Name never closed")),
        (b"<a b@c>", _simple(b"ab", b"c")),
    ],
)
def test_one_address(value: bytes, address: Address) -> None:
    """Every way to write an address, legal, obsolete or broken, gives its fields."""
    assert parse_addresses(value) == [address]


@pytest.mark.parametrize("value", [b"", b" ", b",", b";", b"<>", b"()", b", ,", b'""<>'])
def test_nothing(value: bytes) -> None:
    """Separators and empty addresses alone are no address."""
    assert parse_addresses(value) == []


def test_lists() -> None:
    """Common and uncommon forms follow one another in order; empty places are passed over (RFC 5322 §4.4)."""
    value = b'a@b, , "X, Y" <c@d>,e@f (E), "g h"@i; j@k,'
    assert parse_addresses(value) == [
        _simple(b"a", b"b"),
        _simple(b"c", b"d", b"X, Y"),
        _simple(b"e", b"f", b"E"),
        _simple(b"g h", b"i"),
        _simple(b"j", b"k"),
    ]


def test_a_forgotten_comma() -> None:
    """Two addresses without a comma are two addresses."""
    assert parse_addresses(b"A <a@b> C <c@d>") == [_simple(b"a", b"b", b"A"), _simple(b"c", b"d", b"C")]


def test_groups() -> None:
    """A group begins with its name and has an end, also where the semicolon is missing (RFC 9051 §7.5.2)."""
    friends = Address(None, None, b"My Friends", None)
    assert parse_addresses(b'"My Friends": a@b, C <c@d>; e@f') == [
        friends,
        _simple(b"a", b"b"),
        _simple(b"c", b"d", b"C"),
        GROUP_END,
        _simple(b"e", b"f"),
    ]
    undisclosed = Address(None, None, b"undisclosed-recipients", None)
    assert parse_addresses(b"undisclosed-recipients:;") == [undisclosed, GROUP_END]
    assert parse_addresses(b"undisclosed-recipients: ") == [undisclosed, GROUP_END]


def test_groups_do_not_nest() -> None:
    """A colon in a group begins no other one."""
    assert parse_addresses(b"x: y: a@b;") == [Address(None, None, b"x", None), _simple(b"a", b"b", b"y"), GROUP_END]


@pytest.mark.parametrize("entry", [b"a@b,", b"x <a@b> (c),", b"g:;"])
def test_the_number_of_addresses_is_limited(entry: bytes) -> None:
    """Beyond the limit addresses are not listed, and a group that is cut off is ended."""
    result = parse_addresses(entry * (limits.ADDRESSES + 100))
    assert limits.ADDRESSES <= len(result) <= limits.ADDRESSES + 2
