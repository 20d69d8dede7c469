"""What mailbox names lead to, and that nothing tells a hidden mailbox from one that is not there."""

import asyncio
from typing import cast

import pytest
from tests.support.inprocess import PASSWORD, Client, OpenDoor, server_context

from mailwren.base import limits
from mailwren.server.context import ServerContext
from mailwren.server.features import Features
from mailwren.store.api import Account
from mailwren.store.errors import AccountDamaged
from mailwren.store.operations import CreateMailbox
from mailwren.store.sqlite.store import SqliteMailStore

HIDDEN = "Other Users/anna/Secret"
PROBES = (
    'SELECT "{}"',
    'EXAMINE "{}"',
    'EXAMINE "{}" (QRESYNC (1 1))',
    'STATUS "{}" (MESSAGES)',
    'CREATE "{}"',
    'DELETE "{}"',
    'RENAME "{}" Mine',
    'RENAME "{}" "Other Users/anna/Open/New"',
    'RENAME Archive "{}"',
    'SUBSCRIBE "{}"',
    'UNSUBSCRIBE "{}"',
    'LIST "" "{}"',
    'LIST "" "{}*" RETURN (SUBSCRIBED CHILDREN STATUS (MESSAGES SIZE) MYRIGHTS)',
    'LIST (SUBSCRIBED RECURSIVEMATCH) "" "{}*"',
    'LIST "{}" %',
    'XLIST "" "{}"',
    'LSUB "" "{}"',
    'APPEND "{}" {{1+}}\r\nx',
    'APPEND "{}" {{1}}',
    'SETACL "{}" ben lr',
    'SETACL "{}" nobody lr',
    'DELETEACL "{}" ben',
    'GETACL "{}"',
    'LISTRIGHTS "{}" ben',
    'MYRIGHTS "{}"',
    'COPY 1 "{}"',
    'UID COPY 1 "{}"',
    'MOVE 1 "{}"',
    'REPLACE 1 "{}" {{1+}}\r\nx',
    'GETMETADATA "{}" /shared/comment',
    'SETMETADATA "{}" (/shared/comment "x")',
    'SETMETADATA "{}" (/private/comment "x")',
    'ESEARCH IN (mailboxes "{}") RETURN (COUNT) ALL',
    'ESEARCH IN (subtree "{}") RETURN (COUNT) ALL',
    'NOTIFY SET STATUS (mailboxes "{}" (MessageNew MessageExpunge))',
    'NOTIFY SET STATUS (subtree "{}" (MessageNew MessageExpunge))',
    'GETQUOTAROOT "{}"',
    'GENURLAUTH "imap://ben@test.example/{}/;UID=1;URLAUTH=user+ben" INTERNAL',
    'APPEND INBOX CATENATE (URL "/{}/;UID=1")',
)
"""Every command that takes a mailbox name; literals come without waiting."""


async def _answers(context: ServerContext, name: str, probe: str) -> list[bytes]:
    """What ben is told, with the name and what is counted taken out."""
    client = Client(context, Features())
    await client.login("ben")
    await client.command(b"ENABLE QRESYNC")
    await client.command(b"SELECT INBOX")
    text = probe.format(name if "imap://" not in probe and "CATENATE" not in probe else name.replace(" ", "%20"))
    answer = await client.command(text.encode())
    await client.close()
    for spelling in (name, name.replace(" ", "%20")):
        answer = answer.replace(spelling.encode(), b"NAME")
    return sorted(answer.splitlines())


@pytest.mark.parametrize("probe", PROBES)
def test_hidden_is_as_good_as_not_there(probe: str) -> None:
    """For each command: a hidden mailbox, none of that name, no such user and no such team get the same answer."""

    async def play() -> None:
        async with server_context() as context:
            cast("OpenDoor", context.passwords).add_group("desk", "anna", has_mailbox=True)
            anna, ben = (Client(context, Features()) for _ in range(2))
            await anna.login("anna")
            await ben.login("ben")
            for command in (
                b"CREATE Secret/Below",
                b"CREATE Open",
                b"APPEND Secret {1+}\r\nx",
                b"SETACL Secret ben swpte",
                b"SETACL Open ben lrk",
                b"SETACL Secret/Below ben swpte",
            ):
                assert b" OK " in await anna.command(command)
            assert b" OK " in await ben.command(b"APPEND INBOX {1+}\r\nx")
            hidden = await _answers(context, HIDDEN, probe)
            for other in ("Other Users/anna/Nothing", "Other Users/nobody/Secret", "Shared/desk", "Shared/nothing/x"):
                if probe.startswith("GETQUOTAROOT") and "anna" not in other:
                    continue  # that anna shares something is no secret here, nor that her mailboxes have a root
                assert await _answers(context, other, probe) == hidden

    asyncio.run(play())


def test_international_names() -> None:
    """A user whose name is not ASCII shares and is shared with, in modified UTF-7 and in UTF-8."""

    async def play() -> None:
        async with server_context() as context:
            anna, other = (Client(context, Features()) for _ in range(2))
            await anna.login("anna")
            await other.line()
            name = "jürgen".encode()
            assert b" OK " in await other.command(b"LOGIN {%d+}\r\n%b %b" % (len(name), name, PASSWORD.encode()))
            assert b" OK " in await other.command(b"SETACL INBOX anna lrs")
            assert b"Other Users/j&APw-rgen" in await anna.command(b'LIST "" *')
            assert b" OK " in await anna.command(b'SELECT "Other Users/j&APw-rgen"')
            assert b" OK " in await anna.command(b"SETACL Archive {%d+}\r\n%b lr" % (len(name), name))
            assert b"{7}\r\nj\xc3\xbcrgen lr\r\n" in await anna.command(b"GETACL Archive")
            await anna.command(b"ENABLE IMAP4rev2")
            assert b'"Other Users/j\xc3\xbcrgen"' in await anna.command(b'LIST "" "Other Users/%"')
            assert b'"j\xc3\xbcrgen" lr' in await anna.command(b"GETACL Archive")

    asyncio.run(play())


def test_names_that_were_there_before() -> None:
    """A user's own mailboxes below the namespaces' names keep working and can be renamed; no new ones can be made."""

    async def play() -> None:
        async with server_context() as context:
            account = await context.store.account(b"anna".hex())
            await account.apply([CreateMailbox("Shared/Old"), CreateMailbox("Other Users")])
            anna = Client(context, Features())
            await anna.login("anna")
            assert b"NO [NOPERM]" in await anna.command(b"CREATE Shared/New")
            assert b" OK " in await anna.command(b"APPEND Shared/Old {1+}\r\nx")
            assert b"1 EXISTS" in await anna.command(b"SELECT Shared/Old")
            listed = await anna.command(b'LIST "" *')
            assert b'"/" Shared/Old' in listed
            assert b'"/" "Other Users"' in listed
            assert b" OK " in await anna.command(b"RENAME Shared/Old Mine")
            assert b" OK " in await anna.command(b'DELETE "Other Users"')
            assert b"NO [NOPERM]" in await anna.command(b'CREATE "Other Users"')
            await context.store.release(account)

    asyncio.run(play())


def test_the_index_is_cleaned_by_and_by() -> None:
    """An account that shares nothing any more is not opened for ever."""

    async def play() -> None:
        async with server_context() as context:
            anna, ben = (Client(context, Features()) for _ in range(2))
            await anna.login("anna")
            await ben.login("ben")
            grants, account_id = context.users.grants, b"anna".hex()
            await anna.command(b"SETACL Archive ben lr")
            await anna.command(b"DELETE Archive")  # takes the list with it, and tells the index nothing
            await ben.command(b'LIST "" *')
            assert grants.noted(account_id) == {b"ben".hex()}  # it was noted just now
            context.users._database.execute("UPDATE grants SET granted = granted - ?", (limits.GRANT_SECONDS + 2,))
            await ben.command(b'LIST "" *')
            assert grants.noted(account_id) == frozenset()

    asyncio.run(play())


def test_an_account_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A damaged account of somebody else keeps nobody from listing the rest."""

    async def play() -> None:
        async with server_context() as context:
            anna, ben = (Client(context, Features()) for _ in range(2))
            await anna.login("anna")
            await ben.login("ben")
            await anna.command(b"SETACL Archive ben lr")
            account = SqliteMailStore.account

            async def damaged(store: SqliteMailStore, account_id: str) -> Account:
                if account_id == b"anna".hex():
                    raise AccountDamaged("the database is no database")
                return await account(store, account_id)

            monkeypatch.setattr(SqliteMailStore, "account", damaged)
            answer = await ben.command(b'LIST "" *')
            assert b"INBOX" in answer
            assert b"anna" not in answer
            assert b" OK " in answer
            assert b"NO [CONTACTADMIN]" in await ben.command(b'SELECT "Other Users/anna/Archive"')

    asyncio.run(play())
