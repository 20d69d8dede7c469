"""RESETKEY, GENURLAUTH and URLFETCH: URLs that let others read one message or part (RFC 4467, RFC 5524)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mailwren.imap import wire
from mailwren.imap.errors import BadCommand
from mailwren.imap.scanner import Scanner
from mailwren.imap.syntax import Syntax
from mailwren.imap.wire import CommandWriter

INTERNAL: Final = "INTERNAL"
"""The one mechanism (RFC 4467 §2.4.1)."""
URLMECH: Final = b"URLMECH INTERNAL"
"""The response code that names the mechanisms (RFC 4467 §8)."""
PARAMETERS: Final = frozenset({"BODY", "BINARY", "BODYPARTSTRUCTURE"})
"""What the extended URLFETCH can be asked for (RFC 5524 §3)."""


@dataclass(frozen=True, slots=True)
class ResetKey:
    """RESETKEY (RFC 4467 §7)."""

    mailbox: str | None = None
    """``None``: all mailboxes."""
    mechanisms: tuple[str, ...] = ()
    """Upper case."""


@dataclass(frozen=True, slots=True)
class GenerateUrls:
    """GENURLAUTH (RFC 4467 §7): URLs up to the access identifier, and a mechanism in upper case for each."""

    urls: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class UrlRequest:
    """One URL of URLFETCH."""

    url: str
    parameters: tuple[str, ...] | None = None
    """Upper case, of the extended form; ``None`` is the simple form."""


@dataclass(frozen=True, slots=True)
class FetchUrls:
    """URLFETCH (RFC 4467 §7, RFC 5524 §3)."""

    urls: tuple[UrlRequest, ...]


def parse_reset_key(scanner: Scanner) -> ResetKey:
    """``resetkey = "RESETKEY" [SP mailbox *(SP mechanism)]``."""
    if scanner.at_end():
        return ResetKey()
    scanner.space()
    mailbox = scanner.mailbox()
    mechanisms: list[str] = []
    while not scanner.at_end():
        scanner.space()
        mechanisms.append(scanner.name("a mechanism"))
    return ResetKey(mailbox, tuple(mechanisms))


def write_reset_key(arguments: ResetKey, writer: CommandWriter) -> None:
    """The counterpart of :func:`parse_reset_key`."""
    if arguments.mailbox is None:
        return
    writer.raw(b" ")
    writer.mailbox(arguments.mailbox)
    for mechanism in arguments.mechanisms:
        writer.raw(b" " + mechanism.encode("ascii"))


def parse_generate(scanner: Scanner) -> GenerateUrls:
    """``genurlauth = "GENURLAUTH" 1*(SP url-rump SP mechanism)``."""
    urls: list[tuple[str, str]] = []
    while not urls or not scanner.at_end():
        scanner.space()
        url = scanner.text("a URL")
        scanner.space()
        urls.append((url, scanner.name("a mechanism")))
    return GenerateUrls(tuple(urls))


def write_generate(arguments: GenerateUrls, writer: CommandWriter) -> None:
    """The counterpart of :func:`parse_generate`."""
    for url, mechanism in arguments.urls:
        writer.raw(b" ")
        writer.astring(url.encode("utf-8"))
        writer.raw(b" " + mechanism.encode("ascii"))


def parse_fetch(scanner: Scanner) -> FetchUrls:
    """``urlfetch = "URLFETCH" 1*(SP (url-full / "(" url-full *(SP url-fetch-param) ")"))``."""
    urls: list[UrlRequest] = []
    while not urls or not scanner.at_end():
        scanner.space()
        urls.append(_extended(scanner) if scanner.at(b"(") else UrlRequest(scanner.text("a URL")))
    return FetchUrls(tuple(urls))


def _extended(scanner: Scanner) -> UrlRequest:
    scanner.open()
    url = scanner.text("a URL")
    parameters: list[str] = []
    while not scanner.take_close():
        scanner.space()
        parameters.append(scanner.name("what to fetch of the URL"))
    if not PARAMETERS.issuperset(parameters) or len(set(parameters)) < len(parameters):
        raise BadCommand("of a URL BODY, BINARY and BODYPARTSTRUCTURE can be fetched, each once")
    if {"BODY", "BINARY"} <= set(parameters):
        raise BadCommand("of a URL either BODY or BINARY can be fetched")
    return UrlRequest(url, tuple(parameters))


def write_fetch(arguments: FetchUrls, writer: CommandWriter) -> None:
    """The counterpart of :func:`parse_fetch`."""
    for request in arguments.urls:
        writer.raw(b" " if request.parameters is None else b" (")
        writer.astring(request.url.encode("utf-8"))
        if request.parameters is not None:
            writer.raw("".join(f" {parameter}" for parameter in request.parameters).encode("ascii") + b")")


RESETKEY: Final = Syntax(b"RESETKEY", "4467 §7", parse_reset_key, write_reset_key)
GENURLAUTH: Final = Syntax(b"GENURLAUTH", "4467 §7", parse_generate, write_generate)
URLFETCH: Final = Syntax(b"URLFETCH", "4467 §7", parse_fetch, write_fetch)


def write_generated(urls: Iterable[str]) -> bytes:
    """``* GENURLAUTH`` with the authorized URLs (RFC 4467 §8)."""
    return b"* GENURLAUTH " + b" ".join(wire.string(url.encode("utf-8")) for url in urls) + b"\r\n"
