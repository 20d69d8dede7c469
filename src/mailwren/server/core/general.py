"""CAPABILITY, NOOP, CHECK, LOGOUT, ID and ENABLE (RFC 9051 §6.1, §6.3.1, RFC 2971, RFC 3501 §6.4.1)."""

from typing import TYPE_CHECKING

from mailwren.base.logs import log
from mailwren.imap.core.arguments import Enable, Identify, NoArguments
from mailwren.imap.core.session import write_enabled, write_id
from mailwren.server.ext import condstore, uidonly
from mailwren.server.table import Completion, Request

if TYPE_CHECKING:
    from mailwren.server.session import Session

_LOGGED = ("name", "version", "os", "os-version", "vendor")
"""What of a client's ID is worth a line (RFC 2971 §3.3); names that clients make up never get into the log."""


async def run_capability(session: "Session", _arguments: NoArguments, _request: Request) -> Completion | None:
    """Say what the server can do now (RFC 9051 §6.1.1)."""
    session.send(b"* CAPABILITY " + session.features.capability_text(session) + b"\r\n")
    return None


async def run_noop(_session: "Session", _arguments: NoArguments, _request: Request) -> Completion | None:
    """Do nothing; the notices follow as after every command (RFC 9051 §6.1.2)."""
    return None


async def run_logout(session: "Session", _arguments: NoArguments, _request: Request) -> Completion | None:
    """End the session: BYE, then OK, then the connection closes (RFC 9051 §6.1.3)."""
    session.select(None)
    session.say(b"BYE", "Logging out")
    session.end()
    return None


async def run_id(session: "Session", arguments: Identify, _request: Request) -> Completion | None:
    """Exchange names and versions (RFC 2971 §3)."""
    session.client_id = {name.lower(): value for name, value in arguments.fields}
    known = {name.replace("-", "_"): value for name in _LOGGED if (value := session.client_id.get(name)) is not None}
    if known:
        log.info("client", client=known, address=session.connection.peer)
    session.send(write_id(dict(session.context.config.id_fields)))
    return None


async def run_enable(session: "Session", arguments: Enable, _request: Request) -> Completion | None:
    """Turn extensions on; those not known or hidden from this client are passed over (RFC 9051 §6.3.1)."""
    enabled: list[str] = []
    hidden = session.features.hidden(session)
    for name in arguments.capabilities:
        known = session.features.enablable.get(name)
        if known is not None and name not in hidden and name not in session.enabled:
            session.enabled.add(name)
            enabled.append(known)
    if not session.enabled.isdisjoint(("CONDSTORE", "QRESYNC")):
        condstore.enable(session)
    if "UIDONLY" in enabled:
        uidonly.forget_numbers(session)
    session.send(write_enabled(enabled))
    return None
