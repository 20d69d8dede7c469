"""TLS for the listeners: the self-signed certificate of a new server, the context, and reloading without a restart.

Owns which versions and ciphers are offered (RFC 9325 §3.1 and §4.2): TLS 1.2 and 1.3, forward secrecy and
authenticated encryption only. Session tickets are encrypted under keys that live as long as the process.
"""

import contextlib
import ipaddress
import os
import secrets
import socket
import ssl
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NoReturn

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mailwren.base.logs import log

_VALIDITY: Final = timedelta(days=825)
"""The longest that Apple's systems take from any server, trusted by hand or not: with more, iPhones cannot connect.
Renewed by itself, so nothing is won by more either."""
_RENEW_BEFORE: Final = timedelta(days=30)
"""A server is restarted or reloaded now and then, but not every day."""
_WARN_BEFORE: Final = timedelta(days=14)
"""Certificates from an authority are renewed weeks before they end: by then something is wrong."""
_CLOCK_SKEW: Final = timedelta(days=1)
"""Valid from a little before now, for clients whose clock is behind."""
_OWN_ORGANIZATION: Final = "Mailwren self-signed certificate"
"""Marks what this module made and may therefore renew."""
_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""TLS 1.2 only; those of TLS 1.3 are all good (RFC 9325 §4.2)."""


class CertificateError(Exception):
    """A certificate or key that cannot be used; the text tells the operator which file and why."""


def ensure_self_signed(path: Path, names: Iterable[str] = (), now: datetime | None = None) -> bool:
    """Make a self-signed certificate if there is none, or a new one for the same key when it is about to end.

    Args:
        path: one PEM file for key and certificate, readable by the owner alone.
        names: host names and IP addresses besides this machine's own.
        now: the time to go by.

    Returns:
        Whether the file was written. A certificate that somebody else put there is left alone.

    Raises:
        CertificateError: the file cannot be read or written.
    """
    now = now or datetime.now(UTC)
    try:
        if not path.exists():
            _write_pem(path, ec.generate_private_key(ec.SECP256R1()), names, now)
            return True
        pem = path.read_bytes()
        certificate = _first_certificate(path, pem)
        if not _is_own(certificate) or certificate.not_valid_after_utc - now > _RENEW_BEFORE:
            return False
        key = serialization.load_pem_private_key(pem, None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            return False  # not what this module makes: left alone
        _write_pem(path, key, names, now)
    except (OSError, ValueError, TypeError) as error:
        raise CertificateError(f"{path}: the self-signed certificate cannot be made: {error}") from error
    return True


def make_ssl_context(certificate: Path, key: Path | None = None, authorities: Path | None = None) -> ssl.SSLContext:
    """A server's TLS context. Logs a warning for a certificate that is not valid now or soon.

    Args:
        certificate: PEM, the server's certificate first, then the chain.
        key: PEM without a pass phrase; in the certificate's file when ``None``.
        authorities: PEM; clients may show a certificate of one of them.

    Raises:
        CertificateError: a file is missing, is not PEM, or the two do not fit.
    """
    key = key or certificate
    first = _first_certificate(certificate, _read(certificate))
    if b"PRIVATE KEY-----" not in _read(key):
        raise CertificateError(f"{key}: there is no private key in PEM form")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["imap"])
    try:
        context.load_cert_chain(certificate, key, lambda: _refuse_pass_phrase(key))
    except (ssl.SSLError, OSError) as error:
        raise CertificateError(_explain(certificate, key, error)) from error
    for warning in validity_warnings(first, datetime.now(UTC)):
        log.warning("certificate", file=str(certificate), problem=warning)
    if authorities is not None:
        context.verify_mode = ssl.CERT_OPTIONAL
        try:
            context.load_verify_locations(authorities)
        except (ssl.SSLError, OSError) as error:
            raise CertificateError(f"{authorities}: no certificates of authorities can be read from it") from error
    return context


def end_point_binding(certificate: Path) -> bytes | None:
    """What binds SCRAM to connections with this certificate (RFC 5929 §4.1); ``None`` where that is not defined.

    Raises:
        CertificateError: the file cannot be read.
    """
    first = _first_certificate(certificate, _read(certificate))
    algorithm = first.signature_hash_algorithm
    if algorithm is None:
        return None
    weak = isinstance(algorithm, hashes.MD5 | hashes.SHA1)
    return first.fingerprint(hashes.SHA256() if weak else algorithm)


def validity_warnings(certificate: x509.Certificate, now: datetime) -> list[str]:
    """What an operator should know about a certificate's dates."""
    starts, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now < starts:
        return [f"not valid before {starts:%Y-%m-%d %H:%M} UTC"]
    if now >= ends:
        return [f"expired on {ends:%Y-%m-%d}: clients will refuse it"]
    if ends - now < _WARN_BEFORE:
        return [f"expires on {ends:%Y-%m-%d}"]
    return []


class CertificateReloader:
    """One TLS context for all listeners that serves the newest certificate to every new connection.

    Replacing the certificate inside a live context would keep the old one beside it when the kind of key changes,
    and could stop half way. So each reload makes a new context, and the handshake changes over to it.

    Args:
        certificate: as for :func:`make_ssl_context`.
        key: as for :func:`make_ssl_context`.
        authorities: as for :func:`make_ssl_context`.

    Attributes:
        context: for listeners and STARTTLS.
        end_point: binds SCRAM to connections with the newest certificate (RFC 5929 §4.1).

    Raises:
        CertificateError: as :func:`make_ssl_context`.
    """

    def __init__(self, certificate: Path, key: Path | None = None, authorities: Path | None = None) -> None:
        self._certificate: Final = certificate
        self._key: Final = key
        self._authorities: Final = authorities
        self.context: Final = make_ssl_context(certificate, key, authorities)
        self._newest = self.context
        self.end_point = end_point_binding(certificate)
        self.context.sni_callback = self._choose

    def reload(self) -> None:
        """Read the files again. Raises CertificateError, and then the old certificate stays in use."""
        self._newest = make_ssl_context(self._certificate, self._key, self._authorities)
        self.end_point = end_point_binding(self._certificate)

    def _choose(self, connection: ssl.SSLObject, _server_name: str | None, _context: ssl.SSLContext) -> None:
        """Called in every handshake, with and without a server name."""
        if self._newest is not self.context:
            connection.context = self._newest


def _write_pem(path: Path, key: ec.EllipticCurvePrivateKey, names: Iterable[str], now: datetime) -> None:
    """Write key and certificate as one file, wholly or not at all, for the owner alone."""
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + _self_sign(key, names, now).public_bytes(serialization.Encoding.PEM)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _self_sign(key: ec.EllipticCurvePrivateKey, names: Iterable[str], now: datetime) -> x509.Certificate:
    """A certificate that clients can be told to trust: for servers only, with all the names (RFC 9525 §4.1)."""
    general_names = _general_names([*names, socket.gethostname(), "localhost", "127.0.0.1", "::1"])
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _OWN_ORGANIZATION),
            x509.NameAttribute(NameOID.COMMON_NAME, str(general_names[0].value)[:64]),
        ]
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now - _CLOCK_SKEW + _VALIDITY)
        .add_extension(x509.SubjectAlternativeName(general_names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(key, hashes.SHA256())
    )


def _general_names(names: Iterable[str]) -> list[x509.DNSName | x509.IPAddress]:
    """Each name once, in the order given; what is neither an address nor a host name is left out."""
    result: dict[x509.DNSName | x509.IPAddress, None] = {}
    for name in names:
        with contextlib.suppress(ValueError):
            result[_general_name(name)] = None
    return list(result)


def _general_name(name: str) -> x509.DNSName | x509.IPAddress:
    """An address or a host name; international ones in their ASCII form. Raises ValueError."""
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        host = name.encode("idna").decode().rstrip(".").lower()
        if not host:
            raise
        return x509.DNSName(host)


def _is_own(certificate: x509.Certificate) -> bool:
    """Whether this module made it."""
    organizations = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return certificate.issuer == certificate.subject and [each.value for each in organizations] == [_OWN_ORGANIZATION]


def _read(path: Path) -> bytes:
    """A file's octets, or an error that names it."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise CertificateError(f"{path}: {error.strerror or error}") from error


def _first_certificate(path: Path, pem: bytes) -> x509.Certificate:
    """The server's own certificate of a chain."""
    try:
        return x509.load_pem_x509_certificates(pem)[0]
    except ValueError as error:
        raise CertificateError(f"{path}: there is no certificate in PEM form") from error


def _refuse_pass_phrase(key: Path) -> NoReturn:
    """Called for an encrypted key, instead of asking on a terminal that is not there."""
    raise CertificateError(f"{key}: the key is protected by a pass phrase; a server needs one without")


def _explain(certificate: Path, key: Path, error: Exception) -> str:
    """What a TLS library's error means for the files."""
    reason = getattr(error, "reason", None) or str(error)
    if reason in {"KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED"}:
        return f"{key}: the key does not belong to the certificate in {certificate}"
    return f"{certificate}: the certificate or the key {key} cannot be used: {reason.replace('_', ' ').lower()}"
