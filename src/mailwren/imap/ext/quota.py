"""QUOTA: how much an account holds and may hold (RFC 9208; RFC 2087 has the same words)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from mailwren.base import limits
from mailwren.imap import wire
from mailwren.imap.core.arguments import MailboxName
from mailwren.imap.errors import BadCommand
from mailwren.imap.scanner import Scanner
from mailwren.imap.syntax import Syntax
from mailwren.imap.wire import CommandWriter

STATUS_ITEMS: Final = ("DELETED-STORAGE",)
"""``status-att`` (RFC 9208 §7); DELETED is one of RFC 9051 as well."""


@dataclass(frozen=True, slots=True)
class GetQuota:
    """GETQUOTA."""

    root: str
    """The name of a quota root, as the server gave it."""


@dataclass(frozen=True, slots=True)
class SetQuota:
    """SETQUOTA: what is not named has no limit any more (RFC 9208 §4.1.3)."""

    root: str
    limits: tuple[tuple[str, int], ...]
    """Resource names in upper case, each once, with their limits in the resource's own unit."""


class QuotaResource(NamedTuple):
    """One resource of a quota root, in its own unit: STORAGE counts in 1024 octets (RFC 9208 §5.1)."""

    name: str
    usage: int
    limit: int


# --- commands -----------------------------------------------------------------------------------------------
def _root(scanner: Scanner) -> str:
    """``quota-root-name = astring``."""
    return scanner.astring("the name of a quota root").decode("utf-8", "replace")


def _parse_get_quota(scanner: Scanner) -> GetQuota:
    scanner.space()
    root = _root(scanner)
    scanner.end()
    return GetQuota(root)


def _write_get_quota(arguments: GetQuota, writer: CommandWriter) -> None:
    writer.raw(b" ")
    writer.astring(arguments.root.encode())


def _parse_get_quota_root(scanner: Scanner) -> MailboxName:
    scanner.space()
    mailbox = scanner.mailbox()
    scanner.end()
    return MailboxName(mailbox)


def _write_get_quota_root(arguments: MailboxName, writer: CommandWriter) -> None:
    writer.raw(b" ")
    writer.mailbox(arguments.mailbox)


def _parse_set_quota(scanner: Scanner) -> SetQuota:
    """``"SETQUOTA" SP quota-root-name SP "(" [setquota-resource *(SP setquota-resource)] ")"``."""
    scanner.space()
    root = _root(scanner)
    scanner.space()
    found = scanner.parenthesised(lambda: _resource_limit(scanner), at_least=0)
    scanner.end()
    if len(found) > limits.QUOTA_RESOURCES or len(dict(found)) < len(found):
        raise BadCommand("each resource can be limited once")
    return SetQuota(root, tuple(found))


def _resource_limit(scanner: Scanner) -> tuple[str, int]:
    name = scanner.name("the name of a resource")
    scanner.space()
    return name, scanner.number64()


def _write_set_quota(arguments: SetQuota, writer: CommandWriter) -> None:
    writer.raw(b" ")
    writer.astring(arguments.root.encode())
    text = " ".join(f"{name} {limit}" for name, limit in arguments.limits)
    writer.raw(b" (" + text.encode("ascii") + b")")


GETQUOTA: Final = Syntax(b"GETQUOTA", "9208 §4.1.1", _parse_get_quota, _write_get_quota)
GETQUOTAROOT: Final = Syntax(b"GETQUOTAROOT", "9208 §4.1.2", _parse_get_quota_root, _write_get_quota_root)
SETQUOTA: Final = Syntax(b"SETQUOTA", "9208 §4.1.3", _parse_set_quota, _write_set_quota)


# --- responses ----------------------------------------------------------------------------------------------
def write_quota(root: str, resources: Iterable[QuotaResource]) -> bytes:
    """``* QUOTA root (name usage limit …)`` (RFC 9208 §4.2.1); an empty list is no limit at all."""
    text = " ".join(f"{name} {usage} {limit}" for name, usage, limit in resources)
    return b"* QUOTA " + wire.astring(root.encode()) + b" (" + text.encode("ascii") + b")\r\n"


def write_quota_root(mailbox: str, roots: Sequence[str], utf8: bool) -> bytes:
    """``* QUOTAROOT mailbox root …`` (RFC 9208 §4.2.2)."""
    names = b"".join(b" " + wire.astring(root.encode()) for root in roots)
    return b"* QUOTAROOT " + wire.mailbox(mailbox, utf8) + names + b"\r\n"


def parse_quota(scanner: Scanner) -> tuple[str, tuple[QuotaResource, ...]]:
    """What follows ``* QUOTA``."""
    scanner.space()
    root = _root(scanner)
    scanner.space()
    resources = scanner.parenthesised(lambda: _resource(scanner), at_least=0)
    scanner.end()
    return root, tuple(resources)


def _resource(scanner: Scanner) -> QuotaResource:
    name, usage = _resource_limit(scanner)
    scanner.space()
    return QuotaResource(name, usage, scanner.number64())


def parse_quota_root(scanner: Scanner) -> tuple[str, tuple[str, ...]]:
    """What follows ``* QUOTAROOT``."""
    scanner.space()
    mailbox = scanner.mailbox()
    roots: list[str] = []
    while not scanner.at_end():
        scanner.space()
        roots.append(_root(scanner))
    scanner.end()
    return mailbox, tuple(roots)
