"""imapflow, the client library of Node.js programs, against a real server."""

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.support.observed_mail import observed_mail
from tests.support.process import ServerProcess

HERE = Path(__file__).parent
NODE = shutil.which("node")
pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(NODE is None, reason="node is not installed"),
    pytest.mark.skipif(
        not (HERE / "node_modules" / "imapflow").is_dir(),
        reason="imapflow is not installed: npm install --prefix tests/interop",
    ),
]
MESSAGE = """\
From: =?utf-8?q?J=C3=BCrgen?= <juergen@example.org>
To: Team: ann@example.org, Bob <bob@example.org>;
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe_aus_K=C3=B6ln?=
Date: Fri, 2 Jan 2026 04:04:05 +0100
Message-ID: <report@example.org>
In-Reply-To: <0@example.org>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

Grüße
--b
Content-Type: application/pdf
Content-Disposition: attachment; filename*=utf-8''Pr%C3%BCfung.pdf
Content-Transfer-Encoding: base64

JVBERi0xLjQ=
--b--
""".replace("\n", "\r\n").encode()
AUTHOR = [{"name": "Jürgen", "address": "juergen@example.org"}]
EXPECTED = {
    "encrypted": True,
    "compressed": True,
    "server": "Mailwren",
    "namespace": {"prefix": "", "delimiter": "/"},
    "mailboxes": [
        ["INBOX", "\\Inbox", True, 0],
        ["Sent", "\\Sent", True, 0],
        ["Drafts", "\\Drafts", True, 0],
        ["Archive", "\\Archive", True, 0],
        ["Junk", "\\Junk", True, 0],
        ["Trash", "\\Trash", True, 0],
    ],
    "created": "Entwürfe/Später & nie",
    "createdAgain": False,
    "renamed": "台北",
    "unsubscribed": True,
    "tree": ["INBOX", "Sent", "Drafts", "Archive", "Junk", "Trash", "Entwürfe", "台北"],
    "appended": [1, "INBOX"],
    "status": {"path": "INBOX", "messages": 2, "uidNext": 3, "unseen": 1, "recent": 0},
    "opened": ["INBOX", 2, 3, False],
    "first": {
        "uid": 1,
        "flags": ["$Work", "\\Flagged"],
        "date": "2026-01-02T03:04:05.000Z",
        "size": len(MESSAGE),
        "whole": True,
        "envelope": {
            "date": "2026-01-02T03:04:05.000Z",
            "subject": "Grüße aus Köln",
            "from": AUTHOR,
            "sender": AUTHOR,
            "replyTo": AUTHOR,
            "to": [
                {"name": "Team", "address": ""},
                {"name": "", "address": "ann@example.org"},
                {"name": "Bob", "address": "bob@example.org"},
            ],
            "inReplyTo": "<0@example.org>",
            "messageId": "<report@example.org>",
        },
        "structure": {
            "type": "multipart/mixed",
            "parameters": {"boundary": "b"},
            "childNodes": [
                {
                    "part": "1",
                    "type": "text/plain",
                    "parameters": {"charset": "utf-8"},
                    "encoding": "8bit",
                    "size": 7,
                    "lineCount": 0,
                },
                {
                    "part": "2",
                    "type": "application/pdf",
                    "encoding": "base64",
                    "size": 12,
                    "disposition": "attachment",
                    "dispositionParameters": {"filename": "Prüfung.pdf"},
                },
            ],
        },
    },
    "text": "Grüße",
    "attachment": ["application/pdf", "Prüfung.pdf", base64.b64encode(b"%PDF-1.4").decode()],
    "headers": "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe_aus_K=C3=B6ln?=\r\n\r\n",
    "search": [[1, 2], [1, 2], [1, 2], [2], [1, 2]],
    "flagsSet": True,
    "flagsRemoved": True,
    "flags": ["$Later", "$Work", "\\Answered"],
    "copied": ["Archive", [[1, 1], [2, 2]]],
    "moved": ["台北", [[2, 1]], 1],
    "pushed": {"exists": [1, 2], "flags": [2, True], "expunge": 1},
    "deleted": "台北",
    "missing": "NotFound",
    "complaints": [],
}


@pytest.mark.parametrize("secure", ["yes", "no"], ids=["TLS", "STARTTLS"])
def test_session(tmp_path: Path, server: ServerProcess, secure: str) -> None:
    """Every call answers as expected, nothing makes the library warn, and the server holds what was done."""
    message = tmp_path / "message.eml"
    message.write_bytes(MESSAGE)
    environment = {
        **os.environ,
        "PORT": str(server.imaps_port if secure == "yes" else server.imap_port),
        "SECURE": secure,
        "CERTIFICATE": str(server.data / "certificate.pem"),
        "MESSAGE": str(message),
        "LOGIN": "anna",
        "PASSWORD": "secret",
    }
    script = [str(NODE), str(HERE / "imapflow_session.mjs")]
    result = subprocess.run(script, env=environment, check=False, capture_output=True, text=True, timeout=50)
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout) == EXPECTED

    mail = observed_mail(server)
    assert "台北" not in mail
    assert [(each.octets, each.flags) for each in mail["INBOX"].messages] == [(MESSAGE, frozenset({"\\Seen"}))]
    assert [each.flags for each in mail["Archive"].messages] == [{"\\Answered", "$Work", "$Later"}, {"\\Seen"}]
