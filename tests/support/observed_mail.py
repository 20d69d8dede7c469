"""What a server holds, as a client without any cache sees it: the measure of what other clients did to it."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import imapclient

from .process import ServerProcess


@dataclass(frozen=True)
class ObservedMessage:
    """One message; flags without ``\\Recent``, which belongs to sessions."""

    uid: int
    flags: frozenset[str]
    internal_date: str
    octets: bytes


@dataclass(frozen=True)
class ObservedMailbox:
    """One mailbox with everything that is in it."""

    uid_validity: int
    uid_next: int
    messages: tuple[ObservedMessage, ...]

    def flags(self, part: bytes) -> frozenset[str]:
        """The flags of the only message that contains these octets. Raises ValueError if it is not the only one."""
        (message,) = (each for each in self.messages if part in each.octets)
        return message.flags


def own_certificate(server: ServerProcess) -> ssl.SSLContext:
    """TLS that trusts the server's self-signed certificate and no other."""
    return ssl.create_default_context(cafile=server.data / "certificate.pem")


@contextmanager
def observing(server: ServerProcess, user: str = "anna") -> Iterator[imapclient.IMAPClient]:
    """A connection that is logged in over TLS."""
    context = own_certificate(server)
    with imapclient.IMAPClient("127.0.0.1", server.imaps_port, ssl_context=context, timeout=30) as client:
        client.login(user, "secret")
        yield client


def observed_mailbox(client: imapclient.IMAPClient, name: str) -> ObservedMailbox:
    """A mailbox as it is now; nothing is changed by looking."""
    selected = client.select_folder(name, readonly=True)
    rows = client.fetch(client.search(), ["FLAGS", "INTERNALDATE", "BODY.PEEK[]"]) if selected[b"EXISTS"] else {}
    messages = tuple(
        ObservedMessage(
            uid,
            frozenset(flag.decode() for flag in row[b"FLAGS"] if flag != b"\\Recent"),
            row[b"INTERNALDATE"].isoformat(),
            row[b"BODY[]"],
        )
        for uid, row in sorted(rows.items())
    )
    return ObservedMailbox(selected[b"UIDVALIDITY"], selected[b"UIDNEXT"], messages)


def observed_mail(server: ServerProcess) -> dict[str, ObservedMailbox]:
    """Every mailbox of the user ``anna``."""
    with observing(server) as client:
        return {name: observed_mailbox(client, name) for _, _, name in client.list_folders()}
