"""Users and mailboxes on other servers: each rule and example of RFC 2221 and RFC 2193."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tests.support.inprocess import Client, server_context

from mailwren.server.features import Features

USERS = {"ben": "imap://mail2.example.org:1143", "ümit": "imap://mail3.example.org"}
MAILBOXES = {
    "Shared files/Foo": "imap://server2/SHARED/FOO",
    "Remote": "imap://server3",
    "Remote/Nearer": "imap://server4/R%C3%A9mote",
}


def _play(test: Callable[[Client], Awaitable[None]], user: str = "anna") -> None:
    async def run() -> None:
        async with server_context(login_referrals=USERS, mailbox_referrals=MAILBOXES) as context:
            client = Client(context, Features())
            if user:
                await client.login(user)
            await test(client)
            await client.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("name", "url"),
    [
        (b"ben", b"imap://ben;AUTH=*@mail2.example.org:1143/"),
        ("ümit".encode(), b"imap://%C3%BCmit;AUTH=*@mail3.example.org/"),
    ],
)
def test_a_user_who_has_moved(name: bytes, url: bytes) -> None:
    """NO with the user's server, once the password was right; nobody is logged in (RFC 2221 §4.1)."""

    async def test(client: Client) -> None:
        assert b"LOGIN-REFERRALS" in await client.line()
        assert b"NO [AUTHENTICATIONFAILED]" in await client.command(b'LOGIN "%b" wrong' % name)
        answer = await client.command(b'LOGIN "%b" secret' % name)
        assert b"NO [REFERRAL %b] " % url in answer
        assert b"BAD Log in first" in await client.command(b"SELECT INBOX")
        assert b" OK " in await client.command(b"LOGIN anna secret")

    _play(test, user="")


@pytest.mark.parametrize(
    ("command", "urls"),
    [
        (b"SELECT Remote", b"imap://anna;AUTH=*@server3/Remote"),
        (b"EXAMINE Remote/Sub", b"imap://anna;AUTH=*@server3/Remote/Sub"),
        (b'DELETE "Shared files/Foo"', b"imap://anna;AUTH=*@server2/SHARED/FOO"),
        (b"STATUS Remote/Nearer/a (MESSAGES)", b"imap://anna;AUTH=*@server4/R%C3%A9mote/a"),
        (b"APPEND Remote {3+}\r\none", b"imap://anna;AUTH=*@server3/Remote"),
        (b'CREATE "Shared files/Foo/Bar"', b"imap://anna;AUTH=*@server2/SHARED/FOO/Bar"),
        (b"COPY 1 Remote/Stuff", b"imap://anna;AUTH=*@server3/Remote/Stuff"),
        (b"MOVE 1 Remote", b"imap://anna;AUTH=*@server3/Remote"),
        (b"REPLACE 1 Remote {3+}\r\none", b"imap://anna;AUTH=*@server3/Remote"),
        (b"RENAME Remote/a Remote/b", b"imap://anna;AUTH=*@server3/Remote/a imap://anna;AUTH=*@server3/Remote/b"),
        (b"RENAME Remote Work", b"imap://anna;AUTH=*@server3/Remote imap://anna;AUTH=*@test.example/Work"),
        (b"GETMETADATA Remote /private/comment", b"imap://anna;AUTH=*@server3/Remote"),
    ],
)
def test_a_mailbox_elsewhere(command: bytes, urls: bytes) -> None:
    """NO with the mailbox's URL; RENAME tells both (RFC 2193 §4.1 to §4.4)."""

    async def test(client: Client) -> None:
        client.send(b"a APPEND INBOX {3+}\r\none\r\n")
        await client.line()
        await client.command(b"SELECT INBOX")
        answer = await client.command(command)
        assert b" NO [REFERRAL %b] " % urls in answer, answer

    _play(test)


def test_a_message_is_not_asked_for() -> None:
    """The referral comes before the literal."""

    async def test(client: Client) -> None:
        assert b"NO [REFERRAL" in await client.command(b"APPEND Remote {3}")

    _play(test)


def _names(answer: bytes) -> list[bytes]:
    return [line.split(b'"/" ')[1] for line in answer.split(b"\r\n") if line.startswith(b"* ")]


def test_lists() -> None:
    """In RLIST and RLSUB, and in neither LIST nor LSUB (RFC 2193 §3, §5)."""

    async def test(client: Client) -> None:
        assert b"MAILBOX-REFERRALS" in await client.command(b"CAPABILITY")
        for command in (b'LIST "" *', b'LSUB "" *', b'RLSUB "" *'):
            assert b"Remote" not in await client.command(command)
        answer = await client.command(b'RLIST "" *')
        assert b'* LIST (\\HasNoChildren) "/" INBOX' in answer
        assert b'* LIST (\\Noselect \\HasChildren) "/" "Shared files"\r\n' in answer
        assert b'* LIST (\\HasChildren) "/" Remote\r\n' in answer
        assert _names(await client.command(b'RLIST "Remote/" %')) == [b"Remote/Nearer"]
        assert _names(await client.command(b'RLIST "" ""')) == [b'""']
        await client.command(b"SUBSCRIBE Remote")
        assert b"Remote" not in await client.command(b'LSUB "" *')
        assert b'* LSUB (\\HasNoChildren) "/" Remote\r\n' in await client.command(b'RLSUB "" *')

    _play(test)


def test_without_configuration_there_is_nothing() -> None:
    """Neither is offered, and RLIST is LIST."""

    async def run() -> None:
        async with server_context() as context:
            client = Client(context, Features())
            await client.login()
            assert b"REFERRALS" not in await client.command(b"CAPABILITY")
            assert _names(await client.command(b'RLIST "" INBOX')) == [b"INBOX"]
            await client.close()

    asyncio.run(run())
