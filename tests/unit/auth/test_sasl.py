"""The SASL mechanisms, seen from the server."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwren.auth.errors import MalformedExchange
from mailwren.auth.sasl import MECHANISMS, Challenge, Credentials, Login, Plain, encode_plain

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)


def test_mechanisms_by_name() -> None:
    """Each mechanism is listed under its own name."""
    assert {name: mechanism.name for name, mechanism in MECHANISMS.items()} == {"PLAIN": "PLAIN", "LOGIN": "LOGIN"}


def test_plain_with_initial_response() -> None:
    """The example of the RFC: no authorization identity (RFC 4616 §4)."""
    assert Plain().step(b"\0tim\0tanstaaftanstaaf") == Credentials("", "tim", "tanstaaftanstaaf")


def test_plain_without_initial_response() -> None:
    """Without an initial response the server asks with an empty challenge."""
    mechanism = Plain()
    assert mechanism.step(None) == Challenge(b"")
    assert mechanism.step(b"Ursel\0Kurt\0xipj3plmq") == Credentials("Ursel", "Kurt", "xipj3plmq")


@given(TEXT, TEXT, TEXT)
def test_plain_reads_what_the_client_writes(authorization: str, user_name: str, password: str) -> None:
    """Any texts without NUL come through, empty ones too."""
    assert Plain().step(encode_plain(user_name, password, authorization)) == Credentials(
        authorization, user_name, password
    )


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (b"", "NUL"),
        (b"user", "NUL"),
        (b"user\0password", "NUL"),
        (b"\0user\0pass\0word", "NUL"),
        (b"\0user\0pass\xff", "password is not UTF-8"),
        (b"\0\xc3\0password", "user name is not UTF-8"),
        (b"\xed\xa0\x80\0user\0password", "authorization identity is not UTF-8"),
        (b"\0" + b"u" * 256 + b"\0p", "user name is too long"),
        (b"\0u\0" + b"p" * 1025, "password is too long"),
    ],
)
def test_plain_broken(response: bytes, reason: str) -> None:
    """Wrong numbers of NULs, octets that are no UTF-8 and overlong values are refused with the reason."""
    with pytest.raises(MalformedExchange, match=reason):
        Plain().step(response)


def test_plain_takes_what_it_must() -> None:
    """255 octets are accepted in every place (RFC 4616 §2)."""
    long = "é" * 127 + "x"
    assert Plain().step(encode_plain(long, long, long)) == Credentials(long, long, long)


@pytest.mark.parametrize("first", [[None], [b""], [None, b"alice"], [b"alice"], [b"", b"alice"]])
def test_login(first: list[bytes | None]) -> None:
    """LOGIN asks for what it has not got: no, an empty or a full initial response."""
    mechanism = Login()
    challenges = [mechanism.step(response) for response in first]
    if first[-1] != b"alice":
        assert challenges == [Challenge(b"Username:")]
        challenges.append(mechanism.step(b"alice"))
    assert challenges[-1] == Challenge(b"Password:")
    assert mechanism.step(b"p\xc3\xa4ss") == Credentials("", "alice", "päss")


def test_login_with_empty_answers() -> None:
    """Empty answers to the questions are taken as they are: they will not be right."""
    mechanism = Login()
    mechanism.step(None)
    assert mechanism.step(b"") == Challenge(b"Password:")
    assert mechanism.step(b"") == Credentials("", "", "")


@pytest.mark.parametrize("response", [b"\xff", b"a\0b", b"x" * 1025])
def test_login_broken(response: bytes) -> None:
    """NULs, octets that are no UTF-8 and overlong values are refused for the user name and the password."""
    with pytest.raises(MalformedExchange):
        Login().step(response)
    mechanism = Login()
    mechanism.step(b"alice")
    with pytest.raises(MalformedExchange):
        mechanism.step(response)


@given(st.sampled_from(list(MECHANISMS.values())), st.lists(st.none() | st.binary(max_size=20), max_size=5))
def test_any_exchange_ends_well(mechanism: type[Plain] | type[Login], responses: list[bytes | None]) -> None:
    """Whatever a client sends, a step gives a challenge, credentials or MalformedExchange."""
    exchange = mechanism()
    for response in responses:
        try:
            outcome = exchange.step(response)
        except MalformedExchange:
            return
        if isinstance(outcome, Credentials):
            return
        assert outcome.octets in {b"", b"Username:", b"Password:"}


def test_passwords_are_hidden() -> None:
    """Credentials do not show their password."""
    assert "secret" not in repr(Credentials("", "alice", "secret"))
