"""Certificates: the self-signed one, what TLS is offered, clear errors, reloading."""

import asyncio
import ipaddress
import socket
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from mailwren.server.certificates import (
    CertificateError,
    CertificateReloader,
    ensure_self_signed,
    make_ssl_context,
    validity_warnings,
)

NOW = datetime.now(UTC)
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A self-signed certificate, made just now."""
    path = tmp_path / "tls" / "self-signed.pem"
    assert ensure_self_signed(path, ["mail.example.org"])
    return path


def certificate_of(path: Path) -> x509.Certificate:
    """The certificate in a file."""
    return x509.load_pem_x509_certificate(path.read_bytes())


def write_foreign(folder: Path, name: str, key: PrivateKey | None = None, days: int = 90) -> tuple[Path, Path]:
    """A certificate and a key as an authority's client would put them there."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=400))
        .not_valid_after(NOW + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / f"{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / f"{name}.crt", folder / f"{name}.key"


def client_context(trusted: Path | None = None) -> ssl.SSLContext:
    """A client that checks strictly, or not at all."""
    context = ssl.create_default_context(cafile=trusted)
    if trusted is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str | None = None) -> tuple[ssl.SSLObject, str]:
    """Shake hands in memory; the client's side and the common name that it was shown."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    waiting = list(sides)
    for _ in range(10):
        for side in list(waiting):
            try:
                side.do_handshake()
                waiting.remove(side)
            except ssl.SSLWantReadError:
                pass
    assert not waiting
    shown = x509.load_der_x509_certificate(sides[0].getpeercert(True) or b"")
    return sides[0], str(shown.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)


def test_self_signed_names_and_dates(path: Path) -> None:
    """It is for the names asked for and this machine, for servers only, and no longer than Apple takes."""
    certificate = certificate_of(path)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName)[0] == "mail.example.org"
    assert "localhost" in names.get_values_for_type(x509.DNSName)
    assert socket.gethostname().lower() in names.get_values_for_type(x509.DNSName)
    assert names.get_values_for_type(x509.IPAddress) == [
        ipaddress.ip_address("127.0.0.1"),
        ipaddress.ip_address("::1"),
    ]
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc <= timedelta(days=825)
    assert certificate.not_valid_before_utc < NOW < certificate.not_valid_after_utc
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]


@pytest.mark.parametrize("name", ["mail.example.org", "localhost", "127.0.0.1", "::1"])
def test_self_signed_can_be_trusted(path: Path, name: str) -> None:
    """A strict client that was told to trust the file connects by every name, and not by another."""
    handshake(make_ssl_context(path), client_context(path), name)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(make_ssl_context(path), client_context(path), "other.example.org")


def test_self_signed_file_is_private(path: Path) -> None:
    """Only the owner can read the file, and nothing else is left in the folder."""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_odd_names_do_no_harm(tmp_path: Path) -> None:
    """International names come in their ASCII form; what is no name is left out; repetitions count once."""
    path = tmp_path / "c.pem"
    ensure_self_signed(path, ["münchen.example", "", "a..b", "x" * 100, "Localhost.", "10.0.0.1", "10.0.0.1"])
    names = certificate_of(path).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    hosts = names.get_values_for_type(x509.DNSName)
    assert hosts[:2] == ["xn--mnchen-3ya.example", "localhost"]
    assert len(hosts) == len(set(hosts)) <= 3
    assert names.get_values_for_type(x509.IPAddress)[0] == ipaddress.ip_address("10.0.0.1")
    assert len(names.get_values_for_type(x509.IPAddress)) == 3


def test_self_signed_is_kept(path: Path) -> None:
    """A certificate that is there is not made again, whatever the names."""
    before = path.read_bytes()
    assert not ensure_self_signed(path, ["other.example.org"])
    assert path.read_bytes() == before


def test_self_signed_is_renewed_with_its_key(path: Path) -> None:
    """Shortly before its end it is made anew for the same key."""
    before = certificate_of(path)
    assert not ensure_self_signed(path, now=before.not_valid_after_utc - timedelta(days=31))
    later = before.not_valid_after_utc - timedelta(days=29)
    assert ensure_self_signed(path, now=later)
    after = certificate_of(path)
    assert after.public_key() == before.public_key()
    assert after.not_valid_after_utc > before.not_valid_after_utc
    assert after.serial_number != before.serial_number
    make_ssl_context(path)


def test_foreign_certificates_are_not_touched(tmp_path: Path) -> None:
    """An expired certificate that somebody else put there stays."""
    certificate, key = write_foreign(tmp_path, "foreign", days=-1)
    both = tmp_path / "both.pem"
    both.write_bytes(certificate.read_bytes() + key.read_bytes())
    before = both.read_bytes()
    assert not ensure_self_signed(both)
    assert both.read_bytes() == before


def test_self_signed_troubles(tmp_path: Path) -> None:
    """A damaged file and a folder that cannot be made are errors that name the file."""
    broken = tmp_path / "broken.pem"
    broken.write_text("nothing")
    for path in (broken, broken / "below.pem"):
        with pytest.raises(CertificateError, match=r"broken\.pem"):
            ensure_self_signed(path)


def test_old_protocols_and_ciphers_are_refused(path: Path) -> None:
    """TLS 1.3 where possible, TLS 1.2 with forward secrecy and authenticated encryption, nothing else."""
    server = make_ssl_context(path)
    assert handshake(server, client_context())[0].version() == "TLSv1.3"
    client = client_context()
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    side = handshake(server, client)[0]
    assert side.version() == "TLSv1.2"
    assert "GCM" in str(side.cipher())
    for ciphers in ("AES128-GCM-SHA256", "ECDHE+SHA256:!AESGCM", "DHE+AESGCM"):
        client.set_ciphers(ciphers + ":@SECLEVEL=0")
        with pytest.raises(ssl.SSLError):
            handshake(server, client)
    assert server.minimum_version == ssl.TLSVersion.TLSv1_2
    for option in (ssl.OP_NO_COMPRESSION, ssl.OP_NO_RENEGOTIATION, ssl.OP_CIPHER_SERVER_PREFERENCE):
        assert server.options & option


def test_application_protocol(path: Path) -> None:
    """A client that asks for IMAP gets it confirmed; one that asks for something else or nothing still connects."""
    server = make_ssl_context(path)
    for asked, chosen in ((["imap"], "imap"), (["h2", "imap"], "imap"), (["h2"], None), ([], None)):
        client = client_context()
        if asked:
            client.set_alpn_protocols(asked)
        assert handshake(server, client)[0].selected_alpn_protocol() == chosen


def test_certificate_and_key_apart(tmp_path: Path) -> None:
    """Certificate and key may be in two files."""
    certificate, key = write_foreign(tmp_path, "apart")
    assert handshake(make_ssl_context(certificate, key), client_context())[1] == "apart"


def test_errors_name_the_file_and_the_reason(tmp_path: Path) -> None:
    """Every way the files can be wrong is told with the file's name."""
    certificate, key = write_foreign(tmp_path, "one")
    _, other_key = write_foreign(tmp_path, "two")
    _, rsa_key = write_foreign(tmp_path, "three", rsa.generate_private_key(65537, 2048))
    protected = tmp_path / "protected.key"
    protected.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"x"),
        )
    )
    broken_key = tmp_path / "broken.key"
    broken_key.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    for files, reason in (
        ((tmp_path / "missing.pem", None), "missing.pem: No such file"),
        ((tmp_path, None), "directory"),
        ((certificate, tmp_path / "missing.key"), "missing.key: No such file"),
        ((certificate, None), "one.crt: there is no private key"),
        ((key, None), "one.key: there is no certificate"),
        ((certificate, other_key), "two.key: the key does not belong to the certificate in .*one.crt"),
        ((certificate, rsa_key), "three.key: the key does not belong to the certificate in .*one.crt"),
        ((certificate, protected), "protected.key: the key is protected"),
        ((certificate, broken_key), "broken.key"),
    ):
        with pytest.raises(CertificateError, match=reason):
            make_ssl_context(*files)


@pytest.mark.parametrize(
    ("days", "warning"), [(-500, "not valid before"), (-1, "expired on"), (5, "expires on"), (60, None)]
)
def test_warnings_about_dates(tmp_path: Path, days: int, warning: str | None) -> None:
    """A certificate that is not yet, not any more or not much longer valid is named so."""
    certificate = certificate_of(write_foreign(tmp_path, "dated", days=60)[0])
    now = NOW + timedelta(days=60 - days) if days >= -1 else NOW + timedelta(days=days)
    warnings = validity_warnings(certificate, now)
    assert [warning in text for text in warnings] == [True] if warning else not warnings


def test_expired_certificate_still_serves(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An expired certificate is a warning in the log, not a server that does not start."""
    context = make_ssl_context(*write_foreign(tmp_path, "expired", days=-1))
    assert handshake(context, client_context())[1] == "expired"
    assert "expired on" in str(caplog.records[0].msg)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("name", [None, "new"])
def test_reload_changes_new_connections(tmp_path: Path, version: ssl.TLSVersion, name: str | None) -> None:
    """After a reload new connections get the new certificate, of another kind of key too, with or without SNI."""
    certificate, key = write_foreign(tmp_path, "old", rsa.generate_private_key(65537, 2048))
    reloader = CertificateReloader(certificate, key)
    client = client_context()
    client.minimum_version = client.maximum_version = version
    assert handshake(reloader.context, client, name)[1] == "old"
    for number in range(2):
        new_certificate, new_key = write_foreign(tmp_path, f"new{number}")
        new_certificate.replace(certificate)
        new_key.replace(key)
        reloader.reload()
        assert handshake(reloader.context, client, name)[1] == f"new{number}"


def test_failed_reload_keeps_the_old_one(tmp_path: Path) -> None:
    """When the new files do not fit, the error is told and the old certificate goes on."""
    certificate, key = write_foreign(tmp_path, "old")
    reloader = CertificateReloader(certificate, key)
    write_foreign(tmp_path, "new")[0].replace(certificate)
    with pytest.raises(CertificateError, match="does not belong"):
        reloader.reload()
    assert handshake(reloader.context, client_context())[1] == "old"


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_reload_on_a_real_listener(tmp_path: Path, factory: type[asyncio.AbstractEventLoop]) -> None:
    """A listener that was given the context once serves the new certificate after a reload."""
    certificate, key = write_foreign(tmp_path, "old")
    reloader = CertificateReloader(certificate, key)

    async def shown(port: int) -> str:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client_context())
        der = writer.get_extra_info("ssl_object").getpeercert(True)
        writer.close()
        await writer.wait_closed()
        return str(x509.load_der_x509_certificate(der).subject.rfc4514_string())

    async def scenario() -> list[str]:
        server = await asyncio.start_server(
            lambda _reader, writer: writer.close(), "127.0.0.1", 0, ssl=reloader.context
        )
        port = server.sockets[0].getsockname()[1]
        before = await shown(port)
        new_certificate, new_key = write_foreign(tmp_path, "new")
        new_certificate.replace(certificate)
        new_key.replace(key)
        reloader.reload()
        after = await shown(port)
        server.close()
        await server.wait_closed()
        return [before, after]

    with asyncio.Runner(loop_factory=factory) as runner:
        assert runner.run(scenario()) == ["CN=old", "CN=new"]
