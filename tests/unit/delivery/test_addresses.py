"""Envelope addresses: the grammar of RFC 5321 and RFC 6531, and the leniency that old MTAs need."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailwren.delivery.addresses import NULL_SENDER, Address, parse_address, parse_path, split_detail
from mailwren.delivery.status import Refusal


@pytest.mark.parametrize(
    ("text", "address", "rest"),
    [
        ("<a@example.org>", Address("a", "example.org"), ""),
        ("<>", NULL_SENDER, ""),
        ("<> SIZE=1", NULL_SENDER, "SIZE=1"),
        ("  <a@example.org>  SIZE=1 BODY=7BIT ", Address("a", "example.org"), "SIZE=1 BODY=7BIT"),
        ("a@example.org SIZE=1", Address("a", "example.org"), "SIZE=1"),
        ("<Postmaster>", Address("Postmaster", ""), ""),
        ("<@a.example,@b.example:c@d.example>", Address("c", "d.example"), ""),
        ('<"a b"@example.org>', Address("a b", "example.org"), ""),
        (r'<"a\"\\b"@example.org>', Address(r"a\b".replace("a", 'a"'), "example.org"), ""),
        ('<"a>b@c"@example.org> SIZE=1', Address("a>b@c", "example.org"), "SIZE=1"),
        ("<a..b.@example.org>", Address("a..b.", "example.org"), ""),
        ("<a@[192.0.2.1]>", Address("a", "[192.0.2.1]"), ""),
        ("<a@[IPv6:2001:db8::1]>", Address("a", "[IPv6:2001:db8::1]"), ""),
        ("<用户@例子.广告>", Address("用户", "例子.广告"), ""),
        ("<a+b=c/d{e}@x>", Address("a+b=c/d{e}", "x"), ""),
    ],
)
def test_paths(text: str, address: Address, rest: str) -> None:
    """A path is cut off the front, unquoted, and the parameters are left."""
    assert parse_path(text) == (address, rest)


@pytest.mark.parametrize(
    "text",
    [
        "", "<", "<a@b", "a@b>", "<a@>", "<@b>", "<a b@c>", '<""@c>', '<"a@c>', "<a@b>SIZE=1", "<a@b@c>", "<a@b c>",
        "<a,b@c>", "<a@[>", "<a\x00@b>", f"<{'a' * 900}@b>",
    ],
)  # fmt: skip
def test_what_is_no_path(text: str) -> None:
    """Everything else is refused with 501."""
    with pytest.raises(Refusal) as caught:
        parse_path(text)
    assert caught.value.status.code == 501


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=64))
@settings(deadline=None)
def test_round_trip(local: str) -> None:
    """Any printable local part is written so that it is read as the same."""
    address = Address(local, "example.org")
    assert parse_address(f"<{address}>") == address


@pytest.mark.parametrize("text", ["<a@b> SIZE=1", "a\udcff@b", "a@b\r\nX: y", '"a\r\nX: y"@b'])
def test_a_lone_address(text: str) -> None:
    """Nothing may follow it, and nothing that cannot stand in a header may be in it."""
    with pytest.raises(Refusal):
        parse_address(text)


@pytest.mark.parametrize(
    ("local", "delimiters", "user", "detail"),
    [
        ("alice", "+", "alice", ""),
        ("alice+a+b", "+", "alice", "a+b"),
        ("alice-a+b", "+-", "alice", "a+b"),
        ("+alice", "+", "+alice", ""),
        ("alice+", "+", "alice", ""),
        ("alice+a", "", "alice+a", ""),
    ],
)
def test_detail(local: str, delimiters: str, user: str, detail: str) -> None:
    """The first delimiter that is not in front begins the detail."""
    assert split_detail(local, delimiters) == (user, detail)
