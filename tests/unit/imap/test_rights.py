"""Rights as letters, changing them, putting them together, and the responses that tell them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.commands import NAMES, TEXT

from mailwren.imap.errors import BadCommand
from mailwren.imap.ext import acl
from mailwren.imap.flags import SYSTEM_FLAGS
from mailwren.imap.rights import (
    ALL_RIGHTS,
    LETTERS,
    OWNER_ALWAYS,
    changed_rights,
    effective_rights,
    flags_to_keep,
    parse_rights,
    permitted_flags,
    stored_rights,
    write_rights,
)
from mailwren.imap.scanner import Scanner

RIGHTS = st.frozensets(st.sampled_from(LETTERS))
WHO = ["me", "crew", "anyone", "other"]
LISTS = st.dictionaries(st.sampled_from([*WHO, *(f"-{each}" for each in WHO)]), RIGHTS.map(stored_rights))


@pytest.mark.parametrize(
    ("text", "stored", "written"),
    [
        ("lrswida", "lrswitea", "lrswiteda"),
        ("lrswikda", "lrswiktea", "lrswiktecda"),
        ("", "", ""),
        ("c", "kx", "kxc"),
        ("d", "te", "ted"),
        ("k", "k", "kc"),
        ("x", "x", "xc"),
        ("t", "t", "td"),
        ("e", "e", "ed"),
        ("llrr", "lr", "lr"),
        ("naetxkpiwsrl", LETTERS, "lrswipkxtencda"),
    ],
)
def test_letters(text: str, stored: str, written: str) -> None:
    """Virtual rights stand for their members and are shown with any of them (RFC 4314 §2.1.1)."""
    rights = parse_rights(text)
    assert stored_rights(rights) == stored
    assert write_rights(rights) == written
    assert parse_rights(written) >= rights


@pytest.mark.parametrize("text", ["L", "q", "0", "lr s", "+l", "é", "l-"])
def test_what_is_no_right(text: str) -> None:
    """An unrecognized right is BAD (RFC 4314 §3.1)."""
    with pytest.raises(BadCommand):
        parse_rights(text)


@given(before=RIGHTS, change=RIGHTS)
def test_changes(before: frozenset[str], change: frozenset[str]) -> None:
    """Plus adds, minus takes away, nothing replaces."""
    assert changed_rights(before, "+", change) == before | change
    assert changed_rights(before, "-", change) == before - change
    assert changed_rights(before, "", change) == change


@given(lists=LISTS, identifiers=st.frozensets(st.sampled_from(WHO)), owner=st.sampled_from(WHO))
def test_rights_put_together(lists: dict[str, str], identifiers: frozenset[str], owner: str) -> None:
    """A right is there if some identifier grants it and none takes it away, or the owner cannot lose it."""
    found = effective_rights(lists, identifiers, owner=owner, default=ALL_RIGHTS, always=OWNER_ALWAYS)
    for letter in LETTERS:
        granted = any(letter in lists.get(each, LETTERS if each == owner else "") for each in identifiers)
        taken = any(letter in lists.get(f"-{each}", "") for each in identifiers)
        assert (letter in found) == ((granted and not taken) or (owner in identifiers and letter in OWNER_ALWAYS))


@given(rights=RIGHTS)
def test_flags_are_permitted_or_kept(rights: frozenset[str]) -> None:
    """Every flag needs its right: s for Seen, t for Deleted, w for all others, in any case."""
    for flag in (*SYSTEM_FLAGS, "$Forwarded", "\\seen", "\\DELETED"):
        needed = {"\\seen": "s", "\\deleted": "t"}.get(flag.lower(), "w")
        assert permitted_flags(rights, [flag]) == ((flag,) if needed in rights else ())
    kept = flags_to_keep(rights)
    assert ("\\Seen" in kept) == ("s" not in rights)
    assert ("\\Deleted" in kept) == ("t" not in rights)
    assert ("*" in kept) == ("\\Draft" in kept) == ("w" not in rights)


def _read(response: bytes, word: bytes, utf8: bool) -> Scanner:
    """A scanner behind the response's name; literals, which a client takes apart, do not occur here."""
    assert response.startswith(b"* " + word)
    return Scanner([response[2 + len(word) : -2]], utf8)


SIMPLE = TEXT.filter(lambda text: text.isascii() and text.isprintable())


@given(name=NAMES.filter(lambda name: name.isprintable()), entries=st.dictionaries(SIMPLE, RIGHTS), utf8=st.booleans())
def test_acl_responses(name: str, entries: dict[str, frozenset[str]], utf8: bool) -> None:
    """What an ACL response says is read back, and virtual rights are passed over."""
    response = acl.write_acl(name, entries.items(), utf8)
    assert acl.parse_acl(_read(response, b"ACL", utf8)) == (name, entries)


@given(name=NAMES.filter(lambda name: name.isprintable()), who=SIMPLE, rights=RIGHTS, utf8=st.booleans())
def test_rights_responses(name: str, who: str, rights: frozenset[str], utf8: bool) -> None:
    """MYRIGHTS and LISTRIGHTS are read back; no right is listed twice."""
    assert acl.parse_my_rights(_read(acl.write_my_rights(name, rights, utf8), b"MYRIGHTS", utf8)) == (name, rights)
    required = rights & OWNER_ALWAYS
    response = acl.write_list_rights(name, who, required, ALL_RIGHTS - required, utf8)
    found = acl.parse_list_rights(_read(response, b"LISTRIGHTS", utf8))
    assert found[:3] == (name, who, required)
    letters = "".join((*found[2], *found[3]))
    assert len(set(letters)) == len(letters) == len("lrswipkxtencda")
