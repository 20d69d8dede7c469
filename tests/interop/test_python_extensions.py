"""Python's client libraries and the extensions that they know: imapclient, imaplib, aioimaplib, imap_tools."""

import asyncio
import imaplib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import aioimaplib
import imapclient
import pytest
from tests.support.process import ServerProcess
from tests.support.tap import Tap, tapped

pytestmark = pytest.mark.interop
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def message(number: int, subject: str, references: str = "") -> bytes:
    """A message; what it answers is named as in References."""
    return (
        f"From: a{number}@example.org\r\nTo: anna@example.org\r\nSubject: {subject}\r\nMessage-ID: <{number}@x>\r\n"
        f"{references}Date: Mon, {number} Feb 2026 10:00:00 +0000\r\n\r\nHello {number}\r\n"
    ).encode()


@pytest.fixture
def tap(server: ServerProcess) -> Iterator[Tap]:
    """A tap on a server whose user anna has a quota and three messages, two of them of one conversation."""
    server.add_user("ben", "secret")
    server.run("user", "quota", "anna", "--storage", "10 MiB", "--messages", "1000")
    with tapped(server.imap_port) as tap:
        yield tap


def connected(tap: Tap) -> imapclient.IMAPClient:
    """A connection of imapclient's, logged in, with INBOX filled and selected."""
    client = imapclient.IMAPClient("127.0.0.1", tap.port, ssl=False, timeout=30)
    client.login("anna", "secret")
    client.enable("CONDSTORE")
    messages = [message(1, "beta"), message(2, "Re: beta", "References: <1@x>\r\n"), message(3, "alpha")]
    client.multiappend("INBOX", messages)
    client.select_folder("INBOX")
    return client


def test_imapclient_finds(tap: Tap) -> None:
    """SORT, THREAD, Gmail's search, mod-sequences."""
    with connected(tap) as client:
        assert client.sort(["SUBJECT"]) == [3, 1, 2]
        assert client.sort("REVERSE DATE", ["UNSEEN"]) == [3, 2, 1]
        assert client.sort("ARRIVAL", ["TEXT", "héllo"], "UTF-8") == []
        assert client.thread("REFERENCES") == ((1, 2), (3,))
        assert client.thread("ORDEREDSUBJECT", "ALL") == ((1, 2), (3,))
        assert client.thread("REFS", ["SUBJECT", "beta"]) == ((1, 2),)
        assert client.gmail_search("subject:beta") == [1, 2]
        modseqs = {uid: row[b"MODSEQ"][0] for uid, row in client.fetch([1, 2, 3], ["MODSEQ"]).items()}
        client.add_flags([2], ["\\Flagged"])
        changed = client.fetch([1, 2, 3], ["FLAGS"], [f"CHANGEDSINCE {max(modseqs.values())}"])
        assert [*changed] == [2]
        found = client.search(["MODSEQ", str(max(modseqs.values()) + 1)])
        assert (found, found.modseq) == ([2], changed[2][b"MODSEQ"][0])
        (row,) = client.fetch([1], ["X-GM-MSGID", "X-GM-THRID", "EMAILID", "THREADID", "PREVIEW", "SAVEDATE"]).values()
        assert row[b"PREVIEW"] == b"Hello 1"
        assert 0 < row[b"X-GM-THRID"] < 2**63 > row[b"X-GM-MSGID"] > 0
    assert tap.refusals() == []


def test_imapclient_shares(tap: Tap) -> None:
    """Quota, rights, namespaces, labels, lists, STATUS, UNSELECT, UID EXPUNGE, COPY and MOVE."""
    with connected(tap) as client:
        quotas = {each.resource: (each.quota_root, each.limit) for each in client.get_quota()}
        assert quotas == {"STORAGE": ("user/anna", 10240), "MESSAGE": ("user/anna", 1000)}
        assert client.get_quota_root("INBOX")[0].quota_roots == ["user/anna"]
        client.setacl("Archive", "ben", "lr")
        assert dict(client.getacl("Archive"))[b"ben"] == b"lr"
        assert client.namespace() == ((("", "/"),), (("Other Users/", "/"),), (("Shared/", "/"),))
        assert client.add_gmail_labels([1], ["Archive", "Größe"]) == {1: ["Archive", "Größe"]}
        assert client.folder_status("Größe", ["MESSAGES", "SIZE", "HIGHESTMODSEQ"])[b"MESSAGES"] == 1
        assert client.remove_gmail_labels([1], ["Größe"]) == {1: ["Archive"]}
        assert client.get_gmail_labels([1, 2]) == {1: ["Archive"], 2: []}
        names = {name for _, _, name in client.list_folders()}
        assert names == {name for _, _, name in client.xlist_folders()} >= {"INBOX", "Größe"}
        assert "INBOX" in {name for _, _, name in client.list_sub_folders()}
        client.copy([2], "Archive")
        client.move([1], "Trash")
        client.delete_messages([2, 3])
        client.uid_expunge([3])
        assert client.search() == [2]
        client.unselect_folder()
        assert client.folder_status("Archive", ["MESSAGES"]) == {b"MESSAGES": 2}
    assert tap.refusals() == []
    with imapclient.IMAPClient("127.0.0.1", tap.port, ssl=False, timeout=30) as ben:
        ben.plain_login("ben", "secret")
        assert ben.select_folder("Other Users/anna/Archive", readonly=True)[b"EXISTS"] == 2
        assert len(ben.fetch(ben.search(), ["BODY.PEEK[]"])) == 2
    assert tap.refusals() == []


def test_imaplib(tap: Tap) -> None:
    """The methods of imaplib for SORT, THREAD, QUOTA, ACL, ENABLE and what it has no method for."""
    with imaplib.IMAP4("127.0.0.1", tap.port) as client:
        client.login("anna", "secret")
        for number, subject in enumerate(("beta", "Re: beta", "alpha"), 1):
            client.append("INBOX", "", imaplib.Time2Internaldate(MOMENT), message(number, subject))
        client.select("INBOX")
        assert client.sort("(SUBJECT)", "UTF-8", "ALL") == ("OK", [b"3 1 2"])
        assert client.uid("SORT", "(REVERSE DATE)", "UTF-8", "ALL") == ("OK", [b"3 2 1"])
        assert client.thread("ORDEREDSUBJECT", "UTF-8", "ALL") == ("OK", [b"(1 2)(3)"])
        assert client.getquota("user/anna")[0] == "OK"
        assert client.getquotaroot("INBOX")[1][0] == [b"INBOX user/anna"]
        assert client.setacl("Archive", "ben", "lrs")[0] == "OK"
        assert client.myrights("Archive")[1] == [b"Archive lrswipkxtencda"]
        assert client.getacl("Archive")[1] == [b"Archive anna lrswipkxtencda ben lrs"]
        assert client.deleteacl("Archive", "ben")[0] == "OK"
        assert client.unselect()[0] == "OK"
        assert client.enable("CONDSTORE")[0] == "OK"
        assert tap.refusals() == []
        # Quotas are the administrators'; imaplib makes an answer of the refusal.
        assert client.setquota("user/anna", "(STORAGE 10)")[0] == "NO"


def test_imaplib_in_utf8(tap: Tap) -> None:
    """After ENABLE UTF8=ACCEPT imaplib sends and reads names and searches as they are."""
    with imaplib.IMAP4("127.0.0.1", tap.port) as client:
        client.login("anna", "secret")
        client.append("INBOX", "", imaplib.Time2Internaldate(MOMENT), "Subject: Größe\r\n\r\nHallo Bär\r\n".encode())
        assert client.enable("UTF8=ACCEPT")[0] == "OK"
        assert client.create('"Größe"')[0] == "OK"
        assert '"Größe"'.encode() in b"".join(each for each in client.list()[1] if isinstance(each, bytes))
        client.select("INBOX")
        assert client.search(None, 'SUBJECT "größe"') == ("OK", [b"1"])
        assert client.copy("1", '"Größe"')[0] == "OK"
        assert client.status('"Größe"', "(MESSAGES)")[0] == "OK"
    assert tap.refusals() == []


def test_aioimaplib(tap: Tap) -> None:
    """ID, NAMESPACE, MOVE, GETQUOTAROOT and IDLE of aioimaplib."""

    async def talk() -> None:
        client = aioimaplib.IMAP4("127.0.0.1", tap.port, timeout=20)
        await client.wait_hello_from_server()
        await client.login("anna", "secret")
        for number in (1, 2):
            assert (await client.append(message(number, "x"), "INBOX")).result == "OK"
        assert (await client.select("INBOX")).result == "OK"
        assert (await client.id(name="test")).result == "OK"
        assert (await client.namespace()).result == "OK"
        assert (await client.getquotaroot("INBOX")).result == "OK"
        assert (await client.uid_search("SUBJECT", "x", charset=None)).lines[0] == b"1 2"
        assert (await client.move("1", "Archive")).result == "OK"
        idle = await client.idle_start(timeout=20)
        with imaplib.IMAP4("127.0.0.1", tap.port) as other:
            await asyncio.to_thread(other.login, "anna", "secret")
            await asyncio.to_thread(other.select, "INBOX")
            await asyncio.to_thread(other.store, "1", "+FLAGS", "(\\Deleted)")
            await asyncio.to_thread(other.expunge)
        pushed: list[bytes] = []
        while b"1 EXPUNGE" not in pushed:
            pushed += await client.wait_server_push(20)
        client.idle_done()
        await asyncio.wait_for(idle, 20)
        await client.logout()
        client.protocol.transport.close()
        await asyncio.sleep(0)

    asyncio.run(talk())
    assert tap.refusals() == []


def test_imap_tools(tap: Tap) -> None:
    """imap_tools fetches, sorts, flags, moves, counts and waits."""
    imap_tools: Any = pytest.importorskip("imap_tools", reason="imap_tools is not installed: pip install imap-tools")
    with imap_tools.MailBoxUnencrypted("127.0.0.1", tap.port).login("anna", "secret") as box:
        for number, subject in enumerate(("beta", "Größe", "alpha"), 1):
            box.append(message(number, subject), "INBOX", dt=MOMENT, flag_set=["\\Flagged"] if number == 2 else [])
        assert [each.subject for each in box.fetch(sort="SUBJECT", mark_seen=False)] == ["alpha", "beta", "Größe"]
        assert box.uids(imap_tools.AND(subject="größe"), charset="UTF-8") == ["2"]
        assert box.numbers("ALL") == ["1", "2", "3"]
        assert [each.uid for each in box.fetch(imap_tools.AND(flagged=True), bulk=True)] == ["2"]
        box.flag(["1"], ["\\Answered", "$Work"], True)
        box.copy(["1"], "Archive")
        box.move(["1", "3"], "Archive")
        box.delete(["2"])
        assert box.uids() == []
        box.folder.create("Größe/Neu")
        assert box.folder.exists("Größe/Neu")
        box.folder.rename("Größe/Neu", "Größe/Alt")
        box.folder.subscribe("Größe/Alt", True)
        assert [each.name for each in box.folder.list(subscribed_only=True) if "Alt" in each.name] == ["Größe/Alt"]
        assert box.folder.status("Archive", ["MESSAGES"]) == {"MESSAGES": 3}
        box.folder.delete("Größe/Alt")
        with box.idle as idle, imaplib.IMAP4("127.0.0.1", tap.port) as other:
            other.login("anna", "secret")
            other.append("INBOX", "", imaplib.Time2Internaldate(MOMENT), message(4, "new"))
            assert any(b"1 EXISTS" in each for each in idle.poll(timeout=20))
    assert tap.refusals() == []
