"""`mailwren serve`: makes what a first start needs, says where to connect, and runs the server."""

import hashlib
import os
import ssl
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from mailwren import __version__
from mailwren.cli.access import open_users
from mailwren.cli.data_folder import open_to_others, prepare_data
from mailwren.cli.options import ConfigOption, DataOption, read_config
from mailwren.cli.output import notice, print_panel
from mailwren.config.load import Override
from mailwren.config.settings import Config, Listener, ListenProtocol, LogFormat, LogLevel

if TYPE_CHECKING:
    from mailwren.server.sockets import Bound

_LISTEN_PANEL: Final = "Where to listen (instead of what the configuration says)"
_SYSTEMD_VARIABLES: Final = ("NOTIFY_SOCKET", "INVOCATION_ID")
_MEANINGS: Final = {
    ListenProtocol.IMAP: "IMAP with STARTTLS",
    ListenProtocol.IMAPS: "IMAP inside TLS",
    ListenProtocol.LMTP: "mail delivery",
}


def serve(
    context: typer.Context,
    *,
    imap: Annotated[
        list[str] | None,
        typer.Option(
            "--imap", metavar="HOST:PORT", help="IMAP with STARTTLS; repeatable.", rich_help_panel=_LISTEN_PANEL
        ),
    ] = None,
    imaps: Annotated[
        list[str] | None,
        typer.Option(
            "--imaps", metavar="HOST:PORT", help="IMAP inside TLS; repeatable.", rich_help_panel=_LISTEN_PANEL
        ),
    ] = None,
    lmtp: Annotated[
        list[str] | None,
        typer.Option(
            "--lmtp",
            metavar="HOST:PORT|unix:PATH",
            help="Delivery by an MTA; repeatable.",
            rich_help_panel=_LISTEN_PANEL,
        ),
    ] = None,
    workers: Annotated[
        str | None,
        typer.Option(
            "--workers", metavar="N|auto", help="Server processes; one for each core, up to a few, if not said."
        ),
    ] = None,
    allow_plaintext_login: Annotated[
        bool, typer.Option("--allow-plaintext-login", help="Take passwords without TLS: for tests.")
    ] = False,
    log_format: Annotated[LogFormat | None, typer.Option("--log-format", help="How log lines look.")] = None,
    log_level: Annotated[LogLevel | None, typer.Option("--log-level", help="The least that is logged.")] = None,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Start the server, in the foreground.

    The first start makes the data folder, a self-signed certificate and a first user, whose password is shown once.
    HOST:PORT is also [IPV6]:PORT, or *:PORT for all addresses; port 0 takes any free one. Ctrl-C or SIGTERM ends it,
    SIGHUP makes it read its certificate again.
    """
    overrides = [
        Override("listen", f"{protocol}:{address}", f"--{protocol}")
        for protocol, addresses in (("imap", imap), ("imaps", imaps), ("lmtp", lmtp))
        for address in addresses or ()
    ]
    for key, value, option in (
        ("workers", workers, "--workers"),
        ("login.allow_plaintext", "true" if allow_plaintext_login else None, "--allow-plaintext-login"),
        ("log.format", log_format, "--log-format"),
        ("log.level", log_level, "--log-level"),
    ):
        if value is not None:
            overrides.append(Override(key, str(value), option))
    settings = read_config(context, data, config, overrides, check_files=True)
    raise typer.Exit(_run(settings))


def _run(config: Config) -> int:
    """Prepare and serve; returns the exit status."""
    from mailwren.base.logs import configure_logs
    from mailwren.server.run import serve as serve_forever

    configure_logs(config.log_level.value, config.log_format.value)
    for warning in config.warnings:
        notice(f"Warning: {warning}.")
    prepare_data(config)
    if open_to_others(config.data):
        notice(f"Warning: other users of this machine may look into {config.data}; `chmod 700` keeps them out.")
    _first_user(config)
    return serve_forever(config, lambda bound: _announce(config, bound))


def _first_user(config: Config) -> None:
    """Make a user with a generated password when there is none yet, and show both, this once.

    Not under systemd, where what is printed ends up in the journal.
    """
    from mailwren.auth.hashing import generate_password, hash_password

    with open_users(config) as directory:
        if directory.users():
            return
        if any(name in os.environ for name in _SYSTEMD_VARIABLES):
            notice(f"There are no users yet: add one with `mailwren user add NAME --data {config.data}`.")
            return
        password = generate_password()
        user = directory.add(_first_user_name(), hash_password(password))
    print_panel(
        "The first user: note the password, it is not shown again",
        (f"user      {user.name}", f"password  {password}"),
    )


def _first_user_name() -> str:
    """The name of who starts the server, where it can be a user's name here and is not root's."""
    import getpass

    from mailwren.auth.errors import InvalidUserName
    from mailwren.auth.preparation import prepare_user_name

    try:
        name = prepare_user_name(getpass.getuser())
    except (InvalidUserName, KeyError, OSError):
        return "admin"
    return "admin" if name == "root" else name


def _announce(config: Config, bound: Sequence["Bound"]) -> None:
    """Say where the server listens and how to connect."""
    listeners = [each.listener for each in bound]
    print(f"Mailwren {__version__} serves {config.data}")
    for protocol, meaning in _MEANINGS.items():
        addresses = [listener.address for listener in listeners if listener.protocol is protocol]
        if addresses:
            print(f"  {protocol.upper():<6}{', '.join(addresses)}  ({meaning})")
    hint = _connection_hint(config, listeners)
    if hint:
        print(hint)
    sys.stdout.flush()


def _connection_hint(config: Config, listeners: Sequence[Listener]) -> str:
    """What to enter in a mail program."""
    serving = {listener.protocol: listener for listener in reversed(listeners)}
    chosen = serving.get(ListenProtocol.IMAPS) or serving.get(ListenProtocol.IMAP)
    if chosen is None:
        return ""
    host = "localhost" if chosen.loopback else f"{config.server_name} (or this machine's address)"
    security = "SSL/TLS" if chosen.protocol is ListenProtocol.IMAPS else "STARTTLS"
    text = (
        f"In a mail program: IMAP server {host}, port {chosen.port}, security {security}, and a user with its password."
    )
    if config.tls_certificate is None and (fingerprint := _fingerprint(config)):
        text += f"\nIts certificate is self-signed: accept it when its SHA-256 fingerprint is\n  {fingerprint}"
    return text


def _fingerprint(config: Config) -> str:
    """The SHA-256 of the certificate as mail programs show it; empty when it cannot be read."""
    try:
        pem = config.certificate_file.read_text(encoding="ascii")
        start = pem.index("-----BEGIN CERTIFICATE-----")
        end = pem.index("-----END CERTIFICATE-----", start)
        certificate = ssl.PEM_cert_to_DER_cert(pem[start:end] + "-----END CERTIFICATE-----")
    except (OSError, ValueError):
        return ""
    return hashlib.sha256(certificate).digest().hex(":").upper()
