"""The SASL mechanisms, seen from the server."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwren.auth.errors import MalformedExchange
from mailwren.auth.mechanisms import MECHANISMS
from mailwren.auth.sasl import (
    Challenge,
    Credentials,
    External,
    Login,
    OAuthBearer,
    Plain,
    Proven,
    SaslSurroundings,
    Token,
    XOAuth2,
    encode_plain,
)

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)


SURROUNDINGS = SaslSurroundings("mail.example.org", lambda _name, _kind: None, b"key", {"tls-server-end-point": b"x"})


def test_the_better_mechanisms_come_first() -> None:
    """Clients take the first that they know: those that never send the password stand before those that do."""
    names = list(MECHANISMS)
    assert names[:2] == ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]
    assert names[-2:] == ["PLAIN", "LOGIN"]


@pytest.mark.parametrize(
    ("message", "user_name"),
    [
        (b"n,a=user@example.com,\x01host=a.example\x01port=143\x01auth=Bearer vF9d==\x01\x01", "user@example.com"),
        (b"n,,\x01auth=bearer  vF9d==\x01\x01", ""),
        (b"n,a=a=2Cb=3D,\x01auth=Bearer vF9d==\x01\x01", "a,b="),
    ],
)
def test_a_bearer_token(message: bytes, user_name: str) -> None:
    """The example of RFC 7628 §4.1, shortened, and other forms of it."""
    assert OAuthBearer().step(message) == Token(user_name, "vF9d==")


def test_googles_form_of_a_token() -> None:
    """``user=`` and ``auth=Bearer`` with control characters between."""
    exchange = XOAuth2()
    assert exchange.step(None) == Challenge(b"")
    assert exchange.step(b"user=me@example.com\x01auth=Bearer ya29.x\x01\x01") == Token("me@example.com", "ya29.x")


@pytest.mark.parametrize(
    "message",
    [
        b"n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=\x01\x01",
        b"y,a=user@example.com,\x01auth=Basic x\x01\x01",
    ],
)
def test_a_client_asks_where_to_get_a_token(message: bytes) -> None:
    """The example of the RFC: no token is like a wrong one, and the client is told (RFC 7628 §4.3)."""
    assert OAuthBearer().step(message) == Token("user@example.com", "")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x01",
        b"n,,\x01\x01",
        b"n,,\x01auth=Bearer x\x01auth=Bearer x\x01\x01",
        b"p=tls-unique,,\x01auth=Bearer x\x01\x01",
    ],
)
def test_a_message_without_a_token(message: bytes) -> None:
    """It breaks the mechanism's rules."""
    with pytest.raises(MalformedExchange):
        OAuthBearer().step(message)


def test_a_certificate_says_who_it_is() -> None:
    """The first of its names; who asks to be somebody else is judged later."""
    named = SaslSurroundings("x", lambda _name, _kind: None, b"", {}, ("ann@example.org", "Ann"))
    assert External(named).step(None) == Challenge(b"")
    assert External(named).step(b"") == Proven("", "ann@example.org")
    assert External(named).step(b"ben") == Proven("ben", "ann@example.org")
    assert External(SURROUNDINGS).step(b"") == Proven("", "", right=False)


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


@given(st.sampled_from(list(MECHANISMS)), st.lists(st.none() | st.binary(max_size=20), max_size=5))
def test_any_exchange_ends_well(name: str, responses: list[bytes | None]) -> None:
    """Whatever a client sends, a step gives a challenge, a claim or MalformedExchange, and nobody is believed."""
    exchange = MECHANISMS[name](SURROUNDINGS)
    for response in responses:
        try:
            outcome = exchange.step(response)
        except MalformedExchange:
            return
        if not isinstance(outcome, Challenge):
            assert not isinstance(outcome, Proven) or not outcome.right
            return


def test_passwords_are_hidden() -> None:
    """Credentials do not show their password."""
    assert "secret" not in repr(Credentials("", "alice", "secret"))
