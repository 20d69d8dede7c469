"""Python's client libraries against a real server: imaplib, imapclient, aioimaplib."""

import asyncio
import imaplib
import ssl
from datetime import UTC, datetime

import aioimaplib
import imapclient
import pytest
from tests.support.process import ServerProcess

pytestmark = pytest.mark.interop
MESSAGE = (
    b"From: Ann <ann@example.org>\r\nTo: bob@example.org\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
    b"Date: Mon, 7 Feb 1994 21:52:25 -0800\r\nMessage-ID: <1@example.org>\r\n\r\nHello\r\n"
)


def any_certificate() -> ssl.SSLContext:
    """TLS with a server whose certificate is its own."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def test_imaplib(server: ServerProcess) -> None:
    """imaplib logs in over STARTTLS and TLS, appends, searches, stores, copies, expunges."""
    with imaplib.IMAP4("127.0.0.1", server.imap_port) as client:
        assert client.starttls(any_certificate())[0] == "OK"
        client.login("anna", "secret")
        assert client.append("INBOX", "(\\Flagged)", imaplib.Time2Internaldate(0), MESSAGE)[0] == "OK"
        assert client.select("INBOX") == ("OK", [b"1"])
        assert client.fetch("1", "(FLAGS BODY.PEEK[])")[1][0][1] == MESSAGE  # type: ignore[index]
        assert client.search("UTF-8", "SUBJECT", '"Gr"')[1] == [b"1"]
        client.literal = "grüße".encode()  # type: ignore[assignment] # typeshed says str, imaplib sends octets
        assert client.uid("SEARCH", "CHARSET", "UTF-8", "SUBJECT")[1] == [b"1"]
        assert client.store("1", "+FLAGS", "(\\Deleted $Work)")[0] == "OK"
        assert client.copy("1", "Archive")[0] == "OK"
        assert client.expunge()[1] == [b"1"]
        assert client.status("Archive", "(MESSAGES UNSEEN)")[1] == [b"Archive (MESSAGES 1 UNSEEN 1)"]
        assert client.create("Neu")[0] == "OK"
        assert client.rename("Neu", "Alt")[0] == "OK"
        assert client.subscribe("Alt")[0] == "OK"
        assert client.lsub('""', "Alt")[1] == [b'(\\HasNoChildren) "/" Alt']
        assert client.delete("Alt")[0] == "OK"
        assert client.namespace()[1] == [b'(("" "/")) (("Other Users/" "/")) (("Shared/" "/"))']
    with imaplib.IMAP4_SSL("127.0.0.1", server.imaps_port, ssl_context=any_certificate()) as client:
        client.authenticate("PLAIN", lambda _challenge: b"\0anna\0secret")
        assert client.select("Archive", readonly=True) == ("OK", [b"1"])


def test_imapclient(server: ServerProcess) -> None:
    """imapclient parses every response; IDLE tells of a message that another session appended."""
    with imapclient.IMAPClient("127.0.0.1", server.imaps_port, ssl_context=any_certificate()) as client:
        client.login("anna", "secret")
        client.id_({"name": "test"})
        assert client.namespace().personal == (("", "/"),)
        client.append("INBOX", MESSAGE, ["\\Seen"], datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
        client.select_folder("INBOX")
        (uid,) = client.search(["SUBJECT", "Grüße"], "UTF-8")
        data = client.fetch([uid], ["ENVELOPE", "BODYSTRUCTURE", "INTERNALDATE", "FLAGS", "RFC822.SIZE", "BODY[TEXT]"])
        row = data[uid]
        assert row[b"ENVELOPE"].subject == b"=?utf-8?q?Gr=C3=BC=C3=9Fe?="
        assert str(row[b"ENVELOPE"].from_[0]) == "Ann <ann@example.org>"
        assert row[b"RFC822.SIZE"] == len(MESSAGE)
        assert row[b"BODYSTRUCTURE"][0] == b"text"
        assert row[b"BODY[TEXT]"] == b"Hello\r\n"
        client.add_flags([uid], ["$Work"])
        assert b"$Work" in client.get_flags([uid])[uid]
        client.create_folder("Entwürfe/Später")
        assert "Entwürfe/Später" in {name for _, _, name in client.list_folders()}
        assert client.find_special_folder(imapclient.imapclient.SENT) == "Sent"
        client.idle()
        with imapclient.IMAPClient("127.0.0.1", server.imaps_port, ssl_context=any_certificate()) as other:
            other.login("anna", "secret")
            other.append("INBOX", MESSAGE)
        answers: list[tuple[object, ...]] = []
        while (2, b"EXISTS") not in answers:
            received = client.idle_check(timeout=20)
            assert received, "nothing was pushed"
            answers += received
        client.idle_done()
        client.move([uid], "Archive")
        assert client.folder_status("Archive", ["MESSAGES"]) == {b"MESSAGES": 1}


def test_aioimaplib(server: ServerProcess) -> None:
    """aioimaplib logs in, idles and fetches."""

    async def talk() -> None:
        client = aioimaplib.IMAP4("127.0.0.1", server.imap_port)
        await client.wait_hello_from_server()
        await client.login("anna", "secret")
        assert (await client.append(MESSAGE, "INBOX")).result == "OK"
        assert (await client.select("INBOX")).result == "OK"
        idle = await client.idle_start(timeout=20)
        other = aioimaplib.IMAP4("127.0.0.1", server.imap_port)
        await other.wait_hello_from_server()
        await other.login("anna", "secret")
        await other.append(MESSAGE, "INBOX")
        await other.logout()
        other.protocol.transport.close()
        pushed = await client.wait_server_push(20)
        assert b"2 EXISTS" in pushed
        client.idle_done()
        await asyncio.wait_for(idle, 20)
        answer = await client.uid("fetch", "1:*", "(FLAGS BODY.PEEK[])")
        assert answer.result == "OK"
        assert sum(bytes(line) == MESSAGE for line in answer.lines) == 2
        await client.logout()
        client.protocol.transport.close()
        await asyncio.sleep(0)  # the library leaves its transports to whoever made them

    asyncio.run(talk())
