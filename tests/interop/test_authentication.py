"""SASL over real TLS: channel binding, client certificates, tokens, CRAM-MD5 by imaplib."""

import base64
import datetime as dt
import hashlib
import hmac
import imaplib
import json
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from tests.interop.test_python_clients import any_certificate
from tests.support.process import ServerProcess

pytestmark = pytest.mark.interop
ISSUER = "https://id.example.org"
KEY = ECKey.generate_key("P-256", {"kid": "one"})
CONFIGURATION = """
version = 1
[login]
cram_md5 = true
[tls]
client_authorities = "../authority.pem"
[oauth]
issuer = "{issuer}"
keys = "{keys}"
"""


def _certificate(folder: Path) -> Path:
    """An authority's certificate that names ann by e-mail, with its key, in one file: it is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ann Example")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.RFC822Name("ann@example.org")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "authority.pem"
    pem = serialization.Encoding.PEM
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(pem)
    )
    return path


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that takes certificates, tokens and CRAM-MD5."""
    folder = tmp_path_factory.mktemp("secured") / "data"
    folder.mkdir(mode=0o700)
    _certificate(folder.parent)
    keys = folder.parent / "keys.json"
    keys.write_text(json.dumps(KeySet([KEY]).as_dict(private=False)), "utf-8")
    (folder / "mailwren.toml").write_text(CONFIGURATION.format(issuer=ISSUER, keys=keys), "utf-8")
    server = ServerProcess(folder)
    server.run("user", "add", "anna", "--alias", "ann@example.org", "--password-stdin", input_text="secret\n")
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _client(server: ServerProcess, context: ssl.SSLContext | None = None) -> imaplib.IMAP4_SSL:
    return imaplib.IMAP4_SSL("127.0.0.1", server.imaps_port, ssl_context=context or any_certificate())


def _end_point(client: imaplib.IMAP4_SSL) -> bytes:
    """The hash of the certificate that the server showed (RFC 5929 §4.1)."""
    sock = client.socket()
    assert isinstance(sock, ssl.SSLSocket)
    der = sock.getpeercert(binary_form=True)
    assert der is not None
    return hashlib.sha256(der).digest()


class _Scram:
    """The client's side of SCRAM-SHA-256-PLUS for imaplib."""

    def __init__(self, binding: bytes, password: str = "secret") -> None:
        self._binding, self._password, self._steps = binding, password.encode(), 0
        self._gs2 = b"p=tls-server-end-point,,"

    def answer(self, challenge: bytes) -> bytes:
        """The next message."""
        self._steps += 1
        if self._steps == 1:
            return self._gs2 + b"n=anna,r=abc"
        return self._final(challenge) if challenge.startswith(b"r=") else b""

    def _final(self, first: bytes) -> bytes:
        parts = dict(part.split(b"=", 1) for part in first.split(b","))
        salted = hashlib.pbkdf2_hmac("sha256", self._password, base64.b64decode(parts[b"s"]), int(parts[b"i"]))
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        final = b"c=" + base64.b64encode(self._gs2 + self._binding) + b",r=" + parts[b"r"]
        signed = b",".join((b"n=anna,r=abc", first, final))
        signature = hmac.digest(hashlib.sha256(client_key).digest(), signed, "sha256")
        proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        return final + b",p=" + base64.b64encode(proof)


def test_scram_with_channel_binding(secured: ServerProcess) -> None:
    """Over this connection and no other, with the right password and no other."""
    client = _client(secured)
    assert "AUTH=SCRAM-SHA-256-PLUS" in client.capabilities
    with pytest.raises(imaplib.IMAP4.error):
        client.authenticate("SCRAM-SHA-256-PLUS", _Scram(b"another certificate").answer)
    with pytest.raises(imaplib.IMAP4.error):
        client.authenticate("SCRAM-SHA-256-PLUS", _Scram(_end_point(client), "wrong").answer)
    client.authenticate("SCRAM-SHA-256-PLUS", _Scram(_end_point(client)).answer)
    assert client.select()[0] == "OK"
    client.logout()


def test_cram_md5(secured: ServerProcess) -> None:
    """As imaplib does it."""
    client = _client(secured)
    with pytest.raises(imaplib.IMAP4.error):
        client.login_cram_md5("anna", "wrong")
    assert client.login_cram_md5("ann@example.org", "secret")[0] == "OK"
    client.logout()


def test_a_client_certificate(secured: ServerProcess) -> None:
    """EXTERNAL is offered to who has shown one, and logs in whom it names."""
    stranger = _client(secured)
    assert "AUTH=EXTERNAL" not in stranger.capabilities
    stranger.logout()
    context = any_certificate()
    context.load_cert_chain(secured.data.parent / "authority.pem")
    client = _client(secured, context)
    assert "AUTH=EXTERNAL" in client.capabilities
    with pytest.raises(imaplib.IMAP4.error, match="AUTHORIZATIONFAILED"):
        client.authenticate("EXTERNAL", lambda _challenge: b"somebody else")
    assert client.authenticate("EXTERNAL", lambda _challenge: b"")[0] == "OK"
    client.logout()


@pytest.mark.parametrize(
    ("mechanism", "form"),
    [
        ("OAUTHBEARER", "n,a=anna,\x01host=localhost\x01auth=Bearer {}\x01\x01"),
        ("XOAUTH2", "user=anna\x01auth=Bearer {}\x01\x01"),
    ],
)
def test_tokens(secured: ServerProcess, mechanism: str, form: str) -> None:
    """A good one logs in; a bad one is answered with why, and then with NO."""
    claims = {"iss": ISSUER, "exp": int(time.time()) + 600, "email": "ann@example.org"}
    good = jwt.encode({"alg": "ES256", "kid": "one"}, claims, KEY, ["ES256"])
    client = _client(secured)
    problems: list[bytes] = []

    def answer(token: str, challenge: bytes) -> bytes:
        if challenge:
            problems.append(challenge)
            return b"\x01"
        return form.format(token).encode()

    with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        client.authenticate(mechanism, lambda challenge: answer(good[:-4] + "AAAA", challenge))
    assert json.loads(problems[0])["status"] == "invalid_token"
    assert client.authenticate(mechanism, lambda challenge: answer(good, challenge))[0] == "OK"
    client.logout()
