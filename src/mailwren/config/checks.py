"""What is wrong although each setting alone is right: conflicts, files that cannot be used; and what is only risky."""

import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from mailwren.config.errors import Fault
from mailwren.config.settings import Config
from mailwren.config.values import Listener, ListenProtocol

SOCKET_PATH_OCTETS: Final = 107
"""The longest path of a UNIX socket (``sun_path`` less its end mark)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault that concerns several settings; ``keys`` are all of them, the first is where it is reported."""

    keys: tuple[str, ...]
    fault: Fault


def conflicts(config: Config) -> Iterator[Finding]:
    """Settings that contradict each other."""
    if (config.tls_certificate is None) != (config.tls_key is None):
        have, lack = ("tls.certificate", "tls.key") if config.tls_key is None else ("tls.key", "tls.certificate")
        yield Finding(
            (have, lack), Fault(f"is set and {lack} is not", "set both, or none for a self-signed certificate")
        )
    if config.delivery_domains and config.delivery_accept_any_domain:
        advice = "remove delivery.domains, or set this to false"
        yield Finding(
            ("delivery.accept_any_domain", "delivery.domains"), Fault("makes delivery.domains pointless", advice)
        )
    if config.oauth_issuer and find_spec("joserfc") is None:
        yield Finding(
            ("oauth.issuer",), Fault("needs a package that is not installed", 'pip install "mailwren[oauth]"')
        )
    for listener in config.listeners:
        if listener.path is not None and len(bytes(listener.path)) > SOCKET_PATH_OCTETS:
            problem = f"{listener.path} is too long for a UNIX socket"
            yield Finding(("listen",), Fault(problem, f"choose a path of at most {SOCKET_PATH_OCTETS} octets"))


def file_faults(config: Config) -> Iterator[Finding]:
    """Files and folders that the server will need and cannot use."""
    if config.data.exists() and not config.data.is_dir():
        yield Finding(("data",), Fault(f"{config.data} is not a folder", "name another folder"))
    for listener in config.listeners:
        if listener.path is not None and not listener.path.parent.is_dir():
            problem = f"the folder {listener.path.parent} is not there"
            yield Finding(("listen",), Fault(problem, "create it, or choose another path for the socket"))
    for name, path in (
        ("tls.client_authorities", config.tls_client_authorities),
        ("oauth.client_secret", config.oauth_client_secret),
    ):
        if path is not None and (reason := _cannot_read(path)):
            yield Finding((name,), Fault(f"{path} cannot be read: {reason}", "name a file that can be"))
    yield from _certificate_faults(config.tls_certificate, config.tls_key)


def _certificate_faults(certificate: Path | None, key: Path | None) -> Iterator[Finding]:
    """Whether the certificate and the key can be read and belong together."""
    unreadable = False
    for name, path in (("tls.certificate", certificate), ("tls.key", key)):
        if path is not None and (reason := _cannot_read(path)):
            unreadable = True
            yield Finding((name,), Fault(f"{path} cannot be read: {reason}", "name a PEM file that can be"))
    if certificate is None or key is None or unreadable:
        return
    keys = ("tls.certificate", "tls.key")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as error:
        reason = (
            "they do not belong together" if error.reason == "KEY_VALUES_MISMATCH" else "they are not valid PEM files"
        )
        yield Finding(keys, Fault(f"certificate and key cannot be used: {reason}", "name a matching pair of PEM files"))
    except ValueError:
        yield Finding(
            keys, Fault("the key is protected by a password", "store it without one, readable by the server only")
        )


def _no_password() -> str:
    """Called for a protected key, which would otherwise make OpenSSL ask on the terminal."""
    raise ValueError("the key is protected by a password")


def _cannot_read(path: Path) -> str | None:
    """Why a file cannot be read; ``None`` when it can."""
    try:
        with path.open("rb"):
            return None
    except OSError as error:
        return error.strerror or str(error)


def warnings(config: Config) -> Iterator[str]:
    """What is allowed, and yet hardly ever wanted."""
    checks: tuple[tuple[bool, Callable[[Listener], bool], str], ...] = (
        (
            config.allow_plaintext_login,
            lambda listener: listener.protocol is ListenProtocol.IMAP,
            "passwords are taken without TLS on {address}, where others may listen in",
        ),
        (
            True,
            lambda listener: listener.protocol is ListenProtocol.LMTP,
            "LMTP on {address}: whoever reaches it can deliver mail to any user",
        ),
    )
    for applies, concerns, text in checks:
        if applies:
            for listener in config.listeners:
                if concerns(listener) and not listener.loopback:
                    yield text.format(address=listener.address)
