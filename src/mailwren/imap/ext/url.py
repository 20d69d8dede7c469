"""IMAP URLs: absolute and relative ones, of servers, mailboxes, messages and their parts (RFC 5092).

Pure text both ways; whose mailbox a URL names, and whether there is one, is for the server to find out.
"""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from mailwren.imap import names
from mailwren.imap.core.arguments import Section
from mailwren.imap.core.fetch import parse_section, write_section
from mailwren.imap.errors import BadCommand
from mailwren.imap.scanner import NUMBER64_MAX, NUMBER_MAX, Scanner

_LEGAL: Final = re.compile(r"(?:[!#$&-;=?-Z_a-z~\[\]]|%[0-9A-Fa-f]{2})*+")
"""URI characters; everything else is to be percent-encoded (RFC 5092 §11, RFC 3986 §2)."""
_SERVER: Final = re.compile(
    r"(?:(?P<user>[^;@/:?]*)(?:;AUTH=(?P<auth>[^;@/:?]+))?@)?"
    r"(?P<host>\[[0-9a-f:.]+\]|[^\[\]:/@?;]+)(?::(?P<port>[0-9]{1,5}))?",
    re.IGNORECASE,
)
_MESSAGE: Final = re.compile(
    r"(?P<mailbox>[^;?]*)(?:;UIDVALIDITY=(?P<uid_validity>[0-9]{1,10}))?/;UID=(?P<uid>[0-9]{1,10})"
    r"(?:/;SECTION=(?P<section>[^;?]+))?"
    r"(?:/;PARTIAL=(?P<first>[0-9]{1,19})(?:\.(?P<count>[0-9]{1,19}))?)?"
    r"(?:;EXPIRE=(?P<expire>[^;?]+))?"
    r"(?P<rump>;URLAUTH=(?P<access>(?:submit|user)\+(?P<grantee>[^:;?]+)|authuser|anonymous)"
    r"(?P<verifier>:(?P<mechanism>[a-z0-9.-]+):(?P<token>[0-9a-f]{32,}))?)?",
    re.IGNORECASE,
)
_MAILBOX: Final = re.compile(
    r"(?P<mailbox>[^;?]*)(?:;UIDVALIDITY=(?P<uid_validity>[0-9]{1,10}))?(?:\?(?P<search>.*))?", re.IGNORECASE
)
_DATE_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})", re.IGNORECASE
)
_PATH_SAFE: Final = "/:@!$'()*+,&="
"""What stays as it is in a mailbox's name or a section: ``bchar`` without percent signs."""


class BadUrl(ValueError):
    """Not an IMAP URL, or not one of the kind that is needed; the text says why."""


@dataclass(frozen=True, slots=True)
class ImapUrl:
    """What an IMAP URL says, decoded."""

    host: str = ""
    """Lower case; empty for a URL that is relative to the server."""
    user: str = ""
    port: int | None = None
    mailbox: str = ""
    """Canonical; empty for a URL of a server."""
    uid_validity: int | None = None
    uid: int | None = None
    section: Section = field(default_factory=Section)
    partial: tuple[int, int | None] | None = None
    """First octet from 0, and how many octets, ``None`` for all the rest."""
    expire: datetime | None = None
    access: str = ""
    """Of URLAUTH, lower case without the user: ``submit+``, ``user+``, ``authuser``, ``anonymous``, or empty."""
    grantee: str = ""
    """Of URLAUTH: the user behind ``submit+`` and ``user+``."""
    mechanism: str = ""
    """Of URLAUTH, upper case; empty in a URL that is to be authorized."""
    token: str = ""
    """Of URLAUTH, hexadecimal."""
    rump: str = ""
    """The URL as it was written, up to the access identifier (RFC 4467 §6)."""


def parse_url(text: str, base_mailbox: str = "") -> ImapUrl:
    """The URL that stands in ``text``.

    Args:
        text: absolute (``imap://…``), or relative to the server (``/…``) or to a mailbox (``;UID=…``).
        base_mailbox: what a URL without a mailbox is relative to (RFC 4469 §3).

    Raises:
        BadUrl: it is none.
    """
    if _LEGAL.fullmatch(text) is None:
        raise BadUrl("it has characters that must be percent-encoded")
    if text[:7].lower() == "imap://":
        return _absolute(text, text[7:])
    if text.startswith("//"):
        return _absolute(text, text[2:])
    return _of_path(text, text.removeprefix("/"), base_mailbox, ImapUrl())


def _absolute(text: str, rest: str) -> ImapUrl:
    authority, _, path = rest.partition("/")
    match = _SERVER.fullmatch(authority)
    if match is None:
        raise BadUrl("it names no server")
    port = int(match["port"]) if match["port"] else None
    server = ImapUrl(host=match["host"].lower(), user=_decoded(match["user"] or ""), port=port)
    if not path:
        return server
    return _of_path(text, path, "", server)


def _of_path(text: str, path: str, base_mailbox: str, server: ImapUrl) -> ImapUrl:
    match = _MESSAGE.fullmatch(path if not path.startswith(";") else "/" + path)
    if match is None:
        return _of_mailbox(path, server)
    mailbox = names.canonical(_decoded(match["mailbox"])) or base_mailbox
    if not mailbox:
        raise BadUrl("it names no mailbox")
    return replace(
        server,
        mailbox=mailbox,
        uid_validity=_number(match["uid_validity"]),
        uid=_number(match["uid"]),
        section=_section(match["section"]),
        partial=_partial(match["first"], match["count"]),
        expire=_moment(match["expire"]),
        access=(match["access"] or "").partition("+")[0].lower() + "+" * (match["grantee"] is not None),
        grantee=_decoded(match["grantee"] or ""),
        mechanism=(match["mechanism"] or "").upper(),
        token=match["token"] or "",
        rump=text.removesuffix(match["verifier"] or ""),
    )


def _of_mailbox(path: str, server: ImapUrl) -> ImapUrl:
    match = _MAILBOX.fullmatch(path)
    if match is None:
        raise BadUrl("what stands behind the mailbox cannot be read")
    name = names.canonical(_decoded(match["mailbox"]))
    return replace(server, mailbox=name, uid_validity=_number(match["uid_validity"]))


def _decoded(text: str) -> str:
    try:
        return unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadUrl("it is not UTF-8") from error


def _number(digits: str | None) -> int | None:
    if digits is None:
        return None
    number = int(digits)
    if not 1 <= number <= NUMBER_MAX:
        raise BadUrl("it has a number beyond 32 bits, or 0")
    return number


def _section(text: str | None) -> Section:
    if text is None:
        return Section()
    scanner = Scanner((b"[" + unquote_to_bytes(text) + b"]",))
    try:
        section = parse_section(scanner)
        scanner.end()
    except BadCommand as error:
        raise BadUrl(f"its section is wrong: {error.text}") from error
    return section


def _partial(first: str | None, count: str | None) -> tuple[int, int | None] | None:
    if first is None:
        return None
    length = None if count is None else int(count)
    if length == 0 or max(int(first), length or 0) > NUMBER64_MAX:
        raise BadUrl("a partial takes at least one octet, and 63-bit numbers")
    return int(first), length


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    text = _decoded(text)
    if _DATE_TIME.fullmatch(text) is None:
        raise BadUrl("EXPIRE takes a date and time with its zone (RFC 3339)")
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError as error:
        raise BadUrl(f"EXPIRE: {error}") from error


def write_url(url: ImapUrl) -> str:
    """A URL in text; :func:`parse_url` reads the same out of it, ``rump`` apart."""
    result = ""
    if url.host:
        user = quote(url.user, safe="") + ";AUTH=*@" if url.user else ""
        result = f"imap://{user}{url.host}" + ("" if url.port is None else f":{url.port}")
    path = quote(url.mailbox, safe=_PATH_SAFE)
    result += "/" + ("%2F" + path[1:] if path.startswith("/") else path)  # two slashes would begin a server's name
    if url.uid_validity is not None:
        result += f";UIDVALIDITY={url.uid_validity}"
    if url.uid is None:
        return result
    result += f"/;UID={url.uid}"
    if url.section != Section():
        result += "/;SECTION=" + quote(write_section(url.section)[1:-1], safe=_PATH_SAFE)
    if url.partial is not None:
        first, length = url.partial
        result += f"/;PARTIAL={first}" + ("" if length is None else f".{length}")
    return result + _authorization(url)


def _authorization(url: ImapUrl) -> str:
    result = "" if url.expire is None else f";EXPIRE={url.expire.isoformat()}"
    if url.access:
        result += f";URLAUTH={url.access}{quote(url.grantee, safe='')}"
    if url.mechanism:
        result += f":{url.mechanism}:{url.token}"
    return result


def bad_url_code(url: str) -> bytes:
    """``BADURL`` with the URL as the client wrote it (RFC 4469 §4.1); what a code cannot hold becomes ``?``."""
    shown = "".join(character if character in _CODE_TEXT else "?" for character in url[:_SHOWN])
    return b"BADURL " + (shown or "?").encode("ascii")


_CODE_TEXT: Final = frozenset(map(chr, range(0x20, 0x7F))) - set("[]\\")
_SHOWN: Final = 1000
"""Characters of a URL that are repeated."""
