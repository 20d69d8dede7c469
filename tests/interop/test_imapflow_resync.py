"""imapflow with QRESYNC and COMPRESS: what changed while it was away, and what other connections do meanwhile."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.support.observed_mail import observing
from tests.support.process import ServerProcess
from tests.support.tap import Tap, tapped

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
ENABLED = ["CONDSTORE", "IMAP4REV2", "QRESYNC"]


def message(number: int) -> bytes:
    """A message of a conversation of its own."""
    return f"From: a@example.org\r\nSubject: number {number}\r\nMessage-ID: <{number}@x>\r\n\r\nHello\r\n".encode()


def run(tap: Tap, task: str, state: Any = None) -> dict[str, Any]:
    """What the program saw; nothing made it complain, nothing was refused, all of it went compressed."""
    environment = {
        **os.environ,
        "PORT": str(tap.port),
        "LOGIN": "anna",
        "PASSWORD": "secret",
        "TASK": task,
        "STATE": json.dumps(state),
    }
    script = [str(NODE), str(HERE / "imapflow_resync.mjs")]
    result = subprocess.run(script, env=environment, check=False, capture_output=True, text=True, timeout=50)
    assert (result.returncode, result.stderr) == (0, ""), tap.text()
    seen: dict[str, Any] = json.loads(result.stdout)
    assert seen.pop("complaints") == [], tap.text()
    assert seen.pop("compressed") is True
    assert set(ENABLED) <= {name.upper() for name in seen.pop("enabled")}
    assert tap.refusals() == []
    assert all(each.compressed for each in tap.connections)
    return seen


def test_away(server: ServerProcess) -> None:
    """It comes back with QRESYNC and is told what changed and what went away, and no more."""
    with observing(server) as client, tapped(server.imap_port) as tap:
        for number in range(1, 9):
            client.append("INBOX", message(number), ["\\Seen"] if number == 4 else [])
        before = run(tap, "look")
        assert (before["exists"], before["uidNext"], before["named"]) == (8, 9, True)
        assert before["messages"] == [[uid, ["\\Seen"] if uid == 4 else [], True] for uid in range(1, 9)]

        client.select_folder("INBOX")
        client.add_flags([2, 3], ["\\Flagged", "$Work"])
        client.remove_flags([4], ["\\Seen"])
        client.delete_messages([3, 5])
        client.expunge()
        client.move([8], "Archive")
        client.append("INBOX", message(9), ["\\Answered"])

        after = run(tap, "come back", before["state"])
        assert (after["qresync"], after["exists"]) == (True, 6)
        gone = {tuple(each) for each in after["changes"] if each[0] == "gone"}
        assert gone == {("gone", uid, True, True) for uid in (3, 5, 8)}
        assert {(uid, *flags) for kind, uid, flags, _ in after["changes"] if kind == "flags"} == {
            (2, "$Work", "\\Flagged"),
            (4,),
            (9, "\\Answered"),
        }
        assert after["fetched"] == [[2, ["$Work", "\\Flagged"]], [4, []], [9, ["\\Answered"]]]
        assert [uid for uid, _, _ in after["messages"]] == [1, 2, 4, 6, 7, 9]
        selects = [each.command for each in tap.exchanges() if each.name == "SELECT"]
        assert b"(QRESYNC (" in selects[-1]


def test_together(server: ServerProcess) -> None:
    """Three connections of one program: changes come by UID, counts stay right, a stale change is not made."""
    with observing(server) as client, tapped(server.imap_port) as tap:
        for number in range(1, 4):
            client.append("INBOX", message(number))
        seen = run(tap, "together")
        assert (seen["before"], seen["after"], seen["advanced"]) == (3, 1, True)
        assert seen["first"] == seen["second"] == [[4, ["\\Seen"], True]]
        assert seen["counted"] == 1
        assert [each for each in seen["changes"] if each[0] == "gone"] == [
            ["gone", uid, True, False] for uid in (1, 2, 3)
        ]
        assert {each[1] for each in seen["changes"] if each[0] == "flags"} >= {1, 2, 3}
        assert len(tap.connections) == 3
