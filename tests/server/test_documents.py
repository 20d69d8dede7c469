"""A real server finds words in attached documents, from the time that it has indexed the mail on."""

from pathlib import Path

import pytest
from tests.server.conftest import make_users
from tests.support.documents import OFFICE, OPEN, attached, docx, open_document, pdf
from tests.support.process import running_server
from tests.support.wire import Connection, eventually

from mailwren.base import limits
from mailwren.search.attached.extracting import extractor

pytestmark = pytest.mark.skipif(
    extractor() is None, reason="reading documents needs the extra: pip install mailwren[documents]"
)
PATIENCE = 60.0
MAIL = (
    attached(pdf("The annual\nreport of Zürich", "second page"), name="a.pdf"),
    attached(docx("Rechnung über 4711 Fr|anken", "会议记录"), OFFICE + "wordprocessingml.document"),
    attached(open_document("Protokoll der Sitzung"), OPEN + "text", "p.odt"),
    attached(b"%PDF-1.7 and nothing else", name="broken.pdf"),
    *(b"Subject: other %d\r\n\r\nannual hay\r\n" % number for number in range(limits.INDEX_FEW)),
)
FOUND = {
    b"BODY rechnung": b"2",
    b"BODY chnun": b"2",
    b'TEXT "annual report"': b"1",
    b'BODY "of z\xc3\xbcric"': b"1",
    b'BODY "ranken"': b"2",
    b"TEXT \xe8\xae\xae\xe8\xae\xb0": b"2",
    b'TEXT "ll der Sitz"': b"3",
    b"FUZZY TEXT protokol": b"3",
    b"SUBJECT rechnung": b"",
    b'BODY "see below" NOT TEXT z\xc3\xbcrich': b"2:4",
}


def _found(session: Connection, key: bytes) -> bytes:
    (line,) = session.ok(b"UID SEARCH RETURN (ALL) CHARSET UTF-8 " + key)
    return line.partition(b" ALL ")[2].strip()


def _check(port: int) -> None:
    with Connection(port).log_in() as session:
        session.ok(b"SELECT INBOX")
        assert {key: _found(session, key) for key in FOUND} == FOUND


def test_documents_are_found(tmp_path: Path) -> None:
    """By every worker, after a start anew, in a phrase over a line's end; no more after they were expunged."""
    make_users(tmp_path / "data", "anna")
    with running_server(tmp_path / "data", workers=2, users=()) as server:
        with Connection(server.imap_port).log_in() as session:
            session.ok(b"APPEND INBOX" + b"".join(b" {%d+}\r\n%b" % (len(octets), octets) for octets in MAIL))
            session.ok(b"SELECT INBOX")
            assert _found(session, b"BODY hay") == b"5:%d" % len(MAIL)
            eventually(lambda: _found(session, b"BODY rechnung") == b"2", "documents are indexed", PATIENCE)
        for _ in range(6):  # of both workers
            _check(server.imap_port)
        assert '"documents": 3' in server.run("index", "status", "--user", "anna", "--json")
        assert server.stop() == 0
    with running_server(tmp_path / "data", workers=2, users=()) as server:
        _check(server.imap_port)
        with Connection(server.imap_port).log_in() as session:
            session.ok(b"SELECT INBOX")
            session.ok(b"UID STORE 2 +FLAGS.SILENT (\\Deleted)")
            session.ok(b"EXPUNGE")
            assert _found(session, b"BODY rechnung") == b""
        server.run("index", "rebuild", "--user", "anna")
        with Connection(server.imap_port).log_in() as session:
            session.ok(b"SELECT INBOX")
            assert _found(session, b'TEXT "annual report"') == b"1"
            assert _found(session, b"BODY rechnung") == b""
