"""FETCH of large, of damaged and of hostile messages: bounded memory, and nobody waits for what one message costs."""

import asyncio
import base64
import hashlib
import random
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest
from tests.support.inprocess import ByteTransport, Client, server_context

from mailwren.base import limits
from mailwren.server.context import ServerContext
from mailwren.server.features import Features
from mailwren.store.octets import Spool
from mailwren.store.operations import Append

MEGABYTE = 1024 * 1024
LINE = base64.b64encode(bytes(range(57))) + b"\r\n"
LINES = 60 * MEGABYTE // len(LINE)
"""Of a message of 60 MB; 78 octets a line stand for 57."""
HEADER = (
    b"Subject: large\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n"
    b"MIME-Version: 1.0\r\n\r\n"
)
ROOM = limits.BLOB_CACHE + 8 * MEGABYTE
"""Memory that a FETCH may take here: what the blob cache keeps, and little besides."""


class Sink(ByteTransport):
    """Reads everything at once, and keeps but a digest, how much it was, and the end of it.

    Told to stop after so many octets, it tells the protocol as a real transport with a full buffer does.
    """

    def __init__(self) -> None:
        super().__init__()
        self.digest = hashlib.sha256()
        self.size = 0
        self.largest = 0
        self.stop_at: int | None = None

    def write(self, data: Any) -> None:
        """Count it."""
        self.digest.update(data)
        self.size += len(data)
        self.largest = max(self.largest, len(data))
        self.output = (self.output + data)[-1000:]
        self.changed.set()
        if self.stop_at is not None and self.size >= self.stop_at and self.protocol is not None:
            self.protocol.pause_writing()

    async def answered(self, tag: bytes) -> None:
        """Wait for a tagged answer."""
        async with asyncio.timeout(60):
            while b"\r\n" + tag + b" " not in self.output:
                self.changed.clear()
                await self.changed.wait()


async def sink_client(context: ServerContext) -> tuple[Client, Sink]:
    """A client that has selected INBOX and keeps nothing of what it reads."""
    sink = Sink()
    client = Client(context, Features(), transport=sink)
    for line in (b"a LOGIN anna secret", b"b SELECT INBOX"):
        client.send(line + b"\r\n")
        await sink.answered(line[:1])
    return client, sink


def spooled(pieces: Iterator[bytes]) -> Spool:
    """A message too large to hold."""
    spool = Spool()
    for piece in pieces:
        spool.write(piece)
    return spool


def large_message() -> Iterator[bytes]:
    """The octets of the large message."""
    yield HEADER
    for start in range(0, LINES, 1000):
        yield LINE * min(1000, LINES - start)


async def deliver(context: ServerContext, *messages: Iterator[bytes]) -> None:
    """Put messages into anna's INBOX."""
    account = await context.store.account(b"anna".hex())
    inbox = await account.mailbox("INBOX")
    for message in messages:
        spool = spooled(message)
        await account.apply([Append(inbox.id, spool)])
        spool.close()
    await context.store.release(account)


SIZE = len(HEADER) + LINES * len(LINE)
DECODED = bytes(range(57))
CASES = {
    "BODY.PEEK[]": (b"BODY[] {%d}" % SIZE, large_message),
    "BODY.PEEK[1]<1000.50000000>": (
        b"BODY[1]<1000> {50000000}",
        lambda: iter([(LINE * LINES)[1000:50_001_000]]),
    ),
    "BINARY.PEEK[1]": (b"BINARY[1] ~{%d}" % (LINES * 57), lambda: iter([DECODED * LINES])),
    "BINARY.PEEK[1]<40000000.3000000>": (
        b"BINARY[1]<40000000> ~{3000000}",
        lambda: iter([(DECODED * LINES)[40_000_000:43_000_000]]),
    ),
    "BINARY.PEEK[1]<57000000.4000000>": (b"BINARY[1]<57000000> {0}", lambda: iter([])),
}


@pytest.mark.slow
@pytest.mark.parametrize("item", CASES)
def test_a_large_message_is_streamed(item: str, tmp_path: Path) -> None:
    """60 MB come whole and exact, in pieces, at a cost in memory that has nothing to do with their size."""
    announced, body = CASES[item]

    async def run() -> tuple[bytes, int]:
        async with server_context(tmp_path) as context:
            await deliver(context, large_message())
            client, sink = await sink_client(context)
            sink.digest, sink.largest = hashlib.sha256(), 0
            tracemalloc.start()
            client.send(b"c FETCH 1 %b\r\n" % item.encode())
            await sink.answered(b"c")
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert sink.largest <= 4 * limits.OUTPUT_CHUNK + 1000
            return sink.digest.digest(), peak

    digest, peak = asyncio.run(run())
    answer = hashlib.sha256(b"* 1 FETCH (" + announced + b"\r\n")
    for piece in body():
        answer.update(piece)
    answer.update(b")\r\nc OK FETCH completed\r\n")
    assert digest == answer.digest()
    assert peak < ROOM


@pytest.mark.slow
def test_a_client_that_stops_reading_pauses_its_command(tmp_path: Path) -> None:
    """What waits for it stays bounded, others are served, and when it reads on it gets the rest."""

    async def run() -> bytes:
        async with server_context(tmp_path) as context:
            await deliver(context, large_message())
            client, sink = await sink_client(context)
            sink.digest, sink.stop_at = hashlib.sha256(), sink.size + 10 * MEGABYTE
            client.send(b"c FETCH 1 BODY.PEEK[]\r\n")
            while sink.size < sink.stop_at:
                await asyncio.sleep(0.001)
            other, answers = await sink_client(context)
            for turn in range(50):
                other.send(b"d%d UID FETCH 1 (FLAGS BODY.PEEK[]<%d.100000>)\r\n" % (turn, turn * 100000))
                await answers.answered(b"d%d" % turn)
            assert sink.size < sink.stop_at + 8 * limits.OUTPUT_CHUNK
            sink.stop_at = None
            client.protocol.resume_writing()
            await sink.answered(b"c")
            return sink.digest.digest()

    answer = hashlib.sha256(b"* 1 FETCH (BODY[] {%d}\r\n" % SIZE)
    for piece in large_message():
        answer.update(piece)
    answer.update(b")\r\nc OK FETCH completed\r\n")
    assert asyncio.run(run()) == answer.digest()


def test_a_client_that_goes_away_in_the_middle_ends_its_session(tmp_path: Path) -> None:
    """Nothing is read any more for a connection that is gone."""

    async def run() -> None:
        async with server_context(tmp_path) as context:
            await deliver(context, large_message())
            client, sink = await sink_client(context)
            sink.stop_at = sink.size + MEGABYTE
            client.send(b"c FETCH 1 (BODY.PEEK[] BINARY[1])\r\n")
            while sink.size < sink.stop_at:
                await asyncio.sleep(0.001)
            await client.close()
            assert not context.sessions

    asyncio.run(run())


# --- hostile messages ---------------------------------------------------------------------------------------
def wide_header() -> Iterator[bytes]:
    """A message that is nothing but header, 4 MB of it."""
    for number in range(40_000):
        yield b"X-Field-%06d: %b\r\n" % (number, b"x" * 80)


def wide_structure() -> Iterator[bytes]:
    """Thousands of parts with parameters."""
    yield b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    for number in range(4000):
        yield b'--b\r\nContent-Type: text/plain; name="%b"\r\n\r\n%d\r\n' % (b"n" * 400, number)
    yield b"--b--\r\n"


@pytest.mark.parametrize(
    ("message", "items"),
    [
        (wide_header, b"BODY.PEEK[HEADER]"),
        (wide_header, b"RFC822.HEADER"),
        (wide_header, b"(BODY.PEEK[HEADER]<5.3000000> BODY.PEEK[HEADER.FIELDS (X-Field-000001)])"),
        (wide_header, b"BODY.PEEK[HEADER.FIELDS.NOT (X-Field-000001)]"),
        (wide_structure, b"BODYSTRUCTURE"),
        (wide_structure, b"(ENVELOPE BODY UID)"),
    ],
)
def test_copies_of_a_monstrous_message_cost_one(message: Any, items: bytes, tmp_path: Path) -> None:
    """Copies are answered one after the other, not held together: an attacker's upload is not multiplied."""

    async def run() -> int:
        async with server_context(tmp_path) as context:
            await deliver(context, message())
            client, sink = await sink_client(context)
            for power in range(5):
                client.send(b"d%d COPY 1:* INBOX\r\n" % power)
                await sink.answered(b"d%d" % power)
            tracemalloc.start()
            client.send(b"c FETCH 1:* %b\r\n" % items)
            await sink.answered(b"c")
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert b"c OK" in sink.output
            return peak

    assert asyncio.run(run()) < 40 * MEGABYTE


# --- damage -------------------------------------------------------------------------------------------------
def small(number: int) -> Iterator[bytes]:
    """A message that lives in a file."""
    yield b"Subject: %d\r\nX-Long: %b\r\n\r\n" % (number, b"word " * 400)
    yield bytes((48 + number,)) * 100_000


async def _damaged(context: ServerContext, folder: Path) -> Client:
    """A client with four messages, of which the second's file is lost and the third's header cannot be read."""
    await deliver(context, *map(small, range(1, 5)))
    account = await context.store.account(b"anna".hex())
    _file_of(folder, b"".join(small(2))).unlink()
    connection = apsw.Connection(str(next(folder.glob("accounts/*/*/mail.sqlite3"))))
    connection.execute("UPDATE content_header SET header = x'0011' WHERE id = 3")
    connection.close()
    await context.store.release(account)
    client = Client(context, Features())
    await client.login()
    await client.command(b"SELECT INBOX")
    return client


def _file_of(folder: Path, octets: bytes) -> Path:
    """Where a message's octets are kept."""
    return next(folder.glob(f"accounts/*/*/blobs/*/{hashlib.sha256(octets).hexdigest()}"))


def test_damaged_messages_are_left_out_and_named(tmp_path: Path) -> None:
    """Everything else is answered; what they were marked with on the way is told; the command says NO [CORRUPTION]."""

    async def run() -> None:
        async with server_context(tmp_path) as context:
            client = await _damaged(context, tmp_path)
            answer = await client.command(b"FETCH 1:* (UID BODY.PEEK[HEADER])")
            assert [b"* %d FETCH" % number in answer for number in range(1, 5)] == [True, True, False, True]
            assert b"NO [CORRUPTION] Damaged messages were left out: UID 3" in answer
            answer = await client.command(b"FETCH 1:* (UID BODY[TEXT])")
            assert b"NO [CORRUPTION] Damaged messages were left out: UID 2" in answer
            for number in (1, 3, 4):
                assert b"* %d FETCH (UID %d BODY[TEXT] {100000}" % (number, number) in answer
            assert b"* 2 FETCH (FLAGS (\\Seen" in answer
            answer = await client.command(b"UID FETCH 1:* (RFC822.SIZE ENVELOPE)")
            assert answer.count(b" FETCH (UID") == 4
            assert b"OK UID FETCH completed" in answer
            await client.close()

    asyncio.run(run())


def test_damage_in_the_middle_of_a_literal_ends_the_connection(tmp_path: Path) -> None:
    """The size was announced: whatever came next would be taken for the message."""
    octets = b"Subject: random\r\n\r\n" + random.Random(1).randbytes(MEGABYTE).hex().encode()

    async def run() -> None:
        async with server_context(tmp_path) as context:
            await deliver(context, iter([octets]))
            path = _file_of(tmp_path, octets)
            with path.open("r+b") as file:
                file.seek(path.stat().st_size // 2)
                file.write(bytes(100_000))
            client, sink = await sink_client(context)
            client.send(b"c FETCH 1 BODY.PEEK[]\r\nd NOOP\r\n")
            async with asyncio.timeout(20):
                while context.sessions:
                    await asyncio.sleep(0.001)
            assert sink.closed
            assert MEGABYTE // 2 < sink.size < 2 * MEGABYTE

    asyncio.run(run())
