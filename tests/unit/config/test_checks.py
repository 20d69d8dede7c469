"""Certificates and keys of the configuration."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from mailwren.config.checks import file_faults
from mailwren.config.settings import Config

KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())


def _certificate() -> bytes:
    """A certificate for KEY."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.example.org")])
    builder = x509.CertificateBuilder(name, name, KEY.public_key(), 1)
    builder = builder.not_valid_before(datetime(2020, 1, 1, tzinfo=UTC)).not_valid_after(
        datetime(2040, 1, 1, tzinfo=UTC)
    )
    return builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.PEM)


def _pem(key: ec.EllipticCurvePrivateKey, encryption: KeySerializationEncryption) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


@pytest.mark.parametrize(
    ("certificate", "key", "expected"),
    [
        (_certificate, lambda: _pem(KEY, NoEncryption()), None),
        (_certificate, lambda: _pem(OTHER_KEY, NoEncryption()), "they do not belong together"),
        (_certificate, lambda: b"nonsense", "they are not valid PEM files"),
        (lambda: b"", lambda: _pem(KEY, NoEncryption()), "they are not valid PEM files"),
        (_certificate, lambda: _pem(KEY, BestAvailableEncryption(b"secret")), "the key is protected by a password"),
    ],
)
def test_certificate_and_key(
    tmp_path: Path, certificate: Callable[[], bytes], key: Callable[[], bytes], expected: str | None
) -> None:
    """A pair that cannot be used is told before the server starts, and no password is asked for."""
    paths = (tmp_path / "certificate.pem", tmp_path / "key.pem")
    for path, octets in zip(paths, (certificate(), key()), strict=True):
        path.write_bytes(octets)
    config = Config(data=tmp_path, tls_certificate=paths[0], tls_key=paths[1])
    found = [finding.fault.problem for finding in file_faults(config)]
    assert len(found) == (expected is not None)
    assert expected is None or expected in found[0]
