"""User names and passwords are compared in one prepared form."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwren.auth.errors import InvalidPassword, InvalidUserName
from mailwren.auth.preparation import prepare_password, prepare_user_name


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        ("Juliet@Example.COM", "juliet@example.com"),
        ("fußball", "fußball"),
        ("\u03a3", "\u03c3"),
        ("\u03c2", "\u03c2"),
        ("MÜLLER", "müller"),
        ("mu\u0308ller", "müller"),
        ("\uff21\uff22", "ab"),
        ("\uff76\uff9e", "\u30ac"),
        ("o'neill+x=y-z", "o'neill+x=y-z"),
        ("שלום", "שלום"),
        ("user@例え", "user@例え"),
    ],
)
def test_names_are_mapped(text: str, prepared: str) -> None:
    """Case, width and composition do not matter (RFC 8265 §3.3)."""
    assert prepare_user_name(text) == prepared


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not empty"),
        ("foo bar", "U\\+0020"),
        ("henry\u2163", "roman numeral four"),
        ("\u221e", "infinity"),
        ("a\tb", "U\\+0009"),
        ("a\x7f", "U\\+007F"),
        ("a\x00", "U\\+0000"),
        ("zero\u200dwidth", "zero width joiner"),
        ("a\ufe0f", "variation selector"),
        ("\u1100\u1161", "hangul"),
        ("kas\u0640hida", "tatweel"),
        ("a/b", '"/"'),
        ("a*", '"\\*"'),
        ("50%", '"%"'),
        ('q"q', "cannot"),
        ("-root", "begin"),
        ("\uff0droot", "begin"),
        ("Anyone", "reserved"),
        ("anonymous", "reserved"),
        ("x" * 256, "255"),
        ("é" * 128, "255"),
        ("aש", "directions"),
        ("שa", "directions"),
        ("\u0660\u06f0", "Arabic"),
        ("\ud800", "cannot"),
    ],
)
def test_names_that_nobody_can_have(text: str, reason: str) -> None:
    """What would be invisible, ambiguous or dangerous elsewhere is refused with the reason."""
    with pytest.raises(InvalidUserName, match=reason):
        prepare_user_name(text)


@given(st.text(max_size=20))
def test_preparing_names_is_stable(text: str) -> None:
    """A prepared name is its own prepared form, and no text makes the preparation fail otherwise."""
    try:
        name = prepare_user_name(text)
    except InvalidUserName:
        return
    assert prepare_user_name(name) == name
    assert name


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        ("correct horse battery staple", "correct horse battery staple"),
        ("Correct Horse", "Correct Horse"),
        ("πßå", "πßå"),
        ("Jack of ♦s", "Jack of ♦s"),
        ("foo\u1680bar", "foo bar"),
        ("u\u0308", "ü"),
        ("\uff21\uff22", "\uff21\uff22"),
    ],
)
def test_passwords_are_mapped(text: str, prepared: str) -> None:
    """Only composition and exotic blanks are unified, never case or width (RFC 8265 §4.2)."""
    assert prepare_password(text) == prepared


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "empty"), ("a\tb", "control"), ("a\x00", "control"), ("x" * 1025, "1024"), ("\ud800", "control")],
)
def test_passwords_that_nobody_can_have(text: str, reason: str) -> None:
    """Empty and overlong passwords and control characters are refused, and the password is not quoted."""
    with pytest.raises(InvalidPassword, match=reason) as refusal:
        prepare_password(text)
    assert not text or text not in str(refusal.value)


@given(st.text(max_size=30))
def test_preparing_passwords_is_stable(text: str) -> None:
    """A prepared password is its own prepared form and is in composed form."""
    try:
        password = prepare_password(text)
    except InvalidPassword:
        return
    assert prepare_password(password) == password
    assert unicodedata.is_normalized("NFC", password)
