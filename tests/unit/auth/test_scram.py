"""SCRAM and CRAM-MD5 against the RFCs' examples and clients written from the RFCs' text."""

import base64
import hashlib
import hmac
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwren.auth import cram_md5
from mailwren.auth.cram_md5 import CramMd5
from mailwren.auth.errors import MalformedExchange
from mailwren.auth.mechanisms import MECHANISMS, derived_secrets
from mailwren.auth.sasl import Challenge, Proven, SaslSurroundings
from mailwren.auth.scram import Scram, ScramKeys, sasl_prepared


def _keys(password: str, salt: bytes, hash_name: str, iterations: int = 4096) -> str:
    """What is kept, computed as RFC 5802 §3 has it."""
    salted = hashlib.pbkdf2_hmac(hash_name, password.encode(), salt, iterations)
    client = hmac.digest(salted, b"Client Key", hash_name)
    stored, server = hashlib.new(hash_name, client).digest(), hmac.digest(salted, b"Server Key", hash_name)
    return ScramKeys(iterations, salt, stored, server).text()


def _around(kept: str | None, **bindings: bytes) -> SaslSurroundings:
    named = {name.replace("_", "-"): octets for name, octets in bindings.items()}
    return SaslSurroundings("mail.example.org", lambda _name, _kind: kept, b"decoy", named)


def _challenge(outcome: object) -> bytes:
    assert isinstance(outcome, Challenge)
    return outcome.octets


class Example(NamedTuple):
    """An exchange of an RFC's, as it stands there."""

    name: str
    hash_name: str
    salt: str
    first: bytes
    nonce: str
    server_first: bytes
    final: bytes
    server_final: bytes


EXAMPLES = [
    Example(
        "SCRAM-SHA-1",
        "sha1",
        "QSXCR+Q6sek8bf92",
        b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
        "3rfcNHYJY1ZVvWVs7j",
        b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
        b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
    ),
    Example(
        "SCRAM-SHA-256",
        "sha256",
        "W22ZaJ0SNY7soEsUEjb6gQ==",
        b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
        "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    ),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_examples_of_the_rfcs(example: Example) -> None:
    """RFC 5802 §5 and RFC 7677 §3, octet by octet."""
    kept = _keys("pencil", base64.b64decode(example.salt), example.hash_name)
    exchange = Scram(example.name, _around(kept), lambda: example.nonce)
    assert _challenge(exchange.step(None)) == b""
    assert _challenge(exchange.step(example.first)) == example.server_first
    assert exchange.user_name == "user"
    assert _challenge(exchange.step(example.final)) == example.server_final
    assert exchange.step(b"") == Proven("", "user")


class _Client:
    """A client of SCRAM, as RFC 5802 §3 says it."""

    def __init__(self, password: str, hash_name: str, gs2: bytes = b"n,,", binding: bytes = b"") -> None:
        self.password, self.hash_name, self.gs2, self.binding = password.encode(), hash_name, gs2, binding
        self.bare = b"n=ann,r=clientnonce"

    def final(self, server_first: bytes) -> bytes:
        """The answer to the server's first message."""
        parts = dict(part.split(b"=", 1) for part in server_first.split(b","))
        salted = hashlib.pbkdf2_hmac(self.hash_name, self.password, base64.b64decode(parts[b"s"]), int(parts[b"i"]))
        client_key = hmac.digest(salted, b"Client Key", self.hash_name)
        stored = hashlib.new(self.hash_name, client_key).digest()
        without_proof = b"c=" + base64.b64encode(self.gs2 + self.binding) + b",r=" + parts[b"r"]
        signature = hmac.digest(stored, b",".join((self.bare, server_first, without_proof)), self.hash_name)
        proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        return without_proof + b",p=" + base64.b64encode(proof)


@pytest.mark.parametrize(("password", "right"), [("pencil", True), ("pencils", False), ("", False)])
@pytest.mark.parametrize("name", ["SCRAM-SHA-1", "SCRAM-SHA-256"])
def test_only_the_password_is_right(name: str, password: str, right: bool) -> None:
    """What a password leaves behind lets in who knows it, and nobody else."""
    exchange = MECHANISMS[name](_around(derived_secrets("pencil")[name]))
    client = _Client(password, {"SCRAM-SHA-1": "sha1"}.get(name, "sha256"))
    outcome = exchange.step(client.final(_challenge(exchange.step(client.gs2 + client.bare))))
    if right:
        assert isinstance(outcome, Challenge)
        outcome = exchange.step(b"")
    assert outcome == Proven("", "ann", right)


def test_an_unknown_user_seems_to_have_a_salt() -> None:
    """The same one each time, and no password is right."""
    salts = set()
    for _ in range(2):
        exchange = MECHANISMS["SCRAM-SHA-256"](_around(None))
        server_first = _challenge(exchange.step(b"n,,n=ann,r=clientnonce"))
        salts.add(server_first.split(b",")[1])
        assert exchange.step(_Client("x", "sha256").final(server_first)) == Proven("", "ann", right=False)
    assert len(salts) == 1


@pytest.mark.parametrize(("bound", "right"), [(b"end point", True), (b"another", False)])
def test_a_channel_is_bound(bound: bytes, right: bool) -> None:
    """Who sits between and shows another certificate is found out (RFC 5802 §6)."""
    kept = derived_secrets("pencil")["SCRAM-SHA-256"]
    exchange = MECHANISMS["SCRAM-SHA-256-PLUS"](_around(kept, tls_server_end_point=b"end point"))
    client = _Client("pencil", "sha256", b"p=tls-server-end-point,,", bound)
    outcome = exchange.step(client.final(_challenge(exchange.step(client.gs2 + client.bare))))
    assert isinstance(outcome, Challenge) is right


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("SCRAM-SHA-256", b"p=tls-server-end-point,,n=ann,r=x"),
        ("SCRAM-SHA-256", b"y,,n=ann,r=x"),
        ("SCRAM-SHA-256-PLUS", b"n,,n=ann,r=x"),
        ("SCRAM-SHA-256-PLUS", b"p=tls-exporter,,n=ann,r=x"),
        ("SCRAM-SHA-256", b"n,,m=x,n=ann,r=x"),
        ("SCRAM-SHA-256", b"n,,n=a=n,r=x"),
        ("SCRAM-SHA-256", b"n,,n=,r=x"),
        ("SCRAM-SHA-256", b"n,,n=ann,r="),
        ("SCRAM-SHA-256", b"n,,n=\xff,r=x"),
    ],
)
def test_first_messages_that_break_the_rules(name: str, message: bytes) -> None:
    """Wrong binding, a downgrade, mandatory extensions, names that are none."""
    with pytest.raises(MalformedExchange):
        MECHANISMS[name](_around(None, tls_server_end_point=b"x")).step(message)


def test_another_identity_is_passed_on() -> None:
    """``a=`` is whom to act as; commas and equals signs are written otherwise."""
    exchange = MECHANISMS["SCRAM-SHA-256"](_around(derived_secrets("pencil")["SCRAM-SHA-256"]))
    client = _Client("pencil", "sha256", b"n,a=b=2Cc=3D,")
    exchange.step(client.final(_challenge(exchange.step(client.gs2 + client.bare))))
    assert exchange.step(b"") == Proven("b,c=", "ann")


def test_passwords_are_prepared_as_clients_do() -> None:
    """RFC 4013 §3: soft hyphens go, compatibility forms become the plain ones."""
    assert [sasl_prepared(text) for text in ("I\u00adX", "user", "\u00aa", "\u2168", "a\u00a0b")] == [
        "IX", "user", "a", "IX", "a b",
    ]  # fmt: skip


def test_keys_are_read_back() -> None:
    """And hidden from who looks at them."""
    keys = ScramKeys.derive("pencil", "sha256", 4096)
    assert ScramKeys.parse(keys.text()) == keys
    assert base64.b64encode(keys.stored_key).decode() not in repr(keys)
    with pytest.raises(ValueError, match="no SCRAM keys"):
        ScramKeys.parse("x")


@given(st.text(max_size=80), st.binary(max_size=150))
def test_what_cram_md5_keeps_is_as_good_as_the_password(password: str, challenge: bytes) -> None:
    """The digest is that of HMAC over the password itself."""
    try:
        key = password.encode()
    except UnicodeEncodeError:
        return
    assert cram_md5.digest(cram_md5.derive(password), challenge) == hmac.new(key, challenge, "md5").hexdigest()


def test_cram_md5() -> None:
    """RFC 2195 §2: the challenge is new each time, the answer a name and a digest."""
    assert cram_md5.digest(cram_md5.derive("tanstaaftanstaaf"), b"<1896.697170952@postoffice.reston.mci.net>") == (
        "b913a602c7eda7a495b4e6e7334d3890"
    )
    surroundings = _around(cram_md5.derive("secret"))
    for password, right in (("secret", True), ("wrong", False)):
        exchange = CramMd5(surroundings)
        challenge = _challenge(exchange.step(None))
        assert challenge.endswith(b"@mail.example.org>")
        digest = hmac.new(password.encode(), challenge, "md5").hexdigest().encode()
        assert exchange.step(b"ann smith " + digest) == Proven("", "ann smith", right)
    with pytest.raises(MalformedExchange):
        CramMd5(surroundings).step(b"too early")
