"""RESETKEY, GENURLAUTH and URLFETCH (RFC 4467, RFC 5524).

URLFETCH answers NIL for every URL that does not count, whatever the reason, and takes as long to find that out whether
or not there is such a user or mailbox.
"""

from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from mailwren.auth.errors import DirectoryUnavailable
from mailwren.base import limits
from mailwren.base.logs import log
from mailwren.imap import wire
from mailwren.imap.core.arguments import FetchItem, SectionText
from mailwren.imap.core.nested import body_part, parse_nested
from mailwren.imap.errors import BadCommand, Refused
from mailwren.imap.ext import urlauth as imap
from mailwren.imap.ext.url import BadUrl, ImapUrl, parse_url
from mailwren.message.stream_decoder import UnknownEncoding
from mailwren.server.core.fetch_octets import OctetItem, Streamed
from mailwren.server.ext.message_urls import UrlTarget, is_here, message_in
from mailwren.server.ext.url_keys import find_key, give_key, is_token, token
from mailwren.server.places import Places
from mailwren.server.table import Completion, Request
from mailwren.store.errors import MessageDamaged, NoSuchMailbox, StoreError, StoreUnavailable
from mailwren.store.operations import ForgetAccessKeys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mailwren.auth.users import User
    from mailwren.server.context import ServerContext
    from mailwren.server.places import Place
    from mailwren.server.session import Session
    from mailwren.store.api import Account

_ROOM: Final = 256 * 1024
"""Octets of one command's answers that are put together in memory; what does not fit is streamed."""
_ENCODED: Final = frozenset({b'"base64"', b'"quoted-printable"'})
"""Encodings that BINARY takes off."""


async def run_reset_key(session: "Session", arguments: imap.ResetKey, _request: Request) -> Completion | None:
    """Make URLs worthless that were authorized so far, of one mailbox or of all."""
    if arguments.mailbox is None:
        await session.account.apply([ForgetAccessKeys()])
        return Completion(text="All keys removed")
    if set(arguments.mechanisms) - {imap.INTERNAL}:
        raise Refused("The only mechanism is INTERNAL", b"CANNOT")
    await give_key(session.account, await session.places.find(arguments.mailbox), replace=True)
    return Completion(code=imap.URLMECH, text="The mailbox has a new key")


# --- GENURLAUTH ---------------------------------------------------------------------------------------------
async def run_generate(session: "Session", arguments: imap.GenerateUrls, _request: Request) -> Completion | None:
    """Authorize URLs of messages that the user can read now."""
    _check_number(arguments.urls)
    generated: list[str] = []
    for text, mechanism in arguments.urls:
        if mechanism != imap.INTERNAL:
            raise Refused("The only mechanism is INTERNAL", b"CANNOT")
        url = _rump(session, text)
        try:
            place = await session.places.find(url.mailbox)
        except NoSuchMailbox as error:
            raise BadCommand(str(error)) from error  # "the server MUST return a tagged BAD" (RFC 4467 §7)
        key = await find_key(session.account, place) or await give_key(session.account, place, replace=False)
        generated.append(f"{text}:{imap.INTERNAL}:{token(key, text)}")
        await session.breathe()
    session.send(imap.write_generated(generated))
    return None


def _rump(session: "Session", text: str) -> ImapUrl:
    """A URL that can be authorized. Raises BadCommand."""
    try:
        url = parse_url(text)
    except BadUrl as error:
        raise BadCommand(f"The URL is wrong: {error}") from error
    if url.uid is None:
        raise BadCommand("The URL does not name a message")
    if not url.access:
        raise BadCommand("missing access identifier in supplied URL")
    if url.mechanism:
        raise BadCommand("The URL is authorized already")
    if not url.user:
        raise BadCommand("missing owner username in supplied URL")
    if session.user is None or url.user != session.user.name or not is_here(session, url):
        raise BadCommand("The URL is not of this server and of your own")
    return url


# --- URLFETCH -----------------------------------------------------------------------------------------------
class _Owner:
    """Whose mail a URL names: with his rights it is read (RFC 4467 §7)."""

    def __init__(self, session: "Session", account: "Account") -> None:
        self.account = account
        self.user: User | None = None
        self.context: ServerContext = session.context
        self.breathe = session.breathe

    def hint(self, account_id: str, mailbox: int) -> None:
        """Nobody waits for changes."""


async def run_url_fetch(session: "Session", arguments: imap.FetchUrls, _request: Request) -> Completion | None:
    """Send what URLs name, NIL for those that do not count."""
    _check_number(arguments.urls)
    async with AsyncExitStack() as stack:
        values: list[Sequence[bytes | Streamed]] = []
        room = _ROOM
        for request in arguments.urls:
            values.append(await _values(session, request, stack, room))
            room -= min(room, sum(len(piece) for piece in values[-1] if isinstance(piece, bytes)))
            await session.breathe()
        session.send(b"* URLFETCH")
        for request, pieces in zip(arguments.urls, values, strict=True):
            session.send(b" " + wire.string(request.url.encode("utf-8"), session.utf8))
            for piece in pieces:
                await _send(session, piece, extended=bool(request.parameters))
            await session.breathe()
        session.send(b"\r\n")
    return None


def _check_number(urls: "Sequence[object]") -> None:
    if len(urls) > limits.URLS_PER_COMMAND:
        raise Refused(f"More than {limits.URLS_PER_COMMAND} URLs at once", b"LIMIT")


async def _send(session: "Session", piece: bytes | Streamed, *, extended: bool) -> None:
    session.send(b" (" if extended and piece != b"NIL" else b" ")
    if isinstance(piece, Streamed):
        await piece.send(session)
    else:
        session.send(piece)
    if extended and piece != b"NIL":
        session.send(b")")


async def _values(
    session: "Session", request: imap.UrlRequest, stack: AsyncExitStack, room: int
) -> "Sequence[bytes | Streamed]":
    try:
        target = await _authorized(session, parse_url(request.url), stack)
        if not request.parameters:
            return [await _simple(target, room)]
        return [await _extended(target, name, request.parameters, room) for name in request.parameters]
    except (BadUrl, MessageDamaged) as error:
        log.debug("URL not fetched", reason=str(error))
        return [b"NIL"]


async def _authorized(session: "Session", url: ImapUrl, stack: AsyncExitStack) -> UrlTarget:
    """The message that a URL lets this session read. Raises BadUrl, StoreError."""
    if url.uid is None or url.mechanism != imap.INTERNAL or not url.user or not is_here(session, url):
        raise BadUrl("it is not an authorized URL of this server")
    found = await _place_of(session, url, stack)
    key = await find_key(*found) if found is not None else None
    if not is_token(key, url.rump, url.token) or found is None:
        raise BadUrl("its token is not right")
    if url.expire is not None and datetime.fromtimestamp(session.context.wall_clock(), UTC) > url.expire:
        raise BadUrl("it has expired")
    if not _may_use(session, url):
        raise BadUrl("it is not for this user")
    if "r" not in found[1].rights:
        raise BadUrl("its owner may not read the mailbox any more")
    return await message_in(found[1], url)


def _may_use(session: "Session", url: ImapUrl) -> bool:
    """Whether the access identifier means this session's user (RFC 4467 §3). There are no anonymous sessions."""
    name = session.user.name if session.user is not None else ""
    if url.access == "user+":
        return url.grantee == name
    if url.access == "submit+":
        return name.lower() in session.context.config.submission_users
    return True


async def _place_of(session: "Session", url: ImapUrl, stack: AsyncExitStack) -> "tuple[Account, Place] | None":
    """The account of the URL's owner, and the mailbox as the owner has it; open until the command ends."""
    account = await _account_of(session, url.user, stack)
    if account is None:
        return None
    places = Places(_Owner(session, account))
    stack.push_async_callback(places.close)
    try:
        return account, await places.find(url.mailbox)
    except (NoSuchMailbox, Refused):
        return None


async def _account_of(session: "Session", name: str, stack: AsyncExitStack) -> "Account | None":
    if session.user is not None and name == session.user.name:
        return session.account
    try:
        owner = session.context.users.find(name)
    except DirectoryUnavailable as error:
        raise StoreUnavailable(str(error)) from error
    if owner is None or not owner.enabled:
        return None
    try:
        account = await session.context.store.account(owner.account_id)
    except StoreError as error:
        raise BadUrl("its owner's mail cannot be used") from error
    stack.push_async_callback(session.context.store.release, account)
    return account


# --- what is sent -------------------------------------------------------------------------------------------
async def _simple(target: UrlTarget, room: int) -> bytes | Streamed:
    value = await _octets(target, "BODY[]", b"", room)
    # "if the fetch … returned NIL …, the returned data string should be the empty string" (RFC 4467 §8)
    return b'""' if value == b"NIL" else value


async def _extended(target: UrlTarget, name: str, parameters: "Sequence[str]", room: int) -> bytes | Streamed:
    if name == "BODYPARTSTRUCTURE":
        return b"BODYPARTSTRUCTURE " + await _structure(target, decoded="BINARY" in parameters)
    if name == "BINARY" and target.url.section.text is not SectionText.ALL:
        return b"BINARY NIL"
    return await _octets(target, name + "[]", name.encode("ascii"), room)


async def _octets(target: UrlTarget, name: str, label: bytes, room: int) -> bytes | Streamed:
    item = replace(target.item, name=name)
    try:
        value = await OctetItem(item, label, target.url.section).value(target.account, target.content, room)
    except UnknownEncoding:
        value = label + b" NIL"
    if isinstance(value, bytes):
        return value if label else value[1:]
    return value if label else replace(value, label=value.label[1:])


async def _structure(target: UrlTarget, *, decoded: bool) -> bytes:
    """The part's own body structure; with its data decoded, as it is then (RFC 5524 §3). Of what is no part NIL."""
    section = target.url.section
    if section.text is not SectionText.ALL:
        return b"NIL"
    (row,) = await target.account.wire([target.content])
    whole = row.body_structure
    part = body_part(parse_nested(whole), section.part)
    if part is None or part.items is None:
        return b"NIL"
    encoding, size = (part.items[5], part.items[6]) if len(part.items) > 6 else (part, part)
    if not decoded or whole[encoding.start : encoding.stop].lower() not in _ENCODED:
        return whole[part.start : part.stop]
    sized = OctetItem(FetchItem("BINARY.SIZE[]", section), b"", section)
    value = await sized.value(target.account, target.content, _ROOM)
    assert isinstance(value, bytes)
    between = whole[encoding.stop : size.start]
    return b'%b"BINARY"%b%b%b' % (
        whole[part.start : encoding.start],
        between,
        value.strip(),
        whole[size.stop : part.stop],
    )
