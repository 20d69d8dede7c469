"""Every transcript in this folder, played whole, byte by byte and pipelined."""

import asyncio
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, cast

import pytest
from tests.support.inprocess import Client, OpenDoor, server_context
from tests.support.transcript import Player, Script, parse_script

from mailwren.server.features import Features
from mailwren.store.operations import Append

SCRIPTS_FOLDER = Path(__file__).parent
SCRIPTS = sorted(SCRIPTS_FOLDER.glob("*.imap"))
_DATE = datetime(1996, 7, 17, 2, 44, 25, tzinfo=timezone(-timedelta(hours=7)))
MESSAGE = (
    b"From: Ann Example <ann@example.org>\r\nTo: bob@example.org\r\nSubject: Message %d\r\n"
    b"Date: Mon, 7 Feb 1994 21:52:25 -0800\r\nMessage-ID: <%d@example.org>\r\n\r\nThis is message %d.\r\n"
)


def _message(name: str) -> bytes:
    """A message of the folder ``messages``; ``.eml`` files are kept with LF and sent with CRLF."""
    octets = (SCRIPTS_FOLDER / "messages" / name).read_bytes()
    return octets.replace(b"\n", b"\r\n") if name.endswith(".eml") else octets


async def _prepare(client: Client, script: Script) -> None:
    await client.login()
    for name in filter(None, (each.strip() for each in script.header.get("mailboxes", "").split(","))):
        assert b" OK " in await client.command(b'CREATE "%b"' % name.encode())
    for number in range(1, int(script.header.get("messages", "0")) + 1):
        body = MESSAGE % (number, number, number)
        client.send(b'a APPEND INBOX " 7-Feb-1994 21:52:25 -0800" {%d+}\r\n%b\r\n' % (len(body), body))
        assert b"OK" in await client.until(lambda data: data.index(b"\r\n") + 2 if b"\r\n" in data else None)
    for name in filter(None, (each.strip() for each in script.header.get("append", "").split(","))):
        # Not through APPEND, which cannot add an empty message (RFC 3502 §6.3.11).
        assert client.protocol.session is not None
        account = client.protocol.session.account
        await account.apply([Append((await account.mailbox("INBOX")).id, _message(name), (), _DATE)])
    if script.header.get("recent", "no") == "no":
        await client.command(b"SELECT INBOX")
    await client.close()


async def _enter(client: Client, script: Script, number: int) -> None:
    state = script.header.get("state", "selected")
    if state == "none":
        await client.line()
        return
    await client.login(_user(script, number))
    if str(number) in script.header.get("rev2", "").replace(",", " ").split():
        await client.command(b"ENABLE IMAP4rev2")
    if state == "selected":
        assert b" OK " in await client.command(b"SELECT INBOX")


def _user(script: Script, number: int) -> str:
    """Who logs in on a connection: anna, unless the header ``users`` names somebody else."""
    pairs = (each.partition("=") for each in script.header.get("users", "").replace(",", " ").split())
    return {connection: name for connection, _, name in pairs}.get(str(number), "anna")


def _settings(script: Script) -> dict[str, Any]:
    """The configuration that the header asks for; root is an administrator."""
    pairs = (each.partition("=") for each in script.header.get("settings", "").replace(",", " ").split())
    return {"administrators": ("root",), **{name: int(value) for name, _, value in pairs}}


def _add_groups(door: OpenDoor, script: Script) -> None:
    """The groups that the header names, with their members."""
    for each in script.header.get("groups", "").replace(",", " ").split():
        name, _, members = each.partition("=")
        door.add_group(name.rstrip("*"), *filter(None, members.split("+")), has_mailbox=name.endswith("*"))


async def _play(path: Path, mode: str) -> None:
    script = parse_script(path)
    features = Features()
    async with server_context(**_settings(script)) as context:
        _add_groups(cast("OpenDoor", context.passwords), script)
        keep = await context.store.account(b"anna".hex())
        await _prepare(Client(context, features), script)
        count = int(script.header.get("connections", "1"))
        clients = {number: Client(context, features) for number in range(1, count + 1)}
        for number, client in clients.items():
            await _enter(client, script, number)
        await Player(clients, mode).play(script)
        for client in clients.values():
            await client.close()
        await context.store.release(keep)


@pytest.mark.parametrize("mode", ["whole", "bytes", "packet"])
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_script(path: Path, mode: str) -> None:
    """The server answers as the transcript says."""
    if mode == "packet" and parse_script(path).header.get("packet") == "no":
        pytest.skip("this script depends on the order of several connections")
    asyncio.run(_play(path, mode))
