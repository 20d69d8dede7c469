"""Delivery from a pipe: line ends, the From line, and the exit statuses that callers understand."""

import asyncio
import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailwren.delivery.delivery import Delivery
from mailwren.delivery.incoming import IncomingMessage
from mailwren.delivery.pipe import ExitStatus, PipeOutcome, _Reader, deliver_stream
from mailwren.store.errors import OverQuota, StoreUnavailable
from mailwren.store.octets import Spool

if TYPE_CHECKING:
    from tests.unit.delivery.conftest import FakeStore


def run(delivery: Delivery, octets: bytes, *recipients: str, **options: object) -> PipeOutcome:
    """Deliver octets that come through a pipe."""
    return asyncio.run(deliver_stream(io.BytesIO(octets), delivery, recipients, **options))  # type: ignore[arg-type] # as named


@pytest.mark.parametrize(
    ("octets", "stored"),
    [
        (b"a: b\n\ntext\n", b"a: b\r\n\r\ntext\r\n"),
        (b"a: b\r\n\ntext", b"a: b\r\n\r\ntext"),
        (b"a\rb\r\r\nc\r", b"a\rb\r\r\nc\r"),
        (b"From chris@example.com Sun Mar  1 12:00:00 2026\na: b\n", b"a: b\r\n"),
        (b"From: chris@example.com\n", b"From: chris@example.com\r\n"),
        (b">From x\n", b">From x\r\n"),
        (b"x\r" * 65536 + b"\n", b"x\r" * 65536 + b"\n"),
    ],
)
def test_octets(delivery: Delivery, store: "FakeStore", octets: bytes, stored: bytes) -> None:
    """LF becomes CRLF, CRLF and a bare CR stay, and the separator of mbox files goes."""
    assert run(delivery, octets, "alice", sender="").exit_status == ExitStatus.OK
    assert store.of("alice").messages == [("INBOX", b"Return-Path: <>\r\nDelivered-To: alice\r\n" + stored)]


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"x" * 40000])), st.integers(1, 1000))
@settings(deadline=None)
def test_line_ends_in_any_pieces(pieces: list[bytes], size: int) -> None:
    """Where reading happens to cut changes no line end."""
    octets = b"".join(pieces)
    stream = io.BytesIO(octets)
    message = IncomingMessage(Spool, 10**9)
    reader = _Reader(stream, message)
    reader._read = lambda _: stream.read(size * 97)
    reader.read_all()
    view = message.spool.view()
    assert bytes(view) == octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    if not isinstance(view, bytes):
        view.close()
    message.close()


@pytest.mark.parametrize(
    ("line", "sender", "expected"),
    [
        (b"From chris@example.com Sun Mar  1 12:00:00 2026\n", None, b"chris@example.com"),
        (b"From MAILER-DAEMON@ Sun Mar  1 12:00:00 2026\n", None, b""),
        (b"From \xff Sun\n", None, b""),
        (b"From chris@example.com x\n", "robin@example.com", b"robin@example.com"),
        (b"From chris@example.com x\n", "", b""),
        (b"", None, b""),
        (b"", "<robin@example.com>", b"robin@example.com"),
    ],
)
def test_sender(delivery: Delivery, store: "FakeStore", line: bytes, sender: str | None, expected: bytes) -> None:
    """The sender is the one given, else that of the From line, else none."""
    run(delivery, line + b"a: b\n", "alice", sender=sender)
    assert store.of("alice").messages[0][1].startswith(b"Return-Path: <" + expected + b">\r\n")


@pytest.mark.parametrize(
    ("recipients", "status", "line"),
    [
        (("alice",), ExitStatus.OK, "2.1.5 <alice> "),
        (("nobody",), ExitStatus.NO_USER, "5.1.1 <nobody> There is no such user here"),
        (("off",), ExitStatus.NO_PERMISSION, "5.2.1 "),
        (("@@",), ExitStatus.USAGE, "5.1.3 "),
        (("alice", "nobody"), ExitStatus.NO_USER, "2.1.5 "),
        (("<>",), ExitStatus.USAGE, "5.1.3 "),
        (("a b",), ExitStatus.USAGE, "5.1.3 "),
    ],
)
def test_exit_status(delivery: Delivery, recipients: tuple[str, ...], status: ExitStatus, line: str) -> None:
    """Each refusal has the exit status that MTAs understand, and a line that begins with its enhanced code."""
    outcome = run(delivery, b"a: b\n", *recipients)
    assert outcome.exit_status == status
    assert outcome.lines[0].startswith(line)


def test_trouble(make_delivery: Callable[..., Delivery], store: "FakeStore") -> None:
    """Trouble of any recipient makes the whole come again; a full mailbox as configured."""
    error: Exception = StoreUnavailable("disk")

    def fail() -> None:
        raise error

    store.of("bob").before_apply = fail
    assert run(make_delivery(), b"a: b\n", "nobody", "alice", "bob").exit_status == ExitStatus.TEMPORARY
    error = OverQuota("full")
    assert run(make_delivery(), b"a: b\n", "bob").exit_status == ExitStatus.TEMPORARY
    assert run(make_delivery(over_quota_permanent=True), b"a: b\n", "bob").exit_status == ExitStatus.CANNOT_CREATE


def test_mailbox(delivery: Delivery, store: "FakeStore") -> None:
    """A mailbox can be named; one that is not there leaves the message in INBOX."""
    store.of("alice").names = ["INBOX", "Junk"]
    run(delivery, b"a: b\n", "alice", mailbox="Junk")
    run(delivery, b"a: b\n", "alice", mailbox="Missing")
    assert [name for name, _ in store.of("alice").messages] == ["Junk", "INBOX"]


def test_refused_messages(delivery: Delivery, store: "FakeStore", tmp_path: Path) -> None:
    """Too large is refused for good after reading to the end; nothing at all is no message."""
    stream = io.BytesIO(b"x" * 200_000)
    outcome = asyncio.run(deliver_stream(stream, delivery, ["alice"], message_size=100_000, spool_folder=tmp_path))
    assert (outcome.exit_status, outcome.lines) == (
        ExitStatus.UNAVAILABLE,
        ("5.3.4 Message is larger than this server takes",),
    )
    assert stream.read() == b""
    assert run(delivery, b"", "alice").exit_status == ExitStatus.NO_MESSAGE
    assert store.of("alice").messages == []


def test_no_received_field(delivery: Delivery, store: "FakeStore") -> None:
    """No Received field is made up for a pipe: the MTA has written its own."""
    run(delivery, b"a: b\n", "alice")
    assert b"Received:" not in store.of("alice").messages[0][1]
